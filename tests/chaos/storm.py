"""A storm: blows at a program's processes, server and connections, at times and on targets that a seed decides. Repeats nothing itself.

The same seed gives the same blows at the same seconds; whom they meet in the middle of what is the machine's doing.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

# Seconds between two blows of a kind, on average.
SHORT = {"worker": 14, "worker_group": 30, "scheduler": 25, "store": 30, "cut": 15, "stop": 60, "slow": 12}
LONG = {
    "worker": 30, "worker_group": 90, "scheduler": 75, "store": 130, "cut": 40, "stop": 240, "slow": 30, "supervisor": 400,
}  # fmt: skip


class Struck(Protocol):
    """What a storm strikes."""

    def strike(self, kind: str, pick: float) -> bool:
        """Do one blow; *pick*, from 0 to 1, says at which of several. False where it met nobody."""


@dataclass(frozen=True, slots=True)
class Blow:
    """One fault to come: *at* so many seconds after the beginning."""

    at: float
    kind: str
    pick: float


def blows(seed: int, every: Mapping[str, float], *, seconds: float) -> list[Blow]:
    """Return the blows of so many seconds, in order."""
    out = [blow for kind, gap in every.items() for blow in _of_kind(seed, kind, gap, seconds)]
    return sorted(out, key=lambda blow: blow.at)


def _of_kind(seed: int, kind: str, gap: float, seconds: float) -> Iterator[Blow]:
    # A generator for each kind: one more kind moves no blow of the others. No two of a kind at once.
    dice = random.Random(f"{kind} {seed}")  # noqa: S311  # to be repeated, not to be secret
    at = gap * dice.uniform(0.2, 0.8)
    while at < seconds:
        yield Blow(at, kind, dice.random())
        at += gap * dice.uniform(0.6, 1.4)


@dataclass
class Storm:
    """Strikes in a thread of its own until its blows are dealt or it is told to end."""

    struck: Struck
    blows: list[Blow]
    dealt: Counter[str] = field(default_factory=Counter)
    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Storm:
        self._thread = threading.Thread(target=self._run, name="storm")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    @property
    def over(self) -> bool:
        return self._thread is not None and not self._thread.is_alive()

    def _run(self) -> None:
        began = time.monotonic()
        for blow in self.blows:
            if self._ending.wait(max(0.0, began + blow.at - time.monotonic())):
                return
            self.dealt[blow.kind] += self.struck.strike(blow.kind, blow.pick)
