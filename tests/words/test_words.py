"""Every advice in every form: word for word as reviewed, bounded, escaped, and with nothing to click."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2.ext import babel_extract

from tests.words import samples
from workers import knowledge
from workers.core import brief, sms
from workers.core.model import Stage, Why
from workers.errors import Permanent
from workers.knowledge.table import load_priors, load_table
from workers.render import Renderer, with_date

GOLDEN = Path(__file__).parent / "golden"
ROWS = {row.advice.id: row for row in load_table().rows}
RENDERER = Renderer()
FORMS = {"email.txt": "text", "short.txt": "short"}
WORST_TITLE = "Wasserdichte Bluetooth-Kopfhörer mit Ladeschale für Łukasz und Zoë, 24 Stück, {blau}"


def render(context, lang="en", renderer=RENDERER):
    return renderer.render(context, lang=lang, timezone="Europe/Madrid")


@cache
def shown(advice, sample=samples.full):
    """The message of an advice for the sample order, rendered once for all tests that only read it."""
    return render(sample(ROWS[advice]))


@pytest.mark.parametrize(
    ("advice", "form"), [*((advice, form) for advice in ROWS for form in FORMS), ("pay", "email.html")]
)
def test_the_words_are_as_reviewed(advice, form, update_golden):
    """One page stands whole; the outlines of all, in every language, are in ``golden/html``."""
    message = shown(advice)
    said = getattr(message, FORMS.get(form, "html")).rstrip("\n") + "\n"
    if form == "email.txt":
        said = f"Subject: {message.subject}\nPreheader: {message.preheader}\n\n{said}"
    file = GOLDEN / "en" / f"{advice}.{form}"
    if update_golden:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(said, encoding="utf-8")
    assert said.splitlines() == file.read_text(encoding="utf-8").splitlines()


def test_no_golden_file_is_left_over(update_golden):
    if update_golden:
        pytest.skip("they are being written")
    wanted = {f"{advice}.{form}" for advice in ROWS for form in FORMS} | {"pay.email.html"}
    assert {file.name for file in (GOLDEN / "en").iterdir()} == wanted


def test_every_advice_has_words_and_all_words_have_an_advice():
    assert set(RENDERER.advices()) == set(ROWS)


def test_every_letter_named_has_words_and_all_letters_are_named():
    letters = {path.stem for path in (Path(__file__).parents[2] / "templates/seller").glob("[!_]*.j2")}
    assert letters == {letter for row in ROWS.values() for letter in row.advice.letters}


ADDRESSEES = {
    "operator": "To the delivery company",
    "seller": "To the seller",
    "shop": "To the shop, for the dispute",
    "bank": "To your bank or card issuer",
}


@pytest.mark.parametrize("advice", [row.advice.id for row in ROWS.values() if row.advice.contact])
def test_whoever_is_to_be_asked_first_has_a_letter_with_the_facts(advice):
    text = shown(advice).text
    drafts = [
        draft.partition("WHY YOU GET THIS")[0] for draft in text.split("A MESSAGE, READY TO SEND\n")[1:]
    ]
    own = [draft for draft in drafts if draft.startswith(ADDRESSEES[ROWS[advice].advice.contact] + "\n")]
    assert own, f"{advice} asks {ROWS[advice].advice.contact}, and none of its letters is for them"
    for draft in drafts:
        assert "LX400000015CN" in draft
        assert "8190000000000013" in draft


@pytest.mark.parametrize("advice", ROWS)
@pytest.mark.parametrize("sample", [samples.full, samples.minimal])
def test_every_advice_says_what_it_must(advice, sample):
    row = ROWS[advice]
    message = shown(advice, sample)
    assert message.subject
    assert message.preheader
    assert len(message.subject) <= 110
    assert "None" not in message.text
    assert "{" not in message.text
    assert "WHY YOU GET THIS" in message.text
    if row.advice.needs_you.value == "yes":
        assert "WHAT TO DO" in message.text
        assert "BY WHEN" in message.text or sample is samples.minimal
        assert "WHOM TO ASK FIRST" in message.text
    assert message.text.count("A MESSAGE, READY TO SEND") == len(row.advice.letters)


@pytest.mark.parametrize("advice", ROWS)
@pytest.mark.parametrize("sample", [samples.full, samples.minimal])
def test_every_paragraph_of_the_text_stands_in_the_html(advice, sample):
    message = shown(advice, sample)
    plain = " ".join(_Text.of(message.html).split())
    for block in ("subject", "preheader"):
        assert getattr(message, block) in plain
    folded = re.sub(r"[^\w]+", "", plain).casefold()
    for paragraph in re.split(r"\n\s*\n", message.text):
        for line in paragraph.splitlines():
            words = re.sub(r"[^\w]+", "", re.sub(r"^\s*\d+\.", "", line)).casefold()
            assert words in folded or not words.isalpha(), line


@pytest.mark.parametrize("why", [why for why in Why if why.speaks])
def test_every_reason_to_write_is_said(why):
    message = render(samples.full(ROWS["pay"], why=why))
    first = render(samples.full(ROWS["pay"]))
    assert (message.text == first.text) == (why is Why.FIRST)
    assert message.subject.startswith("Reminder: ") == (why is Why.REMINDER)


@pytest.mark.parametrize("advice", ROWS)
def test_a_subject_leads_with_the_news_and_the_date(advice):
    for sample in (samples.full, samples.minimal):
        context = sample(ROWS[advice])
        message = shown(advice, sample)
        dated = context["needs_you"] == "yes" and context["deadline"]
        day = f"(act by {datetime.fromisoformat(context['deadline']):%-d %b})" if dated else "(act by"
        assert (day in message.subject) == bool(dated)
        if dated:
            assert message.subject.index(day) < message.subject.index(context["order"]["title"])
            assert day not in message.html.partition("<h1")[2]  # the page says it at its own place


@pytest.mark.parametrize(
    ("subject", "title", "said"),
    [
        ("Papers needed: Reel", "Reel", "Papers needed (by x): Reel"),
        ("Papiers demandés\u00a0: Reel", "Reel", "Papiers demandés (by x)\u00a0: Reel"),
        ("Money back for Reel: ask", "Reel", "Money back for Reel: ask (by x)"),
        ("Reel", "Reel", "Reel (by x)"),
        ("Papers", "", "Papers (by x)"),
    ],
)
def test_the_date_stands_right_behind_the_news(subject, title, said):
    assert with_date(subject, title, "by x") == said


def test_one_subject_serves_a_whole_thread():
    first = shown("pay")
    later = render(samples.full(ROWS["pay"], why=Why.REMINDER))
    assert first.subject != later.subject
    assert first.steady == later.steady == "You need to do something: Fishing reel (LX400000015CN)"
    assert shown("inspection").steady == shown("released").steady == "Fishing reel (LX400000015CN)"
    assert render(samples.full(ROWS["inspection"], title="")).steady == "parcel LX400000015CN"


def test_a_guess_says_that_it_is_one_and_stands_under_its_own_words():
    for advice, guesses in samples.GUESSES.items():
        message = shown(advice)
        said = message.text.partition("our guess; the tracking names no")[2].partition("\n\n")[0]
        assert said.count("\n- ") == len(guesses), advice
        for guess, sentence in zip(guesses, said.split("\n- ")[1:], strict=True):
            assert guess.key.startswith("wording_") or " may " in " ".join(sentence.split()), sentence
        assert message.text.count("- Guess: ") == len(guesses)
    assert "our guess" not in shown("pay").text
    assert "our guess" not in shown("inspection", samples.minimal).text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("flat_duty", "a change of the flat customs duty."),
        ("levy", "Levy."),
        ("extra_duty.forced_labour", "Additional duty."),
        ("procedure.product_identifier", "a product number that sellers must declare"),
        ("procedure.pccc", "a change of the import rules."),
    ],
)
def test_a_rule_that_changed_is_named_as_closely_as_we_can(line, said):
    [guess] = samples.GUESSES["customs_stuck"]
    told = samples.full(ROWS["customs_stuck"])
    told["guesses"] = [brief.guessed(replace(guess, what=line))]
    text = " ".join(render(told).text.split())
    assert f"The import rules changed on Friday, 20 November 2026: {said}" in text


def test_every_guess_that_can_be_made_has_words():
    words = (Path(__file__).parents[2] / "templates/layout/names.j2").read_text(encoding="utf-8")
    priors, wordings = load_priors(), knowledge.load().wordings
    keys = {"same_day", "several_items", "holiday", "holiday_abroad", "law_change", "law_announced"}
    keys |= {f"season_{re.sub('[ -]', '_', season.name).lower()}" for season in priors.seasons}
    keys |= {f"wording_{wording.key}" for wording in wordings}
    assert set(re.findall(r"block guess_(\w+) ", words)) == keys
    assert {guess.key for guesses in samples.GUESSES.values() for guess in guesses} == keys


def test_every_key_of_an_estimate_has_words():
    """A key without words would be shown as it is: "more costs unknown"."""
    law = knowledge.load().law
    charges = {
        row.charge for country in law.countries.values() for line in country.lines.values() for row in line
    }
    silent = {
        "scheme",
        "waiver",
        "duty_relief",
        "vat_relief",
        "procedure",
        "customs_value",
    }  # rules, not charges
    core = Path(__file__).parents[2] / "workers/core"
    code = "".join((core / f"{name}.py").read_text() for name in ("rules", "assess", "tariff"))
    assumed = set(re.findall(r'assume\("(\w+)"\)', code)) | {"category_guessed", "category_unknown"}
    names = (Path(__file__).parents[2] / "templates/layout/names.j2").read_text()
    known = set(re.findall(r"block (\w+) ", names))
    assert {f"charge_{c}" for c in charges - silent} <= known
    assert {f"assumption_{a}" for a in assumed} <= known
    assert {f"stage_{s.value}" for s in Stage if s is not Stage.UNKNOWN} <= known
    assert {f"way_{w}" for o in knowledge.load().operators for w in o.asks_by} <= known


def test_an_announcement_is_told_as_one_and_says_whether_its_day_has_passed():
    context = samples.full(ROWS["pay"])
    past = " ".join(render(context).text.split())
    assert (
        "Announced for Sunday, 1 November 2026; we could not confirm whether it began, so it is not in our figures"
        in past
    )
    ahead = " ".join(render(context | {"now": "2026-10-31T09:30:00+00:00"}).text.split())
    assert "Announced for Sunday, 1 November 2026, not confirmed and not in our figures" in ahead
    assert "could not confirm whether" not in ahead
    assert "could not confirm whether" in " ".join(
        render(context | {"now": "2026-11-01T00:00:00+00:00"}).text.split()
    )


def test_an_estimate_is_explained_line_by_line():
    context = samples.full(ROWS["pay"])
    bare = {"kind": "rule", "what": "w", "where": "", "source": "", "checked": None}
    first = context["cost"]["lines"][0]
    context["cost"]["lines"] = [
        first | {"note": "range_by_guess"},
        first | {"rule": bare | {"source": "https://zoll.de"}, "since": None},
        first | {"rule": bare, "since": None, "name": "toll_of_the_bridge"},
    ]
    context["cost"]["assumptions"] = ["seller_owes:handling_fee", "below_minimum", "something_new"]
    context["order"]["destination"] = "AU"
    text = render(context).text
    assert "GST: €20.19 to €20.79" in text
    assert "a range for the kind of goods we guessed" in text
    assert "toll of the bridge" in text
    assert "Union handling fee: owed by the seller or the shop, not by you." in text
    assert "something new" in text
    assert "  zoll.de\n" in text


def test_an_original_text_stands_beside_its_translation():
    context = samples.full(ROWS["held"])
    context["proof"] |= {"original": "海关扣留"}
    assert "(in the original: 海关扣留)" in " ".join(render(context).text.split())


# -- bounds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("advice", ROWS)
def test_an_sms_is_two_segments_of_the_cheap_alphabet_at_the_very_most(advice):
    for title in ("Reel", WORST_TITLE, "Very " * 40, "手机壳", "€" * 80, "x" * 120):
        row = ROWS[advice]
        context = samples.full(row, title=title)
        context["operator"]["name"] = "Österreichische Post AG, Abteilung Verzollung Wien"
        said = render(context).short
        cost = sms.segments(said)
        assert (cost.encoding, cost.parts <= 2) == ("GSM-7", True), (title, said, cost)
        assert said.startswith("customs-watch: ")
    assert "parcel LX400000015CN" in render(samples.full(ROWS[advice], title="手机壳")).short


@pytest.mark.parametrize("advice", ROWS)
def test_an_sms_names_the_order_in_the_persons_own_words(advice):
    assert "Fishing reel" in shown(advice).short


@pytest.mark.parametrize("advice", ROWS)
def test_a_mail_is_small_and_its_lines_are_short(advice):
    context = samples.full(ROWS[advice])
    event = context["timeline"][0] | {"text": "W" * 180, "original": "字" * 180, "place": "P" * 80}
    context["timeline"] = [event] * 12
    message = render(context)
    assert len(message.html.encode()) < 60_000
    assert len(message.text.encode()) < 20_000
    assert max(map(len, shown(advice).text.splitlines())) <= 100
    assert max(len(line.encode()) for line in message.html.splitlines()) < 990


# -- nothing to click, nothing to load -------------------------------------------------------------------------------


class _Text(HTMLParser):
    """The visible text of a page, its tags and their attributes."""

    def __init__(self):
        super().__init__()
        self.said, self.tags, self.attributes, self._quiet = [], [], [], False

    @classmethod
    def read(cls, html):
        parser = cls()
        parser.feed(html)
        parser.close()
        return parser

    @classmethod
    def of(cls, html):
        return " ".join(cls.read(html).said)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self._quiet = tag == "style"

    def handle_endtag(self, tag):
        self._quiet = False

    def handle_data(self, data):
        if not self._quiet:
            self.said.append(data)


@pytest.mark.parametrize("advice", ROWS)
def test_a_mail_holds_no_link_no_image_and_nothing_to_load(advice):
    message = shown(advice)
    page = _Text.read(message.html)
    assert not {"a", "img", "script", "link", "iframe", "form", "object", "svg", "base"} & set(page.tags)
    assert not {"href", "src", "action", "background", "onclick"} & {name for name, _ in page.attributes}
    for said in (message.html, message.text, message.short, message.subject):
        assert not re.search(r"https?:|www\.|url\(|@import", said)
    assert not re.search(r"(\+|\b00)\d{5,}", message.short)


def test_the_page_says_its_language_direction_and_colour_schemes():
    html = render(samples.full(ROWS["pay"])).html
    assert '<html lang="en" dir="ltr">' in html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert 'dir="rtl"' in render(samples.full(ROWS["pay"]), lang="he").html


def test_no_advice_ever_calls_anything_safe():
    for advice in ROWS:
        said = shown(advice).text.replace("To be safe, pay by", "")
        assert not re.search(r"\bsafe\b|\b(message|request|letter|text) is genuine\b", said)


def _luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _contrast(one, two):
    light, dark = sorted((_luminance(one), _luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


LAYOUT = re.sub(
    r"\{[#%].*?[#%]\}|\{\{ *(start|end) *\}\}",
    r"\1",
    (Path(__file__).parents[2] / "templates/layout/_mail.css.j2").read_text(),
)


def _colours(css, selector, name):
    """Return the last colour a rule for *selector* gives to *name*."""
    found = ""
    for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", css):
        if selector in [part.strip() for part in selectors.split(",")]:
            match = re.search(rf"(?:^|[;\s]){name}:\s*(#[0-9a-f]{{6}})", body)
            found = match[1] if match else found
    return found


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        (".card", ".card"),
        ("h1", ".card"),
        ("h2", ".card"),
        (".order", ".card"),
        (".lead", ".card"),
        (".small", ".card"),
        (".reasons", ".card"),
        (".closing", ".card"),
        ("table.cost td.rule", ".card"),
        (".need_yes", ".need_yes"),
        (".need_wait", ".need_wait"),
        (".need_no", ".need_no"),
        (".when", ".when"),
        (".letter", ".letter"),
    ],
)
def test_text_stands_out_from_its_ground_in_both_modes(text, ground, dark):
    light_css, _, dark_css = LAYOUT.partition("@media (prefers-color-scheme: dark)")
    css = dark_css.split("{", 1)[1] if dark else light_css
    colour, back = _colours(css, text, "color"), _colours(css, ground, "background-color")
    assert _contrast(colour, back) >= 4.5, (colour, back)


def test_the_contrast_check_can_fail():
    assert _contrast("#777777", "#888888") < 4.5 < _contrast("#000000", "#ffffff")


@pytest.mark.parametrize(
    ("advice", "legs", "phase"),
    [
        ("pay", ["done", "done", "done", "customs", "ahead"], "In customs"),
        ("moving", ["done", "done", "now", "ahead", "ahead"], "On the road"),
        ("released", ["done", "done", "done", "done", "now"], "Last mile"),
        ("delivered", ["done"] * 5, "Delivered"),
        ("refused_counterfeit", [], ""),
        ("returning", [], ""),
    ],
)
def test_the_way_of_a_parcel_is_drawn_and_named_and_one_that_goes_back_is_promised_no_arrival(
    advice, legs, phase
):
    html = render(samples.full(ROWS[advice])).html
    assert re.findall(r'<td class="leg_(\w+)', html) == legs
    assert re.findall(r'<p class="phase"[^>]*>([^<]*)', html) == ([phase] if phase else [])


def test_the_first_line_says_by_when_unless_that_day_has_passed():
    context = samples.full(ROWS["pay"])
    assert "You need to do something by 21 Dec<" in render(context).html
    assert "YOU NEED TO DO SOMETHING BY 21 DEC\n" in render(context).text
    assert "You need to do something<" in render(context | {"deadline": "2026-12-07"}).html
    assert "You need to do something<" in render(context | {"deadline": None}).html
    assert (
        "Nothing for you to do<" in render(samples.full(ROWS["delivered"]) | {"deadline": "2027-01-04"}).html
    )


def test_what_runs_the_other_way_is_set_apart_from_the_words_around_it():
    reasons = render(samples.full(ROWS["pay"]), lang="he").text
    assert "\u2068“The last thing the carrier said”\u2069" in reasons
    assert "\u2068" not in render(samples.full(ROWS["pay"]), lang="de").text


# -- hostile words ---------------------------------------------------------------------------------------------------

HOSTILE = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)><b>",
    "template": "{{ 7 * 7 }}{% raw %}{{ ''.__class__ }}",
    "format": "%(number)s %s %d {0} {title}",
    "encoded words": "=?UTF-8?Q?=0ABcc:_x@evil.example?=",
    "header": "Reel\r\nBcc: x@evil.example\n\n<html>",
    "bidi": "Reel \u202egnp.exe\u2066\u200b",
    "link": "Pay at https://evil.example/pay or evil.example or +49 170 1234567",
    "long": "x" * 10_240,
    "quotes": "\"><p style='color:red'>&amp;",
}


@pytest.mark.parametrize("advice", ["pay", "customs_stuck", "double_charge", "returning", "pickup"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_words_come_out_escaped_and_bounded(kind, advice):
    nasty = HOSTILE[kind]
    row = ROWS[advice]
    context = samples.full(row, title=nasty, seller=nasty, shop=nasty, number=nasty, snapshot_text=nasty)
    calm = _Text.read(shown(advice).html)
    message = render(context)
    page = _Text.read(message.html)
    assert sorted(set(page.tags)) == sorted(set(calm.tags))
    assert {name for name, _ in page.attributes} == {name for name, _ in calm.attributes}
    assert "\n" not in message.subject + message.short + message.preheader
    assert "49" not in message.subject
    for said in (message.subject, message.text, message.html, message.short):
        assert not re.search(r"evil\.example|https?:|[\u202e\u2066\u200b]", said)
    assert len(message.html.encode()) < 60_000
    assert sms.segments(message.short).parts <= 2


def test_template_syntax_in_a_title_is_shown_as_it_is():
    assert "{{ 7 * 7 }}" in render(samples.full(ROWS["pay"], title="{{ 7 * 7 }}")).text
    assert "100 % off" in render(samples.full(ROWS["pay"], title="100 % off")).text


# -- the user's own words --------------------------------------------------------------------------------------------


def own(tmp_path, name, text):
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return Renderer(tmp_path)


def test_the_user_overrides_one_file_and_keeps_the_rest(tmp_path):
    mine = own(
        tmp_path,
        "advice/pay.j2",
        "{% block subject %}Hey {{ title }}{% endblock %}{% block short %}{{ title }}!{% endblock %}",
    )
    message = render(samples.full(ROWS["pay"]), renderer=mine)
    assert message.subject == "Hey (act by 21 Dec) Fishing reel"
    assert message.short == "customs-watch: Fishing reel!"
    assert render(samples.full(ROWS["inspection"]), renderer=mine) == render(samples.full(ROWS["inspection"]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{% block subject %}{{ titel }}{% endblock %}", r"advice/pay\.j2.*titel"),
        ("{% block subject %}{{ title{% endblock %}", r"advice/pay\.j2"),
        ("{% block subject %}{{ ''.__class__.__mro__ }}{% endblock %}", "unsafe|__mro__"),
        ("{% block subject %}{% include 'nowhere.j2' %}{% endblock %}", r"nowhere\.j2"),
        ("{% block subject %}{{ 1 / 0 }}{% endblock %}", "division"),
        ("{% block subject %}{{ title + 1 }}{% endblock %}", r"advice/pay\.j2"),
        ("{% block subject %}{{ 'x'|money }}{% endblock %}", r"advice/pay\.j2"),
        ("{% block subject %}{% include 'advice/pay.j2' %}{{ self.subject() }}{% endblock %}", r"pay\.j2"),
        ("{% block subject %}{% for i in range(10**9) %}{% endfor %}{% endblock %}", "[Rr]ange"),
        ("{% block subject %}{{ order.update({'title': 1}) }}{% endblock %}", "unsafe|update"),
    ],
)
def test_a_bad_template_is_a_sentence_with_a_hint(tmp_path, text, said):
    mine = own(tmp_path, "advice/pay.j2", text)
    with pytest.raises(Permanent, match=said) as caught:
        render(samples.full(ROWS["pay"]), renderer=mine)
    assert caught.value.hint


def test_a_notice_of_another_version_is_refused_in_a_sentence():
    with pytest.raises(Permanent, match="another version"):
        render(samples.full(ROWS["pay"]) | {"version": 0})


def test_markup_in_a_users_words_is_still_only_words(tmp_path):
    mine = own(
        tmp_path,
        "advice/pay.j2",
        "{% block happening %}<b>bold</b>{% endblock %}{% block subject %}s{% endblock %}",
    )
    assert "&lt;b&gt;bold" in render(samples.full(ROWS["pay"]), renderer=mine).html


# -- languages -------------------------------------------------------------------------------------------------------

GERMAN = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

msgid "What is happening"
msgstr "Was gerade geschieht"

msgid "In customs: %(title)s"
msgstr "Beim Zoll: %(title)s"

#, fuzzy
msgid "Nothing to do."
msgstr "FALSCH"

msgid "%(n)s day since customs first had it"
msgid_plural "%(n)s days since customs first had it"
msgstr[0] "seit %(n)s Tag beim Zoll"
msgstr[1] "seit %(n)s Tagen beim Zoll"
"""


