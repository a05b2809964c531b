"""Strangers' words in every form and language: exactly as they may be shown, where they stand, and nothing else changed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from email.header import decode_header, make_header
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.looks.write import AT, SENDER, languages
from tests.words import samples
from tests.words.hostile import (
    CARRIER,
    KINDS,
    MEANING,
    NUMBER,
    PLACE,
    SELLER,
    SHOP,
    SOURCE,
    TEXT,
    TITLE,
    WORDS,
)  # fmt: skip
from tests.words.outlines import skeleton, texts
from tests.words.test_words import ROWS
from workers.channels import Envelope, _clean, apprise, webhook
from workers.channels._mime import to_bytes
from workers.core import sms, spoken
from workers.core.direction import isolated
from workers.core.followed import Further
from workers.core.model import Evidence, Message, Stage
from workers.core.quote import identifier, quote, shorten, visible
from workers.core.second import Opinion
from workers.core.voices import Differ, Heard, State, Voice, Voices
from workers.render import SHORT_TITLES, SUBJECT_TITLE
from workers.render.enclosed import Words
from workers.render.formats import Reader
from workers.render.templates import paragraph

# A bill, a wait with letters to the seller and the shop, a dispute, a place where to collect, papers, the owner of none.
ADVICES = (
    "pay",
    "customs_stuck",
    "refused_counterfeit",
    "pickup",
    "send_documents",
    "prove_value",
    "returning",
)
RENDERER = Words()
LANGS = languages()
ENVELOPE = Envelope(
    notice="n" * 32, to="anna@example.org", thread="t1", facts={"parcel": "reel/1", "made": "x"}
)
OURS = "\u2068\u2069\u200e\u200f\u00a0\u202f"  # of our own words, and of Babel's
ISOLATES = re.compile("[\u2068\u2069]")


def context(advice: str, words: Mapping[str, str]) -> dict[str, Any]:
    """Return the facts of a notice in which strangers wrote *words*, each in its field."""
    told = samples.full(
        ROWS[advice], snapshot_text=words[TEXT], title=words[TITLE], shop=words[SHOP], seller=words[SELLER], number=words[NUMBER],
        last={"translation": words[MEANING], "place": words[PLACE], "carrier": words[CARRIER], "code": "17"},
    )  # fmt: skip
    now = samples.NOW
    said = [
        Voice(Heard("a", words[SOURCE]), State.SAYS, Stage.HELD, now, now),
        Voice(Heard("b"), State.QUIET, Stage.IN_TRANSIT, now - timedelta(days=3), now),
    ]
    asked = Opinion(why="stuck", ask=("c",), titles=(words[SOURCE],))
    further = [Further(words[NUMBER], words[CARRIER], Evidence("source", "x", "x.yaml:1"))]
    told["voices"] = spoken.plain(Voices(tuple(said), Differ.CONTRADICT), asked, further)
    return told


CALM = {field: field for field in (TITLE, SHOP, SELLER, NUMBER, CARRIER, TEXT, MEANING, PLACE, SOURCE)}


def nasty(kind: str) -> dict[str, str]:
    raw = WORDS[kind][0]
    return dict.fromkeys(CALM, raw) | {MEANING: f"2 {raw}", NUMBER: f"{raw}7"}


def allowed(kind: str) -> dict[str, str]:
    """Return what may be shown in the place of each calm word."""
    raw = nasty(kind)
    return {
        TITLE: shorten(quote(raw[TITLE], 120), SUBJECT_TITLE),
        **{field: quote(raw[field], 80) for field in (SHOP, SELLER, CARRIER, PLACE)},
        NUMBER: identifier(raw[NUMBER]),
        TEXT: quote(raw[TEXT], 180),
        MEANING: quote(raw[MEANING], 180),
        SOURCE: visible(raw[SOURCE], 80),  # a name of the user's own file
    }


@cache
def calm(advice: str, lang: str) -> Message:
    return RENDERER.render(context(advice, CALM), lang=lang, timezone="Europe/Madrid")


def plain(said: str) -> str:
    """Return a text part without what its wrapping makes: line ends, the bar of a letter, the underline of the subject.

    Nor the case of its letters: a seller's name may begin a sentence. Nor the second stop of "Inc..".
    """
    lines = [re.sub(r"^  \| ?", "", line) for line in said.splitlines() if not re.fullmatch("=+", line)]
    return paragraph(ISOLATES.sub("", " ".join(lines))).casefold()


def put(said: str, shown: Mapping[str, str]) -> str:
    return re.sub("|".join(shown), lambda found: shown[found[0]], said)


def advice_of(lang: str, kind: str) -> str:
    return ADVICES[(LANGS.index(lang) + KINDS.index(kind)) % len(ADVICES)]


def direction(lang: str) -> str:
    return Reader.of(lang, "UTC", None).direction  # type: ignore[arg-type]  # no word is asked for


def turn(lang: str, step: int = 6) -> list[str]:
    """Return some of the kinds, others for each language; all together see all."""
    return [kind for nth, kind in enumerate(KINDS) if (nth + LANGS.index(lang)) % step == 0]


def check(message: Message, advice: str, lang: str, kind: str) -> None:
    """Compare a mail with the calm one in which what may be shown was put: words, elements, attributes, headers."""
    like, shown = calm(advice, lang), allowed(kind)
    assert plain(message.text) == plain(put(like.text, shown))
    assert plain(message.subject) == plain(put(like.subject, shown))
    assert plain(message.preheader) == plain(put(like.preheader, shown))
    assert skeleton(message.html) == skeleton(like.html)
    assert [plain(said) for said in texts(message.html)] == [
        plain(put(said, shown)) for said in texts(like.html)
    ]
    assert len(message.html) < 60_000
    assert len(message.text) < 20_000
    for said in (message.text, message.html, message.subject, message.short):
        assert all(char == "\n" or char in OURS or char.isprintable() for char in said)
    for line in (*message.text.split("\n\n"), *texts(message.html)):
        assert line.count("\u2068") == line.count("\u2069")
    check_short(message.short, like.short, lang, shown[TITLE])
    heads = [_heads(one) for one in (message, like)]
    assert list(heads[0]) == list(heads[1])
    subject = " ".join(str(make_header(decode_header(heads[0]["Subject"]))).split())
    assert subject == " ".join(_clean.header(message.subject).split())


def check_short(said: str, like: str, lang: str, title: str) -> None:
    """The SMS is the calm one with the title, spelled plainly and cut to fit, or the parcel's number in its place."""
    cost, reader = sms.segments(said), Reader.of(lang, "UTC", None)  # type: ignore[arg-type]  # no word is asked for
    assert cost.parts <= 2
    assert not reader.gsm or cost.encoding == "GSM-7"
    assert len(said.splitlines()) == 1
    cheap = quote(sms.to_gsm7(title), SUBJECT_TITLE)
    spelled = [
        sms.to_gsm7(like.replace(TITLE, isolated(shorten(cheap, sms.room(cheap, n)), reader.direction, sparing=True)))
        for n in SHORT_TITLES
    ]  # fmt: skip
    if reader.gsm and sms.segments(cheap).encoding != "GSM-7":
        assert "LX400000015CN" in said
        assert cheap not in said
    else:
        assert said in spelled


