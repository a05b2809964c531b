"""Chores are owed until they are done, leased while they are, and never put off by being owed again."""

from __future__ import annotations

from datetime import timedelta

from tests.servers.valkey import until
from workers.store import Store

LONG = timedelta(hours=1)


def test_a_chore_is_claimed_by_one_and_comes_back_where_it_is_not_done(store: Store) -> None:
    store.chores.add("t", ["a", "b", "c"])
    assert store.chores.due("t") == 3
    assert store.chores.due("other") == 0
    assert sorted(store.chores.claim("t", 2, lease=timedelta(milliseconds=50))) == ["a", "b"]
    assert store.chores.claim("t", 9, lease=LONG) == ("c",)
    assert store.chores.claim("t", 9, lease=LONG) == () or store.chores.due("t") == 0
    assert until(lambda: store.chores.due("t") == 2, seconds=5), "whoever had them died"


def test_a_chore_that_is_done_is_gone_and_one_that_is_put_off_comes_later(store: Store) -> None:
    store.chores.add("t", ["a", "b"])
    store.chores.done("t", ["a"])
    store.chores.put_off("t", ["a", "b"], after=timedelta(milliseconds=50))
    assert store.chores.due("t") == 0
    assert until(lambda: store.chores.claim("t", 9, lease=LONG) == ("b",), seconds=5)


def test_owing_a_chore_again_brings_it_forward_and_never_back(store: Store) -> None:
    store.chores.add("t", ["a"], after=LONG)
    assert store.chores.due("t") == 0
    store.chores.add("t", ["a"])
    store.chores.add("t", ["a"], after=LONG)
    assert store.chores.due("t") == 1


def test_what_is_owed_to_a_source_that_is_gone_is_forgotten(store: Store) -> None:
    store.chores.add("t", [f"c{i}" for i in range(1200)])
    assert store.chores.due("t") == 1200
    store.chores.forget("t")
    assert store.chores.due("t") == 0
