"""The command ``customs-watch``: the user's doubts, answered one command each.

Exit codes: 0 done · 1 foreseen trouble (the store or a service is away) · 2 the file or the command line is wrong ·
3 there is no such parcel, order or advice · 4 done, but something could not be delivered or looked up.
"""

from __future__ import annotations

import io
import logging
import os
import sys

import typer

from workers.app import set_up_logging
from workers.cli import (
    advice_table,
    answer,
    budget,
    check,
    event,
    evidence,
    hold,
    look,
    message,
    notices,
    run,
    template_fields,
    upkeep,
    web,
)
from workers.cli.common import fail
from workers.errors import Misconfigured, Trouble

app = typer.Typer(
    name="customs-watch",
    help="Watches parcels through customs and writes only when it matters.",
    epilog="Exit codes: 0 done, 1 trouble, 2 wrong file or command line, 3 no such thing, 4 done with losses.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
run.add(app)
web.add(app)
look.add(app)
budget.add(app)
hold.add(app)
upkeep.add(app)
check.add(app)
message.add(app)
notices.add(app)
answer.add(app)
evidence.add(app)
event.add(app)
advice_table.add(app)
template_fields.add(app)


def main() -> None:
    """Run the command; a foreseen fault is a sentence, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without our letters gets them spelt out
            stream.reconfigure(errors="backslashreplace")
    set_up_logging(sys.stderr, logging.WARNING)  # standard output is the command's own; `run` says more
    try:
        app()
    except Misconfigured as error:
        fail(str(error), code=2)
    except Trouble as error:
        fail(str(error), code=1)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; Python would complain at exit
        sys.exit(0)
    except OSError as error:  # a disk that is full or read-only, a folder that is somebody else's
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        fail(f"{where}{error.strerror or error}", code=1)
    except KeyboardInterrupt:
        sys.exit(130)
