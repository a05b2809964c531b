"""What every source owes, found by walking the directory: an error is never an empty answer, and nothing else escapes.

A kind of source brings ``tests/sources/<kind>/``: recorded answers ``*.json``, or raw mails ``*.eml``, each with what must be
read in it as ``*.expected.json`` (sightings by number, or ``{"raises": "Temporary"}``), and, if it talks HTTP,
``settings.json``: its settings with ``{origin}`` for the server's address, ``timeout`` and ``largest`` small, and the asks to
make. A mail that is cut is still a mail: it may say less than the whole one, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from workers.core.model import Sighting, TimeQuality
from workers.errors import Misconfigured, Permanent, Temporary
from workers.sources import kinds, load

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def recorded(kind: str) -> list[Path]:
    odd = (".expected.json", "errors.json")
    return [
        p
        for p in sorted((HERE / kind).iterdir())
        if p.suffix in (".json", ".eml") and not p.name.endswith(odd) and p.name != "settings.json"
    ]


PAIRS = [(kind, path) for kind in kinds() for path in recorded(kind)]
PAIR_IDS = [f"{kind}-{path.stem}" for kind, path in PAIRS]
JSON = [(kind, path) for kind, path in PAIRS if path.suffix == ".json"]
JSON_IDS = [f"{kind}-{path.stem}" for kind, path in JSON]
MAILS = [(kind, path) for kind, path in PAIRS if path.suffix == ".eml"]
MAIL_IDS = [f"{kind}-{path.stem}" for kind, path in MAILS]


def plain(sighting: Sighting) -> dict[str, Any]:
    """Return the fields that say something."""
    at = sighting.at.isoformat() if sighting.at else None
    named = {
        "text": sighting.text, "at": at, "quality": str(sighting.quality), "system": sighting.system,
        "code": sighting.code, "translation": sighting.translation, "lang": sighting.lang, "place": sighting.place,
        "country": sighting.country, "carrier": sighting.carrier, "number": sighting.number,
    }  # fmt: skip
    return {key: value for key, value in named.items() if value or key in {"text", "at"}}


def told(kind: str, payload: bytes | Mapping[str, Any]) -> dict[str, Any]:
    """Return what is read in *payload*, in the form of the expected files."""
    try:
        by_number = load(kind).parse(payload, source="recorded")
    except (Temporary, Permanent) as error:
        return {"raises": type(error).__name__}
    return {number: [plain(sighting) for sighting in sightings] for number, sightings in by_number.items()}


@pytest.mark.parametrize("kind", kinds())
def test_a_kind_of_source_holds_what_the_contract_names_and_brings_recorded_answers(kind: str) -> None:
    module = load(kind)
    assert module.Settings.model_config.get("extra") == "forbid"
    assert callable(module.parse)
    assert callable(module.open)
    assert recorded(kind), f"record answers under tests/sources/{kind}/"


def test_a_kind_that_is_not_in_the_directory_is_named_with_those_that_are() -> None:
    with pytest.raises(Misconfigured, match="seventeentrack"):
        load("sevententrack")
    with pytest.raises(Misconfigured):
        load("_http")


@pytest.mark.parametrize(("kind", "path"), PAIRS, ids=PAIR_IDS)
def test_a_recorded_answer_reads_as_expected(kind: str, path: Path) -> None:
    expected = json.loads(path.with_suffix(".expected.json").read_text())
    assert told(kind, path.read_bytes()) == expected
    if path.suffix == ".json":
        assert told(kind, json.loads(path.read_text())) == expected  # already decoded


@pytest.mark.parametrize("kind", kinds())
def test_the_recorded_answers_of_a_kind_hold_sightings_and_errors(kind: str) -> None:
    expected = [json.loads(path.with_suffix(".expected.json").read_text()) for path in recorded(kind)]
    assert any("raises" in each for each in expected)
    assert any(sightings for each in expected if "raises" not in each for sightings in each.values())


ODD: tuple[Any, ...] = (None, 0, True, "odd \x00\n<b>", [], ["x"], {}, [[{}]], 10**30)


def places(node: Any) -> Iterator[tuple[Any, ...]]:
    """Return the path of every value, one for each kind of place: the second event is no other kind than the first."""
    seen = set()
    for path in everywhere(node):
        kind_of_place = tuple("*" if isinstance(step, int) else step for step in path)
        if kind_of_place not in seen:
            seen.add(kind_of_place)
            yield path


def everywhere(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        yield from everywhere(value, (*path, key))


def with_odd(node: Any, path: tuple[Any, ...], odd: Any) -> Any:
    if not path:
        return odd
    inner = with_odd(node[path[0]], path[1:], odd)
    if isinstance(node, dict):
        return {**node, path[0]: inner}
    return [inner if at == path[0] else value for at, value in enumerate(node)]


def without(node: Any, path: tuple[Any, ...]) -> Any:
    if len(path) == 1:
        return {k: v for k, v in node.items() if k != path[0]} if isinstance(node, dict) else node[: path[0]]
    inner = without(node[path[0]], path[1:])
    return {**node, path[0]: inner} if isinstance(node, dict) else [*node[: path[0]], inner]


def read(kind: str, payload: bytes | Mapping[str, Any]) -> None:
    """Read a spoilt answer: sightings in form, or an error of the house."""
    try:
        by_number = load(kind).parse(payload, source="recorded")
    except (Temporary, Permanent):
        return
    for number, sightings in by_number.items():
        assert isinstance(number, str)
        for sighting in sightings:
            assert isinstance(sighting, Sighting)
            assert (sighting.at is None) == (sighting.quality is TimeQuality.UNKNOWN)
            assert sighting.at is None or sighting.at.utcoffset() == timedelta(0)
            shown = (sighting.text, sighting.translation, sighting.place, sighting.carrier, sighting.code)
            assert all(isinstance(field, str) for field in shown)
            assert not any(c in field for field in shown for c in "\n\r\x00")


@pytest.mark.parametrize(("kind", "path"), JSON, ids=JSON_IDS)
def test_an_answer_with_any_one_value_odd_or_missing_reads_or_raises_an_error_of_the_house(
    kind: str, path: Path
) -> None:
    whole = json.loads(path.read_text())
    for place in places(whole):
        for odd in ODD:
            spoilt = with_odd(whole, place, odd)
            read(kind, json.dumps(spoilt).encode())
        if place:
            read(kind, without(whole, place))


@pytest.mark.parametrize("kind", kinds())
def test_what_cannot_even_be_written_as_json_is_an_error(kind: str) -> None:
    with pytest.raises((Temporary, Permanent)):
        load(kind).parse({"data": object(), "code": object()}, source="recorded")


@pytest.mark.parametrize(("kind", "path"), MAILS, ids=MAIL_IDS)
def test_a_mail_with_any_one_line_odd_or_missing_reads_or_raises_an_error_of_the_house(
    kind: str, path: Path
) -> None:
    lines = path.read_bytes().split(b"\n")
    for at in range(len(lines)):
        for odd in (
            [],
            [b""],
            [b"\x00\xff" + lines[at]],
            [lines[at].upper()],
            [lines[at]] * 2,
            [b":" + lines[at]],
        ):
            read(kind, b"\n".join([*lines[:at], *odd, *lines[at + 1 :]]))


@pytest.mark.parametrize(("kind", "path"), MAILS, ids=MAIL_IDS)
def test_a_mail_cut_anywhere_says_a_part_of_the_whole_or_is_an_error(kind: str, path: Path) -> None:
    whole = path.read_bytes()
    said = told(kind, whole)
    for end in range(0, len(whole), max(1, len(whole) // 60)):
        part = told(kind, whole[:end])
        if "raises" in part:
            continue
        known = [each["code"] for sightings in said.values() for each in sightings if "code" in each]
        for sightings in part.values():  # a number or a word may be cut as well, a step is whole or is none
            assert all(each.get("code", "") in ["", *known] for each in sightings)


@pytest.mark.parametrize(("kind", "path"), JSON, ids=JSON_IDS)
def test_an_answer_cut_anywhere_is_an_error(kind: str, path: Path) -> None:
    whole = path.read_bytes().strip()
    for end in range(0, len(whole), max(1, len(whole) // 30)):
        with pytest.raises((Temporary, Permanent)):
            load(kind).parse(whole[:end], source="recorded")


def test_the_check_of_odd_values_would_notice_a_parser_that_falls_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = json.loads((HERE / "cainiao" / "customs.json").read_text())
    place = ("module", 0, "detailList", 0, "desc")
    assert place in list(places(whole))
    assert with_odd(whole, place, 7)["module"][0]["detailList"][0]["desc"] == 7
    assert "desc" not in without(whole, place)["module"][0]["detailList"][0]
