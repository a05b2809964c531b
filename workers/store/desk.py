"""What the scheduler and a run of one pass ask of the store. Judges nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from workers.store.lua import PREFIX, Scripts, spoken
from workers.store.rows import ms, text

_PAGE = 500  # arguments of one script
_MOST_UNKNOWN = 5_000  # wordings kept; more say that something else is wrong


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What is due, or leased for no longer than the horizon asked about."""

    parcels: int
    sending: int
    notices: int
    reviews: int

    def __bool__(self) -> bool:
        return bool(self.parcels or self.sending or self.notices or self.reviews)


class Desk:
    """Questions about the whole. Every method raises StoreTrouble where the server cannot answer."""

    scripts: Scripts

    def unsettled(self, *, within: timedelta) -> Unsettled:
        """Return what is due now or within *within*: longer than a lease, it counts what is being worked on."""
        return Unsettled(*map(int, self.scripts.run("unsettled", ms(within))))

    def review_soon(self, parcels: Sequence[str]) -> int:
        """Have *parcels* judged anew, because what the user says of them changed; return how many were known."""
        return sum(
            int(self.scripts.run("review_soon", *parcels[i : i + _PAGE]))
            for i in range(0, len(parcels), _PAGE)
        )

    def take(self, source: str, *, rate: float, burst: int = 1) -> timedelta:
        """Take a token for one further call to *source*; return how long to wait where there is none yet."""
        return timedelta(milliseconds=int(self.scripts.run("take", source, max(rate, 0.001), max(1, burst))))

    def met_unknown(self, entries: Sequence[Mapping[str, str]]) -> None:
        """Count wordings that nobody could read: each has a ``text``, and what helps to place it."""
        flat: list[str] = []
        for entry in entries:
            name = hashlib.sha256(f"{entry['text']}\0{entry.get('code', '')}".encode()).hexdigest()[:16]
            flat += [name, json.dumps(dict(entry), ensure_ascii=False)]
        if flat:
            self.scripts.run("unknown", _MOST_UNKNOWN, *flat)

    def unknown(self, limit: int = 100) -> list[tuple[int, dict[str, str]]]:
        """Return the wordings that nobody could read, with how often they were met, the commonest first."""
        with spoken():
            ranked = self.scripts.client.zrevrange(f"{PREFIX}:unknown:n", 0, limit - 1, withscores=True)
            names = [rank[0] for rank in ranked]
            found = self.scripts.client.hmget(f"{PREFIX}:unknown", names) if names else []
        return [(int(rank[1]), json.loads(entry)) for rank, entry in zip(ranked, found, strict=True) if entry]

    def sources(self) -> tuple[str, ...]:
        """Return the names of all sources that ever watched a parcel."""
        with spoken():
            return tuple(sorted(text(name) for name in self.scripts.client.smembers(f"{PREFIX}:sources")))

    def count_watched(self, source: str) -> int:
        """Return how many parcels *source* watches."""
        with spoken():
            return int(self.scripts.client.zcard(f"{PREFIX}:due:{source}"))
