"""What this installation saw of waits, and what that says beside a prior. Knows no stage's usual length itself.

The model: the logarithm of a wait is normal. The prior's two lines, "half are through" and "nine of ten are", stand
for its mean and spread, and weigh about as much as eight parcels of one's own; what other countries showed weighs as
eight more at most. Parcels that still wait count for what they are: longer than so far. The answer is the posterior
predictive, so that few parcels widen it and never narrow it. Without any wait it is the prior to the digit.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

from workers.core.advise import UNPACED
from workers.core.model import Side, Snapshot, Stage, Transition

ELSEWHERE: Final = 8.0  # what the waits of all other countries together weigh at most, in waits
MANY: Final = 60  # from so many waits on it does not matter that a parcel's own wait is among them
SHORTEST: Final = 0.25  # days; a shorter stay is known to be short and no more: trackers report in batches
STUCK_SHARE: Final = 0.97  # of parcels are through before "stuck": the rows of pace.yaml agree with it
UNSEEN: Final = 2.0, 1.25  # "stuck" ends at so many times the prior's, or the longest stay that did end
SOONEST: Final = 1.0, 2.0  # days: trackers report once a day, so that "most" and "stuck" are never closer
FADES: Final = 8.0  # waits after which a row's own line for "stuck" counts half
_WIDE, _LOOSE = 0.35, 0.2  # how far mean and spread of an installation lie from the prior's, in its spread
# Stages whose length says nothing of customs or the post: over, or waiting for the person.
UNCOUNTED: Final = UNPACED | {Stage.AVAILABLE_FOR_PICKUP}


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay in a stage, from its first event to the one that ended it."""

    stage: Stage
    side: Side | None
    began: datetime
    ended: datetime


@dataclass(frozen=True, slots=True)
class Group:
    """Parcels whose waits are compared."""

    stage: Stage
    side: Side | None
    destination: str
    express: bool

    @property
    def name(self) -> str:
        return f"{self.stage}|{self.side or ''}|{self.destination}|{'express' if self.express else 'post'}"

    @classmethod
    def named(cls, name: str) -> Group | None:
        """Return the group of a *name*; None where another version of the program wrote it."""
        stage, _, tail = name.partition("|")
        side, _, tail = tail.partition("|")
        destination, _, carrier = tail.partition("|")
        if stage not in set(Stage) or side not in {"", *Side} or carrier not in ("express", "post"):
            return None
        return cls(Stage(stage), Side(side) if side else None, destination, carrier == "express")


@dataclass(frozen=True, slots=True)
class Waits:
    """The stays of one group: those that ended since *since*, and those that last.

    ``since`` is None where none was thrown away; ``each`` is how many open stays one of ``open`` stands for.
    """

    ended: tuple[tuple[datetime, datetime], ...] = ()
    open: tuple[datetime, ...] = ()
    since: datetime | None = None
    each: float = 1.0


@dataclass(frozen=True, slots=True)
class Line:
    """A prior, or what became of it: half, nine of ten, stuck; days."""

    half: float
    most: float
    stuck: float
    here: int = 0  # ended stays of the very group
    elsewhere: int = 0


def stays(before: Snapshot, after: Snapshot, transition: Transition | None) -> Stay | None:
    """Return the stay that *transition* ended; None where nothing ended or its length is not known."""
    if transition is None or transition.first_look or before.since is None:
        return None
    if before.stage in UNCOUNTED or (before.stage, before.side) == (after.stage, after.side):
        return None
    if transition.at < before.since:
        return None
    return Stay(before.stage, before.side, before.since, transition.at)


Measure = Callable[[datetime, datetime], float]  # the length of a stay, in days that count


