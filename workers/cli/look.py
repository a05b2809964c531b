"""Commands that look: status, explain, preview."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Annotated, Any

import typer

from workers import app as wiring
from workers import knowledge, memory, readiness
from workers.cli import hold, prices, report
from workers.cli.common import Config, Json, advices, dump, fail, loaded, say, store
from workers.core import sms
from workers.core.advise import Table
from workers.core.classify import as_json as reading_as_json
from workers.core.model import Order, ParcelRef, Reading, Seen, Sighting, Snapshot, Stage, TimeQuality, Told
from workers.errors import Misconfigured
from workers.render import Renderer
from workers.settings import Settings
from workers.sources import Remarking

ALL = "all"  # instead of the name of an advice
DATES = {"pay": "pay_by", "documents": "documents_by", "storage": "storage_end", "dispute": "dispute_by"}


def add(app: typer.Typer) -> None:
    app.command()(status)
    app.command()(explain)
    app.command()(preview)
    app.command()(unknown)


def status(config: Config = None, as_json: Json = False) -> None:
    """Show where every parcel stands, worst first, and which sources fail."""
    settings = loaded(config)
    remarks = _remarks(settings)
    with store(settings) as opened:
        wrong = readiness.concerns(opened, settings.data, now=wiring.now())
        held = hold.sentence(opened, settings)
        report.status(opened, settings, held=held, unfit=wrong, remarks=remarks, as_json=as_json)
    for name, said in remarks.items():
        for remark in () if as_json else said:
            say(f"The source {name}: {remark}.")


def _remarks(settings: Settings) -> dict[str, list[str]]:
    """Return what sources say of themselves, from what they keep on this machine."""
    try:
        house = wiring.furnish(settings)
    except Misconfigured:  # where it stands is shown all the same
        return {}
    return {
        name: list(source.remarks())
        for name, source in house.sources.items()
        if isinstance(source, Remarking)
    }


Parcel = Annotated[str, typer.Argument(help="A tracking number, an order's id, or both as ORDER/NUMBER.")]
TextOption = Annotated[
    str, typer.Option("--text", help="Explain how this status text is read, instead of a parcel.")
]
Code = Annotated[str, typer.Option(help="With --text: the provider's code.")]
System = Annotated[str, typer.Option(help="With --text: the code's system, as cainiao or 17track.")]
Language = Annotated[str, typer.Option(help="With --text: the language, if known.")]


def explain(
    parcel: Parcel = "", text: TextOption = "", code: Code = "", system: System = "", language: Language = "",
    config: Config = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Show what decided: the sighting, the code or phrase, the rules, the advice row, the reason for writing or silence."""
    if text or code:
        _explain_text(text, code, system, language, as_json=as_json)
        return
    if not parcel:
        fail("say which parcel, or a text by --text", code=2)
    settings = loaded(config)
    found = find(settings, parcel)
    with store(settings) as opened:
        decisions = dict(report.decisions(opened, settings))
    if as_json:
        dump([{"parcel": p, **decisions[p]} for p in found])
        return
    for one in found:
        say(report.explanation(one, settings.parcels[one][0].title, decisions[one]))


def find(settings: Settings, word: str) -> list[str]:
    """Return the parcels that *word* names; ends the command with a hint when there is none."""
    key = word.strip().casefold()
    found = [
        parcel
        for parcel, (order, ref) in settings.parcels.items()
        if key in (parcel.casefold(), ref.number.casefold(), order.id.casefold())
    ]
    if not found:
        known = ", ".join(list(settings.parcels)[:8]) + (" …" if len(settings.parcels) > 8 else "")
        fail(f"no parcel {word!r} is watched (there are: {known})", code=3)
    return found


def _explain_text(text: str, code: str, system: str, language: str, *, as_json: bool) -> None:
    reading = knowledge.load_classifier().read(text, code=code, system=system, lang=language)
    if as_json:
        dump(reading_as_json(reading))
        return
    say(
        f"Stage: {report.words(reading.stage.value) if reading.stage is not Stage.UNKNOWN else 'unknown (nothing is guessed)'}"
    )
    say(f"Causes: {', '.join(c.value for c in reading.causes) or '–'}")
    say(f"Side: {reading.side or '–'}   Addressee: {reading.addressee or '–'}   Charges: {reading.charges}")
    for kind, entries in (("Decided by", reading.evidence), ("Beat", reading.beat)):
        for e in entries:
            say(f"{kind}: {e.kind} {e.what}  [{e.where}]" + (f"  ({e.source})" if e.source else ""))


