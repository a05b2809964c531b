"""Turn what we know of a parcel into bytes and back; refuses to keep them, and to read what a newer version wrote.

JSON, so that a person can read a row; fields at their defaults are left out, fields we do not know are ignored.
"""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass, replace
from functools import cache
from typing import Any, TypeVar

import msgspec

from workers.core.model import Snapshot, Told
from workers.core.timeline import trim
from workers.errors import Permanent

VERSION = 1


class _Version(msgspec.Struct):
    v: int = 0


class _Snapshot(msgspec.Struct):
    snapshot: Snapshot


class _Told(msgspec.Struct):
    told: Told


_Kept = TypeVar("_Kept", _Snapshot, _Told)

_encoder = msgspec.json.Encoder()
_versions = msgspec.json.Decoder(_Version)
_snapshots = msgspec.json.Decoder(_Snapshot)
_tolds = msgspec.json.Decoder(_Told)


def dump(snapshot: Snapshot) -> bytes:
    """Return *snapshot* as bytes, its timeline cut to the sightings worth keeping (``core.timeline.trim``)."""
    return _bytes("snapshot", replace(snapshot, timeline=trim(snapshot.timeline)))


def load(data: bytes | None) -> Snapshot:
    """Return what ``dump`` wrote; the empty snapshot for nothing. Raises Permanent for what cannot be read."""
    return _read(_snapshots, data).snapshot if data else Snapshot()


def dump_told(told: Told) -> bytes:
    """Return *told* as bytes."""
    return _bytes("told", told)


def load_told(data: bytes | None) -> Told:
    """Return what ``dump_told`` wrote; the empty memory for nothing. Raises Permanent for what cannot be read."""
    return _read(_tolds, data).told if data else Told()


def _bytes(name: str, thing: Snapshot | Told) -> bytes:
    return _encoder.encode({"v": VERSION, name: _lean(thing)})


def _lean(value: Any) -> Any:
    """Return *value* without the fields that hold their defaults: most do, and there are many of them."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            name: _lean(held)
            for name, default in _defaults(type(value))
            if (held := getattr(value, name)) != default
        }
    if isinstance(value, tuple):
        return [_lean(item) for item in value]
    return value


@cache
def _defaults(kind: type[Any]) -> tuple[tuple[str, Any], ...]:
    out = []
    for item in fields(kind):
        made = item.default_factory
        out.append((item.name, item.default if made is MISSING else made()))
    return tuple(out)


def _read(decoder: msgspec.json.Decoder[_Kept], data: bytes) -> _Kept:
    try:
        version = _versions.decode(data).v
        if version > VERSION:
            raise Permanent(
                f"this parcel's memory has version {version}, and this program reads up to {VERSION}",
                hint="a newer customs-watch wrote it: run that one",
            )
        return decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise Permanent(
            f"a parcel's memory cannot be read: {error}", hint="forget the parcel to begin anew"
        ) from error
