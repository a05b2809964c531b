"""Every language is whole: each string translated with the same fields and plurals, each SMS within its two segments."""

from __future__ import annotations

import gettext
import io
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from unicodedata import bidirectional

import pytest
from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.plurals import get_plural
from babel.messages.pofile import read_po

from tests import messages
from tests.words import samples
from tests.words.outlines import reviewed
from tests.words.test_words import ROWS, WORST_TITLE
from tests.words.test_words import shown as english
from workers import knowledge
from workers.core import sms
from workers.core.model import Why
from workers.knowledge.table import load_table
from workers.render import Renderer
from workers.render.formats import GSM, Reader

LANGUAGES = sorted(path.stem for path in messages.LOCALE.glob("*.po"))
GOLDEN = Path(__file__).parent / "golden"
FIELD = re.compile(r"%\((\w+)\)s")
NOT_OURS = re.compile(r"https?://|www\.|<[a-z/!]|[\u202a-\u202e\u2066-\u2069]|\{\{|\{%")


@cache
def catalog(lang: str) -> Catalog:
    with (messages.LOCALE / f"{lang}.po").open("rb") as file:
        return read_po(file, abort_invalid=True)


@cache
def words() -> Catalog:
    return messages.words()


def forms(string: str | tuple[str, ...]) -> tuple[str, ...]:
    return string if isinstance(string, tuple) else (string,)


def troubles(asked: Catalog, given: Catalog) -> list[str]:
    """Return a sentence for everything that is wrong with a language."""
    said = []
    known = {message.id for message in given if message.id}
    wanted = {message.id for message in asked if message.id}
    said += [f"missing: {one!r}" for one in wanted - known]
    said += [f"left over: {one!r}" for one in known - wanted]
    for message in given:
        if not message.id or message.id not in wanted:
            continue
        ours, theirs = forms(message.id), forms(message.string)
        if message.fuzzy:
            said.append(f"fuzzy: {message.id!r}")
        if len(theirs) != (given.num_plurals if len(ours) > 1 else 1):
            said.append(f"{len(theirs)} plural forms, {given.num_plurals} wanted: {message.id!r}")
        fields = set(FIELD.findall(ours[-1]))
        for form in theirs:
            if not form.strip():
                said.append(f"not translated: {message.id!r}")
                continue
            got = set(FIELD.findall(form))
            if got != fields and not (len(ours) > 1 and got | {"n"} == fields):
                said.append(f"other fields than {sorted(fields)}: {form!r}")
            if NOT_OURS.search(form) or "\n" in form or form != form.strip():
                said.append(f"a link, markup, line end, stray blank or direction mark: {form!r}")
            if re.search("[.!?:]$", ours[0]) and not re.search(r"[.!?:。：)”“»״\"]$", form):
                said.append(f"no end of a sentence: {form!r}")
            if fields and "%" in form:
                try:
                    form % dict.fromkeys(fields, "x")
                except (ValueError, KeyError, TypeError):
                    said.append(f"a stray per cent sign: {form!r}")
    return said


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_language_says_everything_with_the_same_fields(lang):
    assert troubles(words(), catalog(lang)) == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_language_counts_as_its_speakers_do(lang):
    assert catalog(lang).num_plurals == get_plural(Locale.parse(lang, sep="-")).num_plurals
    assert str(catalog(lang).locale_identifier or catalog(lang).locale).replace("_", "-") == lang


