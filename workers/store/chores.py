"""What is owed to sources beside looks: a row each, leased while it is done, kept until it is. Judges none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from workers.store.lua import Scripts
from workers.store.rows import ms, text

_PAGE = 500


class Chores:
    """Chores by source, each a short text. Every method raises StoreTrouble where the server cannot do it."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def add(self, source: str, chores: Sequence[str], *, after: timedelta = timedelta(0)) -> None:
        """Owe *chores* after that long; one that is owed already comes no later for it."""
        self._each(source, "add", after, chores)

    def claim(self, source: str, n: int, *, lease: timedelta) -> tuple[str, ...]:
        """Lease up to *n* chores that are due; one that is neither done nor put off comes back after *lease*."""
        return tuple(map(text, self._scripts.run("chores", source, "claim", max(1, n), ms(lease))))

    def put_off(self, source: str, chores: Sequence[str], *, after: timedelta) -> None:
        """Have *chores* come again after that long."""
        self._each(source, "later", after, chores)

    def done(self, source: str, chores: Sequence[str]) -> None:
        """Owe *chores* no longer."""
        self._each(source, "done", timedelta(0), chores)

    def forget(self, source: str) -> None:
        """Owe *source* nothing any more: it is no source of ours now."""
        self._scripts.run("chores", source, "forget", 0, 0)

    def due(self, source: str) -> int:
        """Return how many chores are due."""
        return int(self._scripts.run("chores", source, "due", 0, 0))

    def _each(self, source: str, verb: str, after: timedelta, chores: Sequence[str]) -> None:
        for start in range(0, len(chores), _PAGE):
            self._scripts.run("chores", source, verb, ms(after), 0, *chores[start : start + _PAGE])
