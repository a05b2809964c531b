"""The messages under tests/knowledge/messages as objects, and how each is judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from workers import loading
from workers.core.model import (
    Charges,
    Checkout,
    Operator,
    Order,
    ParcelRef,
    Prepaid,
    Reading,
    Seen,
    Sighting,
    Snapshot,
    Stage,
)
from workers.core.scam import MessageIs, MessageVerdict, Watched, judge_message
from workers.core.wording import Signs
from workers.knowledge.law import load_operators
from workers.knowledge.signs import load_signs

FOLDER = Path(__file__).parent / "messages"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    lang: str
    id: str
    kind: str  # genuine | fraud
    text: str
    parcel: dict[str, str]
    expect: str = MessageIs.DOES_NOT_MATCH
    sender: str = ""
    why: str = field(default="", compare=False)


def _cases() -> list[Case]:
    out = []
    for path in sorted(FOLDER.glob("*.yaml")):
        data: dict[str, Any] = loading.read(path).data
        assert data["language"] == path.stem
        out += [Case(lang=path.stem, **message) for message in data["messages"]]
    return out


MESSAGES = _cases()


@cache
def operators() -> tuple[Operator, ...]:
    return load_operators(on=NOW.date())


@cache
def signs() -> Signs:
    return load_signs()


def watched(
    *, to: str, number: str, stage: str, charges: str = "unknown", vat: str = "unknown", carrier: str = ""
) -> Watched:
    """A parcel that was looked at, with one event that names its carrier."""
    sighting = Sighting("test", "event", at=NOW, carrier=carrier)
    seen = Seen(sighting, Reading(Stage(stage), charges=Charges(charges)), NOW, ("test",))
    order = Order("o", "Lamp", (), destination=to, checkout=Checkout(vat=Prepaid(vat)))
    snapshot = Snapshot(
        Stage(stage), since=NOW, occurrence=1, charges=Charges(charges), timeline=(seen,), first_look=NOW
    )
    return Watched(order, ParcelRef(f"o/{number}", number), snapshot)


def judge(case: Case, text: str | None = None, sender: str | None = None) -> MessageVerdict:
    return judge_message(
        case.text if text is None else text,
        sender=case.sender if sender is None else sender,
        parcels=[watched(**case.parcel)],
        operators=operators(),
        signs=signs(),
        now=NOW,
    )
