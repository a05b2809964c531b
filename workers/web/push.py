"""POST /push/<source>[/<secret path>]: what a tracking service tells unasked. Believes nothing before it is verified.

    bytes (at most so many, within so long) | verified | not seen before | read | decided and stored | 200

A service says it again while the answer is not 2xx; so 200 comes only after the commit. Whoever cannot prove who they are
is told the same whatever they tried: there may be such a source or none.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from workers import sources
from workers.app import App, now
from workers.errors import Permanent, StoreTrouble, Temporary
from workers.sources import Push
from workers.web.counting import Counting

log = structlog.get_logger("customs_watch")

LEASE = timedelta(seconds=30)  # of a push being taken in
REMEMBERED = timedelta(days=7)  # longer than any service goes on repeating: AfterShip for 68 hours
THREADS = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may cost."""

    body: int = 1_000_000  # bytes; the longest histories met are some 15,000
    patience: float = 20.0  # seconds for all of it to arrive


def routes(app: App, counting: Counting, limits: Limits) -> list[Route]:
    """Return the addresses of pushes."""
    room = CapacityLimiter(THREADS)

    async def pushed(request: Request) -> Response:
        body = await whole(request, limits)
        push = Push(body, _headers(request), request.path_params.get("rest", ""))
        work = partial(receive, app, request.path_params["source"], push, counting)
        status = await to_thread.run_sync(work, limiter=room)
        if status != 200:
            raise HTTPException(status, headers={"Retry-After": "30"} if status == 503 else None)
        return PlainTextResponse("ok\n")

    return [
        Route("/push/{source}", pushed, methods=["POST"]),
        Route("/push/{source}/{rest:path}", pushed, methods=["POST"]),
    ]


async def whole(request: Request, limits: Limits) -> bytes:
    """Return the body; refuses one that is too large, as soon as that is known, and one that takes too long."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > limits.body):
        raise HTTPException(413)
    body = bytearray()
    try:
        async with asyncio.timeout(limits.patience):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.body:
                    raise HTTPException(413)
    except TimeoutError:
        raise HTTPException(408) from None
    except ClientDisconnect:
        raise HTTPException(400) from None  # nobody is there to read it
    return bytes(body)


def _headers(request: Request) -> dict[str, str]:
    """Return the headers; one that comes twice is both at once, and so no signature."""
    out: dict[str, str] = {}
    for name, value in request.headers.items():
        out[name] = f"{out[name]}, {value}" if name in out else value
    return out


def receive(app: App, name: str, push: Push, counting: Counting) -> int:
    """Verify, read and take in one push; return the status that says what came of it. Blocks."""
    section = app.house().settings.sources.get(name)
    module = sources.load(section.kind) if section else None
    verified: Callable[..., bool] = getattr(module, "verified", _decoy)
    if not verified(section.options if section else None, push, now=now()):
        if counting.refuse():
            log.warning(
                "push_refused", source=name if section else "(none of ours)", refused=counting.refused
            )
        return 404
    digest = hashlib.sha256(name.encode() + b"\x00" + push.body).hexdigest()
    state = app.store.push_begins(digest, lease=LEASE)
    if state == "new":
        return _take_in(app, name, module, push.body, digest)
    return 200 if state == "seen" else 503


def _take_in(app: App, name: str, module: Any, body: bytes, digest: str) -> int:
    try:
        try:
            news = module.pushed(body, source=name)
        except (Temporary, Permanent) as trouble:
            log.warning("push_not_read", source=name, error=str(trouble))
            app.store.push_dropped(digest)
            return 422
        numbers = {*news.found, *news.look}
        watched = app.pipeline.pushed(name, news)
        app.store.push_done(digest, ttl=REMEMBERED, unwatched=len(numbers - watched))
    except Temporary as trouble:  # the store's too
        log.warning("push_not_taken", source=name, error=str(trouble))
        with suppress(StoreTrouble):  # else its lease runs out
            app.store.push_dropped(digest)
        return 503
    log.info("push_taken", source=name, numbers=len(numbers), watched=len(watched))
    return 200


def _decoy(_: object, push: Push, *, now: datetime) -> bool:  # noqa: ARG001 -- as a source's own
    """Take about as long as a source that is there, and refuse."""
    hmac.new(b"nobody", push.body, hashlib.sha256).digest()
    return False
