"""Which parcels the status page shows where there are too many for one page."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from workers.overview import worst
from workers.store import Remembered


def remembered(**decided: Any) -> Remembered:
    decision = json.dumps(decided).encode()
    return Remembered("p", 1, "", None, None, decision, every=None, updated=None, review_at=None)


KNOWN = {
    "calm": remembered(needs_you="no"),
    "later": remembered(needs_you="yes", deadline="2026-12-20"),
    "soon": remembered(needs_you="yes", deadline="2026-12-02"),
    "undated": remembered(needs_you="yes"),
    "wait": remembered(needs_you="wait", deadline="2026-11-30"),
}
SETTINGS: Any = SimpleNamespace(parcels=dict.fromkeys(["new", *KNOWN]))


def test_of_many_parcels_those_are_shown_that_need_somebody_the_nearest_date_first() -> None:
    assert worst(SETTINGS, KNOWN, 4) == ["soon", "later", "undated", "wait"]


def test_few_parcels_are_all_shown_also_one_nothing_was_decided_of() -> None:
    assert worst(SETTINGS, KNOWN, 6) == list(SETTINGS.parcels)
    assert worst(SETTINGS, KNOWN, 5)[-1] == "calm"
