"""The embedded server through kills and freezes: supervised, adopted, and never two on one folder."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.engines import Parent, alive, pid_of, say
from tests.servers.valkey import until
from workers.engine import Engine
from workers.errors import Misconfigured

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
