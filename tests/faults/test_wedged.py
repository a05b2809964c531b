"""A scheduler whose ticks do not end gives itself up, and whoever supervises it starts another; one that is only idle does not."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.servers.valkey import until
from workers import app
from workers.scheduler import WEDGED
from workers.supervise import Child, Supervisor

CLOCK = textwrap.dedent("""
    import threading
    from datetime import UTC, datetime, timedelta
    from workers.scheduler import Clock
    second = timedelta(seconds=0.1)
    def idle(): pass
    def stuck(): threading.Event().wait()
    clock = Clock({{{ticks}}}, clock=lambda: datetime.now(UTC), dead_after=timedelta(seconds={dead}), longest_tick=timedelta(seconds={longest}))
    threading.Timer({ends}, clock.stop).start()
    clock.run()
""")


def clock(ticks: str, *, dead: float = 60, longest: float = 60, ends: float = 60) -> list[str]:
    return [sys.executable, "-c", CLOCK.format(ticks=ticks, dead=dead, longest=longest, ends=ends)]


def ended(argv: list[str]) -> int:
    return subprocess.run(argv, timeout=50, check=False, capture_output=True).returncode


@pytest.mark.faults
def test_a_scheduler_none_of_whose_ticks_ends_gives_itself_up() -> None:
    assert ended(clock("'a': (second, stuck)", dead=1)) == WEDGED


@pytest.mark.faults
def test_one_tick_that_does_not_end_is_enough_though_the_others_go_on() -> None:
    assert ended(clock("'a': (second, stuck), 'b': (second, idle)", longest=1)) == WEDGED


@pytest.mark.faults
def test_a_scheduler_whose_ticks_end_is_left_alone() -> None:
    assert ended(clock("'b': (second, idle)", dead=2, longest=2, ends=5)) == 0


@pytest.mark.faults
def test_another_is_started_in_its_place(tmp_path: Path) -> None:
    child = Child("scheduler", clock("'a': (second, stuck)", dead=1))
    supervisor = Supervisor([child], environ=os.environ, clock=app.uptime)
    supervisor.start()
    first = supervisor.pids()["scheduler"]

    def successor() -> bool:
        supervisor.look_after()
        return supervisor.pids().get("scheduler", first) != first

    until(successor, seconds=40)
    supervisor.stop()
    supervisor.stop()
    supervisor.shut_down()
