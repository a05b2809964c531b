"""Ask FedEx's Track API for up to 30 numbers a call, with a token of the user's own app; of a reused number, the latest.

Source: https://developer.fedex.com, Track API (Basic Integrated Visibility), its OpenAPI document as kept in
karrioapi/karrio (2026-06): ``POST /track/v1/trackingnumbers``, OAuth2 client credentials in a form.

One number may yield several results, because numbers are used again: the one with the latest ``trackingNumberUniqueId``
counts. FedEx blocks a hasty client for ten minutes with a 403, so that one is no refusal of the key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from msgspec import json as wire
from pydantic import Field, SecretStr, field_validator

from workers.core.model import Sighting
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Outcome
from workers.sources._fields import country, table, tables, whole, word
from workers.sources._fields import name as number_of
from workers.sources._http import CAP, Wire, quoted
from workers.sources._oauth import Door, with_form
from workers.sources._reach import Addressed
from workers.sources._single import (
    best_code,
    decoded,
    http_url,
    joined,
    oldest_first,
    place,
    refusal,
    shown,
    stamped,
)

TITLE = "FedEx"
CARRIERS = ("fedex",)
BATCH = 30
_HINT = "are `client_id` and `client_secret` those of a project with the Track API at developer.fedex.com?"
_BLOCKED = timedelta(minutes=10)
_CLEARANCE = "delayDetail.CLEARANCE"  # as knowledge/codes/fedex.yaml writes it


class Settings(Addressed):
    """Options of a FedEx source. The credentials are those of a project made at https://developer.fedex.com."""

    client_id: SecretStr = Field(description="the project's API key")
    client_secret: SecretStr = Field(description="the project's secret key")
    base_url: str = Field(
        default="https://apis.fedex.com", description="where its API is; apis-sandbox.fedex.com is for tests"
    )
    locale: str = Field(default="en_US", pattern=r"^[a-z]{2}_[A-Z]{2}$", description="language of the events")
    rate: float = Field(default=1.0, gt=0, le=100, description="calls per second")
    batch: int = Field(default=BATCH, ge=1, le=BATCH, description="numbers in one call")
    timeout: float = Field(default=30.0, gt=0, le=300, description="seconds to wait")
    largest: int = Field(default=CAP, ge=1, description="bytes of an answer at most")

    _url = field_validator("base_url")(http_url)


def parse(payload: bytes | Mapping[str, Any], *, source: str) -> Mapping[str, Sequence[Sighting]]:
    """Return the sightings of an answer by number, oldest first; a number FedEx does not find has none.

    Raises Temporary for what cannot be read, and what FedEx says where the answer is an error. A number it has only an
    error for is left out.
    """
    said = _numbers(payload, source=source)
    return {number: told for number, told in said.items() if isinstance(told, list)}


def open(  # noqa: A001 - the contract of a source module names it so
    settings: Settings,
    *,
    name: str,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] | None = None,  # noqa: ARG001 -- the contract of a source module names it
) -> FedEx:
    """Return the source; makes no request. One look is one call beside the token's, so it never uses *sleep*."""
    return FedEx(settings, name=name, clock=clock)