def test_a_language_with_faults_is_refused():
    asked, given = Catalog(locale="en"), Catalog(locale="de")
    for message in ("Pay %(sum)s.", "Nothing to do.", "By %(day)s", "gone", "No link"):
        asked.add(message)
    asked.add(("%(n)s day for %(who)s", "%(n)s days for %(who)s"))
    given.add("Pay %(sum)s.", "Zahlen.")
    given.add("Nothing to do.", "")
    given.add("By %(day)s", "Bis %(day)s zu 100%", flags=["fuzzy"])
    given.add("No link", "https://example.org")
    given.add(("%(n)s day for %(who)s", "%(n)s days for %(who)s"), ("ein Tag für %(who)s", "%(n)s Tage"))
    given.add("old", "alt")
    said = "\n".join(troubles(asked, given))
    for fault in ("missing: 'gone'", "left over: 'old'", "other fields than ['sum']", "not translated: 'Nothing", "fuzzy: 'By",
                  "a stray per cent sign", "a link", "other fields than ['n', 'who']: '%(n)s Tage'"):  # fmt: skip
        assert fault in said, said
    assert "ein Tag" not in said  # "one day" needs no figure


def test_the_sentences_of_our_knowledge_are_among_the_words():
    ours = {message.id for message in words() if message.id}
    known = knowledge.load()
    for operator in known.operators:
        said = {operator.pay_where, operator.documents_where, operator.contact} - {""}
        assert said <= ours, operator.id
    assert {row.advice.evidence.what for row in load_table().rows} <= ours


class Strict(gettext.NullTranslations):
    """What stands behind a whole language: a string that falls through to it was forgotten."""

    def gettext(self, message: str) -> str:
        raise AssertionError(f"no words for {message!r}")

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        raise AssertionError(f"no words for {msgid1!r}")


class Whole:
    """The catalogue of one language with nothing to fall back on; English, for the letters, is as ever."""

    def __init__(self, lang: str) -> None:
        self._lang = lang
        self._catalog = strict(lang)

    def best(self, tag: str) -> gettext.NullTranslations:
        return self._catalog if tag == self._lang else gettext.NullTranslations()


def strict(lang: str) -> gettext.GNUTranslations:
    compiled = io.BytesIO()
    write_mo(compiled, catalog(lang))
    compiled.seek(0)
    found = gettext.GNUTranslations(compiled)
    found.add_fallback(Strict())
    return found


CORREOS = next(one for one in knowledge.load().operators if one.id == "correos")


def full(row, **facts):
    """The sample order with a real operator: the sentences of its file are ours to translate."""
    context = samples.full(row, **facts)
    for said in ("pay_where", "documents_where", "contact"):
        context["operator"][said] = getattr(CORREOS, said)
    return context


@cache
def renderer(lang):
    return Renderer(catalogs=Whole(lang))


def shown(context, lang):
    """Render with a catalogue that has nothing to fall back on: a string that was forgotten raises."""
    return renderer(lang).render(context, lang=lang, timezone="Europe/Madrid")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_advice_as_reviewed(lang, update_golden):
    """Nothing is English; one file a language: subject, preheader, text and SMS of every advice; the pages hold the same paragraphs."""
    said, pages = [], []
    for advice in sorted(ROWS):
        message = shown(full(ROWS[advice]), lang)
        pages += [f"######## {advice}", *page(message), ""]
        said += [f"######## {advice}", f"Subject: {message.subject}", f"Preheader: {message.preheader}"]
        said += [f"SMS: {message.short}", "", message.text, ""]
        assert f'lang="{lang}"' in message.html
        assert f'dir="{Reader.of(lang, "UTC", gettext.NullTranslations()).direction}"' in message.html
        assert len(message.html.encode()) < 60_000
    same(GOLDEN / f"{lang}.txt", said, update_golden)
    same(GOLDEN / "html" / f"{lang}.txt", pages, update_golden)


def test_every_page_in_english_as_reviewed(update_golden):
    pages = [line for advice in sorted(ROWS) for line in (f"######## {advice}", *page(english(advice)), "")]
    same(GOLDEN / "html" / "en.txt", pages, update_golden)


def page(message):
    return reviewed(message.html, message.text)


def same(file, lines, update):
    said = "\n".join(lines)
    if update:
        file.parent.mkdir(exist_ok=True)
        file.write_text(said, encoding="utf-8")
    assert said.splitlines() == file.read_text(encoding="utf-8").splitlines()


