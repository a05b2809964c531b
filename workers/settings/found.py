"""Orders that were found in e-mails and are watched by themselves: kept in a file of ours, so that the user's stays as it is.

The file may be read and deleted by anybody who may read the user's; one that cannot be read holds no order.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from workers.errors import Permanent

FILE = "found-orders.json"  # in the folder of the program's own files
ID = "found-{}"  # of an order, by the shop's number
MOST = 200  # orders kept; the oldest go


class FoundOrder(msgspec.Struct, frozen=True):
    """One order as a mail named it."""

    order: str  # the shop's number
    numbers: tuple[str, ...]  # tracking numbers; none where it is watched no more
    shop: str
    source: str  # whose mail it was
    on: date  # when it was found

    @property
    def title(self) -> str:
        """What it is called where nobody gave it a title: no long number, which would read as one to be called."""
        return f"{self.shop} …{self.order[-4:]}"


def decoded(content: bytes | None) -> list[FoundOrder]:
    """Return what the file holds; nothing where it is missing or cannot be read."""
    try:
        return msgspec.json.decode(content or b"[]", type=list[FoundOrder])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []


def added(
    known: Sequence[FoundOrder], noticed: Iterable[FoundOrder], *, watched: Collection[str], a_day: int
) -> list[FoundOrder]:
    """Return which of *noticed* are new, at most *a_day* of one day. *watched*: order and tracking numbers of the user's file."""
    have = {each.order for each in known} | set(watched)
    new: list[FoundOrder] = []
    for each in noticed:
        today = sum(1 for one in (*known, *new) if one.on == each.on)
        if each.order not in have and not have & set(each.numbers) and today < a_day:
            have.add(each.order)
            new.append(each)
    return new


def dropped(known: Iterable[FoundOrder], order: str) -> list[FoundOrder]:
    """Return *known* with *order* watched no more; its name stays, so that the next mail does not bring it back."""
    return [msgspec.structs.replace(each, numbers=()) if each.order == order else each for each in known]


def save(path: Path, orders: Sequence[FoundOrder]) -> None:
    """Replace the file; raises Permanent where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, hidden = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 600
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(orders[-MOST:]))
        Path(hidden).replace(path)
    except OSError as error:
        raise Permanent(f"found orders cannot be kept: {error.strerror}", hint=str(path)) from None


def as_written(
    orders: Iterable[FoundOrder], *, named: Sequence[str], sources: Collection[str]
) -> list[dict[str, Any]]:
    """Return orders as the user would write them. *named*: who looks them up; nobody for whoever found them."""
    return [
        {
            "id": ID.format(each.order),
            "title": each.title,
            "tracking": list(each.numbers),
            "order": each.order,
            "shop": each.shop,
            **({"source": known} if (known := [s for s in named or (each.source,) if s in sources]) else {}),
        }
        for each in orders
        if each.numbers
    ]
