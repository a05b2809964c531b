"""Watch orders by themselves that a source has noticed, where the user's file says so, and tell the owner of each once.

The user's file is never written: they go into a file of ours (``settings.found``). Decides nothing of a parcel.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from workers.errors import Permanent, Temporary
from workers.house import House
from workers.owner import Owner
from workers.settings import Settings, found
from workers.settings.sections import secret_content
from workers.sources import Noticing

log = structlog.get_logger("customs_watch")


class Adoption:
    """Takes in what sources notice. May be called by several threads."""

    def __init__(self, house: Callable[[], House], owner: Owner, clock: Callable[[], datetime]) -> None:
        self._house = house
        self._owner = owner
        self._clock = clock

    def take_in(self, name: str) -> int:
        """Watch the new orders that the source *name* has noticed; return how many there were."""
        house = self._house()
        settings, source = house.settings, house.sources.get(name)
        auto = settings.auto_watch
        if auto is None or source is None or not isinstance(source, Noticing):
            return 0
        today = self._clock().date()
        try:
            met = [found.FoundOrder(n.order, n.numbers, n.shop, name, today) for n in source.noticed()]
            path = settings.data / found.FILE
            known = found.decoded(secret_content(path))
            new = found.added(known, met, watched=_watched(settings), a_day=auto.a_day)
            for each in new:  # told first: an order that nobody heard of would stay unheard of
                self._tell(name, each)
            if new:
                found.save(path, [*known, *new])
        except (Temporary, Permanent) as trouble:
            log.warning("nothing_noticed", source=name, error=str(trouble))
            return 0
        return len(new)

    def _tell(self, name: str, order: found.FoundOrder) -> None:
        log.info("order_watched", source=name, order=order.order, parcels=len(order.numbers))
        facts = {
            "title": order.title,
            "order": order.order,
            "parcel": order.numbers[0],
            "shop": order.shop,
            "source": name,
        }
        self._owner.tell("order_watched", order.order, 0, facts)


def _watched(settings: Settings) -> set[str]:
    """Return the numbers of what is watched already: of orders and of parcels."""
    numbers = {ref.number for _, ref in settings.parcels.values()}
    return numbers | {"".join(c for c in order.number if c.isdigit()) for order in settings.orders.values()}
