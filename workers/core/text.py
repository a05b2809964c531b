"""Fold a tracking text to the one form that patterns are written in; refuses to judge what it says.

The folded form is lower case without accents, words divided by one blank, sentences by `` | ``, clauses by `` , ``, with a
blank at either end. Scripts written without blanks (Han, kana, Hangul, Thai) lose theirs, so that white space decides nothing.
Patterns and texts pass through the same folding, hence losing an accent never loses a match.
"""

from __future__ import annotations

import html
import re
import unicodedata

LIMIT = 2000  # characters; the longest wording met is below 600

SENTENCE = "|"
CLAUSE = ","

# Letters that do not decompose. Turkish dotless i, Polish l with stroke, Nordic and Icelandic letters …
_LETTERS = {
    "ı": "i",
    "ł": "l",
    "ø": "o",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "æ": "ae",
    "œ": "oe",
    "ħ": "h",
    "ŧ": "t",
    "ة": "ه",
    "ى": "ي",
    "ی": "ي",
    "ک": "ك",
    "ۀ": "ه",
    "ß": "ss",
}

# Traditional Chinese as clerks in Taiwan, Hong Kong and Macau write it -> simplified; only letters of this field.
_TRADITIONAL = (
    "關关稅税費费單单運运輸输貨货達达離离開开總总國国際际處处遞递郵邮車车機机場场發发"
    "貿贸報报檢检驗验審审狀状態态異异續续補补資资證证號号訂订遲迟誤误損损壞坏滅灭毀毁沒没扣扣"
    "項项細细絡络聯联繫系電电話话無无門门倉仓庫库揀拣櫃柜飛飞隊队進进轉转還还會会經经過过計计劃划"
    "將将與与並并從从來来為为個个時时間间後后準准備备須须請请問问題题錯错寫写讓让數数據据實实際际"
    "點点務务業业員员營营戶户銷销領领籤签簽签應应繳缴納纳預预約约區区縣县灣湾歐欧盟盟聯联"
    "啟启動动順顺裝装載载艙舱執执繼继絕绝導导認认"
)
_FOLD = {**_LETTERS, **{_TRADITIONAL[i]: _TRADITIONAL[i + 1] for i in range(0, len(_TRADITIONAL), 2)}}

_SENTENCE_ENDS = "!?;\n\r|。！？；؛؟۔।¿¡\u2028\u2029"
_CLAUSE_ENDS = ",:،、，：\uff64"
_JOINERS = "'’ʼ`´\u05f3\u05f4"  # apostrophes divide words, as in l'article

# Marks to drop: Latin, Greek, Cyrillic accents; Hebrew points; Arabic vowels and the stretching stroke. Not kana, not Thai.
_MARKS = (
    (0x0300, 0x036F),
    (0x0591, 0x05BD),
    (0x05BF, 0x05C7),
    (0x0610, 0x061A),
    (0x064B, 0x065F),
    (0x0670, 0x0670),
)
_NOTHING = "\u00ad\u0640\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

