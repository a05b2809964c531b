"""Ask UPS's Track API for one number a call, with a token of the user's own app; keys on codes, not on words.

Source: UPS-API/api-documentation, Tracking.yaml (2026-07-21): ``GET /api/track/v1/details/{inquiryNumber}``, OAuth2 client
credentials in a Basic header. UPS keeps data for 120 days.

A status is a triple (type, code, statusCode). Type X, "exception", holds good news too ("released by the customs agency"),
and its words are translated by ``locale``, so the triple is sent as the code; where our table does not know it, the
statusCode, then the type. UPS publishes no rate limit; ours is modest.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator

from workers.core.model import Sighting, TimeQuality
from workers.errors import Permanent, Temporary
from workers.sources import Ask, NoNews, Outcome
from workers.sources._fields import country, table, tables, word
from workers.sources._fields import name as number_of
from workers.sources._http import CAP, Answer, Wire, quoted
from workers.sources._oauth import Door, with_basic
from workers.sources._reach import Addressed
from workers.sources._single import (
    Refused,
    best_code,
    decoded,
    http_url,
    joined,
    merged,
    of_number,
    oldest_first,
    one_by_one,
    place,
    refusal,
    shown,
    stamped,
)
from workers.sources._times import offset, utc

TITLE = "UPS"
CARRIERS = ("ups",)
_HINT = "are `client_id` and `client_secret` those of an app with the Tracking API at developer.ups.com?"
_NOT_A_NUMBER = frozenset({"TV1002", "151018"})  # "Invalid inquiry number"
_NOT_FOUND = frozenset({"TW0001", "TV0001"})  # "Tracking Information Not Found"
_OURS = re.compile(r"^2500\d\d$")  # 250002, 250003 …: UPS's own family of refused credentials

EACH = True


class Settings(Addressed):
    """Options of a UPS source. The credentials are those of an app made at https://developer.ups.com."""

    client_id: SecretStr = Field(description="the app's client id")
    client_secret: SecretStr = Field(description="the app's client secret")
    base_url: str = Field(
        default="https://onlinetools.ups.com", description="where its API is; wwwcie.ups.com is for tests"
    )
    locale: str = Field(default="en_US", pattern=r"^[a-z]{2}_[A-Z]{2}$", description="language of the events")
    rate: float = Field(default=1.0, gt=0, le=100, description="calls per second")
    batch: int = Field(default=10, ge=1, le=50, description="numbers in one look, a call each")
    timeout: float = Field(default=20.0, gt=0, le=300, description="seconds to wait")
    largest: int = Field(default=CAP, ge=1, description="bytes of an answer at most")

    _url = field_validator("base_url")(http_url)


def parse(payload: bytes | Mapping[str, Any], *, source: str) -> Mapping[str, Sequence[Sighting]]:
    """Return the sightings of an answer by number, oldest first; a number UPS does not find has none, under "".

    Raises Temporary for what cannot be read, and what UPS says where the answer is an error.
    """
    said = table(decoded(payload, "UPS"))
    if "trackResponse" not in said:
        error = _trouble(said)
        if isinstance(error, NoNews):
            return {"": []}
        raise error
    shipments = tables(table(said["trackResponse"]).get("shipment"))
    if not shipments:
        raise Temporary("UPS's answer holds no shipment")
    out: dict[str, Sequence[Sighting]] = {}
    for shipment in shipments:
        number, told = _shipment(shipment, source=source)
        out[number] = merged([out[number], told]) if number in out else told
    return out


def open(  # noqa: A001 - the contract of a source module names it so
    settings: Settings,
    *,
    name: str,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] = time.sleep,
) -> Ups:
    """Return the source; makes no request. *sleep* (seconds) spaces the calls of one look."""
    return Ups(settings, name=name, clock=clock, sleep=sleep)


