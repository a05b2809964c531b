"""Watch over sources and channels: tell the owner once that one fails, shrinks or is barred, and that a source answers again."""

from __future__ import annotations

from datetime import datetime

from workers.core import health
from workers.core.health import Health
from workers.house import House
from workers.owner import Owner
from workers.store import Store


def watch(house: House, store: Store, owner: Owner, *, now: datetime) -> None:
    """Look at how every source of the file fares; tell what is to be told. Any number of schedulers may do so."""
    for name, fares in store.source_health().items():
        if name not in house.settings.sources:
            continue
        watched = store.count_watched(name)
        _trouble(store, owner, name, fares, watched, now=now)
        _shrinkage(store, owner, name, fares, watched, now=now)
    _bars(house, store, owner)


def _bars(house: House, store: Store, owner: Owner) -> None:
    """Tell of channels that let nothing out, by another one; where there is none ``status`` shows it by itself."""
    for bar in store.bars():
        if bar.channel not in house.settings.channels:
            continue
        facts = {
            "channel": bar.channel,
            "since": bar.since,
            "error": bar.error,
            "waiting": bar.waiting,
        }
        owner.tell("channel_barred", bar.channel, bar.since.isoformat(), facts, besides=bar.channel)


def _trouble(store: Store, owner: Owner, name: str, fares: Health, watched: int, *, now: datetime) -> None:
    match health.verdict(fares, now=now):
        case "broken" if fares.since is not None:
            facts = {
                "source": name,
                "since": fares.since,
                "tries": fares.failures,
                "error": fares.last_error,
                "parcels": watched,
                "last_ok": fares.last_ok,
                "permanent": fares.permanent,
            }
            owner.tell("source_broken", name, fares.since.isoformat(), facts)
            store.owner_heard(name, "broken", since=fares.since)
        case "healed" if fares.told is not None:
            facts = {"source": name, "since": fares.told, "parcels": watched}
            owner.tell("source_healed", name, fares.told.isoformat(), facts)
            store.owner_heard(name, "healed", since=fares.told)


def _shrinkage(store: Store, owner: Owner, name: str, fares: Health, watched: int, *, now: datetime) -> None:
    doubt = health.in_doubt(fares, watched=watched)
    if doubt and fares.shrank is None:
        facts = {"source": name, "parcels": watched, "fewer": fares.shrunk, "since": now}
        owner.tell("source_shrank", name, now.date().isoformat(), facts)
        store.owner_heard(name, "shrank", since=now)
    elif not doubt and fares.shrank is not None:
        store.owner_heard(name, "grown", since=fares.shrank)
