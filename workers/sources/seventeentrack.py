"""Ask 17TRACK (API v2.4) where parcels are, up to 40 numbers a call; never registers a number twice.

Source: https://asset.17track.net/api/document/v2.4_en/index.html (read 2026-11-22).

The memo of a parcel is ``registered:<carrier>`` or ``registered:<carrier>:<asked>``: the carrier code under
which 17TRACK knows the number, and the code of the user's hint already passed on, if that is another.
Registering costs one unit of quota; where the memo is lost, 17TRACK answers "already registered" and nothing
is spent.

A parcel without events but with a status that means something (not NotFound, InfoReceived or Expired) yields
one undated sighting with that status; any other parcel without events is no news.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urljoin

import msgspec
from msgspec import json as wire
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from workers.core.model import Sighting
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Found, NoNews, Outcome
from workers.sources._fields import UNREADABLE
from workers.sources._http import CAP, Wire, quoted
from workers.sources._seventeentrack import Envelope, Item, items_of, rejections, unpack
from workers.sources._seventeentrack_codes import ALREADY, NOT_REGISTERED, NOTHING_YET, carrier_code, trouble
from workers.sources._seventeentrack_events import read_all

BATCH = 40  # more are refused with -18010014


class Settings(BaseModel):
    """Options of a 17TRACK source. The key is made in the dashboard of https://api.17track.net."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: SecretStr
    base_url: str = "https://api.17track.net/track/v2.4/"
    lang: str = ""  # translate into this language; v2.2 charged extra for it, v2.4 does not say
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


@dataclass(frozen=True, slots=True)
class _Memo:
    carrier: str = ""  # as 17TRACK knows the number
    asked: str = ""  # the hint that was passed on, if another

    @classmethod
    def of(cls, text: str) -> _Memo | None:
        word, _, rest = text.partition(":")
        if word != "registered":
            return None
        carrier, _, asked = rest.partition(":")
        return cls(carrier if carrier.isdecimal() else "", asked)

    def __str__(self) -> str:
        tail = f":{self.asked}" if self.asked and self.asked != self.carrier else ""
        return f"registered:{self.carrier}{tail}"


def parse(payload: bytes | Mapping[str, Any], *, source: str) -> Mapping[str, Sequence[Sighting]]:
    """Return the sightings in a ``gettrackinfo`` answer, a push or one item, by number, oldest first.

    Raises Temporary for what cannot be read, and what the service says where the answer is an error.
    """
    body = payload if isinstance(payload, bytes) else _encoded(payload)
    envelope = unpack(body)
    items, refused = items_of(envelope), rejections(envelope)
    if envelope.error is not None and not items and not refused:
        raise trouble(*envelope.error)
    if not envelope.lists:
        raise Temporary("17TRACK's answer holds no list of numbers")
    by_number: dict[str, list[Item]] = {}
    for item in items:
        by_number.setdefault(item.number, []).append(item)
    return {number: read_all(found, source=source) for number, found in by_number.items()}


