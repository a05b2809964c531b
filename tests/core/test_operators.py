"""Who holds a parcel: by name, by number, by country; and when the honest answer is nobody."""

from __future__ import annotations

import pytest

from workers.core.model import Operator, Order, ParcelRef
from workers.core.operators import choose
from workers.knowledge.law import load_operators

SHIPPED = load_operators()
GB_ITEM = "RB123456785GB"
CN_ITEM = "LZ000000005CN"


def order(destination: str) -> Order:
    return Order(id="o", title="thing", parcels=(ParcelRef("o/1", "1"),), destination=destination)


def chosen(destination: str, number: str = "", *carriers: str) -> str:
    found = choose(order(destination), number=number, carriers=carriers, operators=SHIPPED)
    return found.id if found else ""


@pytest.mark.parametrize(
    ("destination", "carriers", "id_"),
    [
        ("GB", ("Royal Mail",), "royalmail"),
        ("GB", ("Parcelforce Worldwide",), "royalmail"),
        ("DE", ("DHL",), "deutsche_post"),
        ("FR", ("DHL",), "dhl_express"),
        ("DE", ("DHL Express",), "dhl_express"),
        ("FR", ("Colissimo",), "laposte"),
        ("ES", ("Correos",), "correos"),
        ("PL", ("Poczta Polska",), "poczta_polska"),
        ("US", ("UPS",), "ups"),
        ("US", ("USPS",), "usps"),
        ("US", ("FedEx International",), "fedex"),
        ("GB", ("Cainiao", "royalmail"), "royalmail"),
        ("GB", ("Cainiao",), "cainiao"),
    ],
)
def test_a_carrier_that_was_named_is_the_operator(
    destination: str, carriers: tuple[str, ...], id_: str
) -> None:
    assert chosen(destination, "", *carriers) == id_


def test_the_first_carrier_wins_for_it_is_the_users_word_or_the_newest_event() -> None:
    assert chosen("GB", "", "UPS", "Royal Mail") == "ups"
    assert chosen("GB", "", "Royal Mail", "UPS") == "royalmail"


def test_a_name_inside_another_word_is_no_name() -> None:
    assert chosen("US", "", "Groups Logistics") == ""
    assert chosen("US", "", "UPS-Ground") == "ups"


def test_the_post_of_another_country_never_holds_the_parcel() -> None:
    assert chosen("US", "", "Royal Mail") == ""


def test_a_sound_postal_number_leads_to_the_post_of_the_destination() -> None:
    assert chosen("GB", CN_ITEM) == "royalmail"
    assert chosen("DE", "lz 0000 0000 5 cn") == "deutsche_post"


def test_a_postal_number_with_a_wrong_check_digit_leads_nowhere() -> None:
    assert chosen("GB", "LZ000000006CN") == ""


def test_a_couriers_own_number_leads_to_the_courier() -> None:
    assert chosen("DE", "1Z12345E0205271688") == "ups"
    assert chosen("US", "9400110200881234567890") == "usps"


def test_a_name_beats_a_number() -> None:
    assert chosen("GB", CN_ITEM, "FedEx") == "fedex"


def test_nothing_known_means_nobody() -> None:
    assert chosen("GB", "ABC123") == ""
    assert chosen("AQ", CN_ITEM) == ""


def test_two_posts_in_one_country_are_a_tie_that_a_number_cannot_break() -> None:
    two = (
        Operator(id="one", name="One Post", country="ZZ", kind="post"),
        Operator(id="two", name="Two Post", country="ZZ", kind="post"),
    )
    assert choose(order("ZZ"), number=CN_ITEM, carriers=(), operators=two) is None
    assert choose(order("ZZ"), number=CN_ITEM, carriers=(), operators=two[:1]) == two[0]
