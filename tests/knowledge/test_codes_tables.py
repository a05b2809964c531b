"""The codes files against the published tables and the answers of the services: nothing is overlooked, what is left out says why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from workers import resources
from workers.core.classify import Code, normal_code
from workers.knowledge import words

PAYLOADS = Path(__file__).resolve().parents[2].parent / "shared" / "payloads"
pytestmark = pytest.mark.skipif(not PAYLOADS.exists(), reason="the published payloads are not here")


@cache
def known() -> dict[str, dict[str, Code]]:
    return words.load_codes(resources.knowledge("codes"))


# Codes of a table that we leave out on purpose.
LEFT_OUT = {
    ("cainiao", "COMMON_ACCEPT"): "only its name is known, which does not say who accepted what",
    ("cainiao", "COMMON_DEPART"): "only its name is known, which does not say from where",
    (
        "cainiao",
        "COMMON_SIGNED",
    ): "only its name is known; a station may have signed, and a false 'delivered' is worse",
    ("cainiao", "SIGN"): "an order's state of the parcel, not an action code",
}


def table(path: str) -> Any:
    return json.loads((PAYLOADS / path).read_text(encoding="utf-8"))


def tables() -> dict[str, list[tuple[str, str]]]:
    """Return the codes that every published table holds, as (system, code)."""
    cainiao = table("cainiao/action-codes.table.json")
    actions = [
        *cainiao["official"],
        *cainiao["seen_live_not_in_enum"],
        *cainiao["seen_in_public_code_only"],
    ]
    correios = table("correios/customs-event-codes.table.json")
    easypost = table("easypost/status-values.table.json")
    royalmail = table("royalmail/customs-event-codes.table.json")
    ship24 = table("ship24/status-codes.table.json")
    upu = table("upu/emsevt-events.table.json")
    triples = [
        f"{row['type']}/{row['code'] or ''}/{row['statusCode']}"
        for row in table("ups/customs-status-codes.table.json")["codes"]
    ]
    return {
        "cainiao/action-codes": [("cainiao", code) for code in actions],
        "correios/customs-event-codes": [
            ("correios", f"{kind} {number}") for kind in ("PAR", "FC") for number in correios[kind]
        ],
        "easypost/status-values": [
            ("easypost", code) for key in ("status", "status_detail") for code in easypost[key]
        ],
        "laposte/colissimo-customs-codes": [
            ("colissimo", code) for code in table("laposte/colissimo-customs-codes.table.json")["codes"]
        ],
        "laposte/event-codes": [
            ("laposte", code) for code in table("laposte/event-codes.table.json")["codes"]
        ],
        "royalmail/customs-event-codes": [
            ("royalmail", code) for group in royalmail.values() if isinstance(group, dict) for code in group
        ],
        "ship24/status-codes": [("ship24", code) for key in ("milestones", "codes") for code in ship24[key]],
        "ups/customs-status-codes": [("ups", code) for code in triples],
        "upu/emsevt-events": [("upu", code) for code in upu["events"]]
        + [("ips", number) for number in upu["ips_inbound_numeric"]],
    }


def test_no_published_table_is_overlooked() -> None:
    found = {str(p.relative_to(PAYLOADS)).removesuffix(".table.json") for p in PAYLOADS.rglob("*.table.json")}
    assert found == set(tables())


def test_every_code_of_the_published_tables_is_known_or_left_out_with_a_reason() -> None:
    codes = [pair for pairs in tables().values() for pair in pairs]
    missing = [
        (system, code)
        for system, code in codes
        if normal_code(code) not in known()[system] and (system, code) not in LEFT_OUT
    ]
    assert len(codes) > 250
    assert not missing


def test_what_is_left_out_stands_in_a_table_and_is_not_known() -> None:
    codes = {pair for pairs in tables().values() for pair in pairs}
    assert set(LEFT_OUT) <= codes
    assert not [pair for pair in LEFT_OUT if normal_code(pair[1]) in known()[pair[0]]]


def _values(value: Any, key: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key and isinstance(inner, str) and inner:
                yield inner
            else:
                yield from _values(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner, key)


@pytest.mark.parametrize(
    ("folder", "key", "system"),
    [
        ("cainiao", "actionCode", "cainiao"),
        ("aftership", "raw_tag", "cainiao"),
        ("aftership", "subtag", "aftership"),
        ("aftership", "tag", "aftership"),
        ("17track", "sub_status", "17track"),
        ("17track", "stage", "17track"),
        ("ship24", "statusCode", "ship24"),
        ("ship24", "statusMilestone", "ship24"),
        ("trackingmore", "substatus", "trackingmore"),
        ("usps", "eventCode", "usps"),
        ("easypost", "status_detail", "easypost"),
    ],
)
def test_every_code_that_a_service_was_seen_to_send_is_known(folder: str, key: str, system: str) -> None:
    sent = {
        code
        for path in (PAYLOADS / folder).glob("*.json")
        for code in _values(json.loads(path.read_text(encoding="utf-8")), key)
    }
    assert sent
    unknown = {code for code in sent if normal_code(code) not in known()[system]}
    assert unknown <= {"InTransit_QuantumTunnelling"}, "only what a fixture made up may be unknown"
