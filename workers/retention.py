"""Forget in time: the words of old notices, and parcels that left the user's file long ago. What waits for a person stays.

A row of a notice outlives its words, for it is what keeps the notice from being owed again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from workers.house import House
from workers.store import Store

log = structlog.get_logger("customs_watch")

ENDED = ("sent", "skipped", "expired")
_PAGE = 500
_MOST = 20  # pages in one go; the rest comes with the next
_FORGOTTEN = 5_000  # parcels in one go, which comes once an hour


def keep(house: House, store: Store, *, now: Callable[[], datetime]) -> None:
    """Forget what the user's file no longer wants kept. May be called by any number of schedulers at once."""
    wanted = house.settings.keep
    for state in ENDED:
        for _ in range(_MOST):
            if store.prune_words(state, older=wanted.words, limit=_PAGE) < _PAGE:
                break
    watched, before, gone = house.settings.parcels, now() - wanted.parcels, 0
    for parcel in store.parcels():
        if parcel in watched:
            continue
        known = store.recall(parcel)
        if known is None or known.due or known.updated is None or known.updated > before:
            continue
        store.forget(parcel)
        gone += 1
        if gone >= _FORGOTTEN:
            break
    if gone:
        log.info("parcels_forgotten", parcels=gone, not_moved_since=before.date().isoformat())
