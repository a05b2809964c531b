"""What the owner of the installation is told of: the closed list of topics and the facts of each. Writes no sentence.

A topic's words are ``templates/owner/<topic>.j2``, which may ask for exactly these facts. Facts may hold what strangers
wrote, so each is made fit to be shown by its kind before it is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from workers.core.brief import VERSION
from workers.core.quote import identifier, quote, visible

Plain = dict[str, Any]
Facts = Mapping[str, Any]

MATTER: Final = "@"  # begins what stands in a notice's row instead of a parcel; no order's id can begin so
WHY: Final = "owner"  # what stands in a notice's row instead of a parcel's Why
ROWS: Final = 12  # shown of a list
NAME: Final = 64
TEXT: Final = 180
STATES: Final = ("failed", "held", "expired")


def _text(value: Any) -> str:
    return quote(str(value), TEXT)


def _name(value: Any) -> str:
    return visible(str(value), NAME)


def _masked(value: Any) -> str:
    """An address as it may be shown: enough to know which of one's own it is."""
    shown = visible(str(value), NAME)
    head, at, domain = shown.rpartition("@")
    return f"{head[:1]}…@{domain}" if at else f"{shown[:3]}…{shown[-2:]}"


def _id(value: Any) -> str:
    return identifier(str(value))


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def _state(value: Any) -> str:
    if value not in STATES:
        raise ValueError(f"a notice that reached nobody is one of {', '.join(STATES)}, not {value!r}")
    return str(value)


def _rows(value: Sequence[Facts]) -> list[Plain]:
    return [
        {
            "what": quote(str(row["what"]), TEXT),
            "source": visible(str(row["source"]), TEXT),  # ours, of the knowledge; the words cite it
            "checked": _day(row["checked"]),
        }
        for row in value[:ROWS]
    ]


def _titles(value: Sequence[str]) -> list[str]:
    return [quote(title, TEXT) for title in dict.fromkeys(value)][:ROWS]


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


Kind = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Topic:
    """One thing the owner is told of."""

    kind: str  # of what it is about: notices about the same thing belong together, and a newer one replaces an older
    needs_you: str  # yes | wait | no, unless the facts say ``permanent``
    facts: Mapping[str, Kind]


TOPICS: Final[Mapping[str, Topic]] = {
    "source_broken": Topic(
        "source",
        "wait",
        {
            "source": _name,
            "since": _moment,  # the first failure of the row
            "tries": int,
            "error": _text,  # what it said last
            "parcels": int,  # that are looked up there
            "last_ok": _moment,
            "permanent": bool,  # asking again cannot help: a wrong key, a closed account
        },
    ),
    "source_healed": Topic("source", "no", {"source": _name, "since": _moment, "parcels": int}),
    "source_shrank": Topic(
        "source", "wait", {"source": _name, "parcels": int, "fewer": int, "since": _moment}
    ),
    "notice_failed": Topic(
        "notice",
        "yes",
        {
            "recipient": _name,
            "channel": _name,
            "about": _text,  # the order's title
            "number": _id,  # the parcel's
            "state": _state,
            "error": _text,
        },
    ),
    "notices_failed": Topic(
        "notice",
        "yes",
        {
            "recipient": _name,
            "channel": _name,
            "count": int,
            "held": int,  # of them may have arrived
            "titles": _titles,  # of the orders they were about
            "error": _text,  # of the last
        },
    ),
    "channel_barred": Topic(
        "channel",
        "yes",
        {
            "channel": _name,
            "since": _moment,  # its first refusal
            "error": _text,  # what it said last
            "waiting": int,  # notices that wait for it
        },
    ),
    "address_dead": Topic(
        "address", "yes", {"recipient": _name, "channel": _name, "address": _masked, "error": _text}
    ),
    "reader_left": Topic("reader", "yes", {"recipient": _name, "channel": _name, "address": _masked}),
    "words_broken": Topic("words", "yes", {"file": _name, "error": _text}),
    "law_stale": Topic("law", "wait", {"rows": _rows, "count": int}),
    "order_watched": Topic(
        "order",
        "no",
        {"title": _text, "order": _id, "parcel": _id, "shop": _text, "source": _name},
    ),
}


def example(topic: str, *, at: datetime) -> Facts:
    """Return made-up facts of *topic*, as long as they get, for trying its words."""
    row = {"what": "EU flat duty", "source": "https://example.org/reg/2026-1", "checked": at.date()}
    values: Mapping[Kind, Any] = {
        _text: "Something somebody said at length " * 8, _name: "Anna-Katharina " * 4, _masked: "anna@example.org",
        _id: "LP00123456789012", _moment: at, _state: STATES[0], _rows: [row] * ROWS, _titles: ["Lamp", "Reel"],
        _day: at.date(), int: 12, bool: True,
    }  # fmt: skip
    return {name: values[kind] for name, kind in TOPICS[topic].facts.items()}


def matter(topic: str, about: str) -> str:
    """Return what stands in a notice's row instead of a parcel: ``@source/track``."""
    return f"{MATTER}{TOPICS[topic].kind}/{about}"


def is_matter(parcel: str) -> bool:
    """Say whether a notice with this in its row is for the owner and of no parcel."""
    return parcel.startswith(MATTER)


def context(
    topic: str, facts: Facts, *, now: datetime, urgent: bool = False, stand_in: bool = False
) -> Plain:
    """Return what the words of *topic* may ask for, as plain JSON; raises ValueError where the facts are not its own.

    *stand_in*: it is told to somebody else than the owner.
    """
    known = TOPICS[topic]
    if facts.keys() != known.facts.keys():
        wrong = sorted(facts.keys() ^ known.facts.keys())
        raise ValueError(
            f"{topic} is told with {', '.join(known.facts)}; too many or missing: {', '.join(wrong)}"
        )
    shown = {name: kind(facts[name]) for name, kind in known.facts.items()}
    return {
        "version": VERSION,
        "owner": topic,
        "topic": topic,
        "why": WHY,
        "needs_you": "yes" if shown.get("permanent") else known.needs_you,
        "urgent": urgent,
        "stand_in": stand_in,
        "deadline": None,  # no calendar goes with it
        "now": now.isoformat(),
        **shown,
    }
