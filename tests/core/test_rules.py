"""What is owed, by the order's own lines first; on a made-up law, so that a change of real law changes nothing here."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from workers.core import rules, tariff
from workers.core.law import Band, Category, Country, Duty, Law, Row, Territory, in_force
from workers.core.model import Checkout, Estimate, Evidence, Money, Operator, Order, ParcelRef, Prepaid, Tax
from workers.core.money import Span, exactly, payable, read

DAY = date(2026, 6, 1)
YES, NO = Prepaid.YES, Prepaid.NO
POST = Operator(id="post", name="Post", country="ZZ", kind="post")
COURIER = Operator(id="courier", name="Courier", country="", kind="courier")


def eur(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def row(
    line: str, *bands: Band, start: date = date(2020, 1, 1), confidence: str = "high", **more: object
) -> Row:
    evidence = Evidence(
        "rule", f"ZZ {line} from {start}", f"countries/ZZ.yaml:{start.year}", "law", date(2026, 1, 1)
    )
    return Row(line, start, evidence, confidence, bands or (Band(),), **more)  # type: ignore[arg-type]  # test's own


def rate(low: str, high: str = "") -> Span:
    return Span(Decimal(low), Decimal(high or low))


def duty(low: str, high: str = "", confidence: str = "high") -> Duty:
    return Duty(
        rate(low, high), Evidence("rule", "duty", "categories.yaml:1", "tariff", date(2026, 1, 1)), confidence
    )


SHOES = Category("shoes", ("64",), ("shoe", "schuh", "靴"), {"T": duty("0.17")})
TOYS = Category("toys", ("95",), ("toy",), {"T": duty("0", "0.05")})
LEATHER = Category("640399", (), (), {"T": duty("0.08")})
WORDS, UNSPACED = tariff.index((SHOES, TOYS))
SCHEME = row("scheme", Band(up_to=eur("150")), name="ONE", covers=("import_vat", "flat_duty"), collected_by="marketplace",
             excludes=("shoes",), shops=("bigshop",))  # fmt: skip
LINES = {
    "scheme": (SCHEME,),
    "duty": (row("duty", Band(over=eur("150"), tariff="T"), base="goods_shipping"),),
    "flat_duty": (row("flat_duty", Band(up_to=eur("150"), flat=(eur("3"), eur("3")), per_item=True), regime="both",
                      collected_by="declarant"),),
    "import_vat": (row("import_vat", Band(rate=exactly(Decimal("0.20"))), regime="both"),),
}  # fmt: skip


def law(fees: tuple[Row, ...] = (), territories: tuple[Territory, ...] = (), **lines: tuple[Row, ...]) -> Law:
    named = {line.replace("__", "."): rows for line, rows in {**LINES, **lines}.items() if rows}
    country = Country("ZZ", "Nowhere", "EUR", named, territories=territories)
    return Law(
        {
            "ZZ": country,
            "YY": replace(country, code="YY", lines={"import_vat": LINES["import_vat"]}, territories=()),
        },
        categories={"shoes": SHOES, "toys": TOYS},
        words=WORDS,
        unspaced=UNSPACED,
        hs={"640399": LEATHER},
        average={"T": duty("0", "0.04")},
        fees={"post": fees} if fees else {},
    )


def order(
    goods: str | Money | None = "100", shipping: str | None = "10", parcels: int = 1, **more: object
) -> Order:
    value = eur(goods) if isinstance(goods, str) else goods
    base = Order(
        id="o",
        title="a thing",
        parcels=tuple(ParcelRef(f"o/{n}", str(n)) for n in range(parcels)),
        destination="ZZ",
        goods=value,
        shipping=None if shipping is None else eur(shipping),
    )
    return replace(base, **more)  # type: ignore[arg-type]  # test's own


def paid(vat: Prepaid = Prepaid.UNKNOWN, duties: Prepaid = Prepaid.UNKNOWN, **more: object) -> Checkout:
    return Checkout(vat=vat, duty=duties, **more)  # type: ignore[arg-type]  # test's own


def lines(got: Estimate) -> dict[str, tuple[str, str]]:
    return {c.name: (str(c.low.amount), str(c.high.amount)) for c in got.charges}


class Rates:
    """Two units of XXX for one EUR, and nothing else."""

    def convert(self, money: Money, to: str, on: date) -> tuple[Money, str] | None:
        factor = {("XXX", "EUR"): Decimal("0.5"), ("EUR", "XXX"): Decimal(2)}.get((money.currency, to))
        return (
            None
            if factor is None
            else (Money(money.amount * factor, to), f"1 {money.currency} = {factor} {to}")
        )


# --- the order's own lines beat the law -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("checkout", "tax"),
    [
        (paid(YES), Tax.PREPAID),
        (paid(vat_amount=eur("20")), Tax.PREPAID),
        (paid(import_charges=YES), Tax.PREPAID),
        (paid(NO, import_charges=YES), Tax.PREPAID),
        (paid(YES, NO), Tax.PREPAID),  # no line for duty: the scheme's declarant owes it
        (paid(duties=YES), Tax.PREPAID),
        (paid(NO), Tax.DUE),
        (paid(vat_amount=eur("0")), Tax.DUE),
        (paid(NO, YES), Tax.DUE),
        (paid(), Tax.UNKNOWN),
        (paid(duties=NO), Tax.UNKNOWN),  # the duty may be in the price without a line of its own
        (paid(import_charges=NO), Tax.UNKNOWN),
    ],
)
def test_within_a_scheme_the_checkout_decides(checkout: Checkout, tax: Tax) -> None:
    got = rules.estimate(order(checkout=checkout), law(), on=DAY)
    assert got.tax is tax
    assert got.prepaid_expected
    assert got.scheme == "ONE"
    if tax is Tax.PREPAID:
        assert got.charges == ()
        assert (got.low, got.high) == (eur("0"), eur("0"))
        assert got.collected_by == "marketplace"


def test_vat_not_collected_is_owed_with_the_flat_duty_of_each_item_in_its_base() -> None:
    got = rules.estimate(order(items=2, checkout=paid(NO)), law(), on=DAY)
    assert lines(got) == {"flat_duty": ("6.00", "6.00"), "import_vat": ("23.20", "23.20")}
    assert got.low == got.high == eur("29.20")
    assert got.collected_by == "declarant"


def test_no_line_of_duty_says_nothing_of_the_vat_nor_of_a_duty_that_the_scheme_settles() -> None:
    got = rules.estimate(order(checkout=paid(duties=NO)), law(), on=DAY)
    assert lines(got) == {"flat_duty": ("0.00", "3.00"), "import_vat": ("0.00", "22.60")}
    outside = rules.estimate(order(shop="Little Shop", checkout=paid(duties=NO)), law(), on=DAY)
    assert lines(outside) == {"flat_duty": ("3.00", "3.00"), "import_vat": ("22.60", "22.60")}


def test_an_order_that_says_nothing_owes_from_nothing_to_all() -> None:
    got = rules.estimate(order(), law(), on=DAY)
    assert lines(got) == {"flat_duty": ("0.00", "3.00"), "import_vat": ("0.00", "22.60")}
    assert got.collected_by == "unknown"


def test_a_demand_shows_what_may_be_owed_in_full_and_still_does_not_claim_that_it_is() -> None:
    got = rules.estimate(order(), law(), on=DAY, charged_at_door=True)
    assert lines(got) == {"flat_duty": ("3.00", "3.00"), "import_vat": ("22.60", "22.60")}
    assert got.tax is Tax.UNKNOWN


def test_a_demand_on_a_prepaid_order_is_named_and_not_charged() -> None:
    got = rules.estimate(
        order(checkout=paid(YES)), law(fees=(fee("8"),)), on=DAY, operator=POST, charged_at_door=True
    )
    assert got.tax is Tax.PREPAID
    assert got.charges == ()
    assert "asked_although_not_owed" in got.assumptions
    calm = rules.estimate(order(checkout=paid(YES)), law(), on=DAY)
    assert "asked_although_not_owed" not in calm.assumptions


def test_above_the_scheme_the_buyer_owes_duty_and_vat() -> None:
    got = rules.estimate(order("200", hs_code="9503.00"), law(), on=DAY)
    assert got.tax is Tax.DUE
    assert lines(got) == {"duty": ("0.00", "10.50"), "import_vat": ("42.00", "44.10")}
    assert not got.prepaid_expected
    assert got.scheme == ""
    assert got.collected_by == "carrier"


def test_vat_paid_above_the_scheme_leaves_the_duty_open() -> None:
    got = rules.estimate(order("200", hs_code="640399", checkout=paid(YES)), law(), on=DAY)
    assert got.tax is Tax.UNKNOWN
    assert lines(got) == {"duty": ("0.00", "16.80")}
    closed = rules.estimate(order("200", hs_code="640399", checkout=paid(YES, YES)), law(), on=DAY)
    assert closed.tax is Tax.PREPAID
    assert closed.collected_by == "seller"
    owed = rules.estimate(order("200", hs_code="640399", checkout=paid(YES, NO)), law(), on=DAY)
    assert owed.tax is Tax.DUE
    assert lines(owed) == {"duty": ("16.80", "16.80")}


def test_duty_paid_above_the_scheme_leaves_the_vat_open() -> None:
    got = rules.estimate(order("200", hs_code="640399", checkout=paid(duties=YES)), law(), on=DAY)
    assert lines(got) == {"import_vat": ("0.00", "45.36")}
    assert got.tax is Tax.UNKNOWN


def test_a_country_without_vat_asks_only_for_duty_and_a_missing_vat_line_says_nothing_of_it() -> None:
    known = law(import_vat=(), flat_duty=(), scheme=(replace(SCHEME, covers=("duty",), marketplace="possible", bands=(Band(),)),),
                duty=(row("duty", Band(rate=rate("0.10"))),))  # fmt: skip
    assert rules.estimate(order(checkout=paid(NO)), known, on=DAY).tax is Tax.UNKNOWN
    assert rules.estimate(order(checkout=paid(duties=NO)), known, on=DAY).tax is Tax.DUE
    assert rules.estimate(order(checkout=paid(duties=YES)), known, on=DAY).tax is Tax.PREPAID
    assert not rules.estimate(order(), known, on=DAY).prepaid_expected


def test_where_one_import_tax_stands_for_vat_the_vat_line_speaks_of_it() -> None:
    known = law(import_vat=(), flat_duty=(), scheme=(replace(SCHEME, covers=("import_tax",)),),
                import_tax=(row("import_tax", Band(rate=rate("0.30")), base="goods"),))  # fmt: skip
    assert rules.estimate(order(checkout=paid(YES)), known, on=DAY).tax is Tax.PREPAID
    got = rules.estimate(order(checkout=paid(NO)), known, on=DAY)
    assert lines(got) == {"import_tax": ("30.00", "30.00")}


# --- schemes --------------------------------------------------------------------------------------------------------


def test_goods_outside_the_scheme_are_not_covered_by_it() -> None:
    got = rules.estimate(order(category="shoes"), law(), on=DAY)
    assert got.tax is Tax.DUE
    assert not got.prepaid_expected


def test_a_guess_does_not_take_an_order_out_of_the_scheme() -> None:
    assert rules.estimate(order(title="Fine shoes"), law(), on=DAY).prepaid_expected


def test_only_the_platforms_that_take_part_are_expected_to_collect() -> None:
    assert rules.estimate(order(shop="BigShop.example"), law(), on=DAY).prepaid_expected
    assert rules.estimate(order(shop=""), law(), on=DAY).prepaid_expected
    assert not rules.estimate(order(shop="Little Shop"), law(), on=DAY).prepaid_expected


def test_what_the_price_should_hold() -> None:
    got = rules.at_checkout(order(), law(), on=DAY)
    assert got.tax is Tax.PREPAID
    assert lines(got) == {"flat_duty": ("3.00", "3.00"), "import_vat": ("22.60", "22.60")}
    assert got.collected_by == "marketplace"


def test_no_price_holds_tax_where_no_scheme_reaches_the_order() -> None:
    for known, asked in ((law(), order("200")), (law(scheme=()), order())):
        got = rules.at_checkout(asked, known, on=DAY)
        assert got.tax is Tax.NONE
        assert got.charges == ()
        assert "no_scheme" in got.assumptions
        assert got.scheme == ""


def test_at_the_checkout_too_unknown_stays_unknown() -> None:
    assert rules.at_checkout(order(None), law(), on=DAY).low is None
    assert rules.at_checkout(order(destination="QQ"), law(), on=DAY).assumptions == ("country_unknown",)
    away = law(territories=(Territory("Isle", ("99",)),))
    assert rules.at_checkout(order(postcode="99123"), away, on=DAY).assumptions == ("special_territory",)


# --- what is not known ----------------------------------------------------------------------------------------------


def test_an_unknown_value_gives_no_figures() -> None:
    got = rules.estimate(order(None), law(), on=DAY)
    assert (got.low, got.high, got.charges) == (None, None, ())
    assert got.tax is Tax.UNKNOWN
    assert "value_unknown" in got.assumptions
    assert not got.prepaid_expected  # it may lie above the scheme
    assert rules.estimate(order(None, checkout=paid(YES)), law(), on=DAY).tax is Tax.PREPAID
    assert rules.estimate(order(None, checkout=paid(NO)), law(), on=DAY).tax is Tax.DUE
    assert rules.estimate(order(None), law(scheme=()), on=DAY).tax is Tax.DUE


def test_an_unknown_value_may_lie_below_a_relief() -> None:
    relief = (row("vat_relief", Band(up_to=eur("20"))),)
    assert rules.estimate(order(None, checkout=paid(NO)), law(vat_relief=relief), on=DAY).tax is Tax.UNKNOWN
    assert rules.estimate(order(None, checkout=paid(NO)), law(import_vat=()), on=DAY).tax is Tax.UNKNOWN


def test_an_unknown_country_is_said_to_be_unknown_and_the_order_still_speaks() -> None:
    got = rules.estimate(order(destination="QQ"), law(), on=DAY)
    assert (got.tax, got.assumptions, got.low) == (Tax.UNKNOWN, ("country_unknown",), None)
    assert rules.estimate(order(destination="QQ", checkout=paid(YES)), law(), on=DAY).tax is Tax.PREPAID
    assert rules.estimate(order(destination="QQ", checkout=paid(YES, NO)), law(), on=DAY).tax is Tax.UNKNOWN
    assert rules.estimate(order(destination="QQ", checkout=paid(NO)), law(), on=DAY).tax is Tax.UNKNOWN


def test_a_territory_has_its_own_law_or_none_that_we_know() -> None:
    known = law(territories=(Territory("Isle", ("99",)), Territory("North", ("BT",), law="YY")))
    assert rules.estimate(order(postcode="99-123"), known, on=DAY).assumptions == ("special_territory",)
    assert rules.estimate(order(postcode="bt1 1aa"), known, on=DAY).tax is Tax.DUE
    assert rules.estimate(order(postcode="12345"), known, on=DAY).tax is Tax.UNKNOWN
    assert rules.estimate(order(postcode=""), known, on=DAY).tax is Tax.UNKNOWN
    lost = law(territories=(Territory("Lost", ("BT",), law="QQ"),))
    assert rules.estimate(order(postcode="BT1"), lost, on=DAY).assumptions == ("country_unknown",)


def test_shipping_not_stated_is_not_counted_and_said() -> None:
    got = rules.estimate(order(shipping=None, checkout=paid(NO)), law(), on=DAY)
    assert "shipping_unknown" in got.assumptions
    assert lines(got)["import_vat"] == ("20.60", "20.60")
    assert "shipping_unknown" not in rules.estimate(order(), law(), on=DAY).assumptions


def test_shipping_in_a_currency_without_a_rate_is_not_counted_and_said() -> None:
    got = rules.estimate(replace(order(), shipping=Money(Decimal(9), "QQQ")), law(), on=DAY)
    assert "shipping_unknown" in got.assumptions


def test_several_parcels_are_known_only_together() -> None:
    got = rules.estimate(order("200", parcels=2), law(), on=DAY)
    assert got.tax is Tax.UNKNOWN
    assert "several_parcels" in got.assumptions
    assert not got.prepaid_expected
    whole = rules.estimate(order("150", parcels=2), law(), on=DAY)
    assert whole.prepaid_expected  # whatever the parts, each is within


# --- currencies -----------------------------------------------------------------------------------------------------


def test_totals_are_in_the_destinations_currency_and_the_rate_is_shown() -> None:
    got = rules.estimate(order(Money(Decimal(100), "XXX"), checkout=paid(NO)), law(), on=DAY, rates=Rates())
    assert got.low == eur("15.60")  # 0.2 x (50 + 10 + 3) + 3
    assert got.rates == ("1 XXX = 0.5 EUR",)
    assert "not_in_local_currency" not in got.assumptions


def test_without_a_rate_the_order_keeps_its_currency_and_thresholds_cannot_be_tested() -> None:
    got = rules.estimate(order(Money(Decimal(100), "QQQ"), checkout=paid(NO)), law(), on=DAY, rates=Rates())
    assert {"not_in_local_currency", "rate_unknown", "more_costs_unknown"} <= set(got.assumptions)
    assert got.low is not None
    assert got.low.currency == "QQQ"
    assert got.tax is Tax.DUE
    assert rules.estimate(order(Money(Decimal(100), "QQQ")), law(), on=DAY).tax is Tax.UNKNOWN


def test_a_converted_value_near_a_threshold_is_said_to_be_near() -> None:
    def near(amount: str) -> bool:
        got = rules.estimate(order(Money(Decimal(amount), "XXX")), law(), on=DAY, rates=Rates())
        return "near_threshold" in got.assumptions

    assert near("300")
    assert near("294")
    assert not near("293")
    assert near("306")
    assert not near("307")
    assert "near_threshold" not in rules.estimate(order("150"), law(), on=DAY).assumptions


# --- reliefs, waivers, bands ----------------------------------------------------------------------------------------


def test_a_relief_frees_what_it_names() -> None:
    known = law(scheme=(), vat_relief=(row("vat_relief", Band(up_to=eur("40"))),),
                duty_relief=(row("duty_relief", Band(up_to=eur("120"))),))  # fmt: skip
    assert rules.estimate(order("40"), known, on=DAY).tax is Tax.NONE
    assert rules.estimate(order("40"), known, on=DAY).collected_by == "none"
    assert lines(rules.estimate(order("40.01"), known, on=DAY)) == {"import_vat": ("10.00", "10.00")}
    assert "flat_duty" in lines(rules.estimate(order("121"), known, on=DAY))


def test_between_two_thresholds_that_sources_name_nobody_is_sure() -> None:
    known = law(
        scheme=(),
        flat_duty=(),
        vat_relief=(row("vat_relief", Band(up_to=eur("40"), perhaps_up_to=eur("80"))),),
    )
    taxes = [rules.estimate(order(value), known, on=DAY).tax for value in ("40", "41", "80", "81")]
    assert taxes == [Tax.NONE, Tax.UNKNOWN, Tax.UNKNOWN, Tax.DUE]


def test_a_relief_that_leaves_out_a_part_of_a_kind_is_not_sure_for_that_kind() -> None:
    known = law(scheme=(), flat_duty=(), vat_relief=(row("vat_relief", Band(up_to=eur("400")), excludes=("shoes",)),),
                duty=())  # fmt: skip
    assert rules.estimate(order(category="toys"), known, on=DAY).tax is Tax.NONE
    assert rules.estimate(order(category="shoes"), known, on=DAY).tax is Tax.UNKNOWN


@pytest.mark.parametrize(("band", "goods", "asked"), [
    (Band(up_to=eur("20")), "100", False), (Band(up_to=eur("20")), "101", True),
    (Band(below=eur("20")), "99.99", False), (Band(below=eur("20")), "100", True),
    (Band(up_to=Money(Decimal(20), "QQQ")), "5", True), (Band(), "5", True),
])  # fmt: skip
def test_too_little_to_be_asked_for_is_not_asked_for(band: Band, goods: str, asked: bool) -> None:
    known = law(scheme=(), flat_duty=(), duty=(), waiver=(row("waiver", band),))
    got = rules.estimate(order(goods, "0"), known, on=DAY)
    assert (got.tax is Tax.DUE) is asked
    assert ("below_minimum" in got.assumptions) is not asked


def test_bands_look_at_origin_channel_and_postcode() -> None:
    bands = (
        Band(origins=("DE",), rate=rate("0.01")),
        Band(channel="post", not_origins=("US",), rate=rate("0.02")),
        Band(postcodes=("K", "L"), rate=rate("0.03")),
        Band(rate=rate("0.04")),
    )
    known = law(scheme=(), flat_duty=(), duty=(), import_vat=(row("import_vat", *bands, base="goods"),))

    def vat(operator: Operator | None = COURIER, **more: object) -> tuple[str, str]:
        return lines(rules.estimate(order(**more), known, on=DAY, operator=operator))["import_vat"]  # type: ignore[arg-type]  # test's own

    assert vat(origin="DE") == ("1.00", "1.00")
    assert vat(POST) == ("2.00", "2.00")
    assert vat(POST, origin="US", postcode="K1A") == ("3.00", "3.00")
    assert vat(postcode="l 2") == ("3.00", "3.00")
    assert vat(postcode="M1") == ("4.00", "4.00")
    assert vat() == ("3.00", "4.00")  # no postcode: one of the two
    assert vat(None, postcode="M1") == ("2.00", "4.00")  # post or not: one of the two
    unsure = rules.estimate(order(), known, on=DAY).assumptions
    assert {"channel_unknown", "postcode_unknown", "operator_unknown"} <= set(unsure)


def test_a_band_may_be_for_some_kinds_only() -> None:
    bands = (Band(only=("toys",), rate=rate("0.1")), Band(rate=rate("0.2")))
    known = law(scheme=(), flat_duty=(), duty=(), import_vat=(row("import_vat", *bands, base="goods"),))

    def vat(**more: object) -> tuple[str, str]:
        return lines(rules.estimate(order(**more), known, on=DAY))["import_vat"]  # type: ignore[arg-type]  # test's own

    assert vat(category="toys") == ("10.00", "10.00")
    assert vat(category="shoes") == ("20.00", "20.00")
    assert vat() == ("10.00", "20.00")
    assert vat(title="a toy") == ("10.00", "20.00")
    assert vat(title="a shoe") == ("10.00", "20.00")
    assert "category_guessed" in rules.estimate(order(title="a toy"), known, on=DAY).assumptions


def test_a_tariff_that_knows_nothing_asks_nothing() -> None:
    known = replace(law(duty=(row("duty", Band(tariff="EMPTY")),)), average={})
    assert "duty" not in lines(rules.estimate(order("200"), known, on=DAY))


def test_a_platform_is_neither_post_nor_courier() -> None:
    known = law(import_vat=(row("import_vat", Band(channel="post", rate=rate("0.2"))),))
    platform = replace(POST, kind="platform")
    assert "channel_unknown" in rules.estimate(order(), known, on=DAY, operator=platform).assumptions


def test_what_only_perhaps_applies_starts_at_nothing() -> None:
    known = law(
        scheme=(),
        flat_duty=(),
        duty=(),
        import_vat=(row("import_vat", Band(channel="post", rate=rate("0.1"))),),
    )
    assert lines(rules.estimate(order(), known, on=DAY)) == {"import_vat": ("0.00", "11.00")}


def test_the_basis_of_a_threshold() -> None:
    def vat(basis: str, **more: object) -> bool:
        known = law(scheme=(), flat_duty=(), duty=(),
                    import_vat=(row("import_vat", Band(over=eur("100"), rate=rate("0.1")), basis=basis),))  # fmt: skip
        return rules.estimate(order(**more), known, on=DAY).tax is Tax.DUE  # type: ignore[arg-type]  # test's own

    assert not vat("goods")
    assert vat("goods_shipping")
    assert vat("item", goods="101")
    assert not vat("item", goods="101", items=2)  # each kind may be cheaper


@pytest.mark.parametrize(
    ("band", "base", "expected"),
    [
        (Band(rate=rate("0.1", "0.2")), "goods", ("10.00", "20.00")),
        (Band(rate=rate("0.1")), "goods_shipping", ("11.00", "11.00")),
        (Band(rate=rate("0.1")), "goods_maybe_shipping", ("10.00", "11.00")),
        (Band(rate=rate("0.1")), "goods_duty", ("10.50", "10.50")),
        (Band(rate=rate("0.1")), "goods_shipping_duty", ("11.50", "11.50")),
        (Band(rate=rate("0.1")), "goods_shipping_duty_at_border", ("11.50", "11.50")),
        (Band(rate=rate("0.1"), excess_over=eur("40")), "goods", ("6.00", "6.00")),
        (Band(rate=rate("0.1"), excess_over=eur("400")), "goods", None),
        (Band(rate=rate("0.1"), excess_over=eur("40"), perhaps_excess=True), "goods", ("6.00", "10.00")),
        (Band(rate=rate("0.1"), excess_over=Money(Decimal(40), "QQQ")), "goods", ("0.00", "10.00")),
        (Band(rate=rate("0.2"), inclusive=True), "goods", ("25.00", "25.00")),
        (Band(rate=rate("0.6"), minus=eur("20")), "goods", ("40.00", "40.00")),
        (Band(rate=rate("0.6"), minus=eur("90")), "goods", None),
        (Band(rate=rate("0.1"), flat=(eur("1"), eur("2"))), "goods", ("11.00", "12.00")),
        (Band(rate=rate("0.1"), flat=(eur("1"), Money(Decimal(2), "QQQ"))), "goods", ("10.00", "10.00")),
        (Band(flat=(eur("1"), eur("2"))), "goods", ("1.00", "2.00")),
        (Band(flat=(Money(Decimal(1), "QQQ"), Money(Decimal(2), "QQQ"))), "goods", None),
        (Band(rate=rate("0.1"), at_least=eur("15")), "goods", ("15.00", "15.00")),
        (Band(rate=rate("0.1", "0.2"), at_most=eur("15")), "goods", ("10.00", "15.00")),
        (Band(unpriced=True), "goods", None),
        (Band(), "goods", None),
    ],
)  # fmt: skip
def test_how_an_amount_is_computed(band: Band, base: str, expected: tuple[str, str] | None) -> None:
    known = law(scheme=(), flat_duty=(row("flat_duty", Band(flat=(eur("5"), eur("5")))),), duty=(),
                import_vat=(row("import_vat", band, base=base),))  # fmt: skip
    got = rules.estimate(order(), known, on=DAY)
    assert lines(got).get("import_vat") == expected
    assert ("more_costs_unknown" in got.assumptions) is (band.unpriced or "QQQ" in str(band.flat))


def test_inside_a_scheme_it_is_disputed_whether_the_flat_duty_is_taxed() -> None:
    known = law(
        import_vat=(
            row("import_vat", Band(rate=rate("0.2")), regime="both", base="goods_shipping_duty_at_border"),
        )
    )
    assert lines(rules.at_checkout(order(), known, on=DAY))["import_vat"] == ("22.00", "22.60")


def test_customs_may_value_a_purchase_below_its_price() -> None:
    known = law(scheme=(), flat_duty=(), duty=(), customs_value=(row("customs_value", Band(rate=rate("0.6", "1"))),),
                vat_relief=(row("vat_relief", Band(up_to=eur("100"))),))  # fmt: skip
    taxes = [rules.estimate(order(value), known, on=DAY).tax for value in ("100", "150", "200")]
    assert taxes == [Tax.NONE, Tax.UNKNOWN, Tax.DUE]
    assert lines(rules.estimate(order("200", "0"), known, on=DAY)) == {"import_vat": ("24.00", "40.00")}
    without = law(customs_value=(row("customs_value"),))
    assert rules.estimate(order(), without, on=DAY) == replace(rules.estimate(order(), law(), on=DAY))


def test_what_the_seller_owes_is_never_the_buyers_line() -> None:
    levy = (row("national_fee", Band(flat=(eur("5"), eur("5"))), debtor="seller"),)
    got = rules.estimate(order(checkout=paid(NO)), law(national_fee=levy), on=DAY)
    assert "national_fee" not in lines(got)
    assert "seller_owes:national_fee" in got.assumptions
    assert levy[0].evidence in got.rules


def test_two_lines_of_one_charge_stand_side_by_side() -> None:
    known = law(entry_fee__one=(row("entry_fee.one", Band(flat=(eur("1"), eur("1")))),),
                entry_fee__two=(row("entry_fee.two", Band(flat=(eur("2"), eur("2")))),))  # fmt: skip
    got = rules.estimate(order(checkout=paid(NO)), known, on=DAY)
    assert [c.high.amount for c in got.charges if c.name == "entry_fee"] == [Decimal("1.00"), Decimal("2.00")]


ALL = ("duty", "flat_duty", "extra_duty", "import_tax", "excise", "import_vat", "handling_fee", "national_fee", "levy",
       "entry_fee", "broker_fee")  # fmt: skip


def test_charges_build_on_each_other_in_the_order_of_the_law_and_not_of_the_file() -> None:
    flat: dict[str, tuple[Row, ...]] = {
        name: (row(name, Band(flat=(eur("10"), eur("10")))),)
        for name in reversed(ALL)
        if name != "import_vat"
    }
    flat |= {"scheme": (), "import_vat": LINES["import_vat"]}
    got = rules.estimate(order("100", "0"), law(**flat), on=DAY)  # type: ignore[arg-type]  # lines only
    assert tuple(c.name for c in got.charges) == ALL
    assert lines(got)["import_vat"] == ("30.00", "30.00")  # of 100 and of the five duties


@pytest.mark.parametrize("name", ALL)
def test_a_relief_frees_the_charges_of_its_kind_and_no_others(name: str) -> None:
    nothing: dict[str, tuple[Row, ...]] = dict.fromkeys(LINES, ())
    only = nothing | {name: (row(name, Band(flat=(eur("10"), eur("10")))),)}

    def asked(relief: str) -> bool:
        reliefs = {relief: (row(relief, Band(up_to=eur("400"))),)}
        known = law(**only, **reliefs)  # type: ignore[arg-type]  # lines only
        return name in lines(rules.estimate(order(), known, on=DAY))

    assert asked("vat_relief") is (name not in ("import_vat", "import_tax"))
    assert asked("duty_relief") is (name not in ("duty", "flat_duty", "extra_duty"))


def test_an_import_tax_that_stands_for_vat_is_settled_by_a_vat_line_without_any_scheme() -> None:
    tax = (row("import_tax", Band(rate=rate("0.30")), base="goods"),)
    alone = law(scheme=(), duty=(), flat_duty=(), import_vat=(), import_tax=tax)
    assert rules.estimate(order(checkout=paid(YES)), alone, on=DAY).tax is Tax.PREPAID
    beside = law(scheme=(), duty=(), flat_duty=(), import_tax=tax)
    assert rules.estimate(order(checkout=paid(YES)), beside, on=DAY).tax is Tax.UNKNOWN


def test_the_price_holds_even_a_few_cents_and_no_empty_lines() -> None:
    got = rules.at_checkout(order("1", "0"), law(flat_duty=(row("flat_duty", regime="both"),)), on=DAY)
    assert lines(got) == {"import_vat": ("0.20", "0.20")}


# --- the operator's fee ---------------------------------------------------------------------------------------------


def fee(low: str, high: str = "", **more: object) -> Row:
    return row("operator_fee", Band(flat=(eur(low), eur(high or low))), **more)  # type: ignore[arg-type]  # test's own


def test_the_operator_adds_its_fee_where_something_is_owed() -> None:
    got = rules.estimate(order(checkout=paid(NO)), law(fees=(fee("6", "8"),)), on=DAY, operator=POST)
    assert lines(got)["operator_fee"] == ("6.00", "8.00")
    assert got.low == eur("31.60")
    assert got.high == eur("33.60")


def test_a_fee_that_is_only_perhaps_asked_starts_at_nothing() -> None:
    known = law(fees=(fee("6"),))
    assert lines(rules.estimate(order(), known, on=DAY, operator=POST))["operator_fee"] == ("0.00", "6.00")
    asked = rules.estimate(order(), known, on=DAY, operator=POST, charged_at_door=True)
    assert lines(asked)["operator_fee"] == ("6.00", "6.00")


def test_no_fee_where_nothing_is_owed() -> None:
    known = law(
        fees=(fee("6"),), scheme=(), vat_relief=(row("vat_relief", Band(up_to=eur("400"))),), flat_duty=()
    )
    assert rules.estimate(order("100"), known, on=DAY, operator=POST).charges == ()


def test_a_fee_may_be_a_share_of_what_was_advanced_and_may_be_nothing() -> None:
    share = row("operator_fee", Band(rate=rate("0.5")), base="charges")
    got = rules.estimate(order(checkout=paid(NO)), law(fees=(share,)), on=DAY, operator=POST)
    assert lines(got)["operator_fee"] == ("12.80", "12.80")
    with_duties = row("operator_fee", Band(rate=rate("0.5")), base="goods_duty")
    got = rules.estimate(order(checkout=paid(NO)), law(fees=(with_duties,)), on=DAY, operator=POST)
    assert lines(got)["operator_fee"] == ("51.50", "51.50")
    free = rules.estimate(order(checkout=paid(NO)), law(fees=(fee("0"),)), on=DAY, operator=POST)
    assert "operator_fee" not in lines(free)
    assert "operator_fee_unknown" not in free.assumptions


def test_a_fee_that_nobody_knows_is_said_to_be_unknown() -> None:
    for known in (
        law(),
        law(fees=(fee("6", start=date(2027, 1, 1)),)),
        law(fees=(row("operator_fee", Band(unpriced=True)),)),
    ):
        got = rules.estimate(order(checkout=paid(NO)), known, on=DAY, operator=POST)
        assert "operator_fee_unknown" in got.assumptions
        assert "operator_fee" not in lines(got)
    assert "operator_unknown" in rules.estimate(order(checkout=paid(NO)), law(), on=DAY).assumptions


# --- time -----------------------------------------------------------------------------------------------------------


def test_an_order_is_judged_by_the_law_of_its_day() -> None:
    rows = (
        row("flat_duty", Band(flat=(eur("1"), eur("1"))), start=date(2020, 1, 1)),
        row("flat_duty", Band(flat=(eur("2"), eur("2"))), start=date(2026, 1, 1)),
        row("flat_duty", Band(flat=(eur("9"), eur("9"))), start=date(2026, 3, 1), expected=True),
        row("flat_duty", start=date(2026, 9, 1), ends=True),
    )
    known = law(flat_duty=rows)

    def flat(on: date) -> str:
        return lines(rules.estimate(order(checkout=paid(NO)), known, on=on)).get("flat_duty", ("-",))[0]

    assert flat(date(2019, 12, 31)) == "-"
    assert flat(date(2020, 1, 1)) == "1.00"
    assert flat(date(2025, 12, 31)) == "1.00"
    assert flat(date(2026, 1, 1)) == "2.00"
    assert flat(date(2026, 8, 31)) == "2.00"
    assert flat(date(2026, 9, 1)) == "-"
    assert in_force((), DAY) is None


def test_announced_law_warns_from_sixty_days_before_until_it_is_settled() -> None:
    announced = row("flat_duty", Band(flat=(eur("9"), eur("9"))), start=date(2026, 7, 1), expected=True)
    known = law(flat_duty=(*LINES["flat_duty"], announced))

    def warned(on: date, law_: Law = known) -> bool:
        return announced.evidence in rules.estimate(order(), law_, on=on).expected

    assert not warned(date(2026, 5, 1))
    assert warned(date(2026, 5, 2))
    assert warned(date(2027, 5, 2))
    settled = law(
        flat_duty=(*LINES["flat_duty"], announced, row("flat_duty", start=date(2026, 8, 1), ends=True))
    )
    assert warned(date(2026, 7, 31), settled)
    assert not warned(date(2026, 8, 1), settled)


def test_a_rule_that_began_after_the_order_is_named() -> None:
    known = law(flat_duty=(replace(LINES["flat_duty"][0], start=date(2026, 5, 15)),))

    def named(ordered: date | None) -> bool:
        got = rules.estimate(order(ordered_on=ordered), known, on=DAY)
        return "rule_changed_since_order" in got.assumptions

    assert named(date(2026, 5, 14))
    today = law(flat_duty=(replace(LINES["flat_duty"][0], start=DAY),))
    began = rules.estimate(order(ordered_on=date(2026, 5, 1)), today, on=DAY)
    assert "rule_changed_since_order" in began.assumptions
    assert not named(date(2026, 5, 15))
    assert not named(None)


def test_every_charge_says_its_rule_and_since_when() -> None:
    got = rules.estimate(order("200", category="toys"), law(), on=DAY)
    assert {c.since for c in got.charges} == {date(2020, 1, 1)}
    assert {c.rule.where for c in got.charges} == {"countries/ZZ.yaml:2020"}
    assert TOYS.duty["T"].evidence in got.rules


def test_what_nobody_could_confirm_is_marked() -> None:
    weak = law(flat_duty=(replace(LINES["flat_duty"][0], confidence="low"),))
    got = rules.estimate(order(checkout=paid(NO)), weak, on=DAY)
    assert "rule_unconfirmed" in got.assumptions
    assert {c.name: c.note for c in got.charges} == {"flat_duty": "unconfirmed", "import_vat": ""}
    assert "rule_unconfirmed" not in rules.estimate(order(checkout=paid(NO)), law(), on=DAY).assumptions
    cell = replace(law(), categories={"toys": replace(TOYS, duty={"T": duty("0", "0.05", "unverified")})})
    assert "rule_unconfirmed" in rules.estimate(order("200", category="toys"), cell, on=DAY).assumptions


# --- what kind of goods ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "expected", "note"),
    [
        ({"hs_code": "6403.99.00"}, ("16.80", "16.80"), "by_hs"),
        ({"hs_code": "6404"}, ("35.70", "35.70"), "by_hs"),
        ({"hs_code": "6404", "category": "toys"}, ("35.70", "35.70"), "by_hs"),
        ({"category": "shoes"}, ("35.70", "35.70"), "range_by_category"),
        ({"category": "toys"}, ("0.00", "10.50"), "range_by_category"),
        ({"title": "Running shoes"}, ("0.00", "35.70"), "range_by_guess"),
        ({"title": "Schuhe, schwarz"}, ("0.00", "35.70"), "range_by_guess"),
        ({"title": "黒い靴です"}, ("0.00", "35.70"), "range_by_guess"),
        ({"title": "wooden toy"}, ("0.00", "10.50"), "range_by_guess"),
        (
            {"title": "shoehorn"},
            ("0.00", "35.70"),
            "range_by_guess",
        ),  # no known word: the highest of the table
        ({"hs_code": "9999", "category": "what"}, ("0.00", "35.70"), "range_by_guess"),
    ],
)
def test_duty_by_code_by_kind_or_by_guess(more: dict[str, str], expected: tuple[str, str], note: str) -> None:
    got = rules.estimate(replace(order("200"), **more), law(), on=DAY)  # type: ignore[arg-type]  # all are texts
    charge = next(c for c in got.charges if c.name == "duty")
    assert (str(charge.low.amount), str(charge.high.amount), charge.note) == (*expected, note)
    guessed = bool({"category_guessed", "category_unknown"} & set(got.assumptions))
    assert guessed is (note == "range_by_guess")
    assert charge.low != charge.high or not guessed


def test_the_longest_word_wins_and_then_the_last() -> None:
    words, unspaced = tariff.index((SHOES, replace(TOYS, words=("toy", "toy shoe"))))
    known = replace(law(), words=words, unspaced=unspaced)
    for title, name in (
        ("toy shoe", "toys"),
        ("shoe toy", "shoes"),
        ("a toy and a toy", "toys"),
        ("plain", None),
    ):
        found = tariff.guess(title, known)
        assert (found.name if found else None) == name
    twice = tariff.index((SHOES, replace(TOYS, words=("shoe", "靴"))))
    assert twice[0]["shoe"] is SHOES
    assert twice[1]["靴"] is SHOES


def test_a_code_without_a_kind_and_a_table_of_one_rate() -> None:
    known = replace(
        law(), average={"T": duty("0", "0.04"), "U": duty("0.125")}, hs={"640399": LEATHER, "0101": LEATHER}
    )
    assert tariff.goods(order(hs_code="0101.21"), known) == tariff.Goods(LEATHER, "hs")
    everything = tariff.duty(tariff.Goods(TOYS, "category"), "U", known)
    assert everything == (rate("0.125"), known.average["U"])
    assert tariff.duty(tariff.Goods(None, "unknown"), "V", known) == (rate("0"), None)
    assert tariff.duty(tariff.Goods(TOYS, "guess"), "T", replace(known, average={})) == (
        rate("0", "0.05"),
        TOYS.duty["T"],
    )


def test_one_band_that_asks_the_tariff_makes_the_whole_line_hang_on_the_goods() -> None:
    mixed = row("duty", Band(up_to=eur("150"), rate=rate("0.01")), Band(over=eur("150"), tariff="T"))
    got = rules.estimate(order("200", category="toys", checkout=paid(NO)), law(duty=(mixed,)), on=DAY)
    assert {c.name: c.note for c in got.charges}["duty"] == "range_by_category"


def test_without_a_value_a_share_of_it_that_counts_for_customs_leaves_the_tax_open() -> None:
    bare = {"scheme": (), "duty": (), "flat_duty": ()}
    taxed = rules.estimate(order(None), law(**bare), on=DAY)
    assert taxed.tax is Tax.DUE
    for line in ("customs_value", "vat_relief"):
        held = {line: (row(line, Band(rate=rate("0.6"))),)}
        assert rules.estimate(order(None), law(**bare, **held), on=DAY).tax is Tax.UNKNOWN


# --- stale rows -----------------------------------------------------------------------------------------------------


def test_rows_grow_stale_by_age_by_their_day_and_by_an_announcement_that_came() -> None:
    old = row("duty", Band(rate=rate("0.1")), start=date(2020, 1, 1))
    lines_ = {
        "duty": (old, row("duty", Band(rate=rate("0.1")), start=date(2021, 1, 1), recheck=date(2026, 7, 1))),
        "flat_duty": (row("flat_duty", start=date(2026, 5, 1), expected=True),),
        "levy": (row("levy", start=date(2026, 5, 1), expected=True), row("levy", start=date(2026, 5, 2))),
        "excise": (row("excise", start=date(2030, 1, 1)),),
    }
    known = Law({"ZZ": Country("ZZ", "Nowhere", "EUR", lines_)}, fees={"post": (fee("1"),)})

    def why(on: date, after: int = 180) -> set[tuple[str, str]]:
        return {(s.line, s.why) for s in rules.stale(known, on=on, after=timedelta(days=after))}

    assert why(date(2026, 6, 30)) == {("flat_duty", "expected_passed")}
    assert why(date(2026, 7, 1)) == {
        ("flat_duty", "expected_passed"),
        ("duty", "recheck"),
        ("operator_fee", "old"),
        ("levy", "old"),
        ("excise", "old"),
    }
    assert why(date(2026, 7, 1), 365) == {("flat_duty", "expected_passed"), ("duty", "recheck")}
    assert why(date(2026, 4, 1)) == set()
    assert ("flat_duty", "expected_passed") in why(date(2026, 5, 1))
    assert ("flat_duty", "expected_passed") not in why(date(2026, 4, 30))
    unchecked = replace(old, evidence=replace(old.evidence, checked=None))
    bare = Law({"ZZ": Country("ZZ", "Nowhere", "EUR", {"duty": (unchecked,)})})
    assert [(s.why, s.since) for s in rules.stale(bare, on=DAY)] == [("old", date(2020, 1, 1))]
    first = rules.stale(known, on=date(2026, 6, 30))[0]
    since = {s.line: s.since for s in rules.stale(known, on=date(2026, 7, 1))}
    assert since == {
        "flat_duty": date(2026, 5, 1),
        "duty": date(2026, 7, 1),
        "operator_fee": date(2026, 6, 30),
        "levy": date(2026, 6, 30),
        "excise": date(2026, 6, 30),
    }
    assert (first.where, first.source, first.checked) == ("countries/ZZ.yaml:2026", "law", date(2026, 1, 1))


# --- money ----------------------------------------------------------------------------------------------------------


def test_money_is_read_exactly_or_refused_with_what_to_write() -> None:
    assert read("20 EUR") == Money(Decimal(20), "EUR")
    assert read(" 0.10 USD ") == Money(Decimal("0.10"), "USD")
    for wrong in ("20", "20 eur", "1,5 EUR", "-1 EUR", "EUR 20", "20EUR", ""):
        with pytest.raises(ValueError, match=r"20\.50 EUR"):
            read(wrong)


def test_money_is_rounded_half_up_to_what_can_be_paid() -> None:
    assert payable(Decimal("0.005"), "EUR") == eur("0.01")
    assert payable(Decimal("0.0049"), "EUR") == eur("0.00")
    assert payable(Decimal("10.5"), "JPY") == Money(Decimal(11), "JPY")


def test_a_range_runs_from_low_to_high() -> None:
    with pytest.raises(ValueError, match="from low to high"):
        Span(Decimal(2), Decimal(1))
    assert Span(Decimal(1), Decimal(2)).hull(exactly(Decimal(5))) == Span(Decimal(1), Decimal(5))
