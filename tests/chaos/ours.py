"""customs-watch under chaos: the command `run` as a user starts it, on an embedded server, and what its ledger says afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import redis

from tests.chaos import road
from tests.chaos.feeder import Owed
from tests.chaos.processes import children, choose, end
from tests.chaos.world import OWNER, PASSWORD, PEOPLE, SMS_KEY, TRACK_KEY, USER, World
from workers.errors import StoreTrouble
from workers.store import Store
from workers.store.lua import PREFIX
from workers.store.rows import NoticeRow

HEAD = """\
defaults: {{to: ES, vat_paid: no, tell: [ana, bea]}}
owner: olga
recipients:
{people}
  olga: {{email: {owner}, channels: [mail]}}
channels:
  mail: {{kind: email, host: 127.0.0.1, port: {smtp}, security: none, user: {user}, password: $CHAOS_SMTP, from: "Parcels <parcels@example.org>"}}
{gateways}
sources:
  track: {{kind: seventeentrack, token: $CHAOS_TRACK, base_url: "{track}", allow_hosts: [127.0.0.1], rate: 50}}
worker: {{processes: {processes}, threads: {threads}}}
orders:
"""
GATEWAY = """\
  {name}: {{kind: sms, provider: http, url: "{url}", allow_hosts: [127.0.0.1], headers: {{Authorization: $CHAOS_SMS}}, json: {{to: "{{to}}", text: "{{text}}", reference: "{{id}}"}}, {policy}}}
