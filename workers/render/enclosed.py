"""Put beside the words of a mail what its channel wants: the deadline, the evidence, schema.org's markup. Sends nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import workers
from workers.core.model import Enclosure, Order
from workers.core.quote import identifier
from workers.render.evidence import TO_SHOP, EvidencePacks, Piece
from workers.render.page import StatusPages

Context = Mapping[str, Any]

CALENDAR: Final = "text/calendar; method=PUBLISH"
DISPUTES: Final = TO_SHOP | {"chargeback"}  # the letters of an advice that sends its reader to a dispute
PLACE: Final = 12  # characters of a postcode; the longest known has ten


class Words(StatusPages, EvidencePacks):
    """A renderer of all there is: messages, what is enclosed in them, and pages."""

    def complaints(self) -> tuple[tuple[str, str], ...]:
        """Return, once, which templates failed and why, where others stood in for them."""
        return ()

    def close(self) -> None:
        """Let go of what was begun."""

    def dates(self, context: Context, *, lang: str, timezone: str, writer: str) -> Enclosure | None:
        """Return the deadline that a notice names as a calendar of *writer*'s; None where it names none."""
        text = self.deadline(context, lang=lang, timezone=timezone, organizer=writer)
        return Enclosure("deadline.ics", CALENDAR, text) if text else None

    def evidence(
        self, order: Order, pieces: Sequence[Piece], *, lang: str, timezone: str, now: datetime
    ) -> Enclosure | None:
        """Return the evidence pack, where the first piece's advice sends its reader to a dispute."""
        if not DISPUTES & {*pieces[0].context["letters"]}:
            return None
        text = self.pack(
            order, pieces, lang=lang, letters_in=lang, timezone=timezone, version=workers.__version__, now=now
        )
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", order.id)[:40].strip("-") or "order"
        return Enclosure(f"evidence-{name}.html", "text/html", text)


def with_schema(html: str, context: Context, order: Order) -> str:
    """Return *html* with a ParcelDelivery (schema.org, as Gmail reads it) in its head; no address stands in it.

    Nothing in it can end the element or the string it stands in: what is not ASCII, and ``<``, ``>`` and ``&``, is escaped.
    """
    said = json.dumps(_without_gaps(_delivery(context, order)), separators=(",", ":"))
    said = re.sub("[<>&]", lambda found: f"\\u{ord(found[0]):04x}", said)
    return html.replace("</head>", f'<script type="application/ld+json">\n{said}\n</script>\n</head>', 1)


def _delivery(context: Context, order: Order) -> dict[str, Any]:
    facts, parcel = context["order"], context["parcel"]
    carrier = context["operator"]["name"] or parcel["carrier"]
    return {
        "@context": "http://schema.org",
        "@type": "ParcelDelivery",
        "deliveryAddress": {
            "@type": "PostalAddress",
            "addressCountry": facts["destination"],
            "postalCode": identifier(order.postcode, PLACE),
        },
        "originAddress": {"@type": "PostalAddress", "addressCountry": facts["origin"]},
        "carrier": {"@type": "Organization", "name": carrier} if carrier else "",
        "itemShipped": {"@type": "Product", "name": facts["title"]},
        "partOfOrder": {
            "@type": "Order",
            "orderNumber": facts["number"],
            "merchant": {"@type": "Organization", "name": facts["shop"]} if facts["shop"] else "",
        },
        "trackingNumber": parcel["number"],
    }


def _without_gaps(said: Any) -> Any:
    """Leave out what is not known: an empty value would claim that there is none."""
    if not isinstance(said, dict):
        return said
    return {key: _without_gaps(value) for key, value in said.items() if value not in ("", None)}
