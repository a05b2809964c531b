"""The rules by which one event moves a parcel from stage to stage; each has a name that the evidence can give.

A rule looks at where the parcel stands and at one event, later in its timeline than all that came before, and
answers with the stage to stand at, or None where it has nothing to say. The first that answers decides. Stages are
not a ladder, so no rule compares ranks. Rules decide stages only: they neither count, nor remember, nor notify.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from workers.core.context import CLEARING, DELIVERY, EXPORT, MOVING
from workers.core.model import Addressee, Cause, Charges, Reading, Seen, Side, Stage

CUSTOMS = CLEARING | EXPORT | {Stage.RELEASED, Stage.TRANSIT_CUSTOMS}
# Specific words about customs, which a generic "clearance updated" does not take back.
_SPECIFIC = CLEARING - {Stage.IMPORT_CUSTOMS}
# Of these a parcel frees itself silently: many posts report "presented to customs" and then nothing before the
# delivery office (UPU EMSEVT in practice, as of 2026-11-22). The others end with a word, or far from customs.
_QUIET_END = frozenset(
    {Stage.IMPORT_CUSTOMS, Stage.INSPECTION, Stage.CLEARANCE_DELAY, Stage.PAYMENT_RECEIVED}
)
# What shows that a "delivered" was none. A release or a bill may follow a delivery on paper.
_REOPENING = (DELIVERY | MOVING | CLEARING | {Stage.RETURNING, Stage.REFUSED}) - {
    Stage.ARRIVED_DESTINATION,
    Stage.PAYMENT_DUE,
    Stage.PAYMENT_RECEIVED,
}
_ON_THE_WAY_BACK = DELIVERY | MOVING | CUSTOMS | {Stage.EXCEPTION}


@dataclass(slots=True)
class Standing:
    """Where a parcel stands after some of its events."""

    stage: Stage = Stage.UNKNOWN
    rule: str = ""
    proof: Seen | None = None  # the event that brought it here
    stay: Seen | None = None  # the event that began this stay; another than ``proof`` after an oscillation
    since: datetime | None = None  # by the clock of ``stay``, if it can be believed
    side: Side | None = None
    addressee: Addressee | None = None
    charges: Charges = Charges.UNKNOWN
    causes: tuple[Cause, ...] = ()
    past_customs: bool = False
    release_seen: bool = False
    in_customs_since: datetime | None = None
    arrived: bool = False
    departed: bool = False
    export_done: bool = False
    scanned: bool = False  # seen moving
    scanned_at: datetime | None = None
    generic: set[str] = field(default_factory=set)  # wordings of "in customs" met so far
    entries: dict[Stage, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """One event as the rules see it."""

    seen: Seen
    reading: Reading  # in context
    at: datetime | None  # None where no clock can be believed
    where: Side | None  # the side its country is on
    words: str  # the wording, folded
    later: bool  # later than the event that brought the parcel here, beyond the doubt of their clocks

    @property
    def stage(self) -> Stage:
        return self.reading.stage


Rule = Callable[[Standing, Event], Stage | None]


def unknown_keeps(s: Standing, e: Event) -> Stage | None:
    return s.stage if e.stage is Stage.UNKNOWN else None


def same_stage_stays(s: Standing, e: Event) -> Stage | None:
    return s.stage if e.stage is s.stage else None


def first_word(s: Standing, e: Event) -> Stage | None:
    return e.stage if s.stage is Stage.UNKNOWN else None


def paper_after_movement(s: Standing, e: Event) -> Stage | None:
    """A label, a pre-advice: sources show them late, too."""
    return s.stage if e.stage is Stage.PRE_TRANSIT else None


def reopened(s: Standing, e: Event) -> Stage | None:
    """A delivered parcel that is seen moving, held or failing later had not been delivered."""
    if s.stage is Stage.DELIVERED and e.stage in _REOPENING and e.later:
        return e.stage
    return None


def info_after_delivered(s: Standing, _e: Event) -> Stage | None:
    return s.stage if s.stage is Stage.DELIVERED else None


def return_cancelled(s: Standing, e: Event) -> Stage | None:
    """Out for delivery in the destination itself: it comes after all."""
    if s.stage is Stage.RETURNING and e.stage in DELIVERY and e.where is Side.DESTINATION and e.later:
        return e.stage
    return None


def return_beats_delivered(s: Standing, e: Event) -> Stage | None:
    """Delivered at the end of a return: to the sender."""
    return s.stage if s.stage is Stage.RETURNING and e.stage is Stage.DELIVERED else None


def return_under_way(s: Standing, e: Event) -> Stage | None:
    return s.stage if s.stage is Stage.RETURNING and e.stage in _ON_THE_WAY_BACK else None


def refusal_stands(s: Standing, e: Event) -> Stage | None:
    """Scans after a refusal or a seizure are not a release."""
    weak = MOVING | EXPORT | {Stage.IMPORT_CUSTOMS, Stage.TRANSIT_CUSTOMS, Stage.EXCEPTION}
    if s.stage is Stage.REFUSED and s.side is not Side.ORIGIN and e.stage in weak:
        return s.stage
    return None


def export_is_history(s: Standing, e: Event) -> Stage | None:
    """Export papers shown after the parcel left, or while import runs, move nothing."""
    gone = s.departed or s.arrived or s.past_customs or s.stage in CLEARING or s.stage is Stage.RELEASED
    return s.stage if e.stage in EXPORT and gone else None


def transit_is_history(s: Standing, e: Event) -> Stage | None:
    past = s.arrived or s.past_customs or s.stage in CLEARING or s.stage is Stage.RELEASED
    return s.stage if e.stage is Stage.TRANSIT_CUSTOMS and past else None


def export_never_import(_s: Standing, e: Event) -> Stage | None:
    return e.stage if e.stage in EXPORT else None


def charge_stands(s: Standing, e: Event) -> Stage | None:
    """Only a payment, a release, another demand or movement ends a demand for money."""
    return s.stage if s.stage is Stage.PAYMENT_DUE and e.stage is Stage.IMPORT_CUSTOMS else None


def repeated_update_keeps(s: Standing, e: Event) -> Stage | None:
    """A wording of "in customs" that was there before the specific one takes nothing back."""
    if s.stage in _SPECIFIC and e.stage is Stage.IMPORT_CUSTOMS and e.words in s.generic:
        return s.stage
    return None


def exception_says_less(s: Standing, e: Event) -> Stage | None:
    specific = _SPECIFIC | {Stage.REFUSED}
    return s.stage if e.stage is Stage.EXCEPTION and s.stage in specific else None


def arrival_during_clearance(s: Standing, e: Event) -> Stage | None:
    return s.stage if e.stage is Stage.ARRIVED_DESTINATION and s.stage in CLEARING else None


def left_without_release(s: Standing, e: Event) -> Stage | None:
    """Movement inside the destination after customs there: it has been let go, though nobody said so."""
    if e.stage is not Stage.IN_TRANSIT or s.stage not in CLEARING or not s.arrived:
        return None
    if e.where is Side.DESTINATION or (e.where is None and s.stage in _QUIET_END):
        return e.stage
    return None


def clearance_runs_ahead(s: Standing, e: Event) -> Stage | None:
    """Clearance may begin before arrival: scans on the road do not end it."""
    return s.stage if e.stage is Stage.IN_TRANSIT and s.stage in CLEARING else None


def released_ahead(s: Standing, e: Event) -> Stage | None:
    """Released before it arrived: its arrival, and scans elsewhere, are no last mile yet."""
    if s.stage is not Stage.RELEASED or e.stage not in MOVING:
        return None
    elsewhere = e.where in (Side.ORIGIN, Side.TRANSIT)
    arriving = e.stage is Stage.ARRIVED_DESTINATION and not s.arrived
    return s.stage if elsewhere or arriving else None


def release_then_last_mile(s: Standing, e: Event) -> Stage | None:
    past = s.past_customs or s.stage is Stage.RELEASED or s.stage in DELIVERY
    return Stage.IN_TRANSIT if past and e.stage in MOVING else None


def late_release_noted(s: Standing, e: Event) -> Stage | None:
    past = s.stage in DELIVERY or (s.past_customs and s.release_seen)
    return s.stage if e.stage is Stage.RELEASED and past else None


def late_payment_noted(s: Standing, e: Event) -> Stage | None:
    past = s.stage is Stage.RELEASED or s.stage in DELIVERY or s.past_customs
    return s.stage if e.stage is Stage.PAYMENT_RECEIVED and past else None


def plain_scan_never_reenters(s: Standing, e: Event) -> Stage | None:
    """After a release and movement a bare "customs" scan is an echo; a hold or a demand is not."""
    past = s.stage in DELIVERY or (s.past_customs and s.release_seen)
    return s.stage if e.stage is Stage.IMPORT_CUSTOMS and past else None


def doubtful_clock_keeps(s: Standing, e: Event) -> Stage | None:
    """Two witnesses, and their clocks cannot tell which came first: the release stands."""
    if s.stage is Stage.RELEASED and e.stage is Stage.IMPORT_CUSTOMS and not e.later:
        return s.stage
    return None


def charge_after_release(s: Standing, e: Event) -> Stage | None:
    """Customs is done and somebody has paid for it: the bill comes now."""
    return e.stage if s.stage is Stage.RELEASED and e.stage is Stage.PAYMENT_DUE else None


def release_taken_back(s: Standing, e: Event) -> Stage | None:
    return e.stage if s.stage is Stage.RELEASED and e.stage in CLEARING else None


def arrival_once(s: Standing, e: Event) -> Stage | None:
    """Every hub says "arrived"; a parcel arrives in a country once."""
    if e.stage is Stage.ARRIVED_DESTINATION and s.entries.get(e.stage):
        return Stage.IN_TRANSIT
    return None


def newest_decides(_s: Standing, e: Event) -> Stage | None:
    return e.stage


RULES: tuple[Rule, ...] = (
    unknown_keeps,
    same_stage_stays,
    first_word,
    paper_after_movement,
    reopened,
    info_after_delivered,
    return_cancelled,
    return_beats_delivered,
    return_under_way,
    refusal_stands,
    export_is_history,
    transit_is_history,
    export_never_import,
    charge_stands,
    repeated_update_keeps,
    exception_says_less,
    arrival_during_clearance,
    left_without_release,
    clearance_runs_ahead,
    released_ahead,
    release_then_last_mile,
    late_release_noted,
    late_payment_noted,
    plain_scan_never_reenters,
    doubtful_clock_keeps,
    charge_after_release,
    release_taken_back,
    arrival_once,
    newest_decides,
)


def move(standing: Standing, event: Event) -> tuple[Stage, str]:
    """Return the stage at which the parcel stands after *event*, and the name of the rule that says so."""
    for rule in RULES:
        stage = rule(standing, event)
        if stage is not None:
            return stage, rule.__name__
    raise AssertionError("newest_decides always answers")
