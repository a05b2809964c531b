"""From a mail to a notice in real processes: a mail arrives at an IMAP server, a notice leaves by SMTP, within seconds.

A forged mail that says more arrives as well, and nothing comes of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.dovecot import PASSWORD, USER, Dovecot
from tests.servers.program import wait_for
from tests.servers.smtp import SmtpServer
from tests.sources.letters import letter, tracking
from workers import app, supervise
from workers.engine import Engine
from workers.store import Store

NUMBER, ORDER = "LP00640000000011", "3076348326202839"
CONFIG = """\
recipients: {{ana: {{email: ana@example.org, timezone: Europe/Madrid}}}}
channels: {{mail: {{kind: email, host: 127.0.0.1, port: {smtp}, security: none, from: "Parcels <parcels@example.org>"}}}}
sources:
  mails:
    kind: aliexpress_mail
    host: localhost
    port: {imap}
    user: {user}
    password: {password}
    ca_file: {ca}
    authserv_id: mx.google.com
"""
ONE = """\
orders:
  - {{title: Camera drone, tracking: {number}, to: ES, order: "{order}", value: 89.00 EUR, vat_paid: no}}
"""


class Running:
    """The program as `run` starts it, on a mailbox and a mail server. Use as a context manager."""

    def __init__(self, folder: Path, imap: Dovecot, smtp: SmtpServer, config: str) -> None:
        self.config = folder / "config" / "orders.yaml"
        self.config.parent.mkdir()
        self.config.write_text(config)
        self.config.chmod(0o600)
        self.environ = {k: v for k, v in os.environ.items() if k != "CW_REDIS_URL"}
        self.settings = app.load(self.config, self.environ)
        self.engine = Engine(self.environ, folder / "var")

    def __enter__(self) -> Running:
        self.engine.__enter__()
        self.store = Store.connect(self.engine.url)
        self.store.prepare()
        children = [
            supervise.Child("scheduler", supervise.scheduler_argv(self.config)),
            supervise.Child("worker", supervise.worker_argv(4)),
        ]
        environ = supervise.worker_environ(self.environ, config=self.config, url=self.engine.url)
        self.supervisor = supervise.Supervisor(children, environ=environ, clock=app.uptime)
        self.supervisor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.supervisor.shut_down()
        self.store.close()
        self.engine.__exit__(None, None, None)

    def stage(self, parcel: str) -> str:
        known = self.store.recall(parcel)
        return known.stage if known else ""


@pytest.fixture
def imap() -> Iterator[Dovecot]:
    with Dovecot() as running:
        yield running


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


def config(imap: Dovecot, smtp: SmtpServer, rest: str) -> str:
    return (CONFIG + rest).format(
        smtp=smtp.port,
        imap=imap.tls_port,
        user=USER,
        password=PASSWORD,
        ca=imap.ca_file,
        number=NUMBER,
        order=ORDER,
    )


def ago(**length: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(**length)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX")
def test_an_order_met_in_a_mail_is_watched_by_itself_and_its_owner_is_told_once(
    tmp_path: Path, imap: Dovecot, smtp: SmtpServer
) -> None:
    number = "AP00824363068180"
    mail = letter(f"Package {number}: left the departure region", at=ago(days=4), html=tracking(ORDER))
    imap.deliver(mail, at=ago(days=4).timestamp())
    forged = letter("Package AP00824363068999: at customs", results=None, html=tracking("3000000000000001"))
    imap.deliver(forged)
    written = config(imap, smtp, "auto_watch: {{to: ES}}\n")
    with Running(tmp_path, imap, smtp, written) as program:
        wait_for(lambda: bool(smtp.journal), "word of a new order")
        assert smtp.journal[0].message["Subject"].endswith(f"Now watched: AliExpress …{ORDER[-4:]}")
        parcel = f"found-{ORDER}/{number}"
        wait_for(lambda: program.stage(parcel) == "in_transit", "its first look")
        imap.deliver(letter(f"Package {number} is out for delivery", at=ago(minutes=1), html=tracking(ORDER)))
        wait_for(lambda: program.stage(parcel) == "out_for_delivery", "its next step")
        wait_for(lambda: not program.store.unsettled(within=timedelta(seconds=65)), "quiet")
        watched = [mail for mail in smtp.journal if "Now watched" in mail.message["Subject"]]
        assert len(watched) == 1
        assert "AP00824363068999" not in " ".join(program.store.parcels())

        # It is forgotten by command, and the next mail does not bring it back.
        environ = {**program.environ, "CW_REDIS_URL": program.engine.url}
        argv = [
            sys.executable,
            "-m",
            "workers",
            "forget",
            f"found-{ORDER}",
            "--yes",
            "--config",
            str(program.config),
        ]
        subprocess.run(argv, env=environ, capture_output=True, timeout=60, check=True)
        kept = program.settings.data / "mail" / "mails.json"
        assert number not in kept.read_text()
        assert program.store.recall(parcel) is None
        imap.deliver(letter(f"Package {number} has been delivered", at=ago(minutes=1), html=tracking(ORDER)))
        wait_for(lambda: number in kept.read_text(), "the mail to be read")
        wait_for(lambda: not program.store.unsettled(within=timedelta(seconds=65)), "quiet")
        assert program.stage(parcel) == ""
        assert len([mail for mail in smtp.journal if "Now watched" in mail.message["Subject"]]) == 1
    assert program.config.read_text() == written


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX")
def test_a_mail_arrives_and_a_notice_leaves_and_a_forged_mail_moves_nothing(
    tmp_path: Path, imap: Dovecot, smtp: SmtpServer
) -> None:
    imap.deliver(
        letter(f"Package {NUMBER}: left the departure region", at=ago(days=5)), at=ago(days=5).timestamp()
    )
    imap.deliver(
        letter(f"Package {NUMBER}: in your country/region", at=ago(days=1)), at=ago(days=1).timestamp()
    )
    parcel = f"{NUMBER}/{NUMBER}"
    with Running(tmp_path, imap, smtp, config(imap, smtp, ONE)) as program:
        wait_for(lambda: program.stage(parcel) == "arrived_destination", "the first look")
        assert smtp.journal == []  # history is silent
        log = imap.folder / "run" / "log"
        wait_for(lambda: log.read_text().count("Login: user") >= 2, "the listener")

        imap.deliver(
            letter(f"Package {NUMBER} has been delivered", results="mx.google.com; dmarc=fail", key="forged")
        )
        imap.deliver(letter(f"Package {NUMBER}: at customs", at=ago(minutes=1)))
        came = time.monotonic()
        wait_for(lambda: bool(smtp.journal), "a notice", 60)
        assert time.monotonic() - came < 45, "the next look by the clock would come after hours"
        assert program.stage(parcel) == "import_customs"
        said = smtp.journal[0].message.as_string()
        assert "Camera drone" in smtp.journal[0].message["Subject"]
        assert "delivered" not in smtp.journal[0].message["Subject"].lower()
        assert "aliexpress.com/p/tracking" not in said
        wait_for(lambda: not program.store.unsettled(within=timedelta(seconds=65)), "quiet")
        assert len(smtp.journal) == 1
        environ = {**program.environ, "CW_REDIS_URL": program.engine.url, "COLUMNS": "400"}
        argv = [sys.executable, "-m", "workers", "status", "--config", str(program.config)]
        shown = subprocess.run(
            argv, env=environ, capture_output=True, text=True, timeout=60, check=True
        ).stdout
        assert "The source mails: 1 mail that names the shop or a carrier as sender was not believed" in shown
    assert imap.flags() == dict.fromkeys(imap.flags(), ())
