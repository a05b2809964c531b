"""The advice matrix of the customs facts (section 6, as of 2026-11-22), row by row, through the real law, table, priors
and words: what is advised, whether it needs the person, whom to ask, what to do and what never to do.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from workers import knowledge
from workers.core.judgement import Judge, Judgement
from workers.core.model import (
    Addressee,
    Cause,
    Charges,
    Checkout,
    Money,
    Order,
    ParcelRef,
    Prepaid,
    Reading,
    Seen,
    Side,
    Sighting,
    Snapshot,
    Stage,
    TimeQuality,
    Told,
)
from workers.core.scam import judge_message
from workers.core.scam_case import MessageIs, Sign
from workers.knowledge.signs import load_signs
from workers.render import Renderer

NOW = datetime(
    2026, 9, 29, 10, tzinfo=UTC
)  # a Tuesday, far from every season; no holiday in Germany before 3 October
RENDERER = Renderer()
PREPAID, NOT_PREPAID = Checkout(vat=Prepaid.YES), Checkout(vat=Prepaid.NO)
CUSTOMS = {"side": Side.DESTINATION}


@dataclass(frozen=True)
class Case:
    """One line of the matrix: a situation, what is advised of it, and a neighbour of which it is not."""

    row: str  # of the matrix
    stage: Stage
    advice: str
    needs: str
    contact: str = ""
    days: float = 1  # in the stage
    facts: dict[str, Any] = field(default_factory=dict)  # of the snapshot
    order: dict[str, Any] = field(default_factory=dict)
    left: int | None = 60  # days of protection
    silent: bool = False
    does: tuple[str, ...] = ()  # words of what to do
    never: tuple[str, ...] = ()  # words of what not to do
    otherwise: dict[str, Any] = field(default_factory=dict)  # what makes it another case


CASES = [
    # export customs running
    Case("export running", Stage.EXPORT_CUSTOMS, "export_running", "no", silent=True, days=4, otherwise={"days": 9}),
    Case("export running", Stage.EXPORT_CUSTOMS, "export_stuck", "yes", "seller", days=9,
         does=("the message drafted below",), otherwise={"days": 4}),
    Case("export running", Stage.EXPORT_CUSTOMS, "protection_last_call", "yes", "shop", days=4, left=3,
         does=("Open a dispute",), otherwise={"left": 30}),
    # arrived, and no customs scan
    Case("no customs scan", Stage.ARRIVED_DESTINATION, "arrived", "no", silent=True, days=3, otherwise={"days": 6.5}),
    Case("no customs scan", Stage.ARRIVED_DESTINATION, "no_customs_scan", "wait", "operator", days=6.5,
         does=("under a new number", "Look the parcel up yourself"), otherwise={"days": 3}),
    Case("no customs scan", Stage.ARRIVED_DESTINATION, "no_customs_scan_stuck", "yes", "seller", days=10,
         does=("the message drafted below",), otherwise={"days": 6.5}),
    # import started, tax prepaid
    Case("import, prepaid", Stage.INSPECTION, "inspection", "no", days=5, facts=CUSTOMS, order={"items": 3, "shop": "AliExpress"},
         does=(), never=("Do not pay through a link",), otherwise={"days": 9}),
    Case("import, prepaid", Stage.IMPORT_CUSTOMS, "import_customs", "no", days=5, facts=CUSTOMS,
         never=("Do not pay through a link",), otherwise={"order": {"checkout": NOT_PREPAID}}),
    Case("import, prepaid", Stage.IMPORT_CUSTOMS, "customs_slow", "wait", "operator", days=9, facts=CUSTOMS,
         does=("Look the parcel up yourself",), otherwise={"days": 5}),
    # … for more than 14 days
    Case("import, prepaid, long", Stage.IMPORT_CUSTOMS, "customs_stuck", "yes", "seller", days=16, facts=CUSTOMS,
         does=("ask the seller to confirm that the tax number (IOSS, VOEC or the like) reached the carrier", "whether a paper or a payment is missing"),
         never=("Do not confirm receipt",), otherwise={"days": 9}),
    Case("import, prepaid, long", Stage.IMPORT_CUSTOMS, "protection_last_call", "yes", "shop", days=16, facts=CUSTOMS, left=3,
         does=("Open a dispute",), never=("Do not confirm receipt", "Do not let the date pass"), otherwise={"left": 30}),
    # tax not prepaid
    Case("not prepaid", Stage.PAYMENT_DUE, "pay", "yes", "operator", facts=CUSTOMS | {"charges": Charges.DUE},
         order={"checkout": NOT_PREPAID}, does=("Compare the amount with our estimate", "If the value used is wrong", "Keep the receipt"),
         never=("Do not pay through a link", "Do not refuse the parcel"), otherwise={"order": {"checkout": PREPAID}}),
    # held, papers
    Case("held, papers", Stage.DOCUMENTS_REQUIRED, "send_documents", "yes", "operator", facts=CUSTOMS,
         does=("Save the order page", "invoice from the seller"), never=("Do not change or invent an invoice",),
         otherwise={"facts": CUSTOMS | {"addressee": Addressee.SENDER}}),
    # held, tax number not recognised, or charged twice
    Case("charged twice", Stage.PAYMENT_DUE, "double_charge", "yes", "operator", facts=CUSTOMS | {"charges": Charges.DUE},
         does=("make sure that the request is real", "check the tax number of the shop again", "pay there, keep the customs receipt, and claim the tax back",
               "Ask the seller"), never=("Do not ignore the request",), otherwise={"order": {"checkout": NOT_PREPAID}}),
    Case("charged twice", Stage.HELD, "double_charge", "yes", "operator", facts=CUSTOMS | {"causes": (Cause.UNPAID_CHARGES,)},
         does=("check the tax number of the shop again",), otherwise={"facts": CUSTOMS}),
    # held, restricted
    Case("restricted", Stage.HELD, "restricted", "yes", "operator", facts=CUSTOMS | {"causes": (Cause.RESTRICTED_OR_PROHIBITED,)},
         does=("the reason and the law in writing", "return or destruction, and open a dispute with the letter"),
         never=("Do not order the same thing again",), otherwise={"facts": CUSTOMS}),
    # suspected counterfeit
    Case("counterfeit", Stage.HELD, "counterfeit", "yes", "shop", facts=CUSTOMS | {"causes": (Cause.SUSPECTED_COUNTERFEIT,)},
         does=("in the EU, ten working days", "the goods are destroyed", "reason “counterfeit” and attach the letter"),
         never=("Do not pay a “settlement”", "tells the brand who you are"), otherwise={"facts": CUSTOMS}),
    Case("counterfeit", Stage.REFUSED, "refused_counterfeit", "yes", "shop", facts=CUSTOMS | {"causes": (Cause.SUSPECTED_COUNTERFEIT,)},
         does=("reason “counterfeit”",), never=("do not write to the brand",), otherwise={"facts": CUSTOMS}),
    # returned to the sender
    Case("returned", Stage.RETURNING, "returning", "yes", "shop",
         does=("the return scan is your evidence", "Open a dispute"), never=("Do not wait until it has arrived back", "order again first"),
         otherwise={"facts": {"causes": (Cause.UNPAID_CHARGES,)}}),
    # the window closes
    Case("window closes", Stage.IMPORT_CUSTOMS, "protection_closing", "yes", "shop", days=2, facts=CUSTOMS, left=9,
         does=("Save the tracking and the order page", "open a dispute with the reason “not received”", "extend the protection only if the tracking moves"),
         never=("Do not let the date pass",), otherwise={"left": 11}),
    # refused or unpaid by the buyer
    Case("refused by the buyer", Stage.RETURNING, "refused_unpaid", "yes", "shop", facts={"causes": (Cause.UNPAID_CHARGES,)},
         does=("shops may keep back the shipping or refuse the refund",), otherwise={"facts": {}}),
    Case("refused by the buyer", Stage.PAYMENT_DUE, "pay", "yes", "operator", facts=CUSTOMS | {"charges": Charges.DUE},
         order={"checkout": NOT_PREPAID}, never=("Do not refuse the parcel because of the charges before a dispute is agreed",),
         otherwise={"order": {"checkout": PREPAID}}),
    # delivered, and a courier's bill later
    Case("late bill", Stage.DELIVERED, "late_invoice", "yes", "operator", facts={"charges": Charges.DUE, "billed": True},
         order={"checkout": NOT_PREPAID},
         does=("Compare the waybill number", "Compare the charges with your order", "object in writing"), never=("Do not ignore a genuine bill",),
         otherwise={"facts": {"charges": Charges.DUE}}),
]  # fmt: skip
ROWS = {
    "export running", "no customs scan", "import, prepaid", "import, prepaid, long", "not prepaid", "held, papers",
    "charged twice", "restricted", "counterfeit", "returned", "window closes", "refused by the buyer", "late bill",
    "a message about a fee without a parcel",  # below: it is no parcel's situation
}  # fmt: skip


@cache
def judge() -> Judge:
    known = knowledge.load()
    return Judge(
        law=known.law, operators=known.operators, table=known.table, priors=known.priors, rates=known.rates, wordings=known.wordings,
    )  # fmt: skip


def judged(case: Case) -> Judgement:
    since = NOW - timedelta(days=case.days)
    ref = ParcelRef("o/LP00123456789012", "LP00123456789012")
    until = None if case.left is None else NOW.date() + timedelta(days=case.left)
    order = Order(
        id="o", title="Thing", parcels=(ref,), destination="DE", tell=("ana",), protected_until=until, number="81",
        goods=Money(Decimal(40), "EUR"), shipping=Money(Decimal(5), "EUR"), ordered_on=since.date() - timedelta(days=20),
        **({"checkout": PREPAID} | case.order),
    )  # fmt: skip
    facts = dict(case.facts)
    billed = facts.pop("billed", False)
    events = [(case.stage, Charges.UNKNOWN, since)]
    if facts.get("charges") is Charges.DUE:  # the request itself, before the stage or after it
        events.insert(1 if billed else 0, (Stage.PAYMENT_DUE, Charges.DUE, since))
    timeline = tuple(
        Seen(Sighting("a", "Words", at, TimeQuality.EXACT), Reading(stage, charges=charges), at, ("a",))
        for stage, charges, at in events
    )
    snapshot = Snapshot(
        stage=case.stage,
        since=since,
        occurrence=1,
        timeline=timeline,
        first_look=since,
        in_customs_since=since if case.facts.get("side") is Side.DESTINATION else None,
        **facts,
    )
    return judge().judge(order, ref, snapshot, None, Told(), first_look=False, now=NOW)


@pytest.mark.parametrize("case", CASES, ids=[f"{c.row}: {c.advice}" for c in CASES])
def test_a_row_of_the_matrix_is_followed_word_for_word(case: Case) -> None:
    got = judged(case)
    assert (got.advice.id, got.advice.needs_you, got.advice.contact, got.advice.silent) == (
        case.advice, case.needs, case.contact, case.silent,
    )  # fmt: skip
    text = RENDERER.render(got.brief(), lang="en", timezone="UTC").text
    said = " ".join(text.split())
    _, _, never = text.partition("WHAT NOT TO DO")
    never = " ".join(never.partition("\n\n")[0].split())
    for words in case.does:
        assert words in said
    for words in case.never:
        assert words in never
    # The negative control: the neighbour gets another answer, or the same case proves nothing.
    assert case.otherwise
    assert judged(replace(case, **case.otherwise)).advice.id != case.advice


def test_every_row_of_the_matrix_has_a_case() -> None:
    assert {case.row for case in CASES} | {"a message about a fee without a parcel"} == ROWS
    assert len(ROWS) == 14


def test_a_message_about_a_fee_that_no_parcel_owes_is_no_match_and_says_where_to_report_it() -> None:
    """ "Reply, tap, call" is what the matrix forbids; whether a card was entered the person knows, the bank is in docs/scam.md."""
    operators = knowledge.load().operators
    text = "DHL: your parcel is held. Pay the customs fee of 1,99 EUR within 24 hours: https://dhl-zoll.top/pay with your card number and CVV."
    verdict = judge_message(
        text, sender="+447700900123", parcels=(), operators=operators, signs=load_signs(), now=NOW
    )
    assert verdict.verdict is MessageIs.DOES_NOT_MATCH
    assert verdict.reports
    assert Sign.CARD_DATA in {reason.sign for reason in verdict.reasons}
    harmless = judge_message(
        "See you at eight.", sender="", parcels=(), operators=operators, signs=load_signs(), now=NOW
    )
    assert harmless.verdict is not MessageIs.DOES_NOT_MATCH


def test_a_reason_guessed_for_a_slow_inspection_names_the_items_and_the_red_mark() -> None:
    """ "Red X is only styling; multi-item parcels take longer": for the shop and the order of which it is true."""
    case = next(c for c in CASES if c.advice == "inspection")
    text = " ".join(RENDERER.render(judged(case).brief(), lang="en", timezone="UTC").text.split())
    assert "The red mark that the shop’s app shows" in text
    assert "The order holds 3 kinds of goods" in text
    plain = replace(case, order={"shop": "Elsewhere"})
    text = " ".join(RENDERER.render(judged(plain).brief(), lang="en", timezone="UTC").text.split())
    assert "red mark" not in text
    assert "kinds of goods" not in text


def test_the_contacts_stand_in_the_order_of_the_sources() -> None:
    """Operator before seller before shop before bank, and never the customs office first while the operator has it."""
    ladder = {
        days: judged(Case("", Stage.HELD, "", "", days=days, facts=CUSTOMS)).advice.contact
        for days in (2, 9, 20)
    }
    assert ladder == {2: "operator", 9: "operator", 20: "seller"}
    over = judged(Case("", Stage.REFUSED, "", "", facts=CUSTOMS, left=-5)).advice
    assert over.contact == "bank"
    assert not [row.advice.id for row in knowledge.load().table.rows if row.advice.contact == "customs"]


def test_nobody_is_advised_to_split_an_order_or_to_declare_less() -> None:
    for case in CASES:
        text = RENDERER.render(judged(case).brief(), lang="en", timezone="UTC").text.casefold()
        for word in ("split", "lower value", "as a gift", "undervalu"):
            assert word not in text
