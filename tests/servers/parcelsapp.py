"""A small ParcelsApp of our own on the loopback: API v3 as its OpenAPI document allows. Shows what a test scripts.

Source: https://parcelsapp.com/api-docs/openapi.json, OpenAPI 3.0.3 (read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import json

from tests.servers._faulty import FaultyServer, Reply, Request

PATH = "/api/v3/"
TRACKING = PATH + "shipments/tracking"


def state(date: str, text: str, place: str = "", carrier: int = 0) -> dict[str, Any]:
    """Return one event, its date as the service writes it (UTC)."""
    return {"state": text, "location": place, "date": date, "carrier": carrier}


class ParcelsAppServer(FaultyServer):
    """The server; a number without a script is unknown: its look ends without events."""

    def __init__(
        self,
        *,
        token: str = "test-key",  # noqa: S107 - a made-up key
        limit: int = 300,
        latency: float = 0.0,
    ) -> None:
        super().__init__(self._respond, latency=latency)
        self.token = token
        self.limit = limit  # numbers of the plan
        self.shipments: dict[str, dict[str, Any]] = {}
        self.cached: set[str] = set()  # answered at once
        self.slow: dict[str, int] = {}  # number -> times it must be asked after before it is done
        self.left_out: set[str] = set()  # numbers that a finished answer does not mention
        self.refused: set[str] = set()  # numbers that make a request invalid
        self.counted: set[str] = set()
        self.posted: list[list[dict[str, Any]]] = []
        self.exchanges: list[tuple[Request, Reply]] = []
        self._looks: dict[str, list[str]] = {}  # uuid -> numbers
        self._ids = count(1)

    @property
    def url(self) -> str:
        return self.origin + PATH

    def set_states(self, number: str, states: Sequence[dict[str, Any]], **fields: Any) -> None:
        """Let *number* have these events, oldest first, and these other fields of a shipment."""
        self.shipments[number] = {
            "trackingId": number,
            "status": "transit",
            "origin": "China",
            "destination": "Germany",
            "originCode": "CN",
            "destinationCode": "DE",
            "states": list(reversed(states)),
            "services": [{"slug": "cainiao", "name": "Cainiao"}, {"slug": "dhl", "name": "DHL"}],
            "detectedCarrier": {"slug": "cainiao", "name": "Cainiao"},
            **fields,
        }

    def next_error(self, error: str, **fields: Any) -> None:
        """Answer the next request with an error: with HTTP 200, as the service does."""
        self.inject(Reply(json.encode({"error": error, **fields})))

    def forget(self) -> None:
        """Forget all looks, as the service does after 30 minutes."""
        self._looks.clear()

    def _respond(self, request: Request) -> Reply:
        reply = self._decide(request)
        self.exchanges.append((request, reply))
        return reply

    def _decide(self, request: Request) -> Reply:
        parts = urlsplit(request.path)
        if parts.path != TRACKING or request.method not in {"GET", "POST"}:
            return Reply(b"<html>404</html>", 404, kind="text/html")
        if request.method == "GET":
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            return self._said(self._key(query) or self._read(query.get("uuid", "")))
        try:
            body = json.decode(request.body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._said({"error": "INVALID_PARAMS"})
        return self._said(self._key(body) or self._post(body))

    def _said(self, body: dict[str, Any]) -> Reply:
        return Reply(json.encode(body))

    def _key(self, fields: dict[str, Any]) -> dict[str, Any] | None:
        if not fields.get("apiKey"):
            return {"error": "MISSING_API_KEY", "description": "No .apiKey found"}
        return None if fields["apiKey"] == self.token else {"error": "INVALID_API_KEY"}

    def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        items = body.get("shipments")
        if not isinstance(items, list) or not items:
            return {"error": "NO_SHIPMENTS"}
        self.posted.append(items)
        numbers = [str(item.get("trackingId") or "") for item in items]
        if "" in numbers or self.refused.intersection(numbers):
            return {"error": "INVALID_PARAMS", "description": "A tracking number is invalid"}
        if len(self.counted.union(numbers)) > self.limit:
            return {"error": "SUBSCRIPTION_LIMIT_REACHED"}
        self.counted.update(numbers)
        ready = [self._shipment(number) for number in numbers if number in self.cached]
        if len(ready) == len(numbers):
            return {"done": True, "fromCache": True, "shipments": ready}
        uuid = (
            next((u for u, looked in self._looks.items() if looked == numbers), "")
            or f"look-{next(self._ids)}"
        )
        self._looks[uuid] = numbers
        return {"uuid": uuid, **({"fromCache": True} if ready else {}), "shipments": ready}

    def _read(self, uuid: str) -> dict[str, Any]:
        if not uuid:
            return {"error": "MISSING_UUID", "description": "No .uuid found"}
        if uuid not in self._looks:
            return {"uuid": uuid, "parcels": [], "error": "NO_REQUEST_FOUND"}
        finished = []
        for number in self._looks[uuid]:
            left = self.slow.get(number, 0)
            if left:
                self.slow[number] = left - 1
            else:
                finished.append(number)
        done = len(finished) == len(self._looks[uuid])
        shown = [self._shipment(number) for number in finished if number not in self.left_out]
        return {"uuid": uuid, "done": done, "shipments": shown}

    def _shipment(self, number: str) -> dict[str, Any]:
        return self.shipments.get(number, {"trackingId": number, "states": [], "services": []})
