"""The TrackingMore source against a TrackingMore of our own: one list, one detection and creation, and its codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers._faulty import Reply
from tests.servers.trackingmore import TrackingMoreServer, event
from workers.core.model import TimeQuality
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Found, NoNews, Outcome, trackingmore

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
A, B, C = "LP00000000000001", "LP00000000000002", "LP00000000000003"
EXPORTED = event("2026-10-18 20:00", "Export done", "transit", "transit005", "Shenzhen, China")
HELD = event("2026-10-21 09:00", "Held by customs", "exception", "exception006", "Leipzig,DE")


class Asking:
    """A source on a server, with a sleep that only notes how long it would have been, and the memos of the last look."""

    def __init__(self, server: TrackingMoreServer, **settings: Any) -> None:
        self.slept: list[float] = []
        said = {
            "token": "test-key",
            "base_url": server.url,
            "allow_hosts": ["127.0.0.1"],
            "rate": 10,
            **settings,
        }
        self.source = trackingmore.open(
            trackingmore.Settings.model_validate(said), name="tm", clock=lambda: NOW, sleep=self.slept.append
        )
        self.memos: dict[str, str] = {}

    def look(self, *numbers: str, **fields: str) -> list[Outcome]:
        said = self.source.track([Ask(n, n, memo=self.memos.get(n, ""), **fields) for n in numbers])
        for number, outcome in said.items():
            if isinstance(outcome, (Found, NoNews)):
                self.memos[number] = outcome.memo
        return [said[number] for number in numbers]


@pytest.fixture
def server() -> Iterator[TrackingMoreServer]:
    with TrackingMoreServer() as running:
        yield running


@pytest.fixture
def asking(server: TrackingMoreServer) -> Iterator[Asking]:
    made = Asking(server)
    yield made
    made.source.close()


def codes(outcome: Outcome) -> list[str]:
    assert isinstance(outcome, Found), outcome
    return [sighting.code for sighting in outcome.read()]


def calls(server: TrackingMoreServer) -> list[str]:
    return [request.path.partition("?")[0].removeprefix("/v4/") for request in server.requests]


def test_all_known_numbers_are_read_in_one_call(server: TrackingMoreServer, asking: Asking) -> None:
    for number in (A, B):
        server.know(number)
        server.set_events(number, [EXPORTED], [HELD])
    first, second = asking.look(A, B)
    assert codes(first) == codes(second) == ["transit005", "exception006"]
    assert calls(server) == ["trackings/get"]
    assert isinstance(first, Found)
    last = first.read()[-1]
    assert (last.country, last.carrier, last.quality) == ("DE", "dhl", TimeQuality.ASSUMED)


def test_new_numbers_are_detected_created_in_one_call_and_read_from_the_next_look_on(
    server: TrackingMoreServer, asking: Asking
) -> None:
    server.couriers[A] = ["china-post", "dhl"]
    server.set_events(A, [EXPORTED])
    assert [type(o) for o in asking.look(A, B, destination="XI", postcode="BT1 1AA")] == [NoNews, NoNews]
    assert calls(server) == ["trackings/get", "couriers/detect", "couriers/detect", "trackings/batch"]
    assert asking.slept == [0.1, 0.1, 0.1]
    assert [item["courier_code"] for item in server.created] == ["china-post", "cainiao"], (
        "the first one of several"
    )
    assert server.created[0] == {
        "tracking_number": A,
        "courier_code": "china-post",
        "tracking_destination_country": "GB",
        "tracking_postal_code": "BT1 1AA",
    }
    asking.memos.clear()
    first, second = asking.look(A, B)
    assert codes(first) == ["transit005"]
    assert isinstance(second, NoNews)
    assert len(server.created) == 2


def test_a_carrier_named_in_the_users_own_table_is_not_detected_and_is_chosen_among_several(
    server: TrackingMoreServer,
) -> None:
    asking = Asking(server, carriers={"DHL": "dhl"})
    asking.look(A, carrier="dhl")
    assert "couriers/detect" not in calls(server)
    server.know(A, "cainiao")
    server.set_events(A, [EXPORTED])
    both, one = asking.look(A), asking.look(A, carrier="DHL")
    assert len(codes(both[0])) == 2
    assert len(codes(one[0])) == 1
    asking.source.close()


def test_a_refused_number_does_not_harm_its_neighbours(server: TrackingMoreServer, asking: Asking) -> None:
    server.couriers[B] = []
    refused, impossible, whose, good = asking.look("BAD0000001", "A,B", B, A)
    for outcome in (refused, impossible, whose):
        assert isinstance(outcome, Permanent)
        assert outcome.hint
    assert isinstance(good, NoNews)


def test_a_used_up_quota_concerns_new_numbers_only(server: TrackingMoreServer, asking: Asking) -> None:
    server.quota = 0
    server.know(A)
    server.set_events(A, [EXPORTED])
    known, new = asking.look(A, B)
    assert isinstance(known, Found)
    assert isinstance(new, Temporary)
    assert new.after == timedelta(hours=6)


def test_a_number_that_exists_and_is_not_listed_is_an_error(
    server: TrackingMoreServer, asking: Asking
) -> None:
    server.know(A)
    server.hidden.add(A)
    (outcome,) = asking.look(A)
    assert isinstance(outcome, Temporary)
    assert "is, and is not" in str(outcome)


def test_the_code_for_no_such_number_is_an_empty_list(server: TrackingMoreServer, asking: Asking) -> None:
    server.next_http(400, b'{"meta":{"code":4102,"message":"Tracking No. no exists."},"data":[]}')
    assert [type(outcome) for outcome in asking.look(A)] == [NoNews]
    assert len(server.created) == 1


def test_what_has_expired_is_followed_again_once(server: TrackingMoreServer, asking: Asking) -> None:
    made = server.know(A)
    server.set_events(A, [EXPORTED], delivery_status="expired")
    assert isinstance(asking.look(A)[0], Found)
    assert server.retracked == [made]
    assert asking.memos[A] == "known:again"
    asking.look(A)
    assert len(server.requests) == 3, "list, retrack, list"
    asking.memos.clear()
    asking.look(A)
    assert asking.memos[A] == "known:again", "refused, and remembered"


@pytest.mark.parametrize(
    ("status", "code", "kind", "after"),
    [
        (401, 401, Permanent, None),
        (403, 403, Permanent, None),
        (200, 401, Permanent, None),
        (200, 429, Temporary, timedelta(minutes=2)),
        (400, 4103, Permanent, None),
        (200, 511, Temporary, None),
        (200, 99999, Temporary, None),
        (400, 200, Temporary, None),
    ],
)
def test_documented_errors_of_the_list_are_errors_of_the_source(
    server: TrackingMoreServer,
    asking: Asking,
    status: int,
    code: int,
    kind: type[Permanent | Temporary],
    after: timedelta | None,
) -> None:
    server.next_http(status, json.dumps({"meta": {"code": code, "message": "x\n<b>"}, "data": []}).encode())
    with pytest.raises(kind) as raised:
        asking.look(A)
    assert "\n" not in str(raised.value)
    assert getattr(raised.value, "after", None) == after
    assert not isinstance(raised.value, Permanent) or raised.value.hint


@pytest.mark.parametrize("data", [{}, None, "x", 7, {"items": None}])
def test_an_answer_without_a_list_creates_nothing(
    server: TrackingMoreServer, asking: Asking, data: Any
) -> None:
    server.inject(Reply(json.dumps({"meta": {"code": 200}, "data": data}).encode()))
    with pytest.raises(Temporary):
        asking.look(A)
    assert len(server.requests) == 1


def test_creation_stops_where_the_service_fails_and_the_list_still_counts(
    server: TrackingMoreServer, asking: Asking
) -> None:
    server.know(C)
    server.set_events(C, [EXPORTED])
    listed = Reply(
        json.dumps({"meta": {"code": 200}, "data": [server._tracking(next(iter(server.trackings)))]}).encode()
    )
    server.inject(listed, Reply(b"{}", 429, {"Retry-After": "7"}))
    first, second, known = asking.look(A, B, C)
    for outcome in (first, second):
        assert isinstance(outcome, Temporary)
        assert outcome.after == timedelta(seconds=7)
    assert isinstance(known, Found)
    assert len(server.requests) == 2


def test_a_parcel_that_cannot_be_read_does_not_harm_its_neighbours(
    server: TrackingMoreServer, asking: Asking
) -> None:
    server.know(A)
    server.know(B)
    server.set_events(A, [EXPORTED])
    server.set_events(B, [], origin_info={"trackinfo": "none"})
    assert [type(outcome) for outcome in asking.look(A, B)] == [Found, Temporary]


def test_the_fingerprint_changes_with_the_events_only(server: TrackingMoreServer, asking: Asking) -> None:
    server.know(A)
    server.set_events(A, [EXPORTED])
    (first,), (same,) = asking.look(A), asking.look(A)
    server.set_events(A, [EXPORTED, HELD])
    (other,) = asking.look(A)
    assert isinstance(first, Found)
    assert isinstance(same, Found)
    assert isinstance(other, Found)
    assert first.fingerprint == same.fingerprint != other.fingerprint


def test_the_capture_of_the_older_version_reads_as_its_index_says(shared: Path) -> None:
    body = (shared / "payloads" / "trackingmore" / "v2-list-2021.json").read_bytes()
    by_number = trackingmore.parse(body, source="tm")
    assert {number: len(sightings) for number, sightings in by_number.items()} == {
        "CL72111111111111111NL": 1,
        "1Z111111111111": 11,
        "3SL33333333333": 7,
    }
    ups = by_number["1Z111111111111"]
    assert [s.code for s in ups[:4]] == ["notfound001", "transit001", "notfound001", "transit001"]
    assert (ups[-1].text, ups[-1].code, ups[-1].carrier) == ("DELIVERED", "delivered001", "ups")
    assert [s.code for s in by_number["CL72111111111111111NL"]] == ["exception"], "a status without events"


def test_the_double_refuses_what_the_documents_refuse(server: TrackingMoreServer) -> None:
    """A double that says yes to everything proves nothing."""

    def said(method: str, path: str, key: str = "test-key", **sent: Any) -> tuple[int, int]:
        answer = httpx.request(method, server.url + path, headers={"Tracking-Api-Key": key}, **sent)
        return answer.status_code, answer.json()["meta"]["code"]

    assert said("GET", "trackings/get", key="wrong") == (401, 401)
    assert said("GET", "trackings/get", params={"tracking_numbers": ",".join(["LP1"] * 41)}) == (400, 4103)
    assert said("POST", "trackings/batch", json={"tracking_number": A}) == (400, 400)
    assert said("POST", "trackings/batch", json=[{"tracking_number": A}] * 41) == (400, 4103)
    assert said("POST", "trackings/retrack/nobody") == (400, 4112)
    assert said("DELETE", "trackings/get") == (404, 404)
    without = httpx.post(
        server.url + "trackings/batch",
        headers={"Tracking-Api-Key": "test-key"},
        json=[{"tracking_number": A}],
    ).json()
    assert without["data"]["error"][0]["errorCode"] == 4120
    assert not server.created
