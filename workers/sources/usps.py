"""Ask USPS (Tracking v3) for one number a call, with a token of the user's own app; 60 calls an hour unless USPS allows more.

Source: USPS/api-examples (2025-10-31): ``GET /tracking/v3/tracking/{number}?expand=DETAIL``, OAuth2 client credentials in
JSON. The rate is that of a new app (USPS/api-examples issue 107, 2026): 60 an hour, tokens among them.

``GMTTimestamp`` is the time; ``eventTimestamp`` is local even where a Z stands behind it (7:31 am in Virginia is written
07:31:00Z in USPS's own sample). Codes of customs events are not published: those are read by their words.
"""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator

from workers.core.limits import Quota
from workers.core.model import Sighting, TimeQuality
from workers.errors import Permanent, Temporary
from workers.sources import Ask, NoNews, Outcome
from workers.sources._fields import country, table, tables, whole, word
from workers.sources._fields import name as number_of
from workers.sources._http import CAP, Wire, quoted
from workers.sources._oauth import Door, with_json
from workers.sources._places import country_in
from workers.sources._reach import Addressed
from workers.sources._single import (
    Refused,
    decoded,
    http_url,
    oldest_first,
    one_by_one,
    place,
    refusal,
    shown,
    stamped,
)
from workers.sources._times import moment, offset, utc

TITLE = "USPS"
CARRIERS = ("usps", "post US")
_HINT = "are `client_id` and `client_secret` those of an app at developers.usps.com whose access includes tracking?"

QUOTA = (
    Quota("calls", 59, "hour"),
)  # of a new app, less the call for a token (USPS/api-examples issue 107, 2026)

EACH = True


class Settings(Addressed):
    """Options of a USPS source. The credentials are those of an app made at https://developers.usps.com."""

    client_id: SecretStr = Field(description="the app's consumer key")
    client_secret: SecretStr = Field(description="the app's consumer secret")
    base_url: str = Field(
        default="https://apis.usps.com", description="where its API is; apis-tem.usps.com is for tests"
    )
    rate: float = Field(default=0.016, gt=0, le=100, description="calls per second")
    batch: int = Field(default=1, ge=1, le=50, description="numbers in one look, a call each")
    timeout: float = Field(default=20.0, gt=0, le=300, description="seconds to wait")
    largest: int = Field(default=CAP, ge=1, description="bytes of an answer at most")

    _url = field_validator("base_url")(http_url)


def parse(payload: bytes | Mapping[str, Any], *, source: str) -> Mapping[str, Sequence[Sighting]]:
    """Return the sightings of an answer by number, oldest first; raises what USPS says where it is an error."""
    said = table(decoded(payload, "USPS"))
    listed = said.get("trackingEvents")
    if not isinstance(listed, list):
        raise _trouble(said)
    events = tables(listed)
    if not events and word(said.get("status")):  # a status alone is an event too
        events = [{"eventType": said["status"]}]
    told = oldest_first(_sighting(event, source=source) for event in events)
    return {number_of(said.get("trackingNumber")): told}


def open(  # noqa: A001 - the contract of a source module names it so
    settings: Settings,
    *,
    name: str,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] = time.sleep,
) -> Usps:
    """Return the source; makes no request. *sleep* (seconds) spaces the calls of one look."""
    return Usps(settings, name=name, clock=clock, sleep=sleep)


class Usps:
    """The USPS source: one call a number, after one for the token."""

    def __init__(
        self, settings: Settings, *, name: str, clock: Callable[[], datetime], sleep: Callable[[float], None]
    ) -> None:
        self.name = name
        self.batch = settings.batch
        self.rate = settings.rate
        self._settings = settings
        self._sleep = sleep
        self._wire = Wire(
            "USPS",
            timeout=timedelta(seconds=settings.timeout),
            clock=clock,
            cap=settings.largest,
            reach=settings.reach(),
        )
        account = with_json(
            "USPS",
            f"{settings.base_url}/oauth2/v3/token",
            settings.client_id.get_secret_value(),
            settings.client_secret.get_secret_value(),
            hint=_HINT,
        )
        self._door = Door(self._wire, account, clock=clock)

    def track(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        """Ask for one number after the other; raises Temporary/Permanent where none was answered."""
        return one_by_one(asks, self._look, pause=lambda: self._sleep(1 / self.rate))

    def close(self) -> None:
        self._wire.close()

    def _look(self, ask: Ask) -> Outcome:
        number = number_of(ask.number)
        answer = self._door.call(
            "GET",
            f"{self._settings.base_url}/tracking/v3/tracking/{quote(number, safe='')}",
            params={"expand": "DETAIL"},
        )
        if answer.status in {401, 403} and not answer.body.strip():
            raise refusal("USPS", answer.status, hint=_HINT)
        body = self._wire.json(answer)
        if answer.status >= 400:
            error = _trouble(table(decoded(body, "USPS")), answer.status)
            if isinstance(error, Refused | Temporary):
                raise error
            return NoNews() if answer.status == 404 else error
        by_number = parse(body, source=self.name)
        if number not in by_number:
            return Temporary("USPS answered of another number than the one asked for")
        return shown(by_number[number])


def _trouble(said: Mapping[str, Any], status: int = 0) -> Permanent | Temporary:
    """Return what an error of USPS means."""
    error = table(said.get("error"))
    first = next(iter(tables(error.get("errors") or [])), {})
    why = word(error.get("message"), 200) or word(first.get("detail"), 200) or word(first.get("title"), 200)
    status = status or whole(error.get("code"))
    if status in {401, 403} or said.get("error") == "invalid_client":
        return refusal("USPS", status or 401, why or word(said.get("error_description"), 200), hint=_HINT)
    if status in {400, 404} and why:
        return Permanent(f"USPS does not take this number: {quoted(why)}")
    return Temporary(f"USPS's answer shows no events{': ' + quoted(why) if why else ''}")


def _sighting(event: Mapping[str, Any], *, source: str) -> Sighting:
    code = word(event.get("eventCode"), 20)
    text = word(html.unescape(word(event.get("eventType"))))
    at, quality = _when(event)
    state, abroad = word(event.get("eventState"), 60), word(event.get("eventCountry"), 100)
    at_home = not abroad and bool(state or word(event.get("eventZIP"), 20))  # USPS names only other countries
    return Sighting(
        source=source,
        text=text or code,
        at=at,
        quality=quality,
        system="usps",
        code=code,
        lang="en",
        place=place(word(event.get("eventCity"), 100), state, abroad if len(abroad) > 2 else ""),
        country="US" if at_home else _country(abroad),
        carrier="USPS",
    )


def _country(written: str) -> str:
    """Return the code of a country as USPS writes it: CHINA, PEOPLES REPUBLIC; JAPAN; CN."""
    return country(written) or country_in(written) or country_in(written.partition(",")[0])


def _when(event: Mapping[str, Any]) -> tuple[datetime | None, TimeQuality]:
    at, quality = stamped(event.get("GMTTimestamp"))
    if quality in {TimeQuality.EXACT, TimeQuality.ASSUMED}:
        return at, TimeQuality.EXACT
    local, zone = moment(event.get("eventTimestamp")), offset(event.get("GMTOffset"))
    if local is None:
        return None, TimeQuality.UNKNOWN
    exact = utc(local.replace(tzinfo=zone)) if zone is not None else None
    if exact is not None:
        return exact, TimeQuality.EXACT
    assumed = utc(local.replace(tzinfo=None))
    return assumed, TimeQuality.ASSUMED if assumed is not None else TimeQuality.UNKNOWN
