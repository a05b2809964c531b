"""Stories told day by day with the real table, priors and reasons: who hears what, and how often."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from workers.core import advise, brief, forecast, notices
from workers.core.model import (
    Addressee,
    Cause,
    Charges,
    Estimate,
    Order,
    Side,
    Snapshot,
    Stage,
    Tax,
    Told,
    Transition,
    Why,
)
from workers.knowledge.table import load_priors, load_table

TABLE, PRIORS = load_table(), load_priors()
START = datetime(2026, 9, 1, 12, tzinfo=UTC)
ORDER = Order(id="o", title="Thing", parcels=(), destination="DE")
HOME = {
    "side": Side.DESTINATION,
    "charges": Charges.UNKNOWN,
    "causes": (),
    "addressee": None,
    "past_customs": False,
}


class Story:
    """A parcel's life on a clock of its own: stages are set, days pass, and what was written is kept."""

    def __init__(self, tax=Tax.PREPAID, start=START, protected_days=None, first_look=False):
        until = None if protected_days is None else start.date() + timedelta(days=protected_days)
        self.order = replace(ORDER, protected_until=until)
        self.estimate = Estimate(tax, start.date())
        self.now, self.snapshot, self.told = start, Snapshot(), Told()
        self.written: list[tuple[str, Why]] = []
        self._first = first_look
        self._start = start

    def reaches(self, stage, **facts):
        before = self.snapshot.stage
        entered = dict(self.snapshot.occurrences)
        entered[stage.value] = entered.get(stage.value, 0) + 1
        since = self.now if stage is not before else self.snapshot.since
        self.snapshot = replace(
            self.snapshot,
            stage=stage,
            since=since,
            occurrence=entered[stage.value],
            occurrences=entered,
            **(HOME | facts),
        )
        return self._judged(Transition(before, stage, entered[stage.value], self.now, "told", None))

    def waits(self, days):
        """Let days pass, judging only when a review was asked for, as the program does."""
        end = self.now + timedelta(days=days)
        while True:
            usual, deadline = self._usual(), self._deadline(self._advice())
            review = notices.next_review(self.order, self.snapshot, usual, self.told, deadline, now=self.now)
            if review is None or review > end:
                break
            self.now = review
            self._judged(None)
        self.now = end
        return self

    @property
    def day(self):
        return (self.now - self._start).days

    def _usual(self):
        return forecast.usual(
            self.snapshot.stage,
            self.snapshot.side,
            destination="DE",
            express=False,
            on=self.now.date(),
            priors=PRIORS,
        )

    def _advice(self):
        pace = forecast.pace(self.snapshot, self._usual(), now=self.now)
        return advise.advise(
            advise.situation(self.order, self.snapshot, self.estimate, pace, now=self.now), TABLE
        )

    def _deadline(self, advice):
        return brief.deadline(self.order, self.snapshot, advice, None, now=self.now)

    def _judged(self, transition):
        advice = self._advice()
        deadline = self._deadline(advice)
        why = notices.decide(
            self.told,
            advice,
            self.snapshot,
            transition,
            now=self.now,
            first_look=self._first,
            deadline=deadline,
        )
        self._first = False
        self.told = notices.remember(self.told, advice, why, self.snapshot, now=self.now, deadline=deadline)
        if why.speaks:
            self.written.append((advice.id, why))
        return self


def test_vat_due_reminded_paid_released_delivered():
    story = Story(tax=Tax.DUE)
    story.reaches(Stage.EXPORT_CUSTOMS, side=Side.ORIGIN).waits(2).reaches(Stage.IN_TRANSIT).waits(5)
    story.reaches(Stage.ARRIVED_DESTINATION).waits(1).reaches(Stage.IMPORT_CUSTOMS).waits(1)
    story.reaches(Stage.PAYMENT_DUE, charges=Charges.DUE).waits(12)
    story.reaches(Stage.PAYMENT_RECEIVED, charges=Charges.PAID).waits(1)
    story.reaches(Stage.RELEASED, charges=Charges.PAID).waits(1)
    story.reaches(Stage.OUT_FOR_DELIVERY, charges=Charges.PAID).reaches(
        Stage.DELIVERED, charges=Charges.PAID
    ).waits(30)
    assert story.written == [
        ("tax_ahead", Why.FIRST),
        ("pay", Why.FIRST),
        ("pay", Why.REMINDER),
        ("payment_received", Why.RESOLVED),
        ("released", Why.FIRST),
    ]


def test_a_request_left_unanswered_is_reminded_of_twice_and_never_after():
    story = Story(tax=Tax.DUE).reaches(Stage.PAYMENT_DUE, charges=Charges.DUE).waits(40)
    assert story.written == [("pay", Why.FIRST), ("pay", Why.REMINDER), ("pay", Why.REMINDER)]


def test_asked_again_although_paid_at_checkout():
    story = (
        Story()
        .reaches(Stage.IMPORT_CUSTOMS)
        .waits(2)
        .reaches(Stage.PAYMENT_DUE, charges=Charges.DUE)
        .waits(3)
    )
    story.reaches(Stage.RELEASED, charges=Charges.NONE).waits(1).reaches(Stage.DELIVERED).waits(9)
    assert story.written == [
        ("import_customs", Why.FIRST),
        ("double_charge", Why.FIRST),
        ("released", Why.RESOLVED),
    ]


