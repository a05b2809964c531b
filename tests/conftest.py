"""Fixtures for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real payloads and contracts; tests that need it skip where it is absent."""
    if not (SHARED / "README.md").exists():
        pytest.skip("the folder of real payloads lies beside the project only in its workshop")
    return SHARED
