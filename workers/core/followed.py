"""Find the numbers under which a parcel travels on, strictly; refuses whatever may be another thing's number.

A number is followed where a source's own field or a hand-over in words gives it to this parcel, and it is right by its
own make: a postal number (S10) with its check digit, or the format of a carrier that was named with it. It never is
where it stands in the user's file (then the user's word on it counts, and it is a parcel of its own), or is the shop's
number of the order. A number that merely resembles one is shown as it came, and asked for nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from workers.core.model import Evidence, Order, ParcelRef, Sighting, Snapshot, Stage
from workers.core.numbers import looks_like, normalise, s10

MOST: Final = 2  # numbers of one parcel that are followed; carriers hand on once, seldom twice

# "Handed over to DHL, tracking number 00340434161094042557": the words between may name the carrier, and nothing else.
_HANDED: Final = re.compile(
    r"\b(?:handed[ -]?(?:over|off)|transferred|forwarded|passed on)\s+to\s+(?P<who>[^,;:()]{2,40}?)\s*[,;:(]\s*"
    r"(?:(?:its|the|new|with)\s+)*(?:tracking\s+)?(?:number|no\.?|nr\.?|id)\s*(?:is\s+)?[:#]?\s*(?P<number>[A-Z0-9]{8,34})\b",
    re.IGNORECASE,
)

_ALSO: Final = {
    "us post": "usps",
    "united states postal service": "usps",
    "deutsche post": "dhl",
}  # as sources write them


@dataclass(frozen=True, slots=True)
class Further:
    """A further number of a parcel."""

    number: str
    carrier: str  # whose it is, as people call it; "" where that is not known
    evidence: Evidence


def followed(
    snapshot: Snapshot, order: Order, ref: ParcelRef, taken: Collection[str] = ()
) -> tuple[Further, ...]:
    """Return the numbers under which the parcel is looked up besides its own; *taken*: all numbers of the user's file."""
    if snapshot.stage is Stage.DELIVERED or not snapshot.timeline:
        return ()
    own = {normalise(ref.number), normalise(order.number)}
    found: dict[str, Further] = {}
    for seen in reversed(snapshot.timeline):
        for number, carrier, how in _given(seen.sighting):
            if number in own or number in taken or number in found:
                continue
            why = _right(number, carrier)
            if why:
                named = "" if carrier.isdigit() else carrier
                found[number] = Further(
                    number, named, Evidence("number", f"{number}: {why}, {how}", "core/followed.py")
                )
    return tuple(found.values())[:MOST]


def _given(sighting: Sighting) -> Iterator[tuple[str, str, str]]:
    """Yield the numbers that a sighting gives the parcel, with whose they are and how that was said."""
    if sighting.number:
        yield normalise(sighting.number), sighting.carrier, f"a field of {sighting.source}"
    for text in (sighting.text, sighting.translation):
        handed = _HANDED.search(text) if "to" in text else None
        if handed:
            yield normalise(handed["number"]), handed["who"].strip(), f"the words of {sighting.source}"


def _right(number: str, carrier: str) -> str:
    """Return why *number* can only be a parcel's, or ""."""
    if s10(number).valid:
        return "a postal number with its check digit"
    name = " ".join(re.sub(r"[\W_]+", " ", carrier.casefold()).split())
    name = _ALSO.get(name, name)
    for likely in looks_like(number):
        if name == likely or likely.split()[0] in name.split():
            return f"in the format of {likely}"
    return ""
