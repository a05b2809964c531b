"""Two sources tell one life, each in its own words and by its own clock: whoever is heard first, the parcel stands where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from workers.core.detect import detect
from workers.core.model import Reading, Side, Sighting, Snapshot, Stage, TimeQuality
from workers.core.timeline import merge

START = datetime(2026, 10, 1, 8, tzinfo=UTC)
NOW = START + timedelta(days=60)

# Lives as parcels lead them; the step to each stage takes some hours.
LIVES: tuple[tuple[Stage, ...], ...] = (
    (Stage.PRE_TRANSIT, Stage.IN_TRANSIT, Stage.EXPORT_CUSTOMS, Stage.EXPORT_CLEARED, Stage.ARRIVED_DESTINATION,
     Stage.IMPORT_CUSTOMS, Stage.RELEASED, Stage.OUT_FOR_DELIVERY, Stage.DELIVERED),
    (Stage.IN_TRANSIT, Stage.EXPORT_CLEARED, Stage.ARRIVED_DESTINATION, Stage.IMPORT_CUSTOMS, Stage.HELD, Stage.PAYMENT_DUE,
     Stage.PAYMENT_RECEIVED, Stage.RELEASED, Stage.AVAILABLE_FOR_PICKUP, Stage.DELIVERED),
    (Stage.IN_TRANSIT, Stage.ARRIVED_DESTINATION, Stage.IMPORT_CUSTOMS, Stage.INSPECTION, Stage.DOCUMENTS_REQUIRED,
     Stage.REFUSED, Stage.RETURNING),
    (Stage.PRE_TRANSIT, Stage.IN_TRANSIT, Stage.ARRIVED_DESTINATION, Stage.IMPORT_CUSTOMS, Stage.CLEARANCE_DELAY,
     Stage.RELEASED, Stage.OUT_FOR_DELIVERY, Stage.DELIVERY_FAILED, Stage.AVAILABLE_FOR_PICKUP),
)  # fmt: skip
HOME = frozenset({Stage.PRE_TRANSIT, Stage.IN_TRANSIT, Stage.EXPORT_CUSTOMS, Stage.EXPORT_CLEARED})
WORDS = {
    stage: (f"{stage.value} according to the carrier", f"Sendung {place}: Vorgang vermerkt")
    for place, stage in enumerate(Stage)
}
Shown = list[tuple[Sighting, Reading]]


@dataclass(frozen=True)
class Clock:
    """How a source writes times."""

    quality: TimeQuality
    off: timedelta

    def write(self, at: datetime) -> datetime:
        if self.quality is TimeQuality.DAY:
            return at.replace(hour=0, minute=0)
        return at + self.off


CLOCKS = st.one_of(
    st.builds(Clock, st.just(TimeQuality.EXACT), st.sampled_from([timedelta(minutes=m) for m in (0, 1, 20)])),
    st.builds(Clock, st.just(TimeQuality.ASSUMED), st.integers(-10, 10).map(lambda h: timedelta(hours=h))),
    st.builds(Clock, st.just(TimeQuality.DAY), st.just(timedelta(0))),
)


@dataclass(frozen=True)
class Life:
    """What happened, and when."""

    steps: tuple[tuple[Stage, datetime], ...]

    def told(self, source: str, clock: Clock, kept: Sequence[bool] | None = None) -> Shown:
        """Return the life as *source* shows it; *kept*: which of its events it knows."""
        out: Shown = []
        for place, (stage, at) in enumerate(self.steps):
            if kept is not None and not kept[place]:
                continue
            country = ("CN" if stage in HOME else "DE") if source == "a" or place % 2 else ""
            side = Side.ORIGIN if stage in (Stage.EXPORT_CUSTOMS, Stage.EXPORT_CLEARED) else None
            text = WORDS[stage][source == "b"]
            out.append(
                (
                    Sighting(source, text, clock.write(at), clock.quality, country=country),
                    Reading(stage, side=side),
                )
            )
        return out


@st.composite
def lives(draw: st.DrawFn) -> Life:
    stages = draw(st.sampled_from(LIVES))
    stages = stages[: draw(st.integers(2, len(stages)))]
    at, steps = START, []
    for stage in stages:
        at += timedelta(hours=draw(st.integers(3, 90)))
        steps.append((stage, at))
    return Life(tuple(steps))


def look(before: Snapshot, source: str, shown: Shown, hours: int = 0) -> tuple[Snapshot, bool]:
    after, transition = detect(
        before, shown, origin="CN", destination="DE", source=source, now=NOW + timedelta(hours=hours)
    )
    return after, transition is not None


EXACT = Clock(TimeQuality.EXACT, timedelta(0))


@settings(max_examples=60, deadline=None)
@given(lives(), CLOCKS, st.data())
def test_a_source_that_knows_less_moves_nothing(life: Life, clock: Clock, data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.booleans(), min_size=len(life.steps), max_size=len(life.steps)))
    full, _ = look(Snapshot(), "a", life.told("a", EXACT))
    both, moved = look(full, "b", life.told("b", clock, kept), 1)
    assert both.stage is full.stage
    assert not moved


@settings(max_examples=60, deadline=None)
@given(lives(), CLOCKS, st.data())
def test_a_source_that_knows_more_moves_the_parcel_once(
    life: Life, clock: Clock, data: st.DataObject
) -> None:
    known = data.draw(st.integers(1, len(life.steps) - 1))
    part = [place < known for place in range(len(life.steps))]
    first, _ = look(Snapshot(), "b", life.told("b", clock, part))
    alone, _ = look(Snapshot(), "a", life.told("a", EXACT))
    both, moved = look(first, "a", life.told("a", EXACT), 1)
    assert both.stage is alone.stage
    assert moved == (alone.stage is not first.stage)
    again, moved = look(both, "b", life.told("b", clock), 2)  # the slower one catches up
    assert (again.stage, moved) == (alone.stage, False)
    assert again.occurrences.get(alone.stage.value) == both.occurrences.get(alone.stage.value)


@settings(max_examples=60, deadline=None)
@given(lives(), CLOCKS, st.data())
def test_whoever_is_heard_first_the_parcel_stands_where_it_stands(
    life: Life, clock: Clock, data: st.DataObject
) -> None:
    kept = data.draw(st.lists(st.booleans(), min_size=len(life.steps), max_size=len(life.steps)))
    a, b = life.told("a", EXACT), life.told("b", clock, kept)
    one = look(look(Snapshot(), "a", a)[0], "b", b, 1)[0]
    other = look(look(Snapshot(), "b", b)[0], "a", a, 1)[0]
    assert one.stage is other.stage
    assert (one.charges, one.past_customs, one.side) == (other.charges, other.past_customs, other.side)


@settings(max_examples=60, deadline=None)
@given(lives(), CLOCKS, CLOCKS, st.data())
def test_merging_again_changes_nothing_and_no_event_is_lost(
    life: Life, ours: Clock, theirs: Clock, data: st.DataObject
) -> None:
    kept = data.draw(st.lists(st.booleans(), min_size=len(life.steps), max_size=len(life.steps)))
    a, b = life.told("a", ours), life.told("b", theirs, kept)
    timeline, _ = merge((), a, source="a", now=NOW)
    timeline, _ = merge(timeline, b, source="b", now=NOW)
    for source, shown in (("a", a), ("b", b)):
        distinct = {(s.at, s.text) for s, _ in shown}
        assert sum(source in seen.witnesses for seen in timeline) == len(distinct)
        again, news = merge(timeline, shown, source=source, now=NOW + timedelta(hours=1))
        assert (again, news) == (timeline, False)
    places = {id(seen): place for place, seen in enumerate(timeline)}
    for before, after in pairwise([seen for seen in timeline if seen.witnesses == ("a",)]):
        assert places[id(before)] < places[id(after)]


@settings(max_examples=60, deadline=None)
@given(lives(), CLOCKS)
def test_the_same_event_in_other_words_has_two_witnesses(life: Life, clock: Clock) -> None:
    plain = {Stage.IN_TRANSIT, Stage.PRE_TRANSIT, Stage.ARRIVED_DESTINATION}
    timeline, _ = merge((), life.told("a", EXACT), source="a", now=NOW)
    timeline, _ = merge(timeline, life.told("b", clock), source="b", now=NOW)
    telling = [seen for seen in timeline if seen.reading.stage not in plain]
    assert all(seen.witnesses == ("a", "b") for seen in telling)


def test_the_same_words_days_apart_are_two_events() -> None:
    life = Life(((Stage.HELD, START), (Stage.HELD, START + timedelta(days=4))))
    timeline, _ = merge((), life.told("a", EXACT, [True, False]), source="a", now=NOW)
    timeline, _ = merge(timeline, life.told("b", EXACT, [False, True]), source="b", now=NOW)
    assert [seen.witnesses for seen in timeline] == [("a",), ("b",)]
