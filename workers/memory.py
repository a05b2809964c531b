"""Turn what we know of a parcel into bytes and back; refuses to keep them, and to read what a newer version wrote.

JSON under zlib: the evidence of a parcel repeats itself, and a fifth of the bytes is left of a real history.
Fields we do not know are ignored, and plain JSON is read too, so that a person can write a row by hand.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import msgspec

from workers.core.model import Snapshot, Told
from workers.core.timeline import trim
from workers.core.word import Word
from workers.errors import OfNewer, Permanent

VERSION = 1
NEWER_COMES = timedelta(minutes=1)  # a worker of the newer version looks at what this one cannot read


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
_words = msgspec.json.Decoder(Word)
_tolds = msgspec.json.Decoder(_Told)


def dump(snapshot: Snapshot) -> bytes:
    """Return *snapshot* as bytes, its timeline cut to the sightings worth keeping (``core.timeline.trim``)."""
    return _bytes("snapshot", replace(snapshot, timeline=trim(snapshot.timeline)))


def load(data: bytes | None) -> Snapshot:
    """Return what ``dump`` wrote; the empty snapshot for nothing. Raises OfNewer, or Permanent for what cannot be read."""
    return _read(_snapshots, data).snapshot if data else Snapshot()


def dump_told(told: Told) -> bytes:
    """Return *told* as bytes."""
    return _bytes("told", told)


def load_told(data: bytes | None) -> Told:
    """Return what ``dump_told`` wrote; the empty memory for nothing. Raises OfNewer, or Permanent for what cannot be read."""
    return _read(_tolds, data).told if data else Told()


def dump_word(word: Word) -> bytes:
    """Return *word* as bytes: plain JSON, short, and the same for the same word."""
    return _encoder.encode(word)


def load_word(data: bytes | None) -> Word:
    """Return what ``dump_word`` wrote; the empty word for nothing, and for what cannot be read."""
    try:
        return _words.decode(data) if data else Word()
    except msgspec.MsgspecError:  # of a newer version: better to write once too often than to fall silent
        return Word()


def _bytes(name: str, thing: Snapshot | Told) -> bytes:
    return zlib.compress(_encoder.encode({"v": VERSION, name: thing}), 1)


def _read(decoder: msgspec.json.Decoder[_Kept], data: bytes) -> _Kept:
    try:
        data = data if data.startswith(b"{") else zlib.decompress(data)
        version = _versions.decode(data).v
        if version > VERSION:
            raise OfNewer(
                f"this parcel's memory has version {version}, and this program reads up to {VERSION}",
                after=NEWER_COMES,
                hint="a newer customs-watch wrote it: run that one",
            )
        return decoder.decode(data)
    except (msgspec.MsgspecError, zlib.error) as error:
        raise Permanent(
            f"a parcel's memory cannot be read: {error}", hint="forget the parcel to begin anew"
        ) from error
