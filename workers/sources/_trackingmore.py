"""Read TrackingMore's answers, v4 and the older ones, and say what its codes mean. Makes no request.

Sources: the response codes and shapes of TrackingMore's own v4 clients, trackingmore.com/docs/logistics_status.php (read
2026-11-22 and 2026-11-24).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from workers.core.model import Sighting
from workers.errors import Permanent, Temporary
from workers.sources._answers import stamped
from workers.sources._fields import country, table, tables, whole, word
from workers.sources._http import quoted
from workers.sources._places import country_in

ALREADY, UNKNOWN, NOT_EXPIRED = 4101, 4102, 4113
CHECK_NUMBER = "check the number on the order page"

_SET_CARRIER = "name the parcel's `carrier:`, and TrackingMore's code for it in `carriers:` of this source"
_EVENTLESS = frozenset({"pending", "notfound", "inforeceived", "expired"})  # no event by themselves
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATER = timedelta(hours=6)

_PERMANENT: Mapping[int, tuple[str, str]] = {
    401: ("TrackingMore refuses the key", "look at `token:` of this source"),
    403: ("TrackingMore refuses access", "look at the account's plan on trackingmore.com"),
    4103: ("TrackingMore takes at most 40 numbers a call", "lower `batch:` of this source"),
    4110: ("TrackingMore refuses the number", CHECK_NUMBER),
    4111: ("TrackingMore misses the number", CHECK_NUMBER),
    4120: ("TrackingMore does not know this carrier", _SET_CARRIER),
    4121: ("TrackingMore does not know whose number this is", _SET_CARRIER),
    4122: ("this carrier needs more than a number", "set `destination:` and `postcode:` of the order"),
    4130: ("TrackingMore refuses a value", CHECK_NUMBER),
}
_TEMPORARY: Mapping[int, tuple[str, timedelta | None, str]] = {
    429: ("TrackingMore asks to slow down", timedelta(minutes=2), ""),  # "wait 120 secs"
    4190: ("TrackingMore's quota is used up", _LATER, "wait for the next month, or buy a larger plan"),
    ALREADY: ("TrackingMore says that this number is, and is not, among yours", _LATER, ""),
}


def trouble(code: int, message: str) -> Temporary | Permanent:
    """Return what an error code of TrackingMore means: a sentence, when to ask again, what a person can do."""
    said = f": {quoted(message)}" if message else ""
    if code in _PERMANENT:
        sentence, hint = _PERMANENT[code]
        return Permanent(f"{sentence}{said}", hint=hint)
    sentence, after, hint = _TEMPORARY.get(code, (f"TrackingMore answered with error {code}", None, ""))
    return Temporary(f"{sentence}{said}", after=after, hint=hint)


def code_of(answer: Mapping[str, Any]) -> int:
    return whole(table(answer.get("meta")).get("code"))


def refusal(answer: Mapping[str, Any]) -> Temporary | Permanent | None:
    """Return what an answer's ``meta`` refuses; None for a success, and where there is none."""
    code = code_of(answer)
    if not code or 200 <= code < 300:
        return None
    return trouble(code, word(table(answer.get("meta")).get("message"), 300))


def trackings_of(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the parcels of an answer: a list, the pages of v2 and v3, or the only one; Temporary for what is none."""
    data = answer.get("data")
    listed = table(data).get("items") if isinstance(data, dict) and "items" in data else data
    if isinstance(listed, dict) and "tracking_number" in listed:
        return [listed]
    if not isinstance(listed, list):
        raise Temporary("TrackingMore's answer holds no list of parcels")
    return tables(listed)


def status_of(tracking: Mapping[str, Any]) -> str:
    return word(tracking.get("delivery_status"), 60) or word(tracking.get("status"), 60)


def sightings_of(tracking: Mapping[str, Any], *, source: str) -> list[Sighting]:
    """Return one parcel's sightings, oldest first; raises Temporary where its events cannot be read."""
    out: list[Sighting] = []
    usual = word(tracking.get("courier_code"), 100) or word(tracking.get("carrier_code"), 100)
    ends = (tracking.get("origin_country"), tracking.get("destination_country"))
    for key in ("origin_info", "destination_info"):
        leg = tracking.get(key)
        if leg is not None and not isinstance(leg, (dict, list)):
            raise Temporary("TrackingMore's events cannot be read")
        listed = table(leg).get("trackinfo")
        if listed is not None and not isinstance(listed, (list, dict)):
            raise Temporary("TrackingMore's list of events cannot be read")
        carrier = (
            word(table(leg).get("courier_code"), 100) or word(table(leg).get("carrier_code"), 100) or usual
        )
        events = reversed(tables(listed))
        out += [_sighting(event, source=source, carrier=carrier, ends=ends) for event in events]
    status = status_of(tracking)
    if not out and not status:
        raise Temporary("TrackingMore's answer holds neither a status nor events")
    if not out and status not in _EVENTLESS:
        code = word(tracking.get("substatus"), 60) or status
        out.append(Sighting(source=source, text=code, system="trackingmore", code=code, carrier=usual))
    return in_order(out)


def in_order(told: Sequence[Sighting]) -> list[Sighting]:
    """Return sightings oldest first: those of one leg as the list has them, those of several by time if all have one."""
    if len({sighting.carrier for sighting in told}) < 2 or any(sighting.at is None for sighting in told):
        return list(told)
    return sorted(told, key=lambda sighting: sighting.at or _EARLIEST)


def _sighting(event: Mapping[str, Any], *, source: str, carrier: str, ends: Sequence[Any]) -> Sighting:
    at, quality = stamped(event.get("checkpoint_date") or event.get("Date"))
    substatus = event.get("checkpoint_delivery_substatus") or event.get("substatus")
    code = word(substatus, 60) or word(
        event.get("checkpoint_delivery_status") or event.get("checkpoint_status"), 60
    )
    place = word(event.get("location"), 300) or word(event.get("Details"), 300)
    return Sighting(
        source=source,
        text=word(event.get("tracking_detail")) or word(event.get("StatusDescription")) or code,
        at=at,
        quality=quality,
        system="trackingmore" if code else "",
        code=code,
        place=place,
        country=country(event.get("country_iso2")) or country_in(place, *ends),
        carrier=carrier,
    )
