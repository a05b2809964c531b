"""What a source tells unasked is taken in as a look is: one transition, whoever is faster, and fewer looks afterwards."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from tests.pipeline.conftest import START, World
from workers import memory
from workers.core.model import Sighting, TimeQuality
from workers.errors import StoreTrouble
from workers.sources import Found, News, NoNews
from workers.store import Store

NUMBER = "LP00123456789012"
PARCEL = f"{NUMBER}/{NUMBER}"


def said(text: str, at: datetime, country: str = "DE") -> Sighting:
    return Sighting("a", text, at, TimeQuality.EXACT, country=country)


ROAD = [
    said("Received by logistics company", START - timedelta(days=9), "CN"),
    said("Export customs clearance complete", START - timedelta(days=7), "CN"),
    said("Arrived in destination country/region", START - timedelta(days=2)),
]
CUSTOMS = said("Import customs clearance started", START - timedelta(hours=5))


def news(sightings: Sequence[Sighting], *, partial: bool = False) -> News:
    return News({NUMBER: Found(repr(sightings), lambda: sightings, "of the push")}, partial=partial)


def test_a_push_moves_the_parcel_and_is_told_without_a_look(world: World) -> None:
    world.watch(NUMBER)
    world.source.parcels[NUMBER] = ROAD
    world.look()
    asked = world.source.asked
    assert world.pipeline.pushed("a", news([*ROAD, CUSTOMS])) == {NUMBER}
    assert world.stage(NUMBER) == "import_customs"
    assert ("notify", "mail") in world.bells
    assert world.deliver() == 2
    assert world.source.asked == asked


def test_the_look_after_a_push_shows_nothing_new_and_keeps_what_the_source_had_us_remember(
    world: World,
) -> None:
    world.watch(NUMBER)
    world.source.parcels[NUMBER] = ROAD
    world.look()
    world.pipeline.pushed("a", news([*ROAD, CUSTOMS]))
    before = world.store.recall(PARCEL)
    assert before is not None
    assert before.memos["a"] == "known"
    world.source.parcels[NUMBER] = [*ROAD, CUSTOMS]
    world.look()
    after = world.store.recall(PARCEL)
    assert after is not None
    assert after.version == before.version
    world.deliver()
    assert len(world.mail.sent) == 1


def test_a_push_of_what_is_not_watched_stores_nothing(world: World) -> None:
    world.watch(NUMBER)
    elsewhere = News({"LP00999999999999": Found("x", lambda: ROAD)})
    assert world.pipeline.pushed("a", elsewhere) == set()
    assert world.pipeline.pushed("b", news(ROAD)) == set()  # another source's parcel
    assert list(world.store.parcels()) == []


def test_the_first_thing_ever_heard_of_a_parcel_may_be_a_push(world: World) -> None:
    world.watch(NUMBER)
    assert world.pipeline.pushed("a", news(ROAD)) == {NUMBER}
    assert world.stage(NUMBER) == "arrived_destination"
    assert world.deliver() == 0  # history is silent


def test_a_push_that_holds_only_what_is_new_takes_nothing_back(world: World) -> None:
    world.watch(NUMBER)
    world.source.parcels[NUMBER] = ROAD
    world.look()
    world.pipeline.pushed("a", news([CUSTOMS], partial=True))
    assert world.stage(NUMBER) == "import_customs"
    assert vanished(world) == 0
    # the control: the same push, were it taken for the whole list
    other = world.store.recall(PARCEL)
    assert other is not None
    world.pipeline.pushed("a", news([said("Import customs clearance complete", START)]))
    assert vanished(world) == 4


def vanished(world: World) -> int:
    known = world.store.recall(PARCEL)
    assert known is not None
    return sum(seen.vanished for seen in memory.load(known.snapshot).timeline)


def test_a_parcel_that_is_pushed_is_looked_at_less_often_until_the_pushes_cease(world: World) -> None:
    world.watch(NUMBER)
    world.source.parcels[NUMBER] = [*ROAD, CUSTOMS]
    world.look()
    polled = world.store.recall(PARCEL)
    world.now += timedelta(minutes=10)
    world.pipeline.pushed("a", news([*ROAD, CUSTOMS]))
    pushed = world.store.recall(PARCEL)
    world.now += timedelta(days=8)
    world.store.review_soon([PARCEL])
    world.pipeline.announce()
    ceased = world.store.recall(PARCEL)
    assert polled is not None
    assert pushed is not None
    assert ceased is not None
    assert polled.every == timedelta(hours=1.75)
    assert pushed.every == timedelta(hours=24)
    assert pushed.due["a"] - polled.due["a"] > timedelta(hours=18)
    assert ceased.every is not None
    assert ceased.every < timedelta(hours=24)


def test_a_push_that_is_only_a_hint_makes_the_parcel_due_now(world: World) -> None:
    world.watch(NUMBER)
    world.source.parcels[NUMBER] = ROAD
    world.look()
    assert world.pipeline.refresh("a") == 0
    assert world.pipeline.pushed("a", News(look=(NUMBER,))) == {NUMBER}
    assert world.bells[-1] == ("refresh", "a")
    assert world.pipeline.refresh("a") == 1


def test_what_is_pushed_of_a_further_number_makes_its_entry_due_now(world: World) -> None:
    world.watch(NUMBER)
    world.source.parcels[NUMBER] = ROAD
    world.look()
    entry, other = f"{PARCEL}>RR123456785DE", f"{PARCEL}>RR999999999DE"
    for further in (entry, other):
        world.store.enrol("a", [further], spread=timedelta(0))
        world.store.postpone("a", [further], after=timedelta(hours=9))
    told = News({"RR123456785DE": Found("x", lambda: [CUSTOMS])})
    assert world.pipeline.pushed("a", told) == {"RR123456785DE"}
    due = world.store.scripts.client.zmscore("{cw}:due:a", [entry, other])
    assert due[1] - due[0] > 8 * 3_600_000
    assert world.stage(NUMBER) == "arrived_destination"
    for odd in ("*", "RR12345678?DE", "[R]R123456785DE", ""):
        assert world.pipeline.pushed("a", News(look=(odd,))) == set()


def test_a_push_that_cannot_be_stored_raises(world: World) -> None:
    world.watch(NUMBER)
    away = World(Store.connect("unix:///nowhere/s"), world.knowledge, world.folder, orders=world.orders)
    with pytest.raises(StoreTrouble):
        away.pipeline.pushed("a", news(ROAD))


def test_push_and_poll_of_the_same_event_at_the_same_moment_give_one_transition(world: World) -> None:
    told = 0
    for round_ in range(10):
        told += race(world, [f"LP00{round_:02d}5678{i:04d}" for i in range(12)])
        assert len(world.mail.sent) == len({e.notice for e, _ in world.mail.sent}) == told
        if world.store.counts().get("stale"):  # somebody was late and decided anew: they did meet
            return
    pytest.fail("nobody met anybody: it proves nothing")


def race(world: World, numbers: list[str]) -> int:
    for number in numbers:
        world.watch(number)
        world.source.parcels[number] = ROAD
    world.look()
    shown = [*ROAD, CUSTOMS]
    for number in numbers:
        world.source.parcels[number] = shown
    told = News({number: Found("from the push", lambda: shown) for number in numbers})
    start = threading.Barrier(4)

    def push() -> None:
        start.wait()
        world.pipeline.pushed("a", told)

    def poll() -> None:
        start.wait()
        world.look()

    threads = [threading.Thread(target=work) for work in (push, poll, push, poll)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while world.deliver():
        pass
    for number in numbers:
        known = world.store.recall(f"{number}/{number}")
        assert known is not None
        assert (known.stage, known.memos["a"]) == ("import_customs", "known")
    return len(numbers)


def test_no_news_by_a_look_after_a_push_takes_nothing_back(world: World) -> None:
    world.watch(NUMBER)
    world.pipeline.pushed("a", news([*ROAD, CUSTOMS]))
    world.source.outcomes[PARCEL] = NoNews("known")
    world.look()
    assert world.stage(NUMBER) == "import_customs"
