"""Hold the vocabulary of every language in one automaton and find it in a text; refuses to say what the words amount to.

Patterns (``docs/languages.md``) are words, ``stem*``, ``*stem``, ``*stem*``, several words, ``(this|that|)`` and ``this ... that``.
A plain pattern is found by the automaton alone; one with a gap inside is found by its longest piece and checked by ``re``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from ahocorasick_rs import AhoCorasick, Implementation

from workers.core.model import Addressee, Cause, Charges, Side, Stage
from workers.core.text import fold

GAP = r"[^|]{0,60}?"
MOST = 512  # alternatives one pattern may expand to


@dataclass(frozen=True, slots=True)
class Words:
    """The patterns of one language for one concept, or for several at once."""

    concepts: tuple[str, ...]
    patterns: tuple[str, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Says:
    """What an entry of our knowledge says once it matches."""

    stage: Stage
    side: Side | None = None
    addressee: Addressee | None = None
    charges: Charges = Charges.UNKNOWN
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True)
class Phrase:
    """A saying that structure cannot read, as a language writes it."""

    says: Says
    match: tuple[str, ...]
    where: str
    source: str = ""
    checked: date | None = None
    seen: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Language:
    """One file of ``knowledge/phrases``."""

    code: str
    name: str
    words: tuple[Words, ...]
    phrases: tuple[Phrase, ...]
    common: tuple[str, ...] = ()  # words that tell the language and nothing else
    spaced: bool = True  # words are divided by blanks
    after: bool = False  # "not", "will" and the like follow what they speak of
    letters: Mapping[str, str] = field(default_factory=dict)  # other spellings: ä -> ae


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one pattern stands for in one language."""

    lang: int
    entry: Words | Phrase | None  # None: a common word
    pattern: str  # as written
    lead: int = 0  # blanks at either end that belong to the literal, not to the word
    trail: int = 0
    check: Check | None = None


@dataclass(slots=True)
class Check:
    """A pattern with gaps, compiled at first use."""

    source: str
    compiled: re.Pattern[str] | None = None

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        if self.compiled is None:
            self.compiled = re.compile(self.source)
        for found in self.compiled.finditer(text):
            yield found.span()


Hit = tuple[int, int, Meaning]


class Lexicon:
    """All languages' patterns in one automaton."""

    def __init__(self, languages: Sequence[Language]) -> None:
        self.languages = tuple(languages)
        table: dict[str, list[Meaning]] = {}
        for index, language in enumerate(self.languages):
            for literal, meaning in _meanings(index, language):
                table.setdefault(literal, []).append(meaning)
        self._meanings = list(table.values())
        self._literals = tuple(table)
        self._automaton = AhoCorasick(
            list(table) or ["\x00"], store_patterns=False, implementation=Implementation.ContiguousNFA
        )

    @property
    def literals(self) -> list[str]:
        """What the automaton looks for, blanks at a word's ends included."""
        return list(self._literals)

    @property
    def size(self) -> int:
        return len(self._meanings)

    def find(self, folded: str) -> dict[int, list[Hit]]:
        """Return every hit in *folded*, by the index of its language."""
        found: dict[int, list[Hit]] = {}
        seen: set[tuple[int, int]] | None = None
        for pattern, start, end in self._automaton.find_matches_as_indexes(folded, overlapping=True):
            for meaning in self._meanings[pattern]:
                if meaning.check is None:
                    hit = (start + meaning.lead, end - meaning.trail, meaning)
                    try:
                        found[meaning.lang].append(hit)
                    except KeyError:
                        found[meaning.lang] = [hit]
                    continue
                seen = set() if seen is None else seen
                key = (id(meaning), 0)
                if key in seen:
                    continue
                seen.add(key)
                for span in meaning.check.spans(folded):
                    found.setdefault(meaning.lang, []).append((*span, meaning))
        return found


def _meanings(index: int, language: Language) -> Iterator[tuple[str, Meaning]]:
    for pattern in language.common:
        yield from _compile(pattern, index, language, None, {})
    stems = {
        concept: [p for words in language.words if concept in words.concepts for p in words.patterns]
        for concept in {c for words in language.words for c in words.concepts}
    }
    for words in language.words:
        for pattern in words.patterns:
            yield from _compile(pattern, index, language, words, {})
    for phrase in language.phrases:
        for pattern in phrase.match:
            yield from _compile(pattern, index, language, phrase, stems)


def spellings(pattern: str, letters: Mapping[str, str]) -> Iterator[str]:
    """Yield *pattern*, and as it is written where the letters of the language are missing."""
    yield pattern
    lower = pattern.casefold()
    other = "".join(letters.get(c, c) for c in lower)
    if other != lower:
        yield other


