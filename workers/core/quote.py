"""Make strangers' words fit to be quoted: one line, bounded, without links, phone numbers or hidden
characters.

Tracking text comes from carriers, sellers and whoever wrote to their systems. It is shown as evidence,
never followed: nothing a mail program would turn into something to click or call survives.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

LONGEST: Final = 2_000  # characters looked at; the rest of a longer text is dropped unread
LINK: Final = "[link removed]"
NUMBER: Final = "[number removed]"

# An address with a scheme, or "www.", up to the next white space. Bounded: what is longer stays as plain
# text.
_LINK = re.compile(
    r"(?:\b(?:https?|hxxps?|ftp|mailto|tel|sms|whatsapp|javascript|data|file):|//|\bwww\d?\.)[^\s<>\"']{1,300}",
    re.IGNORECASE,
)
_MAIL = re.compile(r"[^\s@<>\"']{1,64}@[^\s@<>\"']{1,120}")
_DOMAIN = re.compile(r"(?<![\w.])((?:[\w\-]{1,63}\.){1,6})([^\W\d_]{2,24})(?!\w)(/[^\s]{0,200})?")
_DIGITS = re.compile(r"(?<!\w)(?:\+|\(\+?)?\d(?:[\s().\-/]{0,2}\d){7,17}(?!\w)")
_DATE = re.compile(r"(?:19|20)\d\d[-./]?\d{1,2}[-./]?\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d\d")


@lru_cache(maxsize=4096)  # carriers write the same few sentences about every parcel
def quote(text: str, limit: int = 200) -> str:
    """Return *text* on one line of at most *limit* characters, with nothing left in it to click, call or
    obey.
    """
    plain = visible(text, LONGEST)
    plain = _LINK.sub(LINK, plain)
    plain = _MAIL.sub(LINK, plain)
    plain = _DOMAIN.sub(_domain, plain)
    return shorten(_DIGITS.sub(_digits, plain), limit)


@lru_cache(maxsize=4096)  # names, notes and codes repeat
def visible(text: str, limit: int = 120) -> str:
    """Return *text* on one line of at most *limit* characters, without control, bidi or zero-width
    characters.
    """
    kept = text[: LONGEST * 2]
    if not kept.isprintable():  # what Python calls printable is just what we show, and most texts are
        kept = "".join(" " if _gap(char) else char for char in kept if _shown(char))
    return shorten(" ".join(kept.split()), limit)


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


def _domain(found: re.Match[str]) -> str:
    head, last, path = found[1], found[2], found[3]
    if path is None and last[0].isupper() and not last.isupper():
        return f"{head[:-1].replace('.', '. ')}. {last}"  # "Cleared.Parcel": a missing space, not an address
    return f"{head.replace('.', '[.]')}{last}"


def _digits(found: re.Match[str]) -> str:
    return found[0] if _DATE.match(found[0]) else NUMBER
