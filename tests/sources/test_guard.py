"""No configured address reaches this machine, its network or a cloud's metadata, unless its host is allowed by name."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import ValidationError

from tests.servers._faulty import FaultyServer, Reply
from tests.sources import on_the_wire
from workers.errors import Permanent, Temporary
from workers.guard import Guarded, is_public
from workers.sources import Ask, Found, http_json, kinds, load
from workers.sources._direct import Direct
from workers.sources._http import _trust

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)

PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255", "::", "::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "fe80::1", "fe80::1%lo", "fc00::1", "fd12::1", "ff02::1",
    "2001:db8::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1", "",
    "nonsense", "::ffff:0:7f00:1", "fec0::1", "5f00::1", "3fff::1", "fd00:ec2::254", "fd20:ce::254",
    "2001:4860::5efe:7f00:1", "2001:4860::200:5efe:a00:1", "64:ff9b:1::808:808", "::ffff:8.8.8.8", "100.100.100.200",
    "168.63.129.16", "192.0.0.192", "192.88.99.1", "100::1", "2001:0:7f00:1::", "0x7f.1", "2130706433", "127.1",
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


HERE = Path(__file__).parent
ADDRESSED = [kind for kind in kinds() if "base_url" in load(kind).Settings.model_fields]
WITH_URL = [*ADDRESSED, "http_json"]


class Door:
    """A port of this machine on all its addresses that counts who knocks and answers nobody."""

    def __init__(self) -> None:
        self.knocks = 0
        self._socket = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:  # the test is over
                return
            self.knocks += 1
            line.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def door() -> Iterator[Door]:
    made = Door()
    yield made
    made.close()


# Ways to write this machine, its metadata service or its neighbours that have led programs there.
HOSTS = [
    "127.0.0.1", "localhost", "LOCALHOST", "localhost.", "127.0.0.1.", "127.1", "2130706433", "0x7f000001", "0x7f.0.0.1",
    "0177.0.0.1", "0", "0.0.0.0", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
    "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "127\u30020\u30020\u30021", "127\uff0e0\uff0e0\uff0e1", "①②⑦.0.0.1", "ⓛocalhost",
    "169.254.169.254", "[fe80::1%25lo]", "public.example@127.0.0.1", "127.0.0.1#@public.example",
    "127.0.0.1\\@public.example", "127.0.0.1%00.public.example", " 127.0.0.1",
]  # fmt: skip


def knocking(kind: str, host: str, port: int, *allowed: str) -> None:
    """Make one look of a source whose address is *host*; what is refused in whichever way is refused."""
    text = (HERE / kind / "settings.json").read_text()
    said = json.loads(text.replace("{origin}", json.dumps(f"https://{host}:{port}")[1:-1]))
    said["settings"]["allow_hosts"] = list(allowed)
    module = load(kind)
    try:
        options = module.Settings.model_validate(said["settings"])
    except ValidationError:
        return
    source = module.open(options, name="any", clock=lambda: NOW, sleep=lambda _: None)
    try:
        outcomes = source.track([Ask(**said["asks"][0])]).values()
        assert all(isinstance(outcome, Temporary) for outcome in outcomes)
    except (Temporary, Permanent):
        return
    finally:
        source.close()


@pytest.mark.parametrize("kind", WITH_URL)
def test_no_source_can_be_pointed_at_this_machine_however_it_is_spelt(kind: str, door: Door) -> None:
    for host in HOSTS:
        knocking(kind, host, door.port)
    assert door.knocks == 0


@pytest.mark.parametrize("kind", WITH_URL)
def test_every_source_reaches_this_machine_where_it_is_allowed_by_name(kind: str, door: Door) -> None:
    knocking(kind, "127.0.0.1", door.port, "127.0.0.1")
    assert door.knocks >= 1


def test_every_source_that_speaks_http_takes_part_in_these_tests() -> None:
    on_the_wire = {kind for kind in kinds() if (HERE / kind / "settings.json").exists()}
    assert on_the_wire == set(WITH_URL)


@pytest.mark.parametrize("kind", ADDRESSED)
def test_a_key_is_not_sent_in_the_clear_nor_to_a_host_that_hides(kind: str) -> None:
    said = json.loads((HERE / kind / "settings.json").read_text())["settings"]
    for url in (
        "http://public.example/",
        "https://key@public.example/",
        "https:///x",
        "ftp://public.example/",
        "x",
    ):
        with pytest.raises(ValidationError, match="base_url"):
            load(kind).Settings.model_validate({**said, "base_url": url, "allow_hosts": ["127.0.0.1"]})


def resolving(*answers: str) -> tuple[list[str], Callable[..., list[Any]]]:
    """Return a name server that gives these addresses one after the other, and whom it was asked for."""
    asked: list[str] = []

    def resolve(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        address = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    return asked, resolve


def test_the_direct_way_connects_to_what_it_looked_at_too(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, resolve = resolving("203.0.114.7", "127.0.0.1")
    tried: list[str] = []

    def connect(address: tuple[str, int], *_: Any, **__: Any) -> Any:
        tried.append(address[0])
        raise OSError("nobody is there")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    direct = Direct(timeout=1, trust=_trust(), allowed=[])
    url = f"https://rebinding.example:{door.port}/"
    with pytest.raises(ConnectionError), direct.exchange("GET", url, content=None, headers={}):
        raise AssertionError("nobody can have answered")
    assert (asked, tried, door.knocks) == (["rebinding.example"], ["203.0.114.7"], 0)


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.0.0.1"])
@pytest.mark.parametrize("kind", ["seventeentrack", "cainiao"])  # the direct way, and httpx's
def test_a_public_name_with_an_address_inside_is_refused(
    kind: str, address: str, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, resolve = resolving(address)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    knocking(kind, "innocent.example", door.port)
    assert door.knocks == 0


def test_a_proxy_of_the_environment_connects_only_to_what_needs_no_look(
    server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", server.origin)
    monkeypatch.setenv("http_proxy", server.origin)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    port = urlsplit(server.origin).port or 0
    knocking("ship24", "localhost", port)
    assert not server.requests, "a proxy would have been asked to reach this machine"
    knocking("ship24", "127.0.0.1", port, "127.0.0.1")
    assert server.requests, "the user vouches for this one"


def with_addresses(node: Any, address: str) -> Any:
    """Return an answer whose every text is an address that leads somewhere."""
    if isinstance(node, dict):
        return {key: with_addresses(value, address) for key, value in node.items()}
    if isinstance(node, list):
        return [with_addresses(value, address) for value in node]
    return address if isinstance(node, str) else node


@pytest.mark.parametrize("kind", WITH_URL)
def test_no_address_that_comes_in_an_answer_is_asked(kind: str, server: FaultyServer) -> None:
    answers = [json.loads(path.read_text()) for path in sorted((HERE / kind).glob("*.json"))]
    with FaultyServer(lambda _: Reply(b"{}")) as elsewhere:
        for subject in on_the_wire.subjects_of(kind):
            for answer in answers:
                told = with_addresses(answer, f"{elsewhere.origin}/x") if isinstance(answer, dict) else answer
                body = json.dumps(told).encode()
                subject.looks(server, Reply(body))
        assert server.requests
        assert not elsewhere.requests


def test_such_an_address_would_be_reached_if_it_were_asked() -> None:
    with (
        FaultyServer(lambda _: Reply(b"{}")) as elsewhere,
        httpx.Client(transport=Guarded(["127.0.0.1"])) as client,
    ):
        client.get(f"{elsewhere.origin}/x")
        assert elsewhere.requests