def expand(pattern: str) -> list[str]:
    """Return the patterns that ``(this|that|)`` stands for; raises ValueError if there are too many."""
    done: list[str] = []
    todo = [pattern]
    while todo:
        head, bracket, rest = todo.pop().partition("(")
        if not bracket:
            done.append(head)
            continue
        inside, close, tail = rest.partition(")")
        if not close or "(" in inside:
            raise ValueError(f"brackets do not pair in {pattern!r}")
        todo.extend(f"{head}{choice}{tail}" for choice in inside.split("|"))
        if len(todo) + len(done) > MOST:
            raise ValueError(f"{pattern!r} stands for more than {MOST} patterns")
    return done


def _compile(
    pattern: str, index: int, language: Language, entry: Words | Phrase | None, stems: Mapping[str, list[str]]
) -> Iterator[tuple[str, Meaning]]:
    for written in spellings(pattern, language.letters):
        for plain in expand(written):
            yield _one(plain, pattern, index, language, entry, stems)


def _one(
    plain: str,
    pattern: str,
    index: int,
    language: Language,
    entry: Words | Phrase | None,
    stems: Mapping[str, list[str]],
) -> tuple[str, Meaning]:
    parts = [_tokens(part, language) for part in plain.split("...")]
    tokens = [token for part in parts for token in part]
    if not tokens:
        raise ValueError(f"{pattern!r} holds no word")
    simple = len(parts) == 1 and not any(t.concept for t in tokens)
    simple = simple and not any(t.open_end for t in tokens[:-1]) and not any(t.open_start for t in tokens[1:])
    if simple:
        literal = " ".join(t.text for t in tokens)
        lead = 0 if tokens[0].open_start else 1
        trail = 0 if tokens[-1].open_end else 1
        return " " * lead + literal + " " * trail, Meaning(index, entry, pattern, lead, trail)
    return _trigger(tokens, pattern), Meaning(
        index, entry, pattern, check=Check(GAP.join(_regex(part, language, stems) for part in parts))
    )


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    open_start: bool = False
    open_end: bool = False
    concept: str = ""


def _tokens(part: str, language: Language) -> list[_Token]:
    out: list[_Token] = []
    for word in part.split() if language.spaced else _pieces(part):
        if word.startswith("<") and word.endswith(">"):
            out.append(
                _Token("", concept=word[1:-1], open_start=not language.spaced, open_end=not language.spaced)
            )
            continue
        text = fold(word.strip("*")).strip()
        if not text:
            continue
        loose = not language.spaced
        out.append(_Token(text, loose or word.startswith("*"), loose or word.endswith("*")))
    return out


def _pieces(part: str) -> list[str]:
    """Divide a pattern of a script without blanks: concepts stand alone, all else is one piece."""
    return [piece for piece in re.split(r"(<[a-z_]+>)", part) if piece.strip()]


def _trigger(tokens: Iterable[_Token], pattern: str) -> str:
    literals = [t for t in tokens if not t.concept]
    if not literals:
        raise ValueError(f"{pattern!r} needs a word of its own beside the concepts")
    token = max(literals, key=lambda t: len(t.text))
    return f"{'' if token.open_start else ' '}{token.text}{'' if token.open_end else ' '}"


def _regex(part: Sequence[_Token], language: Language, stems: Mapping[str, list[str]]) -> str:
    words = []
    for token in part:
        if token.concept:
            alternatives = sorted(
                {a for p in stems.get(token.concept, ()) for a in _alternatives(p, language)}
            )
            if not alternatives:
                raise ValueError(f"{language.code}: no words for <{token.concept}>")
            words.append(f"(?:{'|'.join(alternatives)})")
            continue
        start = r"\w*" if token.open_start and language.spaced else ""
        end = r"\w*" if token.open_end and language.spaced else ""
        words.append(f"{start}{re.escape(token.text)}{end}")
    if not language.spaced:
        return "".join(words)
    return r"(?<= )" + " ".join(words) + r"(?= )"


def _alternatives(pattern: str, language: Language) -> Iterator[str]:
    """Yield the plain regular expressions of a concept's pattern; patterns with gaps are left out."""
    for written in spellings(pattern, language.letters):
        for plain in expand(written):
            if "..." in plain or "<" in plain:
                continue
            tokens = _tokens(plain, language)
            star = r"\w*" if language.spaced else ""
            yield " ".join(
                f"{star if t.open_start else ''}{re.escape(t.text)}{star if t.open_end else ''}"
                for t in tokens
            )