class History:
    """All waits this installation saw, up to *at*. What was worked out is kept."""

    def __init__(self, waits: Mapping[Group, Waits], *, at: datetime) -> None:
        self._waits = dict(waits)
        self._at = at
        self._kept: dict[tuple[Group, Line], tuple[_Data, int, int]] = {}
        self._lines: dict[tuple[Group, Line, int | None], Line] = {}

    def line(
        self,
        group: Group,
        prior: Line,
        measure: Callable[[Group], Measure],
        since: datetime | None = None,
    ) -> Line:
        """Return what *prior* becomes for *group*. *since*: the parcel that asks stands there, and must not count
        for itself: its own waiting would make its waiting usual.
        """
        if (group, prior) not in self._kept:
            self._kept[group, prior] = self._gather(group, prior, measure)
        data, here, elsewhere = self._kept[group, prior]
        itself = None
        if since is not None and since < self._at and data.weight < MANY and since in self._open(group):
            itself = data.place(measure(group)(since, self._at))
        key = (group, prior, itself)
        if key not in self._lines:
            self._lines[key] = _line(prior, data if itself is None else data.without(itself), here, elsewhere)
        return self._lines[key]

    def _open(self, group: Group) -> tuple[datetime, ...]:
        waits = self._waits.get(group)
        return waits.open if waits else ()

    def _gather(
        self, group: Group, prior: Line, measure: Callable[[Group], Measure]
    ) -> tuple[_Data, int, int]:
        data = _Data(prior)
        here = self._waits.get(group, Waits())
        data.take(here, measure(group), self._at, 1.0)
        kin = [
            (other, waits)
            for other, waits in self._waits.items()
            if other != group
            and (other.stage, other.side, other.express) == (group.stage, group.side, group.express)
        ]
        total = sum(len(waits.ended) + len(waits.open) * waits.each for _, waits in kin)
        for other, waits in kin:
            data.take(waits, measure(other), self._at, min(1.0, ELSEWHERE / total) if total else 1.0)
        return data, len(here.ended), sum(len(waits.ended) for _, waits in kin)


_STEP: Final = 0.05  # of the scale on which waits are kept, in spreads of the prior


class _Data:
    """Waits on the prior's own scale: 0 is its half, 1 is one spread longer."""

    def __init__(self, prior: Line) -> None:
        self.spread = math.log(prior.most / prior.half) / _unit(0.9)
        self._middle = math.log(prior.half)
        self.weight = 0.0
        self.longest = 0.0  # days, of the stays that ended
        self.n = self.sum = self.squares = self.short = 0.0
        # place → weight of waits known to be longer
        self.longer: defaultdict[int, float] = defaultdict(float)
        self.shortest = self._x(SHORTEST)

    def _x(self, days: float) -> float:
        return (math.log(max(days, SHORTEST)) - self._middle) / self.spread

    def place(self, days: float) -> int:
        return round(self._x(days) / _STEP)

    def take(self, waits: Waits, measure: Measure, at: datetime, weight: float) -> None:
        """Add the stays of a group, each with *weight*."""
        for began, ended in waits.ended:
            days = measure(began, ended)
            self._entered(began, waits.since, measure, weight)
            self.weight += weight
            self.longest = max(self.longest, days)
            if days <= SHORTEST:
                self.short += weight
                continue
            x = self._x(days)
            self.n += weight
            self.sum += weight * x
            self.squares += weight * x * x
        for began in waits.open:
            days = measure(began, at)
            self._entered(began, waits.since, measure, weight * waits.each)
            if days > SHORTEST:
                self.weight += weight * waits.each
                self.longer[self.place(days)] += weight * waits.each

    def _entered(self, began: datetime, since: datetime | None, measure: Measure, weight: float) -> None:
        """A stay that began before the oldest kept end is known only because it lasted until then."""
        if since is not None and began < since and (days := measure(began, since)) > SHORTEST:
            self.longer[self.place(days)] -= weight

    def without(self, place: int) -> _Data:
        """Return the same less one open wait at *place*."""
        other = object.__new__(_Data)
        other.__dict__.update(self.__dict__)
        other.longer = self.longer.copy()
        other.longer[place] -= 1
        return other

    def likelihood(self, u: float, v: float) -> float:
        """Return the logarithm of how likely these waits are for mean *u* and spread *v*."""
        total = -self.n * math.log(v) - (self.squares - 2 * u * self.sum + self.n * u * u) / (2 * v * v)
        if self.short:
            total += self.short * _log_below((self.shortest - u) / v)
        for place, weight in self.longer.items():
            if weight:
                total += weight * _log_below((u - place * _STEP) / v)
        return total


