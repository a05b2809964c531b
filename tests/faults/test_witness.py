"""A store that comes back with another past is held until a person speaks; one that goes on is not. On a real server."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.servers.rows import LEASE, owe, owed, take
from tests.servers.valkey import Valkey, start_valkey
from workers.cli import app
from workers.store import Store
from workers.witness import FILE, Known, Witness, verdict


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with start_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


class Machine:
    """A machine with a data folder of its own; each call of ``look`` is a new process."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.store = Store.connect(url)
        self.store.prepare()

    def process(self) -> Witness:
        return Witness(self.store, self.folder, name="test", uptime=lambda: timedelta(0))

    def look(self) -> str:
        return self.process().look()

    def send(self, name: str) -> None:
        owe(self.store, owed(name, recipient=name))
        notice = take(self.store)
        self.store.done(notice.id, notice.token)

    def claims(self) -> bool:
        return self.store.claim_notice("mail", lease=LEASE, worker="w") is not None


@pytest.fixture
def machine(valkey: Valkey, tmp_path: Path) -> Iterator[Machine]:
    made = Machine(valkey.fresh(), tmp_path / "one")
    yield made
    made.store.close()


def empty(machine: Machine) -> None:
    machine.store.scripts.client.flushdb()
    machine.store.prepare()


def test_a_fresh_install_and_a_machine_that_lost_its_folder_just_go_on(machine: Machine) -> None:
    assert machine.look() == ""
    machine.send("n1")
    assert machine.look() == ""
    shutil.rmtree(machine.folder)
    assert machine.look() == ""
    assert json.loads((machine.folder / FILE).read_text())["sent"] == 1


def test_an_emptied_store_is_held_for_every_machine_until_somebody_says_so(
    machine: Machine, tmp_path: Path
) -> None:
    other = Machine(machine.url, tmp_path / "two")
    machine.send("n1")
    assert machine.look() == other.look() == ""
    empty(machine)
    owe(machine.store, owed("n2"))
    machine.store.scripts.client.hset("{cw}:count", mapping={"owed": 0})  # as empty as at its first moment
    assert "new and empty" in machine.look()
    newcomer = Machine(machine.url, tmp_path / "three")
    assert "new and empty" in newcomer.look()  # the ledger itself is held
    assert not newcomer.claims()
    machine.process().lift(skip_owed=False)
    for one in (machine, other, newcomer):
        assert one.look() == ""
        shutil.rmtree(one.folder)
    assert newcomer.claims()


def test_a_store_set_back_is_held_and_the_machines_follow_when_it_is_confirmed(
    machine: Machine, tmp_path: Path
) -> None:
    other = Machine(machine.url, tmp_path / "two")
    machine.send("n1")
    client = machine.store.scripts.client
    backup = {key: client.dump(key) for key in client.scan_iter()}
    machine.send("n2")
    assert machine.look() == other.look() == ""
    client.flushdb()
    for key, value in backup.items():
        client.restore(key, 0, value)
    assert "set back: it knows of 1 notices owed and 1 sent" in other.look()
    assert "set back" in machine.look()
    assert machine.process().lift(skip_owed=True) == 0
    assert machine.look() == other.look() == ""
    again = {key: client.dump(key) for key in client.scan_iter()}
    assert again
    for key, value in backup.items():  # the same backup once more: its id is one that was given up
        client.restore(key, 0, value, replace=True)
    assert "set back" in other.look()


def test_one_that_was_read_while_it_ran_is_caught_by_the_claim_itself(machine: Machine) -> None:
    process = machine.process()
    machine.send("n1")
    assert process.look() == ""
    empty(machine)
    owe(machine.store, owed("n2"))
    assert not machine.claims()  # before anybody has looked again
    assert process.look() != ""


def test_the_ledger_of_somebody_else_is_not_held_and_not_written_to(
    machine: Machine, valkey: Valkey, tmp_path: Path
) -> None:
    machine.send("n1")
    assert machine.look() == ""
    theirs = Machine(valkey.fresh(), tmp_path / "theirs")
    theirs.send("n5")
    assert theirs.look() == ""
    owe(theirs.store, owed("n6", recipient="eve"))
    lost = Machine(theirs.url, machine.folder)
    assert "another ledger" in lost.look()
    assert not lost.claims()
    assert theirs.look() == ""
    assert theirs.claims()


def test_a_folder_that_cannot_be_written_leaves_the_memory_of_the_process(machine: Machine) -> None:
    machine.folder.write_text("no folder")
    process = machine.process()
    machine.send("n1")
    assert process.look() == ""
    empty(machine)
    assert "new and empty" in process.look()


def test_a_file_that_is_none_of_ours_is_no_witness(machine: Machine) -> None:
    machine.folder.mkdir()
    (machine.folder / FILE).write_text('{"id": 5}')
    assert machine.look() == ""


def test_what_another_process_of_the_machine_saw_is_not_unlearnt(machine: Machine) -> None:
    slow, quick = machine.process(), machine.process()
    assert slow.look() == ""
    machine.send("n1")
    assert quick.look() == ""
    ledger = machine.store.ledger()
    known = Known(**json.loads((machine.folder / FILE).read_text()) | {"was": frozenset()})
    assert verdict(known, ledger) == "same"
    assert known.sent <= 1


ORDERS = """\
recipients: {anna: {email: ana@example.org}}
channels: {mail: {kind: outbox}}
sources: {recorded: {kind: replay, folder: .}}
orders: []
"""


def test_the_command_shows_a_hold_sets_one_and_lifts_it(machine: Machine, tmp_path: Path) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(ORDERS)
    environ = {"CW_REDIS_URL": machine.url, "CW_CONFIG": str(file), "COLUMNS": "200"}

    def run(*argv: str, code: int = 0, answer: str = "") -> str:
        said = CliRunner().invoke(app, [*argv], env=environ, input=answer)
        assert said.exit_code == code, said.output
        return said.output

    assert "Nothing is held" in run("hold")
    assert "nothing is held" in run("hold", "--release", code=1)
    run("hold", "--skip-owed", code=2)
    owe(machine.store, owed())
    assert "moving house" in run("hold", "--on", "moving house")
    assert "Nothing is sent: moving house" in run("status")
    assert json.loads(run("hold", "--json"))["waiting"] == 1
    assert "nothing was changed" in run("hold", "--release", answer="n\n", code=1)
    assert "1 notices were skipped" in run("hold", "--release", "--skip-owed", "--yes")
    assert "Nothing is held" in run("hold")
