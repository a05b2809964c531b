"""A steady, modest load for customs-watch as it runs: parcels come, move through customs, are delivered, leave and are forgotten.

Each minute is one cohort: enrolled in the user's file, told of customs a minute later, asked to pay, released, delivered, taken
out of the file, and forgotten by the retention of the file's ``keep:``. What was sent is read from the journals of the mail
server and the SMS gateway; nothing is believed of the program itself.
"""

from __future__ import annotations

import http.client
import json
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.servers._seventeentrack_shapes import CAINIAO, item
from tests.servers.program import HEAD
from tests.servers.seventeentrack import SeventeenTrackServer, event
from tests.servers.sms import SmsServer
from tests.servers.smtp import SmtpServer
from tests.servers.valkey import free_port
from tests.web.pushes import sign_17track
from workers import app, retention
from workers.house import House
from workers.store import Store

MINUTE = timedelta(minutes=1)
KEEP = "keep: {words: 3m, parcels: 5m}\n"
HISTORY = (
    (timedelta(days=9), "Received by logistics company", "InTransit_PickedUp", "CN"),
    (timedelta(days=7), "Export customs clearance complete", "InTransit_CustomsReleased", "CN"),
    (timedelta(days=2), "Arrived in destination country/region", "InTransit_Arrival", "ES"),
)
STEPS = (  # one a minute, after the minute in which the parcel is enrolled
    ("Import customs clearance started", "InTransit_CustomsProcessing"),
    ("Import duties and taxes are due. Awaiting payment by the recipient", "InTransit_CustomsProcessing"),
    ("Import customs clearance complete", "InTransit_CustomsReleased"),
    ("Out for delivery", "OutForDelivery_Other"),
    ("Delivered", "Delivered_Other"),
)
LASTS = len(STEPS) + 2  # minutes in the file
PUSHED = 5  # every fifth parcel's news is pushed; the others are looked up, as if their time had come
REFUSED = 40  # the mail server puts off every fortieth mail


@dataclass
class Load:
    """What comes and goes; ``tick`` is to be called several times a minute."""

    folder: Path
    each_minute: int
    track: SeventeenTrackServer
    smtp: SmtpServer
    sms: SmsServer
    port: int = field(default_factory=free_port)
    enrolled: int = 0
    told: int = 0
    pushes_refused: int = 0
    _minute: int = -1
    _plan: list[tuple[timedelta, Callable[[], None]]] = field(default_factory=list)
    _cohorts: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.config = self.folder / "config" / "orders.yaml"
        self.config.parent.mkdir(parents=True)
        self._write()

    def tick(self, since: timedelta, store: Store) -> None:
        """Do what the plan wants *since* the beginning."""
        if since // MINUTE > self._minute:
            self._minute = since // MINUTE
            self._next_minute(store)
        while self._plan and self._plan[0][0] <= since:
            self._plan.pop(0)[1]()

    def settle(self) -> None:
        """Let nothing more come; what is there stays as it is."""
        self._plan.clear()

    def _next_minute(self, store: Store) -> None:
        cohort = [f"LP{self.enrolled + n:014d}" for n in range(self.each_minute)]
        now = datetime.now(UTC)
        for number in cohort:
            past = [
                event(
                    (now - ago).replace(microsecond=0).isoformat(), text, sub_status=status, country=country
                )
                for ago, text, status, country in HISTORY
            ]
            self.track.set_events(number, past, destination="ES")
        self.enrolled += len(cohort)
        self._cohorts.insert(0, cohort)
        for gone in self._cohorts[LASTS:]:
            for number in gone:
                self.track.parcels.pop(number, None)
        del self._cohorts[LASTS:]
        self._write()
        retention.keep(self._house(), store, now=app.now)
        moves = [
            (number, step, n)
            for step, movers in enumerate(self._cohorts[1 : len(STEPS) + 1])
            for n, number in enumerate(movers)
        ]
        start, pause = self._minute * MINUTE, MINUTE / max(len(moves), 1)
        self._plan += [
            (start + pause * i, lambda number=number, step=step, n=n: self._move(number, step, n, store))  # type: ignore[misc]  # bound now, not later
            for i, (number, step, n) in enumerate(moves)
        ]

    def _house(self) -> House:
        """As much of a house as retention asks for: what the file says now."""
        return House(settings=app.load(self.config, {}), sources={}, channels={}, renderer=None)  # type: ignore[arg-type]  # nothing is rendered

    def _move(self, number: str, step: int, n: int, store: Store) -> None:
        text, status = STEPS[step]
        at = datetime.now(UTC).replace(microsecond=0).isoformat()
        self.track.push_event(number, event(at, text, sub_status=status, country="ES"))
        self.told += 1
        if self.told % REFUSED == 0:
            self.smtp.fail("rcpt", "451 4.7.1 greylisted, try again")
        if n % PUSHED == 0:
            self.pushes_refused += self._push(number) != 200
        else:
            store.postpone("track", [f"{number}/{number}"], after=timedelta(0))

    def _push(self, number: str) -> int:
        said = {"event": "TRACKING_UPDATED", "data": item(self.track.parcel(number), CAINIAO, tick=1)}
        body = json.dumps(said).encode()
        return self.ask("POST", "/push/track", body, sign_17track(body, "test-key"))

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> int:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as line:
            try:
                line.request(method, path, body, headers or {})
                answer = line.getresponse()
                answer.read()
            except OSError:
                return 0
            return answer.status

    def _write(self) -> None:
        head = HEAD.format(smtp=self.smtp.port, sms=self.sms.url, track=self.track.url)
        numbers = [number for cohort in self._cohorts for number in cohort]
        orders = "".join(
            f"  - {{title: Parcel {n}, tracking: {n}, to: ES, value: 89.00 EUR, vat_paid: no}}\n"
            for n in numbers
        )
        text = f'web: {{listen: "127.0.0.1:{self.port}"}}\n{KEEP}{head}{orders or "  []"}'
        hidden = self.config.with_name(".orders.yaml")
        hidden.touch(mode=0o600)
        hidden.write_text(text)
        hidden.rename(self.config)

    def sent(self) -> tuple[Counter[str], Counter[str]]:
        """Return how often each notice arrived as a mail, and as a text."""
        return Counter(mail.notice for mail in self.smtp.journal), Counter(t.key for t in self.sms.journal)
