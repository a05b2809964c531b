"""The naive program as a subject of the same storm: its processes, its server, and what it still knows afterwards."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Self

import redis
from msgspec import json

from tests.chaos import naive, road
from tests.chaos.feeder import Owed
from tests.chaos.ours import STOPPED
from tests.chaos.processes import children, choose, end
from tests.chaos.world import World
from tests.servers.valkey import start_valkey
from workers import app
from workers.supervise import Child, Supervisor

AWAY = 0.7  # seconds until a killed server is started again, as the embedded one is


class Naive:
    """The naive program while the ``with`` block lasts, under the supervisor that customs-watch has."""

    name = "naive"

    def __init__(
        self, world: World, folder: Path, parcels: int, *, processes: int = 3, threads: int = 4
    ) -> None:
        self._valkey = start_valkey(folder)
        world.track.register(*(road.number(parcel) for parcel in range(parcels)))
        where = naive.World(
            redis=self._valkey.url, track=world.track.url, smtp=world.smtp.port,
            gateways={name: server.url for name, server in world.gateways.items()}, parcels=parcels,
        )  # fmt: skip
        worker = [
            sys.executable, "-m", "dramatiq", "tests.chaos.naive:worker", "--processes", "1", "--threads", str(threads),
            "--path", str(Path.cwd()),
        ]  # fmt: skip
        silent = ["/bin/sh", "-c", 'exec "$0" "$@" >/dev/null 2>&1']
        kids = [Child("scheduler", [*silent, sys.executable, "-m", "tests.chaos.naive"])]
        kids += [Child(f"worker-{n}", [*silent, *worker]) for n in range(processes)]
        environ = {**os.environ, "CHAOS_NAIVE": json.encode(where).decode()}
        self._kids = Supervisor(kids, environ=environ, clock=app.uptime)
        self._watch = threading.Thread(target=self._kids.run, name="naive")
        self._timers: list[threading.Timer] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._kids.start()
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        for timer in self._timers:
            timer.join()
        self._kids.stop()
        self._watch.join()
        for pid in self._kids.pids().values():
            end(pid, group=True)
        self._kids.shut_down()
        self._valkey.stop()

    def knows(self, parcels: int) -> bool:
        return self._asked(lambda client: int(client.hlen("stage"))) == parcels

    def open(self) -> bool:
        return False  # it does not know

    def look_now(self, parcels: Sequence[int]) -> bool:
        return True  # it looks at everything all the time

    def ended(self) -> Collection[Owed]:
        return ()  # it shows nobody what it gave up

    def kept(self) -> int:
        """Return how many notices its broker still holds: waiting, delayed, leased to somebody dead, or dead letters."""
        names = ("dramatiq:default.msgs", "dramatiq:default.DQ.msgs", "dramatiq:default.XQ.msgs")
        return (
            self._asked(
                lambda client: sum(
                    b'"actor_name":"notify"' in row for name in names for row in client.hvals(name)
                )
            )
            or 0
        )

    def _asked(self, question) -> int | None:  # type: ignore[no-untyped-def]
        try:
            with self._valkey.client() as client:
                return question(client)  # type: ignore[no-any-return]
        except redis.RedisError:
            return None

    def strike(self, kind: str, pick: float) -> bool:
        """Do one blow of the storm; False where it met nobody."""
        return bool(getattr(self, f"_{kind}")(pick))

    def _masters(self) -> list[int]:
        return sorted(pid for name, pid in self._kids.pids().items() if name.startswith("worker"))

    def _worker(self, pick: float) -> int:
        busy = [child.pid for master in self._masters() for child in children(master)]
        return sum(end(pid) for pid in choose(busy, pick))

    def _worker_group(self, pick: float) -> int:
        return sum(end(pid, group=True) for pid in choose(self._masters(), pick))

    def _scheduler(self, _pick: float) -> int:
        pid = self._kids.pids().get("scheduler")
        return pid is not None and end(pid)

    def _supervisor(self, _pick: float) -> int:
        """All of it at once, as where the command itself is killed."""
        return sum(end(pid, group=True) for pid in self._kids.pids().values())

    def _store(self, _pick: float) -> int:
        self._valkey.kill()
        timer = threading.Timer(AWAY, self._valkey.start)
        timer.start()
        self._timers.append(timer)
        return True

    def _cut(self, _pick: float) -> int:
        return bool(self._asked(lambda client: int(client.client_kill_filter(_type="normal", skipme=True))))

    def _stop(self, pick: float) -> int:
        chosen = choose(self._masters(), pick)
        for pid in chosen:
            end(pid, signal.SIGSTOP, group=True)
            timer = threading.Timer(STOPPED, end, (pid, signal.SIGCONT), {"group": True})
            timer.start()
            self._timers.append(timer)
        return len(chosen)
