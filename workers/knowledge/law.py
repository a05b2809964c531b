"""Load the law and the operators from our YAML files into objects of the core. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from workers import loading, resources
from workers.core import tariff
from workers.core.law import Category, Country, Duty, Law, Row, Territory, in_force
from workers.core.model import Evidence, Operator
from workers.core.money import Span
from workers.errors import Misconfigured, Mistake
from workers.knowledge.shapes import (
    Case,
    CategoriesFile,
    CategoryFile,
    CountryFile,
    DutyFile,
    OperatorFile,
    RowFile,
)


def load_law(folder: Path | None = None) -> Law:
    """Return all the law we ship; raises Misconfigured with every mistake of a file."""
    folder = folder or resources.knowledge()
    written = [_country(path) for path in sorted((folder / "countries").glob("*.yaml"))]
    blocs = {file.country: lines for file, lines in written}
    countries = {}
    for file, lines in written:
        if file.bloc and file.bloc not in blocs:
            mistake = Mistake(
                f"countries/{file.country}.yaml", 1, f"there is no file of the bloc {file.bloc}"
            )
            raise Misconfigured(mistakes=(mistake,))
        countries[file.country] = Country(
            code=file.country, name=file.name, currency=file.currency, bloc=file.bloc,
            documents=file.documents, lines={**blocs.get(file.bloc, {}), **lines},
            territories=tuple(Territory(t.name, t.postcodes, t.law) for t in file.territories),
        )  # fmt: skip
    categories, codes, average = _categories(folder / "categories.yaml")
    fees = {
        file.operator: _rows(document, "operator_fee", file.fee, ("fee",))
        for file, document in _operators(folder)
    }
    words, unspaced = tariff.index(categories.values())
    return Law(
        countries=countries, categories=categories, words=words, unspaced=unspaced, hs=codes, average=average, fees=fees,
    )  # fmt: skip


def cases(folder: Path | None = None) -> Iterable[tuple[CountryFile, int, Case, str]]:
    """Yield every worked example: its file, its place in it, itself, and where it stands."""
    for path in sorted(((folder or resources.knowledge()) / "countries").glob("*.yaml")):
        document = loading.read(path, name=f"countries/{path.name}")
        file = loading.validate(CountryFile, document)
        for number, case in enumerate(file.cases):
            yield file, number, case, f"{document.file}:{document.line(('cases', number))}"


def load_operators(*, on: date = date.max, folder: Path | None = None) -> tuple[Operator, ...]:
    """Return every operator we know, with the fee of *on* (the last one confirmed)."""
    return tuple(
        _operator(file, document, on) for file, document in _operators(folder or resources.knowledge())
    )


def _country(path: Path) -> tuple[CountryFile, dict[str, tuple[Row, ...]]]:
    document = loading.read(path, name=f"countries/{path.name}")
    file = loading.validate(CountryFile, document)
    if file.country != path.stem:
        raise Misconfigured(
            mistakes=(Mistake(document.file, 1, f"country: {file.country} stands in {path.name}"),)
        )
    return file, {line: _rows(document, line, rows, ("lines", line)) for line, rows in file.lines.items()}


def _rows(
    document: loading.Document, line: str, rows: Iterable[RowFile], path: tuple[str, ...]
) -> tuple[Row, ...]:
    who = document.file.partition("/")[2].removesuffix(".yaml")
    return tuple(
        row.row(line, Evidence(
            kind="rule", what=f"{who} {line} from {row.start}{' (expected)' if row.expected else ''}",
            where=f"{document.file}:{document.line((*path, number))}", source=row.source, checked=row.checked,
        ))
        for number, row in enumerate(rows)
    )  # fmt: skip


def _categories(path: Path) -> tuple[dict[str, Category], dict[str, Category], dict[str, Duty]]:
    document = loading.read(path, name=path.name)
    file = loading.validate(CategoriesFile, document)

    def duty(cell: DutyFile, what: str, *steps: str) -> Duty:
        where = f"{document.file}:{document.line(steps)}"
        evidence = Evidence(kind="rule", what=what, where=where, source=cell.source, checked=cell.checked)
        high = cell.rate if cell.rate_high is None else cell.rate_high
        return Duty(Span(cell.rate, high), evidence, cell.confidence)

    def category(name: str, entry: CategoryFile, section: str) -> Category:
        cells = {
            t: duty(cell, f"duty {t} {name}", section, name, "duty", t) for t, cell in entry.duty.items()
        }
        words = tuple(word.casefold() for words in entry.words.values() for word in words)
        return Category(name, entry.hs, words, cells)

    return (
        {name: category(name, entry, "categories") for name, entry in file.categories.items()},
        {code: category(code, entry, "codes") for code, entry in file.codes.items()},
        {t: duty(cell, f"average duty {t}", "averages", t) for t, cell in file.averages.items()},
    )


def _operators(folder: Path) -> Iterable[tuple[OperatorFile, loading.Document]]:
    for path in sorted((folder / "operators").glob("*.yaml")):
        document = loading.read(path, name=f"operators/{path.name}")
        file = loading.validate(OperatorFile, document)
        if file.operator != path.stem:
            mistake = Mistake(document.file, 1, f"operator: {file.operator} stands in {path.name}")
            raise Misconfigured(mistakes=(mistake,))
        yield file, document


def _operator(file: OperatorFile, document: loading.Document, on: date) -> Operator:
    fee = in_force(_rows(document, "operator_fee", file.fee, ("fee",)), on)
    flat = [band.flat for band in fee.bands if band.flat] if fee else []
    evidence = Evidence(
        kind="rule", what=f"operator {file.operator}", where=f"{document.file}:1", source=file.source,
        checked=file.checked,
    )  # fmt: skip
    return Operator(
        id=file.operator, name=file.name, country=file.country, kind=file.kind, asks_by=file.asks_by,
        pay_where=file.pay_where, pay_methods=file.pay_methods, domains=file.domains, site=file.site,
        fee_low=min((low for low, _ in flat), key=lambda m: m.amount, default=None),
        fee_high=max((high for _, high in flat), key=lambda m: m.amount, default=None),
        fee_note=file.fee_note, storage_days=file.storage_days,
        storage_working_days=file.storage_working_days, documents_where=file.documents_where,
        contact=file.contact, bills_later=file.bills_later, links_in_messages=file.links_in_messages,
        evidence=evidence, aliases=tuple(a.casefold() for a in file.aliases), numbers=file.numbers,
        unverified_domains=file.unverified_domains,
    )  # fmt: skip
