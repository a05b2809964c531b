"""Give a parcel's deadlines their words and write them as a calendar file. Decides no date and sends nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from workers.core import calendar
from workers.errors import Permanent
from workers.render import BAD_TEMPLATE, Renderer, formats

Context = Mapping[str, Any]

WORDS: Final = "layout/calendar.j2"


@contextmanager
def _own_words() -> Iterator[None]:
    """Turn what a template of the user's raises into Permanent."""
    try:
        yield
    except BAD_TEMPLATE as error:
        raise Permanent(
            f"the words of {WORDS} cannot be put together: {error}", hint="customs-watch validate"
        ) from error


class Calendars(Renderer):
    """A renderer that also writes calendars."""

    def document(self, contexts: Iterable[Context], *, lang: str, timezone: str, now: datetime) -> str:
        """Return one calendar (RFC 5545) of all dates that the parcels' briefs know; raises Permanent."""
        reader = formats.Reader.of(lang, timezone, self._catalogs.best(lang))
        with _own_words():
            entries = [
                self._entry(one, context, reader) for context in contexts for one in calendar.dated(context)
            ]
            return calendar.document(entries, name=self._say("name", {"reader": reader}), now=now)

    def deadline(self, context: Context, *, lang: str, timezone: str, organizer: str = "") -> str:
        """Return the calendar of the date that a notice names, to be attached to it; "" where it names none."""
        named = context["deadline"]
        if not named:
            return ""
        reader = formats.Reader.of(lang, timezone, self._catalogs.best(lang))
        with _own_words():
            entries = [
                self._entry(one, context, reader)
                for one in calendar.dated(context)
                if one.day.isoformat() == named
            ]
            now = datetime.fromisoformat(context["now"])
            name = self._say("name", {"reader": reader})
        return calendar.document(entries, name=name, now=now, organizer=organizer) if entries else ""

    def _entry(self, one: calendar.Dated, context: Context, reader: formats.Reader) -> calendar.Entry:
        told = self._told(context, reader)
        lines = [self._say(f"about_{one.kind}", told), "" if one.by_rule else self._say("assumed", told)]
        if context["order"]["number"]:
            lines.append(self._templates.name("order_line", told))
        lines.append(self._templates.name("number_line", told))
        return calendar.Entry(
            one, self._say(f"summary_{one.kind}", told), "\n".join(line for line in lines if line)
        )

    def _say(self, block: str, told: dict[str, Any]) -> str:
        return " ".join(self._templates.say(WORDS, block, told).split())
