"""Stories of parcels, written by hand as a careful human would write them down; no classifier is asked."""

import random
from dataclasses import replace

import pytest

from tests.stories.score import Watch, read
from workers.core.model import Addressee, Charges, Side, Stage

SCORES = {
    "the usual way": """
        0d 08:00 |    | pre_transit | Order information received | => pre_transit by first_word
        1d 08:00 | CN | in_transit | Picked up | => in_transit by newest_decides
        2d 08:00 | CN | import_customs | Customs clearance started | => export_customs by export_never_import
        2d 12:00 | CN | released | Customs clearance completed | => export_cleared by export_never_import
        3d 08:00 | CN | in_transit | Departed | => in_transit #2
        7d 08:00 | DE | arrived_destination | Arrived in destination country | => arrived_destination
        8d 08:00 | DE | import_customs | Customs clearance started | => import_customs
        9d 08:00 | DE | released | Customs clearance completed | => released
        10d 08:00 | DE | in_transit | Arrived at sorting centre | => in_transit #3 by release_then_last_mile
        11d 08:00 | DE | out_for_delivery | Out for delivery | => out_for_delivery
        11d 15:00 | DE | delivered | Delivered | => delivered
    """,
    "export clearance without a country stays export": """
        1d 08:00 |    | in_transit | Picked up | => in_transit
        2d 08:00 |    | import_customs | Customs clearance started | => export_customs
        2d 12:00 |    | held | Held by customs | .
        3d 12:00 |    | released | Customs released | => export_cleared
    """,
    "after departure customs without a country is import": """
        1d 08:00 | CN | in_transit | Picked up | => in_transit
        2d 08:00 |    | export_cleared | Export customs clearance complete | => export_cleared
        9d 08:00 |    | import_customs | Customs clearance in progress | => import_customs
        9d 18:00 |    | released | Customs released | => released
    """,
    "weeks after the last scan customs is not taken for export": """
        1d 08:00 |    | in_transit | Picked up | => in_transit
        20d 08:00 |    | import_customs | Customs clearance in progress | => import_customs
    """,
    "UPS: pending, released, pending, released within hours, at the origin": """
        1d 08:00 | CN | in_transit | Origin scan | => in_transit
        1d 12:00 | CN | import_customs | Pending release from a Government Agency | => export_customs
        1d 13:30 | CN | released | Released by the Government Agency | => export_cleared
        1d 14:10 | CN | import_customs | Pending release from a Government Agency | .
        1d 15:20 | CN | released | Released by the Government Agency | .
        1d 20:00 | CN | in_transit | Departed from facility | => in_transit #2
    """,
    "UPS: the same at the destination, then it stays pending and is released two days later": """
        1d 08:00 | US | arrived_destination | Arrived | => arrived_destination
        1d 12:00 | US | import_customs | Pending release | => import_customs
        1d 13:30 | US | released | Released | => released
        1d 14:10 | US | import_customs | Pending release | .
        3d 15:20 | US | released | Released | => released #2
    """,
    "a release taken back the next week is a second stay": """
        1d 08:00 | DE | import_customs | In customs | => import_customs
        2d 08:00 | DE | released | Released by customs | => released
        9d 08:00 | DE | import_customs | Presented to customs again | => import_customs #2 by release_taken_back
    """,
    "DHL says clearance updated six times, once for a place the parcel has not reached": """
        1d 08:00 | CN | in_transit | Picked up | => in_transit
        2d 08:00 | HK | in_transit | Departed | .
        2d 10:00 | DE | import_customs | Customs clearance status updated | => import_customs
        2d 12:00 | HK | in_transit | Processed | .
        2d 14:00 | DE | import_customs | Customs clearance status updated | .
        3d 14:00 | DE | import_customs | Customs clearance status updated | .
        3d 18:00 | DE | documents_required addressee=buyer | Further consignee information needed | => documents_required
        4d 09:00 | DE | import_customs | Customs clearance status updated | .
        5d 09:00 | DE | released | Clearance processing complete | => released
    """,
    "clearance in a country of transit is nobody's business": """
        1d 08:00 | CN | in_transit | Picked up | => in_transit
        3d 08:00 | AE | import_customs | Processed for clearance | => transit_customs
        3d 12:00 | AE | released | Clearance processing complete | .
        4d 08:00 | AE | in_transit | Departed | => in_transit #2
        5d 08:00 | DE | import_customs | Processed for clearance | => import_customs
    """,
    "another member of the customs union clears for the destination": """
        1d 08:00 | CN | in_transit | Picked up | => in_transit
        3d 08:00 | BE | import_customs | Customs clearance started | => import_customs
        4d 08:00 | BE | released | Customs clearance completed | => released
    """,
    "customs never says released, the parcel moves on": """
        1d 08:00 | DE | arrived_destination | Arrival at inward office of exchange | => arrived_destination
        1d 18:00 | DE | import_customs | Presented to import customs | => import_customs
        4d 08:00 | DE | in_transit | Departure from inward office of exchange | => in_transit by left_without_release
        5d 08:00 | DE | out_for_delivery | Out for delivery | => out_for_delivery
    """,
    "released before it arrives: the arrival is no last mile": """
        1d 08:00 | CN | in_transit | Picked up | => in_transit
        2d 08:00 | CN | released side=destination | International shipment release - Import | => released
        2d 20:00 | CN | in_transit | Departed | .
        3d 20:00 | DE | arrived_destination | Arrived | .
        4d 08:00 | DE | in_transit | At local facility | => in_transit #2 by release_then_last_mile
    """,
    "an echo of customs after the last mile began": """
        1d 08:00 | DE | import_customs | Import clearance started | => import_customs
        2d 08:00 | DE | released | Import clearance complete | => released
        3d 08:00 | DE | in_transit | At depot | => in_transit by release_then_last_mile
        3d 09:00 | DE | import_customs | Customs update | .
        3d 10:00 | DE | released | Released from customs | .
        4d 08:00 | DE | held | Held by customs | => held
    """,
    "money asked, customs updates, money paid": """
        1d 08:00 | DE | import_customs | In customs | => import_customs
        2d 08:00 | DE | payment_due charges=due addressee=buyer | Import charges due | => payment_due
        2d 18:00 | DE | import_customs | Clearance in progress | .
        3d 08:00 | DE | arrived_destination | Arrived at customs depot | .
        4d 08:00 | DE | payment_received charges=paid | Payment received | => payment_received
        4d 18:00 | DE | released | Released by customs | => released
        4d 19:00 | DE | payment_received charges=paid | Payment recorded | .
    """,
    "held, on its way, held again within hours: two stays, for it had left customs between": """
        1d 06:00 | DE | arrived_destination | Arrived | => arrived_destination
        1d 08:00 | DE | held | Held by customs | => held
        1d 10:00 | DE | in_transit | Departed from customs depot | => in_transit by left_without_release
        1d 12:00 | DE | held | Held by customs | => held #2
    """,
    "released, and the bill comes after it": """
        1d 08:00 | DE | import_customs | In customs | => import_customs
        2d 08:00 | DE | released | Released by customs | => released
        3d 08:00 | DE | payment_due charges=due addressee=buyer | Import VAT due | => payment_due by charge_after_release
        4d 08:00 | DE | payment_received | Paid | => payment_received
        5d 08:00 | DE | out_for_delivery | Out for delivery | => out_for_delivery
    """,
    "a delivery taken back reopens": """
        1d 08:00 | DE | out_for_delivery | Out for delivery | => out_for_delivery
        1d 15:00 | DE | delivered | Delivered | => delivered
        1d 16:00 | DE | pre_transit | Label created | .
        1d 17:00 | DE | released | Released by customs | .
        2d 09:00 | DE | out_for_delivery | Out for delivery | => out_for_delivery #2 by reopened
        2d 15:00 | DE | delivered | Delivered | => delivered #2
    """,
    "delivered at the origin is no delivery": """
        1d 08:00 | CN | in_transit | Picked up | => in_transit
        1d 18:00 | CN | delivered | Delivered to airline | .
        2d 18:00 | CN | available_for_pickup | Ready for collection by carrier | .
    """,
    "back to the sender": """
        1d 08:00 | DE | arrived_destination | Arrived | => arrived_destination
        3d 08:00 | DE | refused causes=restricted_or_prohibited | Import refused | => refused
        4d 08:00 | DE | in_transit | Departed | .
        5d 08:00 | DE | returning | Returning to sender | => returning
        9d 08:00 | CN | in_transit | Arrived at hub | .
        10d 08:00 | CN | import_customs | Customs clearance | .
        11d 08:00 | CN | out_for_delivery | Out for delivery | .
        12d 08:00 | CN | delivered | Delivered | .
    """,
    "a return that is cancelled": """
        1d 08:00 | DE | delivery_failed | Nobody at home | => delivery_failed
        3d 08:00 | DE | returning | Returning to sender | => returning
        4d 08:00 | DE | out_for_delivery | Out for delivery | => out_for_delivery by return_cancelled
        4d 12:00 | DE | delivered | Delivered | => delivered
    """,
    "what nobody understands moves nothing": """
        1d 08:00 | DE | held | Held by customs | => held
        2d 08:00 |    | unknown | Zxqv blorp | .
        3d 08:00 |    | unknown | Zxqv blorp 2 | .
    """,
    "an exception says less than a hold": """
        1d 08:00 | DE | held | Held by customs | => held
        2d 08:00 | DE | exception causes=backlog | Shipment exception | .
        3d 08:00 | DE | released | Released | => released
        4d 08:00 | DE | exception | Damaged | => exception
    """,
    "export papers after departure": """
        1d 08:00 | CN | in_transit | Picked up | => in_transit
        3d 08:00 | DE | arrived_destination | Arrived | => arrived_destination
        3d 12:00 |    | export_cleared | Export cleared | .
        3d 13:00 |    | export_customs | Export customs | .
    """,
    "hubs say arrived again and again": """
        1d 08:00 | CN | in_transit | Picked up | => in_transit
        3d 08:00 | DE | arrived_destination | Arrived in Germany | => arrived_destination
        3d 18:00 | DE | in_transit | Departed | => in_transit #2
        4d 08:00 | DE | arrived_destination | Arrived at facility | .
        4d 18:00 | DE | arrived_destination | Arrived at facility | .
    """,
    "inside one country": """
        1d 08:00 | DE | in_transit | Processed | => in_transit
        2d 08:00 | DE | out_for_delivery | Out for delivery | => out_for_delivery
        2d 12:00 | DE | delivered | Delivered | => delivered
    """,
}
ROADS = {"UPS: the same at the destination, then it stays pending and is released two days later": ("CN", "US"),
         "inside one country": ("DE", "DE")}  # fmt: skip


