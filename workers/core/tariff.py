"""The kind of goods and its duty: by HS code, by category, or guessed. A guess is never one figure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from workers.core.law import Category, Duty, Law
from workers.core.model import Order
from workers.core.money import ZERO, Span

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_LONGEST = 4  # words in one entry
_PLURALS = ("", "s", "es", "n", "en")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True, slots=True)
class Goods:
    """What an order holds, as far as we know: ``how`` is hs | category | guess | unknown."""

    category: Category | None
    how: str

    @property
    def assumption(self) -> str:
        return {"guess": "category_guessed", "unknown": "category_unknown"}.get(self.how, "")


def goods(order: Order, law: Law) -> Goods:
    """Say what kind of goods *order* holds."""
    code = re.sub(r"\D", "", order.hs_code)
    if code:
        prefixes = [code[:length] for length in range(len(code), 1, -1)]
        single = next((law.hs[prefix] for prefix in prefixes if prefix in law.hs), None)
        of_prefix = {prefix: category for category in law.categories.values() for prefix in category.hs}
        wide = next((of_prefix[prefix] for prefix in prefixes if prefix in of_prefix), None)
        if single and wide:  # what a source says of this very code, and the rest from its kind
            return Goods(replace(wide, duty={**wide.duty, **single.duty}), "hs")
        if single or wide:
            return Goods(single or wide, "hs")
    if order.category in law.categories:
        return Goods(law.categories[order.category], "category")
    guessed = guess(order.title, law)
    return Goods(guessed, "guess") if guessed else Goods(None, "unknown")


def guess(title: str, law: Law) -> Category | None:
    """Guess the kind of goods from words of *title*: the longest word wins, then the last one."""
    text = title.casefold()
    tokens = _WORD.findall(text)
    best: tuple[int, int, Category] | None = None
    for at in range(len(tokens)):
        for length in range(1, min(_LONGEST, len(tokens) - at) + 1):
            found = _in_index(" ".join(tokens[at : at + length]), law.words)
            if found is not None and (best is None or (found[0], at) >= best[:2]):
                best = (found[0], at, found[1])
    for word, category in law.unspaced.items() if _CJK.search(text) else ():
        at = text.rfind(word)
        if at >= 0 and (best is None or (len(word), at) > best[:2]):
            best = (len(word), at, category)
    return best[2] if best else None


def _in_index(words: str, index: Mapping[str, Category]) -> tuple[int, Category] | None:
    """Return the length of the known word that *words* are, plural or not, and its category."""
    for ending in _PLURALS:
        word = words.removesuffix(ending) if ending else words
        if (not ending or word != words) and word in index:
            return len(word), index[word]
    return None


def index(categories: Iterable[Category]) -> tuple[dict[str, Category], dict[str, Category]]:
    """Return the words of *categories*, and those of scripts that put no space between words; the first wins."""
    spaced: dict[str, Category] = {}
    unspaced: dict[str, Category] = {}
    for category in categories:
        for word in category.words:
            if _CJK.search(word):
                unspaced.setdefault(word, category)
            else:
                spaced.setdefault(" ".join(_WORD.findall(word)), category)
    return spaced, unspaced


def duty(kind: Goods, table: str, law: Law) -> tuple[Span, Duty | None]:
    """Return the range of duty rates of *kind* in the tariff *table*, and the cell that says so."""
    average = law.average.get(table)
    known = kind.category.duty.get(table) if kind.category else None
    cells = [category.duty[table].rate.high for category in law.categories.values() if table in category.duty]
    if known is None and average is not None and not cells:
        return average.rate, average  # one rate for everything but the codes that are named
    usual = average.rate.high if average else ZERO
    if known is None:
        return Span(ZERO, max([usual, *cells])), average
    if kind.how != "guess":
        return known.rate, known
    # A guess may be wrong: from nothing to the guessed kind or the average, whichever is higher.
    return Span(ZERO, max(known.rate.high, usual)), known
