"""Commands that keep the ledger: backup, restore, forget. None of them sends anything."""

from __future__ import annotations

import os
import socket
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from workers import app as wiring
from workers import backup as archive
from workers.cli.common import Config, Json, dump, fail, loaded, say, store, witness
from workers.cli.progress import progressing, working
from workers.settings import Settings
from workers.settings import found as found_orders
from workers.sources import Forgetting


def add(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)
    app.command()(forget)


To = Annotated[
    Path, typer.Argument(help="The file to write; it holds what people are told of, so keep it safe.")
]
From = Annotated[Path, typer.Argument(help="A file that `backup` wrote.")]
Order = Annotated[str, typer.Argument(help="An order's id, or one parcel as ORDER/NUMBER.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def backup(file: To, config: Config = None, as_json: Json = False) -> None:
    """Write everything that is remembered to a file, as it stands at one moment, while all goes on."""
    with store(loaded(config)) as opened:
        about = archive.write(opened, file, partial(progressing, what="Writing the backup"))
    if as_json:
        dump(
            {
                "file": str(file),
                "rows": about.rows,
                "owed": about.owed,
                "sent": about.sent,
                "bytes": file.stat().st_size,
            }
        )
        return
    say(f"Wrote {about.rows} rows to {file} ({file.stat().st_size:,} bytes), for its owner alone: {about.owed} notices owed, "
        f"{about.sent} sent.")  # fmt: skip


def restore(file: From, config: Config = None, as_json: Json = False) -> None:
    """Bring a backup back into an empty store. Nothing is sent until `hold --release`."""
    settings = loaded(config)
    with store(settings) as opened:
        with working("Bringing the backup back"):
            about = archive.restore(opened, file, by=f"{socket.gethostname()}:{os.getpid()}")
        witness(opened, settings).look()
    if as_json:
        dump({"file": str(file), "rows": about.rows, "made": about.made, "held": True})
        return
    say(f"Brought back {about.rows} rows of {about.made}: {about.owed} notices owed, {about.sent} sent.")
    say("Nothing is sent yet. What was told since is not known to it: `hold --release --skip-owed` once it has looked at\n"
        "everything, or `hold --release` where a message that comes twice is better than one that is missed.")  # fmt: skip


def forget(order: Order, yes: Yes = False, config: Config = None, as_json: Json = False) -> None:
    """Forget all about an order or a parcel that is no longer in your file: what was seen, decided, owed and sent."""
    settings = loaded(config)
    with store(settings) as opened:
        found = [parcel for parcel in opened.parcels() if order in (parcel, parcel.partition("/")[0])]
        met = _met(settings, order)  # an order that was found in a mail is in no file of the user's
        found = list(dict.fromkeys([*found, *met]))
        watched = [parcel for parcel in found if parcel in settings.parcels and parcel not in met]
        if watched:
            fail(
                f"{watched[0]} is still in {settings.file}: take it out first, or it is looked up anew",
                code=2,
            )
        if not found:
            fail(f"nothing is remembered of {order!r}", code=3)
        if not yes and not typer.confirm(f"Forget {', '.join(found)} for good?"):
            fail("nothing was changed", code=1)
        if met:
            path, number = settings.data / found_orders.FILE, settings.parcels[met[0]][0].number
            kept = found_orders.decoded(path.read_bytes())
            found_orders.save(path, found_orders.dropped(kept, number))
        numbers = {parcel.partition("/")[2] for parcel in found}
        for source in wiring.furnish(settings).sources.values():
            if isinstance(source, Forgetting):
                source.forget(numbers)
        for parcel in found:
            opened.forget(parcel)
    if as_json:
        dump({"forgotten": found})
        return
    say(f"Forgot {', '.join(found)}. A file that `backup` wrote may still hold it.")


def _met(settings: Settings, order: str) -> list[str]:
    """Return the parcels of *order* where it is one that was found in a mail."""
    return [
        parcel
        for parcel, (one, _) in settings.parcels.items()
        if settings.auto_watch is not None
        and one.id == found_orders.ID.format(one.number)
        and order in (one.id, parcel)
    ]
