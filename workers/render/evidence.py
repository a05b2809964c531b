"""Write the evidence pack: one page with everything known of an order, for a dispute. Sends and judges nothing.

It is HTML that prints well, and no PDF of our own: the words come in forty writing systems, and only a browser
has the fonts and the shaping for all of them. A light PDF library would bring neither, a heavy one needs
libraries of the system. Every browser prints to PDF.

Strangers' words are quoted (``core.quote``) and escaped; the page loads nothing, runs nothing and links nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from workers.core import detect
from workers.core.brief import CUSTOMS, VERSION
from workers.core.model import Order, Prepaid, Seen, Side, Snapshot, Stage
from workers.core.quote import identifier, quote, visible
from workers.core.timeline import CAP
from workers.errors import Permanent
from workers.render import BAD_TEMPLATE, Renderer, costs, formats

Context = Mapping[str, Any]
Plain = dict[str, Any]

TEXT: Final = 600  # characters of one event's text; longer ones are cut with an ellipsis
NAME: Final = 80
TO_SELLER: Final = frozenset(
    {"not_moving", "not_shipped", "seller_acts", "seller_invoice", "send_again", "stuck", "tax_number"}
)
TO_SHOP: Final = frozenset({"counterfeit", "not_received", "refund"})
# Stages at which nobody but the buyer or the driver can move it on: asking the seller would be odd.
NOT_THE_SELLERS: Final = frozenset(
    {
        Stage.AVAILABLE_FOR_PICKUP,
        Stage.DELIVERY_FAILED,
        Stage.OUT_FOR_DELIVERY,
        Stage.PAYMENT_DUE,
        Stage.REFUSED,
        Stage.RETURNING,
    }
)
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")


@dataclass(frozen=True, slots=True)
class Sent:
    """A notice that was accepted by its channel; ``context`` is the brief it was rendered from."""

    at: datetime
    to: str  # the recipient's name in the user's file, never an address
    channel: str
    context: Context


@dataclass(frozen=True, slots=True)
class Piece:
    """One parcel of the order: its brief of this moment, its memory, what was told of it, and when it was looked at."""

    context: Context
    snapshot: Snapshot
    sent: Sequence[Sent] = ()
    looked: Mapping[str, datetime] = field(default_factory=dict)  # source -> last look with an answer


def letters(context: Context) -> tuple[str, ...]:
    """Return which letters a pack holds: the advice's own, one to the seller, one for the dispute; none is untrue."""
    own = list(context["letters"])
    stage = Stage(context["stage"])
    if stage is Stage.DELIVERED or not context["timeline"]:
        return tuple(own)
    if not TO_SELLER & {*own}:
        own += _to_seller(stage, context)
    if not TO_SHOP & {*own}:
        own.append(_to_shop(stage, context))
    return tuple(own)


def _to_seller(stage: Stage, context: Context) -> list[str]:
    if stage is Stage.PRE_TRANSIT:
        return ["not_shipped"]
    if stage is Stage.DOCUMENTS_REQUIRED:
        return ["seller_invoice"]
    if context["addressee"] == "sender":
        return ["seller_acts"]
    if stage in NOT_THE_SELLERS or context["pace"] == "usual" or not context["days"]:
        return []  # the letters left complain of a parcel that stands still
    return ["stuck"] if stage in CUSTOMS and context["side"] == Side.DESTINATION else ["not_moving"]


def _to_shop(stage: Stage, context: Context) -> str:
    if stage is Stage.REFUSED and "suspected_counterfeit" in context["causes"]:
        return "counterfeit"
    return "refund" if stage in (Stage.REFUSED, Stage.RETURNING) else "not_received"


def sides(order: Order, snapshot: Snapshot, *, now: datetime) -> dict[str, detect.Step]:
    """Return, for each source, where the parcel would stand by what that source alone showed and still shows."""
    names = sorted({name for seen in snapshot.timeline for name in seen.witnesses})
    found = {}
    for name in names:
        own = [seen for seen in snapshot.timeline if name in seen.witnesses and not seen.vanished]
        steps = detect.story(own, origin=order.origin, destination=order.destination, now=now)
        if steps:
            found[name] = steps[-1]
    return found


