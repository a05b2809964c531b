"""Decode 17TRACK's answers down to what tells whether anything changed; leaves events raw. Makes no request.

Shapes: https://asset.17track.net/api/document/v2.4_en/index.html (read 2026-11-22). The service is lenient with itself
(carriers as words, single objects instead of lists, keys that come and go), so every place takes any type: one pass
over the body, and one odd item never spoils its thirty-nine neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import xxhash
from msgspec import UNSET, Raw, Struct, UnsetType

from workers.errors import Temporary
from workers.sources._fields import UNREADABLE, name, table, tables, whole, word

_SILENT = frozenset({"", "NotFound", "InfoReceived", "Expired"})  # a status that is no event by itself


class Rejection(Struct, frozen=True):
    """Why one number was refused."""

    code: int
    message: str
    carrier: str


class Leg(Struct, frozen=True):
    """One provider and its events, newest first: the JSON of their list, or nothing."""

    carrier: str = ""
    key: str = ""
    lang: str = ""
    events: bytes = b""


class Item(Struct, frozen=True):
    """What is known of one number under one carrier."""

    number: str
    carrier: str = ""
    problem: str = ""  # why it cannot be read
    fingerprint: str = ""
    tells: bool = False  # has an event, or a status that is one
    status: str = ""
    words: str = ""
    expired: bool = False  # 17TRACK has had no event for long, and may have stopped following it
    local: str = ""  # the last-mile number, if another
    local_key: str = ""
    legs: tuple[Leg, ...] = ()


class Envelope(Struct, frozen=True):
    """An answer: the items accepted, the numbers refused, and its error if it is one."""

    items: tuple[Item, ...] = ()
    refused: Mapping[str, Rejection] = {}
    error: tuple[int, str] | None = None
    lists: bool = True  # has a list of what was accepted or refused, as all answers about numbers have

    @property
    def failed(self) -> bool:
        return self.error is not None and not self.items and not self.refused


# The wire. A place documented as an object also takes these, and is then treated as missing or as a problem.
_Plain = str | int | float | bool | None
Odd = list[Any] | _Plain


class _Who(Struct):
    key: Any = None
    name: Any = None
    alias: Any = None


class _Provider(Struct):
    provider: _Who | Odd = None
    provider_lang: Any = None
    events: Raw = Raw(b"null")


class _Tracking(Struct):
    providers: list[_Provider | Odd] | _Provider | _Plain = None


class _Status(Struct):
    status: Any = None
    sub_status: Any = None
    sub_status_descr: Any = None


class _Misc(Struct):
    local_number: Any = None
    local_key: Any = None


class _Info(Struct):
    latest_status: _Status | Odd = None
    latest_event: Raw = Raw(b"null")
    misc_info: _Misc | Odd = None
    tracking: _Tracking | Odd = None


class _Error(Struct):
    code: Any = 0
    message: Any = ""


class _Item(Struct):
    number: Any = None
    carrier: Any = None
    track_info: _Info | Odd | UnsetType = UNSET
    error: _Error | Odd = None


class _Data(_Item):
    accepted: list[_Item | Odd] | _Item | _Plain | UnsetType = UNSET
    rejected: list[_Item | Odd] | _Item | _Plain | UnsetType = UNSET
    errors: list[_Error | Odd] | _Error | _Plain = None


class _Outer(_Item):
    code: Any = 0
    message: Any = ""
    data: _Data | Odd = None


_SILENCE, _NO_MISC = _Status(), _Misc()
_DECODER = msgspec.json.Decoder(_Outer)


def unpack(body: bytes) -> Envelope:
    """Open an answer, a push, or a single item; raises Temporary where it is none of them."""
    try:
        outer = _DECODER.decode(body)
    except UNREADABLE:
        raise Temporary("17TRACK's answer is not the JSON it documents") from None
    code = whole(outer.code)
    if outer.number is not None:
        return Envelope(_accepted([outer]))
    data = outer.data
    if not isinstance(data, _Data):
        if code:
            return Envelope(error=(code, word(outer.message)))
        raise Temporary("17TRACK's answer has no data")
    if data.number is not None:  # a push holds one item as its data
        return Envelope(_accepted([data]))
    errors = [error for error in _listed(data.errors) if isinstance(error, _Error)]
    error = None
    if errors:
        error = (whole(errors[0].code) or code or -1, word(errors[0].message))
    elif code:
        error = (code, word(outer.message))
    lists = data.accepted is not UNSET or data.rejected is not UNSET
    return Envelope(_accepted(_listed(data.accepted)), _refused(_listed(data.rejected)), error, lists)


class Listed(Struct, frozen=True):
    """One number that 17TRACK follows, or followed."""

    number: str
    carrier: str = ""
    tag: str = ""
    stopped: bool = False
    resumable: bool = False  # it may be asked to follow it once more


class Page(Struct, frozen=True):
    """One page of what 17TRACK follows."""

    numbers: tuple[Listed, ...]
    pages: int  # how many there are


def unpack_page(body: bytes) -> Page:
    """Open an answer to ``gettracklist``, whose ``page`` stands beside its data; raises Temporary."""
    try:
        said = msgspec.json.decode(body, type=dict[str, Any])
    except UNREADABLE:
        raise Temporary("17TRACK's list is not the JSON it documents") from None
    data, page = table(said.get("data")), table(said.get("page") or table(said.get("data")).get("page"))
    if not isinstance(data.get("accepted"), list) or not whole(page.get("page_no")):
        raise Temporary("17TRACK's list holds no page of numbers")
    listed = []
    for each in tables(data["accepted"]):
        number = name(each.get("number"))
        stopped = word(each.get("tracking_status"), 40) == "Stopped"
        again = each.get("is_retracked") in {True, "true", "True"}
        if number:
            listed.append(
                Listed(number, _code(each.get("carrier")), word(each.get("tag"), 100), stopped, not again)
            )
    return Page(tuple(listed), whole(page.get("page_total")))


def _accepted(listed: list[Any]) -> tuple[Item, ...]:
    numbered = ((name(each.number), each) for each in listed if isinstance(each, _Item))
    return tuple(_item(number, each) for number, each in numbered if number)


def _refused(listed: list[Any]) -> Mapping[str, Rejection]:
    out = {}
    for each in listed:
        if isinstance(each, _Item):
            error = each.error if isinstance(each.error, _Error) else _Error()
            out[name(each.number)] = Rejection(whole(error.code), word(error.message), _code(each.carrier))
    return out


def _item(number: str, head: _Item) -> Item:
    carrier, info = _code(head.carrier), head.track_info
    if not isinstance(info, _Info):  # also the answer to register or changecarrier
        return Item(number, carrier, problem="it holds no track_info")
    legs = _legs(info)
    if isinstance(legs, str):
        return Item(number, carrier, problem=legs)
    status = info.latest_status if isinstance(info.latest_status, _Status) else _SILENCE
    main, sub = word(status.status) or word(info.latest_status), word(status.sub_status)
    shown = sorted([leg.events for leg in legs])
    eventful = bool(shown and shown[-1])
    if not eventful and not main:
        return Item(number, carrier, problem="it holds neither a status nor events")
    misc = info.misc_info if isinstance(info.misc_info, _Misc) else _NO_MISC
    local = name(misc.local_number) if misc.local_number is not None else ""
    local = local if local != number else ""
    digest = xxhash.xxh3_128()
    for part in shown:
        digest.update(part)
        digest.update(b"\x01")
    digest.update(f"{main}\x00{sub}\x00{local}\x00{carrier}".encode())
    return Item(
        number,
        carrier,
        fingerprint=digest.hexdigest(),
        tells=eventful or main not in _SILENT,
        status=sub or main,
        words=word(status.sub_status_descr),
        expired=main == "Expired",
        local=local,
        local_key=_code(misc.local_key),
        legs=legs,
    )


def _legs(info: _Info) -> tuple[Leg, ...] | str:
    """Return the providers with their events, or why they cannot be read."""
    tracking = info.tracking if info.tracking is not None else _Tracking()
    if not isinstance(tracking, _Tracking) or not isinstance(
        tracking.providers, (list, _Provider, type(None))
    ):
        return "its providers are no list"
    out = []
    for provider in _listed(tracking.providers):
        if not isinstance(provider, _Provider):
            return "a provider is no object"
        events = bytes(provider.events)
        if events[:1] == b"{":  # a single object instead of a list
            events = b"[" + events + b"]"
        elif events == b"null" or (
            events[:1] == b"[" and not events[1:20].strip(b" \t\r\n]") and not events[1:-1].strip()
        ):
            events = b""
        elif events[:1] != b"[":
            return "its events are no list"
        who = provider.provider
        if isinstance(who, _Who):
            carrier, key = word(who.alias) or word(who.name), _code(who.key)
        else:
            carrier, key = word(who), ""
        out.append(Leg(carrier, key, word(provider.provider_lang, 35), events))
    if not any(leg.events for leg in out):
        latest = bytes(info.latest_event)
        if latest.startswith(b"{"):
            return (Leg(events=b"[" + latest + b"]"),)
    return tuple(out)


def _listed(value: Any) -> list[Any]:
    """Return the members of a list, or a single object as the only member; anything else has none."""
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, Struct) else []


def _code(value: Any) -> str:
    """Return a carrier's number as digits; "" for none, 0 or a word."""
    if value is None:
        return ""
    return str(whole(value) or "")
