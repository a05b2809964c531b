"""A small Ship24 of our own on the loopback: the calls we use, answered only as its OpenAPI document allows.

Source: https://docs.ship24.com/assets/openapi/ship24-tracking-api.yaml and docs.ship24.com/errors (read 2026-11-22).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from msgspec import json

from tests.servers._faulty import FaultyServer, Reply, Request

PATH = "/public/v1/"
_NUMBER = re.compile(r"[a-zA-Z0-9-_/.]{5,50}")
_RESULTS = re.compile(r"trackers/([^/]+)/results")


def event(when: str, text: str, code: str | None = None, *, place: str = "", **fields: Any) -> dict[str, Any]:
    """Return one event; without *code* it is an insignificant one, as most are."""
    return {
        "status": text,
        "occurrenceDatetime": when,
        "location": place or None,
        "sourceCode": "cainiao-tracking",
        "courierCode": "cainiao",
        "statusCode": code,
        "statusCategory": code.partition("_")[0] if code else None,
        "statusMilestone": "in_transit",
        **fields,
    }


class Ship24Server(FaultyServer):
    """The server. A tracker without events shows none yet."""

    def __init__(
        self,
        *,
        token: str = "test-key",  # noqa: S107 - a made-up key
        quota: int = 100,
        latency: float = 0.0,
    ) -> None:
        super().__init__(self._respond, latency=latency)
        self.token = token
        self.quota = quota
        self.events: dict[str, list[dict[str, Any]]] = {}  # newest first
        self.shipments: dict[str, dict[str, Any]] = {}  # fields of a shipment, by number
        self.trackers: dict[str, dict[str, Any]] = {}  # by id
        self.wanted: dict[str, dict[str, Any]] = {}  # what each was created with, by id
        self.exchanges: list[tuple[Request, Reply]] = []

    @property
    def url(self) -> str:
        return self.origin + PATH

    def set_events(self, number: str, events: Sequence[dict[str, Any]], **shipment: Any) -> None:
        """Let *number* have these events, oldest first, and these fields of a shipment."""
        named = [
            {
                "eventId": f"{number}-{at}",
                "trackingNumber": number,
                "eventTrackingNumber": number,
                "order": at,
                **one,
            }
            for at, one in enumerate(events, 1)
        ]
        self.events[number] = named[::-1]
        self.shipments[number] = shipment

    def forget(self, tracker: str) -> None:
        self.trackers.pop(tracker)
        self.wanted.pop(tracker)

    def _respond(self, request: Request) -> Reply:
        reply = self._decide(request)
        self.exchanges.append((request, reply))
        return reply

    def _decide(self, request: Request) -> Reply:
        path = urlsplit(request.path).path
        if not path.startswith(PATH):
            return Reply(b"<html>404</html>", 404, kind="text/html")
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _refused(401, "auth_invalid_key", "The API key is invalid.")
        path = path.removeprefix(PATH)
        results = _RESULTS.fullmatch(path)
        if request.method == "GET" and results is not None:
            return self._results(results[1])
        if request.method == "POST" and path == "trackers/bulk":
            return self._bulk(request.body)
        return Reply(b"<html>404</html>", 404, kind="text/html")

    def _bulk(self, body: bytes) -> Reply:
        try:
            items = json.decode(body, type=list[dict[str, Any]])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _bulk_refused(400, "validation_error", "The body must be a list of trackers.")
        if len(items) > 100:
            return _bulk_refused(400, "bulk_create_limit_exceeded", "At most 100 trackers.")
        if len(self.trackers) >= self.quota and any(item not in self.wanted.values() for item in items):
            return _bulk_refused(403, "quota_limit_reached", "No more quota left. Please update your plan.")
        data = [self._create(item) for item in items]
        counts = [each["itemStatus"] for each in data]
        failed = counts.count("error")
        summary = {
            "totalInputs": len(items),
            "totalCreated": counts.count("created"),
            "totalExisting": counts.count("existing"),
            "totalErrors": failed,
        }
        status = "success" if not failed else "partial"
        return Reply(
            json.encode({"status": status, "summary": summary, "data": data}), 207 if failed else 201
        )

    def _create(self, item: dict[str, Any]) -> dict[str, Any]:
        number = str(item.get("trackingNumber", ""))
        if not _NUMBER.fullmatch(number) or number.startswith("TEST"):
            why = "The trackingNumber provided seems invalid."
            errors = [{"code": "validation_error", "message": why}]
            return {"itemStatus": "error", "inputData": item, "errors": errors}
        for known, wanted in self.wanted.items():
            if wanted == item:
                return {"itemStatus": "existing", "inputData": item, "tracker": self.trackers[known]}
        created = str(UUID(int=len(self.wanted) + 1 + 2**64))
        self.wanted[created] = item
        self.trackers[created] = {
            "trackerId": created,
            "trackingNumber": number,
            "shipmentReference": None,
            "clientTrackerId": None,
            "isSubscribed": True,
            "isTracked": True,
            "createdAt": "2026-10-12T08:00:00.000Z",
        }
        return {"itemStatus": "created", "inputData": item, "tracker": self.trackers[created]}

    def _results(self, tracker: str) -> Reply:
        known = self.trackers.get(tracker)
        if known is None:
            return _refused(404, "tracker_not_found", "Tracker not found.")
        number = known["trackingNumber"]
        events = self.events.get(number, [])
        shipment = {
            "shipmentId": f"shipment-{number}",
            "statusCode": events[0]["statusCode"] if events else None,
            "statusCategory": events[0]["statusCategory"] if events else None,
            "statusMilestone": events[0]["statusMilestone"] if events else "pending",
            "originCountryCode": "CN",
            "destinationCountryCode": "DE",
            "delivery": {"estimatedDeliveryDate": None, "service": None, "signedBy": None},
            "trackingNumbers": [{"tn": number}],
            "recipient": None,
            **self.shipments.get(number, {}),
        }
        result = {"tracker": known, "shipment": shipment, "events": events, "statistics": {"timestamps": {}}}
        return Reply(json.encode({"data": {"trackings": [result]}}))


def _refused(status: int, code: str, message: str) -> Reply:
    return Reply(json.encode({"errors": [{"code": code, "message": message}], "data": None}), status)


def _bulk_refused(status: int, code: str, message: str) -> Reply:
    return Reply(json.encode({"status": "error", "error": {"code": code, "message": message}}), status)
