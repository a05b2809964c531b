"""Engines and servers on a folder that is left clean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.engines import Parent
from workers.engine import Engine, find


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
