"""A held ledger sends nothing, on no machine; and a claim insists on the past that its machine has seen."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.servers.rows import LEASE, owe, owed, take
from tests.servers.valkey import start_valkey
from workers.errors import StoreTrouble
from workers.store import Ledger, Store


def claimable(store: Store) -> bool:
    return store.claim_notice("mail", lease=LEASE, worker="w") is not None


def test_a_store_has_one_id_however_often_it_is_prepared(store: Store) -> None:
    first = store.ledger()
    store.prepare()
    store.name_ledger()
    assert first.id == store.ledger().id != ""
    assert (first.owed, first.sent, first.hold) == (0, 0, "")


def test_what_was_owed_and_sent_is_counted_and_never_less(store: Store) -> None:
    owe(store, owed("n1"), owed("n2", recipient="ben"))
    notice = take(store)
    store.done(notice.id, notice.token)
    store.forget("o1/LP1CN")
    ledger = store.ledger()
    assert (ledger.owed, ledger.sent) == (2, 1)


def test_a_held_ledger_hands_out_nothing_and_rings_no_bell_and_is_not_waited_for(store: Store) -> None:
    owe(store, owed())
    assert store.hold("a backup was brought back", by="here")
    assert not store.hold("another reason", by="there")
    assert not claimable(store)
    assert store.sweep().notices == {}
    assert not store.unsettled(within=timedelta(0))
    ledger = store.ledger()
    assert (ledger.hold, ledger.by) == ("a backup was brought back", "here")
    assert ledger.since is not None
    store.lift_hold()
    assert store.sweep().notices == {"mail": 1}
    assert claimable(store)  # the control
    assert store.ledger().hold == ""


def test_lifting_a_hold_names_the_ledger_anew_and_remembers_its_names(store: Store) -> None:
    old = store.ledger().id
    store.hold("x", by="w")
    store.lift_hold(knew=["theirs", ""])
    new = store.ledger()
    assert new.id != old
    assert new.was == {old, "theirs"}


def test_what_is_owed_can_be_skipped_when_a_hold_is_lifted(store: Store) -> None:
    owe(
        store,
        owed("n1"),
        owed("n2", recipient="ben"),
        owed("n3", recipient="eve"),
        owed("n4", channel="text"),
    )
    take(store)  # one was being sent when the backup was made
    sent = take(store)
    store.done(sent.id, sent.token)
    store.hold("x", by="w")
    assert store.lift_hold(skip_owed=True) == 3
    assert sorted(row.state for row in store.notices()) == ["sent", "skipped", "skipped", "skipped"]
    assert not claimable(store)
    assert {row.error for row in store.notices(states=("skipped",))} == {"skipped when the hold was lifted"}


@pytest.mark.parametrize(
    ("change", "handed_out"),
    [
        ({}, True),
        ({"id": "other"}, False),
        ({"owed": 3}, False),
        ({"sent": 2}, False),
        ({"owed": 1, "sent": 0}, True),
    ],
)
def test_a_claim_insists_on_the_past_that_was_seen(
    store: Store, change: dict[str, object], handed_out: bool
) -> None:
    owe(store, owed("n1"), owed("n2", recipient="ben"))
    notice = take(store)
    store.done(notice.id, notice.token)
    store.expected = replace(store.ledger(), **change)  # type: ignore[arg-type]  # of a table
    assert claimable(store) is handed_out


def test_an_emptied_store_hands_out_nothing_to_whoever_saw_it_full(store: Store) -> None:
    owe(store, owed())
    store.expected = store.ledger()
    store.scripts.client.flushdb()
    owe(store, owed())
    assert not claimable(store)
    store.expected = None  # the control: whoever saw nothing takes it
    assert claimable(store)


# -- waiting for the disk -------------------------------------------------------------------------------------


def waited(store: Store) -> int:
    return int(store.scripts.client.info("commandstats").get("cmdstat_waitaof", {"calls": 0})["calls"])


def test_a_claim_is_on_the_disk_of_a_server_that_syncs_every_second_before_it_is_handed_out(
    tmp_path: Path,
) -> None:
    with start_valkey(tmp_path, appendfsync="everysec") as server:
        store = Store.connect(server.url)
        store.prepare()
        store.claim_notice("mail", lease=LEASE, worker="w")  # the server learns the script
        before = waited(store)
        for n in range(3):
            owe(store, owed(f"n{n}", recipient=f"r{n}"))
            assert take(store)
        assert waited(store) - before == 3
        owe(store, owed("n9", recipient="r9"))
        answer, safe = store.scripts.run_safely("claim_notice", "mail", 60000, "t", "w")
        assert (answer[0], safe) == (b"n9", True)
        assert store.scripts.client.waitaof(1, 0, 1)[0] == 1  # and the server says the same again
        store.close()


@pytest.mark.parametrize("options", [{"appendonly": "no"}, {"appendfsync": "always"}])
def test_other_servers_are_not_waited_for(tmp_path: Path, options: dict[str, str]) -> None:
    with start_valkey(tmp_path, **options) as server:
        store = Store.connect(server.url)
        store.prepare()
        began = time.monotonic()
        for n in range(5):
            owe(store, owed(f"n{n}", recipient=f"r{n}"))
            assert take(store)
        assert time.monotonic() - began < 5  # the patience for one that does not come
        store.scripts.client.script_flush()
        owe(store, owed("n9", recipient="r9"))
        assert take(store).id == "n9"
        store.close()


def test_a_claim_that_does_not_reach_the_disk_is_given_back_and_told(store: Store, tmp_path: Path) -> None:
    class Slow(type(store.scripts)):  # type: ignore[misc]  # a double where the disk begins
        def run_safely(self, name: str, *args: object) -> tuple[object, bool]:
            return super().run(name, *args), False

    owe(store, owed())
    store.scripts = Slow(store.scripts.client)
    with pytest.raises(StoreTrouble, match="to its disk in time"):
        store.claim_notice("mail", lease=LEASE, worker="w")
    (row,) = store.notices()
    assert (row.state, row.crashes) == ("pending", 0)


def test_a_ledger_without_a_past_is_known_as_such() -> None:
    assert Ledger("x") == Ledger("x", 0, 0, "", None, "", frozenset())
