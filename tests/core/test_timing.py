"""When a notice goes out: every rule with its limits, in the reader's zone, over midnight and both changes of the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.timing import (
    TOGETHER,
    Due,
    Habits,
    Plan,
    Quiet,
    Summary,
    next_summary,
    plan,
    quiet_until,
)

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Quiet(time(22), time(7))
HOUR = timedelta(hours=1)
CALM = Due(urgent=False, waited="", order="o1")
URGENT = Due(urgent=True, waited="", order="o1")


def berlin(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).astimezone(UTC)


def nothing(_: timedelta) -> tuple[None, int]:
    return None, 0


def planned(due: Due, habits: Habits, at: str, *, last: timedelta | None = None, today: int = 0) -> Plan:
    return plan(due, habits, lambda _: (last, today), now=berlin(at), zone=BERLIN)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-24T21:59:59", None),
        ("2026-11-24T22:00", "2026-11-25T07:00"),
        ("2026-11-25T00:30", "2026-11-25T07:00"),
        ("2026-11-25T06:59", "2026-11-25T07:00"),
        ("2026-11-25T07:00", None),
        ("2026-03-28T23:00", "2026-03-29T07:00"),  # the clock goes forward in this night
        ("2026-10-24T23:00", "2026-10-25T07:00"),  # and back in this one
        ("2026-10-25T02:30", "2026-10-25T07:00"),
    ],
)
def test_quiet_hours_over_midnight_end_in_the_morning(now: str, until: str | None) -> None:
    assert quiet_until(NIGHT, now=berlin(now), zone=BERLIN) == (berlin(until) if until else None)


def test_a_night_is_an_hour_shorter_in_spring_and_longer_in_autumn() -> None:
    for begins, hours in (("2026-03-28T22:00", 8), ("2026-10-24T22:00", 10), ("2026-11-24T22:00", 9)):
        until = quiet_until(NIGHT, now=berlin(begins), zone=BERLIN)
        assert until is not None
        assert until - berlin(begins) == hours * HOUR


def test_quiet_hours_that_end_in_the_hour_that_is_skipped_end_with_the_change() -> None:
    until = quiet_until(Quiet(time(22), time(2, 30)), now=berlin("2026-03-29T01:00"), zone=BERLIN)
    assert until == datetime(2026, 3, 29, 1, tzinfo=UTC)  # 02:00 became 03:00


def test_quiet_hours_that_end_in_the_hour_that_comes_twice_end_in_the_second() -> None:
    quiet = Quiet(time(22), time(2, 30))
    for now in (berlin("2026-10-25T02:10"), berlin("2026-10-25T02:45"), berlin("2026-10-25T02:10", fold=1)):
        assert quiet_until(quiet, now=now, zone=BERLIN) == berlin("2026-10-25T02:30", fold=1)
    assert quiet_until(quiet, now=berlin("2026-10-25T02:45", fold=1), zone=BERLIN) is None


def test_quiet_hours_within_a_day_do_not_cross_midnight() -> None:
    noon = Quiet(time(12), time(14))
    assert quiet_until(noon, now=berlin("2026-11-24T13:00"), zone=BERLIN) == berlin("2026-11-24T14:00")
    assert quiet_until(noon, now=berlin("2026-11-24T23:00"), zone=BERLIN) is None
    assert quiet_until(Quiet(time(8), time(8)), now=berlin("2026-11-24T08:00"), zone=BERLIN) is None


def test_quiet_hours_are_the_readers_and_not_the_servers() -> None:
    now = datetime(2026, 11, 24, 13, tzinfo=UTC)  # 22:00 in Tokyo, 14:00 in Berlin
    assert quiet_until(NIGHT, now=now, zone=ZoneInfo("Asia/Tokyo")) == now + 9 * HOUR
    assert quiet_until(NIGHT, now=now, zone=BERLIN) is None


ZONES = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Africa/Cairo", "Australia/Lord_Howe", "UTC", "Asia/Kolkata"]
)
TIMES = st.times().map(lambda t: t.replace(second=0, microsecond=0))


MINUTES = st.integers(0, 2 * 365 * 24 * 60).map(
    lambda m: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=m)
)


@given(MINUTES, TIMES, TIMES, ZONES)
def test_quiet_hours_always_end_within_a_day_and_are_over_when_they_end(
    now: datetime, begins: time, ends: time, zone: str
) -> None:
    quiet, there = Quiet(begins, ends), ZoneInfo(zone)
    until = quiet_until(quiet, now=now, zone=there)
    if until is not None:
        assert now < until <= now + 26 * HOUR
        assert quiet_until(quiet, now=until, zone=there) is None or begins == ends


@given(MINUTES, TIMES, ZONES, st.none() | st.integers(0, 6))
def test_there_is_a_digest_every_day_or_every_week(
    now: datetime, at: time, zone: str, weekday: int | None
) -> None:
    there = ZoneInfo(zone)
    summary = next_summary(Summary(at, weekday), now=now, zone=there)
    assert now < summary <= now + timedelta(days=1 if weekday is None else 7, hours=2)
    local = summary.astimezone(there)
    assert weekday in (None, local.weekday())


def test_nothing_waits_without_a_reason() -> None:
    assert planned(CALM, Habits(), "2026-11-24T03:00") == Plan()


def test_what_is_urgent_passes_quiet_hours_digest_gap_and_cap_and_says_so() -> None:
    habits = Habits(NIGHT, Summary(time(8)), gap=6 * HOUR, cap=1)
    assert planned(URGENT, habits, "2026-11-24T23:00", last=HOUR, today=9) == Plan(woke=True)
    assert planned(URGENT, habits, "2026-11-24T12:00", last=HOUR, today=9) == Plan()


def test_what_is_calm_waits_for_the_morning_and_then_goes() -> None:
    waits = planned(CALM, Habits(NIGHT), "2026-11-24T23:00")
    assert waits == Plan(berlin("2026-11-25T07:00"), "quiet")
    after = Due(urgent=False, waited="quiet", order="o1")
    assert planned(after, Habits(NIGHT), "2026-11-25T07:00") == Plan()
    # nobody worked in the morning: the evening is quiet again
    assert planned(after, Habits(NIGHT), "2026-11-25T22:00").reason == "quiet"


def test_what_is_calm_goes_into_the_next_digest_once() -> None:
    habits = Habits(NIGHT, Summary(time(8)), cap=1)
    waits = planned(CALM, habits, "2026-11-24T08:00")
    assert waits == Plan(berlin("2026-11-25T08:00"), "digest", "digest")
    assert planned(Due(False, "digest", "o1"), habits, "2026-11-25T08:00", today=5) == Plan()
    late = planned(Due(False, "digest", "o1"), habits, "2026-11-25T23:00")
    assert late == Plan(berlin("2026-11-26T07:00"), "quiet", "digest")  # still in one message
    weekly = Habits(digest=Summary(time(18), weekday=4))
    assert planned(CALM, weekly, "2026-11-24T12:00").until == berlin("2026-11-27T18:00")
    assert planned(CALM, weekly, "2026-11-27T18:00").until == berlin("2026-12-04T18:00")


@pytest.mark.parametrize(("needed", "waits"), [("2026-11-28", False), ("2026-11-29", True)])
def test_a_digest_that_would_come_too_late_is_not_waited_for(needed: str, waits: bool) -> None:
    """The digest comes on Saturday the 28th: what must be done that day or before goes now."""
    due = Due(False, "", "o1", needed_by=date.fromisoformat(needed))
    planned_for = planned(due, Habits(digest=Summary(time(8), weekday=5)), "2026-11-24T12:00")
    assert (planned_for.reason == "digest") is waits


def test_a_parcel_that_spoke_lately_waits_for_the_gap() -> None:
    habits = Habits(gap=6 * HOUR)
    assert planned(CALM, habits, "2026-11-24T12:00", last=2 * HOUR) == Plan(berlin("2026-11-24T16:00"), "gap")
    assert planned(CALM, habits, "2026-11-24T12:00", last=6 * HOUR) == Plan()
    assert planned(CALM, habits, "2026-11-24T12:00") == Plan()


def test_beyond_the_cap_the_rest_of_a_day_comes_in_one_message_on_the_next() -> None:
    assert planned(CALM, Habits(cap=3), "2026-11-24T12:00", today=2) == Plan()
    assert planned(CALM, Habits(cap=3), "2026-11-24T12:00", today=3) == Plan(
        berlin("2026-11-25T00:00"), "cap", "cap"
    )
    quiet = planned(CALM, Habits(NIGHT, cap=3), "2026-11-24T12:00", today=3)
    assert quiet == Plan(berlin("2026-11-25T07:00"), "cap", "cap")
    assert planned(Due(False, "cap", "o1"), Habits(cap=3), "2026-11-25T07:00", today=3) == Plan()


def test_the_day_of_the_cap_begins_at_the_readers_midnight() -> None:
    asked: list[timedelta] = []

    def lately(window: timedelta) -> tuple[None, int]:
        asked.append(window)
        return None, 0

    plan(CALM, Habits(cap=1), lately, now=berlin("2026-03-29T12:00"), zone=BERLIN)
    assert asked == [11 * HOUR]  # an hour of that morning is missing


def test_parcels_of_one_order_wait_a_moment_for_each_other_and_no_other_does() -> None:
    for due in (
        Due(False, "", "o1", siblings=3, advice="pay"),
        Due(True, "", "o1", siblings=3, advice="pay"),
    ):
        assert planned(due, Habits(), "2026-11-24T12:00") == Plan(
            berlin("2026-11-24T12:00") + TOGETHER, "together", "together:o1:pay"
        )
    again = Due(False, "together", "o1", siblings=3, advice="pay")
    assert planned(again, Habits(), "2026-11-24T12:00") == Plan()
    night = planned(again, Habits(NIGHT), "2026-11-24T23:00")
    assert night == Plan(berlin("2026-11-25T07:00"), "quiet", "together:o1:pay")  # still in one message
    assert planned(Due(False, "", "", siblings=3), Habits(), "2026-11-24T12:00") == Plan()


def test_what_an_operator_frees_goes_at_once() -> None:
    due = Due(False, "", "o1", siblings=3, freed=True)
    assert planned(due, Habits(NIGHT, Summary(time(8)), 6 * HOUR, 0), "2026-11-24T23:00", today=9) == Plan()
