"""The command that checks a received message: is it about a parcel of mine, or a fraud? Follows no link, asks nobody."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from workers import app as wiring
from workers import memory
from workers.cli.common import Config, Json, dump, fail, loaded, say, store
from workers.core.model import Evidence, Operator, Snapshot
from workers.core.numbers import normalise
from workers.core.quote import visible
from workers.core.scam import MessageIs, MessageVerdict, Reason, Watched, judge_message
from workers.errors import Misconfigured
from workers.knowledge.law import load_operators
from workers.knowledge.signs import load_signs
from workers.settings import Settings
from workers.store import Store

MOST = 1024 * 1024  # bytes read; the judge looks at less
RECALLED = 500  # parcels whose memory is read; of more, only those whose number stands in the message

VERDICTS = {
    MessageIs.DOES_NOT_MATCH: "Does not match what you are waiting for.",
    MessageIs.MATCHES: "Fits what you are waiting for. Still: open the operator's site yourself, never by the message.",
    MessageIs.CANNOT_TELL: "Cannot be told. Treat it as a fraud until you have looked yourself.",
}
SIGNS = {"against": "✗", "open": "?", "for": "·"}


def add(app: typer.Typer) -> None:
    app.command("check-message")(check_message)


File = Annotated[
    Path | None, typer.Argument(help="The message: its words, or a whole .eml; default standard input.")
]
From = Annotated[str, typer.Option("--from", help="The sender, as your phone or mail program shows it.")]


def check_message(file: File = None, sender: From = "", config: Config = None, as_json: Json = False) -> None:
    """Check a received SMS or e-mail: does it fit what you wait for, and why; what to do, where to report it."""
    text = _text(file)
    settings = loaded(config)
    now = wiring.now()
    with store(settings) as opened:
        watched = _watched(opened, settings, text)
    verdict = judge_message(
        text,
        sender=sender,
        parcels=watched,
        operators=load_operators(on=now.date()),
        signs=load_signs(),
        now=now,
    )
    if as_json:
        dump(plain(verdict))
        return
    say("\n".join(lines(verdict)))


def _text(file: Path | None) -> str:
    """Return the message; ends the command where there is none."""
    try:
        if file is not None:
            with file.open("rb") as source:
                content = source.read(MOST)
        else:
            content = b"" if sys.stdin.isatty() else sys.stdin.buffer.read(MOST)
    except OSError as error:
        raise Misconfigured(f"{file} cannot be read: {error.strerror}") from error
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = content.decode("utf-16", "replace") if wide else content.decode("utf-8-sig", "surrogateescape")
    if not text.strip():
        fail("there is no message: name a file, or give the message on standard input", code=2)
    return text


def _watched(opened: Store, settings: Settings, text: str) -> list[Watched]:
    solid = normalise(text)
    few = len(settings.parcels) <= RECALLED
    out = []
    for parcel, (order, ref) in settings.parcels.items():
        known = opened.recall(parcel) if few or normalise(ref.number) in solid else None
        out.append(Watched(order, ref, memory.load(known.snapshot) if known else Snapshot()))
    return out


def lines(verdict: MessageVerdict) -> list[str]:
    """Return the answer for a terminal."""
    out = [VERDICTS[verdict.verdict], "", "Why:"]
    for reason in verdict.reasons:
        out.append(f"  {SIGNS[reason.weight]} {reason.says}")
        out += [f"      {source}" for source in dict.fromkeys(map(_source, _shown(reason))) if source]
    out += ["", "What to do:", *(f"  {step}" for step in steps(verdict))]
    out += ["", "What not to do:", *(f"  {step}" for step in never(verdict))]
    if verdict.verdict is not MessageIs.MATCHES:
        where = [f"  {r.where} ({_source(r.evidence)})" for r in verdict.reports]
        out += [
            "",
            "Where to report it:",
            *(where or ["  to the operator it names, at the address you know"]),
        ]
    return out


def _shown(reason: Reason) -> tuple[Evidence, ...]:
    """Return the evidence that a reader needs: the entry about this very thing, else the sign's own source."""
    return reason.evidence[:-1] or reason.evidence


def steps(verdict: MessageVerdict) -> list[str]:
    """Return what to do, in order."""
    out = [_look_up(verdict.operator, verdict.asks)]
    if verdict.verdict is MessageIs.DOES_NOT_MATCH:
        out.append(
            "Where the tracking there says the same as the message, act on the tracking, not on the message."
        )
        out.append("If you entered card data or a password: call your bank now, by the number on your card.")
    elif verdict.verdict is MessageIs.MATCHES and "pay" in verdict.asks:
        out.append("Pay only there, and only if the sum stands there too.")
    elif verdict.verdict is MessageIs.CANNOT_TELL:
        out.append("Do nothing that the message asks for before the tracking there confirms it.")
    return out


def _look_up(operator: Operator | None, asks: tuple[str, ...]) -> str:
    if operator is None:
        return "Open the tracking of the carrier by an address that you know, and enter your number there."
    if "pay" in asks and operator.pay_where:
        return f"{operator.name} takes money only so: {operator.pay_where}."
    if "documents" in asks and operator.documents_where:
        return f"{operator.name} takes papers so: {operator.documents_where}."
    return f"Type {operator.site or 'the address you know'} into the browser yourself and enter your number there."


def never(verdict: MessageVerdict) -> list[str]:
    """Return what not to do."""
    out = ["Do not open its links, call its numbers, scan its codes or answer it."]
    if verdict.verdict is MessageIs.MATCHES:
        out.append("Do not take this for a proof: senders are forged, and genuine messages are copied.")
    else:
        out.append("Do not give card data, codes, papers or money because of it.")
    return out


def _source(evidence: Evidence) -> str:
    checked = f"checked {evidence.checked}" if evidence.checked else ""
    return ", ".join(p for p in (visible(evidence.where, 200), visible(evidence.source, 400), checked) if p)


def plain(verdict: MessageVerdict) -> dict[str, Any]:
    """Return the answer as JSON has it."""
    return {
        "verdict": verdict.verdict.value,
        "says": VERDICTS[verdict.verdict],
        "asks": list(verdict.asks),
        "parcels": list(verdict.parcels),
        "operator": verdict.operator.id if verdict.operator else None,
        "reasons": [_reason(reason) for reason in verdict.reasons],
        "do": steps(verdict),
        "do_not": never(verdict),
        "report": [{"where": r.where, **_evidence(r.evidence)} for r in verdict.reports],
    }


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "sign": reason.sign.value,
        "weight": reason.weight.value,
        "says": reason.says,
        "detail": reason.detail,
        "evidence": [_evidence(e) for e in reason.evidence],
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {"file": evidence.where, "source": evidence.source, "checked": evidence.checked}
