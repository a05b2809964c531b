"""Sources are told what is looked up no more, durably and once, and are compared with what is watched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from tests.pipeline.conftest import START, Shown, World
from workers.cli.report import compared
from workers.core.model import Sighting, TimeQuality
from workers.deciding import SETTLED
from workers.errors import Permanent, Temporary
from workers.pipeline import ask_of
from workers.sources import Ask, Leaving, Reconciled
from workers.store import entry_of, number_of, parcel_of
from workers.tidy import COMPARE, Tidy, removed

A, B = "LP00000000000001", "LP00000000000002"


class Followed(Shown):
    """A source whose service follows numbers, and can be told and asked."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[Leaving, list[Ask]]] = []
        self.compared: list[tuple[list[Ask], list[Ask]]] = []
        self.refusal: Temporary | Permanent | None = None  # of the source
        self.never: Permanent | None = None  # of a parcel
        self.answer = Reconciled(follows=3, unwatched=("X1", "X2"), remain=7, total=200)

    def retire(self, asks: Sequence[Ask], why: Leaving) -> Mapping[str, Temporary | Permanent | None]:
        self.told.append((why, list(asks)))
        if self.refusal is not None:
            raise self.refusal
        return {ask.parcel: self.never for ask in asks}

    def reconcile(self, asks: Sequence[Ask], settled: Sequence[Ask]) -> Reconciled:
        self.compared.append((list(asks), list(settled)))
        if self.refusal is not None:
            raise self.refusal
        return self.answer


@pytest.fixture
def source(world: World) -> Followed:
    made = Followed()
    world.source = made
    return made


@pytest.fixture
def tidy(world: World) -> Tidy:
    return Tidy(
        house=world.house,
        store=world.store,
        clock=lambda: world.now,
        settled_after=SETTLED,
        ask=lambda house, entry, memo: ask_of(
            house.settings.parcels[parcel_of(entry)], memo, number_of(entry)
        ),
    )


def deliver(world: World, number: str) -> None:
    """Watch *number*, delivered five days ago, and look."""
    at = START - timedelta(days=5)
    world.watch(number)
    world.source.parcels[number] = [
        Sighting(
            source="a",
            text="Delivered",
            at=at,
            quality=TimeQuality.EXACT,
            code="Delivered_Other",
            system="17track",
        )
    ]
    world.look()


def told(source: Followed) -> list[tuple[str, list[str]]]:
    return [(why.value, sorted(ask.number for ask in asks)) for why, asks in source.told]


def test_a_parcel_that_is_delivered_and_stayed_so_is_told_of_once(
    world: World, source: Followed, tidy: Tidy
) -> None:
    deliver(world, A)
    assert world.stage(A) == "delivered"
    assert tidy.tidy("a") == 1
    assert told(source) == [("settled", [A])]
    assert source.told[0][1][0].memo == "known"
    assert tidy.tidy("a") == 0


def test_a_parcel_on_the_road_is_not(world: World, source: Followed, tidy: Tidy) -> None:
    world.watch(A)
    world.look()
    assert tidy.tidy("a") == 0
    assert source.told == []


def test_a_parcel_that_moved_again_before_the_word_got_out_is_kept(
    world: World, source: Followed, tidy: Tidy
) -> None:
    deliver(world, A)
    back = Sighting(source="a", text="Returning to sender", at=START, quality=TimeQuality.EXACT,
                    code="Exception_Returning", system="17track")  # fmt: skip
    source.parcels[A] = [*source.parcels[A], back]
    world.look()
    assert world.stage(A) == "returning"
    tidy.tidy("a")
    assert source.told == []
    assert world.store.chores.due("a") == 0


def test_a_parcel_taken_from_the_file_is_told_of_with_what_was_remembered(
    world: World, source: Followed, tidy: Tidy
) -> None:
    parcel = world.watch(A)
    world.look()
    del world.orders[A]
    world.store.chores.add("a", removed([parcel]))
    world.store.dismiss("a", [parcel])
    tidy.tidy("a")
    assert told(source) == [("removed", [A])]
    assert source.told[0][1][0].memo in {"", "known"}


