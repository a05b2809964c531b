"""The rules by which one event moves a parcel from stage to stage; each has a name that the evidence can give.

A rule looks at where the parcel stands and at one event, later in its timeline than all that came before, and
answers with the stage to stand at, or None where it has nothing to say. The first that answers decides. Stages are
not a ladder, so no rule compares ranks. Rules decide stages only: they neither count, nor remember, nor notify.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

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
_WEAK = (
    MOVING | EXPORT | {Stage.IMPORT_CUSTOMS, Stage.TRANSIT_CUSTOMS, Stage.EXCEPTION}
)  # scans that undo nothing
_ANY = frozenset(Stage)


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


@dataclass(slots=True, eq=False)  # frozen ones take five times as long to make
class Event:
    """One event as the rules see it; no rule writes to it."""

    seen: Seen
    reading: Reading  # in context
    at: datetime | None  # None where no clock can be believed
    where: Side | None  # the side its country is on
    words: str  # the wording, folded
    later: bool  # later than the event that brought the parcel here, beyond the doubt of their clocks
    stage: Stage  # the reading's


Rule = Callable[[Standing, Event], Stage | None]
Between = tuple[Collection[Stage], Collection[Stage]]


_rules: list[tuple[Rule, Between]] = []


def _between(stands: Collection[Stage], event: Collection[Stage]) -> Callable[[Rule], Rule]:
    """Enter a rule, in the order of this file, for a parcel that stands at one of *stands* and an *event* of such a stage."""

    def enter(rule: Rule) -> Rule:
        _rules.append((rule, (stands, event)))
        return rule

    return enter


@_between(_ANY, {Stage.UNKNOWN})
def unknown_keeps(s: Standing, _e: Event) -> Stage | None:
    return s.stage


@_between(_ANY, _ANY)
def same_stage_stays(s: Standing, e: Event) -> Stage | None:
    return s.stage if e.stage is s.stage else None


@_between({Stage.UNKNOWN}, _ANY)
def first_word(_s: Standing, e: Event) -> Stage | None:
    return e.stage


@_between(_ANY, {Stage.PRE_TRANSIT})
def paper_after_movement(s: Standing, _e: Event) -> Stage | None:
    """A label, a pre-advice: sources show them late, too."""
    return s.stage


@_between(_ANY - {Stage.UNKNOWN, Stage.PRE_TRANSIT}, {Stage.IN_TRANSIT})
def doubtful_scan_says_less(s: Standing, e: Event) -> Stage | None:
    """Two witnesses, and their clocks cannot tell which came first: a plain scan takes nothing back."""
    return None if e.later else s.stage


@_between({Stage.DELIVERED}, _REOPENING)
def reopened(_s: Standing, e: Event) -> Stage | None:
    """A delivered parcel that is seen moving, held or failing later had not been delivered."""
    return e.stage if e.later else None


@_between({Stage.DELIVERED}, _ANY)
def info_after_delivered(s: Standing, _e: Event) -> Stage | None:
    return s.stage


@_between({Stage.RETURNING}, DELIVERY)
def return_cancelled(_s: Standing, e: Event) -> Stage | None:
    """Out for delivery in the destination itself: it comes after all."""
    return e.stage if e.where is Side.DESTINATION and e.later else None


@_between({Stage.RETURNING}, {Stage.DELIVERED})
def return_beats_delivered(s: Standing, _e: Event) -> Stage | None:
    """Delivered at the end of a return: to the sender."""
    return s.stage


@_between({Stage.RETURNING}, _ON_THE_WAY_BACK)
def return_under_way(s: Standing, _e: Event) -> Stage | None:
    return s.stage


@_between({Stage.REFUSED}, _WEAK)
def refusal_stands(s: Standing, _e: Event) -> Stage | None:
    """Scans after a refusal or a seizure are not a release."""
    return s.stage if s.side is not Side.ORIGIN else None


@_between(_ANY, EXPORT)
def export_is_history(s: Standing, _e: Event) -> Stage | None:
    """Export papers shown after the parcel left, or while import runs, move nothing."""
    gone = s.departed or s.arrived or s.past_customs or s.stage in CLEARING or s.stage is Stage.RELEASED
    return s.stage if gone else None


@_between(_ANY, {Stage.TRANSIT_CUSTOMS})
def transit_is_history(s: Standing, _e: Event) -> Stage | None:
    past = s.arrived or s.past_customs or s.stage in CLEARING or s.stage is Stage.RELEASED
    return s.stage if past else None


@_between(_ANY, EXPORT)
def export_never_import(_s: Standing, e: Event) -> Stage | None:
    return e.stage


@_between({Stage.PAYMENT_DUE}, {Stage.IMPORT_CUSTOMS})
def charge_stands(s: Standing, _e: Event) -> Stage | None:
    """Only a payment, a release, another demand or movement ends a demand for money."""
    return s.stage


@_between(_SPECIFIC, {Stage.IMPORT_CUSTOMS})
def repeated_update_keeps(s: Standing, e: Event) -> Stage | None:
    """A wording of "in customs" that was there before the specific one takes nothing back."""
    return s.stage if e.words in s.generic else None


@_between(_SPECIFIC | {Stage.REFUSED}, {Stage.EXCEPTION})
def exception_says_less(s: Standing, _e: Event) -> Stage | None:
    return s.stage


@_between(CLEARING, {Stage.ARRIVED_DESTINATION})
def arrival_during_clearance(s: Standing, _e: Event) -> Stage | None:
    return s.stage


@_between(CLEARING, {Stage.IN_TRANSIT})
def left_without_release(s: Standing, e: Event) -> Stage | None:
    """Movement inside the destination after customs there: it has been let go, though nobody said so."""
    if not s.arrived:
        return None
    if e.where is Side.DESTINATION or (e.where is None and s.stage in _QUIET_END):
        return e.stage
    return None


@_between(CLEARING, {Stage.IN_TRANSIT})
def clearance_runs_ahead(s: Standing, _e: Event) -> Stage | None:
    """Clearance may begin before arrival: scans on the road do not end it."""
    return s.stage


@_between({Stage.RELEASED}, MOVING)
def released_ahead(s: Standing, e: Event) -> Stage | None:
    """Released before it arrived: its arrival, and scans elsewhere, are no last mile yet."""
    elsewhere = e.where in (Side.ORIGIN, Side.TRANSIT)
    arriving = e.stage is Stage.ARRIVED_DESTINATION and not s.arrived
    return s.stage if elsewhere or arriving else None


@_between(_ANY, MOVING)
def release_then_last_mile(s: Standing, _e: Event) -> Stage | None:
    past = s.past_customs or s.stage is Stage.RELEASED or s.stage in DELIVERY
    return Stage.IN_TRANSIT if past else None


@_between(_ANY, {Stage.RELEASED})
def late_release_noted(s: Standing, _e: Event) -> Stage | None:
    past = s.stage in DELIVERY or (s.past_customs and s.release_seen)
    return s.stage if past else None


@_between(_ANY, {Stage.PAYMENT_RECEIVED})
def late_payment_noted(s: Standing, _e: Event) -> Stage | None:
    past = s.stage is Stage.RELEASED or s.stage in DELIVERY or s.past_customs
    return s.stage if past else None


@_between(_ANY, {Stage.IMPORT_CUSTOMS})
def plain_scan_never_reenters(s: Standing, _e: Event) -> Stage | None:
    """After a release and movement a bare "customs" scan is an echo; a hold or a demand is not."""
    past = s.stage in DELIVERY or (s.past_customs and s.release_seen)
    return s.stage if past else None


@_between(_SPECIFIC | {Stage.RELEASED}, {Stage.IMPORT_CUSTOMS})
def doubtful_clock_keeps(s: Standing, e: Event) -> Stage | None:
    """Two witnesses, and their clocks cannot tell which came first: the release stands, and so does what says more."""
    return None if e.later else s.stage


@_between({Stage.RELEASED}, {Stage.PAYMENT_DUE})
def charge_after_release(_s: Standing, e: Event) -> Stage | None:
    """Customs is done and somebody has paid for it: the bill comes now."""
    return e.stage


@_between({Stage.RELEASED}, CLEARING)
def release_taken_back(_s: Standing, e: Event) -> Stage | None:
    return e.stage


@_between(_ANY, {Stage.ARRIVED_DESTINATION})
def arrival_once(s: Standing, e: Event) -> Stage | None:
    """Every hub says "arrived"; a parcel arrives in a country once."""
    return Stage.IN_TRANSIT if s.entries.get(e.stage) else None


@_between(_ANY, _ANY)
def newest_decides(_s: Standing, e: Event) -> Stage | None:
    return e.stage


RULES: tuple[Rule, ...] = tuple(rule for rule, _ in _rules)


@cache
def _rules_for(stands: Stage, event: Stage) -> tuple[Rule, ...]:
    """Return the rules that have something to say of an *event* where the parcel *stands*, in their order."""
    return tuple(rule for rule, (at, to) in _rules if stands in at and event in to)


def move(standing: Standing, event: Event) -> tuple[Stage, str]:
    """Return the stage at which the parcel stands after *event*, and the name of the rule that says so."""
    for rule in _rules_for(standing.stage, event.stage):
        stage = rule(standing, event)
        if stage is not None:
            return stage, rule.__name__
    raise AssertionError("newest_decides always answers")
