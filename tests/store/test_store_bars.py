"""Channels that were refused: tried by one at a time, now and then, and at once with another account."""

from __future__ import annotations

from datetime import timedelta

from tests.servers.rows import owe, owed, unbar
from workers.store import Notice, Store

HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)


def claim(store: Store, mark: str = "old", lease: timedelta = HOUR) -> Notice | None:
    return store.claim_notice("mail", lease=lease, worker="w", mark=mark)


def test_nothing_is_claimed_of_a_channel_that_was_refused(store: Store) -> None:
    owe(store, owed("a"))
    store.bar("mail", "old", error="535\nno", after=QUARTER)
    assert claim(store) is None
    [bar] = store.bars()
    assert (bar.channel, bar.error, bar.waiting) == ("mail", "535 no", 1)
    assert bar.until - bar.since == QUARTER


def test_another_channel_goes_on(store: Store) -> None:
    owe(store, owed("a"))
    store.bar("text", "old", error="401", after=QUARTER)
    assert claim(store) is not None


def test_whoever_knows_another_account_tries_at_once(store: Store) -> None:
    owe(store, owed("a"))
    store.bar("mail", "old", error="535", after=QUARTER)
    assert claim(store, "new") is not None


def test_two_accounts_that_are_both_refused_do_not_take_turns(store: Store) -> None:
    owe(store, owed("a"))
    store.bar("mail", "old", error="535", after=QUARTER)
    store.bar("mail", "new", error="535", after=QUARTER)
    assert claim(store, "old") is None
    assert claim(store, "new") is None


def test_when_its_time_comes_one_tries_and_the_others_wait_for_the_answer(store: Store) -> None:
    owe(store, owed("a"), owed("b"))
    store.bar("mail", "old", error="535", after=QUARTER)
    unbar(store)
    tried = claim(store)
    assert tried is not None
    assert claim(store) is None
    store.done(tried.id, tried.token)
    assert store.bars() == ()
    assert claim(store) is not None


def test_a_try_whose_worker_dies_is_made_again_a_lease_later(store: Store) -> None:
    owe(store, owed("a"), owed("b"))
    store.bar("mail", "old", error="535", after=QUARTER)
    unbar(store)
    assert claim(store) is not None
    assert claim(store) is None
    unbar(store)
    assert claim(store) is not None


def test_a_claim_that_finds_nothing_uses_up_no_try(store: Store) -> None:
    store.bar("mail", "old", error="535", after=QUARTER)
    unbar(store)
    assert claim(store) is None
    owe(store, owed("a"))
    assert claim(store) is not None


def test_nobody_is_rung_for_it_before_its_time_and_then_somebody_is(store: Store) -> None:
    owe(store, owed("a"))
    assert store.sweep().notices == {"mail": 1}
    store.bar("mail", "old", error="535", after=QUARTER)
    swept = store.sweep()
    assert swept.notices == {}
    assert swept.next_in is not None
    assert abs(swept.next_in - QUARTER) < timedelta(seconds=5)
    unbar(store)
    assert store.sweep().notices == {"mail": 1}


def test_what_waits_for_a_person_is_not_waited_for(store: Store) -> None:
    """`run --once` ends, although something is owed."""
    owe(store, owed("a"))
    assert store.unsettled(within=QUARTER).notices == 1
    store.bar("mail", "old", error="535", after=QUARTER)
    assert not store.unsettled(within=QUARTER)
    unbar(store)
    assert store.unsettled(within=QUARTER).notices == 1


def test_it_remembers_since_when(store: Store) -> None:
    store.bar("mail", "old", error="535", after=QUARTER)
    since = store.bars()[0].since
    store.bar("mail", "new", error="534 other", after=QUARTER)
    assert (store.bars()[0].since, store.bars()[0].error) == (since, "534 other")
