"""Ask ParcelsApp (API v3) where parcels are: post, then ask by uuid a few times; takes no pending answer for silence.

Source: https://parcelsapp.com/api-docs/openapi.json, OpenAPI 3.0.3 (read 2026-11-22).

Numbers are counted once each, however often they are posted, and a number that is being looked up answers with the
uuid it has; so a look that ends before ParcelsApp is done only says when to come again, and nothing is kept but that
a number has been counted. Errors come with HTTP 200. A parcel's ``status`` never speaks of customs: its events do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from time import sleep as _sleep
from typing import Any
from urllib.parse import urljoin

from msgspec import json as wire
from pydantic import Field, SecretStr, field_validator

from workers.core.model import Sighting
from workers.errors import Permanent, Temporary
from workers.sources import Ask, News, Outcome, Push
from workers.sources._answers import KeySettings, carrier_named, opened, shown, stamped
from workers.sources._fields import name as number_of
from workers.sources._fields import table, tables, word
from workers.sources._http import Wire, quoted
from workers.sources._places import country_in, name_of
from workers.sources._signed import same

TITLE = "ParcelsApp"
_COUNTED = "counted"  # the memo of a number that ParcelsApp has answered for
_SOON, _LATER = timedelta(minutes=5), timedelta(hours=6)
_EVENTLESS = frozenset(
    {"", "transit", "archive"}
)  # a status that is no event by itself; archive is not delivered
_WEBHOOK = re.compile(r"https://[!-~]+/push/[^/?#]+/(?P<secret>[A-Za-z0-9_-]{22,200})")
_PLAN = "look at the account's plan on parcelsapp.com"

_PERMANENT: Mapping[str, tuple[str, str]] = {
    "MISSING_API_KEY": ("ParcelsApp misses the key", "look at `token:` of this source"),
    "INVALID_API_KEY": ("ParcelsApp refuses the key", "look at `token:` of this source"),
    "FORBIDDEN": ("ParcelsApp refuses the key", "look at `token:` of this source"),
    "UNCONFIRMED_ACCOUNT": (
        "the ParcelsApp account is not confirmed",
        "open the letter ParcelsApp sent to the account's e-mail address",
    ),
    "SUBSCRIPTION_NOT_FOUND": ("the ParcelsApp account has no plan", _PLAN),
    "SUBSCRIPTION_INACTIVE": ("the ParcelsApp plan is not active", _PLAN),
    "INVALID_SUBSCRIPTION_STATE": ("the ParcelsApp plan is not in order", _PLAN),
    "INVALID_WEBHOOK_URL": (
        "ParcelsApp refuses the address for its reports",
        "look at `webhook_url:` of this source",
    ),
    "INVALID_PARAMS": ("ParcelsApp refuses what was sent", "check the number and the order's `destination:`"),
    "NO_SHIPMENTS": ("ParcelsApp sees no number", "check the number on the order page"),
}
_TEMPORARY: Mapping[str, tuple[str, timedelta | None, str]] = {
    "SUBSCRIPTION_LIMIT_REACHED": (
        "the ParcelsApp plan's numbers are used up", _LATER, "wait for the next month, or buy a larger plan"
    ),
    "BUSY": ("ParcelsApp is busy", timedelta(minutes=1), ""),
    "TIMEDOUT": ("ParcelsApp did not finish in time", timedelta(minutes=1), ""),
    "NO_REQUEST_FOUND": ("ParcelsApp has forgotten this look", timedelta(minutes=1), ""),
    "TRACKING_ERROR": ("ParcelsApp could not look this parcel up", None, ""),
}  # fmt: skip


class Settings(KeySettings):
    """Options of a ParcelsApp source. The key is made on https://parcelsapp.com/dashboard."""

    base_url: str = Field(default="https://parcelsapp.com/api/v3/", description="where its API is")
    lang: str = Field(default="en", pattern=r"^[a-z]{2}$", description="language of the events")
    webhook_url: SecretStr = Field(
        default=SecretStr(""),
        description="your address for its reports: https://…/push/<source>/<22 or more random letters and digits>",
    )
    carriers: dict[str, str] = Field(
        default={}, description="your words for carriers, each with ParcelsApp's code for it"
    )
    rate: float = Field(default=1.0, gt=0, le=20, description="calls per second; none is documented")
    batch: int = Field(default=10, ge=1, le=50, description="numbers in one call; no limit is documented")
    polls: int = Field(
        default=6, ge=1, le=20, description="times a look is asked after before it is left for later"
    )
    poll_every: float = Field(default=3.0, ge=0, le=30, description="seconds between them")

    @field_validator("webhook_url")
    @classmethod
    def _unguessable(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not _WEBHOOK.fullmatch(value.get_secret_value()):
            raise ValueError("must be https://…/push/<source>/<22 or more random letters, digits, - and _>")
        return value


def parse(payload: bytes | Mapping[str, Any], *, source: str) -> Mapping[str, Sequence[Sighting]]:
    """Return the sightings of an answer, a push, or the website's data, by number, oldest first.

    What ParcelsApp has not finished is left out; what names no number stands under "". Raises what an error means.
    """
    return {
        number_of(shipment.get("trackingId")): _sightings(shipment, source=source)
        for shipment in _shipments(opened(payload, "ParcelsApp"))
    }


def verified(settings: Settings, push: Push, *, now: datetime) -> bool:  # noqa: ARG001 - it tells no time
    """Whether *push* came to the address that only ParcelsApp knows. It signs nothing."""
    known = _WEBHOOK.fullmatch(settings.webhook_url.get_secret_value())
    return same(push.path, known["secret"] if known else "")


def pushed(body: bytes, *, source: str) -> News:  # noqa: ARG001 - nothing of it is shown
    """Return the numbers a push names, to be looked up: what it says of them nobody has signed.

    Raises Temporary for what cannot be read.
    """
    said = opened(body, "ParcelsApp")
    shipments = tables(said.get("shipments")) + tables(said.get("shipment"))
    return News(look=tuple(filter(None, (number_of(each.get("trackingId")) for each in shipments))))


def open(  # noqa: A001 - the contract of a source module names it so
    settings: Settings,
    *,
    name: str,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] = _sleep,
) -> ParcelsApp:
    """Return the source; makes no request. *sleep* (seconds) spaces the calls of one look."""
    return ParcelsApp(settings, name=name, clock=clock, sleep=sleep)


