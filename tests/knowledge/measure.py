"""Measure the classifier on the development corpus: ``python -m tests.knowledge.measure [--lang de] [--show] [--leave-out]``."""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.knowledge import tables
from workers.core.classify import CUSTOMS, Classifier
from workers.core.model import Addressee, Reading, Stage
from workers.core.text import fold

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus" / "development.tsv"

# Pairs that a careful reader may name either way: what an event says is often wider than one word of ours.
ACCEPTED: dict[Stage, frozenset[Stage]] = {
    Stage.PAYMENT_RECEIVED: frozenset({Stage.IMPORT_CUSTOMS}),
}
ASKS = frozenset({Stage.PAYMENT_DUE, Stage.DOCUMENTS_REQUIRED})


@dataclass(frozen=True, slots=True)
class Line:
    """One labelled text of the corpus."""

    text: str
    lang: str
    carrier: str
    code: str
    stage: Stage
    cause: str
    confidence: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted; every share is between 0 and 1."""

    texts: int
    stage: float
    customs: int
    customs_recall: float
    customs_stage: float
    false_customs: int
    false_asks: int
    cause: float


def corpus() -> list[Line]:
    with CORPUS.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [
            Line(
                r["text"],
                r["lang"],
                r["carrier_or_provider"],
                r["code"],
                Stage(r["stage"]),
                r["cause"],
                r["confidence"],
            )
            for r in rows
        ]


def accepted(label: Stage, read: Stage) -> bool:
    return read is label or label in ACCEPTED.get(read, frozenset())


def figures(pairs: Sequence[tuple[Line, Reading]]) -> Figures:
    customs = [(line, r) for line, r in pairs if line.stage in CUSTOMS]
    others = [(line, r) for line, r in pairs if line.stage not in CUSTOMS]
    caused = [(line, r) for line, r in customs if line.cause]
    return Figures(
        texts=len(pairs),
        stage=_share(accepted(line.stage, r.stage) for line, r in pairs),
        customs=len(customs),
        customs_recall=_share(r.stage in CUSTOMS for _, r in customs),
        customs_stage=_share(accepted(line.stage, r.stage) for line, r in customs),
        false_customs=sum(r.stage in CUSTOMS for _, r in others),
        false_asks=sum(asks(r) and line.stage not in ASKS for line, r in pairs),
        cause=_share(line.cause in {c.value for c in r.causes} for line, r in caused),
    )


def asks(reading: Reading) -> bool:
    """Whether *reading* would tell a buyer to act."""
    return reading.stage in ASKS or (reading.addressee is Addressee.BUYER and reading.stage in CUSTOMS)


def _share(flags: Iterable[bool]) -> float:
    found = list(flags)
    return sum(found) / len(found) if found else 1.0


def support(
    classifier: Classifier, lines: Sequence[Line], key: Callable[[Line], str]
) -> dict[tuple[int, str], set[str]]:
    """Return, for every pattern of every language, in whose texts (carrier or source, by *key*) it occurs."""
    out: dict[tuple[int, str], set[str]] = defaultdict(set)
    for line in lines:
        for lang, hits in classifier.lexicon.find(fold(line.text)).items():
            for _, _, meaning in hits:
                out[lang, meaning.pattern].add(key(line))
    return out


def without(
    classifier: Classifier,
    known: Mapping[tuple[int, str], set[str]],
    left_out: str,
    *,
    sayings_alone: bool = False,
) -> Classifier:
    """Return *classifier* without every pattern that occurs in the texts of *left_out* and in no others.

    That is harsher than not having seen them: a word of the dictionary that only this carrier happens to use goes too,
    and a language that only it writes goes whole. *sayings_alone* takes only what a carrier can teach and a dictionary
    cannot: patterns of several words, or of four signs and more where words are not divided.
    """
    languages = []
    for i, language in enumerate(classifier.lexicon.languages):
        gone = {
            pattern
            for (lang, pattern), seen in known.items()
            if lang == i
            and seen == {left_out}
            and not (sayings_alone and not _saying(pattern, spaced=language.spaced))
        }
        kept = [replace(w, patterns=tuple(p for p in w.patterns if p not in gone)) for w in language.words]
        sayings = [
            replace(p, match=m) for p in language.phrases if (m := tuple(x for x in p.match if x not in gone))
        ]
        languages.append(replace(language, words=tuple(kept), phrases=tuple(sayings)))
    return Classifier(languages, classifier.grammar, classifier.codes)


def _saying(pattern: str, *, spaced: bool) -> bool:
    return len(pattern.split()) > 1 if spaced else len(pattern) >= 4


def left_out(
    classifier: Classifier, lines: Sequence[Line], key: Callable[[Line], str], *, sayings_alone: bool = False
) -> Iterator[tuple[str, Figures]]:
    """Yield the figures of every carrier or source with ten texts or more, read without what only it taught; then all of them."""
    known = support(classifier, lines, key)
    whole: list[tuple[Line, Reading]] = []
    for name, count in Counter(map(key, lines)).most_common():
        if count >= 10:
            fewer = without(classifier, known, name, sayings_alone=sayings_alone)
            pairs = [(line, fewer.read(line.text)) for line in lines if key(line) == name]
            whole += pairs
            yield name, figures(pairs)
    yield "all of them", figures(whole)


def source_of(line: Line) -> str:
    """Return where a text was found, more coarsely than its carrier: an aggregator, a code list, a carrier."""
    for name in ("17TRACK", "AfterShip", "Cainiao", "ASC X12", "UPU", "EDIFACT", "generic", "generated"):
        if name.casefold() in line.carrier.casefold():
            return name
    return line.carrier.partition(" (")[0]


def show(title: str, f: Figures) -> None:
    print(
        f"{title:28} {f.texts:5} texts  stage {f.stage:6.1%}  customs {f.customs:4}  recall {f.customs_recall:6.1%}  "
        f"stage {f.customs_stage:6.1%}  false customs {f.false_customs:3}  false asks {f.false_asks:3}  cause {f.cause:6.1%}"
    )


def show_left_out(classifier: Classifier, lines: Sequence[Line]) -> None:
    for title, key in (("carrier", lambda line: line.carrier), ("source", source_of)):
        for alone in (True, False):
            what = "the sayings" if alone else "every word"
            print(f"\n{what} of one {title} left out at a time")
            for name, counted in left_out(classifier, lines, key, sayings_alone=alone):
                show(name[:28], counted)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lang", default="")
    parser.add_argument("--show", action="store_true", help="list every disagreement")
    parser.add_argument("--low", action="store_true", help="count labels of low confidence too")
    parser.add_argument(
        "--leave-out", action="store_true", help="leave out, one carrier at a time, what only it taught"
    )
    args = parser.parse_args(argv)
    if not CORPUS.exists():
        print(f"the corpus is not here: {CORPUS}")
        return 0
    started = time.perf_counter()
    classifier, broken = tables.whole()
    for lang, why in broken.items():
        print(f"{lang} is left out: {why}", file=sys.stderr)
    loaded = time.perf_counter() - started
    lines = [
        line
        for line in corpus()
        if (args.low or line.confidence != "low") and (not args.lang or line.lang == args.lang)
    ]
    started = time.perf_counter()
    pairs = [(line, classifier.read(line.text)) for line in lines]
    spent = time.perf_counter() - started
    print(
        f"loaded in {loaded:.2f} s, {classifier.lexicon.size} patterns; {spent / max(1, len(pairs)) * 1e6:.0f} us a text, cold"
    )
    show("all", figures(pairs))
    for lang in sorted({line.lang for line in lines}):
        show(lang, figures([p for p in pairs if p[0].lang == lang]))
    print()
    for stage in Stage:
        mine = [(line, r) for line, r in pairs if line.stage is stage]
        if mine:
            wrong = Counter(r.stage.value for line, r in mine if not accepted(line.stage, r.stage))
            print(
                f"{stage.value:22} {len(mine):4}  {_share(accepted(ln.stage, r.stage) for ln, r in mine):6.1%}  {dict(wrong)}"
            )
    if args.leave_out:
        show_left_out(classifier, lines)
    if args.show:
        print()
        for line, reading in pairs:
            if not accepted(line.stage, reading.stage):
                why = reading.evidence[0].what[:90] if reading.evidence else ""
                print(
                    f"{line.lang} {line.stage.value:>20} -> {reading.stage.value:20} [{line.confidence}] {line.text[:150]}  {{{why}}}"
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
