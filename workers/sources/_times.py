"""Read the times tracking services write, and say how well each is known. Refuses to guess a missing date."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from workers.core.model import TimeQuality
from workers.strangers import utc as utc  # read by every source beside the other readers of times

_OFFSET = re.compile(r"^(?:GMT|UTC)?\s*([+-])?\s*(\d{1,2})(?::?(\d{2}))?$", re.IGNORECASE)
_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_FAR = timedelta(hours=14)  # no zone is farther from UTC


def moment(text: Any) -> datetime | None:
    """Return the ISO 8601 *text* as a datetime, aware or naive as written; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text)  # nearly all times are in form already
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text.strip().replace("/", "-"))
    except ValueError:
        return None


def millis(value: Any) -> datetime | None:
    """Return milliseconds since 1970 (a number, or digits in a string) as UTC; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return utc(datetime.fromtimestamp(float(value) / 1000, tz=UTC))
    except (ValueError, OverflowError, OSError):
        return None


def offset(text: Any) -> timezone | None:
    """Return ``GMT+8``, ``GMT+08:00``, ``+08:00``, ``Z`` … as a zone; None for anything else."""
    said = str(text or "").strip()
    return _offset(said) if len(said) <= 40 else None


@lru_cache(maxsize=1024)  # a few spellings
def _offset(said: str) -> timezone | None:
    if said.upper() in {"Z", "GMT", "UTC"}:
        return UTC
    match = _OFFSET.match(said)
    if match is None or not (match[1] or said[:1].isalpha()):
        return None
    span = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    if span > _FAR:
        return None
    return timezone(-span if match[1] == "-" else span)


def naive(text: Any) -> tuple[datetime | None, TimeQuality]:
    """Return a time written without a zone, read as UTC: ASSUMED, or DAY where only the date is written."""
    at = utc(moment(text))
    if at is None:
        return None, TimeQuality.UNKNOWN
    return at, TimeQuality.DAY if _DAY.match(str(text).strip()) else TimeQuality.ASSUMED
