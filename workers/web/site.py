"""All addresses as one ASGI application. Answers are constant sentences: no markup, no detail of what went wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping

import structlog
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workers.app import App
from workers.errors import StoreTrouble
from workers.settings import is_loopback
from workers.web import health, leave, metrics, push, seen, status
from workers.web.counting import Counting

log = structlog.get_logger("customs_watch")

# A page that needs more says so in its own response: what is set there stays.
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Connection": "close",  # one request a connection: none can be kept half open behind another
}
OUTSIDE = (
    "/push/",
    "/seen/",
    "/leave/",
    "/status/",
)  # what comes through a proxy under a name of its own; each proves itself by a secret
SAID = {
    400: "not understood", 404: "not found", 405: "not allowed", 408: "too slow", 410: "this link is over", 413: "too large",
    422: "not understood", 500: "something went wrong here", 503: "not now, try again",
}  # fmt: skip


def site(app: App, *, limits: push.Limits | None = None, local: bool = True) -> ASGIApp:
    """Return the application; every process makes its own.

    *local*: only under a name of this machine is anything but a push or a sealed link answered: a page of somebody else's,
    whose name was made to lead here (DNS rebinding), reads nothing.
    """
    counting = Counting()
    inner = Starlette(
        routes=[
            *push.routes(app, counting, limits or push.Limits()),
            *health.routes(app),
            *metrics.routes(app, counting),
            *seen.routes(app),
            *leave.routes(app),
            *status.routes(app),
        ],
        exception_handlers={HTTPException: _refused, StoreTrouble: _away, Exception: _broken},
    )
    inner.router.redirect_slashes = False  # a guess at an address is told nothing, not where it nearly was
    return Armour(inner, local=local)


def say(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return the one answer there is for *status*."""
    return PlainTextResponse(SAID.get(status, "no") + "\n", status, headers)


def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # nosec B101 # noqa: S101 -- registered for these alone
    return say(error.status_code, error.headers)


def _away(_: Request, error: Exception) -> Response:
    log.warning("store_away", error=str(error))
    return say(503, {"Retry-After": "30"})


def _broken(_: Request, error: Exception) -> Response:
    log.error("web_failed", error=type(error).__name__)
    return say(500)


class Armour:
    """Puts our headers on every answer, whoever made it, and keeps out what came here under a strange name."""

    def __init__(self, inner: ASGIApp, *, local: bool) -> None:
        self._inner = inner
        self._local = local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def armoured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if self._local and scope["type"] == "http" and not scope["path"].startswith(OUTSIDE):
            said = Headers(scope=scope).get("host", "localhost")
            if not is_loopback(re.sub(r":\d*$", "", said).strip("[]")):
                await say(404)(scope, receive, armoured)
                return
        await self._inner(scope, receive, armoured)
