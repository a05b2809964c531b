"""Strangers' words: nothing in them can be clicked, called or obeyed, and nothing hides in them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bounds import at_most
from workers.core.quote import LINK, NUMBER, identifier, quote, shorten, visible


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Held by customs", "Held by customs"),
        ("Pay at https://evil.top/pay?x=1 now", f"Pay at {LINK} now"),
        ("Pay at HTTP://EVIL.TOP", f"Pay at {LINK}"),
        ("hxxps://evil.top", LINK),
        ("//evil.top/a", LINK),
        ("www.evil.top", LINK),
        ("javascript:alert(1)", LINK),
        ("mail pay@evil.top", f"mail {LINK}"),
        ("visit ups-refund.top/pay today", "visit ups-refund[.]top today"),
        ("see evil.co.uk.", "see evil[.]co[.]uk."),
        ("EVIL.COM", "EVIL[.]COM"),
        ("t.co", "t[.]co"),
        ("пример.рф", "пример[.]рф"),
        ("Call +49 170 1234567", f"Call {NUMBER}"),
        ("Call (0170) 123-4567 89", f"Call {NUMBER}"),
        ("快递员 13800138000 派件", f"快递员 {NUMBER} 派件"),
    ],
)
def test_links_and_numbers_are_taken_out(said, shown):
    assert quote(said) == shown


@pytest.mark.parametrize(
    "said",
    [
        "RB123456789CN arrived",
        "2026-11-22 10:05:33 Frankfurt",
        "22.11.2026 14:30",
        "22/11/2026 at 14:30",
        "20261122",
        "e.g. U.S. customs",
        "VAT of 3.98 EUR",
        "Sort centre 60549",
        "STATUS:Held",
    ],
)
def test_what_is_harmless_stays_as_it_is(said):
    assert quote(said) == said


def test_a_missing_space_is_no_domain():
    assert quote("Cleared.Parcel on its way") == "Cleared. Parcel on its way"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("a\u202eb\u2066c", "abc"),
        ("pay\u200b\u200d\ufeff now", "pay now"),
        ("one\r\nSubject: two\x00\x1b[31m", "one Subject: two[31m"),
        ("a\u00a0\u3000 b\u2028c", "a b c"),
        ("\ud800x\ue000", "x"),
    ],
)
def test_hidden_characters_are_dropped_and_everything_is_one_line(said, shown):
    assert visible(said) == shown


def test_a_number_is_letters_and_digits():
    assert identifier("8190-0000/13") == "8190-0000/13"
    assert identifier("<a href='https://evil.top'>") == "a hrefhttps//eviltop"
    assert len(identifier("9" * 500)) == 40


def test_long_texts_are_cut_at_a_word_with_an_ellipsis():
    assert shorten("one two three", 13) == "one two three"
    assert shorten("one two three", 12) == "one two…"
    assert shorten("onetwothreefour", 8) == "onetwot…"
    assert len(quote("word " * 5_000, 180)) <= 180


@given(st.text(max_size=400), st.integers(min_value=1, max_value=200))
def test_a_quote_is_bounded_one_line_and_holds_no_link(said, limit):
    shown = quote(said, limit)
    assert len(shown) <= limit
    assert "\n" not in shown
    assert not re.search(r"https?:|www\.|\w@\w", shown, re.IGNORECASE)


@pytest.mark.parametrize(
    "hostile",
    [
        "a" * 100_000,
        "1 " * 50_000,
        "w.w." * 25_000,
        "a@" * 50_000,
        "a-" * 50_000 + ".",
        "http:" * 20_000,
        "(" * 100_000,
    ],
)
def test_no_text_takes_long(hostile):
    with at_most(0.5):
        quote(hostile)
