"""The command notices: what is owed, sent or stuck, and the operator's verbs for it. Sends nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
import typer
from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from workers import app as wiring
from workers.cli import prices
from workers.cli.common import Config, Json, console, dump, fail, loaded, one_line, say, store
from workers.cli.report import WAITS_WORDS, WHY_WORDS, about
from workers.errors import Permanent
from workers.loading import Wrong
from workers.render import Renderer
from workers.settings import Settings, values
from workers.settings.people import form_of
from workers.store import STATES, NoticeRow, State, Store
from workers.store.notices import Verb

DEAD: tuple[State, ...] = ("held", "failed", "expired")
OPEN: tuple[State, ...] = ("pending", "sending")
FITS: dict[Verb, tuple[State, ...]] = {"release": DEAD, "resend": DEAD, "drop": (*OPEN, *DEAD)}
DID: dict[Verb, str] = {"release": "goes out now", "resend": "goes out once more", "drop": "will not be sent"}
REFUSED = {
    "moved": "is not as it was any more: somebody else settled it",
    "uncertain": "may have arrived already: `resend` sends it again all the same, `drop` leaves it at that",
    "no": "is not in a state for that, or its words are gone",
}
NO_WORDS = "Its words cannot be shown"
SHOWN = 8  # characters of an id in a table; any command takes them for the whole


def add(app: typer.Typer) -> None:
    group = typer.Typer(invoke_without_command=True, help="Show and settle what is owed, sent or stuck.")
    group.callback()(listed)
    group.command()(show)
    group.command()(release)
    group.command()(resend)
    group.command()(drop)
    group.command()(enable)
    app.add_typer(group, name="notices")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which notices are meant."""

    states: tuple[State, ...]
    channel: str
    to: str
    parcel: str
    older: timedelta
    now: datetime

    def rows(self, opened: Store, limit: int) -> list[NoticeRow]:
        return opened.notices(states=self.states, limit=limit, where=self._fits)

    def _fits(self, row: NoticeRow) -> bool:
        return (
            self.channel in ("", row.channel)
            and self.to in ("", row.recipient)
            and self.parcel.casefold() in ("", row.parcel.casefold(), *row.parcel.casefold().split("/", 1))
            and self.now - row.created >= self.older
        )


