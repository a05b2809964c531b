"""What is over is forgotten in time; what waits for a person, is watched, or keeps a notice from coming twice, is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from tests.servers.rows import NOW, VERBS, commit, owe, owed, take
from workers import retention
from workers.settings.settled import KeepSettings
from workers.store import Store

DAY = timedelta(days=1)


@dataclass
class Watched:
    """As much of the house as is asked here."""

    keep: KeepSettings
    parcels: dict[str, Any] = field(default_factory=dict)


def tidy(
    store: Store,
    *watched: str,
    words: timedelta = 90 * DAY,
    parcels: timedelta = 365 * DAY,
    later: timedelta = NOW,
) -> None:
    settings = Watched(KeepSettings(words, parcels), dict.fromkeys(watched))
    house: Any = SimpleNamespace(settings=settings)
    retention.keep(house, store, now=lambda: datetime.now(UTC) + later)


def ended(store: Store, verb: str, name: str) -> None:
    owe(store, owed(name, recipient=name), parcel=f"o/{name}")
    VERBS[verb][0](store, take(store))


def age(store: Store, days: int) -> None:
    """Let every notice have been made so many days earlier."""
    client = store.scripts.client
    for key in client.scan_iter("{cw}:st:*"):
        for name, made in client.zrange(key, 0, -1, withscores=True):
            client.zadd(key, {name: made - days * 86_400_000})


def test_the_words_of_what_ended_go_and_its_row_stays(store: Store) -> None:
    for verb in ("done", "fail", "hold"):
        ended(store, verb, verb)
    owe(store, owed("open", recipient="open"), parcel="o/open")
    tidy(store)
    assert all(row.context for row in store.notices())  # too young
    age(store, 100)
    tidy(store)
    rows = {row.id: row for row in store.notices()}
    assert {name: bool(row.context) for name, row in rows.items()} == {
        "done": False,
        "fail": True,
        "hold": True,
        "open": True,
    }
    assert rows["done"].log == ()
    assert rows["done"].state == "sent"
    known = store.recall("o/done")
    assert known is not None
    store.commit(commit("o/done", known.version, owed("done", recipient="done")))
    assert {row.id: row.state for row in store.notices()}["done"] == "sent"  # it is not owed again


def test_what_was_pruned_is_not_looked_at_again_and_the_next_ones_are(store: Store) -> None:
    for n in range(3):
        ended(store, "done", f"n{n}")
    age(store, 100)
    assert store.prune_words("sent", older=90 * DAY, limit=2) == 2
    assert store.prune_words("sent", older=90 * DAY, limit=5) in (1, 2)
    assert store.prune_words("sent", older=90 * DAY, limit=5) == 0
    assert [bool(row.context) for row in store.notices()] == [False] * 3


def test_a_parcel_that_left_the_file_long_ago_is_forgotten_and_no_other(store: Store) -> None:
    for name in ("gone", "young", "watched"):
        owe(store, owed(name, recipient=name), parcel=f"o/{name}")
    owe(store, owed("kept", recipient="kept"), parcel="o/enrolled")
    store.enrol("post", ["o/enrolled"], spread=NOW)
    tidy(store, "o/watched")
    assert len(list(store.parcels())) == 4
    store.scripts.client.hset("{cw}:p:o/young", "at", int((datetime.now(UTC) + 300 * DAY).timestamp() * 1000))
    tidy(store, "o/watched", later=400 * DAY)
    assert set(store.parcels()) == {"o/young", "o/watched", "o/enrolled"}
    assert {row.id for row in store.notices()} == {"young", "watched", "kept"}


def test_as_many_are_forgotten_in_an_hour_as_leave_a_large_file(store: Store) -> None:
    store.commit_each([commit(f"o/{n}") for n in range(250)])
    tidy(store, "o/7", later=400 * DAY)
    assert list(store.parcels()) == ["o/7"]
