"""Parcels of one buyer that arrive together are found where the law adds them up, and nowhere else."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

from tests.pipeline.conftest import START, World
from workers.core.model import Money, Sighting, TimeQuality
from workers.neighbours import HOUSEHOLD, Neighbourhood


def here(country: str, *, hours: float = 1) -> tuple[Sighting, ...]:
    at = START - timedelta(hours=hours)
    return (Sighting("a", "Import customs clearance started", at, TimeQuality.EXACT, country=country),)


def guesses(world: World, number: str) -> list[str]:
    known = world.store.recall(f"{number}/{number}")
    assert known
    return [
        guess["what"] for guess in json.loads(known.decision)["guesses"] if guess["cause"] == "multiple_items"
    ]


def watched(world: World, country: str, *numbers: str, **facts: object) -> None:
    for number in numbers:
        world.watch(number, destination=country, goods=Money(Decimal(100), "USD"), **facts)
        world.source.parcels[number] = here(country)


def test_two_parcels_to_korea_on_one_day_may_be_added_up(world: World) -> None:
    watched(world, "KR", "LP00111111111111", "LP00222222222222")
    second = world.source.parcels.pop("LP00222222222222")
    world.look()
    assert guesses(world, "LP00111111111111") == []
    world.source.parcels["LP00222222222222"] = second
    world.look()
    [guess] = guesses(world, "LP00222222222222")
    assert guess.startswith("KR procedure.same_day")


def test_in_the_union_nothing_is_multiplied_by_arriving_together(world: World) -> None:
    watched(world, "DE", "LP00111111111111", "LP00222222222222")
    world.look()
    assert guesses(world, "LP00111111111111") == guesses(world, "LP00222222222222") == []


def test_only_the_same_peoples_parcels_to_the_same_country_that_have_arrived_are_neighbours(
    world: World,
) -> None:
    watched(world, "KR", "LP00111111111111", "LP00222222222222")
    watched(world, "NZ", "LP00333333333333")
    world.recipients["bo"] = world.recipients["ana"]
    watched(world, "KR", "LP00444444444444", tell=("bo",))
    watched(world, "KR", "LP00555555555555")
    world.source.parcels["LP00555555555555"] = (
        Sighting("a", "Departed from country of origin", START, TimeQuality.EXACT, country="CN"),
    )
    world.look()
    near = Neighbourhood(world.store)
    order = world.orders["LP00111111111111"]
    found = near.of(world.house().settings, order, order.parcels[0])
    assert [one.title for one in found] == ["Order LP00222222222222"]
    assert found[0].arrived == START - timedelta(hours=1)
    alone = world.orders["LP00333333333333"]
    assert near.of(world.house().settings, alone, alone.parcels[0]) == ()


def test_a_shop_with_many_parcels_is_no_household_and_unreadable_memory_no_neighbour(world: World) -> None:
    numbers = [f"LP{n:014}" for n in range(HOUSEHOLD)]
    watched(world, "KR", *numbers, tell=())
    world.look()
    order = world.orders[numbers[0]]
    assert (
        len(Neighbourhood(world.store).of(world.house().settings, order, order.parcels[0])) == HOUSEHOLD - 1
    )
    world.store.scripts.client.hset(f"{{cw}}:p:{numbers[1]}/{numbers[1]}", "snap", b'{"v": 99}')
    assert (
        len(Neighbourhood(world.store).of(world.house().settings, order, order.parcels[0])) == HOUSEHOLD - 2
    )
    watched(world, "KR", "LP00999999999999", tell=())
    assert Neighbourhood(world.store).of(world.house().settings, order, order.parcels[0]) == ()
