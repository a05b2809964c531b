"""The evidence pack and the calendar's words: as reviewed, complete, safe with hostile words, and true."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.words import samples
from tests.words.samples import NOW, PARCEL
from workers.core.calendar import KINDS
from workers.core.model import (
    Checkout,
    ParcelRef,
    Prepaid,
    Reading,
    Side,
    Snapshot,
    Stage,
    TimeQuality,
)
from workers.errors import Permanent
from workers.knowledge.table import load_table
from workers.render.dates import Calendars
from workers.render.evidence import EvidencePacks, Piece, Sent, letters, sides

GOLDEN = Path(__file__).parent / "golden"
ROWS = {row.advice.id: row for row in load_table().rows}
LETTERS = sorted({letter for row in ROWS.values() for letter in row.advice.letters})
PACKS = EvidencePacks()
SINCE = NOW - timedelta(days=12, hours=2)


def seen(stage, text, days, *, place="Madrid", side=None, quality=TimeQuality.EXACT, vanished=False, **more):
    """An event *days* before the parcel came to its stage, as one or more sources showed it."""
    witnesses = more.pop("witnesses", ("cainiao",))
    one = samples.seen(stage, text, SINCE - timedelta(days=days), place=place)
    sighting = replace(one.sighting, source=witnesses[0], quality=quality, **more)
    if quality is TimeQuality.UNKNOWN:
        sighting = replace(sighting, at=None)
    reading = Reading(stage, side=side, evidence=one.reading.evidence)
    return replace(one, sighting=sighting, reading=reading, vanished=vanished, witnesses=witnesses)


TIMELINE = (
    seen(Stage.PRE_TRANSIT, "订单已创建", 15, place="深圳", country="CN", lang="zh-CN", translation="Order created"),
    seen(Stage.EXPORT_CLEARED, "Export customs clearance complete", 9, place="Shenzhen", country="CN",
         side=Side.ORIGIN, quality=TimeQuality.ASSUMED),
    seen(Stage.ARRIVED_DESTINATION, "Llegada al país de destino", 1, quality=TimeQuality.DAY, lang="es",
         witnesses=("cainiao", "track"), carrier="Correos"),
    seen(Stage.HELD, "Held by customs", 0.5, vanished=True, witnesses=("track",), code="CC_HO_OUT"),
    seen(Stage.IMPORT_CUSTOMS, "Import customs clearance started", 0, side=Side.DESTINATION),
    seen(Stage.UNKNOWN, "Zxqv", 0, quality=TimeQuality.UNKNOWN, place=""),
)  # fmt: skip


def snapshot(timeline=TIMELINE, **more):
    facts = {"stage": Stage.IMPORT_CUSTOMS, "since": SINCE, "occurrence": 1, "in_customs_since": SINCE}
    return Snapshot(**(facts | {"timeline": timeline} | more))


def context(advice="pay", **order_facts):
    return samples.full(ROWS[advice], **order_facts)


def piece(advice="pay", timeline=TIMELINE, **order_facts):
    told = context(advice, **order_facts)
    sent = [
        Sent(NOW - timedelta(days=2), "ana", "mail", told),
        Sent(SINCE, "ana", "text", context("inspection")),
    ]
    return Piece(told, snapshot(timeline), sent, {"cainiao": NOW - timedelta(minutes=20)})


def pack(pieces=None, order=None, lang="en", letters_in="en", packs=PACKS):
    return packs.pack(
        order or samples.order(), pieces or [piece()], lang=lang, letters_in=letters_in,
        timezone="Europe/Madrid", version="1.2.3", now=NOW,
    )  # fmt: skip


class Page(HTMLParser):
    """The tags, attributes and words of a page."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.words, self._quiet = [], [], [], False
        self.feed(html)
        self.close()
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self._quiet = tag == "style"

    def handle_endtag(self, tag):
        self._quiet = False

    def handle_data(self, data):
        if not self._quiet:
            self.words.append(data)


def same(said, file, update):
    if update:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(said, encoding="utf-8")
    assert said.splitlines() == file.read_text(encoding="utf-8").splitlines()


# -- as reviewed -----------------------------------------------------------------------------------------------------


def test_the_pack_is_as_reviewed(update_golden):
    same(pack() + "\n", GOLDEN / "evidence" / "pay.html", update_golden)


@pytest.mark.parametrize("letter", LETTERS)
def test_every_letter_is_as_reviewed(letter, update_golden):
    advice = next(row.advice for row in ROWS.values() if letter in row.advice.letters)
    text = PACKS.render(context(advice.id), lang="en", timezone="Europe/Madrid").text
    drafts = text.partition("\nWHY YOU GET THIS")[0].split("A MESSAGE, READY TO SEND\n")[1:]
    drafted = drafts[advice.letters.index(letter)].rstrip("\n") + "\n"
    assert drafted
    same(drafted, GOLDEN / "letters" / f"{letter}.en.txt", update_golden)


