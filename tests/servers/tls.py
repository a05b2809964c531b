"""A TLS door before a plain server, for servers that speak no TLS themselves."""

from __future__ import annotations

import select
import socket
import ssl
import threading


class TlsDoor:
    """A TLS door before a plain server: the embedded one speaks no TLS itself."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self._to = port
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._listen)]
        self._threads[0].start()

    def _listen(self) -> None:
        while not self._ending.is_set():
            ready, _, _ = select.select([self._listener], [], [], 0.05)
            if ready:
                plain, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(plain,))
                thread.start()
                self._threads.append(thread)

    def _serve(self, plain: socket.socket) -> None:
        with plain:
            try:
                with (
                    self._context.wrap_socket(plain, server_side=True) as near,
                    socket.create_connection(("127.0.0.1", self._to)) as far,
                ):
                    self._carry(near, far)
            except OSError:  # a client that refuses our certificate hangs up
                return

    def _carry(self, near: ssl.SSLSocket, far: socket.socket) -> None:
        while not self._ending.is_set():
            ready = [near] if near.pending() else select.select([near, far], [], [], 0.05)[0]
            for end in ready:
                data = end.recv(65536)
                if not data:
                    return
                (far if end is near else near).sendall(data)

    def __enter__(self) -> TlsDoor:
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()
