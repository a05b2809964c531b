"""Look once a month whether the law that is built on was compared with its sources lately; else the owner is told once.

Knows no law itself, and says nothing of rules that no watched order is judged by.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final

from workers.core import rules
from workers.core.law import Law
from workers.core.model import Operator, Order
from workers.core.rules import Stale
from workers.house import House
from workers.owner import Owner
from workers.store import Store

KEPT: Final = timedelta(days=40)  # a month's look is remembered longer than the month


def look(
    house: House, store: Store, owner: Owner, *, law: Law, operators: Sequence[Operator], now: datetime
) -> int:
    """Tell the owner of *law*'s rows that nobody has looked at for long; return how many notices that made.

    Done once a calendar month (UTC), whoever asks how often, on however many machines: the look is remembered in the
    store, and the same rows make the same notice.
    """
    month = f"law_looked:{now:%Y-%m}"
    if store.recollect(month) is not None:
        return 0
    on = now.date()
    own = _of(law, operators, house.settings.orders.values())
    rows = [row for row in rules.stale(own, on=on) if unlooked(row, on=on)]
    told = 0
    if rows:
        facts = [{"what": _named(row), "source": row.source, "checked": row.checked} for row in rows]
        told = owner.tell("law_stale", "rules", _fingerprint(rows), {"rows": facts, "count": len(rows)})
    store.remember(month, on.isoformat().encode(), ttl=KEPT)
    return told


def unlooked(row: Stale, *, on: date) -> bool:
    """Whether nobody has compared the row with its source since it grew stale.

    An announced change whose day has passed stays unconfirmed however often one looks: only that is no reason to write.
    """
    return row.checked is None or row.checked < row.since or row.checked + rules.AGE < on


def _of(law: Law, operators: Sequence[Operator], orders: Iterable[Order]) -> Law:
    """Return the part of *law* by which *orders* are judged."""
    countries = {}
    for order in orders:
        country, _ = law.of(order)
        if country is not None:
            countries[country.code] = country
    theirs = {operator.id for operator in operators if operator.country in countries}
    return replace(
        law, countries=countries, fees={name: rows for name, rows in law.fees.items() if name in theirs}
    )


def _named(row: Stale) -> str:
    """Return the row's file and line of law, as "DE: handling fee"."""
    file = row.where.partition(".")[0].rpartition("/")[2]
    return f"{file}: {row.line.replace('_', ' ').replace('.', ', ')}"


def _fingerprint(rows: Sequence[Stale]) -> str:
    """Return the same for the same rows, wherever they stand in their files."""
    said = "\n".join(
        sorted(f"{row.where.partition(':')[0]} {row.line} {row.why} {row.checked}" for row in rows)
    )
    return hashlib.sha256(said.encode()).hexdigest()[:16]
