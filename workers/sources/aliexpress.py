"""Ask AliExpress's Open Platform for the parcels of an order, as a dropshipper's app may; ordinary buyers get no such access.

Source: open.aliexpress.com, aliexpress.ds.order.tracking.get; shapes as in answers captured in 2026-02 and 2026-07 (live
answers wrap their lists, the documentation does not; a list of one may be an object). An order is looked up by the shop's
order number, and the parcel is found in it by its tracking number. There are no codes and no places: words decide.

Tokens rotate (see ``_rotating.py``): they are in the store, shared by all workers. Alone they open nothing: every request is
signed with the app's secret, which never leaves the settings.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from workers.core.model import Sighting, TimeQuality
from workers.errors import Permanent, Temporary
from workers.sources import Ask, NoNews, Outcome, Vault
from workers.sources._aliexpress import SERVICE, Gate, meant, trouble_in
from workers.sources._fields import name as number_of
from workers.sources._fields import table, tables, word
from workers.sources._http import CAP, Wire, quoted
from workers.sources._reach import Addressed
from workers.sources._rotating import Pocket
from workers.sources._single import (
    Refused,
    decoded,
    http_url,
    joined,
    merged,
    oldest_first,
    one_by_one,
    printable,
    shown,
)
from workers.sources._times import millis, naive

TITLE = "AliExpress"
ROTATES = True  # its tokens: the contract hands such a kind a vault
_TRACKING = "aliexpress_ds_order_tracking_get_response"
_ORDER = "aliexpress_trade_ds_order_get_response"
_OLD = "aliexpress_logistics_ds_trackinginfo_query_response"
_NOT_FOUND = "1001"  # "TRACKING DATA NOT FOUND": normal before shipping


class Settings(Addressed):
    """Options of an AliExpress source: an app made at https://openservice.aliexpress.com, and one sign-in."""

    app_key: str = Field(pattern=r"^\d{1,20}$", description="the app's key")
    app_secret: SecretStr = Field(description="the app's secret")
    code: SecretStr = Field(default=SecretStr(""), description="what the sign-in gave, good for one use")
    refresh_token: SecretStr = Field(default=SecretStr(""), description="instead of code: a refresh token")
    base_url: str = Field(default="https://api-sg.aliexpress.com", description="where its API is")
    language: str = Field(
        default="en_US", pattern=r"^[a-z]{2}_[A-Z]{2}$", description="language of the events"
    )
    rate: float = Field(default=1.0, gt=0, le=100, description="calls per second")
    batch: int = Field(default=10, ge=1, le=50, description="parcels in one look, a call an order")
    timeout: float = Field(default=20.0, gt=0, le=300, description="seconds to wait")
    largest: int = Field(default=CAP, ge=1, description="bytes of an answer at most")

    _url = field_validator("base_url")(http_url)

    @field_validator("app_secret", "code", "refresh_token")
    @classmethod
    def _printable(cls, value: SecretStr) -> SecretStr:
        return printable(value) if value.get_secret_value() else value

    @model_validator(mode="after")
    def _one_sign_in(self) -> Self:
        if not self.app_secret.get_secret_value():
            raise ValueError("app_secret must be given")
        if bool(self.code.get_secret_value()) == bool(self.refresh_token.get_secret_value()):
            raise ValueError("give `code` or `refresh_token`, one of the two")
        return self


def parse(payload: bytes | Mapping[str, Any], *, source: str) -> Mapping[str, Sequence[Sighting]]:
    """Return the sightings of an answer by tracking number, oldest first; "" is a parcel that has none yet.

    An order not shipped yet, or an order's own data, holds no sighting. Raises Temporary for what cannot be read or says
    nothing of parcels, and what AliExpress says where the answer is an error.
    """
    said = table(decoded(payload, SERVICE))
    trouble = trouble_in(said)
    if trouble is not None:
        raise meant(trouble)
    if _TRACKING in said:
        return _tracking(table(said[_TRACKING]), source=source)
    if _ORDER in said:
        result = table(table(said[_ORDER]).get("result"))
        if not result:
            raise Temporary(f"{SERVICE}'s answer holds no order")
        listed = _inner(result.get("logistics_info_list"), "aeop_order_logistics_info")
        numbers = [number_of(each.get("logistics_no")) for each in listed]
        return {number: [] for number in numbers or [""]}
    if _OLD in said:
        return {"": _old(table(said[_OLD]), source=source)}
    raise Temporary(f"{SERVICE}'s answer holds no tracking")


def open(  # noqa: A001 - the contract of a source module names it so
    settings: Settings,
    *,
    name: str,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] = time.sleep,
    vault: Vault | None = None,
) -> AliExpress:
    """Return the source; makes no request. Without a *vault* the tokens it gets end with this process."""
    return AliExpress(
        settings, name=name, clock=clock, sleep=sleep, vault=vault if vault is not None else Pocket()
    )


