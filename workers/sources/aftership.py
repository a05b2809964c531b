"""Ask AfterShip (version 2026-07) where parcels are, up to 50 numbers a call; believes no subtag on a Cainiao parcel.

Sources: https://www.aftership.com/docs/tracking/2026-07 with its OpenAPI document, and /quickstart/request-errors (read
2026-11-22).

AfterShip calls the start of an import "Customs clearance completed" on Cainiao's parcels (a capture of 2024-02): there
the carrier's own code, ``raw_tag``, is what counts. Numbers it does not list are created, each for one unit of the
plan; it stops following after 30 days without an event, and is asked once to go on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import sleep as _sleep
from typing import Any
from urllib.parse import quote, urljoin

from msgspec import json as wire
from pydantic import Field

from workers.core.model import Sighting, TimeQuality
from workers.errors import Permanent, Temporary
from workers.sources import TOLD, Ask, Found, News, NoNews, Outcome, Push
from workers.sources._answers import carrier_named, opened, shown, stamped
from workers.sources._fields import name as number_of
from workers.sources._fields import table, tables, whole, word
from workers.sources._http import Wire, quoted
from workers.sources._places import by_three_letters, country_in, three_letters
from workers.sources._signed import SignedSettings, signed_base64
from workers.sources.cainiao import action_code

_KNOWN, _AGAIN = (
    "known",
    "known:again",
)  # memos: listed by AfterShip; and asked to follow it again, which it does once
TITLE = "AfterShip"
_NUMBER = re.compile(r"[A-Z0-9._/-]{4,100}")
_ACTION = re.compile(
    r"(?:CC|CIQ|COMMON|CUS|GTMS|GWMS|LH|OM|PU|SC|TD)_[A-Z_]+"
)  # Cainiao's, also under other slugs
_EVENTLESS = frozenset({"Pending", "InfoReceived", "Expired"})  # a tag that is no event by itself
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATER = timedelta(hours=6)
_CHECK_NUMBER = "check the number on the order page"
_SET_CARRIER = "name the parcel's `carrier:`, and its AfterShip slug in `carriers:` of this source"
_ALREADY, _NOT_INACTIVE, _ONLY_ONCE = 4003, 4013, 4016

_PERMANENT: Mapping[int, tuple[str, str]] = {
    401: ("AfterShip refuses the key", "look at `token:` of this source"),
    403: (
        "AfterShip refuses access",
        "the account's plan may not include the API; look at it on aftership.com",
    ),
    4005: ("AfterShip refuses the number", _CHECK_NUMBER),
    4007: ("AfterShip misses the number", _CHECK_NUMBER),
    4008: ("AfterShip refuses a value", _CHECK_NUMBER),
    4010: ("AfterShip does not know this carrier", _SET_CARRIER),
    4011: ("this carrier needs more than a number", "set `destination:` and `postcode:` of the order"),
    4012: ("AfterShip does not know whose number this is", _SET_CARRIER),
    4017: ("AfterShip refuses the form of the number", _CHECK_NUMBER),
}
_TEMPORARY: Mapping[int, tuple[str, timedelta | None, str]] = {
    402: ("AfterShip's plan is used up", _LATER, "wait for the next month, or buy a larger plan"),
    429: ("AfterShip asks to slow down", timedelta(minutes=1), ""),
    _ALREADY: ("AfterShip says that this number is, and is not, among yours", _LATER, ""),
}
_OF_ALL = frozenset({401, 402, 403, 429})  # what concerns every call, not one number


class Settings(SignedSettings):
    """Options of an AfterShip source. The key is made on https://admin.aftership.com/settings/api-keys."""

    base_url: str = Field(
        default="https://api.aftership.com/tracking/2026-07/", description="where its API is"
    )
    carriers: dict[str, str] = Field(
        default={}, description="your words for carriers, each with AfterShip's slug"
    )
    rate: float = Field(default=5.0, gt=0, le=50, description="calls per second; AfterShip allows 6 to list")
    batch: int = Field(default=50, ge=1, le=50, description="numbers in one call")


def parse(payload: bytes | Mapping[str, Any], *, source: str) -> Mapping[str, Sequence[Sighting]]:
    """Return the sightings in a list, a single answer or a push, by number, oldest first.

    Raises Temporary for what cannot be read, and what the service says where the answer is an error.
    """
    answer = opened(payload, "AfterShip")
    trackings = tables(answer["msg"]) if isinstance(answer.get("msg"), dict) else _trackings(answer)
    out: dict[str, list[Sighting]] = {}
    for tracking in trackings:
        out.setdefault(number_of(tracking.get("tracking_number")), []).extend(
            _sightings(tracking, source=source)
        )
    return out


