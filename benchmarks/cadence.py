"""A month of ten thousand parcels on the deciding code that ships, for several plans of a tracking service; prints a table.

``python -m benchmarks.cadence [--parcels 10000] [--days 31] [--seed 1]``. Paces come from ``workers.core.cadence``, who may be
asked when from a model of the store's scripts (benchmarks/limiter.py) that a test holds against a real server. No server,
no clock, no network. Exits 1 where a quota is exceeded.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from benchmarks.limiter import DAY, HOUR, Limiter, window
from workers.core import cadence
from workers.core.limits import Quota
from workers.core.model import Snapshot, Stage

START = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp() * 1000)
MS = timedelta(milliseconds=1)
SAMPLE = 500  # parcels looked at to estimate the paces of all, as the store does
PACING = HOUR // 2  # between two estimates; the scheduler makes one every two minutes
UNCHANGED = 4 * HOUR
IN_CUSTOMS = frozenset({Stage.IMPORT_CUSTOMS, Stage.INSPECTION, Stage.HELD, Stage.CLEARANCE_DELAY})

# Days a parcel stays in each stage: least, most. Customs takes some in twenty longer.
ROAD = (
    (Stage.PRE_TRANSIT, 1, 4),
    (Stage.IN_TRANSIT, 6, 18),
    (Stage.ARRIVED_DESTINATION, 0.2, 1.5),
    (Stage.IMPORT_CUSTOMS, 0.3, 3),
    (Stage.RELEASED, 0.5, 3),
    (Stage.OUT_FOR_DELIVERY, 0.2, 0.5),
    (Stage.DELIVERED, 400, 400),
)


@dataclass(frozen=True)
class Plan:
    """What a service allows, and how many parcels are watched there."""

    name: str
    rate: float
    batch: int
    quota: tuple[Quota, ...] = ()
    each: bool = False
    fresh: timedelta = timedelta(0)
    parcels: int = 10_000


PLANS = (
    Plan("40 numbers a call, 3 calls a second", 3.0, 40),
    Plan("50 numbers a call, 1,000 calls a day", 5.0, 50, (Quota("calls", 1000, "day"),)),
    Plan("40 numbers a call, 9,000 calls a month", 3.0, 40, (Quota("calls", 9000, "month"),)),
    Plan("10 numbers a call, 3 calls a minute", 0.05, 10, fresh=timedelta(minutes=90)),
    Plan("a number a call, 20,000 calls a day", 1.0, 5, (Quota("calls", 20_000, "day"),), each=True),
    Plan("a number a call, 60 calls an hour", 0.016, 1, (Quota("calls", 60, "hour"),), each=True),
    Plan("the same", 0.016, 1, (Quota("calls", 60, "hour"),), each=True, parcels=500),
    Plan("a number a call, 250 calls a day", 0.2, 5, (Quota("calls", 250, "day"),), each=True),
    Plan("the same", 0.2, 5, (Quota("calls", 250, "day"),), each=True, parcels=100),
)


@dataclass
class Life:
    """One parcel: when it enters which stage, and what we know of it."""

    moves: tuple[tuple[int, Stage], ...]
    at: int = 0  # the move that we know of
    first_look: int | None = None
    last_look: int | None = None

    def stage(self, now: int) -> int:
        """Return the place of the move that lasts at *now*."""
        place = self.at
        while place + 1 < len(self.moves) and self.moves[place + 1][0] <= now:
            place += 1
        return place


@dataclass
class Month:
    """What came of it."""

    calls: int = 0
    looks: int = 0
    moves: int = 0
    worst: dict[str, int] = field(default_factory=dict)  # calls in the fullest window, by length
    gaps: list[int] = field(default_factory=list)  # between looks at a parcel that we knew to be in customs
    late: list[int] = field(default_factory=list)  # from entering customs until seen there
    calm: list[int] = field(default_factory=list)  # between looks at a parcel on its way
    unseen: int = 0  # never looked at, though ordered half a month before the end
    exceeded: bool = False

    def share(self, within: int) -> float:
        return sum(gap <= within for gap in self.gaps) / len(self.gaps) if self.gaps else 1.0


Roads = Mapping[str, tuple[tuple[int, Stage], ...]]  # by parcel, when it enters which stage


def lives(parcels: int, days: int, seed: int) -> Roads:
    """Return parcels ordered over the weeks before and in the month, so that all stages are met from the first day."""
    rng = random.Random(seed)
    out = {}
    for i in range(parcels):
        at, moves = START + int(rng.uniform(-25, days) * DAY), []
        held = rng.random() < 0.05
        for stage, least, most in ROAD:
            moves.append((at, stage))
            at += int(rng.uniform(least, most) * DAY)
            if stage is Stage.IMPORT_CUSTOMS and held:
                moves.append((at, Stage.HELD))
                at += int(rng.uniform(3, 12) * DAY)
        out[f"o{i}/LP{rng.randrange(10**14):014d}"] = tuple(moves)
    return out


def pace(limiter: Limiter, plan: Plan, rng: random.Random, begun: Sequence[str]) -> None:
    """Stretch as workers/pacing.py does."""
    watched = limiter.due.scores
    sample = [name for name in rng.choices(begun, k=2 * SAMPLE) if name in watched][:SAMPLE] if begun else []
    paces = [limiter.every.get(name, 0) * MS for name in sample]
    room = cadence.room(rate=plan.rate, per_call=1.0 if plan.each else plan.batch, quota=plan.quota)
    by = cadence.stretch(paces, watched=len(watched), room=room)
    limiter.calm, limiter.urgent = round(max(by.calm, 1.0), 3), round(max(by.urgent, 1.0), 3)


def simulate(
    plan: Plan,
    roads: Roads,
    *,
    days: int,
    seed: int = 1,
    pacing: int = PACING,
    limiter: Limiter | None = None,
) -> Month:
    """Play a month of *roads* against *plan*; every call is counted in its windows. *pacing*: ms between estimates."""
    rng, month = random.Random(seed), Month()
    limiter = limiter or Limiter(
        rate=plan.rate, batch=plan.batch, quota=plan.quota, burst=max(1, int(plan.rate // 10)), each=plan.each,
        fresh=plan.fresh // MS,
    )  # fmt: skip
    known = {name: Life(moves) for name, moves in roads.items()}
    entering = sorted((max(START, life.moves[0][0]), name) for name, life in known.items())
    counted: dict[tuple[str, int], int] = {}
    for now, parcels in _calls(limiter, plan, entering, START + days * DAY, pacing, rng):
        for _ in parcels if plan.each else parcels[:1]:
            for per in {one.per for one in plan.quota if one.what == "calls"}:
                number = window(now, per)[0]
                counted[per, number] = counted.get((per, number), 0) + 1
        for name in parcels:
            _look(limiter, known[name], name, now, month)
    for one in plan.quota:
        worst = max((n for (per, _), n in counted.items() if per == one.per), default=0)
        month.worst[one.per] = worst
        month.exceeded |= one.what == "calls" and worst > one.most
    month.calls = limiter.calls
    month.unseen = sum(
        life.first_look is None for life in known.values() if life.moves[0][0] < START + (days - 15) * DAY
    )
    return month


def _calls(
    limiter: Limiter, plan: Plan, entering: list[tuple[int, str]], end: int, pacing: int, rng: random.Random
) -> Iterator[tuple[int, list[str]]]:
    """Yield each look at its moment: as soon as something is due and the limiter lets it in."""
    now, place, paced = START, 0, 0
    begun: list[str] = []
    while now < end:
        came = place
        while place < len(entering) and entering[place][0] <= now:
            place += 1
        if came < place:
            fresh = [name for _, name in entering[came:place]]
            limiter.enrol(now, fresh)
            begun += fresh
        if now >= paced:
            pace(limiter, plan, rng, begun)
            paced = now + pacing
        wait, parcels = limiter.claim(now)
        if parcels:
            asked = [parcels[0]]
            for name in parcels[1:] if plan.each else ():  # a call for each number, as the sources make them
                while wait := limiter.take(now, plan.rate):
                    if wait > HOUR:
                        break
                    now += wait
                if wait:
                    break
                asked.append(name)
            yield now, asked if plan.each else parcels
            continue
        soonest = limiter.due.first()
        due = max(soonest, now + 1) if soonest is not None else end
        following = entering[place][0] if place < len(entering) else end
        again = now + max(wait, 1) if wait >= 0 else due
        hot = limiter.hot.first()
        if hot is not None and now < hot < again and limiter.shut <= now:
            again = hot  # an urgent one may go where calm ones wait
        now = min(again, following, paced)


def _look(limiter: Limiter, life: Life, name: str, now: int, month: Month) -> None:
    month.looks += 1
    stage = life.moves[life.at][1]
    if life.last_look is not None:
        if stage in IN_CUSTOMS:
            month.gaps.append(now - life.last_look)
        elif stage is Stage.IN_TRANSIT:
            month.calm.append(now - life.last_look)
    place = life.stage(now)
    first = life.first_look is None
    life.last_look = now
    if place == life.at and not first:
        limiter.settle(now, name, UNCHANGED)
        return
    since, stage = life.moves[place]
    if not first:
        month.moves += 1
        if stage in IN_CUSTOMS and life.moves[life.at][1] not in IN_CUSTOMS:
            month.late.append(now - since)
    else:
        life.first_look = now
    life.at = place
    moment = datetime.fromtimestamp(since / 1000, UTC)
    snapshot = Snapshot(
        stage=stage,
        since=moment,
        last_news=moment,
        first_look=datetime.fromtimestamp((life.first_look or now) / 1000, UTC),
    )
    every = cadence.look(snapshot, now=datetime.fromtimestamp(now / 1000, UTC))
    if every is None:  # settled: asked about once a month from now on, which is after our month
        limiter.due.drop(name)
        limiter.hot.drop(name)
        return
    limiter.commit(now, name, every // MS)


def at(values: list[int], share: float) -> float:
    """Return a quantile in hours."""
    ranked = sorted(values)
    return ranked[min(int(len(ranked) * share), len(ranked) - 1)] / HOUR if ranked else 0.0


def row(plan: Plan, parcels: int, month: Month) -> str:
    used = ", ".join(f"{month.worst[q.per]:,} of {q.most:,} a {q.per}" for q in plan.quota) or "no quota"
    each = month.calls / month.moves if month.moves else 0.0
    cells = [
        plan.name, f"{parcels:,}", f"{month.calls:,}", used, f"{at(month.gaps, 0.5):.1f}", f"{at(month.gaps, 0.99):.1f}",
        f"{month.share(2 * HOUR):.1%}", f"{at(month.late, 0.5):.1f}", f"{at(month.calm, 0.5):.1f}", f"{each:.1f}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


HEADINGS = (
    "plan", "parcels", "calls", "fullest window", "in customs: hours between looks", "99 of 100 within", "within 2 h",
    "hours until customs is seen", "on the way: hours between looks", "calls per change",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parcels", type=int, default=0, help="the same number for every plan")
    parser.add_argument("--days", type=int, default=31)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(f"{given.days} days, seed {given.seed}; hours are medians unless said otherwise\n")
    print("| " + " | ".join(HEADINGS) + " |\n|" + "---|" * len(HEADINGS))
    wrong = []
    for plan in PLANS:
        began = time.perf_counter()
        roads = lives(given.parcels or plan.parcels, given.days, given.seed)
        month = simulate(plan, roads, days=given.days, seed=given.seed)
        print(row(plan, len(roads), month), flush=True)
        print(
            f"   {time.perf_counter() - began:.1f} s, {month.looks:,} looks, unseen {month.unseen}",
            file=sys.stderr,
        )
        if month.exceeded:
            wrong.append(f"{plan.name}: a quota was exceeded")
    for said in wrong:
        print(said)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
