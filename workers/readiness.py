"""What keeps an installation from keeping its promises, in sentences: the server, the disk, the clocks. Changes nothing."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from workers.store import Store
from workers.store.fitness import SKEW

_ROOM = 100_000_000  # bytes; a rewrite of a ledger of ten thousand parcels needs some 30 MB


def concerns(store: Store, data: Path, *, now: datetime) -> tuple[str, ...]:
    """Return what is wrong with the store, the data folder's disk and the clocks; () if nothing is. Raises StoreTrouble."""
    wrong = list(store.readiness())
    skew = abs(store.clock() - now)
    if skew > SKEW:
        wrong.append(
            f"the clocks of this machine and of the store are {round(skew.total_seconds())} s apart: deadlines and quiet hours "
            "go by ours, waiting by the store's; let both keep time (chrony, systemd-timesyncd)"
        )
    return (*wrong, *room(data))


def room(data: Path) -> tuple[str, ...]:
    """Return what is wrong with the disk of the data folder, or of what is above it and exists."""
    folder = next((up for up in (data, *data.parents) if up.exists()), Path("/"))
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return ()
    if free < _ROOM:
        return (
            f"the disk of {data} has {free // 1_000_000} MB left: free some, or the store will refuse to write",
        )
    return ()
