"""Write the status page and its feed: every parcel, worst first, with what to do and by when. Judges and sends nothing.

One HTML file that works offline, prints, follows light and dark, and needs no script. Strangers' words are quoted
(``core.quote``) and escaped; the page loads nothing and links nowhere but into itself.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET  # nosec B405 # writes a feed, and parses nothing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from workers.core import calendar, detect, phases
from workers.core.direction import isolated
from workers.core.model import Order, Side, Snapshot, Stage
from workers.core.quote import quote, visible
from workers.errors import Permanent
from workers.render import BAD_TEMPLATE, formats
from workers.render.dates import Calendars
from workers.render.templates import items, paragraph

Context = Mapping[str, Any]
Plain = dict[str, Any]

NAME: Final = 80
THIN: Final = (
    7.0  # per cent of the drawing's width that the shortest phase gets, so that its number can be read
)
ATOM: Final = "http://www.w3.org/2005/Atom"
WEIGHT: Final = {"yes": 0, "wait": 1, "no": 2}
FAR: Final = "9999-12-31"
# The names of layout/names.j2 that the page uses as they are.
FIXED: Final = (
    "needs_yes", "needs_wait", "needs_no", "heading_steps", "heading_dont", "heading_letter",
    "heading_timeline",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shown:
    """One parcel: its brief of this moment, its memory, and how the last look at it failed ("" where it did not)."""

    order: Order
    context: Context
    snapshot: Snapshot
    trouble: str = ""
    looked: datetime | None = None  # the last look with an answer


@dataclass(frozen=True, slots=True)
class SourceState:
    """How a source is: the last answer, failures in a row, and what it said."""

    name: str
    failures: int = 0
    last_ok: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class House:
    """All that the page shows."""

    parcels: Sequence[Shown]
    sources: Sequence[SourceState] = ()
    left_out: int = 0  # parcels that are watched and not shown, none of them worse than those that are


class StatusPages(Calendars):
    """A renderer that also writes the status page and its Atom feed."""

    def page(self, house: House, *, lang: str, timezone: str, version: str, now: datetime) -> str:
        """Return the page in *lang*; raises Permanent for a bad template."""
        reader = formats.Reader.of(lang, timezone, self._catalogs.best(lang))
        try:
            parcels = [self._parcel(one, reader, now) for one in house.parcels]
            parcels.sort(key=lambda p: (WEIGHT[p["needs_you"]], p["deadline"] or FAR, p["title"]))
            for number, one in enumerate(parcels, start=1):
                one["anchor"] = f"p{number}"
            return self._templates.layout(
                "status.html",
                {
                    "reader": reader,
                    "lang": reader.tag,
                    "direction": reader.direction,
                    "parcels": parcels,
                    "needing": sum(one["needs_you"] == "yes" for one in parcels),
                    "dates": self._dates(parcels, house, reader, now),
                    "more": self._templates.name("digest_rest", {"reader": reader}, rest=house.left_out)
                    if house.left_out
                    else "",
                    "sources": [self._source(one, reader) for one in house.sources],
                    "made": reader.moment(now.isoformat(), day_only=False),
                    "zone": reader.zone.key,
                    "program": version,
                    "names": {key: self._templates.name(key, {"reader": reader}) for key in FIXED},
                },
            )
        except BAD_TEMPLATE as error:
            where = getattr(error, "name", None) or "layout/status.html.j2"
            raise Permanent(
                f"the words of {where} cannot be put together: {error}", hint="customs-watch validate"
            ) from error

    def feed(self, house: House, *, lang: str, timezone: str, now: datetime) -> bytes:
        """Return an Atom feed (RFC 4287): one entry for each parcel's latest news, the newest first."""
        reader = formats.Reader.of(lang, timezone, self._catalogs.best(lang))
        ET.register_namespace("", ATOM)
        feed = ET.Element(f"{{{ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": reader.tag})
        _add(feed, "title", "customs-watch")
        _add(feed, "id", "urn:customs-watch:status")
        newest = sorted(house.parcels, key=lambda one: _moved(one, now), reverse=True)
        _add(feed, "updated", _moved(newest[0], now).isoformat() if newest else now.isoformat())
        author = ET.SubElement(feed, f"{{{ATOM}}}author")
        _add(author, "name", "customs-watch")
        for one in newest:
            said = self._said(one.context, reader)
            entry = ET.SubElement(feed, f"{{{ATOM}}}entry")
            stage = f"{one.context['stage']}:{one.snapshot.occurrence}:{one.context['advice']}"
            _add(
                entry,
                "id",
                f"urn:customs-watch:{visible(one.context['parcel']['id'], NAME)}:{stage}".replace(" ", "-"),
            )
            _add(entry, "title", said["subject"])
            _add(entry, "updated", _moved(one, now).isoformat())
            _add(entry, "summary", f"{said['happening']} {said['needs_you']}".strip())
        whole: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
        return whole

    # -- one parcel --

    def _said(self, context: Context, reader: formats.Reader) -> Plain:
        told = self._told(context, reader)
        names = ("subject", "happening", "needs_you", "by_when", "steps", "dont")
        said = self._templates.say_all(f"advice/{context['advice']}.j2", names, told)
        lists = {name: items(said[name]) for name in ("steps", "dont")}
        return {**{name: paragraph(text) for name, text in said.items()}, **lists}

    def _parcel(self, one: Shown, reader: formats.Reader, now: datetime) -> Plain:
        context = one.context
        told = self._told(context, reader)
        customs = _in_customs(context)
        return {
            **told,
            "words": self._said(context, reader),
            "needs_you": context["needs_you"],
            "need": self._need(told),
            "deadline": context["deadline"] or "",
            "by": reader.short_day(context["deadline"]) if context["deadline"] else "",
            "stage_words": self._templates.name(f"stage_{context['stage']}", told),
            "number_line": self._templates.name("number_line", told),
            "order_line": self._templates.name("order_line", told) if context["order"]["number"] else "",
            "facts": self._facts(context, told),
            "events": self._timeline(told)["events"],
            "letters": [
                letter for name in context["letters"] for letter in self._letters(name, context, reader)
            ],
            "phases": self._phases(one, told, now),
            "gauge": _gauge(context["days_in_customs"], context["usual"])
            if customs and context["usual"]["known"]
            else None,
            "trouble": isolated(quote(one.trouble, 200), reader.direction),
            "looked": reader.moment(one.looked.isoformat(), day_only=False) if one.looked else "",
        }

    def _facts(self, context: Context, told: Plain) -> list[str]:
        """Return what is known of how long it takes, and say so where nothing is: a missing line would read as "as usual"."""
        facts: list[str] = self._timeline(told)["facts"]
        thin = _in_customs(context) and not context["usual"]["known"]
        return [*facts, self._templates.name("usual_unknown", told)] if thin else facts

    def _phases(self, one: Shown, told: Plain, now: datetime) -> list[Plain]:
        order = one.order
        own = [seen for seen in one.snapshot.timeline if not seen.vanished]
        steps = detect.story(own, origin=order.origin, destination=order.destination, now=now)
        found = phases.stretches(steps, now=now)
        whole = sum((stretch.ended - stretch.began for stretch in found), timedelta()) or timedelta(1)
        widths = [max(100 * ((stretch.ended - stretch.began) / whole), THIN) for stretch in found]
        scale = 100 / sum(widths) if widths else 1
        return [
            {
                "phase": stretch.phase.value,
                "width": f"{width * scale:.2f}",
                "name": self._templates.name(f"phase_{stretch.phase.value}", told),
                "days": self._templates.name("phase_length", told, length=stretch.days),
                "lasts": stretch.lasts,
            }
            for stretch, width in zip(found, widths, strict=True)
        ]

    def _dates(
        self, parcels: Sequence[Plain], house: House, reader: formats.Reader, now: datetime
    ) -> list[Plain]:
        """Return the days to come on which something ends, the nearest first, each with its dates."""
        anchors = {one["parcel"]["id"]: one["anchor"] for one in parcels}
        today = now.astimezone(reader.zone).date()
        days: dict[date, dict[str, Plain]] = {}
        for one in house.parcels:
            if Stage(one.context["stage"]) is Stage.DELIVERED:
                continue
            for dated in calendar.dated(one.context):
                if dated.day < today:
                    continue
                what = self._entry(dated, one.context, reader).summary
                found = {"what": what, "anchor": anchors[one.context["parcel"]["id"]]}
                days.setdefault(dated.day, {}).setdefault(dated.uid, found)  # one for all parcels of an order
        return [
            {
                "day": day.isoformat(),
                "when": reader.day(day.isoformat()),
                "ahead": reader.ahead(day - today),
                "dates": sorted(dates.values(), key=lambda one: str(one["what"])),
            }
            for day, dates in sorted(days.items())
        ]

    def _source(self, one: SourceState, reader: formats.Reader) -> Plain:
        return {
            "name": quote(one.name, NAME),
            "failures": one.failures,
            "last_ok": reader.moment(one.last_ok.isoformat(), day_only=False) if one.last_ok else "",
            "error": quote(one.error, 200) if one.failures else "",
        }


def _in_customs(context: Context) -> bool:
    side = Side(context["side"]) if context["side"] else None
    stands = phases.phase(Stage(context["stage"]), side)
    return stands is phases.Phase.CUSTOMS and context["days_in_customs"] is not None


def _gauge(days: int, usual: Context) -> Plain:
    """Return where *days* stands against the usual range, in per cent of a scale that holds both."""
    half, most = float(usual["half"]), float(usual["most"])
    scale = max(days, most, 1.0) * 1.15
    return {
        "half": f"{100 * half / scale:.1f}",
        "most": f"{100 * most / scale:.1f}",
        "now": f"{100 * max(days / scale, 0.01):.1f}",
    }


def _moved(one: Shown, now: datetime) -> datetime:
    return one.snapshot.since or one.snapshot.last_news or now


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, f"{{{ATOM}}}{name}").text = text
