"""Take a received SMS or e-mail apart: words, links, sender, what it carries; judges nothing, opens nothing.

A whole .eml is recognised by its head. Every part that could be shown counts, plain and HTML alike, hidden text too: which one
a program shows is not known here.
"""

from __future__ import annotations

import email
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from email.errors import HeaderParseError, MessageError
from email.header import decode_header
from email.message import Message as Letter
from email.utils import getaddresses
from html.parser import HTMLParser

from workers.core import links
from workers.core.links import Link

LONGEST = 20_000  # characters of words
RAW = 512 * 1024  # characters of a whole letter
PARTS = 40
BORDERS = 500  # lines that may divide parts; more of them are read as one plain text
HTML = 120_000  # characters of one HTML part
TAG = 5_000  # characters of one tag

_HEAD = re.compile(
    r"^(?:from|to|subject|date|received|return-path|message-id|mime-version|content-type|delivered-to|reply-to):",
    re.IGNORECASE | re.MULTILINE,
)
_MAIL = re.compile(r"[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-])")
_FREE = {"text/plain", "text/html"}


@dataclass(frozen=True, slots=True)
class Received:
    """A message, taken apart. ``by`` is "sms", "email" or "" where that is not known."""

    text: str
    by: str = ""
    sender: str = ""  # a name, a phone number or a mail address, as given
    senders: tuple[str, ...] = ()  # domains of the mail addresses it claims to come from
    replies: tuple[str, ...] = ()  # domains of the addresses that answers go to
    links: tuple[Link, ...] = ()
    mails: tuple[str, ...] = ()  # mail addresses in the words
    pictures: tuple[str, ...] = ()  # hosts of pictures, or "enclosed"
    attachments: tuple[str, ...] = ()
    form: bool = False  # a form or a program inside
    cut: bool = False  # there was more than could be looked at


@dataclass(slots=True)
class _Shown:
    words: list[str] = field(default_factory=list)
    hrefs: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    attachments: list[str] = field(default_factory=list)
    form: bool = False
    cut: bool = False


def read(raw: str, *, sender: str = "", endings: Collection[str] = ()) -> Received:
    """Take *raw*, the words of an SMS or e-mail or a whole .eml, apart. *sender* wins over what the letter says."""
    head = raw[:8_000].lstrip("\ufeff\r\n ").replace("\r\n", "\n").partition("\n\n")[0]
    shown, senders, replies = _Shown(cut=len(raw) > RAW), [], []
    raw = raw[:RAW].lstrip("\ufeff\r\n ")
    titles = {m.casefold() for m in _HEAD.findall(head)}
    divided = raw.count("\n--") > BORDERS or raw.casefold().count("boundary=") > PARTS
    whole = len(titles) >= 2 and not divided
    if whole:
        letter = email.message_from_string(raw)
        senders, replies = _domains(letter, "from"), _domains(letter, "reply-to")
        shown.words.append(_decoded(letter.get("subject", "")))
        sender = sender or _decoded(letter.get("from", ""))
        _parts(letter, shown)
    else:
        shown.words.append(raw)
    if "@" in sender:
        senders = [*senders, *_hosts([sender])]
    words = _whole("\n".join(shown.words))
    text = words[:LONGEST]
    found = links.find(text, endings)
    hrefs = [link for href in shown.hrefs[: links.MOST] for link in _href(href, endings)]
    digits = sum(c.isdigit() for c in sender)
    phone = digits >= 3 and not re.search(r"[^\W\d_]|@", sender)
    return Received(
        text=text,
        by="email" if whole or "@" in sender else "sms" if sender and (phone or len(sender) <= 16) else "",
        sender=sender,
        senders=tuple(dict.fromkeys(senders)),
        replies=tuple(dict.fromkeys(replies)),
        links=tuple({link.shown: link for link in (*found, *hrefs)}.values()),
        mails=tuple(dict.fromkeys(m for r in links.readings(text) for m in _MAIL.findall(r)))[: links.MOST],
        pictures=tuple(dict.fromkeys(shown.pictures)),
        attachments=tuple(shown.attachments),
        form=shown.form,
        cut=shown.cut or len(words) > LONGEST or len(found) > links.MOST or len(shown.hrefs) > links.MOST,
    )  # fmt: skip


