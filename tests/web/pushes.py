"""Pushes as the services send them, for tests: bodies of our own making, signed as each service documents it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

NUMBER = "LP00123456789012"
KEY = "A1B2C3D4E5F6"
SECRET = "hook-secret-0123456789"
PATH = "Zk3v9QmT2xLr7Yw0Bn5Hc8"  # 22 signs, as a made-up ParcelsApp address ends


def event(text: str, at: str, sub_status: str = "", country: str = "DE") -> dict[str, Any]:
    return {
        "time_iso": at, "time_utc": None, "time_raw": {"date": at[:10], "time": at[11:19], "timezone": at[19:]},
        "description": text, "location": None, "stage": None, "sub_status": sub_status, "address": {"country": country},
    }  # fmt: skip


def seventeentrack(*events: Mapping[str, Any], number: str = NUMBER) -> bytes:
    """TRACKING_UPDATED with these events, oldest first."""
    latest = events[-1]
    info = {
        "latest_status": {"status": "InTransit", "sub_status": latest["sub_status"]},
        "tracking": {"providers": [{"provider": {"key": 190271, "name": "Cainiao"}, "events": list(events)[::-1]}]},
    }  # fmt: skip
    said = {"event": "TRACKING_UPDATED", "data": {"number": number, "carrier": 190271, "track_info": info}}
    return json.dumps(said, separators=(",", ":")).encode()


def stopped(number: str = NUMBER) -> bytes:
    return json.dumps({"event": "TRACKING_STOPPED", "data": {"number": number, "carrier": 190271}}).encode()


def aftership(text: str, at: str, number: str = NUMBER) -> bytes:
    point = {
        "checkpoint_time": at,
        "message": text,
        "slug": "dhl",
        "tag": "InTransit",
        "subtag": "InTransit_006",
    }
    msg = {"id": "1", "tracking_number": number, "slug": "dhl", "tag": "InTransit", "checkpoints": [point]}
    return json.dumps({"event": "tracking_update", "event_id": "e1", "msg": msg, "ts": 1}).encode()


def ship24(text: str, at: str, number: str = NUMBER) -> bytes:
    one = {
        "status": text,
        "occurrenceDatetime": at,
        "location": None,
        "courierCode": "cainiao",
        "statusCode": "customs_received",
    }
    tracking = {
        "tracker": {"trackingNumber": number},
        "shipment": {"statusMilestone": "in_transit"},
        "events": [one],
    }
    return json.dumps({"trackings": [tracking]}).encode()  # fmt: skip


def parcelsapp(number: str = NUMBER) -> bytes:
    shipment = {
        "trackingId": number,
        "status": "delivered",
        "states": [{"state": "Delivered", "date": "2026-11-24T10:00:00Z"}],
    }
    return json.dumps({"event": "shipment_completed", "done": True, "shipment": shipment}).encode()


def sign_17track(body: bytes, key: str = KEY) -> dict[str, str]:
    return {"sign": hashlib.sha256(body + b"/" + key.encode()).hexdigest()}


def easypost(text: str, at: str, number: str = NUMBER) -> bytes:
    detail = {
        "message": text,
        "status": "in_transit",
        "datetime": at,
        "tracking_location": {"city": "LEIPZIG"},
    }
    tracker = {
        "id": "trk_1",
        "object": "Tracker",
        "tracking_code": number,
        "status": "in_transit",
        "tracking_details": [detail],
    }
    return json.dumps({"object": "Event", "description": "tracker.updated", "result": tracker}).encode()


def sha256_hmac_hex(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def sign_aftership(body: bytes, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {"aftership-hmac-sha256": base64.b64encode(digest).decode()}


def bear(_: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def sign_easypost(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"x-hmac-signature": f"hmac-sha256-hex={sha256_hmac_hex(body, secret)}"}


@dataclass(frozen=True)
class Scheme:
    """One service's way to prove a push: settings of the source, a body, and its signature under a secret."""

    kind: str
    settings: Mapping[str, Any]
    body: bytes
    sign: Callable[..., dict[str, str]]
    header: str  # that carries the signature


SCHEMES = [
    Scheme(
        "seventeentrack", {"token": KEY}, seventeentrack(event("Import customs clearance started", "2026-11-24T09:00:00+01:00")),
        sign_17track, "sign",
    ),
    Scheme(
        "aftership", {"token": KEY, "webhook_secret": SECRET},
        aftership("Import customs clearance started", "2026-11-24T09:00:00+01:00"), sign_aftership, "aftership-hmac-sha256",
    ),
    Scheme(
        "ship24", {"token": KEY, "webhook_secret": SECRET},
        ship24("Import customs clearance started", "2026-11-24T09:00:00+01:00"), bear, "authorization",
    ),
    Scheme(
        "easypost", {"token": KEY, "webhook_secret": SECRET},
        easypost("Import customs clearance started", "2026-11-24T08:00:00Z"), sign_easypost, "x-hmac-signature",
    ),
]  # fmt: skip
