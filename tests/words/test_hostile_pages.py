"""Strangers' words on pages and in the owner's mails: the same elements as with calm words, and the words where they stand."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from functools import cache
from typing import Any

import pytest

from tests.words import samples, status, test_evidence, test_owner_words
from tests.words.hostile import KINDS, WORDS
from tests.words.outlines import skeleton, texts
from tests.words.test_hostile import ISOLATES, LANGS, plain, put, turn
from workers.core import owner, sms
from workers.core.model import Message, Side, Stage
from workers.core.quote import identifier, quote, shorten, visible
from workers.render.evidence import Piece, Sent
from workers.render.page import ATOM, House, Shown, SourceState, StatusPages

PAGES = StatusPages()
# Each calm word is of another field, so that it is replaced by what may be shown there.
TITLE, SHOP, SELLER, NUMBER, TEXT, PLACE, TROUBLE, SOURCE, ERROR, MEANING, CARRIER, CODE, GOODS, WHO = (
    "Qtitle", "Qshop", "Qseller", "Qnumber", "Qtext", "Qplace", "Qtrouble", "Qsource", "Qerror", "Qmeaning", "Qcarrier", "Qcode",
    "Qgoods", "Qwho",
)  # fmt: skip
CALM = {
    word: word
    for word in (
        TITLE,
        SHOP,
        SELLER,
        NUMBER,
        TEXT,
        PLACE,
        TROUBLE,
        SOURCE,
        ERROR,
        MEANING,
        CARRIER,
        CODE,
        GOODS,
        WHO,
    )
}


def nasty(kind: str) -> dict[str, str]:
    raw = WORDS[kind][0]
    return dict.fromkeys(CALM, raw) | {MEANING: f"2 {raw}", NUMBER: f"{raw}7", CODE: f"{raw}8"}


def allowed(kind: str, *, text: int) -> dict[str, str]:
    """Return what may be shown in the place of each calm word; *text*: the length an event's text may have."""
    raw = nasty(kind)
    return {
        TITLE: shorten(quote(raw[TITLE], 120), 60),
        **{word: quote(raw[word], 80) for word in (SHOP, SELLER, PLACE, SOURCE, CARRIER, GOODS, WHO)},
        **{word: identifier(raw[word]) for word in (NUMBER, CODE)},
        **{word: quote(raw[word], text) for word in (TEXT, MEANING)},
        **{word: quote(raw[word], 200) for word in (TROUBLE, ERROR)},
    }


def same(page: str, like: str, shown: dict[str, str]) -> None:
    assert skeleton(page) == skeleton(like)
    got, wanted = [plain(said) for said in texts(page)], [plain(put(said, shown)) for said in texts(like)]
    assert sorted(got) == sorted(wanted)  # sources stand in the order of their names
    assert len(page) < 90_000


# -- the status page and its feed ------------------------------------------------------------------------------------


def house(words: dict[str, str]) -> House:
    one = status.parcel(
        "pay", 1, text=words[TEXT], title=words[TITLE], seller=words[SELLER], shop=words[SHOP], number=words[NUMBER], place=words[PLACE],
    )  # fmt: skip
    return House(
        [Shown(one.order, one.context, one.snapshot, words[TROUBLE])],
        [SourceState(words[SOURCE], 2, None, words[ERROR])],
    )


def page(words: dict[str, str], lang: str, pages: StatusPages = PAGES) -> str:
    return pages.page(house(words), lang=lang, timezone="Europe/Madrid", version="0", now=status.NOW)


def feed(words: dict[str, str], lang: str) -> list[tuple[str, Any, str]]:
    raw = PAGES.feed(house(words), lang=lang, timezone="UTC", now=status.NOW)
    return [(one.tag, one.attrib, one.text or "") for one in ET.fromstring(raw).iter()]  # noqa: S314 -- ours


@pytest.mark.parametrize("lang", LANGS)
def test_the_status_page_and_its_feed_say_what_they_would_have_said(lang: str) -> None:
    for kind in turn(lang, 12):
        shown = allowed(kind, text=180)
        same(page(nasty(kind), lang), page(CALM, lang), shown)
        got, like = feed(nasty(kind), lang), feed(CALM, lang)
        assert [one[:2] for one in got] == [one[:2] for one in like]
        assert [plain(one[2]) for one in got] == [plain(put(one[2], shown)) for one in like]
        assert sum(one[0] == f"{{{ATOM}}}entry" for one in got) == 1


