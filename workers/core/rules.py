"""What is still owed at import for one order on one day: by the order's own tax lines, then by the law.

Refuses to promise: a figure that would be a guess is a range, a rule nobody could confirm is marked, and what
is not known is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from typing import Final

from workers.core import assess
from workers.core.assess import Case
from workers.core.law import Band, Category, Country, Duty, Law, Rates, Row, Territory, in_force
from workers.core.model import Charge, Estimate, Money, Operator, Order, Prepaid, Tax
from workers.core.money import NOTHING, ZERO, Span, payable

__all__ = [
    "Band", "Category", "Country", "Duty", "Law", "Rates", "Row", "Stale", "Territory",
    "at_checkout", "estimate", "stale",
]  # fmt: skip

_UNSURE = frozenset({"low", "unverified"})


class _Owed(Enum):
    PAID = "paid"
    YES = "yes"
    MAYBE = "maybe"


@dataclass(frozen=True, slots=True)
class _Scheme:
    """Under what a platform collects; ``applies`` is None where nobody can tell if it reaches this order."""

    row: Row | None
    applies: bool | None

    def covers(self, charge: str) -> bool:
        return self.row is not None and self.applies is not False and charge in self.row.covers


@dataclass(frozen=True, slots=True)
class Stale:
    """A row of the law that a maintainer should look at again, and why."""

    where: str
    line: str
    why: str  # old | expected_passed | recheck
    checked: date | None
    source: str
    since: date  # the day on which it grew stale


def estimate(
    order: Order,
    law: Law,
    *,
    on: date,
    operator: Operator | None = None,
    charged_at_door: bool = False,
    rates: Rates | None = None,
) -> Estimate:
    """Return what is still owed for *order* under the law of *on*.

    ``charged_at_door`` says that an event asks for charges: what may be owed is then shown in full. Totals
    are in the destination's currency, or in the order's own where no rate is known; None without a value.
    """
    country, territory = law.of(order)
    if country is None or (territory is not None and not territory.law):
        return _nowhere(order, country, on)
    channel = operator.kind if operator is not None and operator.kind in ("post", "courier") else ""
    case = Case(order, law, country, on, rates, channel)
    if not assess.measure(case):
        return _valueless(case)
    scheme = _scheme(case)
    lines = [(row, span, _owed(case, row, scheme)) for row, span in assess.charges(case)]
    if not charged_at_door:
        lines = [(row, span.perhaps if owed is _Owed.MAYBE else span, owed) for row, span, owed in lines]
    tax = _tax(order, [(span, owed) for _, span, owed in lines])
    if tax in (Tax.PREPAID, Tax.NONE):
        if charged_at_door:
            case.assume("asked_although_not_owed")
        return _result(case, tax, [], scheme)
    owing = [(row, span) for row, span, owed in lines if owed is not _Owed.PAID and span.high > 0]
    return _result(
        case, tax, owing, scheme, _fee(case, operator, owing, sure=tax is Tax.DUE or charged_at_door)
    )


def at_checkout(order: Order, law: Law, *, on: date, rates: Rates | None = None) -> Estimate:
    """Return what a platform under the destination's scheme should have collected in the price."""
    country, territory = law.of(order)
    if country is None or (territory is not None and not territory.law):
        return _nowhere(order, country, on)
    case = Case(order, law, country, on, rates, regime="checkout")
    if not assess.measure(case):
        return _valueless(case)
    scheme = _scheme(case)
    if scheme.row is None or scheme.applies is False:
        case.assume("no_scheme")
        return _result(case, Tax.NONE, [], _Scheme(None, False))
    lines = [(row, span) for row, span in assess.charges(case) if span.high > 0]
    return _result(case, Tax.PREPAID, lines, scheme)


def _nowhere(order: Order, country: Country | None, on: date) -> Estimate:
    """Say what can be said where we do not know the law."""
    key = "country_unknown" if country is None else "special_territory"
    return Estimate(_settled(order) or Tax.UNKNOWN, on, assumptions=(key,))


