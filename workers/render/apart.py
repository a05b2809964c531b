"""Set the words of strangers apart in a notice's facts, so that they reorder nothing around them. Drops and adds no fact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.core.direction import isolated

Plain = dict[str, Any]

_ORDER = ("title", "shop", "seller")
_EVENT = ("text", "original", "place", "source")


def apart(context: Mapping[str, Any], direction: str) -> Plain:
    """Return *context* for a reader whose language runs in *direction*.

    Numbers keep together by themselves unless they begin or end with a sign of the other direction's own.
    """

    def put(words: str) -> str:
        return isolated(words, direction)

    def number(words: str) -> str:
        return isolated(words, direction, sparing=True)

    def event(one: Mapping[str, Any] | None) -> Plain | None:
        if one is None:
            return None
        lists = {key: [put(name) for name in one[key]] for key in ("witnesses", "shown_by") if key in one}
        return {**one, **{key: put(one[key]) for key in _EVENT}, **lists}

    order, parcel = context["order"], context["parcel"]
    told: Plain = {
        **context,
        "order": {**order, **{key: put(order[key]) for key in _ORDER}, "number": number(order["number"])},
        "parcel": {**parcel, "number": number(parcel["number"]), "carrier": put(parcel["carrier"])},
        "operator": {**context["operator"], "name": put(context["operator"]["name"])},
        "last": event(context["last"]),
        "proof": event(context["proof"]),
        "timeline": [event(one) for one in context["timeline"]],
        "next_numbers": [number(one) for one in context["next_numbers"]],
    }
    if "voices" in context:  # a notice may have been stored before there were any
        voices = context["voices"]
        told["voices"] = {
            **voices,
            "others": [put(name) for name in voices["others"]],
            "each": [{**one, "source": put(one["source"])} for one in voices["each"]],
            "numbers": [
                {"number": number(one["number"]), "carrier": put(one["carrier"])} for one in voices["numbers"]
            ],
        }
    if context.get("unseen"):
        told["unseen"] = {**context["unseen"], "source": put(context["unseen"]["source"])}
    return told
