"""Read our own tables of cases, ``cases/<lang>.tsv``: a text, its stage, and facts beside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workers import resources
from workers.core.classify import Classifier
from workers.core.lexicon import Language
from workers.core.model import Reading, Stage
from workers.errors import Misconfigured
from workers.knowledge import words

FOLDER = Path(__file__).parent / "cases"


@dataclass(frozen=True, slots=True)
class Case:
    where: str
    text: str
    stage: Stage
    facts: tuple[tuple[str, str], ...] = ()

    def wrong(self, reading: Reading) -> str:
        """Return what is wrong with *reading*, or nothing."""
        if reading.stage is not self.stage:
            by = f" by {reading.evidence[0].what!r}" if reading.evidence else ""
            return f"{self.where}: {self.text!r} reads {reading.stage}, not {self.stage}{by}"
        for name, value in self.facts:
            have = _facts(reading, name)
            if value not in have:
                return f"{self.where}: {self.text!r}: {name} is {', '.join(have)}, not {value}"
        return ""


def _facts(reading: Reading, name: str) -> list[str]:
    if name == "cause":
        return [cause.value for cause in reading.causes] or ["none"]
    value = {"side": reading.side, "addressee": reading.addressee, "charges": reading.charges}[name]
    return [value.value if value is not None else "none"]


@cache
def of(lang: str) -> tuple[Case, ...]:
    path = FOLDER / f"{lang}.tsv"
    if not path.exists():
        return ()
    out = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if number == 1 or not line.strip() or line.startswith("#"):
            continue
        text, stage, *rest = line.split("\t")
        facts = tuple((k, v) for k, _, v in (fact.partition("=") for fact in " ".join(rest).split()))
        out.append(Case(f"{path.name}:{number}", text, Stage(stage), facts))
    return tuple(out)


@cache
def whole() -> tuple[Classifier, dict[str, str]]:
    """Return a classifier of every language file that loads, and what is wrong with each that does not.

    Languages are written side by side; a half-written one must not blind the work on the others.
    """
    grammar = words.load_grammar(resources.knowledge("grammar.yaml"))
    good: list[Language] = []
    broken: dict[str, str] = {}
    for path in sorted(resources.knowledge("phrases").glob("*.yaml")):
        try:
            language = words.load_language(path, grammar)
            words.build([language], grammar, {})
        except Misconfigured as error:
            broken[path.stem] = str(error)
        else:
            good.append(language)
    try:
        codes = words.load_codes(resources.knowledge("codes"))
    except Misconfigured as error:
        codes, broken["codes"] = {}, str(error)
    return words.build(good, grammar, codes), broken