def test_a_number_that_another_order_still_watches_is_kept(
    world: World, source: Followed, tidy: Tidy
) -> None:
    kept = world.watch(A)
    gone = f"other/{A}"
    world.store.enrol("a", [gone], spread=timedelta(0))
    world.store.chores.add("a", removed([gone]))
    world.store.dismiss("a", [gone])
    tidy.tidy("a")
    assert source.told == []
    assert world.store.recall(kept) is not None
    assert world.store.chores.due("a") == 0


def test_a_parcel_that_came_back_into_the_file_is_kept(world: World, source: Followed, tidy: Tidy) -> None:
    parcel = world.watch(A)
    world.store.chores.add("a", removed([parcel]))
    tidy.tidy("a")
    assert source.told == []


def test_what_a_source_cannot_take_now_is_owed_on_and_what_it_never_takes_is_not(
    world: World, source: Followed, tidy: Tidy
) -> None:
    world.store.chores.add("a", removed([f"gone/{B}"]))
    source.refusal = Temporary("ill", after=timedelta(milliseconds=30))
    assert tidy.tidy("a") >= 1
    assert world.store.scripts.client.zcard("{cw}:chores:a") == 1
    source.refusal = Permanent("the key is refused")
    world.store.chores.add("a", removed([f"gone/{B}"]))
    tidy.tidy("a")
    assert world.store.scripts.client.zcard("{cw}:chores:a") == 1, "a key can be mended"
    source.refusal, source.never = None, Permanent("no such number")
    world.store.chores.add("a", removed([f"gone/{B}"]))
    tidy.tidy("a")
    assert world.store.scripts.client.zcard("{cw}:chores:a") == 0


def test_what_is_followed_is_compared_with_what_is_watched_and_the_answer_kept(
    world: World, source: Followed, tidy: Tidy
) -> None:
    deliver(world, A)
    world.watch(B)
    world.look()
    tidy.tidy("a")
    world.store.chores.add("a", [COMPARE])
    tidy.tidy("a")
    ((asks, settled),) = source.compared
    assert [(ask.number, ask.memo) for ask in asks] == [(B, "known")]
    assert [ask.number for ask in settled] == [A]
    kept = world.store.recollect("compared:a") or b""
    assert b'"remain":7' in kept
    assert b"X1" in kept
    assert compared(world.store, "a") == [
        "a follows 3 numbers; 7 of 200 new ones are left.",
        "a follows 2 that nobody watches here: X1, X2",
    ]
    assert compared(world.store, "b") == []
    assert world.store.chores.due("a") == 0
    assert world.store.scripts.client.zcard("{cw}:chores:a") == 1, "tomorrow again"


def test_a_further_number_and_one_that_is_no_longer_asked_besides_are_not_called_unwatched(
    world: World, source: Followed, tidy: Tidy
) -> None:
    parcel = world.watch(A)
    world.look()
    world.store.enrol("a", [entry_of(parcel, "NL123")], spread=timedelta(0))
    besides = world.watch(B)
    world.look()
    world.store.dismiss("a", [besides])
    world.store.chores.add("a", [COMPARE])
    tidy.tidy("a")
    ((asks, settled),) = source.compared
    assert {(ask.parcel, ask.number) for ask in asks} == {(parcel, A), (entry_of(parcel, "NL123"), "NL123")}
    assert [ask.number for ask in settled] == [B]


def test_a_comparison_that_fails_is_made_again_and_shows_nothing(
    world: World, source: Followed, tidy: Tidy
) -> None:
    source.refusal = Temporary("ill")
    world.store.chores.add("a", [COMPARE])
    tidy.tidy("a")
    assert world.store.recollect("compared:a") is None
    assert world.store.scripts.client.zcard("{cw}:chores:a") == 1


def test_a_source_that_cannot_be_told_is_owed_nothing(world: World, tidy: Tidy) -> None:
    world.store.chores.add("a", [COMPARE, *removed([f"gone/{B}"])])
    assert tidy.tidy("a") == 0
    assert world.store.chores.due("a") == 0
    deliver(world, A)
    assert world.store.scripts.client.zcard("{cw}:chores:a") == 0
