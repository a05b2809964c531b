"""The world around a program under chaos: a tracking service, a mail server and three SMS gateways, each with its own journal.

What arrived is read from the journals alone, by the words that arrived. Faults of the world's own are ordered by a seed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Self

from tests.chaos import road
from tests.servers import sms as gateway
from tests.servers.seventeentrack import SeventeenTrackServer
from tests.servers.sms import Fault, SmsServer
from tests.servers.smtp import DROP, SmtpServer, Step

USER, PASSWORD, TRACK_KEY, SMS_KEY = "chaos", "canary-smtp-7301", "canary-track-5177", "canary-sms-9042"
PEOPLE = {"ana": ("ana.ruiz@example.org", "+34612000001"), "bea": ("bea.gil@example.org", "+34612000002")}
OWNER = "olga.gomez@example.org"  # is told of what reached nobody
GATEWAYS = ("keyed", "plain", "wary")  # honours keys; knows none, resend; knows none, hold
CHANNELS = ("mail", *GATEWAYS)
EACH = len(PEOPLE) * len(CHANNELS)  # notices of one step

_MAIL_FAULTS: tuple[tuple[Step, str], ...] = (
    ("connect", "421 4.3.2 closing for a while"),
    ("rcpt", "451 4.7.1 greylisted, try later"),
    ("data", "421 4.3.0 shutting down"),
    ("dot", "452 4.3.1 no room"),
    ("body", DROP),
    ("dot", DROP),
    ("answer", DROP),
    ("answer", DROP),
)
_SMS_FAULTS = (
    gateway.DROP,
    gateway.LOST,
    gateway.LOST,
    Fault(429, "{}", {"Retry-After": "2"}),
    Fault(503, "{}", {"Retry-After": "3"}),
)


@dataclass(frozen=True, slots=True)
class Told:
    """One message that the world accepted."""

    channel: str
    to: str
    parcel: int
    step: int
    reference: str  # the program's own id of it
    answered: bool = True  # False: the answer was lost, so that the program cannot know

    @property
    def owed(self) -> tuple[int, int, str, str]:
        """What it was owed as, whatever the program calls it."""
        return self.parcel, self.step, self.channel, self.to


class World:
    """The servers, and what they wrote down. *mishaps*: how many of a hundred messages a fault of theirs hits."""

    def __init__(self, *, seed: int, mishaps: float) -> None:
        self.track = SeventeenTrackServer(token=TRACK_KEY, rate=None, quota=10**9)
        self.smtp = SmtpServer(users={USER: PASSWORD})
        self.gateways = {name: SmsServer(keyed=name == "keyed") for name in GATEWAYS}
        self.calendar = road.Calendar(datetime.now(UTC))
        self.made_up: list[str] = []  # what no step of the road owes
        self.to_owner = 0
        self.faults: Counter[str] = Counter()
        self._random = random.Random(f"world {seed}")  # noqa: S311  # to be repeated, not to be secret
        self._mishaps = mishaps
        self._read = dict.fromkeys(CHANNELS, 0)
        self._leaving = ExitStack()

    def __enter__(self) -> Self:
        self._leaving.enter_context(self.track)
        self._leaving.enter_context(self.smtp)
        for server in self.gateways.values():
            self._leaving.enter_context(server)
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.close()

    def calm(self) -> None:
        """No faults from now on, but for those already ordered."""
        self._mishaps = 0

    def news(self) -> list[Told]:
        """Return what was accepted since the last call; the bulk of it is let go, for a long run has many."""
        out: list[Told] = []
        mails = self.smtp.journal
        for at in range(self._read["mail"], len(mails)):
            mail = mails[at]
            subject = str(mail.message["Subject"])
            told = self._told("mail", mail.to[0], road.read_subject(subject), mail.notice, subject)
            out += [replace(one, answered=mail.answered) for one in told]
            mails[at] = replace(mail, data=b"")
            self._read["mail"] = at + 1
        for name, server in self.gateways.items():
            for at in range(self._read[name], len(server.journal)):
                text = server.journal[at]
                told = self._told(name, text.to, road.read_short(text.text), text.reference, text.text)
                out += [replace(one, answered=text.id not in server.unanswered) for one in told]
                self._read[name] = at + 1
            server.asked.clear()
        self.smtp.commands.clear()
        self.track.requests.clear()
        self.track.calls.clear()
        self._mischief(out)
        return out

    def _told(
        self, channel: str, to: str, found: tuple[int, int] | None, reference: str, said: str
    ) -> list[Told]:
        if to == OWNER:
            self.to_owner += 1
            return []
        if found is None:
            self.made_up.append(f"{channel} {to} {reference}: {said}")
            return []
        return [Told(channel, to, *found, reference)]

    def _mischief(self, told: list[Told]) -> None:
        """Order a fault for some of the messages to come."""
        for one in told:
            if self._random.random() * 100 >= self._mishaps:
                continue
            if one.channel == "mail":
                step, action = self._random.choice(_MAIL_FAULTS)
                self.smtp.fail(step, action)
                self.faults[f"mail {step} {action[:3]}"] += 1
            else:
                fault = self._random.choice(_SMS_FAULTS)
                self.gateways[one.channel].fail(fault)
                name = "lost" if fault.accept else fault.status or "drop"
                self.faults[f"{one.channel} {name}"] += 1

    def slow_down(self, pick: float) -> None:
        """Let the tracking service refuse the next call, one way or another."""
        ways: tuple[tuple[str, Callable[[], None]], ...] = (
            ("track 429", lambda: self.track.next_http(429, b"{}", Retry_After="2")),
            ("track 503", lambda: self.track.next_http(503, b"{}", Retry_After="3")),
        )
        name, way = ways[int(pick * len(ways))]
        way()
        self.faults[name] += 1