_TAG = re.compile(
    r"</?(?:br|p|b|i|u|a|em|strong|span|div|font|small|li|ul|ol|td|tr)\b[^<>]{0,200}>", re.IGNORECASE
)
_DOT = re.compile(
    r"(?<=[^\W\d_]{4})(?<!\bdept)\.(?=[^\d.])|(?:(?<=\d{3})|(?<=\)))\. |\.{2,}|(?<=[\u0e00-\u9fff\uac00-\ud7a3])\."
)
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[:,](?=\d)")  # an hour, an amount: no clause ends there
_NO_BLANKS = r"[\u0e00-\u0eff\u1780-\u17ff\u1000-\u109f\u3005\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]"
_BLANK = re.compile(f"(?<={_NO_BLANKS}) (?={_NO_BLANKS})")
_COMPOSED = re.compile("[\u1100-\u11ff\u3099\u309a]")
_GARBLED = re.compile("[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u0192\u02c6-\u02dc\u2010-\u203a\u20ac\u2122]")
# A word of Cyrillic or Greek with a Latin letter that looks alike, or the other way about: clerks type so, scanners read so.
_MIXED = re.compile(r"[a-z][\u0370-\u045f]|[\u0370-\u045f][a-z]")
_WORD = re.compile(r"\w+")
_LATIN, _CYRILLIC, _GREEK = "abekmhopctyxi", "авекмнорстухі", "αβεκμηορςτυχι"
_ALIKE = (
    (range(0x0400, 0x0460), str.maketrans(_LATIN, _CYRILLIC), str.maketrans(_CYRILLIC, _LATIN)),
    (range(0x0370, 0x0400), str.maketrans(_LATIN, _GREEK), str.maketrans(_GREEK, _LATIN)),
)
_CONTROL = re.compile("[\u0000-\u0008\u007f-\u009f]")
_CP1252 = {
    ord(char): byte
    for byte in range(0x80, 0xA0)
    for char in [bytes([byte]).decode("cp1252", "replace")]
    if char != "\ufffd"
}


class _Fold(dict[int, str]):
    """What every character becomes; worked out at first sight, so that no table of all Unicode is carried."""

    def __missing__(self, point: int) -> str:
        self[point] = folded = _fold(chr(point))
        return folded


def _fold(char: str) -> str:
    if char in _FOLD:
        return _FOLD[char]
    if char in _NOTHING or any(low <= ord(char) <= high for low, high in _MARKS):
        return ""
    if char in _SENTENCE_ENDS:
        return " | "
    if char in _CLAUSE_ENDS:
        return " , "
    if char == ".":
        return char
    return char if unicodedata.category(char)[0] in "LMN" else " "


_TABLE = _Fold()


def repair(text: str) -> str:
    """Undo UTF-8 that was read as Latin-1 or Windows-1252, where that is certain: every byte must fit."""
    if not _GARBLED.search(text):
        return text
    try:
        raw = bytes(ord(c) if ord(c) < 0x100 else _CP1252[ord(c)] for c in text)
        whole = raw.decode("utf-8")
    except (KeyError, UnicodeDecodeError):
        return text
    return text if _CONTROL.search(whole) else whole


def _one_script(word: re.Match[str]) -> str:
    """Return a word of two scripts in the one that most of its letters are of."""
    letters = word[0]
    if letters.isascii() or not _MIXED.search(letters):
        return letters
    for block, to_block, to_latin in _ALIKE:
        theirs = sum(ord(char) in block for char in letters)
        if theirs:
            latin = sum("a" <= char <= "z" for char in letters)
            return letters.translate(to_block if theirs >= latin else to_latin)
    return letters


def unescape(text: str) -> str:
    """Resolve HTML entities, also when escaped twice or thrice, and drop mark-up that carries no words."""
    for _ in range(3):
        if "&" not in text:
            break
        text = html.unescape(text)
    return _TAG.sub(" ", text) if "<" in text else text


def fold(text: str) -> str:
    """Return *text* folded, at most ``LIMIT`` characters of it; linear in its length."""
    text = text[:LIMIT]
    if "&" in text or "<" in text:
        text = unescape(text)
    if text.isascii():
        folded = text.lower()
    else:
        folded = unicodedata.normalize("NFKD", repair(text)).casefold()
        if _MIXED.search(folded):
            folded = _WORD.sub(_one_script, folded)
    if ":" in folded or "," in folded:
        folded = _BETWEEN_DIGITS.sub(" ", folded)
    folded = folded.translate(_TABLE)
    if not text.isascii() and _COMPOSED.search(folded):
        folded = unicodedata.normalize("NFC", folded)
    if "." in folded:
        folded = _DOT.sub(" | ", folded).replace(".", " ")
    folded = " ".join(folded.split())
    if not folded.isascii():
        folded = _BLANK.sub("", folded)
    return f" {folded} "
