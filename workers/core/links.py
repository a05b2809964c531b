"""Find everything in a text that a phone or mail program would make a link of, and say whose it is; opens none.

A link is an operator's own where its host is the domain or ends with a dot and the domain. That needs no list of public
suffixes, and unlike one it is right for gov.uk, which is itself such a suffix. What cannot be read as browsers read it
(https://url.spec.whatwg.org, 2026-11-24) is odd, and odd is never an operator's.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import unquote

MOST = 40  # links looked at
LONGEST = 400  # characters of one

# Letters of other alphabets, and digits, that pass for Latin ones (https://www.unicode.org/reports/tr39/, 2026-11-24).
_TWINS = {
    ord(twin): latin
    for latin, twins in {
        "a": "аα", "b": "вβ8", "c": "сϲ", "d": "ԁ", "e": "еεєҽ3", "g": "ցɡ9", "h": "нһհ", "i": "іιı", "j": "јϳ",
        "k": "кκ", "l": "ӏ1|ł", "m": "м", "n": "ηո", "o": "оοօσ0ø", "p": "рρ", "q": "ԛ", "s": "ѕ5", "t": "тτ",
        "u": "υսμ", "v": "νѵ", "w": "ԝωա", "x": "хχ", "y": "уүγ",
    }.items()
    for twin in twins
}  # fmt: skip
_DOTS = str.maketrans("。．｡․", "....")
_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)
_SCHEME = r"(?:https?|hxxps?|ftp|javascript|data|file|intent|market|tg|whatsapp|sms|smsto|tel|bitcoin|ethereum|upi|blob)"
_URL = re.compile(
    rf"(?<!\w)(?:{_SCHEME}:|[\w+.-]{{1,20}}://|(?<!:)//(?=[^/]))[^\s<>\"]{{1,{LONGEST}}}", re.IGNORECASE
)
_BARE = re.compile(
    r"(?<!\w)(?<!\w@)(?:[\w\-]{1,63}\.){1,8}[^\W\d_][\w\-]{1,62}\.?(?::\d{1,5})?"
    rf"(?:[/?#\\][^\s<>\"]{{0,{LONGEST}}})?"
)
_NUMERIC = re.compile(r"(?<![\w.@/-])\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?(?:/[^\s<>\"]{0,400})?(?![\w.])")
_SPACED = re.compile(
    r"(?<=[\w-])\s{1,3}\.\s{0,3}(?=[^\W\d_])|(?<=\w)[·•∙](?=\w)|(?<=[\w-])\.\s{1,3}(?=[a-z]{2,12}/)| ?\[\.\] ?| ?\(\.\) ?"
    r"|(?<=:) ?/ ?/ ?|(?<=\w) (?=://)"
)
_SAID = re.compile(
    r"(?<=\w) ?[\[( ](?:dot|punkt|punto|point|ponto|prick|tečka|kropka|punt)[\]) ] ?(?=[a-z]{2,12}\b)",
    re.IGNORECASE,
)
_PATH = re.compile(r"[\w-]{1,40}\.([a-z]{2,12})/|https?:", re.IGNORECASE)
_CODED = re.compile(r"ahr0c|68747470", re.IGNORECASE)  # "http" in base64 and in hexadecimal
_CARRIED = re.compile(
    r"(?:https?:)?//([^\s/&;]{3,255})|(?<!\w)((?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24})(?!\w)", re.IGNORECASE
)
_FILE = re.compile(r"\.(?:pdf|jpe?g|png|docx?)$", re.IGNORECASE)
_TAIL = ".,;:!?)]}>'\"»”’…"
_DEFAULT_PORTS = {"", "80", "443"}
_SECOND = {"co", "com", "org", "net", "gov", "gob", "gouv", "ac", "edu", "or", "ne", "go", "gv", "gub"}


@dataclass(frozen=True, slots=True)
class Link:
    """One link. ``host`` is lower case; ``odd`` says why it cannot be read as it looks; ``bare``: a name and no more."""

    shown: str
    host: str
    rest: str = ""  # path, query, fragment
    odd: str = ""
    bare: bool = False  # only a name is written, as in "type anpost.com"
    sure: bool = True  # False: it may as well be a missing blank after a full stop


def hides(text: str) -> bool:
    """Whether *text* turns its direction round, or holds signs that show nothing inside a word."""
    return re.search(rf"[\u202a-\u202e\u2066-\u2069]|[^\W_]{_HIDDEN.pattern}[^\W_]", text) is not None


def visible(text: str) -> str:
    """Return *text* without characters that show nothing, full stops of other scripts as ours."""
    return _HIDDEN.sub("", text).translate(_DOTS)


def readings(text: str) -> tuple[str, ...]:
    """Return *text* as it stands and as it reads once entities and percent signs are resolved."""
    plain = visible(text)
    resolved = plain
    for _ in range(3):
        further = visible(unquote(html.unescape(resolved)))
        if further == resolved:
            break
        resolved = further
    return (plain,) if resolved == plain else (plain, resolved)


def find(text: str, endings: Collection[str]) -> tuple[Link, ...]:
    """Return the links in *text*, those hidden in other links too; more than MOST are not looked at."""
    found: dict[str, Link] = {}
    for reading in readings(text):
        for link in _scan(reading, endings):
            found.setdefault(link.shown, link)
            if len(found) > MOST:
                return tuple(found.values())
        joined = _SAID.sub(".", _SPACED.sub(_joint, reading))
        if joined != reading:
            for link in _scan(joined, endings):
                if link.host and link.shown not in reading:
                    odd = "written with gaps" if link.sure else ""
                    found.setdefault(link.shown, replace(link, odd=odd))
    for link in _torn(text, tuple(found), endings):
        found.setdefault(link.shown, link)
    return tuple(found.values())[: MOST + 1]


def _torn(text: str, whole: Iterable[str], endings: Collection[str]) -> Iterator[Link]:
    """Yield what would be a link with a path if no blanks stood in it: "evil.t op/pay"."""
    for shown in whole:
        text = text.replace(shown, " | ")
    for match in _PATH.finditer("".join(visible(text).split())):
        if match[1] is None or len(match[1]) == 2 or match[1].casefold() in endings:
            yield Link(match[0][-60:], "", sure=False)


def _joint(found: re.Match[str]) -> str:
    gap = found[0].strip(" []()")
    return gap if gap in ("", "/", "//") else "."


def _scan(text: str, endings: Collection[str]) -> Iterator[Link]:
    for match in _URL.finditer(text):
        yield from _link(match[0].rstrip(_TAIL), endings, depth=0)
    text = _URL.sub(" ", text)
    for match in _BARE.finditer(text):
        written = match[0].rstrip(_TAIL)
        if text[match.end() : match.end() + 1] == "@":
            continue  # the part of a mail address before its sign
        if _plausible(written, endings):
            yield from _link(written, endings, depth=0)
        elif not _FILE.search(written):
            yield Link(written, "", bare=True, sure=False)
    for match in _NUMERIC.finditer(text):
        yield from _link(match[0].rstrip(_TAIL), endings, depth=0)


def _plausible(written: str, endings: Collection[str]) -> bool:
    """Whether a bare word with dots may be a link: by its ending, or because something follows it."""
    host = re.split(r"[/?#\\:]", written, maxsplit=1)[0].rstrip(".")
    last = host.rpartition(".")[2].casefold()
    return (
        (len(last) == 2 and last.isalpha())
        or last in endings
        or last.startswith("xn--")
        or host != written.rstrip(".")
    )


def _link(written: str, endings: Collection[str], depth: int) -> Iterator[Link]:
    scheme, colon, after = written.partition(":")
    named = bool(colon) and re.fullmatch(_SCHEME, scheme, re.IGNORECASE) is not None
    if (named or after.startswith("//")) and scheme.casefold() not in ("http", "https", "hxxp", "hxxps"):
        yield Link(written, "", odd=f"{scheme.casefold()[:20]}: begins no web address")
        return
    body = (after if named else written).replace("\\", "/")
    slashes = len(body) - len(body.lstrip("/"))
    authority, rest = _split(body.lstrip("/"))
    host, odd = _host(authority)
    if named and slashes != 2:
        odd = odd or "slashes are missing or doubled"
    if "\\" in written:
        odd = odd or "a backslash stands in it"
    if _CODED.search(rest):
        odd = odd or "it carries another link in code"
    if len(written) >= LONGEST:
        odd = odd or "it is longer than can be checked"
    bare = not named and not slashes and not rest and not host.startswith("www.")
    after_dot = host and authority.rpartition(".")[2]
    sure = not (bare and after_dot and after_dot[0].isupper() and not after_dot.isupper())
    yield Link(written, host, rest, odd, bare, sure)
    if depth < 2 and rest:
        yield from _nested(rest, endings, depth)


def _nested(rest: str, endings: Collection[str], depth: int) -> Iterator[Link]:
    """Yield the links that a link carries along: where its own site would send the reader on."""
    for reading in readings(rest):
        for match in _CARRIED.finditer(reading):
            inner = (match[1] or match[2]).rstrip(_TAIL)
            if match[1] or _plausible(inner, endings):
                yield from _link("https://" + inner, endings, depth + 1)


def _split(body: str) -> tuple[str, str]:
    place = re.search(r"[/?#]", body)
    return (body[: place.start()], body[place.start() :]) if place else (body, "")


def _host(authority: str) -> tuple[str, str]:
    """Return host and what is odd about it."""
    user, at, place = authority.rpartition("@")
    odd = f"the name before the @ ({user[:40]}) is not where it leads" if at else ""
    if place.startswith("["):
        return place.casefold(), odd
    host, _, port = place.partition(":")
    if port not in _DEFAULT_PORTS:
        odd = odd or f"it names the port {port[:8]}"
    host = host.casefold().rstrip(".")
    if "%" in host:
        odd = odd or "its name is written in percent signs"
        host = unquote(host)
    if not host.isascii():
        odd = odd or "its name holds letters of other alphabets"
    elif (
        re.fullmatch(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", host) is None
        or ".." in host
        or ("." not in host and not is_address(host))
    ):
        odd = odd or "its name is no name of the web"
    return host, odd


def is_address(host: str) -> bool:
    """Whether *host* is a machine's number: dotted, decimal, hexadecimal or IPv6."""
    return (
        host.startswith("[")
        or re.fullmatch(r"(?:0x[0-9a-f]+|\d+)(?:\.(?:0x[0-9a-f]+|\d+)){0,3}", host) is not None
    )