class Ups:
    """The UPS source: one call a number, after one for the token."""

    def __init__(
        self, settings: Settings, *, name: str, clock: Callable[[], datetime], sleep: Callable[[float], None]
    ) -> None:
        self.name = name
        self.batch = settings.batch
        self.rate = settings.rate
        self._settings = settings
        self._sleep = sleep
        self._wire = Wire(
            "UPS",
            timeout=timedelta(seconds=settings.timeout),
            clock=clock,
            cap=settings.largest,
            reach=settings.reach(),
        )
        account = with_basic(
            "UPS",
            f"{settings.base_url}/security/v1/oauth/token",
            settings.client_id.get_secret_value(),
            settings.client_secret.get_secret_value(),
            hint=_HINT,
        )
        self._door = Door(self._wire, account, clock=clock, ended=_ended)

    def track(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        """Ask for one number after the other; raises Temporary/Permanent where none was answered."""
        return one_by_one(asks, self._look, pause=lambda: self._sleep(1 / self.rate))

    def close(self) -> None:
        self._wire.close()

    def _look(self, ask: Ask) -> Outcome:
        number = number_of(ask.number)
        if not 7 <= len(number) <= 34:
            return Permanent(f"{number} is no UPS number", hint="UPS takes 7 to 34 characters")
        answer = self._door.call(
            "GET",
            f"{self._settings.base_url}/api/track/v1/details/{quote(number, safe='')}",
            params={"locale": self._settings.locale, "returnSignature": "false", "returnMilestones": "false"},
            headers={"transId": uuid.uuid4().hex, "transactionSrc": "customs-watch"},
        )
        if answer.status in {401, 403} and not answer.body.strip():
            raise refusal("UPS", answer.status, hint=_HINT)
        body = self._wire.json(answer)
        if answer.status >= 400:
            error = _trouble(table(decoded(body, "UPS")), answer.status)
            if isinstance(error, Refused | Temporary):
                raise error
            return error
        told = of_number(number, parse(body, source=self.name))
        return (
            Temporary("UPS answered of another number than the one asked for")
            if told is None
            else shown(told)
        )


def _ended(answer: Answer) -> bool:
    """Whether the token is refused: by 401, or in the only way UPS's document has for it, 403 with 250002."""
    if answer.status != 403:
        return answer.status == 401
    try:
        errors = tables(table(table(decoded(answer.body, "UPS")).get("response")).get("errors"))
    except Temporary:
        return False
    return any(word(error.get("code"), 40) == "250002" for error in errors)


def _trouble(said: Mapping[str, Any], status: int = 200) -> NoNews | Permanent | Temporary:
    """Return what an error of UPS means; NoNews where UPS does not find the number (yet)."""
    errors = tables(table(said.get("response")).get("errors"))
    codes = {word(error.get("code"), 40) for error in errors}
    why = word(errors[0].get("message"), 200) if errors else ""
    if any(_OURS.match(code) for code in codes):
        return refusal("UPS", 401, why, hint=_HINT)
    if errors and (codes & _NOT_FOUND or (status == 404 and not codes & _NOT_A_NUMBER)):
        return NoNews()
    if errors and (codes & _NOT_A_NUMBER or status == 400):
        return Permanent(f"UPS does not take this number: {quoted(why)}")
    if status >= 400:
        return refusal("UPS", status, why, hint=_HINT)
    return Temporary(f"UPS's answer holds no shipments{': ' + quoted(why) if why else ''}")


def _shipment(shipment: Mapping[str, Any], *, source: str) -> tuple[str, list[Sighting]]:
    """Return a shipment's number and sightings: those of the package with that number, else of all of them."""
    number = number_of(shipment.get("inquiryNumber"))
    packages = tables(shipment.get("package") or [])
    if not packages:
        why = joined(
            *(word(warning.get("message"), 200) for warning in tables(shipment.get("warnings") or []))
        )
        codes = {word(warning.get("code"), 40) for warning in tables(shipment.get("warnings") or [])}
        if codes & _NOT_FOUND:
            return number, []
        raise Temporary(f"UPS shows no package{': ' + quoted(why) if why else ''}")
    own = [each for each in packages if number and number_of(each.get("trackingNumber")) == number]
    return number, merged([_package(each, source=source) for each in own or packages])


def _package(package: Mapping[str, Any], *, source: str) -> list[Sighting]:
    listed = package.get("activity")
    if listed is not None and not isinstance(listed, list):
        raise Temporary("UPS's list of activities cannot be read")
    events = tables(listed or [])
    if not events and package.get("currentStatus"):  # a status alone is an event too
        events = [{"status": package["currentStatus"]}]
    return oldest_first(_sighting(event, source=source) for event in events)


def _sighting(event: Mapping[str, Any], *, source: str) -> Sighting:
    status = table(event.get("status"))
    type_, code, number = (word(status.get(key), 20) for key in ("type", "code", "statusCode"))
    triple = f"{type_}/{code}/{number}" if type_ and (code or number) else ""
    text = word(status.get("description")) or word(status.get("simplifiedTextDescription"))
    best = best_code("ups", triple, number, type_)
    at, quality = _when(event)
    address = table(table(event.get("location")).get("address"))
    return Sighting(
        source=source,
        text=text or best,
        at=at,
        quality=quality,
        system="ups",
        code=best,
        place=place(word(address.get("city"), 100), word(address.get("stateProvince"), 100)),
        country=country(address.get("countryCode")) or country(address.get("country")),
        carrier="UPS",
    )


def _when(event: Mapping[str, Any]) -> tuple[datetime | None, TimeQuality]:
    """Return when: UPS's GMT fields, else its local time, with the offset where it is told."""
    at, quality = stamped(_iso(event.get("gmtDate"), event.get("gmtTime")))
    if quality is TimeQuality.ASSUMED:  # naive, and said to be GMT
        return at, TimeQuality.EXACT
    local, how = stamped(_iso(event.get("date"), event.get("time")))
    zone = offset(event.get("gmtOffset"))
    if local is not None and zone is not None and how is TimeQuality.ASSUMED:
        exact = utc(local.replace(tzinfo=zone))
        return exact, TimeQuality.EXACT if exact is not None else TimeQuality.UNKNOWN
    return (local, how) if local is not None else (at, quality)


def _iso(day: Any, clock: Any) -> str:
    """Return 20210210 and 071356 (or 74700, or 07:47:00) in ISO form; "" without a day."""
    date = re.sub(r"\D", "", word(day, 20))
    hours = re.sub(r"\D", "", word(clock, 20))
    if len(date) != 8:
        return ""
    written = f"{date[:4]}-{date[4:6]}-{date[6:]}"
    hours = hours.zfill(6)[:6] if hours else ""
    return f"{written}T{hours[:2]}:{hours[2:4]}:{hours[4:]}" if hours else written
