"""Read events out of any JSON answer by JMESPath, as a shape says. Refuses to guess: what a shape does not find is an error.

JMESPath: https://jmespath.org/specification.html. Expressions are compiled when a shape is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import jmespath  # type: ignore[import-untyped]  # it ships no types
from jmespath.exceptions import JMESPathError  # type: ignore[import-untyped]  # it ships no types
from pydantic import BaseModel, ConfigDict, Field, field_validator

from workers.core.model import Sighting, TimeQuality
from workers.errors import Permanent, Temporary
from workers.sources import NoNews
from workers.sources._fields import country, word
from workers.sources._fields import name as number_of
from workers.sources._http import quoted
from workers.sources._places import by_three_letters
from workers.sources._single import oldest_first, place, stamped
from workers.sources._times import millis, moment, utc

PATHS = (
    "events",
    "text",
    "time",
    "code",
    "place",
    "country",
    "next_number",
    "number",
    "unknown",
    "invalid",
    "error",
)


class Shape(BaseModel):
    """Where the fields of an answer are: what an http_json source and a recipe have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    events: str = Field(default="", description="JMESPath to the list of events")
    text: str = Field(default="", description="JMESPath in an event to its words")
    time: str = Field(
        default="", description="JMESPath in an event to its time: ISO 8601, or seconds or ms since 1970"
    )
    code: str = Field(default="", description="JMESPath in an event to its code")
    place: str = Field(
        default="", description="JMESPath in an event to its place: a text, or a list of texts"
    )
    country: str = Field(
        default="", description="JMESPath in an event to its country: ISO 3166-1, 2 or 3 letters"
    )
    next_number: str = Field(
        default="", description="JMESPath in an event to another number, of the last mile"
    )
    number: str = Field(default="", description="JMESPath to the number or numbers that the answer speaks of")
    unknown: str = Field(
        default="", description="JMESPath that finds something where the number is not known (yet)"
    )
    invalid: str = Field(
        default="", description="JMESPath that finds something where the number can never be one"
    )
    error: str = Field(default="", description="JMESPath to the words of an error inside an answer")
    system: str = Field(
        default="", pattern=r"^[a-z0-9_]*$", description="code table in which codes are looked up"
    )
    carrier: str = Field(default="", description="who scans, in the sightings")
    lang: str = Field(default="", pattern=r"^[A-Za-z0-9-]*$", description="language of the words")
    zone: str = Field(default="", description="time zone of times without an offset")

    @field_validator(*PATHS)
    @classmethod
    def _path(cls, value: str) -> str:
        if value:
            try:
                jmespath.compile(value)
            except JMESPathError as error:
                raise ValueError(f"is no JMESPath: {quoted(error)}") from None
        return value

    @field_validator("zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        if value:
            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise ValueError("is no time zone, such as Europe/Berlin") from None
        return value


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer says."""

    numbers: tuple[str, ...]  # of which it speaks; none where it does not say
    told: Sequence[Sighting]  # oldest first


def read(said: Any, shape: Shape, *, source: str, service: str) -> Answer | NoNews:
    """Return what *said* (a decoded answer) shows; raises Temporary for what the shape does not find,
    and Permanent for a number that can never be one."""
    if said is None or not isinstance(said, (dict, list)):
        raise Temporary(f"{service}'s answer is no object")
    if shape.unknown and _at(said, shape.unknown, service):
        return NoNews()
    if shape.invalid and _at(said, shape.invalid, service):
        raise Permanent(f"{service} does not take this number")
    why = _text(_at(said, shape.error, service)) if shape.error else ""
    if why:
        raise Temporary(f"{service} says: {quoted(why)}")
    listed = _at(said, shape.events, service)
    if not isinstance(listed, list) or not all(isinstance(event, dict) for event in listed):
        raise Temporary(
            f"{service}'s answer holds no list of events", hint=f"looked for {quoted(shape.events)}"
        )
    numbers = _at(said, shape.number, service) if shape.number else []
    told = oldest_first(_sighting(event, shape, source=source, service=service) for event in listed)
    if listed and not any(each.text for each in told):
        raise Temporary(f"{service}'s events hold no words", hint=f"looked for {quoted(shape.text)}")
    return Answer(
        tuple(number_of(each) for each in (numbers if isinstance(numbers, list) else [numbers])), told
    )


def _at(said: Any, path: str, service: str) -> Any:
    if not path:
        return None
    try:
        return jmespath.compile(path).search(said)
    except (JMESPathError, TypeError, ValueError, RecursionError) as error:
        raise Temporary(
            f"{service}'s answer does not fit: {quoted(error)}", hint=f"at {quoted(path)}"
        ) from None


def _text(value: Any, divider: str = ". ") -> str:
    """Return a text, or the texts of a list as one."""
    if isinstance(value, list):
        return divider.join(dict.fromkeys(filter(None, (word(each, 500) for each in value))))
    return word(value)


def _sighting(event: Mapping[str, Any], shape: Shape, *, source: str, service: str) -> Sighting:
    def get(path: str) -> Any:
        return _at(event, path, service)

    code = _text(get(shape.code), " ")
    at, quality = _when(get(shape.time), shape.zone)
    where = get(shape.place)
    return Sighting(
        source=source,
        text=_text(get(shape.text)) or code,
        at=at,
        quality=quality,
        system=shape.system,
        code=code,
        lang=shape.lang,
        place=place(*(word(each, 100) for each in where)) if isinstance(where, list) else word(where, 200),
        country=by_three_letters(get(shape.country)) or country(get(shape.country)),
        carrier=word(shape.carrier or service, 100),
        number=number_of(get(shape.next_number)),
    )


def _when(value: Any, zone: str) -> tuple[datetime | None, TimeQuality]:
    if isinstance(value, list):  # a date and a time apart
        value = "T".join(filter(None, (word(each, 40) for each in value)))
    text = word(value, 60)
    if text.replace(".", "", 1).isdecimal() and len(text) > 8:
        number = float(text)
        at = millis(number if number > 1e11 else number * 1000)  # 1e11 seconds is the year 5138
        return at, TimeQuality.EXACT if at is not None else TimeQuality.UNKNOWN
    at, quality = stamped(text)
    local = moment(text)
    if quality is TimeQuality.ASSUMED and zone and local is not None:
        at = utc(local.replace(tzinfo=ZoneInfo(zone)))
        return at, TimeQuality.ASSUMED if at is not None else TimeQuality.UNKNOWN
    return at, quality
