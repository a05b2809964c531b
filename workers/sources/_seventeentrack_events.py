"""Turn 17TRACK's raw events into sightings. Trusts a provider's order above its clocks; no request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from heapq import merge
from typing import Any

import msgspec
from msgspec import Struct

from workers.core.model import Sighting, TimeQuality
from workers.errors import Temporary
from workers.sources._fields import UNREADABLE, country, word
from workers.sources._http import quoted
from workers.sources._seventeentrack import Item, Leg, Odd
from workers.sources._times import moment, naive, offset, utc


class Written(Struct):
    """A time as the carrier wrote it."""

    date: Any = None
    time: Any = None
    timezone: Any = None


class _Translation(Struct):
    description: Any = None
    lang: Any = None


class _Address(Struct):
    country: Any = None
    city: Any = None
    state: Any = None


class Event(Struct):
    """One event; as everywhere in these answers any place takes any type."""

    time_iso: Any = None
    time_utc: Any = None
    time_raw: Written | Odd = None
    description: Any = None
    description_translation: _Translation | Odd = None
    location: Any = None
    stage: Any = None
    sub_status: Any = None
    address: _Address | Odd = None


_NOWHERE = _Address()
_EVENTS = msgspec.json.Decoder(list[Event | Odd])


def read_all(items: Sequence[Item], *, source: str) -> Sequence[Sighting]:
    """Return the sightings of *items* (one number), oldest first; raises Temporary for what cannot be read.

    Each provider's own order is kept, whatever its clocks say; providers are merged by time, and what two
    items both show is kept once.
    """
    lines = []
    for item in items:
        if item.problem:
            raise Temporary(f"17TRACK's answer cannot be read: {item.problem}")
        for leg in item.legs:
            try:
                lines.append(list(_timed(_sightings(item, leg, source))))
            except UNREADABLE as error:
                raise Temporary(f"17TRACK's events cannot be read: {quoted(error)}") from None
    if len(lines) == 1:
        told = [sighting for _, sighting in lines[0]]
    else:
        told = [sighting for _, sighting in merge(*lines, key=lambda pair: pair[0])]
    alone = len({(s.at, s.text) for s in told}) == len(told)  # no two are alike even in that
    out = told if alone else list(dict.fromkeys(told))
    if not out:
        out = [
            Sighting(source=source, text=item.words or item.status, system="17track", code=item.status)
            for item in items
            if item.tells
        ]
    _name_last_mile(out, items)
    return out


def _sightings(item: Item, leg: Leg, source: str) -> list[Sighting]:
    """Return one provider's events, oldest first."""
    number = item.local if item.local and leg.key and leg.key == item.local_key else ""
    return [
        _sighting(event, source=source, carrier=leg.carrier, number=number, lang=leg.lang)
        for event in reversed(_EVENTS.decode(leg.events) if leg.events else [])
        if isinstance(event, Event)
    ]


def _sighting(event: Event, *, source: str, carrier: str, number: str, lang: str) -> Sighting:
    text, translation, lang_to = word(event.description), "", ""
    translated = event.description_translation
    if isinstance(translated, _Translation):
        translation, lang_to = word(translated.description), word(translated.lang)[:35]
    elif translated is not None:
        translation = word(translated)
    if not text:
        text, translation, lang = translation, "", lang_to
    elif translation == text:
        translation = ""  # copied, not translated: says nothing of the language either
    address = event.address if isinstance(event.address, _Address) else _NOWHERE
    at, quality = when(event)
    code = word(event.sub_status) or word(event.stage)
    return Sighting(
        source=source,
        text=text or code,
        at=at,
        quality=quality,
        system="17track",
        code=code,
        translation=translation,
        lang=lang,
        place=word(event.location) or ", ".join(filter(None, (word(address.city), word(address.state)))),
        country=country(address.country),
        carrier=carrier,
        number=number,
    )


def when(event: Event) -> tuple[datetime | None, TimeQuality]:
    """Return the time of an event and how well it is known.

    ``time_iso`` beats ``time_utc``, which has been seen half an hour beside it; an offset counts as the
    carrier's own only where ``time_raw`` holds one, because 17TRACK infers the others. Without either,
    ``time_raw`` is a naive local time.
    """
    raw = event.time_raw
    if isinstance(raw, Written):
        zone: tzinfo | None = offset(raw.timezone)
    else:
        written = moment(raw)  # some answers hold a string here
        zone = written.tzinfo if written else None
    iso, instant = moment(event.time_iso), utc(moment(event.time_utc))
    at = utc(iso) if iso is not None and iso.tzinfo is not None else None
    if at is not None:
        agrees = instant is None or instant == at
        return at, TimeQuality.EXACT if zone is not None and agrees else TimeQuality.ASSUMED
    if instant is not None:
        return instant, TimeQuality.ASSUMED
    if iso is not None:
        return naive(event.time_iso)
    if isinstance(raw, Written):
        text = f"{word(raw.date)} {word(raw.time)}".strip()
        at, quality = naive(text)
        if at is not None and zone is not None and quality is TimeQuality.ASSUMED:
            return utc(at.replace(tzinfo=zone)), TimeQuality.EXACT
        return at, quality
    return naive(raw)


def _timed(sightings: Sequence[Sighting]) -> Iterator[tuple[datetime, Sighting]]:
    """Pair each sighting with a time to merge by: its own, or an undated one's last dated neighbour's."""
    first = next((s.at for s in sightings if s.at is not None), None)
    last = first or datetime.min.replace(tzinfo=UTC)
    for sighting in sightings:
        last = sighting.at or last
        yield last, sighting


def _name_last_mile(sightings: list[Sighting], items: Sequence[Item]) -> None:
    """Put a last-mile number no provider was seen under on the newest sighting, so that it is not lost."""
    for item in items:
        if item.local and sightings and not any(s.number == item.local for s in sightings):
            sightings[-1] = replace(sightings[-1], number=item.local)
