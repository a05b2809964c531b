"""What the scheduler and a run of one pass ask of the store. Judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from workers.store.lua import PREFIX, Scripts, spoken
from workers.store.rows import ms, text

_PAGE = 500  # arguments of one script


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

    def sources(self) -> tuple[str, ...]:
        """Return the names of all sources that ever watched a parcel."""
        with spoken():
            return tuple(sorted(text(name) for name in self.scripts.client.smembers(f"{PREFIX}:sources")))

    def count_watched(self, source: str) -> int:
        """Return how many parcels *source* watches."""
        with spoken():
            return int(self.scripts.client.zcard(f"{PREFIX}:due:{source}"))
