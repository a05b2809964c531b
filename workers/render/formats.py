"""Money, dates, lists and citations as the reader writes them (Babel), and the filters that templates may use."""

from __future__ import annotations

import gettext as gnu
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from unicodedata import bidirectional
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import jinja2
from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time, format_timedelta, get_datetime_format
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal

from workers.core.direction import isolated

WIDTH: Final = 72  # columns of the text part
_RTL_MARK: Final = "\u200f"
_ISOLATED: Final = re.compile("\u2068[^\u2069]*\u2069")
_STRONG: Final = frozenset({"L", "R", "AL"})
WEEK: Final = timedelta(days=7)
# Languages whose words fit the GSM 7-bit alphabet, as written or with accents dropped as people do in text messages.
GSM: Final = frozenset(
    {"en", "de", "fr", "es", "it", "nl", "pt", "sv", "da", "nb", "no", "fi", "pl", "cs", "sk", "hu"}
)
_RATE: Final = re.compile(
    r"(1 [A-Z]{3} = )([0-9]+(?:\.[0-9]+)?)( [A-Z]{3} \([^()]{1,60}, )(\d{4}-\d\d-\d\d)\)"
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: language, zone and translations."""

    tag: str  # BCP 47
    locale: Locale
    zone: ZoneInfo
    catalog: gnu.NullTranslations

    @classmethod
    def of(cls, lang: str, timezone: str, catalog: gnu.NullTranslations) -> Reader:
        return cls(lang, _locale(lang), _zone(timezone), catalog)

    @property
    def direction(self) -> str:
        return self.locale.text_direction

    @property
    def gsm(self) -> bool:
        return self.locale.language in GSM

    def apart(self, text: str) -> str:
        """Return words of another direction so that they do not drag their neighbours along (UAX 9: first strong isolate)."""
        return isolated(text, self.direction)

    def led(self, said: str) -> str:
        """Return a line that stands alone (a subject, an SMS), which a right-to-left reader's program may turn around:
        it goes by the first letter, and that can be one of a Latin name. A mark before it decides.
        """
        if self.direction != "rtl":
            return said
        own = _ISOLATED.sub("", said)  # which does not count (UAX 9, P2)
        strong = next((side for side in map(bidirectional, own) if side in _STRONG), "")
        return f"{_RTL_MARK}{said}" if strong == "L" else said

    def led_short(self, said: str) -> str:
        """Return an SMS so; the marks within amounts are left out, for our own words stand before each and every one costs."""
        return self.led(said.replace(_RTL_MARK, ""))

    def money(self, money: Mapping[str, str]) -> str:
        said = format_currency(Decimal(money["amount"]), money["currency"], locale=self.locale)
        return _spaced(said)

    def rate(self, rate: str) -> str:
        """Return "1 USD = 0,92 EUR (ECB, 7. Dez. 2026)" for the line that the law writes; what is none is left as it is."""
        found = _RATE.fullmatch(rate)
        if found is None:
            return rate
        head, figure, middle, day = found.groups()
        said = format_decimal(Decimal(figure), locale=self.locale, decimal_quantization=False)
        return f"{head}{said}{middle}{self.moment(day, day_only=True)})"

    def day(self, day: str | None) -> str:
        """Return "Friday 4 December 2026" for an ISO date, "" for none."""
        return _dated("full", _day_of(day, self.zone), self.locale)

    def short_day(self, day: str | None) -> str:
        """Return "4 Dec" for an ISO date, "" for none."""
        return _dated("MMMd", _day_of(day, self.zone), self.locale)

    def ahead(self, wait: timedelta) -> str:
        """Return "in 13 days" for whole days to come, "" for today: the date itself says that."""
        if not wait.days:
            return ""
        return format_timedelta(
            wait, granularity="day", threshold=1000, add_direction=True, locale=self.locale
        )

    def moment(self, moment: str | None, *, day_only: bool) -> str:
        """Return "4 Dec 2026, 14:30" in the reader's zone for an ISO moment, "" for none."""
        if moment is None:
            return ""
        at = datetime.fromisoformat(moment)
        if day_only:
            return _dated("medium", at.date(), self.locale)
        glue = str(get_datetime_format("medium", locale=self.locale)).replace("'", "")
        return glue.format(
            _spaced(format_time(at, "short", tzinfo=self.zone, locale=self.locale)),
            _dated("medium", at.astimezone(self.zone).date(), self.locale),
        )

    def either(self, words: Sequence[str]) -> str:
        return format_list(list(words), style="or", locale=self.locale)

    def all_of(self, words: Sequence[str]) -> str:
        return format_list(list(words), locale=self.locale)


def _spaced(said: str) -> str:
    """Plain spaces for Babel's narrow and unbreakable ones, which cost an SMS its cheap alphabet."""
    return said.replace("\u00a0", " ").replace("\u202f", " ")


@lru_cache(maxsize=64)
def _locale(lang: str) -> Locale:
    # English with no country reads dates as most of the world writes them; "en-US" has its own.
    wanted = "en_GB" if lang == "en" else lang.replace("-", "_")
    try:
        return Locale.parse(wanted)
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en_GB")


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


@lru_cache(maxsize=512)
def _dated(form: str, day: date | None, locale: Locale) -> str:
    """Format *day* in one of the locale's own forms (full, medium) or by a skeleton that every locale has."""
    if day is None:
        return ""
    return _spaced(
        format_skeleton(form, day, locale=locale) if form == "MMMd" else format_date(day, form, locale=locale)
    )


def _day_of(day: str | None, zone: ZoneInfo) -> date | None:
    if not day:
        return None
    return datetime.fromisoformat(day).astimezone(zone).date() if "T" in day else date.fromisoformat(day)


# An address with its scheme, or a bare host with a path: a mail program would make either something to click.
_ADDRESS = re.compile(r"https?://[^\s,;]+|\b(?:[\w\-]+\.)+[a-z]{2,}/[^\s,;]+", re.IGNORECASE)


def cite(source: str) -> str:
    """Return a source as words: a host and the document's name, never an address to click."""

    def named(found: re.Match[str]) -> str:
        address = found[0] if "://" in found[0] else f"https://{found[0]}"
        parts = urlsplit(address.rstrip(".)"))
        last = re.sub(r"\.\w{1,5}$", "", parts.path.rstrip("/").rpartition("/")[2])
        name = " ".join(re.split(r"[-_+]", last)) if re.fullmatch(r"[^\W\d][\w\-+]*", last) else ""
        host = (parts.hostname or "").removeprefix("www.")
        return f"{host} ({textwrap.shorten(name, 60, placeholder='…')})" if name else host

    return _ADDRESS.sub(named, source)


def cited(evidence: Mapping[str, Any], apart: Callable[[str], str] = str) -> str:
    """Return what an entry of our knowledge says and where it stands, for the curious; *apart* is a reader's."""
    where = [part for part in (evidence["where"], cite(evidence["source"])) if part]
    if evidence["checked"]:
        where.append(evidence["checked"])
    parts = [cite(evidence["what"]), *([f"[{'; '.join(where)}]"] if where else [])]
    return " ".join(apart(part) for part in parts)


def sentence(said: str) -> str:
    """Return *said* with a capital letter where it begins with a word; an address stays as it is typed."""
    first = said.split(" ", 1)[0]
    return said if re.search(r"[.@/]", first.rstrip(".")) else said[:1].upper() + said[1:]


# -- what templates may use: gettext with the reader's catalog, and filters --


@jinja2.pass_context
def gettext(context: jinja2.runtime.Context, message: str) -> str:
    reader: Reader = context["reader"]
    return reader.catalog.gettext(message)


@jinja2.pass_context
def ngettext(context: jinja2.runtime.Context, singular: str, plural: str, count: int) -> str:
    reader: Reader = context["reader"]
    return reader.catalog.ngettext(singular, plural, count)


@jinja2.pass_context
def own(context: jinja2.runtime.Context, words: str) -> str:
    """Translate words of our knowledge; they are no format string, a "%" in them is a per cent sign."""
    reader: Reader = context["reader"]
    return reader.catalog.gettext(words) if words else ""


def begun(said: str) -> str:
    """Let words of our knowledge begin a sentence: only their first letter changes."""
    return said[:1].upper() + said[1:]


@jinja2.pass_context
def money(context: jinja2.runtime.Context, amount: Mapping[str, str]) -> str:
    reader: Reader = context["reader"]
    return reader.money(amount)


@jinja2.pass_context
def day(context: jinja2.runtime.Context, when: str | None) -> str:
    reader: Reader = context["reader"]
    return reader.day(when) or reader.catalog.gettext("a date we do not know")


@jinja2.pass_context
def short_day(context: jinja2.runtime.Context, when: str | None) -> str:
    reader: Reader = context["reader"]
    return reader.short_day(when) or reader.catalog.gettext("a date we do not know")


@jinja2.pass_context
def day_or_week(context: jinja2.runtime.Context, when: str | None) -> str:
    """A date, or the day a week from now."""
    reader: Reader = context["reader"]
    return reader.day(when or (datetime.fromisoformat(context["now"]) + WEEK).isoformat())


@jinja2.pass_context
def day_or_now(context: jinja2.runtime.Context, when: str | None) -> str:
    reader: Reader = context["reader"]
    return reader.day(when or context["now"])


@jinja2.pass_context
def moment(context: jinja2.runtime.Context, when: str | None) -> str:
    reader: Reader = context["reader"]
    return reader.moment(when, day_only=False) or reader.catalog.gettext("a date we do not know")


def wrap(text: str, first: str = "", rest: str | None = None) -> str:
    """Wrap *text* for the text part; lines after the first are indented under it."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first) if rest is None else rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


FILTERS: Final[Mapping[str, Callable[..., object]]] = {
    "own": own,
    "begun": begun,
    "money": money,
    "day": day,
    "shortday": short_day,
    "day_or_week": day_or_week,
    "day_or_now": day_or_now,
    "moment": moment,
    "cite": cite,
    "wrap": wrap,
}