"""
POLICIES = {
    "keyed": "idempotency_header: Idempotency-Key", "plain": "on_uncertain: resend", "wary": "on_uncertain: hold",
}  # fmt: skip
PERSON = '  {who}: {{email: {mail}, phone: "{phone}", timezone: Europe/Madrid, channels: [mail, keyed, plain, wary]}}'
STOPPED = 50.0  # seconds: beyond the lease of what a worker holds


class Ours:
    """The program while the ``with`` block lasts. *parcels*: how many it watches."""

    name = "customs-watch"

    def __init__(
        self, world: World, folder: Path, parcels: int, *, processes: int = 3, threads: int = 4
    ) -> None:
        self._world, self._parcels = world, parcels
        self._folder = folder
        self._config = folder / "config" / "orders.yaml"
        self._config.parent.mkdir(parents=True)
        self._config.write_text(self._file(processes, threads))
        self._log = folder / "run.log"
        self._run: subprocess.Popen[bytes] | None = None
        self._timers: list[threading.Timer] = []
        self.store = Store.connect(f"unix://{folder / 'var' / 'store' / 'socket'}?db=0")

    def _file(self, processes: int, threads: int) -> str:
        people = "\n".join(
            PERSON.format(who=who, mail=mail, phone=phone) for who, (mail, phone) in PEOPLE.items()
        )
        gateways = "".join(
            GATEWAY.format(name=name, url=server.url, policy=POLICIES[name])
            for name, server in self._world.gateways.items()
        )
        head = HEAD.format(
            people=people, owner=OWNER, gateways=gateways.rstrip(), smtp=self._world.smtp.port, user=USER, track=self._world.track.url,
            processes=processes, threads=threads,
        )  # fmt: skip
        return head + "".join(
            f"  - {{id: {road.number(p)}, title: {road.title(p)}, tracking: {road.number(p)}, value: 89.00 EUR}}\n"
            for p in range(self._parcels)
        )

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go_on()
        self.store.close()
        if self._run is not None:
            self._run.terminate()
            self._run.wait(120)

    def _environ(self) -> dict[str, str]:
        environ = {key: value for key, value in os.environ.items() if not key.startswith("CW_")}
        secrets = {"CHAOS_SMTP": PASSWORD, "CHAOS_TRACK": TRACK_KEY, "CHAOS_SMS": SMS_KEY}
        return {**environ, **secrets, "CW_DATA": str(self._folder / "var")}

    def _start(self) -> None:
        argv = [sys.executable, "-m", "workers", "run", "--config", str(self._config)]
        with self._log.open("ab") as log:
            self._run = subprocess.Popen(argv, env=self._environ(), stdout=log, stderr=log)

    # -- who it is

    @property
    def pid(self) -> int:
        assert self._run is not None
        return self._run.pid

    def store_pid(self) -> int:
        return int((self._folder / "var" / "store" / "server.pid").read_text())

    def holder(self, notice: str) -> int:
        """Return the process that is sending *notice*."""
        client: Any = self.store.scripts.client
        return int(client.hget(f"{PREFIX}:n:{notice}", "wk").decode().rpartition(":")[2])

    def part(self, name: str) -> tuple[list[str], dict[str, str]]:
        """Return how to start a further part of the program by hand, as on another machine: arguments, environment."""
        url = f"unix://{self._folder / 'var' / 'store' / 'socket'}?db=0"
        argv = [sys.executable, "-m", "workers", name, "--config", str(self._config)]
        return argv, {**self._environ(), "CW_REDIS_URL": url}

    # -- what the feeder asks

    def knows(self, parcels: int) -> bool:
        try:
            return self.store.stages(ids(parcels)).get("arrived_destination", 0) == parcels
        except StoreTrouble:
            return False

    def open(self) -> bool:
        try:
            return bool(self.store.notices(states=("pending", "sending"), limit=1))
        except StoreTrouble:
            return True

    def look_now(self, parcels: Sequence[int]) -> bool:
        try:
            self.store.postpone("track", [parcel_id(p) for p in parcels], after=timedelta(0))
        except StoreTrouble:
            return False
        return True

    def ended(self) -> Collection[Owed]:
        try:
            rows = self.store.notices(states=("held", "failed", "expired"), limit=10**6)
        except StoreTrouble:
            return ()
        return [owed(row) for row in rows if row.parcel.startswith("LP")]

    # -- what the storm does

    def strike(self, kind: str, pick: float) -> bool:
        """Do one blow of the storm; False where it met nobody."""
        return bool(getattr(self, f"_{kind}")(pick))

    def _masters(self) -> list[int]:
        assert self._run is not None
        return [one.pid for one in children(self._run.pid) if "workers.app:worker" in one.argv]

    def _worker(self, pick: float) -> int:
        busy = [child.pid for master in self._masters() for child in children(master)]
        return sum(end(pid) for pid in choose(busy, pick))

    def _worker_group(self, pick: float) -> int:
        return sum(end(pid, group=True) for pid in choose(self._masters(), pick))

    def _scheduler(self, pick: float) -> int:
        assert self._run is not None
        found = [one.pid for one in children(self._run.pid) if " workers scheduler " in one.argv]
        return sum(end(pid) for pid in choose(found, pick))

    def _store(self, _pick: float) -> int:
        return end(self.store_pid())

    def _cut(self, _pick: float) -> int:
        try:
            return bool(self.store.scripts.client.client_kill_filter(_type="normal", skipme=True))
        except redis.RedisError:
            return False

    def _stop(self, pick: float) -> int:
        chosen = choose(self._masters(), pick)
        for pid in chosen:
            end(pid, signal.SIGSTOP, group=True)
            timer = threading.Timer(STOPPED, end, (pid, signal.SIGCONT), {"group": True})
            timer.start()
            self._timers.append(timer)
        return len(chosen)

    def _supervisor(self, _pick: float) -> int:
        """Kill the command itself: its children follow, its server is adopted by the next."""
        assert self._run is not None
        self._run.kill()
        self._run.wait()
        time.sleep(1)  # a service manager's RestartSec
        self._start()
        return True

    def let_go_on(self) -> None:
        """Let workers that stand still go on."""
        for timer in self._timers:
            if not timer.finished.is_set():
                timer.cancel()
                timer.function(*timer.args, **timer.kwargs)
        self._timers.clear()

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")


def parcel_id(parcel: int) -> str:
    return f"{road.number(parcel)}/{road.number(parcel)}"


def ids(parcels: int) -> list[str]:
    return [parcel_id(parcel) for parcel in range(parcels)]


def owed(row: NoticeRow) -> Owed:
    """Return as what a notice of the ledger is owed."""
    mail, phone = PEOPLE[row.recipient]
    return (
        int(row.parcel[2:16]),
        road.STAGES[row.stage],
        row.channel,
        mail if row.channel == "mail" else phone,
    )
