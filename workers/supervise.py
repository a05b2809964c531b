"""Run the scheduler and the workers as real processes, restart those that die, stop all of them in order."""

from __future__ import annotations

import os
import signal
import subprocess  # nosec B404 # to run our own parts; never through a shell
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import structlog

from workers.heel import SUPERVISOR

log = structlog.get_logger("customs_watch")

DRAIN = timedelta(seconds=30)  # a worker may finish what it is sending before it is stopped the hard way
CALM = timedelta(seconds=30)  # a process that lived this long died for a new reason: restart it at once
LONGEST_BACKOFF = timedelta(seconds=30)


@dataclass
class Child:
    """One supervised process."""

    name: str
    argv: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: timedelta | None = None
    restarts: int = 0
    due: timedelta | None = field(default=None)


def scheduler_argv(config: Path) -> list[str]:
    return [sys.executable, "-m", "workers", "scheduler", "--config", str(config)]


def web_argv(config: Path) -> list[str]:
    return [sys.executable, "-m", "workers", "web", "--config", str(config)]


def worker_argv(threads: int) -> list[str]:
    """One process per dramatiq master: the master stops all its processes when one dies."""
    return [
        sys.executable, "-m", "dramatiq", "workers.app:worker",
        "--processes", "1", "--threads", str(threads), "--skip-logging", "--path", str(Path.cwd()),
    ]  # fmt: skip


def worker_environ(environ: Mapping[str, str], *, config: Path, url: str) -> dict[str, str]:
    return {
        "dramatiq_worker_timeout": "200",  # ms between polls of an idle worker: a bell is answered in about 100 ms
        "MALLOC_ARENA_MAX": "2",  # glibc's default of eight a core costs a worker of eight threads a tenth more memory
        **environ,
        "CW_CONFIG": str(config.absolute()),
        "CW_REDIS_URL": url,
    }


class Supervisor:
    """Keeps its children running until told to stop. *clock* is one that nobody sets, and counts from anywhere."""

    def __init__(
        self, children: list[Child], *, environ: Mapping[str, str], clock: Callable[[], timedelta]
    ) -> None:
        self._children = children
        self._environ = {**environ, SUPERVISOR: str(os.getpid())}
        self._clock = clock
        self._stops = 0  # a number, not an Event: its lock may be held by the very code a signal interrupts

    def start(self) -> None:
        for child in self._children:
            self._spawn(child)

    def _spawn(self, child: Child) -> None:
        # A session of its own: Ctrl-C reaches us alone, and we stop the children in order.
        child.process = subprocess.Popen(child.argv, env=self._environ, start_new_session=True)  # nosec B603 # noqa: S603 -- our own argv
        child.started, child.due = self._clock(), None
        log.info("started", process=child.name, pid=child.process.pid)

    def look_after(self) -> None:
        """Restart what died, at once the first time, with a growing pause while it keeps dying."""
        at = self._clock()
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                child_pid, code = child.process.pid, child.process.returncode
                child.process = None
                # What it leaves behind must not work on beside its successor.
                _signal(child_pid, signal.SIGTERM, whole=True)
                lived = at - (child.started or at)
                child.restarts = 0 if lived > CALM else child.restarts + 1
                pause = min(timedelta(seconds=0.5) * 2**child.restarts, LONGEST_BACKOFF)
                child.due = at + pause
                log.error("died", process=child.name, code=code, restart_in=str(pause))
            if child.process is None and child.due is not None and at >= child.due:
                self._spawn(child)

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Look after the children until ``stop`` or until *until* says so."""
        while not self._stops and not until():
            self.look_after()
            time.sleep(0.2)

    def stop(self, *_: object) -> None:
        """Stop in order; told twice, without waiting for what is being sent."""
        self._stops += 1

    @property
    def stopped(self) -> bool:
        """Whether somebody said stop."""
        return self._stops > 0

    def shut_down(self) -> None:
        """Let scheduler and workers end what they are at; kill what does not stop in time, or at a second ``stop``."""
        alive = [
            (c.name, c.process) for c in self._children if c.process is not None and c.process.poll() is None
        ]
        for _, process in alive:
            _signal(process.pid, signal.SIGTERM)
        end = self._clock() + DRAIN
        while any(process.poll() is None for _, process in alive):
            if self._stops > 1 or self._clock() > end:
                break
            time.sleep(0.05)
        for name, process in alive:
            if process.poll() is None:
                log.error("killed", process=name)
                _signal(process.pid, signal.SIGKILL, whole=True)
                process.wait()

    def pids(self) -> dict[str, int]:
        return {c.name: c.process.pid for c in self._children if c.process is not None}


def _signal(pid: int, number: int, *, whole: bool = False) -> None:
    """Signal a child, or its whole session: a dramatiq master that is killed would leave its worker behind."""
    try:
        (os.killpg if whole else os.kill)(pid, number)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a session that has just ended
        return
