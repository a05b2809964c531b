"""Who listens at which source: one thread each, none twice, none at a source that is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from tests.servers.program import wait_for
from workers.ears import Ears
from workers.errors import StoreTrouble


class Listener:
    """A source that listens until it is told to stop, and can be rung."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = threading.Event()
        self.on_news: Callable[[], None] = lambda: None

    def listen(self, on_news: Callable[[], None], stopped: Callable[[], bool]) -> None:
        self.begun += 1
        self.on_news = on_news
        while not stopped():
            threading.Event().wait(0.01)
        self.ended.set()


class Watched:
    """A store that notes what was made due."""

    def __init__(self, *, away: bool = False) -> None:
        self.due: list[tuple[str, list[str], timedelta]] = []
        self._away = away

    def watched(self, source: str) -> Iterator[str]:
        if self._away:
            raise StoreTrouble("the store is away")
        return iter([f"{source}-parcel"])

    def postpone(self, source: str, parcels: list[str], *, after: timedelta) -> None:
        self.due.append((source, parcels, after))


def house(sources: Mapping[str, Any]) -> Any:
    return SimpleNamespace(sources=sources)


def test_each_listening_source_is_listened_at_once_and_left_when_it_is_another() -> None:
    first, second, deaf = Listener(), Listener(), object()
    sources: dict[str, Any] = {"mails": first, "track": deaf}
    store = Watched()
    ears = Ears(lambda: house(sources), store)  # type: ignore[arg-type]  # a double
    ears.sync()
    ears.sync()
    wait_for(lambda: first.begun == 1, "the first to listen", 5)
    first.on_news()
    assert store.due == [("mails", ["mails-parcel"], timedelta(0))]
    sources["mails"] = second
    ears.sync()
    wait_for(lambda: first.ended.is_set() and second.begun == 1, "the second in its place", 5)
    del sources["mails"]
    ears.sync()
    wait_for(second.ended.is_set, "the second to end", 5)
    assert (first.begun, second.begun) == (1, 1)


def test_a_store_that_is_away_does_not_end_the_listening() -> None:
    source = Listener()
    sources: dict[str, Any] = {"mails": source}
    ears = Ears(lambda: house(sources), Watched(away=True))  # type: ignore[arg-type]  # a double
    ears.sync()
    wait_for(lambda: source.begun == 1, "it to listen", 5)
    source.on_news()
    assert not source.ended.is_set()
    sources.clear()
    ears.sync()
    wait_for(source.ended.is_set, "it to end", 5)
