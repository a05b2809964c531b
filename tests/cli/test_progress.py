"""A bar on long work: for a person at a terminal, and for nobody else."""

from __future__ import annotations

import io
import os
import pty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest
from rich.console import Console

from workers.cli.progress import progressing, working


def terminal() -> tuple[Console, io.StringIO]:
    seen = io.StringIO()
    return Console(file=seen, force_terminal=True, width=80, legacy_windows=False), seen


def test_what_is_worked_through_comes_out_as_it_went_in_and_is_counted() -> None:
    console, seen = terminal()
    assert list(progressing(["a", "b", "c"], "Judging parcels", console)) == ["a", "b", "c"]
    assert "Judging parcels" in seen.getvalue()
    assert "/3" in seen.getvalue()


def test_a_bar_is_gone_when_the_work_is_done_and_when_it_failed() -> None:
    console, seen = terminal()
    with pytest.raises(ValueError, match="no"), working("Judging", console):
        raise ValueError("no")
    assert (
        seen.getvalue().rstrip().endswith(("\x1b[2K", "\x1b[?25h"))
    )  # the line is empty, the cursor is back


@contextmanager
def both_ends(*, at_a_terminal: bool) -> Iterator[tuple[int, IO[str]]]:
    """Make a real terminal or a pipe: an end to read, and one to stand as standard error."""
    ours, theirs = pty.openpty() if at_a_terminal else os.pipe()
    with os.fdopen(theirs, "w") as stderr:
        yield ours, stderr
    os.close(ours)


@pytest.mark.parametrize(
    ("at_a_terminal", "term", "bar"), [(True, "xterm", True), (False, "xterm", False), (True, "dumb", False)]
)
def test_a_person_at_a_terminal_sees_a_bar_and_a_pipe_and_a_dumb_terminal_get_nothing(
    at_a_terminal: bool, term: str, bar: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("FORCE_COLOR", "1")  # colours are no reason for a bar
    with both_ends(at_a_terminal=at_a_terminal) as (ours, stderr):
        monkeypatch.setattr("sys.stderr", stderr)
        for one in progressing(["a", "b"], "Judging parcels"):
            print(one)
        stderr.write("end")
        stderr.flush()
        said = b""
        while not said.endswith(b"end"):
            said += os.read(ours, 4096)
    assert (b"Judging parcels" in said) is bar
    assert bar or said == b"end"
    assert capsys.readouterr().out == "a\nb\n"  # what is answered goes where it went before
