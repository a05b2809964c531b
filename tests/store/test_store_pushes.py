"""The guard of pushes: taken in once, tried again where it was not, and counted."""

from __future__ import annotations

from datetime import timedelta

from tests.servers.valkey import until
from workers.store import Store

LONG = timedelta(hours=1)


def test_a_push_is_taken_in_once(store: Store) -> None:
    assert store.push_begins("d", lease=LONG) == "new"
    assert store.push_begins("d", lease=LONG) == "busy"
    store.push_done("d", ttl=LONG, unwatched=2)
    assert store.push_begins("d", lease=LONG) == "seen"
    assert store.push_begins("other", lease=LONG) == "new"
    counts = store.counts()
    assert (counts["pushes"], counts["push_replays"], counts["push_unwatched"]) == (1, 1, 2)


def test_a_push_that_was_not_taken_in_may_come_again(store: Store) -> None:
    store.push_begins("d", lease=LONG)
    store.push_dropped("d")
    assert store.push_begins("d", lease=LONG) == "new"
    assert "pushes" not in store.counts()


def test_whoever_dies_with_a_push_holds_it_no_longer_than_the_lease(store: Store) -> None:
    assert store.push_begins("d", lease=timedelta(milliseconds=1)) == "new"
    assert until(lambda: store.push_begins("d", lease=LONG) == "new", seconds=5)


def test_a_push_is_not_remembered_for_ever(store: Store) -> None:
    store.push_begins("d", lease=LONG)
    store.push_done("d", ttl=timedelta(milliseconds=1))
    assert until(lambda: store.push_begins("d", lease=LONG) == "new", seconds=5)
