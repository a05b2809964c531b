"""Make strangers' words fit to be quoted: one line, bounded, without links, phone numbers or hidden
characters.

Tracking text comes from carriers, sellers and whoever wrote to their systems. It is shown as evidence,
never followed: nothing a mail program would turn into something to click or call survives.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final

LONGEST: Final = 2_000  # characters looked at; the rest of a longer text is dropped unread
MARKS: Final = (
    4  # combining marks on one letter; no writing needs more, and a tower of them covers the lines around it
)
LINK: Final = "[link removed]"
NUMBER: Final = "[number removed]"

# An address with a scheme, or "www.", or a number of a machine with a port or path, up to the next white space.
_SCHEMES = (
    "https?|hxxps?|ftp|mailto|tel|callto|facetime|skype|sms|smsto|mms|whatsapp|tg|javascript|vbscript|data|file|"
    "intent|market|bitcoin|ethereum"
)
_LINK = re.compile(
    rf"(?:\b(?:{_SCHEMES}):|//|\bwww\d?\.|(?<![\w.])\d{{1,3}}(?:\.\d{{1,3}}){{3}}[:/])[^\s<>\"']{{1,300}}",
    re.IGNORECASE,
)
_MAIL = re.compile(r"[^\s@<>\"']{1,64}@[^\s@<>\"']{1,120}")
_NAMES = re.compile(r"(?<![\w\-])(?P<name>[\w\-]++(?:\.[\w\-]++)++)(?P<path>/[^\s]{0,200})?")
_TOP = re.compile(r"[^\W\d_]{2,24}|xn--[\w\-]+", re.IGNORECASE)  # what a name of a machine can end with
_DIGITS = re.compile(r"(?<![A-Za-z0-9_])(?:\+|\(\+?)?\d(?:[\s().\-/]{0,3}\d){7,17}(?![A-Za-z0-9_])")
_DAY = (
    r"(?:(?:19|20)\d\d[-./](?:0?[1-9]|1[0-2])[-./](?:0?[1-9]|[12]\d|3[01])"
    r"|20[0-4]\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])[-./](?:0?[1-9]|[12]\d|3[01])[-./](?:19|20)\d\d)"
)
# A date, two dates, or one with an hour after it: the digits of the minutes stand behind a colon.
_DATE = re.compile(rf"{_DAY}(?:[ -]{{1,3}}(?:{_DAY}|\d{{1,2}})|[ T]?\d{{4}}(?:\d\d)?)?")

# Signs that a mail program, a telephone or our own spelling for SMS may take for those of which links and numbers are made.
_ALIKE = str.maketrans(
    {
        **{chr(0xFEE0 + code): chr(code) for code in range(0x21, 0x7F) if chr(code) != "."},  # full width
        **dict.fromkeys("‐‑‒–—―−﹘﹣", "-"),
        **dict.fromkeys("⁄∕", "/"),
        **dict.fromkeys("․﹒", "."),
        **dict.fromkeys("∶﹕", ":"),
        "﹙": "(", "﹚": ")", "﹢": "+", "﹫": "@",
    }
)  # fmt: skip
_STOP = re.compile("(?<=[A-Za-z0-9])[。．｡](?=[A-Za-z])")  # between Latin letters a browser reads it as "."
# Quotation marks of print: with one of them a stranger's words could end the quotation they stand in, and go on as ours.
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»〝〞", '"'))
_STOPS = re.compile(
    r"(?<!\.)\.\.(?![.\w])|(?<=…)\."
)  # as the words around them have it (``render.templates``)
# Nothing to see, though Unicode calls them letters, marks or signs; and the variants of signs.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


@lru_cache(maxsize=4096)  # carriers write the same few sentences about every parcel
def quote(text: str, limit: int = 200) -> str:
    """Return *text* on one line of at most *limit* characters, with nothing left in it to click, call or
    obey.
    """
    plain = visible(text, LONGEST).translate(_QUOTES)
    plain = _swap(_LINK, plain, lambda _found, _own: LINK)
    plain = _swap(_MAIL, plain, lambda _found, _own: LINK)
    plain = _swap(_NAMES, plain, _name)
    return shorten(_swap(_DIGITS, plain, _digits), limit)


@lru_cache(maxsize=4096)  # names, notes and codes repeat
def visible(text: str, limit: int = 120) -> str:
    """Return *text* on one line of at most *limit* characters, without control, bidi or zero-width
    characters.
    """
    kept = text[: LONGEST * 2]
    if not kept.isprintable():  # what Python calls printable is just what we show, and most texts are
        kept = "".join(" " if _gap(char) else char for char in kept if _shown(char))
    if not kept.isascii():
        kept = _low(_BLANK.sub("", kept))
    return shorten(_STOPS.sub(lambda found: found[0][:-1], " ".join(kept.split())), limit)


@lru_cache(maxsize=4096)
def identifier(text: str, limit: int = 40) -> str:
    """Return a number or code as it may be shown: letters, digits, and the signs such numbers are written with."""
    return shorten(
        "".join(char for char in visible(text, LONGEST) if char.isalnum() or char in "-_/# "), limit
    )


def shorten(text: str, limit: int) -> str:
    """Return *text* cut to *limit* characters, at a word's end where that costs little, with an ellipsis."""
    if len(text) <= limit:
        return text
    cut = text[: max(limit - 1, 0)]
    head, _, tail = cut.rpartition(" ")
    return (head if head and len(tail) <= 20 and len(head) >= limit // 2 else cut).rstrip(" ,;:-") + "…"


def _gap(char: str) -> bool:
    return char in "\t\n\r\v\f\x85\u2028\u2029" or unicodedata.category(char) == "Zs"


def _shown(char: str) -> bool:
    # Cc control, Cf bidi and zero-width, Cs lone surrogates, Co private use, Cn unassigned.
    return _gap(char) or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn")


def _low(text: str) -> str:
    """Return *text* without the marks that stand on nothing, or on more than ``MARKS`` others."""
    kept, stacked = [], MARKS
    for char in text:
        mark = char > "\u02ff" and unicodedata.category(char) in ("Mn", "Me")
        stacked = stacked + 1 if mark else MARKS if char.isspace() else 0
        if not mark or stacked <= MARKS:
            kept.append(char)
    return "".join(kept)


def _swap(pattern: re.Pattern[str], text: str, made: Callable[[re.Match[str], str], str]) -> str:
    """Return *text* with what *pattern* finds, also where it is written in signs that look alike, as *made* has it.

    The plain form of a text has as many characters as the text, so that only what is found changes.
    """
    plain = text if text.isascii() else _STOP.sub(".", text.translate(_ALIKE))
    parts, done = [], 0
    for found in pattern.finditer(plain):
        parts += [text[done : found.start()], made(found, text[found.start() : found.end()])]
        done = found.end()
    return "".join(parts) + text[done:] if parts else text


def _name(found: re.Match[str], own: str) -> str:
    labels = found["name"].split(".")
    if not any(_TOP.fullmatch(label) for label in labels[1:]):
        return own
    last, at = labels[-1], 0
    # "Cleared.Parcel": a missing space, not an address
    sentence = found["path"] is None and last[0].isupper() and not last.isupper()
    shown = []
    for label in labels:
        shown.append(own[at : at + len(label)])
        at += len(label) + 1
    return (". " if sentence else "[.]").join(shown)


def _digits(found: re.Match[str], own: str) -> str:
    return own if _DATE.fullmatch(found[0]) else NUMBER
