"""Find in a message what it asks for, its numbers and its sums, and say whether it could be read at all; decides nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate

from workers.core import numbers
from workers.core.links import hides, visible
from workers.core.model import Evidence, Operator
from workers.core.text import LIMIT, fold

WORDS = 3  # a sentence of fewer words may be a name
RUN = 5  # words of a sentence, one after the other, that its language does not know: another begins there
SHARE = 0.2  # of a sentence's words must be known in one language, so that it counts as read

_LATIN = re.compile("[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
_OTHER = re.compile(
    "[^\\W\\d_A-Za-z\u00aa\u00ba\u00b5\u00c0-\u024f\u02b0-\u036f\u1e00-\u1eff\u2071-\u209c\u2c60-\u2c7f\ua720-\ua7ff]"
)
_POSTAL = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[ -]?(?:\d[ -]?){9}[A-Za-z]{2}(?![A-Za-z0-9])")
_TOKEN = re.compile(r"(?<![\w.])(?=[A-Za-z]*\d)[A-Za-z0-9]{5,64}(?!\w)")
_PHONE = re.compile(r"(?<!\w)(?:\+|\(\+?)?\d(?:[\s().\-/]{0,3}\d){6,16}(?!\w)")
_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-](?:19|20)?\d\d|(?:19|20)\d\d[./-]?\d\d[./-]?\d\d")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d\d(?: ?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")
_WALLET = re.compile(
    r"(?<!\w)(?:bc1[a-z0-9]{20,60}|0x[0-9a-fA-F]{40}|[13][1-9A-HJ-NP-Za-km-z]{25,34}|T[1-9A-HJ-NP-Za-km-z]{33})(?!\w)"
)
_SHORT = re.compile(r"\b(?:sms|text|txt|mms)\b[^|.\n]{0,40}?(?<!\d)\d{4,6}(?!\d)", re.IGNORECASE)
_CHAT = re.compile(r"(?<![\w.@])@[A-Za-z]\w{2,30}")
_SPELT = re.compile(r"(?<!\w)(?:[^\W\d_][\s.\-_*|]{1,2}){2,}[^\W\d_](?!\w)")
_RUN = re.compile(r"[\w@$!|]+")
_INSIDE = re.compile(r"[^\W\d_][\d@$!|]{1,3}[^\W\d_]")
_CODED = re.compile(r"&#x?[0-9a-f]{1,6};|%[2-7][0-9a-f]", re.IGNORECASE)  # letters as numbers
_SHORT_NAMES = frozenset({"pix", "blik", "iban", "cvv", "cvc", "usdt"})  # that nothing else reads like
_CURRENCIES = {
    "€": "EUR", "£": "GBP", "$": "USD", "r$": "BRL", "zł": "PLN", "zl": "PLN", "kč": "CZK", "kc": "CZK", "fr": "CHF",
    "euro": "EUR", "euros": "EUR", "eur": "EUR", "gbp": "GBP", "usd": "USD", "chf": "CHF", "pln": "PLN", "czk": "CZK",
    "sek": "SEK", "nok": "NOK", "dkk": "DKK", "kr": "SEK", "brl": "BRL", "cad": "CAD", "aud": "AUD", "nzd": "NZD", "c$": "CAD",
    "a$": "AUD", "us$": "USD", "ca$": "CAD", "reais": "BRL", "kronor": "SEK", "kroner": "NOK", "korun": "CZK", "złotych": "PLN",
    "pounds": "GBP", "dollars": "USD", "dolar": "USD", "franken": "CHF", "ft": "HUF", "huf": "HUF", "ron": "RON", "lei": "RON",
}  # fmt: skip
_MARKS = "|".join(sorted(map(re.escape, _CURRENCIES), key=len, reverse=True))
_FIGURE = r"\d{1,3}(?:[ .,]\d{3}){0,3}(?:[.,]\d{1,2})?(?!\d)|\d{1,7}(?:[.,]\d{1,2})?(?!\d)"
_MONEY = re.compile(
    rf"(?<![\w$])({_MARKS})\s?({_FIGURE})|(?<![\w.,])({_FIGURE})\s?({_MARKS})(?![\w$])", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One wording of scam.yaml."""

    kind: str
    lang: str
    words: tuple[str, ...]  # folded
    open_end: bool  # any ending will do
    where: str


