"""Mail servers that fail, from the event of a parcel to what the owner reads: the real ledger, the real channels, a real mail
server that keeps a journal of its own, and an SMS gateway by which the owner is told. Hours pass by the clocks of the store's
scripts and of the pipeline, which the test sets; nobody sleeps.

Each case is one row of the table in docs/reliability.md, "Mail servers that fail".
"""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.servers.clocked import clocked, set_clock
from tests.servers.sms import SmsServer
from tests.servers.smtp import DROP, SmtpServer
from tests.servers.valkey import Valkey, free_port, start_valkey
from workers import app, knowledge, vigil
from workers.delivery import RETRIES
from workers.pipeline import Pipeline
from workers.sources import manual
from workers.store import NoticeRow, Store

pytestmark = pytest.mark.faults

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
NUMBER = "LX400000015CN"
PARCEL = f"{NUMBER}/{NUMBER}"
PASSWORD = "right-s3cret"
FILE = """\
owner: boss
recipients:
  ana: {{email: ana@example.org, timezone: Europe/Madrid, channels: [mail]}}
  boss: {{phone: "+34600000009", channels: [text]}}
channels:
  mail: {{kind: email, host: localhost, port: {port}, from: "cw@example.org", timeout: 10, {mail}}}
  text: {{kind: sms, provider: http, url: "{sms}", allow_hosts: [127.0.0.1], json: {{to: "{{to}}", text: "{{text}}"}}}}
sources:
  hand: {{kind: manual, folder: {folder}/events}}
orders:
  - {{title: Fishing reel, tracking: {number}, to: ES, value: 89.00 EUR, vat_paid: no, tell: [ana]}}
"""


class Died(BaseException):
    """A worker's death, between the mail server's 250 and the ledger."""


class DyingStore(Store):
    """A store whose worker dies before it can write down that a mail was accepted."""

    def done(self, *_: Any, **__: Any) -> None:
        raise Died


@dataclass
class World:
    """One parcel, one reader by mail, one owner by SMS, and the time."""

    url: str
    folder: Path
    sms: SmsServer
    known: knowledge.Knowledge
    leaving: ExitStack
    now: datetime = START
    port: int = field(default_factory=free_port)
    tls: ssl.SSLContext | None = None
    authority: Path | None = None
    server: SmtpServer | None = None

    def open(self, mail: str = "security: none") -> None:
        """Write the user's file and wire the program; its mail server may not be there yet."""
        file = self.folder / "orders.yaml"
        (self.folder / "events").mkdir(exist_ok=True)
        (self.folder / "scripts").mkdir(exist_ok=True)
        file.write_text(
            FILE.format(port=self.port, mail=mail, sms=self.sms.url, folder=self.folder, number=NUMBER)
        )
        file.chmod(0o600)
        self.house = app.furnish(app.load(file, {}))
        for one in self.house.channels.values():
            self.leaving.callback(one.close)
        self.store = self._store(Store)
        self.pipeline = self.worker(self.store)

    def _store(self, kind: type[Store]) -> Store:
        store = clocked(kind.connect(self.url), self.folder / "scripts")
        self.leaving.callback(store.close)
        set_clock(store, round(self.now.timestamp() * 1000))
        store.prepare()
        return store

    def worker(self, store: Store) -> Pipeline:
        return Pipeline(
            house=lambda: self.house, store=store, classifier=self.known.classifier, judge=app.judge(self.known),
            clock=lambda: self.now, wait=self.tick, ring=lambda *_: None, worker="w",
        )  # fmt: skip

    def serve(self, **options: Any) -> SmtpServer:
        """Let the mail server be there."""
        self.server = self.leaving.enter_context(SmtpServer(port=self.port, tls=self.tls, **options))
        return self.server

    def owe(self) -> None:
        """Let the parcel be known, and then be asked to pay: one mail is owed."""
        events = self.folder / "events"
        self.store.enrol("hand", [PARCEL], spread=timedelta(0))
        for ago, text in (
            (timedelta(days=2), "Arrived in destination country"),
            (timedelta(), "Import duties and taxes are due. Awaiting payment by the recipient"),
        ):
            manual.record(events, NUMBER, text, at=self.now - ago, country="ES")
            self.store.postpone("hand", [PARCEL], after=timedelta(0))
            self.pipeline.refresh("hand")
        assert [(row.channel, row.state) for row in self.store.notices()] == [("mail", "pending")]

    def tick(self, length: timedelta) -> None:
        self.now += length
        set_clock(self.store, round(self.now.timestamp() * 1000))

    def work(self) -> None:
        vigil.watch(self.house, self.store, self.pipeline.owner, now=self.now)
        self.pipeline.notify("mail")
        self.pipeline.announce()
        self.pipeline.notify("text")

    def pass_time(self, length: timedelta) -> None:
        """Let time pass, and a worker work all the while."""
        end = self.now + length
        while self.now < end:
            self.work()
            self.tick(
                timedelta(seconds=15)
                if end - self.now > length - timedelta(minutes=5)
                else timedelta(minutes=2)
            )
        self.work()

    @property
    def notice(self) -> NoticeRow:
        [row] = [row for row in self.store.notices() if row.recipient == "ana"]
        return row

    def told(self) -> list[str]:
        """What the owner read."""
        assert {text.to for text in self.sms.journal} <= {"+34600000009"}
        return [text.text for text in self.sms.journal]

    def arrived(self) -> Counter[str]:
        """How often each mail arrived, by its Message-ID."""
        return (
            Counter(str(mail.message["Message-ID"]) for mail in self.server.journal)
            if self.server
            else Counter()
        )

    def tries(self) -> int:
        return len(self.notice.log)


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with start_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="module")
def known() -> knowledge.Knowledge:
    return knowledge.load()


