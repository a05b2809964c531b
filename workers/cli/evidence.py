"""Commands that hand things over: evidence pack, calendar of deadlines, status page and feed. They send nothing."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

import workers
from workers import app as wiring
from workers import knowledge, memory, overview
from workers.cli.common import Config, fail, loaded, say, store
from workers.cli.look import Parcel, find
from workers.cli.progress import progressing
from workers.core.judgement import Judge
from workers.core.model import Order, ParcelRef, Told
from workers.core.seal import ALL, STATUS, seal
from workers.render.dates import Calendars
from workers.render.evidence import EvidencePacks, Piece
from workers.render.page import StatusPages
from workers.saying import piece
from workers.settings import Settings, WebSettings
from workers.store import Recollection, Store

STDOUT = "-"
LINK_LASTS = timedelta(days=365)


def add(app: typer.Typer) -> None:
    app.command()(evidence)
    app.command()(calendar)
    app.command(name="report")(report)


Out = Annotated[str, typer.Option("--out", "-o", help="The file to write; - is standard output.")]
Lang = Annotated[
    str, typer.Option("--lang", "-l", help="The language of the page; default the first recipient's.")
]
Which = Annotated[str, typer.Argument(help="A tracking number or an order's id.")]


def evidence(parcel: Which, out: Out = "", lang: Lang = "", config: Config = None) -> None:
    """Write everything known of an order as one page (HTML) to attach to a dispute; print it to make a PDF."""
    settings = loaded(config)
    found = find(settings, parcel)
    order = settings.parcels[found[0]][0]
    if any(settings.parcels[one][0].id != order.id for one in found):
        fail(f"{parcel!r} is in several orders: say which, as one of {', '.join(found)}", code=2)
    name = re.sub(r"[^\w-]+", "-", order.id).strip("-") or "order"
    out = _may_write(out or f"evidence-{name}.html")
    now = wiring.now()
    known = knowledge.load()
    with store(settings) as opened:
        judge = wiring.judge(known, Recollection(opened, wiring.now))
        pieces = [
            _piece(opened, judge, order, settings.parcels[one][1], now)
            for one in progressing(found, "Judging parcels")
        ]
    language, zone = overview.reader(settings, order)
    page = EvidencePacks(settings.templates).pack(
        order,
        pieces,
        lang=lang or language,
        letters_in=language,
        timezone=zone,
        version=workers.__version__,
        now=now,
    )
    name = re.sub(r"[^\w-]+", "-", order.id).strip("-") or "order"
    _write(
        page, out or f"evidence-{name}.html", "Print it and choose “Save as PDF” where a PDF is asked for."
    )


def calendar(parcel: Parcel = "", out: Out = "", config: Config = None) -> None:
    """Write the dates that matter (pay by, papers, storage, protection) as a calendar file (.ics)."""
    settings = loaded(config)
    found = find(settings, parcel) if parcel else list(settings.parcels)
    out = _may_write(out or "deadlines.ics")
    now = wiring.now()
    known = knowledge.load()
    with store(settings) as opened:
        judge = wiring.judge(known, Recollection(opened, wiring.now))
        contexts = [
            _piece(opened, judge, *settings.parcels[one], now).context
            for one in progressing(found, "Judging parcels")
        ]
    first = settings.parcels[found[0]][0] if found else None
    language, zone = overview.reader(settings, first)
    text = Calendars(settings.templates).document(contexts, lang=language, timezone=zone, now=now)
    number = text.count("BEGIN:VEVENT\r\n")
    _write(text, out, f"{number} {'date' if number == 1 else 'dates'}.")


Feed = Annotated[str, typer.Option("--feed", help="Also write an Atom feed to this file.")]
Dates = Annotated[str, typer.Option("--calendar", help="Also write the dates to come to this file (.ics).")]
Link = Annotated[
    bool, typer.Option("--link", help="Write nothing: print the addresses under which `web` serves them.")
]


def report(
    out: Out = "", feed: Feed = "", dates: Dates = "", link: Link = False, lang: Lang = "", config: Config = None
) -> None:  # fmt: skip
    """Write the status page (HTML): every parcel, worst first, with what to do and by when; works offline and prints."""
    settings = loaded(config)
    if link:
        _print_links(settings)
        return
    out, feed, dates = _may_write(out or "report.html"), _may_write(feed), _may_write(dates)
    now = wiring.now()
    language, zone = overview.reader(settings)
    pages, lang = StatusPages(settings.templates), lang or language
    with store(settings) as opened:
        judge = wiring.judge(knowledge.load(), Recollection(opened, wiring.now))
        track = partial(progressing, what="Judging parcels")
        house = overview.gathered(opened, judge, settings, now, track=track)
    page = pages.page(house, lang=lang, timezone=zone, version=workers.__version__, now=now)
    _write(page, out, "Open it in a browser; it needs no network.")
    if feed:
        _write(pages.feed(house, lang=lang, timezone=zone, now=now).decode(), feed, "")
    if dates:
        contexts = [one.context for one in house.parcels]
        _write(pages.document(contexts, lang=lang, timezone=zone, now=now), dates, "")


def _print_links(settings: Settings) -> None:
    """Print the addresses of the page and its feeds; whoever has one of them reads it, for a year."""
    web = settings.web or WebSettings()
    with store(settings) as opened:
        word = seal(opened.secret(), STATUS, ALL, wiring.now() + LINK_LASTS)
    host = f"[{web.host}]" if ":" in web.host else web.host
    address = f"{web.public_url.rstrip('/') or f'http://{host}:{web.port}'}/status/{word}"
    for form in ("", ".atom", ".ics"):
        say(address + form)


def _piece(opened: Store, judge: Judge, order: Order, ref: ParcelRef, now: datetime) -> Piece:
    remembered = opened.recall(ref.id)
    snapshot = memory.load(remembered.snapshot if remembered else None)
    judged = judge.judge(order, ref, snapshot, None, Told(), first_look=False, now=now)
    context = json.loads(json.dumps(judged.brief()))
    return piece(remembered, context, opened.notices(ref.id, states=("sent",)))


def _may_write(out: str) -> str:
    """End the command before the work where *out* has no folder; else return it."""
    if out != STDOUT and not Path(out).parent.is_dir():
        fail(f"{out} cannot be written: there is no folder {Path(out).parent}", code=1)
    return out


def _write(text: str, out: str, hint: str) -> None:
    """Write *text* whole or not at all, for its owner's eyes: it names what a person bought."""
    if out == STDOUT:
        sys.stdout.buffer.write(text.encode())
        return
    path = Path(out)
    try:
        if (
            path.exists() and not path.is_file()
        ):  # a device or a pipe is written to; to replace it would break the machine
            path.write_text(text, encoding="utf-8")
            say(f"Written: {path}. {hint}")
            return
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode())
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}", code=1)
    say(f"Written: {path}. {hint}")