@dataclass(frozen=True, slots=True)
class Report:
    """Where forgeries are reported, by country or by operator."""

    country: str
    operator: str
    where: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Signs:
    """What scam.yaml says, ready to be looked up."""

    entries: tuple[Entry, ...]
    common: Mapping[str, frozenset[str]]
    shorteners: frozenset[str]
    endings: frozenset[str]
    tiny: Mapping[str, Decimal]
    calling: Mapping[str, str]
    reports: tuple[Report, ...]
    rows: Mapping[str, Evidence]  # by sign: what is said of it, where it stands, its source
    _exact: dict[str, list[Entry]] = field(default_factory=dict, compare=False, repr=False)
    _stems: dict[str, list[Entry]] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        for entry in self.entries:
            stem = entry.open_end and len(entry.words) == 1
            (self._stems if stem else self._exact).setdefault(entry.words[0], []).append(entry)

    def at(self, words: Sequence[str], place: int) -> Iterator[Entry]:
        """Yield the entries that begin at *place* of *words*."""
        word = words[place]
        for entry in self._exact.get(word, ()):
            there = words[place : place + len(entry.words)]
            if len(there) == len(entry.words) and (
                tuple(there) == entry.words
                or (
                    entry.open_end
                    and tuple(there[:-1]) == entry.words[:-1]
                    and there[-1].startswith(entry.words[-1])
                )
            ):
                yield entry
        for end in range(2, len(word) + 1):
            yield from self._stems.get(word[:end], ())


@dataclass(frozen=True, slots=True)
class Hit:
    """A wording met: ``seen`` as the text has it, ``warned``: in one sentence with "never"; ``broken``: with gaps in it."""

    entry: Entry
    seen: str
    warned: bool = False
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Wording:
    """What was found in the words of a message."""

    hits: tuple[Hit, ...]
    unread: tuple[str, ...]  # sentences in no language that is known here
    mixed: tuple[str, ...]  # words of two alphabets
    disguised: tuple[str, ...]  # words spelt out or with signs for letters

    def of(self, kind: str) -> tuple[Hit, ...]:
        return tuple(hit for hit in self.hits if hit.entry.kind == kind)


def read(text: str, signs: Signs, *, loud: Iterable[str], hidden: bool = False) -> Wording:
    """Read the words of *text*. Wordings of the kinds *loud* are found with gaps inside as well.

    *hidden* says that signs which show nothing were taken out of it before.
    """
    hidden = hidden or hides(text)
    text = visible(text)
    hits: dict[tuple[str, str], Hit] = {}
    unread = []
    for words in _sentences(text):
        found = _longest([(place, entry) for place in range(len(words)) for entry in signs.at(words, place)])
        warned = any(entry.kind == "never" for _, entry in found)
        for place, entry in found:
            seen = " ".join(words[place : place + len(entry.words)])
            known = hits.get((entry.kind, seen))
            if known is None or (known.warned and not warned):
                hits[entry.kind, seen] = Hit(entry, seen, warned)
        if len(words) >= WORDS and not _known(words, found, signs):
            unread.append(" ".join(words))
    unread += list(dict.fromkeys(re.findall("\ufffd", text) + _OTHER.findall(text)))[:3]
    for hit in _broken(text, signs, set(loud) - {entry.entry.kind for entry in hits.values()}):
        hits.setdefault((hit.entry.kind, hit.seen), hit)
    mixed = [w for w in re.findall(r"\w+", text) if not w.isascii() and _LATIN.search(w) and _OTHER.search(w)]
    disguised = [m[0] for m in _SPELT.finditer(text)] + _CODED.findall(text)[:1]
    disguised += [m[0] for m in _RUN.finditer(text) if _leet(m[0].strip("!|"))]
    if hidden:
        disguised.append("signs that show nothing")
    return Wording(tuple(hits.values()), tuple(unread), tuple(mixed[:5]), tuple(disguised[:5]))


def _leet(word: str) -> bool:
    """Whether digits or signs stand for letters in *word*, as in "p4y" and "5wish"."""
    if not 3 <= len(word) <= 24 or _digits(word) >= 6 or word.isalpha() or "_" in word:
        return False
    letters = sum(c.isalpha() for c in word)
    return _INSIDE.search(word) is not None or (letters >= 3 and letters < len(word))


def _broken(text: str, signs: Signs, kinds: Set[str]) -> Iterator[Hit]:
    """Yield the wordings of *kinds* that stand in *text* with gaps inside them, as "gift c ard"."""
    words = ["".join(c for c in word if c.isalpha()) for word in fold_all(text).split()]
    solid = "".join(words)
    borders = set(accumulate(map(len, words)))
    for entry in signs.entries if kinds else ():
        joined = "".join(entry.words)
        if entry.kind not in kinds or (len(joined) < 5 and joined not in _SHORT_NAMES):
            continue
        place = solid.find(joined)
        while place >= 0:
            if not borders.isdisjoint(range(place + 1, place + len(joined))):
                yield Hit(entry, joined, broken=True)
                break
            place = solid.find(joined, place + 1)


