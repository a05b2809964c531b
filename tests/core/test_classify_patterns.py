"""Patterns: what each notation finds and what it does not, in scripts with blanks and without."""

from __future__ import annotations

import pytest

from tests.bounds import at_most
from workers.core.lexicon import Language, Lexicon, Words
from workers.core.patterns import PatternError, compiled
from workers.core.text import LIMIT, fold

LONG = "(in|an|im|auf|bei|zu) (die|der|den|das|dem|) (filiale|packstation|paketbox|station|post) (gelegt|gestellt|gebracht)"


def found(
    pattern: str, text: str, *, spaced: bool = True, letters: dict[str, str] | None = None
) -> list[str]:
    """Return what *pattern* finds in *text*, folded."""
    words = Words(("customs",), (pattern,), "x.yaml:1")
    lexicon = Lexicon([Language("xx", "X", (words,), (), spaced=spaced, letters=letters or {})])
    folded = fold(text)
    return [folded[start:end] for start, end, _ in lexicon.find(folded).get(0, [])]


@pytest.mark.parametrize(
    ("pattern", "text", "finds"),
    [
        ("zoll", "Der Zoll prüft", ["zoll"]),
        ("zoll", "Zollamt, Zollikon, Pozoll", []),
        ("zoll*", "Zollamt", ["zoll"]),
        ("zoll*", "Pozoll", []),
        ("*zoll", "Pozoll", ["zoll"]),
        ("*zoll", "Zollamt", []),
        ("*zoll*", "Einzollen", ["zoll"]),
        ("out for delivery", "is OUT-FOR  delivery today", ["out for delivery"]),
        ("out for delivery", "out for, delivery", []),
        ("attempt* delivery", "attempted delivery", ["attempted delivery"]),
        ("attempt* delivery", "attempted the delivery", []),
        ("(from|by) (the|) customs", "by the customs, from customs", ["by the customs", "from customs"]),
        ("zoll(amt|beamte)", "Zollamt", ["zollamt"]),
        ("on(to|) board", "loaded onto board", ["onto board"]),
        ("on(to|) board", "on board", ["on board"]),
        (
            "released ... customs",
            "released yesterday by German customs today",
            ["released yesterday by german customs"],
        ),
        ("released ... customs", "released. Customs", []),
        ("released ... customs", "released" + " x" * 60 + " customs", []),
        ("l'article", "L’article retourné", ["l article"]),
        (LONG, "wurde in die Packstation gelegt heute", ["in die packstation gelegt"]),
        (LONG, "wurde bei Post gestellt", ["bei post gestellt"]),
        (LONG, "wurde in die Packstation heute gelegt", []),
        (LONG, "wurde indie Packstation gelegt", []),
        (f"{LONG} (worden|)", "in der Filiale gelegt worden", ["in der filiale gelegt worden"]),
        (f"{LONG} (worden|)", "in der Filiale gelegt", ["in der filiale gelegt"]),
        (f"(wird|wurde|) {LONG}", "wird in der Filiale gelegt", ["wird in der filiale gelegt"]),
        ("= in der filiale", "In der Filiale.", ["in der filiale"]),
        (
            f"(zoll* gebühr*|abgabe) {LONG}",
            "Zollamtliche Gebühren in der Filiale gelegt",
            ["zollamtliche gebuhren in der filiale gelegt"],
        ),
        (
            f"paket* ... {LONG}",
            "Pakete werden in der Filiale gelegt",
            ["pakete werden in der filiale gelegt"],
        ),
    ],
)
def test_a_pattern_finds_what_it_says(pattern: str, text: str, finds: list[str]) -> None:
    assert sorted(found(pattern, text)) == sorted(finds)


@pytest.mark.parametrize(
    ("pattern", "text", "finds"),
    [
        ("清关", "已清关完成", ["清关"]),
        ("(进口|出口)清关", "出口清关", ["出口清关"]),
        ("已由 ... 支付", "关税已由发件人支付", ["已由发件人支付"]),
        ("배송이 완료", "배송이 완료되었습니다", ["배송이완료"]),
        ("통관", "통 관", ["통관"]),
    ],
)
def test_scripts_without_blanks_are_searched_anywhere(pattern: str, text: str, finds: list[str]) -> None:
    assert found(pattern, text, spaced=False) == finds


def test_a_word_is_found_without_the_letters_of_its_language() -> None:
    letters = {"ü": "ue", "ä": "ae", "ö": "oe"}
    for text in ("für den Zöllner", "FUER DEN ZOELLNER", "fur den Zollner"):
        assert found("für den zöllner", text, letters=letters) == [fold(text).strip()]


@pytest.mark.parametrize("pattern", ["(a|b", "a)", "((a)|b)", "...", "*", "<customs>", "(a|) (b|)" * 9])
def test_a_pattern_that_cannot_be_looked_for_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        list(compiled(pattern))


def test_a_long_alternation_stays_small_and_quick() -> None:
    assert len(list(compiled(LONG))) <= 6
    hostile = fold("in die filiale " * 200)
    check = next(literal.check for literal in compiled(LONG))
    assert check is not None
    with at_most(0.2):
        assert list(check.spans(hostile)) == []


def test_gaps_upon_gaps_take_bounded_time() -> None:
    hostile = fold("a b " * (LIMIT // 4))
    with at_most(2.0):
        assert found("a ... b ... c ... d", hostile) == []
