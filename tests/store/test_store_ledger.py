"""All notices together: which stands, which are listed, which bell rings."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.servers.rows import LEASE, NOW, VERBS, claim, commit, lapse, names, owe, owed, take
from workers.errors import LostLease
from workers.store import STATES, NoticeRow, Store

HOUR = timedelta(hours=1)
P = "o1/LP1CN"


def only(store: Store) -> NoticeRow:
    (row,) = store.notices()
    return row


# -- superseding ----------------------------------------------------------------------------------------------


def test_a_newer_notice_makes_older_pending_ones_skipped(store: Store) -> None:
    owe(store, owed("old"), owed("other-channel", channel="sms"), owed("other-person", recipient="ben"))
    owe(store, owed("foreign"), parcel="o2/LP2CN")
    owe(store, owed("new"))
    states = {row.id: (row.state, row.error) for row in store.notices()}
    assert states == {
        "old": ("skipped", "superseded"),
        "other-channel": ("pending", ""),
        "other-person": ("pending", ""),
        "foreign": ("pending", ""),
        "new": ("pending", ""),
    }
    assert store.counts()["superseded"] == 1


def test_notices_of_one_commit_do_not_supersede_each_other(store: Store) -> None:
    owe(store, owed("a", topic="vat"), owed("b", topic="docs"))
    assert {row.state for row in store.notices()} == {"pending"}


def test_an_existing_id_supersedes_nothing(store: Store) -> None:
    owe(store, owed("a"))
    owe(store, owed("b"))
    owe(store, owed("a"))
    assert {row.id: row.state for row in store.notices()} == {"a": "skipped", "b": "pending"}


def test_one_on_the_wire_is_finished_but_not_tried_again_after_the_newer_one(store: Store) -> None:
    for end, state in (("done", "sent"), ("retry", "skipped"), ("resend", "skipped"), ("fail", "failed")):
        owe(store, owed(f"old-{end}"), parcel=end)
        notice = take(store)
        owe(store, owed(f"new-{end}"), parcel=end)
        VERBS[end][0](store, notice)
        assert {row.id: row.state for row in store.notices(parcel=end)} == {
            f"old-{end}": state,
            f"new-{end}": "pending",
        }
        fresh = take(store)
        store.done(fresh.id, fresh.token)


def test_one_that_crashed_on_the_wire_is_not_sent_after_the_newer_one(store: Store) -> None:
    owe(store, owed("old"))
    take(store)
    owe(store, owed("new"))
    lapse(store, "ob:mail")
    assert take(store).id == "new"
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None
    (row,) = store.notices(states=("skipped",))
    assert (row.id, row.error, row.uncertain) == ("old", "superseded", True)


# -- tables and the operator ----------------------------------------------------------------------------------


def test_notices_are_listed_newest_first_by_parcel_and_by_state(store: Store) -> None:
    for i in range(5):
        owe(store, owed(f"n{i}"), parcel=f"o{i}")
        store.scripts.client.zadd("{cw}:st:pending", {f"n{i}": 1000 + i})
    notice = take(store)
    store.done(notice.id, notice.token)
    store.scripts.client.zadd("{cw}:st:sent", {notice.id: 1000 + int(notice.id[1])})
    assert [row.id for row in store.notices()] == ["n4", "n3", "n2", "n1", "n0"]
    assert [row.id for row in store.notices(limit=2)] == ["n4", "n3"]
    assert [row.id for row in store.notices(states=("sent",))] == [notice.id]
    assert [row.id for row in store.notices(parcel="o3")] == ["n3"]
    assert store.notices(parcel="o3", states=("failed", "no such state")) == []
    assert [row.id for row in store.notices(states=("sent", "pending"), limit=3)] == ["n4", "n3", "n2"]


def test_many_notices_are_listed_page_by_page(store: Store) -> None:
    for i in range(5):
        owe(store, *(owed(f"n{i}-{j}", recipient=f"r{j}") for j in range(100)), parcel=f"o{i}")
    assert len(store.notices()) == 500
    assert len(store.notices(limit=450)) == 450


def test_the_operator_releases_what_failed_or_expired(store: Store) -> None:
    owe(store, owed(expires=HOUR))
    failed = take(store)
    store.fail(failed.id, failed.token, error="550")
    store.scripts.client.hset("{cw}:n:n1", "exp", 1)
    assert store.operate("n1", "release") == "done"
    assert store.operate("n1", "release") == "no"
    notice = take(store)
    assert notice.expires is None
    store.done(notice.id, notice.token)
    assert store.operate("n1", "release") == "no"
    assert only(store).state == "sent"
    owe(store, owed("late", expires=NOW), parcel="late")
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None
    assert store.operate("late", "release") == "done"
    assert take(store).id == "late"


def test_what_may_have_arrived_is_sent_again_only_by_the_verb_that_says_so(store: Store) -> None:
    owe(store, owed())
    VERBS["hold"][0](store, take(store))
    assert store.operate("n1", "release") == "uncertain"
    assert store.operate("n1", "resend") == "done"
    again = take(store)
    assert again.message == "n1"  # under the same id, so that a mail program shows it once
    store.done(again.id, again.token)
    assert store.operate("n1", "resend") == "done"
    assert take(store).message != "n1"  # wanted once more: a new message


def test_an_operation_is_done_once_and_only_on_what_was_seen(store: Store) -> None:
    owe(store, owed())
    VERBS["fail"][0](store, take(store))
    seen = only(store)
    assert store.operate("n1", "release", seen=seen, op="a") == "done"
    VERBS["fail"][0](store, take(store))
    assert store.operate("n1", "release", seen=seen, op="a") == "done"  # said before: the answer was lost
    assert only(store).state == "failed"
    assert store.operate("n1", "release", seen=seen, op="b") == "moved"
    assert store.counts()["released"] == 1
    assert store.operate("n1", "drop", seen=only(store), op="c") == "done"
    assert only(store).state == "skipped"


def test_the_operator_drops_what_is_open(store: Store) -> None:
    owe(store, owed("pending"), owed("sending", channel="sms"), owed("failed", channel="x"))
    sending = take(store, "sms")
    store.fail((failed := take(store, "x")).id, failed.token, error="550")
    names = ("pending", "sending", "failed")
    assert {store.operate(name, "drop") for name in names} == {"done"}
    assert {store.operate(name, "drop") for name in (*names, "unknown")} == {"no"}
    assert {row.state for row in store.notices()} == {"skipped"}
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None
    with pytest.raises(LostLease):
        store.done(sending.id, sending.token)
    (row,) = (r for r in store.notices() if r.id == "sending")
    assert [a.outcome for a in row.log] == ["dropped", "late done"]


def test_notices_are_found_by_the_beginning_of_their_id_and_remember_who_looked(store: Store) -> None:
    owe(store, owed("abc1"), owed("abd2", channel="sms"))
    assert store.named("ab") == ["abc1", "abd2"]
    assert store.named("abd") == ["abd2"]
    assert store.named("x") == []
    store.looked_at(["abc1", "no-such"])
    found = store.notice("abc1")
    assert found is not None
    assert found.seen is not None
    assert store.notice("no-such") is None
    assert [row.id for row in store.notices(where=lambda row: row.channel == "sms")] == ["abd2"]


def test_open_notices_and_only_they_are_in_the_queue(store: Store) -> None:
    """Every state at once: pending and sending rows have a way forward, the others none."""
    for i, verb in enumerate(VERBS):
        owe(store, owed(f"n{i}"), parcel=f"o{i}")
        VERBS[verb][0](store, take(store))
    owe(store, owed("expired", expires=NOW), parcel="e")
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None
    owe(store, owed("sending"), parcel="s")
    take(store)
    queue = {name.decode() for name in names(store, "ob:mail")}
    rows = store.notices()
    assert {row.state for row in rows} == set(STATES)
    assert queue == {row.id for row in rows if row.state in ("pending", "sending")}
    counts = store.counts()
    for state in STATES:
        assert counts[f"state:{state}"] == sum(row.state == state for row in rows)


# -- bells ----------------------------------------------------------------------------------------------------


def test_the_sweep_counts_what_is_due_and_tells_when_the_next_is(store: Store) -> None:
    assert store.sweep().next_in is None
    store.enrol("post", ["a", "b", "c"], spread=NOW)
    owe(store, owed("m"), owed("s", channel="sms", after=HOUR), parcel="a")
    bells = store.sweep()
    assert (bells.due, bells.notices, bells.reviews) == ({"post": 3}, {"mail": 1}, 0)
    assert bells.next_in is not None
    assert timedelta(minutes=59) < bells.next_in <= HOUR
    claim(store, 2)
    take(store)
    bells = store.sweep()
    assert (bells.due, bells.notices) == ({"post": 1}, {})
    assert bells.next_in is not None
    assert bells.next_in <= LEASE


def test_the_sweep_rings_for_reviews(store: Store) -> None:
    store.enrol("post", [P], spread=HOUR)
    store.commit(commit(P, review_in=NOW))
    assert store.sweep().reviews == 1


def test_a_paused_source_is_rung_when_its_pause_ends(store: Store) -> None:
    store.enrol("post", ["a"], spread=NOW)
    store.pause("post", after=HOUR)
    bells = store.sweep()
    assert bells.due == {}
    assert bells.next_in is not None
    assert timedelta(minutes=59) < bells.next_in <= HOUR


def test_unsettled_counts_leases_that_end_within_the_horizon(store: Store) -> None:
    assert not store.unsettled(within=HOUR)
    store.enrol("post", ["a"], spread=NOW)
    claim(store)
    assert store.unsettled(within=HOUR).parcels == 1
    assert store.unsettled(within=timedelta(seconds=1)).parcels == 0
    owe(store, owed(), parcel="a")
    assert store.unsettled(within=NOW).notices == 1
    take(store)
    assert store.unsettled(within=NOW).sending == 1
    assert store.count_watched("post") == 1
