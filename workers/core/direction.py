"""Keep words that run the other way from reordering what stands around them. Drops no character and judges no script.

A stranger's word in Hebrew or Arabic pulls the figures and signs beside it into its own direction: an amount or a date
of ours would change its place. Between the two isolates of Unicode (UAX #9, 2.4) it cannot.
"""

from __future__ import annotations

import unicodedata
from typing import Final

FIRST: Final = "\u2068"  # FIRST STRONG ISOLATE: what follows runs as its first letter does
POP: Final = "\u2069"  # POP DIRECTIONAL ISOLATE

_FOREIGN: Final = {"ltr": frozenset({"R", "AL", "AN"}), "rtl": frozenset({"L"})}


def isolated(words: str, direction: str, *, sparing: bool = False) -> str:
    """Return *words*, isolated if they hold a letter that runs against *direction* (``ltr`` or ``rtl``).

    *sparing*: only if they would not keep together by themselves, as words between two such letters do.
    """
    if words.isascii() and direction == "ltr":
        return words
    foreign = _FOREIGN[direction]
    kinds = [unicodedata.bidirectional(char) for char in words]
    strong = {kind for kind in kinds if kind in ("L", "R", "AL", "AN")}
    if not strong & foreign:
        return words
    ends = (kinds[0], unicodedata.bidirectional((words.rstrip("…") or words)[-1]))  # an ellipsis is ours
    if sparing and direction == "rtl" and strong <= foreign and {*ends} <= foreign:
        return words
    return f"{FIRST}{words}{POP}"


def bare(words: str) -> str:
    """Return *words* without the isolates that ``isolated`` put around them."""
    return words.removeprefix(FIRST).removesuffix(POP)
