"""Hear what each source says of a parcel by itself: who is behind, who fails, who contradicts whom. Asks nobody.

A source's own word is where the parcel would stand by the events it has shown alone. Two words that mean the same to
a person (in customs, under inspection) agree. A source that merely has not the news yet is *behind*; two contradict
each other where both went on showing the parcel after they had parted, or where one goes on after the other's end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from workers.core.detect import story
from workers.core.likeness import doubt
from workers.core.model import Seen, Snapshot, Stage

_MOVING: Final = "moving"
_CUSTOMS: Final = "customs"
_ASKS: Final = "asks"
_BACK: Final = "back"
_NEAR: Final = "near"
# Stages that mean the same to whoever waits. What differs between two groups matters.
GROUPS: Final = {
    **dict.fromkeys(
        (
            Stage.PRE_TRANSIT, Stage.IN_TRANSIT, Stage.EXPORT_CUSTOMS, Stage.EXPORT_CLEARED, Stage.TRANSIT_CUSTOMS,
            Stage.ARRIVED_DESTINATION,
        ),
        _MOVING,
    ),
    **dict.fromkeys(
        (Stage.IMPORT_CUSTOMS, Stage.INSPECTION, Stage.CLEARANCE_DELAY, Stage.PAYMENT_RECEIVED), _CUSTOMS
    ),
    **dict.fromkeys((Stage.HELD, Stage.DOCUMENTS_REQUIRED, Stage.PAYMENT_DUE), _ASKS),
    **dict.fromkeys((Stage.REFUSED, Stage.RETURNING), _BACK),
    **dict.fromkeys((Stage.RELEASED, Stage.OUT_FOR_DELIVERY), _NEAR),
    Stage.AVAILABLE_FOR_PICKUP: "pickup",
    Stage.DELIVERED: "delivered",
    Stage.DELIVERY_FAILED: "failed",
    Stage.EXCEPTION: "failed",
}  # fmt: skip
TOLD: Final = timedelta(hours=1)  # a shorter silence is not worth a word
_FINAL: Final = frozenset({Stage.DELIVERED, Stage.REFUSED, Stage.RETURNING})


@dataclass(frozen=True, slots=True)
class Heard:
    """What passed between us and one source about one parcel. Of the sources that may know it, in the file's order."""

    source: str  # its name in the user's file
    title: str = ""  # what people call it
    own: bool = True  # looked up there as a matter of course; else only where another is in doubt
    failing_since: datetime | None = None  # it has told us nothing usable of this parcel since
    may: bool = True  # it may be asked about the parcel under its own number
    answered: bool = True  # it has answered for this parcel at least once

    @property
    def name(self) -> str:
        return self.title or self.source


class State(StrEnum):
    """How a source's word stands beside where the parcel stands."""

    SAYS = "says"
    QUIET = "quiet"  # it has not the newest event
    FAILING = "failing"
    UNKNOWN = "unknown"  # it answers and shows no event


class Differ(StrEnum):
    """How the sources' words differ in what matters."""

    NO = ""
    BEHIND = "behind"
    CONTRADICT = "contradict"


@dataclass(frozen=True, slots=True)
class Voice:
    """The word of one source."""

    heard: Heard
    state: State
    stage: Stage = Stage.UNKNOWN
    since: datetime | None = None  # when the parcel came to that stage, by this source's events
    newest: datetime | None = None  # its newest event; when we first saw it where that is undated
    last: Seen | None = None

    @property
    def day(self) -> datetime | None:
        """Return the date that a person is told beside this word."""
        return {
            State.SAYS: self.since,
            State.QUIET: self.newest,
            State.FAILING: self.heard.failing_since,
        }.get(self.state)


@dataclass(frozen=True, slots=True)
class Voices:
    """All words about one parcel, the one it stands by first."""

    each: tuple[Voice, ...] = ()
    differ: Differ = Differ.NO
    since: datetime | None = None  # since when they contradict each other

    @property
    def led_by_another(self) -> bool:
        """Whether the parcel stands where a source says that is not its own, and its own are behind."""
        return self.differ is Differ.BEHIND and not self.each[0].heard.own

    @property
    def telling(self) -> tuple[Voice, ...]:
        """Return what is worth telling a person: all words where they differ, else who fails."""
        if self.differ is not Differ.NO:
            return tuple(v for v in self.each if v.state is not State.UNKNOWN)
        return tuple(v for v in self.each if v.state is State.FAILING)


