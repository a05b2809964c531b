"""When a notice goes out: at once, or when its reader wants to hear of it. Decides times only; never whether, nor the words.

The rules, in their order (``plan`` is this list); whatever waited for a reason does not wait for that reason again:

    by an operator's hand                    at once
    several parcels of one order             a minute, so that those that move together go in one message
    urgent                                   at once, also in quiet hours (and says so), also beyond the cap
    a digest is wanted                       the next one, unless the date that matters would be too near then
    quiet hours                              their end
    the parcel spoke less than the gap ago   when the gap is over
    the day's cap is reached                 the next day, all such in one message

Local times are read in the reader's own zone. Where a clock is put forward over a time, the time is the moment of the
change; where it is put back, quiet hours begin at the first and end at the last of two equal times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, Literal

TOGETHER: Final = timedelta(minutes=1)
NEAR: Final = timedelta(days=1)  # before a date that needs the person, nothing waits beyond this
WEEK: Final = 7

Reason = Literal["", "together", "digest", "quiet", "gap", "cap"]


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours in which nothing calm is sent; over midnight where they end before they begin."""

    begins: time
    ends: time


@dataclass(frozen=True, slots=True)
class Summary:
    """When a digest is made: every day, or on one day of the week (0 is Monday)."""

    at: time
    weekday: int | None = None


@dataclass(frozen=True, slots=True)
class Habits:
    """How one recipient wants to be told."""

    quiet: Quiet | None = None
    digest: Summary | None = None
    gap: timedelta | None = None  # between two calm notices about one parcel
    cap: int | None = None  # messages a day by one channel


@dataclass(frozen=True, slots=True)
class Due:
    """A notice whose time has come by the store's clock."""

    urgent: bool
    waited: str  # the reason it waited for last; "" for none
    order: str  # the order's id; "" where it is about no order
    siblings: int = 1  # parcels of the order
    advice: str = ""
    needed_by: date | None = None  # where it needs the person: the date that matters
    freed: bool = False  # by an operator's hand


Lately = Callable[[timedelta], tuple[timedelta | None, int]]


@dataclass(frozen=True, slots=True)
class Plan:
    """``until`` None: now. ``bundle``: what has the same one goes out in one message."""

    until: datetime | None = None
    reason: Reason = ""
    bundle: str = ""
    woke: bool = False  # it comes in quiet hours


def plan(due: Due, habits: Habits, lately: Lately, *, now: datetime, zone: tzinfo) -> Plan:
    """Return when *due* goes out. *lately* tells, for a window of time, how long ago its parcel was last spoken of to
    this reader by this channel, and how many messages of any kind there were in the window.
    """
    quiet = quiet_until(habits.quiet, now=now, zone=zone)
    if due.freed:
        return Plan(woke=False)
    together = f"together:{due.order}:{due.advice}" if due.order and due.siblings > 1 else ""
    if together and not due.waited:
        return Plan(now + TOGETHER, "together", together)
    if due.urgent:
        return Plan(woke=quiet is not None)
    gathered = due.waited in ("digest", "cap")
    if habits.digest is not None and not gathered:
        at = next_summary(habits.digest, now=now, zone=zone)
        if not _too_late(due, at, zone):
            return Plan(at, "digest", "digest")
    if quiet is not None:
        return Plan(quiet, "quiet", due.waited if gathered else together)
    if gathered or (habits.gap is None and habits.cap is None):
        return Plan()
    begun = now - _resolved(now.astimezone(zone).date(), time(0), zone, last=False)
    ago, today = lately(begun)
    if habits.gap is not None and ago is not None and ago < habits.gap:
        at = now + (habits.gap - ago)
        if not _too_late(due, at, zone):
            return Plan(at, "gap")
    if habits.cap is not None and today >= habits.cap:
        at = _resolved(now.astimezone(zone).date() + timedelta(days=1), time(0), zone, last=False)
        at = quiet_until(habits.quiet, now=at, zone=zone) or at
        if not _too_late(due, at, zone):
            return Plan(at, "cap", "cap")
    return Plan()


def _too_late(due: Due, at: datetime, zone: tzinfo) -> bool:
    return due.needed_by is not None and at.astimezone(zone).date() > due.needed_by - NEAR


def quiet_until(quiet: Quiet | None, *, now: datetime, zone: tzinfo) -> datetime | None:
    """Return when the quiet hours end that *now* lies in; None outside of them."""
    if quiet is None or quiet.begins == quiet.ends:
        return None
    today = now.astimezone(zone).date()
    over_midnight = timedelta(days=quiet.ends <= quiet.begins)
    for day in (today - timedelta(days=1), today):
        begins = _resolved(day, quiet.begins, zone, last=False)
        ends = _resolved(day + over_midnight, quiet.ends, zone, last=True)
        if begins <= now < ends:
            return ends
    return None


def next_summary(summary: Summary, *, now: datetime, zone: tzinfo) -> datetime:
    """Return when the next digest is made, after *now*."""
    today = now.astimezone(zone).date()
    for ahead in range(WEEK + 2):
        day = today + timedelta(days=ahead)
        if summary.weekday in (None, day.weekday()):
            at = _resolved(day, summary.at, zone, last=False)
            if at > now:
                return at
    raise AssertionError("a week has all its days")


def _resolved(day: date, at: time, zone: tzinfo, *, last: bool) -> datetime:
    """Return the moment at which a clock on the wall shows *at* on *day*; the moment it jumps over it, where it does."""
    wall = datetime.combine(day, at)
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:  # one moment, or two equal times
        return second if last else first
    before, after = second, first  # the clock jumps over it: the change lies between the two readings
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
