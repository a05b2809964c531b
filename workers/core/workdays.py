"""Working days: which days count where somebody has to be at a desk. Asks no clock; knows whole countries only.

Lengths are in days of an ordinary week: five working days are seven such days, so that "within the week" keeps
its meaning while week-ends and public holidays do not count. Without holidays both scales agree from week to week.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from holidays import HolidayBase

Rest = Callable[[date], bool]  # whether nobody works on that day

DAY: Final = timedelta(days=1)
_SATURDAY_SUNDAY: Final = frozenset({5, 6})


@cache
def rest(country: str) -> Rest:
    """Return which days are off in *country* (ISO 3166-1 alpha-2): week-ends, and its public holidays if known."""
    import holidays  # here: it takes half a second to import, and most commands never ask

    if country not in holidays.list_supported_countries():
        return weekend
    known = holidays.country_holidays(country)
    off = frozenset(known.weekend) or _SATURDAY_SUNDAY

    @lru_cache(maxsize=4096)
    def rests(day: date) -> bool:
        return day.weekday() in off or day in known

    return rests


def free_days(country: str, first: date, last: date) -> tuple[tuple[date, str], ...]:
    """Return the public holidays of *country* from *first* to *last*, both inside, on which work would have been done,
    with their names in English where the library has them.
    """
    import holidays  # here: as above

    if country not in holidays.list_supported_countries():
        return ()
    known = _named(country)
    off = frozenset(known.weekend) or _SATURDAY_SUNDAY
    days = (first + DAY * n for n in range(max((last - first).days + 1, 0)))
    return tuple((day, known[day]) for day in days if day.weekday() not in off and day in known)


@cache
def _named(country: str) -> HolidayBase:
    import holidays  # here: as above

    known = holidays.country_holidays(country)
    if "en_US" in known.supported_languages:
        return holidays.country_holidays(country, language="en_US")
    return known


def weekend(day: date) -> bool:
    """Whether *day* is a Saturday or a Sunday: all that is known of a country without a calendar."""
    return day.weekday() in _SATURDAY_SUNDAY


def worked(began: datetime, ended: datetime, rests: Rest) -> float:
    """Return how long it was from *began* to *ended* in days of an ordinary week; never negative."""
    total = timedelta()
    at, day, midnight = began, began.date(), _midnight_after(began)
    while at < ended:
        if not rests(day):
            total += min(midnight, ended) - at
        at, day, midnight = midnight, day + DAY, midnight + DAY
    return total / DAY * 7 / 5


def reached(began: datetime, days: float, rests: Rest) -> float:
    """Return after how many calendar days ``worked`` reaches *days*: its inverse."""
    left = timedelta(days=days * 5 / 7)
    at, day, midnight = began, began.date(), _midnight_after(began)
    while True:
        if not rests(day):
            if midnight - at >= left:
                return (at + left - began) / DAY
            left -= midnight - at
        at, day, midnight = midnight, day + DAY, midnight + DAY


def _midnight_after(at: datetime) -> datetime:
    return datetime.combine(at.date() + DAY, time(), UTC)
