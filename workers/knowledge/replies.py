"""Load the words that readers may answer with; refuses a language that says two things by one word."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache

from pydantic import BaseModel, ConfigDict

from workers import loading, resources
from workers.core.reply import Said, Words, words
from workers.errors import Misconfigured

ENGLISH = "en"


class _Language(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    paid: tuple[str, ...]
    seen: tuple[str, ...]
    mute: tuple[str, ...]
    stop: tuple[str, ...]
    unmute: tuple[str, ...]
    courtesies: tuple[str, ...]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    checked: date
    languages: Mapping[str, _Language]


@cache  # it ships with the code and does not change under a running process
def load_replies() -> Mapping[str, Words]:
    """Return the words by language; raises Misconfigured for a file with a mistake."""
    path = resources.knowledge("replies.yaml")
    found = {tag: _words(one) for tag, one in loading.validate(_File, loading.read(path)).languages.items()}
    for tag, language in found.items():
        said: dict[tuple[str, ...], Said] = {}
        for one in (language, found[ENGLISH]):
            for answer, spellings in one.answers.items():
                for spelling in spellings:
                    if said.setdefault(words(spelling), answer) is not answer or not words(spelling):
                        raise Misconfigured(f"{path.name}: {spelling!r} ({tag}) says two things, or nothing")
    return found


def understood_by(tag: str) -> tuple[Words, ...]:
    """Return the words that a reader of *tag* may use: their language's, and English ones."""
    every = load_replies()
    own = every.get(tag)
    return (every[ENGLISH],) if own is None or tag == ENGLISH else (own, every[ENGLISH])


def _words(one: _Language) -> Words:
    answers = {said: tuple(getattr(one, said.value)) for said in Said}
    return Words(answers, one.courtesies)
