"""Words that run the other way are set apart, and no others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.direction import bare, isolated


@pytest.mark.parametrize(
    ("words", "direction", "sparing", "shown"),
    [
        ("Fishing reel", "ltr", False, "Fishing reel"),
        ("Zażółć 5 €", "ltr", False, "Zażółć 5 €"),
        ("钓鱼轮 🙂", "ltr", False, "钓鱼轮 🙂"),
        ("חכה", "ltr", False, "\u2068חכה\u2069"),
        ("Reel خيط", "ltr", False, "\u2068Reel خيط\u2069"),
        ("١٢٣", "ltr", False, "\u2068١٢٣\u2069"),
        ("חכה", "ltr", True, "\u2068חכה\u2069"),
        ("חכה 5", "rtl", False, "חכה 5"),
        ("Fishing reel", "rtl", False, "\u2068Fishing reel\u2069"),
        ("Fishing reel", "rtl", True, "Fishing reel"),
        ("Fishing re…", "rtl", True, "Fishing re…"),
        ("Reel 2.0!", "rtl", True, "\u2068Reel 2.0!\u2069"),
        ("Reel חכה reel", "rtl", True, "\u2068Reel חכה reel\u2069"),
        ("", "rtl", False, ""),
        ("8190000000000013", "rtl", False, "8190000000000013"),
    ],
)
def test_words_are_set_apart_where_they_run_the_other_way(
    words: str, direction: str, sparing: bool, shown: str
) -> None:
    assert isolated(words, direction, sparing=sparing) == shown


@given(st.text(st.characters(exclude_characters="\u2068\u2069")), st.sampled_from(["ltr", "rtl"]))
def test_nothing_is_lost(words: str, direction: str) -> None:
    assert bare(isolated(words, direction)) == words
