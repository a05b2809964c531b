"""GET and POST /seen/<sealed word>: a reader says that they know. Shows a button on GET, and acts on POST alone.

Mail programs and scanners follow links; a link that acted would say "seen" for people who were asleep.
"""

from __future__ import annotations

from typing import Literal

from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from workers.app import App, now
from workers.core.seal import SEEN, unseal

THREADS = 2
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'"
}
STATUS = {"ask": 200, "noted": 200, "over": 410}


def routes(app: App) -> list[Route]:
    """Return the addresses of answers."""
    room = CapacityLimiter(THREADS)

    async def seen(request: Request) -> Response:
        word, acts = str(request.path_params["word"]), request.method == "POST"
        state, page = await to_thread.run_sync(answer, app, word, acts, limiter=room)
        return HTMLResponse(page, STATUS[state], HEADERS)

    return [Route("/seen/{word}", seen, methods=["GET", "POST"])]


def answer(app: App, word: str, acts: bool) -> tuple[Literal["ask", "noted", "over"], str]:
    """Return how it stands and the page that says so; raises 404 for what we did not seal. Blocks."""
    sealed = unseal(app.store.secret(), SEEN, word)
    if sealed is None:
        raise HTTPException(404)
    house, row = app.house(), app.store.notice(sealed.notice)
    watched = house.settings.parcels.get(row.parcel) if row else None
    reader = house.settings.recipients.get(row.recipient) if row else None
    state: Literal["ask", "noted", "over"] = "ask"
    if row is None or watched is None or sealed.until <= now():
        state = "over"
    elif acts:
        app.answers.ack(row.parcel)
        state = "noted"
    title = watched[0].title if watched else ""
    return state, house.renderer.seen(state, title, lang=reader.language if reader else "en")
