"""Judge one parcel: the law of the day, the situation, the advice, and whether to write. Calls the deciders in order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from workers.core import (
    advise,
    brief,
    cadence,
    causes,
    forecast,
    history,
    notices,
    numbers,
    operators,
    rules,
    second,
    spoken,
)
from workers.core.followed import Further, followed
from workers.core.model import (
    Advice,
    Charges,
    Estimate,
    Evidence,
    Guess,
    Operator,
    Order,
    ParcelRef,
    Situation,
    Snapshot,
    Stage,
    Told,
    Transition,
    Usual,
    Why,
)
from workers.core.second import Opinion
from workers.core.voices import Heard, Voices, voices
from workers.core.word import Word

URGENT_LIFE = timedelta(
    days=3
)  # an alarm that could not be delivered for so long is expired, counted and shown
CALM_LIFE = timedelta(days=7)
PUSHES = timedelta(days=7)  # a parcel whose source told of it unasked within this long is only checked on

_NOTHING_SAID = Word()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was decided of a parcel at one moment, and all that is needed to explain it."""

    order: Order
    snapshot: Snapshot
    situation: Situation
    advice: Advice
    why: Why
    step: str
    estimate: Estimate
    operator: Operator | None
    express: bool
    usual: Usual
    guesses: tuple[Guess, ...]
    deadline: date | None
    brief: Callable[[], Mapping[str, Any]]  # the words' facts; gathered only where somebody is to be told
    told: Told
    every: timedelta | None
    review_at: datetime | None
    said: Voices
    asked: Opinion
    further: tuple[Further, ...] = ()  # numbers under which it travels on

    @property
    def expires(self) -> timedelta:
        return URGENT_LIFE if self.advice.urgent else CALM_LIFE

    def stay(self, before: Snapshot, transition: Transition | None) -> tuple[str, datetime, datetime] | None:
        """Return the stay that ended now, for the history: its group, beginning and end."""
        ended = history.stays(before, self.snapshot, transition)
        if ended is None:
            return None
        group = history.Group(ended.stage, ended.side, self.order.destination, self.express)
        return group.name, ended.began, ended.ended

    def stands(self) -> tuple[str, datetime] | None:
        """Return the stay that lasts, for the history: its group and beginning."""
        snapshot = self.snapshot
        if snapshot.since is None or snapshot.stage in history.UNCOUNTED:
            return None
        group = history.Group(snapshot.stage, snapshot.side, self.order.destination, self.express)
        return group.name, snapshot.since

    def decision(self, transition: Transition | None, before: Stage) -> dict[str, Any]:
        """Return what ``explain`` and ``status`` show, as plain JSON."""
        proof = (
            transition.proof
            if transition
            else (self.snapshot.timeline[-1] if self.snapshot.timeline else None)
        )
        return {
            "stage": self.snapshot.stage.value,
            "before": before.value,
            "moved_by": transition.rule if transition else "",
            "occurrence": self.snapshot.occurrence,
            "proof": None
            if proof is None
            else {
                "text": proof.sighting.text,
                "at": proof.sighting.at.isoformat() if proof.sighting.at else None,
                "source": proof.sighting.source,
                "witnesses": list(proof.witnesses),
                "code": proof.sighting.code,
                "evidence": [_plain(e) for e in proof.reading.evidence],
                "beat": [_plain(e) for e in proof.reading.beat],
            },
            "situation": {fact: _word(getattr(self.situation, fact)) for fact in advise.FACTS},
            "advice": self.advice.id,
            "advice_row": _plain(self.advice.evidence),
            "needs_you": self.advice.needs_you.value,
            "urgent": self.advice.urgent,
            "why": self.why.value,
            "step": self.step,
            "deadline": self.deadline.isoformat() if self.deadline else None,
            "operator": self.operator.id if self.operator else None,
            "tax": self.estimate.tax.value,
            "rules": [_plain(e) for e in self.estimate.rules],
            "usual": {
                "half": self.usual.half,
                "most": self.usual.most,
                "source": self.usual.source,
                "observations": self.usual.observations,
            },
            "causes": [cause.value for cause in self.snapshot.causes],
            "guesses": [{"cause": one.cause.value, **_plain(one.evidence)} for one in self.guesses],
            "title": self.order.title,
            "sources": spoken.decision(self.said, self.asked, self.further),
        }


def _plain(evidence: Evidence) -> dict[str, Any]:
    return {
        "kind": evidence.kind,
        "what": evidence.what,
        "where": evidence.where,
        "source": evidence.source,
        "checked": evidence.checked.isoformat() if evidence.checked else None,
    }


def _word(fact: object) -> str | None:
    return None if fact is None else str(fact)


