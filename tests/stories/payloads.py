"""The reference payloads as sightings: by the source's own parser where there is one, else by a small adapter here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workers import sources
from workers.core.model import Sighting, TimeQuality

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "payloads"
KINDS = {"17track": "seventeentrack"}

Parcels = Mapping[str, Sequence[Sighting]]


def parcels(file: str) -> Parcels:
    """Return the sightings of *file* by tracking number, oldest first."""
    folder = file.partition("/")[0]
    kind = KINDS.get(folder, folder)
    payload = json.loads((FOLDER / file).read_text(encoding="utf-8"))
    if kind in sources.kinds():
        found: Parcels = sources.load(kind).parse(payload, source="a")
        return found
    return {number: list(events) for number, events in ADAPTERS[folder](payload)}


def sighting(
    text: str,
    at: str,
    *,
    country: str = "",
    place: str = "",
    system: str = "",
    code: str = "",
    lang: str = "",
) -> Sighting:
    """A naive time is taken for UTC and marked as assumed."""
    when = datetime.fromisoformat(at.strip()) if at else None
    quality = TimeQuality.UNKNOWN
    if when is not None:
        quality = TimeQuality.ASSUMED if when.tzinfo is None else TimeQuality.EXACT
        when = when.replace(tzinfo=when.tzinfo or UTC).astimezone(UTC)
    return Sighting(
        source="a", text=text, at=when, quality=quality, country=country, place=place, system=system, code=code, lang=lang
    )  # fmt: skip


Adapted = Iterable[tuple[str, Sequence[Sighting]]]


def _aftership(payload: Any) -> Adapted:
    tracking = payload.get("data", {}).get("tracking") or payload["msg"]
    yield tracking.get("tracking_number", ""), [
        sighting(c["message"], c["checkpoint_time"], system="cainiao" if c["slug"] == "cainiao" else "", code=c.get("raw_tag", ""))
        for c in tracking["checkpoints"]
    ]  # fmt: skip


def _parcelsapp(payload: Any) -> Adapted:
    for shipment in payload.get("shipments") or [payload.get("shipment") or payload]:
        yield (
            shipment.get("trackingId", ""),
            [
                sighting(s.get("state") or s["status"], s["date"], place=s.get("location", ""))
                for s in reversed(shipment["states"])
            ],
        )


def _ship24(payload: Any) -> Adapted:
    for tracking in payload.get("data", payload)["trackings"]:
        yield (
            tracking["shipment"].get("shipmentId", ""),
            [
                sighting(e["status"], e["occurrenceDatetime"], place=e.get("location") or "")
                for e in reversed(tracking["events"])
            ],
        )


def _ups(payload: Any) -> Adapted:
    for shipment in payload["trackResponse"]["shipment"]:
        yield (
            shipment["inquiryNumber"],
            [
                sighting(
                    a["status"]["description"],
                    datetime.strptime(a["date"] + a["time"], "%Y%m%d%H%M%S").isoformat(),  # noqa: DTZ007 -- naive in the payload
                    country=a["location"]["address"].get("countryCode", ""),
                )
                for a in reversed(shipment["package"][0]["activity"])
            ],
        )


def _fedex(payload: Any) -> Adapted:
    for results in payload["output"]["completeTrackResults"]:
        for place, result in enumerate(results["trackResults"]):
            yield (
                str(place),
                [
                    sighting(
                        ", ".join(x for x in (e["eventDescription"], e.get("exceptionDescription", "")) if x),
                        e["date"],
                        country=e["scanLocation"].get("countryCode", ""),
                    )
                    for e in reversed(result["scanEvents"])
                ],
            )


def _usps(payload: Any) -> Adapted:
    yield payload.get("trackingNumber", ""), [
        sighting(e["eventType"], e.get("GMTTimestamp") or e["eventTimestamp"], country="US", place=e.get("eventCity") or "")
        for e in reversed(payload["trackingEvents"])
    ]  # fmt: skip


def _laposte(payload: Any) -> Adapted:
    for item in payload:
        yield (
            item["shipment"]["idShip"],
            [sighting(e["label"], e["date"], lang="fr") for e in reversed(item["shipment"]["event"])],
        )


def _easypost(payload: Any) -> Adapted:
    yield (
        payload["tracking_code"],
        [sighting(d["message"], d["datetime"]) for d in payload["tracking_details"]],
    )


def _trackingmore(payload: Any) -> Adapted:
    for item in payload["data"]["items"]:
        events = (item.get("origin_info") or {}).get("trackinfo") or []
        yield (
            item["tracking_number"],
            [
                sighting(
                    e["StatusDescription"], e["Date"].replace(" ", "T"), country=_tail(e.get("Details") or "")
                )
                for e in reversed(events)
            ],
        )


def _tail(place: str) -> str:
    found = re.search(r"(?:^|,)\s*([A-Z]{2})$", place) or re.search(r"\(([A-Z]{2})\)$", place)
    return found[1] if found else ""


def _dhl(payload: Any) -> Adapted:
    for shipment in payload["shipments"]:
        yield (
            shipment["shipmentTrackingNumber"],
            [sighting(e["description"], f"{e['date']}T{e['time']}") for e in reversed(shipment["events"])],
        )


def _auspost(payload: Any) -> Adapted:
    for result in payload["tracking_results"]:
        for item in result["trackable_items"]:
            for one in item.get("items") or [item]:
                yield result["tracking_id"], [
                    sighting(e["description"], e["date"], place=e.get("location", ""), country=_tail(e.get("location", "")))
                    for e in reversed(one["events"])
                ]  # fmt: skip


def _aliexpress(payload: Any) -> Adapted:
    lines = payload["aliexpress_ds_order_tracking_get_response"]["result"]["data"][
        "tracking_detail_line_list"
    ]
    for line in lines["tracking_detail"] if isinstance(lines, dict) else lines:
        nodes = line["detail_node_list"]
        nodes = nodes["detail_node"] if isinstance(nodes, dict) else nodes
        yield (
            line["mail_no"],
            [
                sighting(
                    n.get("tracking_detail_desc") or n["tracking_name"],
                    datetime.fromtimestamp(int(n["time_stamp"]) / 1000, UTC).isoformat(),
                )
                for n in reversed(nodes)
            ],
        )


ADAPTERS: dict[str, Callable[[Any], Adapted]] = {
    "aftership": _aftership,
    "parcelsapp": _parcelsapp,
    "ship24": _ship24,
    "ups": _ups,
    "fedex": _fedex,
    "usps": _usps,
    "laposte": _laposte,
    "easypost": _easypost,
    "trackingmore": _trackingmore,
    "dhl": _dhl,
    "auspost": _auspost,
    "aliexpress": _aliexpress,
}