def test_a_translation_is_read_at_run_time_and_falls_back_string_by_string(tmp_path):
    mine = own(tmp_path, "locale/nds.po", GERMAN)
    for lang in ("nds", "nds-NL"):
        message = render(samples.full(ROWS["import_customs"]), lang=lang, renderer=mine)
        assert message.subject == "Beim Zoll: Fishing reel"
        assert message.lang == lang
        assert "seit 2 Tagen beim Zoll" in message.text
        assert message.preheader == "Nothing to do."
        assert "Dezember 2026" in message.text


def test_a_users_string_wins_over_ours_and_the_language_over_english(tmp_path):
    theirs = own(tmp_path, "locale/nds.po", GERMAN)
    (tmp_path / "locale/nds-NL.po").write_text(
        GERMAN.replace("Beim Zoll:", "Am Zoll:").replace("Was gerade geschieht", "")
    )
    message = render(samples.full(ROWS["import_customs"]), lang="nds-NL", renderer=theirs)
    assert message.subject == "Am Zoll: Fishing reel"


def test_every_string_can_be_extracted_for_translation():
    found = set()
    for path in (Path(__file__).parents[2] / "templates").rglob("*.j2"):
        with path.open("rb") as file:
            for _, _, message, _ in babel_extract(file, ["gettext", "ngettext"], [], {"trimmed": "true"}):
                found.add(message)
    assert len(found) > 400
    assert "Import charges to pay: %(title)s" in found
    assert ("%(n)s day in customs: %(title)s", "%(n)s days in customs: %(title)s") in {
        message[:2] for message in found if isinstance(message, tuple)
    }


