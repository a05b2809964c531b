"""A small Cainiao of our own on the loopback: ``detail.json`` as clients have seen it. Shows what a test scripts, no more.

Shape: ha-parcel-integrations/ha-cainiao and captures of 2026 (read 2026-11-22); Cainiao itself documents nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec import json

from tests.servers._faulty import FaultyServer, Reply, Request

PATH = "/global/detail.json"


def event(when: datetime, code: str, text: str, *, note: str = "", hours: int = 8) -> dict[str, Any]:
    """Return one event; its clock reads *hours* east of UTC."""
    sign = "+" if hours >= 0 else "-"
    return {
        "time": int(when.timestamp() * 1000),
        "timeStr": when.astimezone(timezone(timedelta(hours=hours))).strftime("%Y-%m-%d %H:%M:%S"),
        "timeZone": f"GMT{sign}{abs(hours):02d}:00",
        "desc": note or text,
        "standerdDesc": text,
        "descTitle": "Carrier note:",
        "actionCode": code,
    }


class CainiaoServer(FaultyServer):
    """The server; a number without a script is unknown to it."""

    def __init__(self, *, latency: float = 0.0) -> None:
        super().__init__(self._respond, latency=latency)
        self.parcels: dict[str, dict[str, Any]] = {}
        self.asked: list[list[str]] = []  # numbers, one list a call

    @property
    def url(self) -> str:
        return self.origin + PATH

    def set_events(self, number: str, events: Sequence[dict[str, Any]], **fields: Any) -> None:
        """Let *number* have these events, oldest first, and these other fields of a module."""
        newest_first = list(reversed(events))
        self.parcels[number] = {
            "mailNo": number,
            "mailNoSource": "AE",
            "originCountry": "Mainland China",
            "destCountry": "Germany",
            "status": "TRANSPORT",
            "statusDesc": "In transit ",
            "detailList": newest_first,
            **({"latestTrace": newest_first[0]} if newest_first else {}),
            **fields,
        }

    def next_blocked(self) -> None:
        """Answer as Alibaba's gateway does to a crawler."""
        self.next_http(
            200, json.encode({"ret": ["FAIL_SYS_USER_VALIDATE", "RGV587_ERROR::SM::busy"], "data": {}})
        )

    def _respond(self, request: Request) -> Reply:
        parts = urlsplit(request.path)
        if parts.path != PATH or request.method != "GET":
            return Reply(b"<html>404</html>", 404, kind="text/html")
        numbers = [number for each in parse_qs(parts.query).get("mailNos", []) for number in each.split(",")]
        self.asked.append(numbers)
        unknown = {"mailNoSource": "EXTERNAL", "detailList": []}
        modules = [self.parcels.get(number, {"mailNo": number, **unknown}) for number in numbers]
        return Reply(json.encode({"module": modules, "success": True}))


def at(text: str) -> datetime:
    """Return an ISO moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
