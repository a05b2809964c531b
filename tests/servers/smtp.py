"""A mail server for tests: speaks SMTP on loopback, keeps its own journal of what it accepted, and fails on request.

It relays nothing. Every fault is ordered beforehand and used up in order: ``server.fail("rcpt", "451 4.7.1
later")``. Run alone (``python -m tests.servers.smtp --journal mails.jsonl``) it prints its address and
appends what it accepts to a file.
"""

from __future__ import annotations

import argparse
import base64
import json
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self

Step = Literal["connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "body", "dot", "answer"]
DROP = "drop"  # cut the connection
SILENCE = "silence"  # say nothing until the server stops


@dataclass(frozen=True, slots=True)
class Mail:
    """One accepted mail."""

    sender: str
    to: tuple[str, ...]
    data: bytes
    user: str = ""
    tls: bool = False
    answered: bool = True  # False: accepted, and the answer was lost on purpose

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.data, policy=policy.default)

    @property
    def notice(self) -> str:
        return str(self.message["X-Customs-Watch-Notice"])


@dataclass
class _Talk:
    """What one client has said so far."""

    sock: socket.socket
    file: BinaryIO
    tls: bool
    user: str = ""
    reset: bool = False
    sender: str | None = None
    to: list[str] = field(default_factory=list)


class _Hangup(Exception):  # noqa: N818  # not an error: the talk is over
    pass