def test_a_letter_comes_in_the_readers_language_and_in_english(tmp_path):
    mine = own(tmp_path, "locale/nds.po", GERMAN + '\nmsgid "Hello,"\nmsgstr "Guten Tag,"\n')
    message = render(samples.full(ROWS["customs_stuck"]), lang="nds", renderer=mine)
    assert message.text.count("A MESSAGE, READY TO SEND") == 2
    assert "  | Guten Tag,\n" in message.text
    assert "  | Hello,\n" in message.text


def test_a_broken_translation_is_a_sentence(tmp_path):
    mine = own(tmp_path, "locale/de.po", 'msgid "a"\nmsgid "b"\nmsgstr broken')
    with pytest.raises(Permanent, match=r"de\.po"):
        render(samples.full(ROWS["pay"]), lang="de", renderer=mine)


@pytest.mark.parametrize(
    ("lang", "zone", "day", "moment"),
    [
        ("en", "Europe/Madrid", "Monday, 21 December 2026", "6 Dec 2026, 08:30"),
        ("en-US", "America/New_York", "Monday, December 21, 2026", "Dec 6, 2026, 2:30 AM"),
        ("xx", "Nowhere/Land", "Monday, 21 December 2026", "6 Dec 2026, 07:30"),
    ],
)
def test_dates_follow_the_reader(lang, zone, day, moment):
    text = RENDERER.render(samples.full(ROWS["pay"]), lang=lang, timezone=zone).text
    assert day in text
    assert moment in text
