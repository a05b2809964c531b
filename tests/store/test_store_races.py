"""Many at once: whatever sixteen threads do, one wins."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.servers.rows import LEASE, NOW, commit, lapse, owe, owed, take
from tests.servers.valkey import Valkey
from workers.errors import LostLease
from workers.store import Looked, Store

THREADS = 16
HOUR = timedelta(hours=1)


@pytest.fixture
def stores(valkey: Valkey) -> Iterator[list[Store]]:
    """Sixteen stores on one database: as many processes would have."""
    url = valkey.fresh()
    opened = [Store.connect(url) for _ in range(THREADS)]
    yield opened
    for store in opened:
        store.close()


def together(stores: list[Store], work: Callable[[int, Store], object]) -> list[object]:
    """Let all work at the same moment; return their answers."""
    start = threading.Barrier(len(stores))

    def one(number: int) -> object:
        start.wait(10)
        return work(number, stores[number])

    with ThreadPoolExecutor(len(stores)) as pool:
        return list(pool.map(one, range(len(stores))))


def test_each_parcel_is_claimed_by_one(stores: list[Store]) -> None:
    parcels = [f"o{i}/N" for i in range(400)]
    stores[0].enrol("post", parcels, spread=NOW)

    def work(_: int, store: Store) -> list[str]:
        mine = []
        while got := store.claim("post", 7, lease=LEASE, rate=0).parcels:
            mine += [c.parcel for c in got]
        return mine

    taken = Counter(parcel for mine in together(stores, work) for parcel in mine)  # type: ignore[attr-defined]  # lists
    assert taken == Counter(parcels)


def test_each_notice_is_sent_by_one(stores: list[Store]) -> None:
    owe(stores[0], *(owed(f"n{i}", recipient=f"r{i}") for i in range(200)))

    def work(number: int, store: Store) -> list[str]:
        mine = []
        while notice := store.claim_notice("mail", lease=LEASE, worker=f"w{number}"):
            mine.append(notice.id)
            store.done(notice.id, notice.token)
        return mine

    sent = Counter(name for mine in together(stores, work) for name in mine)  # type: ignore[attr-defined]  # lists
    assert sent == Counter(f"n{i}" for i in range(200))
    assert stores[0].counts()["state:sent"] == 200


def test_one_of_many_ends_one_attempt(stores: list[Store]) -> None:
    owe(stores[0], owed())
    tokens = []
    for _ in range(4):  # three lost their lease, one holds it
        tokens.append(take(stores[0]).token)
        lapse(stores[0], "ob:mail")

    def work(number: int, store: Store) -> bool:
        try:
            store.done("n1", tokens[number % 4])
        except LostLease:
            return False
        return True

    won = together(stores, work)
    assert [number % 4 for number, ok in enumerate(won) if ok] == [
        3,
        3,
        3,
        3,
    ]  # the holder, who may say it twice
    assert stores[0].counts()["sent"] == 1


def test_one_of_many_decisions_on_one_version_is_stored(stores: list[Store]) -> None:
    def work(number: int, store: Store) -> str:
        return store.commit(commit("o1", 0, owed(f"n{number}"), snapshot=str(number).encode()))

    answers = together(stores, work)
    assert Counter(answers) == {"done": 1, "stale": THREADS - 1}
    known = stores[0].recall("o1")
    assert known is not None
    (row,) = stores[0].notices()
    assert row.id == f"n{known.snapshot.decode()}" if known.snapshot else False


def test_nothing_is_lost_when_all_add_to_one_parcel(stores: list[Store]) -> None:
    def work(number: int, store: Store) -> int:
        tries = 0
        while True:
            tries += 1
            known = store.recall("o1")
            version, snapshot = (known.version, known.snapshot or b"") if known else (0, b"")
            if store.commit(commit("o1", version, snapshot=snapshot + bytes([65 + number]))) == "done":
                return tries

    together(stores, work)
    known = stores[0].recall("o1")
    assert known is not None
    assert known.version == THREADS
    assert sorted(known.snapshot or b"") == list(range(65, 65 + THREADS))


def test_the_secret_is_one_for_all(stores: list[Store]) -> None:
    assert len(set(together(stores, lambda _, store: store.secret()))) == 1


def test_a_rate_holds_for_all_together(stores: list[Store]) -> None:
    stores[0].enrol("post", [f"o{i}" for i in range(200)], spread=NOW)
    got = together(
        stores, lambda _, store: len(store.claim("post", 1, lease=LEASE, rate=0.01, burst=5).parcels)
    )
    assert sum(got) == 5  # type: ignore[arg-type]  # ints


def test_a_batch_settled_by_two_is_harmless(stores: list[Store]) -> None:
    parcels = [f"o{i}" for i in range(40)]
    stores[0].enrol("post", parcels, spread=NOW)
    answers = together(
        stores, lambda _, store: store.settle("post", [Looked(p, "") for p in parcels], every=HOUR)
    )
    assert set(answers) == {()}
    assert len(list(stores[0].watched("post"))) == 40
