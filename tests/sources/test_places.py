"""Countries are told by name and by three letters, and never by what may be a state."""

from __future__ import annotations

import pytest

from workers.sources._answers import carrier_named
from workers.sources._places import by_three_letters, country_in, name_of, three_letters


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("Austin, TX, United States", "US"),
        ("Germany", "DE"),
        ("Shenzhen, Mainland China", "CN"),
        ("Praha, Czech Republic", "CZ"),
        ("Praha, CZECHIA.", "CZ"),
        ("Hong Kong", "HK"),
        ("San Rafael, CA", ""),
        ("Wilmington, DE", ""),
        ("Atlanta, Georgia", ""),
        ("Beijing", ""),
        ("", ""),
        (None, ""),
        ([], ""),
    ],
)
def test_a_place_ends_in_a_countrys_name_or_tells_none(place: object, code: str) -> None:
    assert country_in(place) == code


def test_two_letters_count_only_where_that_country_is_expected() -> None:
    assert country_in("Frankfurt, DE", "CN", "DE") == "DE"
    assert country_in("Los Angeles, CA", "CN", "US") == ""
    assert country_in("Frankfurt, DE", None, [], "") == ""


@pytest.mark.parametrize(
    ("two", "three"),
    [("DE", "DEU"), ("US", "USA"), ("CD", "COD"), ("MM", "MMR"), ("FR", "FRA"), ("RO", "ROU")],
)
def test_three_letters_and_two_are_each_others(two: str, three: str) -> None:
    assert three_letters(two) == three
    assert by_three_letters(three) == two


def test_odd_codes_tell_no_country() -> None:
    assert [by_three_letters(odd) for odd in ("XQZ", "12", "276", None, "de", "DE ", "ZZZZ")] == [
        "", "", "", "", "DE", "DE", ""
    ]  # fmt: skip
    assert three_letters("") == three_letters("AB") == name_of("AB") == name_of("") == ""


def test_northern_ireland_is_asked_for_under_the_name_of_its_state() -> None:
    assert (name_of("XI"), three_letters("XI")) == ("United Kingdom", "GBR")


def test_names_are_the_plain_ones_and_are_understood_again() -> None:
    for code in ("US", "CZ", "TR", "HK", "BA", "CI", "KR", "GB", "CN", "RU", "VN"):
        name = name_of(code)
        assert name.isascii()
        assert country_in(name) == code


def test_a_carrier_is_named_by_the_users_own_table_or_not_at_all() -> None:
    assert carrier_named(" Royal Mail ", {"royal mail": "gb-post"}) == "gb-post"
    assert carrier_named("usps", {}) == carrier_named("", {"usps": "us-post"}) == ""
