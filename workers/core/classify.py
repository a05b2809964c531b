"""Say what one tracking event says: code first, then its words, then their translation. Refuses to guess.

Nothing here knows where the parcel is or what came before: that is ``core.context``. Never raises on any text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from workers.core.codes import CUSTOMS, Code, join, normal_code, of_code, system_of
from workers.core.context import resolve
from workers.core.grammar import Grammar, Token
from workers.core.lexicon import Hit, Language, Lexicon, Phrase, Says
from workers.core.model import Addressee, Charges, Evidence, Reading, Sighting, Stage
from workers.core.text import LIMIT, fold

# Tags that sources send for a language we keep under another.
ALIASES = {
    "nb": "no", "nn": "no", "iw": "he", "in": "id", "cn": "zh", "jp": "ja", "kr": "ko", "ua": "uk", "cz": "cs", "gr": "el",
    "dk": "da", "se": "sv", "ee": "et", "bs": "hr", "sh": "sr", "vn": "vi", "br": "pt",
}  # fmt: skip
CACHE = 32_768  # texts; event texts repeat
LONGEST = 4 * LIMIT  # characters of a text that are kept for the cache's key
LIKELY = 6  # languages looked at closely
THIN = 0.2  # share of a text that must be known: fewer words of it are chance
NEAR = 0.6  # a language that covers this much of what the best covers may be meant as well
DENSE = 2.5  # letters that one sign of a script without blanks is worth
HINTED = 1.5  # how much the source's word for the language counts


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What one sentence says, and how it was found."""

    says: Says
    evidence: tuple[Evidence, ...]
    beat: tuple[Evidence, ...]


