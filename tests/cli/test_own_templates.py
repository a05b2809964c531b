"""The user's own templates, looked at by ``validate``: every message with full facts, within bounds of time and memory."""

from __future__ import annotations

import gettext
import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.words import samples as reviewed
from tests.words.test_words import ROWS
from workers.cli import own_templates, samples, template_fields
from workers.knowledge.table import load_table
from workers.render.enclosed import Words
from workers.render.formats import Reader

TABLE = load_table()


def looked_at(folder: Path, *langs: str, seconds: float = 20) -> tuple[str, ...]:
    people = {lang: SimpleNamespace(language=lang) for lang in langs or ("en",)}
    settings: Any = SimpleNamespace(templates=folder, recipients=people)
    return own_templates.mistakes(settings, TABLE, patience=timedelta(seconds=seconds))


def write(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def shape(value: Any) -> Any:
    """What keys a context has, at any depth; what is unknown has any shape."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else None


def differences(one: Any, other: Any, at: str = "") -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        found = [f"{at}{key}" for key in one.keys() ^ other.keys()]
        return found + [
            d for key in one.keys() & other.keys() for d in differences(one[key], other[key], f"{at}{key}.")
        ]
    if isinstance(one, list) and isinstance(other, list):
        return differences(one[0], other[0], f"{at}[].")
    return []


def test_the_full_sample_has_the_fields_of_a_real_brief_and_leaves_none_empty() -> None:
    real = json.loads(json.dumps(reviewed.full(ROWS["inspection"])))
    late = {"unseen", "leads", "seen_link", "answered"}  # known only when it is sent
    whole = samples.whole(TABLE, "inspection")
    found = differences(shape(real), shape({key: value for key, value in whole.items() if key not in late}))
    assert found == []
    assert differences({"a": {"b": None}}, {"a": {"c": None}}) != [], "the comparison can fail"
    empty = [key for key, value in whole.items() if value in (None, "", [], {})]
    assert set(empty) <= {"cause", "side", "addressee", "letters", "contact"}


def test_all_there_is_can_be_put_into_words_with_our_own_templates() -> None:
    words = Words()
    asked = set()
    for what, args, more in own_templates.questions(
        TABLE, "en", frozenset({"pay", "customs_stuck", "address_dead"})
    ):
        getattr(words, what)(*args, **more)
        asked.add(what)
    for what, args, more in own_templates._pages(TABLE, {"lang": "he", "timezone": "UTC"}):
        assert getattr(words, what)(*args, **more)
        asked.add(what)
    assert asked == {"render", "bundle", "seen", "leave", "dates", "evidence", "page"}


def test_the_list_of_fields_is_up_to_date_and_says_something_of_each() -> None:
    document = Path(__file__).parents[2] / "docs/templates.md"
    assert template_fields.markdown() == document.read_text(encoding="utf-8"), (
        "docs/templates.md is old: write it anew with `customs-watch template-fields > docs/templates.md`"
    )
    named = [name for name, _ in template_fields.fields(samples.whole(TABLE, "pay"))]
    assert sorted(named) == sorted(template_fields.FIELDS), "a field without words, or words without a field"
    told = Words()._told(samples.whole(TABLE, "pay"), Reader.of("en", "UTC", gettext.NullTranslations()))
    assert set(told) - set(template_fields.EVERYWHERE) == set(samples.whole(TABLE, "pay"))


def test_no_templates_and_an_empty_folder_are_right(tmp_path: Path) -> None:
    assert looked_at(tmp_path) == ()
    settings: Any = SimpleNamespace(templates=None)
    assert own_templates.mistakes(settings, TABLE) == ()


def test_a_file_that_stands_for_nothing_is_told(tmp_path: Path) -> None:
    write(tmp_path, "advice/pya.j2", "x")
    write(tmp_path, "advice/_mine.j2", "x")
    assert list(own_templates.strays(tmp_path)) == [
        "advice/pya.j2 stands for no template of ours (did you mean advice/pay.j2?)"
    ]


def test_only_what_has_other_words_is_asked_for(tmp_path: Path) -> None:
    write(tmp_path, "advice/pay.j2", "")
    write(tmp_path, "owner/address_dead.j2", "")
    write(tmp_path, "seller/refund.j2", "")
    found = own_templates._affected(tmp_path, TABLE)
    assert found is not None
    assert {"pay", "address_dead", "refused"} <= found
    assert "held" not in found
    write(tmp_path, "advice/_look_up.j2", "")
    assert own_templates._affected(tmp_path, TABLE) is None


def test_a_mistake_that_only_some_facts_show_is_found_once_and_with_its_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        "advice/pay.j2",
        "{% block subject %}{% if lang == 'he' %}{{ nothing }}{% endif %}{% endblock %}"
        "{% block cost %}{{ operator.fee_low.amount }}{% endblock %}",
    )
    said = looked_at(tmp_path)
    assert len(said) == 2
    assert all("advice/pay.j2" in one for one in said)
    assert "amount" in said[0], "where the fee is not known there is none"
    assert "'nothing' is undefined" in said[1]
    assert "[he]" in said[1], "nobody reads Hebrew here, and it is looked at all the same"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
            "longer than 3 seconds",
        ),
        ("{% for a in range(99999) %}{{ 'x' * 6000 }}{% endfor %}", "memory|died|longer|characters"),
    ],
    ids=["for ever", "600 MB"],
)
def test_what_takes_too_much_is_told_and_ends_the_look(tmp_path: Path, text: str, why: str) -> None:
    for advice in ("pay", "held", "refused"):
        write(tmp_path, f"advice/{advice}.j2", "{% block happening %}" + text + "{% endblock %}")
    said = looked_at(tmp_path, seconds=3)
    assert any(part in said[0] for part in why.split("|"))
    assert len(said) <= 3
    assert said[-1].endswith("nothing more was looked at")
