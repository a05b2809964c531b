"""What is enclosed in a mail: schema.org's markup, the deadline, the evidence; exact, and safe whatever a stranger wrote."""

from __future__ import annotations

import json
import re
from typing import Any

import icalendar
import pytest

from tests.words import samples
from tests.words.test_words import HOSTILE, ROWS
from workers.core.model import Order, ParcelRef, Snapshot
from workers.render.enclosed import DISPUTES, Words, with_schema
from workers.render.evidence import Piece

WORDS = Words()
PAGE = "<html><head><title>t</title></head><body><p>words</p></body></html>"
TOLD: dict[str, Any] = {"lang": "en", "timezone": "Europe/Madrid"}
SCRIPT = re.compile(r'<script type="application/ld\+json">\n(.*?)\n</script>', re.DOTALL)


def order(**facts: Any) -> Order:
    return samples.order(**{"postcode": "28013", **facts})


def markup(page: str) -> dict[str, Any]:
    [found] = SCRIPT.findall(page)
    said: dict[str, Any] = json.loads(found)
    return said


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in strings(one)]
    return [value] if isinstance(value, str) else []


def test_a_parcels_card_holds_what_is_known_and_no_address() -> None:
    page = with_schema(PAGE, samples.full(ROWS["pay"]), order())
    assert markup(page) == {
        "@context": "http://schema.org",
        "@type": "ParcelDelivery",
        "deliveryAddress": {"@type": "PostalAddress", "addressCountry": "ES", "postalCode": "28013"},
        "originAddress": {"@type": "PostalAddress", "addressCountry": "CN"},
        "carrier": {"@type": "Organization", "name": "Correos"},
        "itemShipped": {"@type": "Product", "name": "Fishing reel"},
        "partOfOrder": {
            "@type": "Order",
            "orderNumber": "8190000000000013",
            "merchant": {"@type": "Organization", "name": "AliExpress"},
        },
        "trackingNumber": "LX400000015CN",
    }
    assert SCRIPT.sub("", page).replace("\n</head>", "</head>") == PAGE


def test_what_is_not_known_is_left_out() -> None:
    said = markup(
        with_schema(PAGE, samples.minimal(ROWS["held"]), Order("x", "Thing", (ParcelRef("x/1", "1"),), "DE"))
    )
    assert "carrier" not in said
    assert "postalCode" not in said["deliveryAddress"]
    assert said["partOfOrder"] == {"@type": "Order"}


NASTY = {
    **HOSTILE,
    "end of the element": "</script><script>alert(1)</script>",
    "end of the string": '"}, "url": "https://evil.example',
}


@pytest.mark.parametrize("kind", NASTY)
def test_no_words_of_a_stranger_leave_the_markup_or_bring_a_link(kind: str) -> None:
    nasty = NASTY[kind]
    facts = {"title": nasty, "seller": nasty, "shop": nasty, "number": nasty}
    context = samples.full(ROWS["pay"], snapshot_text=nasty, **facts)
    page = with_schema(PAGE, context, order(**facts, postcode=nasty))
    said = markup(page)
    assert page.count("<script") == page.count("</script>") == 1
    assert page.isascii()
    assert not any(re.search(r"https?://(?!schema\.org)|evil\.example", text) for text in strings(said))
    assert "url" not in said
    assert len(page) < 4_000


def test_a_page_without_a_head_stays_as_it_is() -> None:
    assert with_schema("<p>mine</p>", samples.full(ROWS["pay"]), order()) == "<p>mine</p>"


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_deadline_is_a_calendar_of_the_writer_whatever_the_title(kind: str) -> None:
    context = samples.full(ROWS["pay"], title=HOSTILE[kind], shop=HOSTILE[kind])
    enclosed = WORDS.dates(context, **TOLD, writer="jürgen+x@example.org")
    assert enclosed is not None
    assert (enclosed.name, enclosed.kind) == ("deadline.ics", "text/calendar; method=PUBLISH")
    calendar = icalendar.Calendar.from_ical(enclosed.text)
    assert calendar["METHOD"] == "PUBLISH"
    [event] = calendar.walk("VEVENT")
    assert event["ORGANIZER"] == "mailto:j%C3%BCrgen%2Bx@example.org"
    assert event["DTSTART"].dt.isoformat() == "2026-12-21"
    assert {"ATTACH", "URL", "ATTENDEE"}.isdisjoint(event)
    assert "evil.example" not in enclosed.text


def test_where_no_date_is_named_there_is_no_calendar() -> None:
    assert WORDS.dates(samples.full(ROWS["inspection"]), **TOLD, writer="a@b.c") is None


@pytest.mark.parametrize("advice", ROWS)
def test_the_evidence_goes_with_what_asks_for_a_dispute_and_with_nothing_else(advice: str) -> None:
    context = samples.full(ROWS[advice])
    asks = bool(DISPUTES & {*context["letters"]})
    if ROWS[advice].advice.contact in ("shop", "bank"):
        assert asks, "an advice whose first address is the shop or the bank is about a dispute"
    if not asks:
        assert WORDS.evidence(order(), [Piece(context, Snapshot())], **TOLD, now=samples.NOW) is None


def test_the_pack_has_a_name_that_every_system_takes() -> None:
    context = samples.full(ROWS["refused"])
    enclosed = WORDS.evidence(order(id='../x "y"\n灯'), [Piece(context, Snapshot())], **TOLD, now=samples.NOW)
    assert enclosed is not None
    assert enclosed.name == "evidence-x-y.html"
    assert "Fishing reel" in enclosed.text
