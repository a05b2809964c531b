"""Made-up orders and parcels from which a context for every advice is built by the real brief."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

from workers.core import advise, brief
from workers.core.advise import FACTS, Row
from workers.core.model import (
    Advice,
    Cause,
    Charge,
    Charges,
    Checkout,
    Estimate,
    Evidence,
    Guess,
    Money,
    Operator,
    Order,
    Pace,
    ParcelRef,
    Prepaid,
    Protection,
    Reading,
    Seen,
    Side,
    Sighting,
    Situation,
    Snapshot,
    Stage,
    Tax,
    TimeQuality,
    Usual,
    Why,
)
from workers.knowledge.table import load_table

NOW = datetime(2026, 12, 8, 9, 30, tzinfo=UTC)
RULE = Evidence(
    "rule",
    "VAT from the first euro",
    "countries/ES.yaml:7",
    "https://www.agenciatributaria.gob.es/Sede/iva/importaciones-de-bajo-valor.html",
    date(2026, 11, 22),
)
PARCEL = ParcelRef("reel/LX400000015CN", "LX400000015CN", "China Post")
OPERATOR = Operator(
    id="correos",
    name="Correos",
    country="ES",
    kind="post",
    asks_by=("email", "sms", "letter"),
    pay_where="the Correos app, or type correos.es yourself and look for “Aduanas”; also at delivery",
    pay_methods=("card", "cash"),
    domains=("correos.es", "adtpostales.com"),
    site="correos.es",
    storage_days=15,
    documents_where="type adtpostales.com yourself, with the number on the notice",
    contact="the form under “Aduanas” on correos.es",
    links_in_messages="sometimes",
    evidence=Evidence(
        "rule", "Correos", "operators/correos.yaml:1", "https://www.correos.es", date(2026, 11, 22)
    ),
)


def euro(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def order(*, tax: Tax = Tax.DUE, protected_until: date | None = date(2026, 12, 20), **more: Any) -> Order:
    paid = Prepaid.YES if tax is Tax.PREPAID else Prepaid.NO
    facts: dict[str, Any] = {
        "id": "reel",
        "title": "Fishing reel",
        "parcels": (PARCEL,),
        "destination": "ES",
        "goods": euro("89.00"),
        "shipping": euro("4.20"),
        "shop": "AliExpress",
        "seller": "River & Lake Tackle",
        "number": "8190000000000013",
        "checkout": Checkout(vat=paid, vat_amount=euro("19.57") if paid is Prepaid.YES else None),
        "protected_until": protected_until,
        "ordered_on": date(2026, 11, 5),
    }
    return Order(**(facts | more))


def seen(stage: Stage, text: str, at: datetime | None, **more: Any) -> Seen:
    return Seen(
        Sighting(
            source="recorded",
            text=text,
            at=at,
            quality=TimeQuality.EXACT if at else TimeQuality.UNKNOWN,
            place=more.pop("place", "Madrid"),
            country="ES",
            **more,
        ),
        Reading(stage, evidence=(Evidence("phrase", "inspection", "phrases/en.yaml:118"),)),
        first_seen=at or NOW,
        witnesses=("recorded",),
    )


def estimate(tax: Tax) -> Estimate:
    if tax is not Tax.DUE:
        return Estimate(tax, NOW.date(), rules=(RULE,), prepaid_expected=tax is Tax.UNKNOWN)
    return Estimate(
        Tax.DUE,
        NOW.date(),
        charges=(
            Charge("import_vat", euro("20.19"), euro("20.79"), RULE, date(2021, 7, 1)),
            Charge("flat_duty", euro("3.00"), euro("3.00"), RULE, date(2026, 7, 1)),
            Charge("operator_fee", euro("3.00"), euro("10.00"), RULE, None),
        ),
        low=euro("26.19"),
        high=euro("33.79"),
        rules=(RULE,),
        expected=(
            Evidence(
                "rule",
                "EU handling_fee from 2026-11-01 (expected)",
                "countries/EU.yaml:80",
                "https://ec.europa.eu",
            ),
        ),
        rates=("1 USD = 0.92 EUR (ECB, 2026-12-07)",),
        assumptions=("category_guessed",),
    )


TABLE = load_table()
# What a reader would expect where a row leaves a fact open, the likeliest first.
LIKELY: dict[str, tuple[Any, ...]] = {
    "stage": (Stage.HELD, Stage.PAYMENT_DUE, Stage.DOCUMENTS_REQUIRED, Stage.INSPECTION, *Stage),
    "cause": (None, *FACTS["cause"]),
    "side": (Side.DESTINATION, Side.ORIGIN, Side.TRANSIT, None),
    "addressee": (None, *FACTS["addressee"]),
    "charges": (Charges.UNKNOWN, *(c for c in Charges if c is not Charges.UNKNOWN)),
    "tax": (Tax.PREPAID, *Tax),
    "pace": tuple(Pace),
    "protection": tuple(Protection),
    "past_customs": (False, True),
}


def typical(row: Row) -> Situation:
    """Return the likeliest situation to which the table answers with *row*."""
    for alternative in row.when:
        open_to = [[v for v in LIKELY[name] if v in alternative.get(name, LIKELY[name])] for name in FACTS]
        for values in product(*open_to):
            found = Situation(*values)
            if advise.possible(found) and TABLE.first(found) == row:
                return found
    raise AssertionError(f"no typical situation for {row.advice.id}")


UNTIL = {
    Protection.OPEN: NOW.date() + timedelta(days=30),
    Protection.CLOSING: NOW.date() + timedelta(days=8),
    Protection.LAST_CALL: NOW.date() + timedelta(days=2),
    Protection.OVER: NOW.date() - timedelta(days=4),
    Protection.UNKNOWN: None,
}


def _advice(row: Row) -> Advice:
    """The row's advice, with a line number that does not move when the table grows."""
    return replace(row.advice, evidence=replace(row.advice.evidence, where="advice.yaml:1"))


