"""Single values of the user's file: text to money, countries, dates, or a sentence that says what to write.

Refuses to guess: an amount without a currency, a day before its month and half a phone number are mistakes.
"""

from __future__ import annotations

import difflib
import re
from datetime import date, time, timedelta
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale
from babel.numbers import get_territory_currencies

from workers.core.model import Money, Prepaid
from workers.core.timing import Quiet, Summary
from workers.loading import Wrong

_MONEY = re.compile(r"(?P<amount>[0-9]{1,12}(\.[0-9]{1,4})?) ?(?P<currency>[A-Za-z]{3})", re.ASCII)
_CURRENCY_FIRST = re.compile(r"(?P<currency>[A-Za-z]{3}) ?(?P<amount>[0-9]{1,12}(\.[0-9]{1,4})?)", re.ASCII)
_SIGNS = {
    "€": "EUR",
    "£": "GBP",
    "¥": "CNY or JPY",
    "₽": "RUB",
    "zł": "PLN",
    "₩": "KRW",
    "$": "USD",
    "R$": "BRL",
}


def money(text: object) -> Money | None:
    """``"23.90 EUR"`` → Money; empty → None."""
    if not isinstance(text, str):
        raise Wrong("must be an amount and a currency", "write 23.90 EUR")
    text = text.strip()
    if not text:
        return None
    found = _MONEY.fullmatch(text) or _CURRENCY_FIRST.fullmatch(text)
    if found is None:
        raise Wrong(f"{quoted(text)} is not an amount", _amount_hint(text))
    currency = found["currency"].upper()
    if currency not in currencies():
        near = difflib.get_close_matches(currency, sorted(currencies()), n=1)
        raise Wrong(
            f"{currency!r} is not a currency", f"did you mean {near[0]}?" if near else "write 23.90 EUR"
        )
    return Money(Decimal(found["amount"]), currency)


def _amount_hint(text: str) -> str:
    """Guess, for the hint only, what was meant: ``1.234,50 €`` → ``write 1234.50 EUR``."""
    if text.startswith("-") or "-" in text:
        return "an amount is never negative: write 23.90 EUR"
    sign = next((code for sign, code in sorted(_SIGNS.items(), key=lambda i: -len(i[0])) if sign in text), "")
    code = re.search(r"(?<![A-Za-z])[A-Z]{3}(?![A-Za-z])", text)
    currency = code[0] if code else sign
    digits = re.sub(r"[^0-9.,]", "", text).rstrip(".,")
    cents = re.fullmatch(r"([0-9.,]*)[.,]([0-9]{1,2})", digits)
    whole = re.sub(r"[.,]", "", cents[1] if cents else digits)
    if not whole:
        return "write 23.90 EUR"
    amount = f"{whole}.{cents[2]}" if cents else whole
    return f"write {amount} {currency}" if currency else f"with its currency: write {amount} EUR"


@cache
def currencies() -> frozenset[str]:
    """Return every ISO 4217 code that is tender somewhere, or was until lately: old money has no rate."""
    since, ever = date(2024, 1, 1), date(2100, 1, 1)
    return frozenset(code for land in countries() for code in get_territory_currencies(land, since, ever))


_NOT_COUNTRIES = {"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ", "AC", "CP", "CQ", "DG", "EA", "IC", "TA"}
_OTHER_CODES = {
    "UK": "write GB",
    "EU": "write the country itself, such as DE",
    "XI": "write GB, and a postcode that begins with BT",
    "EL": "write GR",
    "GREAT BRITAIN": "write GB",
    "ENGLAND": "write GB",
    "USA": "write US",
    "HOLLAND": "write NL",
    "DEUTSCHLAND": "write DE",
    "CZECH REPUBLIC": "write CZ",
    "TURKEY": "write TR",
    "SOUTH KOREA": "write KR",
    "KOREA": "write KR",
}


@cache
def countries() -> dict[str, str]:
    """Return the English name of every country by its ISO 3166-1 alpha-2 code."""
    names = Locale("en").territories
    return {c: str(n) for c, n in names.items() if len(c) == 2 and c.isalpha() and c not in _NOT_COUNTRIES}


