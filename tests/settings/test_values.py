"""Single values: what is accepted, and what is said about the rest."""

from __future__ import annotations

import string
from collections.abc import Callable
from datetime import time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.model import Money, Prepaid
from workers.core.timing import Quiet, Summary
from workers.loading import Wrong
from workers.settings import reach, values


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("23.90 EUR", "23.90", "EUR"),
        ("23.90EUR", "23.90", "EUR"),
        ("eur 23.90", "23.90", "EUR"),
        ("0 USD", "0", "USD"),
        ("1500 JPY", "1500", "JPY"),
        ("0.001 KWD", "0.001", "KWD"),
        ("5 XCG", "5", "XCG"),
    ],
)
def test_money_keeps_every_digit(text: str, amount: str, currency: str) -> None:
    money = values.money(text)
    assert money == Money(Decimal(amount), currency)
    assert str(money.amount) == amount


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("23,90", "write 23.90 EUR"),
        ("23,90 EUR", "write 23.90 EUR"),
        ("$5", "write 5 USD"),
        ("US $23.90", "write 23.90 USD"),
        ("€ 1.234,50", "write 1234.50 EUR"),
        ("1,234.50 USD", "write 1234.50 USD"),
        ("1.234 EUR Brutto", "write 1234 EUR"),
        ("R$ 20", "write 20 BRL"),
        ("12 zł", "write 12 PLN"),
        ("£3", "write 3 GBP"),
        ("EUR", "write 23.90 EUR"),
        ("about ten", "write 23.90 EUR"),
        ("-5 EUR", "never negative"),
        ("NaN EUR", "write 23.90 EUR"),
        ("1e5 EUR", "EUR"),
        ("٣ EUR", "write 23.90 EUR"),
        ("9" * 13 + " EUR", "EUR"),
        ("5 DEM", "write 23.90 EUR"),
    ],
)
def test_other_money_is_answered_with_what_to_write(text: str, hint: str) -> None:
    with pytest.raises(Wrong) as caught:
        values.money(text)
    assert hint in caught.value.hint


@given(st.decimals(0, 10**9, places=2, allow_nan=False, allow_infinity=False))
def test_every_hint_about_money_is_itself_accepted(amount: Decimal) -> None:
    for shown in (f"{amount:,} EUR", f"€{amount}", f"{amount} euros, EUR"):
        with pytest.raises(Wrong) as caught:
            values.money(f"~{shown}")
        written = caught.value.hint.rpartition("write ")[2]
        assert values.money(written) == Money(amount, "EUR")


@pytest.mark.parametrize("number", ["RR473124829GB", "EE876543216CA", "RR123456785CN", "ZA000000005AB"])
def test_right_check_digits_are_right(number: str) -> None:
    assert values.s10_digit(number) == ""


@given(st.from_regex(r"[A-Z]{2}[0-9]{9}[A-Z]{2}", fullmatch=True))
def test_exactly_one_digit_in_ten_is_right(number: str) -> None:
    variants = [number[:10] + digit + number[11:] for digit in string.digits]
    assert [values.s10_digit(v) for v in variants].count("") == 1
    right = next(v for v in variants if not values.s10_digit(v))
    assert all(values.s10_digit(v) == right[10] for v in variants if v != right)


@pytest.mark.parametrize(
    "number", ["LP00123456789012", "00340434161094042557", "RR12345678CN", "1Z999AA10123456784"]
)
def test_other_formats_have_no_check_digit_of_s10(number: str) -> None:
    assert values.s10_digit(number) == ""


@pytest.mark.parametrize("code", ["DE", "gb", " us ", "XK", "NO"])
def test_a_country_is_two_letters(code: str) -> None:
    assert values.country(code) == code.strip().upper()


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("UK", "write GB"),
        ("EU", "write the country itself"),
        ("XI", "BT"),
        ("Germany", "write DE"),
        ("united states", "write US"),
        ("Polnd", "write PL"),
        ("Deutschland", "write DE"),
        ("ZZ", "two letters"),
        ("001", "two letters"),
        ("", "two letters"),
    ],
)
def test_other_words_for_a_country_are_answered_with_its_code(text: str, hint: str) -> None:
    with pytest.raises(Wrong) as caught:
        values.country(text)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (values.day, "20261124"),
        (values.day, "2026-W48-2"),
        (values.day, "2026-11-24T10:00"),
        (values.day, "tomorrow"),
        (reach.email, "anna"),
        (reach.email, "anna@host"),
        (reach.email, "anna@@example.org"),
        (reach.email, "an na@example.org"),
        (reach.email, "anna@example.org\nBcc: x@example.org"),
        (reach.email, ".anna@example.org"),
        (reach.email, "anna@example..org"),
        (reach.phone, "+49 1512 345x"),
        (reach.phone, "+999 123456"),
        (reach.phone, "+4915123456789 ext. 5"),
        (reach.link, "ftp://example.org/"),
        (reach.link, "https://user:pw@example.org/"),
        (reach.link, "https://exa mple.org/"),
        (reach.link, "https:///x"),
        (reach.link, "https://example.org/\u202egpj"),
        (reach.link, "https://[::1/"),
        (values.hs_code, "123"),
        (values.hs_code, "12345678901"),
        (values.zone, "Mars/Olympus"),
        (values.zone, "../../etc/passwd"),
        (values.zone, "/etc/localtime"),
        (values.tracking_number, "ＬＰ００１２３４５６"),
        (values.tracking_number, "LP0012\u200b3456"),
        (values.tracking_number, "-LP00123456"),
        (values.paid, "maybe"),
        (values.vat, "4.54"),
    ],
)
def test_nothing_doubtful_gets_in(read: Callable[[object], Any], text: str) -> None:
    with pytest.raises(Wrong):
        read(text)


