"""Find the folders that belong to this very code: packed in a wheel, or neighbours in a checkout."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def shipped(name: str) -> Path:
    """Return the folder or file *name* (``templates``, ``config``, ``config/demo`` …) that shipped with this code."""
    packed = _HERE / "_shipped" / name
    return packed if packed.exists() else _HERE.parent / name


def knowledge(name: str = "") -> Path:
    """Return the folder or file *name* of our knowledge."""
    return _HERE / "knowledge" / name
