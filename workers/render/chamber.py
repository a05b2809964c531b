"""Puts notices into words by the user's own templates in a process of its own, so that none takes more time or memory than is due.

The sandbox of Jinja keeps a template from what is not its business; it does not keep it from looping for ever, or from
making a text of a terabyte. So the process has a limit of memory, its parent waits only so long, and what ends it ends nothing
else. It is no wall against malice: the folder is the user's own.
"""

from __future__ import annotations

import os
import signal
import subprocess  # nosec B404 # to run ourselves once more; never through a shell
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, Final

from workers.core.model import Enclosure, Message
from workers.errors import Permanent

PATIENCE: Final = timedelta(seconds=10)  # for one message; a usual one takes a few milliseconds
MEMORY: Final = 768 * 1024 * 1024  # bytes of addresses, the program itself included
LONGEST: Final = 2_000_000  # characters of all that is said in one message
HINT: Final = "customs-watch validate"


class Overdone(Permanent):
    """A template took more time or memory than is due, or said too much."""


class GivenUp(Overdone):
    """They took too much before, and are not tried again."""


class Chamber:
    """One such process, begun when it is needed. Safe to use from several threads.

    *again*: it is begun anew after it took too much; else every further question is answered by GivenUp.
    """

    def __init__(self, folder: Path, *, patience: timedelta = PATIENCE, again: bool = True) -> None:
        self._folder = folder
        self._patience = patience
        self._again = again
        self._over = False
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._talk: Connection[Any, Any] | None = None

    def ask(self, what: str, *args: Any, **more: Any) -> Any:
        """Return what the renderer's method *what* answers; raises Permanent as it does, and Overdone."""
        with self._lock:
            if self._over:
                raise GivenUp
            try:
                fine, said = self._asked(self._talk or self._begin(), what, args, more)
                if not fine:
                    raise said
            except Overdone:
                self._over = not self._again
                self._end()
                raise
        return said

    def _asked(self, talk: Connection[Any, Any], what: str, args: Any, more: Any) -> tuple[bool, Any]:
        try:
            talk.send((what, args, more))
            if not talk.poll(self._patience.total_seconds()):
                raise Overdone(f"they take longer than {self._patience.total_seconds():g} seconds", hint=HINT)
            fine, said = talk.recv()
        except (EOFError, ConnectionError) as error:
            raise Overdone("the process that puts them together died", hint=HINT) from error
        return fine, said

    def close(self) -> None:
        """End the process; the next question begins another."""
        with self._lock:
            self._end()

    def _begin(self) -> Connection[Any, Any]:
        ours, theirs = Pipe()
        # Not by -m: what is raised there must be of the classes that are known here.
        begin = f"from {__name__} import main; main()"
        handle = theirs.fileno()
        command = [sys.executable, "-c", begin, str(handle), str(self._folder)]
        self._process = subprocess.Popen(command, pass_fds=(handle,), stdin=subprocess.DEVNULL)  # nosec B603 # noqa: S603 -- ourselves
        theirs.close()
        self._talk = ours
        if (
            not ours.poll(60) or ours.recv() != "ready"
        ):  # Python and its libraries load; a busy machine is slow at it
            self._end()
            raise Overdone("the process that puts them together cannot begin", hint=HINT)
        return ours

    def _end(self) -> None:
        if self._talk is not None:
            self._talk.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._talk = self._process = None


def main() -> None:
    """Answer questions until the parent is gone; the arguments are a descriptor and the folder."""
    from workers.render.enclosed import Words  # needed in the process alone

    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # both are meant for the parent, which ends us when it ends
        signal.signal(number, signal.SIG_IGN)
    os.nice(5)  # whoever watches parcels goes first
    words = Words(Path(sys.argv[2]))
    _bound(MEMORY)
    talk: Connection[Any, Any] = Connection(int(sys.argv[1]))
    talk.send("ready")
    with suppress(EOFError, ConnectionError):
        while True:
            what, args, more = talk.recv()
            talk.send(_answer(words, what, args, more))


def _answer(words: object, what: str, args: tuple[Any, ...], more: dict[str, Any]) -> tuple[bool, Any]:
    try:
        said = getattr(words, what)(*args, **more)
    except Permanent as trouble:
        return False, Permanent(str(trouble.args[0]), hint=trouble.hint)
    except MemoryError:
        return False, Overdone(f"they need more than {MEMORY // 1024**2} MB of memory", hint=HINT)
    long = sum(map(len, _texts(said)))
    if long > LONGEST:
        return False, Overdone(f"they are {long} characters long; {LONGEST} are the most", hint=HINT)
    return True, said


def _texts(said: object) -> Iterable[str]:
    match said:
        case str():
            yield said
        case Message():
            yield from (said.subject, said.text, said.html, said.short, said.preheader, said.steady)
        case Enclosure():
            yield said.text


def _bound(memory: int) -> None:
    """Let this process have no more than *memory* bytes of addresses, where the system can hold it to that."""
    with suppress(ImportError, ValueError, OSError):  # no such limit on Windows, nor one that holds on macOS
        import resource  # not on every system

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
