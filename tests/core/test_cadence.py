"""How long to wait before the next look."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stories.score import Watch, read
from workers.core import cadence
from workers.core.limits import Quota
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


HOURS = st.sampled_from([1, 1.75, 2, 3, 6, 12, 24, 72]).map(lambda hours: timedelta(hours=hours))


def demand(paces: list[timedelta], scale: float, by: cadence.Stretch) -> tuple[float, float]:
    """Return looks an hour that urgent and calm parcels ask for at stretched paces."""
    urgent = sum(scale / (p / timedelta(hours=1) * by.urgent) for p in paces if p <= cadence.URGENT)
    calm = sum(scale / (p / timedelta(hours=1) * by.calm) for p in paces if p > cadence.URGENT)
    return urgent, calm


@given(st.lists(HOURS, min_size=1, max_size=200), st.integers(1, 100_000), st.floats(0.01, 1e6))
def test_stretched_paces_fit_into_the_room_and_calm_ones_give_way_first(
    paces: list[timedelta], watched: int, room: float
) -> None:
    by = cadence.stretch(paces, watched=watched, room=room)
    scale = watched / len(paces)
    urgent, calm = demand(paces, scale, by)
    assert urgent + calm <= room * (1 + 1e-9)
    assert by.calm >= 1
    assert by.urgent >= 1
    wished, wished_calm = demand(paces, scale, cadence.Stretch())
    if wished <= room * cadence.HEADROOM * (1 - cadence.CALM_SHARE):
        assert by.urgent == 1, "urgent ones are slowed only where they alone are too many"
    if wished + wished_calm <= room * cadence.HEADROOM * (1 - 1e-9):
        assert by == cadence.Stretch()
    if wished_calm:
        assert calm >= min(wished_calm, room * cadence.HEADROOM * cadence.CALM_SHARE) * (1 - 1e-9), (
            "none is forgotten"
        )


def test_where_nothing_is_known_or_nothing_can_be_asked_nothing_is_stretched() -> None:
    assert cadence.stretch([], watched=0, room=5) == cadence.Stretch()
    assert cadence.stretch([timedelta(0)], watched=9, room=5) == cadence.Stretch()
    assert cadence.stretch([timedelta(hours=1)], watched=9, room=0) == cadence.Stretch()


def test_the_room_of_a_source_is_the_least_it_allows() -> None:
    day, hour = Quota("calls", 240, "day"), Quota("calls", 60, "hour")
    assert cadence.room(rate=3, per_call=40, quota=()) == 3 * 3600 * 40
    assert cadence.room(rate=0.001, per_call=1, quota=[hour]) == pytest.approx(3.6)
    assert cadence.room(rate=3, per_call=1, quota=[day]) == pytest.approx(10)
    assert cadence.room(rate=3, per_call=5, quota=[Quota("numbers", 1, "month"), hour]) == pytest.approx(300)


@given(
    st.sampled_from(Stage),
    st.integers(0, 400 * 24),
    st.integers(0, 400 * 24),
    st.one_of(st.none(), st.integers(-400, 400)),
    st.booleans(),
)
def test_every_parcel_has_a_pace_between_an_hour_and_three_days_or_is_settled(
    stage: Stage, since: int, news: int, left: int | None, pushed: bool
) -> None:
    snapshot = at(stage, since=NOW - timedelta(hours=since), last_news=NOW - timedelta(hours=news))
    deadline = None if left is None else NOW.date() + timedelta(days=left)
    every = cadence.look(snapshot, now=NOW, deadline=deadline, pushed=pushed)
    assert every is None or cadence.SOONEST <= every <= cadence.LATEST
    if every is None:
        assert stage in (Stage.DELIVERED, Stage.RETURNING)
    near = deadline is not None and -1 <= (deadline - NOW.date()).days <= 7
    if pushed and not near and every is not None:
        assert every >= cadence.PUSHED, "who is told unasked is only checked on"
