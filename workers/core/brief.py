"""Everything the words need, as plain JSON: stored with a notice, rendered later. Writes no sentence itself.

Numbers are strings, dates ISO 8601, money ``{"amount", "currency"}``; strangers' words are quoted
(``core.quote``). Every key is always present, so that a template under StrictUndefined never meets a gap;
what is unknown is None or "".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from workers.core import causes, deadlines, forecast, spoken
from workers.core.followed import Further
from workers.core.model import (
    Advice,
    Charge,
    Estimate,
    Evidence,
    Guess,
    Money,
    Operator,
    Order,
    ParcelRef,
    Reading,
    Seen,
    Side,
    Situation,
    Snapshot,
    Stage,
    TimeQuality,
    Usual,
    Why,
)
from workers.core.quote import identifier, quote, visible
from workers.core.second import Opinion
from workers.core.voices import Voices

VERSION: Final = 2
NEWEST: Final = 12  # events shown
TITLE: Final = 120  # characters
EVENT: Final = 180
NAME: Final = 80
READINGS: Final = 4  # entries shown of what was matched in a text; ``explain`` shows all
RULES: Final = 8
# Matters in which only the next step counts: a guess at what slowed the parcel would weaken it.
NO_GUESSES: Final = frozenset({"protection", "refund"})
NOTE: Final = 400  # characters of one of our own facts

# What happens at the customs of the parcel's own country, as the timeline marks it.
CUSTOMS: Final = frozenset(
    {
        Stage.IMPORT_CUSTOMS,
        Stage.INSPECTION,
        Stage.HELD,
        Stage.DOCUMENTS_REQUIRED,
        Stage.PAYMENT_DUE,
        Stage.PAYMENT_RECEIVED,
        Stage.CLEARANCE_DELAY,
        Stage.RELEASED,
        Stage.REFUSED,
    }
)

NO_VOICES: Final = Voices()
NOBODY: Final = Opinion()

Plain = dict[str, Any]


def deadline(
    order: Order, snapshot: Snapshot, advice: Advice, operator: Operator | None, *, now: datetime
) -> date | None:
    """Return the date by which *advice* wants something done, or None."""
    found = deadlines.deadlines(order, snapshot, operator, now=now)
    return deadlines.nearest(found, advice, today=now.date())


def brief(
    order: Order,
    parcel: ParcelRef,
    snapshot: Snapshot,
    situation: Situation,
    advice: Advice,
    estimate: Estimate,
    operator: Operator | None,
    usual: Usual,
    why: Why,
    *,
    now: datetime,
    guesses: Sequence[Guess] = (),
    said: Voices = NO_VOICES,
    asked: Opinion = NOBODY,
    further: Sequence[Further] = (),
) -> Plain:
    """Return the context of one notice."""
    names = spoken.shown_by(snapshot, said)
    found = deadlines.deadlines(order, snapshot, operator, now=now)
    by = deadlines.nearest(found, advice, today=now.date())
    proof = _proof(snapshot)
    until = order.protected_until
    return {
        "version": VERSION,
        "advice": advice.id,
        "topic": advice.topic,
        "needs_you": advice.needs_you.value,
        "urgent": advice.urgent,
        "contact": advice.contact,
        "letters": list(advice.letters),
        "why": why.value,
        "now": now.isoformat(),
        "order": _order(order),
        "parcel": {
            "id": parcel.id,
            "number": identifier(parcel.number),
            "carrier": quote(parcel.carrier, NAME),
        },
        "stage": situation.stage.value,
        "side": _value(situation.side),
        "cause": _value(situation.cause),
        "causes": [cause.value for cause in snapshot.causes],
        "guesses": [] if advice.topic in NO_GUESSES else [guessed(one) for one in guesses[: causes.SHOWN]],
        "addressee": _value(situation.addressee),
        "charges": situation.charges.value,
        "tax": situation.tax.value,
        "pace": situation.pace.value,
        "protection": situation.protection.value,
        "past_customs": situation.past_customs,
        "since": _iso(snapshot.since),
        "days": forecast.lasted(snapshot, now=now).days,
        "days_in_customs": max((now - snapshot.in_customs_since).days, 0)
        if snapshot.in_customs_since
        else None,
        "usual": _usual(usual),
        "last": _event(snapshot.timeline[-1]) if snapshot.timeline else None,
        "proof": _event(proof) if proof else None,
        "timeline": [
            {**_event(seen), "shown_by": spoken.called(seen, names)}
            for seen in reversed(snapshot.timeline[-NEWEST:])
        ],
        "voices": spoken.plain(said, asked, further),
        "earlier": max(len(snapshot.timeline) - NEWEST, 0),
        "next_numbers": [identifier(number) for number in snapshot.next_numbers[:3]],
        "cost": _cost(estimate),
        "operator": _operator(operator),
        "deadline": _iso(by),
        "days_left": (by - now.date()).days if by else None,
        "pay_by": _due(found.pay_by),
        "documents_by": _due(found.documents_by),
        "storage_end": _due(found.storage_end),
        "protection_until": _iso(until),
        "protection_days": (until - now.date()).days if until else None,
        "dispute_by": _iso(found.dispute_by),
        "wait_until": _wait_until(snapshot, usual, now=now),
        "evidence": _evidence(proof.reading if proof else None, advice, estimate, guesses),
    }


def _order(order: Order) -> Plain:
    return {
        "id": visible(order.id, NAME),
        "title": quote(order.title, TITLE),
        "shop": quote(order.shop, NAME),
        "seller": quote(order.seller, NAME),
        "number": identifier(order.number),
        "origin": order.origin,
        "destination": order.destination,
        "pieces": order.items,
        "goods": _money(order.goods),
        "shipping": _money(order.shipping),
        "vat_paid": order.checkout.vat.value,
        "vat_amount": _money(order.checkout.vat_amount),
        "ordered_on": _iso(order.ordered_on),
    }


def _proof(snapshot: Snapshot) -> Seen | None:
    """Return the newest event that says what the stage says, else the newest of all."""
    for seen in reversed(snapshot.timeline):
        if seen.reading.stage is snapshot.stage and not seen.vanished:
            return seen
    return snapshot.timeline[-1] if snapshot.timeline else None


def _event(seen: Seen) -> Plain:
    sighting = seen.sighting
    return {
        "at": _iso(sighting.at),
        "day_only": sighting.quality is TimeQuality.DAY,
        "text": quote(sighting.translation or sighting.text, EVENT) or quote(sighting.code, NAME),
        "original": quote(sighting.text, EVENT) if sighting.translation else "",
        "place": quote(sighting.place, NAME),
        "country": visible(sighting.country, 2),
        "stage": seen.reading.stage.value,
        "customs": seen.reading.stage in CUSTOMS and seen.reading.side in (None, Side.DESTINATION),
        "source": visible(sighting.source, NAME),
        "witnesses": [visible(name, NAME) for name in seen.witnesses[:4]],
        "code": identifier(sighting.code),
        "vanished": seen.vanished,
    }


def _cost(estimate: Estimate) -> Plain:
    return {
        "tax": estimate.tax.value,
        "on": estimate.on.isoformat(),
        "lines": [_charge(charge) for charge in estimate.charges],
        "low": _money(estimate.low),
        "high": _money(estimate.high),
        "known": estimate.low is not None and estimate.high is not None and bool(estimate.charges),
        "collected_by": estimate.collected_by,
        "scheme": estimate.scheme,
        "prepaid_expected": estimate.prepaid_expected,
        "expected": [_rule(rule) for rule in estimate.expected],
        "rates": [visible(rate, NOTE) for rate in estimate.rates],
        "assumptions": list(estimate.assumptions),
    }


def _charge(charge: Charge) -> Plain:
    return {
        "name": charge.name,
        "low": _money(charge.low),
        "high": _money(charge.high),
        "since": _iso(charge.since),
        "note": charge.note,
        "rule": _rule(charge.rule),
    }


def _operator(operator: Operator | None) -> Plain:
    """Return the operator's facts; all empty where it is not known, so that templates ask
    ``operator.name``.
    """
    if operator is None:
        operator = Operator(id="", name="", country="", kind="")
    return {
        "id": operator.id,
        "name": visible(operator.name, NAME),
        "kind": operator.kind,
        "asks_by": list(operator.asks_by),
        "pay_where": visible(operator.pay_where, NOTE),
        "pay_methods": list(operator.pay_methods),
        "site": visible(operator.site, NAME),
        "domains": [visible(domain, NAME) for domain in operator.domains],
        "fee_low": _money(operator.fee_low),
        "fee_high": _money(operator.fee_high),
        "fee_note": visible(operator.fee_note, NOTE),
        "documents_where": visible(operator.documents_where, NOTE),
        "contact": visible(operator.contact, NOTE),
        "bills_later": operator.bills_later,
        "links_in_messages": operator.links_in_messages,
        "rule": _rule(operator.evidence) if operator.evidence else None,
    }


def _usual(usual: Usual) -> Plain:
    return {
        "known": usual.most > 0,
        "half": _whole(usual.half),
        "most": _whole(usual.most),
        "stuck": _whole(usual.stuck),
        "observations": usual.observations,
        "source": usual.source,
    }


def _whole(days: float) -> int:
    """Round half up, as people do."""
    return int(days + 0.5)


def _decisive(reading: Reading | None) -> list[Evidence]:
    """Return the code, the wording that decided and the context; ``explain`` shows every word besides."""
    found: list[Evidence] = []
    for evidence in reading.evidence if reading else ():
        if evidence.kind in ("grammar", "phrase") and any(e.kind in ("grammar", "phrase") for e in found):
            continue
        found.append(evidence)
    return found[:READINGS]


def _evidence(
    reading: Reading | None, advice: Advice, estimate: Estimate, guesses: Sequence[Guess]
) -> list[Plain]:
    """Return what decided, in the order of the road: the reading, the guesses shown, the law, the advice row;
    nothing twice.
    """
    found: list[Plain] = []
    shown = () if advice.topic in NO_GUESSES else (one.evidence for one in guesses[: causes.SHOWN])
    for evidence in (*_decisive(reading), *shown, *estimate.rules[:RULES], advice.evidence):
        entry = _rule(evidence)
        if entry not in found:
            found.append(entry)
    return found


def _rule(evidence: Evidence) -> Plain:
    return {
        "kind": evidence.kind,
        "what": quote(evidence.what, EVENT),
        "where": evidence.where,
        "source": evidence.source,
        "checked": _iso(evidence.checked),
    }


def guessed(guess: Guess) -> Plain:
    """Return what the words of a guess may ask for."""
    return {
        "cause": guess.cause.value,
        "key": guess.key,
        "days": [day.isoformat() for day in guess.days],
        "count": guess.count,
        "what": guess.what.replace(".", "_"),
        "charge": guess.what.partition(".")[0],
    }


def _wait_until(snapshot: Snapshot, usual: Usual, *, now: datetime) -> str | None:
    """Return the first day on which waiting is no longer the whole answer."""
    turn = forecast.turns_at(snapshot, usual, now=now)
    return (turn.date() + timedelta(days=1)).isoformat() if turn else None


def _due(due: deadlines.Due | None) -> Plain | None:
    return {"date": due.day.isoformat(), "by_rule": due.by_rule} if due else None


def _money(money: Money | None) -> Plain | None:
    return {"amount": str(money.amount), "currency": money.currency} if money else None


def _iso(moment: date | datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _value(fact: object) -> str:
    return "" if fact is None else str(fact)