def _longest(found: list[tuple[int, Entry]]) -> list[tuple[int, Entry]]:
    """Drop what speaks of paying inside a longer wording about papers: "proof of payment" asks for no money."""
    papers = [
        (place, place + len(e.words)) for place, e in found if e.kind == "documents" and len(e.words) > 1
    ]
    return [
        (place, e)
        for place, e in found
        if e.kind != "pay" or not any(a <= place and place + len(e.words) <= b for a, b in papers)
    ]


def fold_all(text: str) -> str:
    """Return the whole of *text* folded; ``fold`` alone takes only the beginning of a long one."""
    out = []
    for line in text.splitlines():
        while line:
            end = len(line) if len(line) <= LIMIT - 200 else line.rfind(" ", 1, LIMIT - 200)
            end = end if end > 0 else LIMIT - 200
            out.append(fold(line[:end]))
            line = line[end:]
    return " | ".join(out)


def _sentences(text: str) -> Iterator[list[str]]:
    for sentence in fold_all(text).split("|"):
        words = [word for word in sentence.replace(",", " ").split() if word]
        if words:
            yield words


def _known(words: Sequence[str], found: Sequence[tuple[int, Entry]], signs: Signs) -> bool:
    """Whether enough of a sentence is in one language. Numbers and names that carry digits do not count."""
    real = [p for p, word in enumerate(words) if word.isalpha() or (not word.isdigit() and _digits(word) < 5)]
    if len(real) < WORDS:
        return True
    best: set[int] = set()
    for lang, common in signs.common.items():
        of_lang = {place for place in real if words[place] in common}
        for place, entry in found:
            if entry.lang == lang:
                of_lang.update(range(place, place + len(entry.words)))
        best = max(best, of_lang.intersection(real), key=len)
    run = longest = 0
    for place in real:
        run = 0 if place in best else run + 1
        longest = max(longest, run)
    return len(best) >= SHARE * len(real) and longest < RUN


def _digits(word: str) -> int:
    return sum(c.isdigit() for c in word)


def holds(text: str, number: str) -> bool:
    """Whether *number* (normalised) stands in *text* whole, in whatever groups it is written."""
    written = r"[\s.\-]{0,2}".join(number)
    return re.search(rf"(?<![A-Za-z0-9]){written}(?![A-Za-z0-9])", text, re.IGNORECASE) is not None


def tracking_like(text: str, operators: Sequence[Operator]) -> tuple[list[str], list[str]]:
    """Return the numbers in *text* that are tracking numbers by their form, and long ones that may be anything."""
    sure: list[str] = []
    perhaps: list[str] = []
    rest = text
    for match in _POSTAL.finditer(text):
        if not match[0].islower():
            sure.append(numbers.normalise(match[0]))
            rest = rest.replace(match[0], " ")
    patterns = [re.compile(p) for o in operators for p in o.numbers]
    for match in _TOKEN.finditer(rest):
        number = numbers.normalise(match[0])
        digits = _digits(number)
        if digits < 5 or _DATE.fullmatch(match[0]):
            continue
        shaped = any(p.fullmatch(number) for p in patterns) or bool(numbers.looks_like(number))
        (sure if shaped and (digits < len(number) or digits > 16) else perhaps).append(number)
    return list(dict.fromkeys(sure)), list(dict.fromkeys(perhaps))


def phones(text: str) -> list[str]:
    """Return what may be phone numbers in *text*, in whatever groups they are written."""
    rest = re.sub(rf"(?<!\d)(?:{_DATE.pattern})(?!\d)", " | ", text)
    return _SHORT.findall(text) + [found[0] for found in _PHONE.finditer(rest)]


def accounts(text: str) -> tuple[list[str], list[str], list[str]]:
    """Return bank accounts (IBAN with right check digits), wallets and names in chats found in *text*."""
    ibans = [
        m[0] for m in _IBAN.finditer(text) if any(_checks(m[0].replace(" ", "")[:n]) for n in range(15, 35))
    ]
    return ibans, _WALLET.findall(text), _CHAT.findall(text)


def _checks(iban: str) -> bool:
    if not 15 <= len(iban) <= 34 or not iban.isalnum() or not iban.isascii():
        return False
    turned = iban[4:] + iban[:4]
    return int("".join(str(int(c, 36)) for c in turned)) % 97 == 1


def sums(text: str) -> list[tuple[Decimal, str]]:
    """Return the sums of money in *text* as amount and currency; a lone "$" or "kr" is read as USD or SEK."""
    out = []
    for before, one, other, after in _MONEY.findall(visible(text)):
        figure = re.sub(r"[ .,](?=\d{3}(?!\d))", "", one or other).replace(",", ".")
        out.append((Decimal(figure), _CURRENCIES[(before or after).casefold()]))
    return out