def verified(settings: Settings, push: Push, *, now: datetime) -> bool:  # noqa: ARG001 - AfterShip signs no time
    """Whether *push* is AfterShip's: HMAC-SHA256 of the body in base64, under the header's name of either generation.

    https://www.aftership.com/docs/tracking/webhook/webhook-signature (read 2026-11-24).
    """
    said = push.headers.get("aftership-hmac-sha256") or push.headers.get("as-signature-hmac-sha256", "")
    return signed_base64(said, settings.webhook_secret, push.body)


def pushed(body: bytes, *, source: str) -> News:
    """Return what a push says, of whatever version its parcel's form is; raises Temporary for what cannot be read."""
    said = {number: shown(_in_order(told)) for number, told in parse(body, source=source).items() if number}
    return News(found={number: each for number, each in said.items() if isinstance(each, Found)})


def open(  # noqa: A001 - the contract of a source module names it so
    settings: Settings,
    *,
    name: str,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] = _sleep,
) -> AfterShip:
    """Return the source; makes no request. *sleep* (seconds) spaces the calls of one look."""
    return AfterShip(settings, name=name, clock=clock, sleep=sleep)


class AfterShip:
    """The AfterShip source: one call for all numbers it lists, then one to create each that is new."""

    def __init__(
        self, settings: Settings, *, name: str, clock: Callable[[], datetime], sleep: Callable[[float], None]
    ) -> None:
        self.name = name
        self.batch = settings.batch
        self.rate = settings.rate
        self._settings = settings
        self._sleep = sleep
        self._wire = Wire(
            "AfterShip",
            timeout=timedelta(seconds=settings.timeout),
            clock=clock,
            headers={"as-api-key": settings.token.get_secret_value(), "Content-Type": "application/json"},
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
            number: Permanent("AfterShip takes numbers of 4 to 100 letters and digits", hint=_CHECK_NUMBER)
            for number in by_number
            if not _NUMBER.fullmatch(number)
        }
        wanted = [number for number in by_number if number not in said]
        listed = self._list(wanted) if wanted else {}
        stop: Temporary | Permanent | None = None
        for number in wanted:
            if number in listed:
                said[number] = self._outcome(by_number[number], listed[number], may_ask=stop is None)
            elif stop is not None:
                said[number] = stop
            else:
                said[number], stop = self._create(number, by_number[number])
        return {ask.parcel: said[number_of(ask.number)] for ask in asks}

    def close(self) -> None:
        self._wire.close()

    def _list(self, numbers: Sequence[str]) -> Mapping[str, list[dict[str, Any]]]:
        answer = self._call(
            "GET", "trackings", params={"tracking_numbers": ",".join(numbers), "limit": "200"}
        )
        no = _refusal(answer)
        if no is not None:
            raise no
        listed = table(answer.get("data")).get("trackings")
        if not isinstance(listed, list):
            raise Temporary("AfterShip's answer holds no list of parcels")
        out: dict[str, list[dict[str, Any]]] = {}
        for tracking in tables(listed):
            out.setdefault(number_of(tracking.get("tracking_number")), []).append(tracking)
        return out

    def _create(self, number: str, ask: Ask) -> tuple[Outcome, Temporary | Permanent | None]:
        """Create a number; return what it is told, and what stops all further calls, if anything does."""
        self._sleep(1 / self.rate)
        fields = {
            "tracking_number": number,
            "slug": carrier_named(ask.carrier, self._settings.carriers),
            "origin_country_region": three_letters(ask.origin),
            "destination_country_region": three_letters(ask.destination),
            "destination_postal_code": ask.postcode,
        }
        content = wire.encode({key: value for key, value in fields.items() if value})
        try:
            answer = self._call("POST", "trackings", content=content)
        except (Temporary, Permanent) as error:
            return error, error
        no = _refusal(answer)
        if no is not None:
            return no, no if _code(answer) in _OF_ALL else None
        if number_of(_one(answer).get("tracking_number")) != number:
            return Temporary("AfterShip neither created this number nor says why"), None
        return NoNews(_KNOWN, TOLD), None

    def _outcome(self, ask: Ask, trackings: Sequence[dict[str, Any]], *, may_ask: bool) -> Outcome:
        slug = carrier_named(ask.carrier, self._settings.carriers)
        chosen = [tracking for tracking in trackings if slug and tracking.get("slug") == slug] or trackings
        memo = _AGAIN if ask.memo == _AGAIN else _KNOWN
        if may_ask and memo == _KNOWN and all(tracking.get("tag") == "Expired" for tracking in chosen):
            memo = self._follow_again(chosen)
        try:
            told = [s for tracking in chosen for s in _sightings(tracking, source=self.name)]
        except Temporary as error:
            return error
        return shown(_in_order(told), memo)

    def _follow_again(self, trackings: Sequence[Mapping[str, Any]]) -> str:
        """Ask AfterShip to follow on: customs can take longer than its 30 days. Return the memo that says so."""
        done = True
        for tracking in trackings:
            self._sleep(1 / self.rate)
            path = f"trackings/{quote(word(tracking.get('id'), 200), safe='')}/retrack"
            try:
                answer = self._call("POST", path)
            except (Temporary, Permanent):
                return _KNOWN  # what was read still counts; the next look tries again
            done = done and (_refusal(answer) is None or _code(answer) in {_NOT_INACTIVE, _ONLY_ONCE})
        return _AGAIN if done else _KNOWN

    def _call(self, method: str, path: str, **sent: Any) -> Mapping[str, Any]:
        answer = self._wire.call(method, urljoin(self._settings.base_url, path), **sent)
        if answer.status == 401:
            raise trouble(401, "")
        opening = opened(self._wire.json(answer), "AfterShip")
        code = _code(opening)
        if not code or (answer.status >= 400 and 200 <= code < 300):
            raise Temporary(f"AfterShip answers without saying whether it did (HTTP {answer.status})")
        return opening


