"""Read how long a service asks us to wait, in all the forms it is said. Refuses to believe more than a day.

``Retry-After`` (RFC 9110, section 10.2.3) is seconds or a date; services also send Unix times, in seconds or milliseconds,
and ISO dates. Where a limit is told instead, its window's end is meant: ``RateLimit-Reset`` and ``RateLimit`` with ``t``
(IETF drafts httpapi-ratelimit-headers 06 and 10) in seconds, ``X-RateLimit-Reset`` and its spellings in seconds or as a
Unix time (AfterShip and Ship24: their documents, read 2026-11-22).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

PATIENCE = timedelta(days=1)  # a wait beyond this is not believed

_IN_MS = ("retry-after-ms", "x-retry-after-ms", "x-ms-retry-after-ms")
_RESETS = (
    "ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset", "x-ratelimit-reset-after", "rate-limit-reset",
)  # fmt: skip
_UNIX = 1_500_000_000  # since 2017, or half a century from now: a moment, not a length
_UNIX_MS = 100_000_000_000
_T = re.compile(r";\s*t=(\d{1,12})\b")


def retry_after(headers: Mapping[str, str], *, now: datetime) -> timedelta | None:
    """Return how long the service asks to wait; None for nothing usable. Names in *headers* are lower case.

    A moment is measured against the service's own ``Date`` where sent, so that a wrong clock here does no harm.
    """
    for name in _IN_MS:
        seconds = _number(headers.get(name, ""))
        if seconds is not None:
            return _bounded(seconds / 1000)
    return _meant(headers.get("retry-after", ""), _clock_of(headers, now))


def reset_after(headers: Mapping[str, str], *, now: datetime) -> timedelta | None:
    """Return when a rate limit's window ends, for a refusal without Retry-After; None for nothing usable."""
    for name in _RESETS:
        found = _meant(headers.get(name, ""), _clock_of(headers, now))
        if found is not None:
            return found
    lengths = [_bounded(float(t)) for t in _T.findall(headers.get("ratelimit", "")[:2000])]
    return max(
        (one for one in lengths if one is not None), default=None
    )  # every window named must have ended


def _clock_of(headers: Mapping[str, str], now: datetime) -> datetime:
    return date_of(headers.get("date", "")) or now


def _meant(said: str, now: datetime) -> timedelta | None:
    said = said.strip()
    if not said or len(said) > 100:
        return None
    seconds = _number(said)
    if seconds is None:
        until = date_of(said)
        return _bounded((until - now).total_seconds()) if until is not None else None
    if seconds >= _UNIX_MS:
        seconds /= 1000
    return _bounded(seconds - now.timestamp() if seconds >= _UNIX else seconds)


def _number(said: str) -> float | None:
    try:
        found = float(said)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _bounded(seconds: float) -> timedelta | None:
    return timedelta(seconds=min(seconds, PATIENCE.total_seconds())) if seconds > 0 else None


def date_of(said: str) -> datetime | None:
    """Return a moment written as HTTP or as ISO 8601 has it; None for anything else."""
    try:
        found = parsedate_to_datetime(said)
    except (ValueError, TypeError, IndexError, OverflowError):
        try:
            found = datetime.fromisoformat(said)
        except ValueError:
            return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