@pytest.fixture
def world(valkey: Valkey, known: knowledge.Knowledge, tmp_path: Path) -> Iterator[World]:
    with ExitStack() as leaving, SmsServer() as sms:
        yield World(valkey.fresh(), tmp_path, sms, known, leaving)


@pytest.fixture
def secured(world: World, tmp_path: Path) -> Callable[..., str]:
    """Give the world's mail server a certificate; return the options of a channel that demands TLS and signs in."""

    def make(*, name: str = "localhost", trusted: bool = True) -> str:
        authority = trustme.CA()
        world.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(world.tls)
        file = tmp_path / "authority.pem"
        authority.cert_pem.write_to_path(str(file))
        return "security: starttls, user: cw, password: %s" + (f", ca_file: {file}" if trusted else "")

    return make


HOUR = timedelta(hours=1)


def test_a_server_that_is_down_for_an_hour_gets_the_mail_once_when_it_is_back(world: World) -> None:
    world.open()
    world.owe()
    world.pass_time(HOUR)
    assert (world.notice.state, world.tries()) == ("pending", 5)
    assert "cannot reach the mail server" in world.notice.error
    world.serve()
    world.pass_time(HOUR)
    assert world.arrived().total() == 1
    assert (world.notice.state, world.tries()) == ("sent", 6)
    late = world.notice.changed
    assert late is not None
    assert late - START <= sum(RETRIES[:5], timedelta()) + timedelta(minutes=3)
    assert world.told() == []


def test_the_clock_of_the_test_is_what_makes_an_hour_pass(world: World) -> None:
    """The control: while the time stands still nothing is tried again."""
    world.open()
    world.owe()
    for _ in range(20):
        world.work()
    assert world.tries() == 1


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("connect", "421 4.3.2 closing"),
        ("rcpt", "451 4.7.1 greylisted"),
        ("data", DROP),  # cut after DATA, in place of 354
    ],
)
def test_what_cannot_have_been_accepted_is_tried_again_and_arrives_once(
    world: World, step: Any, answer: str
) -> None:
    world.open()
    world.serve().fail(step, answer, times=2)
    world.owe()
    world.work()
    assert world.notice.state == "pending"
    assert not world.notice.uncertain
    world.pass_time(HOUR)
    assert world.arrived().total() == 1
    assert (world.notice.state, world.tries()) == ("sent", 3)
    assert world.told() == []


@pytest.mark.parametrize("step", ["mail", "dot"])
def test_a_mail_that_is_refused_for_good_fails_once_and_its_owner_reads_why(world: World, step: Any) -> None:
    world.open()
    world.serve().fail(step, "552 5.3.4 message too big", times=9)
    world.owe()
    world.pass_time(HOUR)
    assert (world.notice.state, world.tries()) == ("failed", 1)
    assert world.arrived() == {}
    [said] = world.told()
    assert "Fishing reel" in said
    assert "mail" in said
    assert world.notice.owner_told is not None


@pytest.mark.parametrize(
    ("cut", "policy", "state", "arrives", "owner"),
    [
        ("dot", "resend", "sent", 1, 0),
        ("answer", "resend", "sent", 2, 0),
        ("dot", "hold", "held", 0, 1),
        ("answer", "hold", "held", 1, 1),
    ],
)
def test_where_the_answer_to_the_final_dot_is_lost_the_policy_decides(
    world: World, cut: Any, policy: str, state: str, arrives: int, owner: int
) -> None:
    world.open(f"security: none, on_uncertain: {policy}")
    world.serve().fail(cut, DROP)
    world.owe()
    world.pass_time(HOUR)
    assert world.notice.state == state
    assert world.notice.uncertain
    assert list(world.arrived().values()) == [arrives] * bool(arrives), (
        "one Message-ID, however often it arrives"
    )
    assert len(world.told()) == owner
    assert world.notice.log[0].outcome == policy


