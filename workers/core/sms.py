"""Counts what an SMS costs, and spells it in the cheap alphabet where its sense survives; sends nothing.

Alphabet and lengths: 3GPP TS 23.038 V17.0.0, section 6.2.1 (GSM 7-bit default alphabet and its extension
table) and TS 23.040, section 9.2.3.24.1 (a part of a longer message loses six octets to its header: 153
septets or 67 UCS-2 units).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")  # each costs two septets: an escape and itself

# How each encoding is packed: units of a single message, units of a part of a longer one.
_ROOM = {"GSM-7": (160, 153), "UCS-2": (70, 67)}

_SPELLED = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′´`ʼʹ", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‹›", "'"),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("•‣·▪●", "-"),
        **dict.fromkeys("\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u3000\t", " "),
        **dict.fromkeys("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\ufe0f", ""),
        "…": "...", "→": "->", "←": "<-", "×": "x", "№": "No", "⁄": "/", "≤": "<=", "≥": ">=", "≈": "~",
        "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D",
        "þ": "th", "Þ": "Th", "ı": "i", "ħ": "h", "Ħ": "H", "ŋ": "n", "Ŋ": "N", "ŧ": "t", "Ŧ": "T", "ſ": "s",
        "ẞ": "SS", "ĳ": "ij", "Ĳ": "IJ", "ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl",
        "ª": "a", "º": "o",
    }
)  # fmt: skip

_CARONS = frozenset(
    "čďěňřšťůžČĎĚŇŘŠŤŮŽ"
)  # a text that loses these loses its acutes too: half of them reads as misspelt
_ACUTES = str.maketrans("éÉ", "eE")


@dataclass(frozen=True, slots=True)
class Segments:
    """What a text costs: septets (GSM-7) or UTF-16 code units (UCS-2), and the parts it is billed as."""

    encoding: Literal["GSM-7", "UCS-2"]
    units: int
    parts: int


def segments(text: str) -> Segments:
    """Return the encoding, units and parts of *text*; an empty one has no part."""
    encoding: Literal["GSM-7", "UCS-2"] = "GSM-7" if _fits(text) else "UCS-2"
    if encoding == "GSM-7":
        costs = [2 if char in _EXTENDED else 1 for char in text]
    else:
        costs = [2 if char > "\uffff" else 1 for char in text]
    units = sum(costs)
    single, part = _ROOM[encoding]
    if units <= single:
        return Segments(encoding, units, 1 if units else 0)
    parts, used = 1, 0
    for cost in costs:  # an escape and its character, or a surrogate pair, never stand in two parts
        if used + cost > part:
            parts, used = parts + 1, 0
        used += cost
    return Segments(encoding, units, parts)


def room(text: str, units: int) -> int:
    """Return how many characters of *text*, from its start, fit into *units*: most emoji cost two."""
    used = 0
    for at, char in enumerate(text):
        used += 2 if char > "\uffff" else 1
        if used > units:
            return at
    return len(text)


def to_gsm7(text: str) -> str:
    """Return *text* spelled in the GSM 7-bit alphabet; unchanged where that would lose a single character.

    Typographic signs become plain ones and accents that the alphabet lacks are dropped (``Zażółć`` becomes
    ``Zazolc``, as people write it in text messages); in Czech and Slovak all of them. A text in another
    script is left alone: it needs UCS-2, and then keeps everything.
    """
    if _fits(text):
        return text
    composed = _composed(text)
    spelled = "".join(char if char in _BASIC or char in _EXTENDED else _plain(char) for char in composed)
    if not _CARONS.isdisjoint(composed):
        spelled = spelled.translate(_ACUTES)
    return spelled if _fits(spelled) else text


def forced_gsm7(text: str) -> str:
    """Return *text* in the GSM 7-bit alphabet whatever it costs the sense: a question mark for what it cannot spell."""
    spelled = (char if _fits(char) else _plain(char) for char in _composed(text))
    return "".join(char if _fits(char) else "?" for char in spelled)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _plain(char: str) -> str:
    spelled = char.translate(_SPELLED)
    if spelled != char:
        return spelled
    parts = unicodedata.normalize("NFD", char)
    if "LATIN" in unicodedata.name(char, "") and len(parts) > 1:
        base = parts[0]
        return base if base in _BASIC else base.translate(_SPELLED)
    wide = unicodedata.decomposition(char)  # full-width forms, as Chinese keyboards write them
    return unicodedata.normalize("NFKC", char) if wide.startswith("<wide>") else char


def _fits(text: str) -> bool:
    return all(char in _BASIC or char in _EXTENDED for char in text)
