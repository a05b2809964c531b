"""Fixtures for the tests of the 17TRACK source."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.seventeentrack import SeventeenTrackServer
from tests.sources.asking import Asking


@pytest.fixture
def server() -> Iterator[SeventeenTrackServer]:
    with SeventeenTrackServer(rate=None) as running:
        yield running


@pytest.fixture
def asking(server: SeventeenTrackServer) -> Iterator[Asking]:
    made = Asking(server)
    yield made
    made.source.close()
