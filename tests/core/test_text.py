"""Folding: what clerks, browsers and badly set-up servers do to a text changes nothing that a pattern can see."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.bounds import at_most
from workers.core.text import LIMIT, fold, repair


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Import Customs CLEARANCE", " import customs clearance "),
        ("  a \t b\u00a0c ", " a b c "),
        ("Dédouanement de l'article", " dedouanement de l article "),
        ("Zustellung für Empfänger", " zustellung fur empfanger "),
        ("Straße", " strasse "),
        ("łódź ø đ ı İ", " lodz o d i i "),
        ("ＦＵＬＬ ｗｉｄｔｈ", " full width "),
        ("pick-up/drop_off (now)", " pick up drop off now "),
        ("held, awaiting payment", " held , awaiting payment "),
        ("Refused. Returned", " refused | returned "),
        ("delay.Package is held", " delay | package is held "),
        ("U.S. customs, 12.5 kg", " u s customs , 12 5 kg "),
        ("between 14:00 and 16:30: 1,200 kg", " between 14 00 and 16 30 , 1 200 kg "),
        ("am 12. Mai", " am 12 mai "),
        ("at office 10115. Held", " at office 10115 | held "),
        ("customs &amp; excise &lt;b&gt;", " customs excise "),
        ("a &amp;amp;amp; b", " a b "),
        ("one<br/>two", " one two "),
        ("<User not at home>", " user not at home "),
        ("cus\u200btoms \u202ehold\u202c soft\u00adhyphen", " customs hold softhyphen "),
        ("清 关 完 成。已 放行", " 清关完成 | 已放行 "),
        ("海關放行", " 海关放行 "),
        ("배송이 완료되었습니다.", " 배송이완료되었습니다 | "),
        ("パッケージが通関", " パッケージか\u3099通関 ".replace("か\u3099", "が")),
        ("Таможенный ё й", " таможенныи е и "),
        ("Взeмане ТAМOЖНЯ Cleаred ΠΑΡΑΔOΣΗ", " вземане таможня cleared παραδοση "),
        ("COVID-тест м5", " covid тест м5 "),
        ("Τελωνείο", " τελωνειο "),
        ("الجُمــارِك إفراج", " الجمارك افراج "),
        ("מֶכֶס", " מכס "),
    ],
)
def test_a_text_is_folded(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    "text", ["Dédouanement terminé", "Таможня: выпущено", "海关放行", "Zoll – für Sie", "Gümrük işlemi"]
)
@pytest.mark.parametrize("wrong", ["latin-1", "cp1252"])
def test_mojibake_is_undone_where_it_is_certain(text: str, wrong: str) -> None:
    raw = text.encode()
    garbled = raw.decode("latin-1") if wrong == "latin-1" else _as_cp1252(raw)
    assert repair(garbled) == text
    assert fold(garbled) == fold(text)


def _as_cp1252(raw: bytes) -> str:
    return "".join(
        bytes([b]).decode("cp1252") if b not in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else chr(b) for b in raw
    )


@pytest.mark.parametrize(
    "text",
    ["São Paulo", "Zürich", "für", "Â", "Ñandú", "naïve café", "livré…", "é…e", "ÅÄÖ åäö", "Müller & Söhne"],
)
def test_a_text_that_is_whole_is_left_alone(text: str) -> None:
    assert repair(text) == text


@given(st.text(max_size=300))
def test_folding_never_raises_and_is_neat(text: str) -> None:
    folded = fold(text)
    assert folded[0] == folded[-1] == " "
    assert "  " not in folded.strip(" ")
    assert "*" not in folded
    assert "\n" not in folded


@given(st.text(alphabet=st.characters(categories=["Lu", "Ll"], max_codepoint=0x24F), max_size=60))
def test_case_and_composition_do_not_matter(text: str) -> None:
    assume(repair(text) == text)  # what looks garbled only in one case is garbled
    plain = fold(text)
    assert fold(text.casefold()) == plain
    assert fold(unicodedata.normalize("NFD", text)) == plain
    assert fold(unicodedata.normalize("NFC", text)) == plain


@pytest.mark.parametrize(
    "hostile",
    [
        "a " * 50_000,
        "&amp;" * 50_000,
        "&" + "amp;" * 50_000,
        "<b " * 50_000,
        ".a" * 50_000,
        "Ã©" * 50_000,
        "\u0301" * 100_000,
        "清 " * 50_000,
    ],
)
def test_a_hostile_text_costs_little(hostile: str) -> None:
    with at_most(0.5):
        assert len(fold(hostile)) <= 8 * LIMIT