def trouble(code: int, message: str) -> Temporary | Permanent:
    """Return what an error code of AfterShip means: a sentence, when to ask again, what a person can do."""
    said = f": {quoted(message)}" if message else ""
    if code in _PERMANENT:
        sentence, hint = _PERMANENT[code]
        return Permanent(f"{sentence}{said}", hint=hint)
    sentence, after, hint = _TEMPORARY.get(code, (f"AfterShip answered with error {code}", None, ""))
    return Temporary(f"{sentence}{said}", after=after, hint=hint)


def _code(answer: Mapping[str, Any]) -> int:
    return whole(table(answer.get("meta")).get("code"))


def _refusal(answer: Mapping[str, Any]) -> Temporary | Permanent | None:
    """Return what an answer's ``meta`` refuses; None for a success, and where there is none."""
    code = _code(answer)
    if not code or 200 <= code < 300:
        return None
    return trouble(code, word(table(answer.get("meta")).get("message"), 300))


def _one(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the only parcel of an answer: bare since 2024-04, within ``tracking`` before."""
    data = table(answer.get("data"))
    return table(data.get("tracking")) or data


def _trackings(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the parcels of an answer; raises what its error means, or Temporary for what is no answer."""
    no = _refusal(answer)
    if no is not None:
        raise no
    listed = table(answer.get("data")).get("trackings")
    if isinstance(listed, list):
        return tables(listed)
    one = _one(answer)
    if "tracking_number" not in one:
        raise Temporary("AfterShip's answer holds no parcel")
    return [one]


def _sightings(tracking: Mapping[str, Any], *, source: str) -> list[Sighting]:
    """Return one parcel's sightings, oldest first; raises Temporary where its events cannot be read."""
    listed = tracking.get("checkpoints")
    if listed is not None and not isinstance(listed, (list, dict)):
        raise Temporary("AfterShip's list of events cannot be read")
    slug = word(tracking.get("slug"), 100)
    out = [_sighting(point, source=source, slug=slug) for point in tables(listed)]
    out = _in_order(out)
    tag = word(tracking.get("tag"), 60)
    if not out and not tag:
        raise Temporary("AfterShip's answer holds neither a tag nor events")
    if not out and tag not in _EVENTLESS:
        code = word(tracking.get("subtag"), 60) or tag
        out.append(Sighting(source=source, text=code, system="aftership", code=code, carrier=slug))
    last_mile = table(tracking.get("last_mile"))
    number = number_of(last_mile.get("tracking_number"))
    if out and number and number != number_of(tracking.get("tracking_number")):
        carrier = word(last_mile.get("slug"), 100)
        own = [at for at, sighting in enumerate(out) if carrier and sighting.carrier == carrier != slug]
        for at in own or [len(out) - 1]:
            out[at] = replace(out[at], number=number)
    return out


def _in_order(told: Sequence[Sighting]) -> list[Sighting]:
    """Return sightings oldest first where all times are sure: the list is not always in order."""
    if all(sighting.quality is TimeQuality.EXACT for sighting in told):
        return sorted(told, key=lambda sighting: sighting.at or _EARLIEST)
    return list(told)


def _sighting(point: Mapping[str, Any], *, source: str, slug: str) -> Sighting:
    at, quality = stamped(point.get("checkpoint_time"))
    carrier = word(point.get("slug"), 100) or slug
    code, system = word(point.get("subtag"), 60) or word(point.get("tag"), 60), "aftership"
    subtag = word(point.get("subtag_message"), 200)
    raw = action_code(point.get("raw_tag"))
    if raw and (carrier == "cainiao" or _ACTION.fullmatch(raw)):
        code, system, subtag = raw, "cainiao", ""
    parts = [word(point.get(key), 100) for key in ("city", "state")]
    place = word(point.get("location"), 300) or ", ".join(part for part in parts if part)
    named = point.get("country_region") or point.get("country_iso3")  # before 2026-01
    return Sighting(
        source=source,
        text=word(point.get("message")) or subtag or code,
        at=at,
        quality=quality,
        system=system if code else "",
        code=code,
        place=place,
        country=by_three_letters(named) or country_in(place),
        carrier=carrier,
    )
