"""A small TrackingMore of our own on the loopback: the v4 calls we use, with the response codes its clients document.

Sources: TrackingMore's own v4 clients (response codes, shapes) and support.trackingmore.com (read 2026-11-24).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import json

from tests.servers._faulty import FaultyServer, Reply, Request

PATH = "/v4/"
_FIELDS = frozenset(
    {"tracking_number", "courier_code", "tracking_destination_country", "tracking_postal_code"}
)
_RETRACK = re.compile(r"trackings/retrack/([^/]+)")
_MESSAGES = {
    400: "Request type error.",
    401: "Authentication failed or has no permission.",
    404: "Page does not exist.",
    4101: "Tracking No. already exists.",
    4102: "Tracking No. no exists.",
    4103: "You have exceeded the shipment quantity of API call.",
    4110: "The value of tracking_number is invalid.",
    4112: "Invalid Tracking ID.",
    4113: "Retrack is not allowed. You can only retrack an expired tracking.",
    4120: "The value of courier_code is invalid.",
    4121: "Cannot detect courier.",
    4130: "The format of Field name is invalid.",
    4190: "You are reaching the maximum quota limitation, please upgrade your current plan.",
}


def event(
    when: str, text: str, status: str, substatus: str, place: str = "", **fields: Any
) -> dict[str, Any]:
    """Return one event, its time as the carrier writes it."""
    return {
        "checkpoint_date": when,
        "checkpoint_delivery_status": status,
        "checkpoint_delivery_substatus": substatus,
        "tracking_detail": text,
        "location": place,
        "country_iso2": None,
        "state": None,
        "city": None,
        "zip": None,
        **fields,
    }


class TrackingMoreServer(FaultyServer):
    """The server. A number is followed once it is created; a scripted one may be there beforehand (``know``)."""

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
        self.couriers: dict[str, list[str]] = {}  # what a number is detected as; ["cainiao"] for others
        self.legs: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {}
        self.fields: dict[str, dict[str, Any]] = {}
        self.trackings: dict[str, dict[str, Any]] = {}  # by id
        self.hidden: set[str] = set()  # numbers it has and does not list
        self.created: list[dict[str, Any]] = []
        self.retracked: list[str] = []

    @property
    def url(self) -> str:
        return self.origin + PATH

    def set_events(
        self,
        number: str,
        origin: Sequence[dict[str, Any]],
        destination: Sequence[dict[str, Any]] = (),
        **fields: Any,
    ) -> None:
        """Let *number* have these events at both ends, oldest first, and these other fields of a tracking."""
        self.legs[number] = (list(reversed(origin)), list(reversed(destination)))
        self.fields[number] = fields

    def know(self, number: str, courier: str = "cainiao") -> str:
        """Have *number* among the account's parcels; return its id."""
        made = f"{len(self.trackings) + 1:032x}"
        self.trackings[made] = {"id": made, "tracking_number": number, "courier_code": courier}
        return made

    def _respond(self, request: Request) -> Reply:
        parts = urlsplit(request.path)
        if not parts.path.startswith(PATH):
            return Reply(b"<html>404</html>", 404, kind="text/html")
        if request.headers.get("tracking-api-key") != self.token:
            return _refused(401, status=401)
        path = parts.path.removeprefix(PATH)
        if request.method == "GET" and path == "trackings/get":
            return self._list(parse_qs(parts.query))
        again = _RETRACK.fullmatch(path)
        if request.method == "POST" and again is not None:
            return self._retrack(again[1])
        if request.method != "POST" or path not in {"couriers/detect", "trackings/batch"}:
            return _refused(404, status=404)
        try:
            body = json.decode(request.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _refused(400)
        return self._detect(body) if path == "couriers/detect" else self._batch(body)

    def _list(self, query: dict[str, list[str]]) -> Reply:
        numbers = query.get("tracking_numbers", [""])[0].split(",")
        if len(numbers) > 40:
            return _refused(4103)
        shown = [
            self._tracking(made)
            for made, known in self.trackings.items()
            if known["tracking_number"] in numbers and known["tracking_number"] not in self.hidden
        ]
        return _said(shown)

    def _detect(self, body: Any) -> Reply:
        number = body.get("tracking_number", "") if isinstance(body, dict) else ""
        if not number:
            return _refused(4110)
        codes = self.couriers.get(number, ["cainiao"])
        if not codes:
            return _refused(4121)
        return _said(
            [
                {"courier_code": code, "courier_name": code.title(), "courier_type": "express"}
                for code in codes
            ]
        )

    def _batch(self, body: Any) -> Reply:
        if not isinstance(body, list) or not body:
            return _refused(400)
        if len(body) > 40:
            return _refused(4103)
        if len(self.created) + len(body) > self.quota:
            return _refused(4190)
        success, error = [], []
        for item in body:
            code = self._objection(item)
            named = {key: item.get(key, "") for key in ("tracking_number", "courier_code")}
            if code:
                error.append({"id": "", **named, "errorCode": code, "errorMessage": _MESSAGES[code]})
                continue
            self.created.append(item)
            success.append({"id": self.know(item["tracking_number"], item["courier_code"]), **named})
        return _said({"success": success, "error": error})

    def _objection(self, item: dict[str, Any]) -> int:
        if not item.keys() <= _FIELDS:
            return 4130
        if str(item.get("tracking_number", "BAD")).startswith("BAD"):
            return 4110
        if not item.get("courier_code"):
            return 4120
        same = ("tracking_number", "courier_code")
        known = [tuple(each[key] for key in same) for each in self.trackings.values()]
        return 4101 if tuple(item[key] for key in same) in known else 0

    def _retrack(self, made: str) -> Reply:
        known = self.trackings.get(made)
        if known is None:
            return _refused(4112)
        if made in self.retracked or self._tracking(made)["delivery_status"] != "expired":
            return _refused(4113)
        self.retracked.append(made)
        return _said({key: known[key] for key in ("id", "tracking_number", "courier_code")})

    def _tracking(self, made: str) -> dict[str, Any]:
        known = self.trackings[made]
        number = known["tracking_number"]
        origin, destination = self.legs.get(number, ([], []))
        newest = (destination or origin or [{}])[0]
        return {
            **known,
            "created_at": "2026-10-12T08:47:10+00:00",
            "update_at": f"2026-10-20T17:47:{len(self.requests) % 60:02d}+00:00",  # changes at every look
            "delivery_status": newest.get("checkpoint_delivery_status", "pending"),
            "substatus": newest.get("checkpoint_delivery_substatus", "pending001"),
            "origin_country": "CN",
            "destination_country": "DE",
            "origin_info": {"courier_code": known["courier_code"], "trackinfo": origin},
            "destination_info": {"courier_code": "dhl" if destination else None, "trackinfo": destination},
            **self.fields.get(number, {}),
        }


def _said(data: Any) -> Reply:
    return Reply(
        json.encode({"meta": {"code": 200, "message": "Request response is successful"}, "data": data})
    )


def _refused(code: int, status: int = 400) -> Reply:
    return Reply(json.encode({"meta": {"code": code, "message": _MESSAGES[code]}, "data": []}), status)
