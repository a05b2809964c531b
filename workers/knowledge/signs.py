"""Load what we know of forged messages from scam.yaml; refuses a sign without a sentence and a wording without letters."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from workers import loading, resources
from workers.core.model import Evidence
from workers.core.scam_case import KINDS, Sign
from workers.core.text import fold
from workers.core.wording import Entry, Report, Signs
from workers.errors import Misconfigured, Mistake
from workers.knowledge.shapes import Iso2, Strict

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Domain = Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]


class SignFile(Strict):
    says: str = Field(min_length=10)
    source: str = Field(min_length=8)
    checked: date | None = None  # else the file's


class ReportFile(Strict):
    where: str = Field(min_length=8)
    source: str = Field(min_length=8)
    country: Literal[""] | Iso2 = ""
    operator: str = ""

    @model_validator(mode="after")
    def _of_somebody(self) -> ReportFile:
        if bool(self.country) == bool(self.operator):
            raise ValueError("a place to report to belongs to a country or to an operator")
        return self


class ScamFile(Strict):
    checked: date
    signs: dict[Sign, SignFile]
    shorteners: tuple[Domain, ...] = Field(min_length=10)
    endings: tuple[str, ...] = Field(min_length=10)
    tiny: dict[Currency, Decimal]
    calling: dict[Iso2, Annotated[str, Field(pattern=r"^\d{1,3}$")]]
    reports: tuple[ReportFile, ...]
    words: dict[Language, dict[str, tuple[str, ...]]]


def load_signs(path: Path | None = None) -> Signs:
    """Return scam.yaml, or the file at *path*; raises Misconfigured with every mistake."""
    document = loading.read(path or resources.knowledge("scam.yaml"))
    file = loading.validate(ScamFile, document)
    missing = [sign.value for sign in Sign if sign not in file.signs]
    mistakes = [
        Mistake(document.file, document.line(("signs",)), f"nothing is said of {name}") for name in missing
    ]
    entries = list(_entries(file, document, mistakes))
    if mistakes:
        raise Misconfigured(mistakes=tuple(mistakes))

    def evidence(what: str, source: str, checked: date | None, *path: str | int) -> Evidence:
        return Evidence(
            "sign", what, f"{document.file}:{document.line(path)}", source, checked or file.checked
        )

    return Signs(
        entries=tuple(entries),
        common={lang: frozenset(_folded(kinds.get("common", ()))) for lang, kinds in file.words.items()},
        shorteners=frozenset(file.shorteners),
        endings=frozenset(file.endings),
        tiny=file.tiny,
        calling=file.calling,
        reports=tuple(
            Report(r.country, r.operator, r.where, evidence(r.where, r.source, None, "reports", n))
            for n, r in enumerate(file.reports)
        ),
        rows={
            sign.value: evidence(row.says, row.source, row.checked, "signs", sign.value)
            for sign, row in file.signs.items()
        },
    )


def _folded(words: tuple[str, ...]) -> set[str]:
    return {part for word in words for part in fold(word).split()}


def _entries(file: ScamFile, document: loading.Document, mistakes: list[Mistake]) -> list[Entry]:
    out = []
    for lang, kinds in file.words.items():
        for kind, wordings in kinds.items():
            line = document.line(("words", lang, kind))
            if kind not in KINDS:
                mistakes.append(
                    Mistake(document.file, line, f"no kind {kind!r}", f"it is one of {', '.join(KINDS)}")
                )
            for wording in wordings if kind != "common" else ():
                words = tuple(fold(wording.rstrip("*")).replace(",", " ").replace("|", " ").split())
                if not words:
                    mistakes.append(Mistake(document.file, line, f"{wording!r} holds no word"))
                    continue
                out.append(Entry(kind, lang, words, wording.endswith("*"), f"{document.file}:{line}"))
        for kind in set(KINDS) - set(kinds):
            line = document.line(("words", lang))
            mistakes.append(
                Mistake(document.file, line, f"{lang} has no words for {kind}", "an empty list says so")
            )
    return out
