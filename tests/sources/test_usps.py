"""The USPS source against a USPS of our own: few calls, GMT times, and events of customs without a date."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.servers.usps import UspsServer, event
from workers.core.model import TimeQuality
from workers.errors import Permanent
from workers.sources import Ask, Found, NoNews, Outcome, usps

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
PAYLOADS = Path(__file__).resolve().parents[2].parent / "shared" / "payloads" / "usps"
A, B, C = "LX000000001CN", "LX000000002CN", "LX000000003CN"
INTO = event("2026-11-12T13:16:00", "2026-11-12T19:16:10Z", "", "Inbound Into Customs", eventState="IL")
OUT = event("2026-11-13T04:20:00", "2026-11-13T10:20:12Z", "", "Inbound Out of Customs", eventState="IL")


class Asking:
    """A source on a server, with a sleep that only notes how long it would have been."""

    def __init__(self, server: UspsServer, **settings: Any) -> None:
        said = {
            "client_id": "test-id",
            "client_secret": "test-key",
            "base_url": server.origin,
            "allow_hosts": ["127.0.0.1"],
            **settings,
        }
        self.slept: list[float] = []
        self.source = usps.open(
            usps.Settings.model_validate(said), name="us", clock=lambda: NOW, sleep=self.slept.append
        )

    def look(self, *numbers: str) -> list[Outcome]:
        said = self.source.track([Ask(number, number) for number in numbers])
        return [said[number] for number in numbers]


@pytest.fixture
def server() -> Iterator[UspsServer]:
    with UspsServer() as running:
        yield running


@pytest.fixture
def asking(server: UspsServer) -> Iterator[Asking]:
    made = Asking(server)
    yield made
    made.source.close()


def test_the_time_is_gmt_and_a_place_with_a_state_is_in_the_states(
    server: UspsServer, asking: Asking
) -> None:
    server.events[A] = [OUT, INTO]
    (shown,) = asking.look(A)
    assert isinstance(shown, Found)
    told = shown.read()
    assert [s.text for s in told] == ["Inbound Into Customs", "Inbound Out of Customs"]
    assert told[0].at == datetime(2026, 11, 12, 19, 16, 10, tzinfo=UTC)
    assert {(s.quality, s.country) for s in told} == {(TimeQuality.EXACT, "US")}


def test_by_default_no_more_is_asked_than_a_new_app_may() -> None:
    settings = usps.Settings.model_validate({"client_id": "a", "client_secret": "b"})
    assert settings.batch == 1
    assert settings.rate * 3600 < 60


def test_numbers_fare_each_for_itself(server: UspsServer, asking: Asking) -> None:
    server.events[A] = [OUT]
    missing, invalid, shown = asking.look(B, "X-1", A)
    assert isinstance(missing, NoNews)
    assert isinstance(invalid, Permanent)
    assert isinstance(shown, Found)
    assert asking.slept == [62.5, 62.5]


def test_an_app_without_access_to_tracking_is_told_so(server: UspsServer) -> None:
    asking = Asking(server, client_secret="another")
    with pytest.raises(Permanent, match="Client authentication failed") as raised:
        asking.look(A)
    assert "tracking" in raised.value.hint
    asking.source.close()


@pytest.mark.skipif(not PAYLOADS.is_dir(), reason="the reference payloads are not here")
def test_the_reference_answers_are_read() -> None:
    def read(name: str) -> Any:
        return usps.parse((PAYLOADS / name).read_bytes(), source="x")

    told = read("usps-track.json")["9400109104250532908587"]
    assert (told[0].code, told[-1].code, told[-1].quality) == ("GX", "01", TimeQuality.EXACT)
    (accepted,) = read("track-detail-accepted.doc.json")["XXXXXXXXXXXXXXXXXXXX"]
    assert accepted.quality is TimeQuality.ASSUMED, "07:31:00Z is 7:31 in Virginia"
    with pytest.raises(Permanent, match="credentials"):
        read("usps-auth-error.json")