def test_no_golden_file_is_left_over(update_golden):
    if update_golden:
        pytest.skip("they are being written")
    assert {file.name for file in (GOLDEN / "letters").iterdir()} == {f"{name}.en.txt" for name in LETTERS}
    assert {file.name for file in (GOLDEN / "evidence").iterdir()} == {"pay.html"}


# -- complete --------------------------------------------------------------------------------------------------------


def test_the_pack_names_the_order_and_what_was_paid():
    text = Page(pack()).text
    for fact in (
        "Fishing reel", "AliExpress", "River & Lake Tackle", "8190000000000013", "€89.00", "€4.20",
        "China to Spain", "LX400000015CN", "VAT: no.", "Buyer protection ends Thursday, 7 January 2027",
    ):  # fmt: skip
        assert fact in text, fact


@pytest.mark.parametrize(
    ("checkout", "said", "unsaid"),
    [
        (Checkout(), "It is not known whether import taxes were paid", "VAT:"),
        (Checkout(vat=Prepaid.YES), "VAT: yes.", "not known whether"),
        (Checkout(vat=Prepaid.YES, vat_amount=samples.euro("19.57")), "VAT: yes, €19.57.", "VAT: yes."),
        (Checkout(duty=Prepaid.YES, import_charges=Prepaid.NO), "Customs duty: yes. All import charges: no.", "VAT:"),
        (Checkout(duty=Prepaid.NO, import_charges=Prepaid.YES), "Customs duty: no. All import charges: yes.", "VAT:"),
    ],
)  # fmt: skip
def test_what_was_paid_at_checkout_is_said_as_the_file_says_it(checkout, said, unsaid):
    order = samples.order(checkout=checkout)
    told = context("pay", checkout=checkout)
    text = Page(pack([Piece(told, snapshot())], order)).text
    assert said in text
    assert unsaid not in text


def test_every_event_stands_in_the_pack_with_how_well_its_time_is_known():
    text = Page(pack()).text
    places = [text.index(one.sighting.text) for one in TIMELINE]
    assert places == sorted(places), "the oldest first"
    for words in (
        "time zone assumed", "only the day is known", "undated", "translated by the source: Order created", "not read",
        "cleared for export at the origin", "no longer shown", "CC_HO_OUT", "cainiao, track", "Correos",
        "1 event was shown once and is not shown any more", "first seen", "China", "Last answer of cainiao",
    ):  # fmt: skip
        assert words in text, words
    assert 'lang="zh-CN"' in pack()


def test_a_long_tracking_is_told_whole_and_says_if_it_was_cut():
    timeline = tuple(seen(Stage.IN_TRANSIT, f"Scan number {n} of many", 200 - n) for n in range(200))
    text = Page(pack([piece(timeline=timeline)])).text
    assert all(f"Scan number {n} of many" in text for n in range(200))
    assert "only the most telling events were kept" in text
    assert "only the most telling events were kept" not in Page(pack()).text


def test_every_line_of_the_estimate_has_its_rule_source_and_date():
    text = Page(pack()).text
    assert "Import VAT VAT from the first euro" in text
    assert samples.RULE.source in text
    assert "checked on 22 Nov 2026" in text
    assert "since 1 Jul 2021" in text
    assert "Together €26.19 to €33.79" in text
    assert "An estimate, not a bill" in text


def test_what_was_sent_is_told_the_first_first_and_never_by_address():
    text = Page(pack()).text
    told = text.partition("What was sent, and when")[2].partition("How this was read")[0]
    assert told.index("text") < told.index("mail")
    assert "Import charges to pay: Fishing reel" in told
    assert "No message about this parcel has been sent." in Page(pack([Piece(context(), snapshot())])).text


def test_a_notice_that_an_older_version_stored_is_listed_without_its_words():
    old = Sent(NOW, "ana", "mail", {"version": 0})
    text = Page(pack([Piece(context(), snapshot(), [old])])).text
    assert "The news 8 Dec 2026, 10:30 ana mail How this was read" in text


def test_sources_that_disagree_are_each_told():
    agreeing = (
        seen(Stage.IMPORT_CUSTOMS, "Import customs clearance started", 0, witnesses=("cainiao", "track"),
             side=Side.DESTINATION),
    )  # fmt: skip
    quarrel = (*agreeing, seen(Stage.DELIVERED, "Delivered", -1, witnesses=("track",)))
    assert {
        name: step.stage for name, step in sides(samples.order(), snapshot(quarrel), now=NOW).items()
    } == {
        "cainiao": Stage.IMPORT_CUSTOMS,
        "track": Stage.DELIVERED,
    }
    text = Page(pack([piece(timeline=quarrel)])).text
    assert "By cainiao alone the parcel would stand at: in customs." in text
    assert "By track alone the parcel would stand at: delivered." in text
    assert "2 sources show the parcel, without contradiction" in Page(pack([piece(timeline=agreeing)])).text
    assert "Only one source" in Page(pack([piece(timeline=TIMELINE[4:])])).text


