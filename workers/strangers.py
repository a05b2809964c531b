"""What strangers write, fit for a line of ours: one line, no controls, cut short; times in UTC. Does not say what it means."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

_LONG = 2000  # characters of a text kept
_SHORT = 400  # … of one that is worth remembering
_CONTROLS = dict.fromkeys([*range(32), *range(127, 160)], " ")
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def word(value: Any, limit: int = _LONG) -> str:
    """Return an untrusted text on one line, no control characters, cut at *limit*; "" for what is no text."""
    if value is None:  # nearly all places of an answer are empty
        return ""
    if isinstance(value, str):
        if len(value) <= min(limit, _SHORT):
            return _tidy(value)
        text = value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        text = str(value)
    else:
        return ""
    return " ".join(text[: 2 * limit].translate(_CONTROLS).split())[:limit]


@lru_cache(maxsize=16_384)  # wordings, places and carriers repeat
def _tidy(text: str) -> str:
    return " ".join(text.translate(_CONTROLS).split())


def quoted(text: Any, limit: int = 120) -> str:
    """Return words of the other side fit for a sentence of ours: one line, printable, cut short."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)[: 4 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def utc(when: datetime | None) -> datetime | None:
    """Return *when* in UTC (a naive one is read as UTC); None for what no parcel can have, as the year 1."""
    if when is None:
        return None
    try:
        if when.tzinfo is not UTC:
            when = when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except (OverflowError, ValueError):
        return None
    return when if _EARLIEST <= when < _LATEST else None
