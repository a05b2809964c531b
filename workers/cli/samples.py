"""Made-up contexts in which every field a template may ask for is filled, with the longest names there can be. Judges nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from workers.cli.advice_table import NOW, typical
from workers.cli.advice_table import sample as sparse
from workers.core import owner
from workers.core.advise import Table

Plain = dict[str, Any]

TITLE: Final = ("Wasserdichte Bluetooth-Kopfhörer mit Ladeschale für Łukasz und Zoë, 24 Stück, {blau} " * 2)[
    :120
]
NAME: Final = "Österreichische Post AG, Abteilung für Verzollung und Nachnahme Wien-Inzersdorf"
NOTE: Final = (
    "type a-very-long-name-of-a-post.example yourself and look for “Duties and Taxes” " * 3
).strip()
NUMBER: Final = "PQ4F6B0000000000000000A0000000000000000B"
RULE: Final[Plain] = {
    "kind": "rule",
    "what": "VAT from the first euro",
    "where": "countries/ES.yaml:7",
    "source": "https://www.example.org/customs/import-of-low-value-goods.html",
    "checked": "2026-11-22",
}
LOW: Final[Plain] = {"amount": "20.19", "currency": "EUR"}
HIGH: Final[Plain] = {"amount": "33.79", "currency": "EUR"}
EVENT: Final[Plain] = {
    "at": "2026-12-06T07:30:00+00:00",
    "day_only": False,
    "text": "The last thing the carrier said",
    "original": "海关扣留",
    "place": "Madrid",
    "country": "ES",
    "stage": "held",
    "customs": True,
    "source": "track",
    "witnesses": ["track", "post"],
    "code": "CC_IM_HOLD",
    "vanished": False,
}
# What the brief of a sparsely known parcel leaves empty; the keys are the brief's own.
FILLED: Final[Plain] = {
    "days_in_customs": 21,
    "causes": ["unpaid_charges"],
    "guesses": [
        {"cause": "backlog", "key": "holiday", "days": ["2026-12-08"], "count": 1, "what": "", "charge": ""},
        {"cause": "multiple_items", "key": "several_items", "days": [], "count": 3, "what": "", "charge": ""},
    ],
    "last": EVENT,
    "proof": EVENT,
    "timeline": [{**EVENT, "shown_by": ["17TRACK", "the Post"]}] * 12,
    "voices": {
        "differ": "contradict",
        "asked": "stuck",
        "others": ["the Post"],
        "each": [{"source": "17TRACK", "state": "says", "stage": "held", "day": "2026-12-06T07:30:00+00:00"}],
        "numbers": [{"number": NUMBER, "carrier": "the Post"}],
    },
    "earlier": 7,
    "next_numbers": [NUMBER],
    "cost": {
        "tax": "due",
        "on": "2026-12-08",
        "lines": [
            {
                "name": "import_vat",
                "low": LOW,
                "high": HIGH,
                "since": "2021-07-01",
                "note": "range_by_guess",
                "rule": RULE,
            }
        ],
        "low": LOW,
        "high": HIGH,
        "known": True,
        "collected_by": "carrier",
        "scheme": "IOSS",
        "prepaid_expected": True,
        "expected": [{**RULE, "what": "EU handling_fee from 2026-11-01 (expected)"}],
        "rates": ["1 USD = 0.92 EUR (ECB, 2026-12-07)"],
        "assumptions": ["category_guessed", "seller_owes:handling_fee"],
    },
    "operator": {
        "id": "post",
        "name": NAME,
        "kind": "post",
        "asks_by": ["email", "sms", "letter"],
        "pay_where": NOTE,
        "pay_methods": ["card", "cash"],
        "site": "a-very-long-name-of-a-post.example",
        "domains": ["a-very-long-name-of-a-post.example"],
        "fee_low": LOW,
        "fee_high": HIGH,
        "fee_note": "for each item",
        "documents_where": NOTE,
        "contact": NOTE,
        "bills_later": True,
        "links_in_messages": "sometimes",
        "rule": RULE,
    },
    "deadline": "2026-12-21",
    "days_left": 13,
    "pay_by": {"date": "2026-12-21", "by_rule": False},
    "documents_by": {"date": "2026-12-21", "by_rule": True},
    "storage_end": {"date": "2026-12-21", "by_rule": True},
    "protection_until": "2027-01-07",
    "protection_days": 30,
    "dispute_by": "2027-01-04",
    "wait_until": "2026-12-14",
    "evidence": [RULE, {**RULE, "kind": "code"}, {**RULE, "kind": "guess"}],
    # What is known only when it is sent.
    "unseen": {"source": "track", "since": "2026-12-07T09:30:00+00:00"},
    "leads": ["woke"],
    "seen_link": "https://parcels.example.org/seen/0123456789abcdef",
    "answered": True,
}
ORDER: Final[Plain] = {
    "title": TITLE,
    "shop": NAME,
    "seller": NAME,
    "number": NUMBER,
    "shipping": LOW,
    "vat_amount": LOW,
    "pieces": 12,
}


def whole(table: Table, advice: str) -> Plain:
    """Return the context of *advice* with every field filled."""
    context = bare(table, advice)
    return {
        **context,
        **FILLED,
        "why": "reminder",
        "order": {**context["order"], **ORDER},
        "parcel": {**context["parcel"], "number": NUMBER, "carrier": NAME},
    }


def bare(table: Table, advice: str) -> Plain:
    """Return the context of *advice* of a parcel of which little is known."""
    row = next(row for row in table.rows if row.advice.id == advice)
    context: Plain = json.loads(json.dumps(sparse(row, typical(row, table))))
    return context


def owners() -> Iterator[Plain]:
    """Yield a context of every topic that the owner is told of."""
    for topic in owner.TOPICS:
        yield owner.context(topic, owner.example(topic, at=datetime(2026, 12, 8, 9, 30, tzinfo=UTC)), now=NOW)


def unknown_facts(context: Mapping[str, Any]) -> Plain:
    """Return *context* as if nobody knew who delivers nor what it will cost."""
    nothing = {key: [] if isinstance(value, list) else "" for key, value in FILLED["operator"].items()}
    operator = {**nothing, "fee_low": None, "fee_high": None, "rule": None, "bills_later": False}
    return {**context, "operator": operator, "proof": None, "last": None, "timeline": [], "deadline": None}
