"""One event in its context: whose customs, and whether it can be what it says there."""

import pytest

from workers.core.context import one_customs, resolve, side_of
from workers.core.model import Addressee, Charges, Evidence, Reading, Side, Sighting, Stage

FLAGS = {"arrived": False, "departed": False, "export_done": False}


def settled(reading: Reading, country: str = "", *, destination: str = "DE", **flags: bool) -> Reading:
    sighting = Sighting("a", "words", country=country)
    return resolve(reading, sighting, origin="CN", destination=destination, **{**FLAGS, **flags})


@pytest.mark.parametrize(
    ("place", "origin", "destination", "side"),
    [
        ("CN", "CN", "DE", Side.ORIGIN),
        ("DE", "CN", "DE", Side.DESTINATION),
        ("AE", "CN", "DE", Side.TRANSIT),
        ("NL", "CN", "DE", Side.DESTINATION),  # cleared at the first frontier of the union
        ("NL", "FR", "DE", Side.ORIGIN),  # inside the union nothing is cleared
        ("KZ", "CN", "RU", Side.DESTINATION),
        ("uk", "CN", "GB", Side.DESTINATION),
        ("", "CN", "DE", None),
        ("DE", "DE", "DE", None),
        ("NL", "", "DE", Side.DESTINATION),
        ("AE", "", "DE", None),
    ],
)
def test_the_side_of_a_country(place: str, origin: str, destination: str, side: Side | None) -> None:
    assert side_of(place, origin=origin, destination=destination) is side


def test_a_country_we_do_not_know_is_in_no_union() -> None:
    assert not one_customs("", "")
    assert one_customs("CH", "LI")
    assert not one_customs("CH", "DE")


@pytest.mark.parametrize(
    ("stage", "country", "flags", "after", "side"),
    [
        (Stage.IMPORT_CUSTOMS, "DE", {}, Stage.IMPORT_CUSTOMS, Side.DESTINATION),
        (Stage.IMPORT_CUSTOMS, "CN", {}, Stage.EXPORT_CUSTOMS, Side.ORIGIN),
        (Stage.RELEASED, "CN", {}, Stage.EXPORT_CLEARED, Side.ORIGIN),
        (Stage.RELEASED, "AE", {}, Stage.TRANSIT_CUSTOMS, Side.TRANSIT),
        (Stage.HELD, "CN", {"arrived": True}, Stage.EXPORT_CUSTOMS, Side.ORIGIN),
        (Stage.HELD, "", {"arrived": True}, Stage.HELD, Side.DESTINATION),
        (Stage.RELEASED, "", {"departed": True}, Stage.RELEASED, Side.DESTINATION),
        (Stage.IMPORT_CUSTOMS, "", {"export_done": True}, Stage.IMPORT_CUSTOMS, Side.DESTINATION),
        (Stage.RELEASED, "", {"export_done": True}, Stage.EXPORT_CLEARED, Side.ORIGIN),
        (Stage.INSPECTION, "", {"at_origin": True}, Stage.EXPORT_CUSTOMS, Side.ORIGIN),
        (Stage.REFUSED, "CN", {}, Stage.REFUSED, Side.ORIGIN),
        (Stage.IMPORT_CUSTOMS, "", {}, Stage.IMPORT_CUSTOMS, None),  # nothing tells: nothing is guessed
        (Stage.EXPORT_CUSTOMS, "", {}, Stage.EXPORT_CUSTOMS, Side.ORIGIN),
        (Stage.TRANSIT_CUSTOMS, "", {}, Stage.TRANSIT_CUSTOMS, Side.TRANSIT),
        (Stage.DELIVERED, "CN", {}, Stage.IN_TRANSIT, None),
        (Stage.DELIVERED, "CN", {"arrived": True}, Stage.DELIVERED, None),
        (Stage.DELIVERED, "", {}, Stage.DELIVERED, None),
        (Stage.DELIVERED, "NL", {}, Stage.DELIVERED, None),
        (Stage.OUT_FOR_DELIVERY, "CN", {}, Stage.IN_TRANSIT, None),
        (Stage.ARRIVED_DESTINATION, "AE", {}, Stage.IN_TRANSIT, None),
        (Stage.IN_TRANSIT, "AE", {}, Stage.IN_TRANSIT, None),
        (Stage.UNKNOWN, "CN", {}, Stage.UNKNOWN, None),
    ],
)
def test_context_settles_stage_and_side(
    stage: Stage, country: str, flags: dict[str, bool], after: Stage, side: Side | None
) -> None:
    reading = settled(Reading(stage), country, **flags)
    assert (reading.stage, reading.side) == (after, side)
    implied = stage in (Stage.EXPORT_CUSTOMS, Stage.TRANSIT_CUSTOMS)  # the stage itself names its side
    if (after, side) != (stage, None) and not implied:
        assert reading.evidence[-1].kind == "context"
    else:
        assert not reading.evidence


def test_words_that_name_the_side_beat_the_place() -> None:
    said = Reading(Stage.RELEASED, side=Side.DESTINATION, evidence=(Evidence("phrase", "import"),))
    assert settled(said, "CN") == said
    assert (
        settled(Reading(Stage.RELEASED, side=Side.ORIGIN), "DE", arrived=True).stage is Stage.EXPORT_CLEARED
    )


def test_delivered_to_the_sender_is_a_return() -> None:
    assert settled(Reading(Stage.DELIVERED, side=Side.ORIGIN)).stage is Stage.RETURNING


@pytest.mark.parametrize("country", ["CN", "AE"])
@pytest.mark.parametrize("stage", [Stage.DOCUMENTS_REQUIRED, Stage.PAYMENT_DUE, Stage.HELD])
def test_what_other_customs_ask_is_never_the_buyers(country: str, stage: Stage) -> None:
    reading = settled(Reading(stage, addressee=Addressee.BUYER, charges=Charges.DUE), country)
    assert reading.addressee in (Addressee.SENDER, Addressee.CARRIER)
    assert reading.charges is Charges.UNKNOWN


def test_what_the_destination_asks_of_the_buyer_stays_the_buyers() -> None:
    reading = settled(Reading(Stage.PAYMENT_DUE, addressee=Addressee.BUYER, charges=Charges.DUE), "DE")
    assert reading.addressee is Addressee.BUYER
    assert reading.charges is Charges.DUE


def test_resolving_twice_changes_nothing_more() -> None:
    for stage in Stage:
        for country in ("", "CN", "DE", "AE"):
            for flags in (
                {},
                {"arrived": True},
                {"departed": True},
                {"export_done": True},
                {"at_origin": True},
            ):
                once = settled(Reading(stage), country, **flags)
                again = settled(once, country, **flags)
                assert (again.stage, again.side, again.addressee) == (once.stage, once.side, once.addressee)
