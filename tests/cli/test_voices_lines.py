"""What `explain` and `status` say of a parcel's sources."""

from __future__ import annotations

from typing import Any

from workers.cli import voices


def voice(source: str, state: str, stage: str, **facts: Any) -> dict[str, Any]:
    day = "2026-11-03T09:00:00+00:00"
    return {
        "source": source, "state": state, "stage": stage, "day": day, "newest": day, "failing_since": None, "text": "Held", **facts,
    }  # fmt: skip


def decision(*each: dict[str, Any], differ: str = "", **asked: Any) -> dict[str, Any]:
    return {"sources": {"each": list(each), "differ": differ, "contradict_since": None, "asked": asked}}


def test_a_parcel_of_one_source_says_nothing_of_sources() -> None:
    assert voices.lines(decision(voice("17TRACK", "says", "held"))) == []
    assert voices.lines({}) == []
    assert voices.differ({}) == ""


def test_who_is_silent_and_who_was_asked_and_why_stand_in_the_explanation() -> None:
    one = decision(
        voice("ParcelsApp", "says", "released"), voice("17TRACK", "quiet", "held"), differ="behind",
        why="stuck", since="2026-11-20T00:00:00+00:00", sources=["app"],
    )  # fmt: skip
    said = "\n".join(voices.lines(one))
    assert "17TRACK: nothing new since 2026-11-03 09:00 UTC, still held" in said
    assert "Asked as well: app, because it stands longer than usual (since 2026-11-20 00:00 UTC)" in said
    assert "ParcelsApp: released since" in voices.differ(one)


def test_a_source_that_fails_is_silent_since_a_day() -> None:
    one = decision(voice("17TRACK", "failing", "held", failing_since="2026-11-10T00:00:00+00:00"))
    assert "  17TRACK: silent since 2026-11-10 00:00 UTC; before that held" in voices.lines(one)
