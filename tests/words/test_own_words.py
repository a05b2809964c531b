"""Templates of the user's own: bounded in time and memory, and never the reason for which a notice is lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.words import samples
from tests.words.test_words import ROWS
from workers.errors import Permanent
from workers.render.chamber import Chamber, GivenUp, Overdone
from workers.render.enclosed import Words
from workers.render.own import OwnWords

PAY = samples.full(ROWS["pay"])
TOLD: dict[str, Any] = {"lang": "en", "timezone": "Europe/Madrid"}
OURS = Words().render(PAY, **TOLD)
FOREVER = "{% for a in range(99999) %}{% for b in range(99999) %}{{ '' }}{% endfor %}{% endfor %}"
HUGE = "{% set n = namespace(x='x' * 1000) %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x|length }}"
LONG = "{{ 'word ' * 500000 }}"


def template(folder: Path, text: str, name: str = "advice/pay.j2", block: str = "happening") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        "{% block subject %}Mine: {{ title }}{% endblock %}{% block "
        + block
        + " %}"
        + text
        + "{% endblock %}"
    )
    return folder


@pytest.fixture
def opened() -> Iterator[Callable[..., OwnWords]]:
    """Open words that are let go of at the end of the test."""
    made: list[OwnWords] = []

    def make(folder: Path, **more: Any) -> OwnWords:
        made.append(OwnWords(folder, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_good_template_is_used_in_every_form(tmp_path: Path, opened: Callable[..., OwnWords]) -> None:
    words = opened(template(tmp_path, "Hello."))
    message = words.render(PAY, **TOLD)
    assert message.subject == "Mine (act by 21 Dec): Fishing reel"
    assert "Hello." in message.text
    calm = samples.full(ROWS["inspection"])
    assert words.render(calm, **TOLD) == Words().render(calm, **TOLD)
    assert "Mine: Fishing reel" in words.bundle("digest", [PAY, calm], **TOLD).text
    assert words.leave("ask", lang="de") == Words().leave("ask", lang="de")
    assert words.dates(PAY, **TOLD, writer="a@b.c") == Words().dates(PAY, **TOLD, writer="a@b.c")
    assert words.complaints() == ()


def test_a_broken_one_is_replaced_by_ours_and_complained_of_once(
    tmp_path: Path, opened: Callable[..., OwnWords]
) -> None:
    words = opened(template(tmp_path, "{{ titel }}"))
    assert words.render(PAY, **TOLD) == OURS
    assert words.render(PAY, **TOLD) == OURS
    [(file, said)] = words.complaints()
    assert file == "advice/pay.j2"
    assert "titel" in said
    assert words.complaints() == ()
    with pytest.raises(Permanent, match="another version"):  # the notice itself is to blame
        words.render(PAY | {"version": 0}, **TOLD)
    assert words.complaints() == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "why"),
    [(FOREVER, "longer than 2 seconds"), (HUGE, "memory|died|longer"), (LONG, "characters long|longer")],
    ids=["for ever", "huge", "long"],
)
def test_one_that_takes_too_much_is_ended_and_not_tried_again(
    tmp_path: Path, opened: Callable[..., OwnWords], text: str, why: str
) -> None:
    words = opened(template(tmp_path, text), patience=timedelta(seconds=2))
    assert words.render(PAY, **TOLD) == OURS
    [(_, said)] = words.complaints()
    assert re.search(why, said)
    assert words.render(PAY, **TOLD) == OURS
    assert words._chamber._process is None, "nobody waits for it a second time"
    assert words.complaints() == ()


@pytest.mark.slow
def test_a_chamber_of_a_check_begins_again(tmp_path: Path) -> None:
    template(tmp_path, FOREVER)
    # A good one may be slow on a busy machine; the other ends by one bound or the other.
    chamber = Chamber(tmp_path, patience=timedelta(seconds=10))
    try:
        with pytest.raises(Overdone, match=r"10 seconds|768 MB"):
            chamber.ask("render", PAY, **TOLD)
        assert chamber.ask("render", samples.full(ROWS["held"]), **TOLD).subject.startswith("Held by customs")
    finally:
        chamber.close()


@pytest.mark.slow
def test_a_chamber_that_is_killed_is_no_loss(tmp_path: Path) -> None:
    chamber = Chamber(template(tmp_path, "Hello."), again=False)
    assert chamber.ask("render", PAY, **TOLD).subject.startswith("Mine")
    process = chamber._process
    assert process is not None
    process.kill()
    process.wait()
    with pytest.raises(Overdone, match="died"):
        chamber.ask("render", PAY, **TOLD)
    with pytest.raises(GivenUp):
        chamber.ask("render", PAY, **TOLD)
    chamber.close()
