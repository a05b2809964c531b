"""Write deadlines as an iCalendar file (RFC 5545). Chooses no words, reads no clock, and keeps nothing.

Each event lasts a whole day, blocks no time and rings in the morning. Its UID comes from what it is about, so
importing a newer file moves the event instead of adding one (RFC 5545, 3.8.4.7; the newer DTSTAMP wins).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

LINE: Final = 75  # octets of a line, without its end (RFC 5545, 3.1)
TEXT: Final = 1_000  # characters of a summary or description: a calendar shows no more
PRODUCT: Final = "-//customs-watch//deadlines//EN"
RINGS_AT: Final = 9  # o'clock, where the reader is: times of an all-day event float (RFC 5545, 3.3.12)
# Days before the date on which it rings. A dispute needs an evening with the order page; a payment does not.
RINGS: Final = {
    "pay_by": (2, 0),
    "documents_by": (3, 0),
    "storage_end": (2, 0),
    "dispute_by": (1, 0),
    "protection_until": (1,),
}
KINDS: Final = tuple(RINGS)
_OF_THE_ORDER: Final = frozenset({"dispute_by", "protection_until"})  # one for all parcels of an order
_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_DNS, "customs-watch.invalid")  # RFC 2606: nobody's


@dataclass(frozen=True, slots=True)
class Dated:
    """A date that matters, of one parcel or of the whole order; ``about`` tells it from all others for good."""

    kind: str  # one of KINDS
    day: date
    about: str
    by_rule: bool = True  # False: our assumption, to be said

    @property
    def uid(self) -> str:
        return str(uuid.uuid5(_NAMESPACE, f"{self.kind}\n{self.about}"))


@dataclass(frozen=True, slots=True)
class Entry:
    """A date with its words."""

    dated: Dated
    summary: str
    description: str = ""


def dated(brief: Mapping[str, Any]) -> tuple[Dated, ...]:
    """Return the dates that a parcel's brief (``core.brief``) knows, the earliest first."""
    parcel, order = brief["parcel"]["id"], brief["order"]
    dates = []
    for kind in KINDS:
        found = brief[kind]
        if not found:
            continue
        if kind in _OF_THE_ORDER:
            dates.append(Dated(kind, date.fromisoformat(found), f"{order['id']}\n{order['number']}"))
        else:
            day = date.fromisoformat(found["date"])
            dates.append(Dated(kind, day, parcel, by_rule=found["by_rule"]))
    return tuple(sorted(dates, key=lambda one: (one.day, KINDS.index(one.kind))))


def document(entries: Iterable[Entry], *, name: str, now: datetime, organizer: str = "") -> str:
    """Return one calendar of all *entries*, each UID once; lines end in CRLF and hold at most 75 octets.

    *organizer*: the mail address that publishes it (RFC 5546, 3.2.1, wants one with METHOD:PUBLISH); "" for a plain file.
    """
    events: dict[str, Entry] = {}
    for entry in entries:
        events.setdefault(entry.dated.uid, entry)
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{PRODUCT}", "CALSCALE:GREGORIAN"]
    lines += ["METHOD:PUBLISH"] if organizer else []
    # NAME is RFC 7986; the other is what older programs read.
    lines += [f"NAME:{escape(name)}", f"X-WR-CALNAME:{escape(name)}"]
    for uid, entry in sorted(events.items(), key=lambda item: (item[1].dated.day, item[0])):
        lines += _event(uid, entry, now, organizer)
    lines.append("END:VCALENDAR")
    return "".join(fold(line) + "\r\n" for line in lines)


def escape(text: str) -> str:
    """Return *text* as a TEXT value: no control character, bounded, its signs escaped (RFC 5545, 3.3.11)."""
    plain = re.sub(r"\r\n|[\r\n\v\f\x85\u2028\u2029]", "\n", text[:TEXT])
    plain = "".join(c for c in plain if c in "\n\t" or not (c < " " or "\x7f" <= c < "\xa0" or _broken(c)))
    return re.sub(r"([\\;,])", r"\\\1", plain).replace("\n", "\\n")


def fold(line: str) -> str:
    """Return *line* folded to 75 octets a line, never inside a character (RFC 5545, 3.1)."""
    folded, octets = [], 0
    for char in line:
        size = len(char.encode())
        if octets + size > LINE:
            folded.append("\r\n ")
            octets = 1
        folded.append(char)
        octets += size
    return "".join(folded)


def _broken(char: str) -> bool:
    return "\ud800" <= char <= "\udfff"  # half of a pair: no encoding writes it


def _event(uid: str, entry: Entry, now: datetime, organizer: str) -> list[str]:
    day = entry.dated.day
    lines = [
        "BEGIN:VEVENT",
        f"UID:{uid}",
        f"DTSTAMP:{now.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        f"DTSTART;VALUE=DATE:{_day(day)}",
    ]
    if day < date.max:
        lines.append(f"DTEND;VALUE=DATE:{_day(day + timedelta(days=1))}")  # exclusive, so the day itself only
    lines += [f"ORGANIZER:mailto:{quote(organizer, safe='@')}"] if organizer else []
    lines += [f"SUMMARY:{escape(entry.summary)}"]
    if entry.description:
        lines.append(f"DESCRIPTION:{escape(entry.description)}")
    lines += ["CLASS:PRIVATE", "TRANSP:TRANSPARENT", "STATUS:CONFIRMED"]
    for before in RINGS[entry.dated.kind]:
        lines += ["BEGIN:VALARM", "ACTION:DISPLAY", f"DESCRIPTION:{escape(entry.summary)}"]
        lines += [f"TRIGGER:{_trigger(before)}", "END:VALARM"]
    lines.append("END:VEVENT")
    return lines


def _day(day: date) -> str:
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"


def _trigger(before: int) -> str:
    """Return when it rings, counted from the midnight with which the day begins."""
    if before == 0:
        return f"PT{RINGS_AT}H"
    days = f"{before - 1}D" if before > 1 else ""
    return f"-P{days}T{24 - RINGS_AT}H"