def _valueless(case: Case) -> Estimate:
    """Say what can be said of an order whose value is not known: no figures."""
    scheme = _scheme(case, measured=False)
    tax = _settled(case.order) or Tax.UNKNOWN
    unpaid = _said(case.order, vat=True) is Prepaid.NO or scheme.row is None
    relief = case.row("vat_relief") or case.row("customs_value")
    if tax is Tax.UNKNOWN and unpaid and relief is None and case.row("import_vat") is not None:
        tax = Tax.DUE  # taxed from the first cent, so by how much does not matter here
    return _result(case, tax, [], scheme)


def _settled(order: Order) -> Tax | None:
    """Return what the order's own lines say without any law."""
    vat, duties = _said(order, vat=True), _said(order, vat=False)
    return Tax.PREPAID if vat is Prepaid.YES and duties is not Prepaid.NO else None


def _said(order: Order, *, vat: bool) -> Prepaid:
    """Return what the order page says of VAT, or of all other charges; "import charges" are both."""
    checkout = order.checkout
    if checkout.import_charges is Prepaid.YES:
        return Prepaid.YES
    if not vat:
        return checkout.duty if checkout.duty is not Prepaid.UNKNOWN else checkout.import_charges
    if checkout.vat is Prepaid.UNKNOWN and checkout.vat_amount is not None:
        return Prepaid.YES if checkout.vat_amount.amount > 0 else Prepaid.NO
    return checkout.vat


def _scheme(case: Case, *, measured: bool = True) -> _Scheme:
    """Return the scheme under which a platform collects, and whether it reaches this order."""
    row = case.country.in_force("scheme", case.on)
    if row is None:
        return _Scheme(None, False)
    case.use(row)
    shop = case.order.shop.casefold()
    stranger = bool(row.shops and shop) and not any(name in shop for name in row.shops)
    kind = case.kind
    if stranger or (kind.category is not None and kind.how != "guess" and kind.category.name in row.excludes):
        return _Scheme(row, False)
    return _Scheme(row, assess.fits(case, row, row.bands[0]) if measured else None)


def _owed(case: Case, row: Row, scheme: _Scheme) -> _Owed:
    """Say whether a charge was settled at checkout, is owed, or cannot be told from what we know."""
    has_vat = case.country.in_force("import_vat", case.on) is not None
    taxed = has_vat or case.country.in_force("import_tax", case.on) is not None
    is_vat = row.charge == ("import_vat" if has_vat else "import_tax")
    vat = _said(case.order, vat=True) if taxed else Prepaid.UNKNOWN  # without a VAT, "no VAT" says nothing
    duties = _said(case.order, vat=False)
    covered = scheme.covers(row.charge)
    if covered and vat is Prepaid.YES:
        return _Owed.PAID  # one number settles all that the scheme covers, whether or not a line shows it
    said, other = (vat, duties) if is_vat else (duties, vat)
    hidden = (
        covered and not is_vat and taxed and vat is Prepaid.UNKNOWN
    )  # in the price, with no line of its own
    if said is Prepaid.YES:
        return _Owed.PAID
    if said is Prepaid.NO:
        return _Owed.MAYBE if hidden else _Owed.YES
    if other is Prepaid.YES:
        # Somebody delivers duty paid: under a scheme it settles this too, without one perhaps.
        return _Owed.PAID if covered else _Owed.MAYBE
    if not covered:
        return _Owed.YES
    # No VAT collected means that the scheme was not used; no duty collected says nothing of the VAT.
    return _Owed.YES if other is Prepaid.NO and not is_vat else _Owed.MAYBE


def _tax(order: Order, lines: Sequence[tuple[Span, _Owed]]) -> Tax:
    open_ = [(span, owed) for span, owed in lines if owed is not _Owed.PAID and span.high > 0]
    if any(owed is _Owed.YES and span.low > 0 for span, owed in open_):
        return Tax.DUE
    if open_:
        return Tax.UNKNOWN
    paid = any(owed is _Owed.PAID for _, owed in lines) or _settled(order) is not None
    return Tax.PREPAID if paid else Tax.NONE


