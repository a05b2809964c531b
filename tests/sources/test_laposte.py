"""The La Poste source against a La Poste of our own: ten numbers a call, each with its own answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.servers._faulty import Reply
from tests.servers.laposte import LaPosteServer, event
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Found, NoNews, Outcome, laposte

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
PAYLOADS = Path(__file__).resolve().parents[2].parent / "shared" / "payloads" / "laposte"
A, B = "LX000000001CN", "LX000000002CN"
ENTERED = event("2026-11-11T09:01:00+01:00", "DO1", "Votre colis entre en douane.")
HELD = event("2026-11-12T09:30:00+01:00", "DOUFCM", "Facture absente, retenu en douane.")


@pytest.fixture
def server() -> Iterator[LaPosteServer]:
    with LaPosteServer() as running:
        yield running


def opened(server: LaPosteServer, **settings: Any) -> laposte.LaPoste:
    said = {"token": "test-key", "base_url": server.url, "allow_hosts": ["127.0.0.1"], **settings}
    return laposte.open(laposte.Settings.model_validate(said), name="fr", clock=lambda: NOW)


@pytest.fixture
def source(server: LaPosteServer) -> Iterator[laposte.LaPoste]:
    made = opened(server)
    yield made
    made.close()


def look(source: laposte.LaPoste, *numbers: str) -> list[Outcome]:
    said = source.track([Ask(number, number) for number in numbers])
    return [said[number] for number in numbers]


def test_one_call_answers_for_each_number_by_itself(server: LaPosteServer, source: laposte.LaPoste) -> None:
    server.shipments[A] = [HELD, ENTERED]
    shown, missing, invalid = look(source, A, B, "X-3")
    assert isinstance(shown, Found)
    assert [(s.system, s.code) for s in shown.read()] == [("laposte", "DO1"), ("colissimo", "DOUFCM")]
    assert isinstance(missing, NoNews)
    assert isinstance(invalid, Permanent)
    assert len(server.requests) == 1


def test_one_number_alone_is_answered_without_a_list(server: LaPosteServer, source: laposte.LaPoste) -> None:
    server.shipments[A] = [ENTERED]
    assert isinstance(look(source, A)[0], Found)
    assert isinstance(look(source, B)[0], NoNews)
    assert isinstance(look(source, "X-3")[0], Permanent)


def test_the_language_asked_for_stands_in_the_sightings(server: LaPosteServer) -> None:
    server.shipments[A] = [ENTERED]
    source = opened(server, lang="en_GB")
    (shown,) = look(source, A)
    assert isinstance(shown, Found)
    assert shown.read()[0].lang == "en-GB"
    source.close()


def test_a_wrong_key_is_permanent_and_says_what_to_check(server: LaPosteServer) -> None:
    source = opened(server, token="another-key")
    with pytest.raises(Permanent, match="credentials") as raised:
        look(source, A, B)
    assert "token" in raised.value.hint
    source.close()


def test_a_number_missing_from_the_list_is_an_error(server: LaPosteServer, source: laposte.LaPoste) -> None:
    item = {"returnCode": 200, "shipment": {"idShip": A, "event": [ENTERED]}}
    server.inject(Reply(json.dumps([item]).encode(), 207))
    shown, forgotten = look(source, A, B)
    assert isinstance(shown, Found)
    assert isinstance(forgotten, Temporary)


@pytest.mark.skipif(not PAYLOADS.is_dir(), reason="the reference payloads are not here")
def test_the_reference_answers_are_read() -> None:
    whole = laposte.parse((PAYLOADS / "suivi-v2-delivered-2023.json").read_bytes(), source="x")
    told = whole["EX000000001FR"]
    listed = json.loads((PAYLOADS / "suivi-v2-delivered-2023.json").read_text())[0]["shipment"]["event"]
    assert [s.code for s in told] == [each["code"] for each in reversed(listed)]
    assert told[-1].code == "DI1"
    with pytest.raises(Permanent, match="valide"):
        laposte.parse((PAYLOADS / "suivi-v2-error-400.json").read_bytes(), source="x")
