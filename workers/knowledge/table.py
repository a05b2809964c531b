"""Load the advice table and the priors of pace from our YAML into the core's objects. Decides nothing.

Every value of ``when:`` is checked against the closed lists of ``core.advise.FACTS``; a mistake names its
file and line.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from workers import loading, resources
from workers.core.advise import FACTS, Fact, Row, Table
from workers.core.forecast import Prior, Priors, Season
from workers.core.model import Advice, Evidence, NeedsYou, Side, Stage
from workers.errors import Misconfigured, Mistake

NOTHING = "none"  # how the table writes a fact of which nothing was said
_YES_NO = {"yes": True, "no": False}


def _listed(value: object) -> object:
    """One value stands for a list of one."""
    return [value] if isinstance(value, str) else value


Words = Annotated[list[str], BeforeValidator(_listed)]
When = dict[str, Words]


def _alternatives(value: object) -> object:
    return [value] if isinstance(value, dict) else value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RowModel(_Strict):
    """One row of advice.yaml."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    when: Annotated[list[When], BeforeValidator(_alternatives)] = Field(min_length=1)
    needs_you: NeedsYou
    urgent: bool = False
    silent: bool = False
    contact: Literal["", "operator", "customs", "seller", "shop", "bank"] = ""
    letter: Words = []
    topic: str = Field(min_length=1)
    deadline: Literal["", "pay", "documents", "storage", "round", "dispute"] = ""
    why: str = Field(min_length=1)
    source: str = Field(min_length=1)


class TableModel(_Strict):
    """advice.yaml."""

    checked: date
    rows: list[RowModel] = Field(min_length=1)


class PriorModel(_Strict):
    """One row of pace.yaml."""

    stages: list[Stage] = Field(min_length=1)
    sides: list[Side] = []
    express: bool | None = None
    destinations: list[str] = []
    half: float = Field(gt=0)
    most: float = Field(gt=0)
    stuck: float = Field(gt=0)
    source: str = Field(min_length=1)
    checked: date
    confidence: Literal["high", "medium", "low", "estimate"]
    note: str = ""


class SeasonModel(_Strict):
    """One season of pace.yaml; ``first`` and ``last`` are MM-DD."""

    name: str = Field(min_length=1)
    first: str = Field(pattern=r"^\d\d-\d\d$")
    last: str = Field(pattern=r"^\d\d-\d\d$")
    factor: float = Field(gt=1)
    stages: list[Stage] = []
    sides: list[Side] = []
    source: str = Field(min_length=1)
    checked: date
    confidence: Literal["high", "medium", "low", "estimate"]


class PaceModel(_Strict):
    """pace.yaml."""

    rows: list[PriorModel] = Field(min_length=1)
    seasons: list[SeasonModel] = []


def load_table(path: Path | None = None) -> Table:
    """Return the table in advice.yaml, or at *path*; raises Misconfigured with every mistake."""
    document = loading.read(path or resources.knowledge("advice.yaml"))
    model = loading.validate(TableModel, document)
    mistakes: list[Mistake] = []
    rows = []
    seen: dict[str, int] = {}
    for number, row in enumerate(model.rows):
        line = document.line(("rows", number))
        if row.id in seen:
            mistakes.append(
                Mistake(
                    document.file, line, f"the row {row.id!r} stands twice", f"also at line {seen[row.id]}"
                )
            )
        seen.setdefault(row.id, line)
        when = tuple(_facts(alternative, document.file, line, mistakes) for alternative in row.when)
        rows.append(Row(_advice(row, f"{document.file}:{line}", model.checked), when))
    if mistakes:
        raise Misconfigured(mistakes=tuple(mistakes))
    return Table(rows)


def _advice(row: RowModel, where: str, checked: date) -> Advice:
    return Advice(
        id=row.id,
        needs_you=row.needs_you,
        urgent=row.urgent,
        silent=row.silent,
        evidence=Evidence("advice", row.why, where, row.source, checked),
        contact=row.contact,
        letters=tuple(row.letter),
        topic=row.topic,
        deadline=row.deadline,
    )


def _facts(alternative: When, file: str, line: int, mistakes: list[Mistake]) -> Mapping[str, frozenset[Fact]]:
    facts: dict[str, frozenset[Fact]] = {}
    for name, words in alternative.items():
        if name not in FACTS:
            mistakes.append(Mistake(file, line, f"no fact {name!r}", f"the facts are {', '.join(FACTS)}"))
            continue
        known = {_word(value): value for value in FACTS[name]}
        mistakes.extend(
            Mistake(file, line, f"{name} is never {word!r}", f"it is one of {', '.join(known)}")
            for word in words
            if word not in known
        )
        facts[name] = frozenset(known[word] for word in words if word in known)
    return facts


def _word(value: Fact) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return NOTHING if value is None else value.value


def load_priors(path: Path | None = None) -> Priors:
    """Return the priors in pace.yaml, or at *path*; raises Misconfigured with every mistake."""
    document = loading.read(path or resources.knowledge("pace.yaml"))
    model = loading.validate(PaceModel, document)
    mistakes: list[Mistake] = []
    rows = []
    for number, row in enumerate(model.rows):
        line = document.line(("rows", number))
        if not row.half < row.most < row.stuck:
            mistakes.append(Mistake(document.file, line, "half, most and stuck must grow in this order"))
        where = f"{document.file}:{line}"
        rows.append(
            Prior(
                stages=frozenset(row.stages),
                half=row.half,
                most=row.most,
                stuck=row.stuck,
                evidence=Evidence("prior", row.note or row.confidence, where, row.source, row.checked),
                sides=frozenset(row.sides),
                express=row.express,
                destinations=frozenset(row.destinations),
            )
        )
    seasons = [
        _season(s, f"{document.file}:{document.line(('seasons', n))}") for n, s in enumerate(model.seasons)
    ]
    if mistakes:
        raise Misconfigured(mistakes=tuple(mistakes))
    return Priors(tuple(rows), tuple(seasons))


def _season(model: SeasonModel, where: str) -> Season:
    return Season(
        name=model.name,
        first=_day(model.first),
        last=_day(model.last),
        factor=model.factor,
        evidence=Evidence("prior", model.name, where, model.source, model.checked),
        stages=frozenset(model.stages),
        sides=frozenset(model.sides),
    )


def _day(text: str) -> tuple[int, int]:
    month, _, day = text.partition("-")
    return int(month), int(day)
