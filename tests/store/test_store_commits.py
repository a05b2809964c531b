"""The rows of parcels: commits, reviews, forgetting."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from tests.servers.rows import LEASE, NOW, claim, commit, field, lapse, owed, soon, take
from workers.core.limits import Quota
from workers.store import Changed, Looked, Lookup, Store

HOUR = timedelta(hours=1)
P = "o1/LP1CN"


# -- commits --------------------------------------------------------------------------------------------------


def test_a_commit_is_remembered_whole(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    raw = bytes(range(256))
    decided = commit(P, stage="released", snapshot=raw, told=b"\x00", decision=b"{}", source="post", fingerprint="f",
                     memo="m", every=HOUR, review_in=2 * HOUR)  # fmt: skip
    assert store.commit(decided) == "done"
    known = store.recall(P)
    assert known is not None
    assert (known.version, known.stage, known.snapshot, known.told, known.decision) == (
        1,
        "released",
        raw,
        b"\x00",
        b"{}",
    )
    assert known.every == HOUR
    assert soon(known.updated, NOW)
    assert soon(known.last_ok["post"], NOW)
    assert soon(known.review_at, 2 * HOUR)
    assert soon(known.due["post"], HOUR, within=timedelta(minutes=7))


def test_a_commit_on_an_old_version_is_stale_and_stores_nothing(store: Store) -> None:
    store.commit(commit(P, 0))
    before = store.recall(P)
    assert store.commit(commit(P, 0, owed("late"), stage="other", snapshot=b"other")) == "stale"
    assert store.commit(commit(P, 2, owed("late"))) == "stale"
    assert store.recall(P) == before
    assert store.notices() == []


def test_several_commits_in_one_trip_are_each_done_or_stale_for_themselves(store: Store) -> None:
    assert store.commit_each([]) == ()
    store.commit(commit("o2", 0))
    store.scripts.client.script_flush()  # a server that forgot the script is told it again
    several = [commit(P, 0, owed("n1")), commit("o2", 0, owed("late")), commit("o3", 0), commit("o3", 1)]
    assert store.commit_each(several) == ("done", "stale", "done", "done")
    known = store.recall_many([P, "o2", "o3"])
    assert [known[p].version for p in (P, "o2", "o3")] == [1, 1, 2]
    assert [row.id for row in store.notices()] == ["n1"]


def test_the_same_op_again_is_done_and_changes_nothing_even_after_others_committed(store: Store) -> None:
    first = commit(P, 0, owed("n1"))
    assert store.commit(first) == "done"
    assert store.commit(first) == "done"
    assert store.commit(commit(P, 1)) == "done"
    assert store.commit(first) == "done"
    known = store.recall(P)
    assert known is not None
    assert known.version == 2
    assert store.counts()["commits"] == 2
    assert len(store.notices()) == 1


def test_a_commit_without_a_pace_keeps_the_one_it_has(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    store.commit(commit(P, source="post", fingerprint="a", every=timedelta(hours=10)))
    lapse(store, "due:post")
    claim(store)
    store.commit(commit(P, 1, source="post", fingerprint="b"))
    known = store.recall(P)
    assert known is not None
    assert known.every == timedelta(hours=10)
    assert soon(known.due["post"], timedelta(hours=10), within=timedelta(hours=1, seconds=20))


def test_a_review_commit_leaves_the_looks_alone(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    store.commit(commit(P, source="post", fingerprint="a", memo="m", every=HOUR))
    before = store.recall(P)
    assert before is not None
    store.commit(commit(P, 1, review_in=HOUR))
    after = store.recall(P)
    assert after is not None
    assert (after.due, after.fingerprints, after.memos, after.last_ok) == (
        before.due, before.fingerprints, before.memos, before.last_ok,
    )  # fmt: skip


def test_parcels_lists_what_was_committed_whatever_its_name_is(store: Store) -> None:
    names = {"o1/LP1", "o[2]*?/x", "päckchen/1", "a:b"}
    for name in names:
        store.commit(commit(name))
    store.enrol("post", ["never/committed"], spread=NOW)
    found = list(store.parcels())
    assert sorted(found) == sorted(names)


def test_one_damaged_name_is_shown_and_hides_no_other(store: Store) -> None:
    store.commit(commit(P))
    store.scripts.client.hset(b"{cw}:p:\xff", "ver", 1)
    store.scripts.client.zadd("{cw}:due:post", {b"\xff": 1})
    assert len(list(store.parcels())) == 2
    assert len(list(store.watched("post"))) == 1


# -- reviews --------------------------------------------------------------------------------------------------


def test_a_review_comes_due_is_leased_and_ends_with_a_commit(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    store.commit(commit(P, review_in=HOUR))
    assert store.claim_reviews(10, lease=LEASE) == ()
    lapse(store, "reviews")
    assert store.claim_reviews(10, lease=LEASE) == (Changed(P, 1, b"snapshot", b"told"),)
    assert store.claim_reviews(10, lease=LEASE) == ()
    store.commit(commit(P, 1, review_in=None))
    lapse(store, "reviews")
    assert store.claim_reviews(10, lease=LEASE) == ()


def test_a_review_of_a_forgotten_parcel_is_dropped(store: Store) -> None:
    store.scripts.client.zadd("{cw}:reviews", {"gone/1": 1})
    assert store.claim_reviews(10, lease=LEASE) == ()
    assert store.sweep().reviews == 0


def test_reviews_are_brought_forward_for_what_is_watched_and_was_judged(store: Store) -> None:
    store.enrol("post", [P, "new/1", "final/1"], spread=HOUR)
    store.commit(commit(P, review_in=HOUR))
    store.commit(commit("final/1", review_in=None))
    store.commit(commit("unwatched/1", review_in=HOUR))
    assert store.review_soon([P, "new/1", "final/1", "unwatched/1", "unknown/1"]) == 2
    assert {c.parcel for c in store.claim_reviews(10, lease=LEASE)} == {P, "final/1"}


# -- forgetting -----------------------------------------------------------------------------------------------


def everything(store: Store) -> bytes:
    """All keys of a store and what stands in them."""
    client = store.scripts.client
    read: dict[bytes, Callable[[bytes], object]] = {
        b"hash": client.hgetall, b"set": client.smembers, b"string": client.get,
        b"zset": lambda key: client.zrange(key, 0, -1), b"list": lambda key: client.lrange(key, 0, -1),
    }  # fmt: skip
    return b"".join(key + repr(read[client.type(key)](key)).encode() for key in client.scan_iter())


def test_forgetting_leaves_nothing_of_what_was_looked_up_under_further_numbers(store: Store) -> None:
    store.enrol("post", [P, "other/1"], spread=NOW)
    store.limit("dhl", quota=(Quota("numbers", 10, "day"),))
    besides = (Lookup("post"), Lookup("dhl", HOUR, "CC1DE"), Lookup("dhl", HOUR))
    store.commit(commit(P, 0, source="post", fingerprint="f", every=HOUR, at=besides))
    claimed = claim(store, source="dhl").parcels
    assert {entry.parcel for entry in claimed} == {P, f"{P}>CC1DE"}
    store.commit(commit(P, 1, source="dhl", fingerprint="g", memo="m", at=besides, entry=f"{P}>CC1DE"))
    store.commit(
        commit(P, 2, source="post", fingerprint="h", at=(Lookup("post"), Lookup("dhl", HOUR, "CC2DE")))
    )
    assert b"CC1DE" in everything(store)
    assert b"CC2DE" in everything(store)
    store.dismiss("post", [P])
    store.dismiss("dhl", [f"{P}>CC2DE"])
    store.forget(P)
    left = everything(store)
    assert P.encode() not in left
    assert b"DE" not in left


def test_forgetting_leaves_no_key_of_the_parcel(store: Store) -> None:
    for parcel in (P, "other/1"):
        store.enrol("post", [parcel], spread=NOW)
        store.commit(commit(parcel, 0, owed(f"{parcel}-a"), owed(f"{parcel}-b", channel="sms"), source="post",
                            fingerprint="f", every=HOUR, review_in=HOUR))  # fmt: skip
    notice = take(store)
    store.done(notice.id, notice.token)
    store.forget(P)
    store.forget(P)
    assert store.recall(P) is None
    assert store.notices(parcel=P) == []
    assert P.encode() not in everything(store)
    assert len(store.notices(parcel="other/1")) == 2
    assert field(store, "p:other/1", "ver") == b"1"


def test_a_worker_that_held_a_forgotten_parcel_revives_nothing_by_its_look(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    store.commit(commit(P, source="post", fingerprint="f", every=HOUR))
    store.forget(P)
    assert store.settle("post", [Looked(P, "f")], every=HOUR) == ()
    assert store.commit(commit(P, 1, source="post", fingerprint="g")) == "stale"
    assert store.recall(P) is None
