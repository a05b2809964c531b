"""The first line of a reply, read: what is an answer, and what only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.reply import Said, understood, words
from workers.knowledge.replies import load_replies, understood_by

EVERY = load_replies()
GERMAN = understood_by("de")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Paid", Said.PAID), ("  PAID.  ", Said.PAID), ("paid!!", Said.PAID), ("Paid, thanks", Said.PAID),
        ("Thank you, I have paid", Said.PAID), ("I’ve paid", Said.PAID), ("Hello, seen, thank you!", Said.SEEN),
        ("ok", Said.SEEN), ("Done", Said.SEEN), ("*stop*", Said.STOP), ("Stopp", Said.STOP), ("leise", Said.MUTE),
        ("Bezahlt. Danke schön", Said.PAID), ("Ｐａｉｄ", Said.PAID), ("weiter", Said.UNMUTE),
    ],
)  # fmt: skip
def test_a_line_that_is_a_word_and_a_courtesy_is_an_answer(line: str, said: Said) -> None:
    assert understood(["", line, "anything below"], GERMAN) is said


@pytest.mark.parametrize(
    "line",
    [
        "Paid?", "Is it paid", "not paid", "paid not", "Paid but not the VAT", "I paid the wrong one", "Stop asking me",
        "Don't stop", "nicht bezahlt", "unpaid", "paidstop", "paid stop", "stop paid", "stop / mute", "thanks", "Hi", "...",
        "> paid", "| paid", "＞paid", "On Tuesday Anna wrote: paid", "payé", "שולם", "From: paid", "bounced: paid",
        "paid " * 30, "done nothing yet", "done; what now", "STOP？",
    ],
)  # fmt: skip
def test_what_says_more_or_less_than_that_is_none(line: str) -> None:
    assert understood([line, "paid", "stop"], GERMAN) is None


def test_only_the_first_line_counts_even_where_the_others_are_answers() -> None:
    assert understood(["seen", "stop", "paid"], GERMAN) is Said.SEEN
    assert understood(["Good morning to all of you", "paid"], GERMAN) is None


@pytest.mark.parametrize("tag", sorted(EVERY))
def test_each_word_of_a_language_is_understood_by_its_readers_and_english_ones_by_all(tag: str) -> None:
    for language in (tag, "en"):
        for said, spellings in EVERY[language].answers.items():
            for spelling in spellings:
                assert understood([spelling.upper()], understood_by(tag)) is said
            polite = EVERY[language].courtesies[0]
            assert understood([f"{spellings[0]}, {polite}!"], understood_by(tag)) is said


def test_every_shipped_language_has_its_words(shipped_languages: set[str]) -> None:
    assert set(EVERY) == shipped_languages


@given(st.text(max_size=120))
def test_no_text_breaks_the_reader_and_noise_around_a_word_is_no_sentence(text: str) -> None:
    understood([text], GERMAN)
    said = understood([f"paid {text}"], GERMAN)
    assert said in (None, Said.PAID)
    if said is not None:
        rest = words(text)
        assert all(any(word in words(c) for one in GERMAN for c in one.courtesies) for word in rest), rest


@pytest.fixture(scope="module")
def shipped_languages() -> set[str]:
    from workers import resources

    return {"en", *(path.stem for path in (resources.shipped("templates") / "locale").glob("*.po"))}
