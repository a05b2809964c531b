"""A guess is made only where the tracking names no reason, from the order, the calendar and the law; the best comes first."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from workers.core import causes, workdays
from workers.core.causes import Neighbour, Wording, guess
from workers.core.forecast import Season
from workers.core.law import Country, Row
from workers.core.model import (
    Cause,
    Charges,
    Evidence,
    Order,
    Pace,
    ParcelRef,
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

NOW = datetime(2026, 9, 22, 12, tzinfo=UTC)  # no German holiday for weeks
DAY = timedelta(days=1)
PROOF = Evidence("rule", "ZZ row", "countries/ZZ.yaml:1", "https://law.example", date(2026, 1, 1))
YEAR_END = Season(
    "year-end peak",
    (11, 11),
    (1, 15),
    1.5,
    Evidence("prior", "peak", "pace.yaml:9", "source", date(2026, 1, 1)),
)
ORDER = Order(id="o", title="Thing", parcels=(ParcelRef("o/1", "1"),), destination="DE")
RED = Wording("red_mark", frozenset({Stage.INSPECTION}), ("inspecting your order",), ("aliexpress",), PROOF)
WAITS = sorted(causes.WAITING)


def event(stage=Stage.INSPECTION, text="Words", at=NOW - 2 * DAY, *, side=Side.DESTINATION, translation=""):
    return Seen(Sighting("a", text, at, translation=translation), Reading(stage, side=side), NOW - DAY)


def snapshot(stage=Stage.INSPECTION, *, days=2, **facts):
    since = NOW - days * DAY
    usual = {"timeline": (event(stage, at=since),), "in_customs_since": since, "side": Side.DESTINATION}
    return Snapshot(stage=stage, since=since, **(usual | facts))


def guesses(
    snapshot,
    *,
    order=ORDER,
    side=Side.DESTINATION,
    country=None,
    seasons=(),
    wordings=(),
    neighbours=(),
    now=NOW,
):
    situation = Situation(
        snapshot.stage, None, side, None, snapshot.charges, Tax.PREPAID, Pace.USUAL, Protection.UNKNOWN, False
    )
    return guess(
        order, snapshot, situation, country=country, seasons=seasons, wordings=wordings, neighbours=neighbours, now=now,
    )  # fmt: skip


def keys(*args, **facts):
    return [one.key for one in guesses(*args, **facts)]


def law(*rows):
    lines: dict[str, tuple[Row, ...]] = {}
    for row in rows:
        lines[row.line] = (*lines.get(row.line, ()), row)
    return Country("DE", "Germany", "EUR", lines)


def row(line, start, **more):
    return Row(line, start, PROOF, "high", **more)


def order(**facts):
    usual = {"id": "o", "title": "Thing", "parcels": ORDER.parcels, "destination": "DE"}
    return Order(**(usual | facts))


# -- when nothing is guessed -----------------------------------------------------------------------------------------


def test_an_ordinary_wait_of_an_ordinary_order_is_not_explained():
    assert guesses(snapshot()) == ()


@pytest.mark.parametrize("cause", sorted(set(Cause) - causes.TELL_NOTHING))
def test_a_cause_that_the_tracking_names_beats_every_guess(cause):
    many = order(items=3)
    assert keys(snapshot(), order=many) == ["several_items"]
    assert guesses(snapshot(causes=(cause,)), order=many) == ()
    assert guesses(snapshot(causes=(Cause.PHYSICAL_INSPECTION, cause)), order=many) == ()


@pytest.mark.parametrize("cause", sorted(causes.TELL_NOTHING))
def test_a_cause_that_tells_nothing_leaves_room_for_a_guess(cause):
    assert keys(snapshot(causes=(cause,)), order=order(items=2)) == ["several_items"]


def test_a_request_to_pay_is_its_own_reason():
    assert guesses(snapshot(charges=Charges.DUE), order=order(items=2)) == ()
    assert (
        guesses(snapshot(Stage.PAYMENT_DUE, charges=Charges.DUE), order=order(items=2), seasons=(YEAR_END,))
        == ()
    )


@pytest.mark.parametrize("stage", sorted(set(Stage) - causes.WAITING - causes.BEFORE - {Stage.PAYMENT_DUE}))
def test_only_waiting_is_explained(stage):
    everything = {
        "order": order(items=2, destination="ZZ"),
        "seasons": (YEAR_END,),
        "now": datetime(2026, 12, 1, tzinfo=UTC),
    }
    assert guesses(snapshot(stage), **everything) == ()


# -- several items ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", WAITS)
def test_several_kinds_of_goods_in_one_parcel_may_take_longer(stage):
    [found] = guesses(snapshot(stage), order=order(items=2))
    assert (found.key, found.cause, found.count) == ("several_items", Cause.MULTIPLE_ITEMS, 2)
    assert found.evidence.kind == "guess"
    assert found.evidence.source


def test_one_kind_of_goods_and_goods_in_several_parcels_explain_nothing():
    assert guesses(snapshot(), order=order(items=1)) == ()
    two = (ParcelRef("o/1", "1"), ParcelRef("o/2", "2"))
    assert guesses(snapshot(), order=order(items=3, parcels=two)) == ()
    assert guesses(snapshot(Stage.ARRIVED_DESTINATION), order=order(items=3)) == ()


# -- several parcels on one day --------------------------------------------------------------------------------------

ADDS_UP = law(row(causes.SAME_DAY, date(2020, 1, 1)))


@pytest.mark.parametrize(
    ("hours", "together"), [(0, True), (-23.9, True), (23.9, True), (24, False), (-24, False)]
)
def test_parcels_that_arrive_within_a_day_are_counted_together_where_the_law_says_so(hours, together):
    near = (Neighbour("Other", NOW - 2 * DAY + timedelta(hours=hours)),)
    found = guesses(snapshot(), country=ADDS_UP, neighbours=near)
    assert [one.key for one in found] == ["same_day"] * together
    if found:
        assert (found[0].count, found[0].days) == (1, (date(2026, 9, 20),))
        assert found[0].evidence.where == "countries/ZZ.yaml:1"


def test_where_no_law_adds_them_up_parcels_of_one_day_mean_nothing():
    near = (Neighbour("Other", NOW - 2 * DAY),)
    assert guesses(snapshot(), country=law(row("flat_duty", date(2020, 1, 1))), neighbours=near) == ()
    assert guesses(snapshot(), country=None, neighbours=near) == ()
    assert guesses(snapshot(), country=law(row(causes.SAME_DAY, date(2027, 1, 1))), neighbours=near) == ()
    assert guesses(snapshot(timeline=()), country=ADDS_UP, neighbours=near) == ()
    assert guesses(snapshot(), country=ADDS_UP) == ()
    assert guesses(snapshot(), country=ADDS_UP, neighbours=near, side=Side.ORIGIN) == ()


def test_a_request_to_pay_that_the_rules_do_not_explain_may_come_of_parcels_counted_together():
    near = (Neighbour("Other", NOW - 2 * DAY), Neighbour("Third", NOW - 2 * DAY))
    [found] = guesses(snapshot(Stage.PAYMENT_DUE, charges=Charges.DUE), country=ADDS_UP, neighbours=near)
    assert (found.key, found.count) == ("same_day", 2)


def test_a_parcel_arrives_with_the_first_event_of_its_own_countrys_customs():
    first = NOW - 5 * DAY
    seen = (
        event(Stage.IMPORT_CUSTOMS, at=NOW - 9 * DAY, side=Side.ORIGIN),
        event(Stage.IN_TRANSIT, at=NOW - 8 * DAY),
        event(Stage.ARRIVED_DESTINATION, at=first, side=None),
        event(Stage.INSPECTION),
    )
    assert causes.arrived(Snapshot(timeline=seen)) == first
    assert causes.arrived(Snapshot(timeline=seen[:2])) is None
    undated = (event(Stage.HELD, at=None),)
    assert causes.arrived(Snapshot(timeline=undated)) == NOW - DAY


# -- the calendar ----------------------------------------------------------------------------------------------------

UNITY = datetime(
    2027, 10, 4, 12, tzinfo=UTC
)  # 3 October 2027 is a Sunday; 1 and 2 November are not holidays everywhere


def test_public_holidays_within_the_wait_are_named_and_weekends_are_none():
    christmas = datetime(2026, 12, 28, 12, tzinfo=UTC)
    waits = snapshot()
    found = guesses(
        Snapshot(stage=Stage.HELD, since=christmas - 5 * DAY, side=Side.DESTINATION), now=christmas
    )
    assert [(one.key, one.days) for one in found] == [
        ("holiday", (date(2026, 12, 25),))
    ]  # the 26th is a Saturday
    assert "2026-12-25: " in found[0].evidence.what
    assert "Christmas" in found[0].evidence.what
    assert found[0].cause is Cause.BACKLOG
    assert guesses(waits) == ()
    assert guesses(Snapshot(stage=Stage.HELD, since=UNITY - 2 * DAY, side=Side.DESTINATION), now=UNITY) == ()


def test_a_holiday_long_ago_explains_nothing():
    late = datetime(2027, 1, 30, 12, tzinfo=UTC)
    stood = Snapshot(stage=Stage.HELD, since=late - 60 * DAY, side=Side.DESTINATION)
    named = [day for one in guesses(stood, now=late) for day in one.days]
    assert named == [date(2027, 1, 1)]
    assert timedelta(days=30) == causes.LOOK_BACK


def test_on_the_senders_side_the_senders_holidays_count():
    october = datetime(2026, 10, 5, 12, tzinfo=UTC)
    stood = Snapshot(stage=Stage.EXPORT_CUSTOMS, since=october - 5 * DAY, side=Side.ORIGIN)
    [found] = guesses(stood, side=Side.ORIGIN, now=october)
    assert found.key == "holiday_abroad"
    assert date(2026, 10, 1) in found.days
    assert "China" not in found.evidence.what
    assert "in CN" in found.evidence.what


def test_a_hub_and_an_unknown_beginning_have_no_holidays():
    october = datetime(2026, 10, 5, 12, tzinfo=UTC)
    assert guesses(Snapshot(stage=Stage.HELD, since=october - 5 * DAY), side=Side.TRANSIT, now=october) == ()
    assert guesses(Snapshot(stage=Stage.HELD, side=Side.DESTINATION), now=october) == ()


def test_free_days_are_those_on_which_work_would_have_been_done():
    assert workdays.free_days("ZZ", date(2026, 1, 1), date(2026, 12, 31)) == ()
    assert workdays.free_days("DE", date(2026, 12, 25), date(2026, 12, 25))[0][0] == date(2026, 12, 25)
    assert workdays.free_days("DE", date(2026, 12, 26), date(2026, 12, 26)) == ()
    assert workdays.free_days("DE", date(2026, 12, 26), date(2026, 12, 25)) == ()
    saudi = [day for day, _ in workdays.free_days("SA", date(2026, 1, 1), date(2026, 12, 31))]
    assert not [day for day in saudi if day.weekday() in (4, 5)]


# -- the season ------------------------------------------------------------------------------------------------------


def test_the_season_of_the_day_is_named_once_with_its_source():
    advent = datetime(2026, 12, 1, tzinfo=UTC)
    [found] = guesses(
        Snapshot(stage=Stage.HELD, side=Side.DESTINATION), seasons=(YEAR_END, YEAR_END), now=advent
    )
    assert (found.key, found.cause) == ("season_year_end_peak", Cause.BACKLOG)
    assert found.evidence == Evidence(
        "guess", "year-end peak, 11-11 to 01-15", "pace.yaml:9", "source", date(2026, 1, 1)
    )
    assert guesses(Snapshot(stage=Stage.HELD, side=Side.DESTINATION), seasons=(YEAR_END,)) == ()


def test_a_season_of_the_sender_does_not_explain_customs_here():
    spring = Season(
        "Chinese New Year", (1, 15), (2, 28), 1.5, PROOF, frozenset({Stage.EXPORT_CUSTOMS}), frozenset()
    )
    february = datetime(2027, 2, 1, tzinfo=UTC)
    assert guesses(Snapshot(stage=Stage.HELD, side=Side.DESTINATION), seasons=(spring,), now=february) == ()
    stood = Snapshot(stage=Stage.EXPORT_CUSTOMS, side=Side.ORIGIN)
    assert keys(stood, side=Side.ORIGIN, seasons=(spring,), now=february) == ["season_chinese_new_year"]


# -- the law ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "found"), [(-31, False), (-30, True), (0, True), (1, False)])
def test_a_rule_that_changed_within_a_month_before_the_wait_or_in_it_may_be_why(start, found):
    entered = NOW - 10 * DAY
    began = entered.date() + start * DAY if start <= 0 else NOW.date() + start * DAY
    country = law(row("flat_duty", date(2020, 1, 1)), row("flat_duty", began))
    assert keys(snapshot(days=10), country=country) == ["law_change"] * found


def test_an_announced_change_is_told_as_one_and_a_real_one_comes_first():
    announced = row("handling_fee", date(2026, 9, 10), expected=True)
    [found] = guesses(snapshot(), country=law(announced))
    assert (found.key, found.what, found.days) == ("law_announced", "handling_fee", (date(2026, 9, 10),))
    both = law(announced, row("flat_duty", date(2026, 9, 1)), row("levy", date(2026, 9, 5)))
    [found] = guesses(snapshot(), country=both)
    assert (found.key, found.what, found.days) == ("law_change", "levy", (date(2026, 9, 5),))


def test_another_rate_of_a_tax_is_no_reason_to_wait():
    country = law(
        *(
            row(line, date(2026, 9, 10))
            for line in (*sorted(causes.EASY), causes.SAME_DAY, "import_vat.reduced")
        )
    )
    assert guesses(snapshot(), country=country) == ()


def test_the_law_here_does_not_explain_customs_elsewhere():
    country = law(row("flat_duty", date(2026, 9, 10)))
    stood = snapshot(Stage.EXPORT_CUSTOMS, side=Side.ORIGIN)
    assert guesses(stood, side=Side.ORIGIN, country=country) == ()
    assert keys(snapshot(), side=None, country=country) == ["law_change"]


def test_without_a_beginning_the_law_is_looked_at_from_today():
    country = law(row("flat_duty", NOW.date() - 30 * DAY))
    assert keys(snapshot(in_customs_since=None), country=country) == ["law_change"]
    older = law(row("flat_duty", NOW.date() - 31 * DAY))
    assert keys(snapshot(in_customs_since=None), country=older) == []


# -- harmless wordings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "translation", "shop", "met"),
    [
        ("Customs update: we’re INSPECTING YOUR ORDER", "", "", True),
        ("海关正在检查您的订单", "We're inspecting your order", "", True),
        ("Inspection", "", "AliExpress", True),
        ("Inspection", "", "", False),
        ("Inspection", "", "Elsewhere", False),
    ],
)
def test_a_harmless_wording_is_known_by_its_words_or_its_shop(text, translation, shop, met):
    seen = (event(text=text, translation=translation),)
    assert (
        keys(snapshot(timeline=seen), order=order(shop=shop), wordings=(RED,)) == ["wording_red_mark"] * met
    )


def test_a_wording_belongs_to_its_stages_and_to_the_event_that_says_the_stage():
    older = (event(Stage.HELD, "inspecting your order"), event(text="Inspection"))
    assert keys(snapshot(timeline=older), wordings=(RED,)) == []
    newest_of_another = (event(text="inspecting your order"), event(Stage.UNKNOWN, "zxqv"))
    assert keys(snapshot(timeline=newest_of_another), wordings=(RED,)) == ["wording_red_mark"]
    assert keys(snapshot(Stage.HELD), order=order(shop="AliExpress"), wordings=(RED,)) == []
    assert keys(snapshot(timeline=()), wordings=(RED,)) == []


def test_any_of_a_wordings_fragments_will_do():
    either = Wording(
        "red_mark", frozenset({Stage.INSPECTION}), ("no such words", "inspecting your order"), (), PROOF
    )
    assert keys(snapshot(timeline=(event(text="inspecting your order"),)), wordings=(either,)) == [
        "wording_red_mark"
    ]


# -- what is waited for, and what slows it -----------------------------------------------------------------------------


def test_the_stages_and_rules_that_a_guess_speaks_of():
    assert {stage.value for stage in causes.WAITING} == {
        "import_customs",
        "inspection",
        "held",
        "clearance_delay",
    }
    assert {stage.value for stage in causes.BEFORE} == {
        "export_customs",
        "export_cleared",
        "arrived_destination",
    }
    assert {"import_vat", "waiver", "customs_value", "excise"} == causes.EASY
    assert {cause.value for cause in causes.TELL_NOTHING} == {"physical_inspection", "other"}


@pytest.mark.parametrize("stage", sorted(causes.IN_CUSTOMS))
def test_any_stage_in_the_hands_of_the_country_is_an_arrival(stage):
    assert causes.arrived(Snapshot(timeline=(event(stage, at=NOW),))) == NOW
    assert causes.arrived(Snapshot(timeline=(event(stage, at=NOW, side=Side.ORIGIN),))) is None


# -- the order of guesses --------------------------------------------------------------------------------------------


def test_the_best_founded_guess_comes_first():
    christmas = datetime(2026, 12, 28, 12, tzinfo=UTC)
    since = christmas - 5 * DAY
    stood = Snapshot(
        stage=Stage.INSPECTION,
        since=since,
        side=Side.DESTINATION,
        in_customs_since=since,
        timeline=(event(at=since),),
    )
    country = law(row(causes.SAME_DAY, date(2020, 1, 1)), row("flat_duty", date(2026, 12, 1)))
    assert keys(
        stood, order=order(items=4, shop="aliexpress"), country=country, seasons=(YEAR_END,), wordings=(RED,),
        neighbours=(Neighbour("Other", since),), now=christmas,
    ) == ["wording_red_mark", "same_day", "holiday", "several_items", "law_change", "season_year_end_peak"]  # fmt: skip
    assert causes.SHOWN == 2
