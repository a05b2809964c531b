"""How long a stage usually takes here, and whether this parcel waits longer. Asks no clock and promises no
date.

The rows of pace.yaml are priors; ``core.history`` moves them by what this installation saw. Both are in days of an
ordinary week, on which seasons act. Where the beginning of a wait is known, the lines are laid on the calendar from
there: in stages where somebody has to be at a desk, week-ends and public holidays push them out. A ``Usual`` is in
calendar days, as fractions. Where pace.yaml says nothing of a stage nothing is said of it, whatever was seen:
``Usual.most == 0``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from workers.core import workdays
from workers.core.history import Group, History, Line, Measure
from workers.core.model import Evidence, Pace, Side, Snapshot, Stage, Usual

SILENT = Usual(half=0.0, most=0.0, observations=0, source="")  # no prior: this stage is not judged
# A season makes waiting longer, yet the shop's protection clock does not stop for it: "stuck" moves only as
# far as a tenth beyond what the season makes usual.
BEYOND_SEASON = 1.1
# Aeroplanes and lorries move on Sundays, and a shop's label waits for no office: here every day counts.
ROUND_THE_CLOCK = frozenset({Stage.PRE_TRANSIT, Stage.IN_TRANSIT, Stage.RETURNING, Stage.EXCEPTION})
HOME = "CN"  # whose holidays count on the sender's side


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

    name: str  # its words are "guess_season_<name>", blanks as underscores
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
    history: History | None = None,
    since: datetime | None = None,
) -> Usual:
    """Return how long *stage* usually takes for such a parcel on such a day; ``SILENT`` where nothing is
    known. With *since*, counted from then, with the days on which nobody works.
    """
    row = next((r for r in priors.rows if r.fits(stage, side, destination, express)), None)
    if row is None:
        return SILENT
    line = Line(row.half, row.most, row.stuck)
    if history is not None:
        line = history.line(
            Group(stage, side, destination, express), line, lambda group: _measure(group, priors), since
        )
    seasons = [s for s in priors.seasons if s.holds(stage, side, on)]
    factor = _factor(seasons)
    seen = line.here + line.elsewhere
    sources = [
        *([f"own history ({line.here} here, {line.elsewhere} elsewhere)"] if seen else ()),
        row.evidence.where,
        *(s.name for s in seasons if s.factor == factor),
    ]
    most = line.most * factor
    half, stuck = line.half * factor, max(line.stuck, most * BEYOND_SEASON)
    if since is not None and stage not in ROUND_THE_CLOCK:
        rests = _rest(side, destination)
        half, most, stuck = (workdays.reached(since, days, rests) for days in (half, most, stuck))
    return Usual(half=half, most=most, observations=seen, source=" · ".join(sources), stuck=stuck)


def _factor(seasons: list[Season]) -> float:
    return max((s.factor for s in seasons), default=1.0)


def _rest(side: Side | None, destination: str) -> workdays.Rest:
    if side is Side.TRANSIT:
        return workdays.weekend  # a hub somewhere
    return workdays.rest(HOME if side is Side.ORIGIN else destination)


def _measure(group: Group, priors: Priors) -> Measure:
    """Return how long a stay of *group* would have been in an ordinary week outside the seasons."""
    rests = None if group.stage in ROUND_THE_CLOCK else _rest(group.side, group.destination)

    def measure(began: datetime, ended: datetime) -> float:
        days = (ended - began) / timedelta(days=1) if rests is None else workdays.worked(began, ended, rests)
        on = ended.date()
        return days / _factor([s for s in priors.seasons if s.holds(group.stage, group.side, on)])

    return measure


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
