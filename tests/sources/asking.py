"""A 17TRACK source on a 17TRACK of our own, looked at as the pipeline does: with the memos of the last look."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.servers.seventeentrack import SeventeenTrackServer, event
from workers.sources import Ask, Found, NoNews, Outcome, seventeentrack

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
A, B, C = "LP00000000000001", "LP00000000000002", "LP00000000000003"
PICKED_UP = event("2026-10-12T10:05:00+08:00", "Received by logistics company", country="CN")
CLEARING = event(
    "2026-10-18T22:40:00+02:00",
    "Import customs clearance started",
    sub_status="InTransit_CustomsProcessing",
    country="DE",
)


class Asking:
    """A source on a server, with a sleep that only notes how long it would have been."""

    def __init__(self, server: SeventeenTrackServer, **settings: Any) -> None:
        said = {"token": "test-key", "base_url": server.url, "allow_hosts": ["127.0.0.1"], **settings}
        self.slept: list[float] = []
        self.source = seventeentrack.open(
            seventeentrack.Settings.model_validate(said),
            name="17t",
            clock=lambda: NOW,
            sleep=self.slept.append,
        )
        self.memos: dict[str, str] = {}

    def look(self, *numbers: str, **fields: str) -> list[Outcome]:
        """Look, remembering memos as the store does."""
        asks = [Ask(parcel=n, number=n, memo=self.memos.get(n, ""), **fields) for n in numbers]
        said = self.source.track(asks)
        for number, outcome in said.items():
            if isinstance(outcome, (Found, NoNews)):
                self.memos[number] = outcome.memo
        return [said[number] for number in numbers]


def found(outcome: Outcome) -> Found:
    assert isinstance(outcome, Found), outcome
    return outcome
