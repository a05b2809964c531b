"""customs-watch in real processes as `run` starts them, for tests: engine, scheduler, workers, and the world around them."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from tests.servers.seventeentrack import SeventeenTrackServer
from tests.servers.sms import SmsServer
from tests.servers.smtp import SmtpServer
from workers import app, supervise
from workers.engine import Engine
from workers.settings import Settings
from workers.store import Store

HEAD = """\
recipients:
  ana: {{email: ana@example.org, phone: "+34600000001", timezone: Europe/Madrid, channels: [mail, text]}}
channels:
  mail: {{kind: email, host: 127.0.0.1, port: {smtp}, security: none, from: "Parcels <parcels@example.org>"}}
  text: {{kind: sms, provider: http, url: "{sms}", allow_hosts: [127.0.0.1], json: {{to: "{{to}}", text: "{{text}}"}}, idempotency_header: Idempotency-Key}}
sources:
  track: {{kind: seventeentrack, token: test-key, base_url: "{track}", allow_hosts: [127.0.0.1]}}
worker: {{processes: 2, threads: 4}}
orders:
"""


def wait_for(done: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Poll until *done*; fail with *what* when it takes too long."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(0.05)


class Program:
    """customs-watch as `run` starts it, and the world around it."""

    def __init__(
        self,
        folder: Path,
        numbers: Sequence[str],
        track: SeventeenTrackServer,
        smtp: SmtpServer,
        sms: SmsServer,
    ) -> None:
        self.track, self.smtp, self.sms = track, smtp, sms
        self.config = config = folder / "config" / "orders.yaml"
        config.parent.mkdir()
        self.watch(*numbers)
        environ = {k: v for k, v in os.environ.items() if k != "CW_REDIS_URL"}
        self.settings: Settings = app.load(config, environ)
        self.engine = Engine(environ, folder / "var")
        self._environ = environ

    def __enter__(self) -> Program:
        self.engine.__enter__()
        self.store = Store.connect(self.engine.url)
        self.store.prepare()
        children = [supervise.Child("scheduler", supervise.scheduler_argv(self.config))]
        children += [supervise.Child(f"worker-{i}", supervise.worker_argv(4)) for i in (1, 2)]
        self.supervisor = supervise.Supervisor(
            children,
            environ=supervise.worker_environ(self._environ, config=self.config, url=self.engine.url),
            clock=app.uptime,
        )
        self.supervisor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.supervisor.shut_down()
        self.store.close()
        self.engine.__exit__(None, None, None)

    def watch(self, *numbers: str) -> None:
        """Write the user's file anew, with these parcels."""
        orders = "".join(
            f"  - {{title: Parcel {n[-1]}, tracking: {n}, to: ES, value: 89.00 EUR, vat_paid: no}}\n"
            for n in numbers
        )
        head = HEAD.format(smtp=self.smtp.port, sms=self.sms.url, track=self.track.url)
        self.config.write_text(head + orders)

    def look_now(self) -> None:
        self.store.postpone("track", list(self.settings.parcels), after=timedelta(0))

    def stages(self) -> Counter[str]:
        known = [self.store.recall(parcel) for parcel in self.settings.parcels]
        return Counter(k.stage if k else "" for k in known)

    def kill_all_workers(self) -> None:
        for name, pid in self.supervisor.pids().items():
            if name.startswith("worker"):
                os.killpg(pid, signal.SIGKILL)

    def mails(self) -> list[str]:
        return [mail.notice for mail in self.smtp.journal]

    def texts(self) -> list[str]:
        return [text.key for text in self.sms.journal]
