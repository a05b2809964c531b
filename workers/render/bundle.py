"""Put several notices into one message: a digest, or parcels that stand the same way. Decides not which belong together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

from workers.core import sms
from workers.core.direction import bare, isolated
from workers.core.model import Message
from workers.core.quote import quote, shorten
from workers.render import formats
from workers.render.templates import Templates, tidy

Plain = dict[str, Any]
Kind = Literal["digest", "capped", "together"]

PARTS: Final = 3  # segments of an SMS that stands for several
TITLE: Final = 24  # characters of a title in it
PREHEADER: Final = 3  # titles named there


def bundle_message(
    kind: Kind,
    pages: Sequence[Plain],
    reader: formats.Reader,
    templates: Templates,
    inline: Callable[[str], str],
) -> Message:
    """Return one message of *pages*, each what the layouts of a single message are given; the worst comes first."""
    pages = sorted(pages, key=_weight)
    needing = sum(page["needs_you"] == "yes" for page in pages)
    told: Plain = {
        "reader": reader,
        "lang": reader.tag,
        "direction": reader.direction,
        "count": len(pages),
        "needing": needing,
    }
    subject = templates.name("digest_needs" if needing else "digest_subject", told)
    if kind == "together":
        subject = templates.name("together_subject", told, subject=pages[0]["words"]["subject"])
    entries = [_entry(page) for page in pages]
    words = {
        "subject": reader.led(subject),
        "headline": subject,
        "lead": templates.name(f"lead_{kind}", told),
        "preheader": ", ".join(entry["title"] for entry in entries[:PREHEADER]),
    }
    names = {
        "steps": templates.name("heading_steps", told),
        "by_when": templates.name("heading_by_when", told),
        "more": templates.name("digest_more", told),
        "closing": templates.name("closing", told),
    }
    page = {**told, "words": words, "names": names, "entries": entries}
    return Message(
        subject=words["subject"],
        text=tidy(templates.layout("digest.txt", page)),
        html=inline(templates.layout("digest.html", page)),
        short=_short(page, templates),
        lang=reader.tag,
        preheader=words["preheader"],
    )


def _weight(page: Plain) -> tuple[int, bool, str, str]:
    """Whoever needs the person first, then what cannot wait, then the nearest date."""
    return (
        {"yes": 0, "wait": 1}.get(page["needs_you"], 2),
        not page["urgent"],
        page["deadline"] or "9999",
        page["title"],
    )


def _entry(page: Plain) -> Plain:
    words = page["words"]
    return {
        "title": page["title"],
        "order_line": page["order_line"],
        "number_line": page["number_line"],
        "needs_you": page["needs_you"],
        "need": page["names"]["need"],
        "headline": words["headline"],
        "happening": words["happening"],
        "answer": words["needs_you"],
        "by_when": words["by_when"],
        "steps": words["steps"],
    }


def _short(page: Plain, templates: Templates) -> str:
    """Return the SMS: as many of the worst as fit, and how many more there are."""
    whose = templates.name("whose", page)
    entries = [{**entry, "title": _title(entry["title"], page["direction"])} for entry in page["entries"]]
    said = ""
    for shown in range(len(entries), -1, -1):
        rest = len(entries) - shown
        words = {**page["words"], "rest": templates.name("digest_rest", page, rest=rest) if rest else ""}
        told = {**page, "from_whom": whose, "words": words, "entries": entries[:shown]}
        said = sms.to_gsm7(page["reader"].led_short(" ".join(templates.layout("digest.short", told).split())))
        if sms.segments(said).parts <= PARTS:
            break
    return said


def _title(title: str, direction: str) -> str:
    plain = quote(sms.to_gsm7(bare(title)))  # the cheap spelling may make a link
    return isolated(shorten(plain, TITLE), direction, sparing=True)
