"""GET /status/<sealed word>[.atom|.ics]: the status page and its feeds, to whoever holds the link. Changes nothing.

They tell what a person bought, so neither this machine's own address nor a proxy's name is proof enough: other people may use
this machine. The page names no recipient and no contact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import workers
from workers import overview
from workers.app import App, now
from workers.core.seal import STATUS, unseal
from workers.render.page import House, StatusPages
from workers.settings import Settings

THREADS = 2  # every parcel is judged for each answer
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'",
    "X-Robots-Tag": "noindex",
}


@dataclass(frozen=True, slots=True)
class Form:
    """One of the forms in which it is told."""

    suffix: str
    kind: str  # its media type
    make: Callable[[StatusPages, House, tuple[str, str]], bytes]


def _page(pages: StatusPages, house: House, reader: tuple[str, str]) -> bytes:
    lang, zone = reader
    return pages.page(house, lang=lang, timezone=zone, version=workers.__version__, now=now()).encode()


def _feed(pages: StatusPages, house: House, reader: tuple[str, str]) -> bytes:
    lang, zone = reader
    return pages.feed(house, lang=lang, timezone=zone, now=now())


def _calendar(pages: StatusPages, house: House, reader: tuple[str, str]) -> bytes:
    lang, zone = reader
    contexts = [one.context for one in house.parcels]
    return pages.document(contexts, lang=lang, timezone=zone, now=now()).encode()


FORMS = (
    Form(".atom", "application/atom+xml; charset=utf-8", _feed),
    Form(".ics", "text/calendar; charset=utf-8", _calendar),
    Form("", "text/html; charset=utf-8", _page),
)


def routes(app: App) -> list[Route]:
    """Return the addresses of the page and its feeds."""
    room = CapacityLimiter(THREADS)
    shelf = Shelf()

    def route(form: Form) -> Route:
        async def answer(request: Request) -> Response:
            work = partial(told, app, shelf, str(request.path_params["word"]), form)
            return Response(
                await to_thread.run_sync(work, limiter=room), headers=HEADERS, media_type=form.kind
            )

        return Route(f"/status/{{word}}{form.suffix}", answer)

    return [route(form) for form in FORMS]


class Shelf:
    """Keeps the templates of the file that is in use: to read them for each answer would cost more than the answer."""

    def __init__(self) -> None:
        self._kept: tuple[Settings, StatusPages] | None = None

    def pages(self, settings: Settings) -> StatusPages:
        kept = self._kept
        if kept is None or kept[0] is not settings:
            kept = self._kept = settings, StatusPages(settings.templates)
        return kept[1]


def told(app: App, shelf: Shelf, word: str, form: Form) -> bytes:
    """Return what is told in *form*; raises 404 for a word we did not seal, 410 for one that is over. Blocks."""
    sealed = unseal(app.store.secret(), STATUS, word)
    if sealed is None:
        raise HTTPException(404)
    if sealed.until <= now():
        raise HTTPException(410)
    settings = app.house().settings
    house = overview.gathered(app.store, app.judge, settings, now())
    return form.make(shelf.pages(settings), house, overview.reader(settings))
