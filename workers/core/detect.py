"""Find where a parcel stands and whether that is a move; refuses to say whether anybody should be told.

The stage is a function of the whole timeline: every look walks it from its first event, by the rules of
``workers.core.moves``. Hence an older event that arrives late finds its place and enriches what came after,
and repeating or shuffling a look's sightings changes nothing. Only the number of a stage's occurrences is
remembered: it never falls, so that a notice already owed keeps its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from workers.core import context
from workers.core.context import CLEARING, DELIVERY, EXPORT
from workers.core.likeness import Identity, doubt, fold, identity
from workers.core.model import Charges, Reading, Seen, Side, Sighting, Snapshot, Stage, Transition
from workers.core.moves import CUSTOMS, Event, Standing, move
from workers.core.timeline import Looked, believable, merge, usable

OSCILLATION = timedelta(hours=12)  # pending, released, pending again within this is one stay
AT_ORIGIN = timedelta(days=6)  # so long after an origin scan "customs" without a place is still export


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a timeline, where the parcel stood after it, and the rule that said so."""

    seen: Seen
    stage: Stage
    rule: str
    entered: bool  # this event brought the parcel to the stage


def detect(
    before: Snapshot,
    looked: Looked,
    *,
    origin: str,
    destination: str,
    source: str,
    now: datetime,
    ordered: date | None = None,
) -> tuple[Snapshot, Transition | None]:
    """Return what is known of the parcel after a look, and its move to another stage, if it made one.

    *looked* holds the sightings of one look, oldest first as the source lists them, each with what its words
    say. *origin* and *destination* are ISO 3166-1 alpha-2. An empty look leaves the snapshot as it was: a first
    look is the first that shows something, or a source that is slow to learn a number would make its history news.
    """
    if not looked:
        return before, None
    timeline, news = merge(before.timeline, looked, source=source, now=now)
    stands = Standing()
    walk = _walk(timeline, stands, origin=origin, destination=destination, now=now, ordered=ordered)
    timeline = tuple(seen for seen, _ in walk)
    transition = _transition(before, stands, timeline, now=now)
    known = before.occurrences.get(stands.stage, 0)
    occurrence = transition.occurrence if transition else (known or before.occurrence)
    first_look = before.first_look or now
    after = Snapshot(
        stage=stands.stage,
        since=_since(stands, now),
        occurrence=occurrence,
        occurrences=_counted(before.occurrences, stands, occurrence),
        side=stands.side,
        addressee=stands.addressee,
        charges=stands.charges,
        causes=stands.causes,
        past_customs=stands.past_customs,
        timeline=timeline,
        first_look=first_look,
        last_news=now if news else before.last_news,
        in_customs_since=stands.in_customs_since,
        next_numbers=_numbers(before.next_numbers, timeline),
        pushed=before.pushed,
        met=before.met or now,
    )
    return after, transition


def story(timeline: Sequence[Seen], *, origin: str, destination: str, now: datetime) -> tuple[Step, ...]:
    """Return the parcel's way through *timeline*, event by event: what ``explain`` shows."""
    steps = []
    stands = Standing()
    before = stands.stage
    for seen, rule in _walk(timeline, stands, origin=origin, destination=destination, now=now):
        entered = stands.stage is not before
        before = stands.stage
        steps.append(Step(seen, before, stands.rule if entered else rule, entered))
    return tuple(steps)


