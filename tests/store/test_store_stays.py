"""How long parcels stood where, on the real server: what ended, what lasts, and what is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.servers.rows import NOW, commit
from workers.core.history import Group, History, Line
from workers.core.model import Side, Stage
from workers.store import Recollection, Store
from workers.store.stays import KEPT

START = datetime(2026, 11, 2, 8, tzinfo=UTC)
DAY = timedelta(days=1)
HELD = Group(Stage.HELD, Side.DESTINATION, "DE", express=False)
RELEASED = Group(Stage.RELEASED, Side.DESTINATION, "DE", express=False)
PRIOR = Line(3, 7, 10.5)
P = "o1/LP1CN"


def lasting(store: Store, group: Group) -> int:
    return int(store.scripts.client.zcard("{cw}:open:" + group.name))


def line(history: History, group: Group = HELD) -> Line:
    return history.line(group, PRIOR, lambda _: lambda began, ended: (ended - began) / DAY)


def test_an_empty_store_has_an_empty_history(store: Store) -> None:
    assert line(store.history()) == PRIOR


def test_a_stay_lasts_until_the_parcel_moves_on(store: Store) -> None:
    store.commit(commit(P, 0, stands=(HELD.name, START)))
    assert lasting(store, HELD) == 1
    store.commit(commit(P, 1, stands=(HELD.name, START)))
    assert lasting(store, HELD) == 1
    moved = commit(P, 2, stay=(HELD.name, START, START + 4 * DAY), stands=(RELEASED.name, START + 4 * DAY))
    assert store.commit(moved) == "done"
    assert store.commit(moved) == "done"  # its answer was lost, and it is asked for again
    assert (lasting(store, HELD), lasting(store, RELEASED)) == (0, 1)
    found = line(store.history())
    assert found.here == 1
    assert 3 < found.half < 3.5
    store.commit(commit(P, 3))
    assert lasting(store, RELEASED) == 0


def test_a_stale_commit_leaves_no_stay(store: Store) -> None:
    store.commit(commit(P, 0, stands=(HELD.name, START)))
    stale = commit(P, 0, stay=(HELD.name, START, START + DAY), stands=(RELEASED.name, START + DAY))
    assert store.commit(stale) == "stale"
    assert line(store.history()).here == 0
    assert (lasting(store, HELD), lasting(store, RELEASED)) == (1, 0)


def test_only_the_last_two_thousand_are_kept_and_the_cut_is_known(store: Store) -> None:
    pipe = store.scripts.client.pipeline(transaction=False)
    for i in range(KEPT):
        end = START + i * timedelta(minutes=10)
        pipe.rpush(
            "{cw}:stay:" + HELD.name,
            f"{round((end - 4 * DAY).timestamp() * 1000)} {round(end.timestamp() * 1000)}",
        )
    pipe.execute()
    store.commit(commit(P, 0, stay=(HELD.name, START, START + 4 * DAY)))
    assert store.scripts.client.llen("{cw}:stay:" + HELD.name) == KEPT
    found = line(store.history())
    assert found.here == KEPT
    # All lasted four days; those that began before the cut are known to have lasted until then anyway.
    assert 3.9 < found.half < 4.1


def test_a_parcel_that_nobody_watches_or_knows_waits_no_longer(store: Store) -> None:
    for end in (lambda: store.forget(P), lambda: store.dismiss("post", [P])):
        store.enrol("post", [P], spread=NOW)
        known = store.recall(P)
        store.commit(commit(P, known.version if known else 0, stands=(HELD.name, START)))
        assert lasting(store, HELD) == 1
        end()
        assert lasting(store, HELD) == 0


def test_a_parcel_that_another_source_watches_still_waits(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)
    store.enrol("other", [P], spread=NOW)
    store.commit(commit(P, 0, stands=(HELD.name, START)))
    store.dismiss("post", [P])
    assert lasting(store, HELD) == 1


def test_groups_of_another_version_are_passed_over(store: Store) -> None:
    store.commit(commit(P, 0, stay=("asleep|moon|DE|post", START, START + DAY)))
    assert line(store.history()) == PRIOR


def test_the_history_is_read_anew_after_an_hour(store: Store) -> None:
    clock = [START]
    recall = Recollection(store, lambda: clock[0])
    first = recall()
    clock[0] += timedelta(minutes=59)
    assert recall() is first
    store.commit(commit(P, 0, stay=(HELD.name, START, START + 9 * DAY)))
    clock[0] += timedelta(minutes=1)
    assert line(recall()).here == 1
