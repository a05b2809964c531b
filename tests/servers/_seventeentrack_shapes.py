"""The bodies 17TRACK v2.4 answers with, built field for field after its documentation. Decides nothing.

Source: https://asset.17track.net/api/document/v2.4_en/index.html (read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

CAINIAO = 190271


@dataclass(slots=True)
class Parcel:
    """What the server knows of one number, registered or not."""

    number: str
    carrier: int = CAINIAO
    detectable: bool = True
    events: list[dict[str, Any]] = field(default_factory=list)  # oldest first
    last_mile: list[dict[str, Any]] = field(default_factory=list)  # oldest first, of a second provider
    status: str = ""  # "" = from the newest event
    sub_status: str = ""
    local_number: str | None = None
    local_carrier: int = 0
    origin: str = "CN"
    destination: str = "DE"
    name: str = "Cainiao"
    local_name: str = "Local post"
    refusal: int = 0  # gettrackinfo rejects with this code
    stopped: bool = False  # the service no longer follows it
    retracked: bool = False
    demands: str = ""  # what its carrier wants at registration: phone | postcode


def event(
    time_iso: str | None,
    description: str,
    *,
    sub_status: str = "InTransit_Other",
    stage: str | None = None,
    country: str | None = None,
    location: str | None = None,
    timezone: str | None = None,
    translation: str | None = None,
    lang: str = "en",
) -> dict[str, Any]:
    """Return one event in the shape of v2.4."""
    when = datetime.fromisoformat(time_iso) if time_iso else None
    return {
        "time_iso": time_iso,
        "time_utc": _utc(when),
        "time_raw": {
            "date": when.strftime("%Y-%m-%d") if when else None,
            "time": when.strftime("%H:%M:%S") if when else None,
            "timezone": timezone,
        },
        "description": description,
        "description_translation": {"lang": lang, "description": translation or description},
        "location": location,
        "stage": stage,
        "sub_status": sub_status,
        "address": _address(country),
    }


def item(parcel: Parcel, carrier: int, *, tick: int) -> dict[str, Any]:
    """Return an accepted item of gettrackinfo; *tick* moves the sync times, as they move on every look."""
    told = parcel.last_mile or parcel.events
    newest = told[-1] if told else None
    sub = parcel.sub_status or (newest["sub_status"] if newest else parcel.status)
    providers = [_provider(carrier, parcel.name, parcel.origin, parcel.events, tick)]
    if parcel.last_mile:
        providers.append(
            _provider(parcel.local_carrier, parcel.local_name, parcel.destination, parcel.last_mile, tick)
        )
    return {
        "number": parcel.number,
        "carrier": carrier,
        "param": None,
        "tag": None,
        "lang": None,
        "special_tracking_info": None,
        "track_info": {
            "shipping_info": {
                "shipper_address": _address(parcel.origin),
                "recipient_address": _address(parcel.destination),
            },
            "latest_status": {
                "status": parcel.status or str(sub).partition("_")[0],
                "sub_status": sub,
                "sub_status_descr": None,
            },
            "latest_event": newest,
            "time_metrics": {"days_after_order": tick, "days_of_transit": tick},
            "milestone": _milestones([*parcel.events, *parcel.last_mile]),
            "misc_info": {
                "risk_factor": 0,
                "service_type": None,
                "local_number": parcel.local_number,
                "local_provider": parcel.local_name if parcel.local_number else None,
                "local_key": parcel.local_carrier,
            },
            "tracking": {"providers_hash": carrier, "providers": providers},
        },
    }


def listed(parcel: Parcel, carrier: int, tag: str | None) -> dict[str, Any]:
    """Return an item of gettracklist, with the key that is misspelt on the wire."""
    newest = (parcel.last_mile or parcel.events or [None])[-1]
    status = parcel.status or (str(newest["sub_status"]).partition("_")[0] if newest else "NotFound")
    return {
        "number": parcel.number, "param": None, "param_type": "None", "data_origin": "Api", "carrier": carrier,
        "shipping_country": parcel.origin, "final_carrier": 0, "recipient_country": parcel.destination,
        "register_time": "2026-10-10T08:00:00Z", "tracking_status": "Stopped" if parcel.stopped else "Tracking",
        "package_status": status, "track_time": "2026-10-20T08:00:00Z", "sync_status": True, "push_time": None,
        "push_status": "NotPushed", "push_status_code": None,
        "stop_track_time": "2026-11-01T00:00:00Z" if parcel.stopped else None,
        "stop_track_reason": "ByRequest" if parcel.stopped else None, "is_retracked": parcel.retracked,
        "carrier_change_count": 0, "tag": tag, "email": "", "order_no": None, "order_time": None, "lang": "",
        "remark": None, "latest_event_time": newest["time_iso"] if newest else None,
        "latest_event_info": newest["description"] if newest else None, "delievery_time": None, "pickup_time": "",
    }  # fmt: skip


def _provider(key: int, name: str, country: str, events: Sequence[Any], tick: int) -> dict[str, Any]:
    return {
        "provider": {
            "key": key,
            "name": name,
            "alias": name,
            "tel": None,
            "homepage": None,
            "country": country,
        },
        "service_type": None,
        "latest_sync_status": "Success",
        "latest_sync_time": f"2026-10-20T08:{tick // 60 % 60:02d}:{tick % 60:02d}Z",  # moves always
        "provider_lang": None,
        "provider_tips": None,
        "events_hash": 1,
        "events": list(reversed(events)),
    }


_STAGES = ("InfoReceived", "PickedUp", "Departure", "Arrival", "AvailableForPickup", "OutForDelivery", "Delivered",
           "Returning", "Returned")  # fmt: skip


def _milestones(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    met = {each["stage"]: each for each in events if each.get("stage")}
    nothing = {"time_iso": None, "time_utc": None, "time_raw": {"date": None, "time": None, "timezone": None}}
    return [
        {
            "key_stage": stage,
            **{key: met.get(stage, nothing)[key] for key in ("time_iso", "time_utc", "time_raw")},
        }
        for stage in _STAGES
    ]


def _utc(when: datetime | None) -> str | None:
    if when is None:
        return None
    return (when - (when.utcoffset() or when - when)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _address(country: str | None) -> dict[str, Any]:
    nowhere = {"state": None, "city": None, "street": None, "postal_code": None}
    return {"country": country, **nowhere, "coordinates": {"longitude": None, "latitude": None}}
