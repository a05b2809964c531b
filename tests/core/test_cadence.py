"""How long to wait before the next look."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stories.score import Watch, read
from workers.core import cadence
from workers.core.model import Snapshot, Stage

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)


def at(stage: Stage, **facts: object) -> Snapshot:
    recent = NOW - timedelta(hours=5)
    return Snapshot(stage=stage, **{"since": recent, "first_look": recent, "last_news": recent, **facts})  # type: ignore[arg-type]


def hours(stage: Stage, **facts: object) -> float:
    every = cadence.look(at(stage, **facts), now=NOW)
    assert every is not None
    return every / timedelta(hours=1)


@pytest.mark.parametrize(
    "stage",
    [
        Stage.IMPORT_CUSTOMS,
        Stage.INSPECTION,
        Stage.HELD,
        Stage.DOCUMENTS_REQUIRED,
        Stage.PAYMENT_DUE,
        Stage.PAYMENT_RECEIVED,
        Stage.CLEARANCE_DELAY,
    ],
)
def test_a_parcel_in_customs_is_looked_at_every_hour_or_two(stage: Stage) -> None:
    assert 1 <= hours(stage) <= 2
    assert 1 <= hours(stage, last_news=NOW - timedelta(days=20)) <= 2


def test_on_the_road_six_hours_before_it_twelve() -> None:
    assert hours(Stage.IN_TRANSIT) == 6
    assert hours(Stage.EXCEPTION) == 6
    assert hours(Stage.PRE_TRANSIT) == 12


def test_every_stage_has_a_pace() -> None:
    for stage in Stage:
        assert hours(stage) > 0


def test_a_delivered_parcel_is_checked_for_three_days_then_left_alone() -> None:
    assert hours(Stage.DELIVERED, since=NOW - timedelta(days=2)) == 24
    assert cadence.look(at(Stage.DELIVERED, since=NOW - timedelta(days=3, hours=1)), now=NOW) is None


def test_an_old_delivered_history_is_settled_at_its_first_look() -> None:
    assert cadence.look(at(Stage.DELIVERED, since=NOW - timedelta(days=300), first_look=NOW), now=NOW) is None


def test_a_number_unknown_for_long_is_looked_at_once_a_day() -> None:
    assert hours(Stage.UNKNOWN, first_look=NOW - timedelta(days=3)) == 12
    assert hours(Stage.UNKNOWN, first_look=NOW - timedelta(days=15)) == 24
    assert cadence.look(Snapshot(), now=NOW) == timedelta(hours=12)


def test_a_parcel_without_news_for_months_is_looked_at_seldom_and_never_given_up() -> None:
    assert hours(Stage.IN_TRANSIT, last_news=NOW - timedelta(days=31)) == 24
    assert hours(Stage.IMPORT_CUSTOMS, last_news=NOW - timedelta(days=31)) == 24
    assert hours(Stage.IN_TRANSIT, last_news=NOW - timedelta(days=150)) == 72


def test_a_near_deadline_quickens_and_a_far_or_past_one_does_not() -> None:
    def every(days: int) -> timedelta | None:
        return cadence.look(at(Stage.IN_TRANSIT), now=NOW, deadline=NOW.date() + timedelta(days=days))

    assert every(2) == timedelta(hours=1)
    assert every(0) == timedelta(hours=1)
    assert every(6) == timedelta(hours=2)
    assert every(20) == timedelta(hours=6)
    assert every(-9) == timedelta(hours=6)


def test_a_pushed_parcel_is_only_checked_on_unless_a_deadline_nears() -> None:
    assert cadence.look(at(Stage.HELD), now=NOW, pushed=True) == timedelta(hours=24)
    tomorrow = NOW.date() + timedelta(days=1)
    assert cadence.look(at(Stage.HELD), now=NOW, pushed=True, deadline=tomorrow) == timedelta(hours=1)


def test_a_finished_return_is_left_alone_too() -> None:
    watch = Watch()
    watch.live(read("1d 08:00 | DE | returning | Returning | .\n9d 08:00 | CN | delivered | Delivered | ."))
    assert watch.snapshot.stage is Stage.RETURNING
    assert cadence.look(watch.snapshot, now=watch.now + timedelta(days=1)) == timedelta(hours=12)
    assert cadence.look(watch.snapshot, now=watch.now + timedelta(days=4)) is None


def test_a_return_under_way_is_not_finished() -> None:
    watch = Watch()
    watch.live(read("1d 08:00 | DE | returning | Returning | .\n9d 08:00 | CN | in_transit | Hub | ."))
    assert cadence.look(watch.snapshot, now=watch.now + timedelta(days=9)) is not None


@given(
    stage=st.sampled_from(Stage),
    ago=st.timedeltas(timedelta(days=-2), timedelta(days=900)),
    news=st.none() | st.timedeltas(timedelta(days=-2), timedelta(days=900)),
    deadline=st.none() | st.dates(date(2020, 1, 1), date(2035, 1, 1)),
    pushed=st.booleans(),
)
def test_the_wait_is_always_bounded(
    stage: Stage, ago: timedelta, news: timedelta | None, deadline: date | None, pushed: bool
) -> None:
    snapshot = at(stage, since=NOW - ago, last_news=None if news is None else NOW - news)
    every = cadence.look(snapshot, now=NOW, deadline=deadline, pushed=pushed)
    assert every is None or cadence.SOONEST <= every <= cadence.LATEST
    assert every is not None or stage is Stage.DELIVERED
