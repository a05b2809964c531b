"""The Ship24 source against a Ship24 of our own: one tracker a number, its quota, its errors, and its own document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.servers._faulty import Reply, Request
from tests.servers.ship24 import Ship24Server, event
from tests.sources.official import Official
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Found, NoNews, Outcome, ship24

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
A, B, C = "LP00000000000001", "LP00000000000002", "LP00000000000003"
EXPORTED = event(
    "2026-10-18T20:00:00.000Z", "Export customs clearance complete", "customs_cleared", place="Shenzhen"
)
CLEARING = event(
    "2026-10-21T09:00:00", "Import customs clearance started", "customs_received", place="Leipzig, DE"
)


class Asking:
    """A source on a server, with a sleep that only notes how long it would have been, and the memos of the last look."""

    def __init__(self, server: Ship24Server, **settings: Any) -> None:
        self.slept: list[float] = []
        said = {"token": "test-key", "base_url": server.url, "allow_hosts": ["127.0.0.1"], **settings}
        self.source = ship24.open(
            ship24.Settings.model_validate(said), name="s24", clock=lambda: NOW, sleep=self.slept.append
        )
        self.memos: dict[str, str] = {}

    def look(self, *numbers: str, **fields: str) -> list[Outcome]:
        said = self.source.track([Ask(n, n, memo=self.memos.get(n, ""), **fields) for n in numbers])
        for number, outcome in said.items():
            if isinstance(outcome, (Found, NoNews)):
                self.memos[number] = outcome.memo
        return [said[number] for number in numbers]


@pytest.fixture
def server() -> Iterator[Ship24Server]:
    """A server whose every exchange is held against the official document."""
    with Ship24Server() as running:
        yield running
    document = Path(__file__).resolve().parents[2].parent / "shared" / "contracts" / "ship24-tracking.yaml"
    if document.exists():
        official = Official(document, "https://api.ship24.com")
        for request, reply in running.exchanges:
            assert official.objection(request, reply) == ""


@pytest.fixture
def asking(server: Ship24Server) -> Iterator[Asking]:
    made = Asking(server)
    yield made
    made.source.close()


def codes(outcome: Outcome) -> list[str]:
    assert isinstance(outcome, Found), outcome
    return [sighting.code for sighting in outcome.read()]


def calls(server: Ship24Server) -> list[str]:
    return [f"{request.method} {request.path.rpartition('/')[2]}" for request in server.requests]


def test_new_numbers_are_created_in_one_call_and_read_from_the_next_look_on(
    server: Ship24Server, asking: Asking
) -> None:
    server.set_events(A, [EXPORTED, CLEARING])
    assert [type(outcome) for outcome in asking.look(A, B)] == [NoNews, NoNews]
    assert calls(server) == ["POST bulk"]
    first, second = asking.look(A, B)
    assert codes(first) == ["customs_cleared", "customs_received"]
    assert isinstance(second, NoNews)
    assert calls(server) == ["POST bulk", "GET results", "GET results"]
    assert asking.slept == [0.2]
    assert len(server.trackers) == 2


def test_a_lost_memo_creates_no_second_tracker_and_reads_at_once(
    server: Ship24Server, asking: Asking
) -> None:
    server.set_events(A, [EXPORTED])
    asking.look(A)
    asking.memos.clear()
    (outcome,) = asking.look(A)
    assert codes(outcome) == ["customs_cleared"]
    assert len(server.trackers) == 1
    assert calls(server) == ["POST bulk", "POST bulk", "GET results"]


def test_other_particulars_later_create_no_second_tracker(server: Ship24Server, asking: Asking) -> None:
    asking.look(A, destination="DE")
    asking.look(A, destination="DE", postcode="10115")
    assert len(server.trackers) == 1
    asking.memos.clear()
    asking.look(A, destination="FR")
    assert len(server.trackers) == 2, "without the memo it would have been another: the negative control"


def test_a_forgotten_tracker_is_created_again(server: Ship24Server, asking: Asking) -> None:
    asking.look(A, B)
    server.set_events(B, [EXPORTED])
    server.forget(asking.memos[A])
    again, other = asking.look(A, B)
    assert isinstance(again, NoNews)
    assert again.memo in server.trackers
    assert isinstance(other, Found)


def test_what_is_sent_of_a_parcel(server: Ship24Server) -> None:
    asking = Asking(server, carriers={"DHL": "de-post"})
    asking.look(A, origin="CN", destination="XI", postcode="BT1 1AA", carrier="dhl")
    asking.look(B, carrier="190271")
    asking.source.close()
    assert [json.loads(request.body) for request in server.requests] == [
        [
            {
                "trackingNumber": A,
                "originCountryCode": "CN",
                "destinationCountryCode": "GB",
                "destinationPostCode": "BT1 1AA",
                "courierCode": ["de-post"],
            }
        ],
        [{"trackingNumber": B}],
    ]
    assert server.requests[0].headers["authorization"] == "Bearer test-key"


def test_a_refused_number_does_not_harm_its_neighbours(server: Ship24Server, asking: Asking) -> None:
    good, refused, impossible = asking.look(A, "TEST123456", "A B,C")
    assert isinstance(good, NoNews)
    assert isinstance(refused, Permanent)
    assert isinstance(impossible, Permanent)
    assert "check the number" in impossible.hint
    assert b"A B" not in server.requests[0].body


def test_a_used_up_quota_concerns_new_numbers_only(server: Ship24Server, asking: Asking) -> None:
    server.quota = 1
    server.set_events(A, [EXPORTED])
    asking.look(A)
    known, new = asking.look(A, B)
    assert isinstance(known, Found)
    assert isinstance(new, Temporary)
    assert new.after == timedelta(hours=6)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "auth_invalid_key", Permanent),
        (403, "auth_forbidden", Permanent),
        (422, "no_active_subscription", Permanent),
        (409, "request_conflict", Temporary),
        (405, "quota_limit_reached", Temporary),
        (400, "something_new", Temporary),
        (200, "something_new", Temporary),
    ],
)
def test_documented_errors(
    server: Ship24Server, asking: Asking, status: int, code: str, kind: type[Permanent | Temporary]
) -> None:
    asking.look(A)
    body = {"errors": [{"code": code, "message": "x\n<b>"}], "data": None}
    server.next_http(status, json.dumps(body).encode())
    with pytest.raises(kind) as raised:
        asking.look(A)
    assert "\n" not in str(raised.value)
    assert not isinstance(raised.value, Permanent) or raised.value.hint


def test_what_was_read_before_a_failure_counts_and_nothing_is_asked_after_it(
    server: Ship24Server, asking: Asking
) -> None:
    for number in (A, B, C):
        server.set_events(number, [EXPORTED])
    asking.look(A, B, C)
    before = len(server.requests)
    good = Reply(json.dumps({"data": {"trackings": [{"events": server.events[A]}]}}).encode())
    server.inject(good, Reply(b"{}", 429, {"Retry-After": "7"}))
    first, second, third = asking.look(A, B, C)
    assert isinstance(first, Found)
    for outcome in (second, third):
        assert isinstance(outcome, Temporary)
        assert outcome.after == timedelta(seconds=7)
    assert len(server.requests) == before + 2


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"trackings": []}},
        {"data": {"trackings": [{"tracker": {"trackingNumber": "OTHER12345"}, "events": []}]}},
        {"data": {"trackings": [{"events": None}]}},
        {"data": {"trackings": [{}]}},
    ],
)
def test_an_answer_that_shows_no_list_of_events_is_no_silence(
    server: Ship24Server, asking: Asking, body: dict[str, Any]
) -> None:
    asking.look(A, B)
    server.inject(Reply(json.dumps(body).encode()))
    try:
        (outcome,) = asking.look(A)
    except Temporary:
        return
    assert isinstance(outcome, Temporary)


def test_the_fingerprint_changes_with_the_events_only(server: Ship24Server, asking: Asking) -> None:
    asking.look(A)
    server.set_events(A, [EXPORTED])
    (first,) = asking.look(A)
    server.set_events(A, [EXPORTED], delivery={"estimatedDeliveryDate": "2026-11-01T00:00:00.000Z"})
    (same,) = asking.look(A)
    server.set_events(A, [EXPORTED, CLEARING])
    (other,) = asking.look(A)
    assert isinstance(first, Found)
    assert isinstance(same, Found)
    assert isinstance(other, Found)
    assert first.fingerprint == same.fingerprint != other.fingerprint


def test_requests_and_the_doubles_answers_are_as_the_official_document_says(
    server: Ship24Server, asking: Asking, shared: Path
) -> None:
    official = Official(shared / "contracts" / "ship24-tracking.yaml", "https://api.ship24.com")
    server.set_events(A, [EXPORTED, CLEARING])
    asking.look(A, "TEST123456", origin="CN", destination="DE", postcode="10115")
    asking.look(A)
    server.forget(asking.memos[A])
    asking.look(A)
    server.quota = 0
    asking.look(C)
    assert [reply.status for _, reply in server.exchanges] == [207, 200, 404, 201, 403]
    for request, reply in server.exchanges:
        assert official.objection(request, reply) == ""


def test_the_official_document_objects_to_what_is_wrong(shared: Path) -> None:
    """The negative control of the test above."""
    official = Official(shared / "contracts" / "ship24-tracking.yaml", "https://api.ship24.com")
    headers = {"content-type": "application/json", "authorization": "Bearer k"}

    def bulk(body: bytes, **other: str) -> Request:
        return Request("POST", "/public/v1/trackers/bulk", headers | other, body, 0.0)

    good = bulk(b'[{"trackingNumber":"LP00000000000001"}]')
    assert official.objection(good, Reply(b'{"status":"success","data":[]}', 201)) == ""
    assert official.objection(bulk(b'[{"number":"LP00000000000001"}]'))
    assert official.objection(bulk(b'[{"trackingNumber":"LP 1"}]'))
    assert official.objection(bulk(b'{"trackingNumber":"LP00000000000001"}'))
    assert official.objection(
        Request("POST", "/public/v1/trackers/bulk", {"content-type": "application/json"}, good.body, 0.0)
    )
    assert official.objection(good, Reply(b'{"status":"fine"}', 201))
    assert official.objection(good, Reply(b'{"status":"success","data":[]}', 202))
    results = Request("GET", "/public/v1/trackers/t/results", headers, b"", 0.0)
    assert official.objection(results, Reply(b'{"data":{"trackings":[{"events":[{"status":7}]}]}}'))


def test_answers_of_the_real_service_read_as_their_index_says(shared: Path) -> None:
    folder = shared / "payloads" / "ship24"
    number = "9400115901047177598206"
    for name in ("tracking-results-by-tracker.json", "tracking-search-201.json"):
        (sightings,) = ship24.parse((folder / name).read_bytes(), source="s24").values()
        assert list(ship24.parse((folder / name).read_bytes(), source="s24")) == [number]
        assert [s.code for s in sightings] == ["in_transit"] * 7 + [
            "delivery_out_for_delivery",
            "delivery_delivered",
        ]
        assert sightings[0].text == "Package Received"
        assert [s.number for s in sightings] == [""] * 4 + ["9400111202544843610364"] * 5
    pushed = ship24.parse((folder / "webhook-tracking-results.json").read_bytes(), source="s24")
    assert all(pushed.values())
    for name, error in (
        ("create-tracker-201.json", Temporary),
        ("create-tracker-400-invalid-number.json", Permanent),
        ("bulk-create-201.json", Temporary),
        ("bulk-create-207-partial.json", Temporary),
        ("bulk-create-403-forbidden.json", Temporary),
        ("get-tracker-404.json", Temporary),
        ("tracking-search-400.json", Permanent),
        ("couriers-200.json", Temporary),
        ("webhook-history.json", Temporary),
    ):
        with pytest.raises(error):
            ship24.parse((folder / name).read_bytes(), source="s24")


def test_every_documented_status_code_has_a_meaning(shared: Path) -> None:
    table = json.loads((shared / "payloads" / "ship24" / "status-codes.table.json").read_text())
    known = (Path(__file__).parents[2] / "workers" / "knowledge" / "codes" / "ship24.yaml").read_text()
    assert [code for code in (*table["codes"], *table["milestones"]) if f"  {code}: " not in known] == []
