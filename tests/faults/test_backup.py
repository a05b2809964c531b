"""A backup is the ledger of one moment; it comes back whole, held, and into an empty store alone."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.servers.rows import LEASE, commit, owe, owed, take
from tests.servers.valkey import Valkey, start_valkey
from workers import backup
from workers.cli import app
from workers.errors import Misconfigured, StoreTrouble
from workers.store import Store

ORDERS = """\
recipients: {anna: {email: ana@example.org}}
channels: {mail: {kind: outbox}}
sources: {recorded: {kind: replay, folder: .}}
orders:
  - {title: Reel, id: reel, tracking: LX400000015CN, to: ES}
"""


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with start_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


def opened(valkey: Valkey) -> Store:
    store = Store.connect(valkey.fresh())
    store.prepare()
    return store


@pytest.fixture
def full(valkey: Valkey) -> Iterator[Store]:
    store = opened(valkey)
    for n in range(20):
        owe(store, owed(f"n{n}", recipient=f"r{n}"), parcel=f"o{n}/LX{n}CN")
    notice = take(store)
    store.done(notice.id, notice.token, reference="abc")
    store.remember("x", b"\x00\xff", ttl=timedelta(hours=1))
    store.secret()
    yield store
    store.close()


@pytest.fixture
def bare(valkey: Valkey) -> Iterator[Store]:
    store = opened(valkey)
    yield store
    store.close()


def everything(store: Store) -> dict[bytes, bytes]:
    return {name: value for name, _, value in store.export() if name != b"ledger"}


def test_it_comes_back_whole_and_held(full: Store, bare: Store, tmp_path: Path) -> None:
    file = tmp_path / "ledger.backup"
    about = backup.write(full, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (about.owed, about.sent) == (20, 1)
    assert backup.restore(bare, file, by="test") == about
    assert everything(bare) == everything(full)
    ledger = bare.ledger()
    assert "a backup of" in ledger.hold
    assert (ledger.id, ledger.owed, ledger.sent) == (full.ledger().id, 20, 1)
    assert bare.claim_notice("mail", lease=LEASE, worker="w") is None
    bare.lift_hold()
    assert bare.claim_notice("mail", lease=LEASE, worker="w") is not None
    left = bare.scripts.client.pttl("{cw}:fact:x")
    assert 0 < left <= 3_600_000


def test_it_is_of_one_moment_while_others_write(valkey: Valkey, tmp_path: Path) -> None:
    """Each commit owes one notice of its parcel: a backup in which the two differ was taken in between."""
    store, ending = opened(valkey), threading.Event()

    def work() -> None:
        mine, n = (
            Store.connect(
                f"unix://{valkey.socket}?db={store.scripts.client.connection_pool.connection_kwargs['db']}"
            ),
            0,
        )
        while not ending.is_set():
            mine.commit(commit(f"o{n}/LX{n}CN", 0, owed(f"n{n}", recipient=f"r{n}")))
            n += 1
        mine.close()

    threads = [threading.Thread(target=work)]
    for thread in threads:
        thread.start()
    for n in range(5):
        about = backup.write(store, tmp_path / f"{n}.backup")
        _, rows = backup.read(tmp_path / f"{n}.backup")
        names = [name for name, _, _ in rows]
        assert sum(name.startswith(b"p:") for name in names) == sum(name.startswith(b"n:") for name in names)
        assert about.rows == len(rows)
    ending.set()
    for thread in threads:
        thread.join()
    store.close()


def test_it_goes_into_an_empty_store_alone_and_never_under_somebodys_feet(
    full: Store, bare: Store, tmp_path: Path
) -> None:
    file = tmp_path / "ledger.backup"
    backup.write(full, file)
    with pytest.raises(Misconfigured, match="not empty"):
        backup.restore(full, file, by="test")
    bare.beat("scheduler:x:1", ttl=timedelta(minutes=1))
    with pytest.raises(Misconfigured, match="scheduler:x:1 works on this store"):
        backup.restore(bare, file, by="test")
    assert bare.ledger().hold == ""
    with pytest.raises(Misconfigured, match=r"a file .* already"):
        backup.write(full, file)


def test_a_file_that_is_cut_off_changed_or_something_else_changes_nothing(
    full: Store, bare: Store, tmp_path: Path
) -> None:
    file = tmp_path / "ledger.backup"
    backup.write(full, file)
    whole = file.read_bytes()
    for broken in (
        whole[: len(whole) // 2],
        whole[:-1],
        whole[:200] + b"x" + whole[201:],
        b"",
        b"RDB",
        whole + b"x",
    ):
        file.write_bytes(broken)
        with pytest.raises(Misconfigured):
            backup.restore(bare, file, by="test")
    with pytest.raises(Misconfigured, match="there is no file"):
        backup.restore(bare, tmp_path / "absent", by="test")
    assert bare.is_bare()
    assert bare.ledger().hold == ""
    file.write_bytes(whole)  # the control
    backup.restore(bare, file, by="test")


def test_one_that_was_interrupted_leaves_a_held_store_and_can_be_done_again(
    full: Store, bare: Store, tmp_path: Path
) -> None:
    file = tmp_path / "ledger.backup"
    backup.write(full, file)
    _, rows = backup.read(file)
    broken = [row if at < len(rows) - 1 else (row[0], row[1], b"rubbish") for at, row in enumerate(rows)]
    with pytest.raises((StoreTrouble, Misconfigured)):
        bare.bring_in(broken, reason="x", by="test")
    assert bare.was_interrupted()
    assert bare.ledger().hold
    assert bare.claim_notice("mail", lease=LEASE, worker="w") is None
    backup.restore(bare, file, by="test")
    assert everything(bare) == everything(full)
    assert not bare.was_interrupted()


def test_the_commands_write_bring_back_and_forget(valkey: Valkey, full: Store, tmp_path: Path) -> None:
    config = tmp_path / "orders.yaml"
    config.write_text(ORDERS)
    file = tmp_path / "ledger.backup"

    def run(url: str, *argv: str, code: int = 0, answer: str = "") -> str:
        environ = {"CW_REDIS_URL": url, "CW_CONFIG": str(config), "COLUMNS": "200"}
        said = CliRunner().invoke(app, [*argv], env=environ, input=answer)
        assert said.exit_code == code, said.output
        return said.output

    db = full.scripts.client.connection_pool.connection_kwargs["db"]
    old, new = f"unix://{valkey.socket}?db={db}", valkey.fresh()
    assert "20 notices owed, 1 sent" in run(old, "backup", str(file))
    assert "Nothing is sent yet" in run(new, "restore", str(file))
    assert "a backup of" in run(new, "hold")
    assert json.loads(run(new, "hold", "--release", "--skip-owed", "--yes", "--json"))["skipped"] == 19
    assert "nothing was changed" in run(new, "forget", "o3", answer="n\n", code=1)
    assert "Forgot o3/LX3CN" in run(new, "forget", "o3", "--yes")
    assert "nothing is remembered of 'o3'" in run(new, "forget", "o3", "--yes", code=3)
    store = Store.connect(new)
    store.commit(commit("reel/LX400000015CN"))
    assert "still in" in run(new, "forget", "reel", "--yes", code=2)
    assert b"o3/LX3CN" not in b"".join(name + value for name, _, value in store.export())
    store.close()
