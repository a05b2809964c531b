"""What holds of every estimate, whatever the order and the country: on the shipped law and the shipped operators."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.core import rules
from workers.core.law import Law
from workers.core.model import Checkout, Estimate, Money, Operator, Order, ParcelRef, Prepaid, Tax
from workers.knowledge import law as files

LAW = files.load_law()
OPERATORS = files.load_operators()
DESTINATIONS = sorted(set(LAW.countries) - {"EU", "XI"})
DAYS = st.dates(date(2024, 9, 1), date(2028, 12, 31))
CURRENCIES = ["EUR", "USD", "GBP", "CNY", "PLN", "JPY", "QQQ"]
TITLES = ["Cotton T-shirt", "Schuhe", "智能手机", "wireless earbuds", "thing", ""]
ordinary = settings(max_examples=150, deadline=None)


class Rates:
    """One fixed price of each currency in euros; QQQ has none."""

    PRICE: dict[str, Decimal] = {  # noqa: RUF012  # a constant table of a double
        "EUR": Decimal(1), "USD": Decimal("1.1"), "GBP": Decimal("0.86"), "CNY": Decimal(8), "PLN": Decimal("4.25"),
        "JPY": Decimal(170), "CHF": Decimal("0.94"), "NOK": Decimal("11.7"), "ISK": Decimal(148), "CAD": Decimal("1.6"),
        "AUD": Decimal("1.75"), "NZD": Decimal(2), "KRW": Decimal(1600), "BRL": Decimal(6), "MXN": Decimal(21),
        "ILS": Decimal(4), "TRY": Decimal(48), "ZAR": Decimal(20), "INR": Decimal(100), "SAR": Decimal("4.1"),
        "AED": Decimal("4.04"), "SEK": Decimal(11), "DKK": Decimal("7.46"), "CZK": Decimal(25), "HUF": Decimal(390),
        "RON": Decimal(5),
    }  # fmt: skip

    def convert(self, money: Money, to: str, on: date) -> tuple[Money, str] | None:
        if money.currency not in self.PRICE or to not in self.PRICE:
            return None
        return Money(
            money.amount / self.PRICE[money.currency] * self.PRICE[to], to
        ), f"1 {money.currency} in {to}"


@cache
def operator_of(country: str) -> Operator | None:
    return next((o for o in OPERATORS if o.country == country and o.kind == "post"), None)


prepaid = st.sampled_from(list(Prepaid))
amounts = st.decimals(Decimal("0.01"), Decimal(5000), places=2)


@st.composite
def orders(draw: st.DrawFn) -> Order:
    currency = draw(st.sampled_from(CURRENCIES))
    shipping = draw(st.none() | st.decimals(0, 100, places=2))
    return Order(
        id="o",
        title=draw(st.sampled_from(TITLES)),
        parcels=tuple(ParcelRef(f"o/{n}", str(n)) for n in range(draw(st.integers(0, 3)))),
        destination=draw(st.sampled_from(DESTINATIONS)),
        origin=draw(st.sampled_from(["CN", "HK", "DE", "US", "TR"])),
        postcode=draw(st.sampled_from(["", "10115", "K1A 0B1", "BT1 1AA", "35001"])),
        goods=draw(st.none() | amounts.map(lambda a: Money(a, currency))),
        shipping=None if shipping is None else Money(shipping, currency),
        items=draw(st.integers(1, 9)),
        category=draw(st.sampled_from(["", *LAW.categories, "nonsense"])),
        hs_code=draw(st.sampled_from(["", "", "6109.10", "8517130000", "9999", "x"])),
        checkout=Checkout(vat=draw(prepaid), duty=draw(prepaid), import_charges=draw(prepaid)),
        shop=draw(st.sampled_from(["", "AliExpress", "Little Shop"])),
        ordered_on=draw(st.none() | DAYS),
    )


def estimate(order: Order, on: date, *, asked: bool = False, law: Law = LAW) -> Estimate:
    operator = operator_of(order.destination)
    return rules.estimate(order, law, on=on, operator=operator, charged_at_door=asked, rates=Rates())


@ordinary
@given(order=orders(), on=DAYS, asked=st.booleans())
def test_low_is_never_above_high_and_totals_are_the_sums_of_the_lines(
    order: Order, on: date, asked: bool
) -> None:
    got = estimate(order, on, asked=asked)
    for charge in got.charges:
        assert Decimal(0) <= charge.low.amount <= charge.high.amount
        assert (
            charge.high.amount > 0
            or charge.high.currency in ("JPY", "KRW", "HUF", "ISK", "CLP")
            or order.goods
        )
        assert charge.rule.source
        assert charge.rule.checked
        assert charge.since is not None
        assert charge.since <= on
    if got.low is None or got.high is None:
        assert not got.charges
        assert {"value_unknown", "special_territory"} & set(got.assumptions)
    else:
        assert {c.low.currency for c in got.charges} <= {got.low.currency}
        assert got.low.amount == sum(c.low.amount for c in got.charges)
        assert got.high.amount == sum(c.high.amount for c in got.charges)


@ordinary
@given(order=orders(), on=DAYS, asked=st.booleans())
def test_the_tax_fits_the_charges(order: Order, on: date, asked: bool) -> None:
    got = estimate(order, on, asked=asked)
    if got.tax in (Tax.PREPAID, Tax.NONE):
        assert got.charges == ()
        assert got.low in (None, Money(Decimal(0), got.low.currency if got.low else ""))
    if got.tax is Tax.DUE and got.low is not None:
        assert got.high is not None
        assert got.high.amount > 0 or got.high.currency in ("JPY", "KRW", "HUF", "ISK", "CLP") or order.goods
    if got.tax is Tax.NONE:
        assert got.collected_by == "none"


@ordinary
@given(order=orders(), on=DAYS, asked=st.booleans())
def test_what_was_paid_at_checkout_is_never_asked_again(order: Order, on: date, asked: bool) -> None:
    paid = replace(order, checkout=Checkout(import_charges=Prepaid.YES))
    got = estimate(paid, on, asked=asked)
    assert got.tax is Tax.PREPAID
    assert got.charges == ()


@ordinary
@given(order=orders(), on=DAYS, more=st.decimals(0, 50, places=2))
def test_a_dearer_order_never_owes_less_within_the_same_bands(order: Order, on: date, more: Decimal) -> None:
    if order.goods is None:
        order = replace(order, goods=Money(Decimal(10), "EUR"))
    assert order.goods is not None
    cheap = estimate(order, on)
    dear = estimate(replace(order, goods=Money(order.goods.amount + more, order.goods.currency)), on)
    if [(c.name, c.rule) for c in cheap.charges] != [
        (c.name, c.rule) for c in dear.charges
    ] or cheap.tax is not dear.tax:
        return  # another band
    for before, after in zip(cheap.charges, dear.charges, strict=True):
        assert after.high.amount >= before.high.amount


@ordinary
@given(order=orders(), on=DAYS)
def test_a_demand_never_lowers_what_may_be_owed(order: Order, on: date) -> None:
    calm, asked = estimate(order, on), estimate(order, on, asked=True)
    assert calm.tax is asked.tax
    if calm.low is not None and asked.low is not None and calm.high is not None and asked.high is not None:
        assert asked.low.amount >= calm.low.amount
        assert asked.high.amount >= calm.high.amount


@ordinary
@given(order=orders(), on=DAYS)
def test_the_same_question_has_the_same_answer(order: Order, on: date) -> None:
    assert estimate(order, on) == estimate(order, on)


@ordinary
@given(order=orders(), on=DAYS)
def test_a_guessed_kind_never_gives_one_figure_of_duty(order: Order, on: date) -> None:
    got = estimate(replace(order, category="", hs_code=""), on)
    for charge in got.charges:
        if charge.note == "range_by_guess" and charge.name == "duty":
            assert charge.low.amount < charge.high.amount or charge.high.amount == 0


@ordinary
@given(order=orders(), on=DAYS)
def test_announced_law_is_never_charged(order: Order, on: date) -> None:
    got = estimate(order, on)
    assert not {c.rule for c in got.charges} & set(got.expected)
    shifted = estimate(order, on + timedelta(days=0), law=without_announcements())
    assert shifted.charges == got.charges


@cache
def without_announcements() -> Law:
    def kept(lines: Any) -> Any:
        return {line: tuple(r for r in rows if not r.expected) for line, rows in lines.items()}

    countries = {code: replace(c, lines=kept(c.lines)) for code, c in LAW.countries.items()}
    return replace(LAW, countries=countries)


def test_negative_control_a_law_that_charges_announcements_is_noticed() -> None:
    def kept(lines: Any) -> Any:
        return {line: tuple(replace(r, expected=False) for r in rows) for line, rows in lines.items()}

    eager = replace(
        LAW, countries={code: replace(c, lines=kept(c.lines)) for code, c in LAW.countries.items()}
    )
    order = Order(
        id="o", title="", parcels=(), destination="DE", goods=Money(Decimal(40), "EUR"),
        checkout=Checkout(vat=Prepaid.NO),
    )  # fmt: skip
    on = date(2026, 11, 24)
    assert "handling_fee" not in {c.name for c in estimate(order, on).charges}
    assert "handling_fee" in {c.name for c in estimate(order, on, law=eager).charges}


@pytest.mark.parametrize("code", DESTINATIONS)
def test_every_country_answers_for_every_month_since_2024(code: str) -> None:
    order = Order(
        id="o",
        title="thing",
        parcels=(ParcelRef("o/1", "1"),),
        destination=code,
        goods=Money(Decimal(60), "USD"),
    )
    for year in (2024, 2025, 2026, 2027, 2028):
        for month in (1, 6, 7, 12):
            got = estimate(order, date(year, month, 15))
            assert got.low is not None
