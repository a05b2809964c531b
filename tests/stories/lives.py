"""A parcel's life told day by day to the real law, table and priors: what is written, when and why.

    2d 09 | DE | payment_due charges=due | Import charges due

day and hour (UTC, from the start) · country of the event · what the words say (a stage, then ``fact=value``) · the words.
``4d 09 | look`` looks again, ``4d 09 | mute`` and ``4d 09 | unmute`` are the user's; ``30d 09 | end`` lets time pass. Between events the clock stops only
where a review was asked for, as in the program.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from workers import knowledge
from workers.core.detect import detect
from workers.core.history import History
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
    Side,
    Sighting,
    Snapshot,
    Stage,
    TimeQuality,
    Told,
    Transition,
)

AUTUMN = datetime(2026, 9, 1, tzinfo=UTC)  # a Tuesday, far from every season


@cache
def known() -> knowledge.Knowledge:
    return knowledge.load()


def paid(vat: str = "unknown", charges: str = "unknown") -> Checkout:
    """What the order page says was paid at checkout."""
    return Checkout(vat=Prepaid(vat), import_charges=Prepaid(charges))


def worth(amount: str, currency: str = "EUR") -> Money:
    return Money(Decimal(amount), currency)


@dataclass
class Life:
    """One parcel of one order."""

    destination: str = "DE"
    start: datetime = AUTUMN
    number: str = "LP00123456789012"
    protected: int | None = None  # days after the start
    history: History | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    written: list[tuple[int, str, str]] = field(default_factory=list)
    contexts: list[Any] = field(default_factory=list)  # of what was written
    late: int = 0  # the day from which it is watched: what happened before is seen at the first look
    silent: list[tuple[int, str, str]] = field(default_factory=list)
    snapshot: Snapshot = field(default_factory=Snapshot)
    told: Told = field(default_factory=Told)

    def __post_init__(self) -> None:
        given = {
            "goods": worth("40"),
            "checkout": paid(vat="yes"),
            "shop": "aliexpress",
            "items": 1,
        } | self.facts
        until = None if self.protected is None else (self.start + timedelta(days=self.protected)).date()
        self.ref = ParcelRef(f"o/{self.number}", self.number)
        self.order = Order(
            id="o", title="Thing", parcels=(self.ref,), destination=self.destination, tell=("ana",),
            ordered_on=self.start.date(), protected_until=until, **given,
        )  # fmt: skip
        facts = known()
        self._judge = Judge(
            law=facts.law, operators=facts.operators, table=facts.table, priors=facts.priors, rates=facts.rates,
            wordings=facts.wordings, history=lambda: self.history,
        )  # fmt: skip
        self._list: list[tuple[Sighting, Reading]] = []
        self._review: datetime | None = None
        self.last: Judgement | None = None

    def live(self, story: str) -> Life:
        """Let everything in *story* happen, in its order."""
        for row in filter(str.strip, story.splitlines()):
            when, *rest = (part.strip() for part in row.split("|"))
            day, hour = when.split()
            at = self.start + timedelta(days=int(day.rstrip("d")), hours=int(hour))
            self._until(at)
            match rest:
                case ["end"]:
                    pass
                case ["mute" | "unmute" as word]:
                    # A change of the user's file has every parcel judged anew.
                    self.order = replace(self.order, muted=word == "mute")
                    self._judged(self.snapshot, None, at)
                case [country, says, text]:
                    self._list.append(_event(country, says, text, at))
                    if int(day.rstrip("d")) >= self.late:
                        self._look(at)
                case ["look"]:
                    self._look(at)
                case _:
                    raise AssertionError(f"cannot read {row!r}")
        return self

    def _look(self, at: datetime) -> None:
        now = at + timedelta(hours=1)
        after, transition = detect(
            self.snapshot, self._list, origin=self.order.origin, destination=self.destination, source="a", now=now,
            ordered=self.order.ordered_on,
        )  # fmt: skip
        self._judged(after, transition, now)

    def _until(self, end: datetime) -> None:
        while self._review is not None and self._review <= end:
            self._judged(self.snapshot, None, self._review)

    def _judged(self, after: Snapshot, transition: Transition | None, now: datetime) -> None:
        first = self.snapshot.first_look is None
        judged = self._judge.judge(
            self.order, self.ref, after, transition, self.told, first_look=first, now=now
        )
        self.snapshot, self.told, self.last, self._review = after, judged.told, judged, judged.review_at
        said = ((now - self.start).days, judged.advice.id, judged.why.value)
        (self.written if judged.why.speaks else self.silent).append(said)
        if judged.why.speaks:
            self.contexts.append(judged.brief())
            assert self.contexts[-1]["advice"] == judged.advice.id


def _event(country: str, says: str, text: str, at: datetime) -> tuple[Sighting, Reading]:
    stage, *facts = says.split()
    given = dict(fact.split("=") for fact in facts)
    reading = Reading(
        stage=Stage(stage),
        side=Side(given["side"]) if "side" in given else None,
        addressee=Addressee(given["to"]) if "to" in given else None,
        charges=Charges(given.get("charges", "unknown")),
        causes=tuple(Cause(c) for c in given.get("causes", "").split(",") if c),
    )
    carrier = given.get("by", "")
    return Sighting("a", text, at, TimeQuality.EXACT, country=country, carrier=carrier), reading
