"""Exact money and ranges of it: reads "20 EUR", rounds to what can be paid. Converts and guesses nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from workers.core.model import Money

# ISO 4217 currencies of the countries we know whose minor unit is not a hundredth (or is no longer paid).
_WHOLE = frozenset({"JPY", "KRW", "CLP", "ISK", "HUF"})
_MONEY = re.compile(r"(\d+(?:\.\d+)?)\s+([A-Z]{3})")
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Span:
    """A range of numbers; ``low`` equals ``high`` only where the number is not a guess."""

    low: Decimal
    high: Decimal

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"a range runs from low to high, not from {self.low} to {self.high}")

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.high + other.high)

    def __mul__(self, other: Span) -> Span:
        """Multiply two ranges of numbers that are not negative."""
        return Span(self.low * other.low, self.high * other.high)

    def hull(self, other: Span) -> Span:
        """Return the smallest range that holds both."""
        return Span(min(self.low, other.low), max(self.high, other.high))

    @property
    def perhaps(self) -> Span:
        """The same range, where it is not sure that it applies at all."""
        return Span(min(ZERO, self.low), self.high)


NOTHING = Span(ZERO, ZERO)


def exactly(number: Decimal) -> Span:
    """Return the range that holds one number."""
    return Span(number, number)


def read(text: str) -> Money:
    """Read ``"20 EUR"``; raises ValueError with a sentence that says what to write."""
    found = _MONEY.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is not an amount of money; write it as 20.50 EUR")
    return Money(Decimal(found[1]), found[2])


def payable(amount: Decimal, currency: str) -> Money:
    """Round half up to the currency's smallest unit."""
    unit = Decimal(1) if currency in _WHOLE else Decimal("0.01")
    return Money(amount.quantize(unit, ROUND_HALF_UP), currency)