StateOption = Annotated[
    list[str],
    typer.Option("--state", help=f"Only in this state (may stand several times): {', '.join(STATES)}."),
]
Channel = Annotated[str, typer.Option(help="Only by this channel.")]
To = Annotated[str, typer.Option("--to", help="Only to this recipient.")]
ParcelOption = Annotated[str, typer.Option("--parcel", help="Only about this parcel or order.")]
Older = Annotated[str, typer.Option(help="Only those at least this old, as 90m, 6h, 2d.")]
Limit = Annotated[int, typer.Option(min=1, help="At most so many, the newest.")]
Ids = Annotated[list[str] | None, typer.Argument(help="Ids as the list shows them; the first characters do.")]
All = Annotated[bool, typer.Option("--all", help="Every notice that fits, instead of ids.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def _wanted(states: Sequence[str], channel: str, to: str, parcel: str, older: str) -> Wanted:
    for state in states:
        if state not in STATES:
            fail(f"there is no state {state!r} (there are: {', '.join(STATES)})", code=2)
    try:
        age = values.duration(older)
    except Wrong as error:
        fail(f"--older: {error} ({error.hint})", code=2)
    known = tuple(state for state in STATES if state in states)
    return Wanted(known, channel, to, parcel.strip(), age or timedelta(0), wiring.now())


def listed(
    ctx: typer.Context,
    state: StateOption = [],  # noqa: B006  # typer reads the default, nobody changes it
    channel: Channel = "",
    to: To = "",
    parcel: ParcelOption = "",
    older: Older = "",
    limit: Limit = 100,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """List notices, newest first. Dead ones that are listed count as seen."""
    if ctx.invoked_subcommand is not None:
        return
    wanted = _wanted(state, channel, to, parcel, older)
    settings = loaded(config)
    with store(settings) as opened:
        rows = wanted.rows(opened, limit)
        opened.looked_at([row.id for row in rows if row.state in DEAD])
        counts = opened.counts()
    if as_json:
        dump([plain(row) for row in rows])
        return
    console().print(_table(rows, wanted.now) if rows else "There is no such notice.")
    stuck = {name: counts[f"state:{name}"] for name in DEAD if counts[f"state:{name}"]}
    if stuck:
        said = ", ".join(f"{n} {name}" for name, n in stuck.items())
        say(f"Reached nobody: {said}. `notices show ID` says why; `release`, `resend` or `drop` settles one.")


def _table(rows: Sequence[NoticeRow], now: datetime) -> Table:
    table = Table(title="Notices", title_justify="left", box=SIMPLE)
    for head in ("id", "age", "state", "about", "to", "why", "said last"):
        table.add_column(head, overflow="fold", no_wrap=head in ("id", "age"))
    for row in rows:
        table.add_row(
            row.id[:SHOWN],
            age(now - row.created),
            Text(_state(row), style="bold" if row.state in DEAD else ""),
            Text(about(row)),
            Text(f"{row.recipient} by {row.channel}"),
            WHY_WORDS.get(row.why, row.why),
            Text(one_line(row.error)),
        )
    return table


def _state(row: NoticeRow) -> str:
    word = f"{row.state}, may have arrived" if row.uncertain and row.state in DEAD else row.state
    if row.waits_for:
        word = f"waits for {WAITS_WORDS.get(row.waits_for, row.waits_for)}"
    return f"{word} (urgent)" if row.urgent else word


def age(length: timedelta) -> str:
    """Return a length of time as people say it: 40s, 12m, 5h, 3d."""
    seconds = int(length.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size or (seconds >= size and unit != "m"):
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"


def plain(row: NoticeRow) -> dict[str, Any]:
    """Return a row for ``--json``: everything but the words."""
    return {
        "id": row.id, "state": row.state, "parcel": row.parcel, "recipient": row.recipient, "channel": row.channel,
        "why": row.why, "stage": row.stage, "topic": row.topic, "urgent": row.urgent, "uncertain": row.uncertain,
        "attempts": row.attempts, "crashes": row.crashes, "created": row.created.isoformat(),
        "changed": _iso(row.changed), "due": _iso(row.due), "expires": _iso(row.expires), "error": row.error,
        "message": row.message, "waits_for": row.waits_for, "reference": row.reference, "owner_told": _iso(row.owner_told),
    }  # fmt: skip


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


Id = Annotated[str, typer.Argument(help="An id as the list shows it; its first characters do.")]


def show(notice: Id, config: Config = None, as_json: Json = False) -> None:
    """Show one notice: its row, every attempt and how it ended, and the words it says."""
    settings = loaded(config)
    with store(settings) as opened:
        row = _one(opened, notice)
        opened.looked_at([row.id])
        with_it = opened.notices(where=lambda other: other.message == row.message and other.id != row.id)
    said = _words(settings, row)
    attempts = [
        {"at": a.at.isoformat(), "worker": a.worker, "outcome": a.outcome, "error": a.error,
         "took": a.took.total_seconds()}
        for a in row.log
    ]  # fmt: skip
    together = [other.id for other in with_it]
    if as_json:
        dump({**plain(row), "log": attempts, "together_with": together, "words": said})
        return
    for name, value in plain(row).items():
        if value not in (None, "", 0, False):
            say(f"{name.replace('_', ' ')}: {one_line(str(value))}")
    if together:
        say(f"in one message with: {', '.join(other[:SHOWN] for other in together)}")
    say("\nAttempts:" if attempts else "\nNot tried yet.")
    for one in attempts:
        say(
            f"  {one['at']}  {one['outcome']}  {one['worker']}  {one['took']:.1f} s  {one_line(str(one['error']))}".rstrip()
        )
    short = _is_short(settings, row) and not said.startswith(NO_WORDS)
    cost = prices.said(said, prices.prices(settings, row.channel)) if short else ""
    say(f"\n{cost}\n{said}" if cost else f"\n{said}")


def _is_short(settings: Settings, row: NoticeRow) -> bool:
    section = settings.channels.get(row.channel)
    return section is not None and form_of(section) == "short"


def _words(settings: Settings, row: NoticeRow) -> str:
    """Return what the notice says to its reader; a sentence where that cannot be put into words any more."""
    person = settings.recipients.get(row.recipient)
    lang, zone = (person.language, person.timezone) if person else ("en", "UTC")
    try:
        message = Renderer(settings.templates).render(
            msgspec.json.decode(row.context), lang=lang, timezone=zone
        )
    except (Permanent, msgspec.DecodeError) as error:
        return f"{NO_WORDS}: {error}"
    short = _is_short(settings, row)
    return message.short if short else f"{message.subject}\n\n{message.text}"


def release(
    ids: Ids = None, every: All = False, yes: Yes = False,
    state: StateOption = [],  # noqa: B006  # as above
    channel: Channel = "", to: To = "", parcel: ParcelOption = "", older: Older = "",
    config: Config = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Send what is held, failed or expired after all, its deadline lifted; not what may have arrived already."""
    _settle("release", ids, every, yes, _wanted(state, channel, to, parcel, older), config, as_json)


def resend(
    ids: Ids = None, every: All = False, yes: Yes = False,
    state: StateOption = [],  # noqa: B006  # as above
    channel: Channel = "", to: To = "", parcel: ParcelOption = "", older: Older = "",
    config: Config = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Send again even what may have arrived, or (by its id) what was sent: it may be read twice."""
    _settle("resend", ids, every, yes, _wanted(state, channel, to, parcel, older), config, as_json)


def drop(
    ids: Ids = None, every: All = False, yes: Yes = False,
    state: StateOption = [],  # noqa: B006  # as above
    channel: Channel = "", to: To = "", parcel: ParcelOption = "", older: Older = "",
    config: Config = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Give up what is still owed or stuck: it will not be sent."""
    _settle("drop", ids, every, yes, _wanted(state, channel, to, parcel, older), config, as_json)


Recipient = Annotated[str, typer.Argument(help="The recipient's name in your file.")]
ByChannel = Annotated[str, typer.Argument(help="The channel's name; left out, every channel of theirs.")]


def enable(
    recipient: Recipient, channel: ByChannel = "", config: Config = None, as_json: Json = False
) -> None:
    """Write to an address again that was set aside because nothing arrived there."""
    with store(loaded(config)) as opened:
        ours = [
            one for one in opened.all_aside() if one.recipient == recipient and channel in ("", one.channel)
        ]
        taken = [one.channel for one in ours if opened.take_back(one.channel, one.recipient)]
        missed = opened.notices(
            states=("failed",), where=lambda row: row.recipient == recipient and row.channel in taken
        )
    if as_json:
        dump({"recipient": recipient, "channels": taken, "failed": [row.id for row in missed]})
    elif taken:
        say(f"{recipient} is written to again by {', '.join(taken)}.")
        if missed:
            say(
                f"{len(missed)} notices failed: `notices release --all --state failed --to {recipient}` sends them."
            )
    if not taken:
        fail(f"no address of {recipient}{f' by {channel}' if channel else ''} is set aside", code=3)


def _settle(
    verb: Verb, ids: Sequence[str] | None, every: bool, yes: bool, wanted: Wanted, config: Config, as_json: bool
) -> None:  # fmt: skip
    if bool(ids) == every:
        fail("say which: ids, or --all with --state, --channel, --to, --parcel, --older", code=2)
    settings = loaded(config)
    with store(settings) as opened:
        rows = (
            wanted.rows(opened, 1_000_000)
            if every
            else [_one(opened, name) for name in dict.fromkeys(ids or ())]
        )
        if every:
            # A resend of everything would be a flood: what may have arrived, or is dead, and not what was sent.
            rows = [
                row for row in rows if row.state in FITS[verb] and (verb != "release" or not row.uncertain)
            ]
            if rows and not yes and not typer.confirm(f"{verb} {len(rows)} notices?"):
                fail("nothing was changed", code=1)
        outcomes = [(row, opened.operate(row.id, verb, seen=row)) for row in rows]
    if as_json:
        dump([{"id": row.id, "outcome": outcome} for row, outcome in outcomes])
    for row, outcome in outcomes if not as_json else ():
        said = DID[verb] if outcome == "done" else REFUSED[outcome]
        say(f"{row.id[:SHOWN]} about {about(row)} to {row.recipient} by {row.channel}: {said}")
    if not outcomes and not as_json:
        say("There is no such notice.")
    if any(outcome != "done" for _, outcome in outcomes):
        fail("", code=4)


def _one(opened: Store, prefix: str) -> NoticeRow:
    found = opened.named(prefix.strip().lower()) if prefix.strip() else []
    if len(found) > 1:
        fail(f"{len(found)} notices begin with {prefix!r}: write more of it", code=3)
    row = opened.notice(found[0]) if found else None
    if row is None:
        fail(f"there is no notice {prefix!r} (`notices` lists them)", code=3)
    return row
