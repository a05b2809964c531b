"""A small EasyPost of our own on the loopback: trackers are created and read as its documents say, and nothing else.

Shapes: https://docs.easypost.com/docs/trackers and /docs/errors (read 2026-11-24).
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import json

from tests.servers._faulty import FaultyServer, Reply, Request

PATH = "/v2/"


def detail(
    when: str, message: str, status: str = "in_transit", fine: str = "unknown", **where: str
) -> dict[str, Any]:
    """Return one tracking detail."""
    location = {
        "object": "TrackingLocation",
        "city": None,
        "state": None,
        "country": None,
        "zip": None,
        **where,
    }
    return {
        "object": "TrackingDetail", "message": message, "description": None, "status": status, "status_detail": fine,
        "datetime": when, "source": "DHLExpress", "carrier_code": None, "tracking_location": location,
    }  # fmt: skip


class EasyPostServer(FaultyServer):
    """The server. A number it was told to refuse has no carrier; a new one has no details until it is given some."""

    def __init__(self, *, key: str = "test-key") -> None:
        super().__init__(self._respond)
        self.key = key
        self.details: dict[str, list[dict[str, Any]]] = {}  # by number, oldest first
        self.status: dict[str, str] = {}
        self.trackers: dict[str, str] = {}  # number by id
        self.created: list[dict[str, Any]] = []
        self.refused: set[str] = set()

    @property
    def url(self) -> str:
        return self.origin + PATH

    def tracker(self, number: str, name: str) -> dict[str, Any]:
        told = self.details.get(number, [])
        status = self.status.get(number, told[-1]["status"] if told else "unknown")
        return {
            "id": name, "object": "Tracker", "mode": "production", "tracking_code": number, "status": status,
            "status_detail": "unknown", "carrier": "DHLExpress", "tracking_details": told, "finalized": True,
        }  # fmt: skip

    def _respond(self, request: Request) -> Reply:
        path = urlsplit(request.path).path
        wanted = base64.b64encode(f"{self.key}:".encode()).decode()
        if request.headers.get("authorization") != f"Basic {wanted}":
            return _no(401, "APIKEY.INACTIVE", "This api key is no longer active.")
        if request.method == "POST" and path == PATH + "trackers":
            return self._create(request.body)
        name = path.removeprefix(PATH + "trackers/")
        if request.method == "GET" and name in self.trackers:
            return Reply(json.encode(self.tracker(self.trackers[name], name)))
        return _no(404, "NOT_FOUND", "The requested resource could not be found.")

    def _create(self, body: bytes) -> Reply:
        try:
            said = json.decode(body, type=dict[str, dict[str, str]])["tracker"]
            number = said["tracking_code"]
        except (msgspec.DecodeError, KeyError):
            return _no(422, "PARAMETER.REQUIRED", "Missing required parameter.")
        if number in self.refused:
            return _no(422, "TRACKER.CREATE.ERROR", "We could not match this code to a carrier.")
        self.created.append(said)
        name = f"trk_{len(self.created)}"
        self.trackers[name] = number
        return Reply(json.encode(self.tracker(number, name)), 201)


def _no(status: int, code: str, message: str) -> Reply:
    return Reply(json.encode({"error": {"code": code, "message": message, "errors": []}}), status)
