"""How long a wait is usual, and when it stops being so."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from workers.core import forecast
from workers.core.forecast import SILENT, Prior, Priors, Season
from workers.core.model import Evidence, Pace, Side, Snapshot, Stage, Usual

ROW = Evidence("prior", "row", "pace.yaml:1")
PRIORS = Priors(
    rows=(
        Prior(frozenset({Stage.INSPECTION}), 1, 3, 6, ROW, express=True),
        Prior(frozenset({Stage.INSPECTION}), 2, 5, 9, ROW, destinations=frozenset({"BE"})),
        Prior(frozenset({Stage.INSPECTION}), 3, 7, 10.5, ROW),
        Prior(frozenset({Stage.EXPORT_CUSTOMS}), 2, 7, 12, ROW, sides=frozenset({Side.ORIGIN})),
    ),
    seasons=(
        Season("year end", (11, 11), (1, 15), 1.5, ROW),
        Season("new year", (1, 15), (2, 28), 2.0, ROW, sides=frozenset({Side.ORIGIN})),
        Season("one stage", (6, 1), (6, 30), 1.2, ROW, stages=frozenset({Stage.EXPORT_CUSTOMS})),
    ),
)
QUIET = date(2026, 9, 1)
NOW = datetime(2026, 9, 20, 12, tzinfo=UTC)


def usual(stage=Stage.INSPECTION, side=Side.DESTINATION, destination="DE", express=False, on=QUIET):
    return forecast.usual(stage, side, destination=destination, express=express, on=on, priors=PRIORS)


def waiting(days, usual_days=None):
    snapshot = Snapshot(stage=Stage.INSPECTION, since=NOW - timedelta(days=days))
    return forecast.pace(snapshot, usual_days or usual(), now=NOW)


def test_the_first_row_that_fits_counts():
    assert usual(express=True).most == 3
    assert usual(destination="BE").most == 5
    assert usual().most == 7
    assert usual(Stage.EXPORT_CUSTOMS, Side.ORIGIN).most == 7


def test_a_stage_without_a_row_is_not_judged():
    assert usual(Stage.DELIVERED) == SILENT
    assert usual(Stage.EXPORT_CUSTOMS, Side.DESTINATION) == SILENT
    assert waiting(400, SILENT) is Pace.USUAL
    assert forecast.turns_at(Snapshot(since=NOW), SILENT, now=NOW) is None


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (0, Pace.USUAL),
        (7, Pace.USUAL),
        (7.01, Pace.SLOW),
        (10.5, Pace.SLOW),
        (10.51, Pace.STUCK),
        (12, Pace.STUCK),
    ],
)
def test_pace_changes_at_the_lines_of_the_row(days, expected):
    assert waiting(days) is expected


def test_a_wait_without_a_known_beginning_is_usual():
    assert forecast.pace(Snapshot(stage=Stage.INSPECTION), usual(), now=NOW) is Pace.USUAL
    assert forecast.turns_at(Snapshot(stage=Stage.INSPECTION), usual(), now=NOW) is None


def test_a_beginning_in_the_future_is_no_wait():
    snapshot = Snapshot(since=NOW + timedelta(days=3))
    assert forecast.lasted(snapshot, now=NOW) == timedelta()


@pytest.mark.parametrize(
    ("on", "most"),
    [
        (date(2026, 11, 10), 7),
        (date(2026, 11, 11), 10.5),
        (date(2026, 12, 31), 10.5),
        (date(2027, 1, 15), 10.5),
        (date(2027, 1, 16), 7),
    ],
)
def test_the_year_end_is_slower_from_its_first_to_its_last_day(on, most):
    assert usual(on=on).most == most


def test_of_two_seasons_the_longer_one_counts_and_is_named():
    both = usual(Stage.EXPORT_CUSTOMS, Side.ORIGIN, on=date(2027, 1, 15))
    assert both.most == 14
    assert both.source == "pace.yaml:1 · new year"


def test_a_season_of_one_stage_leaves_the_others_alone():
    assert usual(Stage.EXPORT_CUSTOMS, Side.ORIGIN, on=date(2026, 6, 15)).most == pytest.approx(8.4)
    assert usual(on=date(2026, 6, 15)).most == 7


def test_a_season_holds_on_its_first_day_and_its_last_and_may_be_one_day_or_span_the_year():
    def days(first, last):
        season = forecast.Season("s", first, last, 1.5, Evidence("prior", "s"))
        held = (date(2027, month, day) for month, day in ((12, 30), (12, 31), (1, 1), (1, 2), (1, 3), (6, 1)))
        return [(d.month, d.day) for d in held if season.holds(Stage.HELD, None, d)]

    assert days((1, 2), (1, 2)) == [(1, 2)]
    assert days((1, 1), (1, 2)) == [(1, 1), (1, 2)]
    assert days((12, 31), (1, 1)) == [(12, 31), (1, 1)]


def test_a_season_moves_stuck_only_a_tenth_beyond_the_usual():
    in_season = usual(on=date(2026, 12, 1))
    assert in_season.stuck == pytest.approx(11.55)
    assert waiting(11, in_season) is Pace.SLOW
    assert waiting(12, in_season) is Pace.STUCK
    assert usual().stuck == 10.5


def test_pace_turns_exactly_when_turns_at_says():
    snapshot = Snapshot(stage=Stage.INSPECTION, since=NOW)
    days = usual()
    slow = forecast.turns_at(snapshot, days, now=NOW)
    assert slow is not None
    assert forecast.pace(snapshot, days, now=slow - timedelta(seconds=1)) is Pace.USUAL
    assert forecast.pace(snapshot, days, now=slow) is Pace.SLOW
    stuck = forecast.turns_at(snapshot, days, now=slow)
    assert stuck is not None
    assert forecast.pace(snapshot, days, now=stuck - timedelta(seconds=1)) is Pace.SLOW
    assert forecast.pace(snapshot, days, now=stuck) is Pace.STUCK
    assert forecast.turns_at(snapshot, days, now=stuck) is None


def test_usual_of_own_history_needs_no_other_code():
    """What issue 4 will compute from history is a ``Usual`` like any other."""
    own = Usual(half=1, most=2, observations=40, source="own history", stuck=3)
    assert waiting(2.5, own) is Pace.SLOW