def test_a_page_that_says_something_else_than_the_text_is_seen():
    message = english("pay")
    long = "Import VAT: nothing to pay, and this sentence is longer than a line of an outline is."
    for old, new in (
        ("<h1", f"<p>{long}</p><h1"),
        ("since 1 Jul 2021", "since 1 Jul 2022"),
        ("<h2", "<h3"),
        ('class="letter', 'class="later'),
    ):
        changed = replace(message, html=re.sub(r"(?<=>)\s+(?=<)", "", message.html).replace(old, new, 1))
        assert page(changed) != page(message), new
    assert f"p: {long}" in page(replace(message, html=message.html.replace("<h1", f"<p>{long}</p><h1", 1)))


def test_each_language_and_no_other_has_a_golden_file():
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(LANGUAGES)
    assert {path.stem for path in GOLDEN.glob("html/*.txt")} == {"en", *LANGUAGES}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_sms_that_asks_for_something_names_the_last_day_where_there_is_one(lang):
    reader = Reader.of(lang, "Europe/Madrid", gettext.NullTranslations())
    dated = [
        context
        for context in map(full, ROWS.values())
        if context["needs_you"] == "yes" and context["deadline"]
    ]
    assert len(dated) > 20
    for context in dated:
        day = reader.short_day(context["deadline"])
        said = shown(context, lang).short
        assert day in said or sms.to_gsm7(day) in said, (context["advice"], said)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_sms_is_two_segments_in_every_language(lang):
    cheap = Locale.parse(lang, sep="-").language in GSM
    for row in ROWS.values():
        context = full(row, title=WORST_TITLE)
        context["operator"]["name"] = "Österreichische Post AG, Abteilung Verzollung Wien"
        said = shown(context, lang).short
        cost = sms.segments(said)
        assert cost.parts <= 2, (row.advice.id, said, cost)
        assert (cost.encoding == "GSM-7") == cheap, (row.advice.id, said)


def first_strong(said):
    """How a program that is told no direction decides on one: by the first letter that has a side (UAX 9, rules P2 and P3)."""
    own = re.sub("\u2068[^\u2069]*\u2069", "", said)  # words set apart do not count
    return next(side for side in map(bidirectional, own) if side in ("L", "R", "AL"))


@pytest.mark.parametrize("title", ["Fishing reel", "12 reels", "גלגלת דיג"])
def test_a_subject_and_an_sms_run_from_right_to_left_where_the_reader_does(title):
    for row in ROWS.values():
        message = shown(full(row, title=title), "he")
        for said in (message.subject, message.short):
            assert first_strong(said) == "R", said
        after = re.sub("[\u2068\u2069]", "", message.short).partition(f"{title}: ")[2]
        assert after
        assert not after[0].isdigit(), message.short  # it would join the Latin name before it
    for row in (ROWS["pay"], ROWS["counterfeit"]):
        assert first_strong(shown(full(row), "de").short) == "L"
    assert (
        first_strong(shown(full(ROWS["pay"]), "he").short.removeprefix("\u200f")) == "L"
    )  # it is the mark that turns it


def test_a_french_colon_never_begins_a_line():
    message = shown(full(ROWS["pay"]), "fr")
    assert "Oui\u00a0: " in message.text
    assert not re.search(r"^ *[:;?!»]", message.text, re.MULTILINE)
    assert " : " in message.short  # an SMS has no such space in its cheap alphabet


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_reason_to_write_stays_english(lang):
    for why in Why:
        if why.speaks:
            shown(full(ROWS["pay"]) | {"why": why.value}, lang)


def test_a_string_that_was_forgotten_is_seen():
    class Nothing:
        def best(self, _tag: str) -> gettext.NullTranslations:
            return Strict()

    with pytest.raises(AssertionError, match="no words for"):
        Renderer(catalogs=Nothing()).render(full(ROWS["pay"]), lang="de", timezone="UTC")
