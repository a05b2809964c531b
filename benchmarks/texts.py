"""The texts our knowledge names, as plain strings: what a naive word list would hold."""

from __future__ import annotations

from functools import cache

from workers.loading import read
from workers.resources import knowledge


@cache
def phrases() -> tuple[str, ...]:
    """Return every example wording of every language."""
    found: set[str] = set()
    for path in sorted((knowledge("phrases")).glob("*.yaml")):
        for entry in read(path).data.get("phrases", []):
            found.update(entry.get("seen", []))
    return tuple(sorted(found))
