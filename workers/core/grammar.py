"""Read the order and polarity of concepts in a sentence, by rules that hold in every language; refuses to know any word.

A concept of kind ``act`` can be negated or still to come; ``thing`` and ``mark`` cannot; ``operator`` turns the acts around it.
In a rule ``clear`` means it happened, ``-clear`` that it did not, ``~clear`` that it is still to come, ``.clear`` any of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from workers.core.lexicon import Says, Words
from workers.core.model import Addressee, Cause, Charges, Side, Stage


class Kind(StrEnum):
    ACT = "act"
    THING = "thing"
    OPERATOR = "operator"
    MARK = "mark"  # a thing that neither hides the words inside it nor is hidden


NEGATING = ("not",)
BEATEN = 3  # rules that fit too, kept for explaining


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the grammar: which concepts, in which polarity, say what. ``says`` is None for a row of facts alone."""

    id: str
    where: str
    all: tuple[str, ...]  # each "a|-b|~c"
    none: tuple[str, ...] = ()
    order: tuple[str, ...] = ()  # first of each, left to right
    says: Says | None = None
    seen: tuple[str, ...] = ()
    whole: bool = False  # also read over all sentences of a text at once, and then it outranks them
    # facts
    stages: frozenset[Stage] = frozenset()  # only beside these; empty: beside any
    side: Side | None = None
    addressee: Addressee | None = None
    charges: Charges | None = None
    causes: tuple[Cause, ...] = ()


class Token(
    NamedTuple
):  # a tuple, because a text makes six of them and a frozen dataclass takes three times as long
    """A word of the lexicon found in a text, its polarity still open."""

    start: int
    end: int
    words: Words
    pattern: str


@dataclass(frozen=True, slots=True)
class _Compiled:
    rule: Rule
    first: int  # the first thing asked for, looked at before the rest
    rest: tuple[int, ...]
    none: int
    order: tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class _Load:
    """A set of concepts as bits: what stands fixed, what can still be turned, and how it turns others."""

    fixed: int
    turns: int
    operator: str  # "", "not", "wait"
    denied: int = 0  # the acts that a "not" beside them in the same word has turned


