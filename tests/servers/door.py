"""A door between processes and the store's server that knows every script by its sha and strikes at one of them.

Whoever comes in is known by their process (SO_PEERCRED, so Linux and a unix socket). Every command is read, named, counted and
handed on whole; where one was ordered to be struck at, the order's deed is done either before the server is told of it, or after
the server has done it and before its answer is passed on. The connection ends there either way. Changes no byte of anything.
"""

from __future__ import annotations

import hashlib
import os
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self

import redis
from dramatiq.brokers.redis import RedisBroker

import workers.store
from workers.store.lua import Scripts

Moment = Literal["before", "after"]
SHIPPED = frozenset(path.stem for path in Path(workers.store.__file__).parent.glob("*.lua")) - {"prelude"}
# Scripts that do several things: where the word stands that says which.
_VERB = {"finish": 5, "chores": 5, "vault": 5, "push": 5, "hold": 4, "bell": 4}
_PLAIN = frozenset({b"SET", b"HDEL", b"DEL", b"RESTORE"})  # what is written without a script


@dataclass
class Strike:
    """What is to happen once: at *script*, run by a process of *role* ("" for any), do *deed* with that process's id.

    Of a script that does several things, one is meant with its word ("finish done"), all of them without.
    """

    script: str
    moment: Moment
    deed: Callable[[int], object]
    role: str = ""
    hit: threading.Event = field(default_factory=threading.Event)


def names(folder: Path | None = None) -> dict[str, str]:
    """Return the name of each script of the store by its sha; dramatiq's one script is named by its verb."""
    client = redis.Redis()  # makes no connection
    ours = Scripts(client, folder)
    broker = RedisBroker(client=client)
    out = {sha: name for name, sha in ours._shas.items()}
    out[str(broker.scripts["dispatch"].sha)] = "bell"
    assert set(out.values()) == SHIPPED | {"bell"}
    return out


class StoreDoor:
    """Listens on the unix socket *path*; carries what comes to the server's socket *to*. *scripts*: where copies of them lie."""

    def __init__(
        self, path: Path, to: Path, role: Callable[[int], str] = lambda _: "", *, scripts: Path | None = None
    ) -> None:
        self.path, self._to, self.role, self.scripts = path, to, role, scripts
        self.seen: Counter[tuple[str, str]] = Counter()  # role of the process, name of the script
        self._names = names(scripts)
        self._strikes: list[Strike] = []
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(256)

    @property
    def url(self) -> str:
        return f"unix://{self.path}?db=0"

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end(self._listener)
        with self._lock:
            left = list(self._open)
        for each in left:
            self._end(each)
        self.path.unlink(missing_ok=True)

    def order(self, strike: Strike) -> Strike:
        """Strike once, at the next command that fits."""
        with self._lock:
            self._strikes.append(strike)
        return strike

    def call_off(self, strike: Strike) -> None:
        with self._lock, suppress(ValueError):
            self._strikes.remove(strike)

    @staticmethod
    def _end(each: socket.socket) -> None:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()

    def _listen(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            try:
                far.connect(str(self._to))
            except OSError:  # the server is away, and so are we
                near.close()
                far.close()
                continue
            with self._lock:
                self._open |= {near, far}
            _Talk(self, near, far).begin()

    def _done(self, *ends: socket.socket) -> None:
        for each in ends:
            self._end(each)
        with self._lock:
            self._open -= set(ends)

    def _name(self, command: list[bytes]) -> str:
        verb = command[0].upper()
        if verb in (b"EVALSHA", b"EVAL") and len(command) > 1:
            sha = command[1].decode() if verb == b"EVALSHA" else _sha(command[1])
            name = self._names.get(sha, "")
            return f"{name} {command[_VERB[name]].decode()}" if name in _VERB else name
        return verb.decode() if verb in _PLAIN else ""

    def _fits(self, name: str, moment: Moment, role: str) -> Strike | None:
        """Take the first order that fits."""
        with self._lock:
            for strike in self._strikes:
                if (
                    strike.script in (name, name.partition(" ")[0])
                    and strike.moment == moment
                    and strike.role in ("", role)
                ):
                    self._strikes.remove(strike)
                    return strike
        return None


def _sha(body: bytes) -> str:
    return hashlib.sha1(body, usedforsecurity=False).hexdigest()


class _Talk:
    """One connection: two threads, one for each way."""

    def __init__(self, door: StoreDoor, near: socket.socket, far: socket.socket) -> None:
        self._door, self._near, self._far = door, near, far
        pid, _, _ = struct.unpack("3i", near.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        self._pid: int = pid
        self._role = door.role(pid)  # now: a process that is killed is nobody's any more
        self._asked: list[str] = []
        self._lock = threading.Lock()

    def begin(self) -> None:
        for work in (self._ask, self._answer):
            threading.Thread(target=self._guarded, args=(work,), daemon=True).start()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (OSError, EOFError, ValueError):  # either side left, or was killed
            pass
        finally:
            self._door._done(self._near, self._far)

    def _ask(self) -> None:
        said = self._near.makefile("rb")
        while True:
            raw, command = _command(said)
            name = self._door._name(command)
            if name:
                self._door.seen[self._role, name] += 1
                if strike := self._door._fits(name, "before", self._role):
                    self._do(strike)
                    return
            with self._lock:
                self._asked.append(name)
            self._far.sendall(raw)

    def _answer(self) -> None:
        said = self._far.makefile("rb")
        while True:
            raw = _reply(said)
            with self._lock:
                name = self._asked.pop(0) if self._asked else ""
            if name and not raw.startswith(b"-") and (strike := self._door._fits(name, "after", self._role)):
                self._do(strike)
                return
            self._near.sendall(raw)

    def _do(self, strike: Strike) -> None:
        strike.deed(self._pid)
        strike.hit.set()


def _line(said: BinaryIO) -> bytes:
    line = said.readline()
    if not line.endswith(b"\r\n"):
        raise EOFError
    return line


def _exactly(said: BinaryIO, size: int) -> bytes:
    data = said.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _command(said: BinaryIO) -> tuple[bytes, list[bytes]]:
    head = _line(said)
    raw, parts = [head], []
    for _ in range(int(head[1:])):
        size = _line(said)
        data = _exactly(said, int(size[1:]) + 2)
        raw += [size, data]
        parts.append(data[:-2])
    return b"".join(raw), parts


def _reply(said: BinaryIO) -> bytes:
    """Read one whole answer of RESP2 or RESP3."""
    head = _line(said)
    kind, rest = head[:1], head[1:-2]
    if kind in b"$=!":
        return head if rest == b"-1" else head + _exactly(said, int(rest) + 2)
    if kind in b"*~>%|" and rest != b"-1":
        parts = int(rest) * (2 if kind in b"%|" else 1)
        return head + b"".join(_reply(said) for _ in range(parts))
    return head


def group_of(pid: int) -> int:
    """Return the process group of a process, 0 where it is gone: whoever started it knows it by that."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def socket_of(port: int, pids: Any) -> int:
    """Return which of *pids* holds the loopback connection whose own port is *port*; 0 where none does."""
    inode = ""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        if int(columns[1].rpartition(":")[2], 16) == port and columns[9] != "0":
            inode = columns[9]
    for pid in pids:
        with suppress(OSError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    if str(descriptor.readlink()) == f"socket:[{inode}]":
                        return int(pid)
    return 0
