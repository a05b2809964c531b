"""Guess why a parcel waits, from the order, the calendar and the law, best evidence first. Raises no alarm and changes
no advice: what the tracking itself names beats every guess, and a guess is only ever shown as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from workers.core import workdays
from workers.core.forecast import HOME, Season
from workers.core.law import Country, Row
from workers.core.model import Cause, Charges, Evidence, Guess, Order, Seen, Side, Situation, Snapshot, Stage

LATELY: Final = timedelta(days=30)  # so long after a rule began it may still be what slows customs
LOOK_BACK: Final = timedelta(days=30)  # holidays longer ago explain nothing of a wait
TOGETHER: Final = timedelta(
    days=1
)  # between two arrivals "on one day": the clocks of carriers are not the country's
SHOWN: Final = 2  # in a notice; ``explain`` shows all

# Where a parcel waits and nobody says what for. A request for money or papers is its own reason.
WAITING: Final = frozenset({Stage.IMPORT_CUSTOMS, Stage.INSPECTION, Stage.HELD, Stage.CLEARANCE_DELAY})
BEFORE: Final = frozenset({Stage.EXPORT_CUSTOMS, Stage.EXPORT_CLEARED, Stage.ARRIVED_DESTINATION})
# Read causes that name no reason: a check is a check, whatever led to it.
TELL_NOTHING: Final = frozenset({Cause.PHYSICAL_INSPECTION, Cause.OTHER})
# Rules whose change does not alter what customs has to do with a parcel: another rate is quickly set.
EASY: Final = frozenset({"import_vat", "waiver", "customs_value", "excise"})
SAME_DAY: Final = "procedure.same_day"  # the line that says parcels arriving together are added up
IN_CUSTOMS: Final = WAITING | {Stage.ARRIVED_DESTINATION, Stage.PAYMENT_DUE, Stage.DOCUMENTS_REQUIRED}


@dataclass(frozen=True, slots=True)
class Wording:
    """A known harmless wording or sign of a shop or carrier that alarms people."""

    key: str
    stages: frozenset[Stage]
    fragments: tuple[str, ...]  # casefolded; any of them in an event's text or translation
    shops: tuple[str, ...]  # casefolded; or the order's shop is one of these
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another parcel of the same buyer to the same country, and when it arrived there."""

    title: str
    arrived: datetime


def guess(
    order: Order,
    snapshot: Snapshot,
    situation: Situation,
    *,
    country: Country | None,
    seasons: Sequence[Season],
    wordings: Sequence[Wording],
    neighbours: Sequence[Neighbour],
    now: datetime,
) -> tuple[Guess, ...]:
    """Return what may be behind the wait, the best founded first; nothing where the tracking names a reason."""
    if not _unexplained(snapshot):
        return ()
    found = [*_wording(order, snapshot, wordings)]
    if situation.side in (None, Side.DESTINATION):
        found += _same_day(snapshot, country, neighbours)
    if snapshot.stage in WAITING | BEFORE:
        found += _holidays(order, snapshot, situation, now)
        if snapshot.stage in WAITING:
            found += _items(order)
        if situation.side in (None, Side.DESTINATION):
            found += _law(country, snapshot, now)
        found += _season(snapshot, situation, seasons, now)
    return tuple(found)


def _unexplained(snapshot: Snapshot) -> bool:
    if any(cause not in TELL_NOTHING for cause in snapshot.causes):
        return False
    if snapshot.stage in WAITING | BEFORE:
        return snapshot.charges is not Charges.DUE
    # A request to pay that the rules do not explain: parcels counted together do.
    return snapshot.stage is Stage.PAYMENT_DUE


def _wording(order: Order, snapshot: Snapshot, wordings: Sequence[Wording]) -> Iterator[Guess]:
    said = _said(snapshot)
    for wording in wordings:
        if snapshot.stage in wording.stages and (
            any(fragment in said for fragment in wording.fragments) or order.shop.casefold() in wording.shops
        ):
            yield Guess(Cause.OTHER, f"wording_{wording.key}", wording.evidence)


def _said(snapshot: Snapshot) -> str:
    """Return the words of the newest event that says the stage."""
    for seen in reversed(snapshot.timeline):
        if seen.reading.stage is snapshot.stage:
            return f"{seen.sighting.text}\n{seen.sighting.translation}".casefold()
    return ""


