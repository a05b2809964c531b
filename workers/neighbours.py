"""Find the other parcels of one buyer that arrived in the same country, where its law may add them up. Judges nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from workers import memory
from workers.core import causes
from workers.core.causes import Neighbour
from workers.core.model import Order, ParcelRef
from workers.errors import OfNewer, Permanent
from workers.settings import Settings
from workers.store import Store

# So many parcels to one country for the same people are a shop's or a forwarder's: nobody adds those up as one buyer's.
HOUSEHOLD: Final = 40

_Near = Mapping[tuple[str, tuple[str, ...]], Sequence[str]]


class Neighbourhood:
    """Who belongs together is worked out once for each version of the user's file."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: tuple[str, _Near] = ("", {})

    def of(self, settings: Settings, order: Order, ref: ParcelRef) -> tuple[Neighbour, ...]:
        """Return the other parcels to the country of *order* for the same people that have arrived there."""
        together = self._near(settings).get(_household(order), ())
        others = [parcel for parcel in together if parcel != ref.id]
        if not others or len(together) > HOUSEHOLD:
            return ()
        found = []
        for parcel, row in self._store.recall_many(others).items():
            try:
                arrived = causes.arrived(memory.load(row.snapshot))
            except (
                OfNewer,
                Permanent,
            ):  # what is remembered of it cannot be read, which its own turn reports
                continue
            if arrived is not None:
                found.append(Neighbour(settings.parcels[parcel][0].title, arrived))
        return tuple(found)

    def _near(self, settings: Settings) -> _Near:
        digest, near = self._known
        if digest != settings.digest:
            grouped: defaultdict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
            for parcel, (order, _) in settings.parcels.items():
                grouped[_household(order)].append(parcel)
            near = dict(grouped)
            self._known = (settings.digest, near)
        return near


def _household(order: Order) -> tuple[str, tuple[str, ...]]:
    return order.destination, tuple(sorted(order.tell))