class SmtpServer:
    """Listens on 127.0.0.1 once started. ``journal`` holds what was accepted, in order."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        users: Mapping[str, str] | None = None,
        auth: str = "PLAIN LOGIN",
        features: tuple[str, ...] = ("SIZE 10000000", "8BITMIME", "SMTPUTF8"),
        port: int = 0,
        journal_file: Path | None = None,
    ) -> None:
        self.journal: list[Mail] = []
        self.connections = 0
        self.commands: list[str] = []
        self.strip_starttls = False
        self._tls, self._implicit, self._users, self._auth, self._features = (
            tls,
            implicit,
            users,
            auth,
            features,
        )
        self._faults: dict[str, deque[str | Callable[[int], object]]] = {}
        self._journal_file = journal_file
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", port))
        self.host, self.port = self._listener.getsockname()[:2]

    def fail(self, step: Step, action: str | Callable[[int], object], *, times: int = 1) -> None:
        """At the next *times* arrivals at *step*: DROP, SILENCE, or an answer such as ``451 later``.

        A function is called with the client's own port, and the connection ends without an answer.

        ``body`` strikes after the answer 354 and before the dot is read, ``dot`` instead of accepting,
        ``answer`` after accepting: the mail stands in the journal and the client is not told.
        """
        self._faults.setdefault(step, deque()).extend([action] * times)

    def start(self) -> Self:
        self._spawn(self._listen)
        return self

    def stop(self) -> None:
        self._stopped.set()
        self._shut(self._listener)
        self.drop_all()
        for thread in self._threads:
            thread.join(5)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def drop_all(self) -> None:
        """Cut every open connection, as a restart of the server does."""
        with self._lock:
            for sock in self._open:
                self._shut(sock, close=False)

    @staticmethod
    def _shut(sock: socket.socket, *, close: bool = True) -> None:
        with suppress(OSError):  # the other side was faster
            sock.shutdown(socket.SHUT_RDWR)
        if close:
            sock.close()

    def _spawn(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)  # type: ignore[arg-type]  # any callable of ours
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while not self._stopped.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(sock)
                self.connections += 1
            self._spawn(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(60)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        talk = _Talk(sock, sock.makefile("rb"), tls=False)
        try:
            if self._implicit:
                self._to_tls(talk)
            self._fault(talk, "connect")
            self._say(talk, "220 test ESMTP")
            while line := talk.file.readline(4096):
                text = line.decode("utf-8", "replace").rstrip("\r\n")
                verb, _, rest = text.partition(" ")
                verb = verb.upper()
                self.commands.append("AUTH" if verb == "AUTH" else f"{verb} {rest}".rstrip())
                self._command(talk, verb, rest)
        except (_Hangup, OSError, ValueError):
            pass  # the client left, or the fault was to hang up
        finally:
            with self._lock:
                self._open.discard(sock)
                self._open.discard(talk.sock)
            talk.file.close()
            if talk.reset:
                talk.sock.close()
            else:
                self._shut(talk.sock)

    def _command(self, talk: _Talk, verb: str, rest: str) -> None:
        if verb == "QUIT":
            self._say(talk, "221 bye")
            raise _Hangup
        if verb == "STARTTLS" and (self._tls is None or self.strip_starttls):
            verb = ""
        step, work = {
            "EHLO": ("ehlo", self._greet),
            "HELO": ("ehlo", self._greet),
            "STARTTLS": ("starttls", self._starttls),
            "AUTH": ("auth", self._sign_in),
            "MAIL": ("mail", self._mail_from),
            "RCPT": ("rcpt", self._rcpt_to),
            "DATA": ("data", self._data),
        }.get(verb, ("", self._unknown))
        if not self._fault(talk, step):
            work(talk, rest)

    def _unknown(self, talk: _Talk, rest: str) -> None:
        self._say(talk, "502 not here")

    def _starttls(self, talk: _Talk, rest: str) -> None:
        self._say(talk, "220 go ahead")
        self._to_tls(talk)

    def _rcpt_to(self, talk: _Talk, rest: str) -> None:
        talk.to.append(rest.partition("<")[2].partition(">")[0])
        self._say(talk, "250 ok")

    def _greet(self, talk: _Talk, rest: str) -> None:
        lines = ["test", *self._features]
        if self._tls is not None and not talk.tls and not self.strip_starttls:
            lines.append("STARTTLS")
        if self._users is not None:
            lines.append(f"AUTH {self._auth}")
        for line in lines[:-1]:
            self._say(talk, f"250-{line}")
        self._say(talk, f"250 {lines[-1]}")

    def _sign_in(self, talk: _Talk, rest: str) -> None:
        mechanism, _, first = rest.partition(" ")
        if mechanism.upper() == "PLAIN":
            _, user, password = base64.b64decode(first).decode().split("\0")
        else:
            user, password = self._ask(talk, "Username:"), self._ask(talk, "Password:")
        if self._users is not None and self._users.get(user) == password:
            talk.user = user
            self._say(talk, "235 2.7.0 welcome")
        else:
            self._say(talk, "535 5.7.8 bad credentials")

    def _ask(self, talk: _Talk, what: str) -> str:
        self._say(talk, "334 " + base64.b64encode(what.encode()).decode())
        return base64.b64decode(talk.file.readline(4096)).decode()

    def _mail_from(self, talk: _Talk, rest: str) -> None:
        if self._users is not None and not talk.user:
            self._say(talk, "530 5.7.0 sign in first")
            return
        talk.sender, talk.to = rest.partition("<")[2].partition(">")[0], []
        self._say(talk, "250 ok")

    def _data(self, talk: _Talk, rest: str) -> None:
        if talk.sender is None or not talk.to:
            self._say(talk, "503 5.5.1 first MAIL and RCPT")
            return
        self._say(talk, "354 go")
        if self._fault(talk, "body"):
            raise _Hangup
        lines = []
        while (line := talk.file.readline()) != b".\r\n":
            if not line:
                raise _Hangup
            lines.append(line[1:] if line.startswith(b".") else line)
        if self._fault(talk, "dot"):
            return
        lost = self._ordered("answer")
        mail = Mail(talk.sender, tuple(talk.to), b"".join(lines), talk.user, talk.tls, answered=not lost)
        self._accept(mail)
        if not self._strike(talk, lost):
            self._say(talk, f"250 2.0.0 Ok: queued as {len(self.journal):06X}")

    def _accept(self, mail: Mail) -> None:
        with self._lock:
            self.journal.append(mail)
            if self._journal_file is not None:
                row = {
                    "sender": mail.sender,
                    "to": mail.to,
                    "data": mail.data.decode("utf-8", "replace"),
                    "tls": mail.tls,
                }
                with self._journal_file.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")

    def _fault(self, talk: _Talk, step: str) -> bool:
        """Do what was ordered for *step*; tell whether anything was."""
        return self._strike(talk, self._ordered(step))

    def _ordered(self, step: str) -> str | Callable[[int], object]:
        with self._lock:
            ordered = self._faults.get(step)
            return ordered.popleft() if ordered else ""

    def _strike(self, talk: _Talk, action: str | Callable[[int], object]) -> bool:
        if callable(action):
            action(talk.sock.getpeername()[1])
            raise _Hangup
        if action == DROP:
            talk.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            talk.reset = True  # no goodbye: what is on the wire is lost
            raise _Hangup
        if action == SILENCE:
            self._stopped.wait(60)
            raise _Hangup
        if action:
            self._say(talk, action)
            if action.startswith("421"):
                raise _Hangup
        return bool(action)

    def _to_tls(self, talk: _Talk) -> None:
        assert self._tls is not None
        with self._lock:
            self._open.discard(talk.sock)
        talk.file.close()
        talk.sock = self._tls.wrap_socket(talk.sock, server_side=True)
        with self._lock:
            self._open.add(talk.sock)
        talk.file, talk.tls, talk.user, talk.sender = talk.sock.makefile("rb"), True, "", None

    @staticmethod
    def _say(talk: _Talk, text: str) -> None:
        talk.sock.sendall(text.encode() + b"\r\n")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--journal", type=Path)
    chosen = options.parse_args()
    with SmtpServer(port=chosen.port, journal_file=chosen.journal) as server:
        print(f"{server.host}:{server.port}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
