"""Ask Ship24 where parcels are: a tracker is created once for each number, then its results are read; never twice.

Source: https://docs.ship24.com/assets/openapi/ship24-tracking-api.yaml, docs.ship24.com/errors and /status (read
2026-11-22).

Creating a tracker costs quota, and the same number with other particulars is another tracker: so the tracker's id is
kept in the parcel's memo. A new tracker has no events yet; they are read from the next look on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from time import sleep as _sleep
from typing import Any
from urllib.parse import quote, urljoin

from msgspec import json as wire
from pydantic import Field

from workers.core.model import Sighting
from workers.errors import Permanent, Temporary
from workers.sources import TOLD, Ask, Found, News, NoNews, Outcome, Push
from workers.sources._answers import carrier_named, opened, shown, stamped
from workers.sources._fields import name as number_of
from workers.sources._fields import table, tables, word
from workers.sources._http import Wire, quoted
from workers.sources._places import country_in, state_of
from workers.sources._signed import SignedSettings, same

TITLE = "Ship24"
_NUMBER = re.compile(r"[A-Z0-9_/.-]{5,50}")
_EVENTLESS = frozenset({"", "pending", "info_received", "data_order_created"})  # no event by themselves
_LATER = timedelta(hours=6)
_CHECK_NUMBER = "check the number on the order page"

_PERMANENT: Mapping[str, tuple[str, str]] = {
    "no_active_subscription": (
        "the Ship24 account has no active plan",
        "look at the account's plan on ship24.com",
    ),
    "validation_error": ("Ship24 refuses what was sent", _CHECK_NUMBER),
    "bulk_create_limit_exceeded": (
        "Ship24 takes at most 100 numbers a call",
        "lower `batch:` of this source",
    ),
}
_TEMPORARY: Mapping[str, tuple[str, timedelta | None, str]] = {
    "quota_limit_reached": ("Ship24's quota of new numbers is used up", _LATER, "wait, or buy a larger plan"),
    "request_conflict": ("Ship24 is at work on this number already", timedelta(minutes=1), ""),
    "tracker_not_found": ("Ship24 does not know this tracker", None, ""),
}
# What concerns new numbers only: those that have a tracker are read all the same.
_OF_NEW_NUMBERS = frozenset({"quota_limit_reached", "request_conflict", "validation_error"})


class Settings(SignedSettings):
    """Options of a Ship24 source. The key is made on https://dashboard.ship24.com."""

    base_url: str = Field(default="https://api.ship24.com/public/v1/", description="where its API is")
    carriers: dict[str, str] = Field(
        default={}, description="your words for carriers, each with Ship24's code for it"
    )
    rate: float = Field(
        default=5.0, gt=0, le=10, description="calls per second; Ship24 allows 10, and 3 to create"
    )
    batch: int = Field(
        default=20, ge=1, le=100, description="numbers in one look: one call each, and one for all new"
    )


def parse(payload: bytes | Mapping[str, Any], *, source: str) -> Mapping[str, Sequence[Sighting]]:
    """Return the sightings of an answer or a push, by the number that was asked for, oldest first.

    Raises Temporary for what cannot be read, and what the service says where the answer is an error.
    """
    answer = opened(payload, "Ship24")
    listed = answer.get("trackings") if "trackings" in answer else table(answer.get("data")).get("trackings")
    if not isinstance(listed, list):
        raise _refusal(answer) or Temporary("Ship24's answer holds no list of results")
    return {_asked_for(tracking): _sightings(tracking, source=source) for tracking in tables(listed)}


def verified(settings: Settings, push: Push, *, now: datetime) -> bool:  # noqa: ARG001 - a bearer tells no time
    """Whether *push* is Ship24's: it bears the webhook's secret. Nothing signs its body."""
    secret = settings.webhook_secret.get_secret_value()
    return bool(secret) and same(push.headers.get("authorization", ""), f"Bearer {secret}")


def pushed(body: bytes, *, source: str) -> News:
    """Return what a push says: the events since the last one, no more. Raises Temporary for what cannot be read."""
    found: dict[str, Found] = {}
    for number, told in parse(body, source=source).items():
        said = shown(told)
        if number and isinstance(said, Found):  # its list is no poll's: the next look is to be read
            found[number] = Found(f"push {said.fingerprint}", said.read)
    return News(found, partial=True)


