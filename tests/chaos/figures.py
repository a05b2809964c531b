"""The figures of runs, side by side, as a table to read and as JSON to keep."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.chaos.audit import Tally
from tests.chaos.run import Outcome
from tests.chaos.world import CHANNELS

KINDS = {
    "mail": "e-mail (no keys), resend", "keyed": "SMS with idempotency keys", "plain": "SMS without keys, resend",
    "wary": "SMS without keys, hold",
}  # fmt: skip
COLUMNS = ("due", "delivered", "ended visibly", "lost", "doubled", "ambiguous")


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the table: a line for each program and channel, and one for all."""
    lines = [_line("", "", COLUMNS)]
    for outcome in outcomes:
        lines += [
            _row(outcome, KINDS[channel], outcome.tallies[channel], outcome.doubts.get(channel))
            for channel in CHANNELS
        ]
        doubts = sum(outcome.doubts.values()) if outcome.doubts else None
        lines.append(_row(outcome, "all", outcome.all, doubts))
    return "\n".join(lines)


def _row(outcome: Outcome, kind: str, tally: Tally, doubts: int | None) -> str:
    said = (
        tally.due,
        tally.delivered,
        tally.ended,
        tally.lost,
        tally.doubled,
        "?" if doubts is None else doubts,
    )
    return _line(outcome.name, kind, said)


def _line(name: str, kind: str, cells: Sequence[object]) -> str:
    shown = (f"{cell:>13,}" if isinstance(cell, int) else f"{cell:>13}" for cell in cells)
    return f"{name:<14} {kind:<26}" + "".join(shown)


def summary(outcome: Outcome) -> str:
    """Return what the run was, in a few lines: repeatable by its seed."""
    told = len(outcome.feeder.told)
    pace = f"{told:,} messages in {outcome.seconds:.0f} s ({told / outcome.seconds:.0f} a second)"
    came = "not all had come" if outcome.missing or outcome.all.lost else "all had come"
    lines = [
        f"{outcome.name}: seed {outcome.plan.seed}, {outcome.plan.parcels} parcels, {pace}",
        f"  {came} {outcome.drained:.0f} s after the storm; looked again at {outcome.feeder.looked_again} parcels",
        f"  blows: {_counted(outcome.blows)}",
        f"  mishaps of the world: {_counted(outcome.mishaps)}",
    ]
    if outcome.kept is not None:
        lines.append(f"  still in its broker at the end: {outcome.kept} (somebody may still find them)")
    return "\n".join(lines)


def _counted(things: dict[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in sorted(things.items())) or "none"


def write(outcomes: Sequence[Outcome], file: Path) -> None:
    """Write the figures as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    told = [
        {
            "program": one.name, "seed": one.plan.seed, "parcels": one.plan.parcels, "seconds": round(one.seconds, 1),
            "drained": round(one.drained, 1), "messages": len(one.feeder.told), "kept": one.kept,
            "blows": one.blows, "mishaps": one.mishaps, "all": asdict(one.all), "doubts": one.doubts,
            "channels": {name: asdict(tally) for name, tally in one.tallies.items()},
        }
        for one in outcomes
    ]  # fmt: skip
    file.write_text(json.dumps(told, indent=1) + "\n")
