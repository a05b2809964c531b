"""The replay source: recorded histories shown as if they happened now, step by step, and mistakes said aloud."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.servers._seventeentrack_shapes import Parcel, item
from tests.servers.cainiao import at
from tests.servers.cainiao import event as cainiao_event
from tests.servers.seventeentrack import event
from workers.errors import Permanent
from workers.sources import Ask, Found, NoNews, Outcome, replay

A = "LP00000000000001"
NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
EVENTS = [
    event("2026-10-01T12:00:00+00:00", "Received by logistics company"),
    event(None, "Left the country"),
    event("2026-10-05T20:00:00+00:00", "Import customs clearance started"),
    event(None, "Inspected"),
    event("2026-10-08T06:00:00+00:00", "Import customs clearance complete"),
]
PAYLOAD = {"code": 0, "data": {"accepted": [item(Parcel(A, events=EVENTS), 190271, tick=0)], "rejected": []}}


class Watching:
    """A replay of a folder, with a clock that is set by hand, remembering memos as the store does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = NOW
        self.memo = ""
        self.source = self.opened()

    def opened(self) -> replay.Replay:
        settings = replay.Settings.model_validate({"folder": str(self.folder)})
        return replay.open(settings, name="demo", clock=lambda: self.now)

    def write(self, content: Any, name: str = f"{A}.json") -> None:
        text = content if isinstance(content, str) else json.dumps(content)
        (self.folder / name).write_text(text)

    def look(self, number: str = A) -> Outcome:
        (outcome,) = self.source.track([Ask("p", number, memo=self.memo)]).values()
        if isinstance(outcome, (Found, NoNews)):
            self.memo = outcome.memo
        return outcome

    def found(self) -> Found:
        outcome = self.look()
        assert isinstance(outcome, Found), outcome
        return outcome

    def texts(self) -> list[str]:
        return [sighting.text for sighting in self.found().read()]


@pytest.fixture
def watching(tmp_path: Path) -> Watching:
    return Watching(tmp_path)


def envelope(**fields: Any) -> Mapping[str, Any]:
    return {"replay": {"shape": "seventeentrack", **fields}, "payload": PAYLOAD}


def test_a_recorded_answer_is_shown_whole_with_its_own_dates(watching: Watching) -> None:
    watching.write(PAYLOAD)
    sightings = watching.found().read()
    assert [s.text for s in sightings] == [each["description"] for each in EVENTS]
    assert sightings[0].at == datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
    assert {s.source for s in sightings} == {"demo"}


def test_what_came_after_the_anchor_is_not_shown_and_the_anchor_is_now(watching: Watching) -> None:
    watching.write(envelope(anchor="2026-10-05T21:00:00Z"))
    sightings = watching.found().read()
    assert [s.text for s in sightings] == [
        "Received by logistics company", "Left the country", "Import customs clearance started", "Inspected"
    ]  # fmt: skip
    newest = sightings[2].at
    assert newest is not None
    assert newest == datetime(2026, 11, 23, 20, 0, tzinfo=UTC)  # the hour of the day stays
    first = sightings[0].at
    assert first is not None
    assert newest - first == timedelta(days=4, hours=8)


@pytest.mark.parametrize("hour", range(0, 24, 5))
@pytest.mark.parametrize("anchor_hour", [0, 7, 20, 23])
def test_nothing_shown_lies_in_the_future_and_the_anchor_is_less_than_a_day_ago(
    watching: Watching, hour: int, anchor_hour: int
) -> None:
    watching.now = NOW.replace(hour=hour)
    moment = f"2026-10-05T{anchor_hour:02d}:00:00Z"
    events = [event(moment.replace("Z", "+00:00"), "At the anchor")]
    payload = {"code": 0, "data": {"accepted": [item(Parcel(A, events=events), 190271, tick=0)]}}
    watching.write({"replay": {"anchor": moment}, "payload": payload})
    (sighting,) = watching.found().read()
    assert sighting.at is not None
    assert timedelta(0) <= watching.now - sighting.at < timedelta(days=1)


def test_repeated_looks_keep_dates_and_fingerprint_even_in_another_process_on_another_day(
    watching: Watching,
) -> None:
    watching.write(envelope(anchor="2026-10-05T21:00:00Z"))
    first = watching.found()
    watching.now += timedelta(days=1)
    watching.source = watching.opened()
    second = watching.found()
    assert second.fingerprint == first.fingerprint
    assert list(second.read()) == list(first.read())


def test_the_fingerprint_does_not_depend_on_the_day_of_the_first_look(watching: Watching) -> None:
    watching.write(envelope(anchor="2026-10-05T21:00:00Z"))
    first = watching.found()
    watching.memo, watching.now = "", NOW + timedelta(days=30)
    later = watching.found()
    assert later.fingerprint == first.fingerprint
    assert list(later.read()) != list(first.read())


