"""How long a stage usually takes here, and whether this parcel waits longer. Asks no clock and promises no
date.

Days are calendar days, as fractions. Where nothing is known of a stage nothing is said of it:
``Usual.most == 0``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from workers.core.model import Evidence, Pace, Side, Snapshot, Stage, Usual

SILENT = Usual(half=0.0, most=0.0, observations=0, source="")  # no prior: this stage is not judged
# A season makes waiting longer, yet the shop's protection clock does not stop for it: "stuck" moves only as
# far as a tenth beyond what the season makes usual.
BEYOND_SEASON = 1.1


@dataclass(frozen=True, slots=True)
class Prior:
    """One row of pace.yaml: days a stage takes before any history of our own."""

    stages: frozenset[Stage]
    half: float  # half of all parcels are through by then
    most: float  # nine of ten
    stuck: float
    evidence: Evidence
    sides: frozenset[Side | None] = frozenset()  # empty: any
    express: bool | None = None  # None: any
    destinations: frozenset[str] = frozenset()  # empty: any

    def fits(self, stage: Stage, side: Side | None, destination: str, express: bool) -> bool:
        return (
            stage in self.stages
            and (not self.sides or side in self.sides)
            and (self.express is None or self.express == express)
            and (not self.destinations or destination in self.destinations)
        )


@dataclass(frozen=True, slots=True)
class Season:
    """A part of the year when waiting takes longer. ``first`` and ``last`` are (month, day), both inside."""

    name: str
    first: tuple[int, int]
    last: tuple[int, int]
    factor: float
    evidence: Evidence
    stages: frozenset[Stage] = frozenset()  # empty: any
    sides: frozenset[Side | None] = frozenset()

    def holds(self, stage: Stage, side: Side | None, on: date) -> bool:
        day = (on.month, on.day)
        within = (
            self.first <= day <= self.last
            if self.first <= self.last
            else (day >= self.first or day <= self.last)
        )
        return within and (not self.stages or stage in self.stages) and (not self.sides or side in self.sides)


@dataclass(frozen=True, slots=True)
class Priors:
    """Everything pace.yaml knows; the first row that fits counts."""

    rows: tuple[Prior, ...]
    seasons: tuple[Season, ...] = ()


def usual(
    stage: Stage,
    side: Side | None,
    *,
    destination: str,
    express: bool,
    on: date,
    priors: Priors,
) -> Usual:
    """Return how long *stage* usually takes for such a parcel on such a day; ``SILENT`` where nothing is
    known.
    """
    row = next((r for r in priors.rows if r.fits(stage, side, destination, express)), None)
    if row is None:
        return SILENT
    seasons = [s for s in priors.seasons if s.holds(stage, side, on)]
    factor = max((s.factor for s in seasons), default=1.0)
    sources = [row.evidence.where, *(s.name for s in seasons if s.factor == factor)]
    most = row.most * factor
    return Usual(
        half=row.half * factor,
        most=most,
        observations=0,
        source=" · ".join(sources),
        stuck=max(row.stuck, most * BEYOND_SEASON),
    )


def lasted(snapshot: Snapshot, *, now: datetime) -> timedelta:
    """Return how long the parcel has stood in its stage; never negative, zero where the beginning is
    unknown.
    """
    if snapshot.since is None:
        return timedelta()
    return max(now - snapshot.since, timedelta())


def pace(snapshot: Snapshot, usual: Usual, *, now: datetime) -> Pace:
    """Judge the wait. "Stuck" is decided here and nowhere else."""
    if not usual.most:
        return Pace.USUAL
    days = lasted(snapshot, now=now) / timedelta(days=1)
    if days > usual.stuck:
        return Pace.STUCK
    return Pace.SLOW if days > usual.most else Pace.USUAL


def turns_at(snapshot: Snapshot, usual: Usual, *, now: datetime) -> datetime | None:
    """Return when the pace next changes by time alone, or None where it will not."""
    if not usual.most or snapshot.since is None:
        return None
    for days in (usual.most, usual.stuck):
        # One second later: at the very moment the wait is still the usual one.
        turn = snapshot.since + timedelta(days=days, seconds=1)
        if turn > now:
            return turn
    return None
