"""Single fields of an answer, in all the ways services have been seen to write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest

from workers.core.model import TimeQuality
from workers.sources._fields import country, name, table, tables, whole, word
from workers.sources._http import quoted
from workers.sources._seventeentrack_events import Event, when
from workers.sources._times import millis, moment, naive, offset, utc
from workers.sources._waits import PATIENCE, retry_after

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
EVENING = datetime(2026, 9, 1, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("7", 7), ("0.5", 0.5), (" 30 ", 30), ("0", None), ("-5", None), ("nan", None), ("inf", None), ("soon", None),
     ("", None), ("1e9", PATIENCE.total_seconds()), ("999999999999999999999999", PATIENCE.total_seconds()),
     (str(int(NOW.timestamp()) + 90), 90), (str(int(NOW.timestamp() * 1000) + 90_500), 90.5),
     ("2026-11-24T08:03:00Z", 180), ("2026-11-24T10:03:00+02:00", 180), ("2026-11-24T07:00:00Z", None), ("7" * 200, None),
     (format_datetime(NOW + timedelta(minutes=2), usegmt=True), 120), ("Tue, 24 Nov 2026 08:02:00 -0000", 120),
     (format_datetime(NOW - timedelta(minutes=2), usegmt=True), None), ("Tue, 99 Nov 2026 08:02:00 GMT", None)],
)  # fmt: skip
def test_retry_after_is_read_in_all_its_forms(said: str, seconds: float | None) -> None:
    after = retry_after({"retry-after": said}, now=NOW)
    assert after == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize("name", ["retry-after-ms", "x-ms-retry-after-ms", "x-retry-after-ms"])
def test_milliseconds_win_where_a_service_gives_both(name: str) -> None:
    assert retry_after({name: "1500", "retry-after": "2"}, now=NOW) == timedelta(seconds=1.5)
    assert retry_after({name: "soon", "retry-after": "2"}, now=NOW) == timedelta(seconds=2)


def test_a_date_to_retry_at_is_measured_by_the_clock_of_the_service() -> None:
    theirs = NOW + timedelta(days=3)  # our clock is three days behind
    headers = {"date": format_datetime(theirs, usegmt=True)}
    headers["retry-after"] = format_datetime(theirs + timedelta(seconds=45), usegmt=True)
    assert retry_after(headers, now=NOW) == timedelta(seconds=45)
    assert retry_after({}, now=NOW) is None


@pytest.mark.parametrize(
    ("written", "hours"),
    [("GMT+8", 8), ("GMT+08:00", 8), ("GMT-3", -3), ("+08:00", 8), ("-0330", -3.5), ("UTC", 0), ("Z", 0),
     ("GMT+5:30", 5.5), ("8", None), ("GMT+15", None), ("", None), (None, None), ("CEST", None), ("GMT+8+8", None)],
)  # fmt: skip
def test_offsets_are_read_in_all_their_forms(written: Any, hours: float | None) -> None:
    zone = offset(written)
    assert (zone.utcoffset(None) if zone else None) == (None if hours is None else timedelta(hours=hours))


@pytest.mark.parametrize("value", [0, -1, "x", None, True, [], 10**30, "1e400", float("nan"), 32503680000000])
def test_milliseconds_no_parcel_can_have_are_no_time(value: Any) -> None:
    assert millis(value) is None


def test_milliseconds_are_read_from_numbers_and_digits() -> None:
    assert millis(1789823771000) == millis("1789823771000") == datetime(2026, 9, 19, 13, 16, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00", "9999-12-31T23:59:59-14:00", "1970-01-01", "2026-13-01", 7]
)
def test_fillers_are_no_time(text: Any) -> None:
    assert utc(moment(text)) is None
    assert naive(text) == (None, TimeQuality.UNKNOWN)


@pytest.mark.parametrize(
    ("fields", "at", "quality"),
    [
        ({"time_iso": "2026-09-01T20:00:00+02:00", "time_raw": {"timezone": "+02:00"}}, EVENING, "exact"),
        ({"time_iso": "2026-09-01T20:00:00+02:00", "time_raw": {"timezone": None}}, EVENING, "assumed"),
        ({"time_iso": "2026-09-01T20:00:00+02:00"}, EVENING, "assumed"),
        ({"time_iso": "2026-09-01T20:00:00+02:00", "time_utc": "2026-09-01T17:30:00Z",
          "time_raw": {"timezone": "+02:00"}}, EVENING, "assumed"),
        ({"time_iso": None, "time_utc": "2026-09-01T18:00:00Z"}, EVENING, "assumed"),
        ({"time_iso": "2026-09-01T18:00:00"}, EVENING, "assumed"),
        ({"time_iso": "2026-09-01"}, datetime(2026, 9, 1, tzinfo=UTC), "day"),
        ({"time_raw": {"date": "2026-09-01", "time": "18:00:00", "timezone": None}}, EVENING, "assumed"),
        ({"time_raw": {"date": "2026-09-01", "time": "20:00:00", "timezone": "+02:00"}}, EVENING, "exact"),
        ({"time_raw": {"date": "2026-09-01", "time": None, "timezone": "+02:00"}}, EVENING.replace(hour=0), "day"),
        ({"time_raw": "2026-09-01 18:00:00"}, EVENING, "assumed"),
        ({"time_iso": "2026-09-01T20:00:00+02:00", "time_raw": "2026-09-01T20:00:00+02:00"}, EVENING, "exact"),
        ({"time_iso": None, "time_utc": None, "time_raw": {"date": None, "time": None}}, None, "unknown"),
        ({}, None, "unknown"),
    ],
)  # fmt: skip
def test_17track_times_are_as_good_as_what_backs_them(
    fields: dict[str, Any], at: datetime, quality: str
) -> None:
    assert when(msgspec.convert(fields, Event)) == (at, TimeQuality(quality))


def test_texts_stay_on_one_line_and_odd_values_are_empty() -> None:
    assert word(" a\n\tb\x00c\x85d  ") == "a b c d"
    assert word("é\u200dक") == "é\u200dक"  # joiners belong to the script
    odd: tuple[Any, ...] = (None, True, [], {}, "")
    assert [word(value) for value in odd] == [""] * 5
    assert word(7) == "7"
    assert len(word("x" * 10_000)) == 2000
    assert name(" lp 123\t") == "LP123"
    numbers: tuple[Any, ...] = (5, "5", "x", None, [], "9" * 30, 1.5)
    assert [whole(value) for value in numbers] == [5, 5, 0, 0, 0, 0, 0]
    assert [country(v) for v in ("de", "DEU", "China", "д1", None, 12)] == ["DE", "", "", "", "", ""]
    assert tables([{}, None, {"a": 1}]) == [{}, {"a": 1}]
    assert tables({"a": 1}) == [{"a": 1}]
    assert tables("x") == []
    assert table([]) == {}


def test_words_of_the_other_side_fit_in_a_sentence() -> None:
    assert quoted("line one\r\nline two\x1b[31m") == "line one line two [31m"
    assert len(quoted("x" * 500)) == 120
