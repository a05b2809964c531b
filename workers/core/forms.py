"""Bring the facts that an older version stored for a notice into today's form. Invents nothing: what was not stored is not said.

``brief.VERSION`` numbers the form. Whoever makes the words need a fact that was not there, or adds an advice or a topic, raises
it and says here how the older form is lifted: notices may wait for days, and older and newer workers may share a store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from workers.core.brief import VERSION
from workers.core.second import Opinion
from workers.core.spoken import plain
from workers.core.voices import Voices

Context = Mapping[str, Any]

_EVENT: Final[Context] = {
    "customs": False, "source": "", "witnesses": [], "code": "", "vanished": False, "shown_by": [],
}  # fmt: skip


def of_newer(context: Context) -> bool:
    """Say whether a newer version than this one stored *context*."""
    version = context.get("version")
    return isinstance(version, int) and version > VERSION


def lifted(context: Context) -> Context | None:
    """Return *context* in today's form; None where nobody knows what wrote it, or a newer version did."""
    version = context.get("version")
    if not isinstance(version, int) or not 1 <= version <= VERSION:
        return None
    for step in range(version, VERSION):
        context = {**_STEPS.get(step, dict)(context), "version": step + 1}
    return context


def _from_1(context: Context) -> Context:
    if "owner" in context:
        return context
    letter = context.get("letter")
    return {
        **context,
        "letters": [letter] if letter else [],
        "guesses": [],
        "voices": plain(Voices(), Opinion()),
        "timeline": [{**_EVENT, **event} for event in context.get("timeline", ())],
    }


_STEPS: Final[Mapping[int, Callable[[Context], Context]]] = {1: _from_1}
