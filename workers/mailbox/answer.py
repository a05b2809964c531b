"""Take a reply to one of our mails, or its bounce, apart: what it is about, who wrote it, what it says. Believes nothing.

What a machine answers by itself (RFC 3834) is no reply. A bounce (RFC 3464) is what a mail server says of a mail of ours, and is
about one only where it quotes that mail's Message-ID, which nobody can guess who has not seen it.
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import Message as Raw

from workers.mailbox.letter import LARGEST, Letter, read
from workers.mailbox.trust import Headers, sender_address
from workers.strangers import word

_OURS = re.compile(r"<([0-9a-f]{32})@([A-Za-z0-9.-]{1,253})>")
_MACHINE = frozenset({"bulk", "junk", "list", "auto_reply"})  # Precedence of what no person wrote
_TOLD = ("x-autoreply", "x-autorespond", "x-auto-reply", "list-id", "list-unsubscribe", "feedback-id")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_RECIPIENT = re.compile(r"rfc822\s*;\s*<?([^\s<>;]{3,320})>?", re.IGNORECASE)
MOST = 20  # Message-IDs of one mail that are looked at


@dataclass(frozen=True, slots=True)
class Reply:
    """A mail that a person may have written in answer to one of ours."""

    about: tuple[str, ...]  # ids of notices that it names, the one it answers first
    sender: str  # the address in From, in lower case; "" where there is not exactly one
    written: str  # its Date as it stands
    at: datetime | None
    lines: tuple[str, ...]
    headers: Headers


@dataclass(frozen=True, slots=True)
class Bounce:
    """A mail server's word that a mail of ours did not arrive."""

    about: tuple[str, ...]
    recipient: str  # in lower case
    status: str  # an enhanced status code (RFC 3463)


def about(headers: Headers, domain: str) -> tuple[str, ...]:
    """Return the ids of our messages, of *domain*, that a mail with these headers names: the one it answers first."""
    answered = [value for name, value in headers if name.casefold() == "in-reply-to"]
    before = [value for name, value in headers if name.casefold() == "references"]
    found = [*_ours(" ".join(answered), domain), *reversed(_ours(" ".join(before), domain))]
    return tuple(dict.fromkeys(found))[:MOST]


def by_machine(headers: Headers) -> bool:
    """Say whether a mail with these headers says of itself that no person wrote it just now."""
    for name, value in headers:
        key, said = name.casefold(), value.strip().casefold()
        if key == "auto-submitted" and said.partition(";")[0].strip() != "no":
            return True
        if key == "precedence" and said in _MACHINE:
            return True
        if key == "return-path" and said.replace(" ", "") == "<>":
            return True
        if key == "content-type" and said.startswith("multipart/report"):
            return True
        if key in _TOLD:
            return True
    return False


def taken_apart(raw: bytes, domain: str) -> Reply | Bounce | None:
    """Return what a mail is to us; None for one that is neither a person's reply nor the bounce of a mail of ours."""
    letter = read(raw)
    if _type(letter).startswith("multipart/report"):
        return _bounce(raw, domain)
    named = about(letter.headers, domain)
    if not named or by_machine(letter.headers):
        return None
    written = next((value for name, value in letter.headers if name.casefold() == "date"), "")
    return Reply(
        named, sender_address(letter.headers), word(written, 100), letter.at, letter.lines, letter.headers
    )


def _ours(text: str, domain: str) -> list[str]:
    return [name for name, of in _OURS.findall(text[:20_000]) if of.casefold() == domain.casefold()]


def _type(letter: Letter) -> str:
    return next((value.casefold() for name, value in letter.headers if name.casefold() == "content-type"), "")


def _bounce(raw: bytes, domain: str) -> Bounce | None:
    """Return the first recipient for whom a report says "failed" for good, and of which mail."""
    report = email.message_from_bytes(raw[:LARGEST])
    parts = _plain_parts(report)
    failed: tuple[str, str] | None = None
    named: tuple[str, ...] = ()
    for part in parts:
        kind = part.get_content_type()
        if kind == "message/delivery-status" and failed is None:
            failed = next(_failures(part), None)
        elif kind in ("message/rfc822", "text/rfc822-headers", "message/global-headers") and not named:
            named = tuple(_returned(part, domain))[:1]
    return Bounce(named, *failed) if failed and named else None


def _plain_parts(report: Raw) -> list[Raw]:
    """Return the parts of the report itself, none of what lies in them."""
    payload = report.get_payload()
    return [one for one in payload[:10] if isinstance(one, Raw)] if isinstance(payload, list) else []


def _failures(part: Raw) -> Iterator[tuple[str, str]]:
    payload = part.get_payload()
    for block in payload[:50] if isinstance(payload, list) else ():
        if not isinstance(block, Raw) or str(block.get("Action", "")).strip().casefold() != "failed":
            continue
        status = _STATUS.match(str(block.get("Status", "")).strip())
        said = str(block.get("Original-Recipient") or block.get("Final-Recipient") or "")
        recipient = _RECIPIENT.match(said.strip())
        if status and status[0].startswith("5") and recipient:
            yield recipient[1].casefold(), status[0]


def _returned(part: Raw, domain: str) -> list[str]:
    """Return our message's id as the returned mail, or its headers, name it."""
    payload = part.get_payload()
    if isinstance(payload, list):
        inner = payload[0] if payload and isinstance(payload[0], Raw) else None
        said = str(inner.get("Message-ID", "")) if inner is not None else ""
    else:
        said = str(email.message_from_string(str(payload)[:64_000]).get("Message-ID", ""))
    return _ours(said, domain)
