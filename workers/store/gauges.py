"""What stands in the store, in numbers, for whoever watches the installation. Reads only, and judges none of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from workers.store.lua import Scripts
from workers.store.rows import stamped, text, when

_PAGE = 500
_ONE_BY_ONE = 5_000  # open notices of a state; more are a trouble of their own, which the totals show


@dataclass(frozen=True, slots=True)
class SourceGauge:
    """How one source stands."""

    watched: int
    lag: timedelta  # how long the parcel that is due longest has waited
    paused: timedelta  # for how long nobody asks it; zero where it may be asked


@dataclass(frozen=True, slots=True)
class Gauges:
    """The store at one moment, by the server's clock."""

    open: Mapping[tuple[str, str], int]  # by state and channel
    ended: Mapping[tuple[str, str], int]  # how often notices came to such an end, since this was counted
    oldest_pending: timedelta
    sources: Mapping[str, SourceGauge] = field(default_factory=dict)
    review_lag: timedelta = timedelta(0)
    unknown: int = 0  # different wordings that nobody could read


class Numbers:
    """Numbers about the whole. Every method raises StoreTrouble where the server cannot answer."""

    scripts: Scripts

    def gauges(self) -> Gauges:
        """Return how notices, sources and reviews stand."""
        open_, ended, oldest, sources, review, unknown, clock = self.scripts.run("gauges", _ONE_BY_ONE)
        now = stamped(clock)
        return Gauges(
            open={(text(s), text(c)): int(n) for s, c, n in _by(3, open_)},
            ended={_pair(text(key)): int(n) for key, n in _by(2, ended)},
            oldest_pending=_since(oldest, now),
            sources={
                text(name): SourceGauge(
                    int(watched), _since(due, now), max(-_since(until, now), timedelta(0))
                )
                for name, watched, due, until in _by(4, sources)
            },
            review_lag=_since(review, now),
            unknown=int(unknown),
        )

    def stages(self, parcels: Sequence[str]) -> dict[str, int]:
        """Return how many of *parcels* stand in each stage; "" are those nothing is known of."""
        found: Counter[str] = Counter()
        for start in range(0, len(parcels), _PAGE):
            flat = self.scripts.run("stages", *parcels[start : start + _PAGE])
            found.update({text(stage): int(n) for stage, n in _by(2, flat)})
        return dict(found)


def _by(n: int, flat: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    return list(zip(*(flat[i::n] for i in range(n)), strict=True))


def _pair(key: str) -> tuple[str, str]:
    state, _, channel = key.partition(" ")
    return state, channel


def _since(stamp: bytes | None, now: datetime) -> timedelta:
    """Return how long ago a moment was, with a minus where it is to come; nothing for none."""
    at = when(stamp)
    return timedelta(0) if at is None else now - at
