"""The shapes that go into the store and come out of it, and the id of a notice. Talks to no server.

Datetimes are aware UTC and come from the server's clock; durations are relative to its now.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from workers.core.limits import Quota
from workers.errors import StoreTrouble

State = Literal["pending", "sending", "sent", "held", "failed", "expired", "skipped"]
STATES: tuple[State, ...] = ("pending", "sending", "sent", "held", "failed", "expired", "skipped")


@dataclass(frozen=True, slots=True)
class Claimed:
    """One leased parcel; ``memo`` is what the source asked us to remember of it."""

    parcel: str
    memo: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """What may be asked of a source now. ``wait``: nothing yet, it is paused or its rate is used up."""

    parcels: tuple[Claimed, ...] = ()
    wait: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What a source just told of a parcel. The fingerprint of one never told of is ""."""

    parcel: str
    fingerprint: str
    memo: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """A parcel that needs a decision, and what is known of it. ``version`` 0: nothing was ever committed."""

    parcel: str
    version: int
    snapshot: bytes | None
    told: bytes | None


@dataclass(frozen=True, slots=True)
class Owed:
    """One notice to be created, with a commit or for the owner. An id that exists is never touched."""

    id: str
    channel: str
    recipient: str
    why: str
    stage: str
    occurrence: int
    topic: str
    context: bytes
    after: timedelta = timedelta(0)  # not before
    expires: timedelta | None = None  # too late after; counted from the commit
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What passed with one source about one parcel."""

    last_ok: datetime | None  # its last answer
    failing_since: datetime | None  # since when it can tell nothing of it


@dataclass(frozen=True, slots=True)
class Lookup:
    """One place where a parcel is looked up. ``every`` None: a source of its own, at the parcel's pace."""

    source: str
    every: timedelta | None = None
    number: str = ""  # a further number of the parcel; "" = its own


def entry_of(parcel: str, number: str = "") -> str:
    """Return the name under which a source's queue holds a parcel, or a further number of it."""
    return f"{parcel}>{number}" if number else parcel


def parcel_of(entry: str) -> str:
    """Return whose entry of a queue it is."""
    return entry.partition(">")[0]


def number_of(entry: str) -> str:
    """Return the further number of an entry; "" where it is the parcel's own."""
    return entry.partition(">")[2]


@dataclass(frozen=True, slots=True)
class Commit:
    """One decision about one parcel, stored whole or not at all."""

    parcel: str
    version: int  # the version the decision was made on; 0 = new
    op: str  # a random token; the same op again gets the same answer
    stage: str
    snapshot: bytes
    told: bytes
    decision: bytes
    source: str = ""  # whose look led to it; "" where time alone did
    fingerprint: str = ""
    memo: str = ""
    every: timedelta | None = None  # the parcel's pace from now on, at all its sources; None = as before
    review_in: timedelta | None = None  # None = off the reviews
    stay: tuple[str, datetime, datetime] | None = None  # one that ended: its group, from, until
    stands: tuple[str, datetime] | None = None  # the one that lasts: its group, since when
    at: tuple[Lookup, ...] = ()  # where it is looked up from now on; () = as before
    entry: str = ""  # what was looked up; "" = the parcel under its own number
    notices: tuple[Owed, ...] = ()


