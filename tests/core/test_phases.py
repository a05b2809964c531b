"""Phases of a parcel's way: in order, never negative, ending where the parcel is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.detect import Step
from workers.core.model import Reading, Seen, Side, Sighting, Stage
from workers.core.phases import Phase, phase, stretches

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def step(stage: Stage, days_ago: float | None, side: Side | None = None) -> Step:
    at = None if days_ago is None else NOW - timedelta(days=days_ago)
    sighting = Sighting(source="s", text="t", at=at)
    return Step(
        Seen(sighting, Reading(stage, side=side), first_seen=NOW - timedelta(days=1)),
        stage,
        "rule",
        entered=True,
    )


def test_a_way_is_cut_where_the_phase_changes_and_lasts_until_now():
    found = stretches(
        [step(Stage.PRE_TRANSIT, 20), step(Stage.IN_TRANSIT, 18), step(Stage.EXPORT_CUSTOMS, 16), step(Stage.EXPORT_CLEARED, 15),
         step(Stage.IN_TRANSIT, 9), step(Stage.IMPORT_CUSTOMS, 4, Side.DESTINATION), step(Stage.HELD, 2, Side.DESTINATION)],
        now=NOW,
    )  # fmt: skip
    assert [(one.phase.value, one.days) for one in found] == [
        ("sender", 2), ("road", 2), ("export", 1), ("road", 11), ("customs", 4),
    ]  # fmt: skip
    assert [one.lasts for one in found] == [False] * 4 + [True]


def test_a_delivered_parcel_has_ended():
    *_, last = stretches([step(Stage.OUT_FOR_DELIVERY, 3), step(Stage.DELIVERED, 2)], now=NOW)
    assert (last.phase, last.days, last.lasts) == (Phase.OVER, 0, False)


@pytest.mark.parametrize(
    ("side", "said"),
    [
        (Side.ORIGIN, Phase.EXPORT),
        (Side.TRANSIT, Phase.ROAD),
        (Side.DESTINATION, Phase.CUSTOMS),
        (None, Phase.CUSTOMS),
    ],
)
def test_whose_customs_it_is_decides_the_phase(side, said):
    assert phase(Stage.HELD, side) is said
    assert phase(Stage.RELEASED, side) is Phase.LAST_MILE


def test_an_event_without_a_time_counts_from_when_it_was_first_seen():
    first, second = stretches([step(Stage.IN_TRANSIT, 5), step(Stage.HELD, None, Side.DESTINATION)], now=NOW)
    assert (first.days, second.days) == (4, 1)


def test_nothing_known_is_no_phase():
    assert stretches([], now=NOW) == ()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Stage), st.one_of(st.none(), st.floats(-5, 90)), st.sampled_from([None, *Side])
        ),
        min_size=1,
    )
)
def test_no_story_makes_a_negative_or_overlapping_stretch(story):
    found = stretches([step(*one) for one in story], now=NOW)
    assert found
    for one, after in pairwise(found):
        assert one.began <= one.ended <= after.began
        assert one.phase is not after.phase
    assert found[-1].ended <= NOW
    assert sum(one.lasts for one in found) == (story[-1][0] is not Stage.DELIVERED)
