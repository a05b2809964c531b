"""Read events that people or other programs write down: a folder of JSON and CSV files, looked at again at every look.

A JSON file holds an event, a list of them, or ``{"number": ..., "events": [...]}``; a CSV file has the same names in its
first line. Names: ``number``, ``text``, ``at``, ``place``, ``country``, ``system``, ``code``, ``lang``, ``carrier``. ``at``
is ISO 8601; without an offset it is taken for UTC, and without ``at`` the event is undated.

A file that cannot be read stops the look: what it would have said is not known, and silence would read as no news. Files
whose names begin with a dot, or end otherwise, are left alone, so a writer names a file ``.x`` until it is whole.
"""

from __future__ import annotations

import csv
import io
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import json as wire
from pydantic import BaseModel, ConfigDict, Field

from workers.core.model import Sighting
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Outcome
from workers.sources._fields import UNREADABLE, country, word
from workers.sources._fields import name as number_of
from workers.sources._http import quoted
from workers.sources._single import shown, stamped

LARGEST = 1_000_000  # bytes of one file
MOST = 10_000  # files
NAMES = ("number", "text", "at", "place", "country", "system", "code", "lang", "carrier")


class Settings(BaseModel):
    """Options of a manual source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path = Field(default=Path("var/manual"), description="where the files are dropped")
    rate: float = Field(default=10.0, gt=0, description="looks per second")
    batch: int = Field(default=100, ge=1, description="numbers in one look")


def parse(payload: bytes | Mapping[str, Any], *, source: str) -> Mapping[str, Sequence[Sighting]]:
    """Return the events of one file by number, oldest first, undated ones last; raises Temporary for what is none."""
    try:
        rows = list(_rows(payload))
    except (csv.Error, UnicodeDecodeError) as error:
        raise Temporary(f"not a file of events: {quoted(error)}") from None
    if not rows:
        raise Temporary("holds no event")
    by_number: dict[str, list[Sighting]] = {}
    for row in rows:
        number, sighting = _event(row, source=source)
        by_number.setdefault(number, []).append(sighting)
    return {number: _in_order(told) for number, told in by_number.items()}


def open(  # noqa: A001 - the contract of a source module names it so
    settings: Settings,
    *,
    name: str,
    clock: Callable[[], datetime],  # noqa: ARG001 -- the contract of a source module names it
    sleep: Callable[[float], None] | None = None,  # noqa: ARG001 -- the contract of a source module names it
) -> Manual:
    """Return the source; reads no file yet. It makes no call, so it uses neither *clock* nor *sleep*."""
    return Manual(settings, name=name)


def record(
    folder: Path, number: str, text: str, *, at: datetime, place: str = "", country: str = "", lang: str = ""
) -> Path:
    """Write one event into *folder*, whole or not at all, and return its file; raises Permanent where it cannot.

    For ``customs-watch event PARCEL "text"``. *at* must be aware. The same event twice is two files and one sighting.
    """
    key, said = number_of(number), word(text)
    if not key or not said:
        raise Permanent("an event needs a tracking number and words")
    given = {"place": word(place, 200), "country": country.upper(), "lang": lang}
    event = {
        "number": key,
        "text": said,
        "at": at.astimezone(UTC).isoformat(),
        **{k: v for k, v in given.items() if v},
    }
    stem = "".join(c if c.isascii() and c.isalnum() else "-" for c in key)[:60]
    unique = f"{stem}-{at.astimezone(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}.json"
    try:
        _made(folder)
        hidden = folder / f".{unique}"
        with hidden.open("xb") as file:
            file.write(wire.encode(event) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return hidden.rename(folder / unique)
    except OSError as error:
        raise Permanent(f"the event cannot be written: {error.strerror}", hint=str(folder)) from None


class Manual:
    """The manual source. Holds nothing between looks."""

    def __init__(self, settings: Settings, *, name: str) -> None:
        self.name = name
        self.batch = settings.batch
        self.rate = settings.rate
        self._folder = settings.folder

    def track(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        """Return what the files say of each number; raises Temporary for a file that cannot be read."""
        wanted = {number_of(ask.number) for ask in asks}
        told: dict[str, list[Sighting]] = {number: [] for number in wanted}
        for path in self._files():
            for number, sightings in self._read(path).items():
                if number in wanted:
                    told[number] += sightings
        said = {number: _in_order(list(dict.fromkeys(each))) for number, each in told.items()}
        return {ask.parcel: shown(said[number_of(ask.number)]) for ask in asks}

    def close(self) -> None:
        """Nothing is held open."""

    def _files(self) -> list[Path]:
        try:
            _made(self._folder)
            paths = [path for path in self._folder.iterdir() if path.suffix.lower() in {".json", ".csv"}]
        except OSError as error:
            raise Permanent(
                f"the folder of events cannot be read: {error.strerror}", hint=str(self._folder)
            ) from None
        if len(paths) > MOST:
            raise Permanent(f"there are more than {MOST} files of events", hint=f"clear {self._folder}")
        return sorted(path for path in paths if not path.name.startswith("."))

    def _read(self, path: Path) -> Mapping[str, Sequence[Sighting]]:
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise Temporary(f"{quoted(path.name)}: is no file")
            if status.st_size > LARGEST:
                raise Temporary(f"{quoted(path.name)}: is larger than {LARGEST} bytes")
            return parse(path.read_bytes(), source=self.name)
        except FileNotFoundError:
            return {}  # taken away since the folder was listed
        except OSError as error:
            raise Temporary(f"{quoted(path.name)}: cannot be read: {error.strerror}") from None
        except Temporary as error:
            raise Temporary(
                f"{quoted(path.name)}: {error.args[0]}",
                hint="; ".join(filter(None, (error.hint, f"in {self._folder}"))),
            ) from None


def _made(folder: Path) -> None:
    """Make the drop folder, but nothing above it: a missing parent is a slip or an unmounted disk."""
    if not folder.is_dir():
        folder.mkdir(exist_ok=True)


def _rows(payload: Any) -> Iterator[Mapping[str, Any]]:
    """Return the events of a file as mappings; raises Temporary for what holds none."""
    if isinstance(payload, bytes):
        text = payload.decode("utf-8-sig")
        if not text.lstrip().startswith(("{", "[")):
            yield from _lines(text)
            return
        try:
            payload = msgspec.json.decode(text)
        except UNREADABLE:
            raise Temporary("is not JSON") from None
    events = payload
    shared: dict[str, Any] = {}
    if isinstance(payload, dict) and "events" in payload:
        shared = {key: value for key, value in payload.items() if key != "events"}
        events = payload["events"]
    for event in events if isinstance(events, list) else [events]:
        if not isinstance(event, dict):
            raise Temporary("holds something that is no event")
        yield {**shared, **event}


def _lines(text: str) -> Iterator[Mapping[str, Any]]:
    head = text.partition("\n")[0]
    divider = ";" if head.count(";") > head.count(",") else ","
    for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=divider, strict=True):
        if None in row or None in row.values():
            raise Temporary("a line has another number of fields than the first")
        yield {str(key).strip().lower(): value for key, value in row.items()}


def _event(row: Mapping[str, Any], *, source: str) -> tuple[str, Sighting]:
    if unknown := sorted(str(key) for key in row if key not in NAMES):
        raise Temporary(
            f"holds a name we do not know: {quoted(unknown[0], 40)}", hint=f"there are {', '.join(NAMES)}"
        )
    number, text, code = number_of(row.get("number")), word(row.get("text")), word(row.get("code"), 100)
    if not number or not (text or code):
        raise Temporary("holds an event without a number, or without words")
    at, quality = stamped(row.get("at"))
    if at is None and word(row.get("at")):
        raise Temporary(
            f"holds a time that is none: {quoted(row['at'], 40)}", hint="as 2026-11-24T08:00:00+01:00"
        )
    return number, Sighting(
        source=source,
        text=text or code,
        at=at,
        quality=quality,
        system=word(row.get("system"), 40),
        code=code,
        lang=word(row.get("lang"), 20),
        place=word(row.get("place"), 200),
        country=country(row.get("country")),
        carrier=word(row.get("carrier"), 100),
    )


def _in_order(told: Sequence[Sighting]) -> list[Sighting]:
    """Return events by time, as written where times are equal, undated ones last."""
    return sorted(
        told, key=lambda each: (each.at is None, each.at.timestamp() if each.at is not None else 0.0)
    )
