"""A small HTTP/1.1 server on the loopback that answers from a function, and can be told to misbehave. No TLS."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Request:
    """What the client sent."""

    method: str
    path: str  # with the query
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    at: float  # time.monotonic()
    port: int = 0  # the client's own


@dataclass(frozen=True, slots=True)
class Reply:
    """What to send back."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = "application/json"
    cut: int | None = None  # close the connection after so many bytes of the body
    drip: float = 0.0  # seconds between single bytes of the body
    stall: float = 0.0  # seconds before the answer begins


class FaultyServer:
    """Serves ``answer`` in threads; replies queued with ``inject`` come first, one a request. Use as a context manager."""

    def __init__(self, answer: Callable[[Request], Reply], *, latency: float = 0.0) -> None:
        self._answer = answer
        self.latency = latency  # seconds before every answer
        self.requests: list[Request] = []
        self._faults: deque[Reply] = deque()
        self._deeds: deque[tuple[Callable[[int], object], bool]] = deque()
        self._stopping = threading.Event()
        self._server: _Listener | None = None

    def start(self, port: int = 0) -> Self:
        self._stopping.clear()
        self._server = _Listener(("127.0.0.1", port), _handler(self))
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.hang_up()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def origin(self) -> str:
        assert self._server is not None, "the server is not started"
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def inject(self, *replies: Reply) -> None:
        """Send these instead of the next answers, in this order."""
        self._faults.extend(replies)

    def inject_nothing(self) -> None:
        """Forget the replies that are still queued."""
        self._faults.clear()

    def next_http(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.inject(Reply(body, status, {k.replace("_", "-"): v for k, v in headers.items()}))

    def next_html(self, status: int = 200) -> None:
        self.inject(
            Reply(b"<!DOCTYPE html><html><body>Are you human?</body></html>", status, kind="text/html")
        )

    def next_truncated(self, body: bytes = b'{"code":0,"data":{"accepted":[{"number":"LP0') -> None:
        """Send a body that stops in the middle, its length announced as what was sent."""
        self.inject(Reply(body))

    def next_cut(self, body: bytes = b'{"code":0,"data":{"accepted":[]}}', after: int = 10) -> None:
        """Close the connection in the middle of a body."""
        self.inject(Reply(body, cut=after))

    def next_slow(self, drip: float = 0.05, size: int = 1000) -> None:
        self.inject(Reply(b"{" + b" " * size + b"}", drip=drip))

    def next_stall(self, seconds: float) -> None:
        self.inject(Reply(b"{}", stall=seconds))

    def next_redirect(self, location: str, status: int = 302) -> None:
        self.inject(Reply(b"", status, {"Location": location}))

    def before_next(self, deed: Callable[[int], object]) -> None:
        """Call *deed* with the port of whoever asks next, then cut the connection: nothing was done."""
        self._deeds.append((deed, False))

    def after_next(self, deed: Callable[[int], object]) -> None:
        """The same, when what was asked is done."""
        self._deeds.append((deed, True))

    def _reply(self, request: Request) -> Reply:
        self.requests.append(request)
        if self._deeds:
            deed, done = self._deeds.popleft()
            if done:
                self._answer(request)
            deed(request.port)
            return Reply(b"{}", cut=0)
        if self.latency:
            self._stopping.wait(self.latency)
        try:
            return self._faults.popleft()
        except IndexError:
            return self._answer(request)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Wake the threads that wait for another request on a kept connection."""
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up."""


def _handler(server: FaultyServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            headers = {key.lower(): value for key, value in self.headers.items()}
            body = self.rfile.read(size)
            self._send(
                server._reply(
                    Request(self.command, self.path, headers, body, time.monotonic(), self.client_address[1])
                ),
                headers,
            )

        do_GET = do_POST = do_PUT = do_DELETE = do_CONNECT = _serve  # noqa: N815 - http.server looks for these names

        def _send(self, reply: Reply, asked: Mapping[str, str]) -> None:
            server._stopping.wait(reply.stall) if reply.stall else None
            body = reply.body
            lines = {"Content-Type": reply.kind, **reply.headers}
            plain = reply.cut is None and not reply.drip and "Content-Encoding" not in lines
            if plain and len(body) > 200 and "gzip" in asked.get("accept-encoding", ""):
                body = gzip.compress(body, 1)
                lines["Content-Encoding"] = "gzip"
            lines["Content-Length"] = str(len(body))
            head = f"HTTP/1.1 {reply.status} {responses.get(reply.status, 'Other')}\r\n"
            head += "".join(f"{key}: {value}\r\n" for key, value in lines.items()) + "\r\n"
            if reply.cut is not None:
                self.wfile.write(head.encode("latin-1") + body[: reply.cut])
                self.close_connection = True
            elif reply.drip:
                self.wfile.write(head.encode("latin-1"))
                for at in range(len(body)):
                    if server._stopping.wait(reply.drip):
                        return
                    self.wfile.write(body[at : at + 1])
            else:
                self.wfile.write(head.encode("latin-1") + body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
            """Keep quiet."""

    return Handler
