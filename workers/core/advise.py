"""Boil a parcel down to a Situation and find the first row of the table that fits. Holds no advice of its
own.

The facts are a closed list of small enums, so a table can be proved: ``holes`` and ``dead`` walk every
situation with one bit each (2.9 million bits), in well under a second. No expression language: a new fact
is Python, the table stays data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from enum import StrEnum
from functools import cache, lru_cache
from itertools import product
from math import prod
from typing import Final

from workers.core.model import (
    Addressee,
    Advice,
    Cause,
    Charges,
    Estimate,
    Order,
    Pace,
    Protection,
    Side,
    Situation,
    Snapshot,
    Stage,
    Tax,
)

Fact = StrEnum | bool | None

FACTS: Final[dict[str, tuple[Fact, ...]]] = {
    "stage": tuple(Stage),
    "cause": (None, *Cause),
    "side": (None, *Side),
    "addressee": (None, *Addressee),
    "charges": tuple(Charges),
    "tax": tuple(Tax),
    "pace": tuple(Pace),
    "protection": tuple(Protection),
    "past_customs": (False, True),
}
SITUATIONS: Final = 22 * 11 * 4 * 5 * 5 * 4 * 3 * 5 * 2

CLOSING_DAYS = 10  # days before the end of protection when evidence should be ready
LAST_CALL_DAYS = 3  # days before the end by which a dispute should be open

# Stages that can be reached once customs is behind the parcel. Anything earlier on the road contradicts
# ``past_customs``; ``situation`` drops the flag there, so such situations do not occur.
AFTER_CUSTOMS: Final = frozenset(
    {
        Stage.IN_TRANSIT,
        Stage.HELD,
        Stage.DOCUMENTS_REQUIRED,
        Stage.PAYMENT_DUE,
        Stage.PAYMENT_RECEIVED,
        Stage.RELEASED,
        Stage.RETURNING,
        Stage.OUT_FOR_DELIVERY,
        Stage.AVAILABLE_FOR_PICKUP,
        Stage.DELIVERY_FAILED,
        Stage.DELIVERED,
        Stage.EXCEPTION,
    }
)
# Stages where nothing is waited for: their pace is always the usual one.
UNPACED: Final = frozenset({Stage.DELIVERED, Stage.UNKNOWN, Stage.REFUSED})
# Stages that say "over" while a request to pay may still be open: there it matters whether it was made before. On the
# road that is so once customs is behind the parcel.
ASKED_BEFORE: Final = frozenset({Stage.RELEASED, Stage.IN_TRANSIT, Stage.DELIVERED})
# Stages that name their side by themselves.
SIDED: Final[Mapping[Stage, Side]] = {
    Stage.EXPORT_CUSTOMS: Side.ORIGIN,
    Stage.EXPORT_CLEARED: Side.ORIGIN,
    Stage.TRANSIT_CUSTOMS: Side.TRANSIT,
    Stage.ARRIVED_DESTINATION: Side.DESTINATION,
    Stage.IMPORT_CUSTOMS: Side.DESTINATION,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row: it fits where any of its alternatives fits; an alternative fits where each fact it names is
    among its values.
    """

    advice: Advice
    when: tuple[Mapping[str, frozenset[Fact]], ...]

    def fits(self, situation: Situation) -> bool:
        return any(
            all(getattr(situation, fact) in values for fact, values in alternative.items())
            for alternative in self.when
        )


class Table:
    """The rows in their order, sorted by stage once so that a look-up meets only the rows that may fit."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = tuple(rows)
        self.first = lru_cache(maxsize=4096)(self._first)  # few of the situations ever occur
        self._by_stage = {
            stage: tuple(r for r in self.rows if any(stage in a.get("stage", {stage}) for a in r.when))
            for stage in Stage
        }

    def _first(self, situation: Situation) -> Row | None:
        """Return the first row that fits *situation*."""
        return next((row for row in self._by_stage[situation.stage] if row.fits(situation)), None)


def protection(until: date | None, *, on: date) -> Protection:
    """Return how much of the shop's protection is left on the day *on*; its last day still counts."""
    if until is None:
        return Protection.UNKNOWN
    left = (until - on).days
    if left < 0:
        return Protection.OVER
    if left <= LAST_CALL_DAYS:
        return Protection.LAST_CALL
    return Protection.CLOSING if left <= CLOSING_DAYS else Protection.OPEN


def situation(
    order: Order, snapshot: Snapshot, estimate: Estimate, pace: Pace, *, now: datetime
) -> Situation:
    """Boil a parcel, its order, the law of the day and the calendar down to the closed facts."""
    stage = snapshot.stage
    return Situation(
        stage=stage,
        cause=snapshot.causes[0] if snapshot.causes else None,
        side=SIDED.get(stage, snapshot.side),
        addressee=snapshot.addressee,
        charges=_charges(snapshot),
        tax=estimate.tax,
        pace=Pace.USUAL if stage in UNPACED else pace,
        protection=protection(order.protected_until, on=now.date()),
        past_customs=snapshot.past_customs and stage in AFTER_CUSTOMS,
    )