def test_the_history_goes_on_with_the_clock(watching: Watching) -> None:
    watching.write(envelope(anchor="2026-10-05T18:00:00Z"))
    assert watching.texts() == ["Received by logistics company", "Left the country"]
    before = watching.found().fingerprint
    watching.now = NOW + timedelta(hours=1, minutes=59)
    assert len(watching.texts()) == 2
    watching.now = NOW + timedelta(hours=2)
    assert watching.texts()[-1] == "Inspected"
    assert watching.found().fingerprint != before
    watching.now = NOW + timedelta(days=9)
    sightings = watching.found().read()
    assert sightings[-1].text == "Import customs clearance complete"
    assert sightings[-1].at is not None
    assert sightings[-1].at < watching.now


def test_steps_are_shown_one_a_look_and_the_last_is_now(watching: Watching) -> None:
    watching.write(
        envelope(anchor="2026-10-02T00:00:00Z", steps=["2026-10-06T00:00:00Z", "2026-10-08T07:00:00Z"])
    )
    shown = [watching.texts() for _ in range(4)]
    assert [len(texts) for texts in shown] == [2, 4, 5, 5]
    newest = watching.found().read()[-1].at
    assert newest is not None
    assert timedelta(0) <= watching.now - newest < timedelta(days=1, hours=1)
    assert watching.found().fingerprint == watching.found().fingerprint


def test_before_the_first_event_there_is_no_news(watching: Watching) -> None:
    watching.write(envelope(anchor="2026-09-30T00:00:00Z"))
    assert isinstance(watching.look(), NoNews)
    watching.now += timedelta(days=2)
    assert watching.texts()[0] == "Received by logistics company"


def test_the_name_of_the_file_is_the_number_in_any_case(watching: Watching) -> None:
    watching.write(PAYLOAD, name=f"{A.lower()}.JSON")
    assert len(watching.texts()) == 5


def test_other_shapes_are_read_by_their_own_parser(watching: Watching) -> None:
    events = [cainiao_event(at("2026-09-19T13:16:11"), "CC_IM_START", "Clearance started")]
    watching.write({"module": {"detailList": events}, "success": True})
    (sighting,) = watching.found().read()
    assert (sighting.system, sighting.code) == ("cainiao", "CC_IM_START")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not a JSON object"),
        ("[]", "not a JSON object"),
        ({}, "whose answer"),
        ({"replay": {"shape": "fedex-of-mars"}, "payload": PAYLOAD}, "shape"),
        ({"replay": {"shape": "replay"}, "payload": PAYLOAD}, "shape"),
        ({"replay": {"shape": "../secrets"}, "payload": PAYLOAD}, "shape"),
        (envelope(anchor="soon"), "anchor"),
        (envelope(anchor=5), "anchor"),
        (envelope(steps=["2026-10-05T18:00:00Z"]), "steps"),
        (envelope(anchor="2026-10-05T18:00:00Z", steps="2026-10-05T18:00:00Z"), "steps"),
        (envelope(anchor="2026-10-05T18:00:00Z", steps=[None]), "steps"),
        ({"replay": {"shape": "cainiao"}, "payload": PAYLOAD}, "Cainiao"),
        ({"replay": {"shape": "seventeentrack"}}, "payload"),
        ({"code": 0, "data": {"quota_total": 1}}, "no list of numbers"),
        ({"code": -18010002, "data": {"errors": []}}, "refuses the key"),
    ],
)
def test_a_file_that_cannot_be_shown_is_named_with_the_reason(
    watching: Watching, content: Any, said: str
) -> None:
    watching.write(content)
    outcome = watching.look()
    assert isinstance(outcome, Permanent)
    assert str(outcome).startswith(f"{A}.json: ")
    assert said in str(outcome)


def test_a_file_of_another_parcel_is_named(watching: Watching) -> None:
    watching.write(PAYLOAD, name="LP00000000000002.json")
    outcome = watching.look("LP00000000000002")
    assert isinstance(outcome, Permanent)
    assert A in str(outcome)


def test_a_missing_file_or_folder_is_an_error_and_a_number_is_no_path(
    watching: Watching, tmp_path: Path
) -> None:
    (tmp_path.parent / "outside.json").write_text(json.dumps(PAYLOAD))
    for number in (A, "../outside", str(tmp_path.parent / "outside")):
        outcome = watching.look(number)
        assert isinstance(outcome, Permanent)
        assert str(tmp_path) in str(outcome)
    watching.folder = tmp_path / "nowhere"
    watching.source = watching.opened()
    with pytest.raises(Permanent, match="folder"):
        watching.look()


@pytest.mark.parametrize("memo", ["", "nonsense", "2026-11-24T08:00:00+00:00#x", "#", "registered:190271"])
def test_a_memo_of_somebody_else_is_a_first_look(watching: Watching, memo: str) -> None:
    watching.write(envelope(anchor="2026-10-05T21:00:00Z"))
    watching.memo = memo
    assert len(watching.texts()) == 4
