"""A small FedEx of our own on the loopback: tokens and ``/track/v1/trackingnumbers`` as documented, nothing else.

Shape: https://developer.fedex.com, Authorization and Track API, as kept in karrioapi/karrio (2026-06).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import json

from tests.servers._faulty import FaultyServer, Reply, Request
from tests.servers._tokens import TokenDesk


class FedExServer(FaultyServer):
    """The server; a number without a script is not found."""

    def __init__(self) -> None:
        super().__init__(self._respond)
        self.desk = TokenDesk()
        self.results: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[list[str]] = []

    def set_scans(
        self, number: str, scans: list[dict[str, Any]], *, unique: int = 2461000000, **more: Any
    ) -> None:
        """Let *number* have these scans, newest first; called again it has another shipment under the same number."""
        info = {
            "trackingNumber": number,
            "trackingNumberUniqueId": f"{unique}~{number}~FX",
            "carrierCode": "FDXE",
        }
        self.results.setdefault(number, []).append({"trackingNumberInfo": info, "scanEvents": scans, **more})

    def _respond(self, request: Request) -> Reply:
        path = urlsplit(request.path).path
        if request.method == "POST" and path == "/oauth/token":
            form = {key: values[0] for key, values in parse_qs(request.body.decode()).items()}
            right = {"grant_type": "client_credentials", "client_id": "test-id", "client_secret": "test-key"}
            if form != right or request.headers.get("content-type") != "application/x-www-form-urlencoded":
                return _errors(401, "NOT.AUTHORIZED.ERROR", "The given client credentials were not valid.")
            return Reply(json.encode({**self.desk.give(), "scope": "CXS"}))
        if request.method != "POST" or path != "/track/v1/trackingnumbers":
            return _errors(404, "NOT.FOUND.ERROR", "The resource you requested is no longer available.")
        if not self.desk.knows(request.headers.get("authorization")):
            return _errors(401, "NOT.AUTHORIZED.ERROR", "Access token expired.")
        return self._track(request)

    def _track(self, request: Request) -> Reply:
        try:
            said = json.decode(request.body)
            numbers = [each["trackingNumberInfo"]["trackingNumber"] for each in said["trackingInfo"]]
        except (msgspec.DecodeError, KeyError, TypeError):
            return _errors(400, "INVALID.INPUT.EXCEPTION", "Invalid field value in the input")
        if not isinstance(said.get("includeDetailedScans"), bool) or not 1 <= len(numbers) <= 30:
            return _errors(
                400, "TRACKING.TRACKINGNUMBERS.MAXLIMIT", "Please limit your inquiry to 30 tracking numbers."
            )
        if not all(numbers):
            return _errors(400, "TRACKING.TRACKINGNUMBER.EMPTY", "Please provide tracking number.")
        self.asked.append(numbers)
        complete = [
            {"trackingNumber": n, "trackResults": self.results.get(n) or [_missing(n)]} for n in numbers
        ]
        return Reply(json.encode({"transactionId": "t", "output": {"completeTrackResults": complete}}))


def _missing(number: str) -> dict[str, Any]:
    code = "NOTFOUND" if number.isdigit() else "INVALID"
    error = {"code": f"TRACKING.TRACKINGNUMBER.{code}", "message": "Tracking number cannot be found."}
    return {"trackingNumberInfo": {"trackingNumber": number, "trackingNumberUniqueId": ""}, "error": error}


def _errors(status: int, code: str, message: str) -> Reply:
    return Reply(json.encode({"transactionId": "t", "errors": [{"code": code, "message": message}]}), status)


def scan(
    when: str, kind: str, text: str, *, city: str = "", country: str = "", **more: Any
) -> dict[str, Any]:
    """Return one scan as FedEx writes it."""
    where = {"city": city, "countryCode": country}
    return {"date": when, "eventType": kind, "eventDescription": text, "scanLocation": where, **more}
