"""Tell how alike two sightings are: their words, and how far their clocks may disagree. Lays no timeline."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta
from functools import lru_cache

from workers.core.model import Sighting, TimeQuality

Identity = tuple[datetime | None, str, str, str, str]

# How far a time may be off. Zones reach from -12 to +14 h; Cainiao's two clocks disagree by 5-6 h in a real
# capture and 17TRACK's own UTC by 30 min (tracking-sources notes of 2026-11-22).
_DOUBT = {
    TimeQuality.EXACT: timedelta(0),
    TimeQuality.ASSUMED: timedelta(hours=14),
    TimeQuality.DAY: timedelta(hours=36),
}
DOUBTS = {
    (a, b): max(_DOUBT.get(a, timedelta(0)), _DOUBT.get(b, timedelta(0)))
    for a in TimeQuality
    for b in TimeQuality
}


@lru_cache(maxsize=16_384)  # wordings repeat, within a parcel and between parcels
def fold(text: str) -> str:
    """Return *text* as it is compared: compatibility forms, case and white space do not tell events apart."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def identity(sighting: Sighting) -> Identity:
    """Return what makes two sightings the same event beyond doubt. Who showed it is not part of it."""
    code = fold(sighting.code)
    return (sighting.at, sighting.system if code else "", code, fold(sighting.place), fold(sighting.text))


def doubt(a: Sighting, b: Sighting) -> timedelta:
    """Return by how much the clocks of *a* and *b* may disagree."""
    return DOUBTS[a.quality, b.quality]


def closeness(a: Sighting, b: Sighting) -> float:
    """Return how alike the words are, 0 to 1; a source's translation counts as its words."""
    mine, yours = {fold(a.text), fold(a.translation)} - {""}, {fold(b.text), fold(b.translation)} - {""}
    return max((_alike(x, y) for x in mine for y in yours), default=0.0)


def _alike(a: str, b: str) -> float:
    if a == b:
        return 1.0
    if min(len(a), len(b)) >= 8 and (a in b or b in a):
        return 0.9
    x, y = _pieces(a), _pieces(b)
    return len(x & y) / len(x | y) if x and y else 0.0


def _pieces(text: str) -> set[str]:
    words = re.findall(r"\w+", text[:400])
    if len(words) > 2:
        return set(words)
    joined = "".join(words)  # scripts without blanks
    return {joined[i : i + 2] for i in range(len(joined) - 1)}
