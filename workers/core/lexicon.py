"""Hold the vocabulary of every language in one automaton and find it in a text; refuses to say what the words amount to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from ahocorasick_rs import AhoCorasick, Implementation

from workers.core.model import Addressee, Cause, Charges, Side, Stage
from workers.core.patterns import Check, PatternError, compiled

SHARED = 3  # languages that call a word common: then it tells none of them


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
    alone: bool = False  # says so only where no other word of its language is in the text
    telling: bool = (
        True  # tells the language: False for names of carriers and other words that many languages share
    )


Hit = tuple[int, int, Meaning]


class PatternsError(ValueError):
    """Patterns that cannot be looked for: where each stands, and what is wrong."""

    def __init__(self, mistakes: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{where}: {what}" for where, what in mistakes))
        self.mistakes = tuple(mistakes)


class Lexicon:
    """All languages' patterns in one automaton; raises PatternsError for what cannot be looked for."""

    def __init__(self, languages: Sequence[Language]) -> None:
        self.languages = tuple(languages)
        table: dict[str, list[Meaning]] = {}
        mistakes: list[tuple[str, str]] = []
        for index, language in enumerate(self.languages):
            for literal, meaning in _meanings(index, language, mistakes):
                table.setdefault(literal, []).append(meaning)
        if mistakes:
            raise PatternsError(mistakes)
        for literal, meanings in table.items():
            if sum(m.entry is None for m in meanings) >= SHARED:
                table[literal] = [replace(m, telling=False) for m in meanings]
        # Unpacked once: a text of forty letters meets hundreds of these.
        self._meanings = [[(m.lang, m.lead, m.trail, m) for m in meanings] for meanings in table.values()]
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
        """Return every hit in *folded*, by the index of its language, in the order of their ends."""
        found: dict[int, list[Hit]] = {}
        seen: set[int] = set()
        disordered: set[int] = set()
        for pattern, start, end in self._automaton.find_matches_as_indexes(folded, overlapping=True):
            for lang, lead, trail, meaning in self._meanings[pattern]:
                if meaning.check is None:
                    if lang in found:
                        found[lang].append((start + lead, end - trail, meaning))
                    else:
                        found[lang] = [(start + lead, end - trail, meaning)]
                elif id(meaning.check) not in seen:
                    seen.add(id(meaning.check))
                    checked = [(*span, meaning) for span in meaning.check.spans(folded)]
                    if checked:  # all of them at once, also those further on than the automaton has come
                        found.setdefault(lang, []).extend(checked)
                        disordered.add(lang)
        for lang in disordered:
            found[lang].sort(key=_end)
        return found


def _end(hit: Hit) -> int:
    return hit[1]


def _meanings(
    index: int, language: Language, mistakes: list[tuple[str, str]]
) -> Iterator[tuple[str, Meaning]]:
    concepts: dict[str, list[str]] = {}
    for words in language.words:
        for concept in words.concepts:
            concepts.setdefault(concept, []).extend(words.patterns)
    listed: list[tuple[Words | Phrase | None, tuple[str, ...]]] = [(None, language.common)]
    listed += [(words, words.patterns) for words in language.words]
    listed += [(phrase, phrase.match) for phrase in language.phrases]
    for entry, patterns in listed:
        allowed = concepts if isinstance(entry, Phrase) else {}
        known: set[str] = (
            set()
        )  # two patterns of one entry may be folded alike, with and without their accents
        for pattern in patterns:
            try:
                found = list(
                    compiled(pattern, spaced=language.spaced, letters=language.letters, concepts=allowed)
                )
            except PatternError as error:
                mistakes.append((entry.where if entry else f"{language.code}:1", str(error)))
                continue
            for literal in found:
                if literal.check is None:
                    if literal.text in known:
                        continue
                    known.add(literal.text)
                yield (
                    literal.text,
                    Meaning(
                        index,
                        entry,
                        pattern,
                        literal.lead,
                        literal.trail,
                        literal.check,
                        pattern.startswith("="),
                    ),
                )
