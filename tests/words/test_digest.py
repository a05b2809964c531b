"""Several notices in one message: the worst first, nothing left out, and no link or markup of strangers."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.words.samples import TABLE, full
from workers.core import sms
from workers.errors import OfNewer, Permanent
from workers.render import Renderer
from workers.render.bundle import Kind

CALM = full(next(row for row in TABLE.rows if row.advice.id == "import_customs"))
PAY = full(next(row for row in TABLE.rows if row.advice.id == "pay"))
WAIT = full(next(row for row in TABLE.rows if row.advice.id == "customs_slow"))


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer()


def named(context: dict[str, Any], title: str, **change: Any) -> dict[str, Any]:
    return {**context, **change, "order": {**context["order"], "title": title}}


def test_what_needs_the_person_comes_first_and_the_nearest_date_before_the_others(renderer: Renderer) -> None:
    contexts = [
        named(CALM, "Calm one"),
        named(WAIT, "Waiting one"),
        named(PAY, "Later one", deadline="2026-12-30"),
        named(PAY, "Sooner one", deadline="2026-12-12"),
    ]
    message = renderer.bundle("digest", contexts, lang="en", timezone="Europe/Berlin")
    assert message.subject == "News of 4 parcels; needing you: 2"
    order = ["Sooner one", "Later one", "Waiting one", "Calm one"]
    assert sorted(order, key=message.text.index) == order
    assert sorted(order, key=message.html.index) == order
    assert message.preheader == "Sooner one, Later one, Waiting one"
    assert message.text.count("Tracking number") == 4
    assert "YOU NEED TO DO SOMETHING" in message.text


def test_parcels_that_stand_the_same_way_share_the_subject_of_their_advice(renderer: Renderer) -> None:
    message = renderer.bundle("together", [named(PAY, "A"), named(PAY, "B")], lang="en", timezone="UTC")
    alone = renderer.render(PAY, lang="en", timezone="UTC")
    assert message.subject.startswith("2 parcels: ")
    assert message.subject != alone.subject
    assert "These parcels stand the same way" in message.text


@pytest.mark.parametrize("count", [1, 2, 9, 40])
def test_the_short_form_names_the_worst_and_counts_the_rest(renderer: Renderer, count: int) -> None:
    contexts = [named(CALM, f"Thing {i}") for i in range(count - 1)] + [named(PAY, "Desk lamp")]
    message = renderer.bundle("capped", contexts, lang="en", timezone="UTC")
    assert message.short.startswith("customs-watch: News of")
    assert "Desk lamp:" in message.short
    shown = len(re.findall(r"Thing \d+:", message.short)) + 1
    assert shown == count or message.short.endswith(f"And {count - shown} more.")
    assert sms.segments(message.short).parts <= 3


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)


@pytest.mark.parametrize("kind", ["digest", "capped", "together"])
def test_no_title_becomes_markup_or_a_link(renderer: Renderer, kind: Kind) -> None:
    evil = named(PAY, "<script>alert(1)</script><a href='https://evil.example/pay'>pay</a>")
    message = renderer.bundle(kind, [evil, CALM], lang="en", timezone="UTC")
    tags = Tags()
    tags.feed(message.html)
    assert not tags.found & {"script", "a", "img", "iframe"}


def test_a_message_in_quiet_hours_says_that_it_cannot_wait(renderer: Renderer) -> None:
    woke = renderer.render({**PAY, "leads": ["woke"]}, lang="en", timezone="UTC")
    assert "it cannot wait" in woke.text
    assert "it cannot wait" in woke.html
    assert "it cannot wait" not in renderer.render(PAY, lang="en", timezone="UTC").text


def test_one_that_cannot_be_put_into_words_is_named(renderer: Renderer) -> None:
    with pytest.raises(Permanent, match="no_such"):
        renderer.bundle("digest", [CALM, {**PAY, "advice": "no_such"}], lang="en", timezone="UTC")
    with pytest.raises(OfNewer, match="another version"):
        renderer.bundle("digest", [{**PAY, "version": 99}], lang="en", timezone="UTC")