def _fee(
    case: Case, operator: Operator | None, owing: Sequence[tuple[Row, Span]], *, sure: bool
) -> Charge | None:
    """Return what the operator adds for paying in advance; nothing where it is not known."""
    if operator is None:
        case.assume("operator_unknown")
        return None
    duties = so_far = NOTHING
    for row, span in owing:
        so_far = so_far + span
        duties = duties + span if row.charge in assess.IN_BASE else duties
    row_ = in_force(case.law.fees.get(operator.id, ()), case.on)
    span_ = assess.row_span(case, row_, duties, so_far) if row_ is not None else None
    if row_ is not None and span_ is not None:
        case.use(row_)
        return None if span_.high == 0 else _charge(case, row_, span_ if sure else span_.perhaps)
    case.assume("operator_fee_unknown")
    return None


def _charge(case: Case, row: Row, span: Span) -> Charge:
    note = ""
    if any(band.tariff for band in row.bands):
        note = {"hs": "by_hs", "category": "range_by_category"}.get(case.kind.how, "range_by_guess")
    elif row.confidence in _UNSURE:
        note = "unconfirmed"
    low, high = (payable(edge, case.currency) for edge in (span.low, span.high))
    return Charge(row.charge, low, high, row.evidence, row.start, note)


def _result(
    case: Case, tax: Tax, owing: Sequence[tuple[Row, Span]], scheme: _Scheme, fee: Charge | None = None
) -> Estimate:
    """Put the answer together; totals are the sums of the rounded lines."""
    charges = [_charge(case, row, span) for row, span in owing] + ([fee] if fee else [])
    ordered = case.order.ordered_on
    sources: list[Row | Duty] = [*case.used, *case.tables]
    if any(fact.confidence in _UNSURE for fact in sources):
        case.assume("rule_unconfirmed")
    if ordered is not None and any(ordered < row.start <= case.on for row in case.used):
        case.assume("rule_changed_since_order")
    measured = bool(case.currency)
    live = scheme.row if scheme.applies is not False else None
    return Estimate(
        tax=tax,
        on=case.on,
        charges=tuple(charges),
        low=Money(sum((c.low.amount for c in charges), ZERO), case.currency) if measured else None,
        high=Money(sum((c.high.amount for c in charges), ZERO), case.currency) if measured else None,
        collected_by=_collector(tax, owing, live),
        scheme=live.name if live else "",
        prepaid_expected=live is not None and scheme.applies is True and live.marketplace == "expected",
        rules=tuple(dict.fromkeys([fact.evidence for fact in sources])),
        expected=tuple(row.evidence for row in case.country.expected(case.on)),
        rates=tuple(case.said),
        assumptions=tuple(case.assumed),
    )


def _collector(tax: Tax, owing: Sequence[tuple[Row, Span]], scheme: Row | None) -> str:
    if tax is Tax.NONE:
        return "none"
    if tax is Tax.PREPAID:
        return scheme.collected_by if scheme else "seller"
    return owing[0][0].collected_by if tax is Tax.DUE and owing else "unknown"


AGE: Final = timedelta(days=180)  # after so long a rule wants to be compared with its source again


def stale(law: Law, *, on: date, after: timedelta = AGE) -> list[Stale]:
    """Return the rows still in force or to come whose check is old, or whose expected change has come."""
    found: dict[tuple[str, str], Stale] = {}
    lines = [rows for country in law.countries.values() for rows in country.lines.values()]
    for rows in [*lines, *law.fees.values()]:
        now = in_force(rows, on)
        for row in rows:
            if row is not now and row.start <= on and not row.expected:
                continue  # past law does not change
            why, since = _why_stale(row, rows, on, after)
            if why:
                evidence = row.evidence
                found[evidence.where, row.line] = Stale(
                    evidence.where, row.line, why, evidence.checked, evidence.source, since
                )
    return sorted(found.values(), key=lambda item: (item.where, item.line))


def _why_stale(row: Row, rows: Sequence[Row], on: date, age: timedelta) -> tuple[str, date]:
    """Return why the row is stale, "" if it is not, and since when."""
    settled = any(not later.expected and row.start <= later.start <= on for later in rows)
    if row.expected and row.start <= on:
        return "" if settled else "expected_passed", row.start
    if row.recheck is not None and row.recheck <= on:
        return "recheck", row.recheck
    checked = row.evidence.checked
    if checked is None:
        return "old", row.start
    return "old" if checked + age < on else "", checked + age
