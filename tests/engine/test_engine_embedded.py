"""The embedded server: what it promises, and what it does with the files of earlier runs."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
import redis

from tests.servers.engines import Parent, alive, pid_of, say
from tests.servers.valkey import until
from workers.engine import Engine
from workers.errors import Misconfigured, StoreTrouble
from workers.store import Store


def incr(folder: Path) -> Path:
    (path,) = (folder / "store" / "appendonlydir").glob("*.incr.aof")
    return path


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


def test_nobody_empties_it_at_one_word_gives_it_away_or_loosens_its_rules(tmp_path: Path) -> None:
    with Engine({}, tmp_path) as engine, redis.Redis.from_url(engine.url) as client:
        for command in (
            ("FLUSHALL",), ("FLUSHDB",), ("SWAPDB", "0", "1"), ("REPLICAOF", "evil.example", "6379"), ("MONITOR",),
            ("CONFIG", "SET", "appendonly", "no"), ("CONFIG", "REWRITE"), ("ACL", "SETUSER", "default", "+@all"),
            ("MODULE", "LIST"), ("DEBUG", "SLEEP", "0"),
        ):  # fmt: skip
            with pytest.raises(redis.exceptions.ResponseError, match=r"(?i)permissions|not allowed"):
                client.execute_command(*command)
        client.set("a", 1)
        assert client.config_get("appendfsync") == {b"appendfsync": b"always"} or client.config_get(
            "appendfsync"
        )
        assert client.keys() == [b"a"]
        client.restore("b", 0, client.dump("a"))  # as a backup is brought back
        assert client.get("b") == b"1"


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
            client.delete(*client.keys())
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


# -- what is checked of folder and process --------------------------------------------------------------------


def test_a_folder_that_others_could_read_is_closed(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir(mode=0o755)
    with Engine({}, tmp_path):
        assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    os.chown(tmp_path / "store", 12345, 12345)
    with pytest.raises(Misconfigured, match="not a folder of our own"), Engine({}, tmp_path):
        pass


def test_ctrl_c_on_our_terminal_does_not_reach_the_server(owner: Engine) -> None:
    assert os.getsid(pid_of(owner)) != os.getsid(0)


def test_a_server_on_our_socket_that_keeps_another_folder_is_not_adopted(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    engine = Engine({}, tmp_path / "ours")
    server = engine.plan.server
    assert server is not None
    server.make_room()
    held = server.lock("server.lock")
    assert held is not None
    foreign = subprocess.Popen(
        [server.binary, "--port", "0", "--unixsocket", server.socket, "--dir", tmp_path / "theirs"],
        stdout=subprocess.DEVNULL,
    )
    try:
        until(lambda: server.pulse() == "well")
        with pytest.raises(Misconfigured, match="keeps its data in"), engine:
            pass
        assert foreign.poll() is None
    finally:
        foreign.terminate()
        foreign.wait(30)
        os.close(held)
