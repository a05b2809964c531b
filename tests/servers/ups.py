"""A small UPS of our own on the loopback: tokens and ``/track/v1/details`` as UPS's OpenAPI document allows, no more.

Shape: UPS-API/api-documentation, Tracking.yaml and OAuthClientCredentials.yaml (2026-07-21).
"""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec import json

from tests.servers._faulty import FaultyServer, Reply, Request
from tests.servers._tokens import TokenDesk

TOKEN = "/security/v1/oauth/token"
DETAILS = re.compile(r"^/api/track/v1/details/([^/?]+)$")


class UpsServer(FaultyServer):
    """The server; a number without a script is not found."""

    def __init__(self) -> None:
        super().__init__(self._respond)
        self.desk = TokenDesk()
        self.packages: dict[str, list[dict[str, Any]]] = {}
        self.missing_as_404 = False
        self.exchanges: list[tuple[Request, Reply]] = []  # those of the tracking interface
        self._basic = "Basic " + base64.b64encode(b"test-id:test-key").decode()

    def set_activity(self, number: str, activity: list[dict[str, Any]]) -> None:
        """Let *number* be one package with these activities, newest first."""
        self.packages[number] = [{"trackingNumber": number, "activity": activity}]

    def _respond(self, request: Request) -> Reply:
        parts = urlsplit(request.path)
        if parts.path == TOKEN:
            return self._token(request)
        reply = self._details(request, parts.path)
        self.exchanges.append((request, reply))
        return reply

    def _token(self, request: Request) -> Reply:
        form = parse_qs(request.body.decode())
        if request.method != "POST" or form.get("grant_type") != ["client_credentials"]:
            return _error(400, "10400", "Invalid/Missing Authorization Header")
        if request.headers.get("authorization") != self._basic:
            return _error(401, "10401", "ClientId is Invalid")
        given = self.desk.give()
        return Reply(json.encode({**given, "expires_in": str(given["expires_in"]), "status": "approved"}))

    def _details(self, request: Request, path: str) -> Reply:
        match = DETAILS.match(path)
        if match is None or request.method != "GET":
            return _error(404, "404", "Not Found")
        if not self.desk.knows(request.headers.get("authorization")):
            return _error(403, "250002", "Invalid Authentication Information.")  # the document knows no 401
        if not request.headers.get("transid") or not request.headers.get("transactionsrc"):
            return _error(400, "TV0001", "Missing transId or transactionSrc")
        number = match[1]
        if not 7 <= len(number) <= 34 or not number.isalnum():
            return _error(400, "TV1002", "Invalid inquiry number")
        packages = self.packages.get(number)
        if packages is None:
            if self.missing_as_404:
                return _error(404, "TW0001", "Tracking Information Not Found")
            warning = {"code": "TW0001", "message": "Tracking Information Not Found"}
            return Reply(json.encode({"trackResponse": {"shipment": [{"warnings": [warning]}]}}))
        shipment = {"inquiryNumber": number, "package": packages}
        return Reply(json.encode({"trackResponse": {"shipment": [shipment]}}))


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(json.encode({"response": {"errors": [{"code": code, "message": message}]}}), status)


def activity(
    day: str, clock: str, status: str, text: str, *, city: str = "", country: str = "", **more: str
) -> dict[str, Any]:
    """Return one activity; *status* is ``type/code/statusCode``, a part may be empty; *clock* is GMT."""
    parts = dict(zip(("type", "code", "statusCode"), status.split("/"), strict=True))
    return {
        "gmtDate": day,
        "gmtTime": clock,
        "status": {**{key: part for key, part in parts.items() if part}, "description": text},
        "location": {"address": {"city": city, "countryCode": country}},
        **more,
    }