class Classifier:
    """All we know of words and codes, ready to read. Safe to share between threads."""

    def __init__(
        self, languages: Sequence[Language], grammar: Grammar, codes: Mapping[str, Mapping[str, Code]]
    ) -> None:
        self.lexicon = Lexicon(languages)
        self.grammar = grammar
        self.codes = codes
        self._by_tag = {language.code: i for i, language in enumerate(languages)}
        self._density = [1.0 if language.spaced else DENSE for language in languages]
        self._english = self._by_tag.get("en")
        self._cached = lru_cache(maxsize=CACHE)(self._read)

    def read(
        self,
        text: str,
        *,
        code: str = "",
        system: str = "",
        lang: str = "",
        translation: str = "",
        carrier: str = "",
    ) -> Reading:
        """Return what the event says; stage ``unknown`` and no evidence where we cannot tell. Bounded time.

        *system* is a file of ``knowledge/codes``; where it is none, the *carrier* or the code itself may tell which.
        """
        if code and system not in self.codes:
            system = system_of(self.codes, code, f"{system} {carrier}")
        return self._cached(text[:LONGEST], code, system, lang, translation[:LONGEST])

    def read_uncached(self, text: str) -> Reading:
        """Return what *text* alone says, worked out anew."""
        return self._read_text(text, "")

    def _read(self, text: str, code: str, system: str, lang: str, translation: str) -> Reading:
        known = self.codes.get(system, {}).get(normal_code(code)) if code else None
        words = self._read_text(text, lang)
        if words.stage is Stage.UNKNOWN and translation:
            words = self._read_text(translation, "")
        if known is None:
            return words
        return join(known, of_code(known, code), words)

    def _read_text(self, text: str, lang: str) -> Reading:
        folded = fold(text)
        found = self.lexicon.find(folded)
        for index in self.languages_of(found, lang, len(folded)):
            reading = self._read_in(index, folded, found[index])
            if reading is not None:
                return reading
        return Reading(Stage.UNKNOWN)

    def languages_of(self, found: Mapping[int, list[Hit]], lang: str, length: int = 0) -> list[int]:
        """Return the languages worth reading in, best first: most of the text covered; a hint counts, but is not trusted."""
        if not found:
            return []
        tag = lang.casefold().replace("_", "-").partition("-")[0]
        hinted = self._by_tag.get(ALIASES.get(tag, tag))
        weight = {i: (HINTED if i == hinted else 1.0) * self._density[i] for i in found}
        rough = {i: weight[i] * sum(h[1] - h[0] for h in hits if h[2].telling) for i, hits in found.items()}
        likely = sorted(rough, key=lambda i: (i != hinted and i != self._english, -rough[i]))[:LIKELY]
        scores = {i: weight[i] * _covered(found[i]) for i in likely}
        best = max(max(scores.values()), THIN * length)
        # English words count in a text that is hardly known otherwise.
        mixed = best / 3 if best < length / 2 else NEAR * best
        order = sorted(scores, key=lambda i: (-scores[i], i))
        return [i for i in order if scores[i] >= NEAR * best or (i == self._english and scores[i] >= mixed)]

    def _read_in(self, index: int, folded: str, hits: list[Hit]) -> Reading | None:
        language = self.lexicon.languages[index]
        tokens, phrases = sorted_out(_without_company(hits), self.grammar.marks)
        ends = [i for i, char in enumerate(folded) if char == "|"] if "|" in folded else []
        candidates: list[_Candidate] = []
        total = 0
        start = 0
        for end in [*ends, len(folded)]:
            inside = [t for t in tokens if start <= t.start < end]
            sayings = [p for p in phrases if start <= p[0] < end]
            if inside or sayings:
                bits = self.grammar.bits(_clauses(folded, inside, self.grammar), after=language.after)
                total |= bits
                candidate = self._sentence(folded, bits, inside, sayings)
                if candidate is not None:
                    candidates.append(candidate)
            start = end
        if ends:
            candidate = self._sentence(folded, total, tokens, [], whole=bool(candidates))
            if candidate is not None:
                return self._combined([candidate, *candidates], total, settled=True)
        if not candidates:
            return None
        return self._combined(candidates, total)

    def _sentence(
        self,
        folded: str,
        bits: int,
        tokens: Sequence[Token],
        sayings: Sequence[Hit],
        *,
        whole: bool = False,
    ) -> _Candidate | None:
        firm = [s for s in sayings if not self._turned(folded, s, tokens)]
        firm.sort(key=lambda s: s[0] - s[1])
        said = [
            (entry.says, _of_phrase(entry, folded[start:end]))
            for start, end, meaning in firm
            if isinstance(entry := meaning.entry, Phrase)
        ]
        rules = self.grammar.decide(bits, tokens, whole=whole)
        words = " + ".join(dict.fromkeys(folded[t.start : t.end] for t in tokens)) if rules else ""
        ruled = [
            (r.says, Evidence("grammar", f"{r.id}: {words}", r.where)) for r in rules if r.says is not None
        ]
        both = said + ruled
        if not both:
            return None
        says, first = both[0]
        evidence = [first]
        if not said:
            evidence += [
                Evidence("phrase", f"{folded[t.start : t.end]}: {'+'.join(t.words.concepts)}", t.words.where)
                for t in tokens[:6]
            ]
        return _Candidate(says, tuple(evidence), tuple(e for _, e in both[1:4]))

    def _turned(self, folded: str, saying: Hit, tokens: Sequence[Token]) -> bool:
        """Whether a "not" or "will" outside the saying, in its clause, speaks of it."""
        start, end, _ = saying
        left = folded.rfind(",", 0, start) + 1
        right = folded.find(",", end)
        right = len(folded) if right < 0 else right
        for token in tokens:
            outside = left <= token.start < right and not start <= token.start < end
            if outside and self.grammar.load(token.words.concepts).operator == "not":
                return True
        return False

    def _combined(self, candidates: Sequence[_Candidate], bits: int, *, settled: bool = False) -> Reading:
        rank = self.grammar.rank
        order = list(candidates)
        if not settled:
            order.sort(key=lambda c: rank.get(c.says.stage, len(rank)))
        won = order[0]
        says = won.says
        if says.stage is Stage.UNKNOWN:
            return Reading(Stage.UNKNOWN)
        beat = won.beat + tuple(e for c in order[1:] for e in c.evidence[:1])
        side, addressee, charges = says.side, says.addressee, says.charges
        causes = list(says.causes)
        evidence = list(won.evidence)
        for fact in self.grammar.facts_of(bits, says.stage):
            side = side or fact.side
            addressee = addressee or fact.addressee
            if charges is Charges.UNKNOWN and fact.charges is not None:
                charges = fact.charges
            causes += fact.causes
            evidence.append(Evidence("grammar", fact.id, fact.where))
        return Reading(
            says.stage, tuple(dict.fromkeys(causes)), side, addressee, charges, tuple(evidence), beat
        )


