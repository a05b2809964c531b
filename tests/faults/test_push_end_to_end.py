"""`customs-watch run` with `web:` in the file, in real processes: a service pushes an event, and a mail leaves without a look."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.servers._seventeentrack_shapes import item
from tests.servers.program import HEAD, wait_for
from tests.servers.seventeentrack import SeventeenTrackServer, event
from tests.servers.smtp import SmtpServer
from tests.servers.valkey import free_port
from tests.web.pushes import sign_17track
from workers.engine import Engine
from workers.store import Store

NUMBERS = [f"LP0088000000{i:04d}" for i in range(6)]


def ago(**length: float) -> str:
    return (datetime.now(UTC) - timedelta(**length)).replace(microsecond=0).isoformat()


class Running:
    """The program, started by its command, and where it can be reached."""

    def __init__(self, folder: Path, track: SeventeenTrackServer, smtp: SmtpServer) -> None:
        self.track, self.smtp, self.port = track, smtp, free_port()
        self.folder = folder
        self.config = folder / "config" / "orders.yaml"
        self.config.parent.mkdir()
        head = HEAD.format(smtp=smtp.port, sms="http://127.0.0.1:9/", track=track.url).replace(
            "[mail, text]", "[mail]"
        )
        orders = "".join(
            f"  - {{title: Parcel, tracking: {n}, to: ES, value: 89.00 EUR, vat_paid: no}}\n" for n in NUMBERS
        )
        self.config.write_text(f'web: {{listen: "127.0.0.1:{self.port}"}}\n{head}{orders}')
        self.config.chmod(0o600)
        self.environ = {k: v for k, v in os.environ.items() if k != "CW_REDIS_URL"}
        self.log = folder / "log"

    @contextmanager
    def run(self) -> Iterator[None]:
        argv = [sys.executable, "-m", "workers", "run", "--config", str(self.config)]
        with self.log.open("wb") as out:
            process = subprocess.Popen(argv, env=self.environ, stdout=out, stderr=out, cwd=Path.cwd())
            try:
                yield
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(60)
        assert process.returncode == 0, self.log.read_text()[-3000:]

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)) as line:
            try:
                line.request(method, path, body, headers or {})
                answer = line.getresponse()
                return answer.status, answer.read().decode()
            except OSError:
                return 0, ""

    def push(self, number: str) -> int:
        """Push the parcel as the fake 17TRACK shows it."""
        said: dict[str, Any] = {
            "event": "TRACKING_UPDATED",
            "data": item(self.track.parcel(number), 190271, tick=1),
        }
        body = json.dumps(said).encode()
        return self.ask("POST", "/push/track", body, sign_17track(body, "test-key"))[0]

    def stage(self, name: str) -> int:
        _, said = self.ask("GET", "/metrics")
        found = re.search(rf'customs_watch_parcels{{stage="{name}"}} (\d+)', said)
        return int(found[1]) if found else -1


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX")
def test_a_push_becomes_a_mail_without_a_look_and_once_though_a_look_comes_with_it(tmp_path: Path) -> None:
    with SeventeenTrackServer(rate=3.0) as track, SmtpServer() as smtp:
        running = Running(tmp_path, track, smtp)
        for number in NUMBERS:
            track.set_events(
                number,
                [
                    event(ago(days=9), "Received by logistics company", sub_status="InTransit_PickedUp", country="CN"),
                    event(ago(days=2), "Arrived in destination country/region", sub_status="InTransit_Arrival", country="ES"),
                ],
                destination="ES",
            )  # fmt: skip
        with (
            running.run(),
            Engine(running.environ, tmp_path / "var") as engine,
            closing(Store.connect(engine.url)) as store,
        ):
            wait_for(lambda: running.ask("GET", "/readyz")[0] == 200, "the program to be ready")
            wait_for(lambda: running.stage("arrived_destination") == len(NUMBERS), "the first look")
            assert smtp.journal == []

            # One is pushed: its mail leaves, and nobody has asked 17TRACK.
            first, rest = NUMBERS[0], NUMBERS[1:]
            calls = len(track.calls)
            due = event(ago(minutes=4), "Import duties and taxes are due. Awaiting payment by the recipient",
                        sub_status="InTransit_CustomsProcessing", country="ES")  # fmt: skip
            track.push_event(first, due)
            assert running.push(first) == 200
            wait_for(lambda: len(smtp.journal) == 1, "the mail of the push")
            assert len(track.calls) == calls
            known = store.recall(f"{first}/{first}")
            assert known is not None
            assert known.every == timedelta(hours=24)  # only checked on, from now on

            # The others are pushed at the very moment at which they are looked up, some of them twice.
            for number in rest:
                track.push_event(number, due)
            track.latency = 1.0
            asked = len(track.requests)
            store.postpone("track", [f"{number}/{number}" for number in rest], after=timedelta(0))
            wait_for(lambda: len(track.requests) > asked, "the look to be on its way")
            threads = [threading.Thread(target=running.push, args=(number,)) for number in [*rest, *rest[:2]]]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            wait_for(lambda: len(track.calls) > calls, "the look")
            track.latency = 0.0
            wait_for(lambda: running.stage("payment_due") == len(NUMBERS), "all to be asked to pay")
            wait_for(
                lambda: not store.unsettled(within=timedelta(seconds=1)).notices, "what is owed to be sent"
            )
            wait_for(lambda: len(smtp.journal) >= len(NUMBERS), "a mail for each")
            assert len({mail.notice for mail in smtp.journal}) == len(smtp.journal) == len(NUMBERS)
            assert {row.occurrence for row in store.notices()} == {1}

            # The web process dies, and is there again.
            pids = [
                int(pid)
                for pid in re.findall(
                    r'"pid": (\d+), "process": "web"|"process": "web", "pid": (\d+)', running.log.read_text()
                )[0]
                if pid
            ]
            os.kill(pids[0], signal.SIGKILL)
            wait_for(lambda: running.ask("GET", "/healthz")[0] == 200, "the web process to be started again")
            track.push_event(first, event(ago(minutes=1), "Import customs clearance complete", sub_status="InTransit_CustomsReleased", country="ES"))  # fmt: skip
            assert running.push(first) == 200
            wait_for(lambda: running.stage("released") == 1, "the release")

        assert "Traceback" not in running.log.read_text()
