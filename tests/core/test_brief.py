"""The stored context: complete, plain, cleaned; and the dates in it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from workers.core import brief, deadlines
from workers.core.model import (
    Addressee,
    Advice,
    Cause,
    Charge,
    Charges,
    Checkout,
    Estimate,
    Evidence,
    Money,
    NeedsYou,
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

NOW = datetime(2026, 9, 20, 12, tzinfo=UTC)
TODAY = NOW.date()
DAY = timedelta(days=1)
ORDER = Order(id="o", title="Thing", parcels=(), destination="DE")
PARCEL = ParcelRef("o/1", "RB123456785CN")
ROYAL_MAIL = Operator("royal_mail", "Royal Mail", "GB", "post", storage_days=21)
AN_POST = Operator("an_post", "An Post", "IE", "post", storage_working_days=16)


def advice(deadline="", **more):
    return Advice(
        "a", NeedsYou.YES, False, False, Evidence("advice", "row", "advice.yaml:3"), deadline=deadline, **more
    )


def seen(stage, days_ago, *, charges=Charges.UNKNOWN, text="text", **more):
    at = None if days_ago is None else NOW - days_ago * DAY
    reading = Reading(stage, charges=charges, evidence=(Evidence("code", stage.value, "codes/x.yaml:1"),))
    return Seen(Sighting("recorded", text, at, **more), reading, first_seen=NOW)


def written(snapshot, *, order=ORDER, operator=None, estimate=None, usual=None, said=None):
    situation = Situation(
        snapshot.stage,
        None,
        snapshot.side,
        None,
        snapshot.charges,
        Tax.DUE,
        Pace.USUAL,
        Protection.OPEN,
        False,
    )
    return brief.brief(
        order, PARCEL, snapshot, situation, said or advice(), estimate or Estimate(Tax.DUE, TODAY), operator,
        usual or Usual(3, 7, 0, "pace.yaml:1", 10.5), Why.FIRST, now=NOW,
    )  # fmt: skip


def due(snapshot, deadline, *, order=ORDER, operator=None):
    return brief.deadline(order, snapshot, advice(deadline), operator, now=NOW)


# -- deadlines -------------------------------------------------------------------------------------------------------


def test_paying_counts_from_the_first_unanswered_request():
    snapshot = Snapshot(
        stage=Stage.IN_TRANSIT,
        charges=Charges.DUE,
        since=NOW,
        timeline=(
            seen(Stage.PAYMENT_DUE, 12),
            seen(Stage.PAYMENT_RECEIVED, 11),
            seen(Stage.PAYMENT_DUE, 9),
            seen(Stage.PAYMENT_DUE, 4),
            seen(Stage.IN_TRANSIT, 1, charges=Charges.DUE),
        ),
    )
    assert due(snapshot, "pay", operator=ROYAL_MAIL) == (NOW - 9 * DAY).date() + 21 * DAY


def test_an_unknown_operator_is_assumed_to_wait_two_weeks_and_that_is_said():
    snapshot = Snapshot(stage=Stage.PAYMENT_DUE, since=NOW - DAY)
    context = written(snapshot, said=advice("pay"))
    assert context["pay_by"] == {"date": (TODAY + 13 * DAY).isoformat(), "by_rule": False}
    assert context["deadline"] == (TODAY + 13 * DAY).isoformat()
    assert context["days_left"] == 13
    assert written(snapshot, operator=ROYAL_MAIL)["pay_by"]["by_rule"]


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        (date(2026, 9, 18), 1, date(2026, 9, 21)),
        (date(2026, 9, 19), 1, date(2026, 9, 21)),
        (date(2026, 9, 21), 16, date(2026, 10, 13)),
        (date(2026, 9, 21), 0, date(2026, 9, 21)),
    ],
)
def test_working_days_skip_the_weekend(start, days, end):
    assert deadlines.add_working_days(start, days) == end


def test_an_operator_may_count_working_days():
    snapshot = Snapshot(stage=Stage.AVAILABLE_FOR_PICKUP, since=NOW)
    assert due(snapshot, "storage", operator=AN_POST) == deadlines.add_working_days(TODAY, 16)


def test_nothing_is_due_where_nothing_is_asked():
    snapshot = Snapshot(stage=Stage.INSPECTION, since=NOW - DAY)
    assert [due(snapshot, kind) for kind in ("pay", "documents", "storage", "dispute", "")] == [None] * 5


def test_papers_count_from_the_first_event_of_this_hold():
    snapshot = Snapshot(
        stage=Stage.HELD,
        since=NOW,
        timeline=(
            seen(Stage.HELD, 30),
            seen(Stage.RELEASED, 20),
            seen(Stage.DOCUMENTS_REQUIRED, 5),
            seen(Stage.UNKNOWN, 4),
            seen(Stage.HELD, 3),
        ),
    )
    assert due(snapshot, "documents") == (NOW - 5 * DAY).date() + 14 * DAY


@pytest.mark.parametrize(
    ("left", "expected"),
    [(20, 17), (4, 1), (3, 3), (2, 2), (0, 0), (-1, -4)],
)
def test_a_dispute_is_due_three_days_before_the_end_or_before_the_end_itself(left, expected):
    order = replace(ORDER, protected_until=TODAY + left * DAY)
    found = due(Snapshot(stage=Stage.INSPECTION, since=NOW), "dispute", order=order)
    assert found == (None if left < 0 else TODAY + expected * DAY)


def test_the_earlier_of_paying_and_disputing_counts_while_it_is_to_come():
    snapshot = Snapshot(stage=Stage.PAYMENT_DUE, since=NOW)
    soon = replace(ORDER, protected_until=TODAY + 8 * DAY)
    assert due(snapshot, "pay", order=soon) == TODAY + 5 * DAY
    late = replace(ORDER, protected_until=TODAY + 80 * DAY)
    assert due(snapshot, "pay", order=late) == TODAY + 14 * DAY
    overdue = Snapshot(stage=Stage.PAYMENT_DUE, since=NOW - 30 * DAY)
    assert due(overdue, "pay", order=late) == TODAY + 77 * DAY
    assert due(overdue, "pay") == TODAY - 16 * DAY


def test_an_undated_request_counts_from_when_it_was_first_seen():
    snapshot = Snapshot(stage=Stage.PAYMENT_DUE, since=None, timeline=(seen(Stage.PAYMENT_DUE, None),))
    assert due(snapshot, "pay") == TODAY + 14 * DAY
    assert due(Snapshot(stage=Stage.PAYMENT_DUE), "pay") == TODAY + 14 * DAY


# -- the context -----------------------------------------------------------------------------------------------------


def test_a_context_is_plain_json():
    charge = Charge(
        "import_vat", Money(Decimal("3.80"), "EUR"), Money(Decimal("4.20"), "EUR"),
        Evidence("rule", "VAT", "countries/DE.yaml:7", "https://www.zoll.de", TODAY), date(2021, 7, 1),
    )  # fmt: skip
    estimate = Estimate(
        Tax.DUE,
        TODAY,
        (charge,),
        charge.low,
        charge.high,
        rules=(charge.rule, charge.rule),
        assumptions=("category_guessed",),
    )
    order = replace(
        ORDER,
        goods=Money(Decimal("20.00"), "EUR"),
        checkout=Checkout(Prepaid.YES, Money(Decimal("3.80"), "EUR")),
        protected_until=TODAY + 20 * DAY,
    )
    snapshot = Snapshot(
        stage=Stage.INSPECTION, since=NOW - 2 * DAY, in_customs_since=NOW - 3 * DAY,
        timeline=(seen(Stage.INSPECTION, 2),), causes=(Cause.BACKLOG,), next_numbers=("A1",),
    )  # fmt: skip
    context = written(snapshot, order=order, operator=ROYAL_MAIL, estimate=estimate)
    assert json.loads(json.dumps(context)) == context
    assert context["cost"]["low"] == {"amount": "3.80", "currency": "EUR"}
    assert context["cost"]["known"]
    assert context["order"]["vat_amount"] == {"amount": "3.80", "currency": "EUR"}
    assert (context["days"], context["days_in_customs"]) == (2, 3)
    assert context["wait_until"] == (TODAY + 6 * DAY).isoformat()
    assert context["dispute_by"] == (TODAY + 17 * DAY).isoformat()
    assert [e["where"] for e in context["evidence"]] == [
        "codes/x.yaml:1",
        "countries/DE.yaml:7",
        "advice.yaml:3",
    ]


def test_a_context_of_nothing_has_every_key_of_a_full_one():
    full = written(
        Snapshot(stage=Stage.HELD, side=Side.DESTINATION, timeline=(seen(Stage.HELD, 2),)),
        operator=ROYAL_MAIL,
    )
    bare = written(Snapshot(stage=Stage.HELD), usual=Usual(0, 0, 0, ""))

    def keys(plain):
        return {
            k: keys(v) if isinstance(v, dict) else None
            for k, v in plain.items()
            if k not in ("last", "proof", "documents_by")
        }

    full["operator"]["rule"] = bare["operator"]["rule"] = None
    assert keys(full) == keys(bare)
    assert bare["last"] is None
    assert bare["operator"]["name"] == ""
    assert bare["wait_until"] is None


def test_the_proof_is_the_newest_event_that_says_the_stage():
    snapshot = Snapshot(
        stage=Stage.HELD,
        timeline=(
            seen(Stage.HELD, 3, text="held"),
            replace(seen(Stage.HELD, 2, text="gone again"), vanished=True),
            seen(Stage.UNKNOWN, 1, text="something else"),
        ),
    )
    context = written(snapshot)
    assert context["proof"]["text"] == "held"
    assert context["last"]["text"] == "something else"
    assert written(replace(snapshot, stage=Stage.RELEASED))["proof"]["text"] == "something else"


def test_twelve_events_are_shown_newest_first_and_the_rest_is_counted():
    context = written(
        Snapshot(timeline=tuple(seen(Stage.IN_TRANSIT, 40 - n, text=f"event {n}") for n in range(30)))
    )
    assert [e["text"] for e in context["timeline"]] == [f"event {n}" for n in range(29, 17, -1)]
    assert context["earlier"] == 18


def test_a_translation_is_shown_and_the_original_kept_beside_it():
    event = seen(Stage.HELD, 1, text="海关扣留", translation="Held by customs", quality=TimeQuality.DAY)
    shown = written(Snapshot(timeline=(event,)))["last"]
    assert (shown["text"], shown["original"], shown["day_only"]) == ("Held by customs", "海关扣留", True)
    plain = written(Snapshot(timeline=(seen(Stage.HELD, 1, text="", code="CC_IM"),)))["last"]
    assert (plain["text"], plain["original"]) == ("CC_IM", "")


def test_only_the_destinations_customs_is_marked_as_customs():
    abroad = replace(seen(Stage.INSPECTION, 1), reading=Reading(Stage.INSPECTION, side=Side.ORIGIN))
    home = seen(Stage.INSPECTION, 1)
    assert [e["customs"] for e in written(Snapshot(timeline=(abroad, home)))["timeline"]] == [True, False]


def test_strangers_words_are_quoted_and_bounded_everywhere():
    nasty = "<b>\u202e{{ 7*7 }} https://evil.top +49 170 1234567\r\nBcc: x@evil.top " + "x" * 10_000
    order = replace(ORDER, title=nasty, shop=nasty, seller=nasty, number=nasty)
    event = seen(Stage.HELD, 1, text=nasty, place=nasty, translation=nasty, code=nasty)
    context = written(Snapshot(stage=Stage.HELD, timeline=(event,), next_numbers=(nasty,)), order=order)
    said = json.dumps(context, ensure_ascii=False)
    assert "evil.top" not in said
    assert "\u202e" not in said
    assert "\\n" not in said
    assert len(said) < 8_000


def test_the_situation_and_the_addressee_are_words():
    snapshot = Snapshot(stage=Stage.HELD, addressee=Addressee.SENDER)
    assert written(snapshot)["side"] == ""
    assert written(snapshot)["stage"] == "held"
