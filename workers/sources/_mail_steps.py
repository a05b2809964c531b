"""Read what a mail of the shop, or of a carrier, says of orders and parcels; asks nobody and does not say whether to believe it.

The subject names an order or a parcel and a step ("Package 123: at customs"); the wordings stand in ``knowledge/mails.yaml``.
What stands there in no language goes to the classifier as it is. Of a body only numbers and links are taken, and one line
on customs where the subject says no more than that there is news. No address, price or name leaves this module.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, Field

from workers import loading, resources
from workers.mailbox.letter import Letter, Link
from workers.mailbox.settings import Provider
from workers.sources._fields import name as number_of
from workers.sources._fields import word

NOTHING, UPDATE = "NOTHING", "UPDATE"
MOST = 40  # orders, or parcels, that one mail may name

_NAME = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]{10,34}(?![0-9A-Za-z])")
_ORDER = re.compile(r"\d{14,20}")
_EDGES = " \t:;,.!–—-#()[]\"'"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Shop(_Strict):
    """Whose mails are read as the shop's."""

    name: str
    domains: tuple[str, ...]
    senders: tuple[str, ...]  # of these domains, exactly
    source: str


class Seen(_Strict):
    """A subject as it was met."""

    subject: str
    step: str


class Language(_Strict):
    """How the shop writes in one language."""

    order: tuple[str, ...]
    package: tuple[str, ...]
    number: tuple[str, ...]
    steps: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    expected: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    seen: tuple[Seen, ...] = ()
    source: str = ""


class Hints(_Strict):
    """Words of carriers' mails about charges."""

    charge: tuple[str, ...]
    settled: tuple[str, ...]


class MailsFile(_Strict):
    """``knowledge/mails.yaml``."""

    checked: date
    shop: Shop
    providers: tuple[Provider, ...]
    languages: Mapping[str, Language]
    customs: tuple[str, ...]
    hints: Hints


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a mail says. ``code`` is "" where only the words say it."""

    code: str
    text: str
    lang: str = ""
    order: str = ""  # where the mail says it of one order or parcel among several
    number: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What one mail says, and of what."""

    orders: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


@cache
def known() -> MailsFile:
    """Return what we know of mails; raises Misconfigured for a file with a mistake."""
    return loading.validate(MailsFile, loading.read(resources.knowledge("mails.yaml")))


