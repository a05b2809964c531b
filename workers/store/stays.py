"""How long parcels stood where, read for the forecast. Judges none, and keeps no parcel's name with an ended stay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from workers.core.history import Group, History, Waits
from workers.store.lua import PREFIX, Scripts, spoken
from workers.store.rows import stamped, text

KEPT = 2_000  # ended stays of one group; commit.lua cuts there
_FRESH = timedelta(hours=1)


class Stays:
    """Stays in the store. Every method raises StoreTrouble where the server cannot do it."""

    scripts: Scripts

    def history(self) -> History:
        """Return every stay that is remembered, those that last too (a fair sample where they are many)."""
        with spoken():
            client = self.scripts.client
            seconds, micros = client.time()
            names = sorted(text(name) for name in client.smembers(f"{PREFIX}:stays"))
            pipe = client.pipeline(transaction=False)
            for name in names:
                pipe.lrange(f"{PREFIX}:stay:{name}", 0, -1)
                pipe.zcard(f"{PREFIX}:open:{name}")
                pipe.zrandmember(f"{PREFIX}:open:{name}", KEPT, withscores=True)
            answers = pipe.execute()
        waits = {}
        for name, ended, standing, sample in zip(
            names, answers[::3], answers[1::3], answers[2::3], strict=True
        ):
            group = Group.named(name)
            if group is not None:
                waits[group] = _waits(ended, standing, [float(score) for score in sample[1::2]])
        return History(waits, at=stamped(seconds * 1000 + micros // 1000))


def _waits(ended: list[Any], standing: int, sample: list[float]) -> Waits:
    spans = tuple(_span(entry) for entry in ended)
    return Waits(
        ended=spans,
        open=tuple(stamped(score) for score in sample),
        # Ends arrive in order but for late looks, so that the first of a full list is where it was cut.
        since=spans[0][1] if len(spans) >= KEPT else None,
        each=standing / len(sample) if sample else 1.0,
    )


def _span(entry: bytes) -> tuple[datetime, datetime]:
    began, _, ended = entry.partition(b" ")
    return stamped(began), stamped(ended)


class Recollection:
    """The history as it was less than an hour ago: it changes slowly and is read at every judgement."""

    def __init__(self, store: Stays, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._read: tuple[datetime, History] | None = None

    def __call__(self) -> History:
        now = self._clock()
        if self._read is None or now - self._read[0] >= _FRESH:
            self._read = now, self._store.history()
        return self._read[1]
