"""Exchange rates come from a shipped table, are dated, and are not made up where there are none."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from workers.core.model import Money
from workers.knowledge.rates import EcbRates

RATES = EcbRates()


def rate(source: str, to: str, on: date) -> tuple[Decimal, str] | None:
    found = RATES.convert(Money(Decimal(1), source), to, on)
    return None if found is None else (found[0].amount, found[1])


def test_a_rate_is_that_of_its_day_and_says_so() -> None:
    found = rate("EUR", "USD", date(2020, 1, 2))
    assert found == (
        Decimal("1.1193"),
        "1 EUR = 1.119 USD (ECB, 2020-01-02)",
    )  # the ECB's reference rate of that day


def test_on_a_day_without_a_rate_the_last_one_before_it_holds() -> None:
    assert rate("EUR", "USD", date(2020, 1, 5)) == rate("EUR", "USD", date(2020, 1, 3))
    easter = rate("EUR", "USD", date(2021, 4, 5))
    assert easter is not None
    assert "2021-04-01" in easter[1]


def test_after_the_last_day_of_the_table_its_newest_rate_holds_and_shows_its_own_day() -> None:
    found = rate("USD", "EUR", date(2099, 1, 1))
    assert found is not None
    assert "2099" not in found[1]


def test_there_and_back_again_is_the_same() -> None:
    there, back = rate("PLN", "GBP", date(2025, 6, 2)), rate("GBP", "PLN", date(2025, 6, 2))
    assert there is not None
    assert back is not None
    assert there[0] * back[0] == pytest.approx(Decimal(1), rel=Decimal("1e-20"))


def test_a_pegged_currency_follows_the_dollar() -> None:
    found = rate("USD", "SAR", date(2025, 6, 2))
    assert found is not None
    assert found[0] == Decimal("3.75")
    assert "peg" in found[1]
    dirhams = rate("AED", "EUR", date(2025, 6, 2))
    dollars = rate("USD", "EUR", date(2025, 6, 2))
    assert dirhams is not None
    assert dollars is not None
    assert dirhams[0] * Decimal("3.6725") == pytest.approx(dollars[0], rel=Decimal("1e-20"))


@pytest.mark.parametrize(
    ("currency", "on"),
    [
        ("QQQ", date(2025, 6, 2)),  # no such currency
        ("CLP", date(2025, 6, 2)),  # not quoted
        ("RUB", date(2025, 6, 2)),  # no longer quoted
        ("USD", date(1990, 1, 1)),  # before the euro
    ],
)
def test_no_rate_is_made_up(currency: str, on: date) -> None:
    assert rate(currency, "EUR", on) is None
    assert rate("EUR", currency, on) is None


def test_the_amount_is_not_rounded_on_the_way() -> None:
    found = RATES.convert(Money(Decimal("150.01"), "EUR"), "USD", date(2020, 1, 2))
    assert found is not None
    assert found[0] == Money(Decimal("150.01") * Decimal("1.1193"), "USD")
