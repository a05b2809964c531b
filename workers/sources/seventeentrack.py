"""Ask 17TRACK (API v2.4) where parcels are, up to 40 numbers a call; never registers a number twice.

Source: https://asset.17track.net/api/document/v2.4_en/index.html (read 2026-11-22).

Registering a number costs one unit of quota, so what was done for a parcel is kept in its memo; where the memo
is lost, 17TRACK answers "already registered" and nothing is spent.

A parcel without events but with a status that means something (not NotFound, InfoReceived or Expired) yields
one undated sighting with that status; any other parcel without events is no news.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal
from urllib.parse import urljoin

import msgspec
from msgspec import json as wire
from pydantic import Field, SecretStr, field_validator

from workers.core.model import Sighting
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Found, Leaving, News, Outcome, Push, Reconciled
from workers.sources import _seventeentrack_keep as _keep
from workers.sources._fields import UNREADABLE, table
from workers.sources._http import CAP, Wire, quoted
from workers.sources._reach import Addressed
from workers.sources._seventeentrack import Envelope, Item, Page, unpack, unpack_page
from workers.sources._seventeentrack_codes import trouble
from workers.sources._seventeentrack_events import read_all
from workers.sources._seventeentrack_look import Look, Memo
from workers.sources._signed import same

TITLE = "17TRACK"
BATCH = 40  # more are refused with -18010014


class Settings(Addressed):
    """Options of a 17TRACK source. The key is made in the dashboard of https://api.17track.net."""

    token: SecretStr
    base_url: str = "https://api.17track.net/track/v2.4/"
    lang: str = ""  # translate into this language; v2.2 charged extra for it, v2.4 does not say
    tag: str = Field(default="customs-watch", max_length=100)  # what we register carries it
    on_settled: Literal["stop", "keep"] = "stop"  # a parcel that is delivered and stayed so
    on_remove: Literal["keep", "stop", "delete"] = "stop"  # a parcel that we look up no more
    unwatched: Literal["report", "stop"] = "report"  # what carries our tag there and is not watched here
    rate: float = Field(default=3.0, gt=0, le=100)  # calls per second
    batch: int = Field(default=BATCH, ge=1, le=BATCH)
    timeout: float = Field(default=35.0, gt=0, le=300)  # seconds; the service itself gives up after 30
    largest: int = Field(default=CAP, ge=1)  # bytes of an answer

    @field_validator("base_url")
    @classmethod
    def _http(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError("must start with https://")
        return value.rstrip("/") + "/"

    @field_validator("token")
    @classmethod
    def _printable(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[!-~]+", value.get_secret_value()):
            raise ValueError("must be 17TRACK's key: letters and digits, no spaces")
        return value


@dataclass(frozen=True, slots=True)
class Quota:
    """How many numbers can still be registered."""

    total: int
    used: int
    remain: int
    today: int  # registered today
    daily: int  # at most a day


def parse(payload: bytes | Mapping[str, Any], *, source: str) -> Mapping[str, Sequence[Sighting]]:
    """Return the sightings in a ``gettrackinfo`` answer, a push or one item, by number, oldest first.

    Raises Temporary for what cannot be read, and what the service says where the answer is an error.
    """
    body = payload if isinstance(payload, bytes) else _encoded(payload)
    envelope = unpack(body)
    if envelope.error is not None and envelope.failed:
        raise trouble(*envelope.error)
    if not envelope.lists:
        raise Temporary("17TRACK's answer holds no list of numbers")
    by_number: dict[str, list[Item]] = {}
    for item in envelope.items:
        by_number.setdefault(item.number, []).append(item)
    return {number: read_all(found, source=source) for number, found in by_number.items()}


def verified(settings: Settings, push: Push, *, now: datetime) -> bool:  # noqa: ARG001 - 17TRACK signs no time
    """Whether *push* is 17TRACK's: its ``sign`` is SHA-256 of the body, "/" and the key. That is no HMAC."""
    key = settings.token.get_secret_value().encode()
    said = push.headers.get("sign", "").strip().lower()
    return same(said, hashlib.sha256(push.body + b"/" + key).hexdigest())


def pushed(body: bytes, *, source: str) -> News:
    """Return what a push says of its one number; where it shows no events (TRACKING_STOPPED), the number is looked up.

    Raises Temporary for what cannot be read.
    """
    items = [item for item in unpack(body).items if item.number]
    if not items:
        raise Temporary("17TRACK's push names no number")
    return News(
        found={
            item.number: Found(item.fingerprint, partial(read_all, [item], source=source), item.carrier)
            for item in items
            if item.tells and not item.problem
        },
        look=tuple(item.number for item in items if item.problem),
        fits=_same_carrier,
    )


def _same_carrier(memo: str, found: Found) -> bool:
    """Whether a push is of the parcel we follow: a number may be registered under a second carrier, for another parcel."""
    known = Memo.of(memo)
    return known is None or "" in (known.carrier, found.memo) or known.carrier == found.memo


def open(  # noqa: A001 - the contract of a source module names it so
    settings: Settings,
    *,
    name: str,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] = time.sleep,
) -> SeventeenTrack:
    """Return the source; makes no request. *sleep* (seconds) spaces the calls of one look."""
    return SeventeenTrack(settings, name=name, clock=clock, sleep=sleep)


def read_quota(body: bytes) -> Quota:
    """Return the quota in an answer to ``getquota``; raises Temporary for what cannot be read."""
    keys = ("quota_total", "quota_used", "quota_remain", "today_used", "max_track_daily")
    try:
        said = table(table(wire.decode(body)).get("data"))
        return Quota(*(int(said.get(key) or 0) for key in keys))
    except (*UNREADABLE, TypeError, ValueError, OverflowError):
        raise Temporary("17TRACK's quota cannot be read") from None


def quota(source: SeventeenTrack) -> Quota:
    """Ask how many numbers can still be registered; raises Temporary or Permanent."""
    return source.quota()


class SeventeenTrack:
    """The 17TRACK source: one call for numbers it knows, a few more (1/rate apart) where some are new."""

    def __init__(
        self, settings: Settings, *, name: str, clock: Callable[[], datetime], sleep: Callable[[float], None]
    ) -> None:
        self.name = name
        self.batch = settings.batch
        self.rate = settings.rate
        self._settings = settings
        self._sleep = sleep
        self._wire = Wire(
            "17TRACK",
            timeout=timedelta(seconds=settings.timeout),
            clock=clock,
            headers={"17token": settings.token.get_secret_value()},
            cap=settings.largest,
            reach=settings.reach(),
            busy=True,
        )

    def track(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        """Register what is new, then read all; raises Temporary/Permanent where the whole call failed."""
        return Look(
            self._call,
            source=self.name,
            lang=self._settings.lang,
            tag=self._settings.tag,
            pause=lambda: self._sleep(1 / self.rate),
        ).run(asks)

    def retire(self, asks: Sequence[Ask], why: Leaving) -> Mapping[str, Temporary | Permanent | None]:
        """Have 17TRACK stop following, or delete, what we look up no more, as the settings say."""
        how = self._settings.on_settled if why is Leaving.SETTLED else self._settings.on_remove
        if how == "keep":
            return dict.fromkeys(ask.parcel for ask in asks)
        return _keep.retire(self._paced, "deletetrack" if how == "delete" else "stoptrack", asks)

    def reconcile(self, asks: Sequence[Ask], settled: Sequence[Ask]) -> Reconciled:
        """Compare what 17TRACK follows with what we watch, mend what differs, and ask for the quota."""
        chosen = self._settings
        comparison = _keep.Comparison(
            self._paced, self._page, lang=chosen.lang, tag=chosen.tag, stop=chosen.unwatched == "stop"
        )
        found = comparison.run(asks, settled)
        self._sleep(1 / self.rate)
        quota = self.quota()
        return replace(found, remain=quota.remain, total=quota.total)

    def quota(self) -> Quota:
        """Ask how many numbers can still be registered; raises Temporary or Permanent."""
        return read_quota(self._exchange("getquota", [])[1])

    def close(self) -> None:
        self._wire.close()

    def _call(self, endpoint: str, items: Sequence[Mapping[str, Any]]) -> Envelope:
        return self._exchange(endpoint, items)[0]

    def _paced(self, endpoint: str, items: Sequence[Mapping[str, Any]]) -> Envelope:
        """Make a call that no look has been let in for."""
        self._sleep(1 / self.rate)
        return self._call(endpoint, items)

    def _page(self, number: int) -> Page:
        self._sleep(1 / self.rate)
        return unpack_page(
            self._exchange("gettracklist", {"page_no": number, "order_by": "RegisterTimeAsc"})[1]
        )

    def _exchange(
        self, endpoint: str, items: Sequence[Mapping[str, Any]] | Mapping[str, Any]
    ) -> tuple[Envelope, bytes]:
        """Make one call; returns the answer opened and as it came, and raises one that is an error as a whole."""
        url = urljoin(self._settings.base_url, endpoint)
        answer = self._wire.call("POST", url, content=wire.encode(items))
        if answer.status == 401 and not answer.body.lstrip().startswith(b"{"):
            raise trouble(401, "")
        body = self._wire.json(answer)
        envelope = unpack(body)
        if envelope.error is not None and envelope.failed:
            raise trouble(*envelope.error)
        if answer.status == 401:
            raise trouble(401, "")
        if answer.status >= 400:
            raise Temporary(f"17TRACK refuses (HTTP {answer.status})")
        return envelope, body


def _encoded(payload: Mapping[str, Any]) -> bytes:
    try:
        return wire.encode(payload)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise Temporary(f"not a 17TRACK answer: {quoted(error)}") from None
