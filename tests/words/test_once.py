"""One decision is put into words once for all who are told of it, and anew where anything differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from workers.core.model import Message
from workers.errors import Permanent
from workers.render.once import MOST, Once


class Counting:
    """Puts contexts into words and counts how often."""

    def __init__(self) -> None:
        self.made = 0
        self.broken = False

    def render(self, context: Mapping[str, Any], *, lang: str, timezone: str) -> Message:
        self.made += 1
        if self.broken:
            raise Permanent("the template is broken")
        said = f"{context['advice']} {lang} {timezone} {self.made}"
        return Message(subject=said, text=said, html=said, short=said, lang=lang)


def test_the_same_is_made_once_and_anything_else_anew() -> None:
    once, by = Once(), Counting()
    first = once.render(by, {"advice": "pay"}, lang="en", timezone="UTC")
    assert once.render(by, {"advice": "pay"}, lang="en", timezone="UTC") is first
    for other in (
        once.render(by, {"advice": "held"}, lang="en", timezone="UTC"),
        once.render(by, {"advice": "pay"}, lang="de", timezone="UTC"),
        once.render(by, {"advice": "pay"}, lang="en", timezone="Europe/Madrid"),
    ):
        assert other.subject != first.subject
    assert by.made == 4


def test_new_words_are_used_when_the_file_was_read_again() -> None:
    once, old, new = Once(), Counting(), Counting()
    once.render(old, {"advice": "pay"}, lang="en", timezone="UTC")
    once.render(new, {"advice": "pay"}, lang="en", timezone="UTC")
    assert (old.made, new.made) == (1, 1)


def test_what_could_not_be_said_is_tried_again() -> None:
    once, by = Once(), Counting()
    by.broken = True
    with pytest.raises(Permanent):
        once.render(by, {"advice": "pay"}, lang="en", timezone="UTC")
    by.broken = False
    assert once.render(by, {"advice": "pay"}, lang="en", timezone="UTC").subject == "pay en UTC 2"


def test_no_more_than_a_few_are_kept() -> None:
    once, by = Once(), Counting()
    for n in range(MOST + 1):
        once.render(by, {"advice": n}, lang="en", timezone="UTC")
    once.render(by, {"advice": MOST}, lang="en", timezone="UTC")
    assert by.made == MOST + 1
    once.render(by, {"advice": 0}, lang="en", timezone="UTC")
    assert by.made == MOST + 2