class EvidencePacks(Renderer):
    """A renderer that also writes evidence packs."""

    def pack(
        self,
        order: Order,
        pieces: Sequence[Piece],
        *,
        lang: str,
        letters_in: str,
        timezone: str,
        version: str,
        now: datetime,
    ) -> str:
        """Return the page in *lang*, its letters in *letters_in* and English; raises Permanent for a bad template."""
        reader = formats.Reader.of(lang, timezone, self._catalogs.best(lang))
        writer = formats.Reader.of(letters_in, timezone, self._catalogs.best(letters_in))
        try:
            first = self._told(pieces[0].context, reader)
            page = {
                **first,
                "facts": self._order(order, first),
                "pieces": [self._piece(order, piece, reader, now) for piece in pieces],
                "letters": [
                    letter for piece in pieces for letter in self._drafts(piece.context, reader, writer)
                ],
                "made": reader.moment(now.isoformat(), day_only=False),
                "zone": reader.zone.key,
                "program": version,
            }
            return self._templates.layout("evidence.html", page)
        except BAD_TEMPLATE as error:
            where = getattr(error, "name", None) or "layout/evidence.html.j2"
            raise Permanent(
                f"the words of {where} cannot be put together: {error}", hint="customs-watch validate"
            ) from error

    def _order(self, order: Order, told: Plain) -> Plain:
        reader: formats.Reader = told["reader"]
        facts: Context = told["order"]
        checkout = order.checkout
        return {
            "origin": _country(order.origin, reader),
            "destination": _country(order.destination, reader),
            "goods": reader.money(facts["goods"]) if facts["goods"] else "",
            "shipping": reader.money(facts["shipping"]) if facts["shipping"] else "",
            "ordered_on": reader.day(facts["ordered_on"]),
            "vat": checkout.vat.value,
            "vat_amount": reader.money(facts["vat_amount"]) if facts["vat_amount"] else "",
            "duty": checkout.duty.value,
            "import_charges": checkout.import_charges.value,
            "checkout_known": {checkout.vat, checkout.duty, checkout.import_charges} != {Prepaid.UNKNOWN},
            "category": quote(order.category, NAME),
            "hs_code": identifier(order.hs_code),
        }

    def _drafts(self, context: Context, reader: formats.Reader, writer: formats.Reader) -> list[Plain]:
        return [
            {
                **letter,
                "number": identifier(context["parcel"]["number"]),
                "language": spoken.locale.get_language_name(reader.locale),
                "direction": spoken.direction,
            }
            for name in letters(context)
            for letter in self._letters(name, context, writer)
            for spoken in [formats.Reader.of(letter["lang"], reader.zone.key, reader.catalog)]
        ]

    def _piece(self, order: Order, piece: Piece, reader: formats.Reader, now: datetime) -> Plain:
        context, snapshot = piece.context, piece.snapshot
        told = self._told(context, reader)
        shown = sides(order, snapshot, now=now)
        return {
            **told,
            "number_line": self._templates.name("number_line", told),
            "stage_words": self._stage(context["stage"], told),
            "since_words": reader.moment(context["since"], day_only=False),
            "entered": snapshot.occurrence,
            "waiting": self._timeline(told)["facts"],
            "events": [self._seen(seen, told) for seen in snapshot.timeline],
            "capped": len(snapshot.timeline) >= CAP,
            "looked": [
                {"source": quote(name, NAME), "at": reader.moment(at.isoformat(), day_only=False)}
                for name, at in sorted(piece.looked.items())
            ],
            "disagree": len({step.stage for step in shown.values()}) > 1,
            "sides": [
                {"source": quote(name, NAME), "stage": self._stage(step.stage.value, told)}
                for name, step in shown.items()
            ],
            "vanished": sum(seen.vanished for seen in snapshot.timeline),
            "costs": costs.lines(context["cost"], self._templates, told),
            "rules": [line["rule"] for line in context["cost"]["lines"]],
            "cost_day": reader.day(context["cost"]["on"]),
            "sent": [self._sent(sent, reader) for sent in sorted(piece.sent, key=lambda one: one.at)],
            "reasons": self._reasons(told),
        }

    def _stage(self, stage: str, told: Plain) -> str:
        return self._templates.name(f"stage_{stage}", told) if stage != Stage.UNKNOWN else ""

    def _seen(self, seen: Seen, told: Plain) -> Plain:
        reader: formats.Reader = told["reader"]
        sighting, reading = seen.sighting, seen.reading
        at = sighting.at.isoformat() if sighting.at else None
        text = quote(sighting.text, TEXT)
        meaning = quote(sighting.translation, TEXT)
        return {
            "when": reader.moment(at, day_only=sighting.quality == "day"),
            "quality": sighting.quality.value,
            "place": quote(sighting.place, NAME),
            "country": _country(visible(sighting.country, 2), reader),
            "carrier": quote(sighting.carrier, NAME),
            "text": text or meaning or identifier(sighting.code),
            "lang": sighting.lang if _LANGUAGE.fullmatch(sighting.lang) else "",
            "translation": meaning if text and meaning != text else "",
            "stage": self._stage(reading.stage.value, told),
            "side": reading.side.value if reading.side else "",
            "customs": reading.stage in CUSTOMS and reading.side in (None, Side.DESTINATION),
            "code": identifier(sighting.code),
            "number": identifier(sighting.number),
            "sources": [quote(name, NAME) for name in dict.fromkeys((sighting.source, *seen.witnesses))],
            "first_seen": reader.moment(seen.first_seen.isoformat(), day_only=False),
            "vanished": seen.vanished,
        }

    def _sent(self, sent: Sent, reader: formats.Reader) -> Plain:
        return {
            "at": reader.moment(sent.at.isoformat(), day_only=False),
            "to": quote(sent.to, NAME),
            "channel": quote(sent.channel, NAME),
            "said": self._subject(sent.context, reader),
        }

    def _subject(self, context: Context, reader: formats.Reader) -> str:
        """Return the headline of a notice as it would be said now; "" where an older version stored it."""
        if context.get("version") != VERSION:
            return ""
        said = self._templates.say(f"advice/{context['advice']}.j2", "subject", self._told(context, reader))
        return " ".join(said.split())


def _country(code: str, reader: formats.Reader) -> str:
    return str(reader.locale.territories.get(code, code)) if code else ""