def _log_below(z: float) -> float:
    """Return ln Φ(z), also far out, where Φ itself is zero."""
    if z < -30:
        return -z * z / 2 - math.log(-z) - 0.9189385332046727  # ln √2π
    return math.log(0.5 * math.erfc(-z / math.sqrt(2)))


_Part = tuple[float, float, float]  # mean, spread, probability
_GRID: Final = 21, 11  # points for the mean and for the spread
_START: Final = ((-7.0, 7.0), (-1.2, 1.2))  # of the mean, of the logarithm of the spread


def _posterior(likelihood: Callable[[float, float], float]) -> list[_Part]:
    """Return the posterior on a grid that was drawn closer around its bulk until it shows it."""
    (low, high), (thin, thick) = _START
    parts: list[_Part] = []
    for _ in range(8):
        means, spreads = _even(low, high, _GRID[0]), _even(thin, thick, _GRID[1])
        logs = [(u, w, likelihood(u, math.exp(w)) + _prior(u, w)) for u in means for w in spreads]
        top = max(log for _, _, log in logs)
        weights = [(u, w, math.exp(log - top)) for u, w, log in logs]
        total = sum(p for _, _, p in weights)
        parts = [(u, math.exp(w), p / total) for u, w, p in weights if p > total * 1e-7]
        u_mid, u_sd = _moments([(u, p / total) for u, _, p in weights])
        w_mid, w_sd = _moments([(w, p / total) for _, w, p in weights])
        u_step, w_step = means[1] - means[0], spreads[1] - spreads[0]
        if u_sd > u_step and w_sd > w_step * 0.8:
            break
        u_far, w_far = 4.5 * max(u_sd, 0.6 * u_step), 4 * max(w_sd, 0.6 * w_step)
        low, high, thin, thick = u_mid - u_far, u_mid + u_far, w_mid - w_far, w_mid + w_far
    return parts


def _even(low: float, high: float, n: int) -> list[float]:
    return [low + (high - low) * i / (n - 1) for i in range(n)]


def _moments(weighted: Iterable[tuple[float, float]]) -> tuple[float, float]:
    pairs = list(weighted)
    mean = sum(x * p for x, p in pairs)
    return mean, math.sqrt(max(sum((x - mean) ** 2 * p for x, p in pairs), 0.0))


def _prior(u: float, w: float) -> float:
    """Heavier tails than a normal (Student, ten degrees) for the mean: an installation may lie far from what we wrote."""
    return -5.5 * math.log(1 + (u / _WIDE) ** 2 / 10) - (w / _LOOSE) ** 2 / 2


def _quantile(parts: list[_Part], share: float) -> float:
    low, high = -60.0, 60.0
    while high - low > 1e-6:
        x = (low + high) / 2
        below = sum(p * math.erfc((u - x) / (v * math.sqrt(2))) for u, v, p in parts) / 2
        low, high = (x, high) if below < share else (low, x)
    return (low + high) / 2


@cache
def _unit(share: float) -> float:
    """Return where the prior alone has *share* of all waits behind it, in its spreads."""
    return _quantile(_posterior(lambda _u, _v: 0.0), share)


def _line(prior: Line, data: _Data, here: int, elsewhere: int) -> Line:
    if not data.weight or not (data.n or data.short or any(data.longer.values())):
        return Line(prior.half, prior.most, prior.stuck)
    parts = _posterior(data.likelihood)

    def days(share: float) -> float:
        return prior.half * math.exp(data.spread * (_quantile(parts, share) - _unit(0.5)))

    # The row may hold another line for "stuck" than the model's; it counts less, the more was seen.
    written = prior.stuck / (prior.half * math.exp(data.spread * (_unit(STUCK_SHARE) - _unit(0.5))))
    own = written ** (FADES / (FADES + data.weight))
    # Parcels that all wait since long make waiting likely, and alarms are for them: nothing is usual far beyond
    # what some parcel came through.
    limit = max(UNSEEN[0] * prior.stuck, UNSEEN[1] * data.longest)
    most = max(min(days(0.9), limit), min(SOONEST[0], prior.most))
    stuck = max(min(days(STUCK_SHARE) * own, limit), most, min(SOONEST[1], prior.stuck))
    return Line(min(days(0.5), most), most, stuck, here, elsewhere)