def country(text: object) -> str:
    """``"DE"`` → ``"DE"``."""
    if not isinstance(text, str):
        raise Wrong("must be a country of two letters", "such as DE")
    code = text.strip().upper()
    if code in countries():
        return code
    if not code:
        raise Wrong("is empty", "write a country of two letters, such as DE")
    hint = _OTHER_CODES.get(code)
    if hint is None:
        by_name = {name.upper(): known for known, name in countries().items()}
        near = difflib.get_close_matches(code, by_name, n=1, cutoff=0.8) if len(code) > 3 else []
        hint = f"write {by_name[near[0]]}" if near else "write two letters of ISO 3166-1, such as DE"
    raise Wrong(f"{quoted(text)} is not a country code", hint)


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def day(text: object) -> date | None:
    """``"2026-11-24"`` → date; empty → None."""
    if not isinstance(text, str):
        raise Wrong("must be a date", "write it as 2026-11-24")
    text = text.strip()
    if not text:
        return None
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    hint = "write it as 2026-11-24"
    if re.fullmatch(r"\d{4}-\d{1,2}-\d{1,2}", text):
        hint = "there is no such day: year, month and day of two digits, as 2026-11-04"
    raise Wrong(f"{quoted(text)} is not a date", hint)


_YES = {
    "yes": Prepaid.YES,
    "true": Prepaid.YES,
    "no": Prepaid.NO,
    "false": Prepaid.NO,
    "unknown": Prepaid.UNKNOWN,
}


def paid(text: object) -> Prepaid:
    """``yes``, ``no`` or ``unknown`` (also empty) → Prepaid."""
    word = text.strip().lower() if isinstance(text, str) else "?"
    if not word:
        return Prepaid.UNKNOWN
    if word not in _YES:
        raise Wrong(f"{quoted(text)} is neither yes, no nor unknown", "write one of them")
    return _YES[word]


def vat(text: object) -> tuple[Prepaid, Money | None]:
    """``yes``, ``no``, ``unknown`` or an amount → was VAT paid at checkout, and how much. Zero is ``no``."""
    if not isinstance(text, str) or not any(c.isdigit() for c in text):
        try:
            return paid(text), None
        except Wrong as error:
            raise Wrong(str(error), "or an amount, such as 4.54 EUR") from None
    amount = money(text)
    return (Prepaid.YES if amount and amount.amount else Prepaid.NO), amount


_DURATION = re.compile(r"(?P<n>[0-9]{1,5}) ?(?P<unit>m|min|h|d)", re.ASCII)
_MINUTES = {"m": 1, "min": 1, "h": 60, "d": 1440}


def duration(text: object) -> timedelta | None:
    """``"90m"``, ``"6h"`` or ``"2d"`` → timedelta; empty → None."""
    if not isinstance(text, str):
        raise Wrong("must be a length of time", "such as 90m, 6h or 2d")
    text = text.strip().lower()
    if not text:
        return None
    found = _DURATION.fullmatch(text)
    if found is None or not int(found["n"]):
        raise Wrong(f"{quoted(text)} is not a length of time", "such as 90m, 6h or 2d")
    return timedelta(minutes=int(found["n"]) * _MINUTES[found["unit"]])


_CLOCK = re.compile(r"(?P<h>[01]?[0-9]|2[0-3])[:.](?P<m>[0-5][0-9])", re.ASCII)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def clock(text: str) -> time | None:
    """``"07:30"`` → time; None for anything else."""
    found = _CLOCK.fullmatch(text.strip())
    return time(int(found["h"]), int(found["m"])) if found else None


def quiet(text: object) -> Quiet | None:
    """``"22:00-07:00"`` → Quiet; empty → None."""
    if not isinstance(text, str):
        raise Wrong("must be a time and a time", "such as 22:00-07:00")
    if not text.strip():
        return None
    begins, _, ends = re.sub(r"\s*(?:–|\bto\b)\s*", "-", text.strip()).partition("-")
    first, last = clock(begins), clock(ends)
    if first is None or last is None or first == last:
        raise Wrong(f"{quoted(text)} is not a part of the day", "such as 22:00-07:00")
    return Quiet(first, last)


