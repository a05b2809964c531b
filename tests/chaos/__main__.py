"""The long run, ``make chaos``: customs-watch and the naive program through a long storm, counted and written down.

python -m tests.chaos --notices 100000 --seed 7 --figures var/chaos/figures.json
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.chaos import figures
from tests.chaos.control import Naive
from tests.chaos.ledger import inspect
from tests.chaos.ours import Ours
from tests.chaos.road import ROAD
from tests.chaos.run import Outcome, Plan, fresh_seed, run
from tests.chaos.storm import LONG
from tests.chaos.world import EACH


def main() -> int:
    """Run both; return 1 where an invariant does not hold."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--notices", type=int, default=100_000, help="due at customs-watch")
    options.add_argument(
        "--naive", type=int, default=10_000, help="due at the naive program; 0: leave it out"
    )
    options.add_argument("--minutes", type=float, default=30, help="of customs-watch's storm at most")
    options.add_argument(
        "--longest", type=float, default=90, help="minutes after which no more news is shown"
    )
    options.add_argument("--seed", type=int, default=None)
    options.add_argument("--processes", type=int, default=3)
    options.add_argument("--figures", type=Path, default=Path("var/chaos/figures.json"))
    chosen = options.parse_args()
    seed = fresh_seed() if chosen.seed is None else chosen.seed
    say(f"seed {seed}")
    outcomes: list[Outcome] = []
    troubles: list[str] = []
    with tempfile.TemporaryDirectory(prefix="cw-chaos-") as folder:
        long = Plan(
            seed=seed, parcels=-(-chosen.notices // (EACH * len(ROAD))), every=LONG, storm=chosen.minutes * 60, calm=600,
            longest=chosen.longest * 60,
        )  # fmt: skip
        outcomes.append(
            run(
                long,
                lambda world: Ours(world, Path(folder) / "ours", long.parcels, processes=chosen.processes),
                lambda outcome, ours: troubles.extend(inspect(outcome, ours)),
                say,
            )
        )
        if chosen.naive:
            short = Plan(
                seed=seed, parcels=-(-chosen.naive // (EACH * len(ROAD))), every=LONG,
                storm=min(chosen.minutes, 10) * 60, patience=30, calm=300,
            )  # fmt: skip
            outcomes.append(run(short, lambda world: Naive(world, Path(folder), short.parcels), keep, say))
    for outcome in outcomes:
        say(figures.summary(outcome))
    say(figures.table(outcomes))
    figures.write(outcomes, chosen.figures)
    for trouble in troubles[:50]:
        say(f"BROKEN: {trouble}")
    return 1 if troubles else 0


def keep(outcome: Outcome, naive: Naive) -> None:
    outcome.kept = naive.kept()


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
