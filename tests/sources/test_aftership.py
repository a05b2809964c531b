"""The AfterShip source against an AfterShip of our own: one list, few creations, and no belief in subtags on Cainiao's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers._faulty import Reply
from tests.servers.aftership import AfterShipServer, checkpoint
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Found, NoNews, Outcome, aftership

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
A, B, C = "LP00000000000001", "LP00000000000002", "LP00000000000003"
EXPORTED = checkpoint("2026-10-18T20:00:00+08:00", "Export done", "InTransit_005", raw_tag="CC_EX_SUCCESS")
CLEARING = checkpoint(
    "2026-10-21T00:11:46+02:00",
    "Import started",
    "InTransit_005",
    raw_tag="CC_IM_START",
    country_region="DEU",
)


class Asking:
    """A source on a server, with a sleep that only notes how long it would have been, and the memos of the last look."""

    def __init__(self, server: AfterShipServer, **settings: Any) -> None:
        self.slept: list[float] = []
        said = {"token": "test-key", "base_url": server.url, "allow_hosts": ["127.0.0.1"], **settings}
        self.source = aftership.open(
            aftership.Settings.model_validate(said), name="as", clock=lambda: NOW, sleep=self.slept.append
        )
        self.memos: dict[str, str] = {}

    def look(self, *numbers: str, **fields: str) -> list[Outcome]:
        said = self.source.track([Ask(n, n, memo=self.memos.get(n, ""), **fields) for n in numbers])
        for number, outcome in said.items():
            if isinstance(outcome, (Found, NoNews)):
                self.memos[number] = outcome.memo
        return [said[number] for number in numbers]


@pytest.fixture
def server() -> Iterator[AfterShipServer]:
    with AfterShipServer() as running:
        yield running


@pytest.fixture
def asking(server: AfterShipServer) -> Iterator[Asking]:
    made = Asking(server)
    yield made
    made.source.close()


def codes(outcome: Outcome) -> list[tuple[str, str]]:
    assert isinstance(outcome, Found), outcome
    return [(sighting.system, sighting.code) for sighting in outcome.read()]


def test_all_known_numbers_are_read_in_one_call(server: AfterShipServer, asking: Asking) -> None:
    for number in (A, B):
        server.know(number)
        server.set_checkpoints(number, [EXPORTED, CLEARING])
    first, second = asking.look(A, B)
    assert codes(first) == codes(second) == [("cainiao", "CC_EX_SUCCESS"), ("cainiao", "CC_IM_START")]
    assert len(server.requests) == 1
    assert not server.created


def test_a_new_number_is_created_once_and_read_from_the_next_look_on(
    server: AfterShipServer, asking: Asking
) -> None:
    server.know(A)
    server.set_checkpoints(A, [EXPORTED])
    server.set_checkpoints(B, [CLEARING])
    known, new = asking.look(A, B, destination="DE", origin="CN", postcode="10115")
    assert isinstance(known, Found)
    assert isinstance(new, NoNews)
    assert server.created == [
        {
            "tracking_number": B,
            "origin_country_region": "CHN",
            "destination_country_region": "DEU",
            "destination_postal_code": "10115",
        }
    ]
    assert asking.slept == [0.2]
    asking.memos.clear()
    assert codes(asking.look(B)[0]) == [("cainiao", "CC_IM_START")]
    assert len(server.created) == 1


def test_a_carrier_is_sent_by_the_users_own_table_and_chosen_where_a_number_has_several(
    server: AfterShipServer,
) -> None:
    asking = Asking(server, carriers={"DHL": "dhl"})
    refused, made = asking.look("WHOSE00001", carrier="190271"), asking.look("WHOSE00002", carrier="dhl")
    assert isinstance(refused[0], Permanent)
    assert "carriers:" in refused[0].hint
    assert isinstance(made[0], NoNews)
    server.know(A, "cainiao")
    server.know(A, "dhl")
    server.set_checkpoints(A, [EXPORTED])
    both, one = asking.look(A), asking.look(A, carrier="DHL")
    assert len(codes(both[0])) == 2
    assert len(codes(one[0])) == 1
    asking.source.close()


def test_a_refused_number_does_not_harm_its_neighbours(server: AfterShipServer, asking: Asking) -> None:
    refused, impossible, good = asking.look("BAD0000001", "A,B", A)
    assert isinstance(refused, Permanent)
    assert isinstance(impossible, Permanent)
    assert isinstance(good, NoNews)
    assert not any("A%2CB" in request.path for request in server.requests)


def test_a_used_up_plan_concerns_new_numbers_only_and_is_asked_once(
    server: AfterShipServer, asking: Asking
) -> None:
    server.plan = 0
    server.know(C)
    server.set_checkpoints(C, [EXPORTED])
    first, second, known = asking.look(A, B, C)
    for outcome in (first, second):
        assert isinstance(outcome, Temporary)
        assert outcome.after == timedelta(hours=6)
    assert isinstance(known, Found)
    assert len(server.requests) == 2


def test_a_number_that_exists_and_is_not_listed_is_an_error(server: AfterShipServer, asking: Asking) -> None:
    server.know(A)
    server.hidden.add(A)
    (outcome,) = asking.look(A)
    assert isinstance(outcome, Temporary)
    assert "is, and is not" in str(outcome)


def test_what_has_expired_is_followed_again_once(server: AfterShipServer, asking: Asking) -> None:
    made = server.know(A)
    server.trackings[made]["active"] = False
    server.set_checkpoints(A, [EXPORTED], tag="Expired", subtag="Expired_001")
    assert isinstance(asking.look(A)[0], Found)
    assert server.retracked == [made]
    assert asking.memos[A] == "known:again"
    asking.look(A)
    assert len(server.requests) == 3, "list, retrack, list"
    asking.memos.clear()
    asking.look(A)
    assert asking.memos[A] == "known:again", "only once: refused, and remembered"


def test_a_failure_to_follow_again_hides_nothing_and_is_tried_again(
    server: AfterShipServer, asking: Asking
) -> None:
    made = server.know(A)
    server.trackings[made]["active"] = False
    server.set_checkpoints(A, [EXPORTED], tag="Expired", subtag="Expired_001")
    asking.source._sleep = lambda _: server.next_http(503)
    assert isinstance(asking.look(A)[0], Found)
    assert asking.memos[A] == "known"
    asking.source._sleep = lambda _: None
    asking.look(A)
    assert server.retracked == [made]


@pytest.mark.parametrize(
    ("status", "code", "kind", "after"),
    [
        (401, 401, Permanent, None),
        (403, 403, Permanent, None),
        (402, 402, Temporary, timedelta(hours=6)),
        (200, 429, Temporary, timedelta(minutes=1)),
        (200, 401, Permanent, None),
        (400, 4001, Temporary, None),
        (404, 404, Temporary, None),
        (200, 99999, Temporary, None),
        (400, 200, Temporary, None),
    ],
)
def test_documented_errors_of_the_list_are_errors_of_the_source(
    server: AfterShipServer,
    asking: Asking,
    status: int,
    code: int,
    kind: type[Permanent | Temporary],
    after: timedelta | None,
) -> None:
    body = {"meta": {"code": code, "type": "X", "message": "x\n<b>"}, "data": {}}
    server.next_http(status, json.dumps(body).encode())
    with pytest.raises(kind) as raised:
        asking.look(A)
    assert "\n" not in str(raised.value)
    assert getattr(raised.value, "after", None) == after
    assert not isinstance(raised.value, Permanent) or raised.value.hint


@pytest.mark.parametrize("data", [{}, {"trackings": None}, {"trackings": {}}, [], None])
def test_an_answer_without_a_list_creates_nothing(server: AfterShipServer, asking: Asking, data: Any) -> None:
    server.inject(Reply(json.dumps({"meta": {"code": 200}, "data": data}).encode()))
    with pytest.raises(Temporary):
        asking.look(A)
    assert len(server.requests) == 1


def test_creation_stops_where_the_service_fails(server: AfterShipServer, asking: Asking) -> None:
    empty = Reply(b'{"meta":{"code":200},"data":{"trackings":[]}}')
    server.inject(empty, Reply(b"{}", 429, {"Retry-After": "7"}))
    for outcome in asking.look(A, B):
        assert isinstance(outcome, Temporary)
        assert outcome.after == timedelta(seconds=7)
    assert len(server.requests) == 2


def test_a_parcel_that_cannot_be_read_does_not_harm_its_neighbours(
    server: AfterShipServer, asking: Asking
) -> None:
    server.know(A)
    server.know(B)
    server.set_checkpoints(A, [EXPORTED])
    server.set_checkpoints(B, [], checkpoints="none")
    assert [type(outcome) for outcome in asking.look(A, B)] == [Found, Temporary]


def test_the_fingerprint_changes_with_the_events_only(server: AfterShipServer, asking: Asking) -> None:
    server.know(A)
    server.set_checkpoints(A, [EXPORTED])
    (first,), (same,) = asking.look(A), asking.look(A)
    server.set_checkpoints(A, [EXPORTED, CLEARING])
    (other,) = asking.look(A)
    assert isinstance(first, Found)
    assert isinstance(same, Found)
    assert isinstance(other, Found)
    assert first.fingerprint == same.fingerprint != other.fingerprint


def test_the_last_mile_number_stands_on_the_last_miles_events(
    server: AfterShipServer, asking: Asking
) -> None:
    server.know(A)
    out = checkpoint("2026-10-25T08:00:00+02:00", "Out for delivery", "OutForDelivery_001", slug="dhl")
    server.set_checkpoints(
        A, [EXPORTED, CLEARING, out], last_mile={"slug": "dhl", "tracking_number": "00340000000000000001"}
    )
    (outcome,) = asking.look(A)
    assert isinstance(outcome, Found)
    assert [s.number for s in outcome.read()] == ["", "", "00340000000000000001"]


def test_the_capture_of_the_real_service_keeps_cainiaos_own_codes(shared: Path) -> None:
    folder = shared / "payloads" / "aftership"
    by_number = aftership.parse((folder / "v4-cainiao-import-customs-2024-02.json").read_bytes(), source="as")
    assert list(by_number) == ["RLJ00000000"]
    (sightings,) = by_number.values()
    assert {sighting.system for sighting in sightings} == {"cainiao"}
    assert [sighting.code for sighting in sightings] == [
        "GWMS_ACCEPT", "GWMS_PACKAGE", "GWMS_OUTBOUND", "PU_PICKUP_SUCCESS", "SC_INBOUND_SUCCESS",
        "SC_OUTBOUND_SUCCESS", "LH_HO_IN_SUCCESS", "CC_EX_START", "CC_EX_SUCCESS", "LH_HO_AIRLINE", "LH_DEPART",
        "LH_ARRIVE", "CC_HO_IN_SUCCESS", "CC_IM_START",
    ]  # fmt: skip
    assert "completed" not in sightings[-1].text
    pushed = aftership.parse(
        (folder / "webhook-tracking-update-2026-07.trimmed.json").read_bytes(), source="as"
    )
    assert [[s.code for s in sightings] for sightings in pushed.values()] == [["InTransit_001"]]


def test_the_double_refuses_what_the_documents_refuse(server: AfterShipServer) -> None:
    """A double that says yes to everything proves nothing."""
    headers = {"as-api-key": "test-key", "Content-Type": "application/json"}

    def said(method: str, path: str, **sent: Any) -> tuple[int, int]:
        answer = httpx.request(method, server.url + path, headers=headers | sent.pop("headers", {}), **sent)
        return answer.status_code, answer.json()["meta"]["code"]

    assert said("GET", "trackings", headers={"as-api-key": "wrong"}) == (401, 401)
    assert said("GET", "trackings", params={"tracking_numbers": ",".join(["LP1"] * 51)}) == (400, 4008)
    assert said("POST", "trackings", json={"tracking": {"tracking_number": A}}) == (400, 4001)
    assert said("POST", "trackings", json={"tracking_number": A, "destination_country_region": "DE"}) == (
        400,
        4008,
    )
    assert said("POST", "trackings", json={"tracking_number": A}) == (201, 201)
    assert said("POST", "trackings", json={"tracking_number": A}) == (400, 4003)
    assert said("DELETE", "trackings") == (404, 404)
