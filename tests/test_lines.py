"""What a terminal or a log shows: nothing in it moves a cursor, breaks a line or turns a direction."""

from __future__ import annotations

import io
import json

import structlog
from hypothesis import given
from hypothesis import strategies as st

from workers.app import set_up_logging
from workers.lines import as_json, plain

NASTY = "Held\x1b[2J\x9b31m\r\nfake=1 \u2028\u202egnp\x00\ud800\u2066 שלום \U000e0041"
ANY = st.text(st.characters(codec=None, categories=None))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def logged(stream: io.StringIO, **values: object) -> str:
    set_up_logging(stream)
    structlog.get_logger("customs_watch").warning("notice_retried", **values)
    return stream.getvalue()


def test_a_terminal_is_shown_what_can_be_seen() -> None:
    assert plain("a\tb\nc") == "a b\nc"
    assert plain(NASTY) == "Held[2J31m\nfake=1 gnp שלום "


def test_a_log_line_is_one_line_of_what_can_be_seen_and_holds_the_whole_text() -> None:
    line = logged(io.StringIO(), error=NASTY, ids=[NASTY], wait=1.5)
    assert line.count("\n") == 1
    assert line[:-1].isprintable()
    assert json.loads(line)["error"] == NASTY
    assert json.loads(line)["ids"] == [NASTY]
    assert "שלום" in line


def test_a_log_on_a_terminal_holds_no_sign_of_a_strangers_but_what_can_be_seen() -> None:
    calm = logged(Terminal(), error="Held-and-calm", ids=["x"])
    line = logged(Terminal(), error="Held\x1b[2J\x9b31m\u202e", ids=["\x1b[2J"])
    assert line.count("\n") == 1
    assert line.count("\x1b") == calm.count("\x1b")  # the colours are ours
    assert "Held\\x1b[2J\\x9b31m\\u202e" in line
    assert "\u202e" not in line


def test_the_control_without_the_step_the_terminal_would_be_spoken_to() -> None:
    calm = structlog.dev.ConsoleRenderer(colors=False)(None, "", {"event": "e", "error": "x\x1b[2J"})
    assert "\x1b[2J" in calm


@given(ANY)
def test_any_text_is_one_printable_line_of_json(text: str) -> None:
    line = as_json({"text": text})
    assert line.isprintable()
    assert json.loads(line) == {"text": text}
