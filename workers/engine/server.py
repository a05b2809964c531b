"""One embedded server on one folder: started or adopted, watched, stopped. Knows nothing of what is stored.

What it acknowledged is on the disk; it listens on a socket that its user alone may open; it never comes up empty where
an earlier run left data. The server itself holds the lock on its folder, by a descriptor it inherits: the lock lives as
long as it does, so there is never a second one, and one that outlived its supervisor is adopted by the next.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess  # nosec B404 # to run the server; never through a shell
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from workers.errors import Misconfigured

log = structlog.get_logger("customs_watch")

ANSWER = 20.0  # seconds a server gets to open its socket
LOADING = 600.0  # and to load its data
STOPPING = 60.0  # and to stop; nothing is lost by killing it then, as all it acknowledged is on the disk
_SOCKET_BYTES = 100  # a unix socket's path holds 107 bytes on Linux, 103 on macOS
_LONG_LOG = 5_000_000  # bytes: then it is put aside, in place of the one before
_EMPTY_BASE = 256  # bytes: the base file of an empty store is smaller


class Server:
    """One embedded server on one folder: started or adopted, watched, stopped."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self.binary, self.folder, self.socket = binary, folder, _socket(folder)
        self.pid: int | None = None
        self.patience = ANSWER
        self._child: subprocess.Popen[bytes] | None = None
        self._heard = 0  # bytes of the log that were there before this start

    def make_room(self) -> None:
        """Make the folders, for our user alone."""
        for folder in {self.folder, self.socket.parent}:
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
                f"the server on {self.socket} keeps its data in {where}, not in {self.folder}"
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
        sizes = {path.name: path.stat().st_size for path in kept.glob("appendonly.aof.*")}
        return sum(
            n for name, n in sizes.items() if ".incr." in name or (".base." in name and n > _EMPTY_BASE)
        )

    def _start(self, held: int) -> None:
        config = self.folder / "server.conf"
        config.write_bytes(_config(self.socket))
        journal = self.folder / "server.log"
        self._heard = journal.stat().st_size if journal.exists() else 0
        if self._heard > _LONG_LOG:
            journal.replace(journal.with_suffix(".log.1"))
            self._heard = 0
        # A session of its own: Ctrl-C is for us, and the server is stopped in order.
        null, argv = subprocess.DEVNULL, [self.binary, config]
        self._child = subprocess.Popen(  # nosec B603 # noqa: S603 -- the binary that find() chose
            argv,
            cwd=self.folder,
            stdin=null,
            stdout=null,
            stderr=null,
            pass_fds=(held,),
            start_new_session=True,
        )
        self.pid = self._child.pid

    def _wait(self) -> None:
        end = time.monotonic() + self.patience
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
        if self.socket.parent != self.folder:
            with suppress(OSError):  # a guest may have begun another life there
                self.socket.parent.rmdir()

    def _ask(self, question: Callable[[redis.Redis], Any]) -> Any:
        retry = Retry(NoBackoff(), 0)
        with redis.Redis(
            unix_socket_path=str(self.socket), protocol=2, socket_timeout=min(5.0, self.patience), retry=retry
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


def _config(socket: Path) -> bytes:
    """Return the server's configuration. Its folder is its working directory, so only the socket's path is quoted."""
    path = os.fsencode(socket)
    for char, escaped in ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n"), (b"\r", b"\\r")):
        path = path.replace(char, escaped)
    return b'# Written at every start.\nunixsocket "%b"\nmaxmemory %d\n%b' % (
        path,
        _memory(),
        (Path(__file__).parent / "server.conf").read_bytes(),
    )


def _memory() -> int:
    """Return half of the memory that we may use, at least 256 MB: the rest is for the copy a rewrite makes, and us."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.exists():
        said = limit.read_text().strip()
        total = min(total, int(said)) if said.isdigit() else total
    return max(256 * 1024 * 1024, total // 2)


def _socket(folder: Path) -> Path:
    """Return the path of the server's socket: in its folder, or in a short one of our own if that is too long."""
    path = folder / "socket"
    if len(os.fsencode(path)) <= _SOCKET_BYTES:
        return path
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"customs-watch-{os.getuid()}-{name}" / "socket"
