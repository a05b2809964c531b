"""The 17TRACK of our own refuses what the real one refuses: a double that says yes to everything proves nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.servers.seventeentrack import SeventeenTrackServer, event

A = "LP00000000000001"


@pytest.fixture
def server() -> Iterator[SeventeenTrackServer]:
    with SeventeenTrackServer(rate=None) as running:
        yield running


def post(
    server: SeventeenTrackServer, endpoint: str, body: Any, key: str = "test-key"
) -> tuple[int, dict[str, Any]]:
    answer = httpx.post(server.url + endpoint, json=body, headers={"17token": key})
    return answer.status_code, answer.json()


def test_a_wrong_key_is_refused_before_anything_else(server: SeventeenTrackServer) -> None:
    assert post(server, "register", [{"number": A}], key="wrong")[0] == 401
    assert post(server, "nonsense", "nonsense", key="wrong")[1]["code"] == -18010002
    assert server.used == 0


def test_forty_one_numbers_are_refused(server: SeventeenTrackServer) -> None:
    many = [{"number": f"LP{n:014d}"} for n in range(41)]
    assert post(server, "register", many)[1]["code"] == -18010014
    assert post(server, "register", many[:40])[1]["code"] == 0
    assert server.used == 40


def test_a_number_must_be_registered_before_it_is_read(server: SeventeenTrackServer) -> None:
    server.set_events(A, [event("2026-10-12T10:05:00+08:00", "Received")])
    (refused,) = post(server, "gettrackinfo", [{"number": A}])[1]["data"]["rejected"]
    assert refused["error"]["code"] == -18019902
    post(server, "register", [{"number": A}])
    assert len(post(server, "gettrackinfo", [{"number": A}])[1]["data"]["accepted"]) == 1


def test_registering_twice_is_refused_and_free(server: SeventeenTrackServer) -> None:
    post(server, "register", [{"number": A}])
    (refused,) = post(server, "register", [{"number": A}])[1]["data"]["rejected"]
    assert refused["error"]["code"] == -18019901
    assert server.used == 1


def test_a_fourth_request_within_a_second_is_refused() -> None:
    with SeventeenTrackServer() as server, httpx.Client(headers={"17token": "test-key"}) as session:
        statuses = [session.post(server.url + "getquota", json=[]).status_code for _ in range(12)]
        let_in = [call.at for call in server.calls if call.status == 200]
        turned_away = [call.at for call in server.calls if call.status == 429]
    assert statuses[0] == 200
    assert turned_away, "twelve requests took four seconds"
    for at in turned_away:
        assert sum(at - 1.0 < other <= at for other in let_in) == 3
    for at in let_in:
        assert sum(at - 1.0 < other <= at for other in let_in) <= 3


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "getquota"), ("POST", "getrealtime"), ("POST", "../v1/register")]
)
def test_other_methods_and_calls_are_not_found(server: SeventeenTrackServer, method: str, path: str) -> None:
    assert (
        httpx.request(method, server.url + path, json=[], headers={"17token": "test-key"}).status_code == 404
    )


def test_a_body_that_is_no_list_is_refused(server: SeventeenTrackServer) -> None:
    assert post(server, "register", {"number": A})[1]["code"] == -18010013


def test_it_answers_several_hundred_requests_a_second_from_eight_clients(
    server: SeventeenTrackServer,
) -> None:
    numbers = [f"LP{n:014d}" for n in range(40)]
    for number in numbers:
        server.set_events(number, [event("2026-10-12T10:05:00+08:00", f"Received {n}") for n in range(5)])
    server.register(*numbers)
    body = [{"number": number} for number in numbers]
    went_wrong: list[int] = []

    def client() -> None:
        with httpx.Client(headers={"17token": "test-key"}) as session:
            for _ in range(10):
                answer = session.post(server.url + "gettrackinfo", json=body)
                if (
                    len(answer.json()["data"]["accepted"]) != 40
                    or answer.headers["content-encoding"] != "gzip"
                ):
                    went_wrong.append(answer.status_code)

    began = time.monotonic()
    threads = [threading.Thread(target=client) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{80 / (time.monotonic() - began):.0f} calls of 40 numbers a second, clients included")
    assert not went_wrong
    assert len(server.calls) == 80


def test_stopping_ends_kept_connections_and_answers_that_hang() -> None:
    server = SeventeenTrackServer(rate=None, latency=30.0).start()
    said: list[str] = []

    def client() -> None:
        try:
            httpx.post(server.url + "getquota", headers={"17token": "test-key"}, timeout=30)
        except httpx.HTTPError as error:
            said.append(type(error).__name__)
        else:
            said.append("answered")

    thread = threading.Thread(target=client)
    thread.start()
    until = time.monotonic() + 10
    while not server.requests and time.monotonic() < until:
        time.sleep(0.01)
    server.stop()
    thread.join(timeout=10)
    assert said
