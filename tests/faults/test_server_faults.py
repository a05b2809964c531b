"""Every fault of the server, provoked for real: work stops in a sentence, goes on by itself, and nothing is lost or doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from tests.pipeline.conftest import World
from tests.servers.valkey import Valkey, free_port, start_valkey, until
from workers import knowledge
from workers.core.model import Sighting
from workers.errors import StoreTrouble
from workers.store import Store

Undo = Callable[[], object]


def out_of_memory(server: Valkey, client: redis.Redis) -> Undo:
    client.config_set("maxmemory", 1)
    return lambda: client.config_set("maxmemory", 0)


def read_only(server: Valkey, client: redis.Redis) -> Undo:
    client.replicaof("127.0.0.1", free_port())
    return lambda: client.replicaof("NO", "ONE")


def busy_with_a_script(server: Valkey, client: redis.Redis) -> Undo:
    client.config_set("busy-reply-threshold", 20)

    def endless() -> None:
        with server.client() as other:
            try:
                other.eval("while true do end", 0)
            except redis.ResponseError:  # killed
                return

    thread = threading.Thread(target=endless)
    thread.start()

    def refuses() -> bool:
        with server.client() as other:
            try:
                other.ping()
            except redis.ResponseError as error:
                return str(error).startswith("BUSY")
        return False

    until(refuses)

    def undo() -> None:
        with server.client() as other:
            other.script_kill()
        thread.join(10)

    return undo


def snapshot_fails(server: Valkey, client: redis.Redis) -> Undo:
    blocked = server.folder / "dump.rdb"
    blocked.mkdir()
    client.config_set("save", "3600 1")
    client.bgsave()
    until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")

    def undo() -> None:
        blocked.rmdir()
        client.bgsave()
        until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "ok")
        client.config_set("save", "")  # or it would save once more as it ends

    return undo


def killed(server: Valkey, client: redis.Redis) -> Undo:
    server.kill()
    return server.start


def paused(server: Valkey, client: redis.Redis) -> Undo:
    os.kill(server.pid, signal.SIGSTOP)
    return lambda: os.kill(server.pid, signal.SIGCONT)


def locked_out(server: Valkey, client: redis.Redis) -> Undo:
    client.acl_setuser("default", enabled=True, nopass=True, commands=["-@all", "+acl", "+auth"], keys=["*"])
    return lambda: client.acl_setuser("default", enabled=True, nopass=True, commands=["+@all"], keys=["*"])


FAULTS = {
    "memory is full": out_of_memory,
    "read-only replica": read_only,
    "endless script": busy_with_a_script,
    "cannot write to its disk": snapshot_fails,
    "cannot be reached": killed,
    "did not answer in time": paused,
    "may not do this": locked_out,
}


@pytest.fixture(scope="module")
def known() -> knowledge.Knowledge:
    return knowledge.load()


@contextmanager
def world_on(url: str, known: knowledge.Knowledge, folder: Path) -> Iterator[World]:
    store = Store.connect(url)
    store.prepare()
    try:
        yield World(store, known, folder)
    finally:
        store.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    (tmp_path / "server").mkdir()
    with start_valkey(tmp_path / "server") as running:
        yield running


@pytest.fixture
def world(server: Valkey, known: knowledge.Knowledge, tmp_path: Path) -> Iterator[World]:
    with world_on(f"{server.url}&socket_timeout=0.5", known, tmp_path / "data") as made:
        yield made


def in_customs(world: World, number: str) -> None:
    world.watch(number)
    at = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
    text = "Item held by customs, documents required"
    world.source.parcels[number] = (Sighting(at=at, text=text, source="a", lang="en", country="DE"),)


@pytest.mark.parametrize(
    "sentence",
    [
        pytest.param(name, marks=pytest.mark.slow if name == "did not answer in time" else ())
        for name in FAULTS
    ],
)
def test_work_stops_in_a_sentence_and_goes_on_by_itself(server: Valkey, world: World, sentence: str) -> None:
    in_customs(world, "LP1")
    with ExitStack() as stack:
        client = stack.enter_context(server.client())
        client.ping()
        undo = FAULTS[sentence](server, client)
        try:
            for work in (
                world.look,
                lambda: world.store.enrol("a", ["x/1"], spread=timedelta(0)),
                world.store.readiness,
            ):
                try:
                    work()
                except StoreTrouble as trouble:
                    assert sentence in str(trouble)  # noqa: PT017  # reads may well go on
                else:
                    assert work != world.look, "the fault is none"
        finally:
            undo()
        until(lambda: answers(world.store))
        world.look()
        world.deliver()
    assert [len(world.mail.sent), len(world.text.sent)] == [1, 1]
    assert {row.state for row in world.store.notices()} == {"sent"}
    world.look()
    world.deliver()
    assert len(world.mail.sent) == 1


def answers(store: Store) -> bool:
    try:
        store.remember("probe", b"1", ttl=timedelta(seconds=5))
    except StoreTrouble:
        return False
    return True


FAST = ("cannot be reached", "read-only replica")


@pytest.mark.parametrize(
    "sentence",
    [
        pytest.param(name, marks=() if name in FAST else pytest.mark.slow)
        for name in FAULTS
        if name != "memory is full"
    ],
)
def test_a_fault_in_the_middle_of_a_send_doubles_nothing(
    server: Valkey, known: knowledge.Knowledge, tmp_path: Path, sentence: str
) -> None:
    """With full memory the end of a send can be written all the same; in any other fault it is waited for."""
    with (
        world_on(f"{server.url}&socket_timeout=0.3", known, tmp_path / "data") as world,
        server.client() as client,
    ):
        client.ping()
        in_customs(world, "LP1")
        world.look()
        undo: list[Undo] = []
        send = world.mail.send

        def strike(envelope: object, message: object) -> object:
            undo.append(FAULTS[sentence](server, client))
            return send(envelope, message)  # type: ignore[arg-type]  # handed on as it came

        world.mail.send = strike  # type: ignore[method-assign,assignment]  # the world begins here
        tries = []

        def wait(_: timedelta) -> None:
            tries.append(1)
            if len(tries) == 2:
                undo[0]()
            time.sleep(0.02)

        world.pipeline._delivery._wait = wait
        assert world.pipeline.notify("mail") == 1
        assert len(tries) >= 2
        assert len(world.mail.sent) == 1
        assert [row.state for row in world.store.notices() if row.channel == "mail"] == ["sent"]
        assert world.pipeline.notify("mail") == 0


@pytest.mark.slow
def test_a_server_that_loads_is_waited_for(tmp_path: Path, known: knowledge.Knowledge) -> None:
    (tmp_path / "server").mkdir()
    with start_valkey(tmp_path / "server") as server, world_on(server.url, known, tmp_path / "data") as world:
        in_customs(world, "LP1")
        world.look()
        with server.client() as client:
            for n in range(300):
                client.set(f"filler:{n}", "x" * 100)
            client.bgrewriteaof()
            until(lambda: not client.info("persistence")["aof_rewrite_in_progress"])
        server.kill()
        server._options |= {"key-load-delay": "5000", "loading-process-events-interval-bytes": "1024"}
        starting = threading.Thread(target=server.start)
        starting.start()
        said = set()

        def sent() -> bool:
            try:
                world.deliver()
            except StoreTrouble as trouble:
                said.add(str(trouble).partition(":")[0])
            return len(world.mail.sent) == 1

        until(sent)
        starting.join(20)
        assert "the store is still loading its data" in said


def test_scripts_that_the_server_forgot_are_sent_again(server: Valkey, world: World) -> None:
    in_customs(world, "LP1")
    for step in (world.look, world.deliver):
        world.store.scripts.client.script_flush()
        step()
    assert len(world.mail.sent) == 1


@contextmanager
def tiny_disk(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"no small disk can be made here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk_stops_the_work_and_room_lets_it_go_on(
    tmp_path: Path, known: knowledge.Knowledge
) -> None:
    with (
        tiny_disk(tmp_path / "disk", "8m") as disk,
        start_valkey(disk, appendfsync="everysec", auto_aof_rewrite_percentage="0") as server,
        world_on(f"{server.url}&socket_timeout=5", known, tmp_path / "data") as world,
    ):
        in_customs(world, "LP1")
        world.look()
        ballast = disk / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * 4096):
                pass
        trouble = until(lambda: refused(world.store))
        assert "cannot write to its disk" in trouble
        with pytest.raises(StoreTrouble):
            world.deliver()
        assert world.mail.sent == []  # no claim is on the disk, so nothing is sent
        assert any("last write to disk failed" in said for said in world.store.readiness())
        ballast.unlink()
        until(lambda: answers(world.store))
        until(lambda: world.deliver() or len(world.mail.sent))
        until(lambda: world.deliver() == 0)
        assert len(world.mail.sent) == 1


def refused(store: Store) -> str:
    try:
        store.remember("filler", os.urandom(20_000))
    except StoreTrouble as trouble:
        return str(trouble)
    return ""
