"""Say whether a mail really comes from whom it names, by what the user's own provider wrote on it; believes nothing else.

A mail is believed when its one From address lies in a domain we were told to believe, and the provider's own
Authentication-Results (RFC 8601) stands first and says ``dmarc=pass`` for it, or ``dkim=pass`` for a signature of the same
owner. A provider takes forged lines with its own name out of what it receives (RFC 8601, section 5), so its name must be
known: without one nothing is believed. Whose a domain is needs no list of suffixes: it is the domain itself, or ends with a
dot and the domain.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

LONGEST = 8_000  # characters of one header that are looked at
MOST = 20  # Authentication-Results of one mail

UNNAMED = "unnamed"  # a provider that signs its results with no name at all, as Microsoft's (answers/questions/4635330)

Headers = Sequence[tuple[str, str]]  # (name, value) from the top of the mail down

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}")
_RESULT = re.compile(r"([A-Za-z0-9-]+)(?:/\d+)?\s*=\s*([A-Za-z0-9-]+)")
_PROPERTY = re.compile(r"([A-Za-z0-9-]+)\.([A-Za-z0-9._-]+)\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^\s;]+)")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True, slots=True)
class Trust:
    """``owner`` is the believed domain of ours that the sender lies in; where it is "", ``why`` says why not."""

    owner: str = ""
    why: str = ""
    sender: str = ""  # the domain in From, as written


@dataclass(frozen=True, slots=True)
class _Result:
    method: str
    value: str
    said: dict[str, str]


def judged(headers: Headers, *, owners: Collection[str], providers: Collection[str]) -> Trust:
    """Return whether a mail with these headers comes from one of *owners*.

    *owners* are domains. *providers* are the names under which the user's provider signs its results; one that begins
    with a dot stands for all names that end so.
    """
    sender = sender_domain(headers)
    owner = next((owner for owner in owners if within(sender, owner)), "") if sender else ""
    if not owner:
        why = "it names another sender" if sender else "its From names not exactly one plain address"
        return Trust(why=why, sender=sender)
    why = _doubt(headers, sender, owner, providers)
    return Trust("" if why else owner, why, sender)


def within(domain: str, owner: str) -> bool:
    """Whether *domain* is *owner*'s."""
    return domain == owner or domain.endswith(f".{owner}")


def sender_domain(headers: Headers) -> str:
    """Return the domain of the one address in the one From of a mail, in lower case; "" where that is not so."""
    return sender_address(headers).rpartition("@")[2]


def sender_address(headers: Headers) -> str:
    """Return the one address in the one From of a mail, in lower case; "" where that is not so."""
    values = [value for name, value in headers if name.casefold() == "from"]
    if len(values) != 1 or len(values[0]) > LONGEST:
        return ""
    plain = _QUOTED.sub("", _without_comments(values[0])).strip()
    if plain.count("@") != 1 or "," in plain or ";" in plain or ":" in plain:
        return ""
    inner = re.fullmatch(r"[^<>]*<\s*([^<>\s]+)\s*>", plain)
    found = _ADDRESS.fullmatch(inner[1] if inner else plain)
    return found[0].casefold() if found else ""


def _doubt(headers: Headers, sender: str, owner: str, providers: Collection[str]) -> str:
    """Return why the provider's results do not vouch for *sender*; "" where they do."""
    lines = [value for name, value in headers if name.casefold() == "authentication-results"]
    if not lines:
        return "its provider wrote no Authentication-Results on it"
    for line in lines[:MOST]:
        provider, results = _read(line)
        if not _known(provider, providers):
            return "its first Authentication-Results are not its provider's own"
        vouching = [each for each in results if each.method in ("dmarc", "dkim")]
        if vouching:
            return _unvouched(vouching, sender, owner)
    return "its provider checked neither DMARC nor DKIM"


def _unvouched(results: Sequence[_Result], sender: str, owner: str) -> str:
    dmarc = [each for each in results if each.method == "dmarc"]
    if any(each.value in ("fail", "reject", "quarantine", "permerror") for each in dmarc):
        return "its provider says that DMARC fails"
    for each in dmarc:
        # The address's own domain, or the one its policy stands at; mail.ru writes the whole address.
        checked = each.said.get("header.from", sender).rpartition("@")[2]
        if each.value == "pass" and within(sender, checked) and within(checked, owner):
            return ""
    for each in results:
        signer = each.said.get("header.d") or each.said.get("header.i", "").rpartition("@")[2]
        if each.method == "dkim" and each.value == "pass" and within(signer, owner):
            return ""
    return "its provider vouches for no signature of the sender"


def _known(provider: str, providers: Collection[str]) -> bool:
    if not provider:
        return UNNAMED in providers
    return any(
        provider == name or (name.startswith(".") and provider.endswith(name)) for name in providers if name
    )


def _read(value: str) -> tuple[str, list[_Result]]:
    """Return who signs a line of results, and the results; ("", []) for what cannot be read."""
    if len(value) > LONGEST:
        return "", []
    head, *rest = _split(_without_comments(value))
    words = head.split()
    if words and "=" in words[0]:
        words, rest = [], [head, *rest]  # Microsoft's name nobody: the results begin at once
    found = []
    for part in rest:
        match = _RESULT.match(part.strip())
        if match is None:
            continue
        said = {
            f"{kind}.{name}".casefold(): text.strip('"').casefold().rstrip(".")
            for kind, name, text in _PROPERTY.findall(_without_reason(part))
        }
        found.append(_Result(match[1].casefold(), match[2].casefold(), said))
    return (words[0].casefold() if words else ""), found


def _without_reason(part: str) -> str:
    return re.sub(r'\breason\s*=\s*("(?:[^"\\]|\\.)*"|\S+)', " ", part, flags=re.IGNORECASE)


def _without_comments(value: str) -> str:
    """Return a header without its comments, which may be nested and may hold anything (RFC 5322, section 3.2.2)."""
    out, depth, quoted, escaped = [], 0, False, False
    for char in value:
        if escaped:
            escaped = False
            if not depth:
                out.append(char)
            continue
        if char == "\\" and (depth or quoted):
            escaped = True
            if not depth:
                out.append(char)
        elif quoted:
            quoted = char != '"'
            out.append(char)
        elif char == "(":
            depth += 1
        elif char == ")" and depth:
            depth -= 1
        elif not depth:
            quoted = char == '"'
            out.append(char)
    return "".join(out) if not depth and not quoted else ""


def _split(value: str) -> list[str]:
    """Return the parts between semicolons that stand in no quotes."""
    parts, last, quoted, escaped = [], 0, False, False
    for at, char in enumerate(value):
        if escaped:
            escaped = False
        elif char == "\\" and quoted:
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == ";" and not quoted:
            parts.append(value[last:at])
            last = at + 1
    parts.append(value[last:])
    return [part.strip() for part in parts]
