"""The user's own words, and ours where those fail: no notice is lost because a template is broken. Tells nobody, but keeps why."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from workers.core.model import Enclosure, Message, Order
from workers.errors import Permanent
from workers.render.bundle import Kind
from workers.render.chamber import PATIENCE, Chamber, GivenUp
from workers.render.enclosed import Context, Words
from workers.render.evidence import Piece

T = TypeVar("T")

_FILE = re.compile(r"the words of (\S+) cannot")
MOST = 20  # complaints kept until somebody asks


class OwnWords(Words):
    """Renders by the user's folder in a chamber, and by our templates where that fails.

    A template that took too much once is not tried again before the folder is opened anew: it would keep every notice waiting.
    """

    def __init__(self, folder: Path, *, patience: timedelta = PATIENCE) -> None:
        super().__init__(None)
        self._chamber = Chamber(folder, patience=patience, again=False)
        self._complaints: dict[str, str] = {}
        self._guard = threading.Lock()

    def complaints(self) -> tuple[tuple[str, str], ...]:
        with self._guard:
            found, self._complaints = self._complaints, {}
        return tuple(found.items())

    def close(self) -> None:
        self._chamber.close()

    def render(self, context: Context, *, lang: str, timezone: str) -> Message:
        return self._own("render", super().render, context, lang=lang, timezone=timezone)

    def bundle(self, kind: Kind, contexts: Sequence[Context], *, lang: str, timezone: str) -> Message:
        return self._own("bundle", super().bundle, kind, contexts, lang=lang, timezone=timezone)

    def seen(self, state: Literal["ask", "noted", "over"], title: str, *, lang: str) -> str:
        return self._own("seen", super().seen, state, title, lang=lang)

    def leave(self, state: Literal["ask", "done", "over"], *, lang: str) -> str:
        return self._own("leave", super().leave, state, lang=lang)

    def dates(self, context: Context, *, lang: str, timezone: str, writer: str) -> Enclosure | None:
        return self._own("dates", super().dates, context, lang=lang, timezone=timezone, writer=writer)

    def evidence(
        self, order: Order, pieces: Sequence[Piece], *, lang: str, timezone: str, now: datetime
    ) -> Enclosure | None:
        return self._own("evidence", super().evidence, order, pieces, lang=lang, timezone=timezone, now=now)

    def _own(self, what: str, ours: Callable[..., T], *args: Any, **more: Any) -> T:
        try:
            said: T = self._chamber.ask(what, *args, **more)
        except GivenUp:
            return ours(*args, **more)
        except Permanent as trouble:
            instead = ours(*args, **more)  # raises where the notice itself is to blame, and no template
            self._complain(_file(trouble, what, args), str(trouble.args[0]))
            return instead
        return said

    def _complain(self, file: str, said: str) -> None:
        with self._guard:
            if len(self._complaints) < MOST:
                self._complaints[file] = said


def _file(trouble: Permanent, what: str, args: tuple[Any, ...]) -> str:
    """Return which template is to blame, as well as that can be known."""
    found = _FILE.search(str(trouble))
    if found:
        return found[1]
    context = args[0] if args and isinstance(args[0], dict) else {}
    named = context.get("advice") or context.get("owner")
    return f"{'owner' if 'owner' in context else 'advice'}/{named}.j2" if named else f"layout ({what})"
