"""Show how far long work is: on standard error, only where that is a terminal, and gone when it is done. Changes nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

T = TypeVar("T")
Tell = Callable[[int, int | None], None]  # so many done, of so many where that is known


def silent(_done: int, _total: int | None) -> None:
    """Tell nobody."""


@contextmanager
def working(what: str, console: Console | None = None) -> Iterator[Tell]:
    """Show *what* is done while the block lasts; the block may tell how far it is, and a bar without that only moves."""
    with ExitStack() as stack:
        if console is None and not _watched():
            yield silent
            return
        console = console or Console(file=stack.enter_context(_own()), highlight=False, emoji=False)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        # What is printed meanwhile goes where it belongs: rich would carry it all to its own console.
        bars = Progress(
            *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        shown = stack.enter_context(bars)
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def _watched() -> bool:
    """Tell whether a person looks at standard error: a pipe and a dumb terminal get no bar, whatever colours they force."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")


def _own() -> IO[str]:
    """Return standard error by a number of its own: the demonstration turns the old one into a log."""
    return os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8", errors="replace")


def progressing(items: Sequence[T], what: str, console: Console | None = None) -> Iterator[T]:
    """Yield *items* while a bar shows how many of them were worked through."""
    with working(what, console) as tell:
        for done, item in enumerate(items):
            tell(done, len(items))
            yield item
