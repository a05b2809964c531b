"""YAML is read as text, every value knows its line, and nothing in a file can crash the reader."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, RootModel, field_validator

from workers import loading
from workers.errors import Misconfigured, Mistake

TEXT = """\
# a comment
country: NO
codes:
  - {number: 0012, at: 12:30}
  -
    number: >-
      long
      text
    list: [a, "b", 'c: d']
empty:
"""


def test_scalars_are_never_interpreted() -> None:
    document = loading.parse(TEXT, file="x.yaml")
    assert document.data == {
        "country": "NO",
        "codes": [{"number": "0012", "at": "12:30"}, {"number": "long text", "list": ["a", "b", "c: d"]}],
        "empty": "",
    }


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 2),
        (("country",), 2),
        (("codes",), 3),
        (("codes", 0), 4),
        (("codes", 0, "at"), 4),
        (("codes", 1, "number"), 6),
        (("codes", 1, "list", 2), 9),
        (("codes", 1, "no such key"), 6),
        (("codes", 9), 3),
        (("codes", "an arm of a union", 1, "list"), 9),
        (("empty",), 10),
    ],
)
def test_every_value_knows_its_line(path: tuple[str | int, ...], line: int) -> None:
    assert loading.parse(TEXT, file="x.yaml").line(path) == line


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "- [", "{a: [", "? "])
def test_nesting_that_crashes_the_c_composer_is_a_mistake(opening: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        loading.parse(opening * 100_000, file="x.yaml")
    assert len(caught.value.mistakes) == 1


def test_reasonable_nesting_is_fine() -> None:
    assert loading.parse("[" * 20 + "]" * 20, file="x.yaml").data is not None


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{b}: &{b} [{'*' + a + ', ' * 1}{'*' + a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(Misconfigured, match="anchors and aliases are not allowed"):
        loading.parse(bomb, file="x.yaml")


@pytest.mark.parametrize(
    "text",
    ["a: AT&T *really* !important", "a: 'x' # &b *c", "a: https://x.example/?a=1&b=2", "a: '&b'", 'a: "*b"'],
)
def test_the_signs_of_anchors_inside_a_text_are_text(text: str) -> None:
    assert loading.parse(text, file="x.yaml").data


class Plain(yaml.SafeDumper):
    """Writes a value that occurs twice twice, not as an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


@given(
    st.recursive(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Co", "Cn"]), max_size=12),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdef", min_size=1, max_size=4), inner, max_size=4),
        max_leaves=20,
    ).filter(lambda value: isinstance(value, (list, dict)))
)  # fmt: skip
def test_what_another_writes_is_read_back_the_same(value: Any) -> None:
    text = yaml.dump(value, Dumper=Plain, allow_unicode=True, sort_keys=False)
    assert loading.parse(text, file="x.yaml").data == value


def test_no_garbage_gets_past_as_another_exception() -> None:
    dice = random.Random(7)  # noqa: S311  the same garbage every time
    pieces = [
        "a",
        ":",
        " ",
        "\n",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "&x",
        "*x",
        "!t",
        "'",
        '"',
        "|",
        ">",
        "#",
        "\t",
        "%",
        "---",
        "é",
        "\x00",
        "?",
        ",",
    ]
    refused = 0
    for _ in range(3000):
        text = "".join(dice.choice(pieces) for _ in range(dice.randrange(1, 30)))
        mistakes: tuple[Mistake, ...] = ()
        try:
            loading.parse(text, file="x.yaml").line(())
        except Misconfigured as error:
            refused += 1
            mistakes = error.mistakes
        assert all(1 <= mistake.line <= text.count("\n") + 2 for mistake in mistakes)
    assert 500 < refused < 3000


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    colour: str = ""

    @field_validator("colour")
    @classmethod
    def _known(cls, value: str) -> str:
        if value == "mauve":
            raise loading.Wrong("'mauve' is out of fashion", "write red")
        if value == "beige":
            raise ValueError("'beige' is dull")
        return value


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    inner: Inner | None = None
    by_name: dict[str, Inner] = {}
    several: list[Inner] = []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\ninner: {color: red}", "x:2: unknown key 'color' (did you mean 'colour'?)"),
        ("by_name:\n  colour: {}\n  b: {color: red}", "x:3: unknown key 'color' (did you mean 'colour'?)"),
        ("several:\n  - {}\n  - {color: red}", "x:3: unknown key 'color' (did you mean 'colour'?)"),
        ("zzz: 1", "x:1: unknown key 'zzz' (there are: inner, by_name, several)"),
        ("inner: {colour: mauve}", "x:1: inner.colour: 'mauve' is out of fashion (write red)"),
        ("several:\n  - {}\n  - {colour: beige}", "x:3: colour: 'beige' is dull"),
        ("several: 3", "x:1: several: must be a list"),
        ("inner:\n  colour: [1]", "x:2: inner.colour: must be text"),
    ],
)
def test_a_models_complaints_become_sentences(text: str, said: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        loading.validate(Outer, loading.parse(text, file="x"))
    assert str(caught.value) == said


def test_a_list_at_the_root_is_understood_too() -> None:
    class Root(RootModel[list[Inner]]):
        pass

    with pytest.raises(Misconfigured) as caught:
        loading.validate(Root, loading.parse("- {}\n- {color: red}\n", file="x"))
    assert str(caught.value) == "x:2: unknown key 'color' (did you mean 'colour'?)"


def test_a_right_document_becomes_the_model() -> None:
    read = loading.validate(Outer, loading.parse("several: [{colour: red}]", file="x"))
    assert read.several[0].colour == "red"


def test_a_document_shows_none_of_its_content() -> None:
    assert "hunter2" not in repr(loading.parse("password: hunter2", file="x"))


def test_a_file_is_read_under_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("a: b")
    document = loading.read(tmp_path / "x.yaml")
    assert (document.file, document.data) == ("x.yaml", {"a": "b"})


def test_a_folder_or_a_file_too_large_is_refused_unread(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"cannot be read"):
        loading.read(tmp_path)
    large = tmp_path / "large.yaml"
    with large.open("wb") as file:
        file.truncate(loading.LIMIT + 1)  # a hole: it takes no room
    with pytest.raises(Misconfigured, match=r"large.yaml:1: the file is larger than 256 MiB"):
        loading.read(large)
