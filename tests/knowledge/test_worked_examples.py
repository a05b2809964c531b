"""The worked examples and formulas of the customs facts (sections 1 and 2, as of 2026-11-22) stand in the country files.

That each comes out as written is shown by ``test_countries``; here it is counted that none is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from workers.knowledge.law import cases
from workers.knowledge.shapes import Case

CASES: tuple[tuple[str, Case], ...] = tuple((file.country, case) for file, _, case, _ in cases())
UNION = [
    "AT",
    "BE",
    "BG",
    "HR",
    "CY",
    "CZ",
    "DE",
    "DK",
    "EE",
    "ES",
    "FI",
    "FR",
    "GR",
    "HU",
    "IE",
    "IT",
    "LT",
    "LU",
    "LV",
    "MT",
    "NL",
    "PL",
    "PT",
    "RO",
    "SE",
    "SI",
    "SK",
]
OTHERS = [
    "GB",
    "XI",
    "CH",
    "NO",
    "IS",
    "US",
    "CA",
    "AU",
    "NZ",
    "JP",
    "KR",
    "BR",
    "MX",
    "CL",
    "AR",
    "IL",
    "TR",
    "ZA",
    "IN",
    "SA",
    "AE",
    "RU",
    "KZ",
    "UA",
]

# country, what of its goods, charges as the source computes them (all of these must stand in one case)
EXAMPLES: tuple[tuple[str, str, dict[str, str]], ...] = (
    # EU: no IOSS, two kinds of goods: 3 x lines in the base of VAT, and the carrier's fee
    ("DE", "40.00 EUR", {"flat_duty": "6.00 EUR", "import_vat": "9.69 EUR", "operator_fee": "7.50 EUR"}),
    ("DE", "20 EUR", {"flat_duty": "6.00 EUR", "import_vat": "4.94 EUR"}),
    # EU: several equal pieces are one line: 3
    ("DE", "40 EUR", {"flat_duty": "3.00 EUR", "import_vat": "9.12 EUR"}),
    # EU: in June 2026 VAT alone
    ("DE", "40.00 EUR", {"import_vat": "8.55 EUR", "operator_fee": "7.50 EUR"}),
    # EU: above 150, 12 % on clothes of goods and post, VAT on all of it
    ("DE", "200.00 EUR", {"duty": "25.20 EUR", "import_vat": "44.69 EUR"}),
    ("FI", "200.00 EUR", {"duty": "25.20 EUR"}),
    # EU: IOSS, where sources differ on VAT of the flat duty
    ("DE", "40 EUR", {"flat_duty": "3.00 EUR", "import_vat": "8.55 EUR..9.12 EUR"}),
    # UK above 135: duty on CIF, VAT on all
    ("GB", "200 GBP", {"duty": "0.00 GBP..25.20 GBP", "import_vat": "42.00 GBP..47.04 GBP"}),
    # US: 16.5 + 7.5 + 12.5 added, not compounded
    ("US", "100 USD", {"duty": "16.50 USD", "extra_duty": "20.00 USD"}),
    # Canada: duty on goods, HST on goods and duty, 9.95
    ("CA", "50 CAD", {"duty": "0 CAD..9.00 CAD", "import_vat": "6.50 CAD..7.67 CAD", "operator_fee": "9.95 CAD"}),
    # Australia: 1,200 + 60 + 150 -> GST 141, and the entry's charges
    ("AU", "1200 AUD", {"duty": "60.00 AUD", "import_vat": "141.00 AUD", "entry_fee": "98.00 AUD"}),
    ("NZ", "1200 NZD", {"import_vat": "195.00 NZD..213.00 NZD"}),
    # Brazil: 60 % less 30 dollars, ICMS inside its own base; up to 50 dollars only ICMS
    ("BR", "100 USD", {"import_tax": "30.00 BRL"}),
    ("BR", "50 USD", {"import_vat": "10.24 BRL..12.50 BRL"}),
    ("BR", "100 USD", {"import_tax": "40.00 BRL"}),
    # Korea: duty on CIF, VAT on CIF and duty, from the first dollar once over the limit
    ("KR", "300000 KRW", {"duty": "39000 KRW", "import_vat": "33900 KRW"}),
    ("KR", "151 USD", {"duty": "13741 KRW", "import_vat": "22514 KRW"}),
    # Ukraine: 200 -> 5 + 11
    ("UA", "200 EUR", {"duty": "5.00 EUR", "import_vat": "11.00 EUR"}),
    # Switzerland: 16 + 3 %, at most 70, and VAT on it
    ("CH", "55 CHF", {"import_vat": "5.02 CHF", "operator_fee": "17.86 CHF..19.32 CHF"}),
    ("CH", "3000 CHF", {"operator_fee": "75.67 CHF"}),
    # India 30.98 %, Mexico 33.5 %, Chile 6 % and 19 %, Japan at 60 % of retail, Russia 15 % of the excess
    ("IN", "1000 INR", {"duty": "110.00 INR", "import_vat": "199.80 INR"}),
    ("MX", "100 USD", {"import_tax": "670.00 MXN..737.00 MXN"}),
    ("CL", "600 USD", {"duty": "36.00 USD", "import_vat": "120.84 USD"}),
    ("JP", "110000 JPY", {"import_vat": "6600 JPY..11000 JPY"}),
    ("RU", "300 EUR", {"import_tax": "15.00 EUR"}),
)  # fmt: skip


def matching(
    country: str, goods: str, charges: dict[str, str], among: Sequence[tuple[str, Case]] = CASES
) -> list[Case]:
    amount, _, currency = goods.partition(" ")
    return [
        case
        for code, case in among
        if code == country and case.goods is not None
        and (case.goods.amount, case.goods.currency) == (type(case.goods.amount)(amount), currency)
        and charges.items() <= dict(case.expect.charges).items()
    ]  # fmt: skip


@pytest.mark.parametrize(("country", "goods", "charges"), EXAMPLES)
def test_a_worked_example_of_the_reference_is_a_case(
    country: str, goods: str, charges: dict[str, str]
) -> None:
    assert matching(country, goods, charges)


def test_an_example_that_nobody_worked_is_missed() -> None:
    assert not matching("UA", "200 EUR", {"duty": "5.00 EUR", "import_vat": "11.01 EUR"})
    assert not matching("UA", "201 EUR", {"duty": "5.00 EUR"})
    assert not matching("UA", "200 EUR", {"duty": "5.00 EUR"}, [one for one in CASES if one[0] != "UA"])


def test_every_country_has_three_cases_of_its_own_and_each_names_its_source() -> None:
    counted = Counter(country for country, _ in CASES)
    assert {code: counted[code] for code in (*UNION, *OTHERS) if counted[code] < 3} == {}
    assert len(UNION) == 27
    for _, case in CASES:
        assert case.source
        assert case.why
