"""The direct way to a service: connections are kept, a request is sent once, half an answer is none."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from workers.sources._direct import Direct
from workers.sources._http import _trust

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Twice: 1\r\n"
LONG = b"[" + b"1," * 200_000 + b"1]"


def whole(body: bytes, head: bytes = OK) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


class Service:
    """Answers request after request on each connection with what *script* says; counts both."""

    def __init__(self, script: Callable[[int], bytes | None]) -> None:
        self._script = script
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/x"
        self.connections = 0
        self.requests: list[bytes] = []
        self.hung_up = threading.Event()

    def run(self) -> None:
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            with line, suppress(ConnectionError):
                self._serve(line)
            self.hung_up.set()

    def _serve(self, line: socket.socket) -> None:
        while True:
            asked = b""
            while b"\r\n\r\n" not in asked:
                more = line.recv(65536)
                if not more:
                    return
                asked += more
            self.requests.append(asked)
            answer = self._script(len(self.requests))
            if answer is None:
                return
            line.sendall(answer)
            if b"Hang-Up" in answer[:300]:
                return

    def stop(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@contextmanager
def service(script: Callable[[int], bytes | None]) -> Iterator[tuple[Service, Direct]]:
    running = Service(script)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    direct = Direct(timeout=5, trust=_trust(), allowed=["127.0.0.1"])
    try:
        yield running, direct
    finally:
        direct.close()
        running.stop()
        thread.join(10)


def ask(direct: Direct, url: str) -> tuple[int, bytes]:
    with direct.exchange("POST", url, content=b"[]", headers={"17token": "x"}) as reply:
        return reply.status, b"".join(reply.pieces)


def test_one_connection_serves_call_after_call() -> None:
    with service(lambda _: whole(LONG)) as (running, direct):
        for _ in range(3):
            assert ask(direct, running.url) == (200, LONG)
        assert running.connections == 1
        assert b"17token: x" in running.requests[0]
        assert b"Accept-Encoding: gzip" in running.requests[0]


def test_a_body_in_chunks_or_compressed_is_the_same_body() -> None:
    chunked = OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n"
    zipped = whole(gzip.compress(LONG), OK + b"Content-Encoding: gzip\r\n")
    with service(lambda n: chunked if n == 1 else zipped) as (running, direct):
        assert ask(direct, running.url) == (200, b"[1,2]")
        assert ask(direct, running.url) == (200, LONG)
        assert running.connections == 1


def test_a_small_body_that_holds_a_large_one_comes_in_bearable_pieces() -> None:
    bomb = whole(gzip.compress(bytes(50_000_000)), OK + b"Content-Encoding: gzip\r\n")
    with service(lambda _: bomb) as (running, direct):
        with direct.exchange("GET", running.url, content=None, headers={}) as reply:
            assert len(next(reply.pieces)) <= 1 << 20
        assert ask(direct, running.url)[0] == 200
        assert running.connections == 2  # what was not read to its end is not used again


def test_a_connection_that_the_service_closed_meanwhile_is_not_used() -> None:
    with service(lambda _: whole(b"{}", OK + b"X: Hang-Up\r\n")) as (running, direct):
        for _ in range(3):
            running.hung_up.clear()
            assert ask(direct, running.url) == (200, b"{}")
            assert running.hung_up.wait(10)
        assert running.connections == 3
        assert len(running.requests) == 3


@pytest.mark.parametrize(
    "answer",
    [None, b"nonsense\r\n\r\n", OK + b"Content-Length: 9\r\nX: Hang-Up\r\n\r\n[]",
     OK + b"Transfer-Encoding: chunked\r\nX: Hang-Up\r\n\r\n9\r\n[]",
     whole(gzip.compress(LONG)[:-9], OK + b"Content-Encoding: gzip\r\n"), whole(b"x", OK + b"Content-Encoding: gzip\r\n")],
    ids=["nothing", "nonsense", "half a body", "half a chunk", "half of a zip", "no zip"],
)  # fmt: skip
def test_half_an_answer_is_none_and_the_request_is_not_repeated(answer: bytes | None) -> None:
    with service(lambda _: answer) as (running, direct):
        with pytest.raises(ConnectionError):
            ask(direct, running.url)
        assert len(running.requests) == 1


def test_a_silent_service_runs_into_the_time_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        direct = Direct(timeout=0.05, trust=_trust(), allowed=["127.0.0.1"])
        with pytest.raises(TimeoutError):
            ask(direct, f"http://127.0.0.1:{silent.getsockname()[1]}/")
        direct.close()


def test_nobody_there_and_no_address_are_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    direct = Direct(timeout=5, trust=_trust(), allowed=["127.0.0.1"])
    for url in (f"http://127.0.0.1:{port}/", "http://127.0.0.1:99999/"):
        with pytest.raises(ConnectionError):
            ask(direct, url)
    direct.close()
