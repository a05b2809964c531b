"""Gather what passed with each source of a parcel, and turn the core's answer into places to look. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from workers import roster, sources
from workers.core import second
from workers.core.judgement import Judgement
from workers.core.model import Order, ParcelRef
from workers.core.numbers import normalise
from workers.core.voices import Heard
from workers.house import House
from workers.settings import Settings
from workers.store import Heard as Passed
from workers.store import Lookup, SourceHealth, Store

PACE = timedelta(hours=2)  # at least, between looks under a further number

Watched = tuple[Order, ParcelRef]


class Opinions:
    """What the sources of parcels have told us, read from the store once for a batch of decisions."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._taken: tuple[Settings | None, frozenset[str]] = (None, frozenset())

    def taken(self, settings: Settings) -> frozenset[str]:
        """Return all numbers of the user's file."""
        if self._taken[0] is not settings:
            self._taken = settings, frozenset(normalise(ref.number) for _, ref in settings.parcels.values())
        return self._taken[1]

    def heard(
        self, house: House, watched: Sequence[Watched]
    ) -> Callable[[Order, ParcelRef], tuple[Heard, ...]]:
        """Return what tells of each of *watched* what passed with the sources that may know it, its own first."""
        names = list(house.settings.sources)
        passed = self._store.heard([ref.id for _, ref in watched], names)
        health = self._store.source_health()

        def of(order: Order, ref: ParcelRef) -> tuple[Heard, ...]:
            return tuple(_heard(house, order, ref, passed.get(ref.id, {}), health))

        return of

    def doubt(self, house: House, source: str, now: datetime) -> None:
        """Have all parcels of *source* judged again where it has failed for long enough, once each time it does."""
        if len(house.sources) < 2:
            return
        health = self._store.source_health().get(source)
        if health is None or health.since is None or now - health.since < second.FAILING:
            return
        began = health.since.isoformat().encode()
        if self._store.recollect(f"doubted:{source}") == began:
            return
        watched = house.settings.parcels
        self._store.review_soon([p for p in self._store.watched(source) if p in watched])
        self._store.remember(f"doubted:{source}", began)


def nobody(house: House) -> Callable[[Order, ParcelRef], tuple[Heard, ...]]:
    """Return what tells of a parcel that has just been shown by the only source there is."""
    titles = {name: sources.title(section.kind, name) for name, section in house.settings.sources.items()}
    only = tuple(Heard(name, title) for name, title in titles.items())
    return lambda _order, _ref: only


def places(house: House, ref: ParcelRef, judged: Judgement) -> tuple[Lookup, ...]:
    """Return where a parcel is looked up from now on: at its own sources, and at those that are asked besides."""
    asked = judged.asked
    settings = house.settings
    pace = max(judged.every or asked.every, PACE)
    on = [
        Lookup(name, pace, one.number)
        for one in judged.further
        for name in roster.carriers_of(settings, ref, one.number)
    ]
    elsewhere = {
        lookup.source for lookup in on
    }  # one source shows one number's list: the one it travels under now
    return (
        *(Lookup(name) for name in roster.own(settings, ref)),
        *(Lookup(name, asked.every) for name in asked.ask if name not in elsewhere),
        *on,
    )


def _heard(
    house: House, order: Order, ref: ParcelRef, passed: dict[str, Passed], health: dict[str, SourceHealth]
) -> Iterable[Heard]:
    mine = roster.own(house.settings, ref)
    besides = set(roster.besides(house.settings, order, ref))
    for name in (*mine, *(n for n in house.settings.sources if n not in mine)):
        section = house.settings.sources.get(name)
        told = passed.get(name, Passed(None, None))
        yield Heard(
            source=name,
            title=sources.title(section.kind, name) if section else name,
            own=name in mine,
            may=name in besides,
            failing_since=_failing(told, health.get(name), name in mine),
            answered=told.last_ok is not None,
        )


def _failing(told: Passed, health: SourceHealth | None, own: bool) -> datetime | None:
    """Return since when a source can tell nothing of a parcel, by its own failures or because it fails for all."""
    if told.failing_since is not None:
        return told.failing_since
    if health is None or health.since is None or not health.failures or not (own or told.last_ok):
        return None
    return health.since
