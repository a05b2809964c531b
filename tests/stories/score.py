"""A score: a parcel's events line by line, each with the move that a careful human would write down beside it.

    1d 08:00 | CN | in_transit | Picked up | => in_transit

day and hour · country of the event ("" = none given) · what the words say (a stage, then ``fact=value``) · the words ·
``=> stage`` where the parcel moves, ``=> stage #2`` for a second entry, ``by rule`` to name the rule, ``.`` for none.
A time may end in ``?`` (zone assumed) or be ``-`` (undated); a source may stand before the time as ``b:1d 08:00``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from workers.core.detect import detect
from workers.core.model import (
    Addressee,
    Cause,
    Charges,
    Reading,
    Side,
    Sighting,
    Snapshot,
    Stage,
    TimeQuality,
    Transition,
)

START = datetime(2026, 9, 1, tzinfo=UTC)
Look = list[tuple[Sighting, Reading]]


@dataclass(frozen=True)
class Line:
    source: str
    event: tuple[Sighting, Reading]
    expected: str  # "" or "stage", "stage #2"
    rule: str


def read(score: str) -> list[Line]:
    return [
        _line(row) for row in score.strip().splitlines() if row.strip() and not row.strip().startswith("#")
    ]


def _line(row: str) -> Line:
    when, country, says, text, move = (part.strip() for part in row.split("|"))
    source, _, when = when.rpartition(";")
    at, quality = moment(when)
    stage, *facts = says.split()
    given = dict(fact.split("=") for fact in facts)
    reading = Reading(
        stage=Stage(stage),
        side=Side(given["side"]) if "side" in given else None,
        addressee=Addressee(given["addressee"]) if "addressee" in given else None,
        charges=Charges(given.get("charges", "unknown")),
        causes=tuple(Cause(c) for c in given.get("causes", "").split(",") if c),
    )
    sighting = Sighting(
        source=source or "a", text=text, at=at, quality=quality, country=country, number=given.get("number", ""),
        system=given.get("system", ""), code=given.get("code", ""), place=given.get("place", ""), carrier=given.get("carrier", ""),
    )  # fmt: skip
    expected, _, rule = move.removeprefix("=>").partition(" by ")
    return Line(source or "a", (sighting, reading), "" if move == "." else expected.strip(), rule.strip())


def moment(when: str) -> tuple[datetime | None, TimeQuality]:
    if when == "-":
        return None, TimeQuality.UNKNOWN
    day, clock = when.rstrip("?").split()
    hour, minute = clock.split(":")
    at = START + timedelta(days=int(day.rstrip("d")), hours=int(hour), minutes=int(minute))
    return at, TimeQuality.ASSUMED if when.endswith("?") else TimeQuality.EXACT


def told(transition: Transition | None) -> str:
    if transition is None:
        return ""
    return transition.after.value + (f" #{transition.occurrence}" if transition.occurrence > 1 else "")


@dataclass
class Watch:
    """A parcel under watch; every look is an hour after the newest event shown so far."""

    origin: str = "CN"
    destination: str = "DE"
    snapshot: Snapshot = field(default_factory=Snapshot)
    now: datetime = START

    def look(self, looked: Sequence[tuple[Sighting, Reading]], source: str = "a") -> Transition | None:
        times = [s.at for s, _ in looked if s.at]
        self.now = max([self.now + timedelta(minutes=1), *(t + timedelta(hours=1) for t in times)])
        self.snapshot, transition = detect(
            self.snapshot,
            looked,
            origin=self.origin,
            destination=self.destination,
            source=source,
            now=self.now,
        )
        return transition

    def live(self, lines: Iterable[Line]) -> list[tuple[str, str]]:
        """Show the source's growing list, one more event at every look; return what was told, and the rule."""
        shown: dict[str, Look] = {}
        out = []
        for line in lines:
            shown.setdefault(line.source, []).append(line.event)
            transition = self.look(shown[line.source], line.source)
            out.append((told(transition), transition.rule if transition else ""))
        return out

    def at_once(self, lines: Sequence[Line]) -> Transition | None:
        """Show each source's whole list in one look; return the last move."""
        last = None
        for source in dict.fromkeys(line.source for line in lines):
            last = self.look([line.event for line in lines if line.source == source], source) or last
        return last
