"""When a source's trouble is told, when its end, and when silence about a parcel means nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core import health
from workers.core.health import Health
from workers.core.model import Reading, Seen, Sighting, Snapshot, Stage

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
WELL = Health(last_ok=NOW, failures=0, last_error="", since=None, good=NOW - HOUR)


def failing(hours: float, failures: int = 9, **facts: object) -> Health:
    since = NOW - hours * HOUR
    return replace(WELL, failures=failures, since=since, last_ok=since - HOUR, good=None, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fares", "said"),
    [
        (WELL, ""),
        (failing(0.9), ""),
        (failing(1.0), "broken"),
        (failing(30, failures=4), ""),  # seldom asked: it may have had bad luck
        (failing(0.0, failures=1, permanent=True), "broken"),  # a wrong key is told at once
        (failing(0.0, failures=0, permanent=True), ""),
        (failing(2, told=NOW - HOUR), ""),  # told already
        (failing(2, healed=NOW - HOUR), ""),  # it comes and goes
        (failing(6, healed=NOW - 7 * HOUR), "broken"),
        (failing(2, healed=NOW - 25 * HOUR), "broken"),
        (replace(WELL, told=NOW - HOUR), "healed"),
        (
            replace(WELL, told=NOW - HOUR, good=NOW - timedelta(minutes=9)),
            "",
        ),  # one good answer is no recovery
        (replace(WELL, told=NOW - HOUR, good=None), ""),
    ],
)
def test_a_trouble_is_told_when_it_lasts_and_its_end_when_it_is_sound(fares: Health, said: str) -> None:
    assert health.verdict(fares, now=NOW) == said


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 90)), min_size=1, max_size=300))
def test_a_source_that_flaps_is_told_of_seldom(steps: list[tuple[bool, int]]) -> None:
    now, fares, told = NOW, WELL, []
    for ok, minutes in steps:
        now += timedelta(minutes=minutes)
        if ok:
            fares = replace(fares, last_ok=now, failures=0, since=None, good=fares.good or now)
        else:
            fares = replace(fares, failures=fares.failures + 1, since=fares.since or now, good=None)
        said = health.verdict(fares, now=now)
        if said == "broken":
            told.append((said, now))
            fares = replace(fares, told=fares.since)
        elif said == "healed":
            told.append((said, now))
            fares = replace(fares, told=None, healed=now)
    assert [said for said, _ in told] == ["broken", "healed"] * (len(told) // 2) + ["broken"] * (
        len(told) % 2
    )
    broken = [at for said, at in told if said == "broken"]
    for first, second in pairwise(broken):
        assert second - first >= health.LASTING + health.SOUND
    if len(broken) > 2:
        assert broken[-1] - broken[1] >= (len(broken) - 2) * health.LASTING_AGAIN


@pytest.mark.parametrize(
    ("shrunk", "watched", "told", "doubt"),
    [(0, 0, False, False), (1, 1, False, False), (2, 2, False, True), (2, 11, False, False), (3, 15, False, True),
     (2, 15, True, True), (2, 21, True, False), (0, 5, True, False)],
)  # fmt: skip
def test_a_source_is_in_doubt_where_many_of_its_parcels_lost_events(
    shrunk: int, watched: int, told: bool, doubt: bool
) -> None:
    fares = replace(WELL, shrunk=shrunk, shrank=NOW if told else None)
    assert health.in_doubt(fares, watched=watched) is doubt


def seen(*vanished: bool, source: str = "a") -> Snapshot:
    events = [
        Seen(
            Sighting(text=f"event {i}", at=NOW, source=source),
            Reading(Stage.IN_TRANSIT),
            NOW,
            (source,),
            gone,
        )
        for i, gone in enumerate(vanished)
    ]
    return Snapshot(stage=Stage.IN_TRANSIT, timeline=tuple(events))


def test_a_look_that_shows_much_less_is_known_for_one() -> None:
    assert health.shrunk(seen(True, True, False), "a", empty=False)
    assert not health.shrunk(seen(True, False), "a", empty=False), "one event that goes is a correction"
    assert not health.shrunk(seen(True, True, *[False] * 7), "a", empty=False), "old ones fall off a list"
    assert health.shrunk(seen(False), "a", empty=True), "nothing where there was something"
    assert not health.shrunk(Snapshot(), "a", empty=True), "nothing where there was nothing"
    assert not health.shrunk(seen(True, True, source="b"), "a", empty=False), (
        "what another source lost is not its doing"
    )


def test_a_parcel_is_unseen_where_all_that_watch_it_fail_for_long() -> None:
    bad, worse = failing(7), failing(30)
    assert health.unseen(["a"], {"a": bad}, now=NOW) == ("a", NOW - 8 * HOUR)
    assert health.unseen(["a", "b"], {"a": worse, "b": bad}, now=NOW) == ("b", NOW - 8 * HOUR)
    assert health.unseen(["a", "b"], {"a": bad, "b": WELL}, now=NOW) is None
    assert health.unseen(["a", "b"], {"a": bad}, now=NOW) is None, "one that was never asked may still answer"
    assert health.unseen(["a"], {"a": failing(5)}, now=NOW) is None
    assert health.unseen([], {"a": bad}, now=NOW) is None
    never = replace(bad, last_ok=None)
    assert health.unseen(["a"], {"a": never}, now=NOW) == ("a", never.since)