@dataclass(frozen=True, slots=True)
class Remembered:
    """Everything known of one parcel."""

    parcel: str
    version: int
    stage: str
    snapshot: bytes | None
    told: bytes | None
    decision: bytes | None
    every: timedelta | None
    updated: datetime | None  # the last commit
    review_at: datetime | None
    due: Mapping[str, datetime] = field(default_factory=dict)  # by source that watches it
    last_ok: Mapping[str, datetime] = field(default_factory=dict)  # last answer, by source
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    memos: Mapping[str, str] = field(default_factory=dict)
    failing: Mapping[str, datetime] = field(
        default_factory=dict
    )  # since when a source can tell nothing of it


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice, leased to one worker. Its token is the right to end this attempt."""

    id: str
    token: str
    parcel: str
    channel: str
    recipient: str
    why: str
    stage: str
    occurrence: int
    topic: str
    context: bytes
    attempts: int  # this one included
    crashes: int
    created: datetime
    previous: State  # before this claim; "sending": whoever held it never said how it ended
    uncertain: bool  # an earlier attempt may have been accepted
    urgent: bool = False
    expires: datetime | None = None
    error: str = ""  # of the attempt before
    message: str = ""  # the id of the message it goes out in: stable over attempts
    waited: str = ""  # for what reason of time it waited last
    freed: bool = False  # by an operator's hand: no reason of time holds it any more
    word: bytes = b""  # what a person said of its parcel
    others: tuple[Notice, ...] = ()  # what goes out in the same message, under the same token

    @property
    def all(self) -> tuple[Notice, ...]:
        return (self, *self.others)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One line of a notice's log."""

    at: datetime
    worker: str
    outcome: str  # done | retry | fail | skip | resend | hold | wait | unsay | crashed | released | resent | dropped | "late …"
    error: str
    took: timedelta


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """One notice as it stands, for tables."""

    id: str
    state: State
    parcel: str
    channel: str
    recipient: str
    why: str
    stage: str
    occurrence: int
    topic: str
    context: bytes
    attempts: int
    crashes: int
    created: datetime
    changed: datetime | None  # when it entered its state, None while it never left the first
    due: datetime | None  # next attempt, or the end of the lease while sending
    expires: datetime | None
    uncertain: bool
    urgent: bool
    error: str
    reference: str  # the other side's own id
    message: str = ""  # the id of the message it goes out in; its own unless it goes with others
    waits_for: str = ""  # the reason of time for which it waits
    seen: datetime | None = None  # when a person last saw it dead
    owner_told: datetime | None = None  # when the owner was told that it is dead
    log: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Bells:
    """What is due now, by source and channel; ``next_in``: until the next thing is, None if nothing waits."""

    due: Mapping[str, int]
    notices: Mapping[str, int]
    reviews: int
    next_in: timedelta | None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a source was asked, and what that brought, over some days."""

    looks: int = 0  # batches of parcels
    calls: int = 0
    parcels: int = 0  # asked about, each time counted
    moves: int = 0  # stages found to have changed


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left of a source's quota in the window that lasts."""

    quota: Quota
    spent: int
    began: datetime
    ends: datetime

    @property
    def left(self) -> int:
        return max(self.quota.most - self.spent, 0)


def notice_id(
    secret: bytes,
    parcel: str,
    stage: str,
    occurrence: int,
    topic: str,
    step: str | int,
    channel: str,
    recipient: str,
) -> str:
    """Return a notice's id: the same facts make the same id, so that detecting twice cannot owe twice."""
    facts = json.dumps(
        [parcel, stage, occurrence, topic, str(step), channel, recipient], separators=(",", ":")
    )
    return hmac.new(secret, facts.encode(), hashlib.sha256).hexdigest()[:32]


def ms(duration: timedelta | None) -> int | str:
    """Return a duration for a script: whole milliseconds, never negative; "" for None."""
    if duration is None:
        return ""
    return max(0, math.ceil(duration / timedelta(milliseconds=1)))


def stamp(moment: datetime) -> int:
    """Return a moment for a script, in ms."""
    return round(moment.timestamp() * 1000)


def when(stamp: bytes | str | float | None) -> datetime | None:
    """Return the moment of a stamp in ms as a script or a score gives it."""
    if stamp is None or stamp in (b"", ""):
        return None
    return datetime.fromtimestamp(float(stamp) / 1000, UTC)


def stamped(stamp: bytes | str | float | None) -> datetime:
    """Return the moment of a stamp that a script never leaves out; raises StoreTrouble where it is missing all the same."""
    moment = when(stamp)
    if moment is None:
        raise StoreTrouble("a row of the store has no time: somebody else wrote it")
    return moment


def text(value: bytes | str | None) -> str:
    """Return a field as text; a missing one is ""."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""
