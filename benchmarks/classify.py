"""Classify texts, cold and with a warm cache, beside plain alternatives in the same run.

``python -m benchmarks.classify [--rounds 7]``. One thread, one core, processor time. Beside our classifier: (a) one
alternation of all plain patterns with ``re`` on the folded text, (b) ``ahocorasick_rs`` with the same patterns alone,
(c) a loop that does nothing. The alternatives only find words; they do not fold, choose a language, or say what the
words amount to. Texts: our own tables of cases, every one once a round.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import time
from collections.abc import Callable, Sequence

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from tests.knowledge import tables
from workers import resources
from workers.core.classify import Classifier
from workers.core.text import fold
from workers.knowledge import words

AIM = 60.0  # microseconds a cold text may cost


def texts() -> list[str]:
    """Return the texts of every language's table of cases."""
    codes = sorted(path.stem for path in resources.knowledge("phrases").glob("*.yaml"))
    return list(dict.fromkeys(case.text for code in codes for case in tables.of(code)))


def measured(each: Callable[[str], object], all_texts: Sequence[str], rounds: int) -> list[float]:
    """Return microseconds of processor time per text, one figure a round; other programs on the machine do not count."""
    out = []
    for _ in range(rounds):
        started = time.process_time()
        for text in all_texts:
            each(text)
        out.append((time.process_time() - started) / len(all_texts) * 1e6)
    return out


def nothing(_text: str) -> None:
    """What the loop itself costs."""


def alternatives(classifier: Classifier) -> dict[str, Callable[[str], object]]:
    """Return the two plain ways to look for all our patterns in a text."""
    plain = sorted(set(classifier.lexicon.literals), key=len, reverse=True)
    alternation = re.compile("|".join(map(re.escape, plain)))
    automaton = AhoCorasick(
        plain,
        matchkind=MatchKind.LeftmostLongest,
        store_patterns=False,
        implementation=Implementation.ContiguousNFA,
    )
    return {
        "(a) re, one alternation": alternation.findall,
        "(b) ahocorasick_rs alone": automaton.find_matches_as_indexes,
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args(argv).rounds
    started = time.perf_counter()
    classifier = words.load()
    loaded = time.perf_counter() - started
    read = texts()
    folded = [fold(text) for text in read]
    for text in read:  # patterns with gaps are compiled at first use
        classifier.read_uncached(text)
    classifier.read(read[0])
    results = {
        "customs-watch, cold": measured(classifier.read_uncached, read, rounds),
        "customs-watch, warm": measured(classifier.read, read, rounds + 1)[1:],
        "folding alone": measured(fold, read, rounds),
    }
    for name, each in alternatives(classifier).items():
        results[name] = measured(each, folded, max(1, rounds // 3) if name.startswith("(a)") else rounds)
    results["(c) a loop that does nothing"] = measured(nothing, read, rounds)
    languages = len(classifier.lexicon.languages)
    print(
        f"{len(read)} texts, {languages} languages, {classifier.lexicon.size} patterns, loaded in {loaded:.2f} s"
    )
    base = statistics.median(results["(b) ahocorasick_rs alone"])
    print(f"{'':30} {'us/text':>9} {'spread':>17} {'texts/s':>11} {'x (b)':>7}")
    for name, figures in results.items():
        middle = statistics.median(figures)
        spread = f"{min(figures):.2f}..{max(figures):.2f}"
        print(f"{name:30} {middle:9.2f} {spread:>17} {1e6 / middle:11,.0f} {middle / base:7.2f}")
    cold = min(results["customs-watch, cold"])
    print(f"aim: a cold text in {AIM:.0f} us at most: {'met' if cold <= AIM else 'missed'} at {cold:.1f} us")
    return 0 if cold <= AIM else 1


if __name__ == "__main__":
    sys.exit(main())