def sorted_out(hits: list[Hit], marks: frozenset[str]) -> tuple[list[Token], list[Hit]]:
    """Divide *hits* into words, without those inside a longer one, and whole sayings."""
    tokens: list[Token] = []
    phrases: list[Hit] = []
    far, last = -1, (-1, -1)
    for hit in sorted(hits, key=lambda h: (h[0], -h[1])):
        start, end, meaning = hit
        entry = meaning.entry
        if isinstance(entry, Phrase):
            phrases.append(hit)
            continue
        if end <= far and (start, end) != last:
            continue
        if end > far and not (entry is not None and entry.concepts[0] in marks):
            far, last = end, (start, end)
        if entry is not None:
            tokens.append(Token(start, end, entry, meaning.pattern))
    return tokens, phrases


def _without_company(hits: list[Hit]) -> list[Hit]:
    """Return *hits* without the bare labels that are not alone: "at the office" says more where nothing else is said."""
    if not any(hit[2].alone for hit in hits):
        return hits
    spans = [(start, end) for start, end, meaning in hits if meaning.alone]
    for start, end, meaning in hits:
        if meaning.entry is not None and not any(low <= start and end <= high for low, high in spans):
            return [hit for hit in hits if not hit[2].alone]
    return hits


def _covered(hits: list[Hit]) -> float:
    """Return how many characters *hits* cover, which come in the order of their ends; a whole saying counts a little more."""
    total = 0.0
    low = 1 << 30
    for start, end, meaning in reversed(hits):
        if start < low and meaning.telling:
            total += min(end, low) - start
            low = start
            if type(meaning.entry) is Phrase:
                total += 0.5
    return total


def _clauses(folded: str, tokens: Sequence[Token], grammar: Grammar) -> list[list[Token]]:
    """Divide the *tokens* of a sentence at its commas.

    No clause ends at a date before anything was said: "will on Monday, the 12th of May, be delivered" is one.
    """
    if "," not in folded:
        return [list(tokens)]
    out: list[list[Token]] = [[]]
    at = tokens[0].start if tokens else 0
    for token in tokens:
        between = folded[at : token.start]
        if "," in between and not (
            any(char.isdigit() for char in between)
            and not any(grammar.load(t.words.concepts).turns for t in out[-1])
        ):
            out.append([])
        out[-1].append(token)
        at = token.start
    return out


def _of_phrase(phrase: Phrase, matched: str) -> Evidence:
    return Evidence("phrase", matched, phrase.where, phrase.source, phrase.checked)


def as_json(reading: Reading) -> dict[str, Any]:
    """Return *reading* as ``classify --jsonl`` writes it."""
    addressee = reading.addressee
    return {
        "stage": reading.stage.value,
        "cause": reading.cause.value if reading.cause else None,
        "side": reading.side.value if reading.side else None,
        "addressee": addressee.value if addressee and addressee is not Addressee.NOBODY else None,
        "charges": reading.charges.value,
        "evidence": [_evidence(e) for e in reading.evidence],
    }


def _evidence(e: Evidence) -> dict[str, str]:
    out = {"kind": e.kind, "what": e.what, "where": e.where}
    if e.source:
        out["source"] = e.source
    return out


def _said(obj: Mapping[str, Any], key: str) -> str:
    value = obj.get(key)
    return value if isinstance(value, str) else "" if value is None else str(value)


def classify_line(classifier: Classifier, obj: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to one line of ``classify --jsonl``. Never raises on any value."""
    text, code, system = _said(obj, "text"), _said(obj, "code"), _said(obj, "system")
    lang, translation = _said(obj, "language"), _said(obj, "translation")
    carrier = _said(obj, "carrier")
    reading = classifier.read(
        text, code=code, system=system, lang=lang, translation=translation, carrier=carrier
    )
    origin, destination, country = _said(obj, "origin"), _said(obj, "destination"), _said(obj, "country")
    if origin or destination or country:
        sighting = Sighting("", text[:LIMIT], system=system, code=code, lang=lang, country=country)
        reading = resolve(
            reading,
            sighting,
            origin=origin.strip().upper(),
            destination=destination.strip().upper(),
            arrived=False,
            departed=False,
            export_done=False,
        )
    return as_json(reading)


__all__ = ["CUSTOMS", "Classifier", "Code", "as_json", "classify_line", "normal_code"]
