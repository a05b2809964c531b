"""Whether to write, and why: compares what people were told with what is so now. Never picks the words.

The rules, in their order (``decide`` is this list):

    first look                            one notice at most: where it stands, if that needs the person or is
                                          alive; else HISTORY
    delivered, then moving again          REOPENED
    released, then in customs again       REOPENED
    a silent advice                       RESOLVED where it closes an alarm, else NOTHING_TO_DO
    the topic of the last notice          ESCALATED on a step up (NOT_NOW within a day of the last), REMINDER,
                                          else ALREADY_TOLD
    an alarm, and nothing needed now      RESOLVED
    a topic told earlier                  ESCALATED on a step up, else ALREADY_TOLD unless it needs the person
                                          in another round: "clearance updated" over and over is no news
    the stage and round last told of      CHANGED; after a delivery all that comes is new
    anything else                         FIRST
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from workers.core import forecast
from workers.core.advise import CLOSING_DAYS, LAST_CALL_DAYS
from workers.core.model import (
    Advice,
    Charges,
    NeedsYou,
    Order,
    Side,
    Snapshot,
    Stage,
    Told,
    Transition,
    Usual,
    Why,
)

REMIND_AT: Final = (3, 1)  # days before a deadline; each once
GAP: Final = timedelta(hours=24)  # between two notices that only time tells apart
FRESH: Final = timedelta(days=3)  # a release older than this is history on a first look
BILLED: Final = timedelta(days=30)  # a bill older than this was paid or fought over without us
HOUR: Final = time(6, tzinfo=UTC)  # of day at which a calendar review falls due
LONGEST: Final = timedelta(days=3)  # between reviews of a parcel that waits: seasons begin and end
MEMORY: Final = 24  # topics remembered

CLEARING: Final = frozenset(
    {
        Stage.IMPORT_CUSTOMS,
        Stage.INSPECTION,
        Stage.HELD,
        Stage.DOCUMENTS_REQUIRED,
        Stage.PAYMENT_DUE,
        Stage.CLEARANCE_DELAY,
    }
)
ALIVE: Final = CLEARING | {Stage.REFUSED, Stage.RETURNING}
CLOSING: Final = frozenset(
    {Stage.RELEASED, Stage.OUT_FOR_DELIVERY, Stage.AVAILABLE_FOR_PICKUP, Stage.DELIVERED}
)
# On the road an alarm is raised only because nothing moved; whatever moves it, closes it.
ROAD: Final = frozenset(
    {
        Stage.PRE_TRANSIT,
        Stage.IN_TRANSIT,
        Stage.EXPORT_CUSTOMS,
        Stage.EXPORT_CLEARED,
        Stage.TRANSIT_CUSTOMS,
        Stage.ARRIVED_DESTINATION,
    }
)
_NEEDS: Final = {NeedsYou.NO: 0, NeedsYou.WAIT: 1, NeedsYou.YES: 2}
_LADDER: Final = ("", "customs", "operator", "seller", "shop", "bank")


def strength(advice: Advice) -> int:
    """Return how far up its ladder an advice stands: what it asks, then how urgently, then whom to turn
    to.
    """
    return _NEEDS[advice.needs_you] * 100 + advice.urgent * 10 + _LADDER.index(advice.contact)


def decide(
    told: Told,
    advice: Advice,
    snapshot: Snapshot,
    transition: Transition | None,
    *,
    now: datetime,
    first_look: bool,
    deadline: date | None,
) -> Why:
    """Return why to write now, or why not."""
    if first_look:
        return Why.FIRST_LOOK if _worth_a_first_word(advice, snapshot, now) else Why.HISTORY
    if transition is not None and _taken_back(advice, snapshot, transition):
        return Why.REOPENED
    if advice.silent:
        return Why.RESOLVED if told.needed_you and _closes(told, snapshot) else Why.NOTHING_TO_DO
    if advice.topic == told.topic:
        return _same_matter(told, advice, transition, now=now, deadline=deadline)
    if told.needed_you and advice.needs_you is NeedsYou.NO:
        return Why.RESOLVED
    same_round = (told.stage, told.occurrence) == (snapshot.stage, snapshot.occurrence)
    heard = _heard(told).get(advice.topic)
    if heard is not None and strength(advice) > heard:
        return _step_up(told, advice, transition, now=now)
    if heard is not None and (advice.needs_you is not NeedsYou.YES or same_round):
        return Why.ALREADY_TOLD
    replaces = same_round and told.at is not None and snapshot.stage is not Stage.DELIVERED
    return Why.CHANGED if replaces else Why.FIRST


def _worth_a_first_word(advice: Advice, snapshot: Snapshot, now: datetime) -> bool:
    if advice.silent:
        return False
    if advice.needs_you is NeedsYou.YES:
        return snapshot.stage is not Stage.DELIVERED or _billed_lately(snapshot, now)
    if snapshot.side in (Side.ORIGIN, Side.TRANSIT):
        return False
    fresh = snapshot.since is not None and now - snapshot.since <= FRESH
    return snapshot.stage in ALIVE or (snapshot.stage is Stage.RELEASED and fresh)


def _billed_lately(snapshot: Snapshot, now: datetime) -> bool:
    """Whether the newest word of an order that came long ago is young enough to be a bill still open."""
    newest = snapshot.timeline[-1] if snapshot.timeline else None
    return newest is not None and now - (newest.sighting.at or newest.first_seen) <= BILLED


def _taken_back(advice: Advice, snapshot: Snapshot, transition: Transition) -> bool:
    if transition.before is Stage.DELIVERED:
        return snapshot.stage not in (Stage.DELIVERED, Stage.UNKNOWN)
    return transition.before is Stage.RELEASED and snapshot.stage in CLEARING and not advice.silent


def _closes(told: Told, snapshot: Snapshot) -> bool:
    if snapshot.stage in CLOSING:
        return True
    if snapshot.charges is Charges.DUE:
        return False
    moved = (told.stage, told.occurrence) != (snapshot.stage, snapshot.occurrence)
    return snapshot.past_customs or (told.stage in ROAD and moved)


def _same_matter(
    told: Told, advice: Advice, transition: Transition | None, *, now: datetime, deadline: date | None
) -> Why:
    if strength(advice) > told.strength:
        return _step_up(told, advice, transition, now=now)
    if advice.needs_you is NeedsYou.YES and _passed(advice, deadline, now=now) > _reminded(told, deadline):
        return Why.REMINDER
    return Why.ALREADY_TOLD


def _step_up(told: Told, advice: Advice, transition: Transition | None, *, now: datetime) -> Why:
    soon = told.at is not None and now - told.at < GAP
    return Why.NOT_NOW if soon and transition is None and not advice.urgent else Why.ESCALATED


def _heard(told: Told) -> dict[str, int]:
    """Return how far up its ladder each topic was told."""
    pairs = (entry.rpartition(":") for entry in told.heard)
    return {topic: int(level) for topic, _, level in pairs}


def _passed(advice: Advice, deadline: date | None, *, now: datetime) -> int:
    """Return how many of the reminder days before *deadline* have come; none once it is over."""
    if deadline is None or deadline < now.date():
        return 0
    left = (deadline - now.date()).days
    # The day before a dispute is due goes without: on that day the last call itself is written.
    calm = advice.deadline == "dispute" and not advice.urgent
    return sum(left <= days for days in (REMIND_AT[:1] if calm else REMIND_AT))


def _reminded(told: Told, deadline: date | None) -> int:
    return told.reminders if told.deadline == deadline else 0


def identity(why: Why, advice: Advice, told: Told) -> str:
    """Return the step that goes into a notice's id: the same thing decided twice has the same one.

    Stage, occurrence and topic stand beside it in the id.
    """
    if why is Why.REMINDER:
        return f"reminder-{told.reminders + 1}-{told.deadline.isoformat() if told.deadline else ''}"
    if why in (Why.CHANGED, Why.ESCALATED):
        return advice.id
    return "first" if why in (Why.FIRST, Why.FIRST_LOOK) else why.value


def remember(
    told: Told, advice: Advice, why: Why, snapshot: Snapshot, *, now: datetime, deadline: date | None
) -> Told:
    """Return what is known to be told after this decision. Muted or untold parcels are told when they can
    be.
    """
    if not why.speaks and why is not Why.HISTORY:
        return told
    fresh_start = why in (Why.RESOLVED, Why.REOPENED) or snapshot.stage in (Stage.RELEASED, Stage.DELIVERED)
    heard = {} if fresh_start else _heard(told)
    heard[advice.topic] = max(strength(advice), heard.pop(advice.topic, 0))
    now_told = Told(
        advice=advice.id,
        topic=advice.topic,
        stage=snapshot.stage,
        occurrence=snapshot.occurrence,
        at=now,
        needed_you=advice.needs_you is NeedsYou.YES
        or (told.needed_you and advice.needs_you is NeedsYou.WAIT),
        reminders=_passed(advice, deadline, now=now),
        deadline=deadline,
        heard=tuple(f"{topic}:{level}" for topic, level in heard.items())[-MEMORY:],
        strength=strength(advice),
    )
    return replace(now_told, at=None, needed_you=False) if why is Why.HISTORY else now_told


def unsaid(told: Told, topic: str, stage: str, occurrence: int) -> Told:
    """Return *told* without its last word, where that was of *topic* at *stage*: nobody was told after all."""
    if (told.topic, told.stage.value, told.occurrence) != (topic, stage, occurrence):
        return told
    heard = tuple(entry for entry in told.heard if entry.rpartition(":")[0] != topic)
    return Told(heard=heard)


def next_review(
    order: Order,
    snapshot: Snapshot,
    usual: Usual,
    told: Told,
    deadline: date | None,
    *,
    now: datetime,
) -> datetime | None:
    """Return when the advice or the need to remind may next change by time alone; None where it never
    will.
    """
    if snapshot.stage is Stage.DELIVERED:
        return None
    days: list[date] = []
    if deadline is not None:
        days += [deadline - timedelta(days=left) for left in REMIND_AT]
    if order.protected_until is not None:
        days += [order.protected_until - timedelta(days=left) for left in (CLOSING_DAYS, LAST_CALL_DAYS, -1)]
    moments = [datetime.combine(day, HOUR) for day in days]
    if told.at is not None:
        moments.append(told.at + GAP)
    turn = forecast.turns_at(snapshot, usual, now=now)
    if turn is not None:
        moments += [turn, now + LONGEST]
    return min((m for m in moments if m > now), default=None)
