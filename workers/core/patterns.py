"""Turn one pattern, as a language file writes it, into what the automaton looks for; refuses one it cannot look for.

A pattern is words, ``stem*``, ``*stem``, ``*stem*``, several words, ``(this|that|)``, ``this ... that``, ``<concept>`` and
``= nothing else``, which is found like any other here; that nothing else is said, the reader sees.
A plain one becomes literals; one with a gap inside, or one that stands for too many, is found by a piece of it and
checked by ``re``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from workers.core.text import fold

GAP = r"[^|]{0,60}?"
PLAIN = 16  # a pattern that stands for no more than so many is looked for literally
MOST = 512  # alternatives of one piece without blanks

_SLOT = re.compile(r"(?:\([^()]*\)|[^\s()])+")
_MARKS = re.compile(r"[()*<]|\.\.\.")
_CONCEPT = re.compile(r"(<[a-z_]+>)")


class PatternError(ValueError):
    """A pattern that cannot be looked for."""


@dataclass(slots=True)
class Check:
    """A pattern found by a piece of it, written as a regular expression at first use: most never are."""

    source: Callable[[], str]
    compiled: re.Pattern[str] | None = None

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        if self.compiled is None:
            self.compiled = re.compile(self.source())
        for found in self.compiled.finditer(text):
            start, end = found.span()
            yield start, end - (text[end - 1] == " ")


@dataclass(frozen=True, slots=True)
class Literal:
    """What the automaton looks for. *lead* and *trail* count the blanks that bound the word and are not part of it."""

    text: str
    lead: int = 0
    trail: int = 0
    check: Check | None = None


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    open_start: bool = False
    open_end: bool = False
    concept: str = ""

    @property
    def literal(self) -> str:
        return f"{'' if self.open_start else ' '}{self.text}{'' if self.open_end else ' '}"


def compiled(
    pattern: str,
    *,
    spaced: bool = True,
    letters: Mapping[str, str] | None = None,
    concepts: Mapping[str, Sequence[str]] | None = None,
) -> Iterator[Literal]:
    """Yield what to look for; raises PatternError. *concepts*: the patterns behind each ``<concept>``, if any are allowed."""
    for written in spellings(pattern, letters or {}):
        written = written.removeprefix("=").lstrip()
        core = written.strip("*")
        if _MARKS.search(core) is None:
            yield _whole(written, core, spaced)
        else:
            yield from _compiled(written, spaced, letters or {}, concepts or {})


def _whole(written: str, core: str, spaced: bool) -> Literal:
    """Return what to look for where the pattern holds no notation inside: nearly always."""
    text = fold(core).strip()
    if not text:
        raise PatternError(f"{written!r} holds no word")
    lead = 1 if spaced and not written.startswith("*") else 0
    trail = 1 if spaced and not written.endswith("*") else 0
    return Literal(f"{' ' * lead}{text}{' ' * trail}", lead, trail)


def spellings(pattern: str, letters: Mapping[str, str]) -> Iterator[str]:
    """Yield *pattern*, and as it is written where the letters of the language are missing."""
    yield pattern
    lower = pattern.casefold()
    if any(letter in lower for letter in letters):
        yield "".join(letters.get(c, c) for c in lower)


def expand(pattern: str) -> list[str]:
    """Return the patterns that ``(this|that|)`` stands for; raises PatternError if there are too many."""
    done: list[str] = []
    todo = [pattern]
    while todo:
        head, bracket, rest = todo.pop().partition("(")
        if not bracket:
            if ")" in head:
                raise PatternError(f"brackets do not pair in {pattern!r}")
            done.append(head)
            continue
        inside, close, tail = rest.partition(")")
        if not close or "(" in inside or ")" in head:
            raise PatternError(f"brackets do not pair in {pattern!r}")
        todo.extend(f"{head}{choice}{tail}" for choice in inside.split("|"))
        if len(todo) + len(done) > MOST:
            raise PatternError(f"{pattern!r} stands for more than {MOST} patterns")
    return done


def _compiled(
    pattern: str, spaced: bool, letters: Mapping[str, str], concepts: Mapping[str, Sequence[str]]
) -> Iterator[Literal]:
    if pattern.count("(") != pattern.count(")"):
        raise PatternError(f"brackets do not pair in {pattern!r}")
    if not spaced:
        for plain in expand(pattern):
            yield from _sequence([[part] for part in _gaps(plain)], pattern, spaced, letters, concepts)
        return
    slots = [expand(slot) for slot in _SLOT.findall(pattern)]
    if math.prod(map(len, slots)) > PLAIN:
        yield from _sequence(slots, pattern, spaced, letters, concepts)
        return
    for plain in expand(pattern):
        core = plain.strip(" *")
        if core and _MARKS.search(core) is None and " *" not in plain:
            yield _whole(plain.strip(), core, spaced)
            continue
        tokens = [token for word in plain.split() for token in _tokens(word, spaced)]
        if _plain(tokens):
            yield _literal(tokens, pattern)
        else:
            yield from _sequence([[word] for word in plain.split()], pattern, spaced, letters, concepts)


def _gaps(plain: str) -> list[str]:
    """Divide a pattern of a script without blanks at its gaps, which stay as parts of their own."""
    return [part.strip() for part in re.split(r"(\.\.\.)", plain) if part.strip()]


def _plain(tokens: Sequence[_Token]) -> bool:
    """Whether a literal says it all: no gap, no concept, stars at the ends only."""
    inside = any(t.open_end for t in tokens[:-1]) or any(t.open_start for t in tokens[1:])
    return not inside and not any(t.concept for t in tokens)


def _literal(tokens: Sequence[_Token], pattern: str) -> Literal:
    if not tokens:
        raise PatternError(f"{pattern!r} holds no word")
    lead = 0 if tokens[0].open_start else 1
    trail = 0 if tokens[-1].open_end else 1
    return Literal(" " * lead + " ".join(t.text for t in tokens) + " " * trail, lead, trail)


@lru_cache(maxsize=4096)  # the same words stand in many brackets
def _tokens(word: str, spaced: bool) -> tuple[_Token, ...]:
    """Return the tokens of one word of a pattern, or of a whole piece in a script without blanks."""
    out: list[_Token] = []
    for piece in _CONCEPT.split(word):
        if _CONCEPT.fullmatch(piece):
            out.append(_Token("", not spaced, not spaced, piece[1:-1]))
        elif piece == "...":
            out.append(_Token("", True, True, "..."))
        elif text := fold(piece.strip("*")).strip():
            parts = text.split() if spaced else [text]
            for i, part in enumerate(parts):
                first, last = i == 0, i == len(parts) - 1
                starts, ends = piece.startswith("*") and first, piece.endswith("*") and last
                out.append(_Token(part, not spaced or starts, not spaced or ends))
    return tuple(out)


def _sequence(
    slots: Sequence[Sequence[str]],
    pattern: str,
    spaced: bool,
    letters: Mapping[str, str],
    concepts: Mapping[str, Sequence[str]],
) -> Iterator[Literal]:
    """Yield the triggers of a pattern that needs a check: *slots* one after the other, each one of several choices."""
    choices = [
        [
            [t for word in (choice.split() if spaced else [choice]) for t in _tokens(word, spaced)]
            for choice in slot
        ]
        for slot in slots
    ]
    if (
        all(_plain(tokens) and tokens for slot in choices for tokens in slot)
        and len(slots) == 1
        and not spaced
    ):
        for tokens in choices[0]:
            yield _literal(tokens, pattern)
        return
    for name in {t.concept for slot in choices for tokens in slot for t in tokens} - {"", "..."}:
        if not concepts.get(name):
            raise PatternError(f"there are no words for <{name}>")
    check = Check(lambda: _regex(choices, spaced, letters, concepts))
    for text in dict.fromkeys(_triggers(choices, pattern)):
        yield Literal(text, check=check)


def _triggers(choices: Sequence[Sequence[Sequence[_Token]]], pattern: str) -> list[str]:
    """Return the pieces one of which must stand in every text that matches: the longest, and few of them."""
    best: tuple[float, list[str]] | None = None
    for slot in choices:
        words = [
            max((t for t in tokens if not t.concept), key=lambda t: len(t.text), default=None)
            for tokens in slot
        ]
        if any(word is None for word in words):
            continue  # may be left out, or is a gap or a concept
        pieces = [word.literal for word in words if word is not None]
        worth = min(len(piece) for piece in pieces) - len(pieces) / 10
        if best is None or worth > best[0]:
            best = (worth, pieces)
    if best is None:
        raise PatternError(f"{pattern!r} needs a word of its own that cannot be left out")
    return best[1]


def _regex(
    choices: Sequence[Sequence[Sequence[_Token]]],
    spaced: bool,
    letters: Mapping[str, str],
    concepts: Mapping[str, Sequence[str]],
) -> str:
    parts = [r"(?<= )"] if spaced else []
    for i, slot in enumerate(choices):
        if any(t.concept == "..." for tokens in slot for t in tokens):
            parts.append(GAP + (r"(?<= )" if spaced else ""))
            continue
        words = [_words(tokens, spaced, letters, concepts) for tokens in slot if tokens]
        either = words[0] if len(words) == 1 else f"(?:{'|'.join(words)})"
        if not spaced:
            parts.append(either)
        elif any(not tokens for tokens in slot):
            parts.append(f"(?:{either} )?")
        else:
            parts.append(either + (" " if i < len(choices) - 1 else "(?= )"))
    return "".join(parts)


def _words(
    tokens: Sequence[_Token], spaced: bool, letters: Mapping[str, str], concepts: Mapping[str, Sequence[str]]
) -> str:
    star = r"\w*" if spaced else ""
    out = []
    for token in tokens:
        if token.concept:
            out.append(_concept(token.concept, spaced, letters, concepts))
        else:
            start, end = star if token.open_start else "", star if token.open_end else ""
            out.append(f"{start}{re.escape(token.text)}{end}")
    return (" " if spaced else "").join(out)


def _concept(
    name: str, spaced: bool, letters: Mapping[str, str], concepts: Mapping[str, Sequence[str]]
) -> str:
    """Return the expression for any word of a concept; patterns with gaps are left out."""
    found: set[str] = set()
    for pattern in concepts.get(name, ()):
        for written in spellings(pattern, letters):
            for plain in [] if "..." in written else expand(written):
                words = plain.split() if spaced else [plain]
                tokens = [token for word in words for token in _tokens(word, spaced)]
                if tokens and not any(t.concept for t in tokens):
                    found.add(_words(tokens, spaced, letters, {}))
    return f"(?:{'|'.join(sorted(found, key=lambda w: (-len(w), w)))})"
