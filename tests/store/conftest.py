"""One real server for all tests of the store; each test has a database of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.valkey import Valkey, start_valkey
from workers.store import Store


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with start_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def store(valkey: Valkey) -> Iterator[Store]:
    opened = Store.connect(valkey.fresh())
    opened.prepare()
    yield opened
    opened.close()
