"""Writes a notice as the bytes of one mail: text first, HTML second, then what is enclosed. Sends nothing and asks no clock.

Headers are written here and not by ``EmailMessage``, which costs 3.4 times the CPU and decodes encoded words
inside a value (see ``_clean``); every value that is not ours passes ``_clean.header`` first.

**Threads.** A parcel's thread is rooted in ``<thread@domain>``, an id that no mail ever carries: every notice
of the parcel, the first too, names it in In-Reply-To and References. Mail programs group messages by a common
root whether or not they hold it (RFC 5256, REFERENCES; JWZ threading), so no notice depends on another having
arrived. Gmail also wants equal subjects in a thread, hence ``Sender.steady``.

**No more of this.** List-Unsubscribe names an address that somebody reads and, where there is one, our own (RFC 2369);
only with the latter one click is promised (RFC 8058), which also wants both headers under the provider's DKIM signature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from urllib.parse import quote

from workers.channels import Envelope, _clean
from workers.core.model import Enclosure, Message

_FOLD = "\r\n "
_LANG = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,3}")  # BCP 47, as much of it as we use
_SPECIAL = re.compile(r"[^A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]")  # makes a name need quotes (RFC 5322, phrase)
_SEVEN_BIT_LINE = 78  # bytes; longer lines are wrapped by encoding (RFC 5322, 2.1.1; the limit is 998)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes. All fields were checked when the settings were read."""

    address: str
    name: str = ""
    reply_to: str = ""
    domain: str = ""  # of Message-IDs; "" = the address's own
    unsubscribe: str = ""  # address at which a person reads who wants no more; "" = none
    steady: bool = False  # one subject for a whole thread

    @property
    def id_domain(self) -> str:
        return self.domain or self.address.rpartition("@")[2]


def message_id(envelope: Envelope, sender: Sender) -> str:
    """Return the Message-ID of the mail of a notice: the same at each attempt."""
    return f"<{_clean.token(envelope.notice)}@{sender.id_domain}>"


def to_bytes(envelope: Envelope, message: Message, sender: Sender, *, at: datetime) -> bytes:
    """Return the whole mail, CRLF, no line over 998 bytes; raises Permanent for an unusable address."""
    to = _clean.mail_recipient(envelope.to)
    notice, domain = _clean.token(envelope.notice), sender.id_domain
    root = f"<{_clean.token(envelope.thread)}@{domain}>"
    boundary = "=_" + hashlib.blake2b(notice.encode(), digest_size=16).hexdigest()
    lines = [
        "MIME-Version: 1.0",
        f"Date: {format_datetime(at)}",
        f"Message-ID: {message_id(envelope, sender)}",
        f"In-Reply-To: {root}",
        f"References: {root}",
        f"From: {_named(sender.name, sender.address)}",
        f"To: {to}",
        f"Subject: {_words('Subject', (sender.steady and message.steady) or message.subject)}",
        "Auto-Submitted: auto-generated",  # RFC 3834: no vacation answers
        "X-Auto-Response-Suppress: All",  # the same for Exchange (MS-OXCMAIL)
        f"List-Id: customs-watch <customs-watch.{domain}>",
        f"X-Customs-Watch-Notice: {notice}",
    ]
    if sender.reply_to:
        lines.append(f"Reply-To: {sender.reply_to}")
    if _LANG.fullmatch(message.lang):
        lines.append(f"Content-Language: {message.lang}")
    if envelope.urgent:
        lines.append("Importance: high")
    lines += _leave(envelope, sender)
    body = _joined("alternative", boundary, [_part("plain", message.text), _part("html", message.html)])
    if message.enclosed:
        body = _joined("mixed", boundary.replace("_", "_m", 1), [body, *map(_file, message.enclosed)])
    return "\r\n".join(lines).encode() + b"\r\n" + body


def _leave(envelope: Envelope, sender: Sender) -> list[str]:
    """Return the headers by which a mail program offers to end this."""
    ways = [f"<{_url(envelope.leave)}>"] if envelope.leave else []
    if sender.unsubscribe:
        ways.append(f"<mailto:{quote(sender.unsubscribe, safe='@')}?subject=unsubscribe>")
    lines = [f"List-Unsubscribe: {f',{_FOLD}'.join(ways)}"] if ways else []
    if envelope.leave:
        lines.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    return lines


def _url(text: str) -> str:
    """Return *text* as it may stand between angle brackets in a header."""
    return re.sub(r"[^\w:/?#@!$&'()*+,;=.~%-]", "", text, flags=re.ASCII)


def _joined(kind: str, boundary: str, parts: list[bytes]) -> bytes:
    """Return a part made of *parts*, with the header that begins it."""
    edge = b"\r\n--" + boundary.encode()
    head = f'Content-Type: multipart/{kind};{_FOLD}boundary="{boundary}"\r\n'.encode()
    return head + b"".join(edge + b"\r\n" + part for part in parts) + edge + b"--\r\n"


def _file(enclosed: Enclosure) -> bytes:
    name = _clean.file_name(enclosed.name)
    return _part(
        enclosed.kind,
        enclosed.text,
        f'name="{name}"',
        f'Content-Disposition: attachment;{_FOLD}filename="{name}"',
    )


def _named(name: str, address: str) -> str:
    if not name:
        return address
    if not name.isascii():
        return f"{_words('From', name, 78)} <{address}>"
    if _SPECIAL.search(name):
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}" <{address}>'
    return f"{name} <{address}>"


def _words(name: str, value: str, limit: int = 200) -> str:
    """Return *value* cleaned, in encoded words where it must be, and folded."""
    value = _clean.header(value, limit)
    charset = "us-ascii" if value.isascii() else "utf-8"
    return Header(value, charset, header_name=name).encode(linesep="\r\n")


def _part(kind: str, text: str, named: str = "", *more: str) -> bytes:
    text = _clean.body(text)
    text = text if text.endswith("\n") else text + "\n"
    encoding, payload = _encoded(text)
    kind = f"text/{kind}" if "/" not in kind else kind
    lines = [f"Content-Type: {kind}; charset=utf-8{f';{_FOLD}{named}' if named else ''}"]
    lines += [f"Content-Transfer-Encoding: {encoding}", *more]
    return "\r\n".join([*lines, "\r\n"]).encode() + payload.replace(b"\n", b"\r\n")


def _encoded(text: str) -> tuple[str, bytes]:
    """Return the encoding that keeps *text* readable, and its bytes; no line can be a boundary."""
    data = text.encode()
    if text.isascii() and "=_" not in text and max(map(len, data.split(b"\n"))) <= _SEVEN_BIT_LINE:
        return "7bit", data
    if len(data) > 1.3 * len(text):  # mostly not Latin: quoted-printable would treble it
        return "base64", base64.encodebytes(data.replace(b"\n", b"\r\n"))
    return "quoted-printable", binascii.b2a_qp(data, istext=True)
