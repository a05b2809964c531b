"""Ask DHL's unified tracking (Shipment Tracking - Unified) for one number a call; reads MyDHL Express answers too.

Source: https://developer.dhl.com/api-reference/shipment-tracking (version 1.4.1, read 2026-11-24).

DHL names no code for customs: it says so in words, in ``description``, ``remark`` and ``nextSteps``. Times stand without
a zone more often than not. The limits of a new key are commonly quoted as 250 calls a day and one in 5 seconds; DHL
counts the day in UTC and answers 429 without saying when, so both the rate and ``batch`` are small.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field, SecretStr, field_validator

from workers.core.limits import Quota
from workers.core.model import Sighting, TimeQuality
from workers.errors import Permanent, Temporary
from workers.sources import Ask, NoNews, Outcome
from workers.sources._fields import country, table, tables, whole, word
from workers.sources._fields import name as number_of
from workers.sources._http import CAP, Wire, quoted
from workers.sources._reach import Addressed
from workers.sources._single import (
    Refused,
    decoded,
    http_url,
    joined,
    oldest_first,
    one_by_one,
    printable,
    refusal,
    shown,
    stamped,
)
from workers.sources._times import offset, utc

TITLE = "DHL"
CARRIERS = ("dhl", "dhl express", "dhl ecommerce", "post DE")
_HINT = "is `token` the API key of an app with Shipment Tracking - Unified, and is the app approved?"

QUOTA = (
    Quota("calls", 250, "day"),
)  # of a new key, as commonly quoted; the key's page at developer.dhl.com says its own

EACH = True


class Settings(Addressed):
    """Options of a DHL source. The key is that of an app made at https://developer.dhl.com."""

    token: SecretStr = Field(description="the app's API key (consumer key)")
    base_url: str = Field(default="https://api-eu.dhl.com/track/shipments", description="where its API is")
    service: str = Field(
        default="",
        pattern=r"^[a-z-]*$",
        description="one of DHL's services, where a number means two parcels",
    )
    lang: str = Field(default="en", pattern=r"^[a-z]{2}$", description="language of the events")
    rate: float = Field(default=0.2, gt=0, le=100, description="calls per second")
    batch: int = Field(default=5, ge=1, le=50, description="numbers in one look, a call each")
    timeout: float = Field(default=20.0, gt=0, le=300, description="seconds to wait")
    largest: int = Field(default=CAP, ge=1, description="bytes of an answer at most")

    _url = field_validator("base_url")(http_url)
    _key = field_validator("token")(printable)


def parse(payload: bytes | Mapping[str, Any], *, source: str) -> Mapping[str, Sequence[Sighting]]:
    """Return the sightings of an answer by number, oldest first; a number DHL does not find has none.

    Raises Temporary for what cannot be read, and what DHL says where the answer is an error.
    """
    by_number: dict[str, list[Mapping[str, Any]]] = {}
    for shipment in _shipments(payload):
        number = number_of(shipment.get("id")) or number_of(shipment.get("shipmentTrackingNumber"))
        by_number.setdefault(number, []).append(shipment)
    return {number: _latest(shipments, source=source) for number, shipments in by_number.items()}


def open(  # noqa: A001 - the contract of a source module names it so
    settings: Settings,
    *,
    name: str,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] = time.sleep,
) -> Dhl:
    """Return the source; makes no request. *sleep* (seconds) spaces the calls of one look."""
    return Dhl(settings, name=name, clock=clock, sleep=sleep)


