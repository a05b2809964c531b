"""Keeps the last few messages that were put into words: one decision goes to several people by several channels. Writes none."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from workers.core.model import Message

MOST = 64  # messages of some 20 kB each


class Words(Protocol):
    """What puts a notice into words."""

    def render(self, context: Mapping[str, Any], *, lang: str, timezone: str) -> Message: ...


class Once:
    """The last messages by what they were made of, and by whom. Safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[bytes, str, str], Message] = OrderedDict()
        self._by: Words | None = None
        self._lock = threading.Lock()

    def render(self, by: Words, context: Mapping[str, Any], *, lang: str, timezone: str) -> Message:
        """Return what *by* made of the same before, else what it makes of it now; what it raises is not kept."""
        key = msgspec.json.encode(context), lang, timezone
        with self._lock:
            if by is not self._by:
                self._kept.clear()
                self._by = by
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                return kept
        made = by.render(context, lang=lang, timezone=timezone)
        with self._lock:
            if by is self._by:
                self._kept[key] = made
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return made
