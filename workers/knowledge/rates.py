"""Exchange rates: the ECB reference rates that a library ships, and two pegs. Never asks the network."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from workers.core.model import Money

# Kept against the dollar by their central banks and not quoted by the ECB:
# https://www.sama.gov.sa (since 1986-06), https://www.centralbank.ae (since 1997-11); background knowledge.
_PEGS = {"SAR": Decimal("3.75"), "AED": Decimal("3.6725")}
_HOLIDAYS = 10  # days; the longest time without a rate is Easter and a weekend


@dataclass
class EcbRates:
    """The rate of the day, or the last one before it; its own date is shown."""

    _known: dict[tuple[str, str, date], tuple[Decimal, str] | None] = field(default_factory=dict, repr=False)

    def convert(self, money: Money, to: str, on: date) -> tuple[Money, str] | None:
        """Return the unrounded amount and the rate in words; None where no rate of that time is known."""
        key = (money.currency, to, on)
        if key not in self._known:
            self._known[key] = self._rate(*key)
        found = self._known[key]
        return None if found is None else (Money(money.amount * found[0], to), found[1])

    def _rate(self, source: str, to: str, on: date) -> tuple[Decimal, str] | None:
        one = self._euro("USD" if source in _PEGS else source, on)
        other = self._euro("USD" if to in _PEGS else to, on)
        if one is None or other is None:
            return None
        rate = other[0] * _PEGS.get(to, Decimal(1)) / (one[0] * _PEGS.get(source, Decimal(1)))
        who = "ECB" + "".join(f" and the peg of {code} to USD" for code in (source, to) if code in _PEGS)
        return rate, f"1 {source} = {rate:.4g} {to} ({who}, {min(one[1], other[1])})"

    def _euro(self, currency: str, on: date) -> tuple[Decimal, date] | None:
        """Return how much of *currency* one euro bought on *on*, or on the last day with a rate before it."""
        if currency == "EUR":
            return Decimal(1), on
        from currency_converter import RateNotFoundError  # see _table

        table = self._table
        if currency not in table.currencies:
            return None
        first, last = table.bounds[currency]
        # After the library's last day its newest rate is the best there is; a currency the ECB dropped has none.
        if on < first or (last < self._newest and on > last):
            return None
        for back in range(_HOLIDAYS):
            day = min(on, last) - timedelta(days=back)
            try:
                return Decimal(table.convert(Decimal(1), "EUR", currency, day)), day
            except RateNotFoundError:  # a holiday
                continue
        return None

    @cached_property
    def _newest(self) -> date:
        newest: date = self._table.bounds["USD"].last_date
        return newest

    @cached_property
    def _table(self) -> Any:
        # Loading takes a moment and several megabytes: only where a rate is asked for.
        from currency_converter import CurrencyConverter

        return CurrencyConverter(decimal=True)
