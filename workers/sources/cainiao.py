"""Ask Cainiao's public tracking page for its data: opt-in, slow, never official; an odd answer is a block, not news.

Nothing of this is documented by Cainiao. The shapes come from clients verified in 2026 (ha-parcel-integrations/
ha-cainiao, July 2026) and from the enum of action codes of Alibaba's developer.alibaba.com apiId=30120; both read
2026-11-22. No limits are published; clients warn of blocked addresses, so a block is left alone for six hours.

Two clocks: ``time`` and ``timeStr`` with ``timeZone`` have been seen five to six hours apart, and it is not settled
which is true. Sightings therefore keep the order of the list, take ``time``, and call it ASSUMED where they differ.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import xxhash
from pydantic import Field, field_validator

from workers.core.model import Sighting, TimeQuality
from workers.errors import Temporary
from workers.sources import Ask, Found, NoNews, Outcome
from workers.sources._fields import UNREADABLE, table, tables, word
from workers.sources._fields import name as number_of
from workers.sources._http import CAP, Wire, quoted
from workers.sources._reach import Addressed
from workers.sources._times import millis, moment, naive, offset, utc

TITLE = "Cainiao"
CARRIERS = ("cainiao", "post CN")
_COLD = timedelta(hours=6)  # how long a block is left alone
_ON_THE_ROAD = ("CC_", "CIQ_", "CUS_", "LH_")  # codes that come before the last mile

FRESH = timedelta(minutes=90)  # a public page is not ours to press; other watchers of it ask every six hours


class Settings(Addressed):
    """Options of a Cainiao source. No key is needed."""

    i_accept_unofficial: bool = Field(default=False, validate_default=True)
    base_url: str = "https://global.cainiao.com/global/detail.json"
    lang: str = Field(default="en-US", pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    rate: float = Field(default=0.05, gt=0, le=1)  # calls per second: one in 20 seconds
    batch: int = Field(default=10, ge=1, le=10)
    timeout: float = Field(default=20.0, gt=0, le=300)  # seconds
    largest: int = Field(default=CAP, ge=1)  # bytes of an answer

    @field_validator("i_accept_unofficial")
    @classmethod
    def _accepted(cls, value: bool) -> bool:
        if not value:
            raise ValueError(
                "must be `true`: Cainiao offers no official interface for buyers; this asks the data behind its public "
                "tracking page, slowly, and may be blocked or change any day"
            )
        return value

    @field_validator("base_url")
    @classmethod
    def _http(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError("must start with https://")
        return value


def parse(payload: bytes | Mapping[str, Any], *, source: str) -> Mapping[str, Sequence[Sighting]]:
    """Return the sightings of an answer by number, oldest first; raises Temporary for a block or what cannot be read.

    A module that names no number stands under "".
    """
    return {
        number_of(module.get("mailNo")): _sightings(module, source=source) for module in _modules(payload)
    }


def open(  # noqa: A001 - the contract of a source module names it so
    settings: Settings,
    *,
    name: str,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] | None = None,  # noqa: ARG001 -- the contract of a source module names it
) -> Cainiao:
    """Return the source; makes no request. One look is one call, so it never uses *sleep*."""
    return Cainiao(settings, name=name, clock=clock)


class Cainiao:
    """The Cainiao source: one call for up to ten numbers."""

    def __init__(self, settings: Settings, *, name: str, clock: Callable[[], datetime]) -> None:
        self.name = name
        self.batch = settings.batch
        self.rate = settings.rate
        self._settings = settings
        self._wire = Wire(
            "Cainiao",
            timeout=timedelta(seconds=settings.timeout),
            clock=clock,
            cap=settings.largest,
            reach=settings.reach(),
            cold=_COLD,
        )

    def track(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        """Ask for all numbers at once; raises Temporary where the call failed or was blocked."""
        numbers = list(dict.fromkeys(number_of(ask.number) for ask in asks))
        params = {"mailNos": ",".join(numbers), "lang": self._settings.lang}
        answer = self._wire.call("GET", self._settings.base_url, params=params)
        body = self._wire.json(answer)
        if answer.status >= 400:
            raise Temporary(f"Cainiao refuses (HTTP {answer.status})", after=_COLD)
        modules = _modules(body)
        found = {number_of(module.get("mailNo")): module for module in modules}
        if "" in found and len(modules) == len(numbers):  # one module a number, in the order asked
            found = dict(zip(numbers, modules, strict=True))
        said = {number: self._outcome(found.get(number)) for number in numbers}
        return {ask.parcel: said[number_of(ask.number)] for ask in asks}

    def close(self) -> None:
        self._wire.close()

    def _outcome(self, module: Mapping[str, Any] | None) -> Outcome:
        if module is None:
            return Temporary("Cainiao did not mention this number in its answer")
        try:
            told = _sightings(module, source=self.name, lang=self._settings.lang)
        except Temporary as error:
            return error
        if not told:
            return NoNews()
        return Found(xxhash.xxh3_128_hexdigest(repr(told).encode()), lambda: told)


def action_code(value: Any) -> str:
    """Return an action code as our tables write it: upper case, plain underscores, no blanks."""
    return unicodedata.normalize("NFKC", word(value, 100)).strip().upper()


def _modules(payload: bytes | Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the parcels of an answer; raises Temporary for whatever is none."""
    if isinstance(payload, bytes):
        try:
            payload = msgspec.json.decode(payload, type=dict[str, Any])
        except UNREADABLE:
            raise Temporary("Cainiao's answer is not the JSON it usually sends", after=_COLD) from None
    if "module" not in payload or str(payload.get("success", True)).lower() == "false":
        ret = payload.get("ret")
        told = [payload.get("errorCode"), payload.get("errorMsg"), *(ret if isinstance(ret, list) else ())]
        why = quoted(" ".join(filter(None, (word(each, 80) for each in told))))
        raise Temporary(f"Cainiao refuses to show parcels{': ' + why if why else ''}", after=_COLD)
    modules = tables(payload["module"])
    if not modules:
        raise Temporary("Cainiao's answer holds no parcel", after=_COLD)
    if any("STOPCRAWLER" in word(module.get("status")).upper() for module in modules):
        raise Temporary("Cainiao takes us for a crawler", after=_COLD)
    return modules


