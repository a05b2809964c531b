"""Deadlines as a calendar file: what RFC 5545 asks for, read back by a parser that is not ours."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core import calendar
from workers.core.calendar import Dated, Entry

NOW = datetime(2026, 12, 8, 9, 30, tzinfo=UTC)
PARCEL, OTHER = "reel/LX400000015CN", "reel/LX400000029CN"


def brief(parcel: str = PARCEL, **more: object) -> dict[str, Any]:
    """The part of a parcel's brief that dates come from."""
    dates = {
        "pay_by": {"date": "2026-12-21", "by_rule": True},
        "documents_by": {"date": "2026-12-22", "by_rule": False},
        "storage_end": {"date": "2026-12-23", "by_rule": True},
        "protection_until": "2026-12-20",
        "dispute_by": "2026-12-17",
    }
    return {"parcel": {"id": parcel}, "order": {"id": "reel", "number": "819"}} | dates | more


def written(*entries: Entry, name: str = "Parcels", now: datetime = NOW) -> str:
    return calendar.document(entries, name=name, now=now)


def entry(summary: str = "Pay", description: str = "", *, kind: str = "pay_by", about: str = "x") -> Entry:
    return Entry(Dated(kind, date(2026, 12, 31), about), summary, description)


def parsed(text: str):
    """The calendar as icalendar reads it; a development dependency, as no program of ours needs a parser."""
    return icalendar.Calendar.from_ical(text.encode())


def unfolded(text: str) -> list[str]:
    return text.replace("\r\n ", "").split("\r\n")


def test_every_deadline_becomes_one_date_the_earliest_first() -> None:
    dates = calendar.dated(brief())
    assert [d.kind for d in dates] == [
        "dispute_by", "protection_until", "pay_by", "documents_by", "storage_end",
    ]  # fmt: skip
    assert [d.by_rule for d in dates] == [True, True, True, False, True]
    assert calendar.dated(brief(**dict.fromkeys(calendar.KINDS))) == ()


def test_an_event_lasts_the_whole_day_and_blocks_no_time() -> None:
    event = parsed(written(entry("Pay", "By card"))).walk("VEVENT")[0]
    assert event.decoded("DTSTART") == date(2026, 12, 31)
    assert event.decoded("DTEND") == date(2027, 1, 1)
    assert event.decoded("DTSTAMP") == NOW
    assert (event["SUMMARY"], event["DESCRIPTION"]) == ("Pay", "By card")
    assert (event["TRANSP"], event["CLASS"]) == ("TRANSPARENT", "PRIVATE")


@pytest.mark.parametrize("kind", calendar.KINDS)
def test_it_rings_at_nine_in_the_morning_before_and_never_after_the_day(kind: str) -> None:
    event = parsed(written(entry(kind=kind))).walk("VEVENT")[0]
    alarms = event.walk("VALARM")
    assert len(alarms) == len(calendar.RINGS[kind])
    for alarm, before in zip(alarms, calendar.RINGS[kind], strict=True):
        assert alarm["ACTION"] == "DISPLAY"
        assert alarm["DESCRIPTION"] == "Pay"
        rings = datetime(2026, 12, 31) + alarm.decoded("TRIGGER")  # noqa: DTZ001  # floating, as the file means it
        assert rings.hour == 9
        assert rings.date() == date(2026, 12, 31) - timedelta(days=before)


def test_the_same_matter_keeps_its_uid_when_its_date_moves() -> None:
    first = Dated("pay_by", date(2026, 12, 1), PARCEL)
    assert first.uid == Dated("pay_by", date(2027, 1, 1), PARCEL, by_rule=False).uid
    others = [Dated("storage_end", first.day, PARCEL), Dated("pay_by", first.day, OTHER)]
    assert len({first.uid, *(o.uid for o in others)}) == 3
    assert first.uid == "fdb1a65a-53cb-5c95-9a24-37be8054c6f8"  # calendars out there know it by this


def test_two_parcels_of_one_order_share_its_protection_and_nothing_else() -> None:
    entries = [Entry(d, d.kind) for parcel in (PARCEL, OTHER) for d in calendar.dated(brief(parcel))]
    events = parsed(written(*entries)).walk("VEVENT")
    assert len(entries) == 10
    assert sorted(str(e["SUMMARY"]) for e in events) == sorted(
        ["dispute_by", "protection_until"] + 2 * ["pay_by", "documents_by", "storage_end"]
    )


def test_the_last_day_of_the_calendar_needs_no_day_after() -> None:
    event = parsed(written(Entry(Dated("pay_by", date.max, "x"), "Far away"))).walk("VEVENT")[0]
    assert event.decoded("DTSTART") == date.max
    assert "DTEND" not in event


def test_a_calendar_without_dates_is_still_one() -> None:
    assert parsed(written()).walk("VEVENT") == []
    assert unfolded(written())[:3] == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//customs-watch//deadlines//EN",
    ]


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("Pay; now, or\\never", "Pay\\; now\\, or\\\\never"),
        ("one\r\ntwo\rthree\nfour", "one\\ntwo\\nthree\\nfour"),
        ("Reel\r\nBEGIN:VALARM", "Reel\\nBEGIN:VALARM"),
        ("a\x00b\x1bc\x7fd\ud800e", "abcde"),
        ("\u2028\x85", "\\n\\n"),
    ],
)
def test_signs_with_a_meaning_are_escaped_and_control_characters_left_out(text: str, escaped: str) -> None:
    assert calendar.escape(text) == escaped


def test_the_check_for_injected_lines_can_fail() -> None:
    """Without escaping, a line break in a title would be a property of its own."""
    assert "ATTACH:x" in unfolded("SUMMARY:Reel\r\nATTACH:x\r\n")
    assert "ATTACH:x" not in unfolded(written(entry("Reel\r\nATTACH:x")))


@given(st.text(max_size=400))
def test_folding_keeps_every_character_and_every_line_short(text: str) -> None:
    line = "SUMMARY:" + calendar.escape(text)
    folded = calendar.fold(line)
    assert all(len(part.encode()) <= 75 for part in folded.split("\r\n"))
    assert folded.replace("\r\n ", "") == line


@given(
    summary=st.text(max_size=300), description=st.text(max_size=600), day=st.dates(min_value=date(1970, 1, 1))
)
def test_whatever_the_words_the_file_reads_back_as_written(summary: str, description: str, day: date) -> None:
    text = written(Entry(Dated("dispute_by", day, "x"), summary, description), name=summary)
    assert text.endswith("END:VCALENDAR\r\n")
    assert "\n" not in text.replace("\r\n", "")
    assert "\r" not in text.replace("\r\n", "")
    names = [line.partition(":")[0].partition(";")[0] for line in unfolded(text) if line]
    assert names.count("SUMMARY") == names.count("UID") == names.count("DTSTART") == 1
    (event,) = parsed(text).walk("VEVENT")
    assert event.decoded("DTSTART") == day
    kept = calendar.escape(summary)
    assert str(event["SUMMARY"]) == _back(kept)
    assert str(event.get("DESCRIPTION", "")) == _back(calendar.escape(description))


def _back(escaped: str) -> str:
    """Undo the escapes as RFC 5545 reads them."""
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], escaped)
