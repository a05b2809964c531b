"""Who else is asked and why, and what the sources say beside each other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from workers.core import second
from workers.core.detect import detect
from workers.core.model import Pace, Reading, Sighting, Snapshot, Stage, TimeQuality
from workers.core.second import CALM, EVERY, FAILING, NEXT, UNKNOWN, Opinion
from workers.core.voices import Differ, Heard, State, Voices, voices

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TRACK, APP, SHIP = Heard("track", "17TRACK"), Heard("app", "ParcelsApp", own=False), Heard("ship", own=False)
ALL = (TRACK, APP, SHIP)

Event = tuple[float, Stage]


def look(snapshot: Snapshot, source: str, *events: Event, now: datetime = NOW) -> Snapshot:
    """Return *snapshot* after *source* showed *events*: days ago, and what each says."""
    shown = [
        (
            Sighting(source, f"{stage} by {source}", NOW - ago * DAY, TimeQuality.EXACT, country="DE"),
            Reading(stage),
        )
        for ago, stage in events
    ]
    return detect(snapshot, shown, origin="CN", destination="DE", source=source, now=now)[0]


def hear(snapshot: Snapshot, *heard: Heard, now: datetime = NOW) -> Voices:
    return voices(snapshot, heard or ALL, origin="CN", destination="DE", now=now)


def decide(
    snapshot: Snapshot,
    *heard: Heard,
    pace: Pace = Pace.USUAL,
    stuck: datetime | None = None,
    now: datetime = NOW,
    every: timedelta = EVERY,
) -> Opinion:
    return second.opinion(
        snapshot, pace, stuck, hear(snapshot, *heard, now=now), heard or ALL, now=now, every=every
    )


HELD = look(Snapshot(), "track", (20, Stage.IN_TRANSIT), (12, Stage.HELD))


def test_nobody_else_is_asked_while_all_is_well() -> None:
    assert decide(HELD).ask == ()
    assert decide(HELD, TRACK, pace=Pace.STUCK, stuck=NOW).ask == ()  # there is nobody else


def test_a_stuck_parcel_is_asked_for_at_the_next_source_of_the_file_with_its_reason() -> None:
    found = decide(HELD, pace=Pace.STUCK, stuck=NOW - timedelta(hours=1))
    assert (found.why, found.ask, found.titles) == ("stuck", ("app",), ("ParcelsApp",))
    assert found.evidence is not None
    assert found.evidence.what == "stuck since 2026-11-24 11:00 UTC: app asked as well"


def test_another_joins_when_a_day_has_brought_nothing_and_at_once_where_one_fails() -> None:
    began = NOW - NEXT - timedelta(minutes=1)
    assert decide(HELD, pace=Pace.STUCK, stuck=began).ask == ("app", "ship")
    failing = replace(APP, failing_since=NOW - timedelta(minutes=5))
    assert decide(HELD, TRACK, failing, SHIP, pace=Pace.STUCK, stuck=NOW).ask == ("app", "ship")


def test_the_time_at_which_another_joins_is_a_review() -> None:
    began = NOW - NEXT + timedelta(hours=2)
    found = decide(HELD, pace=Pace.STUCK, stuck=began)
    assert found.review_at == NOW + timedelta(hours=2)
    assert found.review_at is not None
    assert decide(HELD, pace=Pace.STUCK, stuck=began, now=found.review_at).ask == ("app", "ship")


@pytest.mark.parametrize(("failed", "asked"), [(FAILING - timedelta(minutes=1), ()), (FAILING, ("app",))])
def test_a_source_that_fails_for_hours_is_not_waited_for(failed: timedelta, asked: tuple[str, ...]) -> None:
    broken = replace(TRACK, failing_since=NOW - failed)
    found = decide(HELD, broken, APP, SHIP)
    assert found.ask == asked
    assert found.review_at is not None  # until then it is looked forward to


def test_a_number_that_stays_unknown_is_asked_for_elsewhere_after_two_days() -> None:
    met = replace(Snapshot(), met=NOW - UNKNOWN)
    assert decide(met).why == "unknown"
    assert decide(replace(met, met=NOW - UNKNOWN + DAY)).ask == ()
    assert decide(replace(HELD, met=NOW - 30 * DAY)).ask == ()  # a source that shows events knows it


def test_others_are_asked_seldom_and_after_a_week_once_a_day() -> None:
    assert decide(HELD, pace=Pace.STUCK, stuck=NOW - DAY, every=timedelta(hours=1)).every == EVERY
    assert decide(HELD, pace=Pace.STUCK, stuck=NOW - 8 * DAY, every=timedelta(hours=1)).every == CALM


def test_a_delivered_parcel_is_asked_for_nowhere_else() -> None:
    done = look(HELD, "track", (20, Stage.IN_TRANSIT), (12, Stage.HELD), (1, Stage.DELIVERED))
    assert (
        decide(replace(done, met=NOW - 9 * DAY), replace(TRACK, failing_since=NOW - 9 * DAY), APP).ask == ()
    )


def test_who_knows_better_stays_asked_while_the_own_source_is_behind() -> None:
    better = look(HELD, "ship", (3, Stage.RELEASED))
    assert better.stage is Stage.RELEASED
    found = decide(better)
    assert (found.why, found.ask) == ("behind", ("ship",))
    caught_up = look(better, "track", (20, Stage.IN_TRANSIT), (12, Stage.HELD), (3, Stage.RELEASED))
    assert decide(caught_up).ask == ()


def test_who_is_silent_is_told_with_the_day_of_its_newest_event() -> None:
    said = hear(look(HELD, "app", (3, Stage.RELEASED)), TRACK, APP)
    assert said.differ is Differ.BEHIND
    lead, quiet = said.telling
    assert (lead.heard.name, lead.state, lead.stage, lead.day) == (
        "ParcelsApp", State.SAYS, Stage.RELEASED, NOW - 3 * DAY,
    )  # fmt: skip
    assert (quiet.heard.name, quiet.state, quiet.stage, quiet.day) == (
        "17TRACK", State.QUIET, Stage.HELD, NOW - 12 * DAY,
    )  # fmt: skip


def test_delivered_here_and_held_there_later_is_a_contradiction() -> None:
    both = look(
        look(Snapshot(), "track", (9, Stage.IN_TRANSIT), (4, Stage.DELIVERED)), "app", (2, Stage.HELD)
    )
    said = hear(both, TRACK, APP, SHIP)
    assert said.differ is Differ.CONTRADICT
    assert said.since == NOW - 2 * DAY
    assert {v.stage for v in said.telling} == {Stage.DELIVERED, Stage.HELD}
    assert decide(both, TRACK, APP, SHIP).why == "contradict"
    # the other way round it is only behind: it was held, and then it came
    later = look(look(Snapshot(), "track", (4, Stage.HELD)), "app", (2, Stage.DELIVERED))
    assert hear(later, TRACK, APP).differ is Differ.BEHIND


def test_sources_that_both_went_on_after_they_parted_contradict_each_other() -> None:
    first = look(Snapshot(), "track", (6, Stage.RELEASED), (1, Stage.OUT_FOR_DELIVERY))
    both = look(first, "app", (5, Stage.HELD), (0.5, Stage.HELD))
    assert hear(both, TRACK, APP).differ is Differ.CONTRADICT


def test_two_words_for_one_thing_are_no_difference() -> None:
    both = look(look(Snapshot(), "track", (4, Stage.IMPORT_CUSTOMS)), "app", (2, Stage.INSPECTION))
    assert hear(both, TRACK, APP).differ is Differ.NO
    assert hear(both, TRACK, APP).telling == ()


def test_a_source_that_fails_is_told_of_though_nothing_differs_and_not_for_a_hiccup() -> None:
    assert [v.state for v in hear(HELD, replace(TRACK, failing_since=NOW - DAY)).telling] == [State.FAILING]
    assert hear(HELD, replace(TRACK, failing_since=NOW - timedelta(minutes=10))).telling == ()


def test_a_source_never_asked_has_no_voice_and_one_that_knows_nothing_is_not_held_against_the_rest() -> None:
    never, knows_nothing = replace(APP, answered=False), SHIP
    said = hear(HELD, TRACK, never, knows_nothing)
    assert [(v.heard.source, v.state) for v in said.each] == [
        ("track", State.SAYS), ("ship", State.UNKNOWN),
    ]  # fmt: skip
    assert said.differ is Differ.NO


def test_a_source_that_left_the_file_keeps_its_word() -> None:
    old = look(HELD, "gone", (3, Stage.RELEASED))
    assert "gone" in {v.heard.source for v in hear(old, TRACK).each}