def _sightings(module: Mapping[str, Any], *, source: str, lang: str = "") -> list[Sighting]:
    """Return one parcel's sightings, oldest first, in the order of the list; raises Temporary where there is none."""
    if "detailList" not in module and "latestTrace" not in module:
        raise Temporary("Cainiao's answer holds no list of events")
    listed = module.get("detailList")
    if listed is not None and not isinstance(listed, (list, dict)):
        raise Temporary("Cainiao's list of events cannot be read")
    events = tables(listed) or tables(module.get("latestTrace"))
    out = [_sighting(event, source=source, lang=lang) for event in reversed(events)]
    number = _last_mile_number(module)
    if number and out:
        who = word(table(module.get("destCpInfo")).get("cpName"))
        start = max(
            (at + 1 for at, each in enumerate(out) if each.code.startswith(_ON_THE_ROAD)), default=len(out)
        )
        for at in range(min(start, len(out) - 1), len(out)):
            out[at] = replace(out[at], number=number, carrier=who if at >= start and who else out[at].carrier)
    return out


def _sighting(event: Mapping[str, Any], *, source: str, lang: str) -> Sighting:
    standard, note = word(event.get("standerdDesc")), word(event.get("desc"))  # sic
    if standard and note and standard.casefold() != note.casefold():
        text = f"{standard}, Carrier note: {note}"  # as 17TRACK writes Cainiao's events
    else:
        text = standard or note
    at, quality = _when(event)
    code = action_code(event.get("actionCode"))
    return Sighting(
        source=source,
        text=text or code,
        at=at,
        quality=quality,
        system="cainiao",
        code=code,
        lang=lang,
        carrier="Cainiao",
    )


def _when(event: Mapping[str, Any]) -> tuple[datetime | None, TimeQuality]:
    at, written, zone = millis(event.get("time")), moment(event.get("timeStr")), offset(event.get("timeZone"))
    local = utc(written.replace(tzinfo=zone)) if written is not None and zone is not None else None
    if at is None:
        return (local, TimeQuality.ASSUMED) if local is not None else naive(event.get("timeStr"))
    agrees = local is not None and abs(local - at) < timedelta(minutes=1)
    return at, TimeQuality.EXACT if agrees else TimeQuality.ASSUMED


def _last_mile_number(module: Mapping[str, Any]) -> str:
    """Return the number of the last-mile carrier, if another; the field may hold words before it."""
    said = word(module.get("copyRealMailNo"), 200) or word(module.get("realMailNo"), 200)
    number = number_of(said.split()[-1]) if said else ""
    fits = 5 <= len(number) <= 50 and number.isascii() and number.isalnum()
    return number if fits and number != number_of(module.get("mailNo")) else ""