def _walk(
    timeline: Sequence[Seen],
    stands: Standing,
    *,
    origin: str,
    destination: str,
    now: datetime,
    ordered: date | None = None,
) -> Iterator[tuple[Seen, str]]:
    """Lead *stands* through *timeline*; yield every event as it reads in context, and the rule that decided on it."""
    believed = believable(now)
    stays: dict[tuple[Stage, Side | None], _Stay] = {}
    opens = datetime.combine(ordered, time(), UTC) - timedelta(days=1) if ordered else None
    for seen in timeline:
        sighting = seen.sighting
        at = believed(sighting)
        said = seen.said or seen.reading
        reading = context.resolve(
            said,
            sighting,
            origin=origin,
            destination=destination,
            arrived=stands.arrived,
            departed=stands.departed or (stands.stage in CLEARING and stands.side is Side.DESTINATION),
            export_done=stands.export_done,
            at_origin=_at_origin(stands, at),
        )
        if reading is not said:
            seen = Seen(sighting, reading, seen.first_seen, seen.witnesses, seen.vanished, said)
        elif seen.said is not None:
            seen = Seen(sighting, reading, seen.first_seen, seen.witnesses, seen.vanished)
        event = Event(
            seen=seen,
            reading=reading,
            at=None if opens and at and at < opens else at,
            where=context.side_of(sighting.country, origin=origin, destination=destination),
            words=fold(sighting.text),
            later=_later(stands.proof, sighting, believed),
            stage=reading.stage,
        )
        stage, rule = move(stands, event)
        entered = stage is not stands.stage
        if entered:
            _enter(stands, stage, rule, event, stays)
        elif reading.stage is stage or reading.stage is Stage.EXCEPTION:
            _enrich(stands, reading)
        _note(stands, event, rule, origin=origin, destination=destination)
        yield seen, rule


@dataclass(frozen=True, slots=True)
class _Stay:
    """A stay that a parcel has just left, and may fall back into."""

    left: datetime
    since: datetime | None
    began: Seen | None
    in_customs_since: datetime | None


def _enter(
    s: Standing, stage: Stage, rule: str, event: Event, stays: dict[tuple[Stage, Side | None], _Stay]
) -> None:
    """Bring the parcel to *stage*; falling back into a stay left within hours does not begin another one."""
    reading = event.reading
    if s.stage in CUSTOMS and event.at is not None:
        stays[s.stage, s.side] = _Stay(event.at, s.since, s.stay, s.in_customs_since)
    if stage not in CUSTOMS:
        stays.clear()
    side = reading.side if stage is reading.stage else None
    stay = stays.pop((stage, side), None)
    if stay is not None and event.at is not None and event.at - stay.left <= OSCILLATION:
        rule, since, began, in_customs_since = (
            "oscillation_damped",
            stay.since,
            stay.began,
            stay.in_customs_since,
        )
    else:
        since, began, in_customs_since = event.at, event.seen, s.in_customs_since
        s.entries[stage] = s.entries.get(stage, 0) + 1
    if stage not in CLEARING:
        in_customs_since = None
    elif in_customs_since is None:
        in_customs_since = event.at or event.seen.first_seen
    s.stage, s.rule, s.proof, s.stay, s.since = stage, rule, event.seen, began, since
    s.side, s.addressee, s.causes = side, reading.addressee, reading.causes
    s.in_customs_since = in_customs_since
    if stage in CLEARING and stage not in (Stage.PAYMENT_DUE, Stage.PAYMENT_RECEIVED):
        s.past_customs = s.release_seen = False


def _enrich(s: Standing, reading: Reading) -> None:
    """Take over what another event of the same stage adds."""
    s.causes = tuple(dict.fromkeys((*reading.causes, *s.causes)))
    s.side = s.side or reading.side
    if reading.stage is s.stage:
        s.addressee = reading.addressee or s.addressee


