"""A small DHL unified tracking of our own on the loopback: answers as developer.dhl.com documents, and nothing else.

Shape: Shipment Tracking - Unified 1.4.1, https://developer.dhl.com/api-reference/shipment-tracking (read 2026-11-24).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec import json

from tests.servers._faulty import FaultyServer, Reply, Request

PATH = "/track/shipments"
PARAMETERS = {
    "trackingNumber", "service", "requesterCountryCode", "originCountryCode", "recipientPostalCode", "language",
    "offset", "limit",
}  # fmt: skip


class DhlServer(FaultyServer):
    """The server; a number without a script is not found."""

    def __init__(self, *, key: str = "test-key") -> None:
        super().__init__(self._respond)
        self.key = key
        self.shipments: dict[str, list[dict[str, Any]]] = {}

    @property
    def url(self) -> str:
        return self.origin + PATH

    def set_events(self, number: str, events: list[dict[str, Any]], **fields: Any) -> None:
        """Let *number* have these events, newest first, and these other fields of a shipment."""
        shipment = {"id": number, "service": "express", "events": events, **fields}
        self.shipments.setdefault(number, []).append(shipment)

    def _respond(self, request: Request) -> Reply:
        parts = urlsplit(request.path)
        asked = parse_qs(parts.query, keep_blank_values=True)
        if parts.path != PATH or request.method != "GET":
            return _problem(404, "Not Found", "no such resource")
        if request.headers.get("dhl-api-key") != self.key:
            return _problem(401, "Unauthorized", "Unauthorized for given resource.")
        if set(asked) - PARAMETERS or len(asked.get("trackingNumber", [])) != 1:
            return _problem(400, "Bad Request", "unknown or missing parameter")
        number = asked["trackingNumber"][0]
        wanted = asked.get("service", [""])[0]
        shown = [each for each in self.shipments.get(number, []) if not wanted or each["service"] == wanted]
        if not shown:
            said = "No shipment with given tracking number found."
            return _problem(404, "No result found", said, instance=f"/shipment/{number}")
        return Reply(json.encode({"url": request.path, "shipments": shown}))


def _problem(status: int, title: str, detail: str, **more: str) -> Reply:
    return Reply(json.encode({"title": title, "detail": detail, "status": status, **more}), status)


def event(when: str, text: str, *, where: str = "", country: str = "", **more: str) -> dict[str, Any]:
    """Return one event as DHL writes it."""
    address = {"addressLocality": where, **({"countryCode": country} if country else {})}
    return {
        "timestamp": when,
        "statusCode": "transit",
        "description": text,
        "location": {"address": address},
        **more,
    }