def digest(text: object) -> Summary | None:
    """``"daily 08:00"`` or ``"friday 18:00"`` → Summary; empty → None."""
    if not isinstance(text, str):
        raise Wrong("must be a day and a time", "such as daily 08:00, or friday 18:00")
    words = text.lower().replace("weekly", " ").replace(" on ", " ").replace(" at ", " ").split()
    if not words and not text.strip():
        return None
    at = clock(words[-1]) if words else None
    day = words[0] if len(words) == 2 else ""
    named = [i for i, name in enumerate(_DAYS) if len(day) >= 2 and name.startswith(day)]
    if at is None or (day != "daily" and len(named) != 1):
        raise Wrong(f"{quoted(text)} is not when a digest can come", "such as daily 08:00, or friday 18:00")
    return Summary(at, None if day == "daily" else named[0])


_NUMBER = re.compile(r"[A-Z0-9][A-Z0-9._-]{3,48}[A-Z0-9]", re.ASCII)
_S10 = re.compile(r"[A-Z]{2}([0-9]{8})([0-9])[A-Z]{2}", re.ASCII)
_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)


def tracking_number(text: object) -> str:
    """``" lp 0012 3456 "`` → ``"LP00123456"``: upper case, no white space."""
    if not isinstance(text, str):
        raise Wrong("must be a tracking number")
    number = "".join(text.split()).upper()
    if _NUMBER.fullmatch(number):
        return number
    if not number:
        raise Wrong("is empty", "the tracking number from the order's page")
    if "," in text or ";" in text:
        raise Wrong(f"{quoted(text)} is more than one number", "write a list: [A, B]")
    if not 5 <= len(number) <= 50:
        raise Wrong(f"{quoted(text)} is not a tracking number", "they have 5 to 50 letters and digits")
    odd = sorted({c for c in number if not re.match(r"[A-Z0-9._-]", c)})
    shown = ", ".join(c if c.isprintable() else f"U+{ord(c):04X}" for c in odd)
    hint = f"take out {shown}" if odd else "it begins and ends with a letter or a digit"
    raise Wrong(f"{quoted(text)} is not a tracking number", hint)


def s10_digit(number: str) -> str:
    """Return the check digit *number* should have, or "" where it is right or no number of UPU S10."""
    found = _S10.fullmatch(number)
    if found is None:
        return ""
    rest = 11 - sum(w * int(d) for w, d in zip(_WEIGHTS, found[1], strict=True)) % 11
    digit = str({10: 0, 11: 5}.get(rest, rest))
    return digit if digit != found[2] else ""


def zone(text: object) -> str:
    """``"Europe/Berlin"`` → itself."""
    if not isinstance(text, str):
        raise Wrong("must be a time zone", "such as Europe/Berlin")
    text = text.strip() or "UTC"
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        places = {name.rpartition("/")[2].lower(): name for name in sorted(available_timezones())}
        wanted = text.rpartition("/")[2].replace(" ", "_").lower()
        near = difflib.get_close_matches(wanted, places, n=1, cutoff=0.75)
        hint = f"did you mean {places[near[0]]}?" if near else "such as Europe/Berlin"
        raise Wrong(f"{quoted(text)} is not a time zone", hint) from None
    return text


def hs_code(text: object) -> str:
    """``"8518.30.00"`` → ``"85183000"``; empty stays empty."""
    digits = re.sub(r"[ .]", "", text) if isinstance(text, str) else "?"
    if digits and not re.fullmatch(r"[0-9]{4}|[0-9]{6}|[0-9]{8}|[0-9]{10}", digits, re.ASCII):
        raise Wrong(f"{quoted(text)} is not an HS code", "it has 4, 6, 8 or 10 digits, such as 8518.30")
    return digits


def quoted(text: object) -> str:
    """Show a value in a message: one line, not longer than a line."""
    shown = text if isinstance(text, str) else "this"
    return repr(shown if len(shown) <= 60 else shown[:59] + "…") if isinstance(text, str) else shown
