"""Which sources a parcel is looked up at, and which may be asked besides. Asks none, and decides on no parcel's case."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from workers import sources
from workers.core import numbers
from workers.core.model import Order, ParcelRef
from workers.settings import Settings


def own(settings: Settings, ref: ParcelRef) -> tuple[str, ...]:
    """Return the sources a parcel is looked up at as a matter of course: those its order names, else the first."""
    return ref.sources or default(settings)


def default(settings: Settings) -> tuple[str, ...]:
    """Return the first source of the file that is not only for a second opinion."""
    for name, section in settings.sources.items():
        if section.second != "only":
            return (name,)
    return tuple(settings.sources)[:1]


def besides(settings: Settings, order: Order, ref: ParcelRef) -> Iterator[str]:
    """Yield the other sources that can know a parcel, in the file's order."""
    mine = own(settings, ref)
    for name, section in settings.sources.items():
        if name in mine or section.second == "no":
            continue
        ends = {"origin": order.origin, "destination": order.destination}
        if numbers.may_know(sources.carriers(section.kind), ref.number, ref.carrier, **ends):
            yield name


def carriers_of(settings: Settings, ref: ParcelRef, number: str) -> Iterator[str]:
    """Yield the carriers' own sources that can know a further *number* of a parcel.

    A service that gathers from all carriers follows a parcel by itself. A source the parcel is looked up at anyway is
    not asked under two numbers: what it shows under one would seem gone under the other.
    """
    mine = own(settings, ref)
    for name, section in settings.sources.items():
        carriers = sources.carriers(section.kind)
        if carriers and name not in mine and section.second != "no" and numbers.may_know(carriers, number):
            yield name


def by_source(settings: Settings, *, without: Collection[str] = ()) -> dict[str, list[str]]:
    """Return the parcels each source watches as a matter of course; *without* some."""
    out: dict[str, list[str]] = {name: [] for name in settings.sources}
    first = default(settings)
    for parcel, (_, ref) in settings.parcels.items():
        for name in () if parcel in without else ref.sources or first:
            out[name].append(parcel)
    return out
