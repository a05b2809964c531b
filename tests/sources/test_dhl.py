"""The DHL source against a DHL of our own: a call a number, and which of two parcels with one number is meant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.servers._faulty import Reply
from tests.servers.dhl import DhlServer, event
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Found, NoNews, Outcome, dhl

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
PAYLOADS = Path(__file__).resolve().parents[2].parent / "shared" / "payloads" / "dhl"
A, B, C = "4000000001", "4000000002", "4000000003"
PICKED_UP = event("2026-11-10T21:15:00", "Shipment picked up", where="SHENZHEN")
CLEARING = event("2026-11-12T05:02:00", "Clearance Event", where="LEIPZIG", country="DE")


class Asking:
    """A source on a server, with a sleep that only notes how long it would have been."""

    def __init__(self, server: DhlServer, **settings: Any) -> None:
        said = {"token": "test-key", "base_url": server.url, "allow_hosts": ["127.0.0.1"], **settings}
        self.slept: list[float] = []
        self.source = dhl.open(
            dhl.Settings.model_validate(said), name="dhl", clock=lambda: NOW, sleep=self.slept.append
        )

    def look(self, *numbers: str, **fields: str) -> list[Outcome]:
        said = self.source.track([Ask(number, number, **fields) for number in numbers])
        return [said[number] for number in numbers]


@pytest.fixture
def server() -> Iterator[DhlServer]:
    with DhlServer() as running:
        yield running


@pytest.fixture
def asking(server: DhlServer) -> Iterator[Asking]:
    made = Asking(server)
    yield made
    made.source.close()


def found(outcome: Outcome) -> Found:
    assert isinstance(outcome, Found), outcome
    return outcome


def test_numbers_are_asked_one_by_one_and_spaced_as_the_rate_says(server: DhlServer, asking: Asking) -> None:
    server.set_events(A, [CLEARING, PICKED_UP])
    shown, unknown, again = asking.look(A, B, A)
    assert [s.text for s in found(shown).read()] == ["Shipment picked up", "Clearance Event"]
    assert [s.country for s in found(again).read()] == ["", "DE"]
    assert isinstance(unknown, NoNews)
    assert asking.slept == [5.0]
    assert len(server.requests) == 2


def test_the_fingerprint_changes_with_the_events_alone(server: DhlServer, asking: Asking) -> None:
    server.set_events(A, [PICKED_UP], estimatedTimeOfDelivery="2026-11-14T00:00:00")
    before = found(asking.look(A)[0]).fingerprint
    server.shipments[A][0]["estimatedTimeOfDelivery"] = "2026-11-15T00:00:00"
    assert found(asking.look(A)[0]).fingerprint == before
    server.shipments[A][0]["events"] = [CLEARING, PICKED_UP]
    assert found(asking.look(A)[0]).fingerprint != before


def test_of_two_parcels_with_one_number_the_one_for_the_orders_country_is_shown(
    server: DhlServer, asking: Asking
) -> None:
    elsewhere = event("2026-11-20T10:00:00", "Delivered", country="US", where="BOSTON")
    server.set_events(A, [elsewhere], service="ecommerce", destination={"address": {"countryCode": "US"}})
    server.set_events(A, [CLEARING], destination={"address": {"countryCode": "DE"}})
    (mine,) = asking.look(A, destination="DE")
    assert [s.text for s in found(mine).read()] == ["Clearance Event"]
    (latest,) = asking.look(A)
    assert [s.text for s in found(latest).read()] == ["Delivered"]


def test_the_service_and_the_postcode_are_passed_on(server: DhlServer) -> None:
    asking = Asking(server, service="parcel-nl", lang="nl")
    server.set_events(A, [PICKED_UP], service="parcel-nl")
    assert found(asking.look(A, postcode="1011 AB")[0]).read()
    assert "recipientPostalCode=1011+AB" in server.requests[0].path
    assert "language=nl" in server.requests[0].path
    asking.source.close()


def test_another_shipment_than_the_one_asked_for_is_no_answer(server: DhlServer, asking: Asking) -> None:
    server.set_events(A, [PICKED_UP])
    server.shipments[B] = server.shipments[A]
    server.shipments[C] = [{**server.shipments[A][0], "details": {"pieceIds": [C]}}]
    other, piece = asking.look(B, C)
    assert isinstance(other, Temporary)
    assert "service" in other.hint
    assert isinstance(piece, Found)


def test_a_wrong_key_is_permanent_for_all_and_says_what_to_check(server: DhlServer) -> None:
    asking = Asking(server, token="another-key")
    with pytest.raises(Permanent, match="does not accept our credentials") as raised:
        asking.look(A, B)
    assert "token" in raised.value.hint
    assert len(server.requests) == 1, "a refusal is not asked for twice"
    asking.source.close()


def test_a_service_that_asks_to_slow_down_is_left_alone_and_what_was_shown_stays(
    server: DhlServer, asking: Asking
) -> None:
    answer = {"shipments": [{"id": A, "events": [PICKED_UP]}]}
    server.inject(Reply(json.dumps(answer).encode()), Reply(b"{}", 429, {"Retry-After": "60"}))
    first, second, third = asking.look(A, B, C)
    assert isinstance(first, Found)
    assert isinstance(second, Temporary)
    assert isinstance(third, Temporary)
    assert len(server.requests) == 2


def test_one_sick_answer_does_not_hide_the_next_but_two_in_a_row_end_the_look(
    server: DhlServer, asking: Asking
) -> None:
    server.set_events(B, [PICKED_UP])
    server.inject(Reply(b"", 500))
    sick, well = asking.look(A, B)
    assert isinstance(sick, Temporary)
    assert isinstance(well, Found)
    server.inject(Reply(b"", 500), Reply(b"", 500))
    with pytest.raises(Temporary):
        asking.look(A, C, B)
    assert len(server.requests) == 4


def test_a_404_that_is_not_dhls_own_is_an_error(server: DhlServer, asking: Asking) -> None:
    server.inject(Reply(b"{}", 404))
    with pytest.raises(Temporary):
        asking.look(A)


@pytest.mark.skipif(not PAYLOADS.is_dir(), reason="the reference payloads are not here")
def test_the_vendors_own_samples_are_read() -> None:
    def read(name: str) -> dict[str, Any]:
        return dict(dhl.parse((PAYLOADS / name).read_bytes(), source="x"))

    (told,) = read("unified-shipment-customs-remark.doc.json")["7777777770"]
    assert "pending completion of customs inspection" in told.text
    assert (told.code, told.country) == ("pre-transit", "NL")
    assert read("unified-error-404.json") == {"8264715546": []}
    assert [s.code for s in read("mydhl-express-track.json")["9356579890"]] == ["PU", "OK"]
    assert read("mydhl-express-error.json") == {"9356579890": []}
