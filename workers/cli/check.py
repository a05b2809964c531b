"""Commands that check: init, validate, test-notify, classify."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Annotated, Any

import typer

from workers import app as wiring
from workers import knowledge, memory, readiness
from workers import settings as settings_file
from workers.channels import Envelope, address
from workers.cli import own_templates, prices
from workers.cli.common import Config, Json, advices, command, console, dump, fail, loaded, say
from workers.cli.look import _context
from workers.cli.progress import silent, working
from workers.core import rules
from workers.core.classify import Classifier, classify_line
from workers.engine import find, in_the_clear
from workers.errors import Misconfigured, Permanent, StoreTrouble, Temporary, Uncertain
from workers.settings import Settings
from workers.store import Store

TEST = "This is a test of customs-watch: no parcel needs you because of it."


def add(app: typer.Typer) -> None:
    app.command()(init)
    app.command()(validate)
    app.command("test-notify")(test_notify)
    app.command()(classify)


def init(config: Config = None) -> None:
    """Write an annotated config/orders.yaml to start from; never overwrites."""
    path = wiring.config_path(config)
    if path.exists():
        fail(f"{path} is there already; I left it alone", code=2)
    settings_file.write_example(path)
    say(f"Wrote {path}. Edit it, then run `{command()} validate`, then `{command()} run`.")


def validate(config: Config = None, as_json: Json = False) -> None:
    """Check the file with your orders: every mistake at once, each with its line and what to write instead."""
    path = wiring.config_path(config)
    try:
        settings = wiring.load(path)
    except Misconfigured as error:
        if not as_json:
            raise
        dump(
            {
                "ok": False,
                "mistakes": [{"line": m.line, "message": m.message, "hint": m.hint} for m in error.mistakes],
            }
        )
        sys.exit(2)
    known = knowledge.load()
    old = [
        f"{row.where}: {row.line}: {row.why} (checked {row.checked or 'never'}, {row.source})"
        for row in rules.stale(known.law, on=wiring.now().date())
    ]
    words_wrong = own_templates.mistakes(settings, known.table)
    if words_wrong:
        if not as_json:
            raise Misconfigured("\n".join(words_wrong))
        dump({"ok": False, "mistakes": [{"line": 0, "message": said, "hint": ""} for said in words_wrong]})
        sys.exit(2)
    unfit = _unfit(settings)
    clear = in_the_clear(os.environ.get("CW_REDIS_URL", "").strip())
    warnings = [*map(str, settings.warnings), *([clear] if clear else [])]
    if as_json:
        dump({"ok": True, "orders": len(settings.orders), "parcels": len(settings.parcels),
              "warnings": warnings, "stale": old, "unfit": unfit})  # fmt: skip
        return
    for warning in warnings:
        say(f"warning: {warning}")
    for row in old:
        say(f"stale: {row}")
    for line in unfit:
        say(f"not fit: {line}")
    say(f"{path} is right: {len(settings.orders)} orders, {len(settings.parcels)} parcels, "
        f"{len(settings.recipients)} recipients, channels {', '.join(settings.channels)}, sources {', '.join(settings.sources)}; "
        f"{len(advices(known))} advices known.")  # fmt: skip


def _unfit(settings: Settings) -> list[str]:
    """Return what is wrong with the disk, and with the server that CW_REDIS_URL names; an embedded one is not started for it."""
    if not os.environ.get("CW_REDIS_URL", "").strip():
        return list(readiness.room(settings.data))
    opened = Store.connect(find(os.environ, settings.data).url)
    try:
        return list(readiness.concerns(opened, settings.data, now=wiring.now()))
    except StoreTrouble as trouble:
        return [str(trouble)]
    finally:
        opened.close()


Channel = Annotated[str, typer.Option("--channel", help="Only this channel.")]
To = Annotated[str, typer.Option("--to", help="Only this recipient.")]
Advice = Annotated[
    str, typer.Option("--advice", "-a", help="Send this advice; default the order's present one.")
]


def test_notify(channel: Channel = "", to: To = "", advice: Advice = "", config: Config = None) -> None:
    """Send one real message through each channel to each recipient, marked as a test."""
    settings = loaded(config)
    house = wiring.furnish(settings)
    known = knowledge.load()
    if not settings.orders:
        fail("there is no order to write about", code=2)
    order, ref = next(iter(settings.parcels.values()))
    context = _context(known, order, ref, memory.load(None))
    if advice:
        if advice not in advices(known):
            fail(f"no advice {advice!r} (there are: {', '.join(advices(known))})", code=3)
        context["advice"] = advice
    failed = tried = 0
    for recipient in settings.recipients.values():
        for name in recipient.channels:
            if (to and recipient.name != to) or (channel and name != channel):
                continue
            tried += 1
            opened = house.channels[name]
            message = house.renderer.render(context, lang=recipient.language, timezone=recipient.timezone)
            message = replace(
                message,
                subject=f"[Test] {message.subject}",
                text=f"{TEST}\n\n{message.text}",
                short=f"[Test] {message.short}",
            )
            to_whom = address(opened.form, email=recipient.email, phone=recipient.phone)
            envelope = Envelope(notice=secrets.token_hex(16), to=to_whom, thread=secrets.token_hex(16))
            try:
                receipt = opened.send(envelope, message)
            except (Temporary, Permanent, Uncertain) as trouble:
                failed += 1
                say(f"{recipient.name} by {name}: not sent: {trouble}")
            else:
                size = (
                    prices.said(message.short, prices.prices(settings, name))
                    if opened.form == "short"
                    else ""
                )
                say(" ".join(f"{recipient.name} by {name}: accepted {receipt.reference} {size}".split()))
    if not tried:
        fail("nobody matches --to and --channel", code=3)
    sys.exit(4 if failed else 0)


Jsonl = Annotated[
    bool, typer.Option("--jsonl", help="Read one JSON object a line from standard input, write one a line.")
]
Word = Annotated[str, typer.Argument(help="A status text.")]


def classify(text: Word = "", jsonl: Jsonl = False) -> None:
    """Classify status texts: a line of JSON in (text; language, code, system, carrier, origin, destination, country), one out."""
    classifier = knowledge.load_classifier()
    if not jsonl:
        if not text:
            fail("give a text, or --jsonl and lines on standard input", code=2)
        dump(classify_line(classifier, {"text": text}))
        return
    bad = 0
    # Where the answers go to the terminal themselves, they show how far it is.
    with nullcontext(silent) if sys.stdout.isatty() else working("Reading status texts") as tell:
        for number, answer in enumerate(_answers(classifier), 1):
            if "error" in answer:
                bad += 1
                console().file.flush()
                sys.stderr.write(f"line {number}: {answer['error']}\n")
            dump(answer)
            tell(number, None)
    sys.exit(2 if bad else 0)


def _answers(classifier: Classifier) -> Iterator[dict[str, Any]]:
    for raw in sys.stdin.buffer:
        line = raw.decode("utf-8", errors="replace").strip()
        if not line:
            continue
        try:
            asked = json.loads(line)
        except json.JSONDecodeError as error:
            yield {"error": f"not JSON: {error.msg}"}
            continue
        except (ValueError, RecursionError):  # a number of thousands of digits, a list in a list in a list …
            yield {"error": "not JSON that anybody means"}
            continue
        if not isinstance(asked, dict):
            yield {"error": "not a JSON object"}
            continue
        yield classify_line(classifier, asked)