def open(  # noqa: A001 - the contract of a source module names it so
    settings: Settings,
    *,
    name: str,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] = time.sleep,
) -> SeventeenTrack:
    """Return the source; makes no request. *sleep* (seconds) spaces the calls of one look."""
    return SeventeenTrack(settings, name=name, clock=clock, sleep=sleep)


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
        )

    def track(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        """Register what is new, then read all; raises Temporary/Permanent where the whole call failed."""
        return _Look(self._call, self._settings, self.name, lambda: self._sleep(1 / self.rate)).run(asks)

    def quota(self) -> Quota:
        try:
            said = wire.decode(self._call("getquota", []).data or b"", type=dict[str, Any])
        except UNREADABLE:
            raise Temporary("17TRACK's quota cannot be read") from None
        keys = ("quota_total", "quota_used", "quota_remain", "today_used", "max_track_daily")
        try:
            return Quota(*(int(said.get(key) or 0) for key in keys))
        except (TypeError, ValueError, OverflowError):
            raise Temporary("17TRACK's quota cannot be read") from None

    def close(self) -> None:
        self._wire.close()

    def _call(self, endpoint: str, items: Sequence[Mapping[str, Any]]) -> Envelope:
        url = urljoin(self._settings.base_url, endpoint)
        answer = self._wire.call("POST", url, content=wire.encode(items))
        if answer.status == 401 and not answer.body.lstrip().startswith(b"{"):
            raise trouble(401, "")
        envelope = unpack(self._wire.json(answer))
        if envelope.error is not None and not (items_of(envelope) or rejections(envelope)):
            raise trouble(*envelope.error)
        if answer.status >= 400:
            raise (
                trouble(401, "")
                if answer.status == 401
                else Temporary(f"17TRACK refuses (HTTP {answer.status})")
            )
        return envelope


class _Look:
    """One look at up to 40 numbers: which calls are needed, in which order, and what each ask is told."""

    def __init__(
        self,
        call: Callable[[str, Sequence[Mapping[str, Any]]], Envelope],
        settings: Settings,
        source: str,
        pause: Callable[[], None],
    ) -> None:
        self._plain_call = call
        self._settings = settings
        self._source = source
        self._pause = pause
        self._calls = 0
        self._memos: dict[str, _Memo] = {}
        self._fresh: set[str] = set()  # registered in this look
        self._said: dict[str, Outcome] = {}  # by number

    def run(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        by_number: dict[str, Ask] = {}
        for ask in asks:  # two parcels may share a number: one box; the one with a memo speaks for both
            known = by_number.get(ask.number)
            if known is None or (not known.memo and ask.memo):
                by_number[ask.number] = ask
        for number, ask in by_number.items():
            memo = _Memo.of(ask.memo)
            if memo is not None:
                self._memos[number] = memo
        self._register([ask for number, ask in by_number.items() if number not in self._memos])
        self._correct([ask for number, ask in by_number.items() if number in self._memos])
        self._read([ask for number, ask in by_number.items() if number not in self._said])
        return {ask.parcel: self._said[ask.number] for ask in asks}

    def _call(self, endpoint: str, items: Sequence[Mapping[str, Any]]) -> Envelope:
        if self._calls:
            self._pause()
        self._calls += 1
        return self._plain_call(endpoint, items)

    def _register(self, asks: Sequence[Ask]) -> None:
        if not asks:
            return
        envelope = self._call("register", [_registration(ask, self._settings.lang) for ask in asks])
        accepted = {item.number: item for item in items_of(envelope)}
        refused = rejections(envelope)
        for ask in asks:
            asked = str(carrier_code(ask.carrier) or "")
            no = refused.get(ask.number)
            if ask.number in accepted:
                self._memos[ask.number] = _Memo(accepted[ask.number].carrier, asked)
                self._fresh.add(ask.number)
            elif no is not None and no.code == ALREADY:
                self._memos[ask.number] = _Memo(no.carrier)
            elif no is not None:
                self._said[ask.number] = trouble(no.code, no.message)
            else:
                self._said[ask.number] = _unmentioned(envelope)

    def _correct(self, asks: Sequence[Ask]) -> None:
        """Pass on a carrier named since; free, but five times a number at most, so once for each hint."""
        wrong: list[tuple[Ask, _Memo, str]] = []
        for ask in asks:
            memo, asked = self._memos[ask.number], str(carrier_code(ask.carrier) or "")
            if asked and memo.carrier and asked not in {memo.carrier, memo.asked}:
                wrong.append((ask, memo, asked))
        if not wrong:
            return
        envelope = self._call(
            "changecarrier",
            [{"number": a.number, "carrier_old": int(m.carrier), "carrier_new": int(c)} for a, m, c in wrong],
        )
        accepted = {item.number for item in items_of(envelope)}
        refused = rejections(envelope)
        for ask, memo, asked in wrong:
            if ask.number in accepted:
                self._memos[ask.number] = _Memo(asked)
            elif ask.number in refused:
                self._memos[ask.number] = _Memo(memo.carrier, asked)

    def _read(self, asks: Sequence[Ask]) -> None:
        if not asks:
            return
        envelope = self._call("gettrackinfo", [{"number": ask.number} for ask in asks])
        shown: dict[str, list[Item]] = {}
        for item in items_of(envelope):
            shown.setdefault(item.number, []).append(item)
        refused = rejections(envelope)
        lost = []
        for ask in asks:
            no = refused.get(ask.number)
            if ask.number in shown:
                self._said[ask.number] = self._outcome(ask, shown[ask.number])
            elif no is None:
                self._said[ask.number] = _unmentioned(envelope)
            elif no.code == NOTHING_YET or (no.code == NOT_REGISTERED and ask.number in self._fresh):
                self._said[ask.number] = NoNews(str(self._memos[ask.number]))
            elif no.code == NOT_REGISTERED:
                lost.append(ask)
            else:
                self._said[ask.number] = trouble(no.code, no.message)
        self._register_again(lost)

    def _register_again(self, asks: Sequence[Ask]) -> None:
        """Register what 17TRACK has forgotten: it deletes numbers 90 days after it stopped following them."""
        self._register(asks)
        for ask in asks:
            if ask.number in self._fresh:
                self._said[ask.number] = NoNews(str(self._memos[ask.number]))
            elif ask.number not in self._said:
                self._said[ask.number] = Temporary("17TRACK says that this number is, and is not, registered")

    def _outcome(self, ask: Ask, items: Sequence[Item]) -> Outcome:
        """Choose among the items of one number: the carrier asked for, else the one registered, else all."""
        memo = self._memos[ask.number]
        for wanted in (str(carrier_code(ask.carrier) or ""), memo.carrier):
            chosen = [item for item in items if wanted and item.carrier == wanted]
            if chosen:
                items = chosen
                break
        carrier = items[0].carrier if len(items) == 1 and items[0].carrier else memo.carrier
        text = str(_Memo(carrier, memo.asked))
        unreadable = next((item.problem for item in items if item.problem), "")
        if unreadable:
            return Temporary(f"17TRACK's answer cannot be read: {unreadable}")
        if not any(item.tells for item in items):
            return NoNews(text)
        fingerprint = "-".join(sorted(item.fingerprint for item in items))
        source = self._source
        return Found(fingerprint, lambda: read_all(items, source=source), text)


def _registration(ask: Ask, lang: str) -> dict[str, Any]:
    fields = {
        "number": ask.number,
        "carrier": carrier_code(ask.carrier),
        "destination_country": ask.destination,
        "destination_postal_code": ask.postcode,
        "lang": lang,
    }
    return {key: value for key, value in fields.items() if value}


def _unmentioned(envelope: Envelope) -> Temporary | Permanent:
    if envelope.error is not None:
        return trouble(*envelope.error)
    return Temporary("17TRACK did not mention this number in its answer")


def _encoded(payload: Mapping[str, Any]) -> bytes:
    try:
        return wire.encode(payload)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise Temporary(f"not a 17TRACK answer: {quoted(error)}") from None
