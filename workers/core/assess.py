"""Measure one order against one day's rows: which bands it falls into, what they ask.

Every answer has three values: yes, no, and None where it hangs on something we do not know. What hangs on
None may be nothing at all, so its range starts at zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache

from workers.core import tariff
from workers.core.law import Band, Country, Duty, Law, Rates, Row
from workers.core.model import Money, Order
from workers.core.money import NOTHING, ZERO, Span, exactly

# Duty-like charges come before the tax that is taken of them; what is asked for the handling comes last.
ORDER = (
    "duty", "flat_duty", "extra_duty", "import_tax", "excise", "import_vat",
    "handling_fee", "national_fee", "levy", "entry_fee", "broker_fee",
)  # fmt: skip
IN_BASE = frozenset({"duty", "flat_duty", "extra_duty", "import_tax", "excise"})
RELIEF = {
    "import_vat": "vat_relief",
    "import_tax": "vat_relief",
    "duty": "duty_relief",
    "flat_duty": "duty_relief",
    "extra_duty": "duty_relief",
}
NEAR = Decimal("0.02")  # customs converts at a rate of its own, of another day


@dataclass(slots=True)
class Case:
    """One order under one law on one day; remembers what was used and assumed on the way."""

    order: Order
    law: Law
    country: Country
    on: date
    rates: Rates | None = None
    channel: str = ""  # post | courier | "" = not known
    regime: str = "import"
    currency: str = ""
    goods: Span = NOTHING
    shipping: Decimal = ZERO
    kind: tariff.Goods = field(default_factory=lambda: tariff.Goods(None, "unknown"))
    said: list[str] = field(default_factory=list)  # the exchange rates that were used
    assumed: list[str] = field(default_factory=list)
    used: list[Row] = field(default_factory=list)
    tables: list[Duty] = field(default_factory=list)  # the tariff cells that were used

    def assume(self, key: str) -> None:
        if key and key not in self.assumed:
            self.assumed.append(key)

    def use(self, row: Row) -> None:
        self.used.append(row)

    def row(self, line: str) -> Row | None:
        """Return the row of *line* in force for this regime."""
        row = self.country.in_force(line, self.on)
        return row if row is not None and row.regime in ("both", self.regime) else None

    def amount(self, sum_: Money) -> Decimal | None:
        """Return *sum_* in the currency of the estimate; None where no rate is known."""
        if sum_.currency == self.currency or sum_.amount == 0:
            return sum_.amount
        found = self.rates.convert(sum_, self.currency, self.on) if self.rates else None
        if found is None:
            return None
        if found[1] not in self.said:
            self.said.append(found[1])
        return found[0].amount

    def rows(self) -> Iterator[Row]:
        """Return the charges in force, in the order in which they build on each other."""
        for row in _in_turn(self.country, self.on):
            if row.regime in ("both", self.regime):
                yield row


@lru_cache(maxsize=4096)
def _in_turn(country: Country, on: date) -> tuple[Row, ...]:
    """Return the rows of charges in force, in the order in which they build on each other."""
    held = country.day(on)
    return tuple(row for name in ORDER for line, row in held.items() if line.partition(".")[0] == name)


def measure(case: Case) -> bool:
    """Put the order's value into the currency of the estimate; False where it is not known."""
    order = case.order
    case.kind = tariff.goods(order, case.law)
    if order.goods is None:
        case.assume("value_unknown")
        return False
    case.currency = case.country.currency
    goods = case.amount(order.goods)
    if goods is None:
        case.currency, goods = order.goods.currency, order.goods.amount
        case.assume("not_in_local_currency")
    case.goods = exactly(goods)
    share = case.row("customs_value")
    if share is not None and share.bands[0].rate is not None:
        case.use(share)
        case.goods = case.goods * share.bands[0].rate
    shipping = case.amount(order.shipping) if order.shipping else None
    if shipping is None:
        case.assume("shipping_unknown")
    case.shipping = shipping or ZERO
    return True


def charges(case: Case) -> list[tuple[Row, Span]]:
    """Return what the law asks of the buyer for a measured order, unrounded, whoever has settled it."""
    found: list[tuple[Row, Span]] = []
    duties = NOTHING
    reliefs = {line: _relief(case, line) for line in ("vat_relief", "duty_relief")}
    for row in case.rows():
        free = reliefs.get(RELIEF.get(row.charge, ""), False)
        span = None if free is True else row_span(case, row, duties)
        if span is None:
            continue
        case.use(row)
        if row.debtor == "seller":
            case.assume(f"seller_owes:{row.charge}")
            continue
        span = span if free is False else span.perhaps
        if row.charge in IN_BASE:
            duties = duties + span
        found.append((row, span))
    waiver = case.row("waiver")
    if found and waiver is not None and _waived(case, waiver.bands[0], sum((s.high for _, s in found), ZERO)):
        case.use(waiver)
        case.assume("below_minimum")
        return []
    return found


def _relief(case: Case, line: str) -> bool | None:
    """Say whether the order stands within a relief."""
    row = case.row(line)
    if row is None:
        return False
    case.use(row)
    answers = [fits(case, row, band) for band in row.bands]
    if True in answers:
        # A relief may leave out a part of a kind only (knitted clothes, leather bags): then nobody can tell.
        left_out = case.kind.category is not None and case.kind.category.name in row.excludes
        return None if left_out else True
    return None if None in answers else False


def _waived(case: Case, band: Band, total: Decimal) -> bool:
    """Say whether all that is owed is too little to be asked for."""
    limit = band.up_to or band.below
    edge = case.amount(limit) if limit else None
    if edge is None:
        return False
    return total <= edge if band.up_to else total < edge


