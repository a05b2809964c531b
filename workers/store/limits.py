"""What each source allows and how much of it is used; every process reads and counts it here. Decides no pace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from workers.core.limits import Quota
from workers.store.lua import PREFIX, Scripts, spoken
from workers.store.parcels import LOOK
from workers.store.rows import Budget, Usage, ms, text, when

SAMPLE = 500  # parcels looked at to estimate the paces of all


class Limits:
    """Limits in the store. Every method raises StoreTrouble where the server cannot do it."""

    scripts: Scripts

    def limit(
        self,
        source: str,
        *,
        host: str = "",
        quota: Sequence[Quota] = (),
        fresh: timedelta = timedelta(0),
        each: bool = False,
    ) -> None:
        """Set what *source* allows. It is never asked more, whoever asks.

        *host*: what it shares with others that are ill when it is. *fresh*: least time between two looks at a parcel.
        *each*: every number is a call of its own, so that waiting for others saves none.
        """
        by = {one.what: one for one in quota}
        flat: list[str | int] = ["host", host, "fresh", ms(fresh) or "", "each", int(each) or ""]
        for what in ("calls", "numbers"):
            one = by.get(what)
            flat += [what, one.most if one else "", f"{what}_per", one.per if one else ""]
        self.scripts.run("limit", source, *flat)

    def stretch(self, source: str, *, calm: float, urgent: float) -> None:
        """Multiply the paces of *source*'s parcels from now on, those of urgent ones by *urgent*."""
        self.scripts.run("limit", source, "calm", f"{max(calm, 1.0):.3f}", "hot", f"{max(urgent, 1.0):.3f}")

    def budget(self, source: str) -> tuple[Budget, ...]:
        """Return what is left of *source*'s quotas."""
        found = self.scripts.run("budget", source)
        return tuple(
            Budget(Quota(text(what), int(most), text(per)), int(spent), _at(began), _at(ends))  # type: ignore[arg-type]  # limit's own words
            for what, most, per, spent, began, ends in found
        )

    def usage(self, source: str, *, days: int = 30) -> Usage:
        """Return what *source* was asked over the last *days*, today included (35 are kept)."""
        with spoken():
            seconds, _ = self.scripts.client.time()
            counted: Any = self.scripts.client.hgetall(f"{PREFIX}:use:{source}")
        first = seconds // 86_400 - days + 1
        sums = {"l": 0, "c": 0, "p": 0, "m": 0}
        for name, n in counted.items():
            what, day = text(name)[:1], int(text(name)[1:])
            if day >= first:
                sums[what] += int(n)
        return Usage(sums["l"], sums["c"], sums["p"], sums["m"])

    def paces(self, source: str) -> tuple[int, list[timedelta]]:
        """Return how many parcels *source* watches, and the paces of a fair sample of them (zero: none decided yet)."""
        with spoken():
            client = self.scripts.client
            watched = int(client.zcard(f"{PREFIX}:due:{source}"))
            names: Any = client.zrandmember(f"{PREFIX}:due:{source}", SAMPLE) if watched else []
            looks: Any = client.hmget(f"{PREFIX}:look:{source}", names) if names else []
        matches = [LOOK.fullmatch(look) if look else None for look in looks]
        return watched, [timedelta(milliseconds=int(m[1] or 0)) if m else timedelta(0) for m in matches]

    def seen(self, source: str, *, within: timedelta = timedelta(days=1)) -> float:
        """Return the share of *source*'s parcels that it answered for within that long; of a sample where they are many."""
        with spoken():
            client = self.scripts.client
            seconds, _ = client.time()
            names: Any = client.zrandmember(f"{PREFIX}:due:{source}", SAMPLE)
            looks: Any = client.hmget(f"{PREFIX}:look:{source}", names) if names else []
        least = (seconds - within.total_seconds()) * 1000
        matches = (LOOK.fullmatch(look) for look in looks if look)
        return sum(bool(m and m[2] and int(m[2]) >= least) for m in matches) / len(names) if names else 0.0

    def unasked(self, source: str) -> int:
        """Return how many parcels that were never told of a quota keeps waiting at *source*; 0 where none holds it back."""
        with spoken():
            client = self.scripts.client
            seconds, _ = client.time()
            gates: Any = client.hmget(f"{PREFIX}:rl:{source}", ["full", "calm"])
            if all(int(gate or 0) <= seconds * 1000 for gate in gates):
                return 0
            names: Any = client.zrange(f"{PREFIX}:due:{source}", 0, -1)
            looks: Any = client.hmget(f"{PREFIX}:look:{source}", names) if names else []
        return sum(look is None for look in looks)

    def stretched(self, source: str) -> tuple[float, float]:
        """Return by how much the paces of calm and of urgent parcels are multiplied at *source*."""
        with spoken():
            calm, hot = self.scripts.client.hmget(f"{PREFIX}:lim:{source}", ["calm", "hot"])
        return float(calm or 1), float(hot or 1)


def _at(stamp: int) -> datetime:
    found = when(stamp)
    return found if found is not None else datetime.fromtimestamp(0, UTC)
