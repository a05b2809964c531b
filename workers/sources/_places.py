"""Tell countries by name and by their three-letter codes. Refuses to guess: a city, or a state's initials, is none."""

from __future__ import annotations

from functools import cache
from typing import Any

from babel import Locale
from babel.core import get_global

from workers.sources._fields import country, word

# English names in use that the Unicode CLDR, which babel ships, spells another way.
_ALSO = {
    "burma": "MM", "chinese mainland": "CN", "czech republic": "CZ", "england": "GB", "great britain": "GB",
    "holland": "NL", "hong kong": "HK", "ivory coast": "CI", "korea, republic of": "KR", "macao": "MO", "macau": "MO",
    "mainland china": "CN", "myanmar": "MM", "northern ireland": "GB", "pr china": "CN", "republic of korea": "KR",
    "russian federation": "RU", "scotland": "GB", "the netherlands": "NL", "turkey": "TR", "turkiye": "TR",
    "uk": "GB", "united states of america": "US", "usa": "US", "viet nam": "VN", "wales": "GB",
}  # fmt: skip
_AMBIGUOUS = frozenset({"georgia", "jersey"})  # as the last word of a place, more often the American state
# Names as services write them, where CLDR's is not the plain one.
_PLAIN = {
    "BA": "Bosnia and Herzegovina", "CI": "Ivory Coast", "CZ": "Czech Republic", "HK": "Hong Kong", "MM": "Myanmar",
    "MO": "Macao", "TR": "Turkey",
}  # fmt: skip


_WITHDRAWN = frozenset(
    {"BUR", "DDR", "FXX", "TMP", "YMD", "ZAR"}
)  # ISO 3166-3, still in the CLDR beside the new ones
_PART_OF = {"XI": "GB"}  # Northern Ireland, as customs law writes it


@cache
def _names() -> dict[str, str]:
    """Return the English name of every country by its code, as the CLDR has it."""
    names = {str(code): str(name) for code, name in Locale("en").territories.items()}
    return {
        code: name for code, name in names.items() if len(code) == 2 and code not in {"EU", "EZ", "UN", "ZZ"}
    }


@cache
def _codes() -> dict[str, str]:
    named = [*_names().items(), *_PLAIN.items()]
    return {name.casefold(): code for code, name in named} | _ALSO


def state_of(code: str) -> str:
    """Return the ISO 3166-1 code of the state a country code of ours belongs to; "" for none."""
    code = country(code)
    return _PART_OF.get(code, code)


def name_of(code: str) -> str:
    """Return the plain English name of a country by its two-letter code; "" for none."""
    code = state_of(code)
    return _PLAIN.get(code) or _names().get(code, "")


def country_in(place: Any, *expected: Any) -> str:
    """Return the two-letter code of the country that ends *place* ("Austin, TX, United States"); "" if none does.

    Two letters alone may be a state's initials: they count only where such a country is *expected* on the way.
    """
    last = word(place, 300).rpartition(",")[2].strip(" .()")
    known = "" if last.casefold() in _AMBIGUOUS else _codes().get(last.casefold(), "")
    return known or next((code for code in map(country, expected) if code and code == last), "")


def by_three_letters(code: Any) -> str:
    """Return the two-letter code of a country by its ISO 3166-1 alpha-3 code; two letters stay; "" for neither."""
    said = word(code, 10).upper()
    if len(said) != 3 or not said.isascii() or not said.isalpha():
        return country(said)
    known = get_global("territory_aliases").get(said)
    return known[0] if known and len(known) == 1 and len(known[0]) == 2 else ""


@cache
def _three() -> dict[str, str]:
    aliases = get_global("territory_aliases")
    return {
        known[0]: said
        for said, known in aliases.items()
        if len(said) == 3
        and said.isalpha()
        and said not in _WITHDRAWN
        and len(known) == 1
        and len(known[0]) == 2
    }


def three_letters(code: str) -> str:
    """Return the alpha-3 code of a country by its two-letter code; "" for none."""
    return _three().get(state_of(code), "")