@pytest.mark.parametrize("name", SCORES)
def test_a_parcel_watched_live_moves_as_a_careful_human_would_write_down(name: str) -> None:
    lines = read(SCORES[name])
    watch = Watch(*ROADS.get(name, ("CN", "DE")))
    for line, (moved, rule) in zip(lines, watch.live(lines), strict=True):
        assert moved == line.expected, f"{line.event[0].text}: {rule}"
        if line.expected and line.rule:
            assert rule == line.rule, line.event[0].text


@pytest.mark.parametrize("name", SCORES)
def test_a_long_history_seen_at_once_ends_where_the_watched_one_does(name: str) -> None:
    lines = read(SCORES[name])
    road = ROADS.get(name, ("CN", "DE"))
    live, once = Watch(*road), Watch(*road)
    live.live(lines)
    first = once.at_once(lines)
    assert first is not None
    assert first.first_look
    assert first.before is Stage.UNKNOWN
    for fact in (
        "stage",
        "side",
        "charges",
        "causes",
        "past_customs",
        "addressee",
        "since",
        "in_customs_since",
    ):
        assert getattr(once.snapshot, fact) == getattr(live.snapshot, fact), fact


@pytest.mark.parametrize("name", SCORES)
def test_order_and_repetition_of_a_look_do_not_matter(name: str) -> None:
    lines = read(SCORES[name])
    road = ROADS.get(name, ("CN", "DE"))
    plain = Watch(*road)
    plain.at_once(lines)
    for seed in range(5):
        mixed = Watch(*road)
        events = [line.event for line in lines] * 2
        shuffled = random.Random(seed)  # noqa: S311 -- the same disorder in every run
        shuffled.shuffle(events)
        mixed.look(events)
        assert mixed.snapshot == plain.snapshot
        shuffled.shuffle(events)
        before = mixed.snapshot
        assert mixed.look(events) is None
        assert mixed.snapshot == before


