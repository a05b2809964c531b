"""Ask TrackingMore (API v4) where parcels are, up to 40 numbers a call; creates a number once, under one carrier.

Sources: the response codes and shapes of TrackingMore's own v4 clients, trackingmore.com/docs/logistics_status.php and
support.trackingmore.com on its rate limits (read 2026-11-22 and 2026-11-24). No v4 answer was captured: the shapes here
are those the public clients read, and the older v2 and v3 shape of a capture of 2021.

A creation names the carrier, so where the user named none it is detected, and the first one taken, as TrackingMore
advises: each further one would cost another unit. Times are the carriers' own, without a zone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import sleep as _sleep
from typing import Any
from urllib.parse import quote, urljoin

from msgspec import json as wire
from pydantic import Field

from workers.core.model import Sighting
from workers.errors import Permanent, Temporary
from workers.sources import TOLD, Ask, NoNews, Outcome
from workers.sources._answers import KeySettings, carrier_named, opened, shown
from workers.sources._fields import name as number_of
from workers.sources._fields import table, tables, whole, word
from workers.sources._http import Wire
from workers.sources._places import state_of
from workers.sources._trackingmore import (
    CHECK_NUMBER,
    NOT_EXPIRED,
    UNKNOWN,
    code_of,
    in_order,
    refusal,
    sightings_of,
    status_of,
    trackings_of,
    trouble,
)

# Memos: listed there; and asked to follow it again after it had expired.
_KNOWN, _AGAIN = "known", "known:again"
TITLE = "TrackingMore"
_NUMBER = re.compile(r"[A-Z0-9._/-]{4,100}")


class Settings(KeySettings):
    """Options of a TrackingMore source. The key is made on https://admin.trackingmore.com/developer/apikey."""

    base_url: str = Field(default="https://api.trackingmore.com/v4/", description="where its API is")
    carriers: dict[str, str] = Field(
        default={}, description="your words for carriers, each with TrackingMore's code"
    )
    rate: float = Field(default=3.0, gt=0, le=20, description="calls per second; TrackingMore allows 10")
    batch: int = Field(default=40, ge=1, le=40, description="numbers in one call")


def parse(payload: bytes | Mapping[str, Any], *, source: str) -> Mapping[str, Sequence[Sighting]]:
    """Return the sightings in a list, a single answer or a push, by number, oldest first.

    Raises Temporary for what cannot be read, and what the service says where the answer is an error.
    """
    answer = opened(payload, "TrackingMore")
    no = refusal(answer)
    if no is not None:
        raise no
    out: dict[str, list[Sighting]] = {}
    for tracking in trackings_of(answer):
        out.setdefault(number_of(tracking.get("tracking_number")), []).extend(
            sightings_of(tracking, source=source)
        )
    return out


def open(  # noqa: A001 - the contract of a source module names it so
    settings: Settings,
    *,
    name: str,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] = _sleep,
) -> TrackingMore:
    """Return the source; makes no request. *sleep* (seconds) spaces the calls of one look."""
    return TrackingMore(settings, name=name, clock=clock, sleep=sleep)


@dataclass(frozen=True, slots=True)
class _New:
    """A number to create, and under which carrier."""

    ask: Ask
    courier: str


