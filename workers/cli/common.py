"""What the commands share: the console, the engine, the way to fail."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import structlog
import typer
from rich.console import Console

from workers import app as wiring
from workers import lines
from workers.engine import Engine
from workers.errors import Misconfigured
from workers.knowledge import Knowledge
from workers.settings import Settings
from workers.store import Store
from workers.witness import Witness

log = structlog.get_logger("customs_watch")

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="The file with your orders; default $CW_CONFIG, else config/orders.yaml."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def console() -> Console:
    """Return a console; made per call so that it follows the standard output of the moment."""
    return Console(highlight=False, emoji=False, markup=False)


def command() -> str:
    """Return how the person can call us: by name where the shell finds it, else by the path that was called."""
    if shutil.which("customs-watch"):
        return "customs-watch"
    called = Path(sys.argv[0])
    return os.path.relpath(called) if called.name == "customs-watch" else "customs-watch"


def say(text: str) -> None:
    console().print(lines.plain(text), soft_wrap=True)


def dump(value: Any) -> None:
    """Print *value* as JSON on one line, in letters that the reader's encoding has."""
    plain = sys.stdout.encoding.lower().replace("-", "") != "utf8"
    sys.stdout.write(lines.as_json(value, ascii_only=plain) + "\n")


def fail(message: str, *, code: int) -> NoReturn:
    sys.stderr.write(lines.plain(message.rstrip()) + "\n")
    sys.exit(code)


def loaded(config: Path | None) -> Settings:
    return wiring.load(wiring.config_path(config))


def advices(known: Knowledge) -> list[str]:
    """Return the ids of all advices, in the order of the table."""
    return list(dict.fromkeys(row.advice.id for row in known.table.rows))


@contextmanager
def engine(settings: Settings, environ: Mapping[str, str] = os.environ) -> Iterator[Engine]:
    """Run or find the server for *settings*; where it is another process's, take it over when that one ends."""
    with Engine(environ, settings.data) as running:
        if running.role != "guest":
            yield running
            return
        ended = threading.Event()
        heir = threading.Thread(
            target=_inherit, args=(environ, settings.data, ended), name="heir", daemon=True
        )
        heir.start()
        try:
            yield running
        finally:
            ended.set()
            heir.join()


def _inherit(environ: Mapping[str, str], data: Path, ended: threading.Event) -> None:
    """Run the server from when its owner leaves it until *ended*: a `status` that ends must not stop a `run`."""
    while not ended.wait(0.5):
        try:
            with Engine(environ, data) as running:
                if running.role != "guest":
                    log.warning("store_taken_over", folder=str(data))
                    ended.wait()
        except (Misconfigured, OSError) as trouble:
            log.warning("store_not_taken_over", error=str(trouble))


def witness(opened: Store, settings: Settings) -> Witness:
    """Return this machine's witness of the ledger."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    return Witness(opened, settings.data, name=name, uptime=wiring.uptime)


@contextmanager
def store(settings: Settings) -> Iterator[Store]:
    """Open the store: the external server, the embedded one that already runs, or one of our own for a moment."""
    with engine(settings) as running:
        opened = Store.connect(running.url)
        opened.prepare()
        yield opened


def one_line(text: str, most: int = 80) -> str:
    """Tracking text is hostile: one line, printable, of *most* characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"
