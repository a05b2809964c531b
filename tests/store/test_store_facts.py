"""What the store knows beside parcels and notices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.rows import commit
from tests.servers.valkey import Valkey, start_valkey, until
from workers.errors import Misconfigured
from workers.store import SCHEMA, Looked, Store

MINUTE = timedelta(minutes=1)


def test_a_store_is_prepared_once_and_says_its_schema(store: Store) -> None:
    store.prepare()
    assert store.scripts.client.hget("{cw}:meta", "schema") == str(SCHEMA).encode()


def test_a_store_of_an_older_version_is_raised_so_that_the_older_is_refused_from_then_on(
    store: Store,
) -> None:
    store.scripts.client.hset("{cw}:meta", "schema", SCHEMA - 1)
    store.prepare()
    assert store.scripts.client.hget("{cw}:meta", "schema") == str(SCHEMA).encode()


def test_a_store_of_a_newer_version_is_refused_and_not_touched(store: Store) -> None:
    store.scripts.client.hset("{cw}:meta", "schema", SCHEMA + 1)
    with pytest.raises(Misconfigured, match="newer customs-watch"):
        store.prepare()
    assert store.scripts.client.hget("{cw}:meta", "schema") == str(SCHEMA + 1).encode()


def test_a_server_that_keeps_promises_is_ready(store: Store) -> None:
    assert store.readiness() == ()


def test_a_server_that_keeps_none_is_told_what_is_wrong(tmp_path: Path) -> None:
    with start_valkey(tmp_path, appendonly="no", maxmemory_policy="allkeys-lru") as server:
        store = Store.connect(server.url)
        wrong = store.readiness()
        store.close()
    assert len(wrong) == 2
    assert any("appendonly yes" in sentence for sentence in wrong)
    assert any("allkeys-lru" in sentence for sentence in wrong)


def test_the_secret_is_made_once(valkey: Valkey, store: Store) -> None:
    first = store.secret()
    assert len(first) == 32
    assert store.secret() == first
    other = Store.connect(valkey.fresh())
    assert other.secret() != first
    other.close()


def test_a_source_that_fails_is_seen_and_one_that_answers_again_is_well(store: Store) -> None:
    assert store.source_health() == {}
    store.source_news("post", ok=True, answered=40)
    for i in range(3):
        store.source_news("post", ok=False, error=f"503\n{i}")
    ill = store.source_health()["post"]
    assert (ill.failures, ill.last_error, ill.answered) == (3, "503 2", 40)
    assert ill.since is not None
    assert ill.last_ok is not None
    assert ill.last_ok <= ill.since <= datetime.now(UTC) + MINUTE
    store.source_news("post", ok=True, answered=2)
    well = store.source_health()["post"]
    assert (well.failures, well.since, well.answered) == (0, None, 42)


def test_a_settled_look_says_that_the_source_answered(store: Store) -> None:
    store.source_news("post", ok=False, error="503")
    store.settle("post", [], every=MINUTE)
    assert store.source_health()["post"].failures == 1
    store.settle("post", [Looked("a", "f"), Looked("b", "f")], every=MINUTE)
    well = store.source_health()["post"]
    assert (well.failures, well.since, well.answered) == (0, None, 2)
    assert well.last_ok is not None


def test_a_source_that_was_only_enrolled_has_no_health_yet(store: Store) -> None:
    store.enrol("post", ["a"], spread=MINUTE)
    assert store.source_health() == {}


def test_only_the_living_beat(store: Store) -> None:
    store.beat("w1", ttl=MINUTE)
    store.beat("w2", ttl=timedelta(milliseconds=1))
    until(lambda: set(store.beats()) == {"w1"})
    store.beat("w1", ttl=MINUTE)
    assert store.scripts.client.hkeys("{cw}:beat") == [b"w1"]
    assert abs(store.beats()["w1"] - datetime.now(UTC)) < MINUTE


def test_small_facts_are_kept_for_as_long_as_told(store: Store) -> None:
    assert store.recollect("digest") is None
    store.remember("digest", b"\x00\xff")
    store.remember("brief", b"x", ttl=timedelta(milliseconds=20))
    assert store.recollect("digest") == b"\x00\xff"
    until(lambda: store.recollect("brief") is None)
    assert store.scripts.client.ttl("{cw}:fact:digest") == -1


def test_counts_begin_at_nothing(store: Store) -> None:
    assert set(store.counts().values()) == {0}
    store.commit(commit())
    assert store.counts()["commits"] == 1


def test_every_key_is_ours(store: Store) -> None:
    store.enrol("post", ["a"], spread=MINUTE)
    store.commit(commit("a"))
    store.secret()
    store.beat("w", ttl=MINUTE)
    store.remember("f", b"", ttl=MINUTE)
    store.source_news("post", ok=False)
    assert all(key.startswith(b"{cw}:") for key in store.scripts.client.scan_iter())


def test_wordings_nobody_could_read_are_counted_and_the_commonest_comes_first(store: Store) -> None:
    store.met_unknown([{"text": "rare", "lang": "xx"}, {"text": "common"}])
    store.met_unknown([{"text": "common"}])
    store.met_unknown([])
    assert [(times, entry["text"]) for times, entry in store.unknown()] == [(2, "common"), (1, "rare")]
    assert store.unknown(1)[0][1] == {"text": "common"}
    assert store.counts()["unknown"] == 3


def test_the_sources_that_ever_watched_are_known(store: Store) -> None:
    assert store.sources() == ()
    store.enrol("post", ["a/1"], spread=timedelta(0))
    store.dismiss("post", ["a/1"])
    assert store.sources() == ("post",)


def test_a_further_call_takes_from_the_bucket_that_claims_take_from(store: Store) -> None:
    store.enrol("post", ["a/1", "a/2"], spread=timedelta(0))
    assert store.claim("post", 1, lease=timedelta(minutes=1), rate=0.001).parcels
    assert store.take("post", rate=0.001) > timedelta(minutes=10)
    assert store.take("other", rate=3.0) == timedelta(0)
    assert store.take("other", rate=3.0) > timedelta(0)
    assert store.claim("other", 1, lease=timedelta(minutes=1), rate=3.0).wait is None, "nothing is due there"