@pytest.mark.parametrize(
    "read",
    [
        values.money, values.country, values.day, values.paid, values.vat, values.tracking_number,
        reach.email, reach.phone, values.zone, reach.link, values.hs_code,
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", [[], {}, ["DE"], {"a": "b"}, None])
def test_a_list_or_a_mapping_is_no_value(read: Callable[[object], Any], value: object) -> None:
    with pytest.raises(Wrong):
        read(value)


@pytest.mark.parametrize(
    ("text", "paid", "amount"),
    [
        ("yes", Prepaid.YES, None),
        ("No", Prepaid.NO, None),
        ("true", Prepaid.YES, None),
        ("", Prepaid.UNKNOWN, None),
        ("unknown", Prepaid.UNKNOWN, None),
        ("4.54 EUR", Prepaid.YES, Money(Decimal("4.54"), "EUR")),
        ("0.00 EUR", Prepaid.NO, Money(Decimal("0.00"), "EUR")),
    ],
)
def test_vat_is_a_word_or_an_amount(text: str, paid: Prepaid, amount: Money | None) -> None:
    assert values.vat(text) == (paid, amount)


@pytest.mark.parametrize(
    "text", ["anna@example.org", "a.b+c@sub.example.co.uk", "zoë@bücher.example", "me@localhost"]
)
def test_e_mail_addresses_as_people_have_them(text: str) -> None:
    assert reach.email(text) == text


def test_a_long_value_is_shown_short() -> None:
    with pytest.raises(Wrong) as caught:
        values.country("x" * 10_000)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("22:00-07:00", Quiet(time(22), time(7))),
        ("7:30 – 9.15", Quiet(time(7, 30), time(9, 15))),
        ("22:00 to 6:00", Quiet(time(22), time(6))),
        (" ", None),
    ],
)
def test_quiet_hours_are_a_part_of_the_day(text: str, parsed: Quiet | None) -> None:
    assert values.quiet(text) == parsed


@pytest.mark.parametrize(
    "text", ["22-7", "22:00", "24:00-07:00", "07:00-07:00", "22:00-07:00-09:00", "night", 22]
)
def test_what_is_no_part_of_the_day_is_refused(text: object) -> None:
    with pytest.raises(Wrong) as caught:
        values.quiet(text)
    assert "22:00-07:00" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("daily 08:00", Summary(time(8))),
        ("Daily at 8:00", Summary(time(8))),
        ("friday 18:00", Summary(time(18), 4)),
        ("weekly on Mon 07:15", Summary(time(7, 15), 0)),
        ("", None),
    ],
)
def test_a_digest_comes_every_day_or_on_one_day_of_the_week(text: str, parsed: Summary | None) -> None:
    assert values.digest(text) == parsed


@pytest.mark.parametrize(
    "text", ["8:00", "daily", "t 08:00", "someday 08:00", "daily 25:00", "monthly 08:00", 8]
)
def test_a_digest_without_a_day_or_a_time_is_refused(text: object) -> None:
    with pytest.raises(Wrong, match=r"digest can come|day and a time"):
        values.digest(text)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [("90m", timedelta(minutes=90)), ("6 h", timedelta(hours=6)), ("2d", timedelta(days=2)), ("", None)],
)
def test_a_length_of_time_has_its_unit(text: str, parsed: timedelta | None) -> None:
    assert values.duration(text) == parsed


@pytest.mark.parametrize("text", ["6", "0h", "-1h", "1.5h", "6 hours", 6])
def test_a_length_without_a_unit_is_refused(text: object) -> None:
    with pytest.raises(Wrong):
        values.duration(text)
