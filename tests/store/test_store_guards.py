"""Each guard in the scripts holds, and without it the check fails: the checks are shown to bite.

A case is an invariant as a function of a store, and an edit that takes its guard out of one script. The invariant must
hold with the scripts as they are shipped and must break with the edit.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import workers.store
from tests.servers.rows import LEASE, NOW, claim, commit, field, lapse, names, owe, owed, soon, take, unbar
from tests.servers.valkey import Valkey
from workers.core.limits import Quota
from workers.errors import LostLease
from workers.store import Changed, Ledger, Looked, Notice, Store
from workers.store.lua import Scripts

HOUR = timedelta(hours=1)
SHIPPED = Path(workers.store.__file__).parent
P = "o1/LP1CN"


def refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except LostLease:
        return True
    return False


# -- the invariants -------------------------------------------------------------------------------------------


def two_claims_never_overlap(store: Store) -> None:
    store.enrol("post", [f"o{i}" for i in range(10)], spread=NOW)
    first, second = claim(store, 6), claim(store, 6)
    assert len(first.parcels) == 6
    assert len(second.parcels) == 4
    assert not set(first.parcels) & set(second.parcels)


def a_claimed_parcel_comes_back_by_itself(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    claim(store)
    lapse(store, "due:post")
    assert len(claim(store).parcels) == 1


def a_notice_has_one_holder(store: Store) -> None:
    owe(store, owed())
    take(store)
    assert store.claim_notice("mail", lease=LEASE, worker="w2") is None


def only_the_holder_ends_an_attempt(store: Store) -> None:
    owe(store, owed())
    late = take(store)
    lapse(store, "ob:mail")
    take(store)
    assert refused(lambda: store.done(late.id, late.token))
    assert [row.state for row in store.notices()] == ["sending"]


def only_the_holder_renews(store: Store) -> None:
    owe(store, owed())
    late = take(store)
    lapse(store, "ob:mail")
    take(store)
    assert refused(lambda: store.renew(late.id, late.token, lease=HOUR))


def what_is_over_leaves_the_queue(store: Store) -> None:
    owe(store, owed())
    notice = take(store)
    store.done(notice.id, notice.token)
    store.scripts.client.zadd("{cw}:ob:mail", {notice.id: 1})
    assert not store.scripts.run("claim_notice", "mail", 1000, "t", "w", "", "", "")
    assert names(store, "ob:mail") == []


def a_renewed_claim_does_not_lapse(store: Store) -> None:
    owe(store, owed())
    notice = take(store)
    lapse(store, "ob:mail")
    store.renew(notice.id, notice.token, lease=HOUR)
    assert store.claim_notice("mail", lease=LEASE, worker="w2") is None


def what_is_sent_is_never_sent_again(store: Store) -> None:
    owe(store, owed())
    notice = take(store)
    store.done(notice.id, notice.token)
    owe(store, owed())
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None
    assert [row.state for row in store.notices()] == ["sent"]


def an_end_may_be_said_twice(store: Store) -> None:
    owe(store, owed())
    notice = take(store)
    store.retry(notice.id, notice.token, after=HOUR, error="x")
    assert not refused(lambda: store.retry(notice.id, notice.token, after=HOUR, error="x"))
    assert store.counts()["retried"] == 1


def no_decision_is_lost_to_another(store: Store) -> None:
    store.commit(commit(P, 0, snapshot=b"a"))
    assert store.commit(commit(P, 0, snapshot=b"b")) == "stale"
    known = store.recall(P)
    assert known is not None
    assert known.snapshot == b"a"


def the_same_op_is_done_once(store: Store) -> None:
    once = commit(P, 0)
    assert [store.commit(once), store.commit(once)] == ["done", "done"]


def a_poisonous_notice_ends_held(store: Store) -> None:
    owe(store, owed())
    for _ in range(4):
        take(store)
        lapse(store, "ob:mail")
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None
    assert "died" in store.notices()[0].error


def a_crash_may_have_sent_it(store: Store) -> None:
    owe(store, owed())
    take(store)
    lapse(store, "ob:mail")
    assert take(store).uncertain


def too_late_is_not_sent(store: Store) -> None:
    owe(store, owed(expires=NOW))
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None


def the_newer_notice_stands(store: Store) -> None:
    owe(store, owed("old"))
    owe(store, owed("new"))
    assert take(store).id == "new"
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None
    assert [row.error for row in store.notices(states=("skipped",))] == ["superseded"]


def the_older_is_not_tried_after_the_newer(store: Store) -> None:
    owe(store, owed("old"))
    old = take(store)
    owe(store, owed("new"))
    store.retry(old.id, old.token, after=NOW, error="451")
    assert {row.id: row.state for row in store.notices()} == {"old": "skipped", "new": "pending"}
    assert take(store).id == "new"
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None


def an_unchanged_look_needs_no_decision_and_a_changed_one_does(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    store.commit(commit(P, source="post", fingerprint="a", every=HOUR))
    assert store.settle("post", [Looked(P, "a")], every=HOUR) == ()
    assert store.settle("post", [Looked(P, "b")], every=HOUR) == (Changed(P, 1, b"snapshot", b"told"),)


def a_late_look_revives_nothing(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    store.dismiss("post", [P])
    store.settle("post", [Looked(P, "")], every=HOUR)
    assert list(store.watched("post")) == []
    assert store.scripts.client.hget("{cw}:look:post", P) is None


def a_late_commit_revives_nothing(store: Store) -> None:
    store.commit(commit(P, source="post", fingerprint="a", every=HOUR, review_in=NOW))
    assert list(store.watched("post")) == []
    assert store.claim_reviews(10, lease=LEASE) == ()


def enrolling_again_does_not_move_a_lease(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    claim(store)
    store.enrol("post", [P], spread=NOW)
    assert claim(store).parcels == ()


def a_pause_is_not_shortened(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    store.pause("post", after=HOUR)
    store.pause("post", after=NOW)
    assert claim(store).parcels == ()


def a_rate_is_kept(store: Store) -> None:
    store.enrol("post", [f"o{i}" for i in range(5)], spread=NOW)
    assert [len(store.claim("post", 1, lease=LEASE, rate=0.01).parcels) for _ in range(3)] == [1, 0, 0]


def a_secret_has_one_renewer_and_no_late_value(store: Store) -> None:
    assert store.vault.begin("x", 0, lease=LEASE)
    assert not store.vault.begin("x", 0, lease=LEASE)
    assert store.vault.put("x", 0, b"one")
    assert not store.vault.put("x", 0, b"late")
    assert store.vault.read("x") == (b"one", 1)


def reviews_are_leased(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    store.commit(commit(P, review_in=NOW))
    assert len(store.claim_reviews(10, lease=LEASE)) == 1
    assert store.claim_reviews(10, lease=LEASE) == ()


def a_held_ledger_hands_out_nothing(store: Store) -> None:
    owe(store, owed())
    store.hold("x", by="w")
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None


def another_past_hands_out_nothing(store: Store) -> None:
    owe(store, owed())
    store.expected = Ledger("other")
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None
    store.expected = Ledger(store.ledger().id, owed=2)
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None


def a_trouble_that_was_told_is_the_same_until_it_ends(store: Store) -> None:
    store.source_news("post", ok=False, error="x")
    first = datetime(2026, 11, 24, tzinfo=UTC)
    store.owner_heard("post", "broken", since=first)
    store.owner_heard("post", "broken", since=first + HOUR)
    assert store.source_health()["post"].told == first
    store.owner_heard("post", "healed", since=first)
    fares = store.source_health()["post"]
    assert (fares.told, fares.healed is not None) == (None, True)


def a_parcel_that_shows_all_again_is_in_no_doubt(store: Store) -> None:
    assert store.showed("post", {P: True, "o2": True}) == 2
    assert store.showed("post", {P: False}) == 1


def a_failure_ends_what_went_well(store: Store) -> None:
    store.source_news("post", ok=True)
    store.source_news("post", ok=False, error="x", permanent=True)
    assert (store.source_health()["post"].good, store.source_health()["post"].permanent) == (None, True)
    store.source_news("post", ok=True)
    assert (store.source_health()["post"].since, store.source_health()["post"].permanent) == (None, False)


def only_what_changes_opens_what_is_used_up(store: Store) -> None:
    store.limit("post", quota=[Quota("calls", 1, "month")])
    store.enrol("post", [P, "o2"], spread=NOW)
    assert len(claim(store, 1).parcels) == 1
    assert claim(store, 1).wait is not None
    store.limit("post", quota=[Quota("calls", 1, "month")])
    assert field(store, "rl:post", "full") is not None
    store.limit("post", quota=[Quota("calls", 2, "month")])
    assert len(claim(store, 1).parcels) == 1


def what_is_watched_no_longer_leaves_every_index(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    store.commit(commit(P, source="post", every=HOUR))
    store.showed("post", {P: True})
    assert names(store, "hot:post") == [P.encode()]
    store.dismiss("post", [P])
    assert names(store, "hot:post") == []
    assert store.source_health() == {} or store.source_health()["post"].shrunk == 0
    store.enrol("post", [P], spread=NOW)
    assert names(store, "hot:post") == [P.encode()], "watched again, it is as urgent as it was"
    store.forget(P)
    assert names(store, "hot:post") == []


def what_is_not_urgent_leaves_the_index(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    store.commit(commit(P, source="post", every=HOUR))
    store.commit(commit(P, 1, source="post", every=6 * HOUR))
    assert names(store, "hot:post") == []


def parts_of_a_message_have_one_holder(store: Store) -> None:
    bundle(store, "a", "b")
    first = take(store)
    assert [one.id for one in first.all] == ["a", "b"]
    assert store.claim_notice("mail", lease=LEASE, worker="w2") is None


def what_may_have_arrived_is_repeated_with_nothing_new_in_it(store: Store) -> None:
    bundle(store, "a", "b", "c")
    store.scripts.client.zadd("{cw}:ob:mail", {"c": 10**15})
    first = take(store)
    store.uncertain([one.id for one in first.all], first.token, error="cut", then="resend", after=NOW)
    lapse(store, "ob:mail")
    again = take(store)
    assert (again.message, [one.id for one in again.all]) == (first.message, ["a", "b"])


def a_message_ends_as_a_whole(store: Store) -> None:
    bundle(store, "a", "b")
    first = take(store)
    store.done([one.id for one in first.all], first.token)
    assert {(row.state, row.message) for row in store.notices()} == {("sent", first.message)}


def a_wait_is_no_attempt_and_nothing_expires_in_it(store: Store) -> None:
    owe(store, owed(expires=HOUR))
    notice = take(store)
    store.wait(notice.id, notice.token, after=3 * HOUR, reason="digest")
    [row] = store.notices()
    assert row.attempts == 0
    assert row.expires is not None
    assert row.due is not None
    assert row.expires > row.due


def what_was_taken_back_unsaid_is_owed_again(store: Store) -> None:
    owe(store, owed())
    notice = take(store)
    store.unsay(notice.id, notice.token, reason="muted")
    owe(store, owed())
    again = take(store)
    assert again.id == notice.id
    store.done(again.id, again.token)
    owe(store, owed())
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None


def one_that_lives_again_and_dies_is_told_of_anew(store: Store) -> None:
    owe(store, owed())
    for round_ in range(2):
        notice = take(store)
        store.fail(notice.id, notice.token, error="550")
        assert store.notices()[0].owner_told is None
        lapse(store, "dead")
        [(name, _)] = store.follow("dead", 9, lease=HOUR)
        store.settled("dead", [name])
        assert names(store, "kept") == [name.encode()]
        if round_ == 0:
            assert store.operate(name, "release") == "done"
            assert names(store, "kept") == []


def an_operator_acts_on_what_they_saw(store: Store) -> None:
    owe(store, owed())
    notice = take(store)
    store.fail(notice.id, notice.token, error="550")
    [seen] = store.notices()
    assert store.operate(notice.id, "release", seen=seen, op="a") == "done"
    assert store.operate(notice.id, "drop", seen=seen, op="b") == "moved"


def an_operation_is_done_once(store: Store) -> None:
    owe(store, owed())
    notice = take(store)
    store.done(notice.id, notice.token)
    assert store.operate(notice.id, "resend", op="a") == "done"
    again = take(store)
    store.done(again.id, again.token)
    assert store.operate(notice.id, "resend", op="a") == "done"
    assert [row.state for row in store.notices()] == ["sent"]


def what_may_have_arrived_is_not_released(store: Store) -> None:
    owe(store, owed())
    notice = take(store)
    store.uncertain(notice.id, notice.token, error="cut", then="hold")
    assert store.operate(notice.id, "release") == "uncertain"


def the_dead_are_told_of_in_the_batch_they_were_first_taken_in(store: Store) -> None:
    owe(store, owed())
    notice = take(store)
    store.fail(notice.id, notice.token, error="550")
    assert store.follow("dead", 9, lease=HOUR) == []  # not before those that die with it
    lapse(store, "dead")
    [first] = store.follow("dead", 9, lease=HOUR)
    assert first[1]
    assert store.follow("dead", 9, lease=HOUR) == []
    lapse(store, "dead")
    assert store.follow("dead", 9, lease=HOUR) == [first]


def one_that_waits_goes_when_it_is_let_go(store: Store) -> None:
    owe(store, owed())
    assert store.operate("n1", "release") == "no"  # it waits for nothing
    notice = take(store)
    store.wait(notice.id, notice.token, after=HOUR, reason="digest", bundle="b")
    assert store.operate("n1", "release") == "done"
    assert take(store).freed


def what_is_dropped_says_so(store: Store) -> None:
    owe(store, owed())
    notice = take(store)
    assert store.operate("n1", "drop") == "done"
    assert store.notices()[0].error == "dropped"
    assert refused(lambda: store.done(notice.id, notice.token))


def what_was_sent_goes_again_as_another_message(store: Store) -> None:
    owe(store, owed())
    first = take(store)
    store.done(first.id, first.token)
    assert store.operate("n1", "resend") == "done"
    assert take(store).message != first.message
    assert store.counts()["resent"] == 1


def reviews_go_on_where_a_parcel_is_watched_again(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    store.commit(commit(P, 0, review_in=NOW))
    store.dismiss("post", [P])
    store.enrol("post", [P], spread=NOW)
    assert len(store.claim_reviews(10, lease=LEASE)) == 1
    store.commit(commit(P, 1))
    store.dismiss("post", [P])
    store.enrol("post", [P], spread=NOW)
    assert store.claim_reviews(10, lease=LEASE) == ()


def what_is_gone_is_not_followed(store: Store) -> None:
    store.scripts.client.zadd("{cw}:dead", {"nobody": 1})
    assert store.follow("dead", 9, lease=HOUR) == []
    assert store.scripts.client.zcard("{cw}:dead") == 0


def a_word_makes_what_was_decided_without_it_stale(store: Store) -> None:
    store.commit(commit(P, 0))
    assert store.say(P, b"", b"muted")
    assert store.commit(commit(P, 1)) == "stale"
    assert not store.say(P, b"", b"stopped")


def what_was_told_is_amended_only_as_it_was_read(store: Store) -> None:
    store.commit(commit(P, 0))
    store.commit(commit(P, 1))
    assert not store.amend_told(P, 1, b"less")
    assert store.amend_told(P, 2, b"less")
    assert store.commit(commit(P, 2)) == "stale"


def nothing_dead_goes_before_somebody_knew(store: Store) -> None:
    owe(store, owed())
    notice = take(store)
    store.fail(notice.id, notice.token, error="550")
    assert store.prune(older=NOW) == 0
    lapse(store, "dead")
    store.follow("dead", 9, lease=HOUR)
    assert store.prune(older=NOW) == 0
    store.settled("dead", [notice.id])
    assert store.notices()[0].owner_told is not None
    assert store.prune(older=HOUR) == 0
    lapse(store, "kept")
    assert store.prune(older=HOUR) == 1


def what_was_surely_not_accepted_goes_with_whatever_has_joined(store: Store) -> None:
    bundle(store, "a", "b", "c")
    store.scripts.client.zadd("{cw}:ob:mail", {"c": 10**15})
    first = take(store)
    store.retry([one.id for one in first.all], first.token, after=NOW, error="451")
    lapse(store, "ob:mail")
    assert [one.id for one in take(store).all] == ["a", "b", "c"]


def a_chore_comes_when_it_is_owed_and_until_it_is_done(store: Store) -> None:
    chores = store.chores
    chores.add("post", ["a"], after=HOUR)
    assert (chores.due("post"), chores.claim("post", 9, lease=HOUR)) == (0, ())
    chores.add("post", ["a"])
    chores.add("post", ["a"], after=HOUR)  # no later for that
    assert (chores.due("post"), chores.claim("post", 9, lease=HOUR)) == (1, ("a",))
    assert (chores.due("post"), chores.claim("post", 9, lease=HOUR)) == (0, ())
    chores.put_off("post", ["a", "b"], after=NOW)
    assert chores.due("post") == 1
    chores.put_off("post", ["a"], after=HOUR)
    assert chores.due("post") == 0
    lapse(store, "chores:post")
    chores.done("post", ["a"])
    assert (chores.due("post"), names(store, "chores:post")) == (0, [])
    chores.add("post", ["a"])
    assert chores.claim("post", 9, lease=NOW) == ("a",)
    chores.forget("post")
    assert names(store, "chores:post") == []


def a_push_is_taken_in_once_and_again_where_it_was_dropped(store: Store) -> None:
    assert [store.push_begins("d", lease=HOUR) for _ in range(2)] == ["new", "busy"]
    store.push_dropped("d")
    assert store.push_begins("d", lease=HOUR) == "new"
    store.push_done("d", ttl=HOUR, unwatched=2)
    assert [store.push_begins("d", lease=HOUR, what=what) for what in ("push", "reply")] == ["seen", "seen"]
    said = store.counts()
    assert [
        said.get(n) for n in ("pushes", "push_replays", "reply_replays", "replies", "push_unwatched")
    ] == [1, 1, 1, None, 2]
    store.push_done("e", ttl=HOUR, what="reply")
    assert (store.counts()["pushes"], store.counts()["replies"]) == (1, 1)


def a_hold_is_one_and_what_was_owed_goes_or_not_as_is_said(store: Store) -> None:
    store.name_ledger()
    first = store.ledger().id
    store.name_ledger()
    assert store.ledger().id == first
    owe(store, owed())
    take(store)
    owe(store, owed("n2", topic="other", channel="sms"))
    assert store.hold("x", by="w")
    assert not store.hold("y", by="v")
    assert (store.ledger().hold, store.ledger().by, store.ledger().since is not None) == ("x", "w", True)
    assert store.lift_hold() == 0
    held = store.ledger()
    assert (held.hold, held.by, held.since, first in held.was, held.id != first) == ("", "", None, True, True)
    assert store.lift_hold(knew=["old"], skip_owed=True) == 2
    assert "old" in store.ledger().was
    assert {(row.state, row.error) for row in store.notices()} == {
        ("skipped", "skipped when the hold was lifted")
    }


def an_address_is_set_aside_once_and_a_changed_one_anew(store: Store) -> None:
    assert [store.set_aside("mail", "anna", mark, error="550") for mark in ("a", "a", "b")] == [
        True,
        False,
        True,
    ]
    assert store.counts()["address_dead"] == 2


def what_has_no_words_any_more_is_not_sent_again(store: Store) -> None:
    owe(store, owed())
    notice = take(store)
    store.done(notice.id, notice.token)
    assert store.prune_words("sent", older=NOW) == 1
    assert store.operate("n1", "resend") == "no"
    owe(store, owed("n2", expires=NOW))
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None
    assert store.prune_words("expired", older=NOW) == 1
    assert store.operate("n2", "release") == "no"
    assert sorted(row.state for row in store.notices()) == ["expired", "sent"]
    assert store.operate("n2", "drop") == "done"


def a_secret_outlives_a_renewal_that_began(store: Store) -> None:
    assert store.vault.begin("x", 0, lease=LEASE)
    assert 0 < store.scripts.client.pttl("{cw}:vault:x") <= 2 * LEASE.total_seconds() * 1000
    assert store.vault.put("x", 0, b"one")
    assert store.vault.begin("x", 1, lease=LEASE)
    assert store.scripts.client.pttl("{cw}:vault:x") > 10 * LEASE.total_seconds() * 1000


def one_that_is_owed_for_later_waits(store: Store) -> None:
    owe(store, owed(after=HOUR))
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None


def what_lives_again_is_not_told_of_as_dead(store: Store) -> None:
    owe(store, owed())
    notice = take(store)
    store.fail(notice.id, notice.token, error="550")
    assert names(store, "dead") == [b"n1"]
    assert store.operate("n1", "release") == "done"
    assert names(store, "dead") == []


def a_cap_counts_two_days_and_no_more(store: Store) -> None:
    owe(store, owed())
    first = take(store)
    store.done(first.id, first.token)
    out = "out:4:mailanna"
    lapse(store, out)
    owe(store, owed("n2"))
    second = take(store)
    store.done(second.id, second.token)
    assert names(store, out) == [b"n2"]


def one_whose_holder_died_is_not_tried_after_the_newer(store: Store) -> None:
    owe(store, owed("old"))
    take(store)
    owe(store, owed("new"))
    store.scripts.client.zadd("{cw}:ob:mail", {"old": 1})
    assert take(store).id == "new"
    [old] = store.notices(states=("skipped",))
    assert (old.id, old.error) == ("old", "superseded")
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None


def the_other_sides_id_is_kept(store: Store) -> None:
    owe(store, owed())
    notice = take(store)
    store.done(notice.id, notice.token, reference="SM1")
    assert store.notices()[0].reference == "SM1"


def what_waits_alone_joins_no_digest(store: Store) -> None:
    bundle(store, "a", "b")
    store.scripts.client.zadd("{cw}:ob:mail", {"b": 10**15})
    alone = take(store)
    store.wait(alone.id, alone.token, after=HOUR, reason="quiet")
    for name in ("a", "b"):
        store.scripts.client.zadd("{cw}:ob:mail", {name: 1})
    assert [one.id for one in take(store).all] == ["a"]


def what_is_dropped_takes_no_word_of_its_holder(store: Store) -> None:
    owe(store, owed())
    notice = take(store)
    store.retry(notice.id, notice.token, after=HOUR, error="451")
    assert store.operate("n1", "drop") == "done"
    assert refused(lambda: store.retry(notice.id, notice.token, after=HOUR, error="451"))


def one_that_a_person_sends_again_has_its_tries_again(store: Store) -> None:
    a_poisonous_notice_ends_held(store)
    assert store.operate("n1", "resend") == "done"
    again = take(store)
    assert (again.crashes, again.freed) == (0, True)


def a_decision_without_a_review_ends_the_one_before(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    store.commit(commit(P, 0, review_in=NOW))
    store.commit(commit(P, 1))
    assert names(store, "reviews") == []


def a_stay_is_remembered_where_one_ended(store: Store) -> None:
    began = datetime(2026, 11, 20, tzinfo=UTC)
    store.commit(commit(P, 0))
    assert store.scripts.client.smembers("{cw}:stays") == set()
    store.commit(commit(P, 1, stay=("g", began, began + HOUR)))
    assert store.scripts.client.smembers("{cw}:stays") == {b"g"}


def bundle(store: Store, *ids: str) -> None:
    """Owe notices of different parcels, and have them wait for one digest that is due now."""
    owe(store, *(owed(name, topic=name) for name in ids), parcel=f"of {ids[0]}")
    for _ in ids:
        notice = take(store)
        store.wait(notice.id, notice.token, after=HOUR, reason="digest", bundle="mail/anna/digest")
    for name in ids:
        store.scripts.client.zadd("{cw}:ob:mail", {name: 1})


# -- the edits ------------------------------------------------------------------------------------------------


QUARTER = timedelta(minutes=15)


def claimed_with(store: Store, account: str) -> Notice | None:
    return store.claim_notice("mail", lease=LEASE, worker="w", mark=account)


def a_refused_channel_is_left_alone_but_by_another_account(store: Store) -> None:
    owe(store, owed())
    store.bar("mail", "old", error="535", after=QUARTER)
    first = store.bars()[0]
    store.bar("mail", "old", error="535", after=QUARTER)
    assert store.bars()[0].since == first.since
    assert claimed_with(store, "old") is None
    assert store.sweep().notices == {}
    assert not store.unsettled(within=QUARTER)
    assert claimed_with(store, "new") is not None


def one_tries_a_refused_channel_and_what_it_sends_opens_it(store: Store) -> None:
    owe(store, owed("a"), owed("b"))
    store.bar("mail", "old", error="535", after=QUARTER)
    unbar(store)
    tried = claimed_with(store, "old")
    assert tried is not None
    assert claimed_with(store, "old") is None
    assert store.sweep().notices == {}
    store.done(tried.id, tried.token)
    assert claimed_with(store, "old") is not None


def an_urgent_notice_that_does_not_arrive_comes_up(store: Store) -> None:
    for verb in ("fail", "retry", "hold"):
        owe(store, owed(verb, urgent=True), parcel=f"o/{verb}")
        token = take(store).token
        if verb == "fail":
            store.fail(verb, token, error="550", follow_up=NOW)
        elif verb == "retry":
            store.retry(verb, token, after=HOUR, error="451", follow_up=HOUR)
        else:
            store.uncertain(verb, token, error="cut", then="hold", follow_up=HOUR)
    assert {name for name, _ in store.follow("esc", 10, lease=HOUR)} == {"fail"}
    lapse(store, "esc")
    assert {name for name, _ in store.follow("esc", 10, lease=HOUR)} == {"fail", "retry", "hold"}


@dataclass(frozen=True)
class Case:
    invariant: Callable[[Store], None]
    script: str
    guard: str
    instead: str


def a_lease_that_ended_is_anybodys(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    claim(store)
    lapse(store, "due:post")
    store.prolong("post", [P], lease=LEASE)
    assert [one.parcel for one in claim(store).parcels] == [P]


def a_late_holder_calls_nothing_back(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    store.postpone("post", [P], after=timedelta(days=1))
    store.prolong("post", [P], lease=LEASE)
    assert claim(store).parcels == ()
    known = store.recall(P)
    assert known is not None
    assert soon(known.due["post"], timedelta(days=1))


CASES = [
    Case(two_claims_never_overlap, "claim", "redis.call('ZADD', due, 'XX', unpack(push))", ""),
    Case(
        a_claimed_parcel_comes_back_by_itself,
        "claim",
        "redis.call('ZADD', due, 'XX', unpack(push))",
        "redis.call('ZREM', due, unpack(parcels))",
    ),
    Case(a_notice_has_one_holder, "claim_notice", "made, now + ARGV[2])", "made, now)"),
    Case(
        only_the_holder_ends_an_attempt,
        "finish",
        "row[1] ~= 'sending' or row[2] ~= token",
        "row[1] ~= 'sending'",
    ),
    Case(only_the_holder_renews, "renew", "row[1] ~= 'sending' or row[2] ~= ARGV[1]", "row[1] ~= 'sending'"),
    Case(
        what_is_sent_is_never_sent_again,
        "prelude",
        "redis.call('HSETNX', key, 'st', 'pending') == 1",
        "redis.call('HSET', key, 'st', 'pending')",
    ),
    Case(
        an_end_may_be_said_twice, "finish", "if row[2] == token and row[8] == verb then return true end", ""
    ),
    Case(no_decision_is_lost_to_another, "commit", "~= version then", "== nil then"),
    Case(the_same_op_is_done_once, "commit", "if redis.call('EXISTS', done) == 1 then return 'done' end", ""),
    Case(a_poisonous_notice_ends_held, "claim_notice", "crashes > 3", "crashes > 3000"),
    Case(a_crash_may_have_sent_it, "claim_notice", "'crash', crashes, 'unc', 1", "'crash', crashes"),
    Case(
        a_refused_channel_is_left_alone_but_by_another_account,
        "claim_notice",
        "if barred and barred > now then return false end",
        "",
    ),
    Case(
        a_refused_channel_is_left_alone_but_by_another_account,
        "claim_notice",
        "redis.call('HGET', bar, of)",
        "redis.call('HGET', bar, 'until')",
    ),
    Case(
        a_refused_channel_is_left_alone_but_by_another_account,
        "sweep",
        "if barred > now and n > 0 then",
        "if false then",
    ),
    Case(
        one_tries_a_refused_channel_and_what_it_sends_opens_it,
        "claim_notice",
        "'until', now + ARGV[2], of,",
        "'until', now, of,",
    ),
    Case(
        one_tries_a_refused_channel_and_what_it_sends_opens_it,
        "claim_notice",
        "of, now + ARGV[2])",
        "of, now)",
    ),
    Case(
        one_tries_a_refused_channel_and_what_it_sends_opens_it,
        "finish",
        "redis.call('DEL', P .. 'bar:' .. row[3])",
        "",
    ),
    Case(
        an_urgent_notice_that_does_not_arrive_comes_up,
        "finish",
        "redis.call('ZADD', P .. 'esc', 'NX', now + ARGV[6], id)",
        "redis.call('ZADD', P .. 'esc', 'NX', now, id)",
    ),
    Case(
        an_urgent_notice_that_does_not_arrive_comes_up,
        "finish",
        "elseif verb ~= 'wait' then",
        "elseif false then",
    ),
    Case(too_late_is_not_sent, "claim_notice", "row[3] and tonumber(row[3]) <= now", "false"),
    Case(the_newer_notice_stands, "prelude", "if next(fresh) then", "if false then"),
    Case(the_older_is_not_tried_after_the_newer, "finish", "to == 'pending' and row[7]", "false"),
    Case(
        the_older_is_not_tried_after_the_newer,
        "prelude",
        "redis.call('HSET', P .. 'n:' .. id, 'over', 1)",
        "",
    ),
    Case(
        an_unchanged_look_needs_no_decision_and_a_changed_one_does,
        "settle",
        "if fingerprint == ",
        "if nil == ",
    ),
    Case(
        an_unchanged_look_needs_no_decision_and_a_changed_one_does,
        "settle",
        "if fingerprint == ARGV[3 * i + 1]",
        "if true",
    ),
    Case(a_late_look_revives_nothing, "settle", "if scores[i] then", "if true then"),
    Case(a_late_commit_revives_nothing, "commit", "if watched then redis.call", "if true then redis.call"),
    Case(
        a_late_commit_revives_nothing,
        "commit",
        "P .. 'due:' .. source, 'XX', next_look",
        "P .. 'due:' .. source, next_look",
    ),
    Case(
        enrolling_again_does_not_move_a_lease,
        "enrol",
        "if not there[i] then",
        "redis.call('ZREM', due, ARGV[i + 3]) do",
    ),
    Case(a_pause_is_not_shortened, "pause", "if at > stands then", "if true then"),
    Case(a_rate_is_kept, "claim", "if tokens < 1 - 1e-9 then", "if false then"),
    Case(
        a_rate_is_kept, "claim", "redis.call('HSET', bucket, 'tokens'", "redis.call('HMGET', bucket, 'tokens'"
    ),
    Case(a_secret_has_one_renewer_and_no_late_value, "vault", "tonumber(held[2] or 0) > now", "false"),
    Case(a_secret_has_one_renewer_and_no_late_value, "vault", "if (held[1] or '0') ~= version", "if false"),
    Case(a_held_ledger_hands_out_nothing, "prelude", "if ledger[2] then return true end", ""),
    Case(another_past_hands_out_nothing, "prelude", "ledger[1] ~= id or ", ""),
    Case(another_past_hands_out_nothing, "prelude", "tonumber(counts[1] or 0) < tonumber(owed)", "false"),
    Case(reviews_are_leased, "claim_reviews", "redis.call('ZADD', reviews, 'XX', now + ARGV[2], parcel)", ""),
    Case(
        a_trouble_that_was_told_is_the_same_until_it_ends,
        "mark",
        "redis.call('HSETNX', key, 'told', ARGV[3])",
        "redis.call('HSET', key, 'told', ARGV[3])",
    ),
    Case(
        a_trouble_that_was_told_is_the_same_until_it_ends,
        "mark",
        "redis.call('HSET', key, 'healed', now)",
        "",
    ),
    Case(a_parcel_that_shows_all_again_is_in_no_doubt, "showed", "or 'SREM'", "or 'SADD'"),
    Case(a_failure_ends_what_went_well, "news", "redis.call('HDEL', key, 'good')", ""),
    Case(a_failure_ends_what_went_well, "prelude", "redis.call('HDEL', key, 'since', 'perm')", ""),
    Case(only_what_changes_opens_what_is_used_up, "limit", "if changed then", "if true then"),
    Case(only_what_changes_opens_what_is_used_up, "limit", "if changed then", "if false then"),
    Case(
        what_is_watched_no_longer_leaves_every_index,
        "dismiss",
        "redis.call('ZREM', P .. 'hot:' .. ARGV[1], entry)",
        "",
    ),
    Case(
        what_is_watched_no_longer_leaves_every_index,
        "enrol",
        "known[2] and tonumber(known[2]) <= URGENT",
        "false",
    ),
    Case(
        what_is_watched_no_longer_leaves_every_index,
        "forget",
        "redis.call('ZREM', P .. 'hot:' .. source, entry)",
        "",
    ),
    Case(
        what_is_not_urgent_leaves_the_index,
        "prelude",
        "redis.call('ZREM', P .. 'hot:' .. name, parcel)",
        "",
    ),
    Case(
        parts_of_a_message_have_one_holder,
        "claim_notice",
        "local taken = own[1] and others(id, own[1], own[2]) or {}",
        "local taken = {}",
    ),
    Case(
        what_may_have_arrived_is_repeated_with_nothing_new_in_it,
        "claim_notice",
        "redis.call('HGET', P .. 'n:' .. other, 'msg') == message",
        "true",
    ),
    Case(
        what_may_have_arrived_is_repeated_with_nothing_new_in_it,
        "claim_notice",
        "for _, one in ipairs(taken) do redis.call('HSET', P .. 'n:' .. one[1], 'msg', message) end",
        "",
    ),
    Case(a_message_ends_as_a_whole, "finish", "for i = 7, #ARGV do", "for i = 7, 7 do"),
    Case(
        a_wait_is_no_attempt_and_nothing_expires_in_it, "finish", "redis.call('HINCRBY', key, 'att', -1)", ""
    ),
    Case(
        a_wait_is_no_attempt_and_nothing_expires_in_it,
        "finish",
        "if row[13] and tonumber(row[13]) < due + DAY",
        "if false",
    ),
    Case(what_was_taken_back_unsaid_is_owed_again, "finish", "redis.call('HSET', key, 'unsaid', 1)", ""),
    Case(
        what_was_taken_back_unsaid_is_owed_again,
        "prelude",
        "if not new and redis.call('HGET', key, 'unsaid') then",
        "if false then",
    ),
    Case(an_operator_acts_on_what_they_saw, "operate", "if ARGV[4] ~= '' and", "if false and"),
    Case(an_operation_is_done_once, "operate", "if row[6] == op then return 'done' end", ""),
    Case(what_may_have_arrived_is_not_released, "operate", "dead and row[5] then", "false then"),
    Case(the_dead_are_told_of_in_the_batch_they_were_first_taken_in, "follow", "HSETNX", "HSET"),
    Case(
        the_dead_are_told_of_in_the_batch_they_were_first_taken_in,
        "follow",
        "redis.call('ZADD', queue, now + ARGV[3], id)",
        "",
    ),
    Case(
        the_dead_are_told_of_in_the_batch_they_were_first_taken_in, "prelude", "now + UNTOLD, id", "now, id"
    ),
    Case(
        one_that_waits_goes_when_it_is_let_go, "operate", "state == 'pending' and row[7] then", "false then"
    ),
    Case(
        one_that_waits_goes_when_it_is_let_go,
        "operate",
        "state == 'pending' and row[7] then",
        "state == 'pending' then",
    ),
    Case(what_is_dropped_says_so, "operate", "redis.call('HSET', key, 'err', 'dropped')", ""),
    Case(
        what_is_dropped_says_so,
        "operate",
        "redis.call('HDEL', key, 'tok')",
        "redis.call('HSET', key, 'st', 'sending')",
    ),
    Case(
        what_was_sent_goes_again_as_another_message,
        "operate",
        "if state == 'sent' then -- a new",
        "if false then -- a new",
    ),
    Case(
        reviews_go_on_where_a_parcel_is_watched_again,
        "commit",
        "redis.call('HSET', row, 'rev', now + review)",
        "",
    ),
    Case(reviews_go_on_where_a_parcel_is_watched_again, "commit", "redis.call('HDEL', row, 'rev')", ""),
    Case(
        reviews_go_on_where_a_parcel_is_watched_again,
        "enrol",
        "if known[1] then redis.call('ZADD', P .. 'reviews'",
        "if false then redis.call('ZADD', P .. 'reviews'",
    ),
    Case(what_is_gone_is_not_followed, "follow", "redis.call('EXISTS', key) == 0", "false"),
    Case(what_is_gone_is_not_followed, "follow", "redis.call('ZREM', queue, id)", ""),
    Case(
        a_word_makes_what_was_decided_without_it_stale,
        "say",
        "redis.call('HINCRBY', P .. 'p:' .. parcel, 'ver', 1)",
        "",
    ),
    Case(
        a_word_makes_what_was_decided_without_it_stale,
        "say",
        "if (redis.call('HGET', P .. 'word', parcel) or '') ~= ARGV[2] then return 0 end",
        "",
    ),
    Case(
        what_was_told_is_amended_only_as_it_was_read,
        "amend_told",
        "~= ARGV[2] then return 0 end",
        "== nil then return 0 end",
    ),
    Case(what_was_told_is_amended_only_as_it_was_read, "amend_told", ", 'ver', ARGV[2] + 1)", ")"),
    Case(nothing_dead_goes_before_somebody_knew, "prune", "now - ARGV[1]", "now"),
    Case(
        nothing_dead_goes_before_somebody_knew, "settled", "redis.call('ZADD', P .. 'kept', now, ARGV[i])", ""
    ),
    Case(
        a_renewed_claim_does_not_lapse,
        "renew",
        "redis.call('ZADD', P .. 'ob:' .. row[3], now + ARGV[2], ARGV[i])",
        "",
    ),
    Case(what_is_over_leaves_the_queue, "claim_notice", "redis.call('ZREM', queue, id)", ""),
    Case(
        what_was_taken_back_unsaid_is_owed_again,
        "prelude",
        "redis.call('HDEL', key, 'unsaid', 'end'",
        "redis.call('HDEL', key, 'end'",
    ),
    Case(one_that_lives_again_and_dies_is_told_of_anew, "prelude", "redis.call('ZREM', P .. 'kept', id)", ""),
    Case(
        one_that_lives_again_and_dies_is_told_of_anew,
        "prelude",
        "redis.call('HDEL', P .. 'n:' .. id, 'bat', 'owner', 'seen')",
        "",
    ),
    Case(
        what_was_surely_not_accepted_goes_with_whatever_has_joined,
        "finish",
        "redis.call('HDEL', key, 'msg') -- nothing",
        "-- nothing",
    ),
    Case(
        a_chore_comes_when_it_is_owed_and_until_it_is_done,
        "chores",
        "'XX', now + ARGV[4], chore",
        "'XX', now, chore",
    ),
    Case(
        a_push_is_taken_in_once_and_again_where_it_was_dropped, "push", "'busy', 'NX', 'PX'", "'busy', 'PX'"
    ),
    Case(
        a_hold_is_one_and_what_was_owed_goes_or_not_as_is_said,
        "hold",
        "if redis.call('HSETNX', key, 'hold', ARGV[3]) == 0 then return 0 end",
        "redis.call('HSET', key, 'hold', ARGV[3])",
    ),
    Case(
        an_address_is_set_aside_once_and_a_changed_one_anew,
        "aside",
        "== mark then return 0",
        "== nil then return 0",
    ),
    Case(
        what_has_no_words_any_more_is_not_sent_again,
        "operate",
        "redis.call('HEXISTS', key, 'ctx') == 0 then",
        "false then",
    ),
    Case(a_secret_outlives_a_renewal_that_began, "vault", "if version == '0' then", "if true then"),
    Case(a_secret_outlives_a_renewal_that_began, "vault", "if version == '0' then", "if false then"),
    Case(one_that_is_owed_for_later_waits, "prelude", "now + ARGV[i + 8], id", "now, id"),
    Case(what_lives_again_is_not_told_of_as_dead, "prelude", "redis.call('ZREM', P .. 'dead', id)", ""),
    Case(
        a_cap_counts_two_days_and_no_more,
        "prelude",
        "redis.call('ZREMRANGEBYSCORE', key, '-inf', now - 172800000)",
        "",
    ),
    Case(
        one_whose_holder_died_is_not_tried_after_the_newer,
        "claim_notice",
        "elseif row[7] then",
        "elseif false then",
    ),
    Case(
        one_whose_holder_died_is_not_tried_after_the_newer,
        "claim_notice",
        "redis.call('HSET', key, 'err', 'superseded')",
        "",
    ),
    Case(the_other_sides_id_is_kept, "finish", "redis.call('HSET', key, 'ref', extra)", ""),
    Case(what_waits_alone_joins_no_digest, "finish", "redis.call('HDEL', key, 'bun')", ""),
    Case(what_is_dropped_takes_no_word_of_its_holder, "operate", "redis.call('HDEL', key, 'tok')", ""),
    Case(
        one_that_a_person_sends_again_has_its_tries_again,
        "operate",
        "redis.call('HSET', key, 'crash', 0, 'freed', 1)",
        "",
    ),
    Case(
        a_decision_without_a_review_ends_the_one_before,
        "commit",
        "redis.call('ZREM', P .. 'reviews', parcel)",
        "",
    ),
    Case(a_stay_is_remembered_where_one_ended, "commit", "if ended ~= '' then", "if ended == '' then"),
    Case(a_lease_that_ended_is_anybodys, "prolong", "ends > now and ", ""),
    Case(a_late_holder_calls_nothing_back, "prolong", " and ends <= at", ""),
]
NAMES = [f"{case.invariant.__name__}-{case.script}-{i}" for i, case in enumerate(CASES)]


@pytest.mark.parametrize("invariant", list(dict.fromkeys(case.invariant for case in CASES)))
def test_the_invariant_holds(store: Store, invariant: Callable[[Store], None]) -> None:
    invariant(store)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_without_its_guard_the_invariant_breaks(valkey: Valkey, tmp_path: Path, case: Case) -> None:
    for script in SHIPPED.glob("*.lua"):
        shutil.copy(script, tmp_path)
    edited = tmp_path / f"{case.script}.lua"
    text = edited.read_text()
    assert text.count(case.guard) == 1, "the edit no longer fits the script"
    edited.write_text(text.replace(case.guard, case.instead))
    store = Store.connect(valkey.fresh())
    store.scripts = Scripts(store.scripts.client, tmp_path)
    try:
        with pytest.raises(AssertionError):
            case.invariant(store)
    finally:
        store.close()
