"""The law as dated rows: countries, tariffs by category, fees of operators. Computes nothing.

A row of a line lasts until the next ``start`` on the same line. A line's name is a charge, or a
charge and what tells it apart after a dot (``extra_duty.forced_labour``). An ``expected`` row is announced,
not in force: it warns.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Protocol

from workers.core.model import Evidence, Money, Order
from workers.core.money import Span

HORIZON = timedelta(days=60)  # a parcel ordered today may arrive under a law that starts within this


class Rates(Protocol):
    """Where an exchange rate comes from."""

    def convert(self, money: Money, to: str, on: date) -> tuple[Money, str] | None:
        """Return the unrounded amount and "1 USD = 0.92 EUR (ECB, 2026-10-30)"; None without a rate."""


@dataclass(frozen=True, slots=True)
class Band:
    """To which orders an amount applies, and how it is computed. Without any condition: to all."""

    over: Money | None = None
    up_to: Money | None = None
    below: Money | None = None
    perhaps_up_to: Money | None = None  # sources disagree: from ``up_to`` to here nobody is sure
    origins: tuple[str, ...] = ()  # only from these countries
    not_origins: tuple[str, ...] = ()
    channel: str = ""  # only by "post" or by "courier"
    postcodes: tuple[str, ...] = ()  # only where the postcode begins so
    only: tuple[str, ...] = ()  # only these kinds of goods
    rate: Span | None = None
    tariff: str = ""  # the rate stands in this table, by goods
    flat: tuple[Money, Money] | None = None  # low and high
    per_item: bool = False  # the flat amount is asked for each declaration line
    minus: Money | None = None  # taken off the computed amount
    at_least: Money | None = None
    at_most: Money | None = None
    excess_over: Money | None = None  # only what lies above this is taxed
    perhaps_excess: bool = False  # sources disagree whether that, or the whole value
    inclusive: bool = False  # the tax is part of its own base (Brazil's ICMS)
    unpriced: bool = False  # something is asked, and nobody could say how much


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the law from one day on."""

    line: str
    start: date
    evidence: Evidence
    confidence: str  # high | medium | low | unverified
    bands: tuple[Band, ...] = ()
    ends: bool = False  # the line is closed from this day
    expected: bool = False
    basis: str = "goods"  # what the bands' thresholds look at: goods | goods_shipping | item
    base: str = "goods_shipping_duty"  # what a rate is taken of: goods | goods_shipping | goods_duty | …
    regime: str = "import"  # import: asked at the border; checkout: what the platform collects; both
    collected_by: str = "carrier"
    debtor: str = "buyer"  # "seller": the buyer does not owe it, whoever asks
    name: str = ""  # a scheme's name
    marketplace: str = "expected"  # expected: the law tells the platform to collect; possible: it may have
    covers: tuple[str, ...] = ()  # charges a scheme settles, by the name before the dot
    excludes: tuple[str, ...] = ()  # categories a scheme leaves out, or some of which a relief leaves out
    shops: tuple[str, ...] = ()  # platforms known to take part; empty: not a matter of the platform
    recheck: date | None = None  # when the row is expected to change
    note: str = ""

    @property
    def charge(self) -> str:
        return self.line.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Territory:
    """A part of a country with its own regime, by the first characters of the postcode."""

    name: str
    postcodes: tuple[str, ...]
    law: str = ""  # code of the file that holds its law; "" = we do not know it


@dataclass(frozen=True, slots=True, eq=False)  # one object is one law: what holds on a day is worked out once
class Country:
    """The law of one destination; ``lines`` holds its bloc's rows too. Rows are sorted by ``start``."""

    code: str
    name: str
    currency: str
    lines: Mapping[str, tuple[Row, ...]]
    bloc: str = ""
    territories: tuple[Territory, ...] = ()
    documents: tuple[str, ...] = ()  # identity papers customs asks of the buyer, as keys

    def in_force(self, line: str, on: date) -> Row | None:
        """Return the row of *line* that holds on *on*."""
        return self.day(on).get(line)

    @lru_cache(maxsize=4096)  # noqa: B019 -- countries live as long as the law they are part of
    def day(self, on: date) -> Mapping[str, Row]:
        """Return the rows that hold on *on*, by line."""
        held = ((line, in_force(rows, on)) for line, rows in self.lines.items())
        return {line: row for line, row in held if row is not None}

    @lru_cache(maxsize=4096)  # noqa: B019 -- as above
    def expected(self, on: date) -> tuple[Row, ...]:
        """Return the announced rows that may reach an order of *on* and are not settled yet."""
        found = []
        for rows in self.lines.values():
            for at, row in enumerate(rows):
                settled = any(not later.expected and later.start <= on for later in rows[at + 1 :])
                if row.expected and row.start <= on + HORIZON and not settled:
                    found.append(row)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Duty:
    """One cell of a tariff table: the duty on one kind of goods."""

    rate: Span
    evidence: Evidence
    confidence: str


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of goods: its HS prefixes, the words that betray it in a title, and its duty by tariff table."""

    name: str
    hs: tuple[str, ...]
    words: tuple[str, ...]  # casefolded
    duty: Mapping[str, Duty]


@dataclass(frozen=True, slots=True)
class Law:
    """All we know of the law, at all times."""

    countries: Mapping[str, Country]
    categories: Mapping[str, Category] = field(default_factory=dict)
    words: Mapping[str, Category] = field(default_factory=dict)  # of titles; see core/tariff.py
    unspaced: Mapping[str, Category] = field(default_factory=dict)  # the same, for Chinese, Japanese, Korean
    hs: Mapping[str, Category] = field(default_factory=dict)  # single HS codes whose duty a source names
    average: Mapping[str, Duty] = field(default_factory=dict)  # by tariff table, of all goods
    fees: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)  # by operator id

    def of(self, order: Order) -> tuple[Country | None, Territory | None]:
        """Return the law of the order's destination, and the part of it that has a regime of its own."""
        country = self.countries.get(order.destination)
        if country is None:
            return None, None
        postcode = re.sub(r"[\s-]", "", order.postcode.upper())
        for territory in country.territories:
            if postcode and postcode.startswith(territory.postcodes):
                return self.countries.get(territory.law) if territory.law else country, territory
        return country, None


def in_force(rows: tuple[Row, ...], on: date) -> Row | None:
    """Return the last confirmed row that has started, unless it closes the line."""
    row = next((row for row in reversed(rows) if not row.expected and row.start <= on), None)
    return None if row is None or row.ends else row
