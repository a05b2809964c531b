"""The store's queue and limiter of one source, in Python: what claim.lua, settle.lua and commit.lua decide, without a server.

A test compares it with the real scripts on a real server, step by step (tests/store/test_limiter_model.py). All times are
whole milliseconds since 1970.
"""

from __future__ import annotations

import calendar
import heapq
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from workers.core.limits import Quota

HOUR = 3_600_000
DAY = 24 * HOUR
URGENT = 2 * HOUR
LATEST = 3 * DAY
HEAD = 0.1
HEAD_NEW = 0.5
FEW = 20
HOLD = 900_000
HOLD_URGENT = 240_000
OPEN = 3


def jittered(now: int, parcel: str, every: float) -> int:
    mix = 0
    for byte in ("        " + parcel).encode()[-8:]:
        mix = mix * 31 + byte
    return now + math.floor(every * (0.9 + ((now + mix * 1009) % 2001) / 10000) + 0.5)


def window(now: int, per: str) -> tuple[int, int, int]:
    """Return the number of the window of UTC that holds *now*, its beginning and its end."""
    if per == "month":
        at = time.gmtime(now // 1000)
        began = calendar.timegm((at.tm_year, at.tm_mon, 1, 0, 0, 0)) * 1000
        year, month = divmod(at.tm_year * 12 + at.tm_mon, 12)  # of the next one, counted from 0
        return at.tm_year * 12 + at.tm_mon - 1, began, calendar.timegm((year, month + 1, 1, 0, 0, 0)) * 1000
    length = HOUR if per == "hour" else DAY
    return now // length, now // length * length, (now // length + 1) * length


@dataclass
class Queue:
    """A sorted set: names by score, the lowest first, ties by name."""

    scores: dict[str, int] = field(default_factory=dict)
    heap: list[tuple[int, str]] = field(default_factory=list)

    def put(self, name: str, at: int) -> None:
        if self.scores.get(name) != at:
            self.scores[name] = at
            heapq.heappush(self.heap, (at, name))

    def move(self, name: str, at: int) -> None:
        if name in self.scores:
            self.put(name, at)

    def drop(self, name: str) -> None:
        self.scores.pop(name, None)

    def until(self, at: int, most: int) -> list[str]:
        """Return the first *most* names whose score is at most *at*."""
        found: list[tuple[int, str]] = []
        while self.heap and self.heap[0][0] <= at and len(found) < most:
            entry = heapq.heappop(self.heap)
            if self.scores.get(entry[1]) == entry[0] and (not found or found[-1] != entry):
                found.append(entry)
        for entry in found:
            heapq.heappush(self.heap, entry)
        return [name for _, name in found]

    def first(self) -> int | None:
        while self.heap and self.scores.get(self.heap[0][1]) != self.heap[0][0]:
            heapq.heappop(self.heap)
        return self.heap[0][0] if self.heap else None


@dataclass
class Limiter:
    """One source: who is due, what may be asked."""

    rate: float  # calls a second, 0 = no limit
    batch: int
    quota: Sequence[Quota] = ()
    burst: int = 1
    fresh: int = 0
    each: bool = False
    lease: int = 90_000
    calm: float = 1.0
    urgent: float = 1.0
    due: Queue = field(default_factory=Queue)
    hot: Queue = field(default_factory=Queue)
    every: dict[str, int] = field(default_factory=dict)
    looked: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)  # numbers the service was told of
    tokens: float | None = None
    at: int = 0
    turn: int = 0
    shut: int = 0  # a used-up quota
    pause: int = 0
    fails: int = 0  # of the host
    away: int = 0  # until when the host is left alone
    spent: dict[str, tuple[int, int]] = field(default_factory=dict)  # what -> window, n
    calls: int = 0

    def enrol(self, now: int, parcels: Iterable[str], first: float = 0.0, step: float = 0.0) -> None:
        listed = list(parcels)
        few = sum(parcel not in self.due.scores for parcel in listed) <= FEW
        for i, parcel in enumerate(listed):
            if parcel not in self.due.scores:
                self.due.put(parcel, now + math.floor(first + step * i))
                every = self.every.get(parcel)
                if few if every is None else every <= URGENT:
                    self.hot.put(parcel, self.due.scores[parcel])

    def _quota(self, now: int, what: str) -> tuple[int, int, int, int, int] | None:
        """Return most, spent, window, beginning and end; None without such a quota."""
        for one in self.quota:
            if one.what == what:
                number, began, ends = window(now, one.per)
                held, n = self.spent.get(what, (-1, 0))
                return one.most, n if held == number else 0, number, began, ends
        return None

    def _urgent(self, now: int, most: int) -> list[str]:
        found: list[str] = []
        for parcel in self.hot.until(now, most + 20):
            at = self.due.scores.get(parcel)
            if at is None:
                self.hot.drop(parcel)
            elif at > now:
                self.hot.put(parcel, at)
            elif len(found) < most:
                found.append(parcel)
        return found

    def claim(self, now: int) -> tuple[int, list[str]]:
        """Return (wait, []) or (-1, parcels), as claim.lua does."""
        shut = max(self.pause, self.shut, self.away if self.fails >= OPEN else 0)
        if shut > now:
            return shut - now, []
        parcels = self.due.until(now, self.batch + 1)
        if not parcels:
            return -1, []
        n, only_urgent, wait = self._carried(now, parcels)
        if wait is not None:
            return wait, []
        tokens = self._tokens(now, self.burst, self.rate)
        if self.rate > 0 and tokens < 1 - 1e-9:
            return math.ceil((1 - tokens) * 1000 / self.rate), []
        ill = self.fails >= OPEN
        chosen = self._chosen(now, parcels, 1 if ill else n, only_urgent=only_urgent)
        if not chosen:
            return self._caught_up(now), []
        chosen, new = self._known(now, chosen)
        if not chosen:
            return 0, []
        if ill:
            self.away = now + self.lease
        if self.rate > 0:
            self.tokens, self.at = float(f"{tokens - 1:.9f}"), now
        self._spend(now)
        if new:
            self.spent["numbers"] = new
        for parcel in chosen:
            self.due.put(parcel, now + self.lease)
            self.hot.move(parcel, now + self.lease)
        return -1, chosen

    def _carried(self, now: int, parcels: list[str]) -> tuple[int, bool, int | None]:
        """Return how many a call may carry, whether only urgent ones, and how long to wait instead."""
        calls, n = self._quota(now, "calls"), self.batch
        if not calls:
            return n, False, None
        most, spent, _, began, ends = calls
        if spent >= most:
            self.shut = ends
            return n, False, ends - now
        by_now = most * (now - began) / (ends - began)
        only_urgent = spent >= by_now + most * HEAD
        if self.each:
            return min(n, most - spent), only_urgent, None
        if not only_urgent and len(parcels) < n and spent >= by_now:
            slot = (ends - began) / most
            held = self.due.scores[parcels[0]] + min(slot, HOLD)
            for first in self.hot.until(now, 1):
                held = min(held, self.hot.scores[first] + min(slot, HOLD_URGENT))
            if held > now:
                return n, False, math.ceil(held - now)
        return n, only_urgent, None

    def _chosen(self, now: int, parcels: list[str], n: int, *, only_urgent: bool) -> list[str]:
        """Return who goes: all that are due where they fit, else urgent ones first and a quarter by waiting time."""
        if only_urgent:
            return self._urgent_or_new(now, parcels, n)
        if len(parcels) <= n:
            return parcels
        kept = -(-n // 4)
        if n == 1:
            self.turn += 1
            if self.turn % 4:
                kept = 0
        chosen = self._urgent(now, n - kept)
        taken = set(chosen)
        return chosen + [parcel for parcel in parcels if parcel not in taken][: n - len(chosen)]

    def _urgent_or_new(self, now: int, parcels: list[str], n: int) -> list[str]:
        calls = self._quota(now, "calls")
        assert calls is not None
        most, spent, _, began, ends = calls
        chosen = self._urgent(now, n)
        if len(chosen) < n and spent < most * (now - began) / (ends - began) + most * HEAD_NEW:
            taken = set(chosen)
            new = [one for one in parcels if one not in self.looked and one not in taken]
            chosen += new[: n - len(chosen)]
        return chosen

    def _caught_up(self, now: int) -> int:
        """Return how long until a day has caught up with what was spent of its quota."""
        calls = self._quota(now, "calls")
        assert calls is not None
        most, spent, _, began, ends = calls
        at = began + (spent / most - HEAD) * (ends - began)
        return max(now + 1, min(math.ceil(at), ends)) - now

    def _tokens(self, now: int, burst: int, rate: float) -> float:
        if self.tokens is None:
            return float(burst)
        return min(burst, self.tokens + max(0, now - self.at) * rate / 1000)

    def _spend(self, now: int) -> None:
        calls = self._quota(now, "calls")
        if calls:
            self.spent["calls"] = calls[2], calls[1] + 1
        self.calls += 1

    def _known(self, now: int, chosen: list[str]) -> tuple[list[str], tuple[int, int] | None]:
        """Leave out new numbers beyond the quota of them; they wait for the next window."""
        numbers = self._quota(now, "numbers")
        if not numbers:
            return chosen, None
        most, spent, number, _, ends = numbers
        kept, new = [], 0
        for parcel in chosen:
            known = parcel in self.looked or parcel in self.told
            if known or new < most - spent:
                kept.append(parcel)
                if not known:
                    new += 1
                    self.told.add(parcel)
            else:
                self.due.move(parcel, ends)
                self.hot.move(parcel, ends)
        return kept, (number, spent + new) if new else None

    def take(self, now: int, rate: float) -> int:
        """Return 0 where a further call of a look is allowed and counted, else the wait, as take.lua does."""
        calls = self._quota(now, "calls")
        if calls and calls[1] >= calls[0]:
            self.shut = calls[4]
            return calls[4] - now
        tokens = self._tokens(now, 1, rate)
        if tokens < 1 - 1e-9:
            return math.ceil((1 - tokens) * 1000 / rate)
        self.tokens, self.at = float(f"{tokens - 1:.9f}"), now
        self._spend(now)
        return 0

    def _next(self, now: int, parcel: str, every: float) -> int:
        stretched = max(every, min(every * (self.urgent if every <= URGENT else self.calm), LATEST))
        return max(jittered(now, parcel, max(stretched, self.fresh)), now + self.fresh)

    def settle(self, now: int, parcel: str, default: int) -> None:
        """Nothing changed: the parcel is looked at again at its own pace, as settle.lua has it."""
        self.fails = 0
        if parcel in self.due.scores:
            at = self._next(now, parcel, self.every.get(parcel, default))
            self.due.put(parcel, at)
            self.hot.move(parcel, at)

    def commit(self, now: int, parcel: str, every: int) -> None:
        """A decision was stored, with a pace, as commit.lua has it."""
        self.every[parcel] = every
        self.looked.add(parcel)
        if parcel in self.due.scores:
            self.due.put(parcel, self._next(now, parcel, every))
        if every <= URGENT and parcel in self.due.scores:
            self.hot.put(parcel, self.due.scores[parcel])
        else:
            self.hot.drop(parcel)

    def fail(self, now: int) -> None:
        """The host failed once more."""
        self.fails += 1
        if self.fails >= OPEN:
            self.away = now + min(60_000 * 2 ** (self.fails - OPEN), HOUR)
