"""Cut a parcel's story into phases and their lengths, for a drawing; decides nothing about the parcel.

A phase is what a person would call it: with the sender, export, on the road, in customs, last mile, over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from workers.core.detect import Step
from workers.core.model import Side, Stage


class Phase(StrEnum):
    """What a stretch of a parcel's way is called."""

    SENDER = "sender"
    EXPORT = "export"
    ROAD = "road"
    CUSTOMS = "customs"
    LAST_MILE = "last_mile"
    OVER = "over"


_PHASES: Final = {
    Stage.UNKNOWN: Phase.SENDER,
    Stage.PRE_TRANSIT: Phase.SENDER,
    Stage.EXPORT_CUSTOMS: Phase.EXPORT,
    Stage.EXPORT_CLEARED: Phase.ROAD,
    Stage.IN_TRANSIT: Phase.ROAD,
    Stage.TRANSIT_CUSTOMS: Phase.ROAD,
    Stage.ARRIVED_DESTINATION: Phase.ROAD,
    Stage.EXCEPTION: Phase.ROAD,
    Stage.RELEASED: Phase.LAST_MILE,
    Stage.OUT_FOR_DELIVERY: Phase.LAST_MILE,
    Stage.AVAILABLE_FOR_PICKUP: Phase.LAST_MILE,
    Stage.DELIVERY_FAILED: Phase.LAST_MILE,
    Stage.DELIVERED: Phase.OVER,
    Stage.RETURNING: Phase.OVER,
    Stage.REFUSED: Phase.OVER,
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """A phase with its beginning and end; ``lasts`` where the parcel is in it now."""

    phase: Phase
    began: datetime
    ended: datetime
    lasts: bool = False

    @property
    def days(self) -> int:
        """Whole days."""
        return max((self.ended - self.began).days, 0)


def phase(stage: Stage, side: Side | None) -> Phase:
    """Return the phase of *stage*; what happens at the customs of another country is export or the road."""
    if stage in _PHASES:
        return _PHASES[stage]
    if side is Side.ORIGIN:
        return Phase.EXPORT
    return Phase.ROAD if side is Side.TRANSIT else Phase.CUSTOMS


def stretches(steps: Sequence[Step], *, now: datetime) -> tuple[Stretch, ...]:
    """Return the phases of a story in order; an event without a time counts as when it was first seen.

    A delivered parcel's story ends there; every other one lasts until *now*. Times that run backwards (sources do
    that) make a stretch of no length, never one of a negative length.
    """
    found: list[Stretch] = []
    for step in steps:
        at = min(step.seen.sighting.at or step.seen.first_seen, now)
        stands = phase(step.stage, step.seen.reading.side)
        if found and found[-1].phase is stands:
            continue
        if found:
            at = max(at, found[-1].began)
            found[-1] = Stretch(found[-1].phase, found[-1].began, at)
        found.append(Stretch(stands, at, at))
    if found and steps[-1].stage is not Stage.DELIVERED:
        last = found[-1]
        found[-1] = Stretch(last.phase, last.began, max(now, last.began), lasts=True)
    return tuple(found)