def play(score: str, origin: str = "CN", destination: str = "DE") -> Watch:
    watch = Watch(origin, destination)
    watch.live(read(score))
    return watch


def test_the_end_of_customs_is_not_the_end_of_charges() -> None:
    watch = play("""
        1d 08:00 | DE | payment_due | Import charges due | => payment_due
        2d 08:00 | DE | released | Customs inspection finished | => released
        3d 08:00 | DE | in_transit | On its way | => in_transit
    """)
    assert watch.snapshot.charges is Charges.DUE
    watch.look([line.event for line in read("4d 08:00 | DE | payment_received | Paid | .")])
    assert watch.snapshot.charges is Charges.PAID
    assert watch.snapshot.stage is Stage.IN_TRANSIT


def test_what_export_customs_asks_is_the_senders() -> None:
    watch = play("""
        1d 08:00 | CN | in_transit | Picked up | => in_transit
        2d 08:00 | CN | documents_required addressee=buyer charges=due causes=missing_documents | Export papers missing | .
    """)
    assert watch.snapshot.stage is Stage.EXPORT_CUSTOMS
    assert watch.snapshot.side is Side.ORIGIN
    assert watch.snapshot.addressee is Addressee.SENDER
    assert watch.snapshot.charges is Charges.UNKNOWN
    assert [c.value for c in watch.snapshot.causes] == ["missing_documents"]


