"""Show how one text is read: ``python -m tests.knowledge.read "text" …``: its language, concepts, rule, and what lost."""

from __future__ import annotations

import sys

from tests.knowledge import tables
from workers.core.classify import sorted_out
from workers.core.text import fold


def main() -> None:
    classifier, broken = tables.whole()
    for lang, why in broken.items():
        print(f"{lang} is left out: {why}", file=sys.stderr)
    for text in sys.argv[1:]:
        folded = fold(text)
        print(f"\n{text}\n  folded  {folded!r}")
        found = classifier.lexicon.find(folded)
        for index in classifier.languages_of(found, ""):
            language = classifier.lexicon.languages[index]
            tokens, phrases = sorted_out(found[index], classifier.grammar.marks)
            print(
                f"  {language.code:3} ",
                *(f"{'+'.join(t.words.concepts)}({folded[t.start : t.end]})" for t in tokens),
            )
            for start, end, meaning in phrases:
                print(f"       phrase {meaning.pattern!r} at {folded[start:end]!r}")
        reading = classifier.read(text)
        side, who = reading.side or "-", reading.addressee or "-"
        print(
            f"  =>  {reading.stage}  side {side}  addressee {who}  charges {reading.charges}  causes {list(reading.causes)}"
        )
        for evidence in reading.evidence:
            print(f"      {evidence.kind:8} {evidence.where:24} {evidence.what}")
        for evidence in reading.beat:
            print(f"      beat     {evidence.where:24} {evidence.what}")


if __name__ == "__main__":
    main()