def normal(text: str) -> str:
    """Return *text* as wordings are compared."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(_EDGES)


@cache
def _wordings() -> Mapping[str, tuple[str, str]]:
    """Return step and language by wording."""
    found: dict[str, tuple[str, str]] = {}
    for lang, language in known().languages.items():
        for steps in (language.steps, language.expected):
            for step, wordings in steps.items():
                for wording in wordings:
                    found.setdefault(_key(wording), (step, lang))
    return found


def _key(text: str) -> str:
    """Return *text* as it is looked up: without blanks, which mail programs lose and add where a long subject is folded."""
    return "#".join(normal(part).replace(" ", "") for part in text.split("#"))


@cache
def _before(kind: str) -> tuple[str, ...]:
    words = {normal(w) for language in known().languages.values() for w in getattr(language, kind)}
    return tuple(sorted(words, key=len, reverse=True))


def told(letter: Letter) -> Told:
    """Return what a mail of the shop says."""
    found = _NAME.search(_with_digits(letter.subject))
    if found is None:
        return _several(letter)
    subject = letter.subject
    named = number_of(subject[found.start() : found.end()])
    before, after = subject[: found.start()].strip(_EDGES), subject[found.end() :].strip(_EDGES)
    is_order = any(normal(before).endswith(w) for w in _before("order"))
    is_parcel = any(normal(before).endswith(w) for w in _before("package"))
    orders = [named] if _ORDER.fullmatch(named) and not is_parcel else []
    numbers = [] if is_order else [named]
    in_links = [_query(link) for link in letter.links]
    if not is_order:
        orders += [order for each, _ in in_links for order in each]
    tracked = {number for _, number in in_links if number}
    labelled = _labelled(letter)
    numbers += sorted(tracked) if len(tracked) == 1 else []
    numbers += labelled[:1] if is_order else []
    step = _step(f"{subject[: found.start()]}#{subject[found.end() :]}", after, before)
    return Told(_unique(orders), _unique(numbers), _steps(step, letter))


def _with_digits(subject: str) -> str:
    """Blank the words of a subject that are long enough for a number and hold too few digits to be one."""
    return _NAME.sub(
        lambda m: m[0] if sum(c.isdigit() for c in m[0]) >= 6 and m[0].isascii() else " " * len(m[0]), subject
    )


def _step(whole: str, after: str, before: str) -> Step | None:
    wordings = _wordings()
    for said in (whole, after, before):
        if _key(said) in wordings:
            code, lang = wordings[_key(said)]
            shown = f"{before} … {after}" if said is whole else after or before
            return Step(code, word(shown, 200), lang)
    return Step("", word(after or before, 200)) if after or before else None


def _steps(step: Step | None, letter: Letter) -> tuple[Step, ...]:
    if step is None or step.code == NOTHING:
        return ()
    if step.code == UPDATE:
        return tuple(Step("", line, step.lang) for line in _on_customs(letter)[:1])
    return (step,)


def _on_customs(letter: Letter) -> list[str]:
    """Return the short lines of a body that speak of customs; the classifier reads them."""
    marks = known().customs
    return [
        line for line in letter.lines[:60] if len(line) <= 160 and any(m in line.casefold() for m in marks)
    ]


def _several(letter: Letter) -> Told:
    """Read a mail about several parcels: each stands in a link of its own, its step the first words inside."""
    orders: list[str] = []
    numbers: list[str] = []
    steps: dict[str, Step] = {}
    for link in letter.links:
        listed, number = _query(link)
        if not number or len(listed) != 1 or number in steps or len(steps) >= MOST:
            continue
        orders += listed
        numbers.append(number)
        said = next((words for words in link.words if any(c.isalpha() for c in words)), "")
        step = _step(said, said, "")
        if step is not None and step.code not in (NOTHING, UPDATE):
            steps[number] = Step(step.code, word(said, 200), step.lang, listed[0], number)
    return Told(_unique(orders), _unique(numbers), tuple(steps.values()))


def _query(link: Link) -> tuple[list[str], str]:
    """Return the orders a link names, and the parcel."""
    try:
        said = dict(parse_qsl(urlsplit(link.href).query, max_num_fields=100))
    except ValueError:
        return [], ""
    by_name = {key.casefold(): value for key, value in said.items()}
    listed = next((by_name[key] for key in ("tradeorderid", "o_ids", "orderid") if key in by_name), "")
    number = number_of(by_name.get("trackingnumber", ""))
    return _ORDER.findall(listed)[:MOST], number if _NAME.fullmatch(number) else ""


def _labelled(letter: Letter) -> list[str]:
    """Return the numbers that follow "tracking number" in a body."""
    out = []
    for label in _before("number"):
        for row, line in enumerate(letter.lines):
            at = line.casefold().find(label)
            if at >= 0:
                below = letter.lines[row + 1] if row + 1 < len(letter.lines) else ""
                found = _NAME.search(_with_digits(normal(line[at + len(label) :]).upper() or below))
                out += [number_of(found[0])] if found else []
    return out


def hinted(letter: Letter) -> Told:
    """Return the numbers in a carrier's mail that speaks of charges; nothing where it does not."""
    text = normal(" \n ".join((letter.subject, *letter.lines[:150])))
    hints = known().hints
    if not any(w in text for w in hints.charge) or any(w in text for w in hints.settled):
        return Told()
    words = _NAME.findall(_with_digits(" \n ".join((letter.subject, *letter.lines[:150]))))
    return Told(numbers=_unique([number_of(each) for each in words]))


def _unique(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))[:MOST]
