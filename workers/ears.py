"""Listen at the sources that can tell by themselves when there is news. Reads nothing; not hearing costs only the next look.

A source listens if it has ``listen`` (``workers.sources.Listening``). Each gets a thread of its own that ends with the process, or
when the user's file makes another source of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from workers.errors import StoreTrouble
from workers.house import House
from workers.sources import Listening, Source
from workers.store import Store

log = structlog.get_logger("customs_watch")


@dataclass(frozen=True, slots=True)
class _Ear:
    source: Source
    over: threading.Event


class Ears:
    """Keeps one thread for each source that listens; where one has news, all its parcels are due at once."""

    def __init__(
        self, house: Callable[[], House], store: Store, take_in: Callable[[str], object] = lambda _: None
    ) -> None:
        self._house = house
        self._store = store
        self._take_in = take_in  # called with the source's name when it may have noticed orders
        self._ears: dict[str, _Ear] = {}

    def sync(self) -> None:
        """Listen at the sources of the house as it is now, and at no others."""
        sources = self._house().sources
        for name, ear in list(self._ears.items()):
            if sources.get(name) is not ear.source:
                ear.over.set()
                del self._ears[name]
        for name, source in sources.items():
            if name not in self._ears and isinstance(source, Listening):
                self._ears[name] = ear = _Ear(source, threading.Event())
                threading.Thread(
                    target=self._listen, args=(name, source, ear.over), name=f"listen-{name}", daemon=True
                ).start()

    def _listen(self, name: str, source: Listening, over: threading.Event) -> None:
        self._heard(name, look=False)
        source.listen(lambda: self._heard(name), over.is_set)

    def _heard(self, name: str, *, look: bool = True) -> None:
        try:
            self._take_in(name)
            if not look:
                return
            log.info("heard", source=name)
            self._store.postpone(name, list(self._store.watched(name)), after=timedelta(0))
        except StoreTrouble as trouble:  # the parcels are due at their own time, as without us
            log.warning("store_away", error=str(trouble))
