"""Where a parcel can be looked up: one module per kind of source, found by its file name.

A source module holds three things and no registry entry:

``class Settings(BaseModel)``
    its own options, ``extra="forbid"``;
``parse(payload, *, source) -> Mapping[str, Sequence[Sighting]]``
    pure: the service's answer, decoded, to sightings by tracking number, oldest first;
``open(settings, *, name, clock, sleep) -> Source``
    the thing that asks. Opening makes no request. ``sleep(seconds)`` is called before each further call of one look:
    it waits at least until the rate that all workers share allows one more. A module with ``ROTATES = True`` is also
    given ``vault=``, see ``Vault``.

A source whose service can report by itself holds two more, both pure:

``verified(settings, push, *, now) -> bool``
    whether *push* is the service's: over its raw bytes, in constant time, before anything in it is read;
``pushed(body, *, source) -> News``
    what a verified push says; raises Temporary for what cannot be read.

Three more say what the service is known to allow, and are left out where nothing is known:

``QUOTA: tuple[Quota, ...]``
    calls or new numbers in a window; the user's ``quota:`` is put in its place;
``FRESH: timedelta``
    what it shows of one parcel does not change sooner, so that it is not asked sooner;
``EACH = True``
    every number of a batch is a call of its own.

Two say who it is:

``TITLE: str``
    what people call the service; the name in the user's file where there is none;
``CARRIERS: tuple[str, ...]``
    whose parcels alone it knows, as ``core.numbers`` names carriers ("post FR": what the post of France gave out, and what
    is bound for France); left out where it knows everybody's.

A source whose service follows numbers for us may also be ``Retiring`` and ``Reconciling``.

An error is not an empty answer: a source that fails, blocks or answers nonsense raises (for the whole batch) or returns
(for one parcel) ``Temporary`` or ``Permanent``, never an empty list.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Final, Protocol, runtime_checkable

from workers.core.limits import Quota
from workers.core.model import Sighting
from workers.errors import Misconfigured, Permanent, Temporary


@dataclass(frozen=True, slots=True)
class Ask:
    """One parcel to look up."""

    parcel: str  # the parcel's id
    number: str
    carrier: str = ""  # the user's hint, as written
    origin: str = ""
    destination: str = ""
    postcode: str = ""
    lang: str = ""
    order: str = ""  # the shop's number of the order
    phone_last4: str = ""  # of the telephone on the parcel's label; sent only where a carrier demands it
    memo: str = ""  # what this source asked us to remember of this parcel last time
    parcels: int = 1  # how many parcels that order has


@dataclass(frozen=True, slots=True)
class Found:
    """What the service shows of one parcel. ``read`` is called only where ``fingerprint`` is new."""

    fingerprint: str  # changes whenever the events do, and does not when only clocks or sync times do
    read: Callable[[], Sequence[Sighting]]  # oldest first; may raise Temporary for a body it cannot read
    memo: str = ""


@dataclass(frozen=True, slots=True)
class NoNews:
    """The service knows the number (or has just been told of it) and has no event yet. Normal before shipping."""

    memo: str = ""
    again: timedelta | None = None  # when it may know more: it was told of the number only now


TOLD: Final = timedelta(minutes=15)  # until a service that was told of a number has usually asked the carrier


@dataclass(frozen=True, slots=True)
class Push:
    """A request that claims to come from a source. Hostile until the source's module has verified it."""

    body: bytes  # as it came: what was decoded and encoded again is another body
    headers: Mapping[str, str]  # names in lower case
    path: str = ""  # what follows the source's name in the address


@dataclass(frozen=True, slots=True)
class News:
    """What a verified push says."""

    found: Mapping[str, Found] = field(default_factory=dict)  # by tracking number
    look: tuple[str, ...] = ()  # numbers to be looked up at once: the push is only a hint
    partial: bool = False  # holds only what is new since the last one
    fits: Callable[[str, Found], bool] = lambda _memo, _found: (
        True
    )  # whether it is of the parcel with that memo


Outcome = Found | NoNews | Temporary | Permanent


class Vault(Protocol):
    """Where a source keeps a secret that changes and that all workers must share: a token that rotates.

    The one way in which a source remembers more than a memo. It is handed to a kind whose module says ``ROTATES = True``.
    """

    def read(self, name: str) -> tuple[bytes, int]:
        """Return a secret and its version; nothing and 0 where there is none."""

    def begin(self, name: str, version: int, *, lease: timedelta) -> bool:
        """Say whether the caller alone may now make a new one, for *lease*; False also where *version* is old."""

    def put(self, name: str, version: int, value: bytes) -> bool:
        """Keep *value* in place of *version*; False where somebody else has put another since."""


