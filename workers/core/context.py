"""Read one event in the light of where it happened and what came before; never invents what neither tells.

Carriers and aggregators say "customs clearance completed" for export and import alike (17TRACK documents its
InTransit_CustomsReleased as "import/export": help.17track.net, 37471096573337, as of 2026-11-22), so the
direction comes from the event's country and, without one, from what the parcel had already done.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from workers.core.model import Addressee, Charges, Evidence, Reading, Side, Sighting, Stage

# Stages that speak of import customs once it is known that the destination's customs is meant.
CLEARING = frozenset(
    {
        Stage.IMPORT_CUSTOMS,
        Stage.INSPECTION,
        Stage.HELD,
        Stage.DOCUMENTS_REQUIRED,
        Stage.PAYMENT_DUE,
        Stage.PAYMENT_RECEIVED,
        Stage.CLEARANCE_DELAY,
    }
)
EXPORT = frozenset({Stage.EXPORT_CUSTOMS, Stage.EXPORT_CLEARED})
DELIVERY = frozenset({Stage.OUT_FOR_DELIVERY, Stage.AVAILABLE_FOR_PICKUP, Stage.DELIVERY_FAILED})
MOVING = frozenset({Stage.IN_TRANSIT, Stage.ARRIVED_DESTINATION})
_DIRECTED = CLEARING | {Stage.RELEASED, Stage.REFUSED}
# … and those that mean the same wherever they are said.
_SETTLED = frozenset({Stage.UNKNOWN, Stage.PRE_TRANSIT, Stage.IN_TRANSIT, Stage.RETURNING, Stage.EXCEPTION})
_ASKS = frozenset({Stage.HELD, Stage.DOCUMENTS_REQUIRED, Stage.PAYMENT_DUE, Stage.CLEARANCE_DELAY})

# Goods are cleared once, at the first frontier of a customs union: what happens in one member counts for all.
# EU: Regulation (EU) No 952/2013, art. 4; CH-LI: customs treaty of 1923; EAEU: treaty of 29 May 2014, art. 1.
_EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MC MT NL PL PT RO SE SI SK"
_UNIONS = tuple(frozenset(members.split()) for members in (_EU, "CH LI", "AM BY KG KZ RU"))
_SAME = {"UK": "GB", "EL": "GR"}  # spellings met in carriers' data

# Codes that say "left the origin" where the stage says no more than "in transit": Cainiao's action codes (TOP API
# 30120), 17TRACK's sub-status list (help.17track.net 37471096573337), UPU EMSEVT. As of 2026-11-22.
_LEAVING = frozenset(
    {
        ("cainiao", "LH_HO_AIRLINE"),
        ("cainiao", "LH_DEPART"),
        ("17track", "INTRANSIT_DEPARTURE"),
        ("17track", "DEPARTURE"),
        ("upu", "EMC"),
        ("aliexpressmail", "LEFT_ORIGIN"),
    }
)
# … and codes that say no more than that the sender has handed it over: it is at the origin, though nobody scanned it yet.
_SENT = frozenset({("aliexpressmail", "SHIPPED")})
# … and the words' concepts (``core.lexicon``) that say so: off from the origin, by air, from an office of exchange.
_OFF = frozenset({"depart", "forward"})
_ABROAD = frozenset({"origin", "flight", "export", "exchange"})
_NOT_YET = frozenset({"await", "arrive", "ready", "not"})


@lru_cache(maxsize=1024)
def country(code: str) -> str:
    """Return *code* as ISO 3166-1 alpha-2 in upper case; "" stays ""."""
    code = code.strip().upper()
    return _SAME.get(code, code)


def one_customs(a: str, b: str) -> bool:
    """Whether goods move from *a* to *b* without being cleared again."""
    return bool(a) and (a == b or any(a in union and b in union for union in _UNIONS))


@lru_cache(maxsize=4096)  # asked of every event at every look, with few different answers
def side_of(place: str, *, origin: str, destination: str) -> Side | None:
    """Return whose territory *place* is, as customs sees it; None where it cannot be told."""
    place, origin, destination = country(place), country(origin), country(destination)
    if not place or origin == destination:
        return None
    if place == destination:
        return Side.DESTINATION
    if place == origin:
        return Side.ORIGIN
    if one_customs(place, destination) and not one_customs(origin, destination):
        return Side.DESTINATION
    if one_customs(place, origin):
        return Side.ORIGIN
    return Side.TRANSIT if origin and destination else None


def leaves(sighting: Sighting, reading: Reading, *, origin: str, destination: str) -> bool:
    """Whether the event shows that the parcel has left the origin."""
    if reading.stage not in MOVING and reading.stage is not Stage.TRANSIT_CUSTOMS:
        return False
    if (sighting.system.casefold(), sighting.code.strip().upper()) in _LEAVING:
        return True
    concepts = {
        concept
        for evidence in reading.evidence
        if evidence.kind == "phrase"
        for concept in evidence.what.rpartition(": ")[2].split("+")
    }
    if concepts & _OFF and concepts & _ABROAD and not concepts & _NOT_YET:
        return True
    side = reading.side or side_of(sighting.country, origin=origin, destination=destination)
    return side in (Side.TRANSIT, Side.DESTINATION)


def sent(sighting: Sighting) -> bool:
    """Whether the event says that the sender has handed the parcel over, and no carrier that it has it."""
    return (sighting.system.casefold(), sighting.code.strip().upper()) in _SENT


def arrives(sighting: Sighting, reading: Reading, *, origin: str, destination: str) -> bool:
    """Whether the event shows that the parcel is in the destination; papers can be there long before it."""
    if reading.stage in DELIVERY or reading.stage in (Stage.DELIVERED, Stage.ARRIVED_DESTINATION):
        return True
    here = side_of(sighting.country, origin=origin, destination=destination) is Side.DESTINATION
    return reading.stage is Stage.IN_TRANSIT and here and country(sighting.country) == country(destination)


def resolve(
    reading: Reading,
    sighting: Sighting,
    *,
    origin: str,
    destination: str,
    arrived: bool,
    departed: bool,
    export_done: bool,
    at_origin: bool = False,
) -> Reading:
    """Return *reading* with side, stage and addressee settled by context, with the evidence of it.

    *arrived*: the parcel has been seen in the destination. *departed*: it has left the origin. *export_done*:
    export clearance is finished. *at_origin*: it has been seen moving, and nothing tells that it left.
    Where nothing tells, the reading comes back unchanged.
    """
    if reading.stage in _SETTLED:
        return reading
    where = side_of(sighting.country, origin=origin, destination=destination)
    if reading.stage in _DIRECTED:
        return _customs(reading, where, arrived or departed, export_done=export_done, at_origin=at_origin)
    if reading.stage in EXPORT and reading.side is None:
        return replace(reading, side=Side.ORIGIN)
    if reading.stage is Stage.TRANSIT_CUSTOMS and reading.side is None:
        return replace(reading, side=Side.TRANSIT)
    if reading.stage is Stage.DELIVERED and reading.side is Side.ORIGIN:
        return _because(reading, "delivered at the origin is back with the sender", stage=Stage.RETURNING)
    if reading.stage in DELIVERY or reading.stage in (Stage.DELIVERED, Stage.ARRIVED_DESTINATION):
        # A hand-over to the airline, a hub "at destination": nothing is delivered where it has not arrived.
        elsewhere = where is Side.ORIGIN or (where is Side.TRANSIT and reading.stage is not Stage.DELIVERED)
        if elsewhere and not arrived:
            what = f"{reading.stage.value} in {country(sighting.country)}, not in {country(destination)}"
            return _because(reading, what, stage=Stage.IN_TRANSIT)
    return reading


def _customs(
    reading: Reading, where: Side | None, left: bool, *, export_done: bool, at_origin: bool
) -> Reading:
    """Settle whose customs speaks: the words first, then the place, then what came before."""
    if reading.side is not None:
        side, what = reading.side, ""
    elif where is not None:
        side, what = where, f"the event's country is the {where.value}'s side"
    elif left:
        # Clearance may begin before arrival; a country of transit names itself.
        side, what = Side.DESTINATION, "the parcel had already left the origin"
    elif export_done and reading.stage is not Stage.RELEASED:
        side, what = Side.DESTINATION, "export clearance was already finished"
    elif export_done or at_origin:
        side, what = Side.ORIGIN, "nothing tells that the parcel had left the origin"
    else:
        return reading
    if side is Side.DESTINATION:
        return _because(reading, what, side=side) if what else reading
    stage, charges, addressee = reading.stage, reading.charges, reading.addressee
    if stage is not Stage.REFUSED:
        done = Stage.EXPORT_CLEARED if stage is Stage.RELEASED else Stage.EXPORT_CUSTOMS
        stage = done if side is Side.ORIGIN else Stage.TRANSIT_CUSTOMS
    if reading.stage in _ASKS and addressee in (None, Addressee.BUYER):
        addressee = Addressee.SENDER if side is Side.ORIGIN else Addressee.CARRIER
    elif addressee is Addressee.BUYER:
        addressee = Addressee.NOBODY
    what = what or f"customs of the {side.value}"
    # What the origin's or a transit country's customs asks is never the buyer's to pay.
    charges = Charges.UNKNOWN
    return _because(reading, what, side=side, stage=stage, charges=charges, addressee=addressee)


def _because(
    reading: Reading,
    what: str,
    *,
    stage: Stage | None = None,
    side: Side | None = None,
    charges: Charges | None = None,
    addressee: Addressee | None = None,
) -> Reading:
    stage, side = stage or reading.stage, side or reading.side
    charges, addressee = charges or reading.charges, addressee or reading.addressee
    same = stage is reading.stage and side is reading.side
    if same and charges is reading.charges and addressee is reading.addressee:
        return reading
    evidence = (*reading.evidence, _of_context(what))
    return Reading(stage, reading.causes, side, addressee, charges, evidence, reading.beat)


@lru_cache(maxsize=1024)  # a few sentences
def _of_context(what: str) -> Evidence:
    return Evidence("context", what, "core/context.py")
