"""Leads parcels along the road: the next event is shown once all that the last one owes has arrived, or ended visibly."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Protocol

from tests.chaos import road
from tests.chaos.world import EACH, PEOPLE, Told, World

DOUBT = 60.0  # seconds in which a message whose answer was lost comes again, where it does
Owed = tuple[int, int, str, str]  # parcel, step, channel, address


class Led(Protocol):
    """What the feeder needs to know of the program under test."""

    def knows(self, parcels: int) -> bool:
        """Whether it has seen the history of so many parcels."""

    def look_now(self, parcels: Sequence[int]) -> bool:
        """Have it look at these; False where it cannot be told now."""

    def ended(self) -> Collection[Owed]:
        """What will not arrive, and is shown to its user as held, failed or expired."""


class Feeder:
    """Leads *parcels* parcels. *patience*: seconds after which the next event comes though something is missing."""

    def __init__(self, world: World, led: Led, parcels: int, *, patience: float) -> None:
        self.told: list[Told] = []
        self.fed = [-1] * parcels  # the last step each was shown
        self.looked_again = 0
        self._arrived: set[Owed] = set()
        self._closed = False
        self._doubtful: dict[Owed, float] = {}  # arrived, and the program cannot know → since when
        self.world, self._led, self._patience = world, led, patience
        self._open: list[set[tuple[str, str]]] = [set() for _ in range(parcels)]
        self._ready = set(range(parcels))
        self._ask: dict[int, float] = {}  # parcel → when it was shown, where no look was ordered yet
        self._since = [0.0] * parcels
        self._asked_ends = 0.0
        for parcel in range(parcels):
            world.track.set_events(road.number(parcel), world.calendar.history(), destination="ES")

    @property
    def shown(self) -> int:
        """How many events were shown."""
        return sum(step + 1 for step in self.fed)

    @property
    def all_shown(self) -> bool:
        return all(step == len(road.ROAD) - 1 for step in self.fed)

    @property
    def done(self) -> bool:
        """Whether all was shown and all that is owed arrived or ended visibly."""
        return (self.all_shown or self._closed) and len(self._arrived) >= self.shown * EACH

    def close(self) -> None:
        """Show nothing more: what is owed so far is waited for."""
        self._closed = True

    def tick(self) -> None:
        """Read the journals, show what comes next, have it looked at."""
        for told in self.world.news():
            self.told.append(told)
            self._take(told)
        now = time.monotonic()
        for owed in [owed for owed, since in self._doubtful.items() if now > since + DOUBT]:
            del self._doubtful[owed]
            self._settle(*owed)
        if now > self._asked_ends + 3:
            self._asked_ends = now
            for owed in self._led.ended():
                self._arrived.add(owed)
                self._settle(*owed)
        for parcel, still in enumerate(self._open):
            if still and now > self._since[parcel] + self._patience:
                self._ready.add(parcel)
        self._show(now)

    def _take(self, told: Told) -> None:
        """Count what arrived. What the program cannot know of may come once more, before the next event overtakes it."""
        self._arrived.add(told.owed)
        resent = told.channel in ("mail", "plain")
        if told.answered or not resent or self._doubtful.pop(told.owed, 0.0):
            self._settle(*told.owed)
        else:
            self._doubtful[told.owed] = time.monotonic()

    def _settle(self, parcel: int, step: int, channel: str, to: str) -> None:
        if step == self.fed[parcel]:
            self._open[parcel].discard((channel, to))
            if not self._open[parcel]:
                self._ready.add(parcel)

    def _show(self, now: float) -> None:
        ready = () if self._closed else [p for p in self._ready if self.fed[p] < len(road.ROAD) - 1]
        for parcel in ready:
            self._ready.discard(parcel)
            self.fed[parcel] += 1
            self.world.track.push_event(road.number(parcel), self.world.calendar.step(self.fed[parcel]))
            self._open[parcel] = _all()
            self._since[parcel] = now
            self._ask[parcel] = now
        # A parcel is looked at again where nobody was told in time: its own pace would be hours, and a run is short.
        late = [p for p, still in enumerate(self._open) if len(still) == EACH and now > self._since[p] + 100]
        for parcel in late:
            self._since[parcel] = now
            self.looked_again += 1
        if (wanted := [*self._ask, *late]) and self._led.look_now(wanted):
            self._ask.clear()

    def missing(self) -> list[Owed]:
        """Return what was not seen yet of the steps shown last."""
        return [(parcel, self.fed[parcel], *one) for parcel, still in enumerate(self._open) for one in still]


def _all() -> set[tuple[str, str]]:
    return {(channel, to) for channel, to, _ in addresses()}


def addresses() -> list[tuple[str, str, str]]:
    """Return channel, address and name of everybody who is told of a step."""
    return [("mail", mail, who) for who, (mail, _) in PEOPLE.items()] + [
        (name, phone, who) for name in ("keyed", "plain", "wary") for who, (_, phone) in PEOPLE.items()
    ]
