"""The advice table that ships: no hole, no idle row, no contradiction with what is known of customs."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from workers.core import advise
from workers.core.model import (
    Addressee,
    Cause,
    Charges,
    NeedsYou,
    Pace,
    Protection,
    Side,
    Situation,
    Stage,
    Tax,
)
from workers.errors import Misconfigured
from workers.knowledge.table import load_priors, load_table

TABLE = load_table()


def advice(stage, **facts):
    usual = {
        "cause": None,
        "side": Side.DESTINATION,
        "addressee": None,
        "charges": Charges.UNKNOWN,
        "tax": Tax.PREPAID,
        "pace": Pace.USUAL,
        "protection": Protection.OPEN,
        "past_customs": False,
    }
    return advise.advise(Situation(stage=stage, **(usual | facts)), TABLE)


def test_no_situation_is_without_advice():
    assert advise.holes(TABLE) == []


def test_no_row_and_no_alternative_is_idle():
    assert advise.dead(TABLE) == []


# The examples of the first issue, and the matrix of "customs facts", section 6 (2026-11-22), as rows.
MATRIX = [
    # stage, facts, advice, needs you, contact
    (Stage.INSPECTION, {}, "inspection", "no", ""),
    (Stage.INSPECTION, {"pace": Pace.STUCK}, "customs_stuck", "yes", "seller"),
    (Stage.PAYMENT_DUE, {"tax": Tax.DUE}, "pay", "yes", "operator"),
    (Stage.PAYMENT_DUE, {"tax": Tax.PREPAID}, "double_charge", "yes", "operator"),
    (Stage.PAYMENT_DUE, {"tax": Tax.UNKNOWN}, "pay_check_first", "yes", "operator"),
    (Stage.PAYMENT_DUE, {"tax": Tax.NONE}, "charge_unexpected", "yes", "operator"),
    (
        Stage.PAYMENT_DUE,
        {"tax": Tax.DUE, "addressee": Addressee.SENDER},
        "payment_elsewhere",
        "wait",
        "seller",
    ),
    (Stage.PAYMENT_DUE, {"tax": Tax.DUE, "past_customs": True}, "late_invoice", "yes", "operator"),
    (Stage.DOCUMENTS_REQUIRED, {}, "send_documents", "yes", "operator"),
    (Stage.DOCUMENTS_REQUIRED, {"addressee": Addressee.SENDER}, "documents_elsewhere", "wait", "seller"),
    (Stage.DOCUMENTS_REQUIRED, {"side": Side.ORIGIN}, "export_problem", "wait", "seller"),
    (Stage.HELD, {"cause": Cause.RESTRICTED_OR_PROHIBITED}, "restricted", "yes", "operator"),
    (Stage.HELD, {"cause": Cause.VALUE_MISDECLARED}, "prove_value", "yes", "operator"),
    (Stage.HELD, {"cause": Cause.SUSPECTED_COUNTERFEIT}, "counterfeit", "yes", "shop"),
    (Stage.HELD, {"cause": Cause.MISSING_DOCUMENTS}, "send_documents", "yes", "operator"),
    (Stage.HELD, {"cause": Cause.UNPAID_CHARGES}, "double_charge", "yes", "operator"),
    (Stage.HELD, {"cause": Cause.UNPAID_CHARGES, "tax": Tax.DUE}, "pay", "yes", "operator"),
    (Stage.HELD, {}, "held", "wait", "operator"),
    (Stage.HELD, {"pace": Pace.SLOW}, "held_ask", "yes", "operator"),
    (Stage.HELD, {"pace": Pace.STUCK}, "held_stuck", "yes", "seller"),
    (Stage.RELEASED, {}, "released", "no", ""),
    (Stage.RELEASED, {"charges": Charges.DUE, "tax": Tax.DUE}, "released_charges", "yes", "operator"),
    (Stage.RELEASED, {"tax": Tax.DUE}, "released_bill_may_come", "wait", "operator"),
    (Stage.RETURNING, {}, "returning", "yes", "shop"),
    (Stage.RETURNING, {"cause": Cause.UNPAID_CHARGES}, "refused_unpaid", "yes", "shop"),
    (Stage.REFUSED, {}, "refused", "yes", "shop"),
    (Stage.REFUSED, {"protection": Protection.OVER}, "refund_after_window", "yes", "bank"),
    (Stage.PAYMENT_RECEIVED, {}, "payment_received", "no", ""),
    (Stage.CLEARANCE_DELAY, {}, "clearance_delay", "no", ""),
    (Stage.CLEARANCE_DELAY, {"pace": Pace.SLOW}, "customs_slow", "wait", "operator"),
    (Stage.IMPORT_CUSTOMS, {}, "import_customs", "no", ""),
    (Stage.IMPORT_CUSTOMS, {"tax": Tax.DUE}, "tax_ahead", "wait", ""),
    (Stage.IMPORT_CUSTOMS, {"protection": Protection.CLOSING}, "protection_closing", "yes", "shop"),
    (Stage.IMPORT_CUSTOMS, {"protection": Protection.LAST_CALL}, "protection_last_call", "yes", "shop"),
    (Stage.ARRIVED_DESTINATION, {"pace": Pace.SLOW}, "no_customs_scan", "wait", "operator"),
    (Stage.ARRIVED_DESTINATION, {"pace": Pace.STUCK}, "no_customs_scan_stuck", "yes", "seller"),
    (Stage.DELIVERY_FAILED, {}, "delivery_failed", "yes", "operator"),
    (Stage.AVAILABLE_FOR_PICKUP, {}, "pickup", "yes", "operator"),
    (Stage.EXCEPTION, {}, "exception", "yes", "operator"),
    (Stage.IN_TRANSIT, {"pace": Pace.STUCK, "protection": Protection.OVER}, "window_over", "yes", "bank"),
    (Stage.UNKNOWN, {"protection": Protection.LAST_CALL}, "protection_last_call", "yes", "shop"),
]


@pytest.mark.parametrize(("stage", "facts", "expected", "needs", "contact"), MATRIX)
def test_the_matrix_of_the_reference_is_followed(stage, facts, expected, needs, contact):
    found = advice(stage, **facts)
    assert (found.id, found.needs_you, found.contact) == (expected, NeedsYou(needs), contact)
    assert not found.silent


@pytest.mark.parametrize(
    ("stage", "facts"),
    [
        (Stage.EXPORT_CUSTOMS, {"side": Side.ORIGIN}),
        (Stage.EXPORT_CUSTOMS, {"side": Side.ORIGIN, "pace": Pace.SLOW}),
        (Stage.INSPECTION, {"side": Side.ORIGIN}),
        (Stage.RELEASED, {"side": Side.ORIGIN}),
        (Stage.TRANSIT_CUSTOMS, {"side": Side.TRANSIT}),
        (Stage.EXPORT_CLEARED, {"side": Side.ORIGIN}),
        (Stage.ARRIVED_DESTINATION, {}),
        (Stage.IN_TRANSIT, {}),
        (Stage.IN_TRANSIT, {"past_customs": True}),
        (Stage.PRE_TRANSIT, {}),
        (Stage.OUT_FOR_DELIVERY, {}),
        (Stage.DELIVERED, {}),
        (Stage.UNKNOWN, {}),
    ],
)
def test_what_asks_nothing_of_anybody_is_silent(stage, facts):
    assert advice(stage, **facts).silent


def only(**facts):
    """Return the ids of all advices that the possible situations with these facts get."""
    given = {name: frozenset(v if isinstance(v, set) else {v}) for name, v in facts.items()}
    return set(advise.reached(TABLE, given))


def test_nobody_who_prepaid_is_ever_told_to_pay():
    assert not only(tax=Tax.PREPAID) & {"pay", "pay_check_first", "tax_ahead", "charge_unexpected"}


def test_what_the_sender_is_asked_for_is_never_asked_of_the_buyer():
    asked = only(stage={Stage.DOCUMENTS_REQUIRED}, addressee={Addressee.SENDER, Addressee.CARRIER})
    assert "send_documents" not in asked
    assert only(stage={Stage.PAYMENT_DUE}, addressee={Addressee.SENDER, Addressee.CARRIER}) == {
        "payment_elsewhere"
    }


def test_the_origins_customs_never_asks_the_buyer_for_papers_or_money():
    theirs = only(side={Side.ORIGIN, Side.TRANSIT})
    assert not theirs & {
        "pay",
        "double_charge",
        "pay_check_first",
        "send_documents",
        "prove_value",
        "restricted",
    }


def test_a_delivered_parcel_is_quiet_unless_a_bill_comes_after_it():
    assert only(stage=Stage.DELIVERED, charges=set(Charges) - {Charges.DUE}) == {"delivered"}
    assert only(stage=Stage.DELIVERED, charges=Charges.DUE) == {"late_invoice"}
    assert advice(Stage.DELIVERED, charges=Charges.ASKED).silent


def test_a_closed_window_is_never_answered_with_the_dispute_form():
    over = only(protection=Protection.OVER, stage={Stage.REFUSED, Stage.RETURNING, Stage.EXCEPTION})
    shop = {row.advice.id for row in TABLE.rows if row.advice.contact == "shop"}
    assert over & shop <= {"counterfeit"}


def test_within_a_topic_only_one_row_needs_nothing_twice():
    """A topic is one matter; rows of one topic that say "no" and are not silent would be told once and never again."""
    spoken: dict[str, list[str]] = {}
    for row in TABLE.rows:
        if row.advice.needs_you is NeedsYou.NO and not row.advice.silent:
            spoken.setdefault(row.advice.topic, []).append(row.advice.id)
    assert {topic: ids for topic, ids in spoken.items() if len(ids) > 1} == {}


def test_every_row_that_needs_you_says_whom_to_turn_to():
    assert [
        r.advice.id for r in TABLE.rows if r.advice.needs_you is NeedsYou.YES and not r.advice.contact
    ] == []


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "advice.yaml"
    file.write_text("checked: 2026-11-22\nrows:\n" + textwrap.indent(textwrap.dedent(text), "  "))
    return file


ROW = "- {id: a, when: {stage: held}, needs_you: no, topic: t, why: w, source: s}\n"


def test_a_row_may_be_written_on_one_line(tmp_path):
    (row,) = load_table(written(tmp_path, ROW)).rows
    assert row.when == ({"stage": frozenset({Stage.HELD})},)
    assert row.advice.evidence.where == "advice.yaml:3"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ROW + ROW, r"advice.yaml:4: the row 'a' stands twice \(also at line 3\)"),
        (
            ROW.replace("stage: held", "staeg: held"),
            r"advice.yaml:3: no fact 'staeg' \(the facts are stage, ",
        ),
        (ROW.replace("stage: held", "stage: hold"), r"advice.yaml:3: stage is never 'hold'"),
        (
            ROW.replace("stage: held", "past_customs: maybe"),
            r"past_customs is never 'maybe' \(it is one of no, yes\)",
        ),
        (ROW.replace("topic: t", "topik: t"), r"unknown key 'topik' \(did you mean 'topic'\?\)"),
        (ROW.replace("source: s", "source: ''"), "source"),
    ],
)
def test_a_mistake_in_the_table_names_its_line(tmp_path, text, said):
    with pytest.raises(Misconfigured, match=said):
        load_table(written(tmp_path, text))


def test_the_priors_that_ship_cover_every_stage_of_customs():
    priors = load_priors()
    paced = {stage for row in priors.rows for stage in row.stages}
    assert paced == set(Stage) - advise.UNPACED - {Stage.AVAILABLE_FOR_PICKUP}


def test_a_prior_whose_days_do_not_grow_is_refused(tmp_path):
    file = tmp_path / "pace.yaml"
    file.write_text(
        "rows:\n  - {stages: [held], half: 5, most: 3, stuck: 9, source: s, checked: 2026-11-22, confidence: low}\n"
    )
    with pytest.raises(Misconfigured, match=r"pace.yaml:2: half, most and stuck must grow"):
        load_priors(file)
