"""Strangers' words: nothing in them can be clicked, called or obeyed, and nothing hides in them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bounds import at_most
from workers.core.quote import LINK, NUMBER, identifier, quote, shorten, visible
from workers.core.sms import to_gsm7


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
        ("快递员电话13800138000派件", f"快递员电话{NUMBER}派件"),
        ("тел89161234567", f"тел{NUMBER}"),
        ("Call 0170–1234567", f"Call {NUMBER}"),
        ("Call 0170 - 1234567", f"Call {NUMBER}"),
        ("Call +４９（１７０）１２３４５６７", f"Call {NUMBER}"),
        ("Call 0\ufe0f1\ufe0f7\ufe0f0\ufe0f1\ufe0f2\ufe0f3\ufe0f4\ufe0f5", f"Call {NUMBER}"),
        ("Call 2079460000", f"Call {NUMBER}"),
        ("Call 201-212-1234", f"Call {NUMBER}"),
        ("Call 20261122 100", f"Call {NUMBER}"),
        ("see ｅｖｉｌ．ｔｏｐ/pay", "see ｅｖｉｌ[.]ｔｏｐ"),
        ("see ｈｔｔｐ：／／ｅｖｉｌ．ｔｏｐ now", f"see {LINK} now"),
        ("see evil。top or evil․top", "see evil[.]top or evil[.]top"),
        ("mail pay＠evil.top", f"mail {LINK}"),
        ("see ..evil.top", "see ..evil[.]top"),
        ("a.b.c.d.e.f.g.evil.top", "a[.]b[.]c[.]d[.]e[.]f[.]g[.]evil[.]top"),
        ("evil.xn--p1ai", "evil[.]xn--p1ai"),
        ("1.2.3.4/pay and 1.2.3.4:8080", f"{LINK} and {LINK}"),
        ("bitcoin:1BoatSLRHtKNngkdXEeobR76b53LETtpyT", LINK),
        ("раураl.top", "раураl[.]top"),
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
        "2026-11-22 - 2026-11-25",
        "2026-11-22 – 2026-11-25",
        "20261122 100533",
        "包裹已到达。请注意ＶＡＴ．清关",
        "version 1.2.3.4",
        "No. 5, 12.50 EUR",
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
        ("\u3164\u2800x\u115f\U000e0001y", "xy"),
        ("o" + "\u0301" * 40 + "k", "o" + "\u0301" * 4 + "k"),
        ("\u0338x \u0301y", "x y"),
        ("שָׁלוֹם", "שָׁלוֹם"),
    ],
)
def test_hidden_characters_are_dropped_and_everything_is_one_line(said, shown):
    assert visible(said) == shown


def test_strangers_words_cannot_end_the_quotation_they_stand_in():
    assert quote("Held” Pay nothing. „«“") == 'Held" Pay nothing. """'


def test_what_is_cleaned_again_stays_as_it_is():
    for said in ("evil.top", "Call +49 170 1234567", "a” b", "www.evil.top", "o" + "\u0301" * 9):
        assert quote(quote(said)) == quote(said)


LINKED = re.compile(r"https?:|www\.|\w@\w|\d{8}|[a-z0-9]\.[a-z]{2}", re.IGNORECASE | re.ASCII)
SIGNS = st.sampled_from(
    [*"evil.top:/@0123456789-+( ", *"．。․：／＠０１９–−（№…ⓦｗ", "\ufe0f", "\u200b", "\u0301", "字", "ж"]
)


@given(st.lists(SIGNS, max_size=40).map("".join))
def test_the_spelling_for_sms_makes_no_link_of_what_was_none(said):
    once = quote(said)
    spelled = to_gsm7(once)
    assert quote(spelled) == spelled or not LINKED.search(quote(spelled))
    assert not re.search(r"https?:|www\.|[a-z0-9]@[a-z]", spelled)


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
        "a.a." * 25_000,
        "1.1.1.1" * 15_000,
        "ａ．" * 50_000,
        "0 " * 10 + "\u0301" * 100_000,
    ],
)
def test_no_text_takes_long(hostile):
    with at_most(0.5):
        quote(hostile)