def guessed(
    key: str, cause: Cause = Cause.BACKLOG, *, days: tuple[date, ...] = (), count: int = 0, what: str = ""
) -> Guess:
    proof = Evidence(
        "guess", f"what stands behind {key}", "pace.yaml:1", "https://www.bpost.be/nl/faqs/faq/douane"
    )
    return Guess(cause, key, proof, days, count, what)


# Every guess is shown by an advice of a stage that can have it.
GUESSES: dict[str, tuple[Guess, ...]] = {
    "inspection": (
        guessed("wording_red_mark", Cause.OTHER),
        guessed("holiday", days=(date(2026, 12, 7), date(2026, 12, 8))),
    ),
    "import_customs": (
        guessed("law_announced", days=(date(2026, 11, 1),), what="handling_fee"),
        guessed("season_year_end_peak"),
    ),
    "clearance_delay": (
        guessed("law_change", days=(date(2026, 11, 20),), what="flat_duty"),
        guessed("several_items", Cause.MULTIPLE_ITEMS, count=3),
    ),
    "held": (
        guessed("wording_office_of_exchange", Cause.OTHER),
        guessed("holiday", days=(date(2026, 12, 8),)),
    ),
    "charge_unexpected": (guessed("same_day", Cause.MULTIPLE_ITEMS, days=(date(2026, 12, 5),), count=2),),
    "customs_stuck": (guessed("law_change", days=(date(2026, 11, 20),), what="procedure.pccc"),),
    "export_stuck": (
        guessed("holiday_abroad", days=(date(2026, 10, 1), date(2026, 10, 2))),
        guessed("season_chinese_new_year"),
    ),
}


def full(
    row: Row,
    *,
    why: Why = Why.FIRST,
    snapshot_text: str = "The last thing the carrier said",
    last: Mapping[str, Any] | None = None,
    **order_facts: Any,
) -> dict[str, Any]:
    """Return the context of *row*'s advice for a well-filled order, through the real brief; *last*: more of the last event."""
    situation = typical(row)
    days = {Pace.USUAL: 2, Pace.SLOW: 8, Pace.STUCK: 12}[situation.pace]
    since = NOW - timedelta(days=days, hours=2)
    facts = {"protected_until": UNTIL[situation.protection]} | order_facts
    snapshot = Snapshot(
        stage=situation.stage,
        since=since,
        occurrence=1,
        side=situation.side,
        addressee=situation.addressee,
        charges=situation.charges,
        causes=(situation.cause,) if situation.cause else (),
        past_customs=situation.past_customs,
        timeline=(
            seen(
                Stage.EXPORT_CLEARED,
                "Export customs clearance complete",
                since - timedelta(days=9),
                place="Shenzhen",
            ),
            seen(Stage.ARRIVED_DESTINATION, "Arrived at destination country", since - timedelta(days=1)),
            seen(situation.stage, snapshot_text, since, **(last or {})),
        ),
        first_look=since,
        last_news=since,
        in_customs_since=since,
        next_numbers=("PQ4F6B0000000000000000A",),
    )
    return brief.brief(
        order(tax=situation.tax, **facts),
        PARCEL,
        snapshot,
        situation,
        _advice(row),
        estimate(situation.tax),
        OPERATOR,
        Usual(half=3, most=7, observations=0, source="pace.yaml:12", stuck=10.5),
        why,
        now=NOW,
        guesses=GUESSES.get(row.advice.id, ()),
    )


def minimal(row: Row, *, why: Why = Why.FIRST) -> dict[str, Any]:
    """Return the context of *row*'s advice where almost nothing is known: ten lines of config, no operator, no event."""
    situation = typical(row)
    bare = Order(id="x", title="Thing", parcels=(ParcelRef("x/1", "1"),), destination="DE")
    snapshot = Snapshot(stage=situation.stage, side=situation.side, charges=situation.charges)
    nothing = Estimate(Tax.UNKNOWN, NOW.date(), assumptions=("value_unknown",))
    silent = Usual(half=0, most=0, observations=0, source="")
    return brief.brief(
        bare, bare.parcels[0], snapshot, situation, _advice(row), nothing, None, silent, why, now=NOW
    )