def _note(s: Standing, event: Event, rule: str, *, origin: str, destination: str) -> None:
    """Remember the facts beside the stage that *event* adds to, whether or not it moved the parcel."""
    reading, sighting = event.reading, event.seen.sighting
    charges = reading.charges
    if charges is Charges.UNKNOWN and reading.stage is Stage.PAYMENT_DUE:
        charges = Charges.DUE
    elif charges is Charges.UNKNOWN and reading.stage is Stage.PAYMENT_RECEIVED:
        charges = Charges.PAID
    if charges is not Charges.UNKNOWN and reading.side not in (Side.ORIGIN, Side.TRANSIT):
        s.charges = s.charges if (s.charges, charges) == (Charges.PAID, Charges.NONE) else charges
    if rule in ("release_then_last_mile", "left_without_release") or s.stage in DELIVERY:
        s.past_customs = True
    if s.stage is Stage.DELIVERED:
        s.past_customs = True
    s.release_seen = s.release_seen or reading.stage is Stage.RELEASED
    s.export_done = s.export_done or reading.stage is Stage.EXPORT_CLEARED
    if reading.stage is Stage.IMPORT_CUSTOMS:
        s.generic.add(event.words)
    if s.stage is Stage.RETURNING:
        return  # a parcel on its way back arrives and departs without meaning it
    s.arrived = s.arrived or context.arrives(sighting, reading, origin=origin, destination=destination)
    s.departed = s.departed or s.arrived
    s.departed = s.departed or context.leaves(sighting, reading, origin=origin, destination=destination)
    if reading.stage is Stage.IN_TRANSIT or reading.stage in EXPORT or context.sent(sighting):
        s.scanned, s.scanned_at = True, event.at or s.scanned_at


def _at_origin(s: Standing, at: datetime | None) -> bool:
    if not s.scanned or s.departed or s.arrived:
        return False
    return at is None or s.scanned_at is None or at - s.scanned_at <= AT_ORIGIN


def _later(proof: Seen | None, b: Sighting, believed: Callable[[Sighting], datetime | None]) -> bool:
    """Whether *b* is later than *proof* beyond doubt; within one carrier's list its order is enough."""
    if proof is None:
        return True
    a = proof.sighting
    if a.carrier == b.carrier and a.source == b.source:
        return True
    before, after = believed(a), believed(b)
    return before is not None and after is not None and after - before > doubt(a, b)


def _since(stands: Standing, now: datetime) -> datetime | None:
    if stands.stay is None:
        return None
    return min(stands.since or stands.stay.first_seen, now)


def _transition(
    before: Snapshot, stands: Standing, timeline: Sequence[Seen], *, now: datetime
) -> Transition | None:
    """Return the move that this look decided: none where the parcel stands as it stood, or fell back at once."""
    if stands.stage is Stage.UNKNOWN or stands.proof is None:
        return None
    first = before.first_look is None
    known = before.occurrences.get(stands.stage, 0)
    fell_back = stands.stay is not None and stands.stay is not stands.proof
    if not first and (stands.stage is before.stage or (fell_back and known)):
        old = {identity(seen.sighting) for seen in before.timeline}
        if fell_back and known and stands.stay and not _new(stands.stay, old, now):
            return None
        if stands.stage is before.stage:
            place = next(i for i, seen in enumerate(timeline) if seen is stands.proof)
            # Left and entered again since the last look, by events that all lie behind the known ones.
            if not all(_new(seen, old, now) for seen in timeline[place:]):
                return None
    return Transition(
        before=before.stage,
        after=stands.stage,
        occurrence=max(known + 1, stands.entries.get(stands.stage, 0)),
        at=min(stands.proof.sighting.at or now, now) if usable(stands.proof.sighting, now=now) else now,
        rule=stands.rule,
        proof=stands.proof,
        first_look=first,
    )


def _new(seen: Seen, old: set[Identity], now: datetime) -> bool:
    """Whether this look was the first to show *seen*; a new wording or a corrected clock makes none new."""
    return seen.first_seen == now and identity(seen.sighting) not in old


def _counted(before: Mapping[str, int], stands: Standing, occurrence: int) -> dict[str, int]:
    counted = dict(before)
    for stage, entries in stands.entries.items():
        counted[stage.value] = max(counted.get(stage.value, 0), entries)
    if stands.stage is not Stage.UNKNOWN:
        counted[stands.stage.value] = occurrence
    return counted


def _numbers(known: tuple[str, ...], timeline: Sequence[Seen]) -> tuple[str, ...]:
    met = (seen.sighting.number for seen in timeline if seen.sighting.number)
    return tuple(dict.fromkeys((*known, *met)))
