"""One blocking clock with a handful of fixed ticks. Decides nothing: correctness is in the store's claims.

Any number of schedulers may run; none is needed for the rest to be right, only for it to be prompt.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.blocking import BlockingScheduler

from workers.errors import StoreTrouble

log = structlog.get_logger("customs_watch")

# No tick completed for so long: the process is wedged, or the wall clock was set back and all ticks wait for the old
# time to come again. It gives itself up; its supervisor starts another.
DEAD_AFTER = timedelta(seconds=90)
# One tick of several does not end: the others go on, and what it does is never done again. The longest take seconds.
LONGEST_TICK = timedelta(minutes=10)
WEDGED = 70  # the exit code of either (EX_SOFTWARE)


class Clock:
    """Runs ticks at fixed intervals until stopped; a tick that fails is logged and tried again at its next time."""

    def __init__(
        self,
        ticks: dict[str, tuple[timedelta, Callable[[], object]]],
        *,
        clock: Callable[[], datetime],
        dead_after: timedelta = DEAD_AFTER,
        longest_tick: timedelta = LONGEST_TICK,
    ) -> None:
        self._dead_after, self._longest_tick = dead_after.total_seconds(), longest_tick.total_seconds()
        self._last = time.monotonic()  # a wall clock that is set must neither end us nor keep us hanging
        self._begun: dict[str, float] = {}  # ticks that have not ended yet
        self._stopped = threading.Event()
        self._scheduler = BlockingScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        for name, (every, tick) in ticks.items():
            self._scheduler.add_job(
                self._run,
                "interval",
                seconds=every.total_seconds(),
                args=(name, tick),
                id=name,
                next_run_time=clock(),
            )

    def _run(self, name: str, tick: Callable[[], object]) -> None:
        self._begun[name] = time.monotonic()
        try:
            tick()
        except StoreTrouble as trouble:
            log.warning("tick_failed", tick=name, error=str(trouble))
        finally:
            del self._begun[name]
        self._last = time.monotonic()  # a store that is away is no reason to die: the clock itself is well

    def _watch(self) -> None:
        while not self._stopped.wait(min(5.0, self._dead_after / 4)):
            at = time.monotonic()
            silent = at - self._last
            endless = [name for name, begun in list(self._begun.items()) if at - begun > self._longest_tick]
            if silent > self._dead_after or endless:
                log.critical("scheduler_wedged", seconds_without_a_tick=round(silent), endless=endless)
                os._exit(WEDGED)

    def run(self) -> None:
        """Tick until ``stop`` is called from a signal handler or another thread."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()
        self._scheduler.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
