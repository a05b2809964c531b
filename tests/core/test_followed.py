"""The numbers under which a parcel travels on: what is followed, and what never is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from workers.core.followed import followed
from workers.core.model import Order, ParcelRef, Reading, Seen, Sighting, Snapshot, Stage
from workers.sources import cainiao, seventeentrack, ship24

NOW = datetime(2026, 11, 24, tzinfo=UTC)
REF = ParcelRef("o/LP00123456789012", "LP00123456789012")
ORDER = Order("o", "Lamp", (REF,), "DE", number="8123456789012345")
DHL, POST, UPS = "00340434161094042557", "RR123456785DE", "1Z999AA10123456784"


def numbers(
    *sightings: Sighting, stage: Stage = Stage.RELEASED, taken: frozenset[str] = frozenset()
) -> list[str]:
    timeline = tuple(Seen(s, Reading(Stage.IN_TRANSIT), NOW, (s.source,)) for s in sightings)
    return [one.number for one in followed(Snapshot(stage=stage, timeline=timeline), ORDER, REF, taken)]


def field(number: str, carrier: str = "") -> Sighting:
    return Sighting("track", "Transferred to the last mile carrier", NOW, carrier=carrier, number=number)


def text(said: str) -> Sighting:
    return Sighting("track", said, NOW)


@pytest.mark.parametrize(
    ("sighting", "number"),
    [
        (field(POST), POST),  # its check digit is proof enough
        (field(DHL, "DHL Paket"), DHL),
        (field(UPS, "UPS"), UPS),
        (text(f"Handed over to DHL, tracking number {DHL}"), DHL),
        (text(f"Parcel transferred to UPS (new tracking no. {UPS})"), UPS),
        (text(f"Handed over to Deutsche Post, number {POST}."), POST),
    ],
)
def test_a_number_that_a_source_gives_the_parcel_is_followed(sighting: Sighting, number: str) -> None:
    assert numbers(sighting) == [number]


@pytest.mark.parametrize(
    "sighting",
    [
        field("RR123456784DE"),  # a wrong check digit
        field(DHL),  # nobody says whose
        field(DHL, "La Poste"),  # another's format
        field("00340434161094042556", "DHL"),  # a wrong check digit
        field("8123456789012345", "Cainiao"),  # the order's number
        field(REF.number, "Cainiao"),  # its own
        field("PQ4F6B0000000000000000A", "Correos"),  # a format we do not know
        text(f"Your reference {POST}"),
        text(f"Please pay at example.org, number {POST}"),
        text(f"Consolidated with parcel {UPS}"),
        text(f"Handed over to DHL, tracking number {UPS}"),
    ],
)
def test_what_may_be_another_things_number_is_not_followed(sighting: Sighting) -> None:
    assert numbers(sighting) == []


def test_the_users_own_word_on_a_number_wins() -> None:
    assert numbers(field(POST), taken=frozenset({POST})) == []


def test_nothing_is_followed_after_delivery() -> None:
    assert numbers(field(POST), stage=Stage.DELIVERED) == []


def test_the_newest_numbers_count_and_no_more_than_two() -> None:
    many = [field("RR123456785DE"), field("LX400000015CN"), field("LX400000029CN")]
    assert numbers(*many) == ["LX400000029CN", "LX400000015CN"]


@pytest.mark.parametrize(
    ("module", "answer", "number"),
    [
        (cainiao, "cainiao/handoff-to-postnl.synthetic.json", "3SDFC0123456789"),
        (ship24, "ship24/tracking-search-201.json", "9400111202544843610364"),
        (seventeentrack, "17track/gettrackinfo-delivered-correios.json", None),  # names the parcel's own
    ],
)
def test_the_answers_of_services_name_the_numbers_that_are_followed(
    shared: Path, module: ModuleType, answer: str, number: str | None
) -> None:
    for own, told in module.parse((shared / "payloads" / answer).read_bytes(), source="s").items():
        ref = replace(REF, number=own)
        timeline = tuple(Seen(s, Reading(Stage.IN_TRANSIT), NOW, ("s",)) for s in told)
        found = followed(Snapshot(stage=Stage.RELEASED, timeline=timeline), ORDER, ref)
        assert [one.number for one in found] == ([number] if number else [])
