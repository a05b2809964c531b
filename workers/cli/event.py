"""The command event: tell customs-watch what somebody saw, where no source shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from workers import app as wiring
from workers.cli.common import Config, fail, loaded, say
from workers.cli.look import Parcel, find
from workers.sources import manual


def add(app: typer.Typer) -> None:
    app.command()(event)


Words = Annotated[str, typer.Argument(help="What was seen, in the carrier's own words.")]
At = Annotated[datetime | None, typer.Option(help="When, as 2026-11-24T09:30:00+01:00; default now.")]
Place = Annotated[str, typer.Option(help="Where.")]
Country = Annotated[str, typer.Option(help="The country of the place, two letters.")]


def event(
    parcel: Parcel,
    text: Words,
    at: At = None,
    place: Place = "",
    country: Country = "",
    config: Config = None,
) -> None:
    """Put an event into the drop folder of the source of kind manual; the next look takes it in."""
    settings = loaded(config)
    folder = next(
        (s.options.folder for s in settings.sources.values() if isinstance(s.options, manual.Settings)), None
    )
    if folder is None:
        fail(
            "no source takes events by hand (add `hand: {kind: manual, folder: events}` under sources)",
            code=2,
        )
    if at is not None and at.tzinfo is None:
        fail(f"--at {at.isoformat()} has no zone (write {at.isoformat()}+00:00, or +01:00 …)", code=2)
    for one in find(settings, parcel):
        number = settings.parcels[one][1].number
        path = manual.record(folder, number, text, at=at or wiring.now(), place=place, country=country)
        say(f"{number}: noted in {path}")
