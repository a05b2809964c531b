"""A door before a server that hangs up in the middle of a conversation."""

from __future__ import annotations

import socket
import threading
from typing import Self


class CuttingDoor:
    """Carries bytes to a server on the loopback and back; hangs up after so many bytes of the server's answers."""

    def __init__(self, port: int, *, after: int) -> None:
        self._to, self.after = port, after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.carried = 0
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listener, *self._open):
            each.close()

    def _listen(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._to))
            self._open += [near, far]
            threading.Thread(target=self._carry, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._carry, args=(far, near, True), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        try:
            while data := source.recv(4096):
                if answers:
                    data = data[: max(self.after - self.carried, 0)]
                    self.carried += len(data)
                sink.sendall(data)
                if answers and self.carried >= self.after:
                    break
        except OSError:
            pass
        for each in (source, sink):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
