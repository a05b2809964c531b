"""The short storm: customs-watch loses nothing in it, and what comes twice was written down as uncertain; the naive program loses.

The seed is printed; ``CW_SEED=7`` repeats its blows. The long one is ``make chaos``. See docs/reliability.md.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos import audit, figures, ledger
from tests.chaos.control import Naive
from tests.chaos.feeder import addresses
from tests.chaos.ours import Ours
from tests.chaos.run import Outcome, Plan, fresh_seed, run
from tests.chaos.storm import SHORT, blows
from tests.chaos.world import Told

SEED = int(os.environ.get("CW_SEED") or fresh_seed())
NOTICES = int(os.environ.get("CW_CHAOS_NOTICES", "5120"))
storms = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found by /proc")


@pytest.mark.faults
@pytest.mark.timeout(1500)
@storms
def test_a_storm_loses_nothing_and_doubles_only_what_was_uncertain(tmp_path: Path) -> None:
    plan = Plan(seed=SEED, parcels=NOTICES // 64, every=SHORT, storm=60)
    broken: list[str] = []
    outcome = run(
        plan,
        lambda world: Ours(world, tmp_path / "ours", plan.parcels),
        lambda outcome, ours: broken.extend(ledger.inspect(outcome, ours)),
    )
    show(outcome)
    assert not broken, "\n".join(broken[:20])
    assert outcome.all.due == NOTICES
    assert sum(outcome.blows.values()) >= 10, "the storm met nobody: this proves nothing"
    assert sum(outcome.doubts.values()) > 0, "nothing was ever uncertain: this proves nothing"


@pytest.mark.faults
@pytest.mark.timeout(900)
@storms
def test_the_naive_design_loses_in_the_same_storm(tmp_path: Path) -> None:
    plan = Plan(seed=SEED, parcels=40, every=SHORT, storm=60, patience=20, calm=60)
    outcome = run(plan, lambda world: Naive(world, tmp_path, plan.parcels), _kept)
    show(outcome)
    assert outcome.all.lost > 0, "the storm is too mild to show what a design is worth"


def _kept(outcome: Outcome, naive: Naive) -> None:
    outcome.kept = naive.kept()


def show(outcome: Outcome) -> None:
    print(f"\n{figures.summary(outcome)}\n{figures.table([outcome])}")


# -- the auditor can tell


def told(*, leave_out: int = 0) -> list[Told]:
    """Return what a program that loses nothing would have told of two steps of one parcel."""
    every = [
        Told(channel, to, 0, step, f"{step}{channel}{to}")
        for step in (0, 1)
        for channel, to, _ in addresses()
    ]
    return every[leave_out:]


def test_the_auditor_sees_what_was_lost_and_what_ended_visibly() -> None:
    owed = audit.due([1])
    assert len(owed) == 16
    whole = audit.tally(owed, audit.counted(told()), ())
    assert sum(one.lost for one in whole.values()) == 0
    assert sum(one.delivered for one in whole.values()) == 16
    lossy = audit.tally(owed, audit.counted(told(leave_out=1)), ())
    assert lossy["mail"].lost == 1
    shown = audit.tally(owed, audit.counted(told(leave_out=1)), [told()[0].owed])
    assert (shown["mail"].lost, shown["mail"].ended) == (0, 1)


def test_the_auditor_sees_doubles_and_which_of_them_nobody_wrote_down() -> None:
    twice = [*told(), told()[0]]
    counts = audit.tally(audit.due([1]), audit.counted(twice), ())
    assert (counts["mail"].doubled, counts["mail"].surplus) == (1, 1)
    assert audit.unexplained(told(), {}) == []
    assert len(audit.unexplained(twice, {})) == 1
    assert audit.unexplained(twice, {told()[0].reference: 1}) == []
    assert len(audit.unexplained([*twice, told()[0]], {told()[0].reference: 1})) == 1
    renamed = [*told(), replace(told()[0], reference="another id of the same")]
    assert len(audit.unexplained(renamed, {told()[0].reference: 5})) == 1


def test_the_auditor_sees_what_nobody_was_owed() -> None:
    more = replace(told()[0], step=2)
    assert audit.made_up(audit.due([1]), audit.counted([*told(), more])) == [more.owed]


def test_a_seed_repeats_its_blows_and_another_has_others() -> None:
    assert blows(7, SHORT, seconds=60) == blows(7, SHORT, seconds=60)
    assert blows(7, SHORT, seconds=60) != blows(8, SHORT, seconds=60)
    kinds = Counter(blow.kind for blow in blows(7, SHORT, seconds=60))
    assert set(kinds) == set(SHORT), "every kind strikes in a minute"
