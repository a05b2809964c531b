"""Put a notice to the owner into the forms of any other: subject, text, HTML and SMS. Knows no parcel and sends nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from workers.core import sms
from workers.core.direction import bare, isolated
from workers.core.model import Message
from workers.core.quote import quote, shorten
from workers.render import formats
from workers.render.templates import Templates, items, paragraph, tidy
from workers.render.way import NO_WAY

Plain = dict[str, Any]

PARAGRAPHS: Final = ("subject", "preheader", "happening", "needs_you", "by_when", "contact", "short")
LISTS: Final = ("steps", "dont")
HEADINGS: Final = ("needs_you", "steps", "by_when", "dont", "contact", "why")
SHORTER: Final = (40, 28, 20, 12)  # units of a fact tried in an SMS, until it fits
PARTS: Final = 2  # segments of an SMS


def owner_message(
    context: Mapping[str, Any], reader: formats.Reader, templates: Templates, inline: Callable[[str], str]
) -> Message:
    """Return the message of a notice to the owner; *inline* moves the styles of HTML to where mail clients read them."""
    told: Plain = {
        **{
            key: _apart(value, reader.direction) if key not in FIXED else value
            for key, value in context.items()
        },
        "reader": reader,
        "lang": reader.tag,
        "direction": reader.direction,
    }
    template = f"owner/{context['owner']}.j2"
    said = templates.say_all(template, (*PARAGRAPHS, *LISTS), told)
    words: Plain = {name: paragraph(said[name]) for name in PARAGRAPHS}
    words |= {name: items(said[name]) for name in LISTS}
    words |= {"headline": words["subject"], "subject": reader.led(words["subject"]), "lead": "", "cost": ""}
    names = {heading: templates.name(f"heading_{heading}", told) for heading in HEADINGS}
    names |= {
        "need": templates.name(f"need_{told['needs_you']}", told),
        "closing": templates.name("closing", told),
    }
    reason = "owner_stand_in" if context["stand_in"] else "owner_reason"
    page = {
        **told,
        "words": words,
        "names": names,
        "timeline": {**NO_WAY, "facts": [], "events": [], "earlier": ""},
        "guesses": [],
        "letters": [],
        "reasons": [templates.name(reason, told)],
        "order_line": "",
        "number_line": templates.name("owner_line", told),
    }
    return Message(
        subject=words["subject"],
        text=tidy(templates.layout("email.txt", page)),
        html=inline(templates.layout("email.html", page)),
        short=_short(template, told, templates),
        lang=reader.tag,
        preheader=words["preheader"],
    )


def _apart(value: Any, direction: str) -> Any:
    """Return a fact with its words set apart, in lists and rows too."""
    if isinstance(value, str):
        return isolated(value, direction)
    if isinstance(value, list):
        return [_apart(one, direction) for one in value]
    if isinstance(value, dict):
        return {**value, "what": isolated(value["what"], direction)}  # of a rule; its source is to be cited
    return value


def _cut(fact: str, length: int, direction: str, spell: Callable[[str], str]) -> str:
    plain = quote(spell(bare(fact)))  # the cheap spelling may make a link
    return isolated(shorten(plain, sms.room(plain, length)), direction, sparing=True)


def _short(template: str, told: Plain, templates: Templates) -> str:
    """Return the SMS: facts as long as two segments allow, in the cheap alphabet where sense survives."""
    whose = templates.name("whose", told)
    said = ""
    tries = [(length, sms.to_gsm7) for length in SHORTER]
    if told["reader"].gsm:  # names in a dear alphabet can make the whole text too dear
        tries += [(length, sms.forced_gsm7) for length in SHORTER]
    for length, spell in tries:
        shorter = {
            key: _cut(value, length, told["direction"], spell)
            if isinstance(value, str) and key not in FIXED
            else value
            for key, value in told.items()
        }
        words = {"short": paragraph(templates.say(template, "short", shorter))}
        line = paragraph(templates.layout("short", {**shorter, "words": words, "from_whom": whose}))
        said = sms.to_gsm7(told["reader"].led_short(line))
        if sms.segments(said).parts <= PARTS:
            break
    return said


FIXED: Final = frozenset(
    {"owner", "topic", "why", "file", "needs_you", "state", "now", "since", "last_ok", "lang", "direction"}
)
