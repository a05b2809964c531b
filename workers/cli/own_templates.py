"""Look at the user's own templates: does each stand for one of ours, and can every message be put together? Changes nothing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from workers import resources
from workers.cli import samples
from workers.cli.advice_table import NOW
from workers.core.advise import Table
from workers.core.model import Order, ParcelRef, Snapshot
from workers.errors import Permanent
from workers.render.chamber import PATIENCE, Chamber, Overdone
from workers.render.enclosed import DISPUTES
from workers.render.evidence import Piece
from workers.render.page import House, Shown, SourceState
from workers.settings import Settings

RIGHT_TO_LEFT: Final = "he"  # looked at whoever reads: a layout shows there whether it names its sides
MOST_OVERDONE: Final = 2  # each costs ``PATIENCE``
KINDS: Final = ("digest", "capped", "together")

Question = tuple[str, tuple[Any, ...], dict[str, Any]]


def mistakes(settings: Settings, table: Table, *, patience: timedelta = PATIENCE) -> tuple[str, ...]:
    """Return a sentence for each mistake; () where the user has no templates or all are right."""
    folder = settings.templates
    if folder is None:
        return ()
    return tuple(
        f"{folder}: {said}" for said in (*strays(folder), *_failures(settings, folder, table, patience))
    )


def strays(folder: Path) -> Iterator[str]:
    """Yield a sentence for each file that stands for none of ours; one whose name begins with "_" may be included by others."""
    ours = {
        path.relative_to(base).as_posix()
        for base in [resources.shipped("templates")]
        for path in base.rglob("*.j2")
    }
    for path in sorted(folder.rglob("*.j2")):
        name = path.relative_to(folder).as_posix()
        if name in ours or path.name.startswith("_"):
            continue
        near = difflib.get_close_matches(name, ours, n=1)
        yield f"{name} stands for no template of ours" + (f" (did you mean {near[0]}?)" if near else "")


def _failures(settings: Settings, folder: Path, table: Table, patience: timedelta) -> Iterator[str]:
    """Yield why messages cannot be put together, each reason once."""
    wanted = _affected(folder, table)
    if wanted is not None and not wanted:
        return
    langs = dict.fromkeys([*(one.language for one in settings.recipients.values()), RIGHT_TO_LEFT])
    chamber, told, overdone = Chamber(folder, patience=patience), set(), 0
    try:
        for lang in langs:
            for what, args, more in questions(table, lang, wanted):
                try:
                    chamber.ask(what, *args, **more)
                except Permanent as trouble:
                    reason = re.sub(r"^the words of \S+ cannot", "", str(trouble.args[0]))
                    if reason not in told:
                        told.add(reason)
                        yield f"{_subject(what, args)}{trouble.args[0]} [{lang}]"
                    overdone += isinstance(trouble, Overdone)
                    if overdone >= MOST_OVERDONE:
                        yield "nothing more was looked at"
                        return
    finally:
        chamber.close()


def _affected(folder: Path, table: Table) -> frozenset[str] | None:
    """Return the advices and the owner's topics that have other words by *folder*; None: it may be any message."""
    changed: set[str] = set()
    for path in folder.rglob("*"):
        kind, _, name = path.relative_to(folder).with_suffix("").as_posix().partition("/")
        if path.suffix not in (".j2", ".po"):
            continue
        if kind not in ("advice", "owner", "seller") or name.startswith("_"):
            return None
        changed |= (
            {row.advice.id for row in table.rows if name in row.advice.letters}
            if kind == "seller"
            else {name}
        )
    return frozenset(changed)


def _subject(what: str, args: tuple[Any, ...]) -> str:
    context = args[0] if args and isinstance(args[0], dict) else {}
    return f"{context.get('advice') or context.get('owner') or what}: "


def questions(table: Table, lang: str, wanted: frozenset[str] | None = None) -> Iterator[Question]:
    """Yield everything that is ever put into words, each with made-up facts: a renderer's method and its arguments.

    *wanted*: the advices and topics to ask for; None: all, and all that is made of them.
    """
    told: dict[str, Any] = {"lang": lang, "timezone": "Europe/Madrid"}
    for row in table.rows:
        if wanted is None or row.advice.id in wanted:
            yield "render", (samples.whole(table, row.advice.id),), told
            yield "render", (samples.unknown_facts(samples.bare(table, row.advice.id)),), told
    for context in samples.owners():
        if wanted is None or context["owner"] in wanted:
            yield "render", (context,), told
    if wanted is None:
        yield from _pages(table, told)


def _pages(table: Table, told: dict[str, Any]) -> Iterator[Question]:
    """Yield what is made of several advices, or of none, and what is enclosed."""
    contexts = [samples.whole(table, row.advice.id) for row in table.rows]
    for kind in KINDS:
        yield "bundle", (kind, contexts[:3]), told
    for state in ("ask", "noted", "over"):
        yield "seen", (state, samples.TITLE), {"lang": told["lang"]}
    for state in ("ask", "done", "over"):
        yield "leave", (state,), {"lang": told["lang"]}
    first = next(one for one in contexts if DISPUTES & {*one["letters"]})
    order = Order("reel", samples.TITLE, (ParcelRef(first["parcel"]["id"], samples.NUMBER),), "ES")
    yield "dates", (first,), {**told, "writer": "parcels@example.org"}
    yield "evidence", (order, [Piece(first, Snapshot())]), {**told, "now": NOW}
    shown = [Shown(order, context, Snapshot(), "the server is ill", NOW) for context in contexts[:5]]
    house = House(shown, [SourceState("track", 3, NOW, "the server is ill")])
    yield "page", (house,), {**told, "version": "0", "now": NOW}
