"""The whole program behind a door to its store, and the world around it, for the tests that strike at every point of it.

Real processes by their own command lines, a real server, mail servers, an SMS gateway, a 17TRACK and an AliExpress of our own. Each
point that is struck at has a parcel of its own, so that what came of it can be read from the journals of the world alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.servers.aliexpress import KEY, SECRET, AliExpressServer, line, node
from tests.servers.crew import Crew
from tests.servers.door import StoreDoor
from tests.servers.seventeentrack import SeventeenTrackServer, event
from tests.servers.sms import SmsServer
from tests.servers.smtp import SmtpServer
from tests.servers.valkey import Valkey, free_port, start_valkey, until
from workers import app
from workers.store import NoticeRow, Store

# Made-up secrets and addresses that nobody else uses: none may stand in any line that a process writes.
CANARIES = {
    "key of a source": "canary-17track-key",
    "key of another": "canary-spare-key",
    "password of the mail server": "canary-smtp-password",
    "mail address": "canary.ana@example.org",
    "telephone number": "+34600000001",
    "app secret": SECRET,
}
OWNER = "otto@example.org"
HEAD = """\
owner: otto
recipients:
  ana: {{email: {mail}, phone: "{phone}", timezone: Europe/Madrid, channels: [mail, text, careful], daily_cap: 999}}
  otto: {{email: otto@example.org, timezone: Europe/Madrid, channels: [mail]}}
  gone: {{email: gone@example.org, timezone: Europe/Madrid, channels: [lost]}}
  slow: {{email: slow@example.org, timezone: Europe/Madrid, channels: [snail]}}
  unsure: {{email: unsure@example.org, timezone: Europe/Madrid, channels: [vague, wary]}}
  shut: {{email: shut@example.org, timezone: Europe/Madrid, channels: [locked]}}
  night: {{email: night@example.org, timezone: Europe/Madrid, channels: [mail], quiet: "00:00-23:59"}}
channels:
  mail: {{kind: email, host: 127.0.0.1, port: {smtp}, security: none, from: "mail <mail@example.org>"}}
  careful: {{kind: email, host: 127.0.0.1, port: {smtp}, security: none, on_uncertain: hold, from: "careful <careful@example.org>"}}
  lost: {{kind: email, host: 127.0.0.1, port: {deaf}, security: none, from: "lost <lost@example.org>"}}
  snail: {{kind: email, host: 127.0.0.1, port: {snail}, security: none, from: "snail <snail@example.org>"}}
  vague: {{kind: email, host: 127.0.0.1, port: {fog}, security: none, from: "vague <vague@example.org>"}}
  wary: {{kind: email, host: 127.0.0.1, port: {fog}, security: none, on_uncertain: hold, from: "wary <wary@example.org>"}}
  locked: {{kind: email, host: 127.0.0.1, port: {locked}, security: none, user: cw, password: canary-smtp-password, idle: 0, from: "locked <locked@example.org>"}}
  text: {{kind: sms, provider: http, url: "{sms}", allow_hosts: [127.0.0.1], json: {{to: "{{to}}", text: "{{text}}"}}, idempotency_header: Idempotency-Key}}
sources:
  track: {{kind: seventeentrack, token: canary-17track-key, base_url: "{track}", allow_hosts: [127.0.0.1], rate: 20, second: no}}
  spare: {{kind: seventeentrack, token: canary-spare-key, base_url: "{spare}", allow_hosts: [127.0.0.1], rate: 20, second: no}}
  shade: {{kind: seventeentrack, token: canary-spare-key, base_url: "http://127.0.0.1:9/", allow_hosts: [127.0.0.1], second: no}}
  ae: {{kind: aliexpress, app_key: "{key}", app_secret: {secret}, refresh_token: test-refresh-0, base_url: "{ae}", allow_hosts: [127.0.0.1], rate: 50, batch: 1, second: no}}
