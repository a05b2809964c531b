"""The command budget, and what status says of the sources: what each was asked, what that brought, what is left. Asks none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.table import Table

from workers import pacing
from workers.cli.common import Config, Json, console, dump, loaded, say, store
from workers.core.health import FEWEST, SHRUNK, Health
from workers.settings import Settings
from workers.store import Budget, Store, Usage

Days = Annotated[int, typer.Option(help="Over how many days, today included.", min=1, max=35)]
NEVER = Health(None, 0, "", None)


def add(app: typer.Typer) -> None:
    app.command()(budget)


@dataclass(frozen=True, slots=True)
class Standing:
    """One source: how it fares, what it watches, what it was asked."""

    name: str
    health: Health
    watched: int
    seen: float  # share of its parcels that it answered for within a day (of a sample where they are many)
    usage: Usage
    budgets: tuple[Budget, ...]
    calm: float
    urgent: float

    @property
    def per_change(self) -> float | None:
        return self.usage.calls / self.usage.moves if self.usage.moves else None


def standings(opened: Store, settings: Settings, *, days: int = 30) -> list[Standing]:
    """Return how every source of the file stands."""
    health = opened.source_health()
    out = []
    for name in settings.sources:
        stretch = opened.stretched(name)
        out.append(
            Standing(
                name, health.get(name, NEVER), opened.count_watched(name), opened.seen(name),
                opened.usage(name, days=days), opened.budget(name), *stretch,
            )
        )  # fmt: skip
    return out


def budget(days: Days = 30, config: Config = None, as_json: Json = False) -> None:
    """Show what each source was asked, what that brought, and what its quota leaves."""
    settings = loaded(config)
    with store(settings) as opened:
        found = standings(opened, settings, days=days)
    if as_json:
        dump({one.name: plain(one) for one in found})
        return
    table = Table(
        title=f"Sources, the last {days} {'day' if days == 1 else 'days'}", title_justify="left", box=SIMPLE
    )
    for head in ("source", "parcels", "answered for", "calls", "changes", "calls a change", "quota", "paces"):
        table.add_column(head, overflow="fold")
    for one in found:
        each = one.per_change
        table.add_row(
            one.name, str(one.watched), f"{one.seen:.0%}" if one.watched else "–", f"{one.usage.calls:,}",
            f"{one.usage.moves:,}", f"{each:.1f}" if each is not None else "–",
            "\n".join(_left(b) for b in one.budgets) or "none known", _paces(one),
        )  # fmt: skip
    console().print(table)
    for name, section in settings.sources.items():
        if section.quota is None and not pacing.allowed(section)["quota"]:
            say(f"If the plan of {name} has a limit, write it below its kind: quota: {{calls: …, per: day}}.")


def _left(one: Budget) -> str:
    return f"{one.left:,} of {one.quota} left until {one.ends:%Y-%m-%d %H:%M} UTC"


def _paces(one: Standing) -> str:
    if one.calm <= 1 and one.urgent <= 1:
        return "as wished"
    return f"x{one.calm:.1f}" + (f", urgent x{one.urgent:.1f}" if one.urgent > 1 else "")


def plain(one: Standing) -> dict[str, Any]:
    """Return a standing for machines."""
    fares = one.health
    return {
        "failures": fares.failures, "last_ok": fares.last_ok, "last_error": fares.last_error, "since": fares.since,
        "permanent": fares.permanent, "owner_told": fares.told, "watched": one.watched, "seen_within_a_day": one.seen,
        "shrunk": fares.shrunk, "silent": fares.silent,
        "calls": one.usage.calls, "looks": one.usage.looks, "parcels": one.usage.parcels,
        "changes": one.usage.moves, "calls_per_change": one.per_change,
        "stretch": {"calm": one.calm, "urgent": one.urgent},
        "quota": [{**asdict(b.quota), "spent": b.spent, "left": b.left, "ends": b.ends} for b in one.budgets],
    }  # fmt: skip


def remarks(found: list[Standing], *, minute: Callable[[datetime | None], str]) -> list[str]:
    """Say of the sources what a person should know of them: who fails, who shows less, whose quota is used up."""
    lines = []
    for one in found:
        fares = one.health
        if fares.failures:
            told = " The owner knows." if fares.told else ""
            lines.append(
                f"The source {one.name} fails since {minute(fares.since)}: {fares.last_error}. Parcels may have moved "
                f"unseen.{told}"
            )
        elif fares.silent >= FEWEST and fares.silent >= SHRUNK * one.watched:
            lines.append(
                f"The source {one.name} answers, but could tell nothing of {fares.silent} of its {one.watched} parcels "
                "when it was last asked."
            )
        if fares.shrank is not None:
            lines.append(
                f"The source {one.name} shows much less than before of {fares.shrunk} of its {one.watched} parcels; what "
                "was seen is kept."
            )
        lines += [
            f"The source {one.name} may be asked no more until {minute(b.ends)}: {b.quota} are used up."
            for b in one.budgets
            if not b.left
        ]
        if one.calm > 1:
            lines.append(
                f"The quota of {one.name} is too small for {one.watched} parcels at the pace we would like: those that "
                f"are not urgent are looked at {one.calm:.1f} times less often."
            )
    return lines


def postponed(opened: Store, settings: Settings) -> list[str]:
    """Say which new parcels a quota keeps waiting: a run of one pass cannot look at them."""
    return [
        f"{count} new parcels wait for the quota of {name}: {', '.join(_left(one) for one in left)}"
        for name in settings.sources
        if (left := opened.budget(name)) and (count := opened.unasked(name))
    ]


def unseen_words(found: tuple[str, datetime] | None) -> str:
    """Say since when nobody sees a parcel; "" where somebody does."""
    return f"not seen since {found[1]:%Y-%m-%d %H:%M} UTC: the source {found[0]} fails" if found else ""
