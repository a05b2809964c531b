"""Show recorded histories as if they happened now: for demonstrations and a look without keys. Asks nobody.

For each number the folder holds ``<number>.json`` (any case), which is one of

- a service's answer as recorded: shown whole, with its own dates;
- an answer in an envelope::

      {"replay": {"shape": "seventeentrack", "anchor": "2026-10-20T12:00:00+00:00",
                  "steps": ["2026-10-21T08:00:00+00:00"]},
       "payload": {...}}

``shape``
    the kind of source whose ``parse`` reads the payload (``seventeentrack``, ``cainiao`` …); guessed from the
    payload's keys where it is left out.
``anchor``
    the moment of the history that is "now" at the first look: what came later is not shown yet. All times are
    moved by the same whole number of days, so hours of the day stay, nothing lies in the future, and the
    anchor falls within the last 24 hours. Without it no time is moved and everything is shown.
``steps``
    optional moments after the anchor. With them each further look shows the history up to the next step (the
    first look up to the anchor), and it is the last step that falls within the last 24 hours at the first
    look. Without them the history goes on with the clock: what happened six hours after the anchor is shown
    six hours after the first look.

Times without an offset are UTC. When the first look was, and how many there have been, is kept in the
parcel's memo (``<first look>`` or ``<first look>#<looks>``), so the dates a parcel has been shown with never
change. A missing or unreadable file is Permanent, not "no news": a demonstration with a typing error should
say so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import xxhash
from pydantic import BaseModel, ConfigDict, Field

from workers.core.model import Sighting
from workers.errors import Permanent, Temporary, Trouble
from workers.sources import Ask, Found, NoNews, Outcome, kinds, load
from workers.sources._fields import UNREADABLE, table
from workers.sources._fields import name as number_of
from workers.sources._http import CAP, quoted
from workers.sources._times import moment, utc

_MARKS = {
    "module": "cainiao",
    "data": "seventeentrack",
    "track_info": "seventeentrack",
}  # a key tells the shape


class Settings(BaseModel):
    """Options of a replay source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path
    rate: float = Field(default=100.0, gt=0)
    batch: int = Field(default=100, ge=1)


@dataclass(frozen=True, slots=True)
class _History:
    """A recorded file, opened."""

    shape: str
    payload: Mapping[str, Any]
    anchor: datetime | None = None
    steps: tuple[datetime, ...] = ()

    def horizon(self, first: datetime, now: datetime, looks: int) -> datetime | None:
        """Return up to which moment of the history this look may see; None: all of it."""
        if self.anchor is None:
            return None
        if self.steps:
            return (self.anchor, *self.steps)[min(looks, len(self.steps))]
        return self.anchor + (now - first)

    def shift(self, first: datetime) -> timedelta:
        """Return by how many whole days all times are moved."""
        if self.anchor is None:
            return timedelta()
        return timedelta(days=(first - max((self.anchor, *self.steps))) // timedelta(days=1))


def parse(payload: bytes | Mapping[str, Any], *, source: str) -> Mapping[str, Sequence[Sighting]]:
    """Return all sightings of a file by number, oldest first, with their own dates; raises Temporary."""
    try:
        history = _history(payload)
        told: Mapping[str, Sequence[Sighting]] = load(history.shape).parse(history.payload, source=source)
    except Permanent as error:
        raise Temporary(str(error)) from None
    return told


def open(  # noqa: A001 - the contract of a source module names it so
    settings: Settings,
    *,
    name: str,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] | None = None,  # noqa: ARG001 -- the contract of a source module names it
) -> Replay:
    """Return the source; reads no file yet. It makes no call, so it never uses *sleep*."""
    return Replay(settings, name=name, clock=clock)


