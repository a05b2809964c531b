"""Tracking numbers: S10 and the common carriers' formats."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core import numbers

PAYLOADS = Path(__file__).resolve().parents[2].parent / "shared" / "payloads"


@pytest.mark.parametrize("number", ["RB123456785GB", "RB123456785US", "rb 1234 5678 5 cv", "RB123456785CF"])
def test_a_right_s10_is_valid(number: str) -> None:
    found = numbers.s10(number)
    assert found.valid
    assert found.service == "RB"


@pytest.mark.parametrize(
    "number", ["RB123456786US", "RB123456785XX", "R1234567895GB", "RB12345678GB", "", "LP00"]
)
def test_a_wrong_check_digit_country_or_shape_is_not(number: str) -> None:
    assert not numbers.s10(number).valid


def test_the_published_vectors_hold() -> None:
    file = PAYLOADS / "upu" / "s10-vectors.json"
    if not file.exists():
        pytest.skip("the reference payloads are not here")
    vectors = json.loads(file.read_text())
    assert all(numbers.s10(number).valid for number in vectors["valid"])
    assert not any(numbers.s10(number).valid for number in vectors["invalid"])


@pytest.mark.parametrize(
    ("number", "carrier"),
    [
        ("1Z5R89390357567127", "ups"),
        ("1Z 999 AA1 01 2345 6784", "ups"),
        ("986578788855", "fedex"),
        ("0414 4176 0228 964", "fedex"),
        ("9611020987654312345672", "fedex"),
        ("3318810025", "dhl express"),
        ("JVGL0999999990", "dhl"),
        ("9400111202544843610364", "usps"),
        ("LP00123456789012", "cainiao"),
        ("CNFR9010123456789HD", "cainiao"),
        ("4PX3000123456789CN", "4px"),
        ("YT2012345678901234", "yunexpress"),
        ("UY894729184YP", "yanwen"),
        ("SF1234567890123", "sf"),
        ("RB123456785GB", "post GB"),
    ],
)
def test_a_carriers_format_is_known(number: str, carrier: str) -> None:
    assert numbers.looks_like(number)[0] == carrier


@pytest.mark.parametrize(
    "number",
    ["1Z5R89390357567128", "996578788855", "3318810010", "9400111202544843610365", "hello", "", "ORDER-1"],
)
def test_a_wrong_check_digit_or_no_number_looks_like_nobodys(number: str) -> None:
    assert numbers.looks_like(number) == ()


@pytest.mark.parametrize(
    ("number", "carriers", "fast"),
    [
        ("1Z5R89390357567127", (), True),
        ("3318810025", (), True),
        ("EB123456785CN", (), True),  # a post's EMS
        ("RB123456785GB", (), False),
        ("LP00123456789012", (), False),
        ("LP00123456789012", ("DHL Express",), True),
        ("LP00123456789012", ("100002",), True),
        ("1Z5R89390357567127", ("Cainiao", "UPS"), False),
        ("1Z5R89390357567127", ("UPS", "Cainiao"), True),
        ("3318810025", ("DHL Paket",), False),
        ("3318810025", ("dhl_ecommerce",), False),
        ("9261292700768711948021", ("FedEx SmartPost",), False),
        ("X", ("Somebody else",), False),
    ],
)
def test_express_is_what_an_integrator_carries(number: str, carriers: tuple[str, ...], fast: bool) -> None:
    assert numbers.express(number, carriers) is fast


def test_numbers_are_compared_without_what_people_type_between() -> None:
    assert numbers.normalise(" rb-1234 5678.5 gb\u200b") == "RB123456785GB"
    assert numbers.normalise("４ＰＸ٣") == "4PX3"


@given(st.integers(0, 99_999_999))
def test_one_wrong_digit_is_always_found(serial: int) -> None:
    digits = f"{serial:08}"
    check = numbers.check_digit(digits)
    assert numbers.s10(f"RA{digits}{check}DE").valid
    assert not numbers.s10(f"RA{digits}{(check + 1) % 10}DE").valid


@given(st.text(max_size=60), st.lists(st.text(max_size=20), max_size=3))
def test_no_text_makes_it_fail(text: str, carriers: list[str]) -> None:
    numbers.s10(text)
    numbers.looks_like(text)
    numbers.express(text, carriers)
