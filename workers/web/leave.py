"""GET and POST /leave/<sealed word>: a reader wants no more mails (RFC 8058). Acts on POST of the one right field alone.

Mail programs send that POST by themselves once their user pressed "unsubscribe"; whatever merely follows the link gets a page
with a button. The seal is all there is to prove: no cookie, no sign-in, no redirect (RFC 8058, 3.1 and 3.2).
"""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import parse_qsl

from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from workers.app import App, now
from workers.core.seal import LEAVE, unseal
from workers.web.push import Limits, whole
from workers.web.seen import HEADERS

THREADS = 2
LIMITS = Limits(body=8_192, patience=10.0)  # of a form with one field
STATUS = {"ask": 200, "done": 200, "over": 410}
FIELD = ("List-Unsubscribe", "One-Click")
_BOUNDARY = re.compile(r'multipart/form-data\s*;.*?boundary="?([^";,\s]{1,70})"?', re.IGNORECASE)

State = Literal["ask", "done", "over"]


def routes(app: App) -> list[Route]:
    """Return the address."""
    room = CapacityLimiter(THREADS)

    async def leave(request: Request) -> Response:
        word, acts = str(request.path_params["word"]), request.method == "POST"
        if acts:
            body = await whole(request, LIMITS)
            if not one_click(request.headers.get("content-type", ""), body):
                raise HTTPException(400)
        state, page = await to_thread.run_sync(answer, app, word, acts, limiter=room)
        return HTMLResponse(page, STATUS[state], HEADERS)

    return [Route("/leave/{word}", leave, methods=["GET", "POST"])]


def one_click(kind: str, body: bytes) -> bool:
    """Say whether *body* is the form with exactly the field that RFC 8058 has, in either of the two encodings it allows."""
    text = body.decode("utf-8", "replace")
    found = _BOUNDARY.match(kind)
    if found:
        parts = text.split("--" + found[1])
        fields = [_field(part) for part in parts[1:-1]]
        return len(parts) == 3 and fields == [FIELD]
    return kind.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded" and parse_qsl(
        text.strip(), keep_blank_values=True
    ) == [FIELD]


def _field(part: str) -> tuple[str, str]:
    head, _, value = part.replace("\r\n", "\n").partition("\n\n")
    name = re.search(
        r'^content-disposition:\s*form-data;.*?\bname="([^"]*)"', head, re.IGNORECASE | re.MULTILINE
    )
    return (name[1] if name else "", value.removesuffix("\n"))


def answer(app: App, word: str, acts: bool) -> tuple[State, str]:
    """Return how it stands and the page that says so; raises 404 for what we did not seal. Blocks."""
    sealed = unseal(app.store.secret(), LEAVE, word)
    if sealed is None:
        raise HTTPException(404)
    house, row = app.house(), app.store.notice(sealed.notice)
    reader = house.settings.recipients.get(row.recipient) if row else None
    channel = house.channels.get(row.channel) if row else None
    state: State = "ask"
    if reader is None or channel is None or sealed.until <= now():
        state = "over"
    elif acts:
        app.pipeline.addresses.left(channel, reader)
        state = "done"
    return state, house.renderer.leave(state, lang=reader.language if reader else "en")