def fits(case: Case, row: Row, band: Band) -> bool | None:
    """Say whether the order falls into *band*."""
    origin = case.order.origin
    if (band.origins and origin not in band.origins) or origin in band.not_origins:
        return False
    answers = [_by_channel(case, band), _by_postcode(case, band), _by_kind(case, band)]
    value = _tested(case, row)
    if band.over:
        within = _within(case, value, band.over)
        answers.append(None if within is None else not within)
    if band.up_to:
        low = _within(case, value, band.up_to)
        high = _within(case, value, band.perhaps_up_to) if band.perhaps_up_to else low
        answers.append(low if low == high else None)
    if band.below:
        answers.append(_within(case, value, band.below, strict=True))
    if False in answers:
        return False
    return None if None in answers else True


def _by_channel(case: Case, band: Band) -> bool | None:
    if not band.channel:
        return True
    if not case.channel:
        case.assume("channel_unknown")
        return None
    return case.channel == band.channel


def _by_postcode(case: Case, band: Band) -> bool | None:
    if not band.postcodes:
        return True
    postcode = case.order.postcode.replace(" ", "").upper()
    if not postcode:
        case.assume("postcode_unknown")
        return None
    return postcode.startswith(band.postcodes)


def _by_kind(case: Case, band: Band) -> bool | None:
    if not band.only:
        return True
    if case.kind.category is None or case.kind.how == "guess":
        case.assume(case.kind.assumption)
        return None
    return case.kind.category.name in band.only


def _tested(case: Case, row: Row) -> Span:
    """Return the value a threshold of *row* looks at; that of several parcels is known only as a whole."""
    value = case.goods
    if row.basis == "goods_shipping":
        value = value + exactly(case.shipping)
    if len(case.order.parcels) > 1:
        case.assume("several_parcels")
        return Span(ZERO, value.high)
    return Span(ZERO, value.high) if row.basis == "item" and case.order.items > 1 else value


def _within(case: Case, value: Span, edge: Money, *, strict: bool = False) -> bool | None:
    """Say whether *value* stays within *edge*: None where only part of it does, or no rate is known."""
    limit = case.amount(edge)
    if limit is None:
        case.assume("rate_unknown")
        return None
    foreign = case.order.goods is not None and case.order.goods.currency != edge.currency
    if foreign and abs(value.high - limit) <= limit * NEAR:
        case.assume("near_threshold")
    low, high = (v < limit if strict else v <= limit for v in (value.low, value.high))
    return low if low == high else None


def row_span(case: Case, row: Row, duties: Span, so_far: Span = NOTHING) -> Span | None:
    """Return the range a row asks for; None where no band reaches the order. Bands are tried in order."""
    found: Span | None = None
    for band in row.bands:
        answer = fits(case, row, band)
        if answer is False:
            continue
        span = _band_span(case, row, band, duties, so_far)
        if span is None:
            continue
        found = span if found is None else found.hull(span)
        if answer:
            return found
    return None if found is None else found.perhaps


def _band_span(case: Case, row: Row, band: Band, duties: Span, so_far: Span) -> Span | None:
    """Return the range one band asks for; None where nobody could say how much."""
    if band.unpriced:
        case.assume("more_costs_unknown")
        return None
    rate = band.rate
    if band.tariff:
        rate, cell = tariff.duty(case.kind, band.tariff, case.law)
        case.assume(case.kind.assumption)
        if cell:
            case.tables.append(cell)
    span = NOTHING
    if rate is not None:
        base = _base(case, row.base, duties, so_far)
        if band.excess_over:
            excess = _less(base, case.amount(band.excess_over))
            base = base.hull(excess) if band.perhaps_excess else excess
        if band.inclusive:
            rate = Span(rate.low / (1 - rate.low), rate.high / (1 - rate.high))
        span = base * rate
    if band.flat:
        flat = [case.amount(edge) for edge in band.flat]
        if flat[0] is None or flat[1] is None:
            case.assume("more_costs_unknown")
            return span if rate is not None else None
        span = span + Span(flat[0], flat[1]) * exactly(Decimal(case.order.items if band.per_item else 1))
    if band.minus:
        span = _less(span, case.amount(band.minus))
    return _clamped(case, band, span)


def _clamped(case: Case, band: Band, span: Span) -> Span:
    floor = case.amount(band.at_least) if band.at_least else None
    if floor is not None:
        span = Span(max(span.low, floor), max(span.high, floor))
    ceiling = case.amount(band.at_most) if band.at_most else None
    return span if ceiling is None else Span(min(span.low, ceiling), min(span.high, ceiling))


def _less(span: Span, off: Decimal | None) -> Span:
    """Take *off* away; where it has no rate, anything from nothing to the whole is left."""
    if off is None:
        return span.perhaps
    return Span(max(span.low - off, ZERO), max(span.high - off, ZERO))


def _base(case: Case, base: str, duties: Span, so_far: Span) -> Span:
    """Return what a rate is taken of."""
    shipped = case.goods + exactly(case.shipping)
    if base == "goods_shipping_duty_at_border" and case.regime == "checkout":
        # EU, inside IOSS: sources disagree whether the flat duty is part of what VAT is taken of.
        return Span(shipped.low, (shipped + duties).high)
    return {
        "goods": case.goods,
        "goods_shipping": shipped,
        "goods_maybe_shipping": case.goods.hull(shipped),
        "goods_duty": case.goods + duties,
        "charges": so_far,
    }.get(base, shipped + duties)
