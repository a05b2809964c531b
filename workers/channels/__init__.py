"""Ways to reach a person: one module per kind of channel, found by its file name.

A channel module holds ``class Settings(BaseModel)`` (``extra="forbid"``) and ``open(settings, *, name, clock) -> Channel``.
Opening makes no connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Literal, Protocol, runtime_checkable

from workers.core.model import Message
from workers.errors import Misconfigured

Form = Literal["mail", "short", "own"]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a channel needs beside the words. All fields are ours or checked at the config's door."""

    notice: str  # the notice's id: stable over retries; idempotency key, Message-ID
    to: str  # one address or number; "" where the channel has an address of its own
    thread: str  # the parcel's thread: stable over the parcel's life
    attempt: int = 1
    urgent: bool = False
    leave: str = (
        ""  # https address at which the reader wants no more by one POST (RFC 8058); "" = there is none
    )
    doubt: bool = False  # an earlier attempt may have been accepted
    facts: Mapping[str, str] = field(default_factory=dict)  # for programs: parcel, stage, topic, why, made


@dataclass(frozen=True, slots=True)
class Receipt:
    """The other side accepted. ``reference`` is its own id of the message, if it gave one."""

    reference: str = ""
    parts: int = 0  # messages it is billed as, where the other side said so
    price: str = ""  # with its currency, where the other side said so


class Channel(Protocol):
    """A way to reach a person. Blocking; safe to call from several threads.

    ``send`` returns only when the other side accepted; raises Temporary (nothing was accepted), Permanent (never will be;
    DeadAddress where nothing sent there ever will, Barred where nothing sent this way will until it is mended) or Uncertain
    (the answer was lost after the last byte was sent).
    """

    name: str
    kind: str
    form: Form  # which address of the recipient is meant: e-mail, phone, or none: the channel has its own
    on_uncertain: Literal["resend", "hold"]
    keyed: bool  # the other side honours Envelope.notice as an idempotency key
    target: str  # of form own: where it sends, so that a changed one is known; else ""

    def send(self, envelope: Envelope, message: Message) -> Receipt: ...

    def close(self) -> None: ...


Encloses = Literal["dates", "evidence", "schema"]


@runtime_checkable
class Enclosing(Protocol):
    """A channel that takes more than words: what of it the user wants there, and who writes."""

    encloses: frozenset[Encloses]
    writer: str  # the address that mails come from


@dataclass(frozen=True, slots=True)
class Place:
    """How far a mailbox was read. Means nothing for another mailbox, or under another UIDVALIDITY."""

    box: str = ""
    validity: int = 0
    uid: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person answered to a message of ours, as far as the channel can tell."""

    key: str  # the same for the same answer, however often it comes
    about: tuple[str, ...]  # messages of ours that it names, the one it answers first
    sender: str  # the address that it names as its own
    why_not: str  # why that is not to be believed; "" where it is
    at: datetime | None
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dead:
    """Somebody on the way says that a message of ours could not be delivered."""

    key: str
    about: tuple[str, ...]
    recipient: str
    status: str
    for_good: bool  # nothing sent to that address will ever arrive


@runtime_checkable
class Answerable(Protocol):
    """A channel whose messages can be answered where they are read."""

    @property
    def answers_every(self) -> timedelta | None:
        """How often to look; None where it is not set up."""

    def answers(
        self, readers: Iterable[str], *, after: Place, take: Callable[[Answer | Dead], bool]
    ) -> Place:
        """Hand what came since *after* to *take*, which says whether it counted; return how far was read."""


@runtime_checkable
class Asked(Protocol):
    """A channel that may know whether a message went out whose answer was lost."""

    @property
    def asks(self) -> bool:
        """Whether it is set up."""

    def found(self, envelope: Envelope) -> Receipt | None:
        """Return the receipt of a message that went out before; None where it did not. Raises Temporary or Permanent."""


def address(form: Form, *, email: str, phone: str) -> str:
    """Return which of a recipient's addresses a channel of *form* writes to; "" where it has one of its own."""
    return {"mail": email, "short": phone, "own": ""}[form]


def kinds() -> list[str]:
    """Return the names of all kinds of channel, from the directory."""
    return sorted(m.name for m in iter_modules(__path__) if not m.name.startswith("_"))


def load(kind: str) -> ModuleType:
    """Return the module of *kind*; raises Misconfigured for a name that is not in the directory."""
    if kind not in kinds():
        raise Misconfigured(f"no channel {kind!r}", hint=f"there are: {', '.join(kinds())}")
    return import_module(f"{__name__}.{kind}")
