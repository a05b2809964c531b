"""Ask La Poste (Suivi v2: letters, Colissimo, Chronopost) for up to ten numbers a call, with the user's own key.

Source: https://developer.laposte.fr, Suivi v2: ``GET /suivi/v2/idships/{id[,id]}``; the shape of an answer for one number
(an object) and for several (a list with a ``returnCode`` each) as captured in 2023 (karrioapi/karrio, 2026-06).

Events hold a code and words in the language asked for; the country of an event is not told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator

from workers.core.model import Sighting
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Outcome
from workers.sources._fields import name as number_of
from workers.sources._fields import table, tables, whole, word
from workers.sources._http import CAP, Wire, quoted
from workers.sources._reach import Addressed
from workers.sources._single import (
    Refused,
    decoded,
    http_url,
    oldest_first,
    printable,
    refusal,
    shown,
    stamped,
)

TITLE = "La Poste"
CARRIERS = ("la poste", "laposte", "colissimo", "chronopost", "post FR")
BATCH = 10
_HINT = "is `token` the production key of an app with Suivi v2 at developer.laposte.fr?"
_NOT_FOUND = frozenset({104, 404})  # 104: the v1 code, still seen
_COLISSIMO = re.compile(r"^DOU[A-Z]{3}$")  # Colissimo's own codes of customs retention


class Settings(Addressed):
    """Options of a La Poste source. The key is that of an app made at https://developer.laposte.fr."""

    token: SecretStr = Field(description="the app's production key")
    base_url: str = Field(default="https://api.laposte.fr/suivi/v2", description="where its API is")
    lang: str = Field(default="fr_FR", pattern=r"^[a-z]{2}_[A-Z]{2}$", description="language of the events")
    rate: float = Field(default=1.0, gt=0, le=100, description="calls per second")
    batch: int = Field(default=BATCH, ge=1, le=BATCH, description="numbers in one call")
    timeout: float = Field(default=20.0, gt=0, le=300, description="seconds to wait")
    largest: int = Field(default=CAP, ge=1, description="bytes of an answer at most")

    _url = field_validator("base_url")(http_url)
    _key = field_validator("token")(printable)


def parse(payload: bytes | Mapping[str, Any], *, source: str) -> Mapping[str, Sequence[Sighting]]:
    """Return the sightings of an answer by number, oldest first; a number that is not found has none.

    Raises Temporary for what cannot be read, and what La Poste says where it answers for one number with an error. Where
    it answers for several, those it has only an error for are left out.
    """
    said = _items(decoded(payload, "La Poste"), source=source)
    out: dict[str, Sequence[Sighting]] = {}
    for number, told in said.items():
        if isinstance(told, Temporary | Permanent):
            if len(said) == 1:
                raise told
        else:
            out[number] = told
    return out


def open(  # noqa: A001 - the contract of a source module names it so
    settings: Settings,
    *,
    name: str,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] | None = None,  # noqa: ARG001 -- the contract of a source module names it
) -> LaPoste:
    """Return the source; makes no request. One look is one call, so it never uses *sleep*."""
    return LaPoste(settings, name=name, clock=clock)


class LaPoste:
    """The La Poste source: one call for up to ten numbers."""

    def __init__(self, settings: Settings, *, name: str, clock: Callable[[], datetime]) -> None:
        self.name = name
        self.batch = settings.batch
        self.rate = settings.rate
        self._settings = settings
        self._wire = Wire(
            "La Poste",
            timeout=timedelta(seconds=settings.timeout),
            clock=clock,
            headers={"X-Okapi-Key": settings.token.get_secret_value()},
            cap=settings.largest,
            reach=settings.reach(),
        )

    def track(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        """Ask for all numbers at once; raises Temporary/Permanent where the whole call failed."""
        numbers = list(dict.fromkeys(number_of(ask.number) for ask in asks))
        path = ",".join(quote(number, safe="") for number in numbers)
        answer = self._wire.call(
            "GET", f"{self._settings.base_url}/idships/{path}", params={"lang": self._settings.lang}
        )
        if answer.status in {401, 403} and not answer.body.strip():
            raise refusal("La Poste", answer.status, hint=_HINT)
        body = self._wire.json(answer)
        said = _items(decoded(body, "La Poste"), source=self.name)
        if set(said) == {""} and len(numbers) == 1:  # an error that names no number
            said = {numbers[0]: said[""]}
        for told in said.values():
            if isinstance(told, Refused):
                raise told
        if answer.status >= 400 and any(isinstance(told, list) and told for told in said.values()):
            raise refusal("La Poste", answer.status, hint=_HINT)
        return {ask.parcel: _outcome(said.get(number_of(ask.number))) for ask in asks}

    def close(self) -> None:
        self._wire.close()


def _outcome(told: list[Sighting] | Temporary | Permanent | None) -> Outcome:
    if told is None:
        return Temporary("La Poste did not mention this number in its answer")
    return shown(told) if isinstance(told, list) else told


def _items(said: Any, *, source: str) -> dict[str, list[Sighting] | Temporary | Permanent]:
    """Return what an answer says of each number; raises Temporary for whatever is no answer."""
    items = tables(said) if isinstance(said, list) else [table(said)]
    if not items or not all("returnCode" in item for item in items):
        code, why = word(table(said).get("code"), 80), word(table(said).get("message"), 200)
        if code in {"UNAUTHORIZED", "FORBIDDEN"}:  # said by the gateway before the service
            raise refusal("La Poste", 401, why, hint=_HINT)
        raise Temporary(f"La Poste's answer shows no shipment{': ' + quoted(why) if why else ''}")
    out: dict[str, list[Sighting] | Temporary | Permanent] = {}
    for item in items:
        shipment = table(item.get("shipment"))
        number = number_of(shipment.get("idShip")) or number_of(item.get("idShip"))
        out[number] = _item(item, shipment, source=source)
    return out


def _item(
    item: Mapping[str, Any], shipment: Mapping[str, Any], *, source: str
) -> list[Sighting] | Temporary | Permanent:
    code, why = whole(item.get("returnCode")), word(item.get("returnMessage"), 200)
    if code in _NOT_FOUND:
        return []
    if code in {401, 403}:
        return refusal("La Poste", code, why, hint=_HINT)
    if code == 400:
        return Permanent(f"La Poste does not take this number: {quoted(why)}")
    listed = shipment.get("event")
    if code not in {200, 207} or not isinstance(listed, list):
        return Temporary(f"La Poste cannot show this number now ({code}){': ' + quoted(why) if why else ''}")
    lang = word(item.get("lang"), 10).replace("_", "-")
    return oldest_first(_sighting(event, source=source, lang=lang) for event in tables(listed))


def _sighting(event: Mapping[str, Any], *, source: str, lang: str) -> Sighting:
    code = word(event.get("code"), 40)
    at, quality = stamped(event.get("date"))
    return Sighting(
        source=source,
        text=word(event.get("label")) or code,
        at=at,
        quality=quality,
        system="colissimo" if _COLISSIMO.match(code) else "laposte",
        code=code,
        lang=lang,
        carrier="La Poste",
    )
