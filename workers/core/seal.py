"""A sealed word: names one notice and one purpose until a moment, so that a link can carry it. Keeps no secret of its own."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime

SEEN = "seen"  # the purpose of a link by which a reader says that they know
LEAVE = "leave"  # of one by which they want no more mails
STATUS = "status"  # of one that shows the status page
ALL = "00000000"  # what such a link is about: no notice, but everything
_WORD = re.compile(r"([0-9a-f]{8,64})\.([0-9a-f]{8,12})\.([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a good seal says."""

    notice: str
    until: datetime


def seal(secret: bytes, purpose: str, notice: str, until: datetime) -> str:
    """Return a word for a link; the same facts make the same word."""
    ends = f"{int(until.timestamp()):08x}"
    return f"{notice}.{ends}.{_mark(secret, purpose, notice, ends)}"


def unseal(secret: bytes, purpose: str, word: str) -> Sealed | None:
    """Return what *word* says; None where it was not sealed by us for this purpose. Whether it is over is the caller's."""
    found = _WORD.fullmatch(word)
    if found is None:
        return None
    notice, ends, mark = found.groups()
    if not hmac.compare_digest(mark, _mark(secret, purpose, notice, ends)):
        return None
    return Sealed(notice, datetime.fromtimestamp(min(int(ends, 16), 2**36), UTC))


def _mark(secret: bytes, purpose: str, notice: str, ends: str) -> str:
    said = f"link\0{purpose}\0{notice}\0{ends}"  # no id of a notice is made of such words
    return hmac.new(secret, said.encode(), hashlib.sha256).hexdigest()[:32]