class Grammar:
    """The concepts, the rules in order of precedence, and the order in which sentences of one text outrank each other."""

    def __init__(
        self,
        concepts: Mapping[str, Kind],
        stages: Sequence[Rule],
        facts: Sequence[Rule],
        precedence: Sequence[Stage],
        waits: frozenset[str],
    ) -> None:
        self.concepts = dict(concepts)
        self._index = {name: i for i, name in enumerate(concepts)}
        self._width = len(self._index)
        self._waits = sum(self._bit(name) for name in waits)
        self.rank = {stage: i for i, stage in enumerate(precedence)}
        self.rules = tuple(stages)
        self.facts = tuple(facts)
        self._stages = [self._compiled(rule) for rule in stages]
        self._whole = [c for c in self._stages if c.rule.whole]
        compiled = [self._compiled(rule) for rule in facts]
        self._facts_beside = {
            stage: [c for c in compiled if not c.rule.stages or stage in c.rule.stages] for stage in Stage
        }
        self._loads: dict[tuple[str, ...], _Load] = {}
        self.marks = frozenset(name for name, kind in concepts.items() if kind is Kind.MARK)

    def _bit(self, item: str) -> int:
        """Return the bits of one item of a rule; raises KeyError for a concept that is not in the list."""
        sign, name = (item[0], item[1:]) if item[0] in "-~." else ("", item)
        bit = 1 << self._index[name]
        if sign == "-":
            return bit << self._width
        if sign == "~":
            return bit << 2 * self._width
        return bit | bit << self._width | bit << 2 * self._width if sign == "." else bit

    def _bits(self, items: str) -> int:
        bits = 0
        for item in items.split("|"):
            bits |= self._bit(item.strip())
        return bits

    def _compiled(self, rule: Rule) -> _Compiled:
        none = 0
        for item in rule.none:
            none |= self._bits(item)
        order = tuple(frozenset(name.strip(" -~.") for name in step.split("|")) for step in rule.order)
        first, *rest = sorted((self._bits(item) for item in rule.all), key=int.bit_count)
        return _Compiled(rule, first, tuple(rest), none, order)

    def load(self, concepts: tuple[str, ...]) -> _Load:
        """Return what a word of these *concepts* does; an operator among them turns the others at once."""
        try:
            return self._loads[concepts]
        except KeyError:
            pass
        fixed = turns = 0
        operator = ""
        for name in concepts:
            kind = self.concepts[name]
            if kind is Kind.ACT:
                turns |= self._bit(name)
            else:
                fixed |= self._bit(name)
            if kind is Kind.OPERATOR:
                operator = "not" if name in NEGATING or operator == "not" else "wait"
        load = _Load(fixed, turns, operator)
        if operator and turns:
            shift = self._width if operator == "not" else 2 * self._width
            load = _Load(fixed | turns << shift, 0, "", turns if operator == "not" else 0)
        self._loads[concepts] = load
        return load

    def _denied(self, load: _Load, acts: int = -1) -> _Load:
        """Return *load* with those of *acts* that it holds turned by a "not"."""
        acts &= load.turns
        return replace(load, fixed=load.fixed | acts << self._width, turns=load.turns & ~acts)

    def bits(self, clauses: Iterable[Sequence[Token]], *, after: bool) -> int:
        """Return the concepts of one sentence with their polarity, as bits."""
        total = 0
        for clause in clauses:
            total |= self._clause(self._loads_of(clause), after=after)
        return total

    def _loads_of(self, clause: Sequence[Token]) -> list[_Load]:
        """Return what the words of *clause* do.

        Words at one and the same place are one, so that a "not" turns them all; and a word that overlaps one that says
        "not" itself ("not released" beside "released by customs") is not to say the contrary.
        """
        loads: list[_Load] = []
        span = (-1, -1)
        for token in clause:
            load = self.load(token.words.concepts)
            if (token.start, token.end) == span:
                if not load.operator and not loads[-1].operator:
                    before = loads.pop()
                    load = _Load(
                        load.fixed | before.fixed, load.turns | before.turns, "", load.denied | before.denied
                    )
            elif token.start < span[1] < token.end:
                if loads[-1].denied:
                    load = self._denied(load)
                loads[-1] = self._denied(loads[-1], load.denied)
            loads.append(load)
            span = (token.start, token.end)
        return loads

    def _clause(self, loads: list[_Load], *, after: bool) -> int:
        total = 0
        turned: dict[int, str] = {}
        for i, load in enumerate(loads):
            total |= load.fixed
            if not load.operator:
                continue
            target = self._target(loads, i, after=after)
            if target is not None and turned.get(target) != "not":
                turned[target] = load.operator
        for i, load in enumerate(loads):
            how = turned.get(i, "")
            total |= load.turns << (0 if not how else self._width if how == "not" else 2 * self._width)
        return total

    def _target(self, loads: list[_Load], at: int, *, after: bool) -> int | None:
        """Return the act that the operator at *at* turns: the nearest ahead of it, else the nearest behind.

        "Payment pending" speaks of the payment, "held pending a letter" not of the hold: behind a "pending" only what can
        be waited for counts.
        """
        ahead = next((i for i in range(at + 1, len(loads)) if loads[i].turns), None)
        able = self._waits if loads[at].operator == "wait" and not after else -1
        behind = next((i for i in range(at - 1, -1, -1) if loads[i].turns & able), None)
        first, second = (behind, ahead) if after else (ahead, behind)
        return first if first is not None else second

    def decide(self, bits: int, tokens: Sequence[Token], *, whole: bool = False) -> list[Rule]:
        """Return the rule that decides and the next few that fit too; *whole*: of the rules for whole texts."""
        fitting: list[Rule] = []
        for compiled in self._whole if whole else self._stages:
            if not bits & compiled.first or bits & compiled.none:
                continue
            for need in compiled.rest:
                if not bits & need:
                    break
            else:
                if compiled.order and not _ordered(compiled.order, tokens):
                    continue
                fitting.append(compiled.rule)
                if len(fitting) == BEATEN + 1:
                    break
        return fitting

    def facts_of(self, bits: int, stage: Stage) -> list[Rule]:
        """Return the rows of facts that hold beside *stage*."""
        return [
            c.rule
            for c in self._facts_beside.get(stage, ())
            if bits & c.first and not bits & c.none and all(bits & need for need in c.rest)
        ]

    def named(self, bits: int) -> list[str]:
        """Return the concepts behind *bits*, for a person to read."""
        out = []
        for name, i in self._index.items():
            for sign, shift in (("", 0), ("-", self._width), ("~", 2 * self._width)):
                if bits >> (i + shift) & 1:
                    out.append(sign + name)
        return out


def _ordered(order: Sequence[frozenset[str]], tokens: Sequence[Token]) -> bool:
    step = 0
    for token in tokens:
        if order[step].intersection(token.words.concepts):
            step += 1
            if step == len(order):
                return True
    return False
