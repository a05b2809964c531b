"""What is remembered of a mailbox between looks: how far it was read, and what believed mails said. Keeps no mail.

One file of JSON, replaced whole, readable by its owner alone. Processes that share it merge what they find: whatever one has
read, the other need not. It may be deleted at any time: the mailbox is read again, as far back as the settings say.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec

from workers.errors import Permanent
from workers.sources._fields import UNREADABLE

VERSION = 1
MOST = 5_000  # mails remembered
REFUSED = 500
LARGEST = 20_000_000  # bytes of the file


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing a mail said."""

    code: str = ""
    text: str = ""
    lang: str = ""
    order: str = ""
    number: str = ""


class Fact(msgspec.Struct, frozen=True, omit_defaults=True):
    """One believed mail."""

    at: datetime
    orders: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    said: tuple[Said, ...] = ()
    carrier: str = ""  # the operator whose mail it is; "" where it is the shop's


class Refusal(msgspec.Struct, frozen=True):
    """One mail that names the shop or a carrier, and is not believed."""

    at: datetime
    sender: str
    why: str


class Memory(msgspec.Struct, omit_defaults=True):
    """What one mailbox has shown. ``read`` is the last UID read of each sender, valid for one UIDVALIDITY."""

    v: int = VERSION
    validity: int = 0
    read: dict[str, int] = {}
    facts: dict[str, Fact] = {}  # by the mail's key
    refused: dict[str, Refusal] = {}

    def begin(self, validity: int) -> None:
        """Forget how far the mailbox was read where its UIDs are new ones; what was read stays known."""
        if validity != self.validity:
            self.validity, self.read = validity, {}

    def merge(self, other: Memory) -> None:
        """Take in what another process has found meanwhile."""
        self.facts = {**other.facts, **self.facts}
        self.refused = {**other.refused, **self.refused}
        if other.validity == self.validity:
            self.read = {
                sender: max(self.read.get(sender, 0), other.read.get(sender, 0))
                for sender in {*self.read, *other.read}
            }

    def forget(self, numbers: Collection[str]) -> None:
        """Forget the mails that name one of *numbers*, and those that name only the order of such a parcel alone."""
        gone = set(numbers)
        mine = [f for f in self.facts.values() if f.numbers and set(f.numbers) <= gone and len(f.orders) == 1]
        orders = {fact.orders[0] for fact in mine}
        self.facts = {
            key: fact
            for key, fact in self.facts.items()
            if not gone & {*fact.numbers, *(said.number for said in fact.said)}
            and (fact.numbers or not fact.orders or not set(fact.orders) <= orders)
        }

    def trim(self, now: datetime, keep: timedelta) -> None:
        """Forget what is older than *keep*, and beyond MOST the oldest."""
        self.facts = _newest({k: f for k, f in self.facts.items() if now - f.at <= keep}, MOST)
        self.refused = _newest({k: r for k, r in self.refused.items() if now - r.at <= keep}, REFUSED)


_Row = TypeVar("_Row", Fact, Refusal)


def load(path: Path) -> Memory:
    """Return what the file holds; an empty memory where there is none, or one that cannot be read."""
    try:
        with path.open("rb") as file:
            memory = msgspec.json.decode(file.read(LARGEST), type=Memory)
    except (OSError, msgspec.ValidationError, *UNREADABLE):
        return Memory()
    return memory if memory.v == VERSION else Memory()


def save(path: Path, memory: Memory) -> None:
    """Replace the file; raises Permanent where it cannot be written: then mails would be read again and again."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, hidden = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(memory))
            Path(hidden).replace(path)
        except OSError:
            Path(hidden).unlink(missing_ok=True)
            raise
    except OSError as error:
        said = f"what was read in the mailbox cannot be remembered: {error.strerror}"
        raise Permanent(said, hint=str(path)) from None


def since(facts: Mapping[str, Fact]) -> Sequence[Fact]:
    """Return facts by time, oldest first."""
    return sorted(facts.values(), key=lambda fact: fact.at)


def _newest(rows: dict[str, _Row], most: int) -> dict[str, _Row]:
    return dict(sorted(rows.items(), key=lambda item: item[1].at)[-most:])
