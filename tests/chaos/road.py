"""The road that every parcel of a chaos run takes, and how each step is known in the words that arrive. Knows no program."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.servers.seventeentrack import event

PROCESSING, RELEASED = "InTransit_CustomsProcessing", "InTransit_CustomsReleased"
_SUBJECT = re.compile(r"^(.*): Parcel (\d{5})$")
_SHORT = re.compile(r"^customs-watch: Parcel (\d{5}): (.*)$")


@dataclass(frozen=True, slots=True)
class Step:
    """One event of the road: what the tracking service shows, and how what is told of it begins."""

    stage: str
    words: str
    sub_status: str
    subject: str
    short: str


# Each is told once to each recipient by each channel, and each in words of its own: whoever reads the journals can tell
# which step a message is of, whatever the program believes.
ROAD = (
    Step("import_customs", "Import customs clearance started", PROCESSING, "In customs", "in customs, "),
    Step("inspection", "Import customs inspection in progress: customs is examining the parcel", PROCESSING,
         "Customs is inspecting it", "customs is inspecting it"),
    Step("documents_required", "Customs requires documents: please provide invoice",
         "InTransit_CustomsRequiringInformation", "Papers needed", "customs needs papers"),
    Step("payment_due", "Import duties and taxes are due. Awaiting payment by the recipient", PROCESSING,
         "Import charges to pay", "import charges to pay"),
    Step("payment_received", "Duties and taxes have been paid", PROCESSING, "Payment arrived", "payment received"),
    Step("held", "Held by customs", PROCESSING, "Held by customs", "held by customs"),
    Step("clearance_delay", "Customs clearance delay", PROCESSING, "Delayed in customs", "delayed in customs"),
    Step("released", "Import customs clearance complete", RELEASED, "Released by customs", "released by customs"),
)  # fmt: skip
STAGES = {step.stage: at for at, step in enumerate(ROAD)}


def number(parcel: int) -> str:
    return f"LP{parcel:014d}"


def title(parcel: int) -> str:
    return f"Parcel {parcel:05d}"


class Calendar:
    """When the events of one run happened: all before it, in order, so that none comes from the future."""

    def __init__(self, now: datetime) -> None:
        self._now = now.astimezone(UTC).replace(microsecond=0)

    def history(self) -> list[dict[str, Any]]:
        """Return the events before anybody watched."""
        return [
            self._event(
                days=9, words="Received by logistics company", sub="InTransit_PickedUp", country="CN"
            ),
            self._event(days=7, words="Export customs clearance complete", sub=RELEASED, country="CN"),
            self._event(
                days=2, words="Arrived in destination country/region", sub="InTransit_Arrival", country="ES"
            ),
        ]

    def step(self, at: int) -> dict[str, Any]:
        step = ROAD[at]
        return self._event(minutes=60 - at, words=step.words, sub=step.sub_status, country="ES")

    def _event(
        self, *, words: str, sub: str, country: str, days: int = 0, minutes: int = 0
    ) -> dict[str, Any]:
        when = self._now - timedelta(days=days, minutes=minutes)
        return event(when.isoformat(), words, sub_status=sub, country=country)


def read_subject(subject: str) -> tuple[int, int] | None:
    """Return parcel and step of a mail; None for one that no step owes."""
    found = _SUBJECT.match(subject)
    return None if found is None else _told(found[2], found[1], "subject")


def read_short(text: str) -> tuple[int, int] | None:
    """Return parcel and step of a text message; None for one that no step owes."""
    found = _SHORT.match(text)
    return None if found is None else _told(found[1], found[2], "short")


def _told(parcel: str, words: str, form: str) -> tuple[int, int] | None:
    steps: Sequence[int] = [
        at for at, step in enumerate(ROAD) if words.startswith((getattr(step, form), step.words))
    ]
    return (int(parcel), steps[0]) if len(steps) == 1 else None