class Source(Protocol):
    """A tracking source. Blocking; safe to call from several threads."""

    name: str
    batch: int  # parcels per call at most
    rate: float  # calls per second allowed by the service, shared by all workers through the store

    def track(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        """Return an outcome for every ask, keyed by ``Ask.parcel``; raise Temporary/Permanent for the whole batch."""

    def close(self) -> None: ...


class Leaving(StrEnum):
    """Why a parcel is looked up no more."""

    SETTLED = "settled"  # delivered, and it stayed so
    REMOVED = "removed"  # the user took it out of the file, or has another source look it up


@runtime_checkable
class Retiring(Protocol):
    """A source whose service follows numbers until it is told not to: it is told, once, when we look no more.

    Called from a chore that is kept until it is done. ``sleep`` comes before every call, the first included.
    """

    def retire(self, asks: Sequence[Ask], why: Leaving) -> Mapping[str, Temporary | Permanent | None]:
        """Return for every ask, by ``Ask.parcel``, what went wrong; None where nothing is left to do.

        Raises Temporary/Permanent for all of them. Doing it twice does no harm.
        """


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a service follows, compared with what we watch."""

    follows: int  # numbers
    unwatched: tuple[str, ...] = ()  # it follows them and we do not watch them
    stopped: int = 0  # of those: how many it was told to stop
    registered: int = 0  # we watch them and it did not know them: told of again
    resumed: int = 0  # we watch them and it had stopped: asked to follow on
    refused: tuple[str, ...] = ()  # we watch them, and it would not: a sentence each
    remain: int | None = None  # new numbers that can still be registered; None where it does not say
    total: int | None = None


@runtime_checkable
class Reconciling(Protocol):
    """A source whose service can list what it follows. Called once a day from a chore, as Retiring is."""

    def reconcile(self, asks: Sequence[Ask], settled: Sequence[Ask]) -> Reconciled:
        """Compare what the service follows with *asks*, all parcels that are watched there.

        One with a memo was registered before; another will be by its first look. Those that are *settled* stand beside
        them: they are neither unwatched nor followed again. Raises Temporary/Permanent.
        """


@runtime_checkable
class Listening(Protocol):
    """What a source may have besides: it is told of news, and says so."""

    def listen(self, on_news: Callable[[], None], stopped: Callable[[], bool]) -> None:
        """Call *on_news* whenever its parcels should be looked at, and once at first; return when *stopped* says so.

        Returns at once where it cannot listen.
        """


@runtime_checkable
class Forgetting(Protocol):
    """What a source may have besides: it keeps something of parcels on this machine."""

    def forget(self, numbers: Collection[str]) -> None:
        """Keep nothing of the parcels with these numbers."""


@runtime_checkable
class Remarking(Protocol):
    """What a source may have besides: something for ``status`` to show."""

    def remarks(self) -> Sequence[str]:
        """Return sentences on what a person should know; asks nobody."""


@dataclass(frozen=True, slots=True)
class Noticed:
    """An order that a source has met, of which nobody asked."""

    order: str  # the shop's number
    numbers: tuple[str, ...]  # tracking numbers of its parcels
    shop: str


@runtime_checkable
class Noticing(Protocol):
    """What a source may have besides: it meets orders nobody asked it about."""

    def noticed(self) -> Sequence[Noticed]:
        """Return orders on their way, the newest first; raises Temporary or Permanent where it cannot look."""


def kinds() -> list[str]:
    """Return the names of all kinds of source, from the directory."""
    return sorted(m.name for m in iter_modules(__path__) if not m.name.startswith("_"))


def quota(kind: str) -> tuple[Quota, ...]:
    """Return what the service of *kind* is known to allow."""
    known: tuple[Quota, ...] = getattr(load(kind), "QUOTA", ())
    return known


def fresh(kind: str) -> timedelta:
    """Return how long what the service of *kind* shows of a parcel stays the same at least."""
    known: timedelta = getattr(load(kind), "FRESH", timedelta(0))
    return known


def each(kind: str) -> bool:
    """Say whether every number is a call of its own at the service of *kind*."""
    return bool(getattr(load(kind), "EACH", False))


@cache  # asked for every parcel, and a module never changes
def carriers(kind: str) -> tuple[str, ...]:
    """Return whose parcels alone the service of *kind* knows, as ``core.numbers`` names them; () for everybody's."""
    known: tuple[str, ...] = getattr(load(kind), "CARRIERS", ())
    return known


@cache
def title(kind: str, name: str) -> str:
    """Return what people call the service of *kind*; *name*, from the user's file, where it has no name of its own."""
    return str(getattr(load(kind), "TITLE", name))


def load(kind: str) -> ModuleType:
    """Return the module of *kind*; raises Misconfigured for a name that is not in the directory."""
    if kind not in kinds():
        raise Misconfigured(f"no source {kind!r}", hint=f"there are: {', '.join(kinds())}")
    return import_module(f"{__name__}.{kind}")
