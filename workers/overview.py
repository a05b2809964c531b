"""Gather what the status page shows, each parcel judged at this moment, the worst ones of many. Decides and sends nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from workers import memory
from workers.core.judgement import Judge
from workers.core.model import Order, Told
from workers.render.page import House, Shown, SourceState
from workers.settings import Settings
from workers.store import Remembered, Store

Track = Callable[[Sequence[str]], Iterable[str]]

MOST: Final = 300  # parcels on one page: more is neither read by anybody nor made in a moment
WEIGHT: Final = {"yes": 0, "wait": 1, "no": 2}


def gathered(
    store: Store, judge: Judge, settings: Settings, now: datetime, *, most: int = MOST, track: Track = iter
) -> House:
    """Return all that the status page shows; of more than *most* parcels those whose last decision was the worst.

    *track* is handed them and yields them on: who waits may see how far it is.
    """
    known = store.recall_many(list(settings.parcels))
    health = store.source_health()
    parcels = []
    for parcel in track(worst(settings, known, most)):
        order, ref = settings.parcels[parcel]
        remembered = known.get(parcel)
        snapshot = memory.load(remembered.snapshot if remembered else None)
        judged = judge.judge(order, ref, snapshot, None, Told(), first_look=False, now=now)
        context = json.loads(json.dumps(judged.brief()))
        last = max(remembered.last_ok.values(), default=None) if remembered else None
        failed = trouble(store.recollect(f"trouble:{parcel}"), remembered)
        parcels.append(Shown(order, context, snapshot, failed, last))
    return House(
        parcels,
        [SourceState(name, h.failures, h.last_ok, h.last_error) for name, h in sorted(health.items())],
        left_out=len(settings.parcels) - len(parcels),
    )


def worst(settings: Settings, known: Mapping[str, Remembered], most: int) -> list[str]:
    """Return at most *most* parcels; which are the worst is read off their last decisions, not judged anew."""
    if len(settings.parcels) <= most:
        return list(settings.parcels)

    def weight(parcel: str) -> tuple[int, str]:
        remembered = known.get(parcel)
        decided = json.loads(remembered.decision) if remembered and remembered.decision else {}
        return WEIGHT.get(decided.get("needs_you", ""), len(WEIGHT)), decided.get("deadline") or "9999"

    return sorted(settings.parcels, key=weight)[:most]


def trouble(noted: bytes | None, known: Remembered | None) -> str:
    """Return how the last look at a parcel failed; "" where a later one answered."""
    at, _, said = (noted or b"").decode(errors="replace").partition(" ")
    if not said or (
        known
        and not known.failing
        and any(answered > datetime.fromisoformat(at) for answered in known.last_ok.values())
    ):
        return ""
    return said


def reader(settings: Settings, order: Order | None = None) -> tuple[str, str]:
    """Return the language and the time zone of the first person told of *order*, else of the first order."""
    order = order or next(iter(settings.orders.values()), None)
    if order is None or not order.tell:
        return "en", "UTC"
    first = settings.recipients[order.tell[0]]
    return first.language, first.timezone
