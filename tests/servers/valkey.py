"""A real server for any test: started on a unix socket (and a TCP port where asked), killed, restarted, stopped.

    @pytest.fixture(scope="session")
    def valkey(tmp_path_factory):
        with start_valkey(tmp_path_factory.mktemp("valkey")) as server:
            yield server

Isolation without FLUSHALL: ``server.fresh()`` is the URL of a database that nobody used before.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TypeVar
from urllib.parse import quote

import redis

from workers.engine import find

Answer = TypeVar("Answer")
DATABASES = 4000


def until(question: Callable[[], Answer], *, seconds: float = 15.0) -> Answer:
    """Ask again and again until the answer is true, and return it; a failed wait is an AssertionError."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < end, f"still {answer!r} after {seconds} s"
        time.sleep(0.01)


def binary() -> Path:
    """The server that the engine would run; $CW_TEST_SERVER to hold the same tests against another one."""
    if "CW_TEST_SERVER" in os.environ:
        return Path(os.environ["CW_TEST_SERVER"])
    server = find({}, Path("unused")).server
    assert server is not None
    return server.binary


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Valkey:
    """One server. Its AOF is written always, so kill() loses nothing that was acknowledged."""

    def __init__(self, folder: Path, *, tcp: bool, password: str, options: Mapping[str, str]) -> None:
        self.folder = folder
        self.password = password
        self.port = free_port() if tcp else 0
        # A unix socket's path is short; pytest's folders are not.
        self._short = Path(tempfile.mkdtemp(prefix="cw-test-"))
        self.socket = self._short / "s"
        self._options = {"appendonly": "yes", "appendfsync": "always", "save": "", **options}
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = itertools.count(1)

    @property
    def url(self) -> str:
        """Database 0 over the unix socket."""
        return self.at(0)

    @property
    def tcp_url(self) -> str:
        """Database 0 over TCP, with the password if there is one."""
        return f"redis://{self._secret}127.0.0.1:{self.port}/0"

    @property
    def _secret(self) -> str:
        return f":{quote(self.password, safe='')}@" if self.password else ""

    def at(self, database: int) -> str:
        return f"unix://{self._secret}{self.socket}?db={database}"

    def fresh(self) -> str:
        """The URL of a database that nobody used before. The one after it is left free (a broker takes it)."""
        return self.at(2 * next(self._databases))

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def client(self, url: str | None = None) -> redis.Redis:
        return redis.Redis.from_url(url or self.url, protocol=2)

    def start(self) -> Valkey:
        argv = [
            str(binary()),
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--unixsocket",
            str(self.socket),
        ]
        argv += [
            "--dir",
            str(self.folder),
            "--logfile",
            str(self.folder / "log"),
            "--databases",
            str(DATABASES),
        ]
        if self.password:
            argv += ["--requirepass", self.password]
        for name, value in self._options.items():
            argv += [f"--{name}", value]
        self._process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        until(self._answers)
        return self

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._end(signal.SIGKILL)

    def restart(self) -> Valkey:
        """Start it again on its files, after kill() or stop() or not."""
        self._end(signal.SIGTERM)
        return self.start()

    def stop(self) -> None:
        """End it in order and remove its socket's folder."""
        self._end(signal.SIGTERM)
        shutil.rmtree(self._short, ignore_errors=True)

    def _end(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None

    def __enter__(self) -> Valkey:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_valkey(folder: Path, *, tcp: bool = False, password: str = "", **options: str) -> Valkey:
    """Start a real server on *folder*; *options* are its configuration's (``maxmemory="4mb"``)."""
    return Valkey(
        folder,
        tcp=tcp,
        password=password,
        options={name.replace("_", "-"): value for name, value in options.items()},
    ).start()
