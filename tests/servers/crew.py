"""The program's processes one by one, each by its own command line, behind a door to the store; killed and started anew at will.

No supervisor waits here before it starts what died: that is tested elsewhere, and a hundred kills would wait an hour for it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.servers.door import group_of
from workers import supervise
from workers.heel import SUPERVISOR


class Crew:
    """Processes by name: ``scheduler…``, ``worker…``, ``web…``, and commands that end by themselves. Their words go to *logs*."""

    def __init__(self, config: Path, url: str, logs: Path, *, threads: int = 4) -> None:
        self._config, self._threads, self._logs = config, threads, logs
        logs.mkdir(exist_ok=True)
        environ = supervise.worker_environ(os.environ, config=config, url=url)
        self._environ = {**environ, SUPERVISOR: str(os.getpid())}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._roles: dict[int, str] = {}  # by process group: a killed one is gone before it is asked for
        self._read: dict[str, int] = {}  # how long the log was when it was started last
        self._lock = threading.RLock()
        self.starts = 0

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            _signal(process.pid, signal.SIGKILL)
            process.wait(30)

    def start(self, *names: str) -> None:
        for name in names:
            log = self._logs / f"{name}.log"
            self._read[name] = log.stat().st_size if log.exists() else 0
            argv = {
                "worker": supervise.worker_argv(self._threads),
                "scheduler": supervise.scheduler_argv(self._config),
                "web": supervise.web_argv(self._config),
            }[name.partition("-")[0]]
            self._running[name] = self._spawn(name, argv)

    def _spawn(self, name: str, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self._logs / f"{name}.log").open("ab") as out:
            process = subprocess.Popen(
                argv, env=self._environ, stdout=out, stderr=out, start_new_session=True
            )
        self._roles[process.pid] = name.partition("-")[0]
        self.starts += 1
        return process

    def respawn(self) -> None:
        """Start anew whatever ended, and stop what it left behind."""
        with self._lock:
            for name, process in list(self._running.items()):
                if process.poll() is not None:
                    _signal(process.pid, signal.SIGKILL)
                    self.start(name)

    def kill(self, name: str) -> None:
        """Kill one, and leave it to ``respawn`` to start another."""
        _signal(self._running[name].pid, signal.SIGKILL)

    def ready(self, name: str) -> bool:
        """Whether the one that was started last has got as far as to have read its file."""
        with (self._logs / f"{name}.log").open("rb") as log:
            log.seek(self._read[name])
            return b"config_loaded" in log.read()

    def command(self, *words: str) -> subprocess.Popen[bytes]:
        """Start ``customs-watch *words*``."""
        return self._spawn("command", [sys.executable, "-m", "workers", *words])

    def role(self, pid: int) -> str:
        """Return what a process is: worker, scheduler, web, command, or "" for none of ours."""
        return self._roles.get(group_of(pid), "")

    def pids(self) -> list[int]:
        """Return every process of the crew, those they started themselves included."""
        groups = {process.pid for process in self._running.values()}
        found = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()]
        return [pid for pid in found if group_of(pid) in groups]

    def said(self) -> str:
        """Return all that the processes wrote so far."""
        return "".join(path.read_text(errors="replace") for path in sorted(self._logs.glob("*.log")))


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)