def test_an_ordinary_parcel_is_two_messages():
    story = Story(protected_days=60)
    story.reaches(Stage.PRE_TRANSIT).waits(2).reaches(Stage.IN_TRANSIT).waits(4)
    story.reaches(Stage.EXPORT_CUSTOMS).waits(1).reaches(Stage.EXPORT_CLEARED).waits(1).reaches(
        Stage.IN_TRANSIT
    ).waits(6)
    story.reaches(Stage.ARRIVED_DESTINATION).waits(1).reaches(Stage.IMPORT_CUSTOMS).waits(2)
    story.reaches(Stage.RELEASED).waits(1).reaches(Stage.IN_TRANSIT, past_customs=True).waits(2)
    story.reaches(Stage.OUT_FOR_DELIVERY).reaches(Stage.DELIVERED).waits(60)
    assert story.written == [("import_customs", Why.FIRST), ("released", Why.FIRST)]


def test_an_inspection_over_christmas_does_not_alarm_before_it_is_unusual():
    december = datetime(2026, 12, 18, 12, tzinfo=UTC)
    story = Story(start=december).reaches(Stage.INSPECTION).waits(10)
    assert story.written == [("inspection", Why.FIRST)]
    story.waits(3)
    assert story.written[1:] == [("customs_slow", Why.CHANGED)]
    story.waits(3)
    assert story.written[2:] == [("customs_stuck", Why.ESCALATED)]
    autumn = Story(start=START).reaches(Stage.INSPECTION).waits(8)
    assert autumn.written[1:] == [("customs_slow", Why.CHANGED)]


def test_the_ladder_of_a_parcel_that_never_comes():
    story = Story(protected_days=30).reaches(Stage.INSPECTION).waits(90)
    assert story.written == [
        ("inspection", Why.FIRST),
        ("customs_slow", Why.CHANGED),
        ("customs_stuck", Why.ESCALATED),
        ("customs_stuck", Why.REMINDER),
        ("protection_last_call", Why.CHANGED),
        ("protection_last_call", Why.REMINDER),
        ("window_over", Why.CHANGED),
    ]


def test_clearance_updated_daily_is_one_message():
    story = Story().reaches(Stage.IMPORT_CUSTOMS)
    for _ in range(6):
        story.waits(1).reaches(Stage.INSPECTION).waits(0.2).reaches(Stage.IMPORT_CUSTOMS)
    assert story.written == [("import_customs", Why.FIRST), ("inspection", Why.FIRST)]


def test_a_seizure_as_counterfeit():
    story = Story(protected_days=40).reaches(Stage.INSPECTION).waits(2)
    story.reaches(Stage.HELD, causes=(Cause.SUSPECTED_COUNTERFEIT,)).waits(8)
    story.reaches(Stage.REFUSED, causes=(Cause.SUSPECTED_COUNTERFEIT,)).waits(2)
    assert story.written == [
        ("inspection", Why.FIRST),
        ("counterfeit", Why.FIRST),
        ("refused_counterfeit", Why.FIRST),
    ]


def test_released_and_then_a_late_invoice():
    story = (
        Story(tax=Tax.DUE)
        .reaches(Stage.RELEASED)
        .waits(1)
        .reaches(Stage.IN_TRANSIT, past_customs=True)
        .waits(2)
    )
    story.reaches(Stage.PAYMENT_DUE, charges=Charges.DUE, past_customs=True)
    assert story.written == [("released_bill_may_come", Why.FIRST), ("late_invoice", Why.FIRST)]


def test_papers_are_asked_of_the_sender_and_then_of_the_buyer():
    story = Story().reaches(Stage.DOCUMENTS_REQUIRED, addressee=Addressee.SENDER).waits(2)
    story.reaches(Stage.DOCUMENTS_REQUIRED, addressee=Addressee.BUYER).waits(1)
    story.reaches(Stage.IMPORT_CUSTOMS)
    assert story.written == [
        ("documents_elsewhere", Why.FIRST),
        ("send_documents", Why.FIRST),
        ("import_customs", Why.RESOLVED),
    ]


def test_a_false_delivered_reopens_and_a_true_one_stays_silent():
    story = Story().reaches(Stage.RELEASED).waits(1).reaches(Stage.DELIVERED).waits(1)
    story.reaches(Stage.IN_TRANSIT, past_customs=True).waits(1).reaches(Stage.DELIVERED).waits(9)
    assert story.written == [("released", Why.FIRST), ("last_mile", Why.REOPENED)]


def test_an_old_order_is_imported_in_silence():
    story = Story(first_look=True, protected_days=-200).reaches(Stage.DELIVERED).waits(30)
    assert story.written == []
    returned = Story(first_look=True, protected_days=-200).reaches(Stage.RETURNING).waits(30)
    assert returned.written == [("refund_after_window", Why.FIRST_LOOK)]