class AliExpress:
    """The AliExpress source: one call an order, and one for the tokens now and then."""

    def __init__(
        self,
        settings: Settings,
        *,
        name: str,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        vault: Vault,
    ) -> None:
        self.name = name
        self.batch = settings.batch
        self.rate = settings.rate
        self._language = settings.language
        self._sleep = sleep
        self._wire = Wire(
            SERVICE,
            timeout=timedelta(seconds=settings.timeout),
            clock=clock,
            cap=settings.largest,
            reach=settings.reach(),
        )
        seed = {"code": settings.code, "refresh_token": settings.refresh_token}
        self._gate = Gate(
            self._wire,
            settings.base_url,
            (settings.app_key, settings.app_secret.get_secret_value()),
            {key: value.get_secret_value() for key, value in seed.items() if value.get_secret_value()},
            vault=vault,
            clock=clock,
            pause=self._pause,
        )

    def track(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        """Ask for one order after the other; raises Temporary/Permanent where none was answered."""
        orders = {ask.parcel: number_of(ask.order) for ask in asks}
        known = {order: order for order in orders.values() if order.isdecimal() and order.isascii()}
        shipped: dict[str, Mapping[str, Sequence[Sighting]]] = {}

        def look(ask: Ask) -> Outcome:
            try:
                shipped[ask.number] = self._look(ask.number)
            except Refused:
                raise
            except Permanent as error:  # of this order alone
                return error
            return NoNews()

        said = one_by_one([Ask(order, order) for order in known], look, pause=self._pause)
        return {
            ask.parcel: _outcome(ask, said.get(orders[ask.parcel]), shipped.get(orders[ask.parcel]))
            for ask in asks
        }

    def close(self) -> None:
        self._wire.close()

    def _pause(self) -> None:
        self._sleep(1 / self.rate)

    def _look(self, order: str) -> Mapping[str, Sequence[Sighting]]:
        said = self._gate.call("aliexpress.ds.order.tracking.get", ae_order_id=order, language=self._language)
        if _TRACKING not in said:
            raise Temporary(f"{SERVICE}'s answer holds no tracking")
        return _tracking(table(said[_TRACKING]), source=self.name)


def _outcome(ask: Ask, said: Outcome | None, lines: Mapping[str, Sequence[Sighting]] | None) -> Outcome:
    """Return what an order's answer says of one of its parcels."""
    if said is None:
        return Permanent(
            f"{SERVICE} is asked by its order number, and this order has none",
            hint="write the number that AliExpress shows as `order:` of the order",
        )
    if lines is None or not lines:  # an error, or nothing shipped yet
        return said
    number = number_of(ask.number)
    if number in lines:
        return shown(lines[number])
    if set(lines) == {""}:  # not handed over yet: what is told is told of all its parcels
        return shown(lines[""])
    others = ", ".join(each for each in lines if each)
    return Permanent(
        f"{SERVICE} knows this order and not this tracking number in it; it shows {quoted(others)}",
        hint="is `tracking:` right?",
    )


def _tracking(response: Mapping[str, Any], *, source: str) -> dict[str, Sequence[Sighting]]:
    """Return an order's parcels; none where nothing is shipped yet; raises Temporary."""
    result = table(response.get("result"))
    refused = word(result.get("ret"), 10).casefold() == "false" or result.get("ret") is False
    if refused and word(result.get("code"), 20) == _NOT_FOUND:
        return {}
    listed = table(result.get("data")).get("tracking_detail_line_list")
    if refused or listed is None:
        raise Temporary(f"{SERVICE} shows no tracking of this order: {quoted(word(result.get('msg'), 200))}")
    lines = _inner(listed, "tracking_detail")
    if not lines:
        raise Temporary(f"{SERVICE}'s answer holds no parcel")
    out: dict[str, Sequence[Sighting]] = {}
    for line in lines:
        number = number_of(line.get("mail_no"))
        told = _line(line, source=source)
        out[number] = merged([out[number], told]) if number in out else told
    return out


def _line(line: Mapping[str, Any], *, source: str) -> list[Sighting]:
    carrier = word(line.get("carrier_name"), 200)
    nodes = _inner(line.get("detail_node_list"), "detail_node")
    return oldest_first(_node(node, source=source, carrier=carrier) for node in nodes if _words(node))


def _node(node: Mapping[str, Any], *, source: str, carrier: str) -> Sighting:
    at = millis(node.get("time_stamp"))
    quality = TimeQuality.EXACT if at is not None else TimeQuality.UNKNOWN
    return Sighting(source=source, text=_words(node), at=at, quality=quality, carrier=carrier)


def _words(node: Mapping[str, Any]) -> str:
    return joined(word(node.get("tracking_name")), word(node.get("tracking_detail_desc")))


def _old(response: Mapping[str, Any], *, source: str) -> list[Sighting]:
    """Return the events of the interface before (its times are naive, of an unknown zone)."""
    listed = _inner(response.get("details"), "details")
    if not listed:
        raise Temporary(f"{SERVICE} shows no tracking: {quoted(word(response.get('error_desc'), 200))}")
    told = []
    for each in listed:
        at, quality = naive(word(each.get("event_date"), 40))
        text = word(each.get("event_desc"))
        if text:
            told.append(
                Sighting(
                    source=source, text=text, at=at, quality=quality, place=word(each.get("address"), 200)
                )
            )
    return oldest_first(told)


def _inner(value: Any, name: str) -> list[dict[str, Any]]:
    """Return the objects of a list that is bare, wrapped under *name*, or a single object in either form."""
    if isinstance(value, dict):
        if name in value:
            return tables(value[name])
        return [value] if value else []
    return tables(value)
