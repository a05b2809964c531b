"""What a tracking service allows: so many calls or new numbers in an hour, a day or a month. Counts nothing itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

Per = Literal["hour", "day", "month"]
What = Literal["calls", "numbers"]

LENGTH: Final = {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=30.4375)}


@dataclass(frozen=True, slots=True)
class Quota:
    """At most so many in a window. Windows begin on the hour, at midnight, on the first of the month, all in UTC.

    ``calls`` are requests. ``numbers`` are parcels that the service never heard of before from us: some services count
    those alone, and let one read as often as one likes afterwards.
    """

    what: What
    most: int
    per: Per

    def __str__(self) -> str:
        return f"{self.most} {self.what if self.what == 'calls' else 'new numbers'} per {self.per}"
