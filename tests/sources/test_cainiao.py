"""The Cainiao source against a Cainiao of our own: what is shown, and that a block never looks like silence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.servers._faulty import Reply
from tests.servers.cainiao import CainiaoServer, at, event
from workers.core.model import TimeQuality
from workers.errors import Misconfigured, Temporary
from workers.loading import parse as yaml
from workers.loading import validate
from workers.sources import Ask, Found, NoNews, Outcome, cainiao

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
A, B, C = "LP00000000000001", "LP00000000000002", "LP00000000000003"
EXPORTED = event(
    at("2026-09-17T03:00:00"), "CC_EX_SUCCESS", "Export customs clearance complete", note="Export done"
)
CLEARING = event(at("2026-09-19T13:16:11"), "CC_IM_START", "", note="Handed over to customs", hours=3)


@pytest.fixture
def server() -> Iterator[CainiaoServer]:
    with CainiaoServer() as running:
        yield running


@pytest.fixture
def source(server: CainiaoServer) -> Iterator[cainiao.Cainiao]:
    settings = cainiao.Settings.model_validate(
        {"base_url": server.url, "allow_hosts": ["127.0.0.1"], "i_accept_unofficial": "true"}
    )
    opened = cainiao.open(settings, name="cn", clock=lambda: NOW)
    yield opened
    opened.close()


def look(source: cainiao.Cainiao, *numbers: str) -> list[Outcome]:
    said = source.track([Ask(number, number) for number in numbers])
    return [said[number] for number in numbers]


def found(outcome: Outcome) -> Found:
    assert isinstance(outcome, Found), outcome
    return outcome


def test_it_must_be_opted_into_with_a_sentence_that_says_why() -> None:
    with pytest.raises(Misconfigured, match="no official interface"):
        validate(
            cainiao.Settings,
            yaml("base_url: https://global.cainiao.com/global/detail.json", file="orders.yaml"),
        )
    with pytest.raises(Misconfigured, match="no official interface"):
        validate(cainiao.Settings, yaml("i_accept_unofficial: false", file="orders.yaml"))
    accepted = validate(cainiao.Settings, yaml("i_accept_unofficial: true", file="orders.yaml"))
    assert (accepted.rate, accepted.batch) == (0.05, 10)


def test_all_numbers_go_in_one_call_and_each_gets_its_own_answer(
    server: CainiaoServer, source: cainiao.Cainiao
) -> None:
    server.set_events(A, [EXPORTED, CLEARING])
    server.set_events(B, [])
    shown, empty, unknown = look(source, A, B, C)
    assert server.asked == [[A, B, C]]
    assert [s.code for s in found(shown).read()] == ["CC_EX_SUCCESS", "CC_IM_START"]
    assert [type(empty), type(unknown)] == [NoNews, NoNews]
    assert "lang=en-US" in server.requests[0].path


def test_texts_are_joined_as_17track_joins_them(server: CainiaoServer, source: cainiao.Cainiao) -> None:
    same = event(at("2026-09-20T00:00:00"), "CC_IM_SUCCESS", "Cleared customs", note="cleared customs")
    server.set_events(A, [EXPORTED, CLEARING, same])
    assert [s.text for s in found(look(source, A)[0]).read()] == [
        "Export customs clearance complete, Carrier note: Export done",
        "Handed over to customs",
        "Cleared customs",
    ]


def test_the_order_of_the_list_beats_its_clocks(server: CainiaoServer, source: cainiao.Cainiao) -> None:
    early = {**CLEARING, "time": int(at("2026-09-16T00:00:00").timestamp() * 1000)}
    server.set_events(A, [EXPORTED, early])
    sightings = found(look(source, A)[0]).read()
    assert [s.code for s in sightings] == ["CC_EX_SUCCESS", "CC_IM_START"]
    assert [s.quality for s in sightings] == [TimeQuality.EXACT, TimeQuality.ASSUMED]


def test_the_fingerprint_changes_with_the_events_and_not_with_icons_or_estimates(
    server: CainiaoServer, source: cainiao.Cainiao
) -> None:
    server.set_events(A, [EXPORTED])
    first = found(look(source, A)[0]).fingerprint
    server.set_events(
        A, [{**EXPORTED, "group": {"currentIconUrl": "https://x/1.png"}}], daysNumber="3\tday(s)"
    )
    assert found(look(source, A)[0]).fingerprint == first
    server.set_events(A, [EXPORTED, CLEARING])
    assert found(look(source, A)[0]).fingerprint != first


def test_modules_without_numbers_are_told_apart_by_their_order(
    server: CainiaoServer, source: cainiao.Cainiao
) -> None:
    modules = [{"detailList": [EXPORTED]}, {"detailList": [CLEARING]}]
    server.inject(Reply(json.dumps({"module": modules, "success": True}).encode()))
    first, second = look(source, A, B)
    assert [found(first).read()[0].code, found(second).read()[0].code] == ["CC_EX_SUCCESS", "CC_IM_START"]
    server.inject(Reply(json.dumps({"module": modules[:1], "success": True}).encode()))
    assert [type(outcome) for outcome in look(source, A, B)] == [Temporary, Temporary]


def test_one_parcel_that_cannot_be_read_does_not_harm_its_neighbours(
    server: CainiaoServer, source: cainiao.Cainiao
) -> None:
    server.set_events(A, [EXPORTED])
    server.set_events(B, [EXPORTED], detailList="none")
    server.parcels[C] = {"mailNo": C, "status": "TRANSPORT"}
    assert [type(outcome) for outcome in look(source, A, B, C)] == [Found, Temporary, Temporary]


@pytest.mark.parametrize(
    "body",
    [
        {"ret": ["FAIL_SYS_USER_VALIDATE", "RGV587_ERROR::SM::x"], "data": {}},
        {"success": False, "errorCode": "SYSTEM", "errorMsg": "busy", "module": []},
        {"success": False, "errorCode": "SYSTEM", "module": [{"mailNo": A, "detailList": []}]},
        {"success": True},
        {"success": True, "module": []},
        {"success": True, "module": [{"mailNo": A, "status": "[CN]STOPCRAWLER", "detailList": []}]},
    ],
)
def test_a_block_is_temporary_and_left_alone_for_hours(
    server: CainiaoServer, source: cainiao.Cainiao, body: dict[str, Any]
) -> None:
    server.inject(Reply(json.dumps(body).encode()))
    with pytest.raises(Temporary) as raised:
        look(source, A)
    assert raised.value.after == timedelta(hours=6)


def test_a_page_a_redirect_and_a_refusal_are_left_alone_for_hours_too(
    server: CainiaoServer, source: cainiao.Cainiao
) -> None:
    server.next_html()
    server.next_redirect("https://login.example/")
    server.next_http(403, b"{}")
    server.next_http(429, b"")
    for _ in range(4):
        with pytest.raises(Temporary) as raised:
            look(source, A)
        assert raised.value.after == timedelta(hours=6)


def test_after_a_block_the_next_answer_is_read_again(server: CainiaoServer, source: cainiao.Cainiao) -> None:
    """A negative control: it was the block, not the parcel."""
    server.set_events(A, [EXPORTED])
    server.next_blocked()
    with pytest.raises(Temporary):
        look(source, A)
    found(look(source, A)[0])


@pytest.mark.parametrize(
    ("written", "code"),
    [(" cc_im_start ", "CC_IM_START"), ("CC_TRANS＿START", "CC_TRANS_START"), (None, ""), (7, "7"), ([], "")],
)
def test_action_codes_are_written_one_way(written: Any, code: str) -> None:
    assert cainiao.action_code(written) == code


def test_the_double_knows_only_what_was_scripted_and_answers_only_its_own_page(
    server: CainiaoServer, source: cainiao.Cainiao
) -> None:
    settings = cainiao.Settings.model_validate(
        {"base_url": server.origin + "/other", "allow_hosts": ["127.0.0.1"], "i_accept_unofficial": "true"}
    )
    lost = cainiao.open(settings, name="cn", clock=lambda: NOW)
    with pytest.raises(Temporary):
        look(lost, A)
    lost.close()
    assert look(source, A) == [NoNews()]


def test_answers_of_the_real_service_read_as_their_index_says(shared: Path) -> None:
    folder = shared / "payloads" / "cainiao"

    def told(name: str) -> dict[str, list[str]]:
        by_number = cainiao.parse((folder / name).read_bytes(), source="cn")
        return {number: [s.code for s in sightings] for number, sightings in by_number.items()}

    assert told("delivered-cn-be-2026-02.json") == {
        "RC000000001EE": [
            "PU_PICKUP_SUCCESS", "GTMS_OE_DEPART", "LH_ARRIVE", "COMMON_INTRANSIT", "CC_IM_SUCCESS", "GTMS_DO_DEPART",
            "GTMS_SIGNED",
        ]
    }  # fmt: skip
    assert told("import-clearance-started-cn-il-2026-09.json") == {
        "DSVPH000000001": ["GTMS_ACCEPT", "CC_IM_START"]
    }
    assert told("unknown-number.json") == {"LP00000000000": []}
    assert told("progress-points.synthetic.json") == {"": ["CC_EX_SUCCESS", "CC_IM_SUCCESS"]}
    (handed_over,) = cainiao.parse(
        (folder / "handoff-to-postnl.synthetic.json").read_bytes(), source="cn"
    ).values()
    assert [(s.number, s.carrier) for s in handed_over] == [("", "Cainiao"), ("3SDFC0123456789", "PostNL")]
