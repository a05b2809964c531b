"""The command hold: whether sending is stopped and why, stop it, let it go on. Sends nothing itself."""

from __future__ import annotations

import os
import socket
from typing import Annotated

import typer

from workers.cli.common import Config, Json, console, dump, fail, loaded, say, store, witness
from workers.settings import Settings
from workers.store import Ledger, Store

Release = Annotated[bool, typer.Option("--release", help="This ledger is the right one: let sending go on.")]
SkipOwed = Annotated[
    bool, typer.Option("--skip-owed", help="With --release: skip what is owed now; its readers may know it.")
]
On = Annotated[str, typer.Option("--on", help="Stop sending, for this reason.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def add(app: typer.Typer) -> None:
    app.command()(hold)


def hold(
    release: Release = False, skip_owed: SkipOwed = False, on: On = "", yes: Yes = False,
    config: Config = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Show whether sending is held, and why; stop it, or let it go on. Parcels are looked up all the while."""
    if (release and on) or (skip_owed and not release):
        fail("--release or --on, and --skip-owed with --release only", code=2)
    settings = loaded(config)
    with store(settings) as opened:
        ours = witness(opened, settings)
        why = ours.look()
        if on:
            opened.hold(on, by=f"{socket.gethostname()}:{os.getpid()}")
            why = opened.ledger().hold
        if release:
            _confirm(opened, why, skip_owed=skip_owed, yes=yes)
            skipped = ours.lift(skip_owed=skip_owed)
            if as_json:
                dump({"held": False, "skipped": skipped})
            else:
                say("Sending goes on." + (f" {skipped} notices were skipped." if skip_owed else ""))
            return
        _show(opened.ledger(), why, _waiting(opened), as_json=as_json)


def _confirm(opened: Store, why: str, *, skip_owed: bool, yes: bool) -> None:
    if not why:
        fail("nothing is held", code=1)
    n = _waiting(opened)
    then = f"{n} notices that wait are skipped" if skip_owed else f"{n} notices that wait are sent"
    if not yes and not typer.confirm(f"Held: {why}\nIs this the right ledger? Sending goes on, and {then}."):
        fail("nothing was changed", code=1)


def _waiting(opened: Store) -> int:
    counts = opened.counts()
    return counts["state:pending"] + counts["state:sending"]


def _show(ledger: Ledger, why: str, n: int, *, as_json: bool) -> None:
    if as_json:
        dump({"held": bool(why), "reason": why, "since": ledger.since, "by": ledger.by, "waiting": n,
              "owed": ledger.owed, "sent": ledger.sent})  # fmt: skip
        return
    if not why:
        say(f"Nothing is held. {ledger.owed} notices were owed so far, {ledger.sent} sent.")
        return
    since = (
        f" since {ledger.since:%Y-%m-%d %H:%M} UTC, by {ledger.by}" if ledger.since else ", on this machine"
    )
    say(f"Nothing is sent{since}: {why}")
    console().print(
        f"{n} notices wait. If this ledger is the right one, `hold --release` sends them; after a backup was brought back,\n"
        "`hold --release --skip-owed` does not, as their readers may know them already.",
        soft_wrap=True,
    )


def sentence(opened: Store, settings: Settings) -> str:
    """Return why nothing is sent, as a line for tables; "" where sending goes on."""
    why = witness(opened, settings).look()
    return f"Nothing is sent: {why}. `hold` says more." if why else ""
