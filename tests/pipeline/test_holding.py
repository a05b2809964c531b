"""Leases of parcels are kept while a source is asked, and no longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.servers.valkey import until
from workers.errors import StoreTrouble
from workers.holding import Holding

OFTEN = timedelta(seconds=0.02)


class Prolonged:
    """Counts what is prolonged; fails while told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[str, ...]]] = []
        self.away = False

    def __call__(self, source: str, parcels: Sequence[str]) -> None:
        self.calls.append((source, tuple(parcels)))
        if self.away:
            raise StoreTrouble("the store cannot be reached")


def keepers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "holding"}


def test_a_look_is_kept_while_it_lasts_and_its_keeper_ends_with_it() -> None:
    prolonged = Prolonged()
    before = keepers()
    holding = Holding(prolonged, every=OFTEN)
    with holding.held("post", ["a", "b"]):
        until(lambda: len(prolonged.calls) >= 3)
    assert set(prolonged.calls) == {("post", ("a", "b"))}
    until(lambda: keepers() <= before)
    kept = len(prolonged.calls)
    time.sleep(5 * OFTEN.total_seconds())  # nothing may happen in it
    assert len(prolonged.calls) == kept


def test_several_looks_share_one_keeper_and_each_ends_for_itself() -> None:
    prolonged = Prolonged()
    before = keepers()
    holding = Holding(prolonged, every=OFTEN)
    with holding.held("post", ["a"]):
        with holding.held("seventeen", ["b"]):
            until(lambda: {name for name, _ in prolonged.calls} == {"post", "seventeen"})
            assert len(keepers() - before) == 1
        time.sleep(2 * OFTEN.total_seconds())  # a round that had begun
        prolonged.calls.clear()
        until(lambda: len(prolonged.calls) >= 2)
        assert {name for name, _ in prolonged.calls} == {"post"}


def test_a_look_that_hangs_is_given_up() -> None:
    prolonged = Prolonged()
    with Holding(prolonged, every=OFTEN, longest=3 * OFTEN).held("post", ["a"]):
        until(lambda: len(prolonged.calls) == 3)
        time.sleep(5 * OFTEN.total_seconds())  # nothing may happen in it
    assert len(prolonged.calls) == 3


def test_a_store_that_is_away_ends_neither_the_look_nor_its_keeper() -> None:
    prolonged = Prolonged()
    prolonged.away = True
    with Holding(prolonged, every=OFTEN).held("post", ["a"]):
        until(lambda: len(prolonged.calls) >= 3)


def test_what_a_look_raises_ends_its_lease_and_is_raised() -> None:
    holding = Holding(Prolonged(), every=OFTEN)
    with pytest.raises(StoreTrouble), holding.held("post", ["a"]):
        raise StoreTrouble("of the look's own")
    with holding.held("post", ["a"]):
        pass
