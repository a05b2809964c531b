"""What a reader's reply says: one of five answers, or nothing that we understand. Reads its first line alone, and guesses nothing.

A first line counts where it is one of the words of the reader's language (or of English), and beside it nothing but courtesies.
A question, a sentence that goes on, and what stands below or inside a quotation say nothing: an answer that was not given would
end reminders.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

LONGEST = 80  # characters of a line that can be an answer
_QUOTED = (">", "|", "＞")
_ASKING = frozenset("?？؟;\u037e")


class Said(StrEnum):
    """The answers there are."""

    PAID = "paid"
    SEEN = "seen"
    MUTE = "mute"
    STOP = "stop"
    UNMUTE = "unmute"


@dataclass(frozen=True, slots=True)
class Words:
    """How one language says them; the first of each is the one that our mails name."""

    answers: Mapping[Said, tuple[str, ...]]
    courtesies: tuple[str, ...] = ()


def understood(lines: Sequence[str], languages: Iterable[Words]) -> Said | None:
    """Return what the first of *lines* says in one of *languages*, the first that knows it."""
    first = next((line.strip() for line in lines if line.strip()), "")
    if not first or len(first) > LONGEST or first.startswith(_QUOTED) or _ASKING & set(first):
        return None
    said = words(first)
    if not said:
        return None
    every = list(languages)
    polite = [one for language in every for courtesy in language.courtesies if (one := words(courtesy))]
    for language in every:
        for answer, spellings in language.answers.items():
            if any(_is(said, words(spelling), polite) for spelling in spellings):
                return answer
    return None


def words(text: str) -> tuple[str, ...]:
    """Return the words of *text* as answers are compared: without case, accents and punctuation."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    kept = (char if char.isalnum() else " " for char in plain if not unicodedata.combining(char))
    return tuple("".join(kept).split())


def _is(said: tuple[str, ...], answer: tuple[str, ...], polite: Sequence[tuple[str, ...]]) -> bool:
    """Say whether *said* is *answer*, before or after which may stand courtesies."""
    while said != answer:
        front = next((one for one in polite if said[: len(one)] == one and said != one), None)
        back = next((one for one in polite if said[-len(one) :] == one and said != one), None)
        if said[: len(answer)] == answer and back:
            said = said[: -len(back)]
        elif front:
            said = said[len(front) :]
        else:
            return False
    return True
