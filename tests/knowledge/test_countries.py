"""Every worked example of every country file, and what a file must be like to load at all."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from workers import loading, resources
from workers.core import law as core_law
from workers.core import money, rules
from workers.core.model import Checkout, Estimate, Money, Operator, Order, ParcelRef, Tax
from workers.errors import Misconfigured
from workers.knowledge import law
from workers.knowledge.shapes import Case, CategoriesFile, CountryFile

EU = "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE"
OTHERS = "GB XI CH NO IS US CA AU NZ JP KR BR MX CL AR IL TR ZA IN SA AE RU KZ UA"
COUNTRIES = (*EU.split(" "), *OTHERS.split(" "))
CASES = list(law.cases())


@cache
def shipped() -> core_law.Law:
    return law.load_law()


@cache
def operators(on: date) -> dict[str, Operator]:
    return {o.id: o for o in law.load_operators(on=on)}


class Fixed:
    """The rates a case names, and no others."""

    def __init__(self, table: Any) -> None:
        self._table = dict(table)

    def convert(self, sum_: Money, to: str, on: date) -> tuple[Money, str] | None:
        rate = self._table.get(f"{sum_.currency} {to}")
        if rate is None and f"{to} {sum_.currency}" in self._table:
            rate = 1 / self._table[f"{to} {sum_.currency}"]
        if rate is None:
            return None
        return Money(sum_.amount * rate, to), f"1 {sum_.currency} = {rate:.4g} {to} (case, {on})"


def order_of(file: CountryFile, case: Case) -> Order:
    destination = "GB" if file.country == "XI" else file.country
    return Order(
        id="case",
        title=case.title,
        parcels=tuple(ParcelRef(f"case/{n}", f"N{n}") for n in range(case.parcels)),
        destination=destination,
        origin=case.origin,
        postcode=case.postcode or ("BT1 1AA" if file.country == "XI" else ""),
        goods=case.goods,
        shipping=case.shipping,
        items=case.items,
        category=case.category,
        hs_code=case.hs,
        checkout=Checkout(vat=case.vat_paid, duty=case.duty_paid, import_charges=case.import_charges),
        shop=case.shop,
        ordered_on=case.ordered_on,
    )


def answer(file: CountryFile, case: Case, known: core_law.Law) -> Estimate:
    order = order_of(file, case)
    if case.at == "checkout":
        return rules.at_checkout(order, known, on=case.on, rates=Fixed(case.rates))
    operator = operators(case.on)[case.operator] if case.operator else None
    return rules.estimate(
        order, known, on=case.on, operator=operator, charged_at_door=case.at_door, rates=Fixed(case.rates)
    )


def span(text: str) -> tuple[Decimal, Decimal, str]:
    low, _, high = text.partition("..")
    first, last = money.read(low), money.read(high or low)
    assert first.currency == last.currency
    return first.amount, last.amount, first.currency


def differences(case: Case, got: Estimate) -> list[str]:
    """Return where *got* is not what the case says; empty where it is."""
    want, found = case.expect, []
    sums: dict[str, tuple[Decimal, Decimal, str]] = {}
    for charge in got.charges:
        low, high, _ = sums.get(charge.name, (Decimal(0), Decimal(0), ""))
        sums[charge.name] = (low + charge.low.amount, high + charge.high.amount, charge.low.currency)
    wanted = {name: span(text) for name, text in want.charges.items()}
    if sums != wanted:
        found.append(f"charges {sums}, not {wanted}")
    if got.tax is not want.tax:
        found.append(f"tax {got.tax}, not {want.tax}")
    if want.total:
        total = (got.low.amount, got.high.amount, got.low.currency) if got.low and got.high else None
        if total != span(want.total):
            found.append(f"total {total}, not {want.total}")
    if want.prepaid_expected is not None and got.prepaid_expected is not want.prepaid_expected:
        found.append(f"prepaid_expected {got.prepaid_expected}")
    if want.collected_by and got.collected_by != want.collected_by:
        found.append(f"collected_by {got.collected_by}, not {want.collected_by}")
    missing = set(want.assumptions) - set(got.assumptions)
    if missing:
        found.append(f"without {missing}, but {got.assumptions}")
    warned = {evidence.what.split()[1] for evidence in got.expected}
    if not set(want.warns) <= warned:
        found.append(f"warns of {warned}, not {want.warns}")
    return found


@pytest.mark.parametrize(
    ("file", "case"),
    [(f, c) for f, _, c, _ in CASES],
    ids=[f"{where} {c.why[:60]}" for _, _, c, where in CASES],
)
def test_a_worked_example_comes_out_as_its_source_says(file: CountryFile, case: Case) -> None:
    got = answer(file, case, shipped())
    assert differences(case, got) == []
    for charge in got.charges:
        assert charge.rule.source
        assert charge.rule.checked
        assert re.fullmatch(r"(countries|operators)/\w+\.yaml:\d+", charge.rule.where)
        assert charge.since is not None
        assert charge.since <= case.on


def test_the_examples_can_fail_a_wrong_rate_breaks_every_file_that_uses_it() -> None:
    known = shipped()
    germany = known.countries["DE"]
    row = germany.lines["import_vat"][-1]
    wrong = replace(row, bands=(replace(row.bands[0], rate=money.exactly(Decimal("0.20"))),))
    lines = {**germany.lines, "import_vat": (*germany.lines["import_vat"][:-1], wrong)}
    broken = replace(known, countries={**known.countries, "DE": replace(germany, lines=lines)})
    due = [(f, c) for f, _, c, _ in CASES if f.country == "DE" and "import_vat" in c.expect.charges]
    assert due
    for file, case in due:
        assert differences(case, answer(file, case, broken))


def test_a_wrong_expectation_is_noticed() -> None:
    file, _, case, _ = next(item for item in CASES if item[2].expect.total)
    expect = case.expect.model_copy(update={"total": "0.01 XXX", "tax": Tax.NONE, "prepaid_expected": None})
    found = differences(case.model_copy(update={"expect": expect}), answer(file, case, shipped()))
    assert any("total" in line for line in found)
    assert any("tax" in line for line in found)


def test_every_country_of_the_reference_has_a_file_with_three_cases() -> None:
    counted = dict.fromkeys(COUNTRIES, 0)
    for file, _, _, _ in CASES:
        if file.country in counted:
            counted[file.country] += 1
    assert {code: n for code, n in counted.items() if n < 3} == {}


def test_every_row_has_a_source_a_day_and_a_place_that_is_the_row() -> None:
    folder = resources.knowledge()
    for country in shipped().countries.values():
        for rows in country.lines.values():
            for row in rows:
                file, _, line = row.evidence.where.partition(":")
                text = (folder / file).read_text(encoding="utf-8").splitlines()[int(line) - 1]
                assert f"from: {row.start}" in text, row.evidence.where
                assert row.evidence.checked
                assert len(row.evidence.source) > 8


def test_an_announcement_whose_day_has_passed_says_that_nobody_confirmed_it() -> None:
    passed = [
        row
        for country in shipped().countries.values()
        for rows in country.lines.values()
        for row in rows
        if row.expected and row.evidence.checked and row.start <= row.evidence.checked
    ]
    assert {row.line for row in passed} >= {"handling_fee", "procedure.product_identifier"}
    for row in passed:
        assert "not confirmed whether it started" in row.note, row.evidence.where
        assert row.evidence.source
    ahead = next(row for rows in shipped().countries["GB"].lines.values() for row in rows if row.expected)
    assert "not confirmed whether it started" not in ahead.note  # its day has not come


def test_rows_are_sorted_so_that_no_two_can_hold_at_once() -> None:
    for country in shipped().countries.values():
        for rows in country.lines.values():
            starts = [row.start for row in rows]
            assert starts == sorted(set(starts))


def test_an_unverified_fact_is_never_one_figure_for_tax_or_duty() -> None:
    for country in shipped().countries.values():
        for rows in country.lines.values():
            for row in rows:
                if row.confidence != "unverified" or row.expected:
                    continue
                for band in row.bands:
                    assert band.rate is None or band.rate.high == 0 or band.rate.low < band.rate.high


GOOD = """
country: ZZ
name: Nowhere
currency: EUR
lines:
  import_vat:
    - {from: 2021-01-01, rate: 0.20, source: "https://law.example", checked: 2026-01-01, confidence: high}
    - {from: 2022-01-01, rate: 0.21, source: "https://law.example", checked: 2026-01-01, confidence: high}
