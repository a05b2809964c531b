"""One run: lead the parcels along their road through a storm, wait for the calm, count."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.chaos import audit
from tests.chaos.audit import Tally
from tests.chaos.feeder import Feeder, Led, Owed
from tests.chaos.storm import Storm, Struck, blows
from tests.chaos.world import World


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how hard."""

    seed: int
    parcels: int
    every: Mapping[str, float]  # seconds between blows of each kind
    storm: float  # seconds
    mishaps: float = 1.0  # of a hundred messages that the world itself spoils
    patience: float = 10**6  # seconds after which the next event is shown though something is missing
    calm: float = 240.0  # seconds that what is missing may still take after the storm
    longest: float = 600.0  # seconds that it may all take before that


class Subject(Led, Struck, Protocol):
    """A program under chaos."""

    name: str

    def open(self) -> bool:
        """Whether it has something to send yet, as far as it tells."""


@dataclass
class Outcome:
    """What one run came to."""

    name: str
    plan: Plan
    due: set[Owed]
    feeder: Feeder
    tallies: dict[str, Tally]
    blows: dict[str, int]
    mishaps: dict[str, int]
    seconds: float
    drained: float  # seconds from the end of the storm, or of the feeding, to the last arrival
    missing: list[Owed] = field(default_factory=list)
    doubts: dict[str, int] = field(
        default_factory=dict
    )  # by channel, what the program wrote that it does not know
    kept: int | None = None  # notices that its broker still holds

    @property
    def all(self) -> Tally:
        return sum(self.tallies.values(), Tally(0, 0, 0, 0, 0, 0))


def wait_for(done: Callable[[], bool], what: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"waited {seconds:.0f} s in vain: {what}"
        time.sleep(0.1)


def run(
    plan: Plan,
    open_subject: Callable[[World], AbstractContextManager[Subject]],
    inspect: Callable[[Outcome, Any], object] = lambda *_: None,
    say: Callable[[str], None] = print,
) -> Outcome:
    """Run *plan*; *inspect* looks at the program while it still runs, when all is over."""
    with World(seed=plan.seed, mishaps=plan.mishaps) as world, open_subject(world) as subject:
        feeder = Feeder(world, subject, plan.parcels, patience=plan.patience)
        wait_for(lambda: subject.knows(plan.parcels), "the first look at all", 120)
        began = time.monotonic()
        struck = _Slowing(subject, world)
        with Storm(struck, blows(plan.seed, plan.every, seconds=plan.storm)) as storm:
            said = began
            while (
                not (storm.over and feeder.all_shown)
                and not feeder.done
                and time.monotonic() < began + plan.longest
            ):
                _beat(feeder)
                if time.monotonic() > said + 15:
                    said = time.monotonic()
                    say(f"{said - began:5.0f} s: {feeder.shown} events shown, {len(feeder.told)} messages")
        world.calm()
        feeder.close()
        still = time.monotonic()
        while not feeder.done and time.monotonic() < still + plan.calm:
            _beat(feeder)
        drained = time.monotonic() - still
        missing = [] if feeder.done else feeder.missing()
        while subject.open() and time.monotonic() < still + plan.calm:
            _beat(feeder)  # what came, but is in doubt, waits for its next try
        _settle(feeder, 3)
        owed = audit.due(feeder.fed)
        told = audit.counted(feeder.told)
        outcome = Outcome(
            name=subject.name, plan=plan, due=owed, feeder=feeder,
            tallies=audit.tally(owed, told, _ended(subject)), blows=dict(storm.dealt),
            mishaps=dict(world.faults), seconds=time.monotonic() - began, drained=drained, missing=missing,
        )  # fmt: skip
        inspect(outcome, subject)
        return outcome


def _beat(feeder: Feeder) -> None:
    feeder.tick()
    assert not feeder.world.made_up, f"something came that no step owes: {feeder.world.made_up[:3]}"
    time.sleep(0.05)


def _settle(feeder: Feeder, seconds: float) -> None:
    """Read on for a while: what comes twice may come late."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        _beat(feeder)


def _ended(subject: Subject) -> Collection[Owed]:
    return subject.ended()


class _Slowing:
    """Strikes the program, or has the tracking service refuse it."""

    def __init__(self, subject: Subject, world: World) -> None:
        self._subject, self._world = subject, world

    def strike(self, kind: str, pick: float) -> bool:
        if kind == "slow":
            self._world.slow_down(pick)
            return True
        return self._subject.strike(kind, pick)


def fresh_seed() -> int:
    return random.SystemRandom().randrange(10**6)


def folder_of(parent: Path, name: str) -> Path:
    made = parent / name
    made.mkdir(parents=True)
    return made