def arrived(snapshot: Snapshot) -> datetime | None:
    """Return when the parcel first was in the hands of its own country; None where no event shows it."""
    return next((_moment(seen) for seen in snapshot.timeline if _is_here(seen)), None)


def _is_here(seen: Seen) -> bool:
    reading = seen.reading
    return reading.stage in IN_CUSTOMS and reading.side in (None, Side.DESTINATION)


def _moment(seen: Seen) -> datetime:
    return seen.sighting.at or seen.first_seen


def _same_day(
    snapshot: Snapshot, country: Country | None, neighbours: Sequence[Neighbour]
) -> Iterator[Guess]:
    """Only where the law of the country adds up what arrives together."""
    here = arrived(snapshot)
    row = country.in_force(SAME_DAY, here.date()) if country is not None and here is not None else None
    if row is None or here is None:
        return
    together = [n for n in neighbours if abs(n.arrived - here) < TOGETHER]
    if together:
        yield Guess(Cause.MULTIPLE_ITEMS, "same_day", _of_rule(row), days=(here.date(),), count=len(together))


def _holidays(order: Order, snapshot: Snapshot, situation: Situation, now: datetime) -> Iterator[Guess]:
    whose = HOME if situation.side is Side.ORIGIN else order.destination
    if snapshot.since is None or situation.side is Side.TRANSIT:
        return
    first = max(snapshot.since, now - LOOK_BACK).date()
    days = workdays.free_days(whose, first, now.date())
    if days:
        named = "; ".join(f"{day}: {name}" for day, name in days)
        evidence = Evidence(
            "guess", f"public holidays in {whose}, {named}", "core/workdays.py", "the Python library holidays"
        )
        key = "holiday_abroad" if situation.side is Side.ORIGIN else "holiday"
        yield Guess(Cause.BACKLOG, key, evidence, days=tuple(day for day, _ in days))


def _law(country: Country | None, snapshot: Snapshot, now: datetime) -> Iterator[Guess]:
    """The newest change that came, or was announced to come, since a little before the parcel waits."""
    if country is None:
        return
    until = now.date()
    since = ((snapshot.in_customs_since or now) - LATELY).date()
    changes = [row for row in _changes(country) if since <= row.start <= until]
    if changes:
        # A rule in force is better founded than an announcement; of several the newest.
        row = max(changes, key=lambda row: (not row.expected, row.start, row.line))
        key = "law_announced" if row.expected else "law_change"
        yield Guess(Cause.BACKLOG, key, _of_rule(row), days=(row.start,), what=row.line)


def _changes(country: Country) -> Iterator[Row]:
    for line, rows in country.lines.items():
        if line.partition(".")[0] not in EASY and line != SAME_DAY:
            yield from rows


def _season(
    snapshot: Snapshot, situation: Situation, seasons: Sequence[Season], now: datetime
) -> Iterator[Guess]:
    for season in seasons:
        if season.holds(snapshot.stage, situation.side, now.date()):
            what = f"{season.name}, {_day(season.first)} to {_day(season.last)}"
            seen = season.evidence
            evidence = Evidence("guess", what, seen.where, seen.source, seen.checked)
            yield Guess(
                Cause.BACKLOG, f"season_{season.name.replace(' ', '_').replace('-', '_').lower()}", evidence
            )
            return


def _day(month_day: tuple[int, int]) -> str:
    return f"{month_day[0]:02}-{month_day[1]:02}"


def _items(order: Order) -> Iterator[Guess]:
    """Several kinds of goods, where they can only be in this one parcel."""
    if order.items > 1 and len(order.parcels) < 2:
        what = f"{order.items} kinds of goods in the order"
        evidence = Evidence("guess", what, "core/causes.py", SEVERAL, SEVERAL_CHECKED)
        yield Guess(Cause.MULTIPLE_ITEMS, "several_items", evidence, count=order.items)


SEVERAL: Final = "AliExpress buyers' guides: parcels of several items take longer to check"
SEVERAL_CHECKED: Final = date(2026, 11, 22)


def _of_rule(row: Row) -> Evidence:
    known = row.evidence
    return Evidence("guess", known.what, known.where, known.source, known.checked)
