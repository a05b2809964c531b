"""Say which of the remembered mails speak of a parcel, and what they say of it. Refuses to guess among several parcels.

A mail is a parcel's own where it names the parcel's number. One that names only the order is the parcel's where the order has
no other; with several parcels only what comes before any of them leaves is said of all. One that names the order and
another number is the same parcel renumbered, as carriers hand over; but two numbers of one shape are two parcels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

import msgspec

from workers.core import numbers
from workers.core.model import Sighting, TimeQuality
from workers.sources import Ask, Noticed
from workers.sources._fields import UNREADABLE
from workers.sources._fields import name as number_of
from workers.sources._mail_memory import Fact, Said

OF_ALL = frozenset({"ORDER_CONFIRMED", "READY_TO_SHIP"})  # said of every parcel of an order
SHOP, CARRIER = "aliexpressmail", "carriermail"  # systems of codes
HINT = "CHARGE_HINT"
MOST = 60  # sightings remembered of one parcel


def sightings(ask: Ask, facts: Sequence[Fact], *, source: str) -> list[Sighting]:
    """Return what *facts* (oldest first) and the ask's memo say of its parcel, oldest first."""
    told = {_same(each): each for each in _remembered(ask.memo, source=source)}
    for fact, said, number in _of(ask, facts):
        each = _sighting(fact, said, number, source=source)
        told.setdefault(_same(each), each)
    return sorted(told.values(), key=lambda s: s.at.timestamp() if s.at is not None else 0.0)[-MOST:]


def memo(told: Sequence[Sighting]) -> str:
    """Return sightings as the parcel's memo: what a mailbox no longer holds stays known."""
    rows = [[s.at, s.system, s.code, s.text, s.lang, s.number, s.carrier] for s in told if s.at is not None]
    return msgspec.json.encode(rows).decode() if rows else ""


def on_their_way(facts: Sequence[Fact], *, shop: str) -> list[Noticed]:
    """Return the orders that *facts* (oldest first) name with a number and that have not arrived, the newest first."""
    by_order: dict[str, list[str]] = {}
    arrived: set[str] = set()
    for fact in facts:
        pairs = [(s.order, s.number) for s in fact.said if s.number and s.order]
        if not pairs and len(fact.numbers) == 1 and not fact.carrier:
            pairs = [(order, fact.numbers[0]) for order in fact.orders]
        for order, number in pairs:
            by_order[order] = [*by_order.pop(order, []), number]  # the one spoken of last comes last
            if any(said.code == "DELIVERED" for said in fact.said):
                arrived.add(order)
    out = []
    for order, named in reversed(by_order.items()):
        first = named[0]
        parcels = [n for n in dict.fromkeys(named) if n == first or _shape(n) == _shape(first)]
        if order not in arrived:
            out.append(Noticed(order, tuple(parcels), shop))
    return out


def _remembered(memo: str, *, source: str) -> Iterator[Sighting]:
    try:
        rows = msgspec.json.decode(memo, type=list[tuple[datetime, str, str, str, str, str, str]])
    except (msgspec.ValidationError, *UNREADABLE):
        return
    for at, system, code, text, lang, number, carrier in rows:
        if system in (SHOP, CARRIER) and at.tzinfo is not None:
            yield Sighting(
                source=source, text=text, at=at, quality=TimeQuality.ASSUMED, system=system, code=code,
                lang=lang, number=number, carrier=carrier,
            )  # fmt: skip


def _same(sighting: Sighting) -> tuple[object, ...]:
    return sighting.at, sighting.system, sighting.code, sighting.text


def _of(ask: Ask, facts: Sequence[Fact]) -> Iterator[tuple[Fact, Said, str]]:
    """Yield what is said of the parcel, and under which other number."""
    number = number_of(ask.number)
    orders = _orders(ask, number, facts)
    alone = ask.parcels == 1 and not _split(orders, number, facts)
    for fact in facts:
        if fact.carrier:
            if number in fact.numbers:
                yield from ((fact, said, "") for said in fact.said)
            continue
        for said in fact.said:
            named = (said.number,) if said.number else fact.numbers
            of_order = bool(orders & ({said.order} if said.order else set(fact.orders)))
            if number in named:
                yield fact, said, ""
            elif of_order and named and alone:
                yield fact, said, named[0]
            elif of_order and not named and (alone or said.code in OF_ALL):
                yield fact, said, ""


def _orders(ask: Ask, number: str, facts: Sequence[Fact]) -> set[str]:
    """Return the numbers of the parcel's order: as the user wrote it, else as mails name it beside the parcel alone."""
    written = "".join(re.findall(r"\d+", ask.order))
    if written:
        return {written}
    return {f.orders[0] for f in facts if not f.carrier and f.numbers == (number,) and len(f.orders) == 1}


def _split(orders: set[str], number: str, facts: Sequence[Fact]) -> bool:
    """Whether mails name two parcels of one of *orders*.

    Two numbers of one shape are two parcels. So are two whose mails take turns: a parcel that was given a new number is not
    spoken of under the old one again, nor under any once it is delivered.
    """
    spans: dict[str, tuple[datetime, datetime]] = {}
    delivered: set[str] = set()
    for fact in facts:
        for said in fact.said or (Said(),):
            of_order = bool(orders & ({said.order} if said.order else set(fact.orders)))
            for named in (said.number,) if said.number else fact.numbers:
                if fact.carrier or not of_order:
                    continue
                if delivered - {named}:
                    return True
                spans[named] = (spans.get(named, (fact.at, fact.at))[0], fact.at)
                if said.code == "DELIVERED":
                    delivered.add(named)
    shapes = [_shape(each) for each in {number, *spans}]
    ordered = sorted(spans.values())
    turns = any(last > following for (_, last), (following, _) in pairwise(ordered))
    return turns or len(set(shapes)) < len(shapes)


def _shape(number: str) -> tuple[str, int]:
    letters = re.match(r"[A-Z]{0,2}", number)
    return letters[0] if letters else "", len(number)


def _sighting(fact: Fact, said: Said, number: str, *, source: str) -> Sighting:
    whose = numbers.looks_like(number) if number else ()
    return Sighting(
        source=source,
        text=said.text,
        at=fact.at,
        quality=TimeQuality.ASSUMED,  # a mail comes after what it tells of
        system=CARRIER if fact.carrier else SHOP,
        code=said.code,
        lang=said.lang,
        carrier=fact.carrier or "AliExpress",
        number=number if whose and whose[0] != "cainiao" else "",  # the shop's own numbers lead nowhere else
    )