class Judge:
    """Holds what we know (law, operators, advice table, priors, rates) and applies it."""

    def __init__(
        self,
        *,
        law: rules.Law,
        operators: Sequence[Operator],
        table: advise.Table,
        priors: forecast.Priors,
        wordings: Sequence[causes.Wording] = (),
        rates: rules.Rates | None = None,
        history: Callable[[], history.History | None] = lambda: None,
    ) -> None:
        self._law = law
        self._operators = operators
        self._table = table
        self._priors = priors
        self._wordings = wordings
        self._rates = rates
        self._history = history

    def adds_up(self, order: Order) -> bool:
        """Whether the law of the order's country may count what arrives together as one: then neighbours matter."""
        country, _ = self._law.of(order)
        return country is not None and causes.SAME_DAY in country.lines

    def judge(
        self,
        order: Order,
        ref: ParcelRef,
        snapshot: Snapshot,
        transition: Transition | None,
        told: Told,
        *,
        first_look: bool,
        now: datetime,
        neighbours: Sequence[causes.Neighbour] = (),
        word: Word = _NOTHING_SAID,
        heard: Sequence[Heard] = (),
        taken: Collection[str] = (),
    ) -> Judgement:
        """Decide what to tell of a parcel now, and whom else to ask; pure. *heard*: what passed with its sources."""
        carriers = _carriers(ref, snapshot)
        operator = operators.choose(order, number=ref.number, carriers=carriers, operators=self._operators)
        on = (snapshot.in_customs_since or now).date()
        estimate = rules.estimate(
            order, self._law, on=on, operator=operator, charged_at_door=snapshot.charges is Charges.DUE,
            rates=self._rates,
        )  # fmt: skip
        express = numbers.express(ref.number, carriers)
        usual = forecast.usual(
            snapshot.stage, snapshot.side, destination=order.destination, express=express, on=now.date(),
            priors=self._priors, history=self._history(), since=snapshot.since,
        )  # fmt: skip
        pace = forecast.pace(snapshot, usual, now=now)
        situation = advise.situation(order, snapshot, estimate, pace, now=now)
        advice = advise.advise(situation, self._table)
        guesses = causes.guess(
            order, snapshot, situation, country=self._law.of(order)[0], seasons=self._priors.seasons,
            wordings=self._wordings, neighbours=neighbours, now=now,
        )  # fmt: skip
        deadline = brief.deadline(order, snapshot, advice, operator, now=now)
        why = notices.decide(
            told, advice, snapshot, transition, now=now, first_look=first_look, deadline=deadline
        )
        if why.speaks and (order.muted or word.silent(urgent=advice.urgent, now=now)):
            why = Why.MUTED
        elif why.speaks and not order.tell:
            why = Why.NOBODY_TO_TELL
        every = cadence.look(snapshot, now=now, deadline=deadline, pushed=_pushed(snapshot, now))
        further = followed(snapshot, order, ref, taken)
        said = voices(snapshot, heard, origin=order.origin, destination=order.destination, now=now)
        stuck_at = snapshot.since + timedelta(days=usual.stuck) if snapshot.since and usual.most else None
        asked = second.opinion(snapshot, pace, stuck_at, said, heard, now=now, every=every)
        return Judgement(
            order=order,
            snapshot=snapshot,
            situation=situation,
            advice=advice,
            why=why,
            step=notices.identity(why, advice, told),
            estimate=estimate,
            operator=operator,
            express=express,
            usual=usual,
            guesses=guesses,
            deadline=deadline,
            brief=partial(
                brief.brief,
                order,
                ref,
                snapshot,
                situation,
                advice,
                estimate,
                operator,
                usual,
                why,
                now=now,
                guesses=guesses,
                said=said,
                asked=asked,
                further=further,
            ),
            told=notices.remember(told, advice, why, snapshot, now=now, deadline=deadline),
            every=every,
            review_at=min(
                filter(
                    None,
                    (
                        notices.next_review(order, snapshot, usual, told, deadline, now=now),
                        word.ends(now),
                        asked.review_at,
                    ),
                ),
                default=None,
            ),
            said=said,
            asked=asked,
            further=further,
        )


def _pushed(snapshot: Snapshot, now: datetime) -> bool:
    return snapshot.pushed is not None and now - snapshot.pushed < PUSHES


def _carriers(ref: ParcelRef, snapshot: Snapshot) -> tuple[str, ...]:
    """Return the carriers named so far, the user's hint first, then the newest."""
    seen = [ref.carrier] if ref.carrier else []
    for item in reversed(snapshot.timeline):
        if item.sighting.carrier and item.sighting.carrier not in seen:
            seen.append(item.sighting.carrier)
    return tuple(seen)
