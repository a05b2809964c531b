"""Choose who holds a parcel in its destination: by the carriers named, the number's format, the country. Or nobody.

Answers None rather than guess: a wrong operator would send a person to pay at the wrong desk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from workers.core import numbers
from workers.core.model import Operator, Order


def choose(
    order: Order,
    *,
    number: str,
    carriers: Sequence[str],
    operators: Sequence[Operator],
) -> Operator | None:
    """Return the operator that most likely holds the parcel *number* of *order* and would ask for money.

    ``carriers`` are the names seen so far, the surest first: the user's hint, then the newest event's. A carrier of the
    destination is surer than one that works anywhere; a number's format is less sure than a name; a platform only
    arranges transport and is the answer only where nothing else is known.
    """
    here = [o for o in operators if o.country in ("", order.destination)]
    handlers = [o for o in here if o.kind != "platform"]
    for name in carriers:
        named = _named(name, handlers)
        if named is not None:
            return named
    number = numbers.normalise(number)
    local = [o for o in handlers if o.country]
    for group in (local, [o for o in handlers if not o.country]):
        for operator in group:
            if any(re.fullmatch(pattern, number) for pattern in operator.numbers):
                return operator
    posts = [o for o in local if o.kind == "post"]
    if numbers.s10(number).valid and len(posts) == 1:
        return posts[0]  # an item of the post is delivered, and charged, by the post of its destination
    platforms = [o for o in here if o.kind == "platform"]
    by_name = (named for name in carriers if (named := _named(name, platforms)) is not None)
    by_number = (o for o in platforms if any(re.fullmatch(pattern, number) for pattern in o.numbers))
    return next(by_name, None) or next(by_number, None)


def _named(name: str, operators: Iterable[Operator]) -> Operator | None:
    """Return the operator with the longest alias in *name*; of equal ones, that of the destination."""
    text = name.casefold().replace("_", " ")
    best: tuple[int, int, Operator] | None = None
    for operator in operators:
        for alias in (operator.id.replace("_", " "), operator.name.casefold(), *operator.aliases):
            if alias in text and re.search(rf"(?<!\w){re.escape(alias)}(?!\w)", text):
                rank = (len(alias), 1 if operator.country else 0)
                if best is None or rank > best[:2]:
                    best = (*rank, operator)
    return best[2] if best else None