def test_causes_gather_within_a_stage_and_go_with_it() -> None:
    score = """
        1d 08:00 | DE | held causes=missing_documents | Held: invoice missing | => held
        2d 08:00 | DE | held causes=value_misdeclared | Held: value | .
        2d 09:00 | DE | exception causes=backlog | Exception | .
    """
    watch = play(score)
    assert [c.value for c in watch.snapshot.causes] == ["backlog", "value_misdeclared", "missing_documents"]
    watch.look([line.event for line in read(score + "3d 08:00 | DE | released | Released | =>")])
    assert watch.snapshot.causes == ()


def test_time_in_customs_runs_from_the_first_customs_event_and_over_an_oscillation() -> None:
    watch = play("""
        1d 08:00 | DE | import_customs | In customs | => import_customs
        2d 08:00 | DE | inspection | Under inspection | => inspection
        2d 10:00 | DE | released | Released | => released
        2d 12:00 | DE | inspection | Under inspection | .
    """)
    began = read("1d 08:00 | DE | import_customs | In customs | .")[0].event[0].at
    assert watch.snapshot.in_customs_since == began
    assert watch.snapshot.since is not None
    assert watch.snapshot.since.day == 3
    assert watch.snapshot.since.hour == 8
    assert watch.snapshot.occurrence == 1


def test_past_customs_is_movement_after_a_release_and_ends_with_a_new_hold() -> None:
    score = """
        1d 08:00 | DE | released | Released | => released
        2d 08:00 | DE | in_transit | At depot | => in_transit
    """
    watch = play(score)
    assert watch.snapshot.past_customs
    watch.look([line.event for line in read(score + "3d 08:00 | DE | held | Held by customs | =>")])
    assert watch.snapshot.stage is Stage.HELD
    assert not watch.snapshot.past_customs


def test_the_number_of_the_last_mile_is_kept() -> None:
    watch = play("""
        1d 08:00 | CN | in_transit | Picked up | => in_transit
        5d 08:00 | DE | in_transit number=3SXYZ | Handed to PostNL | .
        6d 08:00 | DE | in_transit number=3SXYZ | Sorted | .
    """)
    assert watch.snapshot.next_numbers == ("3SXYZ",)


def test_a_long_history_seen_at_once_counts_its_stays() -> None:
    watch = Watch()
    watch.at_once(read(SCORES["a release taken back the next week is a second stay"]))
    assert watch.snapshot.occurrence == 2
    assert watch.snapshot.occurrences == {"import_customs": 2, "released": 1}


def test_occurrences_never_fall_though_the_events_that_made_them_are_gone() -> None:
    watch = Watch()
    watch.live(read("1d 08:00 | DE | released | Released | =>"))
    watch.snapshot = replace(watch.snapshot, occurrences={"released": 4, "held": 3}, occurrence=4)
    later = "1d 08:00 | DE | released | Released | .\n9d 08:00 | DE | held | Held | ."
    transition = watch.look([line.event for line in read(later)])
    assert transition is not None
    assert transition.occurrence == 4
    assert watch.snapshot.occurrences == {"released": 4, "held": 4}


def test_a_release_without_charges_does_not_undo_a_payment() -> None:
    watch = play("""
        1d 08:00 | DE | payment_received charges=paid | Paid | =>
        2d 08:00 | DE | released charges=none | Released, nothing to pay | =>
    """)
    assert watch.snapshot.charges is Charges.PAID


def test_a_story_told_wrongly_is_caught() -> None:
    """Negative control: the scores can fail."""
    lines = read(SCORES["the usual way"].replace("=> released", "=> held"))
    watch = Watch()
    assert [m for m, _ in watch.live(lines)] != [line.expected for line in lines]
