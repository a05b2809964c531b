"""A sealed word says only what was sealed, for one purpose, and no slip of a letter passes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.seal import SEEN, Sealed, seal, unseal

SECRET = b"s" * 32
NOTICE = "0123456789abcdef0123456789abcdef"
UNTIL = datetime(2026, 12, 8, 12, tzinfo=UTC)
WORD = seal(SECRET, SEEN, NOTICE, UNTIL)


def test_a_word_says_what_was_sealed_and_is_the_same_each_time() -> None:
    assert unseal(SECRET, SEEN, WORD) == Sealed(NOTICE, UNTIL)
    assert seal(SECRET, SEEN, NOTICE, UNTIL) == WORD


@pytest.mark.parametrize(
    ("secret", "purpose"), [(b"t" * 32, SEEN), (SECRET, "stop"), (SECRET, ""), (b"", SEEN)]
)
def test_another_secret_or_purpose_opens_nothing(secret: bytes, purpose: str) -> None:
    assert unseal(secret, purpose, WORD) is None


@given(st.integers(0, len(WORD) - 1), st.sampled_from("0123456789abcdef.-/%Zé"))
def test_no_changed_letter_passes(place: int, letter: str) -> None:
    changed = WORD[:place] + letter + WORD[place + 1 :]
    assert changed == WORD or unseal(SECRET, SEEN, changed) is None


@given(st.text(max_size=120))
def test_anything_else_is_refused_without_a_fault(word: str) -> None:
    assert unseal(SECRET, SEEN, word) is None
    assert unseal(SECRET, SEEN, f"{NOTICE}.ffffffffffff.{word}") is None
