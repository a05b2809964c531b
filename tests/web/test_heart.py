"""A worker gives signs of life from when it has started until it stops, and outlives a store that is away."""

from __future__ import annotations

import threading

from tests.servers.valkey import until
from workers import heart
from workers.errors import StoreTrouble


def test_it_beats_when_the_worker_starts_and_not_before() -> None:
    beats: list[int] = []
    one = heart.Heart(lambda: beats.append(1))
    assert beats == []
    one.after_worker_boot(None, None)
    until(lambda: beats == [1])
    one.before_worker_shutdown(None, None)
    until(lambda: not any(thread.name == "heart" for thread in threading.enumerate()))
    assert beats == [1]


def test_a_store_that_is_away_stops_no_heart() -> None:
    tried: list[int] = []

    def beat() -> None:
        tried.append(1)
        raise StoreTrouble("away")

    one = heart.Heart(beat)
    one.after_worker_boot(None, None)
    until(lambda: tried == [1])
    assert any(thread.name == "heart" for thread in threading.enumerate())
    one.before_worker_shutdown(None, None)
    until(lambda: not any(thread.name == "heart" for thread in threading.enumerate()))
