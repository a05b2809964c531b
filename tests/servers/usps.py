"""A small USPS of our own on the loopback: tokens and Tracking v3 as documented, nothing else.

Shape: USPS/api-examples (2025-10-31); an answer of November 2024 (karrioapi/karrio).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import json

from tests.servers._faulty import FaultyServer, Reply, Request
from tests.servers._tokens import TokenDesk

PATH = "/tracking/v3/tracking/"


class UspsServer(FaultyServer):
    """The server; a number without a script is not found."""

    def __init__(self) -> None:
        super().__init__(self._respond)
        self.desk = TokenDesk(life=28799)
        self.events: dict[str, list[dict[str, Any]]] = {}

    def _respond(self, request: Request) -> Reply:
        parts = urlsplit(request.path)
        if request.method == "POST" and parts.path == "/oauth2/v3/token":
            return self._token(request)
        if request.method != "GET" or not parts.path.startswith(PATH):
            return _error(404, "Resource not found")
        if not self.desk.knows(request.headers.get("authorization")):
            return _error(401, "Invalid token")
        number = parts.path.removeprefix(PATH)
        if parse_qs(parts.query).get("expand") != ["DETAIL"] or not number.isalnum():
            return _error(400, "OASValidation: the tracking number does not match the pattern")
        if number not in self.events:
            return _error(404, "A status update is not yet available on your package.")
        events = self.events[number]
        said = {"status": events[0]["eventType"], "services": ["USPS Tracking"], "emailEnabled": "true"}
        return Reply(json.encode({**said, "trackingNumber": number, "trackingEvents": events}))

    def _token(self, request: Request) -> Reply:
        right = {"client_id": "test-id", "client_secret": "test-key", "grant_type": "client_credentials"}
        try:
            said = json.decode(request.body)
        except msgspec.DecodeError:
            said = None
        if said != right:
            refused = {"error": "invalid_client", "error_description": "Client authentication failed."}
            return Reply(json.encode(refused), 401)
        return Reply(json.encode({**self.desk.give(), "scope": "tracking", "issued_at": 1763971200000}))


def _error(status: int, message: str) -> Reply:
    error = {"code": str(status), "message": message, "errors": []}
    return Reply(json.encode({"apiVersion": "/tracking/v3", "error": error}), status)


def event(local: str, gmt: str, code: str, text: str, **more: Any) -> dict[str, Any]:
    """Return one event as USPS writes it."""
    empty = {"eventCountry": None, "eventCity": None, "eventState": None, "eventZIP": None, "firm": None}
    return {
        **empty,
        "eventTimestamp": local,
        "GMTTimestamp": gmt,
        "eventCode": code,
        "eventType": text,
        **more,
    }
