"""The FedEx source against a FedEx of our own: thirty numbers a call, and of a number used twice the later parcel."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers._faulty import Reply
from tests.servers.fedex import FedExServer, scan
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Found, NoNews, Outcome, fedex

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
PAYLOADS = Path(__file__).resolve().parents[2].parent / "shared" / "payloads" / "fedex"
A, B = "400000000001", "400000000002"
PICKED_UP = scan("2026-11-09T16:05:00+08:00", "PU", "Picked up", city="SHENZHEN", country="CN")
CLEARING = scan("2026-11-12T06:00:00+01:00", "CP", "Clearance in progress", city="KOELN", country="DE")


@pytest.fixture
def server() -> Iterator[FedExServer]:
    with FedExServer() as running:
        yield running


@pytest.fixture
def source(server: FedExServer) -> Iterator[fedex.FedEx]:
    said = {
        "client_id": "test-id",
        "client_secret": "test-key",
        "base_url": server.origin,
        "allow_hosts": ["127.0.0.1"],
    }
    made = fedex.open(fedex.Settings.model_validate(said), name="fx", clock=lambda: NOW)
    yield made
    made.close()


def look(source: fedex.FedEx, *numbers: str) -> list[Outcome]:
    said = source.track([Ask(number, number) for number in numbers])
    return [said[number] for number in numbers]


def found(outcome: Outcome) -> Found:
    assert isinstance(outcome, Found), outcome
    return outcome


def test_one_call_answers_for_each_number_by_itself(server: FedExServer, source: fedex.FedEx) -> None:
    server.set_scans(A, [CLEARING, PICKED_UP])
    shown, missing, invalid = look(source, A, B, "4X")
    assert [(s.code, s.country) for s in found(shown).read()] == [("PU", "CN"), ("CP", "DE")]
    assert isinstance(missing, NoNews)
    assert isinstance(invalid, Permanent)
    assert server.asked == [[A, B, "4X"]]
    assert server.requests[1].headers["x-locale"] == "en_US"


def test_of_a_number_used_twice_the_later_parcel_is_shown(server: FedExServer, source: fedex.FedEx) -> None:
    server.set_scans(A, [PICKED_UP], unique=2461001000)
    server.set_scans(A, [scan("2024-05-01T10:00:00Z", "DL", "Delivered")], unique=2459001000)
    assert [s.code for s in found(look(source, A)[0]).read()] == ["PU"]


def test_a_delay_in_clearance_is_the_code_of_the_scan_it_speaks_of(
    server: FedExServer, source: fedex.FedEx
) -> None:
    delay = {"code": "CP", "delayDetail": {"type": "CLEARANCE", "status": "DELAYED"}}
    server.set_scans(A, [CLEARING, PICKED_UP], latestStatusDetail=delay)
    assert [s.code for s in found(look(source, A)[0]).read()] == ["PU", "delayDetail.CLEARANCE"]
    on_time = {"code": "CP", "delayDetail": {"type": "CLEARANCE", "status": "ON_TIME"}}
    weather = {"code": "CP", "delayDetail": {"type": "WEATHER", "status": "DELAYED"}}
    for other in (on_time, weather, {**delay, "code": "IT"}):
        server.results[A][0]["latestStatusDetail"] = other
        assert [s.code for s in found(look(source, A)[0]).read()] == ["PU", "CP"]


def test_a_hasty_client_is_blocked_for_ten_minutes_not_for_ever(
    server: FedExServer, source: fedex.FedEx
) -> None:
    look(source, A)
    server.inject(Reply(b'{"errors":[{"code":"FORBIDDEN.ERROR","message":"We could not authorize"}]}', 403))
    with pytest.raises(Temporary) as raised:
        look(source, A)
    assert raised.value.after == timedelta(minutes=10)


@pytest.mark.skipif(not PAYLOADS.is_dir(), reason="the reference payloads are not here")
def test_the_reference_answers_are_read() -> None:
    by_number = fedex.parse((PAYLOADS / "track-clearance-fields.doc.json").read_bytes(), source="x")
    assert ("A25", "Picked Up. Package available for clearance") in {
        (s.code, s.text) for told in by_number.values() for s in told
    }
    assert [] in list(by_number.values()), "TRACKING.TRACKINGNUMBER.NOTFOUND"
    twice = fedex.parse((PAYLOADS / "track-duplicate-results-2024.json").read_bytes(), source="x")
    assert [s.code for s in twice["123456789012"]][-1] == "DL", "2460426000 came after 2460425000"
    with pytest.raises(Permanent, match="provide tracking number"):
        fedex.parse((PAYLOADS / "error-empty-number.json").read_bytes(), source="x")
