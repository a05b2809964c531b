"""The rows of parcels: queues, leases, rates, what a look changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from tests.servers.rows import LEASE, NOW, claim, commit, lapse, soon
from tests.servers.valkey import until
from workers.store import Changed, Claimed, Looked, Store

HOUR = timedelta(hours=1)
P = "o1/LP1CN"


# -- the queue of a source ------------------------------------------------------------------------------------


def test_a_parcel_is_enrolled_once_and_is_due_at_once_without_a_spread(store: Store) -> None:
    assert store.enrol("post", [P, "o2/LP2CN"], spread=NOW) == 2
    assert store.enrol("post", [P], spread=HOUR) == 0
    assert {c.parcel for c in claim(store).parcels} == {P, "o2/LP2CN"}


def test_a_lease_is_prolonged_while_it_lasts_and_for_its_holders_parcels_alone(store: Store) -> None:
    other = "o2/LP2CN"
    store.enrol("post", [P, other], spread=NOW)
    assert {c.parcel for c in claim(store).parcels} == {P, other}
    assert store.prolong("post", [P, "o3/nobody"], lease=2 * LEASE) == 1
    known = store.recall_many([P, other])
    assert soon(known[P].due["post"], 2 * LEASE)
    assert soon(known[other].due["post"], LEASE)


def test_a_lease_that_ended_is_not_prolonged(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    assert store.prolong("post", [P], lease=LEASE) == 0, "it was never leased"
    claim(store)
    lapse(store, "due:post")
    assert store.prolong("post", [P], lease=LEASE) == 0
    assert [c.parcel for c in claim(store).parcels] == [P], "it is somebody else's to take"


def test_what_was_scheduled_since_is_not_called_back_by_a_late_holder(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    claim(store)
    store.postpone("post", [P], after=HOUR)
    assert store.prolong("post", [P], lease=LEASE) == 0
    known = store.recall(P)
    assert known is not None
    assert soon(known.due["post"], HOUR)


def test_an_urgent_parcels_lease_is_prolonged_in_both_queues(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    claim(store)
    assert store.prolong("post", [P], lease=2 * LEASE) == 1
    client = store.scripts.client
    assert client.zscore("{cw}:hot:post", P) == client.zscore("{cw}:due:post", P)


def test_an_empty_list_of_parcels_is_no_work(store: Store) -> None:
    assert store.enrol("post", [], spread=HOUR) == 0
    assert store.dismiss("post", []) == 0
    assert store.settle("post", [], every=HOUR) == ()
    assert store.recall_many([]) == {}
    store.postpone("post", [], after=HOUR)
    assert store.prolong("post", [], lease=HOUR) == 0


def test_the_first_looks_are_spread_evenly_over_many_pages(store: Store) -> None:
    parcels = [f"o{i}/N" for i in range(1200)]
    assert store.enrol("post", parcels, spread=HOUR) == 1200
    known = store.recall_many(parcels)
    due = [known[parcel].due["post"] for parcel in parcels]
    steps = [(b - a).total_seconds() for a, b in pairwise(due)]
    assert min(steps) >= 2  # 3 s, and what passes between two pages
    assert max(steps) <= 8
    assert soon(due[-1], HOUR)


def test_a_parcel_of_two_sources_is_in_both_queues(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    store.enrol("seventeen", [P], spread=NOW)
    known = store.recall(P)
    assert known is not None
    assert set(known.due) == {"post", "seventeen"}
    assert known.version == 0
    assert known.snapshot is None


def test_what_was_never_heard_of_is_none(store: Store) -> None:
    assert store.recall("nobody/1") is None


def test_a_dismissed_parcel_is_not_watched_but_its_history_is_kept(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    store.commit(commit(P, source="post", fingerprint="f", every=HOUR, review_in=HOUR))
    assert store.dismiss("post", [P]) == 1
    assert store.dismiss("post", [P]) == 0
    known = store.recall(P)
    assert known is not None
    assert (known.version, known.due, known.review_at) == (1, {}, None)
    assert list(store.watched("post")) == []


def test_a_dismissed_parcel_keeps_its_reviews_while_another_source_watches_it(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    store.enrol("seventeen", [P], spread=NOW)
    store.commit(commit(P, review_in=HOUR))
    store.dismiss("post", [P])
    known = store.recall(P)
    assert known is not None
    assert known.review_at is not None


def test_a_parcel_watched_again_gets_its_reviews_back(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    store.commit(commit(P, review_in=HOUR))
    store.dismiss("post", [P])
    store.enrol("post", [P], spread=NOW)
    known = store.recall(P)
    assert known is not None
    assert soon(known.review_at, HOUR)


def test_a_late_answer_revives_nothing_that_was_dismissed(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    claim(store)
    store.dismiss("post", [P])
    assert store.settle("post", [Looked(P, "new")], every=HOUR) == ()
    store.postpone("post", [P], after=NOW)
    store.commit(commit(P, source="post", fingerprint="f", every=HOUR, review_in=HOUR))
    assert list(store.watched("post")) == []
    lapse(store, "reviews")
    assert store.claim_reviews(10, lease=LEASE) == ()


def test_watched_yields_every_parcel_once(store: Store) -> None:
    parcels = [f"o{i}/N" for i in range(1500)]
    store.enrol("post", parcels, spread=HOUR)
    found = list(store.watched("post"))
    assert len(found) == 1500
    assert set(found) == set(parcels)


# -- claims ---------------------------------------------------------------------------------------------------


def test_a_claimed_parcel_is_not_claimed_again_before_its_lease_ends(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    assert claim(store).parcels == (Claimed(P, ""),)
    assert claim(store).parcels == ()
    lapse(store, "due:post")
    assert claim(store).parcels == (Claimed(P, ""),)


def test_a_claim_takes_the_longest_due_first_and_no_more_than_asked(store: Store) -> None:
    store.enrol("post", [f"o{i}" for i in range(10)], spread=NOW)
    for i in range(10):
        for queue in ("due", "hot"):  # so few new ones are urgent until they were looked at
            store.scripts.client.zadd(f"{{cw}}:{queue}:post", {f"o{i}": 1000 - i})
    assert [c.parcel for c in claim(store, 3).parcels] == ["o9", "o8", "o7"]


def test_nothing_due_costs_no_token(store: Store) -> None:
    empty = store.claim("post", 40, lease=LEASE, rate=0.001)
    assert (empty.parcels, empty.wait) == ((), None)
    store.enrol("post", [P], spread=NOW)
    assert store.claim("post", 40, lease=LEASE, rate=0.001).parcels != ()


def test_the_rate_is_shared_by_all_who_claim(store: Store) -> None:
    store.enrol("post", [f"o{i}" for i in range(10)], spread=NOW)
    assert len(store.claim("post", 1, lease=LEASE, rate=0.1).parcels) == 1
    refused = store.claim("post", 1, lease=LEASE, rate=0.1)
    assert refused.parcels == ()
    assert refused.wait is not None
    assert timedelta(seconds=8) < refused.wait <= timedelta(seconds=10)


def test_a_burst_saves_up_tokens_and_no_more(store: Store) -> None:
    store.enrol("post", [f"o{i}" for i in range(10)], spread=NOW)
    got = [store.claim("post", 1, lease=LEASE, rate=0.01, burst=3) for _ in range(5)]
    assert [len(c.parcels) for c in got] == [1, 1, 1, 0, 0]


def test_a_token_comes_back_in_time(store: Store) -> None:
    store.enrol("post", [f"o{i}" for i in range(10)], spread=NOW)
    store.claim("post", 1, lease=LEASE, rate=50)
    until(lambda: store.claim("post", 1, lease=LEASE, rate=50).parcels, seconds=5)


@pytest.mark.parametrize("rate", [0, float("inf")])
def test_no_rate_is_no_limit(store: Store, rate: float) -> None:
    store.enrol("post", [f"o{i}" for i in range(20)], spread=NOW)
    assert [len(store.claim("post", 1, lease=LEASE, rate=rate).parcels) for _ in range(20)] == [1] * 20


def test_nobody_claims_from_a_paused_source_and_a_pause_is_never_shortened(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    store.pause("post", after=HOUR)
    store.pause("post", after=timedelta(seconds=1))
    paused = claim(store)
    assert paused.parcels == ()
    assert paused.wait is not None
    assert paused.wait > timedelta(minutes=59)
    store.enrol("other", [P], spread=NOW)
    assert claim(store, source="other").parcels != ()


def test_a_lease_must_last(store: Store) -> None:
    with pytest.raises(ValueError, match="must last"):
        store.claim("post", 1, lease=NOW, rate=0)
    with pytest.raises(ValueError, match="must last"):
        store.claim_notice("mail", lease=NOW, worker="w")


def test_a_postponed_parcel_is_due_when_it_was_said(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    claim(store)
    store.postpone("post", [P, "unknown/1"], after=HOUR)
    known = store.recall(P)
    assert known is not None
    assert soon(known.due["post"], HOUR)
    assert list(store.watched("post")) == [P]


# -- settling -------------------------------------------------------------------------------------------------


def test_an_unknown_fingerprint_is_a_change_and_keeps_the_lease(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    claim(store)
    assert store.settle("post", [Looked(P, "f1", "memo")], every=HOUR) == (Changed(P, 0, None, None),)
    known = store.recall(P)
    assert known is not None
    assert soon(known.due["post"], LEASE)
    assert known.last_ok == {}


def test_an_unchanged_parcel_is_looked_at_again_after_its_own_pace(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    store.commit(commit(P, source="post", fingerprint="f1", memo="m1", every=timedelta(hours=10)))
    assert store.settle("post", [Looked(P, "f1", "m2")], every=HOUR) == ()
    known = store.recall(P)
    assert known is not None
    assert soon(known.due["post"], timedelta(hours=10), within=HOUR)
    assert soon(known.last_ok["post"], NOW)
    assert known.memos == {"post": "m2"}
    assert known.fingerprints == {"post": "f1"}


def test_a_number_without_news_is_unchanged_from_the_start_and_waits_the_default(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    claim(store)
    assert store.settle("post", [Looked(P, "", "registered")], every=HOUR) == ()
    known = store.recall(P)
    assert known is not None
    assert soon(known.due["post"], HOUR, within=timedelta(minutes=6, seconds=20))
    lapse(store, "due:post")
    assert claim(store).parcels == (Claimed(P, "registered"),)


def test_one_call_tells_changed_from_unchanged_in_a_batch(store: Store) -> None:
    parcels = [f"o{i}/N" for i in range(40)]
    store.enrol("post", parcels, spread=NOW)
    for parcel in parcels[:20]:
        store.commit(commit(parcel, source="post", fingerprint="same", every=HOUR, snapshot=parcel.encode()))
    changed = store.settle(
        "post", [Looked(p, "same" if i != 7 else "new") for i, p in enumerate(parcels)], every=HOUR
    )
    assert [c.parcel for c in changed] == [parcels[7], *parcels[20:]]
    assert changed[0] == Changed(parcels[7], 1, parcels[7].encode(), b"told")


def test_the_jitter_is_at_most_a_tenth_and_spreads(store: Store) -> None:
    parcels = [f"o{i}/LP{i:08d}CN" for i in range(400)]
    store.enrol("post", parcels, spread=NOW)
    store.settle("post", [Looked(p, "") for p in parcels], every=timedelta(hours=10))
    now = datetime.now(UTC)
    waits = sorted(
        (k.due["post"] - now).total_seconds() / 36_000 for k in store.recall_many(parcels).values()
    )
    assert 0.899 < waits[0] < 0.92
    assert 1.08 < waits[-1] < 1.101
    assert 0.97 < waits[200] < 1.03


@pytest.mark.parametrize("text", ["", "a b:c", "12:", "\x1f\x00", "3 4 5:x", "包裹", "x" * 300])
def test_fingerprints_and_memos_may_hold_anything(store: Store, text: str) -> None:
    store.enrol("post", [P], spread=NOW)
    store.commit(commit(P, source="post", fingerprint=text, memo=text, every=HOUR))
    assert store.settle("post", [Looked(P, text, text)], every=HOUR) == ()
    known = store.recall(P)
    assert known is not None
    assert (known.fingerprints["post"], known.memos["post"]) == (text, text)
    lapse(store, "due:post")
    assert claim(store).parcels == (Claimed(P, text),)


def test_two_sources_have_their_own_fingerprints_and_one_pace(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    store.enrol("seventeen", [P], spread=NOW)
    store.commit(commit(P, source="post", fingerprint="a", every=timedelta(hours=2)))
    assert store.settle("seventeen", [Looked(P, "b")], every=HOUR) != ()
    store.commit(commit(P, 1, source="seventeen", fingerprint="b", every=timedelta(hours=20)))
    assert store.settle("post", [Looked(P, "a")], every=HOUR) == ()
    known = store.recall(P)
    assert known is not None
    assert known.fingerprints == {"post": "a", "seventeen": "b"}
    assert soon(known.due["post"], timedelta(hours=20), within=timedelta(hours=2, seconds=20))