def open(  # noqa: A001 - the contract of a source module names it so
    settings: Settings,
    *,
    name: str,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] = _sleep,
) -> Ship24:
    """Return the source; makes no request. *sleep* (seconds) spaces the calls of one look."""
    return Ship24(settings, name=name, clock=clock, sleep=sleep)


class Ship24:
    """The Ship24 source: one call to create trackers where numbers are new, then one call a tracker."""

    def __init__(
        self, settings: Settings, *, name: str, clock: Callable[[], datetime], sleep: Callable[[float], None]
    ) -> None:
        self.name = name
        self.batch = settings.batch
        self.rate = settings.rate
        self._settings = settings
        self._sleep = sleep
        self._wire = Wire(
            "Ship24",
            timeout=timedelta(seconds=settings.timeout),
            clock=clock,
            headers={"Authorization": f"Bearer {settings.token.get_secret_value()}"},
            cap=settings.largest,
            reach=settings.reach(),
        )

    def track(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        """Create trackers for what is new, read the others; raises Temporary/Permanent where nothing was answered."""
        by_number: dict[str, Ask] = {}
        for ask in asks:
            number = number_of(ask.number)
            if number not in by_number or ask.memo:
                by_number[number] = ask
        trackers = {number: ask.memo for number, ask in by_number.items() if ask.memo}
        new = {number: ask for number, ask in by_number.items() if not ask.memo}
        said = self._create(new, trackers)
        calls = 1 if any(_NUMBER.fullmatch(number) for number in new) else 0
        lost: dict[str, Ask] = {}
        for at, (number, tracker) in enumerate(trackers.items()):
            if calls + at:
                self._sleep(1 / self.rate)
            try:
                outcome = self._read(number, tracker)
            except (Temporary, Permanent) as error:
                if not said and not lost:
                    raise
                said |= dict.fromkeys(list(trackers)[at:], error)  # what was read still counts
                break
            if outcome is None:
                lost[number] = by_number[number]
            else:
                said[number] = outcome
        if lost:
            self._sleep(1 / self.rate)
            again: dict[str, str] = {}
            said |= self._create(lost, again)
            said |= {number: NoNews(tracker) for number, tracker in again.items()}
        return {ask.parcel: said[number_of(ask.number)] for ask in asks}

    def close(self) -> None:
        self._wire.close()

    def _create(self, asks: Mapping[str, Ask], existing: dict[str, str]) -> dict[str, Outcome]:
        """Create trackers; what existed already goes to *existing*, to be read at once."""
        said: dict[str, Outcome] = {
            number: Permanent("Ship24 takes numbers of 5 to 50 letters and digits", hint=_CHECK_NUMBER)
            for number in asks
            if not _NUMBER.fullmatch(number)
        }
        items = [self._item(number, ask) for number, ask in asks.items() if number not in said]
        if not items:
            return said
        status, answer = self._call("POST", "trackers/bulk", items)
        listed = answer.get("data")
        if not isinstance(listed, list):
            no = _refusal(answer)
            if no is None:
                raise Temporary("Ship24's answer holds no list of trackers")
            if not _codes(answer) & _OF_NEW_NUMBERS:
                raise no
            return dict.fromkeys(asks, no) | said
        for item in tables(listed):
            number = number_of(table(item.get("inputData")).get("trackingNumber"))
            tracker = word(table(item.get("tracker")).get("trackerId"), 200)
            if item.get("itemStatus") == "existing" and tracker:
                existing.setdefault(number, tracker)
            elif tracker:
                said[number] = NoNews(tracker, TOLD)
            else:
                said[number] = _refusal(item) or Temporary("Ship24 neither created a tracker nor says why")
        silent = Temporary(f"Ship24 did not mention this number in its answer (HTTP {status})")
        return {
            number: said.get(number, silent) for number in asks if number in said or number not in existing
        }

    def _item(self, number: str, ask: Ask) -> dict[str, Any]:
        code = carrier_named(ask.carrier, self._settings.carriers)
        fields = {
            "trackingNumber": number,
            "originCountryCode": state_of(ask.origin),
            "destinationCountryCode": state_of(ask.destination),
            "destinationPostCode": ask.postcode,
            "courierCode": [code] if code else [],
        }
        return {key: value for key, value in fields.items() if value}

    def _read(self, number: str, tracker: str) -> Outcome | None:
        """Return what a tracker shows; None where Ship24 does not know it any more."""
        _, answer = self._call("GET", f"trackers/{quote(tracker, safe='')}/results")
        if "tracker_not_found" in _codes(answer):
            return None
        no = _refusal(answer)
        if no is not None:
            raise no
        trackings = tables(table(answer.get("data")).get("trackings"))
        if not trackings:
            raise Temporary("Ship24's answer holds no result")
        named = number_of(table(trackings[0].get("tracker")).get("trackingNumber"))
        if named and named != number:
            return Temporary("Ship24 answered for another number")
        try:
            return shown(_sightings(trackings[0], source=self.name), tracker)
        except Temporary as error:
            return error

    def _call(self, method: str, path: str, items: Any = None) -> tuple[int, Mapping[str, Any]]:
        content = wire.encode(items) if items is not None else None
        answer = self._wire.call(method, urljoin(self._settings.base_url, path), content=content)
        if answer.status == 401:
            raise Permanent("Ship24 refuses the key", hint="look at `token:` of this source")
        opening = opened(self._wire.json(answer), "Ship24")
        if answer.status >= 400 and not _errors(opening):
            raise Temporary(f"Ship24 refuses (HTTP {answer.status})")
        return answer.status, opening


def _errors(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the errors of an answer or of one number in it."""
    return tables(answer.get("errors")) + tables(answer.get("error"))


def _codes(answer: Mapping[str, Any]) -> set[str]:
    return {word(error.get("code"), 60) for error in _errors(answer)}


def _refusal(answer: Mapping[str, Any]) -> Temporary | Permanent | None:
    """Return what the errors of an answer mean; None where it holds none."""
    errors = _errors(answer)
    if not errors:
        return None
    code, told = word(errors[0].get("code"), 60), word(errors[0].get("message"), 300)
    said = f": {quoted(told)}" if told else ""
    if code.startswith("auth"):
        return Permanent(f"Ship24 refuses the key{said}", hint="look at `token:` of this source")
    if code in _PERMANENT:
        sentence, hint = _PERMANENT[code]
        return Permanent(f"{sentence}{said}", hint=hint)
    sentence, after, hint = _TEMPORARY.get(
        code, (f"Ship24 answered with the error {quoted(code, 40)}", None, "")
    )
    return Temporary(f"{sentence}{said}", after=after, hint=hint)


def _asked_for(tracking: Mapping[str, Any]) -> str:
    """Return the number a result was asked for under; "" where it names none."""
    numbers = tables(table(tracking.get("shipment")).get("trackingNumbers"))
    return number_of(table(tracking.get("tracker")).get("trackingNumber")) or next(
        (number_of(each.get("tn")) for each in numbers), ""
    )


def _sightings(tracking: Mapping[str, Any], *, source: str) -> list[Sighting]:
    """Return one tracker's sightings, oldest first; raises Temporary where its events cannot be read."""
    events, shipment = tracking.get("events"), table(tracking.get("shipment"))
    if not isinstance(events, list):
        raise Temporary("Ship24's list of events cannot be read")
    number, ends = (
        _asked_for(tracking),
        (shipment.get("originCountryCode"), shipment.get("destinationCountryCode")),
    )
    out = [_sighting(event, source=source, number=number, ends=ends) for event in reversed(tables(events))]
    code = word(shipment.get("statusCode"), 60) or word(shipment.get("statusMilestone"), 60)
    if not out and code not in _EVENTLESS:
        out.append(Sighting(source=source, text=code, system="ship24", code=code))
    return out


def _sighting(event: Mapping[str, Any], *, source: str, number: str, ends: Sequence[Any]) -> Sighting:
    at, quality = stamped(event.get("occurrenceDatetime"))
    place = word(event.get("location"), 300)
    code = word(event.get("statusCode"), 60) or word(event.get("statusMilestone"), 60)
    seen_as = number_of(event.get("eventTrackingNumber"))
    return Sighting(
        source=source,
        text=word(event.get("status")) or code,
        at=at,
        quality=quality,
        system="ship24" if code else "",
        code=code,
        place=place,
        country=country_in(place, *ends),
        carrier=word(event.get("courierCode"), 100),
        number=seen_as if seen_as != number else "",
    )
