"""Say who says what of a parcel, where its sources differ, fail or were asked besides. Judges none of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from babel.lists import format_list

from workers.render import formats
from workers.render.templates import Templates

Plain = dict[str, Any]

NOTHING: Plain = {"differ": "", "asked": "", "others": [], "each": [], "numbers": []}


def lines(context: Mapping[str, Any], templates: Templates, told: Plain) -> list[str]:
    """Return the sentences of ``context["voices"]``; none where all sources say the same."""
    reader: formats.Reader = told["reader"]
    voices = context.get("voices", NOTHING)  # a notice may have been stored before there were any
    said = []
    if voices["differ"]:
        said.append(templates.name(f"voices_{voices['differ']}", told))
    for one in voices["each"]:
        stage = templates.name(f"stage_{one['stage']}", told)
        day = reader.moment(one["day"], day_only=True) or templates.name("no_date", told)
        said.append(templates.name(f"voice_{one['state']}", told, source=one["source"], stage=stage, day=day))
    if voices["asked"]:
        others = together(voices["others"], reader)
        said.append(templates.name(f"voices_asked_{voices['asked']}", told, others=others))
    for number in voices["numbers"]:
        name = "followed_number_with" if number["carrier"] else "followed_number"
        said.append(templates.name(name, told, number=number["number"], carrier=number["carrier"]))
    return said


def witnesses(event: Mapping[str, Any], templates: Templates, told: Plain) -> str:
    """Return who showed an event, for a parcel that several sources showed; "" for one of a single source."""
    shown_by = event.get("shown_by", ())
    if not shown_by:
        return ""
    return templates.name("witnesses", told, sources=together(shown_by, told["reader"]))


def together(names: list[str], reader: formats.Reader) -> str:
    return format_list(list(names), style="standard", locale=reader.locale)