def within(host: str, domains: Iterable[str]) -> str:
    """Return the one of *domains* that *host* belongs to, or ""."""
    return next((d for d in domains if host == d or host.endswith("." + d)), "") if host.isascii() else ""


def registrable(host: str) -> str:
    """Return the part of *host* that somebody registered, near enough to be shown; decides nothing."""
    labels = host.split(".")
    three = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND
    return host if is_address(host) else ".".join(labels[-3:] if three else labels[-2:])


def skeleton(text: str) -> str:
    """Return *text* as the eye takes it: letters and digits that look alike become one."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return bare.translate(_TWINS).replace("rn", "m").replace("vv", "w").replace("cl", "d")


def imitates(link: Link, brands: Iterable[str]) -> tuple[str, str]:
    """Return ("lookalike" | "borrowed", the brand) where a foreign *link* passes itself off as a brand's, or ("", "").

    *brands* are names without blanks, lower case. Short ones count only as a whole part of a name.
    """
    host = link.host[:253]
    labels = [_unicode(label) for label in host.split(".")][:12]
    parts = list(dict.fromkeys(part for label in labels for part in (label, *label.split("-")) if part))[:16]
    path = [part for part in re.split(r"[^\w]+", link.rest.casefold()) if part][:40]
    for brand in brands:
        seen = skeleton(brand)
        for part in parts:
            if part == brand or (len(brand) >= 5 and brand in part.replace("-", "")):
                return "borrowed", brand
            if _near(skeleton(part), seen):
                return "lookalike", brand
        if brand in path:
            return "borrowed", brand
    return "", ""


def _unicode(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return label


def _near(part: str, brand: str) -> bool:
    if part == brand or (len(brand) >= 6 and brand in part):
        return True
    allowed = 0 if len(brand) < 5 else 1 if len(brand) < 9 else 2
    return allowed > 0 and abs(len(part) - len(brand)) <= allowed and distance(part, brand) <= allowed


def distance(one: str, other: str) -> int:
    """Return how many letters to change, add, drop or swap with a neighbour make *one* into *other*."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]