class ParcelsApp:
    """The ParcelsApp source: one call to post, then as many as are needed and allowed to read."""

    def __init__(
        self, settings: Settings, *, name: str, clock: Callable[[], datetime], sleep: Callable[[float], None]
    ) -> None:
        self.name = name
        self.batch = settings.batch
        self.rate = settings.rate
        self._settings = settings
        self._sleep = sleep
        self._url = urljoin(settings.base_url, "shipments/tracking")
        self._wire = Wire(
            "ParcelsApp",
            timeout=timedelta(seconds=settings.timeout),
            clock=clock,
            cap=settings.largest,
            reach=settings.reach(),
        )

    def track(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        """Post all numbers and read what is done; raises Temporary/Permanent where the whole call failed."""
        by_number: dict[str, Ask] = {}
        for ask in asks:
            number = number_of(ask.number)
            if number not in by_number or ask.memo:
                by_number[number] = ask
        said = self._look(by_number)
        return {ask.parcel: said[number_of(ask.number)] for ask in asks}

    def close(self) -> None:
        self._wire.close()

    def _look(self, asks: Mapping[str, Ask]) -> Mapping[str, Outcome]:
        answer = self._post(asks)
        error = word(answer.get("error"), 60)
        if error == "SUBSCRIPTION_LIMIT_REACHED":
            return self._without_the_new(asks, trouble(answer))
        if error == "INVALID_PARAMS":
            if len(asks) == 1:
                return dict.fromkeys(asks, trouble(answer))
            return self._one_by_one(asks)
        shipments = _shipments(answer)
        found = {number_of(shipment.get("trackingId")): shipment for shipment in shipments}
        uuid = word(answer.get("uuid"), 200)
        done = answer.get("done") is True
        if not done and not uuid:
            raise Temporary("ParcelsApp's answer is neither done nor says what to ask for")
        left: Temporary | Permanent | None = None
        for _ in range(self._settings.polls):
            if done or asks.keys() <= found.keys():
                break
            self._sleep(max(self._settings.poll_every, 1 / self.rate))
            try:
                answer = self._read(uuid)
                found |= {number_of(shipment.get("trackingId")): shipment for shipment in _shipments(answer)}
            except (Temporary, Permanent) as error:
                if not found:
                    raise
                left = error  # what was shown already still counts
                break
            done = answer.get("done") is True
        if left is None and done:
            left = Temporary("ParcelsApp did not mention this number in its answer")
        left = left or Temporary("ParcelsApp is still looking this parcel up", after=_SOON)
        return {number: self._outcome(found[number]) if number in found else left for number in asks}

    def _without_the_new(self, asks: Mapping[str, Ask], no: Temporary | Permanent) -> Mapping[str, Outcome]:
        """The plan's numbers are used up: those that are counted already can still be looked up."""
        counted = {number: ask for number, ask in asks.items() if ask.memo == _COUNTED}
        said: dict[str, Outcome] = dict.fromkeys(asks, no)
        if counted and len(counted) < len(asks):
            self._sleep(1 / self.rate)
            said |= self._look(counted)
        return said

    def _one_by_one(self, asks: Mapping[str, Ask]) -> Mapping[str, Outcome]:
        """One of several is refused, and it is not said which: it must not take its neighbours along."""
        said: dict[str, Outcome] = {}
        for number, ask in asks.items():
            self._sleep(1 / self.rate)
            try:
                said |= self._look({number: ask})
            except (Temporary, Permanent) as error:
                return dict.fromkeys(asks, error) | said
        return said

    def _outcome(self, shipment: Mapping[str, Any]) -> Outcome:
        try:
            return shown(_sightings(shipment, source=self.name), _COUNTED)
        except Temporary as error:
            return error

    def _post(self, asks: Mapping[str, Ask]) -> Mapping[str, Any]:
        items = [self._item(number, ask) for number, ask in asks.items()]
        body = {"apiKey": self._key(), "language": self._settings.lang, "shipments": items}
        if url := self._settings.webhook_url.get_secret_value():
            body["webhookUrl"] = url
        return self._answer("POST", content=wire.encode(body))

    def _item(self, number: str, ask: Ask) -> dict[str, Any]:
        slug = carrier_named(ask.carrier, self._settings.carriers)
        fields = {
            "trackingId": number,
            "destinationCountry": name_of(ask.destination),
            "zipcode": ask.postcode,
            "slugs": [slug] if slug else [],
        }
        return {key: value for key, value in fields.items() if value}

    def _read(self, uuid: str) -> Mapping[str, Any]:
        return self._answer("GET", params={"uuid": uuid, "apiKey": self._key()})

    def _key(self) -> str:
        return self._settings.token.get_secret_value()

    def _answer(self, method: str, **sent: Any) -> Mapping[str, Any]:
        answer = self._wire.call(method, self._url, **sent)
        if answer.status == 401:
            raise trouble({"error": "INVALID_API_KEY"})
        opening = opened(self._wire.json(answer), "ParcelsApp")
        if answer.status >= 400 and "error" not in opening:
            raise Temporary(f"ParcelsApp refuses (HTTP {answer.status})")
        return opening


def trouble(answer: Mapping[str, Any]) -> Temporary | Permanent:
    """Return what an answer with ``error`` means: a sentence, when to ask again, what a person can do."""
    error = word(answer.get("error"), 60)
    told = word(answer.get("description"), 200) or word(answer.get("message"), 200)
    said = f": {quoted(told)}" if told else ""
    if error in _PERMANENT:
        sentence, hint = _PERMANENT[error]
        return Permanent(f"{sentence}{said}", hint=hint)
    named = (
        f"ParcelsApp answered with the error {quoted(error, 40)}"
        if error
        else "ParcelsApp answered with an error"
    )
    sentence, after, hint = _TEMPORARY.get(error, (named, None, ""))
    return Temporary(f"{sentence}{said}", after=after, hint=hint)


def _shipments(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the finished parcels of an answer; raises what its error means, or Temporary for what is no answer."""
    if answer.get("error") is not None:
        raise trouble(answer)
    if "states" in answer:  # the data of the website
        return [dict(answer)]
    if isinstance(answer.get("shipment"), dict):  # a push
        return tables(answer["shipment"])
    listed = answer.get("shipments")
    if not isinstance(listed, list):
        raise Temporary("ParcelsApp's answer holds no list of parcels")
    return tables(listed)


def _sightings(shipment: Mapping[str, Any], *, source: str) -> list[Sighting]:
    """Return one parcel's sightings, oldest first; raises Temporary where its events cannot be read."""
    states = shipment.get("states")
    if states is not None and not isinstance(states, (list, dict)):
        raise Temporary("ParcelsApp's list of events cannot be read")
    services = shipment.get("services")
    carriers = [word(table(each).get("name"), 100) for each in services] if isinstance(services, list) else []
    usual = word(table(shipment.get("detectedCarrier")).get("name"), 100)
    ends = (shipment.get("originCode"), shipment.get("destinationCode"))
    out = [
        _sighting(state, source=source, carriers=carriers, usual=usual, ends=ends)
        for state in reversed(tables(states))
    ]
    status = word(shipment.get("status"), 40)
    if states is None and not status:
        raise Temporary("ParcelsApp's answer holds neither a status nor events")
    if not out and status not in _EVENTLESS:
        out.append(Sighting(source=source, text=status, carrier=usual))
    return out


def _sighting(
    state: Mapping[str, Any], *, source: str, carriers: Sequence[str], usual: str, ends: Sequence[Any]
) -> Sighting:
    at, quality = stamped(state.get("date"))
    place, index = word(state.get("location"), 300), state.get("carrier")
    scanned_by = carriers[index] if isinstance(index, int) and 0 <= index < len(carriers) else usual
    return Sighting(
        source=source,
        text=word(state.get("state")) or word(state.get("status")),  # newer and older answers
        at=at,
        quality=quality,
        place=place,
        country=country_in(place, *ends),
        carrier=scanned_by,
    )
