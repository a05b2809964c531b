"""The embedded server: what it promises, alone on its folder, through kills and restarts."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from tests.servers.rows import commit
from tests.servers.valkey import until
from workers.engine import Engine, find
from workers.errors import Misconfigured, StoreTrouble
from workers.store import Store

ROOT = Path(__file__).resolve().parents[2]


def say(url: str, *parcels: str) -> list[str]:
    """Commit parcels and return all that are known."""
    store = Store.connect(url)
    try:
        store.prepare()
        for parcel in parcels:
            store.commit(commit(parcel))
        return sorted(store.parcels())
    finally:
        store.close()


def alive(pid: int) -> bool:
    """Whether a process runs (one that ended and was not waited for does not)."""
    status = Path(f"/proc/{pid}/status")
    try:
        return "State:\tZ" not in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def pid_of(engine: Engine) -> int:
    assert engine.server is not None
    assert engine.server.pid is not None
    return engine.server.pid


def incr(folder: Path) -> Path:
    (path,) = (folder / "store" / "appendonlydir").glob("*.incr.aof")
    return path


class Parent:
    """An engine in a process of its own, which can be killed."""

    def __init__(self, folder: Path) -> None:
        code = (
            "import sys, time\n"
            "from pathlib import Path\n"
            "from workers.engine import Engine\n"
            "with Engine({}, Path(sys.argv[1])) as engine:\n"
            "    print(engine.role, engine.server.pid if engine.server else 0, flush=True)\n"
            "    sys.stdin.read()\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, str(folder)],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline().split()
        self.role, self.server_pid = said[0], int(said[1])

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self._close()

    def leave(self) -> int:
        """Close its standard input, upon which it ends by itself."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        return self._close()

    def _close(self) -> int:
        code = self.process.wait(60)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        return code


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A folder on which no server is left behind, whatever a test did."""
    folder = tmp_path / "d"
    yield folder
    if (folder / "store").exists():
        with Engine({}, folder):
            pass


@pytest.fixture
def parent(data: Path) -> Iterator[Parent]:
    """An engine on *data* in a process of its own."""
    started = Parent(data)
    yield started
    started.kill()


@pytest.fixture
def orphan(data: Path) -> Iterator[int]:
    """The process of a server on *data* that nobody supervises, as a killed supervisor leaves it behind."""
    server = find({}, data).server
    assert server is not None
    server.make_room()
    server.come_up()
    assert server.pid is not None
    yield server.pid
    server.stop()


@pytest.fixture
def owner(data: Path) -> Iterator[Engine]:
    with Engine({}, data) as engine:
        yield engine


# -- what it promises -----------------------------------------------------------------------------------------


def test_the_server_is_what_the_store_needs_and_for_its_user_alone(tmp_path: Path) -> None:
    with Engine({}, tmp_path / "d") as engine:
        assert engine.role == "owner"
        store = Store.connect(engine.url)
        assert store.readiness() == ()
        config = store.scripts.client.config_get("*")
        store.close()
        assert {
            name: config[name] for name in ("port", "appendonly", "appendfsync", "maxmemory-policy", "save")
        } == {
            "port": "0",
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
            "save": "",
        }
        assert (config["aof-load-truncated"], config["enable-protected-configs"]) == ("yes", "no")
        assert int(config["maxmemory"] or 0) >= 256 * 1024 * 1024
        folder = tmp_path / "d" / "store"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "socket").stat().st_mode) == 0o700


def test_what_was_stored_is_there_in_the_next_run(tmp_path: Path) -> None:
    for run in range(3):
        with Engine({}, tmp_path / "d") as engine:
            assert say(engine.url, f"run-{run}") == [f"run-{i}" for i in range(run + 1)]


def test_a_normal_end_leaves_no_server_and_no_lock(tmp_path: Path) -> None:
    with Engine({}, tmp_path / "d") as engine:
        pid = pid_of(engine)
        assert alive(pid)
    assert not alive(pid)
    with pytest.raises(StoreTrouble):
        say(engine.url)
    with Engine({}, tmp_path / "d") as again:
        assert again.role == "owner"


def test_an_error_inside_the_block_stops_the_server_too(tmp_path: Path) -> None:
    pids = []

    def work() -> None:
        with Engine({}, tmp_path / "d") as engine:
            pids.append(pid_of(engine))
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        work()
    assert not alive(pids[0])


def test_a_process_that_ends_by_itself_stops_its_server(data: Path, parent: Parent) -> None:
    assert parent.role == "owner"
    assert parent.leave() == 0
    assert not alive(parent.server_pid)


@pytest.mark.parametrize(
    "name", ["with space", 'quo"te', "back\\slash", "ünïcode 包", "x" * 150, "new\nline", "a%2Fb?c#d"]
)
def test_any_name_of_a_folder_will_do(tmp_path: Path, name: str) -> None:
    for _ in range(2):
        with Engine({}, tmp_path / name) as engine:
            known = say(engine.url, "p")
            socket = engine.plan.server.socket if engine.plan.server else None
        assert known == ["p"]
        assert socket is not None
        assert not socket.exists()
        assert socket.parent == tmp_path / name / "store" or not socket.parent.exists()


def test_a_short_folder_for_the_socket_that_somebody_else_made_is_refused(tmp_path: Path) -> None:
    engine = Engine({}, tmp_path / ("x" * 150))
    assert engine.plan.server is not None
    trap = engine.plan.server.socket.parent
    (tmp_path / "theirs").mkdir()
    trap.symlink_to(tmp_path / "theirs")
    try:
        with pytest.raises(Misconfigured, match="not a folder of our own"), engine:
            pass
    finally:
        trap.unlink()


# -- kills ----------------------------------------------------------------------------------------------------


def test_a_server_that_dies_comes_back_with_everything_it_acknowledged(tmp_path: Path) -> None:
    with Engine({}, tmp_path / "d") as engine:
        say(engine.url, "before")
        first = pid_of(engine)
        os.kill(first, signal.SIGKILL)
        until(lambda: engine.restarts == 1)
        assert say(engine.url, "after") == ["after", "before"]
        assert pid_of(engine) != first
    assert not alive(first)


def test_a_server_that_outlived_its_supervisor_is_adopted_and_stopped_by_the_next(
    data: Path, parent: Parent
) -> None:
    parent.kill()
    assert alive(parent.server_pid)
    with Engine({}, data) as engine:
        assert engine.role == "owner"
        assert pid_of(engine) == parent.server_pid
        assert say(engine.url, "p") == ["p"]
    assert not alive(parent.server_pid)


def test_an_adopted_server_is_supervised_too(data: Path, orphan: int) -> None:
    with Engine({}, data) as engine:
        say(engine.url, "p")
        os.kill(orphan, signal.SIGKILL)
        until(lambda: engine.restarts == 1)
        assert say(engine.url) == ["p"]
        assert pid_of(engine) != orphan


def test_a_supervisor_and_server_killed_together_leave_nothing_in_the_way(data: Path, parent: Parent) -> None:
    say(f"unix://{data}/store/socket?db=0", "p")
    parent.kill()
    os.kill(parent.server_pid, signal.SIGKILL)
    until(lambda: not alive(parent.server_pid))
    assert (data / "store" / "socket").exists()  # stale, as are pid file and locks
    with Engine({}, data) as engine:
        assert pid_of(engine) != parent.server_pid
        assert say(engine.url) == ["p"]


# -- one at a time --------------------------------------------------------------------------------------------


def test_a_second_engine_is_a_guest_and_leaves_the_server_alone(data: Path, owner: Engine) -> None:
    with Engine({}, data) as guest:
        assert (guest.role, guest.server) == ("guest", None)
        assert say(guest.url, "p") == ["p"]
    assert alive(pid_of(owner))
    assert say(guest.url) == ["p"]


def test_there_is_never_a_second_server_on_one_folder(data: Path, owner: Engine) -> None:
    with Engine({}, data), Engine({}, data):
        holders = [p for p in Path("/proc").glob("[0-9]*/cwd") if _links_to(p, data / "store")]
    assert [int(p.parent.name) for p in holders] == [pid_of(owner)]


def _links_to(link: Path, folder: Path) -> bool:
    try:
        return link.resolve() == folder.resolve()
    except OSError:
        return False


@contextmanager
def impatient(data: Path, frozen: int) -> Iterator[Engine]:
    """An engine that waits a moment only, while the server is stopped as a swapped-out machine stops it."""
    engine = Engine({}, data)
    assert engine.plan.server is not None
    engine.plan.server.patience = 0.3
    os.kill(frozen, signal.SIGSTOP)
    try:
        yield engine
    finally:
        os.kill(frozen, signal.SIGCONT)


def test_a_supervisor_whose_server_does_not_answer_is_named(data: Path, owner: Engine) -> None:
    with (
        impatient(data, pid_of(owner)) as engine,
        pytest.raises(Misconfigured, match=rf"process {os.getpid()} runs the store"),
        engine,
    ):
        pass


def test_an_orphan_that_does_not_answer_is_named_and_left_alone(data: Path, orphan: int) -> None:
    with (
        impatient(data, orphan) as engine,
        pytest.raises(Misconfigured, match=rf"process {orphan}\) does not answer"),
        engine,
    ):
        pass
    with Engine({}, data) as again:
        assert pid_of(again) == orphan


# -- files ----------------------------------------------------------------------------------------------------


def test_it_never_starts_empty_where_an_earlier_run_left_data(tmp_path: Path) -> None:
    with Engine({}, tmp_path) as engine:
        say(engine.url, "p")
    kept = tmp_path / "store" / "appendonlydir"
    kept.rename(tmp_path / "moved-away")
    with pytest.raises(Misconfigured, match="are gone"), Engine({}, tmp_path):
        pass
    assert not kept.exists()
    (tmp_path / "moved-away").rename(kept)
    with Engine({}, tmp_path) as engine:
        assert say(engine.url) == ["p"]


def test_a_store_that_comes_up_empty_from_files_that_are_not_is_refused(tmp_path: Path) -> None:
    with Engine({}, tmp_path) as engine:
        say(engine.url, "p")
        with redis.Redis.from_url(engine.url) as client:
            client.flushall()
    size = incr(tmp_path).stat().st_size
    with pytest.raises(Misconfigured, match="came up empty"), Engine({}, tmp_path):
        pass
    assert incr(tmp_path).stat().st_size == size


def test_a_first_run_that_stored_nothing_does_not_stand_in_the_way(tmp_path: Path) -> None:
    for _ in range(2):
        with Engine({}, tmp_path) as engine:
            assert engine.role == "owner"


def test_an_entry_cut_off_at_the_end_is_left_out_and_told(tmp_path: Path) -> None:
    with Engine({}, tmp_path) as engine:
        say(engine.url, "a")
        say(engine.url, "b")
        assert not any("cut off" in warning for warning in engine.warnings)
    path = incr(tmp_path)
    path.write_bytes(path.read_bytes()[:-30])
    with Engine({}, tmp_path) as engine:
        assert any("cut off" in warning for warning in engine.warnings)
        assert say(engine.url) == ["a"]


def test_a_file_damaged_in_the_middle_is_refused_with_what_to_do_and_kept_as_it_is(tmp_path: Path) -> None:
    with Engine({}, tmp_path) as engine:
        for i in range(20):
            say(engine.url, f"p{i}")
    path = incr(tmp_path)
    whole = path.read_bytes()
    middle = len(whole) // 2
    damaged = whole[:middle] + b"\x00garbage\x00" * 5 + whole[middle + 45 :]
    path.write_bytes(damaged)
    with pytest.raises(Misconfigured, match="damaged in the middle") as caught, Engine({}, tmp_path):
        pass
    assert "backup" in str(caught.value)
    assert path.read_bytes() == damaged
    path.write_bytes(whole)
    with Engine({}, tmp_path) as engine:
        assert len(say(engine.url)) == 20


def test_a_server_that_cannot_start_is_told_in_its_own_words(tmp_path: Path) -> None:
    engine = Engine({}, tmp_path)
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "appendonlydir").write_text("a file where a folder belongs")
    with pytest.raises(Misconfigured, match="ended at once") as caught, engine:
        pass
    assert "server.log" in str(caught.value)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="cannot be made"), Engine({}, tmp_path / "file"):
        pass


def test_a_long_log_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "server.log").write_bytes(b"x\n" * 3_000_000)
    with Engine({}, tmp_path):
        assert (tmp_path / "store" / "server.log").stat().st_size < 100_000
    assert (tmp_path / "store" / "server.log.1").stat().st_size == 6_000_000