def test_an_order_of_two_parcels_tells_of_both():
    other = ParcelRef("reel/LX400000029CN", "LX400000029CN")
    order = samples.order(parcels=(PARCEL, other))
    second = context("held_stuck")
    second["parcel"]["number"] = other.number
    text = Page(pack([piece(), Piece(second, snapshot())], order)).text
    assert "Parcels LX400000015CN, LX400000029CN" in text
    assert text.count("Every event of the tracking") == 2
    assert "English · LX400000029CN" in text


def test_a_parcel_of_which_nothing_is_known_still_makes_a_pack():
    told = samples.minimal(ROWS["unknown"])
    order = samples.order(title="", shop="", seller="", number="", goods=None, shipping=None, ordered_on=None,
                          protected_until=None, checkout=Checkout())  # fmt: skip
    text = Page(pack([Piece(told, Snapshot())], order)).text
    assert "nothing is known yet" in text
    assert "No source has shown an event yet." in text
    assert "Letters, ready to send" not in text
    assert "None" not in text


def test_the_foot_says_what_it_is_and_what_it_is_not():
    text = Page(pack()).text
    assert "Made on 8 Dec 2026, 10:30 by customs-watch 1.2.3" in text
    assert "not an official document" in text
    assert "Times are those of Europe/Madrid." in text


# -- letters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("advice", ROWS)
def test_there_is_one_letter_for_the_dispute_unless_it_came(advice):
    told = context(advice)
    chosen = letters(told)
    assert len(set(chosen)) == len(chosen) <= 4
    assert set(chosen) <= set(LETTERS)
    assert set(told["letters"]) <= set(chosen)
    disputes = [name for name in chosen if name in ("counterfeit", "not_received", "refund")]
    assert len(disputes) == (told["stage"] != "delivered")


@pytest.mark.parametrize(
    ("facts", "letter"),
    [
        ({"stage": "pre_transit"}, "not_shipped"),
        ({"stage": "documents_required"}, "seller_invoice"),
        ({"stage": "held", "addressee": "sender"}, "seller_acts"),
        ({"stage": "held", "pace": "slow"}, "stuck"),
        ({"stage": "held", "pace": "usual"}, None),
        ({"stage": "payment_due", "pace": "stuck"}, None),
        ({"stage": "held", "pace": "slow", "side": "origin"}, "not_moving"),
        ({"stage": "held", "pace": "slow", "days": 0}, None),
        ({"stage": "refused", "causes": ["suspected_counterfeit"]}, "counterfeit"),
        ({"stage": "refused", "causes": []}, "refund"),
        ({"stage": "returning"}, "refund"),
        ({"stage": "delivered"}, None),
    ],
)
def test_a_letter_says_only_what_is_true(facts, letter):
    told = context("moving") | {"letters": [], "side": "destination", "addressee": "", "days": 3} | facts
    chosen = letters(told)
    assert letter is None or letter in chosen
    if letter is None:
        assert not {*chosen} - {"not_received"}


def test_letters_come_in_the_readers_language_and_in_english(tmp_path):
    (tmp_path / "locale").mkdir()
    (tmp_path / "locale/de.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
        'msgid "The order"\nmsgstr "Die Bestellung"\n\nmsgid "Hello,"\nmsgstr "Guten Tag,"\n',
        encoding="utf-8",
    )
    packs = EvidencePacks(tmp_path)
    english = pack([piece("customs_stuck")], lang="en", letters_in="de", packs=packs)
    assert "The order" in english
    assert 'class="letter" lang="de" dir="ltr"' in english
    assert "Guten Tag," in english
    assert "Hello," in english
    german = pack([piece("customs_stuck")], lang="de", letters_in="de", packs=packs)
    assert '<html lang="de" dir="ltr">' in german
    assert "Die Bestellung" in german
    assert 'dir="rtl"' in pack(lang="he", letters_in="he", packs=packs)
    only = pack([piece("customs_stuck")], packs=packs)
    assert only.count("Hello,") == 1


# -- safe ------------------------------------------------------------------------------------------------------------

