"""What must not matter does not: case, width, accents, blanks, punctuation, entities, what stands before and after. And it never raises."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bounds import at_most
from tests.knowledge import tables
from workers import resources
from workers.core.classify import Classifier
from workers.core.model import Stage

LANGUAGES = sorted(path.stem for path in resources.knowledge("phrases").glob("*.yaml"))
CASES = [case for lang in LANGUAGES for case in tables.of(lang)]

BEFORE = [
    "[Shenzhen] ",
    "【深圳】",
    "DHL: ",
    "2026-10-01 12:30 ",
    "* ",
    "→ ",
    "\u200b",
    "(1) ",
    "Cainiao - ",
    "\ufeff",
]
AFTER = [".", " ", "!", " - FRANKFURT", " (2026-10-01)", "…", "\u200b", " 12:30", " [LP00123456789012]", "\n"]

Change = Callable[[str], str]


def _bare(text: str) -> str:
    marks = "".join(c for c in unicodedata.normalize("NFD", text) if not 0x300 <= ord(c) <= 0x36F)
    return unicodedata.normalize("NFC", marks)


def _wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" and c not in "<>&" else c for c in text)


def _entities(text: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in " .,") else f"&#{ord(c)};" for c in text)


CHANGES: dict[str, Change] = {
    "upper case": str.upper,
    "lower case": str.lower,
    "title case": str.title,
    "decomposed": lambda t: unicodedata.normalize("NFD", t),
    "compatible": lambda t: unicodedata.normalize("NFKC", t),
    "without accents": _bare,
    "full width": _wide,
    "two blanks": lambda t: f"  {t.replace(' ', '  ')} ",
    "tabs": lambda t: t.replace(" ", "\t"),
    "hard blanks": lambda t: t.replace(" ", "\u00a0"),
    "blanks as entities": lambda t: t.replace(" ", "&nbsp;"),
    "entities": _entities,
    "entities twice": lambda t: _entities(t).replace("&", "&amp;"),
    "mojibake": lambda t: t.encode().decode("latin-1"),
    "said twice": lambda t: f"{t}. {t}",
    "invisible marks": lambda t: "\u202a" + "\u200b".join(t.split("\u200b")) + "\u202c",
    **{f"after {before!r}": (lambda t, b=before: b + t) for before in BEFORE},
    **{f"before {after!r}": (lambda t, a=after: t + a) for after in AFTER},
}


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return tables.whole()[0]


@pytest.mark.parametrize("name", CHANGES)
def test_what_must_not_matter_does_not_for_any_case_of_any_language(
    name: str, classifier: Classifier
) -> None:
    wrong = []
    for case in CASES:
        plain = classifier.read(case.text).stage  # whether it is right is test_phrases' matter
        text = CHANGES[name](case.text)
        read = classifier.read(text).stage
        if read is not plain:
            wrong.append(f"{case.where}: {text!r} reads {read}, not {plain}")
    assert not wrong, "\n".join(wrong)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    case=st.sampled_from(CASES),
    letters=st.sampled_from(
        ["upper case", "lower case", "title case", "decomposed", "without accents", "full width"]
    ),
    blanks=st.sampled_from(["two blanks", "tabs", "hard blanks"]),
    before=st.sampled_from(BEFORE),
    after=st.sampled_from(AFTER),
)
def test_nor_do_several_at_once(
    classifier: Classifier, case: tables.Case, letters: str, blanks: str, before: str, after: str
) -> None:
    text = f"{before}{CHANGES[blanks](CHANGES[letters](case.text))}{after}"
    assert classifier.read(text).stage is classifier.read(case.text).stage


def test_a_change_that_matters_is_seen_by_this_very_suite(classifier: Classifier) -> None:
    kept = [case for case in CASES if classifier.read(case.text[::-1]).stage is case.stage]
    assert len(kept) < len(CASES) / 2


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=400), code=st.text(max_size=20), lang=st.text(max_size=8))
def test_no_text_raises(classifier: Classifier, text: str, code: str, lang: str) -> None:
    reading = classifier.read(text, code=code, system="cainiao", lang=lang, translation=text[::-1])
    assert reading.stage is not Stage.UNKNOWN or not reading.evidence


@settings(max_examples=150, deadline=None)
@given(words_=st.lists(st.sampled_from(" ".join(c.text for c in CASES).split()), max_size=60))
def test_no_salad_of_known_words_raises(classifier: Classifier, words_: list[str]) -> None:
    classifier.read(" ".join(words_))


HOSTILE = {
    "blanks": "a " * 50_000,
    "entities": "&amp;" * 50_000,
    "nested entities": "&" + "amp;" * 50_000 + "lt;",
    "known words": "customs clearance not " * 10_000,
    "dots": "held. " * 20_000,
    "commas": "not , " * 20_000,
    "one letter": "c" * 100_000,
    "marks": "e" + "\u0301" * 100_000,
    "han": "清关" * 50_000,
    "tags": "<b " * 40_000,
    "controls": "\x00\x1b\u202e" * 30_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_takes_bounded_time(classifier: Classifier, name: str) -> None:
    classifier.read("warm " + HOSTILE[name][:100])
    with at_most(1.0):
        classifier.read(HOSTILE[name], translation=HOSTILE[name])
