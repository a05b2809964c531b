"""Recipients of the user's file: who is told, in which language, how. Refuses one nobody can reach."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from pydantic import ValidationError

from workers import resources
from workers.core.timing import Habits, quiet_until
from workers.loading import Step, Wrong, mistakes_of
from workers.settings import reach
from workers.settings.findings import Findings
from workers.settings.settled import Escalation, Recipient, Section
from workers.settings.shapes import RecipientShape
from workers.settings.shapes import name as check_name

_ANY_DAY = date(2026, 6, 1)
_NOBODYS_PHONE = "+12025550100"  # reserved for fiction; no message to it ever leaves the machine


def recipients(
    findings: Findings, raw: Any, channels: Mapping[str, Section], named: Iterable[str] | None
) -> dict[str, Recipient]:
    """Return the recipients that are right; *named*: all channels in the file, also with mistakes; None: unknown."""
    if not isinstance(raw, dict):
        findings.wrong(
            ("recipients",), "recipients: must be a mapping of names", "such as 'anna: {email: …}'"
        )
        return {}
    languages = shipped_languages()
    out = {}
    for name, options in raw.items():
        at = ("recipients", name)
        try:
            check_name(name)
        except Wrong as error:
            findings.wrong(at, str(error), error.hint)
        try:
            shape = RecipientShape.model_validate(options)
        except ValidationError as error:
            findings.mistakes += mistakes_of(error, RecipientShape, findings.document, at=at)
            continue
        if shape.phone and not reach.is_assigned(shape.phone):
            findings.odd(
                (*at, "phone"), f"{'.'.join(at)}.phone: no such number is in use", "is a digit wrong?"
            )
        out[name] = Recipient(
            name=name,
            language=_language(findings, at, shape.language, languages),
            timezone=shape.timezone,
            email=shape.email,
            phone=shape.phone,
            channels=_channels(findings, at, shape, channels, None if named is None else frozenset(named)),
            habits=_habits(findings, at, shape),
            escalation=_escalation(findings, at, name, shape, channels, named, raw),
        )
    return out


def _habits(findings: Findings, at: tuple[Step, ...], shape: RecipientShape) -> Habits:
    digest, quiet = shape.digest, shape.quiet
    # Any day without a change of the clock will do to see whether one lies in the other.
    if (
        digest is not None
        and quiet is not None
        and quiet_until(quiet, now=datetime.combine(_ANY_DAY, digest.at, UTC), zone=UTC)
    ):
        said = f"{'.'.join(map(str, at))}.digest: comes in the quiet hours, so it waits for their end"
        findings.odd((*at, "digest"), said, f"a time from {quiet.ends:%H:%M} on")
    return Habits(quiet, digest, shape.gap, shape.daily_cap)


def _escalation(
    findings: Findings,
    at: tuple[Step, ...],
    name: str,
    shape: RecipientShape,
    channels: Mapping[str, Section],
    named: Iterable[str] | None,
    people: Mapping[str, Any],
) -> Escalation | None:
    where = ".".join(map(str, at))
    if shape.escalate_to and shape.escalate_to not in people:
        said = f"{where}.escalate_to: there is no recipient {shape.escalate_to!r}"
        findings.wrong((*at, "escalate_to"), said, nearest(shape.escalate_to, people))
    if shape.escalate_by and named is not None and shape.escalate_by not in named:
        said = f"{where}.escalate_by: there is no channel {shape.escalate_by!r}"
        findings.wrong((*at, "escalate_by"), said, nearest(shape.escalate_by, named))
    if bool(shape.escalate_after) != bool(shape.escalate_by or shape.escalate_to):
        hint = "such as 'escalate_after: 6h' and 'escalate_by: text' or 'escalate_to: ben'"
        findings.wrong(
            at, f"{where}: escalate_after needs escalate_by or escalate_to, and they need it", hint
        )
    has = {"mail": bool(shape.email), "short": bool(shape.phone)}
    section = channels.get(shape.escalate_by)
    if section is not None and not shape.escalate_to and not has.get(form_of(section), True):
        said = f"{where}.escalate_by: {shape.escalate_by!r} needs {_address(section)}"
        findings.wrong((*at, "escalate_by"), said, f"add {_address(section)}")
    if not shape.escalate_after:
        return None
    return Escalation(shape.escalate_after, shape.escalate_by, shape.escalate_to or name)


def nobody_named(findings: Findings, channels: Mapping[str, Section]) -> dict[str, Recipient]:
    """Return who is told where the file names nobody: whoever looks into the outbox."""
    boxes = tuple(name for name, section in channels.items() if section.kind == "outbox")
    if len(boxes) < len(channels):
        findings.wrong(
            (), "nobody is told", "add a recipient: 'recipients: {anna: {email: anna@example.org}}'"
        )
    return {"me": Recipient("me", email="me@localhost", phone=_NOBODYS_PHONE, channels=boxes)}


def shipped_languages() -> dict[str, str]:
    """Return the languages there are words for, by their tag in lower case."""
    found = ["en", *(path.stem for path in sorted(resources.shipped("templates").glob("locale/*.po")))]
    return {tag.replace("_", "-").lower(): tag.replace("_", "-") for tag in found}


def _language(findings: Findings, at: tuple[Step, ...], wanted: str, shipped: Mapping[str, str]) -> str:
    tag = wanted.replace("_", "-").lower()
    language = tag.partition("-")[0]
    sisters = (known for known in shipped if known.partition("-")[0] == language)  # "pt" reads "pt-BR" too
    for known in (tag, language, *sisters):
        if known in shipped:
            return shipped[known]
    if tag:
        said = f"{'.'.join(map(str, at))}.language: there are no words in {wanted!r} yet, so English is used"
        findings.odd((*at, "language"), said, f"there are: {', '.join(shipped.values())}")
    return "en"


def form_of(section: Section) -> str:
    """Return which address of a recipient a channel needs: ``mail``, ``short`` (a phone number) or ``own`` (none).

    A kind says so by ``FORM: ClassVar`` on its Settings, or leaves it to the user by an option ``form``.
    """
    declared = getattr(section.options, "FORM", "") or getattr(section.options, "form", "")
    if isinstance(declared, str) and declared:
        return declared if declared in ("short", "own") else "mail"
    return "short" if section.kind == "sms" else "mail"


def _channels(
    findings: Findings,
    at: tuple[Step, ...],
    shape: RecipientShape,
    channels: Mapping[str, Section],
    named: frozenset[str] | None,
) -> tuple[str, ...]:
    where = ".".join(map(str, at))
    has = {"mail": bool(shape.email), "short": bool(shape.phone), "own": bool(shape.channels)}
    if not shape.channels:
        kept = (
            "" if shape.escalate_to else shape.escalate_by
        )  # for what nobody acknowledged, and nothing else
        fit = tuple(name for name, section in channels.items() if has[form_of(section)] and name != kept)
        if not fit and named is not None and named <= channels.keys():
            missing = " or ".join(sorted({_address(section) for section in channels.values()}))
            findings.wrong(at, f"{where}: no channel can reach them", f"give {missing}, or add a channel")
        return fit
    for i, channel in enumerate(shape.channels):
        here = (*at, "channels", i)
        if named is not None and channel not in named:
            findings.wrong(
                here, f"{where}.channels: there is no channel {channel!r}", nearest(channel, named)
            )
        elif channel in shape.channels[:i]:
            findings.wrong(here, f"{where}.channels: {channel!r} stands twice", "keep one of them")
        elif channel in channels and not has[form_of(channels[channel])]:
            address = _address(channels[channel])
            findings.wrong(
                here,
                f"{where}.channels: {channel!r} needs {address}",
                f"add {address}, or take the channel out",
            )
    return tuple(shape.channels)


def _address(section: Section) -> str:
    return {"short": "a phone", "own": "its name in 'channels'"}.get(form_of(section), "an email")


def nearest(word: str, names: Iterable[str]) -> str:
    """Return a hint: the name nearest to *word*, or all there are."""
    known = sorted(names)
    near = difflib.get_close_matches(word, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    shown = ", ".join(known[:12]) + (" …" if len(known) > 12 else "")
    return f"there are: {shown}" if known else "there are none"
