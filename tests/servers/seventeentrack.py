"""A 17TRACK of our own on the loopback: the v2.4 calls we use, answered only as the documentation allows.

Sources: https://asset.17track.net/api/document/v2.4_en/index.html and the error codes of https://help.17track.net
article 37570440168473 (read 2026-11-22). Runs inside tests, benchmarks and demonstrations alike::

    with SeventeenTrackServer(token="any-key", rate=None) as server:
        server.set_events("LP00000000000001", [event("2026-10-12T10:05:00+08:00", "Received by logistics company")])
        ... server.url ...
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import json

from tests.servers._faulty import FaultyServer, Reply, Request
from tests.servers._seventeentrack_shapes import CAINIAO, Parcel, event, listed
from tests.servers._seventeentrack_shapes import item as item_of

__all__ = ["CAINIAO", "Call", "Parcel", "SeventeenTrackServer", "event"]

PATH = "/track/v2.4/"
_NUMBER = re.compile(r"[A-Za-z0-9]{5,50}")
_MESSAGES = {
    -18010002: "Invalid security key.",
    -18010012: "The format of '{0}' is invalid.",
    -18010013: "Submitted data is invalid.",
    -18010011: "The value of '{0}' is invalid.",
    -18010019: "The postal code is required.",
    -18010020: "The phone number is required.",
    -18010014: "The number of tracking numbers can not exceed 40.",
    -18019803: "The new carrier is the same as the old one.",
    -18019805: "The old carrier of '{0}' does not match.",
    -18019807: "The carrier of '{0}' can not be changed any more.",
    -18019901: "Tracking number {0} is already registered.",
    -18019902: "The tracking number '{0}' does not register, please register first.",
    -18019903: "The carrier of '{0}' can not be detected.",
    -18019904: "Only stopped tracking numbers can be retracked.",
    -18019905: "A tracking number can be retracked only once.",
    -18019906: "Only tracking numbers that are being tracked can be stopped.",
    -18019907: "The daily limit is exceeded.",
    -18019908: "The quota is exhausted.",
    -18019909: "No tracking information at this time.",
}
_ORDERS = frozenset(f"{what}Time{way}" for what in ("Register", "Push", "Track") for way in ("Asc", "Desc"))
_UNAUTHORIZED = frozenset({-18010001, -18010002, -18010004, -18010005})


@dataclass(frozen=True, slots=True)
class Call:
    """One request, for the test to look at."""

    endpoint: str
    items: tuple[Mapping[str, Any], ...]
    at: float  # time.monotonic()
    status: int
    code: int

    @property
    def numbers(self) -> list[str]:
        return [str(item.get("number")) for item in self.items]


class SeventeenTrackServer(FaultyServer):
    """The server. ``rate=None`` turns the limit of requests a second off (for load)."""

    def __init__(
        self,
        *,
        token: str = "test-key",  # noqa: S107 - a made-up key
        rate: float | None = 3.0,
        quota: int = 200,
        daily: int = 10_000_000,
        latency: float = 0.0,
    ) -> None:
        super().__init__(self._respond, latency=latency)
        self.token = token
        self.rate = rate
        self.quota = quota
        self.daily = daily
        self.used = 0
        self.calls: list[Call] = []
        self.parcels: dict[str, Parcel] = {}
        self.registered: dict[str, list[int]] = {}  # number -> carriers
        self.tags: dict[str, str | None] = {}
        self.changes: dict[str, int] = {}
        self._errors: deque[tuple[int, str, int]] = deque()
        self._window: deque[float] = deque()
        self._lock = threading.Lock()
        self._ticks = 0

    @property
    def url(self) -> str:
        return self.origin + PATH

    # --- scripting

    def parcel(self, number: str, **fields: Any) -> Parcel:
        """Return the parcel *number*, made if it is new, with *fields* set."""
        parcel = self.parcels.setdefault(number, Parcel(number))
        for key, value in fields.items():
            setattr(parcel, key, value)
        return parcel

    def set_events(self, number: str, events: Sequence[dict[str, Any]], **fields: Any) -> Parcel:
        """Let *number* have these events, oldest first."""
        return self.parcel(number, events=list(events), **fields)

    def push_event(self, number: str, one: dict[str, Any]) -> None:
        self.parcel(number).events.append(one)

    def register(self, *numbers: str) -> None:
        """Have numbers registered beforehand, free of charge."""
        for number in numbers:
            self.registered[number] = [self.parcel(number).carrier]

    def forget(self, number: str) -> None:
        """Delete a registration, as the service does 90 days after it stopped following a number."""
        self.registered.pop(number, None)

    def next_error(self, code: int, message: str = "", *, status: int | None = None) -> None:
        """Fail the next call as a whole; ``status`` 200 gives "HTTP 200 and yet an error", code 0 included."""
        self._errors.append((code, message, status or (401 if code in _UNAUTHORIZED else 200)))

    def endpoints(self) -> list[str]:
        return [call.endpoint for call in self.calls]

    # --- answering

    def _respond(self, request: Request) -> Reply:
        endpoint = request.path.removeprefix(PATH).partition("?")[0]
        with self._lock:
            items, status, body = self._answered(request, endpoint)
            self.calls.append(Call(endpoint, tuple(items), request.at, status, int(body.get("code", 0))))
        return Reply(json.encode(body), status)

    def _answered(self, request: Request, endpoint: str) -> tuple[list[dict[str, Any]], int, dict[str, Any]]:
        if request.headers.get("17token") != self.token:
            return [], 401, _failure(-18010002)
        if not self._admit(request.at):
            return (
                [],
                429,
                {"code": 429, "data": {"errors": [{"code": 429, "message": "Too many requests."}]}},
            )
        answers = {
            "register": self._register,
            "gettrackinfo": self._info,
            "changecarrier": self._change,
            "deletetrack": self._delete,
            "retrack": self._retrack,
            "stoptrack": self._stop_track,
        }
        if (
            not request.path.startswith(PATH)
            or request.method != "POST"
            or endpoint not in {*answers, "getquota", "gettracklist"}
        ):
            return [], 404, {}
        if self._errors:
            code, message, status = self._errors.popleft()
            return [], status, _failure(code, message)
        if endpoint == "getquota":
            return [], 200, {"code": 0, "data": self._quota()}
        if endpoint == "gettracklist":
            return self._list(request.body)
        try:
            items = json.decode(request.body, type=list[dict[str, Any]])
        except msgspec.DecodeError:
            return [], 200, _failure(-18010013)
        if len(items) > 40:
            return items, 200, _failure(-18010014)
        data: dict[str, list[Any]] = {"accepted": [], "rejected": []}
        for item in items:
            number = str(item.get("number") or "")
            if not _NUMBER.fullmatch(number):
                data["rejected"].append(_rejection(number, -18010012, 0))
            else:
                answers[endpoint](item, number, data)
        return items, 200, {"code": 0, "data": data}

    def _admit(self, at: float) -> bool:
        if self.rate is None:
            return True
        while self._window and self._window[0] <= at - 1.0:
            self._window.popleft()
        if len(self._window) >= self.rate:
            return False
        self._window.append(at)
        return True

    def _quota(self) -> dict[str, int]:
        return {
            "quota_total": self.quota,
            "quota_used": self.used,
            "quota_remain": self.quota - self.used,
            "today_used": self.used,
            "max_track_daily": self.daily,
            "free_email_quota": 300,
            "free_email_quotaused": 0,
        }

    def _register(self, item: Mapping[str, Any], number: str, data: dict[str, list[Any]]) -> None:
        parcel = self.parcels.get(number) or Parcel(number)
        asked = int(item.get("carrier") or 0)
        carrier = asked or (parcel.carrier if parcel.detectable else 0)
        held = self.registered.get(number, [])
        if held and (not asked or asked in held):
            data["rejected"].append(_rejection(number, -18019901, asked or held[0]))
        elif not carrier:
            data["rejected"].append(_rejection(number, -18019903, None))
        elif parcel.demands == "phone" and not re.fullmatch(
            r"\d{4}", str(item.get("phone_number_last_4") or "")
        ):
            data["rejected"].append(_rejection(number, -18010020, carrier))
        elif parcel.demands == "postcode" and not item.get("destination_postal_code"):
            data["rejected"].append(_rejection(number, -18010019, carrier))
        elif self.used >= self.daily:
            data["rejected"].append(_rejection(number, -18019907, carrier))
        elif self.used >= self.quota:
            data["rejected"].append(_rejection(number, -18019908, carrier))
        else:
            self.used += 1
            self.registered.setdefault(number, []).append(carrier)
            self.tags[number] = item.get("tag")
            accepted = {"origin": 2 if asked else 1, "number": number, "carrier": carrier}
            data["accepted"].append(
                {**accepted, "email": None, "lang": item.get("lang"), "tag": item.get("tag")}
            )

    def _info(self, item: Mapping[str, Any], number: str, data: dict[str, list[Any]]) -> None:
        asked = int(item.get("carrier") or 0)
        held = [carrier for carrier in self.registered.get(number, []) if not asked or carrier == asked]
        if not held:
            data["rejected"].append(_rejection(number, -18019902, None))
            return
        parcel = self.parcels.get(number) or Parcel(number)
        for carrier in held:
            if parcel.refusal:
                data["rejected"].append(_rejection(number, parcel.refusal, carrier))
            elif not (parcel.events or parcel.last_mile or parcel.status):
                data["rejected"].append(_rejection(number, -18019909, carrier))
            else:
                self._ticks += 1
                data["accepted"].append(item_of(parcel, carrier, tick=self._ticks))

    def _change(self, item: Mapping[str, Any], number: str, data: dict[str, list[Any]]) -> None:
        held = self.registered.get(number)
        old, new = int(item.get("carrier_old") or 0), int(item.get("carrier_new") or 0)
        code = 0
        if not held:
            code = -18019902
        elif old not in held:
            code = -18019805
        elif old == new:
            code = -18019803
        elif self.changes.get(number, 0) >= 5:
            code = -18019807
        if code or not held:
            data["rejected"].append(_rejection(number, code, old))
            return
        self.changes[number] = self.changes.get(number, 0) + 1
        held[held.index(old)] = new
        data["accepted"].append({"number": number, "carrier_new": new})

    def _retrack(self, item: Mapping[str, Any], number: str, data: dict[str, list[Any]]) -> None:
        parcel, held = self.parcel(number), self.registered.get(number)
        code = (
            -18019902
            if not held
            else -18019904
            if not parcel.stopped
            else -18019905
            if parcel.retracked
            else 0
        )
        if code or not held:
            data["rejected"].append(_rejection(number, code, None))
            return
        parcel.stopped, parcel.retracked = False, True
        data["accepted"].append({"number": number, "carrier": held[0]})

    def _stop_track(self, item: Mapping[str, Any], number: str, data: dict[str, list[Any]]) -> None:
        parcel, held = self.parcel(number), self.registered.get(number)
        if held and not parcel.stopped:
            parcel.stopped = True
            data["accepted"].append({"number": number, "carrier": held[0]})
        else:
            data["rejected"].append(_rejection(number, -18019906 if held else -18019902, None))

    def _list(self, body: bytes) -> tuple[list[dict[str, Any]], int, dict[str, Any]]:
        """Answer ``gettracklist``: one object in, forty numbers out, ``page`` beside the data as on the wire."""
        try:
            asked = json.decode(body, type=dict[str, Any])
        except msgspec.DecodeError:
            return [], 200, _failure(-18010013)
        at, order = asked.get("page_no", 1), asked.get("order_by", "RegisterTimeDesc")
        if not isinstance(at, int) or at < 1 or order not in _ORDERS:
            return [asked], 200, _failure(-18010011)
        if asked.get("tracking_status") not in {None, "Tracking", "Stopped"}:
            return [asked], 200, _failure(-18010011)
        rows = [
            listed(self.parcel(number), carrier, self.tags.get(number))
            for number, carriers in self.registered.items()
            for carrier in carriers
        ]
        rows = [row for row in rows if asked.get("tracking_status") in {None, row["tracking_status"]}]
        rows = rows if order.endswith("Asc") else rows[::-1]
        page = {"data_total": len(rows), "page_total": -(-len(rows) // 40), "page_no": at, "page_size": 40}
        data = {"accepted": rows[40 * (at - 1) : 40 * at]}
        return [asked], 200, {"page": page, "code": 0, "data": data}

    def _delete(self, item: Mapping[str, Any], number: str, data: dict[str, list[Any]]) -> None:
        held = self.registered.pop(number, None)
        if held:
            data["accepted"].append({"number": number, "carrier": held[0]})
        else:
            data["rejected"].append(_rejection(number, -18019902, None))


def _rejection(number: str, code: int, carrier: int | None) -> dict[str, Any]:
    error = {"code": code, "message": _MESSAGES.get(code, "Refused.").format(number)}
    return {"number": number, **({} if carrier is None else {"carrier": carrier}), "error": error}


def _failure(code: int, message: str = "") -> dict[str, Any]:
    message = message or _MESSAGES.get(code, "Refused.").format("")
    return {"code": code, "data": {"errors": [{"code": code, "message": message}]}}