class Dhl:
    """The DHL source: one call a number."""

    def __init__(
        self, settings: Settings, *, name: str, clock: Callable[[], datetime], sleep: Callable[[float], None]
    ) -> None:
        self.name = name
        self.batch = settings.batch
        self.rate = settings.rate
        self._settings = settings
        self._sleep = sleep
        self._wire = Wire(
            "DHL",
            timeout=timedelta(seconds=settings.timeout),
            clock=clock,
            headers={"DHL-API-Key": settings.token.get_secret_value()},
            cap=settings.largest,
            reach=settings.reach(),
        )

    def track(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        """Ask for one number after the other; raises Temporary/Permanent where none was answered."""
        return one_by_one(asks, self._look, pause=lambda: self._sleep(1 / self.rate))

    def close(self) -> None:
        self._wire.close()

    def _look(self, ask: Ask) -> Outcome:
        number = number_of(ask.number)
        params = {"trackingNumber": number, "language": self._settings.lang, "limit": "25"}
        if self._settings.service:
            params["service"] = self._settings.service
        if ask.postcode:
            params["recipientPostalCode"] = ask.postcode
        answer = self._wire.call("GET", self._settings.base_url, params=params)
        if answer.status == 401 and not answer.body.strip():
            raise refusal("DHL", 401, hint=_HINT)
        body = self._wire.json(answer)
        if answer.status >= 400:
            try:
                _shipments(body)
            except Permanent as error:
                if isinstance(error, Refused):
                    raise
                return error
            if answer.status == 404:
                return NoNews()
            raise refusal("DHL", answer.status, hint=_HINT)
        mine = [each for each in _shipments(body) if number in _numbers(each)]
        if not mine:
            return Temporary(
                "DHL answered of another shipment than the one asked for",
                hint="set `service`: two of DHL's services may use one number",
            )
        there = [e for e in mine if ask.destination and _country(e.get("destination")) == ask.destination]
        return shown(_latest(there or mine, source=self.name))


def _shipments(payload: Any) -> list[dict[str, Any]]:
    """Return the shipments of an answer; one that is not found stands there without events; raises what DHL says."""
    said = table(decoded(payload, "DHL"))
    if "shipments" in said:
        shipments = tables(said["shipments"])
        if not shipments:
            raise Temporary("DHL's answer holds no shipment")
        return shipments
    status, why = whole(said.get("status")), word(said.get("detail")) or word(said.get("title"))
    if status == 404 and why:
        last = re.split(r"[/=]", word(said.get("instance"), 200))[-1]
        return [{"id": last, "events": []}]
    if status in {401, 403}:
        raise refusal("DHL", status, why, hint=_HINT)
    if status == 400 and why:
        raise Permanent(f"DHL does not take this number: {quoted(why)}")
    raise Temporary(f"DHL's answer is no list of shipments{': ' + quoted(why) if why else ''}")


def _latest(shipments: Sequence[Mapping[str, Any]], *, source: str) -> list[Sighting]:
    """Return the sightings of the shipment with the latest event: two services may use one number for two parcels."""
    lists = [_sightings(shipment, source=source) for shipment in shipments]
    return max(lists, key=lambda told: max((s.at.timestamp() for s in told if s.at is not None), default=0.0))


def _numbers(shipment: Mapping[str, Any]) -> set[str]:
    """Return all numbers a shipment goes by: its own, and those of its pieces."""
    pieces = table(shipment.get("details")).get("pieceIds")
    listed = pieces if isinstance(pieces, list) else []
    return {number_of(shipment.get("id")), *(number_of(piece) for piece in listed)} - {""}


def _sightings(shipment: Mapping[str, Any], *, source: str) -> list[Sighting]:
    listed = shipment.get("events")
    if listed is not None and not isinstance(listed, list):
        raise Temporary("DHL's list of events cannot be read")
    events = tables(listed or []) or tables(shipment.get("status"))  # a status alone is an event too
    return oldest_first(_sighting(event, source=source) for event in events)


def _sighting(event: Mapping[str, Any], *, source: str) -> Sighting:
    code = word(event.get("statusCode"), 40) or word(event.get("typeCode"), 40)
    text = word(event.get("description")) or word(event.get("status"))
    told = joined(text, word(event.get("remark")), word(event.get("nextSteps")))
    at, quality = _when(event)
    area = next(iter(tables(event.get("serviceArea"))), {})  # MyDHL Express
    address = table(table(event.get("location")).get("address"))
    return Sighting(
        source=source,
        text=told or code,
        at=at,
        quality=quality,
        system="dhl",
        code=code,
        place=word(address.get("addressLocality"), 200) or word(area.get("description"), 200),
        country=country(address.get("countryCode")),
        carrier="DHL",
    )


def _when(event: Mapping[str, Any]) -> tuple[datetime | None, TimeQuality]:
    if "timestamp" in event or "date" not in event:
        return stamped(event.get("timestamp"))
    at, quality = stamped(f"{word(event['date'], 20)} {word(event.get('time'), 20)}".strip())
    zone = offset(event.get("GMTOffset"))
    if at is not None and zone is not None and quality is TimeQuality.ASSUMED:
        return utc(at.replace(tzinfo=zone)), TimeQuality.EXACT
    return at, quality


def _country(party: Any) -> str:
    return country(table(table(party).get("address")).get("countryCode"))
