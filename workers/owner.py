"""Owe one notice to the owner of the installation, in the same ledger as all others. Decides nothing and sends nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta

import msgspec
import structlog

from workers.core import owner
from workers.core.owner import Facts
from workers.house import House
from workers.settings import Settings
from workers.store import Owed, Store, notice_id

log = structlog.get_logger("customs_watch")

LIFE = timedelta(days=7)  # what could not be delivered for so long is expired, counted and shown

Way = tuple[str, str]  # recipient, channel


class Owner:
    """Whoever the file names as owner. May be called by any number of threads and machines at once."""

    def __init__(
        self,
        *,
        house: Callable[[], House],
        store: Store,
        clock: Callable[[], datetime],
        ring: Callable[[str, str], None],
    ) -> None:
        self._house = house
        self._store = store
        self._clock = clock
        self._ring = ring
        self._secret = b""

    def tell(
        self,
        topic: str,
        about: str,
        occurrence: str | int,
        facts: Facts,
        *,
        avoid: Way | None = None,
        besides: str = "",
        stand_ins: Iterable[str] = (),
        urgent: bool = False,
    ) -> int:
        """Owe the owner one notice of *topic* by each of their channels; return how many were not owed before.

        *about* and *occurrence* make it the same notice or another: told again, nothing is owed. *facts* are those of
        ``core.owner.TOPICS``, raw: they are made fit to be shown here. *avoid*: a recipient and channel that just failed;
        it is told another way, and where the owner has none, to *stand_ins* (recipients of the file who may know of it).
        *besides*: a channel by which nobody is told. Where there is no way at all nothing is owed: ``status`` shows such
        things by itself.
        """
        settings = self._house().settings
        ways = [way for way in owner_ways(settings, avoid) if way[1] != besides]
        stand_in = not ways
        if stand_in:
            ways = [way for way in _besides(avoid, _ways(settings, stand_ins)) if way[1] != besides]
        context = msgspec.json.encode(
            owner.context(topic, facts, now=self._clock(), urgent=urgent, stand_in=stand_in)
        )
        matter = owner.matter(topic, about)
        self._secret = self._secret or self._store.secret()
        notices = [
            Owed(
                id=notice_id(self._secret, matter, "", 0, topic, occurrence, channel, who),
                channel=channel,
                recipient=who,
                why=owner.WHY,
                stage="",
                occurrence=0,
                topic=topic,
                context=context,
                expires=LIFE,
                urgent=urgent,
            )
            for who, channel in ways
        ]
        new = self._store.owe(matter, notices)
        if new or not ways:
            log.warning(
                "owner_told" if ways else "owner_unreachable", topic=topic, about=about, notices=len(new)
            )
        for channel in {notice.channel for notice in notices if notice.id in new}:
            self._ring("notify", channel)
        return len(new)

    def reaches(self, *, avoid: Way | None = None, stand_ins: Iterable[str] = ()) -> bool:
        """Say whether there is a way to tell the owner, or whoever stands in."""
        settings = self._house().settings
        return bool(owner_ways(settings, avoid) or _besides(avoid, _ways(settings, stand_ins)))


def owner_ways(settings: Settings, avoid: Way | None = None) -> list[Way]:
    """Return by whom and how the owner is reached: all ways, or those that do not share the trouble of *avoid*."""
    return _besides(avoid, _ways(settings, settings.owner))


def _besides(avoid: Way | None, ways: list[Way]) -> list[Way]:
    if avoid is None:
        return ways
    other = [way for way in ways if way[1] != avoid[1]]  # the channel itself may be what fails
    return other or [way for way in ways if way[0] != avoid[0]]


def _ways(settings: Settings, people: Iterable[str]) -> list[Way]:
    known: Collection[str] = settings.recipients
    return [(who, channel) for who in people if who in known for channel in settings.recipients[who].channels]