def _heads(message: Message) -> dict[str, str]:
    head = to_bytes(ENVELOPE, message, SENDER, at=AT).partition(b"\r\n\r\n")[0].decode("ascii")
    return dict(line.split(": ", 1) for line in head.replace("\r\n ", " ").split("\r\n"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_words_of_strangers_are_shown_so_and_not_otherwise(kind: str) -> None:
    raw, shown = WORDS[kind]
    assert quote(raw, 120) == shown
    assert quote(shown, 120) == shown


@pytest.mark.parametrize("lang", LANGS)
def test_a_mail_and_an_sms_say_what_they_would_have_said(lang: str) -> None:
    for kind in turn(lang, 4):
        advice = advice_of(lang, kind)
        message = RENDERER.render(context(advice, nasty(kind)), lang=lang, timezone="Europe/Madrid")
        check(message, advice, lang, kind)


@pytest.mark.slow
@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("advice", ROWS)
def test_every_advice_says_what_it_would_have_said(advice: str, lang: str) -> None:
    for kind in KINDS[(list(ROWS).index(advice) + LANGS.index(lang)) % 6 :: 6]:
        message = RENDERER.render(context(advice, nasty(kind)), lang=lang, timezone="Europe/Madrid")
        check(message, advice, lang, kind)


@pytest.mark.parametrize("lang", ["en", "ko", "he"])
@pytest.mark.parametrize("kind", ["Hebrew", "Arabic", "both directions", "list", "tower"])
def test_words_of_another_direction_are_set_apart_wherever_they_stand(lang: str, kind: str) -> None:
    message = RENDERER.render(
        context("import_customs", nasty(kind)), lang=lang, timezone="UTC"
    )  # it has no letter
    title = allowed(kind)[TITLE]
    assert isolated(title, direction(lang)) in message.subject
    apart = isolated(title, direction(lang)) != title
    for said in (message.subject, *map(str, texts(message.html))):
        for found in re.finditer(re.escape(title), said):
            before = said[: found.start()]
            assert not apart or before.count("\u2068") > before.count("\u2069"), said


# -- the checks can fail ---------------------------------------------------------------------------------------------


class Unescaped(Words):
    """A renderer whose pages escape nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._templates._layouts = self._templates._layouts.overlay(autoescape=False)


def unmade(**change: Any) -> dict[str, Any]:
    told = context("pay", CALM)
    return {**told, "order": {**told["order"], **change}}


@pytest.mark.parametrize("kind", ["markup", "ends an element", "entities"])
def test_the_control_without_escaping_the_page_is_another(kind: str) -> None:
    message = Unescaped().render(context("pay", nasty(kind)), lang="en", timezone="Europe/Madrid")
    with pytest.raises(AssertionError):
        check(message, "pay", "en", kind)


@pytest.mark.parametrize(
    "kind", ["header", "link", "number", "override", "tower", "long", "two stops", "look-alike link"]
)
def test_the_control_words_that_were_not_made_fit_are_seen(kind: str) -> None:
    raw = WORDS[kind][0] + (" evil.top" if kind == "two stops" else "")
    message = RENDERER.render(unmade(title=raw), lang="en", timezone="Europe/Madrid")
    with pytest.raises(AssertionError):
        check(message, "pay", "en", kind)


def test_the_control_words_that_are_not_set_apart_are_seen() -> None:
    title = WORDS["Hebrew"][1]
    assert isolated(title, "ltr") != title
    assert isolated(title, "ltr") not in f"Import charges to pay: {title}"


# -- other forms -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGS)
def test_a_digest_says_what_it_would_have_said(lang: str) -> None:
    told = {"lang": lang, "timezone": "UTC"}
    facts = [context("pay", CALM), samples.full(ROWS["import_customs"], title="Calm")]
    like = RENDERER.bundle("digest", facts, **told)
    for kind in turn(lang):
        message = RENDERER.bundle("digest", [context("pay", nasty(kind)), facts[1]], **told)
        shown = allowed(kind)
        assert plain(message.text) == plain(put(like.text, shown))
        assert skeleton(message.html) == skeleton(like.html)
        assert [plain(t) for t in texts(message.html)] == [plain(put(t, shown)) for t in texts(like.html)]
        assert sms.segments(message.short).parts <= 3
        assert len(message.short.splitlines()) == 1


@pytest.mark.parametrize("lang", LANGS)
def test_a_calendar_and_the_markup_for_gmail_have_the_same_lines(lang: str) -> None:
    def dates(facts: dict[str, Any]) -> list[str]:
        text = RENDERER.deadline(facts, lang=lang, timezone="UTC", organizer="cw@example.org")
        assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
        return text.replace("\r\n ", "").split("\r\n")

    like = dates(context("pay", CALM))
    for kind in turn(lang):
        lines = dates(context("pay", nasty(kind)))
        assert [re.split("[:;]", line)[0] for line in lines] == [re.split("[:;]", line)[0] for line in like]
        title = re.sub(r"([\\;,])", r"\\\1", allowed(kind)[TITLE])
        summaries = [line for line in lines if line.startswith("SUMMARY:")]
        assert all(ISOLATES.sub("", line).endswith(title) for line in summaries)
        assert summaries


@pytest.mark.parametrize("kind", KINDS)
def test_a_payload_and_a_push_hold_the_same_words_on_their_lines(kind: str) -> None:
    message = RENDERER.render(context("pay", nasty(kind)), lang="en", timezone="Europe/Madrid")
    body = webhook.payload(ENVELOPE, message, AT)
    data = json.loads(body)["data"]
    like = json.loads(webhook.payload(ENVELOPE, calm("pay", "en"), AT))["data"]
    assert list(data) == list(like)
    assert plain(data["text"]) == plain(put(like["text"], allowed(kind)))
    assert data["subject"] == _clean.header(message.subject)
    assert data["short"] == _clean.short(message.short) == message.short.replace("=?", "= ?")
    pushed = apprise._quiet(_clean.short(message.short))
    assert not re.search(r"(?<!\w)@\w|\]\(|[<>`]", pushed)
    assert len(pushed.splitlines()) == 1


# -- any text at all -------------------------------------------------------------------------------------------------

ANY = st.text(
    st.one_of(st.characters(codec=None, categories=None), st.sampled_from("<>&\"'{}%\\/.:@=?+-()[]\r\n\x00\u202eאب01")),
    max_size=80,
)  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(ANY, st.sampled_from(LANGS))
def test_any_text_changes_words_and_nothing_else(said: str, lang: str) -> None:
    words = dict.fromkeys(CALM, f"x{said}")
    told = {"lang": lang, "timezone": "Europe/Madrid"}
    message = RENDERER.render(context("pay", words), **told)
    assert skeleton(message.html) == skeleton(calm("pay", lang).html)
    assert len(texts(message.html)) == len(texts(calm("pay", lang).html))
    assert list(_heads(message)) == list(_heads(calm("pay", lang)))
    assert sms.segments(message.short).parts <= 2
    assert quote(f"x{said}", 180) in " ".join(ISOLATES.sub("", " ".join(texts(message.html))).split())
