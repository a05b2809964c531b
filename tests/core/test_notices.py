"""When to write, when to stay silent, and how often: the table of reasons, and stories told by the real table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from workers.core import notices
from workers.core.model import (
    Advice,
    Charges,
    Evidence,
    NeedsYou,
    Order,
    Reading,
    Seen,
    Side,
    Sighting,
    Snapshot,
    Stage,
    Told,
    Transition,
    Usual,
    Why,
)

NOW = datetime(2026, 9, 20, 12, tzinfo=UTC)
TODAY = NOW.date()
DAY = timedelta(days=1)
USUAL = Usual(half=3, most=7, observations=0, source="pace.yaml:1", stuck=10.5)
ORDER = Order(id="o", title="Thing", parcels=(), destination="DE")


def advice(name="a", needs="no", topic="", **more):
    return Advice(
        name,
        NeedsYou(needs),
        more.pop("urgent", False),
        more.pop("silent", False),
        Evidence("advice", name),
        topic=topic or name,
        **more,
    )


def snapshot(stage=Stage.INSPECTION, occurrence=1, since=NOW - DAY, side=Side.DESTINATION, **more):
    return Snapshot(stage=stage, occurrence=occurrence, since=since, side=side, **more)


def moved(before, after=Stage.INSPECTION):
    return Transition(before, after, 1, NOW, "newest_decides", None)


def decide(told, said, snap=None, transition=None, *, now=NOW, first_look=False, deadline=None):
    return notices.decide(
        told, said, snap or snapshot(), transition, now=now, first_look=first_look, deadline=deadline
    )


def told_of(said, snap=None, *, now=NOW - 2 * DAY, deadline=None, told=None, why=Why.FIRST):
    return notices.remember(told or Told(), said, why, snap or snapshot(), now=now, deadline=deadline)


# -- the first look --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", sorted(notices.ALIVE))
def test_a_first_look_at_a_parcel_in_customs_says_where_it_stands(stage):
    assert decide(Told(), advice(), snapshot(stage), first_look=True) is Why.FIRST_LOOK


@pytest.mark.parametrize("side", [Side.ORIGIN, Side.TRANSIT])
def test_a_first_look_at_somebody_elses_customs_is_history(side):
    assert decide(Told(), advice(), snapshot(side=side), first_look=True) is Why.HISTORY
    assert decide(Told(), advice(needs="yes"), snapshot(side=side), first_look=True) is Why.FIRST_LOOK


def test_a_first_look_at_an_unknown_side_counts_as_the_destinations():
    assert decide(Told(), advice(), snapshot(side=None), first_look=True) is Why.FIRST_LOOK


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(hours=1), Why.FIRST_LOOK),
        (3 * DAY, Why.FIRST_LOOK),
        (3 * DAY + timedelta(minutes=1), Why.HISTORY),
    ],
)
def test_a_release_is_news_for_three_days(age, expected):
    assert decide(Told(), advice(), snapshot(Stage.RELEASED, since=NOW - age), first_look=True) is expected


def test_a_release_of_unknown_age_is_history():
    assert decide(Told(), advice(), snapshot(Stage.RELEASED, since=None), first_look=True) is Why.HISTORY


@pytest.mark.parametrize(
    "stage",
    sorted(set(Stage) - notices.ALIVE - {Stage.RELEASED, Stage.DELIVERED}),
)
def test_every_other_stage_is_history_unless_it_needs_the_person(stage):
    assert decide(Told(), advice(), snapshot(stage), first_look=True) is Why.HISTORY
    assert decide(Told(), advice(needs="wait"), snapshot(stage), first_look=True) is Why.HISTORY
    assert decide(Told(), advice(needs="yes"), snapshot(stage), first_look=True) is Why.FIRST_LOOK


def test_a_silent_advice_stays_silent_on_a_first_look():
    assert decide(Told(), advice(silent=True), snapshot(), first_look=True) is Why.HISTORY


def test_history_is_remembered_as_if_it_had_been_told():
    said = advice(needs="no", topic="released")
    told = told_of(said, snapshot(Stage.RELEASED), why=Why.HISTORY)
    assert told.at is None
    assert not told.needed_you
    assert decide(told, said, snapshot(Stage.RELEASED)) is Why.ALREADY_TOLD


# -- the same, and not the same --------------------------------------------------------------------------------------


def test_a_new_matter_is_written_about_once():
    said = advice("inspection")
    assert decide(Told(), said) is Why.FIRST
    assert decide(told_of(said), said) is Why.ALREADY_TOLD


def test_a_silent_advice_is_nothing_to_do():
    assert decide(told_of(advice("inspection")), advice(silent=True)) is Why.NOTHING_TO_DO
    assert decide(Told(), advice(silent=True)) is Why.NOTHING_TO_DO


def test_clearance_updated_over_and_over_never_writes():
    inspection, customs = advice("inspection"), advice("import_customs", topic="clearance")
    told = told_of(customs, snapshot(Stage.IMPORT_CUSTOMS))
    told = told_of(inspection, snapshot(Stage.INSPECTION), told=told)
    for occurrence in range(2, 9):
        for said, stage in ((customs, Stage.IMPORT_CUSTOMS), (inspection, Stage.INSPECTION)):
            snap = snapshot(stage, occurrence)
            assert decide(told, said, snap, moved(Stage.INSPECTION, stage)) is Why.ALREADY_TOLD
            told = notices.remember(told, said, Why.ALREADY_TOLD, snap, now=NOW, deadline=None)


def test_another_matter_in_the_same_round_is_a_change():
    told = told_of(advice("pay", "yes", topic="payment"), snapshot(Stage.PAYMENT_DUE))
    said = advice("double_charge", "yes")
    assert decide(told, said, snapshot(Stage.PAYMENT_DUE)) is Why.CHANGED
    assert decide(told, said, snapshot(Stage.PAYMENT_DUE, occurrence=2)) is Why.FIRST
    assert decide(told, said, snapshot(Stage.HELD)) is Why.FIRST


def test_nothing_changed_where_nothing_was_told():
    told = told_of(advice("moving", silent=True), why=Why.HISTORY)
    assert decide(told, advice("customs_stuck", "yes", topic="clearance")) is Why.FIRST


def test_another_wording_of_the_same_matter_is_no_news():
    told = told_of(advice("pay", "yes", topic="payment", contact="operator"))
    assert (
        decide(told, advice("pay_check_first", "yes", topic="payment", contact="operator"))
        is Why.ALREADY_TOLD
    )
    assert decide(told, advice("x", "wait", topic="payment", contact="operator")) is Why.ALREADY_TOLD


def test_an_alarm_of_an_earlier_topic_rings_again_only_in_another_round():
    pay, papers = advice("pay", "yes", topic="payment"), advice("papers", "yes")
    told = told_of(pay, snapshot(Stage.PAYMENT_DUE))
    told = told_of(papers, snapshot(Stage.DOCUMENTS_REQUIRED), told=told)
    assert decide(told, pay, snapshot(Stage.DOCUMENTS_REQUIRED)) is Why.ALREADY_TOLD
    assert decide(told, pay, snapshot(Stage.PAYMENT_DUE, occurrence=2)) is Why.FIRST


# -- up the ladder ---------------------------------------------------------------------------------------------------

LADDER = [
    advice("customs", "no", topic="clearance"),
    advice("ahead", "wait", topic="clearance"),
    advice("slow", "wait", topic="clearance", contact="operator"),
    advice("ask", "yes", topic="clearance", contact="operator"),
    advice("stuck", "yes", topic="clearance", contact="seller"),
    advice("dispute", "yes", topic="clearance", contact="shop"),
    advice("bank", "yes", topic="clearance", contact="bank"),
    advice("urgent", "yes", topic="clearance", contact="seller", urgent=True),
]


def test_the_ladder_goes_up():
    levels = [notices.strength(step) for step in LADDER]
    assert levels == sorted(levels)
    assert len(set(levels)) == len(levels)


@pytest.mark.parametrize("step", range(1, len(LADDER)))
def test_each_step_up_writes_and_no_step_down_does(step):
    below, above = LADDER[step - 1], LADDER[step]
    assert decide(told_of(below), above) is Why.ESCALATED
    assert decide(told_of(above), below) is Why.ALREADY_TOLD


def test_a_step_up_is_not_swallowed_when_another_matter_came_between():
    told = told_of(advice("import_customs", topic="clearance"), snapshot(Stage.IMPORT_CUSTOMS))
    told = told_of(advice("inspection"), told=told)
    assert decide(told, advice("slow", "wait", topic="clearance")) is Why.ESCALATED
    assert decide(told, advice("import_customs", topic="clearance")) is Why.ALREADY_TOLD


def test_time_alone_does_not_write_twice_a_day():
    told = told_of(LADDER[2], now=NOW - timedelta(hours=23))
    assert decide(told, LADDER[4]) is Why.NOT_NOW
    assert decide(told, LADDER[4], transition=moved(Stage.IMPORT_CUSTOMS)) is Why.ESCALATED
    assert decide(told, LADDER[7]) is Why.ESCALATED
    assert decide(told, LADDER[4], now=NOW + timedelta(hours=1)) is Why.ESCALATED
    assert notices.remember(told, LADDER[4], Why.NOT_NOW, snapshot(), now=NOW, deadline=None) == told


# -- deadlines -------------------------------------------------------------------------------------------------------

PAY = advice("pay", "yes", topic="payment", contact="operator", deadline="pay")


def test_a_deadline_reminds_three_days_and_one_day_before_and_never_after():
    deadline = TODAY + timedelta(days=10)
    told = told_of(PAY, deadline=deadline)
    written = []
    for day in range(15):
        now = NOW + timedelta(days=day)
        why = decide(told, PAY, now=now, deadline=deadline)
        if why.speaks:
            written.append((day, why, notices.identity(why, PAY, told)))
        told = notices.remember(told, PAY, why, snapshot(), now=now, deadline=deadline)
    assert [(day, why) for day, why, _ in written] == [(7, Why.REMINDER), (9, Why.REMINDER)]
    assert len({step for *_, step in written}) == 2


def test_a_dispute_reminds_once_because_the_last_call_follows():
    stuck = advice("stuck", "yes", topic="clearance", deadline="dispute")
    last_call = advice("last_call", "yes", topic="protection", deadline="dispute", urgent=True)
    deadline = TODAY + timedelta(days=10)
    for said, days in ((stuck, [7]), (last_call, [7, 9])):
        told, written = told_of(said, deadline=deadline), []
        for day in range(12):
            now = NOW + timedelta(days=day)
            why = decide(told, said, now=now, deadline=deadline)
            told = notices.remember(told, said, why, snapshot(), now=now, deadline=deadline)
            written += [day] if why.speaks else []
        assert written == days


def test_a_program_that_slept_reminds_once():
    deadline = TODAY + timedelta(days=1)
    told = told_of(PAY, deadline=deadline)
    assert decide(told, PAY, deadline=deadline) is Why.REMINDER
    told = notices.remember(told, PAY, Why.REMINDER, snapshot(), now=NOW, deadline=deadline)
    assert decide(told, PAY, deadline=deadline) is Why.ALREADY_TOLD


def test_a_first_notice_close_to_the_deadline_counts_as_its_reminder():
    deadline = TODAY + timedelta(days=2)
    told = told_of(PAY, now=NOW, deadline=deadline)
    assert told.reminders == 1
    assert decide(told, PAY, deadline=deadline) is Why.ALREADY_TOLD
    assert decide(told, PAY, deadline=deadline, now=NOW + DAY) is Why.REMINDER


def test_another_deadline_reminds_anew_under_another_identity():
    first, second = TODAY + DAY, TODAY + timedelta(days=2)
    told = told_of(PAY, now=NOW, deadline=first)
    assert decide(told, PAY, deadline=second) is Why.REMINDER
    step = notices.identity(Why.REMINDER, PAY, told)
    told = notices.remember(told, PAY, Why.REMINDER, snapshot(), now=NOW, deadline=second)
    assert decide(told, PAY, deadline=second, now=NOW + DAY) is Why.REMINDER
    assert notices.identity(Why.REMINDER, PAY, told) != step


def test_nobody_is_reminded_of_what_needs_no_one():
    waiting = advice("x", "wait", topic="payment")
    assert decide(told_of(waiting, deadline=TODAY), waiting, deadline=TODAY) is Why.ALREADY_TOLD


# -- closing and opening ---------------------------------------------------------------------------------------------


def test_an_alarm_is_closed_when_nothing_is_needed_any_more():
    told = told_of(PAY, snapshot(Stage.PAYMENT_DUE))
    assert decide(told, advice("released"), snapshot(Stage.RELEASED)) is Why.RESOLVED
    assert decide(told, advice("hold", "wait"), snapshot(Stage.HELD)) is Why.FIRST


def test_an_alarm_stays_open_while_the_answer_is_wait():
    told = told_of(PAY, snapshot(Stage.PAYMENT_DUE))
    told = told_of(advice("hold", "wait"), snapshot(Stage.HELD), told=told)
    assert told.needed_you
    assert decide(told, advice("delivered", silent=True), snapshot(Stage.DELIVERED)) is Why.RESOLVED


@pytest.mark.parametrize("stage", sorted(notices.CLOSING))
def test_a_silent_end_closes_an_alarm_and_is_otherwise_silent(stage):
    end = advice("end", silent=True)
    told = told_of(PAY, snapshot(Stage.PAYMENT_DUE))
    assert decide(told, end, snapshot(stage)) is Why.RESOLVED
    assert (
        decide(told_of(end, snapshot(stage), told=told, why=Why.RESOLVED), end, snapshot(stage))
        is Why.NOTHING_TO_DO
    )
    assert decide(told_of(advice("released")), end, snapshot(stage)) is Why.NOTHING_TO_DO


def test_a_silent_scan_does_not_close_a_request_to_pay():
    told = told_of(PAY, snapshot(Stage.PAYMENT_DUE))
    on_the_road = advice("moving", silent=True)
    assert decide(told, on_the_road, snapshot(Stage.IN_TRANSIT)) is Why.NOTHING_TO_DO
    still_due = snapshot(Stage.IN_TRANSIT, past_customs=True, charges=Charges.DUE)
    assert decide(told, on_the_road, still_due) is Why.NOTHING_TO_DO
    assert decide(told, on_the_road, snapshot(Stage.IN_TRANSIT, past_customs=True)) is Why.RESOLVED


def test_movement_closes_an_alarm_about_standing_still():
    stuck = advice("transit_stuck", "yes", topic="transit")
    told = told_of(stuck, snapshot(Stage.IN_TRANSIT))
    silent = advice("arrived", silent=True)
    assert decide(told, silent, snapshot(Stage.ARRIVED_DESTINATION)) is Why.RESOLVED
    assert decide(told, silent, snapshot(Stage.IN_TRANSIT)) is Why.NOTHING_TO_DO
    assert decide(told, silent, snapshot(Stage.IN_TRANSIT, occurrence=2)) is Why.RESOLVED


def test_a_false_delivered_reopens_even_silently_moving_parcels():
    moving = advice("moving", silent=True)
    reopening = moved(Stage.DELIVERED, Stage.IN_TRANSIT)
    assert decide(Told(), moving, snapshot(Stage.IN_TRANSIT), reopening) is Why.REOPENED
    assert (
        decide(Told(), moving, snapshot(Stage.UNKNOWN), moved(Stage.DELIVERED, Stage.UNKNOWN))
        is Why.NOTHING_TO_DO
    )
    assert decide(Told(), moving, snapshot(Stage.IN_TRANSIT), reopening, first_look=True) is Why.HISTORY


def test_a_release_taken_back_reopens_but_the_last_mile_does_not():
    back = moved(Stage.RELEASED, Stage.HELD)
    assert decide(told_of(advice("held")), advice("held"), snapshot(Stage.HELD), back) is Why.REOPENED
    on = moved(Stage.RELEASED, Stage.IN_TRANSIT)
    assert (
        decide(Told(), advice("last_mile", silent=True), snapshot(Stage.IN_TRANSIT), on) is Why.NOTHING_TO_DO
    )


def test_after_a_release_everything_may_be_said_again():
    customs = advice("import_customs", topic="clearance")
    told = told_of(customs, snapshot(Stage.IMPORT_CUSTOMS))
    told = told_of(advice("released"), snapshot(Stage.RELEASED), told=told)
    assert told.heard == ("released:0",)


# -- memory and identity ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", [w for w in Why if not w.speaks and w is not Why.HISTORY])
def test_silence_is_not_remembered(why):
    told = told_of(advice("inspection"))
    assert notices.remember(told, PAY, why, snapshot(), now=NOW, deadline=None) == told


def test_memory_is_bounded():
    told = Told()
    for number in range(100):
        told = told_of(advice(f"topic{number}"), told=told)
    assert len(told.heard) == notices.MEMORY
    assert told.heard[-1] == "topic99:0"


def test_the_same_thing_has_the_same_identity_and_another_another():
    steps = {
        notices.identity(Why.FIRST, PAY, Told()),
        notices.identity(Why.REMINDER, PAY, Told()),
        notices.identity(Why.REOPENED, PAY, Told()),
        notices.identity(Why.RESOLVED, PAY, Told()),
        notices.identity(Why.ESCALATED, PAY, Told()),
        notices.identity(Why.CHANGED, advice("other"), Told()),
    }
    assert len(steps) == 6
    assert notices.identity(Why.FIRST_LOOK, PAY, Told()) == notices.identity(Why.FIRST, PAY, Told())
    assert notices.identity(Why.REMINDER, PAY, Told(deadline=TODAY)) == f"reminder-1-{TODAY}"


# -- when to look at the calendar again ------------------------------------------------------------------------------


def review(snap=None, *, told=None, deadline=None, until=None, usual=USUAL, now=NOW):
    order = replace(ORDER, protected_until=until)
    return notices.next_review(order, snap or snapshot(), usual, told or Told(), deadline, now=now)


def at_six(day: date) -> datetime:
    return datetime.combine(day, notices.HOUR)


def test_a_review_comes_when_the_pace_turns_but_at_least_every_three_days():
    assert review(snapshot(since=NOW - 5 * DAY)) == NOW + 2 * DAY + timedelta(seconds=1)
    assert review(snapshot(since=NOW)) == NOW + 3 * DAY
    assert review(snapshot(since=NOW - 30 * DAY)) is None


def test_a_review_comes_on_the_days_of_a_deadline():
    silent = Usual(0, 0, 0, "")
    deadline = TODAY + timedelta(days=9)
    assert review(deadline=deadline, usual=silent) == at_six(TODAY + timedelta(days=6))
    assert review(deadline=deadline, usual=silent, now=at_six(TODAY + timedelta(days=6))) == at_six(
        TODAY + timedelta(days=8)
    )
    assert review(deadline=TODAY, usual=silent) is None


def test_a_review_comes_on_the_days_of_the_protection():
    silent = Usual(0, 0, 0, "")
    until = TODAY + timedelta(days=12)
    days, now = [], NOW
    while (found := review(until=until, usual=silent, now=now)) is not None:
        days.append((until - found.date()).days)
        now = found
    assert days == [10, 3, -1]


def test_a_review_comes_a_day_after_a_notice_for_what_was_held_back():
    silent = Usual(0, 0, 0, "")
    assert review(told=Told(at=NOW - timedelta(hours=2)), usual=silent) == NOW + timedelta(hours=22)
    assert review(told=Told(at=NOW - 2 * DAY), usual=silent) is None


def test_a_delivered_parcel_is_not_reviewed():
    assert (
        review(snapshot(Stage.DELIVERED), until=TODAY + timedelta(days=12), deadline=TODAY + 5 * DAY) is None
    )


@pytest.mark.parametrize("stage", sorted(notices.ROAD))
def test_whatever_moves_a_parcel_on_the_road_closes_the_alarm_that_it_did_not_move(stage):
    alarm = told_of(advice("stuck", needs="yes"), snapshot(stage, side=None))
    assert decide(alarm, advice(silent=True), snapshot(Stage.HELD, side=None)) is Why.RESOLVED
    assert decide(alarm, advice(silent=True), snapshot(stage, side=None)) is Why.NOTHING_TO_DO


def test_the_road_is_every_stage_before_customs_of_the_destination():
    assert {stage.value for stage in notices.ROAD} == {
        "pre_transit", "in_transit", "export_customs", "export_cleared", "transit_customs", "arrived_destination",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (advice(needs="no"), 0),
        (advice(needs="wait", contact="operator"), 102),
        (advice(needs="yes", urgent=True, contact="bank"), 215),
    ],
)
def test_an_advice_stands_as_far_up_as_it_asks_urges_and_turns_to(said, expected):
    assert notices.strength(said) == expected


def test_without_a_date_or_after_it_no_reminder_day_has_come():
    said = advice(needs="yes")
    assert told_of(said, deadline=None).reminders == 0
    assert told_of(said, deadline=TODAY - 3 * DAY).reminders == 0
    assert told_of(said, deadline=TODAY).reminders == 1


# -- a bill after the delivery ---------------------------------------------------------------------------------------


def billed(days, *, dated=True):
    at = NOW - days * DAY
    seen = Seen(Sighting("a", "Invoice", at if dated else None), Reading(Stage.PAYMENT_DUE), at)
    return snapshot(Stage.DELIVERED, since=NOW - 90 * DAY, charges=Charges.DUE, timeline=(seen,))


@pytest.mark.parametrize("dated", [True, False])
@pytest.mark.parametrize(("days", "expected"), [(0, Why.FIRST_LOOK), (30, Why.FIRST_LOOK), (31, Why.HISTORY)])
def test_on_a_first_look_a_bill_after_the_delivery_is_news_for_a_month(days, expected, dated):
    assert decide(Told(), advice(needs="yes"), billed(days, dated=dated), first_look=True) is expected


def test_a_delivery_of_which_no_event_is_kept_has_no_bill():
    gone = snapshot(Stage.DELIVERED, charges=Charges.DUE)
    assert decide(Told(), advice(needs="yes"), gone, first_look=True) is Why.HISTORY


def test_after_a_delivery_nothing_replaces_what_was_told():
    told = told_of(advice("delivered"), snapshot(Stage.DELIVERED))
    assert decide(told, advice("bill", needs="yes"), billed(0)) is Why.FIRST
    assert decide(told_of(advice("held")), advice("bill", needs="yes")) is Why.CHANGED


@pytest.mark.parametrize("stage", sorted(Stage))
def test_a_release_is_taken_back_by_a_word_of_customs_and_by_nothing_else(stage):
    again = decide(Told(), advice(needs="yes"), snapshot(stage), moved(Stage.RELEASED, stage))
    customs = {"import_customs", "inspection", "held", "documents_required", "payment_due", "clearance_delay"}
    assert (again is Why.REOPENED) == (stage.value in customs)


def test_a_word_that_reached_nobody_is_as_if_never_said():
    first = told_of(advice("held", needs="yes"))
    told = told_of(advice("pay", needs="yes"), snapshot(Stage.PAYMENT_DUE, 2), told=first)
    assert notices.unsaid(told, "pay", "payment_due", 2) == Told(heard=first.heard)
    for other in (("held", "payment_due", 2), ("pay", "held", 2), ("pay", "payment_due", 1)):
        assert notices.unsaid(told, *other) is told
