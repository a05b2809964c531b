"""Lines about the sources of a parcel, for `explain` and `status`: who says what, who is silent, who else is asked and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from workers.cli.common import one_line

ASKED = {
    "failing": "a source of its own fails",
    "unknown": "its own source does not know it",
    "contradict": "its sources contradict each other",
    "stuck": "it stands longer than usual",
    "behind": "its own source has not the newest event",
}
DIFFER = {
    "behind": "Not every source has the newest event.",
    "contradict": "The sources contradict each other.",
}


def lines(one: Mapping[str, Any]) -> list[str]:
    """Return what ``explain`` says of the sources of a decision; nothing where one source says it all."""
    told = one.get("sources") or {}
    each, asked, followed = told.get("each", []), told.get("asked", {}), told.get("followed", [])
    if (
        len(each) < 2
        and not followed
        and not asked.get("sources")
        and not any(v["failing_since"] for v in each)
    ):
        return []
    said = ["", "Sources:", *(f"  {_voice(voice)}" for voice in each)]
    if told.get("differ"):
        since = f" Since {_day(told['contradict_since'])}." if told.get("contradict_since") else ""
        said.append(f"  {DIFFER.get(told['differ'], told['differ'])}{since}")
    if asked.get("sources"):
        why = ASKED.get(asked["why"], asked["why"])
        said.append(
            f"  Asked as well: {', '.join(asked['sources'])}, because {why} (since {_day(asked['since'])})"
        )
    said += [f"  Travels on under {one_line(what)}" for what in followed]
    return said


def differ(one: Mapping[str, Any]) -> str:
    """Return one line for ``status`` where the sources of a parcel differ, or one of them fails; else ""."""
    told = one.get("sources") or {}
    if told.get("differ") not in DIFFER:
        return ""
    return "; ".join(_voice(voice) for voice in told.get("each", []) if voice["state"] != "unknown")


def _voice(voice: Mapping[str, Any]) -> str:
    name, stage = one_line(voice["source"]), voice["stage"].replace("_", " ")
    newest = _day(voice["newest"])
    if voice["state"] == "failing":
        return f"{name}: silent since {_day(voice['failing_since'])}; before that {stage}"
    if voice["state"] == "unknown":
        return f"{name}: knows nothing of it"
    if voice["state"] == "quiet":
        return f"{name}: nothing new since {newest}, still {stage}"
    return f"{name}: {stage} since {_day(voice['day'])}, newest event {newest}: “{one_line(voice['text'])}”"


def _day(moment: str | None) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M} UTC" if moment else "a date we do not know"