def voices(
    snapshot: Snapshot, heard: Sequence[Heard], *, origin: str, destination: str, now: datetime
) -> Voices:
    """Return what each source says of the parcel by itself."""
    witnesses = {name for seen in snapshot.timeline for name in seen.witnesses}
    known = {one.source for one in heard}
    everyone = [*heard, *(Heard(name, own=False) for name in sorted(witnesses - known))]
    if len(everyone) == 1 and everyone[0].failing_since is None:  # nearly every parcel
        only = everyone[0]
        said = snapshot.timeline[-1:] if witnesses else ()
        state = State.SAYS if said else State.UNKNOWN
        return Voices((Voice(only, state, snapshot.stage, snapshot.since),) if only.answered else ())
    spoken = [
        voice
        for one in everyone
        if one.answered or _silent(one, now) or one.source in witnesses
        for voice in [_voice(one, snapshot, origin=origin, destination=destination, now=now)]
    ]
    speaking = [v for v in spoken if v.last is not None]
    lead = max(speaking, key=lambda v: (_same(v.stage, snapshot.stage), v.newest or now), default=None)
    if lead is None:
        return Voices(tuple(spoken))
    since = min((at for v in speaking if v is not lead if (at := _contradicts(v, lead))), default=None)
    behind = [v for v in speaking if v is not lead and not _same(v.stage, lead.stage)]
    differ = Differ.CONTRADICT if since else Differ.BEHIND if behind else Differ.NO
    each = [lead, *(_beside(v, lead) for v in spoken if v is not lead)]
    return Voices(tuple(each), differ, since)


def _voice(one: Heard, snapshot: Snapshot, *, origin: str, destination: str, now: datetime) -> Voice:
    """Return the word of one source, as if it were the only one."""
    own = [seen for seen in snapshot.timeline if one.source in seen.witnesses]
    failing = _silent(one, now)
    if not own:
        return Voice(one, State.FAILING if failing else State.UNKNOWN)
    steps = story(own, origin=origin, destination=destination, now=now)
    entered = next((step for step in reversed(steps) if step.entered), steps[-1])
    return Voice(
        heard=one,
        state=State.FAILING if failing else State.SAYS,
        stage=steps[-1].stage,
        since=_at(entered.seen),
        newest=max(_at(seen) for seen in own),
        last=own[-1],
    )


def _silent(one: Heard, now: datetime) -> bool:
    return one.failing_since is not None and now - one.failing_since >= TOLD


def _beside(voice: Voice, lead: Voice) -> Voice:
    """Return *voice* as it is told beside the one the parcel stands by."""
    behind = voice.state is State.SAYS and not _same(voice.stage, lead.stage)
    older = voice.newest is not None and lead.newest is not None and voice.newest < lead.newest
    if not (behind and older):
        return voice
    return Voice(voice.heard, State.QUIET, voice.stage, voice.since, voice.newest, voice.last)


def _same(one: Stage, other: Stage) -> bool:
    if Stage.UNKNOWN in (one, other):
        return True
    return one is other or GROUPS[one] == GROUPS[other]


def _contradicts(voice: Voice, lead: Voice) -> datetime | None:
    """Return since when two words cannot both be so, or None where one may merely be behind."""
    if _same(voice.stage, lead.stage):
        return None
    older, newer = sorted((voice, lead), key=lambda v: v.newest.timestamp() if v.newest else 0.0)
    if not (older.last and older.newest and older.since and newer.last and newer.newest and newer.since):
        return None
    allowed = doubt(older.last.sighting, newer.last.sighting)
    if older.stage in _FINAL and newer.newest - older.since > allowed:
        return newer.newest
    if older.newest - newer.since > allowed:
        return max(older.since, newer.since)
    return None


def _at(seen: Seen) -> datetime:
    return seen.sighting.at or seen.first_seen
