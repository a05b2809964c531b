"""The wordings our knowledge names as one plain word list, and the obvious way to read with it."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from tests.knowledge import tables
from workers.loading import read as load
from workers.resources import knowledge


@cache
def languages() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in knowledge("phrases").glob("*.yaml")))


@cache
def phrases() -> tuple[str, ...]:
    """Return every wording of every language: the examples of our phrases, and the cases they are tested on."""
    found: set[str] = set()
    for language in languages():
        for entry in load(knowledge("phrases") / f"{language}.yaml").data.get("phrases", []):
            seen = entry.get("seen", [])
            found.update([seen] if isinstance(seen, str) else seen)
        found.update(case.text for case in tables.of(language))
    return tuple(sorted(found))


@cache
def _pattern() -> re.Pattern[str]:
    longest_first = sorted(phrases(), key=len, reverse=True)
    return re.compile("|".join(re.escape(phrase.casefold()) for phrase in longest_first))


def read(text: str) -> str:
    """Return the wording of the list that *text* holds, or nothing."""
    found = _pattern().search(unicodedata.normalize("NFKC", text).casefold())
    return found.group() if found else ""