web: {{listen: "127.0.0.1:{web}"}}
worker: {{processes: 2, threads: 4}}
orders:
"""
ARRIVED, CUSTOMS = "Arrived in destination country/region", "Import customs clearance started"


def ago(**length: float) -> str:
    return (datetime.now(UTC) - timedelta(**length)).replace(microsecond=0).isoformat()


def customs() -> dict[str, Any]:
    return event(ago(minutes=50), CUSTOMS, sub_status="InTransit_CustomsProcessing", country="ES")


class Theatre:
    """``parcels``: title → who is told and where it is looked up. Use as a context manager."""

    def __init__(self, folder: Path, parcels: Mapping[str, tuple[str, str]]) -> None:
        self.folder, self.parcels = folder, parcels
        self.number = {title: f"LP77{n:012d}" for n, title in enumerate(parcels)}
        self.title = {number: title for title, number in self.number.items()}
        self.config = folder / "config" / "orders.yaml"
        self.notes: set[str] = set()  # of scenes, on what they did once
        self._stack = ExitStack()

    def id(self, title: str) -> str:
        return f"{self.number[title]}/{self.number[title]}"

    def __enter__(self) -> Theatre:
        enter = self._stack.enter_context
        (self.folder / "store").mkdir()
        self.server: Valkey = enter(start_valkey(self.folder / "store"))
        self.track = enter(SeventeenTrackServer(token="canary-17track-key", rate=None, quota=10_000))
        self.spare = enter(SeventeenTrackServer(token="canary-spare-key", rate=None, quota=10_000))
        self.ae = enter(AliExpressServer())
        self.smtp, self.deaf, self.snail, self.fog = (enter(SmtpServer()) for _ in range(4))
        self.locked = enter(SmtpServer(users={"cw": CANARIES["password of the mail server"]}))
        self.deaf.fail("rcpt", "550 5.1.1 no such user", times=10_000)
        self.sms = enter(SmsServer(keyed=True))
        self.web_port = free_port()
        self._write()
        self.store = Store.connect(self.server.url)
        self._stack.callback(self.store.close)
        self.store.prepare()
        self.door = StoreDoor(self.server.socket.with_name("door"), self.server.socket)
        self.crew = enter(Crew(self.config, self.door.url, self.folder / "logs"))
        self.door.role = self.crew.role
        enter(self.door)
        self.ours = app.assemble(self.config, self.server.url, environ=os.environ)
        for title in self.parcels:
            self._arrive(title)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _write(self) -> None:
        self.config.parent.mkdir()
        head = HEAD.format(
            mail=CANARIES["mail address"], phone=CANARIES["telephone number"], smtp=self.smtp.port, deaf=self.deaf.port,
            snail=self.snail.port, fog=self.fog.port, locked=self.locked.port, sms=self.sms.url, track=self.track.url, spare=self.spare.url, ae=self.ae.origin, key=KEY,
            secret=SECRET, web=self.web_port,
        )  # fmt: skip
        orders = "".join(
            f'  - {{title: "{title}", tracking: {self.number[title]}, order: "81{self.number[title][2:]}", to: ES,'
            f" value: 89.00 EUR, vat_paid: no, tell: [{who}], source: {source}}}\n"
            for title, (who, source) in self.parcels.items()
        )
        self.config.write_text(head + orders)
        self.config.chmod(0o600)

    def _arrive(self, title: str) -> None:
        number, source = self.number[title], self.parcels[title][1]
        if source == "ae":
            self.ae.set_order(f"81{number[2:]}", [line(number, [node(ago(days=2), ARRIVED)])])
            return
        known = [
            event(
                ago(days=9),
                "Received by logistics company",
                sub_status="InTransit_PickedUp",
                country="CN",
            ),
            event(ago(days=2), ARRIVED, sub_status="InTransit_Arrival", country="ES"),
        ]
        (self.track if source == "track" else self.spare).set_events(number, known, destination="ES")

    # -- what happens in the world -----------------------------------------------------------------------------

    def enter_customs(self, title: str) -> None:
        """Let the parcel enter customs, as its source shows it from now on: once, however often it is asked for."""
        number, source = self.number[title], self.parcels[title][1]
        if source == "ae":
            nodes = [node(ago(minutes=50), CUSTOMS), node(ago(days=2), ARRIVED)]
            self.ae.set_order(f"81{number[2:]}", [line(number, nodes)])
            return
        shown = (self.track if source == "track" else self.spare).parcel(number)
        if len(shown.events) < 3:
            shown.events.append(customs())

    def look(self, title: str) -> None:
        source = self.parcels[title][1]
        self.store.postpone(source, [self.id(title)], after=timedelta(0))
        self.ours.bells.ring("refresh", source)

    def review(self, title: str) -> None:
        self.store.review_soon([self.id(title)])
        self.ours.bells.ring("announce", "")

    def lapse(self, queue: str, names: Iterable[str]) -> None:
        """Let time pass for something that waits: its score is moved, not the clock."""
        for name in names:
            self.store.scripts.client.zadd("{cw}:" + queue, {name: 1}, xx=True)

    def rows(self, title: str) -> list[NoticeRow]:
        return self.store.notices(self.id(title))

    def stage(self, title: str) -> str:
        known = self.store.recall(self.id(title))
        return known.stage if known else ""

    # -- what the world knows ----------------------------------------------------------------------------------

    def mails(self) -> list[tuple[str, str, str]]:
        """Return title, channel and notice of every mail about a parcel that was accepted; those to the owner are left out."""
        found = []
        for server in (self.smtp, self.snail, self.fog, self.locked):
            for mail in list(server.journal):
                if OWNER in mail.to:
                    continue
                message = mail.message
                body = message.get_body(("plain",))
                text = f"{message['Subject']} {body.get_content() if body else ''}"
                found.append(
                    (_title(text, self.parcels), str(message["From"]).partition(" ")[0], mail.notice)
                )
        return found

    def texts(self) -> list[tuple[str, str]]:
        """Return title and key of every text message that was accepted."""
        return [(_title(text.text, self.parcels), text.key) for text in list(self.sms.journal)]


def _title(text: str, titles: Mapping[str, Any]) -> str:
    found = re.search(r"\bP\d{3}\b", text)
    return found[0] if found and found[0] in titles else ""


def stuck(store: Store, parcels: Sequence[str]) -> list[str]:
    """Return every row that has no way forward: open notices that nobody will take, parcels that nobody will look at."""
    client = store.scripts.client
    queued = {name.decode() for key in client.keys("{cw}:ob:*") for name in client.zrange(key, 0, -1)}
    open_ = {row.id for row in store.notices(states=("pending", "sending"), limit=10_000)}
    watched = {p for key in client.keys("{cw}:due:*") for p in store.watched(key.decode().rpartition(":")[2])}
    said = [f"notice {name} is open and in no queue" for name in open_ - queued]
    said += [f"notice {name} is in a queue and not open" for name in queued - open_]
    said += [f"parcel {name} is watched by nobody" for name in parcels if name not in watched]
    told = {row.id for row in store.notices(states=("held", "failed", "expired"), limit=10_000)}
    listed = {n.decode() for key in ("dead", "kept") for n in client.zrange("{cw}:" + key, 0, -1)}
    return said + [f"notice {name} is dead and nobody will be told" for name in told - listed]


Scene = Callable[[Theatre, str], None]


def wait(question: Callable[[], object], *, seconds: float = 60) -> None:
    until(lambda: bool(question()), seconds=seconds)
