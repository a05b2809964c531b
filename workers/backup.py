"""A file that holds the whole ledger at one moment, and back into an empty store: held, until a person says that it is right.

gzip of: a line of JSON that says what it is; each row as length and name, time to live, length and value; the SHA-256 of all
before it. A file that was cut off or changed is refused before a row is written.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from workers import __version__
from workers.errors import Misconfigured
from workers.store import SCHEMA, Store
from workers.store.archive import Row

Track = Callable[[Sequence[Row]], Iterable[Row]]  # hands the rows on; whoever waits may see how far it is

_MAGIC = "customs-watch-backup"
_NAME, _TTL, _VALUE = struct.Struct(">I"), struct.Struct(">q"), struct.Struct(">I")
_DIGEST = 32
_LONGEST_LINE = 10_000


@dataclass(frozen=True, slots=True)
class About:
    """What a backup is of."""

    format: str
    version: int
    program: str
    schema: int
    made: str  # ISO 8601, the store's clock
    ledger: str
    owed: int
    sent: int
    rows: int


def write(store: Store, path: Path, track: Track = iter) -> About:
    """Write everything that *store* knows to *path*, for its owner alone; raises Misconfigured rather than write over a file."""
    if path.exists():
        raise Misconfigured(f"there is a file {path} already", hint="a backup is never written over another")
    ledger = store.ledger()
    rows = store.export()
    about = About(
        _MAGIC,
        1,
        __version__,
        SCHEMA,
        store.clock().isoformat(timespec="seconds"),
        ledger.id,
        ledger.owed,
        ledger.sent,
        len(rows),
    )
    fresh = path.with_name(f".{path.name}.new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as raw:
            with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=6, mtime=0) as out:
                digest = hashlib.sha256()
                for piece in _pieces(about, track(rows)):
                    digest.update(piece)
                    out.write(piece)
                out.write(digest.digest())
            raw.flush()
            os.fsync(raw.fileno())
        fresh.rename(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    return about


def _pieces(about: About, rows: Iterable[Row]) -> Iterator[bytes]:
    yield json.dumps(asdict(about)).encode() + b"\n"
    for name, ttl, value in rows:
        yield _NAME.pack(len(name)) + name + _TTL.pack(ttl) + _VALUE.pack(len(value))
        yield value


def read(path: Path) -> tuple[About, list[Row]]:
    """Return what a backup is of, and its rows; raises Misconfigured for a file that is none, or not whole."""
    try:
        with gzip.open(path, "rb") as file:
            whole = file.read()
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, FileNotFoundError):
            raise Misconfigured(f"there is no file {path}") from None
        raise Misconfigured(f"{path} is no backup of ours, or was cut off") from error
    body, digest = whole[:-_DIGEST], whole[-_DIGEST:]
    if hashlib.sha256(body).digest() != digest:
        raise Misconfigured(f"{path} is no backup of ours, or was cut off or changed")
    line, _, rest = body.partition(b"\n")
    about = _about(line, path)
    rows = list(_rows(rest))
    if len(rows) != about.rows:
        raise Misconfigured(f"{path} holds {len(rows)} rows and should hold {about.rows}")
    return about, rows


def _about(line: bytes, path: Path) -> About:
    try:
        said: dict[str, Any] = json.loads(line[:_LONGEST_LINE])
        about = About(**said)
    except (ValueError, TypeError) as error:
        raise Misconfigured(f"{path} is no backup of ours") from error
    if about.format != _MAGIC or about.version != 1 or about.schema > SCHEMA:
        raise Misconfigured(
            f"{path} was written by customs-watch {about.program}, in a form that this one does not know",
            hint="update customs-watch on this machine",
        )
    return about


def _rows(data: bytes) -> Iterator[Row]:
    at = 0
    while at < len(data):
        (length,) = _NAME.unpack_from(data, at)
        name = data[at + 4 : at + 4 + length]
        at += 4 + length
        (ttl,) = _TTL.unpack_from(data, at)
        (size,) = _VALUE.unpack_from(data, at + 8)
        at += 12
        yield name, ttl, data[at : at + size]
        at += size


def restore(store: Store, path: Path, *, by: str) -> About:
    """Bring a backup back into a store that is empty, and hold it. Raises Misconfigured where it is not, changing nothing."""
    about, rows = read(path)
    if not store.is_bare() and not store.was_interrupted():
        raise Misconfigured(
            "the store is not empty: something was decided or owed in it",
            hint="a backup goes into a new store alone: start one on another data folder, or another database",
        )
    if alive := sorted(store.beats()):
        raise Misconfigured(
            f"{alive[0]} works on this store",
            hint="stop the scheduler and the workers first, and wait a minute",
        )
    made = datetime.fromisoformat(about.made)
    store.bring_in(rows, reason=f"a backup of {made:%Y-%m-%d %H:%M} UTC was brought back", by=by)
    return about