@pytest.mark.parametrize("policy", ["resend", "hold"])
def test_one_that_hangs_up_in_the_middle_of_the_mail_gets_it_once_or_it_is_held(
    world: World, policy: str
) -> None:
    """Whether the dot was out by then is a race; either way nothing comes twice, and nothing is lost unseen."""
    world.open(f"security: none, on_uncertain: {policy}")
    world.serve().fail("body", DROP)
    world.owe()
    world.pass_time(HOUR)
    held = policy == "hold" and world.notice.uncertain
    assert (world.notice.state, world.arrived().total()) == (("held", 0) if held else ("sent", 1))
    assert len(world.told()) == held


def test_a_server_that_says_250_and_crashes_has_the_mail_and_the_next_goes_by_a_new_connection(
    world: World,
) -> None:
    world.open()
    server = world.serve()
    world.owe()
    world.work()
    server.drop_all()
    assert (world.notice.state, world.arrived().total()) == ("sent", 1)
    manual.record(world.folder / "events", NUMBER, "Return to sender", at=world.now, country="ES")
    world.tick(timedelta(minutes=1))
    world.store.postpone("hand", [PARCEL], after=timedelta(0))
    world.pipeline.refresh("hand")
    world.pass_time(HOUR)
    assert {row.state for row in world.store.notices()} == {"sent"}
    assert sorted(world.arrived().values()) == [1, 1]
    assert world.told() == []


@pytest.mark.parametrize(
    ("policy", "state", "arrives", "owner"), [("resend", "sent", 2, 0), ("hold", "held", 1, 1)]
)
def test_a_worker_that_dies_after_250_leaves_a_doubt_and_the_policy_decides(
    world: World, policy: str, state: str, arrives: int, owner: int
) -> None:
    world.open(f"security: none, on_uncertain: {policy}")
    world.serve()
    world.owe()
    with pytest.raises(Died):
        world.worker(world._store(DyingStore)).notify("mail")
    assert (world.notice.state, world.arrived().total()) == ("sending", 1)
    world.work()
    assert world.arrived().total() == 1, "its lease lasts"
    world.pass_time(HOUR)
    assert (world.notice.state, world.notice.crashes) == (state, 1)
    assert list(world.arrived().values()) == [arrives], "one Message-ID, however often it arrives"
    assert len(world.told()) == owner


@pytest.mark.parametrize("fault", ["stripped", "unknown authority", "wrong name", "wrong password"])
def test_where_nothing_may_be_said_in_the_clear_or_nobody_is_let_in_nothing_is_sent_until_it_is_mended(
    world: World, secured: Callable[..., str], fault: str
) -> None:
    name = "elsewhere.example" if fault == "wrong name" else "localhost"
    options = secured(name=name, trusted=fault != "unknown authority")
    world.open(options % ("wr0ng-canary" if fault == "wrong password" else PASSWORD))
    server = world.serve(users={"cw": PASSWORD})
    server.strip_starttls = fault == "stripped"
    world.owe()
    world.pass_time(2 * HOUR)
    assert world.notice.state == "pending"
    assert server.connections == world.tries() == 8, "once in a quarter of an hour, as the clock here ticks"
    assert world.arrived() == {}
    said = {command.split()[0] for command in server.commands}
    allowed = {"EHLO", "QUIT", "STARTTLS"} | ({"AUTH"} if fault == "wrong password" else set())
    assert said <= allowed, "no plaintext: neither a mail nor a password"
    assert (server.commands.count("AUTH") == 8) == (fault == "wrong password")
    [told] = world.told()
    assert "mail" in told
    assert "refuses us" in told
    assert "canary" not in told + world.notice.error

    # What its owner mends in the file is tried at once, what was mended elsewhere within a quarter of an hour.
    if fault == "stripped":
        server.strip_starttls = False
        world.pass_time(timedelta(minutes=15))
    elif fault == "wrong password":
        world.open(options % PASSWORD)
        world.work()
    else:
        return
    assert world.notice.state == "sent"
    assert [(mail.tls, mail.user) for mail in server.journal] == [(True, "cw")]
    assert world.store.bars() == ()
    assert len(world.told()) == 1
