"""The real web server on a loopback port, over a real store, with a file that watches one parcel at each pushing source."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.valkey import Valkey, start_valkey, until
from tests.web.pushes import KEY, NUMBER, PATH, SECRET
from workers import app as wiring
from workers.desk import Desk
from workers.settings import WebSettings
from workers.store import Remembered
from workers.web.push import Limits
from workers.web.serve import Patience, listening, server

FILE = f"""\
recipients:
  ana: {{email: ana@example.org}}
channels:
  mail: {{kind: outbox}}
sources:
  track: {{kind: seventeentrack, token: {KEY}}}
  ship: {{kind: aftership, token: {KEY}, webhook_secret: {SECRET}}}
  day: {{kind: ship24, token: {KEY}, webhook_secret: {SECRET}}}
  apps: {{kind: parcelsapp, token: {KEY}, webhook_url: "https://example.org/push/apps/{PATH}"}}
  post: {{kind: easypost, token: {KEY}, webhook_secret: {SECRET}}}
  hand: {{kind: manual}}
orders:
"""
SOURCES = ("track", "ship", "day", "post", "apps")
PATIENCE = Patience(headers=0.4, whole=8.0)
LIMITS = Limits(body=100_000, patience=0.6)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str

    def but_date(self) -> tuple[int, dict[str, str], str]:
        return self.status, {k: v for k, v in self.headers.items() if k != "date"}, self.body


class Site:
    """The server in a thread, and the store behind it."""

    def __init__(self, folder: Path, url: str, *, title: str = "Lamp") -> None:
        self.config = folder / "orders.yaml"
        orders = "".join(
            f"  - {{id: {name}, title: {json.dumps(title)}, tracking: {NUMBER}, to: DE, source: {name}}}\n"
            for name in SOURCES
        )
        self.config.write_text(FILE + orders)
        self.config.chmod(0o600)
        self.app = wiring.assemble(self.config, url, environ={})
        Desk(self.app, name="t").sync()
        self.store = self.app.store
        self._server = server(self.app, limits=LIMITS, patience=PATIENCE)
        self._socket = listening(WebSettings(port=0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})

    def begin(self) -> None:
        """Forget everything, and watch what the file says. The databases are ours alone."""
        self.store.scripts.client.flushdb()
        self.app.broker.client.flushdb()
        self.store.prepare()
        Desk(self.app, name="t").sync()

    def __enter__(self) -> Site:
        self._thread.start()
        until(lambda: self._server.started)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive()
        self.store.close()
        self.app.broker.close()

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            said = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, said, answer.read().decode())

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def push(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> Answer:
        return self.ask("POST", f"/push/{path}", body, headers)

    def raw(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def known(self, source: str) -> Remembered:
        known = self.store.recall(f"{source}/{NUMBER}")
        assert known is not None
        return known


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with start_valkey(tmp_path_factory.mktemp("valkey")) as running:
        yield running


@pytest.fixture(scope="module")
def running(valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("site"), valkey.fresh()) as started:
        yield started


@pytest.fixture
def site(running: Site) -> Site:
    running.begin()
    return running