class Replay:
    """The replay source. Holds no state: what it must remember is in the parcels' memos."""

    def __init__(self, settings: Settings, *, name: str, clock: Callable[[], datetime]) -> None:
        self.name = name
        self.batch = settings.batch
        self.rate = settings.rate
        self._folder = settings.folder
        self._clock = clock

    def track(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        """Return what each history shows by now; raises Permanent where the folder cannot be read."""
        try:
            paths = sorted(self._folder.iterdir())
        except OSError as error:
            raise Permanent(
                f"the folder of recorded histories cannot be read: {error.strerror}", hint=str(self._folder)
            ) from None
        files = {number_of(path.stem): path for path in paths if path.suffix.lower() == ".json"}
        now = self._clock()
        return {ask.parcel: self._look(ask, files.get(number_of(ask.number)), now) for ask in asks}

    def close(self) -> None:
        """Nothing is held open."""

    def _look(self, ask: Ask, path: Path | None, now: datetime) -> Outcome:
        if path is None:
            return Permanent(
                f"there is no recorded history of {ask.number}", hint=f"looked in {self._folder}"
            )
        try:
            return self._show(ask, path.read_bytes()[:CAP], now)
        except OSError as error:
            return Permanent(f"{path.name}: cannot be read: {error.strerror}")
        except Trouble as error:
            return Permanent(f"{path.name}: {error}")

    def _show(self, ask: Ask, content: bytes, now: datetime) -> Outcome:
        history = _history(content)
        first, looks = _recall(ask.memo, now)
        memo = f"{first.isoformat()}#{looks + 1}" if history.steps else first.isoformat()
        told = _of(ask.number, load(history.shape).parse(history.payload, source=self.name))
        told = _until(told, history.horizon(first, now, looks))
        if not told:
            return NoNews(memo)
        # the times as recorded: moving them all is no news
        fingerprint = xxhash.xxh3_128_hexdigest(repr(told).encode())
        shift = history.shift(first)
        return Found(
            fingerprint, lambda: [s if s.at is None else replace(s, at=s.at + shift) for s in told], memo
        )


def _history(content: bytes | Mapping[str, Any]) -> _History:
    """Open a recorded file; raises Permanent with what is wrong with it."""
    if isinstance(content, bytes):
        try:
            content = msgspec.json.decode(content, type=dict[str, Any])
        except UNREADABLE as error:
            raise Permanent(f"not a JSON object: {quoted(error)}") from None
    envelope = table(content.get("replay"))
    payload = content.get("payload") if envelope else content
    if not isinstance(payload, dict):
        raise Permanent("`payload` must hold the service's answer")
    shape = envelope.get("shape") or next((kind for key, kind in _MARKS.items() if key in payload), "")
    if shape == "replay" or not isinstance(shape, str) or shape not in kinds():
        known = ", ".join(kind for kind in kinds() if kind != "replay")
        raise Permanent("whose answer is this?", hint=f"set `shape` to one of {known}")
    anchor = _moment("anchor", envelope.get("anchor")) if envelope.get("anchor") else None
    said = envelope.get("steps") or []
    if not isinstance(said, list) or (said and anchor is None):
        raise Permanent("`steps` must be a list of moments after an `anchor`")
    return _History(shape, payload, anchor, tuple(sorted(_moment("steps", step) for step in said)))


def _moment(key: str, value: Any) -> datetime:
    when = utc(moment(value))
    if when is None:
        raise Permanent(
            f"`{key}` holds {quoted(value, 40)!r}, which is no moment", hint="as 2026-10-20T12:00:00Z"
        )
    return when


def _recall(memo: str, now: datetime) -> tuple[datetime, int]:
    """Return the first look and how many came before this one."""
    first, _, looks = memo.partition("#")
    when = utc(moment(first))
    if when is None:
        return now, 0
    return when, int(looks) if looks.isdecimal() else 1


def _of(number: str, by_number: Mapping[str, Sequence[Sighting]]) -> Sequence[Sighting]:
    wanted = number_of(number)
    for key, sightings in by_number.items():
        if number_of(key) == wanted:
            return sightings
    if not by_number:
        return ()
    if len(by_number) == 1 and not next(iter(by_number)):  # a payload that names no number
        return next(iter(by_number.values()))
    raise Permanent(f"holds the history of {quoted(', '.join(by_number))}, not of {wanted}")


def _until(sightings: Sequence[Sighting], horizon: datetime | None) -> Sequence[Sighting]:
    """Keep what had happened by *horizon*; an undated sighting belongs to the dated one before it."""
    if horizon is None:
        return sightings
    out, shown = [], True
    for sighting in sightings:
        shown = shown if sighting.at is None else sighting.at <= horizon
        if shown:
            out.append(sighting)
    return out
