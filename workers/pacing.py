"""Tell the store what each source allows, and stretch paces to what that carries. Asks no source and decides no pace itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypedDict
from urllib.parse import urlsplit

from workers import sources
from workers.core import cadence
from workers.core.limits import Quota
from workers.errors import Temporary
from workers.house import House
from workers.settings import Section, Settings
from workers.store import Store

LONGEST_PAUSE = timedelta(minutes=2)  # within a look, for the next call: longer, and the look is given up


class Allowed(TypedDict):
    """What a source allows, as ``Store.limit`` takes it."""

    host: str
    quota: tuple[Quota, ...]
    fresh: timedelta
    each: bool


def allowed(section: Section) -> Allowed:
    """Return what the source of *section* allows: as the user says, else as its kind is known to."""
    address = str(getattr(section.options, "base_url", "") or getattr(section.options, "url", ""))
    return {
        "host": urlsplit(address).netloc.rpartition("@")[2].lower(),
        "quota": sources.quota(section.kind) if section.quota is None else section.quota,
        "fresh": sources.fresh(section.kind),
        "each": sources.each(section.kind),
    }


def limit(settings: Settings, store: Store) -> None:
    """Set the limits of all sources; to be done before they watch anything, and whenever the file changed."""
    for name, section in settings.sources.items():
        store.limit(name, **allowed(section))


def pace(house: House, store: Store) -> None:
    """Stretch the paces of each source's parcels to what its budget carries."""
    for name, section in house.settings.sources.items():
        source, allows = house.sources.get(name), allowed(section)
        if source is None:
            continue
        used = store.usage(name, days=2)
        per_look = used.calls / used.looks if used.looks else 1.0  # a look may take several calls
        per_call = 1.0 if allows["each"] else source.batch / per_look
        watched, paces = store.paces(name)
        room = cadence.room(rate=source.rate, per_call=per_call, quota=allows["quota"])
        wanted = cadence.stretch(paces, watched=watched, room=room)
        store.stretch(name, calm=wanted.calm, urgent=wanted.urgent)


def permit(store: Store, source: str, seconds: float, *, pause: Callable[[timedelta], None]) -> None:
    """Wait until *source* may be called once more within a look, at one call in so many *seconds*.

    Raises Temporary where that is too long: its quota is used up.
    """
    while wait := store.take(source, rate=1 / seconds):
        if wait > max(LONGEST_PAUSE, 2 * timedelta(seconds=seconds)):
            raise Temporary("its quota is used up", after=wait)
        pause(wait)
