"""``explain`` shows what the tracking names before what is guessed, each guess with its source."""

from __future__ import annotations

from tests.stories.lives import Life
from workers.cli import report
from workers.core.model import Stage

WAITS = "2d 08 | DE | held side=destination{0} | Held by customs"


def explained(life: Life) -> str:
    assert life.last
    return report.explanation("o/1", "Thing", life.last.decision(None, Stage.UNKNOWN))


def test_a_guess_is_shown_as_one_with_its_source() -> None:
    text = explained(Life(facts={"items": 3}).live(WAITS.format("")))
    assert "Causes, the best founded first:" in text
    assert (
        "  multiple items: guess 3 kinds of goods in the order, core/causes.py, AliExpress buyers' guides"
        in text
    )
    assert "checked 2026-11-22" in text


def test_what_the_tracking_names_beats_every_guess() -> None:
    text = explained(Life(facts={"items": 3}).live(WAITS.format(" causes=missing_documents")))
    assert "  missing documents, as the tracking says" in text
    assert "guess" not in text


def test_where_nothing_is_named_or_guessed_nothing_is_said() -> None:
    assert "Causes" not in explained(Life().live(WAITS.format("")))
