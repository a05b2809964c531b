"""An engine in a process of its own, and what a test asks of an embedded server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.servers.rows import commit
from workers.engine import Engine
from workers.store import Store

ROOT = Path(__file__).resolve().parents[2]


def say(url: str, *parcels: str) -> list[str]:
    """Commit parcels and return all that are known."""
    store = Store.connect(url)
    try:
        store.prepare()
        for parcel in parcels:
            store.commit(commit(parcel))
        return sorted(store.parcels())
    finally:
        store.close()


def alive(pid: int) -> bool:
    """Whether a process runs (one that ended and was not waited for does not)."""
    status = Path(f"/proc/{pid}/status")
    try:
        return "State:\tZ" not in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def pid_of(engine: Engine) -> int:
    assert engine.server is not None
    assert engine.server.pid is not None
    return engine.server.pid


class Parent:
    """An engine in a process of its own, which can be killed."""

    def __init__(self, folder: Path) -> None:
        code = (
            "import sys, time\n"
            "from pathlib import Path\n"
            "from workers.engine import Engine\n"
            "with Engine({}, Path(sys.argv[1])) as engine:\n"
            "    print(engine.role, engine.server.pid if engine.server else 0, flush=True)\n"
            "    sys.stdin.read()\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, str(folder)],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline().split()
        self.role, self.server_pid = said[0], int(said[1])

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self._close()

    def leave(self) -> int:
        """Close its standard input, upon which it ends by itself."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        return self._close()

    def _close(self) -> int:
        code = self.process.wait(60)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        return code