def _whole(text: str) -> str:
    """Return *text* without lone surrogates, which bytes that are no UTF-8 leave behind."""
    if text.isascii():
        return text
    text = re.sub("[\ud800-\udc7f\udd00-\udfff]", "\ufffd", text)
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _href(href: str, endings: Collection[str]) -> tuple[Link, ...]:
    href = re.sub(r"[\t\r\n]", "", href.strip())  # as browsers do
    if not href or href.startswith("#"):
        return ()
    if href.casefold().startswith("mailto:"):
        return tuple(Link(href, host) for host in _hosts([href[7:].partition("?")[0]]) or [""])
    found = links.find(href, endings)
    if any(link.shown.rstrip("/") == href.rstrip("/") for link in found):
        return found
    return (*found, Link(href, "", odd="it cannot be read whole"))


def _hosts(values: list[str]) -> list[str]:
    return [
        address.rpartition("@")[2].casefold().rstrip(".>")
        for _, address in getaddresses(values)
        if "@" in address
    ]


def _domains(letter: Letter, *names: str) -> list[str]:
    return _hosts([_decoded(value) for name in names for value in letter.get_all(name, [])])


def _decoded(value: object) -> str:
    """Return a header's value with encoded words resolved, as far as that goes."""
    plain = str(value)[:2_000]
    try:
        pieces = decode_header(plain)
        return "".join(p if isinstance(p, str) else p.decode(c or "latin-1", "replace") for p, c in pieces)
    except (HeaderParseError, LookupError, ValueError):
        return plain


def _parts(letter: Letter, shown: _Shown) -> None:
    for number, part in enumerate(letter.walk()):
        if number > PARTS:
            shown.cut = True
            return
        if part.is_multipart():
            continue
        kind, name = part.get_content_type(), part.get_filename()
        if kind.startswith("image/"):
            shown.pictures.append("enclosed")
        elif kind not in _FREE or name or part.get_content_disposition() == "attachment":
            shown.attachments.append(_decoded(name or kind))
        else:
            words = _body(part)
            shown.words.append(_html(words, shown) if kind == "text/html" else words)


def _body(part: Letter) -> str:
    try:
        content = part.get_payload(decode=True)
    except (MessageError, ValueError):
        return str(part.get_payload())
    if not isinstance(content, bytes):
        return ""
    try:
        return content.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return content.decode("utf-8", "replace")


def _html(markup: str, shown: _Shown) -> str:
    reader = _Reader(shown)
    shown.cut = shown.cut or len(markup) > HTML
    pieces = markup[:HTML].split("<")
    whole = [piece for piece in pieces[1:] if ">" in piece[:TAG]]
    # A tag that does not end is left out: html.parser would look for its end again and again.
    shown.cut = shown.cut or len(whole) < len(pieces) - 1
    markup = "<".join([pieces[0], *whole])
    try:
        reader.feed(markup)
        reader.close()
    except AssertionError:  # how html.parser says that a declaration is broken (python/cpython#77057)
        shown.cut = True
        reader.words.append(re.sub(r"<[^<>]{0,500}>", " ", markup))
    return "".join(reader.words)


class _Reader(HTMLParser):
    """Collects words, links, pictures and forms of one HTML part."""

    _BLOCKS = frozenset(
        {"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "table", "td", "title", "hr", "section"}
    )

    def __init__(self, shown: _Shown) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._shown = shown
        self._mute = False  # inside <style>

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in ("form", "input", "button", "textarea", "script", "iframe", "object", "embed"):
            self._shown.form = True
        if any(name.startswith("on") for name in given):
            self._shown.form = True  # a program in an attribute
        for name in ("href", "action", "formaction", "xlink:href", "ping"):
            if given.get(name) and tag != "link":
                self._shown.hrefs.append(given[name])
        if tag == "meta" and given.get("http-equiv", "").casefold() == "refresh":
            self._shown.hrefs.append(given.get("content", "").partition("=")[2])
        if tag in ("img", "svg", "picture", "source", "video") or "background" in given:
            source = given.get("src") or given.get("background") or given.get("srcset") or "enclosed"
            host = re.match(r"(?:https?:)?//([^/?#\s@:]+)(?=[/?#]|$)", source, re.IGNORECASE)
            self._shown.pictures.append(host[1].casefold() if host else "enclosed")
        self._mute = tag == "style" or (self._mute and tag != "body")
        self.words.append("\n" if tag in self._BLOCKS else "")

    def handle_endtag(self, tag: str) -> None:
        self._mute = self._mute and tag != "style"
        self.words.append("\n" if tag in self._BLOCKS else "")

    def handle_data(self, data: str) -> None:
        if not self._mute:
            self.words.append(data)
