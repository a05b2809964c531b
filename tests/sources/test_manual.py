"""The manual source: what people and programs drop into a folder, and that a bad file is never silence."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from workers.core.model import TimeQuality
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Found, NoNews, Outcome, manual

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
A, B = "LX000000001CN", "LX000000002CN"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "manual"


def look(folder: Path, *numbers: str) -> list[Outcome]:
    source = manual.open(manual.Settings(folder=folder), name="by-hand", clock=lambda: NOW)
    said = source.track([Ask(number, number) for number in numbers])
    source.close()
    return [said[number] for number in numbers]


def texts(outcome: Outcome) -> list[str]:
    assert isinstance(outcome, Found), outcome
    return [sighting.text for sighting in outcome.read()]


def drop(folder: Path, name: str, content: str | bytes) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def test_before_anything_is_dropped_there_is_no_news_and_the_folder_is_there(folder: Path) -> None:
    assert isinstance(look(folder, A)[0], NoNews)
    assert folder.is_dir()


def test_events_of_all_files_come_together_in_the_order_of_time(folder: Path) -> None:
    drop(
        folder,
        "a.json",
        '{"number": "lx 000000001 cn", "text": "Released", "at": "2026-11-14T10:00:00+01:00"}',
    )
    drop(
        folder,
        "b.CSV",
        "number,text,at,country\r\nLX000000001CN,In customs,2026-11-12,de\r\nLX000000002CN,x,,\r\n",
    )
    first, second = look(folder, A, B)
    assert texts(first) == ["In customs", "Released"]
    assert isinstance(first, Found)
    assert next((s.country, s.quality) for s in first.read()) == ("DE", TimeQuality.DAY)
    assert texts(second) == ["x"]


def test_a_csv_of_a_spreadsheet_is_read_with_its_mark_its_semicolons_and_its_quotes(folder: Path) -> None:
    drop(folder, "x.csv", '\ufeffNumber;Text;At\nLX000000001CN;"Held; ask\nthe post";2026-11-12\n')
    assert texts(look(folder, A)[0]) == ["Held; ask the post"]


def test_the_same_event_twice_is_one_and_the_fingerprint_stays(folder: Path) -> None:
    manual.record(folder, A, "In customs", at=NOW)
    before = look(folder, A)[0]
    manual.record(folder, A, "In customs", at=NOW)
    after = look(folder, A)[0]
    assert texts(after) == ["In customs"]
    assert isinstance(before, Found)
    assert isinstance(after, Found)
    assert before.fingerprint == after.fingerprint
    manual.record(folder, A, "Released", at=NOW + timedelta(hours=1))
    later = look(folder, A)[0]
    assert isinstance(later, Found)
    assert later.fingerprint != after.fingerprint


def test_an_event_written_by_command_is_read_as_it_was_meant(folder: Path) -> None:
    at = datetime(2026, 11, 24, 9, 0, tzinfo=timezone(timedelta(hours=1)))
    path = manual.record(
        folder, "lx 000000001 cn", "Zoll\nhat\x00angerufen", at=at, place="Leipzig", country="de"
    )
    assert path.parent == folder
    (outcome,) = look(folder, A)
    assert isinstance(outcome, Found)
    (told,) = outcome.read()
    assert (told.text, told.place, told.country) == ("Zoll hat angerufen", "Leipzig", "DE")
    assert (told.at, told.quality) == (NOW, TimeQuality.EXACT)


def test_a_number_cannot_name_a_file_elsewhere(folder: Path) -> None:
    path = manual.record(folder, "../../etc/x", "hello", at=NOW)
    assert path.parent == folder
    assert list(folder.iterdir()) == [path]


def test_an_event_without_words_or_a_folder_that_cannot_be_is_refused(folder: Path) -> None:
    with pytest.raises(Permanent, match="needs"):
        manual.record(folder, A, " \n ", at=NOW)
    with pytest.raises(Permanent, match="cannot be written"):
        manual.record(folder / "deep" / "deeper", A, "x", at=NOW)
    with pytest.raises(Permanent, match="cannot be read"):
        look(folder / "deep" / "deeper", A)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("half.json", '{"number": "LX000000001CN", "te'),
        ("empty.json", ""),
        ("list.json", "[1]"),
        ("latin.json", b'{"number":"A1111","text":"\xe4"}'),
        ("latin.csv", b"number,text\nA1111,\xe4\n"),
        ("short.csv", "number,text\nA1111\n"),
        ("long.csv", "number,text\nA1111,x,y\n"),
        ("names.csv", "tracking,what\nA1111,x\n"),
        ("quote.csv", 'number,text\nA1111,"x\n'),
        ("deep.json", "[" * 100_000),
        ("large.json", b" " * (manual.LARGEST + 1)),
    ],
)
def test_a_file_that_cannot_be_read_stops_the_look_and_is_named(
    folder: Path, name: str, content: str
) -> None:
    manual.record(folder, A, "In customs", at=NOW)
    drop(folder, name, content)
    with pytest.raises(Temporary) as raised:
        look(folder, A)
    assert name in str(raised.value)
    assert str(folder) in str(raised.value)


def test_hidden_files_and_other_kinds_are_left_alone(folder: Path) -> None:
    drop(folder, ".half.json", "{")
    drop(folder, "notes.txt", "{")
    (folder / "sub").mkdir()
    assert isinstance(look(folder, A)[0], NoNews)


def test_what_is_no_file_is_not_waited_for(folder: Path) -> None:
    folder.mkdir()
    os.mkfifo(folder / "pipe.json")
    with pytest.raises(Temporary, match="no file"):
        look(folder, A)


def test_looking_while_events_are_written_never_meets_a_half_one(folder: Path) -> None:
    def write(part: int) -> None:
        for at in range(25):
            manual.record(folder, A, f"event {part} {at}", at=NOW + timedelta(minutes=at))

    folder.mkdir()
    threads = [threading.Thread(target=write, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    looks = 0
    while any(thread.is_alive() for thread in threads):
        look(folder, A)
        looks += 1
    for thread in threads:
        thread.join()
    assert looks
    assert len(texts(look(folder, A)[0])) == 100
