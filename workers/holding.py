"""Keeps the leases of parcels while a source is asked for them, so that a lease may be short. Knows no source and decides nothing.

A worker that dies stops keeping them, and another looks at its parcels a lease later; a source that takes minutes to answer is
not asked twice meanwhile. One thread does it for all looks of a process, and ends when there is none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog

from workers.errors import StoreTrouble

log = structlog.get_logger("customs_watch")

EVERY = timedelta(seconds=10)
LONGEST = timedelta(minutes=15)  # a look that lasts longer hangs: another worker may try

Prolong = Callable[[str, Sequence[str]], object]


@dataclass
class _Look:
    source: str
    parcels: Sequence[str]
    rounds: int = 0


class Holding:
    """The looks of one process that are under way. Safe to use from several threads."""

    def __init__(self, prolong: Prolong, *, every: timedelta = EVERY, longest: timedelta = LONGEST) -> None:
        self._prolong = prolong
        self._every = every
        self._most = int(longest / every)
        self._looks: dict[int, _Look] = {}
        self._changed = threading.Condition()
        self._keeper: threading.Thread | None = None

    @contextmanager
    def held(self, source: str, parcels: Sequence[str]) -> Iterator[None]:
        """Keep the leases on *parcels* while the block lasts."""
        look = _Look(source, parcels)
        with self._changed:
            self._looks[id(look)] = look
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep, name="holding", daemon=True)
                self._keeper.start()
        try:
            yield
        finally:
            with self._changed:
                del self._looks[id(look)]

    def _keep(self) -> None:
        while True:
            with self._changed:
                self._changed.wait(self._every.total_seconds())
                if not self._looks:
                    self._keeper = None
                    return
                looks = list(self._looks.values())
            for look in looks:
                look.rounds += 1
                if look.rounds <= self._most:
                    self._renew(look)

    def _renew(self, look: _Look) -> None:
        try:
            self._prolong(look.source, look.parcels)
        except (
            StoreTrouble
        ) as trouble:  # the lease may end: then another asks too, and the later answer is refused
            log.warning("look_not_prolonged", source=look.source, error=str(trouble))
