"""Ten thousand old parcels, a million that are due, a hundred thousand notices that wait, and machines whose clocks disagree."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.conftest import World
from tests.servers.rows import LEASE, commit, owed
from tests.servers.valkey import Valkey, start_valkey
from workers import knowledge
from workers.core.model import Sighting
from workers.store import Store

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with start_valkey(tmp_path_factory.mktemp("valkey"), appendfsync="everysec") as server:
        yield server


@pytest.fixture
def store(valkey: Valkey) -> Iterator[Store]:
    opened = Store.connect(valkey.fresh())
    opened.prepare()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def known() -> knowledge.Knowledge:
    return knowledge.load()


def seen(days: float, text: str, country: str) -> Sighting:
    at = datetime(2026, 11, 24, 12, 0, tzinfo=UTC) - timedelta(days=days)
    return Sighting(at=at, text=text, source="a", lang="en", country=country)


# What parcels of other years look like: some had charges once, some went back, all are over.
PASTS = (
    ("Import customs clearance started", "Import duties and taxes are due. Awaiting payment by the recipient", "Delivered"),
    ("Import customs clearance started", "Item held by customs, documents required", "Delivered"),
    ("Arrived in destination country/region", "Import customs clearance complete", "Delivered"),
)  # fmt: skip


def test_ten_thousand_old_parcels_are_taken_in_without_a_word(
    store: Store, known: knowledge.Knowledge, tmp_path: Path
) -> None:
    world = World(store, known, tmp_path)
    world.source.batch = 500
    for n in range(10_000):
        world.watch(f"LP{n:09d}CN")
        texts = PASTS[n % len(PASTS)]
        world.source.parcels[f"LP{n:09d}CN"] = tuple(
            seen(300 + n % 200 - 5 * i, text, "DE") for i, text in enumerate(texts)
        )
    house = world.house()  # the file does not change while it is read: made once, as the program has it
    world.house = lambda: house  # type: ignore[method-assign]  # of the world, not of ours
    world.__post_init__()
    while world.pipeline.refresh("a"):
        pass
    assert store.stages(list(house.settings.parcels)) == {"delivered": 10_000}
    assert world.deliver() == 0
    assert store.notices() == []
    assert world.mail.sent == world.text.sent == []

    # The negative control: what happens to one of them now is told.
    now = seen(0, "Item held by customs, documents required", "DE")
    world.watch("LPNEWCN")
    world.source.parcels["LPNEWCN"] = (now,)
    house = World.house(world)
    world.look()
    world.deliver()
    assert [len(world.mail.sent), len(world.text.sent)] == [1, 1]


def test_a_million_due_parcels_are_claimed_as_fast_as_a_thousand(store: Store, valkey: Valkey) -> None:
    client: Any = store.scripts.client

    def per_claim(source: str, parcels: int) -> float:
        store.enrol(source, ["first/LP0"], spread=timedelta(0))
        for start in range(0, parcels, 10_000):
            client.zadd(
                "{cw}:due:" + source, {f"o{n}/LP{n:09d}CN": 1 + n for n in range(start, start + 10_000)}
            )
        began, taken = time.monotonic(), []
        for _ in range(200):
            taken += [c.parcel for c in store.claim(source, 40, lease=LEASE, rate=0).parcels]
        spent = time.monotonic() - began
        assert len(set(taken)) == 200 * 40
        assert taken[1:6] == [f"o{n}/LP{n:09d}CN" for n in range(5)], "who waits longest is not passed over"
        return spent / 200

    before = client.info("memory")["used_memory"]
    few = per_claim("few", 10_000)
    many = per_claim("many", 1_000_000)
    grown = (client.info("memory")["used_memory"] - before) / 1e6
    print(
        f"\na claim of 40: {few * 1e3:.2f} ms of 10,000 due, {many * 1e3:.2f} ms of 1,000,000; {grown:.0f} MB"
    )
    assert many < 10 * few + 0.005
    assert grown < 300


def test_a_hundred_thousand_notices_that_wait_hold_back_nobody(store: Store) -> None:
    def per_claim() -> float:
        began = time.monotonic()
        taken = [store.claim_notice("mail", lease=LEASE, worker="w") for _ in range(200)]
        spent = time.monotonic() - began
        assert len({notice.id for notice in taken if notice}) == 200
        for notice in taken:
            if notice:
                store.done(notice.id, notice.token)
        return spent / 200

    def owe(first: int, last: int) -> None:
        commits = [
            commit(f"o{n}/N", 0, *(owed(f"n{n}-{i}", recipient=f"r{i}") for i in range(50)))
            for n in range(first, last)
        ]
        for start in range(0, len(commits), 50):
            assert set(store.commit_each(commits[start : start + 50])) == {"done"}

    owe(0, 8)
    few = per_claim()
    owe(8, 2_008)
    many = per_claim()
    print(f"\na claim: {few * 1e3:.2f} ms of 400 owed, {many * 1e3:.2f} ms of 100,000 owed")
    assert many < 10 * few + 0.005
    assert store.sweep().notices["mail"] == 100_000 + 400 - 2 * 200


@pytest.mark.parametrize("minutes", [-10, 10])
def test_machines_whose_clocks_disagree_claim_as_if_they_did_not(
    valkey: Valkey, known: knowledge.Knowledge, tmp_path: Path, minutes: int
) -> None:
    """One machine's clock is right, another's is ten minutes off, and jumps back to right in the middle."""
    url = valkey.fresh()
    stores = [Store.connect(url) for _ in range(2)]
    for store in stores:
        store.prepare()
    right, wrong = (World(store, known, tmp_path / str(n)) for n, store in enumerate(stores))
    right.now = datetime.now(UTC)
    wrong.now = right.now + timedelta(minutes=minutes)
    numbers = [f"LP{n:09d}CN" for n in range(12)]
    for world in (right, wrong):
        world.recipients = right.recipients
        for number in numbers:
            world.watch(number)
            at = right.now - timedelta(hours=2)
            world.source.parcels[number] = (
                Sighting(
                    at=at,
                    text="Item held by customs, documents required",
                    source="a",
                    lang="en",
                    country="DE",
                ),
            )
    # What one machine has claimed the other does not get, however late it thinks it is.
    first = stores[0].claim("a", 6, lease=LEASE, rate=0)
    second = stores[1].claim("a", 12, lease=LEASE, rate=0)
    assert len(first.parcels) == len(second.parcels) == 6
    assert not {c.parcel for c in first.parcels} & {c.parcel for c in second.parcels}
    assert stores[1].claim("a", 12, lease=LEASE, rate=0).parcels == ()
    wrong.look()
    wrong.now = right.now
    right.look()
    held = stores[0].claim_notice("mail", lease=LEASE, worker="right")
    assert held is not None
    for world in (wrong, right):
        world.deliver()
    stores[0].retry(held.id, held.token, after=timedelta(0), error="x")
    right.deliver()
    sent = Counter(e.notice for world in (right, wrong) for e, _ in (*world.mail.sent, *world.text.sent))
    assert len(sent) == 24
    assert set(sent.values()) == {1}
    assert {row.state for row in stores[0].notices()} == {"sent"}
    for store in stores:
        store.close()