def test_the_control_without_escaping_the_page_is_another() -> None:
    pages = StatusPages()
    pages._templates._layouts = pages._templates._layouts.overlay(autoescape=False)
    same(page(CALM, "en", pages), page(CALM, "en"), CALM)
    with pytest.raises(AssertionError):
        same(page(nasty("markup"), "en", pages), page(CALM, "en"), allowed("markup", text=180))


# -- the evidence pack -----------------------------------------------------------------------------------------------


def pack(words: dict[str, str], lang: str) -> str:
    event = test_evidence.seen(
        Stage.IMPORT_CUSTOMS, words[TEXT], 0, place=words[PLACE], translation=words[MEANING], carrier=words[CARRIER], code=words[CODE],
        number=words[NUMBER], witnesses=(words[SOURCE], "b"), side=Side.DESTINATION,
    )  # fmt: skip
    facts = {"title": words[TITLE], "seller": words[SELLER], "shop": words[SHOP], "number": words[NUMBER]}
    told = samples.full(test_evidence.ROWS["pay"], snapshot_text="Held", **facts)
    sent = [Sent(test_evidence.NOW, words[WHO], words[WHO], told)]
    made = Piece(
        told,
        test_evidence.snapshot((event, *test_evidence.TIMELINE)),
        sent,
        {words[SOURCE]: test_evidence.NOW},
    )
    return test_evidence.pack(
        [made], samples.order(category=words[GOODS], **facts), lang=lang, letters_in=lang
    )


@cache
def calm_pack(lang: str) -> str:
    return pack(CALM, lang)


@pytest.mark.parametrize("lang", LANGS)
def test_the_evidence_pack_shows_what_it_would_have_shown(lang: str) -> None:
    for kind in turn(lang, 12):
        same(pack(nasty(kind), lang), calm_pack(lang), allowed(kind, text=600))


# -- the owner's mails -----------------------------------------------------------------------------------------------

TEXTS = ("error", "about", "title", "shop", "source", "recipient", "channel", "file")
IDS = ("number", "order", "parcel")


def told(sample: str, lang: str, words: dict[str, str]) -> Message:
    topic, facts = test_owner_words.SAMPLES[sample]
    change = {key: words[key] for key in facts if key in words and facts[key]}
    made = json.loads(json.dumps(owner.context(topic, {**facts, **change}, now=test_owner_words.NOW)))
    return test_owner_words.RENDERER.render(made, lang=lang, timezone="Europe/Berlin")


@pytest.mark.parametrize("lang", LANGS)
def test_the_owner_is_told_what_would_have_been_told(lang: str) -> None:
    samples_of = list(test_owner_words.SAMPLES)
    for nth, kind in enumerate(turn(lang, 4)):
        sample = samples_of[(nth + LANGS.index(lang)) % len(samples_of)]
        raw = WORDS[kind][0]
        calm = {key: f"Q{key}" for key in (*TEXTS, *IDS)}
        words = dict.fromkeys(TEXTS, raw) | dict.fromkeys(IDS, f"{raw}7")
        message, like = told(sample, lang, words), told(sample, lang, calm)
        kinds = owner.TOPICS[test_owner_words.SAMPLES[sample][0]].facts
        shown = {calm[key]: kinds[key](words[key]) for key in calm if key in kinds}
        shown = shown or {"Qnothing": ""}
        assert plain(message.text) == plain(put(like.text, shown))
        assert skeleton(message.html) == skeleton(like.html)
        assert [plain(t) for t in texts(message.html)] == [plain(put(t, shown)) for t in texts(like.html)]
        assert plain(message.subject) == plain(put(like.subject, shown))
        assert sms.segments(message.short).parts <= 2
        assert len(message.short.splitlines()) == 1


@pytest.mark.parametrize("kind", ["link", "number", "look-alike link", "address", "glued number"])
def test_the_owner_gets_no_link_and_no_number_in_an_sms(kind: str) -> None:
    words = dict.fromkeys(("error", "about", "title", "shop"), WORDS[kind][0])
    for sample in test_owner_words.SAMPLES:
        said = re.sub(r"LP\d+", "", ISOLATES.sub("", told(sample, "en", words).short))
        assert not re.search(r"https?:|evil\.|@evil|\d{7}", said)


def test_a_name_for_a_source_is_of_the_users_own_file() -> None:
    assert visible(WORDS["terminal"][0], 80) == "Re[2J]0;ownedel31m"
    assert set(KINDS) == set(WORDS)
