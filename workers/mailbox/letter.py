"""Take a raw mail apart: headers, subject, date, words, links with their words. Believes nothing, opens no link, never fails.

Only the mail itself is read, not the mails enclosed in it: a forged one may lie inside a real one.
"""

from __future__ import annotations

import email
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import HeaderParseError, MessageError
from email.header import decode_header
from email.message import Message as Raw
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser

import xxhash

from workers.strangers import utc, word

LARGEST = 640_000  # bytes of a mail that are looked at
HTML = 500_000  # characters of one HTML part
TAG = 8_000  # characters of one tag
PARTS = 40
BORDERS = 500  # lines that may divide parts; a mail with more has no body for us
LINES = 400
LINKS = 300

_URL = re.compile(r"https?://[^\s<>\"]{1,3000}")


@dataclass(frozen=True, slots=True)
class Link:
    """Where a link leads, and what it shows, piece by piece."""

    href: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail. Every text in it is one line without control characters."""

    headers: tuple[tuple[str, str], ...]  # from the top down, unfolded and not decoded
    subject: str
    key: str  # the same for the same mail, wherever it lies
    at: datetime | None = None  # when it says it was written
    lines: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(slots=True)
class _Shown:
    plain: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)


def read(raw: bytes) -> Letter:
    """Take *raw* (RFC 5322) apart, as far as it can be read."""
    raw = raw[:LARGEST]
    letter = email.message_from_bytes(raw)
    headers = tuple((name, _unfolded(value)) for name, value in letter.raw_items())
    shown = _Shown()
    if raw.count(b"\n--") <= BORDERS:
        for part in _parts(letter):
            _take(part, shown)
    lines = shown.plain or shown.html
    links = [*shown.links, *(Link(url) for line in shown.plain for url in _URL.findall(line))]
    mark = next((value for name, value in headers if name.casefold() == "message-id"), "")
    return Letter(
        headers=headers,
        subject=word(_decoded(next((v for n, v in headers if n.casefold() == "subject"), "")), 400),
        key=xxhash.xxh3_64_hexdigest((mark.strip() or repr(headers)[:20_000]).encode("utf-8", "replace")),
        at=_written(next((v for n, v in headers if n.casefold() == "date"), "")),
        lines=tuple(lines[:LINES]),
        links=tuple(links[:LINKS]),
    )


def _unfolded(value: object) -> str:
    text = str(value)[:20_000].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return " ".join(text.split())


def _decoded(value: str) -> str:
    """Return a header's value with its encoded words resolved, as far as that goes."""
    try:
        pieces = decode_header(value)
        return "".join(p if isinstance(p, str) else p.decode(_charset(c), "replace") for p, c in pieces)
    except (HeaderParseError, LookupError, ValueError):
        return value


def _charset(name: str | None) -> str:
    try:
        "".encode(name or "utf-8")
    except LookupError:
        return "utf-8"
    return name or "utf-8"


def _written(value: str) -> datetime | None:
    try:
        return utc(parsedate_to_datetime(value))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _parts(letter: Raw) -> Iterator[Raw]:
    """Yield the parts of a mail that are shown, none of an enclosed mail, the first PARTS only."""
    waiting, seen = [letter], 0
    while waiting and seen < PARTS:
        part = waiting.pop(0)
        seen += 1
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            waiting[:0] = [each for each in part.get_payload() if isinstance(each, Raw)]
        elif part.get_content_type() in ("text/plain", "text/html") and not part.get_filename():
            yield part


def _take(part: Raw, shown: _Shown) -> None:
    text = _body(part)
    if part.get_content_type() == "text/plain":
        shown.plain += _lines(text)
        return
    reader = _Reader()
    pieces = text[:HTML].split("<")
    # A tag that does not end is left out: html.parser would look for its end again and again.
    whole = [piece for piece in pieces[1:] if ">" in piece[:TAG]]
    try:
        reader.feed("<".join([pieces[0], *whole]))
        reader.close()
    except AssertionError:  # how html.parser says that a declaration is broken (python/cpython#77057)
        pass
    reader.end_link()
    shown.html += _lines("".join(reader.words))
    shown.links += reader.links


def _lines(text: str) -> list[str]:
    said = (word(line, 1000) for line in text.splitlines())
    return [line for line in said if line][:LINES]


def _body(part: Raw) -> str:
    """Return the text of a part; a wrong charset is read as UTF-8 or, where that fails, letter by letter."""
    try:
        content = part.get_payload(decode=True)
    except (MessageError, ValueError):
        return ""
    if not isinstance(content, bytes):
        return ""
    named = _charset(part.get_content_charset())
    for charset in (named, "utf-8"):
        try:
            return content.decode(charset)
        except (LookupError, ValueError):
            continue
    return content.decode(named, "replace")


class _Reader(HTMLParser):
    """Collects the words of one HTML part, and its links with the words in them."""

    _BLOCKS = frozenset(
        {"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "table", "td", "title", "hr", "a"}
    )

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.links: list[Link] = []
        self._mute = ""  # the tag whose words nobody sees
        self._href: str | None = None
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("style", "script") and not self._mute:
            self._mute = tag
        if tag == "a":
            self.end_link()
            self._href = html.unescape(dict(attrs).get("href") or "")[:3000]
        if tag in self._BLOCKS:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._mute:
            self._mute = ""
        if tag == "a":
            self.end_link()
        if tag in self._BLOCKS:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        if self._mute:
            return
        self.words.append(data)
        said = word(data, 200)
        if said and self._href is not None and len(self._inside) < 20:
            self._inside.append(said)

    def end_link(self) -> None:
        """Close the link at hand, if there is one."""
        if self._href and len(self.links) < LINKS:
            self.links.append(Link(self._href, tuple(self._inside)))
        self._href, self._inside = None, []