Advice = Annotated[str, typer.Option("--advice", "-a", help="Render this advice, or all of them.")]
Lang = Annotated[
    str, typer.Option("--lang", "-l", help="The language; default the order's first recipient's.")
]
Form = Annotated[str, typer.Option("--form", help="text, html, short or all.")]


def preview(
    parcel: Parcel = "", advice: Advice = "", lang: Lang = "", form: Form = "text", config: Config = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Render what a notice would say for any order, advice and language, without sending anything."""
    if form not in ("text", "html", "short", "all"):
        fail(f"--form {form!r} is none of text, html, short, all", code=2)
    settings = loaded(config)
    known = knowledge.load()
    rows = advices(known)
    if advice not in ("", ALL, *rows):
        fail(f"no advice {advice!r} (there are: {', '.join(rows)}, or {ALL})", code=3)
    parcels = find(settings, parcel) if parcel else list(settings.parcels)[:1]
    order, ref = settings.parcels[parcels[0]]
    with store(settings) as opened:
        remembered = opened.recall(ref.id)
    snapshot = memory.load(remembered.snapshot if remembered else None)
    context = _context(known, order, ref, snapshot)
    renderer = Renderer(settings.templates)
    language = lang or (settings.recipients[order.tell[0]].language if order.tell else "en")
    zone = settings.recipients[order.tell[0]].timezone if order.tell else "UTC"
    of, shorts = prices.prices(settings), []
    for one in rows if advice == ALL else [advice or context["advice"]]:
        told = as_if(context, known.table, one) if one != context["advice"] else context
        message = renderer.render(told, lang=language, timezone=zone)
        shorts.append(message.short)
        size = sms.segments(message.short)
        if as_json:
            dump({"advice": one, "subject": message.subject, "text": message.text, "html": message.html, "short": message.short,
                  "segments": size.parts, "encoding": size.encoding, "cost": prices.plain(size.parts, of)})  # fmt: skip
            continue
        say(f"Subject: {message.subject}")
        if form in ("text", "all"):
            say("\n" + message.text)
        if form in ("html", "all"):
            say("\n" + message.html)
        if form in ("short", "all"):
            say(f"\n{prices.said(message.short, of)}\n{message.short}")
    if advice == ALL and form in ("short", "all") and not as_json:
        say("\n" + prices.together(shorts, of))


def as_if(context: dict[str, Any], table: Table, advice: str) -> dict[str, Any]:
    """Return *context* with what another advice brings along: whether it needs you, its letters, its date."""
    found = next(row.advice for row in table.rows if row.advice.id == advice)
    field = DATES.get(found.deadline, "")
    by = context[field] if field else None
    day = by["date"] if isinstance(by, dict) else by
    return {
        **context,
        "advice": advice,
        "topic": found.topic,
        "needs_you": found.needs_you.value,
        "urgent": found.urgent,
        "contact": found.contact,
        "letters": list(found.letters),
        "deadline": day,
        "days_left": (date.fromisoformat(day) - wiring.now().date()).days if day else None,
    }


def _context(known: knowledge.Knowledge, order: Order, ref: ParcelRef, snapshot: Snapshot) -> dict[str, Any]:
    """Return a notice's context for *order*; one that was never looked at gets a parcel two days in customs."""
    now = wiring.now()
    if snapshot.stage is Stage.UNKNOWN:
        since = now - timedelta(days=2)
        sighting = Sighting("preview", "Import customs clearance started", since, TimeQuality.EXACT)
        seen = Seen(sighting, Reading(Stage.IMPORT_CUSTOMS), since, ("preview",))
        snapshot = Snapshot(
            stage=Stage.IMPORT_CUSTOMS,
            since=since,
            occurrence=1,
            timeline=(seen,),
            first_look=since,
            in_customs_since=since,
        )
    judged = wiring.judge(known).judge(order, ref, snapshot, None, Told(), first_look=False, now=now)
    context: dict[str, Any] = json.loads(json.dumps(judged.brief()))
    return context


Most = Annotated[int, typer.Option("--limit", min=1, help="How many wordings at most.")]


def unknown(config: Config = None, limit: Most = 50, as_json: Json = False) -> None:
    """List the wordings nobody could read, the commonest first, each as an entry ready to be filled in."""
    settings = loaded(config)
    with store(settings) as opened:
        met = opened.unknown(limit)
    if as_json:
        dump([{"times": times, **entry} for times, entry in met])
        return
    if not met:
        say("Every wording met so far was read.")
    for times, entry in met:
        say(report.entry_to_fill_in(times, entry))