HOSTILE = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)><b>",
    "template": "{{ 7 * 7 }}{% raw %}{{ ''.__class__ }}",
    "format": "%(number)s %s %d {0} {title} 100%",
    "bidi": "Reel \u202egnp.exe\u2066\u200b",
    "link": "Pay at https://evil.example/pay or evil.example or +49 170 1234567",
    "long": "x" * 10_240,
    "quotes": "\"><p style='color:red'>&amp;",
    "style": "</style><style>*{display:none}</style>",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_words_come_out_escaped_and_bounded(kind):
    nasty = HOSTILE[kind]
    event = seen(
        Stage.IMPORT_CUSTOMS, nasty, 0, place=nasty, translation=nasty + "!", lang=nasty, carrier=nasty,
        code=nasty, number=nasty, country=nasty, witnesses=(nasty, "b"),
    )  # fmt: skip
    facts = {"title": nasty, "seller": nasty, "shop": nasty, "number": nasty}
    told = context("pay", snapshot_text=nasty, **facts)
    sent = [Sent(NOW, nasty, nasty, told)]
    made = Piece(told, snapshot((event, *TIMELINE)), sent, {nasty: NOW})
    html = pack([made], samples.order(category=nasty, hs_code=nasty, **facts))
    page, calm = Page(html), Page(pack())
    assert set(page.tags) <= set(calm.tags)
    assert {name for name, _ in page.attributes} <= {name for name, _ in calm.attributes}
    shown = html.replace(samples.RULE.source, "").replace(samples.OPERATOR.evidence.source, "")
    assert not re.search(r"evil\.example|https?:|[\u202e\u2066\u200b]|1234567", shown)
    assert len(html) < 60_000


def test_the_check_for_markup_can_fail():
    assert "script" in Page("<p>" + HOSTILE["markup"] + "</p>").tags


def test_the_page_loads_nothing_runs_nothing_and_links_nowhere():
    html = pack()
    page = Page(html)
    assert not {"a", "img", "script", "link", "iframe", "form", "object", "svg", "base", "video"} & set(
        page.tags
    )
    assert not {"href", "src", "action", "background", "style"} & {name for name, _ in page.attributes}
    assert not re.search(r"url\(|@import|expression", html)
    assert "default-src 'none'" in html
    assert 'name="color-scheme" content="light"' in html
    assert "prefers-color-scheme" not in html
    assert "size: A4" in html


def test_a_bad_template_of_the_users_is_a_sentence(tmp_path):
    (tmp_path / "layout").mkdir()
    (tmp_path / "layout/evidence.html.j2").write_text("{{ nothing }}")
    (tmp_path / "layout/calendar.j2").write_text("{% block name %}{{ nothing }}{% endblock %}")
    with pytest.raises(Permanent, match="nothing"):
        pack(packs=EvidencePacks(tmp_path))
    with pytest.raises(Permanent, match="nothing"):
        Calendars(tmp_path).document([context()], lang="en", timezone="UTC", now=NOW)


# -- the calendar's words --------------------------------------------------------------------------------------------


def unfolded(text):
    return text.replace("\r\n ", "")


def test_every_kind_of_date_has_words():
    told = context("pay") | {
        "documents_by": {"date": "2026-12-22", "by_rule": False},
        "storage_end": {"date": "2026-12-23", "by_rule": True},
    }
    text = unfolded(Calendars().document([told], lang="en", timezone="Europe/Madrid", now=NOW))
    assert text.count("BEGIN:VEVENT") == len(KINDS)
    for words in (
        "Pay the import charges",
        "Send the papers",
        "Collect the parcel",
        "Open a dispute",
        "Buyer protection ends",
    ):
        assert f"SUMMARY:{words}" in text
    assert text.count("SUMMARY:") == text.count(": Fishing reel\r\nDESCRIPTION:")
    assert text.count("This date is assumed") == 1
    assert "Order 8190000000000013 at AliExpress" in text


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_words_add_no_line_to_a_calendar(kind):
    calm = unfolded(Calendars().document([context()], lang="en", timezone="UTC", now=NOW))
    nasty = context("pay", title=HOSTILE[kind] + "\r\nATTACH:x", shop=HOSTILE[kind])
    text = unfolded(Calendars().document([nasty], lang="en", timezone="UTC", now=NOW))
    names = [line.partition(":")[0] for line in text.splitlines()]
    assert names == [line.partition(":")[0] for line in calm.splitlines()]
    assert "evil.example" not in text


@pytest.mark.parametrize("advice", ROWS)
def test_a_notice_brings_the_calendar_of_the_date_it_names_and_of_no_other(advice):
    told = context(advice)
    text = Calendars().deadline(told, lang="en", timezone="UTC")
    if told["deadline"] is None:
        assert text == ""
        return
    days = re.findall(r"DTSTART;VALUE=DATE:(\d+)", text)
    assert set(days) == {told["deadline"].replace("-", "")}
    whole = Calendars().document([told], lang="en", timezone="UTC", now=NOW)
    assert set(re.findall(r"UID:(.*)", text)) <= set(re.findall(r"UID:(.*)", whole))


def test_the_deadline_of_a_stage_that_asks_for_money_is_attached():
    assert "Pay the import charges" in Calendars().deadline(context("pay"), lang="en", timezone="UTC")
