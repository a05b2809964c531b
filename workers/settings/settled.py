"""What the user's file comes to once it is read and found right. Holds no logic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from workers.core.limits import Quota
from workers.core.model import Order, ParcelRef
from workers.core.timing import Habits
from workers.errors import Mistake

_ANY_TIME = Habits()

Second = Literal[
    "yes", "no", "only"
]  # asked second too; never; never as a matter of course unless an order names it


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who is told. ``channels`` are names, each fit for what is known of the recipient."""

    name: str
    language: str = "en"  # one that is shipped
    timezone: str = "UTC"
    email: str = ""
    phone: str = ""  # E.164
    channels: tuple[str, ...] = ()
    habits: Habits = _ANY_TIME
    escalation: Escalation | None = None


@dataclass(frozen=True, slots=True)
class Escalation:
    """What happens to an urgent notice that nobody acknowledged: it goes once more, another way."""

    after: timedelta
    by: str  # a channel of the next recipient; "" for all of theirs
    to: str  # the name of the next recipient; the same one, where only the channel differs


@dataclass(frozen=True, slots=True)
class Section:
    """A source or a channel as configured."""

    kind: str  # the module's name
    options: BaseModel  # the module's own Settings
    quota: tuple[Quota, ...] | None = (
        None  # of a source: what the user says it allows; None: what its kind says
    )
    second: Second = "yes"  # of a source: whether it is asked where another is in doubt


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How much works at the same time."""

    processes: int = 1
    threads: int = 8  # in each process


@dataclass(frozen=True, slots=True)
class AutoWatch:
    """Orders found in mails are watched by themselves, each with the template's keys."""

    a_day: int = 5  # new ones at most


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where ``customs-watch web`` listens."""

    host: str = "127.0.0.1"
    port: int = 8674
    expose: bool = False  # whether other machines may reach it
    public_url: str = ""  # how readers reach it from outside: only then do messages carry a link

    @property
    def local(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Say whether *host* is a name or an address of this machine that no other one reaches."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


@dataclass(frozen=True, slots=True)
class KeepSettings:
    """How long what is over is remembered."""

    words: timedelta = timedelta(days=90)  # of notices
    parcels: timedelta = timedelta(days=365)  # that left the file, since they last moved


@dataclass(frozen=True, slots=True)
class Settings:
    """The user's file, checked. A new file makes a new one; nothing in it ever changes."""

    file: Path
    digest: str  # of the file and of every secret file it names
    recipients: Mapping[str, Recipient]
    channels: Mapping[str, Section]
    sources: Mapping[str, Section]  # in the file's order; the first is the default
    orders: Mapping[str, Order]  # by id, in the file's order
    parcels: Mapping[str, tuple[Order, ParcelRef]]  # by id
    owner: tuple[str, ...]  # recipients who are told of trouble with the program itself
    data: Path  # where the program keeps its own files
    templates: Path | None = None  # the user's own templates
    worker: WorkerSettings = WorkerSettings()
    web: WebSettings | None = None  # None: nothing is said of it, and ``run`` does not start it
    auto_watch: AutoWatch | None = None  # None: only what stands in the file is watched
    keep: KeepSettings = KeepSettings()
    warnings: tuple[Mistake, ...] = ()  # what is odd and not wrong
    read_from: tuple[Path, ...] = ()  # the file and the secret files, as the digest counts them
