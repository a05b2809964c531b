"""What the carriers' own services share: number after number, codes we know, an order of events. Refuses to press on.

A service that asks to slow down, or fails twice in a row, is not asked again in the same look.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import xxhash
from pydantic import SecretStr

from workers import loading, resources
from workers.core.model import Sighting, TimeQuality
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Found, NoNews, Outcome
from workers.sources._fields import UNREADABLE, table
from workers.sources._fields import name as number_of
from workers.sources._http import quoted
from workers.sources._times import moment, naive, utc


class Refused(Permanent):
    """The service refuses us, not a number: no other parcel fares better."""


def one_by_one(
    asks: Sequence[Ask], look: Callable[[Ask], Outcome], *, pause: Callable[[], None]
) -> dict[str, Outcome]:
    """Return what *look* says of every number, by parcel; raises where the service answered for none.

    *look* returns what concerns its number and raises what concerns the call.
    """
    first = {number_of(ask.number): ask for ask in reversed(asks)}
    said: dict[str, Outcome] = {}
    answered = False
    failed: Temporary | Permanent | None = None
    stopped = False
    for number in dict.fromkeys(number_of(ask.number) for ask in asks):
        if stopped and failed is not None:
            said[number] = failed
            continue
        try:
            if said:
                pause()  # raises Temporary where no further call is allowed for long
            said[number] = look(first[number])
            answered, failed = True, None
        except (Temporary, Permanent) as error:
            stopped = isinstance(error, Refused) or failed is not None or _asks_to_wait(error)
            failed = said[number] = error
    if failed is not None and not answered:
        raise failed
    return {ask.parcel: said[number_of(ask.number)] for ask in asks}


def _asks_to_wait(error: Temporary | Permanent) -> bool:
    return isinstance(error, Temporary) and error.after is not None


def shown(told: Sequence[Sighting], memo: str = "") -> Found | NoNews:
    """Return *told* (oldest first) as an outcome; the fingerprint changes with the events and nothing else."""
    if not told:
        return NoNews(memo)
    return Found(xxhash.xxh3_128_hexdigest(repr(list(told)).encode()), lambda: told, memo)


def decoded(payload: Any, service: str) -> Any:
    """Return *payload* as objects: bytes are JSON, anything else is there already; raises Temporary."""
    if not isinstance(payload, bytes):
        return payload
    try:
        return msgspec.json.decode(payload)
    except UNREADABLE:
        raise Temporary(f"{service}'s answer is not JSON") from None


def stamped(text: Any) -> tuple[datetime | None, TimeQuality]:
    """Return a time: EXACT where an offset is written, ASSUMED or DAY where not."""
    when = moment(text)
    if when is not None and when.tzinfo is not None:
        at = utc(when)
        return at, TimeQuality.EXACT if at is not None else TimeQuality.UNKNOWN
    return naive(text)


def oldest_first(listed: Iterable[Sighting]) -> list[Sighting]:
    """Return a list as its service ordered it, turned round where it begins with the newest. Ties say newest first."""
    told = list(listed)
    dated = [each.at for each in told if each.at is not None]
    if len(dated) > 1 and dated[0] < dated[-1]:
        return told
    return told[::-1]


def merged(lists: Sequence[Sequence[Sighting]]) -> list[Sighting]:
    """Return several lists, each oldest first, as one; an undated sighting stays behind the one before it."""
    if len(lists) == 1:
        return list(lists[0])
    keyed: list[tuple[float, Sighting]] = []
    for told in lists:
        last = 0.0
        for each in told:
            last = max(last, each.at.timestamp()) if each.at is not None else last
            keyed.append((last, each))
    return [each for _, each in sorted(keyed, key=lambda pair: pair[0])]


def joined(*texts: str) -> str:
    """Return texts as sentences on one line, each only once."""
    parts: list[str] = []
    for text in texts:
        said = text.strip().rstrip(".")
        if said and not any(said.casefold() in part.casefold() for part in parts):
            parts.append(said)
    return ". ".join(parts)


def place(*parts: str) -> str:
    """Return the parts of a place that are known, divided by commas."""
    return ", ".join(dict.fromkeys(part for part in parts if part))


@cache
def known_codes(system: str) -> frozenset[str]:
    """Return the codes that ``knowledge/codes/<system>.yaml`` knows, so that the most telling known one is sent."""
    document = loading.read(resources.knowledge(f"codes/{system}.yaml"))
    return frozenset(code.upper() for code in table(table(document.data).get("codes")))


def best_code(system: str, *codes: str) -> str:
    """Return the first of *codes* that is known, else the first that says anything."""
    said = [code for code in codes if code]
    known = known_codes(system)
    return next((code for code in said if code.upper() in known), said[0] if said else "")


def http_url(value: str) -> str:
    """Return an address as an option holds it; raises ValueError for anything but http(s)."""
    if not value.startswith(("https://", "http://")):
        raise ValueError("must start with https://")
    return value.rstrip("/")


def printable(value: SecretStr) -> SecretStr:
    """Return a key as an option holds it; raises ValueError for what no header can carry."""
    if not re.fullmatch(r"[!-~]+", value.get_secret_value()):
        raise ValueError("must be a key: letters, digits and signs, no spaces")
    return value


def refusal(service: str, status: int, why: str = "", *, hint: str = "") -> Refused | Temporary:
    """Return what a status of 400 or more means where nothing closer is known of it."""
    tail = f": {quoted(why)}" if why else ""
    if status in {401, 403}:
        return Refused(f"{service} does not accept our credentials (HTTP {status}){tail}", hint=hint)
    return Temporary(f"{service} refuses (HTTP {status}){tail}")


def of_number(number: str, by_number: Mapping[str, Sequence[Sighting]]) -> Sequence[Sighting] | None:
    """Return the sightings of *number*; those of an answer that names no number are of the one asked for."""
    if number in by_number:
        return by_number[number]
    return by_number[""] if set(by_number) == {""} else None
