"""Make what a terminal or a log shows safe to be shown: no sign that moves a cursor, breaks a line or turns a direction.

It knows nothing of what is said. Strangers' words were made fit to be quoted before (``core.quote``); this is the last door.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def plain(text: str) -> str:
    """Return *text* for a terminal: only line ends and what can be seen."""
    if text.isprintable():
        return text
    return "".join(char for char in text.replace("\t", " ") if char == "\n" or char.isprintable())


def as_json(value: Any, *, ascii_only: bool = False, default: Any = str) -> str:
    """Return *value* as JSON on one line, every sign that cannot be seen in it written as an escape."""
    said = json.dumps(value, ensure_ascii=ascii_only, default=default)
    if said.isprintable():
        return said
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in said)


def visible_values(_logger: object, _method: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """Return a log's event with every text in it fit for a terminal: a step of structlog's."""
    return {key: _escaped(value) for key, value in event.items()}


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return (
            value if value.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value)
        )
    if isinstance(value, list | tuple):
        return [_escaped(one) for one in value]
    return value if isinstance(value, bool | int | float | type(None)) else _escaped(str(value))