"""


def read(text: str) -> CountryFile:
    return loading.validate(CountryFile, loading.parse(text, file="countries/ZZ.yaml"))


def test_a_sound_file_loads() -> None:
    assert len(read(GOOD).lines["import_vat"]) == 2


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (', source: "https://law.example", checked: 2026-01-01, confidence: high}\n    - {from: 2022', ", checked: 2026-01-01, confidence: high}\n    - {from: 2022", "source"),
        ("rate: 0.21, ", "rte: 0.21, ", "did you mean 'rate'"),
        ("checked: 2026-01-01, confidence: high}\n    - {from: 2022", "confidence: high}\n    - {from: 2022", "checked"),
        ("from: 2022-01-01", "from: 2021-01-01", "must stand above"),
        ("from: 2022-01-01", "from: 2020-01-01", "must stand above"),
        ("  import_vat:", "  import_tva:", "neither a charge nor a rule"),
        ("rate: 0.21", "rate: 21", "must be at most 2"),
        ("from: 2021-01-01", "ends: yes, from: 2021-01-01", "cannot begin with its end"),
        ("rate: 0.21", "rate: 0.21, over: 5€", "20.50 EUR"),
        ("confidence: high}\n    - {from: 2022", "confidence: unverified}\n    - {from: 2022", "never one figure"),
        ("rate: 0.21", "rate: 0.21, bands: [{rate: 0.1}]", "in each of the bands"),
        ("confidence: high}\n    - {from: 2022", "confidence: sure}\n    - {from: 2022", "confidence"),
    ],
)  # fmt: skip
def test_an_unsound_file_does_not_load_and_says_why(old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(Misconfigured) as caught:
        read(GOOD.replace(old, new))
    assert says in str(caught.value)


def test_an_unverified_duty_must_be_a_range() -> None:
    cell = "{rate: 0, rate_high: 0.1, source: background, checked: 2026-01-01, confidence: unverified}"
    text = f"averages: {{T: {cell}}}\ncategories: {{}}\n"
    loading.validate(CategoriesFile, loading.parse(text, file="categories.yaml"))
    with pytest.raises(Misconfigured, match="never one figure"):
        loading.validate(
            CategoriesFile, loading.parse(text.replace("rate_high: 0.1, ", ""), file="categories.yaml")
        )


def test_a_line_without_rows_does_not_load() -> None:
    with pytest.raises(Misconfigured, match="has no rows"):
        read("country: ZZ\nname: Nowhere\ncurrency: EUR\nlines: {import_vat: []}\n")


def test_a_file_must_be_named_after_its_country_and_its_bloc_must_exist(tmp_path: Path) -> None:
    countries = tmp_path / "countries"
    countries.mkdir()
    (tmp_path / "categories.yaml").write_text("averages: {}\ncategories: {}\n", encoding="utf-8")
    (countries / "YY.yaml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"stands in YY\.yaml"):
        law.load_law(tmp_path)
    (countries / "YY.yaml").rename(countries / "ZZ.yaml")
    assert "ZZ" in law.load_law(tmp_path).countries
    (countries / "ZZ.yaml").write_text(
        GOOD.replace("name: Nowhere", "name: Nowhere\nbloc: EU"), encoding="utf-8"
    )
    with pytest.raises(Misconfigured, match="no file of the bloc EU"):
        law.load_law(tmp_path)


def test_no_row_is_stale_by_the_time_it_was_checked_but_becomes_so() -> None:
    checked = date(2026, 11, 22)
    assert not [s for s in rules.stale(shipped(), on=checked) if s.why == "old"]
    assert {s.why for s in rules.stale(shipped(), on=date(2027, 6, 1))} >= {"old", "expected_passed"}
