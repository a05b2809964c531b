"""Facts are boiled down once, and the table is proved on all of them."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from random import Random

import pytest

from workers.core import advise
from workers.core.advise import FACTS, SITUATIONS, Row, Table
from workers.core.model import (
    Addressee,
    Advice,
    Cause,
    Charges,
    Estimate,
    Evidence,
    NeedsYou,
    Order,
    Pace,
    Protection,
    Reading,
    Seen,
    Side,
    Sighting,
    Situation,
    Snapshot,
    Stage,
    Tax,
)

NOW = datetime(2026, 9, 20, 23, 59, tzinfo=UTC)
ORDER = Order(id="o", title="Thing", parcels=(), destination="DE")
ESTIMATE = Estimate(Tax.PREPAID, NOW.date())


def row(name, *when):
    advice = Advice(name, NeedsYou.NO, False, False, Evidence("advice", name), topic=name)
    return Row(advice, tuple({k: frozenset(v) for k, v in a.items()} for a in when))


def boiled(snapshot, pace=Pace.USUAL, order=ORDER):
    return advise.situation(order, snapshot, ESTIMATE, pace, now=NOW)


def situation(**facts):
    usual = {name: values[0] for name, values in FACTS.items()}
    return Situation(**(usual | facts))


def test_the_facts_are_exactly_the_fields_of_a_situation():
    assert list(FACTS) == list(Situation.__dataclass_fields__)
    size = 1
    for values in FACTS.values():
        size *= len(values)
    assert size == SITUATIONS == 2_904_000


def test_a_situation_carries_what_the_parcel_and_the_law_say():
    snapshot = Snapshot(
        stage=Stage.HELD,
        side=Side.DESTINATION,
        addressee=Addressee.BUYER,
        charges=Charges.DUE,
        causes=(Cause.BACKLOG, Cause.OTHER),
        past_customs=True,
    )
    assert boiled(snapshot, Pace.SLOW) == Situation(
        Stage.HELD, Cause.BACKLOG, Side.DESTINATION, Addressee.BUYER, Charges.DUE, Tax.PREPAID, Pace.SLOW,
        Protection.UNKNOWN, True,
    )  # fmt: skip


def test_a_stage_that_names_its_side_is_not_contradicted_by_an_event():
    assert boiled(Snapshot(stage=Stage.EXPORT_CUSTOMS, side=Side.DESTINATION)).side is Side.ORIGIN
    assert boiled(Snapshot(stage=Stage.IMPORT_CUSTOMS)).side is Side.DESTINATION
    assert boiled(Snapshot(stage=Stage.INSPECTION)).side is None


def test_nothing_is_waited_for_in_a_stage_that_is_an_end():
    assert boiled(Snapshot(stage=Stage.DELIVERED), Pace.STUCK).pace is Pace.USUAL
    assert boiled(Snapshot(stage=Stage.INSPECTION), Pace.STUCK).pace is Pace.STUCK


def test_past_customs_is_dropped_where_it_contradicts_the_stage():
    assert not boiled(Snapshot(stage=Stage.ARRIVED_DESTINATION, past_customs=True)).past_customs
    assert boiled(Snapshot(stage=Stage.IN_TRANSIT, past_customs=True)).past_customs


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (-1, Protection.OVER),
        (0, Protection.LAST_CALL),
        (3, Protection.LAST_CALL),
        (4, Protection.CLOSING),
        (10, Protection.CLOSING),
        (11, Protection.OPEN),
    ],
)
def test_protection_counts_days_and_its_last_day_still_counts(left, expected):
    assert advise.protection(NOW.date() + timedelta(days=left), on=NOW.date()) is expected


def test_protection_without_a_date_is_unknown():
    assert advise.protection(None, on=NOW.date()) is Protection.UNKNOWN
    order = Order(id="o", title="Thing", parcels=(), destination="DE", protected_until=date(2026, 9, 22))
    assert boiled(Snapshot(stage=Stage.HELD), order=order).protection is Protection.LAST_CALL


def test_the_first_row_that_fits_is_the_advice():
    table = Table([row("special", {"stage": {Stage.HELD}, "cause": {None}}), row("rest", {})])
    assert advise.advise(situation(stage=Stage.HELD, cause=None), table).id == "special"
    assert advise.advise(situation(stage=Stage.HELD, cause=Cause.OTHER), table).id == "rest"
    assert advise.advise(situation(stage=Stage.DELIVERED), table).id == "rest"


def test_any_alternative_of_a_row_will_do():
    table = Table([row("either", {"stage": {Stage.HELD}}, {"pace": {Pace.SLOW}}), row("rest", {})])
    assert advise.advise(situation(stage=Stage.HELD), table).id == "either"
    assert advise.advise(situation(stage=Stage.DELIVERED, pace=Pace.SLOW), table).id == "either"
    assert advise.advise(situation(stage=Stage.DELIVERED), table).id == "rest"


def test_a_situation_without_a_row_is_an_error_that_names_it():
    with pytest.raises(LookupError, match=r"Stage\.DELIVERED"):
        advise.advise(situation(stage=Stage.DELIVERED), Table([row("held", {"stage": {Stage.HELD}})]))


def test_a_hole_is_found_and_named():
    table = Table(
        [
            row("all but one", {"stage": set(Stage) - {Stage.HELD}}),
            row("most", {"pace": {Pace.USUAL, Pace.SLOW}}),
        ]
    )
    found = advise.holes(table, limit=3)
    assert len(found) == 3
    assert {(s.stage, s.pace) for s in found} == {(Stage.HELD, Pace.STUCK)}
    assert advise.holes(Table([row("all", {})])) == []


def test_a_dead_row_and_a_dead_alternative_are_found_and_named():
    table = Table(
        [
            row("first", {"stage": {Stage.HELD}}),
            row("shadowed", {"stage": {Stage.HELD}, "pace": {Pace.SLOW}}),
            row("half", {"stage": {Stage.DELIVERED}}, {"stage": {Stage.HELD}, "tax": {Tax.DUE}}),
            row("impossible", {"stage": {Stage.UNKNOWN}, "pace": {Pace.STUCK}}),
            row("rest", {}),
        ]
    )
    assert advise.dead(table) == ["shadowed", "half[1]", "impossible"]


def test_reached_counts_the_situations_of_each_row():
    table = Table([row("held", {"stage": {Stage.HELD}, "side": {Side.ORIGIN}}), row("rest", {})])
    counts = advise.reached(table, {"stage": frozenset({Stage.HELD})})
    assert counts["rest"] == 3 * counts["held"]


def test_the_bits_agree_with_the_rows_on_real_situations():
    """The proof is worth as much as its masks: five hundred situations are looked up in both ways."""
    table = Table(
        [
            row("a", {"stage": {Stage.HELD}, "cause": {None, Cause.OTHER}}, {"past_customs": {True}}),
            row("b", {"tax": {Tax.DUE}, "side": {None, Side.DESTINATION}}),
            row("rest", {}),
        ]
    )
    dice = Random(20261122)  # noqa: S311 -- the same situations every time, nothing secret
    for _ in range(500):
        one = Situation(**{name: dice.choice(values) for name, values in FACTS.items()})
        bits = advise.reached(table, {name: frozenset({getattr(one, name)}) for name in FACTS})
        assert bits == ({advise.advise(one, table).id: 1} if advise.possible(one) else {})


def test_every_situation_yields_only_possible_ones_and_no_one_twice():
    some = list(islice(advise.every_situation(), 5_000))
    assert len(set(some)) == 5_000
    assert all(advise.possible(one) for one in some)


def test_situation_never_returns_what_is_ruled_out():
    for stage in Stage:
        for side in (None, *Side):
            for past in (False, True):
                found = boiled(Snapshot(stage=stage, side=side, past_customs=past), Pace.STUCK)
                assert advise.possible(found)
    assert not advise.possible(situation(stage=Stage.UNKNOWN, pace=Pace.SLOW))
    assert not advise.possible(situation(stage=Stage.EXPORT_CUSTOMS, side=Side.TRANSIT))
    assert not advise.possible(situation(stage=Stage.INSPECTION, past_customs=True))


def test_the_number_of_situations_is_the_product_of_the_facts():
    sizes = [len(values) for values in advise.FACTS.values()]
    assert math.prod(sizes) == advise.SITUATIONS


def test_these_stages_can_follow_customs():
    assert {stage.value for stage in advise.AFTER_CUSTOMS} == {
        "in_transit", "held", "documents_required", "payment_due", "payment_received", "released", "returning",
        "out_for_delivery", "available_for_pickup", "delivery_failed", "delivered", "exception",
    }  # fmt: skip


# -- a request made before ---------------------------------------------------------------------------------------------


def said(stage, charges=Charges.UNKNOWN):
    return Seen(Sighting("a", "Words", NOW), Reading(stage, charges=charges), NOW)


ASK, ASKED_IN_PASSING = said(Stage.PAYMENT_DUE), said(Stage.HELD, Charges.DUE)


@pytest.mark.parametrize("stage", sorted(advise.ASKED_BEFORE))
@pytest.mark.parametrize("ask", [ASK, ASKED_IN_PASSING])
def test_a_plain_release_or_delivery_leaves_a_request_asked_and_a_new_one_is_due(stage, ask):
    def charges(*timeline):
        return boiled(
            Snapshot(stage=stage, charges=Charges.DUE, timeline=timeline, past_customs=True)
        ).charges

    plain, owing = said(stage), said(stage, Charges.DUE)
    assert charges(ask, plain) is Charges.ASKED
    assert charges(ask, plain, said(Stage.UNKNOWN)) is Charges.ASKED
    assert charges(plain, ask) is Charges.DUE
    assert charges(ask, owing) is Charges.DUE
    assert charges(plain, ask, plain) is Charges.ASKED
    assert charges() is Charges.DUE
    assert charges(said(Stage.HELD)) is Charges.DUE


@pytest.mark.parametrize("told", [Charges.PAID, Charges.NONE, Charges.UNKNOWN])
def test_what_is_not_due_was_not_asked(told):
    assert (
        boiled(Snapshot(stage=Stage.RELEASED, charges=told, timeline=(ASK, said(Stage.RELEASED)))).charges
        is told
    )


@pytest.mark.parametrize("stage", sorted(set(Stage) - {Stage.RELEASED, Stage.DELIVERED}))
def test_elsewhere_a_request_stays_due(stage):
    assert (
        boiled(Snapshot(stage=stage, charges=Charges.DUE, timeline=(ASK, said(stage)))).charges is Charges.DUE
    )
    assert not advise.possible(situation(stage=stage, charges=Charges.ASKED, side=advise.SIDED.get(stage)))
    assert advise.possible(situation(stage=stage, charges=Charges.DUE, side=advise.SIDED.get(stage)))


def test_on_the_road_a_request_was_made_before_only_once_customs_is_behind():
    asked = {"stage": Stage.IN_TRANSIT, "charges": Charges.ASKED}
    assert advise.possible(situation(**asked, past_customs=True))
    assert not advise.possible(situation(**asked, past_customs=False))
    assert advise.possible(situation(stage=Stage.RELEASED, charges=Charges.ASKED, past_customs=False))
    assert not advise.possible(situation(stage=Stage.HELD, charges=Charges.ASKED, past_customs=True))
