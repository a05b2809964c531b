"""Cleans what goes into headers, bodies and addresses; decides no word, and lets no text become a header.

Python's ``EmailMessage`` decodes encoded words inside a value while it is set, so that ``=?UTF-8?Q?=0A?=Bcc:
x@y`` became a real ``Bcc`` line (https://github.com/python/cpython/issues/121650, fixed 2024-07). Mail
filters and gateways do the same to what they read. So nothing leaves this house that could decode to a line
break: control, line, bidi and invisible characters go, and ``=?`` is broken up.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import unicodedata

from workers.errors import Permanent

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+"  # RFC 5322 atext, and RFC 6531's UTF-8
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")  # ITU-T E.164
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]+)>")
# What no body may hold: controls but tab and line feed, the bidi embeddings and overrides that reorder what
# follows (isolates and marks stay: right-to-left languages need them), byte order marks, invisible tags.
_BODY_DROP = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\ufeff\U000e0000-\U000e007f]")
_BODY_LINE = re.compile("\r\n|[\r\x85\u2028\u2029]")
_ISOLATED = re.compile("\u2068[^\u2066-\u2069]*\u2069")
_SURROGATE = re.compile("[\ud800-\udfff]")
_INVISIBLE = frozenset(
    "\u034f\u115f\u1160\u3164\uffa0"
)  # invisible, though Unicode calls them letters or marks
_JOINERS = frozenset("\u200c\u200d")  # Persian and Indic spelling, composed emoji


def header(text: str, limit: int = 200, *, isolates: bool = False) -> str:
    """Return *text* as one printable line of at most *limit* characters that nothing reads as two.

    *isolates*: pairs that keep words of another direction together stay. No header holds them: filters take them for a trick.
    """
    if not (text.isascii() and text.isprintable()):
        kept = (
            {at for pair in _ISOLATED.finditer(text) for at in (pair.start(), pair.end() - 1)}
            if isolates
            else ()
        )
        text = "".join(text[at] if at in kept else _visible(text, at) for at in range(len(text)))
    text = " ".join(text.split()).replace("=?", "= ?")
    if len(text) <= limit:
        return text
    open_ = text.count("\u2068", 0, limit - 2) > text.count("\u2069", 0, limit - 2)
    return text[: limit - 2].rstrip() + "\u2069…" if open_ else text[: limit - 1].rstrip() + "…"


def _visible(text: str, at: int) -> str:
    char = text[at]
    kind = unicodedata.category(char)
    if kind in ("Cc", "Zl", "Zp"):
        return " "
    if kind == "Cs":
        return "\ufffd"
    if char in _JOINERS:  # they spell something only between letters of the scripts that have them
        between = text[at - 1 : at] + text[at + 1 : at + 2]
        spelled = len(between) == 2 and all(
            c > "\u02ff" and unicodedata.category(c)[0] in "LMS" for c in between
        )
        return char if spelled else ""
    return "" if kind == "Cf" or char in _INVISIBLE else char


def body(text: str) -> str:
    """Return *text* with line feeds only, without controls, overrides of direction and lone surrogates."""
    text = _BODY_LINE.sub("\n", text)
    return _SURROGATE.sub("\ufffd", _BODY_DROP.sub("", text))


def short(text: str, limit: int = 1600) -> str:
    """Return *text* for an SMS: each line cleaned as a header is; 1,600 characters are Twilio's most."""
    lines = (header(line, limit, isolates=True) for line in body(text).split("\n"))
    return "\n".join(lines).strip()[:limit].rstrip()


def address(text: str) -> str:
    """Return the address *text*, its domain in ASCII; raises ValueError unless it is one plain address."""
    local, at, domain = text.rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or len(local.encode()) > 64 or header(local) != local:
        raise ValueError("not an e-mail address, such as name@example.org")
    return f"{local}@{host(domain)}"


def host(text: str) -> str:
    """Return the host or domain name *text* in lower-case ASCII; raises ValueError for anything else."""
    try:
        name = text.lower() if text.isascii() else text.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise ValueError("not a name of a host or domain, such as example.org") from None
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError("not a name of a host or domain, such as example.org")
    return name


def named_address(text: str) -> tuple[str, str]:
    """Return name and address of ``Name <a@b>`` or ``a@b``; raises ValueError for anything else."""
    found = _NAMED.fullmatch(text.strip())
    if found is None:
        return "", address(text.strip())
    return header(found["name"].strip().strip('"'), 78), address(found["address"].strip())


def phone(text: str) -> str:
    """Return the phone number *text*; raises ValueError unless it is in E.164, such as +4915112345678."""
    if not _PHONE.fullmatch(text):
        raise ValueError("not an international phone number, such as +4915112345678")
    return text


def mail_recipient(to: str) -> str:
    """Return the address of an envelope, checked again; raises Permanent without repeating it."""
    try:
        return address(to)
    except ValueError as error:
        raise Permanent(f"the recipient's e-mail address cannot be used: {error}") from None


def phone_recipient(to: str) -> str:
    """Return the number of an envelope, checked again; raises Permanent without repeating it."""
    try:
        return phone(to)
    except ValueError as error:
        raise Permanent(f"the recipient's phone number cannot be used: {error}") from None


def token(text: str) -> str:
    """Return *text* if a Message-ID and a file name can hold it; else a slug and its hash, as stable."""
    if _TOKEN.fullmatch(text):
        return text
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{slug(text, 40)}-{digest}".lstrip("-")


def slug(text: str, limit: int) -> str:
    """Return the ASCII letters and digits of *text*, hyphens between them, for people to recognise it by."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    return "-".join(re.findall(r"[a-z0-9]+", plain))[:limit].strip("-")


def file_name(text: str) -> str:
    """Return *text* as the name of an enclosed file that every client keeps: ASCII, no blank, no folder."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")[-60:].lstrip(".-")
    return name or "file"


def loopback(host: str) -> bool:
    """Tell whether *host* is this machine, by name or number and without asking anybody."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