def _charges(snapshot: Snapshot) -> Charges:
    """Return what is known of the charges: after a plain release or delivery, a request made before is "asked"."""
    on_the_road = snapshot.stage is Stage.IN_TRANSIT and not snapshot.past_customs
    if snapshot.charges is not Charges.DUE or snapshot.stage not in ASKED_BEFORE or on_the_road:
        return snapshot.charges
    for seen in reversed(snapshot.timeline):
        reading = seen.reading
        if reading.charges is Charges.DUE or reading.stage is Stage.PAYMENT_DUE:
            return Charges.DUE  # the newest word on it came with this stage or after it
        if reading.stage is snapshot.stage:
            return Charges.ASKED
    return Charges.DUE


def possible(situation: Situation) -> bool:
    """Say whether ``situation`` can ever return this one; the only rules by which combinations are ruled
    out.
    """
    return (
        situation.side == SIDED.get(situation.stage, situation.side)
        and not (situation.pace is not Pace.USUAL and situation.stage in UNPACED)
        and not (situation.past_customs and situation.stage not in AFTER_CUSTOMS)
        and not (situation.charges is Charges.ASKED and not _may_be_asked(situation))
    )


def _may_be_asked(situation: Situation) -> bool:
    return situation.stage in ASKED_BEFORE and (
        situation.past_customs or situation.stage is not Stage.IN_TRANSIT
    )


def advise(situation: Situation, table: Table) -> Advice:
    """Return the advice of the first row that fits; raises LookupError where none does, which a test rules
    out.
    """
    row = table.first(situation)
    if row is None:
        raise LookupError(f"no row of the advice table fits {situation}")
    return row.advice


def every_situation() -> Iterator[Situation]:
    """Return every situation that can occur, in the order of the facts."""
    each = (Situation(*values) for values in product(*FACTS.values()))  # type: ignore[arg-type]  # one type each
    return filter(possible, each)


def holes(table: Table, *, limit: int = 20) -> list[Situation]:
    """Return up to *limit* situations, possible or not, which no row fits; empty is the proof that there
    are none.
    """
    left = _ALL
    for row in table.rows:
        left &= ~_row_mask(row)
    out: list[Situation] = []
    while left and len(out) < limit:
        lowest = left & -left
        out.append(_situation_at(lowest.bit_length() - 1))
        left ^= lowest
    return out


def dead(table: Table) -> list[str]:
    """Return the rows, and alternatives of rows, that no possible situation reaches: ``id`` or
    ``id[alternative]``.
    """
    left = _possible_mask()
    out: list[str] = []
    for row in table.rows:
        masks = [_alternative_mask(a) for a in row.when]
        for number, mask in enumerate(masks):
            if not mask & left:
                out.append(row.advice.id if len(masks) == 1 else f"{row.advice.id}[{number}]")
        left &= ~_row_mask(row)
    return out


def reached(table: Table, values: Mapping[str, frozenset[Fact]]) -> dict[str, int]:
    """Return how many of the possible situations with these *values* each advice answers."""
    left = _possible_mask() & _alternative_mask(values)
    out: dict[str, int] = {}
    for row in table.rows:
        mask = _row_mask(row)
        if mask & left:
            out[row.advice.id] = (mask & left).bit_count()
        left &= ~mask
    return out


# One bit per situation: bit i stands for the i-th element of the product of FACTS, the last fact turning
# fastest.

_ALL: Final = (1 << SITUATIONS) - 1


@cache
def _mask(fact: str, value: Fact) -> int:
    """Return the bits of all situations in which *fact* has *value*."""
    names = list(FACTS)
    inner = prod(len(FACTS[name]) for name in names[names.index(fact) + 1 :])
    values = FACTS[fact]
    block = ((1 << inner) - 1) << (inner * values.index(value))
    period = inner * len(values)
    while period < SITUATIONS:  # doubling overshoots; the cut below takes the rest off
        block |= block << period
        period *= 2
    return block & _ALL


def _alternative_mask(alternative: Mapping[str, frozenset[Fact]]) -> int:
    mask = _ALL
    for fact, values in alternative.items():
        any_of = 0
        for value in values:
            any_of |= _mask(fact, value)
        mask &= any_of
    return mask


def _row_mask(row: Row) -> int:
    mask = 0
    for alternative in row.when:
        mask |= _alternative_mask(alternative)
    return mask


@cache
def _possible_mask() -> int:
    mask = _ALL
    for stage, side in SIDED.items():
        mask &= ~_mask("stage", stage) | _mask("side", side)
    for stage in UNPACED:
        mask &= ~_mask("stage", stage) | _mask("pace", Pace.USUAL)
    for stage in Stage:
        if stage not in AFTER_CUSTOMS:
            mask &= ~_mask("stage", stage) | _mask("past_customs", False)
        if stage not in ASKED_BEFORE:
            mask &= ~(_mask("stage", stage) & _mask("charges", Charges.ASKED))
    asked_on_the_road = _mask("stage", Stage.IN_TRANSIT) & _mask("charges", Charges.ASKED)
    mask &= ~(asked_on_the_road & _mask("past_customs", False))
    return mask & _ALL


def _situation_at(index: int) -> Situation:
    found: dict[str, Fact] = {}
    for name in reversed(FACTS):
        index, place = divmod(index, len(FACTS[name]))
        found[name] = FACTS[name][place]
    return Situation(**{f.name: found[f.name] for f in fields(Situation)})  # type: ignore[arg-type]  # as in every_situation
