"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


@pytest.fixture(autouse=True)
def _log_as_at_the_start() -> Iterator[None]:
    """A command sets up logging for the stream of its moment; the next test has another."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real payloads and contracts; tests that need it skip where it is absent."""
    if not (SHARED / "README.md").exists():
        pytest.skip("the folder of real payloads lies beside the project only in its workshop")
    return SHARED
