"""Run the site: uvicorn with short patience, on a socket of our own. Listens beyond this machine only where told to."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from dataclasses import dataclass

import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from workers.app import App
from workers.errors import Misconfigured
from workers.settings import EXPOSE, WebSettings
from workers.web.push import Limits
from workers.web.site import site

log = structlog.get_logger("customs_watch")

CONNECTIONS = 256  # at once; each more is told to come again


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one connection may take, in seconds."""

    headers: float = 10.0
    whole: float = 60.0


def listening(web: WebSettings) -> socket.socket:
    """Return a bound socket; raises Misconfigured for an address that is taken, not ours, or not to be exposed."""
    if not (web.local or web.expose):
        raise Misconfigured(f"{web.host} can be reached by other machines", hint=EXPOSE)
    try:
        found = socket.getaddrinfo(web.host, web.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except OSError:
            bound.close()
            raise
    except OSError as error:
        raise Misconfigured(
            f"cannot listen on {web.host}, port {web.port}: {error.strerror or error}",
            hint="another program may have it: say another by `web: {listen: …}` or --port",
        ) from error
    return bound


def server(
    app: App, *, limits: Limits | None = None, patience: Patience | None = None, local: bool = True
) -> uvicorn.Server:
    """Return a server that has not started."""
    waits = patience or Patience()

    class Patient(H11Protocol):
        """HTTP/1.1 over a connection that ends in time, whatever the other side does or leaves undone."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
            super().connection_made(transport)
            self._timers = [
                self.loop.call_later(waits.headers, self._no_request),
                self.loop.call_later(waits.whole, transport.abort),
            ]

        def connection_lost(self, exc: Exception | None) -> None:
            for timer in self._timers:
                timer.cancel()
            super().connection_lost(exc)

        def _no_request(self) -> None:
            if getattr(self, "scope", None) is None:  # uvicorn fills it in when the headers are whole
                self.transport.abort()

    return uvicorn.Server(
        uvicorn.Config(
            site(app, limits=limits, local=local),
            http=Patient,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            access_log=False,  # addresses hold secrets
            server_header=False,
            proxy_headers=False,  # who says where he comes from is not believed, and nothing depends on it
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=15,
            h11_max_incomplete_event_size=16_384,  # bytes of headers
        )
    )


def serve(app: App, web: WebSettings) -> None:
    """Serve until told to stop; what is being answered is finished first."""
    bound = listening(web)
    _log_as_one_line()
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises them again once it has stopped in order
        signal.signal(number, lambda *_: None)
    host, port = bound.getsockname()[:2]
    log.info("web_listens", host=host, port=port)
    server(app, local=not web.expose).run(sockets=[bound])


def _log_as_one_line() -> None:
    """Let uvicorn's errors be events of ours: one line each, and no traceback, which may quote what somebody sent."""
    out = logging.getLogger("uvicorn.error")
    out.addHandler(_OneLine(logging.ERROR))
    out.propagate = False


class _OneLine(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        log.error("web_error", said=record.getMessage().strip(), error=kind.__name__ if kind else "")
