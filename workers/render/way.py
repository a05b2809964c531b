"""Draw a parcel's way as a row of legs, each behind it, under it or ahead. Decides nothing about the parcel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from workers.core import phases
from workers.core.model import Side, Stage
from workers.core.phases import Phase
from workers.render import formats
from workers.render.templates import Templates

Plain = dict[str, Any]

LEGS: Final = (Phase.SENDER, Phase.EXPORT, Phase.ROAD, Phase.CUSTOMS, Phase.LAST_MILE)
NO_WAY: Final[Plain] = {"legs": [], "phase": ""}


def way(context: Mapping[str, Any], templates: Templates, told: Plain) -> Plain:
    """Return the legs (``done``, ``now``, ``customs`` or ``ahead``) and the name of the leg the parcel is on.

    One that goes back, was taken, or of which nothing is known has none: a row of legs would promise an arrival.
    """
    stage = Stage(context["stage"])
    stands = phases.phase(stage, Side(context["side"]) if context["side"] else None)
    if stage is Stage.UNKNOWN or (stands is Phase.OVER and stage is not Stage.DELIVERED):
        return NO_WAY
    at = LEGS.index(stands) if stands in LEGS else len(LEGS)
    here = "customs" if stands is Phase.CUSTOMS else "now"
    name = f"phase_{stands.value}" if stands in LEGS else f"stage_{stage.value}"
    return {
        "legs": ["done" if nth < at else here if nth == at else "ahead" for nth in range(len(LEGS))],
        "phase": formats.sentence(templates.name(name, told)),
    }
