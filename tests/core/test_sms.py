"""What an SMS costs, by 3GPP TS 23.038 and 23.040, and what the cheap alphabet can spell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.sms import Segments, forced_gsm7, room, segments, to_gsm7

# The standard's own tables, typed in from TS 23.038 section 6.2.1 and 6.2.1.1 by code point: a second pair of
# eyes.
BASIC = (
    [0x40, 0xA3, 0x24, 0xA5, 0xE8, 0xE9, 0xF9, 0xEC, 0xF2, 0xC7, 0x0A, 0xD8, 0xF8, 0x0D, 0xC5, 0xE5]
    + [0x394, 0x5F, 0x3A6, 0x393, 0x39B, 0x3A9, 0x3A0, 0x3A8, 0x3A3, 0x398, 0x39E, 0xC6, 0xE6, 0xDF, 0xC9]
    + [c for c in range(0x20, 0x40) if c != 0x24]
    + [0xA4, 0xA1]
    + [*range(0x41, 0x5B), 0xC4, 0xD6, 0xD1, 0xDC, 0xA7, 0xBF]
    + [*range(0x61, 0x7B), 0xE4, 0xF6, 0xF1, 0xFC, 0xE0]
)
EXTENDED = [0x0C, 0x5E, 0x7B, 0x7D, 0x5C, 0x5B, 0x7E, 0x5D, 0x7C, 0x20AC]


def test_the_alphabet_is_the_standards() -> None:
    assert len(set(BASIC)) == 127  # 128 positions, one of them the escape
    units = {chr(point): segments(chr(point)) for point in range(0x10000) if not 0xD800 <= point < 0xE000}
    assert {c for c, s in units.items() if s == Segments("GSM-7", 1, 1)} == {chr(p) for p in BASIC}
    assert {c for c, s in units.items() if s == Segments("GSM-7", 2, 1)} == {chr(p) for p in EXTENDED}
    assert {s for c, s in units.items() if ord(c) not in {*BASIC, *EXTENDED}} == {Segments("UCS-2", 1, 1)}


@pytest.mark.parametrize(
    ("text", "encoding", "units", "parts"),
    [
        ("", "GSM-7", 0, 0),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("€" * 80, "GSM-7", 160, 1),
        ("€" * 81, "GSM-7", 162, 2),
        ("€" * 152, "GSM-7", 304, 2),
        (
            "€" * 153,
            "GSM-7",
            306,
            3,
        ),  # 153 septets hold 76 pairs and one to spare: an escape is never cut off
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 306, 3),
        ("a" * 151 + "€" + "a" * 153, "GSM-7", 306, 2),
        ("你" * 70, "UCS-2", 70, 1),
        ("你" * 71, "UCS-2", 71, 2),
        ("你" * 134, "UCS-2", 134, 2),
        ("你" * 135, "UCS-2", 135, 3),
        ("📦" * 35, "UCS-2", 70, 1),
        ("📦" * 36, "UCS-2", 72, 2),
        ("📦" * 67, "UCS-2", 134, 3),  # 67 units hold 33 pairs and one to spare
        ("a" * 66 + "📦" + "a" * 66, "UCS-2", 134, 3),
        ("’" + "a" * 69, "UCS-2", 70, 1),
        ("’" + "a" * 159, "UCS-2", 160, 3),  # one curly quote trebles the price
    ],
)
def test_costs(text: str, encoding: str, units: int, parts: int) -> None:
    assert segments(text) == Segments(encoding, units, parts)  # type: ignore[arg-type]  # a table of words


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("It’s “held” – wait…", 'It\'s "held" - wait...'),
        ("Zażółć gęślą jaźń", "Zazolc gesla jazn"),
        ("Příliš žluťoučký kůň", "Prilis zlutoucky kun"),
        ("İstanbul’da ığdır", "Istanbul'da igdir"),
        ("Größe ÄÖÜ für 5 € über Ñandú à è é", "Größe ÄÖÜ für 5 € über Ñandu à è é"),
        ("ç â ê õ", "c a e o"),
        ("e\u0301te\u0301", "été"),  # composed first
        ("1\u00a0234,50\u202f€", "1 234,50 €"),
        ("海关", "海关"),
        ("Привет – “мир”", "Привет – “мир”"),  # needs UCS-2 anyway: nothing is lost for nothing
        ("ＬＰ００１：ＯＫ", "LP001:OK"),
        ("№ 5 → B × 2", "No 5 -> B x 2"),
        ("½ price", "½ price"),
        ("plain", "plain"),
        ("a\u200bb\u00adc", "abc"),
        ("déle než obvykle, nové doručení", "dele nez obvykle, nove doruceni"),
        ("réglé à l’aéroport, ça", "réglé à l'aéroport, ca"),
    ],
)
def test_spelling(text: str, spelled: str) -> None:
    assert to_gsm7(text) == spelled


@given(st.text(max_size=400))
def test_spelling_never_makes_it_dearer_and_is_done_once(text: str) -> None:
    spelled = to_gsm7(text)
    assert spelled == text or segments(spelled).encoding == "GSM-7"
    assert to_gsm7(spelled) == spelled


@given(st.text(alphabet="ab€你📦’", max_size=700))
def test_parts_hold_all_units_and_are_as_few_as_can_be(text: str) -> None:
    cost = segments(text)
    single, part = (160, 153) if cost.encoding == "GSM-7" else (70, 67)
    if cost.parts <= 1:
        assert cost.units <= single
    else:
        assert single < cost.units <= cost.parts * part
        assert cost.parts - 1 <= cost.units // (part - 1)


def test_signs_that_cost_double_leave_less_room() -> None:
    assert room("Fishing reel", 7) == 7
    assert room("Fishing reel", 40) == 12
    assert room("🎣🎣🎣🎣", 7) == 3
    assert room("a🎣", 2) == 1


def test_what_the_cheap_alphabet_cannot_spell_can_be_forced_into_it() -> None:
    assert forced_gsm7("Zażółć „gęślą” 🎣 חכה №5") == 'Zazolc "gesla" ? ??? No5'
    assert forced_gsm7("plain €") == "plain €"