class FedEx:
    """The FedEx source: one call for up to 30 numbers, after one for the token."""

    def __init__(self, settings: Settings, *, name: str, clock: Callable[[], datetime]) -> None:
        self.name = name
        self.batch = settings.batch
        self.rate = settings.rate
        self._settings = settings
        self._wire = Wire(
            "FedEx",
            timeout=timedelta(seconds=settings.timeout),
            clock=clock,
            cap=settings.largest,
            reach=settings.reach(),
        )
        account = with_form(
            "FedEx",
            f"{settings.base_url}/oauth/token",
            settings.client_id.get_secret_value(),
            settings.client_secret.get_secret_value(),
            hint=_HINT,
        )
        self._door = Door(self._wire, account, clock=clock)

    def track(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        """Ask for all numbers at once; raises Temporary/Permanent where the whole call failed."""
        numbers = list(dict.fromkeys(number_of(ask.number) for ask in asks))
        content = {
            "includeDetailedScans": True,
            "trackingInfo": [{"trackingNumberInfo": {"trackingNumber": number}} for number in numbers],
        }
        answer = self._door.call(
            "POST",
            f"{self._settings.base_url}/track/v1/trackingnumbers",
            content=wire.encode(content),
            headers={"x-locale": self._settings.locale},
        )
        if answer.status == 401 and not answer.body.strip():
            raise refusal("FedEx", 401, hint=_HINT)
        body = self._wire.json(answer)
        if answer.status >= 400:
            why = _why(table(decoded(body, "FedEx")))
            if answer.status == 401:
                raise refusal("FedEx", 401, why, hint=_HINT)
            after = _BLOCKED if answer.status == 403 else None
            raise Temporary(f"FedEx refuses (HTTP {answer.status}): {quoted(why)}", after=after)
        said = _numbers(body, source=self.name)
        return {ask.parcel: _outcome(said.get(number_of(ask.number))) for ask in asks}

    def close(self) -> None:
        self._wire.close()


def _outcome(told: list[Sighting] | Temporary | Permanent | None) -> Outcome:
    if told is None:
        return Temporary("FedEx did not mention this number in its answer")
    return shown(told) if isinstance(told, list) else told


def _why(said: Mapping[str, Any]) -> str:
    return joined(*(word(error.get("message"), 200) for error in tables(said.get("errors") or [])))


def _numbers(payload: Any, *, source: str) -> dict[str, list[Sighting] | Temporary | Permanent]:
    """Return what an answer says of each number; raises what it says as a whole."""
    said = table(decoded(payload, "FedEx"))
    if "output" not in said:
        codes = {word(error.get("code"), 80) for error in tables(said.get("errors") or [])}
        if any(code.startswith("NOT.AUTHORIZED") for code in codes):
            raise refusal("FedEx", 401, _why(said), hint=_HINT)
        if any(code.startswith("TRACKING.TRACKINGNUMBER.") for code in codes):
            raise Permanent(f"FedEx does not take this number: {quoted(_why(said))}")
        raise Temporary(f"FedEx's answer shows no shipment: {quoted(_why(said))}")
    complete = tables(table(said["output"]).get("completeTrackResults") or [])
    if not complete:
        raise Temporary("FedEx's answer holds no number")
    return {
        number_of(each.get("trackingNumber")): _results(tables(each.get("trackResults") or []), source=source)
        for each in complete
    }


def _results(results: Sequence[Mapping[str, Any]], *, source: str) -> list[Sighting] | Temporary | Permanent:
    """Return the sightings of the latest shipment under a number, or what FedEx says instead."""
    best: tuple[tuple[int, float], list[Sighting]] | None = None
    for result in results:
        told = _sightings(result, source=source)
        if told:
            last = max((each.at.timestamp() for each in told if each.at is not None), default=0.0)
            rank = (_used(result), last)
            best = (rank, told) if best is None or rank > best[0] else best
    if best is not None:
        return best[1]
    errors = [table(result.get("error")) for result in results]
    codes = {word(error.get("code"), 80) for error in errors}
    why = joined(*(word(error.get("message"), 200) for error in errors))
    if any(code.endswith(".NOTFOUND") for code in codes):
        return []
    if any(code.startswith("TRACKING.TRACKINGNUMBER.") for code in codes):
        return Permanent(f"FedEx does not take this number: {quoted(why)}")
    return Temporary(f"FedEx shows no event of this number{': ' + quoted(why) if why else ''}")


def _used(result: Mapping[str, Any]) -> int:
    """Return the running count that a unique id begins with (2460425000~123456789012~FX): later uses count higher."""
    unique = word(table(result.get("trackingNumberInfo")).get("trackingNumberUniqueId"), 100)
    return whole(unique.partition("~")[0])


def _sightings(result: Mapping[str, Any], *, source: str) -> list[Sighting]:
    latest = table(result.get("latestStatusDetail"))
    scans = tables(result.get("scanEvents") or [])
    if not scans:
        return [_of_status(latest, source=source)] if latest.get("code") else []
    told = oldest_first(_sighting(scan, source=source) for scan in scans)
    if _held_up(latest) and latest.get("code") == scans[0].get("eventType"):
        told[-1] = replace(told[-1], code=_CLEARANCE)  # told of the status alone, and it is that of this scan
    return told


def _held_up(event: Mapping[str, Any]) -> bool:
    delay = table(event.get("delayDetail"))
    return delay.get("type") == "CLEARANCE" and word(delay.get("status")) in {"", "DELAYED"}


def _sighting(scan: Mapping[str, Any], *, source: str) -> Sighting:
    exception, kind = word(scan.get("exceptionCode"), 20), word(scan.get("eventType"), 20)
    told = joined(word(scan.get("eventDescription")), word(scan.get("exceptionDescription")))
    code = best_code("fedex", exception, kind, word(scan.get("derivedStatusCode"), 20))
    at, quality = stamped(scan.get("date"))
    where = table(scan.get("scanLocation"))
    return Sighting(
        source=source,
        text=told or word(scan.get("derivedStatus")) or code,
        at=at,
        quality=quality,
        system="fedex",
        code=_CLEARANCE if _held_up(scan) else code,
        place=_place(where),
        country=country(where.get("countryCode")),
        carrier="FedEx",
    )


def _of_status(latest: Mapping[str, Any], *, source: str) -> Sighting:
    """Return the only thing known of a shipment without scans; undated, as FedEx does not date it."""
    reasons = (word(each.get("reasonDescription")) for each in tables(latest.get("ancillaryDetails") or []))
    code = best_code("fedex", word(latest.get("code"), 20), word(latest.get("derivedCode"), 20))
    where = table(latest.get("scanLocation"))
    return Sighting(
        source=source,
        text=joined(word(latest.get("description")) or word(latest.get("statusByLocale")), *reasons) or code,
        system="fedex",
        code=_CLEARANCE if _held_up(latest) else code,
        place=_place(where),
        country=country(where.get("countryCode")),
        carrier="FedEx",
    )


def _place(where: Mapping[str, Any]) -> str:
    return place(word(where.get("city"), 100), word(where.get("stateOrProvinceCode"), 100))
