"""The whole program in real processes: an embedded server, a scheduler, two workers, a 17TRACK, a mail server and an SMS gateway
of our own. Asserts on what arrived there, never on what we believe we sent.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.seventeentrack import SeventeenTrackServer, event
from tests.servers.sms import SmsServer
from tests.servers.smtp import SILENCE, SmtpServer
from workers import app, supervise
from workers.engine import Engine
from workers.settings import Settings
from workers.store import Store

NUMBERS = [f"LP0077000000{i:04d}" for i in range(8)]
TO_PAY = NUMBERS[:5]

CONFIG = """
recipients:
  ana: {{email: ana@example.org, phone: "+34600000001", timezone: Europe/Madrid, channels: [mail, text]}}
channels:
  mail: {{kind: email, host: 127.0.0.1, port: {smtp}, security: none, from: "Parcels <parcels@example.org>"}}
  text: {{kind: sms, provider: http, url: "{sms}", json: {{to: "{{to}}", text: "{{text}}"}}, idempotency_header: Idempotency-Key}}
sources:
  track: {{kind: seventeentrack, token: test-key, base_url: "{track}"}}
worker: {{processes: 2, threads: 4}}
orders:
"""


def ago(**length: float) -> str:
    return (datetime.now(UTC) - timedelta(**length)).replace(microsecond=0).isoformat()


def wait_for(done: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Poll until *done*; fail with *what* when it takes too long."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(0.05)


class Program:
    """customs-watch as `run` starts it, and the world around it."""

    def __init__(self, folder: Path, track: SeventeenTrackServer, smtp: SmtpServer, sms: SmsServer) -> None:
        self.track, self.smtp, self.sms = track, smtp, sms
        config = folder / "config" / "orders.yaml"
        config.parent.mkdir()
        orders = "".join(
            f"  - {{title: Parcel {n[-1]}, tracking: {n}, to: ES, value: 89.00 EUR, vat_paid: no}}\n"
            for n in NUMBERS
        )
        config.write_text(CONFIG.format(smtp=smtp.port, sms=sms.url, track=track.url) + orders)
        environ = {k: v for k, v in os.environ.items() if k != "CW_REDIS_URL"}
        self.settings: Settings = app.load(config, environ)
        self.engine = Engine(environ, folder / "var")
        self._config, self._environ = config, environ

    def __enter__(self) -> Program:
        self.engine.__enter__()
        self.store = Store.connect(self.engine.url)
        self.store.prepare()
        children = [supervise.Child("scheduler", supervise.scheduler_argv(self._config))]
        children += [supervise.Child(f"worker-{i}", supervise.worker_argv(4)) for i in (1, 2)]
        self.supervisor = supervise.Supervisor(
            children,
            environ=supervise.worker_environ(self._environ, config=self._config, url=self.engine.url),
            clock=app.now,
        )
        self.supervisor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.supervisor.shut_down()
        self.store.close()
        self.engine.__exit__(None, None, None)

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


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    with (
        SeventeenTrackServer(rate=3.0) as track,
        SmtpServer() as smtp,
        SmsServer(keyed=True) as sms,
        Program(tmp_path, track, smtp, sms) as running,
    ):
        yield running


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX")
def test_parcels_move_through_customs_and_nothing_arrives_twice_though_every_worker_is_killed(
    program: Program,
) -> None:
    for number in NUMBERS:
        program.track.set_events(
            number,
            [
                event(ago(days=9), "Received by logistics company", sub_status="InTransit_PickedUp", country="CN"),
                event(ago(days=7), "Export customs clearance complete", sub_status="InTransit_CustomsReleased", country="CN"),
                event(ago(days=2), "Arrived in destination country/region", sub_status="InTransit_Arrival", country="ES"),
            ],
            destination="ES",
        )  # fmt: skip

    # History is silent: eight parcels with old events, and not a word.
    wait_for(
        lambda: program.stages() == {"arrived_destination": 8}, f"the first look; stands {program.stages()}"
    )
    assert program.mails() == []
    assert program.texts() == []

    # They enter customs while we watch: one mail and one SMS each.
    for number in NUMBERS:
        program.track.push_event(
            number,
            event(ago(minutes=50), "Import customs clearance started", sub_status="InTransit_CustomsProcessing", country="ES"),
        )  # fmt: skip
    program.look_now()
    wait_for(lambda: program.stages() == {"import_customs": 8}, "all eight to enter customs")
    wait_for(lambda: len(program.mails()) >= 8 and len(program.texts()) >= 8, "eight mails and eight texts")

    # Five are asked to pay. The mail server stops answering, so that every mail is in the middle of its way; then every worker dies.
    program.smtp.fail("data", SILENCE, times=len(TO_PAY))
    for number in TO_PAY:
        program.track.push_event(
            number,
            event(
                ago(minutes=5), "Import duties and taxes are due. Awaiting payment by the recipient",
                sub_status="InTransit_CustomsProcessing", country="ES",
            ),
        )  # fmt: skip
    program.look_now()
    wait_for(lambda: program.stages() == {"payment_due": 5, "import_customs": 3}, "five to be asked to pay")
    wait_for(lambda: len(program.texts()) == 13, "five more texts")
    wait_for(
        lambda: len(program.store.notices(states=("sending",))) == 5, "five mails in the middle of their way"
    )
    assert len(program.mails()) == 8
    program.kill_all_workers()
    program.smtp.drop_all()

    # The supervisor starts new ones; the leases of the dead run out; the five mails arrive after all.
    def revived() -> bool:
        program.supervisor.look_after()
        return len(program.mails()) == 13

    wait_for(revived, "the five mails after the workers died", seconds=90)

    # And on: customs lets all of them go.
    for number in NUMBERS:
        program.track.push_event(
            number,
            event(ago(minutes=1), "Import customs clearance complete", sub_status="InTransit_CustomsReleased", country="ES"),
        )  # fmt: skip
    program.look_now()
    wait_for(lambda: program.stages()["released"] == 8, f"the release; stands {program.stages()}")
    wait_for(lambda: not program.store.unsettled(within=timedelta(seconds=65)), "quiet")

    mails, texts = Counter(program.mails()), Counter(program.texts())
    assert max(mails.values()) == 1, "a mail arrived twice"
    assert max(texts.values()) == 1, "a text arrived twice"
    assert len(mails) == len(texts)
    assert set(mails) | set(texts) == {row.id for row in program.store.notices(states=("sent",))}
    asked = {mail.message["X-Customs-Watch-Notice"]: mail.message for mail in program.smtp.journal}
    urgent = [m for m in asked.values() if "pay" in m["Subject"].lower() or "charges" in m["Subject"].lower()]
    assert len(urgent) >= len(TO_PAY)
    registered = Counter(
        n for call in program.track.calls if call.endpoint == "register" for n in call.numbers
    )
    assert max(registered.values()) == 1, "a number was registered twice: that costs quota"
    assert all(len(call.items) <= 40 for call in program.track.calls)
    assert program.store.counts().get("crashes", 0) >= len(TO_PAY), (
        "the kill hit nobody: the test would prove nothing"
    )
