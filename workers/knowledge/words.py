"""Load what we know of words and codes into the core's classifier; refuses a file with a mistake, naming every one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from workers import loading, resources
from workers.core.classify import Classifier, Code, normal_code
from workers.core.grammar import Grammar, Kind, Rule
from workers.core.lexicon import Language, PatternsError, Phrase, Says, Words
from workers.core.model import Addressee, Cause, Charges, Side, Stage
from workers.errors import Misconfigured, Mistake


def _lines(value: Any) -> Any:
    """A list in YAML, or one text with an entry a line."""
    return [line.strip() for line in value.splitlines() if line.strip()] if isinstance(value, str) else value


Lines = Annotated[tuple[str, ...], BeforeValidator(_lines)]


def _spoken(charges: Charges) -> Charges:
    """No event says of itself that it came before another."""
    if charges is Charges.ASKED:
        raise ValueError("no wording says so of charges; it is due, paid, none or unknown")
    return charges


Spoken = Annotated[Charges, AfterValidator(_spoken)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Says(_Strict):
    stage: Stage
    side: Side | None = None
    addressee: Addressee | None = None
    charges: Spoken = Charges.UNKNOWN
    causes: tuple[Cause, ...] = ()

    def says(self) -> Says:
        return Says(self.stage, self.side, self.addressee, self.charges, self.causes)


class PhraseRow(_Says):
    match: Lines
    seen: Lines
    unlike: Lines = ()
    source: str = ""
    checked: date | None = None
    note: str = ""


class LanguageFile(_Strict):
    language: str
    name: str
    spaced: bool = True
    after: bool = False
    letters: dict[str, str] = {}
    common: str = ""
    words: dict[str, str] = {}
    phrases: tuple[PhraseRow, ...] = ()


class ConceptRow(_Strict):
    kind: Kind
    means: str
    waits: bool = False


class StageRow(_Says):
    id: str
    all: tuple[str, ...]
    none: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    seen: Lines = ()
    whole: bool = False
    note: str = ""


class FactRow(_Strict):
    id: str
    all: tuple[str, ...]
    none: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    side: Side | None = None
    addressee: Addressee | None = None
    charges: Spoken | None = None
    causes: tuple[Cause, ...] = ()
    note: str = ""


class GrammarFile(_Strict):
    concepts: dict[str, ConceptRow]
    stages: tuple[StageRow, ...]
    facts: tuple[FactRow, ...]
    precedence: tuple[Stage, ...]


class CodeRow(_Says):
    means: str = ""
    source: str = ""
    doubtful: bool = False
    weak: bool = False


class CodesFile(_Strict):
    system: str
    title: str
    source: str
    checked: date
    codes: dict[str, CodeRow]
    note: str = ""


def load(
    *, phrases: Path | None = None, codes: Path | None = None, grammar: Path | None = None
) -> Classifier:
    """Return the classifier of all we know; raises Misconfigured with every mistake."""
    rules = load_grammar(grammar or resources.knowledge("grammar.yaml"))
    languages = load_languages(phrases or resources.knowledge("phrases"), rules)
    return build(languages, rules, load_codes(codes or resources.knowledge("codes")))


def build(
    languages: Sequence[Language], grammar: Grammar, codes: Mapping[str, Mapping[str, Code]]
) -> Classifier:
    """Return the classifier; raises Misconfigured for every pattern that cannot be looked for."""
    try:
        return Classifier(languages, grammar, codes)
    except PatternsError as error:
        places = [(where.rpartition(":"), what) for where, what in error.mistakes]
        raise Misconfigured(
            mistakes=tuple(Mistake(place[0], int(place[2]), what) for place, what in places)
        ) from None


def load_grammar(path: Path) -> Grammar:
    """Return the grammar; raises Misconfigured for a rule that names no concept of the list."""
    document = loading.read(path, name=path.name)
    file = loading.validate(GrammarFile, document)
    mistakes: list[Mistake] = []
    names = set(file.concepts)
    stages, facts = [], []
    for i, row in enumerate(file.stages):
        line = document.line(("stages", i))
        mistakes += _unknown_concepts(document.file, line, names, (*row.all, *row.none, *row.order))
        says = row.says()
        stages.append(
            Rule(row.id, f"{document.file}:{line}", row.all, row.none, row.order, says, row.seen, row.whole)
        )
    for i, fact in enumerate(file.facts):
        line = document.line(("facts", i))
        mistakes += _unknown_concepts(document.file, line, names, (*fact.all, *fact.none))
        facts.append(
            Rule(
                fact.id,
                f"{document.file}:{line}",
                fact.all,
                fact.none,
                stages=frozenset(fact.stages),
                side=fact.side,
                addressee=fact.addressee,
                charges=fact.charges,
                causes=fact.causes,
            )
        )
    for row_id in _twice(rule.id for rule in (*stages, *facts)):
        mistakes.append(Mistake(document.file, 1, f"the rule {row_id!r} stands twice"))
    if mistakes:
        raise Misconfigured(mistakes=tuple(mistakes))
    kinds = {name: concept.kind for name, concept in file.concepts.items()}
    waits = frozenset(name for name, concept in file.concepts.items() if concept.waits)
    return Grammar(kinds, stages, facts, file.precedence, waits)


def load_languages(folder: Path, grammar: Grammar) -> list[Language]:
    """Return every language of *folder*, by file name; raises Misconfigured with every mistake of all files."""
    out: list[Language] = []
    mistakes: list[Mistake] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            out.append(load_language(path, grammar))
        except Misconfigured as error:
            mistakes += error.mistakes
    if mistakes:
        raise Misconfigured(mistakes=tuple(mistakes))
    return out


def load_language(path: Path, grammar: Grammar) -> Language:
    """Return one language; raises Misconfigured with every mistake of its file."""
    document = loading.read(path, name=f"{path.parent.name}/{path.name}")
    file = loading.validate(LanguageFile, document)
    mistakes: list[Mistake] = []
    if file.language != path.stem:
        mistakes.append(Mistake(document.file, 1, f"language {file.language!r} must be the file's name"))
    words = []
    for key, text in file.words.items():
        line = document.line(("words", key))
        concepts = tuple(part.strip() for part in key.split("+"))
        mistakes += [
            Mistake(document.file, line, f"no concept {name!r}", "grammar.yaml has the list")
            for name in concepts
            if name not in grammar.concepts
        ]
        words.append(Words(concepts, tuple(_split(text)), f"{document.file}:{line}"))
    sayings = []
    for i, row in enumerate(file.phrases):
        line = document.line(("phrases", i))
        sayings.append(
            Phrase(
                row.says(),
                row.match,
                f"{document.file}:{line}",
                row.source,
                row.checked,
                row.seen,
                row.unlike,
            )
        )
    language = Language(
        file.language,
        file.name,
        tuple(words),
        tuple(sayings),
        tuple(_split(file.common)),
        file.spaced,
        file.after,
        file.letters,
    )
    if mistakes:
        raise Misconfigured(mistakes=tuple(mistakes))
    return language


def load_codes(folder: Path) -> dict[str, dict[str, Code]]:
    """Return every code system of *folder*; raises Misconfigured for a code that stands twice."""
    out: dict[str, dict[str, Code]] = {}
    mistakes: list[Mistake] = []
    for path in sorted(folder.glob("*.yaml")):
        document = loading.read(path, name=f"{folder.name}/{path.name}")
        file = loading.validate(CodesFile, document)
        if file.system != path.stem:
            mistakes.append(Mistake(document.file, 1, f"system {file.system!r} must be the file's name"))
        codes: dict[str, Code] = {}
        for written, row in file.codes.items():
            line = document.line(("codes", written))
            code = normal_code(written)
            if code in codes:
                mistakes.append(Mistake(document.file, line, f"the code {code} stands twice"))
            codes[code] = Code(
                row.says(),
                row.means,
                f"{document.file}:{line}",
                row.source or file.source,
                file.checked,
                row.weak,
                row.doubtful,
            )
        out[file.system] = codes
    if mistakes:
        raise Misconfigured(mistakes=tuple(mistakes))
    return out


def _split(text: str) -> Iterator[str]:
    """Yield the patterns of a block: divided by commas or lines."""
    for line in text.splitlines():
        for part in line.split(","):
            if part.strip():
                yield part.strip()


def _unknown_concepts(file: str, line: int, names: set[str], items: Iterable[str]) -> Iterator[Mistake]:
    for item in items:
        for name in item.split("|"):
            if name.strip().lstrip("-~.") not in names:
                yield Mistake(file, line, f"no concept {name.strip()!r}")


def _twice(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return [name for name in names if name in seen or seen.add(name)]  # type: ignore[func-returns-value]  # add returns None
