"""A source that breaks is told to its owner once, and once that it is healed; parcels never look healthy through it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.pipeline.conftest import World
from workers import vigil
from workers.core.model import Sighting, TimeQuality
from workers.errors import Permanent, Temporary
from workers.settings import Section

HOUR = timedelta(hours=1)


@pytest.fixture
def owned(world: World) -> World:
    world.owner = ("ana",)
    world.now = datetime.now(UTC)  # health is dated by the store's clock
    world.sections = {"a": Section("manual", None)}  # type: ignore[arg-type]  # only its name counts here
    return world


def backdate(world: World, source: str = "a", **fields: timedelta) -> None:
    """Let fields of a source's health have happened so long before now."""
    for name, ago in fields.items():
        world.store.scripts.client.hset(
            f"{{cw}}:health:{source}", name, int((world.now - ago).timestamp() * 1000)
        )


def fail(world: World, times: int, trouble: Temporary | Permanent) -> None:
    world.source.trouble = trouble
    for _ in range(times):
        world.store.scripts.client.delete("{cw}:rl:a", "{cw}:br:")
        world.look()


def watch(world: World) -> list[tuple[str, str]]:
    vigil.watch(world.house(), world.store, world.pipeline.owner, now=world.now)
    return sorted(
        (row.topic, row.state)
        for row in world.store.notices()
        if row.why == "owner" and row.channel == "mail"
    )


def test_a_wrong_key_is_told_at_once_and_once(owned: World) -> None:
    owned.watch("LP1")
    fail(owned, 1, Permanent("the key is refused", hint="is `token` right?"))
    assert watch(owned) == [("source_broken", "pending")]
    assert watch(owned) == [("source_broken", "pending")]
    owned.deliver()
    message = owned.mail.sent[0][1]
    assert message.subject == "The tracking source a refuses us"
    assert "the key is refused" in message.text


def test_a_trouble_is_told_after_an_hour_and_healed_only_when_it_is_sound(owned: World) -> None:
    owned.watch("LP1")
    fail(owned, 6, Temporary("the server is ill"))
    assert watch(owned) == []
    backdate(owned, since=HOUR)
    assert watch(owned) == [("source_broken", "pending")]
    owned.deliver()
    owned.source.trouble = None
    owned.store.scripts.client.delete("{cw}:rl:a")
    owned.look()
    assert watch(owned) == [("source_broken", "sent")], "one good answer is no recovery"
    fail(owned, 1, Temporary("ill again"))
    backdate(owned, since=HOUR * 3)
    assert watch(owned) == [("source_broken", "sent")], "it is the same trouble"
    owned.source.trouble = None
    owned.store.scripts.client.delete("{cw}:rl:a")
    owned.look()
    backdate(owned, good=timedelta(minutes=11))
    assert watch(owned) == [("source_broken", "sent"), ("source_healed", "pending")]
    fail(owned, 6, Temporary("and again"))
    backdate(owned, since=HOUR * 2)
    assert len(watch(owned)) == 2, "soon after, it has to last longer"
    backdate(owned, since=HOUR * 6)
    assert ("source_broken", "pending") in watch(owned)


def test_a_source_that_is_no_longer_in_the_file_is_nobodys_trouble(owned: World) -> None:
    owned.watch("LP1")
    fail(owned, 1, Permanent("the key is refused"))
    owned.sections = {}
    assert watch(owned) == []


def events(world: World, count: int) -> list[Sighting]:
    return [
        Sighting(
            text=f"Arrived at sorting centre {i}",
            at=world.now - HOUR * (20 - i),
            quality=TimeQuality.EXACT,
            source="a",
        )
        for i in range(count)
    ]


def test_a_source_that_shows_much_less_is_in_doubt_and_moves_nothing(owned: World) -> None:
    numbers = [f"LP{i}" for i in range(4)]
    shown = events(owned, 6)
    for number in numbers:
        owned.watch(number)
        owned.source.parcels[number] = shown
    owned.look()
    stages = [owned.stage(number) for number in numbers]
    assert watch(owned) == []
    for number in numbers[:2]:
        owned.source.parcels[number] = []  # it knows the number and shows no event
    owned.look()
    assert [owned.stage(number) for number in numbers] == stages
    assert owned.store.source_health()["a"].shrunk == 2
    assert watch(owned) == [("source_shrank", "pending")]
    assert watch(owned) == [("source_shrank", "pending")]
    for number in numbers[:2]:
        owned.source.parcels[number] = shown
    owned.look()
    watch(owned)
    assert owned.store.source_health()["a"].shrunk == 0
    assert owned.store.source_health()["a"].shrank is None


def test_the_next_notice_about_a_parcel_nobody_sees_says_so(owned: World) -> None:
    parcel = owned.watch("LP1")
    held = Sighting(
        text="Held by customs", at=owned.now - HOUR, quality=TimeQuality.EXACT, source="a", country="DE"
    )
    owned.source.parcels["LP1"] = [held]
    owned.look()
    owned.deliver()
    first = owned.mail.sent[-1][1]
    assert "we have not seen the parcel" not in " ".join(first.text.split())
    fail(owned, 6, Temporary("the server is ill"))
    owned.now += timedelta(days=40)
    backdate(owned, since=timedelta(days=20), ok=timedelta(days=21))
    owned.store.review_soon([parcel])
    owned.pipeline.announce()
    owned.deliver()
    assert len(owned.mail.sent) == 2, "time alone changed the advice"
    said = " ".join(owned.mail.sent[-1][1].text.split())
    day = (owned.now - timedelta(days=21)).strftime("%-d %b %Y")
    assert f"The source a fails: we have not seen the parcel since {day}" in said
    assert "we have not seen the parcel" in owned.mail.sent[-1][1].html
