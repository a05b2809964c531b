"""A small AfterShip of our own on the loopback: the calls of version 2026-07 we use, answered as its documents allow.

Sources: https://www.aftership.com/docs/tracking/2026-07 with its OpenAPI document, and /quickstart/request-errors (read
2026-11-22).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import json

from tests.servers._faulty import FaultyServer, Reply, Request

PATH = "/tracking/2026-07/"
_FIELDS = frozenset(
    {
        "tracking_number",
        "slug",
        "origin_country_region",
        "destination_country_region",
        "destination_postal_code",
    }
)
_RETRACK = re.compile(r"trackings/([^/]+)/retrack")
_THREE = re.compile(r"[A-Z]{3}")


def checkpoint(when: str, message: str, subtag: str, *, raw_tag: str = "", **fields: Any) -> dict[str, Any]:
    """Return one checkpoint of a Cainiao parcel."""
    return {
        "created_at": "2026-10-20T08:47:10+00:00",
        "slug": "cainiao",
        "checkpoint_time": when,
        "location": None,
        "city": None,
        "state": None,
        "postal_code": None,
        "coordinate": None,
        "country_region": None,
        "country_region_name": None,
        "message": message,
        "tag": subtag.partition("_")[0],
        "subtag": subtag,
        "subtag_message": "In Transit",
        "raw_tag": raw_tag or None,
        "events": [],
        "source": "carrier",
        **fields,
    }


class AfterShipServer(FaultyServer):
    """The server. A number is followed once it is created; a scripted one may be there beforehand (``know``)."""

    def __init__(
        self,
        *,
        token: str = "test-key",  # noqa: S107 - a made-up key
        plan: int = 100,
        latency: float = 0.0,
    ) -> None:
        super().__init__(self._respond, latency=latency)
        self.token = token
        self.plan = plan  # numbers that can be created
        self.checkpoints: dict[str, list[dict[str, Any]]] = {}
        self.fields: dict[str, dict[str, Any]] = {}
        self.trackings: dict[str, dict[str, Any]] = {}  # by id
        self.hidden: set[str] = set()  # numbers it has and does not list
        self.created: list[dict[str, Any]] = []
        self.retracked: list[str] = []

    @property
    def url(self) -> str:
        return self.origin + PATH

    def set_checkpoints(self, number: str, points: Sequence[dict[str, Any]], **fields: Any) -> None:
        """Let *number* have these checkpoints, oldest first, and these other fields of a tracking."""
        self.checkpoints[number] = list(points)
        self.fields[number] = fields

    def know(self, number: str, slug: str = "cainiao") -> str:
        """Have *number* among the account's parcels; return its id."""
        made = f"{len(self.trackings) + 1:032x}"
        self.trackings[made] = {"id": made, "tracking_number": number, "slug": slug, "active": True}
        return made

    def _respond(self, request: Request) -> Reply:
        parts = urlsplit(request.path)
        if not parts.path.startswith(PATH):
            return Reply(b"<html>404</html>", 404, kind="text/html")
        if request.headers.get("as-api-key") != self.token:
            return _refused(401, 401, "Unauthorized", "Invalid API key.")
        if request.headers.get("content-type") != "application/json":
            return _refused(400, 400, "BadRequest", "The request was invalid or cannot be otherwise served.")
        path = parts.path.removeprefix(PATH)
        if request.method == "GET" and path == "trackings":
            return self._list(parse_qs(parts.query))
        if request.method == "POST" and path == "trackings":
            return self._create(request.body)
        again = _RETRACK.fullmatch(path)
        if request.method == "POST" and again is not None:
            return self._retrack(again[1])
        return _refused(404, 404, "NotFound", "The URI requested is invalid.")

    def _list(self, query: dict[str, list[str]]) -> Reply:
        numbers = query.get("tracking_numbers", [""])[0].split(",")
        if len(numbers) > 50 or not 1 <= int(query.get("limit", ["100"])[0]) <= 200:
            return _refused(400, 4008, "BadRequest", "The value of tracking_numbers is invalid.")
        shown = [
            self._tracking(made)
            for made, known in self.trackings.items()
            if known["tracking_number"] in numbers and known["tracking_number"] not in self.hidden
        ]
        pagination = {"total": len(shown), "next_cursor": "", "has_next_page": False}
        return Reply(
            json.encode({"meta": {"code": 200}, "data": {"pagination": pagination, "trackings": shown}})
        )

    def _create(self, body: bytes) -> Reply:
        try:
            fields = json.decode(body, type=dict[str, str])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _refused(400, 4001, "BadRequest", "Invalid JSON data.")
        number = fields.get("tracking_number", "")
        countries = [
            fields[key] for key in ("origin_country_region", "destination_country_region") if key in fields
        ]
        if not fields.keys() <= _FIELDS or not all(_THREE.fullmatch(code) for code in countries):
            return _refused(400, 4008, "BadRequest", "The value of [field_name] is invalid.")
        if number.startswith("BAD"):
            return _refused(400, 4005, "BadRequest", "The value of tracking_number is invalid.")
        if number.startswith("WHOSE") and "slug" not in fields:
            return _refused(
                400, 4012, "BadRequest", "Unable to import shipment as we don't recognize the carrier."
            )
        if any(known["tracking_number"] == number for known in self.trackings.values()):
            return _refused(400, 4003, "BadRequest", "Tracking already exists.")
        if len(self.created) >= self.plan:
            return _refused(402, 402, "PaymentRequired", "Your plan is used up.")
        self.created.append(fields)
        made = self.know(number, fields.get("slug", "cainiao"))
        answer = {**self._tracking(made), "tag": "Pending", "subtag": "Pending_001", "checkpoints": []}
        return Reply(json.encode({"meta": {"code": 201}, "data": answer}), 201)

    def _retrack(self, made: str) -> Reply:
        known = self.trackings.get(made)
        if known is None:
            return _refused(404, 4004, "NotFound", "Tracking does not exist.")
        if made in self.retracked:
            return _refused(400, 4016, "BadRequest", "You can only retrack each shipment once.")
        if known["active"]:
            return _refused(400, 4013, "BadRequest", "You can only retrack an inactive tracking.")
        self.retracked.append(made)
        return Reply(json.encode({"meta": {"code": 200}, "data": self._tracking(made)}))

    def _tracking(self, made: str) -> dict[str, Any]:
        known = self.trackings[made]
        number = known["tracking_number"]
        points = self.checkpoints.get(number, [])
        return {
            **known,
            "created_at": "2026-10-12T08:47:10+00:00",
            "updated_at": "2026-10-20T17:47:10+00:00",
            "tag": points[-1]["tag"] if points else "Pending",
            "subtag": points[-1]["subtag"] if points else "Pending_001",
            "tracked_count": len(self.requests),  # changes at every look, as the service's does
            "checkpoints": points,
            "last_mile": None,
            **self.fields.get(number, {}),
        }


def _refused(status: int, code: int, kind: str, message: str) -> Reply:
    return Reply(json.encode({"meta": {"code": code, "type": kind, "message": message}, "data": {}}), status)
