"""The commands ack, paid, mute, unmute, stop: what a person answers about a parcel or a whole order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from workers import app as wiring
from workers.answers import Answers
from workers.cli.common import Config, command, engine, fail, loaded, one_line, say, store
from workers.cli.look import Parcel, find
from workers.core.model import Order
from workers.loading import Wrong
from workers.replies import standing_of
from workers.settings import Settings, values
from workers.store import Store


def add(app: typer.Typer) -> None:
    for answer in (ack, paid, mute, unmute, stop):
        app.command()(answer)


Until = Annotated[
    str, typer.Option(help="A date as 2026-12-24, or a length of time as 3d; default: until `unmute`.")
]


def ack(parcel: Parcel, config: Config = None) -> None:
    """Say that you have seen what is urgent: it is not passed on to anybody else."""
    _each(
        config,
        parcel,
        lambda answers, one: answers.ack(one),
        "seen; nobody else is told of what is urgent now",
    )


def mute(parcel: Parcel, until: Until = "", config: Config = None) -> None:
    """Write nothing calm about it for a while; what is urgent is written all the same."""
    settings = loaded(config)
    ends = {one: _until(settings, settings.parcels[one][0], until) for one in find(settings, parcel)}
    said = f"muted until {next(iter(ends.values())):%Y-%m-%d %H:%M %Z}" if until.strip() else "muted"
    _each(
        config,
        parcel,
        lambda answers, one: answers.mute(one, ends[one]),
        f"{said}; what is urgent is still written",
    )


def unmute(parcel: Parcel, config: Config = None) -> None:
    """Write again, also after `stop`: what is still worth saying is said."""
    _each(config, parcel, lambda answers, one: answers.unmute(one), "is watched and written about")


def stop(parcel: Parcel, config: Config = None) -> None:
    """Write nothing more about it, and look it up no more. `unmute` takes it back."""
    _each(
        config, parcel, lambda answers, one: answers.stop(one), "stopped: not looked up and not written about"
    )


def paid(parcel: Parcel, config: Config = None) -> None:
    """Say that the import charges are paid: the advice changes, and reminders end."""
    settings = loaded(config)
    found = find(settings, parcel)
    with engine(settings) as running:
        answers = wiring.assemble(wiring.config_path(config), running.url).answers
        unknown = [one for one in found if not answers.paid(one)]
    for one in found:
        if one not in unknown:
            say(f"{one}: noted as paid. If the carrier goes on asking, you hear of it.")
    if unknown:
        fail(f"nothing is known yet of {', '.join(unknown)}: nothing was noted", code=4)


def replies(store: Store, settings: Settings) -> list[str]:
    """Say of each channel what came of the replies to its mails, where that wants somebody's attention."""
    said = []
    for name in settings.channels:
        one = standing_of(store, name)
        if one.error and one.since is not None:
            said.append(
                f"Replies by {name} cannot be read since {one.since:%Y-%m-%d %H:%M} UTC: {one_line(one.error)}"
            )
        if one.refused or one.unclear:
            last = f" (the last one: {one_line(one.why)})" if one.why else ""
            said.append(
                f"Replies by {name}: {one.counted} counted, {one.refused} not believed{last}, {one.unclear} not understood."
            )
    return said


def _each(config: Config, word: str, answer: Callable[[Answers, str], None], said: str) -> None:
    settings = loaded(config)
    found = find(settings, word)
    with store(settings) as opened:
        answers = Answers(store=opened, clock=wiring.now, hear=lambda *_: False)
        for one in found:
            answer(answers, one)
            say(f"{one}: {said}")
    muted = [one for one in found if settings.parcels[one][0].muted]
    if muted:
        say(f"`mute: yes` in the file holds for {', '.join(muted)} whatever {command()} is told.")


def _until(settings: Settings, order: Order, written: str) -> datetime | None:
    """Return when a mute ends: the beginning of a day where its first reader lives, or a length of time from now."""
    written = written.strip()
    if not written:
        return None
    reader = settings.recipients.get(order.tell[0]) if order.tell else None
    try:
        if written[:4].isdigit() and "-" in written:
            day = values.day(written)
            assert day is not None  # nosec B101 # noqa: S101 -- it is not empty
            ends = datetime.combine(day, time(0), ZoneInfo(reader.timezone if reader else "UTC"))
        else:
            ends = wiring.now() + (values.duration(written) or timedelta(0))
    except Wrong as error:
        fail(f"--until: {error} ({error.hint})", code=2)
    if ends <= wiring.now():
        fail(f"--until: {written} is over already", code=2)
    return ends
