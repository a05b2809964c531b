"""The kind of goods and its duty: by HS code, by category, or guessed. A guess is never one figure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from workers.core.law import Category, Duty, Law
from workers.core.model import Order
from workers.core.money import ZERO, Span

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
    best: tuple[int, int, Category] | None = None
    for category in law.categories.values():
        for word in category.words:
            at = _find(word, text)
            if at >= 0 and (best is None or (len(word), at) > best[:2]):
                best = (len(word), at, category)
    return best[2] if best else None


def _find(word: str, text: str) -> int:
    """Return where *word* stands in *text* as a word, plural or not; -1 if nowhere."""
    if _CJK.search(word):
        return text.rfind(word)
    found = list(re.finditer(rf"(?<!\w){re.escape(word)}(?:s|es|n|en)?(?!\w)", text))
    return found[-1].start() if found else -1


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
