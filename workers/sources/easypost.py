"""Ask EasyPost where parcels are: a tracker is created once for each number, then read; and take what it pushes.

Sources: https://docs.easypost.com/docs/trackers, /docs/errors and /docs/webhooks (read 2026-11-24), and a tracker of its test
mode as recorded by its own Python client (easypost-python, tests/cassettes). Creating a tracker is billed, so its id is kept
in the parcel's memo. No code of EasyPost's is about customs: its messages are.

Its pushes are signed in two ways (https://support.easypost.com/hc/en-us/articles/39826034964237, read 2026-11-24):
``X-Hmac-Signature`` over the body, as its clients verify it, and ``X-Hmac-Signature-V2`` over time, method, path and body.
Either is enough, and a time that is told must be of now.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from time import sleep as _sleep
from typing import Any
from urllib.parse import quote, urljoin

from msgspec import json as wire
from pydantic import Field

from workers.core.model import Sighting, TimeQuality
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Found, News, Outcome, Push
from workers.sources._answers import carrier_named, opened, shown, stamped
from workers.sources._fields import country, table, tables, word
from workers.sources._fields import name as number_of
from workers.sources._http import Wire, quoted
from workers.sources._signed import SignedSettings, same, sha256
from workers.sources._single import Refused, best_code, oldest_first, one_by_one, place, refusal

EACH = True

_SKEW = timedelta(minutes=5)
_NUMBER = re.compile(r"[A-Z0-9._/-]{4,60}")
_EVENTLESS = frozenset({"", "unknown", "pre_transit", "error"})  # a status that is no event by itself
_CHECK_NUMBER = "check the number on the order page, and name its `carrier:`"
_HINT = "is `token` the account's production key?"


class Settings(SignedSettings):
    """Options of an EasyPost source. The key is made on https://www.easypost.com/account/api-keys."""

    base_url: str = Field(default="https://api.easypost.com/v2/", description="where its API is")
    carriers: dict[str, str] = Field(
        default={}, description="your words for carriers, each with EasyPost's name for it"
    )
    rate: float = Field(default=2.0, gt=0, le=50, description="calls per second; no limit is documented")
    batch: int = Field(default=10, ge=1, le=50, description="numbers in one look, a call each")


def parse(payload: bytes | Mapping[str, Any], *, source: str) -> Mapping[str, Sequence[Sighting]]:
    """Return the sightings of a tracker, a list of them or a push, by number, oldest first.

    Raises Temporary for what cannot be read, and what the service says where the answer is an error.
    """
    out: dict[str, list[Sighting]] = {}
    for tracker in _trackers(opened(payload, "EasyPost")):
        out.setdefault(number_of(tracker.get("tracking_code")), []).extend(_sightings(tracker, source=source))
    return out


def verified(settings: Settings, push: Push, *, now: datetime) -> bool:
    """Whether *push* is EasyPost's, and of now where it tells its time; the secret counts in Unicode's form NFKD."""
    secret = unicodedata.normalize("NFKD", settings.webhook_secret.get_secret_value())
    if not secret:
        return False
    told, path = push.headers.get("x-timestamp", ""), push.headers.get("x-path", "")
    one = _hex(push.headers.get("x-hmac-signature", ""), sha256(secret, push.body))
    two = _hex(
        push.headers.get("x-hmac-signature-v2", ""), sha256(secret, f"{told}POST{path}".encode() + push.body)
    )
    return (one or (two and bool(told))) and (not told or _of_now(told, now))


def pushed(body: bytes, *, source: str) -> News:
    """Return what a push says of a tracker; events of anything else say nothing. Raises Temporary for what cannot be read."""
    said = opened(body, "EasyPost")
    result = said.get("result")
    if not isinstance(result, dict):
        raise Temporary("EasyPost's push holds no result")
    if result.get("object") != "Tracker":
        return News()  # a batch, a refund: one webhook is told everything
    told = {number: shown(each) for number, each in parse(result, source=source).items() if number}
    return News(found={number: each for number, each in told.items() if isinstance(each, Found)})


def open(  # noqa: A001 - the contract of a source module names it so
    settings: Settings,
    *,
    name: str,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] = _sleep,
) -> EasyPost:
    """Return the source; makes no request. *sleep* (seconds) spaces the calls of one look."""
    return EasyPost(settings, name=name, clock=clock, sleep=sleep)


