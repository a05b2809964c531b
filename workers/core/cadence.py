"""Say how long to wait before looking at a parcel again, and by how much a source's budget stretches that. Counts nothing.

Often when it matters, seldom when not. The numbers are ours: a carrier's page changes every few hours at most, a
deadline is counted in days, and a source's quota is shared by all parcels. What a source allows is the store's to hold:
it moves each look by up to a tenth, the same for the same parcel, and lets nobody ask more. A parcel that sends its news
by itself is only checked on, lest a push was lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from workers.core.limits import LENGTH, Quota
from workers.core.model import Snapshot, Stage

SOONEST = timedelta(hours=1)
LATEST = timedelta(days=3)
PUSHED = timedelta(hours=24)
SETTLED = timedelta(days=3)  # after a delivery: long enough for a false one to show
QUIET = timedelta(days=30)  # no news for so long: 17TRACK itself gives up by then (help 37524573677721)
ASLEEP = timedelta(days=120)
YOUNG = timedelta(days=14)  # a number that no source knows may still be new

URGENT: Final = timedelta(hours=2)  # who is looked at so often goes first where not all can be asked
HEADROOM: Final = 0.9  # of a budget is planned; the rest is for retries and for what becomes urgent
CALM_SHARE: Final = 0.2  # of a budget is kept for those that are not urgent, so that none is forgotten

_HOURS = {
    Stage.UNKNOWN: 12,
    Stage.PRE_TRANSIT: 12,
    Stage.IN_TRANSIT: 6,
    Stage.EXPORT_CUSTOMS: 6,
    Stage.EXPORT_CLEARED: 6,
    Stage.TRANSIT_CUSTOMS: 6,
    Stage.ARRIVED_DESTINATION: 3,
    Stage.IMPORT_CUSTOMS: 1.75,  # within two hours, whichever way the look is moved
    Stage.INSPECTION: 1.75,
    Stage.HELD: 1,
    Stage.DOCUMENTS_REQUIRED: 1,
    Stage.PAYMENT_DUE: 1,
    Stage.PAYMENT_RECEIVED: 2,
    Stage.CLEARANCE_DELAY: 1.75,
    Stage.RELEASED: 6,
    Stage.REFUSED: 12,
    Stage.RETURNING: 12,
    Stage.OUT_FOR_DELIVERY: 2,
    Stage.AVAILABLE_FOR_PICKUP: 6,
    Stage.DELIVERY_FAILED: 3,
    Stage.DELIVERED: 24,
    Stage.EXCEPTION: 6,
}


def look(
    snapshot: Snapshot, *, now: datetime, deadline: date | None = None, pushed: bool = False
) -> timedelta | None:
    """Return the time until the next look, or None where nothing is to come: delivered, or back with the sender.

    *deadline*: a day by which somebody must act. *pushed*: the source reports changes of this parcel by itself.
    """
    if _settled(snapshot, now):
        return None
    every = timedelta(hours=_HOURS[snapshot.stage])
    news = snapshot.last_news or snapshot.first_look
    quiet = now - news if news else timedelta(0)
    if snapshot.stage is Stage.UNKNOWN and snapshot.first_look and now - snapshot.first_look > YOUNG:
        every = timedelta(hours=24)
    if quiet > ASLEEP:
        every = LATEST
    elif quiet > QUIET:
        every = max(every, timedelta(hours=24))
    if pushed:
        every = max(every, PUSHED)
    if deadline is not None:
        left = deadline - now.date()
        if timedelta(days=-1) <= left <= timedelta(days=3):
            every = min(every, SOONEST)
        elif timedelta(0) < left <= timedelta(days=7):
            every = min(every, timedelta(hours=2))
    return min(max(every, SOONEST), LATEST)


@dataclass(frozen=True, slots=True)
class Stretch:
    """By how much paces are multiplied at one source."""

    calm: float = 1.0
    urgent: float = 1.0


def room(*, rate: float, per_call: float, quota: Iterable[Quota]) -> float:
    """Return how many looks an hour a source's budget carries.

    *rate*: calls per second. *per_call*: parcels that one call tells of. Quotas of new numbers limit no looks.
    """
    calls = [rate * 3600.0]
    calls += [one.most / (LENGTH[one.per] / timedelta(hours=1)) for one in quota if one.what == "calls"]
    return max(min(calls), 0.0) * max(per_call, 0.0)


def stretch(paces: Sequence[timedelta], *, watched: int, room: float) -> Stretch:
    """Return how far to stretch the paces of *watched* parcels, of which *paces* are a fair sample.

    Calm parcels give way first and keep a fifth of the room whatever happens; urgent ones only where they alone are too
    many. What comes out fits into *room* (looks an hour), some of it left free; with no room nothing is stretched, for
    nothing can be asked anyway.
    """
    known = [pace for pace in paces if pace > timedelta(0)]
    if not known or room <= 0:
        return Stretch()
    each = watched / len(paces) * timedelta(hours=1)
    urgent = sum(each / pace for pace in known if pace <= URGENT)
    calm = sum(each / pace for pace in known if pace > URGENT)
    carried = room * HEADROOM
    if urgent + calm <= carried:
        return Stretch()
    for_calm = min(calm, max(carried - urgent, carried * CALM_SHARE))
    for_urgent = carried - for_calm
    return Stretch(
        calm=max(calm / for_calm, 1.0) if for_calm else 1.0,
        urgent=max(urgent / for_urgent, 1.0) if for_urgent else 1.0,
    )


def _settled(snapshot: Snapshot, now: datetime) -> bool:
    if snapshot.stage is Stage.DELIVERED:
        ended = snapshot.since or snapshot.last_news
    elif snapshot.stage is Stage.RETURNING:
        # Delivered on the way back is the end of the return (rule return_beats_delivered).
        back = [
            seen
            for seen in snapshot.timeline
            if Stage.DELIVERED in (seen.reading.stage, seen.said.stage if seen.said else None)
        ]
        came = back[-1] if back and back[-1] is snapshot.timeline[-1] else None
        ended = (came.sighting.at or came.first_seen) if came else None
    else:
        return False
    return ended is not None and now - ended > SETTLED