class TrackingMore:
    """The TrackingMore source: one call for all numbers it lists; for new ones one to detect each, one to create all."""

    def __init__(
        self, settings: Settings, *, name: str, clock: Callable[[], datetime], sleep: Callable[[float], None]
    ) -> None:
        self.name = name
        self.batch = settings.batch
        self.rate = settings.rate
        self._settings = settings
        self._sleep = sleep
        self._wire = Wire(
            "TrackingMore",
            timeout=timedelta(seconds=settings.timeout),
            clock=clock,
            headers={"Tracking-Api-Key": settings.token.get_secret_value()},
            cap=settings.largest,
            reach=settings.reach(),
        )

    def track(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        """List all numbers, create what is new; raises Temporary/Permanent where the list failed."""
        by_number: dict[str, Ask] = {}
        for ask in asks:
            number = number_of(ask.number)
            if number not in by_number or ask.memo:
                by_number[number] = ask
        said: dict[str, Outcome] = {
            number: Permanent("TrackingMore takes numbers of letters and digits", hint=CHECK_NUMBER)
            for number in by_number
            if not _NUMBER.fullmatch(number)
        }
        wanted = [number for number in by_number if number not in said]
        listed = self._list(wanted) if wanted else {}
        for number in wanted:
            if number in listed:
                said[number] = self._outcome(by_number[number], listed[number])
        said |= self._create({number: by_number[number] for number in wanted if number not in listed})
        return {ask.parcel: said[number_of(ask.number)] for ask in asks}

    def close(self) -> None:
        self._wire.close()

    def _list(self, numbers: Sequence[str]) -> Mapping[str, list[dict[str, Any]]]:
        answer = self._call("GET", "trackings/get", params={"tracking_numbers": ",".join(numbers)})
        if code_of(answer) == UNKNOWN:  # none of them is there yet
            return {}
        no = refusal(answer)
        if no is not None:
            raise no
        out: dict[str, list[dict[str, Any]]] = {}
        for tracking in trackings_of(answer):
            out.setdefault(number_of(tracking.get("tracking_number")), []).append(tracking)
        return out

    def _create(self, asks: Mapping[str, Ask]) -> Mapping[str, Outcome]:
        said: dict[str, Outcome] = {}
        new: dict[str, _New] = {}
        try:
            for number, ask in asks.items():
                courier = self._courier(number, ask)
                if isinstance(courier, str):
                    new[number] = _New(ask, courier)
                else:
                    said[number] = courier
            if new:
                said |= self._register(new)
        except (Temporary, Permanent) as error:
            return dict.fromkeys(asks, error) | said  # what is listed already still counts
        return said

    def _courier(self, number: str, ask: Ask) -> str | Temporary | Permanent:
        """Return TrackingMore's code for the carrier, as the user named it or as detected; or why there is none."""
        named = carrier_named(ask.carrier, self._settings.carriers)
        if named:
            return named
        answer = self._ask("couriers/detect", {"tracking_number": number})
        no = refusal(answer)
        if no is not None:
            if _of_all(code_of(answer)):
                raise no
            return no
        found = answer.get("data")
        if not isinstance(found, list):
            return Temporary("TrackingMore's answer holds no list of carriers")
        codes = [word(each.get("courier_code"), 100) for each in tables(found)]
        return next((code for code in codes if code), "") or trouble(4121, "")

    def _register(self, new: Mapping[str, _New]) -> Mapping[str, Outcome]:
        answer = self._ask("trackings/batch", [_registration(number, each) for number, each in new.items()])
        no = refusal(answer)
        if no is not None:
            return dict.fromkeys(new, no)
        data = table(answer.get("data"))
        said: dict[str, Outcome] = {}
        for each in tables(data.get("error")):
            code = whole(each.get("errorCode")) or whole(each.get("code"))
            said[number_of(each.get("tracking_number"))] = trouble(code, word(each.get("errorMessage"), 300))
        for each in tables(data.get("success")):
            said[number_of(each.get("tracking_number"))] = NoNews(_KNOWN, TOLD)
        silent = Temporary("TrackingMore did not mention this number in its answer")
        return {number: said.get(number, silent) for number in new}

    def _outcome(self, ask: Ask, trackings: Sequence[dict[str, Any]]) -> Outcome:
        courier = carrier_named(ask.carrier, self._settings.carriers)
        chosen = [each for each in trackings if courier and each.get("courier_code") == courier] or trackings
        memo = _AGAIN if ask.memo == _AGAIN else _KNOWN
        try:
            told = in_order([s for each in chosen for s in sightings_of(each, source=self.name)])
        except Temporary as error:
            return error
        if memo == _KNOWN and all(status_of(each) == "expired" for each in chosen):
            memo = self._follow_again(chosen)
        return shown(told, memo)

    def _follow_again(self, trackings: Sequence[Mapping[str, Any]]) -> str:
        """Ask TrackingMore to follow on: customs can take longer than its 30 days. Return the memo that says so."""
        done = True
        for tracking in trackings:
            try:
                answer = self._ask(f"trackings/retrack/{quote(word(tracking.get('id'), 200), safe='')}", None)
            except (Temporary, Permanent):
                return _KNOWN  # what was read still counts; the next look tries again
            done = done and (refusal(answer) is None or code_of(answer) == NOT_EXPIRED)
        return _AGAIN if done else _KNOWN

    def _ask(self, path: str, content: Any) -> Mapping[str, Any]:
        """Make one more call of this look."""
        self._sleep(1 / self.rate)
        return self._call("POST", path, content=wire.encode(content) if content is not None else None)

    def _call(self, method: str, path: str, **sent: Any) -> Mapping[str, Any]:
        answer = self._wire.call(method, urljoin(self._settings.base_url, path), **sent)
        if answer.status == 401:
            raise trouble(401, "")
        opening = opened(self._wire.json(answer), "TrackingMore")
        code = code_of(opening)
        if not code or (answer.status >= 400 and 200 <= code < 300):
            raise Temporary(f"TrackingMore answers without saying whether it did (HTTP {answer.status})")
        return opening


def _registration(number: str, new: _New) -> dict[str, str]:
    fields = {
        "tracking_number": number,
        "courier_code": new.courier,
        "tracking_destination_country": state_of(new.ask.destination),
        "tracking_postal_code": new.ask.postcode,
    }
    return {key: value for key, value in fields.items() if value}


def _of_all(code: int) -> bool:
    """Whether an error concerns every call, not one number."""
    return code in {401, 403, 429, 4190} or 500 <= code < 600
