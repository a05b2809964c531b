"""What a careful human would write down for every capture of the reference payloads, read by the real classifier."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from itertools import pairwise

import pytest

from tests.stories.payloads import FOLDER, parcels
from workers import resources
from workers.core.classify import Classifier
from workers.core.detect import Step, detect, story
from workers.core.model import Addressee, Reading, Side, Sighting, Snapshot, Transition
from workers.knowledge import load_classifier


@dataclass(frozen=True)
class Case:
    file: str
    road: str  # origin-destination
    way: str  # the stages in the order in which they are entered; in brackets where a human may leave one out
    place: int = 0  # which parcel of the file
    lang: str = "en"  # the language that must be known for it
    misread: str = ""  # a wording that the classifier does not read yet as a human does

    def __str__(self) -> str:
        return f"{self.file}[{self.place}]"

    def fits(self, stages: list[str]) -> bool:
        pattern = "".join(
            f"({word[1:-1]} )?" if word.startswith("(") else f"{word} " for word in self.way.split()
        )
        return re.fullmatch(pattern, "".join(f"{stage} " for stage in stages)) is not None


CASES = (
    # the words say "held temporarily", the sub-status says why: documents, which 17TRACK asks of the carrier
    Case(
        "17track/gettrackinfo-customs.synthetic.json",
        "CN-DE",
        "in_transit export_customs export_cleared in_transit arrived_destination import_customs documents_required",
    ),
    Case(
        "17track/webhook-tracking-updated-customs.synthetic.json",
        "CN-DE",
        "in_transit export_customs export_cleared in_transit arrived_destination import_customs documents_required",
    ),
    Case("17track/gettrackinfo-delivered-correios.json", "BR-BR", "in_transit out_for_delivery delivered"),
    Case("17track/gettrackinfo-intransit-unknown-substatus.json", "CN-US", "in_transit arrived_destination"),
    Case("17track/gettrackinfo-exception-returning.json", "BR-PT", "returning"),
    Case("17track/webhook-tracking-updated-v2-dhl-paket.json", "CN-DE", "available_for_pickup"),
    Case(
        "cainiao/delivered-cn-be-2026-02.json",
        "CN-BE",
        "in_transit arrived_destination import_customs released out_for_delivery delivered",
    ),
    Case(
        "cainiao/import-clearance-started-cn-il-2026-09.json", "CN-IL", "arrived_destination import_customs"
    ),
    Case("cainiao/handoff-to-postnl.synthetic.json", "CN-NL", "arrived_destination delivered"),
    Case("cainiao/progress-points.synthetic.json", "CN-NL", "export_cleared released"),
    Case(
        "aftership/v4-cainiao-import-customs-2024-02.json",
        "CN-RU",
        "(pre_transit) in_transit export_customs export_cleared in_transit arrived_destination import_customs",
    ),
    Case("aftership/webhook-tracking-update-2026-07.trimmed.json", "US-US", "in_transit"),
    Case("parcelsapp/read-complete.json", "US-US", "delivered"),
    Case("parcelsapp/create-cached.json", "US-US", "delivered"),
    Case("parcelsapp/create-partialCached.json", "US-US", "in_transit delivered"),
    Case("parcelsapp/webhook-shipmentCompleted.json", "US-US", "in_transit delivered"),
    Case("parcelsapp/webhook-batchCompleted.json", "US-US", "in_transit delivered"),
    Case(
        "parcelsapp/website-v2-china-post-archive-2026-04.json",
        "CN-DE",
        "pre_transit",
    ),
    Case("ship24/tracking-results-by-tracker.json", "CN-US", "in_transit out_for_delivery delivered"),
    Case("ship24/tracking-search-201.json", "CN-US", "in_transit out_for_delivery delivered"),
    Case("ship24/webhook-tracking-results.json", "CN-US", "delivered"),
    Case("ups/track-customs-released.doc.json", "CN-US", "released"),
    # a number used again: two shipments stand under it, and the newer one is meant
    Case(
        "fedex/track-duplicate-results-2024.json",
        "US-US",
        "out_for_delivery delivery_failed (exception) in_transit out_for_delivery delivered",
    ),
    Case("usps/usps-track.json", "US-US", "pre_transit in_transit out_for_delivery delivered"),
    Case("usps/track-detail-accepted.doc.json", "US-US", "in_transit"),
    Case(
        "laposte/suivi-v2-delivered-2023.json",
        "FR-BR",
        "pre_transit in_transit arrived_destination in_transit delivered",
        lang="fr",
    ),
    Case("easypost/tracker-create-test-mode.json", "US-US", "pre_transit"),
    # the label was reported hours after the first scan: paper, no step back
    Case("trackingmore/v2-list-2021.json", "DE-NL", "in_transit out_for_delivery delivered", place=1),
    Case(
        "trackingmore/v2-list-2021.json",
        "NL-NL",
        "pre_transit in_transit exception in_transit (out_for_delivery) delivered",
        place=2,
    ),
    Case("dhl/mydhl-express-track.json", "US-US", "in_transit delivered"),
    Case(
        "auspost/track-items-in-customs.json",
        "AU-GB",
        "pre_transit in_transit export_cleared in_transit",
        place=0,
    ),
    Case(
        "auspost/track-items-in-customs.json",
        "US-AU",
        "in_transit export_cleared arrived_destination in_transit out_for_delivery delivered",
        place=1,
    ),
    Case(
        "auspost/track-items-in-customs.json",
        "AU-NZ",
        # despatched from the export facility three days before: customs is New Zealand's, though no country is given
        "pre_transit in_transit import_customs released out_for_delivery delivered",
        place=2,
    ),
    Case("aliexpress/ds-order-tracking-prod-2026-07-collected.json", "ES-ES", "in_transit"),
    Case(
        "aliexpress/ds-order-tracking-live-2026-02-preparing.json",
        "CN-DE",
        "pre_transit",
    ),
    Case("aliexpress/ds-order-tracking-doc-sample-flat-lists.json", "CN-DE", "delivered"),
)
NO_STORY = {
    "dhl/unified-shipment-customs-remark.doc.json": "the vendor's sample contradicts itself (see its index)",
    "ship24/webhook-history.json": "a log of deliveries of webhooks",
    "fedex/track-clearance-fields.doc.json": "one sample scan says picked up and available for clearance at once",
}
KNOWN_EVENTS = ("time_iso", "actionCode", "checkpoint_time", "occurrenceDatetime", "scanEvents", "trackingEvents",
                "tracking_details", "trackinfo", "detail_node", '"states"', '"activity"', '"event": [')  # fmt: skip

PLAYED = [
    pytest.param(
        case,
        id=str(case),
        marks=[pytest.mark.xfail(reason=case.misread, strict=False)] if case.misread else [],
    )
    for case in CASES
]

if not FOLDER.exists():
    pytest.skip("the reference payloads are not here", allow_module_level=True)


@cache
def classifier() -> Classifier:
    return load_classifier()


def looked(case: Case) -> list[tuple[Sighting, Reading]]:
    if not (resources.knowledge("phrases") / f"{case.lang}.yaml").exists():
        pytest.skip(f"{case.lang} is not read yet")
    found = list(parcels(case.file).values())[case.place]
    read = classifier().read
    return [
        (s, read(s.text, code=s.code, system=s.system, lang=s.lang, translation=s.translation)) for s in found
    ]


def watched(case: Case, looks: list[list[tuple[Sighting, Reading]]]) -> tuple[Snapshot, list[Transition]]:
    origin, destination = case.road.split("-")
    snapshot, moves = Snapshot(), []
    now = max(s.at for s, _ in looks[-1] if s.at) + timedelta(hours=15)
    for place, look in enumerate(looks):
        snapshot, move = detect(
            snapshot,
            look,
            origin=origin,
            destination=destination,
            source="a",
            now=now + timedelta(minutes=place),
        )
        moves += [move] if move else []
    return snapshot, moves


def told(steps: tuple[Step, ...]) -> str:
    return "\n".join(
        f"{step.stage.value:22}{'*' if step.entered else ' '} {step.rule:24} {step.seen.reading.stage.value:22} "
        f"{step.seen.sighting.text[:70]}"
        for step in steps
    )


@pytest.mark.parametrize("case", PLAYED)
def test_a_capture_tells_the_story_a_careful_human_would_write_down(case: Case) -> None:
    snapshot, moves = watched(case, [looked(case)])
    origin, destination = case.road.split("-")
    steps = story(
        snapshot.timeline, origin=origin, destination=destination, now=snapshot.first_look or moves[0].at
    )
    assert case.fits([step.stage.value for step in steps if step.entered]), "\n" + told(steps)
    assert snapshot.stage.value == case.way.split()[-1]
    assert len(moves) == 1
    assert moves[0].first_look


@pytest.mark.parametrize("case", PLAYED)
def test_a_capture_that_grows_event_by_event_moves_the_same_way(case: Case) -> None:
    events = looked(case)
    _, moves = watched(case, [events[:n] for n in range(1, len(events) + 1)])
    assert case.fits([move.after.value for move in moves])
    assert all(a.after == b.before for a, b in pairwise(moves))
    assert all(move.proof is not None and move.rule for move in moves)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_capture_seen_again_moves_nothing(case: Case) -> None:
    events = looked(case)
    _, moves = watched(case, [events, events, events + events])
    assert len(moves) == 1


def test_nobody_is_told_to_act_by_what_the_carrier_is_asked_for() -> None:
    snapshot, _ = watched(CASES[0], [looked(CASES[0])])
    assert snapshot.addressee is not Addressee.BUYER
    assert snapshot.side is Side.DESTINATION


def test_a_story_told_wrongly_is_caught() -> None:
    """Negative control: the comparison of stories can fail."""
    case = replace(CASES[0], way=CASES[0].way.replace("export_customs", "import_customs"))
    _, moves = watched(case, [looked(case)[:n] for n in range(1, 8)])
    assert not case.fits([move.after.value for move in moves])


def test_every_payload_with_events_has_its_story() -> None:
    held = {case.file for case in CASES} | set(NO_STORY)
    for file in sorted(FOLDER.glob("*/*.json")):
        name = f"{file.parent.name}/{file.name}"
        text = file.read_text(encoding="utf-8")
        if "table" in name or "request" in name or "error" in name or name in held:
            continue
        assert not any(key in text for key in KNOWN_EVENTS if f'{key}": []' not in text), name
