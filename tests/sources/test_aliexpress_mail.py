"""What AliExpress' mails say, in what shape they come, and of which parcel; no server is asked here."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sources.letters import NOW, NUMBER, ORDER, letter, package, tracking
from workers import knowledge
from workers.core.model import Stage, TimeQuality
from workers.errors import Permanent, Temporary
from workers.mailbox.letter import read
from workers.sources import Ask
from workers.sources._mail_match import memo, on_their_way, sightings
from workers.sources._mail_memory import Fact, Said
from workers.sources._mail_steps import hinted, known, told
from workers.sources.aliexpress_mail import Settings, parse

SEEN = [(lang, row) for lang, language in known().languages.items() for row in language.seen]
WORDED = [
    (lang, step, wording)
    for lang, language in known().languages.items()
    for steps in (language.steps, language.expected)
    for step, wordings in steps.items()
    for wording in wordings
]


@pytest.mark.parametrize(("lang", "row"), SEEN, ids=[row.subject for _, row in SEEN])
def test_a_subject_that_was_met_reads_as_its_step(lang: str, row: object) -> None:
    said = told(read(letter(row.subject)))  # type: ignore[attr-defined]
    codes = [step.code for step in said.steps]
    expected = row.step  # type: ignore[attr-defined]
    assert codes == ([] if expected in ("NOTHING", "UPDATE") else [expected])
    assert said.orders or said.numbers


def test_every_language_with_met_subjects_names_its_source_and_at_least_eight_languages_are_told() -> None:
    languages = known().languages
    assert len(languages) >= 8
    assert {"en", "de", "fr", "es", "it", "pt", "pl", "nl"} <= set(languages)
    assert all(bool(language.seen) == bool(language.source) for language in languages.values())
    assert all(bool(language.seen) == bool(language.steps) for language in languages.values())


@pytest.mark.parametrize(("lang", "step", "wording"), WORDED)
def test_a_wording_reads_as_its_step_behind_the_word_for_a_parcel_or_an_order(
    lang: str, step: str, wording: str
) -> None:
    language = known().languages[lang]
    word = (language.order if "ORDER" in step else language.package)[0]
    subject = wording.replace("#", NUMBER) if "#" in wording else f"{word} {NUMBER}: {wording}"
    steps = told(read(letter(subject))).steps
    assert [each.code for each in steps] == ([] if step in ("NOTHING", "UPDATE") else [step])


# A wording that means one thing, and what the classifier makes of the words alone: they must not contradict each other.
AGREE = {
    "AT_CUSTOMS": {Stage.IMPORT_CUSTOMS, Stage.EXPORT_CUSTOMS, Stage.UNKNOWN},
    "CLEARED": {Stage.RELEASED, Stage.EXPORT_CLEARED, Stage.UNKNOWN},
    "DELIVERED": {Stage.DELIVERED, Stage.UNKNOWN},
    "OUT_FOR_DELIVERY": {Stage.OUT_FOR_DELIVERY, Stage.IN_TRANSIT, Stage.UNKNOWN},
    "LEFT_ORIGIN": {Stage.IN_TRANSIT, Stage.UNKNOWN},
}


@pytest.mark.parametrize(("lang", "step", "wording"), [row for row in WORDED if row[1] in AGREE])
def test_step_and_words_of_a_wording_lead_to_the_stage_of_the_step(
    lang: str, step: str, wording: str
) -> None:
    classifier = knowledge.load().classifier
    text = wording.replace("#", "")
    assert classifier.read(text, lang=lang).stage in AGREE[step]
    whole = classifier.read(text, code=step, system="aliexpressmail", lang=lang).stage
    assert whole in AGREE[step] - {Stage.UNKNOWN}


def test_at_customs_says_neither_export_nor_import() -> None:
    read_as = knowledge.load().classifier.read(
        "at customs", code="AT_CUSTOMS", system="aliexpressmail", lang="en"
    )
    assert read_as.side is None


def test_a_parcels_mail_says_its_step_with_the_time_it_was_written() -> None:
    (told_of,) = parse(letter(f"Package {NUMBER}: at customs"), source="mails").values()
    (sighting,) = told_of
    assert (sighting.code, sighting.system, sighting.text) == ("AT_CUSTOMS", "aliexpressmail", "at customs")
    assert (sighting.at, sighting.quality, sighting.carrier) == (NOW, TimeQuality.ASSUMED, "AliExpress")
    assert sighting.source == "mails"


def test_words_nobody_wrote_down_go_to_the_classifier_as_they_are() -> None:
    (told_of,) = parse(letter(f"Package {NUMBER}: Held by customs"), source="mails").values()
    assert (told_of[0].code, told_of[0].text) == ("", "Held by customs")
    assert knowledge.load().classifier.read(told_of[0].text).stage is Stage.HELD


def test_a_mail_that_only_says_there_is_news_is_asked_for_its_line_on_customs() -> None:
    text = "Hello Ana,\nCustoms update: We're inspecting your order\nShip to\nElm Street 5\n"
    (told_of,) = parse(letter(f"Package {NUMBER} has an update", text=text), source="mails").values()
    assert [s.text for s in told_of] == ["Customs update: We're inspecting your order"]
    assert parse(letter(f"Package {NUMBER} has an update", text="Elm Street 5\n"), source="mails") == {}


def test_an_orders_mail_names_the_order_and_the_number_in_its_body() -> None:
    assert list(parse(letter(f"Order {ORDER}: order shipped"), source="m")) == [f"order:{ORDER}"]
    body = f"Ihre Sendungsverfolgungsnummer lautet {NUMBER}.\n"
    assert list(parse(letter(f"Bestellung {ORDER}: Bestellung versandt", text=body), source="m")) == [NUMBER]
    below = f"Tracking number\n{NUMBER}\n"
    assert list(parse(letter(f"Order {ORDER}: order shipped", text=below), source="m")) == [NUMBER]


def test_a_mail_about_several_parcels_tells_each_its_own_step() -> None:
    html = package(NUMBER, "En tránsito global") + package(
        "LP00640000000012", "En aduanas", "3074309624302839"
    )
    said = parse(letter("Tus 2 paquetes tienen actualizaciones de entrega", html=html), source="m")
    assert {number: each[0].code for number, each in said.items()} == {
        NUMBER: "IN_TRANSIT", "LP00640000000012": "AT_CUSTOMS"
    }  # fmt: skip


def test_links_name_the_orders_of_a_parcels_mail_and_are_never_followed() -> None:
    html = f"<style>x{{}}</style>{tracking()}<a href='https://www.aliexpress.com/x?a=1&amp;o_ids=1,3074309624302839'>x</a>"
    said = told(read(letter("Package AP00824363068180: at customs", html=html)))
    assert said.orders == (ORDER, "3074309624302839")
    assert said.numbers == ("AP00824363068180",)


NOT_OURS = [
    letter(f"Package {NUMBER}: at customs", sender="a@evil.example"),
    letter(f"Package {NUMBER}: at customs", sender="a@aliexpress.com.evil.example"),
    b"",
    b"\n\n\n",
    b"garbage \xff\xfe\x00",
    b"Subject: Package LP00640000000011: at customs\n\n",
    b"From: transaction@notice.aliexpress.com\nFrom: a@evil.example\nSubject: Package LP00640000000011: at customs\n\n",
]


@pytest.mark.parametrize("raw", NOT_OURS)
def test_what_is_no_mail_of_the_shop_is_an_error(raw: bytes) -> None:
    with pytest.raises((Temporary, Permanent)):
        parse(raw, source="m")


HEAD = "From: AliExpress <transaction@notice.aliexpress.com>\r\nDate: Tue, 24 Nov 2026 08:00:00 +0000\r\n"


def encoded(subject: str, charset: str, kind: str) -> str:
    if kind == "B":
        return f"=?{charset}?B?{base64.b64encode(subject.encode(charset)).decode()}?="
    return f"=?{charset}?Q?{''.join(f'={byte:02X}' for byte in subject.encode(charset))}?="


SHAPES = {
    "base64": f"Subject: {encoded(f'Packstück {NUMBER}: beim Zoll', 'utf-8', 'B')}\r\n\r\n",
    "quoted-printable": f"Subject: {encoded(f'Packstück {NUMBER}: beim Zoll', 'iso-8859-1', 'Q')}\r\n\r\n",
    "two pieces": f"Subject: {encoded('Packstück LP00640', 'utf-8', 'B')}\r\n {encoded('000000011: beim Zoll', 'utf-8', 'B')}\r\n\r\n",
    "raw UTF-8": f"Subject: Packstück {NUMBER}: beim Zoll\r\n\r\n",
    "folded": f"Subject: Packstück {NUMBER}:\r\n beim\r\n\tZoll\r\n\r\n",
    "an unknown charset": f"Subject: =?x-klingon?Q?Packst=C3=BCck {NUMBER}: beim Zoll?=\r\n\r\n",
    "a wrong charset of the body": f"Subject: Packstück {NUMBER}: beim Zoll\r\nContent-Type: text/html; charset=us-ascii\r\n\r\n<p>Größe €</p>",
    "nested parts": (
        f"Subject: Packstück {NUMBER}: beim Zoll\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
        "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>x\r\n--b--\r\n--a--\r\n"
    ),
    "no end of parts": f"Subject: Packstück {NUMBER}: beim Zoll\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nx",
    "broken base64": f"Subject: Packstück {NUMBER}: beim Zoll\r\nContent-Transfer-Encoding: base64\r\n\r\n@@@",
}


@pytest.mark.parametrize("rest", SHAPES.values(), ids=SHAPES.keys())
def test_a_subject_is_read_in_whatever_way_it_is_written(rest: str) -> None:
    (told_of,) = parse((HEAD + rest).encode(), source="m").values()
    assert [(s.code, s.text) for s in told_of] == [("AT_CUSTOMS", "beim Zoll")]


def test_a_mail_enclosed_in_a_mail_says_nothing() -> None:
    inner = letter("x", html=package(NUMBER, "At customs")).decode()
    raw = (
        HEAD + "Subject: your invoice\r\nContent-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\n"
        f"Content-Type: message/rfc822\r\n\r\n{inner}\r\n--outer--\r\n"
    )
    assert parse(raw.encode(), source="m") == {}
    open_air = (
        HEAD + "Subject: your parcels\r\nContent-Type: text/html\r\n\r\n" + package(NUMBER, "At customs")
    )
    assert list(parse(open_air.encode(), source="m")) == [NUMBER]


def test_a_mail_of_ten_megabytes_is_read_as_far_as_it_matters() -> None:
    raw = letter(f"Package {NUMBER}: at customs") + b"<" * 5_000_000 + b"\n--x" * 1_250_000
    (told_of,) = parse(raw, source="m").values()
    assert told_of[0].code == "AT_CUSTOMS"


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 700))
def test_a_mail_cut_or_spoilt_anywhere_says_what_it_said_or_less_or_is_an_error(
    noise: bytes, at: int
) -> None:
    whole = letter(f"Package {NUMBER}: at customs", html=tracking())
    for raw in (whole[:at], whole[:at] + noise + whole[at:]):
        try:
            said = parse(raw, source="m")
        except (Temporary, Permanent):
            continue
        for number, each in said.items():
            assert isinstance(number, str)
            assert all("\n" not in s.text and "\x00" not in s.text for s in each)


def test_a_carriers_mail_is_a_hint_and_carries_none_of_its_words() -> None:
    text = f"Pay your import charges of 4.99 EUR for {NUMBER} at https://pay.example/now or call +33 1 23 45 67 89.\n"
    raw = letter("Your parcel: customs charges", sender="noreply@laposte.fr", text=text)
    (told_of,) = parse(raw, source="m").values()
    (sighting,) = told_of
    assert sighting.code == "CHARGE_HINT"
    said = f"{sighting.text} {sighting.place} {sighting.number} {sighting.translation}"
    assert not any(part in said for part in ("4.99", "http", "pay.example", "33", NUMBER))
    reading = knowledge.load().classifier.read(
        sighting.text, code=sighting.code, system=sighting.system, lang="en"
    )
    assert (reading.stage, reading.charges.value) == (Stage.IMPORT_CUSTOMS, "due")


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Your parcel is on its way", f"Parcel {NUMBER}"),
        ("Import charges: payment received", f"Thank you for your payment for {NUMBER}"),
        ("Customs charges", "no number here"),
    ],
)
def test_a_carriers_mail_about_something_else_is_no_hint(subject: str, text: str) -> None:
    assert not hinted(read(letter(subject, sender="noreply@laposte.fr", text=text))).numbers


# -- of which parcel a mail speaks --------------------------------------------------------------------------------


def fact(hours: int, code: str, *, orders: tuple[str, ...] = (ORDER,), numbers: tuple[str, ...] = ()) -> Fact:
    return Fact(NOW + timedelta(hours=hours), orders, numbers, (Said(code, code.lower(), "en"),))


def codes(ask: Ask, *facts: Fact) -> list[str]:
    return [sighting.code for sighting in sightings(ask, facts, source="m")]


ONE = Ask("p", NUMBER, order=ORDER)
OF_TWO = Ask("p", NUMBER, order=ORDER, parcels=2)


def test_a_mail_that_names_the_number_is_the_parcels() -> None:
    mails = (
        fact(0, "AT_CUSTOMS", numbers=(NUMBER,)),
        fact(1, "CLEARED", numbers=("LP00640000000099",), orders=()),
    )
    assert codes(ONE, *mails) == codes(OF_TWO, *mails) == codes(Ask("p", NUMBER), *mails) == ["AT_CUSTOMS"]


def test_a_mail_that_names_only_the_order_is_the_parcels_where_it_has_no_other() -> None:
    mails = (fact(0, "ORDER_CONFIRMED"), fact(1, "SHIPPED"), fact(2, "AT_CUSTOMS"))
    assert codes(ONE, *mails) == ["ORDER_CONFIRMED", "SHIPPED", "AT_CUSTOMS"]
    assert codes(OF_TWO, *mails) == ["ORDER_CONFIRMED"]  # of two parcels only what comes before either leaves
    assert codes(Ask("p", NUMBER), *mails) == []
    assert codes(Ask("p", NUMBER, order="3074309624302839"), *mails) == []


def test_a_parcel_is_followed_through_its_new_number_and_a_second_parcel_of_the_order_is_not() -> None:
    handed_over = (
        fact(0, "AT_CUSTOMS", numbers=("AP00824363068180",)),
        fact(9, "LOCAL_CARRIER", numbers=("00340434886283998797",)),
    )
    assert codes(ONE, *handed_over) == ["AT_CUSTOMS", "LOCAL_CARRIER"]
    assert codes(OF_TWO, *handed_over) == []
    two = (
        fact(0, "AT_CUSTOMS", numbers=("AP00824363068180",)),
        fact(9, "DELIVERED", numbers=("AP00824363068999",)),
    )
    assert codes(ONE, *two) == []
    by_turns = (*handed_over, fact(12, "CLEARED", numbers=("AP00824363068180",)))
    assert codes(ONE, *by_turns) == []
    after_delivery = (
        fact(0, "DELIVERED", numbers=("AP00824363068180",)),
        fact(9, "DELIVERED", numbers=("HM0000010001198611",)),
    )
    assert codes(ONE, *after_delivery) == []


def test_the_last_miles_number_is_told_and_the_shops_own_is_not() -> None:
    mails = (
        fact(0, "AT_CUSTOMS", numbers=("AP00824363068180",)),
        fact(9, "LOCAL_CARRIER", numbers=("JD014600003333333333",)),
    )
    assert [s.number for s in sightings(ONE, mails, source="m")] == ["", "JD014600003333333333"]


def test_an_order_is_learnt_from_a_mail_that_names_the_parcel_beside_it() -> None:
    mails = (fact(0, "SHIPPED", numbers=(NUMBER,)), fact(3, "AT_CUSTOMS", numbers=("AP00824363068180",)))
    assert codes(Ask("p", NUMBER), *mails) == ["SHIPPED", "AT_CUSTOMS"]
    combined = (fact(0, "SHIPPED", numbers=(NUMBER,), orders=(ORDER, "3074309624302839")), mails[1])
    assert codes(Ask("p", NUMBER), *combined) == ["SHIPPED"]


def test_what_a_mailbox_no_longer_holds_stays_known_and_nothing_is_told_twice() -> None:
    first = sightings(ONE, [fact(0, "SHIPPED"), fact(2, "AT_CUSTOMS")], source="m")
    again = Ask("p", NUMBER, order=ORDER, memo=memo(first))
    assert sightings(again, [], source="m") == first
    assert sightings(again, [fact(2, "AT_CUSTOMS"), fact(5, "CLEARED")], source="m")[:2] == first
    assert codes(again, fact(5, "CLEARED")) == ["SHIPPED", "AT_CUSTOMS", "CLEARED"]
    for odd in ("x", "[]", "{}", '[["2026-11-24T08:00:00Z","cainiao","CC_IM_START","x","","",""]]', "[[1]]"):
        assert sightings(Ask("p", NUMBER, memo=odd), [], source="m") == []


def test_a_hint_is_given_to_the_parcel_it_names_and_to_no_other() -> None:
    hint = Fact(NOW, (), (NUMBER,), (Said("CHARGE_HINT", "hint", "en"),), "La Poste")
    (sighting,) = sightings(ONE, [hint], source="m")
    assert (sighting.system, sighting.carrier) == ("carriermail", "La Poste")
    assert codes(Ask("p", "LP00640000000012", order=ORDER), hint) == []


# -- settings -------------------------------------------------------------------------------------------------------

MINE = {"host": "imap.gmail.com", "user": "ana", "password": "x"}


def test_a_known_provider_needs_no_name_and_another_does() -> None:
    assert Settings.model_validate(MINE).providers() == ("mx.google.com",)
    with pytest.raises(ValueError, match="authserv_id is needed"):
        Settings.model_validate({**MINE, "host": "imap.example.org"})
    mine = Settings.model_validate(
        {**MINE, "host": "imap.example.org", "authserv_id": "MX.example.org .b.example"}
    )
    assert mine.providers() == ("mx.example.org", ".b.example")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"security": "none"}, "in the clear"),
        ({"password": ""}, "password or token_command"),
        ({"token_command": ["a"]}, "one of them"),
        ({"after_reading": "delete"}, "leave, seen or move"),
        ({"after_reading": "move:"}, "leave, seen or move"),
        ({"user": ""}, "host and user"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_settings_that_do_not_fit_are_mistakes(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Settings.model_validate({**MINE, **change})


def test_in_the_clear_only_on_the_loopback_or_where_it_is_meant() -> None:
    near = {**MINE, "host": "127.0.0.1", "authserv_id": "mx", "security": "none"}
    assert Settings.model_validate(near).door().context is None
    assert Settings.model_validate({**near, "host": "mail.home", "insecure": True}).door().port == 143
    assert "x" not in repr(Settings.model_validate(MINE).door()).split("host")[0]
    assert "s3cret" not in repr(Settings.model_validate({**MINE, "password": "s3cret"}).door())
    assert datetime(2026, 1, 1, tzinfo=UTC) < NOW


# -- orders nobody asked about ----------------------------------------------------------------------------------------


def test_orders_on_their_way_are_noticed_with_their_parcels_and_those_that_arrived_are_not() -> None:
    ap, dhl = "AP00824363068180", "00340434886283998797"
    facts = [
        fact(0, "ORDER_CONFIRMED", orders=("1000000000000001",)),  # no number yet: nothing to watch
        fact(1, "AT_CUSTOMS", numbers=(ap,)),
        fact(2, "DELIVERED", orders=("2000000000000001",), numbers=("AP00824363068181",)),
        Fact(NOW, (), (NUMBER,), (Said("CHARGE_HINT", "x"),), "La Poste"),
        fact(3, "AT_CUSTOMS", orders=("3000000000000001",), numbers=("AP00824363068182",)),
        fact(4, "CLEARED", orders=("3000000000000001",), numbers=("AP00824363068183",)),
        fact(5, "LOCAL_CARRIER", numbers=(dhl,)),
    ]
    assert [(n.order, n.numbers) for n in on_their_way(facts, shop="AliExpress")] == [
        (ORDER, (ap,)),  # renumbered on its way: one parcel
        ("3000000000000001", ("AP00824363068182", "AP00824363068183")),  # sent in two
    ]
