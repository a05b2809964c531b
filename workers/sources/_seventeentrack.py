"""Decode 17TRACK's answers down to what tells whether anything changed; leaves events raw. Makes no request.

Shapes: https://asset.17track.net/api/document/v2.4_en/index.html (read 2026-11-22). The service is lenient
with itself (carriers as words, single objects instead of lists, keys that come and go), so every level is
decoded on its own and one odd item never spoils its thirty-nine neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import xxhash
from msgspec import UNSET, Raw, Struct, UnsetType

from workers.errors import Temporary
from workers.sources._fields import UNREADABLE, name, whole, word

_SILENT = frozenset({"", "NotFound", "InfoReceived", "Expired"})  # a status that is no event by itself

T = TypeVar("T")


class Envelope(Struct, frozen=True):
    """An answer: its data still raw, and its error if it is one."""

    data: bytes | None
    accepted: tuple[bytes, ...] = ()
    rejected: tuple[bytes, ...] = ()
    error: tuple[int, str] | None = None
    lists: bool = True  # has a list of what was accepted or refused, as all answers about numbers have


class Rejection(Struct, frozen=True):
    """Why one number was refused."""

    code: int
    message: str
    carrier: str


class Item(Struct, frozen=True):
    """What is known of one number under one carrier, events left raw."""

    number: str
    carrier: str = ""
    problem: str = ""  # why it cannot be read
    fingerprint: str = ""
    tells: bool = False  # has an event, or a status that is one
    status: str = ""
    words: str = ""
    local: str = ""  # the last-mile number, if another
    local_key: str = ""
    providers: tuple[tuple[bytes, tuple[bytes, ...]], ...] = ()  # provider, events newest first


class _Outer(Struct):
    code: Any = 0
    message: Any = ""
    data: Raw | UnsetType = UNSET
    number: Any = None
    event: Any = None


class _Data(Struct):
    accepted: Raw | UnsetType = UNSET
    rejected: Raw | UnsetType = UNSET
    errors: Raw | UnsetType = UNSET
    number: Any = None


class _Item(Struct):
    number: Any = None
    carrier: Any = None
    track_info: Raw | UnsetType = UNSET


class _Info(Struct):
    latest_status: Raw | UnsetType = UNSET
    latest_event: Raw | UnsetType = UNSET
    misc_info: Raw | UnsetType = UNSET
    tracking: Raw | UnsetType = UNSET


class _Tracking(Struct):
    providers: Raw | UnsetType = UNSET


class _Provider(Struct):
    provider: Raw | UnsetType = UNSET
    events: Raw | UnsetType = UNSET
    provider_lang: Any = None


class _Status(Struct):
    status: Any = None
    sub_status: Any = None
    sub_status_descr: Any = None


class _Misc(Struct):
    local_number: Any = None
    local_key: Any = None


class _Rejected(Struct):
    number: Any = None
    carrier: Any = None
    error: Raw | UnsetType = UNSET


class _Error(Struct):
    code: Any = 0
    message: Any = ""


def unpack(body: bytes) -> Envelope:
    """Open an answer, a push, or a single item; raises Temporary where it is none of them."""
    outer = _read(body, _Outer)
    if outer is None:
        raise Temporary("17TRACK's answer is not the JSON it documents")
    code = whole(outer.code)
    if outer.number is not None:
        return Envelope(body, accepted=(body,))
    data = _read(outer.data, _Data)
    if data is None:
        if code:
            return Envelope(None, error=(code, word(outer.message)))
        raise Temporary("17TRACK's answer has no data")
    raw = bytes(outer.data) if isinstance(outer.data, Raw) else None
    if data.number is not None and raw is not None:  # a push holds one item as its data
        return Envelope(raw, accepted=(raw,))
    errors = [error for error in (_read(each, _Error) for each in _listed(data.errors)) if error is not None]
    error = None
    if errors:
        error = (whole(errors[0].code) or code or -1, word(errors[0].message))
    elif code:
        error = (code, word(outer.message))
    accepted, rejected = tuple(_listed(data.accepted)), tuple(_listed(data.rejected))
    lists = data.accepted is not UNSET or data.rejected is not UNSET
    return Envelope(raw, accepted, rejected, error, lists)


def rejections(envelope: Envelope) -> Mapping[str, Rejection]:
    """Return the refused numbers of an answer."""
    out = {}
    for each in envelope.rejected:
        rejected = _read(each, _Rejected)
        if rejected is None:
            continue
        error = _read(rejected.error, _Error) or _Error()
        out[name(rejected.number)] = Rejection(
            whole(error.code), word(error.message), code_of(rejected.carrier)
        )
    return out


def items_of(envelope: Envelope) -> list[Item]:
    """Return the accepted items of an answer."""
    return [item for item in map(_item, envelope.accepted) if item is not None]


def _item(raw: bytes) -> Item | None:
    head = _read(raw, _Item)
    if head is None or not name(head.number):
        return None
    number, carrier = name(head.number), code_of(head.carrier)
    if head.track_info is UNSET:  # the answer to register or changecarrier
        return Item(number, carrier, problem="no track_info")
    info = _read(head.track_info, _Info)
    if info is None:
        return Item(number, carrier, problem="track_info is no object")
    status = _read(info.latest_status, _Status)
    misc = _read(info.misc_info, _Misc) or _Misc()
    tracking = _read(info.tracking, _Tracking)
    providers = []
    for each in _listed(tracking.providers if tracking else UNSET):
        provider = _read(each, _Provider)
        if provider is None:
            return Item(number, carrier, problem="a provider is no object")
        events = tuple(_listed(provider.events))
        if (
            provider.events is not UNSET
            and not events
            and bytes(provider.events).strip() not in (b"[]", b"null")
        ):
            return Item(number, carrier, problem="events are no list")
        providers.append((each, events))
    if not any(events for _, events in providers):
        providers = [(b"{}", tuple(_listed(info.latest_event)))]
    main, sub = (word(status.status), word(status.sub_status)) if status else ("", "")
    eventful = any(events for _, events in providers)
    if not eventful and not main:
        return Item(number, carrier, problem="neither a status nor events")
    local = name(misc.local_number)
    local = local if local != number else ""
    digest = xxhash.xxh3_128()
    for part in sorted(b"\x00".join(events) for _, events in providers):
        digest.update(part + b"\x01")
    digest.update(f"{main}\x00{sub}\x00{local}\x00{carrier}".encode())
    return Item(
        number,
        carrier,
        fingerprint=digest.hexdigest(),
        tells=eventful or main not in _SILENT,
        status=sub or main,
        words=word(status.sub_status_descr) if status else "",
        local=local,
        local_key=code_of(misc.local_key),
        providers=tuple(providers),
    )


def _read(raw: Raw | bytes | UnsetType, kind: type[T]) -> T | None:
    if isinstance(raw, UnsetType):
        return None
    try:
        return _DECODERS[kind].decode(raw)  # type: ignore[no-any-return]  # the table pairs a type with its decoder
    except UNREADABLE:
        return None


def _listed(raw: Raw | bytes | UnsetType) -> list[bytes]:
    """Return the members of a list, or a single object as the only member; anything else has none."""
    if isinstance(raw, UnsetType):
        return []
    text = bytes(raw).strip()
    if text[:1] == b"{":
        return [text]
    if text[:1] != b"[":
        return []
    try:
        return [bytes(each) for each in _LIST.decode(text)]
    except UNREADABLE:
        return []


def code_of(value: Any) -> str:
    """Return a carrier's number as digits; "" for none, 0 or a word."""
    return str(whole(value) or "")


_LIST = msgspec.json.Decoder(list[Raw])
_DECODERS: Mapping[type, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind)
    for kind in (_Outer, _Data, _Item, _Info, _Tracking, _Provider, _Status, _Misc, _Rejected, _Error)
}
