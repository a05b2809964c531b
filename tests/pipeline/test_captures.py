"""Every capture of the reference payloads that holds events goes the whole road: source, store, judge, words, channel."""

from __future__ import annotations

import pytest

from tests.pipeline.conftest import World
from tests.stories.payloads import FOLDER, parcels
from tests.stories.test_timelines import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_capture_goes_through_the_pipeline(case: Case, world: World) -> None:
    if not FOLDER.exists():
        pytest.skip("the folder of real payloads lies beside the project only in its workshop")
    number, sightings = list(parcels(case.file).items())[case.place]
    number = number or "CAPTURE00000001"
    origin, destination = case.road.split("-")
    dated = [s.at for s in sightings if s.at is not None]
    if dated:
        world.now = max(dated)
    # First look at half of the history, then at all of it: the second half is news.
    world.watch(number, destination=destination, origin=origin)
    world.source.parcels[number] = list(sightings)[: max(len(sightings) // 2, 1)]
    world.look()
    world.source.parcels[number] = list(sightings)
    world.look()
    world.look()
    tried = world.deliver()
    rows = world.store.notices()
    assert tried == sum(row.state != "skipped" for row in rows)
    assert {row.state for row in rows} <= {"sent", "skipped"}
    assert len(world.mail.sent) <= 2, "a history may bring one word at the first look and one at the news"
    known = world.store.recall(f"{number}/{number}")
    assert known is not None
    assert known.decision
    last = case.way.split()[-1].strip("()")
    if not case.misread:
        assert known.stage == last