class EasyPost:
    """The EasyPost source: one call a number, to create its tracker or to read it."""

    def __init__(
        self, settings: Settings, *, name: str, clock: Callable[[], datetime], sleep: Callable[[float], None]
    ) -> None:
        self.name = name
        self.batch = settings.batch
        self.rate = settings.rate
        self._settings = settings
        self._sleep = sleep
        key = base64.b64encode(f"{settings.token.get_secret_value()}:".encode()).decode()
        self._wire = Wire(
            "EasyPost",
            timeout=timedelta(seconds=settings.timeout),
            clock=clock,
            headers={"Authorization": f"Basic {key}"},
            cap=settings.largest,
            reach=settings.reach(),
        )

    def track(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        """Ask for one number after the other; raises Temporary/Permanent where none was answered."""
        remembered = sorted(
            asks, key=lambda ask: not ask.memo
        )  # of two asks for one number, the one with a tracker
        return one_by_one(remembered, self._look, pause=lambda: self._sleep(1 / self.rate))

    def close(self) -> None:
        self._wire.close()

    def _look(self, ask: Ask) -> Outcome:
        number = number_of(ask.number)
        if not _NUMBER.fullmatch(number):
            return Permanent("EasyPost takes numbers of letters and digits", hint=_CHECK_NUMBER)
        if ask.memo:
            status, answer = self._call("GET", f"trackers/{quote(ask.memo, safe='')}")
            if status != 404:
                return self._outcome(number, status, answer)
        fields = {"tracking_code": number, "carrier": carrier_named(ask.carrier, self._settings.carriers)}
        tracker = {key: value for key, value in fields.items() if value}
        return self._outcome(number, *self._call("POST", "trackers", {"tracker": tracker}))

    def _outcome(self, number: str, status: int, answer: Mapping[str, Any]) -> Outcome:
        if status in {401, 402, 403, 429}:
            raise _trouble(status, answer)
        if status >= 400:
            return _trouble(status, answer)
        if number_of(answer.get("tracking_code")) != number:
            return Temporary("EasyPost answered for another number")
        memo = word(answer.get("id"), 200)
        if not memo:
            return Temporary("EasyPost's answer holds no tracker")
        try:
            return shown(_sightings(answer, source=self.name), memo)
        except Temporary as error:
            return error

    def _call(self, method: str, path: str, said: Any = None) -> tuple[int, Mapping[str, Any]]:
        content = wire.encode(said) if said is not None else None
        answer = self._wire.call(method, urljoin(self._settings.base_url, path), content=content)
        if answer.status in {401, 403} and not answer.body.strip().startswith(b"{"):
            raise refusal("EasyPost", answer.status, hint=_HINT)
        return answer.status, opened(self._wire.json(answer), "EasyPost")


def _hex(said: str, digest: bytes) -> bool:
    return same(said.strip().lower(), f"hmac-sha256-hex={digest.hex()}")


def _of_now(told: str, now: datetime) -> bool:
    """Whether a time in the form of mails (``Tue, 19 Aug 2025 20:37:09 -0000``) is within minutes of *now*."""
    try:
        at = parsedate_to_datetime(told)
    except ValueError:
        return False
    return abs(now - (at if at.tzinfo is not None else at.replace(tzinfo=UTC))) <= _SKEW


def _trouble(status: int, answer: Mapping[str, Any]) -> Temporary | Permanent:
    """Return what an error means: of the account where no number fares better, of the number else."""
    error = table(answer.get("error"))
    said = word(error.get("message"), 300) or word(error.get("code"), 100)
    tail = f": {quoted(said)}" if said else ""
    if status in {401, 403}:
        return refusal("EasyPost", status, said, hint=_HINT)
    if status == 402:
        return Refused(
            f"EasyPost wants to be paid{tail}", hint="look at the account's balance on easypost.com"
        )
    if status == 429:
        return Temporary(f"EasyPost asks to slow down{tail}", after=timedelta(minutes=1))
    if status in {400, 404, 422}:
        return Permanent(f"EasyPost cannot follow this number{tail}", hint=_CHECK_NUMBER)
    return Temporary(f"EasyPost refuses (HTTP {status}){tail}")


def _trackers(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the trackers of an answer; raises what its error means, or Temporary for what is no answer."""
    if answer.get("error") is not None:
        raise _trouble(0, answer)
    result = answer.get("result")
    if isinstance(result, dict):  # a push
        return _trackers(result)
    listed = answer.get("trackers")
    if isinstance(listed, list):
        return tables(listed)
    if "tracking_code" not in answer:
        raise Temporary("EasyPost's answer holds no tracker")
    return [dict(answer)]


def _sightings(tracker: Mapping[str, Any], *, source: str) -> list[Sighting]:
    """Return one tracker's sightings, oldest first; raises Temporary where its events cannot be read."""
    listed = tracker.get("tracking_details")
    if listed is not None and not isinstance(listed, (list, dict)):
        raise Temporary("EasyPost's list of events cannot be read")
    status = word(tracker.get("status"), 60)
    if listed is None and not status:
        raise Temporary("EasyPost's answer holds neither a status nor events")
    carrier = word(tracker.get("carrier"), 100)
    out = oldest_first([_sighting(each, source=source, carrier=carrier) for each in tables(listed)][::-1])
    if not out and status not in _EVENTLESS:
        out = [Sighting(source=source, text=status, system="easypost", code=status, carrier=carrier)]
    return out


def _sighting(detail: Mapping[str, Any], *, source: str, carrier: str) -> Sighting:
    at, quality = stamped(detail.get("datetime"))
    where = table(detail.get("tracking_location"))
    if quality is TimeQuality.EXACT and not (where.get("city") or where.get("zip")):
        quality = TimeQuality.ASSUMED  # without a place it puts down the local time as UTC (docs/trackers)
    fine, status = word(detail.get("status_detail"), 60), word(detail.get("status"), 60)
    code = best_code("easypost", "" if fine in {"unknown", "status_update"} else fine, status)
    return Sighting(
        source=source,
        text=word(detail.get("message")) or word(detail.get("description")) or code,
        at=at,
        quality=quality,
        system="easypost" if code else "",
        code=code,
        place=place(word(where.get("city"), 200), word(where.get("state"), 100)),
        country=country(where.get("country")),
        carrier=word(detail.get("source"), 100) or carrier,
    )
