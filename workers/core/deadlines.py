"""The dates that matter to a parcel: pay by, send papers by, collect by, dispute by. Assumes openly or not
at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from workers.core.advise import LAST_CALL_DAYS
from workers.core.model import Advice, Charges, Operator, Order, Seen, Snapshot, Stage

# Days an unknown operator keeps a parcel after the first notice: British, Dutch, Belgian, Portuguese and
# Czech operators publish 10 to 21 (Royal Mail 21, PostNL 14, bpost 14, CTT 10; read 2026-11-22). An
# assumption, and shown as one.
ASSUMED_DAYS: Final = 14

ASKS_TO_PAY: Final = frozenset({Stage.PAYMENT_DUE})
ASKS_FOR_PAPERS: Final = frozenset({Stage.DOCUMENTS_REQUIRED, Stage.HELD})
KEPT: Final = frozenset({Stage.AVAILABLE_FOR_PICKUP, Stage.DELIVERY_FAILED})
ON_THE_ROUND: Final = frozenset({Stage.OUT_FOR_DELIVERY})


@dataclass(frozen=True, slots=True)
class Due:
    """A date and whether it is the operator's published rule or our assumption."""

    day: date
    by_rule: bool


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Every date that can be known now; None where nothing asks for it or nothing is known."""

    pay_by: Due | None = None
    documents_by: Due | None = None
    storage_end: Due | None = None
    round_on: date | None = None  # the day of the driver's round, until it is over
    protection_until: date | None = None
    dispute_by: date | None = None


def deadlines(order: Order, snapshot: Snapshot, operator: Operator | None, *, now: datetime) -> Deadlines:
    """Return the dates for a parcel as it stands."""
    pays = snapshot.stage in ASKS_TO_PAY or snapshot.charges is Charges.DUE
    until = order.protected_until
    return Deadlines(
        pay_by=_kept(_asked_to_pay(snapshot, now), operator) if pays else None,
        documents_by=_kept(_asked(snapshot, ASKS_FOR_PAPERS, now), operator)
        if snapshot.stage in ASKS_FOR_PAPERS
        else None,
        storage_end=_kept(_asked(snapshot, KEPT, now), operator) if snapshot.stage in KEPT else None,
        round_on=_today(_asked(snapshot, ON_THE_ROUND, now), now) if snapshot.stage in ON_THE_ROUND else None,
        protection_until=until,
        dispute_by=until - timedelta(days=LAST_CALL_DAYS) if until else None,
    )


def nearest(found: Deadlines, advice: Advice, *, today: date) -> date | None:
    """Return the date by which *advice* wants something done, or None."""
    # Three days before its end the window itself is the date, until it is over.
    dispute = found.dispute_by
    if dispute is not None and dispute <= today:
        dispute = found.protection_until if (found.protection_until or today) >= today else None
    own = {
        "pay": found.pay_by,
        "documents": found.documents_by,
        "storage": found.storage_end,
    }.get(advice.deadline)
    days = [own.day] if own else []
    if advice.deadline == "round" and found.round_on is not None:
        days.append(found.round_on)
    if advice.deadline in ("pay", "documents", "dispute") and dispute is not None:
        days.append(dispute)
    coming = [day for day in days if day >= today]
    return min(coming) if coming else max(days, default=None)


def add_working_days(start: date, days: int) -> date:
    """Return the day *days* working days (Monday to Friday) after *start*; public holidays are not known
    here.
    """
    day = start
    while days > 0:
        day += timedelta(days=1)
        days -= day.weekday() < 5
    return day


def _kept(asked: date, operator: Operator | None) -> Due:
    if operator is not None and operator.storage_days is not None:
        return Due(asked + timedelta(days=operator.storage_days), by_rule=True)
    if operator is not None and operator.storage_working_days is not None:
        return Due(add_working_days(asked, operator.storage_working_days), by_rule=True)
    return Due(asked + timedelta(days=ASSUMED_DAYS), by_rule=False)


def _today(day: date, now: datetime) -> date | None:
    """Return *day* unless it is over: nothing is known of a later round."""
    return day if day >= now.date() else None


def _asked_to_pay(snapshot: Snapshot, now: datetime) -> date:
    """Return the day of the first request to pay that has not been answered by a payment since."""
    first: datetime | None = None
    for seen in snapshot.timeline:
        reading = seen.reading
        if reading.charges is Charges.PAID or reading.stage is Stage.PAYMENT_RECEIVED:
            first = None
        elif first is None and (reading.charges is Charges.DUE or reading.stage in ASKS_TO_PAY):
            first = _moment(seen)
    return (first or snapshot.since or now).date()


def _asked(snapshot: Snapshot, stages: frozenset[Stage], now: datetime) -> date:
    """Return the day of the first event of the current run of such stages."""
    first: datetime | None = None
    for seen in snapshot.timeline:
        stage = seen.reading.stage
        if stage in stages:
            first = first or _moment(seen)
        elif stage is not Stage.UNKNOWN:
            first = None
    return (first or snapshot.since or now).date()


def _moment(seen: Seen) -> datetime:
    return seen.sighting.at or seen.first_seen
