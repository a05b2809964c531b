"""Run the scheduler and the workers as real processes, restart those that die, stop all of them in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import structlog

log = structlog.get_logger("customs_watch")

DRAIN = timedelta(seconds=30)  # a worker may finish what it is sending before it is stopped the hard way
CALM = timedelta(minutes=2)  # a process that lived this long died for a new reason: restart it at once
LONGEST_BACKOFF = timedelta(seconds=30)


@dataclass
class Child:
    """One supervised process."""

    name: str
    argv: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: datetime | None = None
    restarts: int = 0
    due: datetime | None = field(default=None)


def scheduler_argv(config: Path) -> list[str]:
    return [sys.executable, "-m", "workers", "scheduler", "--config", str(config)]


def worker_argv(threads: int) -> list[str]:
    """One process per dramatiq master: the master stops all its processes when one dies."""
    return [
        sys.executable, "-m", "dramatiq", "workers.app:worker",
        "--processes", "1", "--threads", str(threads), "--skip-logging", "--path", str(Path.cwd()),
    ]  # fmt: skip


def worker_environ(environ: Mapping[str, str], *, config: Path, url: str) -> dict[str, str]:
    return {
        "dramatiq_worker_timeout": "100",  # ms between polls of an idle worker: a bell is answered in about 50 ms
        **environ,
        "CW_CONFIG": str(config.absolute()),
        "CW_REDIS_URL": url,
    }


class Supervisor:
    """Keeps its children running until told to stop."""

    def __init__(
        self, children: list[Child], *, environ: Mapping[str, str], clock: Callable[[], datetime]
    ) -> None:
        self._children = children
        self._environ = dict(environ)
        self._clock = clock
        self._stop = threading.Event()

    def start(self) -> None:
        for child in self._children:
            self._spawn(child)

    def _spawn(self, child: Child) -> None:
        # A session of its own: Ctrl-C reaches us alone, and we stop the children in order.
        child.process = subprocess.Popen(child.argv, env=self._environ, start_new_session=True)  # noqa: S603 -- our own argv
        child.started, child.due = self._clock(), None
        log.info("started", process=child.name, pid=child.process.pid)

    def look_after(self) -> None:
        """Restart what died, at once the first time, with a growing pause while it keeps dying."""
        at = self._clock()
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                code, child.process = child.process.returncode, None
                lived = at - (child.started or at)
                child.restarts = 0 if lived > CALM else child.restarts + 1
                pause = min(timedelta(seconds=0.5) * 2**child.restarts, LONGEST_BACKOFF)
                child.due = at + pause
                log.error("died", process=child.name, code=code, restart_in=str(pause))
            if child.process is None and child.due is not None and at >= child.due:
                self._spawn(child)

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Look after the children until ``stop`` or until *until* says so."""
        while not self._stop.wait(0.2) and not until():
            self.look_after()

    def stop(self, *_: object) -> None:
        self._stop.set()

    def shut_down(self) -> None:
        """Stop the scheduler first, then let the workers drain; kill what does not stop in time."""
        alive = [c for c in self._children if c.process is not None and c.process.poll() is None]
        for child in alive:
            _signal(child, signal.SIGTERM)
        end = self._clock() + DRAIN
        for child in alive:
            assert child.process is not None  # noqa: S101 -- chosen above
            try:
                child.process.wait(max((end - self._clock()).total_seconds(), 0.1))
            except subprocess.TimeoutExpired:
                log.error("killed", process=child.name)
                _signal(child, signal.SIGKILL)
                child.process.wait()

    def pids(self) -> dict[str, int]:
        return {c.name: c.process.pid for c in self._children if c.process is not None}


def _signal(child: Child, number: int) -> None:
    """Signal the child's whole session: a dramatiq master that is killed would leave its worker behind."""
    assert child.process is not None  # noqa: S101 -- callers hold a running child
    try:
        if number == signal.SIGKILL:
            os.killpg(child.process.pid, number)
        else:
            child.process.send_signal(number)
    except ProcessLookupError:
        return
