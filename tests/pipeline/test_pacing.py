"""What a source allows reaches the store, and paces are stretched to what it carries."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.pipeline.conftest import World
from tests.servers.rows import commit
from workers import pacing
from workers.core.limits import Quota
from workers.errors import Temporary
from workers.settings import Section

HOUR = timedelta(hours=1)


def watch(world: World, urgent: int, calm: int) -> None:
    names = [f"u{i}" for i in range(urgent)] + [f"c{i}" for i in range(calm)]
    world.store.enrol("a", names, spread=timedelta(0))
    for name in names:
        every = HOUR if name.startswith("u") else 6 * HOUR
        world.store.commit(commit(name, source="a", fingerprint="f", every=every))


def allow(world: World, *quota: Quota) -> None:
    world.sections = {"a": Section("manual", None, quota)}  # type: ignore[arg-type]  # its options are not asked
    pacing.limit(world.house().settings, world.store)


def test_paces_are_stretched_to_the_quota_and_let_go_when_it_grows(world: World) -> None:
    watch(world, urgent=10, calm=600)  # 10 and 100 looks an hour
    world.source.batch = 1
    allow(world, Quota("calls", 30, "hour"))
    pacing.pace(world.house(), world.store)
    calm, urgent = world.store.stretched("a")
    assert urgent == 1
    assert calm == pytest.approx(100 / 17, rel=0.15), (
        "27 an hour are planned, 10 of them for the urgent; by a sample"
    )
    allow(world, Quota("calls", 300, "hour"))
    pacing.pace(world.house(), world.store)
    assert world.store.stretched("a") == (1.0, 1.0)


def test_a_batch_counts_as_one_call_and_further_calls_of_a_look_count_too(world: World) -> None:
    watch(world, urgent=0, calm=600)
    world.source.batch = 10
    allow(world, Quota("calls", 12, "hour"))
    pacing.pace(world.house(), world.store)
    assert world.store.stretched("a") == (1.0, 1.0), "ten numbers a call"
    world.store.postpone("a", ["c0", "c1"], after=timedelta(0))
    assert world.store.claim("a", 10, lease=HOUR, rate=0).parcels
    assert world.store.take("a", rate=1000.0, burst=9) == timedelta(0)
    pacing.pace(world.house(), world.store)
    assert world.store.stretched("a")[0] > 1.5, "a look takes two calls"


def test_a_source_without_parcels_or_limits_is_left_as_it_is(world: World) -> None:
    allow(world)
    pacing.pace(world.house(), world.store)
    assert world.store.stretched("a") == (1.0, 1.0)


def test_a_further_call_that_the_quota_forbids_ends_the_look(world: World) -> None:
    watch(world, urgent=1, calm=0)
    allow(world, Quota("calls", 1, "month"))
    world.store.postpone("a", ["u0"], after=timedelta(0))
    world.store.claim("a", 1, lease=HOUR, rate=0)
    waits: list[timedelta] = []
    month_ends = world.store.budget("a")[0].ends - world.store.clock()
    if month_ends < timedelta(minutes=3):
        pytest.skip("the month is about to end")
    with pytest.raises(Temporary, match="quota is used up") as raised:
        pacing.permit(world.store, "a", 0.1, pause=waits.append)
    assert raised.value.after is not None
    assert abs(raised.value.after - month_ends) < timedelta(seconds=30)
    assert waits == []
