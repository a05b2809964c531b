"""No configured address reaches this machine, its network or a cloud's metadata, unless its host is allowed by name."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.servers._faulty import FaultyServer, Reply
from workers.errors import Temporary
from workers.guard import Guarded, is_public
from workers.sources import Ask, Found, http_json

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)

PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255", "::", "::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "fe80::1", "fe80::1%lo", "fc00::1", "fd12::1", "ff02::1",
    "2001:db8::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1", "",
    "nonsense",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_of_the_public_internet_is_known_as_such(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_public_internet_is_known_as_such(address: str) -> None:
    assert is_public(address)


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer(lambda _: Reply(b'{"events":[{"text":"x"}]}')) as running:
        yield running


def spellings(port: int) -> list[str]:
    """Return ways to write this machine that lead to it where nobody looks."""
    hosts = [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "127.0.0.2",
        "0",
    ]
    return [f"http://{host}:{port}/" for host in hosts]


def test_no_spelling_of_this_machine_gets_a_request_through(server: FaultyServer) -> None:
    port = int(server.origin.rpartition(":")[2])
    with httpx.Client(transport=Guarded([])) as client:
        for url in spellings(port):
            with pytest.raises((httpx.ConnectError, httpx.InvalidURL)):
                client.get(url)
    assert not server.requests


def test_without_the_guard_they_would_get_through(server: FaultyServer) -> None:
    port = int(server.origin.rpartition(":")[2])
    reached = 0
    with httpx.Client(trust_env=False) as client:
        for url in spellings(port):
            try:
                reached += client.get(url).status_code == 200
            except (httpx.HTTPError, httpx.InvalidURL):
                continue
    assert reached >= 3


def test_a_host_allowed_by_name_is_reached_and_no_other_spelling_of_it(server: FaultyServer) -> None:
    port = int(server.origin.rpartition(":")[2])
    with httpx.Client(transport=Guarded(["127.0.0.1"])) as client:
        assert client.get(f"http://127.0.0.1:{port}/").status_code == 200
        for other in ("localhost", "127.0.0.2"):
            with pytest.raises(httpx.ConnectError):
                client.get(f"http://{other}:{port}/")
    assert len(server.requests) == 1


def test_the_address_connected_to_is_the_one_that_was_looked_at(
    server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that answers once with a public address and then with ours must not win."""
    port = int(server.origin.rpartition(":")[2])
    asked: list[str] = []
    tried: list[str] = []

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        address = "203.0.114.7" if len(asked) == 1 else "127.0.0.1"  # a public address, then this machine
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    def connect(address: tuple[str, int], *_: Any, **__: Any) -> Any:
        tried.append(address[0])
        raise OSError("nobody is there")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    with httpx.Client(transport=Guarded([])) as client, pytest.raises(httpx.ConnectError):
        client.get(f"http://rebinding.example:{port}/")
    assert (asked, tried) == (["rebinding.example"], ["203.0.114.7"])
    assert not server.requests


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    with httpx.Client(transport=Guarded([])) as client, pytest.raises(httpx.ConnectError, match="public"):
        client.get("http://mixed.example/")


def opened(url: str, *allowed: str) -> http_json.HttpJson:
    said = {"url": url, "events": "events", "text": "text", "allow_hosts": list(allowed)}
    return http_json.open(http_json.Settings.model_validate(said), name="any", clock=lambda: NOW)


def test_the_source_refuses_to_reach_what_is_not_allowed_and_says_how_to_allow_it(
    server: FaultyServer,
) -> None:
    port = int(server.origin.rpartition(":")[2])
    source = opened(f"https://localhost:{port}/{{number}}")
    with pytest.raises(Temporary, match="allow_hosts"):
        source.track([Ask("p", "LX000000001CN")])
    source.close()
    allowed = opened(f"http://127.0.0.1:{port}/{{number}}", "127.0.0.1")
    assert isinstance(allowed.track([Ask("p", "LX000000001CN")])["p"], Found)
    allowed.close()


def test_a_redirect_to_this_machine_is_refused(server: FaultyServer) -> None:
    with FaultyServer(lambda _: Reply(b"", 302, {"Location": server.origin + "/"})) as outside:
        port = int(outside.origin.rpartition(":")[2])
        source = opened(f"http://127.0.0.1:{port}/{{number}}", "127.0.0.1")
        with pytest.raises(Temporary, match="redirects"):
            source.track([Ask("p", "LX000000001CN")])
        source.close()
    assert not server.requests


def test_a_number_cannot_change_where_a_request_goes(server: FaultyServer) -> None:
    source = opened(server.origin + "/p/{number}/events", "127.0.0.1")
    source.track([Ask("p", "../../@evil.example/?x=#")])
    source.close()
    (request,) = server.requests
    assert request.path == "/p/..%2F..%2F%40EVIL.EXAMPLE%2F%3FX%3D%23/events"
