"""The parts of the scam check: links as browsers read them, look-alikes, letters taken apart, numbers, hostile input."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workers.core import links, received, scam_stage, wording
from workers.core.links import Link
from workers.core.model import (
    Cause,
    Charges,
    Checkout,
    Evidence,
    Money,
    Operator,
    Order,
    ParcelRef,
    Prepaid,
    Side,
    Snapshot,
    Stage,
)  # fmt: skip
from workers.core.scam import MessageIs, Sign, Watched, Weight, judge_message
from workers.core.scam_stage import Fit, fit
from workers.core.wording import Entry, Signs

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ENDINGS = frozenset({"com", "top", "net", "org", "site"})
POST = Operator(
    id="post", name="Our Post", country="GB", kind="post", asks_by=("sms",), domains=("ourpost.com",), site="ourpost.com",
    aliases=("our post", "ourpost"), links_in_messages="sometimes", unverified_domains=("ourpost.net",),
    evidence=Evidence("rule", "operator post", "operators/post.yaml:1", "https://ourpost.com/help"),
)  # fmt: skip


def entry(kind: str, words: str) -> Entry:
    return Entry(kind, "en", tuple(words.rstrip("*").split()), words.endswith("*"), "scam.yaml:1")


COMMON = "there is a to on your at please you it we will the with and parcel item until now"
SIGNS = Signs(
    entries=tuple(
        entry(kind, words)
        for kind, words in [
            ("pay", "pay"), ("pay", "fee"), ("pay", "payment"), ("documents", "document*"), ("documents", "proof of payment"),
            ("address", "wrong address"), ("info", "arrives"), ("hurry", "24 hours"), ("threat", "destroyed"), ("card", "card number"),
            ("card", "cvv"), ("crypto", "bitcoin*"), ("gift", "gift card*"), ("transfer", "bank transfer"), ("qr", "qr"), ("reply", "reply*"),
            ("call", "call us"), ("install", "apk"), ("redelivery", "redeliver*"), ("identity", "passport*"), ("never", "never"),
        ]
    ),
    common={"en": frozenset(COMMON.split())},
    shorteners=frozenset({"bit.ly"}),
    endings=ENDINGS,
    tiny={"GBP": Decimal(15)},
    calling={"GB": "44"},
    reports=(),
    rows={sign.value: Evidence("sign", f"{sign.value}: {{detail}}.", "scam.yaml:1", "source") for sign in Sign},
)  # fmt: skip
NUMBER = "RB417002315CN"


def waiting(stage: Stage = Stage.PAYMENT_DUE, **more: object) -> Watched:
    order = Order("o", "Lamp", (), destination="GB", checkout=Checkout(vat=more.pop("vat", Prepaid.NO)))  # type: ignore[arg-type]
    snapshot = Snapshot(stage=stage, first_look=NOW, since=NOW)
    return Watched(order, ParcelRef("o/1", NUMBER), replace(snapshot, **more))  # type: ignore[arg-type]


def judge(text: str, *, sender: str = "", parcel: Watched | None = None, post: Operator = POST):
    return judge_message(
        text, sender=sender, parcels=[parcel or waiting()], operators=[post], signs=SIGNS, now=NOW
    )


def signs_of(text: str, weight: Weight = Weight.AGAINST, **more) -> set[Sign]:
    return {r.sign for r in judge(text, **more).reasons if r.weight is weight}


GOOD = f"Our Post: there is a fee to pay on your parcel {NUMBER}. Please pay at https://www.ourpost.com/fee"


def test_the_good_message_of_these_tests_matches() -> None:
    assert judge(GOOD).verdict is MessageIs.MATCHES
    assert judge(GOOD).parcels == ("o/1",)
    assert judge(GOOD).operator == POST


@pytest.mark.parametrize(
    ("addition", "sign"),
    [
        ("https://evil.top/x", Sign.LINK_FOREIGN),
        ("https://ourpost.com.evil.top/x", Sign.BRAND_BORROWED),
        ("https://ourpost-fee.top", Sign.BRAND_BORROWED),
        ("https://evil.top/ourpost/fee", Sign.BRAND_BORROWED),
        ("https://0urpost.top", Sign.LOOKALIKE),
        ("https://ourposst.com", Sign.LOOKALIKE),
        ("https://xn--urpost-5rf.com", Sign.PUNYCODE),
        ("https://ourp\u043est.com", Sign.ODD_LINK),
        ("https://bit.ly/abc", Sign.SHORT_LINK),
        ("http://10.1.2.3/pay", Sign.IP_LINK),
        ("http://3232235777/pay", Sign.IP_LINK),
        ("https://ourpost.com@evil.top", Sign.ODD_LINK),
        ("https://www.ourpost.com:8080/", Sign.ODD_LINK),
        ("https://ourpost.com\\.evil.top", Sign.ODD_LINK),
        ("https://www.ourpost.com/go?u=https%3A%2F%2Fevil.top", Sign.LINK_FOREIGN),
        ("write to pay@evil.top", Sign.MAIL_FOREIGN),
        ("GB82 WEST 1234 5698 7654 32", Sign.TRANSFER),
        ("0x52908400098527886E0F7030069857D2E4169EE7", Sign.CRYPTO),
        ("with your card number", Sign.CARD_DATA),
        ("with bitcoin", Sign.CRYPTO),
        ("with a gift card", Sign.GIFT_CARD),
        ("by bank transfer", Sign.TRANSFER),
        ("Reply to it", Sign.REPLY),
        ("with the apk", Sign.INSTALL),
        ("until the QR", Sign.QR),
        ("to redeliver it", Sign.REDELIVERY_FEE),
        ("24 hours until it will be destroyed", Sign.THREAT),
        ("you pay £1.99 now 24 hours", Sign.TINY_FEE),
        ("you p\u0430y it now", Sign.MIXED_LETTERS),
    ],
)  # fmt: skip
def test_each_sign_alone_makes_a_good_message_not_match(addition: str, sign: Sign) -> None:
    assert sign in signs_of(f"{GOOD} {addition}")
    assert judge(f"{GOOD} {addition}").verdict is MessageIs.DOES_NOT_MATCH


@pytest.mark.parametrize(
    ("addition", "sign"),
    [
        ("https://ourpost.net/x", Sign.LINK_UNVERIFIED),
        ("It is there.Now", Sign.LINK_PERHAPS),
        ("call us", Sign.CALL),
        ("at +44 20 7946 0991", Sign.PHONE),
        ("@ourpost_pay", Sign.CHAT_NAME),
        ("RR902155605SE", Sign.OTHER_NUMBER),
        ("98765432101", Sign.OTHER_NUMBER),
        ("with your passport", Sign.IDENTITY),
        ("p a y it now", Sign.HIDDEN_WORDS),
        ("you p4y it", Sign.HIDDEN_WORDS),
        ("you pay\u202e it", Sign.HIDDEN_WORDS),
        ("car dnumber", Sign.HIDDEN_WORDS),
        ("We will never reply to you", Sign.WARNING_WORDS),
        ("Maksa kaksi euroa kuljettajalle heti kun", Sign.UNREAD),
        ("the 24 hours", Sign.HURRY),
        ("word " * 5_000, Sign.TOO_LONG),
    ],
)
def test_each_open_question_alone_keeps_a_good_message_from_matching(addition: str, sign: Sign) -> None:
    assert sign in signs_of(f"{GOOD} {addition}", Weight.OPEN)
    assert judge(f"{GOOD} {addition}").verdict is MessageIs.CANNOT_TELL


def test_a_number_of_nobody_does_not_match_and_none_at_all_is_left_open() -> None:
    assert Sign.NUMBER_UNKNOWN in signs_of(GOOD.replace(NUMBER, "RR902155605SE"))
    assert judge(GOOD.replace(NUMBER, "")).verdict is MessageIs.CANNOT_TELL
    assert judge(GOOD.replace(NUMBER, "RB 4170 0231 5CN")).verdict is MessageIs.MATCHES
    assert judge(GOOD.replace(NUMBER, NUMBER + "7")).verdict is not MessageIs.MATCHES


def test_the_operators_habits_decide() -> None:
    never = replace(POST, links_in_messages="never")
    assert Sign.LINK_NEVER in signs_of(GOOD, post=never)
    named = GOOD.replace("https://www.ourpost.com/fee", "ourpost.com")
    assert judge(named, post=never).verdict is MessageIs.MATCHES  # a name to type is no link
    assert Sign.ASKS_OTHERWISE in signs_of(GOOD, post=replace(POST, asks_by=("door",)))
    assert Sign.HABIT_UNKNOWN in signs_of(GOOD, Weight.OPEN, post=replace(POST, asks_by=()))
    elsewhere = replace(POST, country="FR")
    assert Sign.OPERATOR_OTHER in signs_of(GOOD, Weight.OPEN, post=elsewhere)
    nobody = GOOD.replace("Our Post", "They").replace("https://www.ourpost.com/fee", "the door")
    assert Sign.OPERATOR_UNKNOWN in signs_of(nobody, Weight.OPEN)


@pytest.mark.parametrize(
    ("sender", "sign", "weight"),
    [
        ("Our Post <a@ourpost.com>", Sign.SENDER_OWN, Weight.FOR),
        ("Our Post <a@mail.ourpost.net>", Sign.LINK_UNVERIFIED, Weight.OPEN),
        ("Our Post <a@ourpost.com.evil.top>", Sign.SENDER_FOREIGN, Weight.AGAINST),
        ('"a@ourpost.com" <b@evil.top>', Sign.SENDER_FOREIGN, Weight.AGAINST),
        ("+44 7700 900123", Sign.SENDER_NUMBER, Weight.AGAINST),
        ("07700 900123", Sign.SENDER_NUMBER, Weight.AGAINST),
        ("+63 917 555 0132", Sign.SENDER_ABROAD, Weight.AGAINST),
        ("Parcels", Sign.SENDER_UNKNOWN, Weight.OPEN),
    ],
)
def test_the_sender_is_judged_and_a_good_one_proves_nothing(sender: str, sign: Sign, weight: Weight) -> None:
    assert sign in signs_of(GOOD, weight, sender=sender)


def test_a_short_code_and_the_operators_name_say_nothing() -> None:
    for sender in ("OurPost", "61234", ""):
        assert judge(GOOD, sender=sender).verdict is MessageIs.MATCHES


@pytest.mark.parametrize(
    ("parcel", "verdict", "sign"),
    [
        (waiting(Stage.IN_TRANSIT), MessageIs.DOES_NOT_MATCH, Sign.STAGE_CONTRADICTS),
        (waiting(Stage.RETURNING), MessageIs.DOES_NOT_MATCH, Sign.STAGE_CONTRADICTS),
        (waiting(Stage.DELIVERED), MessageIs.DOES_NOT_MATCH, Sign.STAGE_CONTRADICTS),
        (waiting(Stage.RELEASED, charges=Charges.PAID), MessageIs.DOES_NOT_MATCH, Sign.STAGE_CONTRADICTS),
        (waiting(Stage.HELD, vat=Prepaid.YES), MessageIs.DOES_NOT_MATCH, Sign.VAT_PREPAID),
        (waiting(Stage.PAYMENT_DUE, vat=Prepaid.YES), MessageIs.CANNOT_TELL, Sign.CHARGED_TWICE),
        (waiting(Stage.HELD, vat=Prepaid.UNKNOWN), MessageIs.CANNOT_TELL, Sign.STAGE_UNCLEAR),
        (waiting(Stage.RELEASED), MessageIs.CANNOT_TELL, Sign.STAGE_UNCLEAR),
        (replace(waiting(), snapshot=Snapshot()), MessageIs.CANNOT_TELL, Sign.STAGE_UNCLEAR),
        (waiting(Stage.HELD), MessageIs.MATCHES, Sign.STAGE_FITS),
        (waiting(Stage.HELD, causes=(Cause.UNPAID_CHARGES,), vat=Prepaid.UNKNOWN), MessageIs.MATCHES, Sign.STAGE_FITS),
        (waiting(Stage.RELEASED, charges=Charges.DUE, vat=Prepaid.UNKNOWN), MessageIs.MATCHES, Sign.STAGE_FITS),
    ],
)  # fmt: skip
def test_a_demand_is_judged_by_where_the_parcel_stands(
    parcel: Watched, verdict: MessageIs, sign: Sign
) -> None:
    said = judge(GOOD, parcel=parcel)
    assert said.verdict is verdict
    assert sign in {r.sign for r in said.reasons}


def test_every_stage_has_an_answer_for_everything_that_can_be_asked() -> None:
    for stage in Stage:
        for ask in ("pay", "documents", "address", "info"):
            assert fit(ask, waiting(stage), POST) in Fit
    assert fit("pay", waiting(Stage.DELIVERED), replace(POST, kind="courier")) is Fit.UNCLEAR
    assert fit("pay", waiting(Stage.HELD, side=Side.ORIGIN, vat=Prepaid.UNKNOWN), POST) is Fit.CONTRADICTS
    assert fit("documents", waiting(Stage.HELD), POST) is Fit.FITS
    assert fit("documents", waiting(Stage.DELIVERED), POST) is Fit.CONTRADICTS
    assert fit("address", waiting(Stage.DELIVERY_FAILED), POST) is Fit.FITS
    assert fit("address", waiting(Stage.IN_TRANSIT), POST) is Fit.CONTRADICTS
    assert fit("info", waiting(Stage.EXPORT_CUSTOMS), POST) is Fit.UNCLEAR
    assert "was not looked at" in scam_stage.describe(replace(waiting(), snapshot=Snapshot()), NOW)
    assert "since 2026-11-24 (3 days)" in scam_stage.describe(waiting(), NOW + timedelta(days=3))


def test_less_than_the_operators_own_fee_is_a_sign_and_more_is_none() -> None:
    eight = replace(POST, fee_low=Money(Decimal(8), "GBP"))
    assert Sign.BELOW_FEE in signs_of(f"{GOOD} £2.50", post=eight)
    assert judge(f"{GOOD} £13.40", post=eight).verdict is MessageIs.MATCHES


@pytest.mark.parametrize(
    ("text", "host", "odd"),
    [
        ("see https://a.com/x.", "a.com", False),
        ("see HTTPS://A.COM", "a.com", False),
        ("(www.a.com)", "www.a.com", False),
        ("a.com", "a.com", False),
        ("a.co.uk/x", "a.co.uk", False),
        ("hxxps://a[.]com", "a.com", True),
        ("a dot com", "a.com", True),
        ("https://a.com\u3002evil.top", "a.com.evil.top", False),
        ("https://u@a.com", "a.com", True),
        ("https:a.com", "a.com", True),
        ("https:///a.com", "a.com", True),
        ("https://a%2Ecom", "a.com", True),
        ("https://[::1]/", "[::1]", False),
        ("https://localhost/", "localhost", True),
        ("javascript:alert(1)", "", True),
        ("https://a.com/" + "x" * 500, "a.com", True),
    ],
)
def test_links_are_read_as_browsers_read_them(text: str, host: str, odd: bool) -> None:
    found = [link for link in links.find(text, ENDINGS) if link.host == host]
    assert found
    assert any(link.odd for link in found) is odd


@pytest.mark.parametrize(
    "text",
    ["9.30 Uhr", "08.12.2026", "3.98 EUR", "e.g. U.S.", "z. B. so", "v2.1", "invoice.pdf", "John Smith"],
)
def test_what_is_no_link_is_none(text: str) -> None:
    assert not [link for link in links.find(text, ENDINGS) if link.sure]


def test_a_domain_is_matched_whole_and_never_by_a_piece() -> None:
    assert links.within("www.dhl.com", ["dhl.com"]) == "dhl.com"
    assert links.within("dhl.com", ["dhl.com"]) == "dhl.com"
    for host in ("xdhl.com", "dhl.com.top", "dhl-com.top", "dhl.co", "dһl.com", ""):
        assert links.within(host, ["dhl.com"]) == ""
    assert links.within("royal.gov.uk", ["gov.uk"]) == "gov.uk"
    assert links.registrable("a.b.royalmail.co.uk") == "royalmail.co.uk"
    assert links.registrable("a.evil.top") == "evil.top"
    assert links.registrable("10.0.0.1") == "10.0.0.1"


@pytest.mark.parametrize(
    ("host", "how"),
    [
        ("royalmail.top", "borrowed"), ("royal-mail.top", "borrowed"), ("royalmail.com.evil.top", "borrowed"), ("royaImail.com", "lookalike"),
        ("roya1mail.com", "lookalike"), ("royalrnail.com", "lookalike"), ("royalmial.com", "lookalike"), ("roylmail.com", "lookalike"),
        ("xn--ryalmail-xxe.com", "lookalike"), ("dhl.evil.top", "borrowed"), ("my-dhl.top", "borrowed"), ("dh1.de", "lookalike"),
        ("example.com", ""), ("dahlia.com", ""), ("mail.com", ""),
    ],
)  # fmt: skip
def test_imitations_are_told_from_strangers(host: str, how: str) -> None:
    assert links.imitates(Link(host, host.casefold()), ["royalmail", "dhl"])[0] == how


def test_the_distance_counts_letters_changed_added_dropped_and_swapped() -> None:
    for one, other, far in (
        ("abc", "abc", 0),
        ("abc", "abd", 1),
        ("abc", "acb", 1),
        ("abc", "ab", 1),
        ("", "abc", 3),
    ):
        assert links.distance(one, other) == links.distance(other, one) == far


LETTER = """\
From: =?utf-8?q?Our_Post?= <noreply@ourpost.com>
To: anna@example.org
Subject: Your parcel {number}
Date: Tue, 24 Nov 2026 09:00:00 +0000
{more}MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="b"

--b
Content-Type: text/plain; charset=utf-8

There is a fee to pay on your parcel. Please pay at https://www.ourpost.com/fee
--b
Content-Type: text/html; charset=utf-8

<html><head><style>p {{ x:y }}</style></head><body><p>There is a fee to pay on your parcel.</p>
<a href="{href}">https://www.ourpost.com/fee</a>{html}</body></html>
--b--
"""
BY_MAIL = replace(POST, asks_by=("email",))


def letter(href: str = "https://www.ourpost.com/fee", html: str = "", more: str = "") -> str:
    return LETTER.format(number=NUMBER, href=href, html=html, more=more)


def test_a_whole_letter_is_taken_apart_and_can_match() -> None:
    taken = received.read(letter(), endings=ENDINGS)
    assert (taken.by, taken.senders) == ("email", ("ourpost.com",))
    assert NUMBER in taken.text
    assert "x:y" not in taken.text
    assert judge(letter(), post=BY_MAIL).verdict is MessageIs.MATCHES
    assert judge(letter().replace("\n", "\r\n"), post=BY_MAIL).verdict is MessageIs.MATCHES


@pytest.mark.parametrize(
    ("changed", "sign"),
    [
        ({"href": "https://evil.top/fee"}, Sign.LINK_FOREIGN),
        ({"href": "https://www.ourpost.com@evil.top"}, Sign.ODD_LINK),
        ({"href": "java&#115;cript:x()"}, Sign.ODD_LINK),
        ({"href": "/fee", "html": '<base href="https://evil.top/">'}, Sign.LINK_FOREIGN),
        ({"href": "https://evil\t.top/fee"}, Sign.LINK_FOREIGN),
        ({"href": "mailto:x@evil.top"}, Sign.LINK_FOREIGN),
        ({"html": '<form action="https://www.ourpost.com/"><input name="card"></form>'}, Sign.FORM),
        ({"html": '<p onclick="x()">more</p>'}, Sign.FORM),
        ({"html": '<meta http-equiv="refresh" content="0; url=https://evil.top/">'}, Sign.LINK_FOREIGN),
        ({"html": '<map><area href="https://evil.top"></map>'}, Sign.LINK_FOREIGN),
        ({"more": "Reply-To: x@evil.top\n"}, Sign.REPLY_ELSEWHERE),
        ({"more": "From: x@evil.top\n"}, Sign.SENDER_FOREIGN),
    ],
)
def test_a_letter_that_leads_elsewhere_does_not_match(changed: dict[str, str], sign: Sign) -> None:
    assert sign in signs_of(letter(**changed), post=BY_MAIL)


@pytest.mark.parametrize(
    ("html", "sign"),
    [
        ('<img src="https://cdn.example.net/logo.png">', Sign.PICTURE),
        ('<img src="cid:logo">', Sign.PICTURE),
        ('<p style="x">Maksa kaksi euroa kuljettajalle heti kun</p>', Sign.UNREAD),
        ("<![broken", Sign.TOO_LONG),
    ],
)
def test_a_letter_with_something_unread_is_left_open(html: str, sign: Sign) -> None:
    said = judge(letter(html=html), post=BY_MAIL)
    assert said.verdict is not MessageIs.MATCHES
    if sign is not Sign.TOO_LONG:  # how a broken declaration is read differs between Pythons
        assert sign in {r.sign for r in said.reasons}


def test_pictures_of_the_operator_itself_are_no_question() -> None:
    said = judge(letter(html='<img src="https://static.ourpost.com/logo.png">'), post=BY_MAIL)
    assert said.verdict is MessageIs.MATCHES


def test_an_attachment_was_not_read_and_says_so() -> None:
    enclosed = letter().replace(
        "--b--",
        '--b\nContent-Type: application/pdf; name="bill.pdf"\nContent-Disposition: attachment; filename="bill.pdf"\n\nx\n--b--',
    )
    said = judge(enclosed, post=BY_MAIL)
    assert said.verdict is MessageIs.CANNOT_TELL
    assert Sign.ATTACHMENT in {r.sign for r in said.reasons}


@pytest.mark.parametrize(
    ("text", "sums"),
    [
        ("£1.99", [("1.99", "GBP")]), ("1,99 €", [("1.99", "EUR")]), ("EUR 1.299,00", [("1299.00", "EUR")]), ("164 kr", [("164", "SEK")]),
        ("R$ 47,90", [("47.90", "BRL")]), ("42,10 zł", [("42.10", "PLN")]), ("2 kg", []), ("RB417002315CN", []), ("9:00", []),
    ],
)  # fmt: skip
def test_sums_are_read_as_they_are_written(text: str, sums: list[tuple[str, str]]) -> None:
    assert wording.sums(text) == [(Decimal(a), c) for a, c in sums]


def test_an_account_counts_only_with_right_check_digits() -> None:
    assert wording.accounts("DE89 3704 0044 0532 0130 00")[0]
    assert not wording.accounts("DE88 3704 0044 0532 0130 00")[0]
    assert not wording.accounts(NUMBER)[0]


HOSTILE = [
    "a" * 300_000, "a." * 150_000, "https://" * 40_000, "https://a.com/" + "%25" * 90_000, "@" * 200_000, "a@" * 100_000, "1 " * 150_000,
    "+1 " * 100_000, "\u200b" * 200_000, "<" * 300_000, "From: a@b.c\nSubject: x\nContent-Type: text/html\n\n" + "<a href=" * 40_000,
    "From: a\nTo: b\nContent-Type: multipart/mixed; boundary=x\n\n" + "--x\n\n" * 50_000, "\ud800" * 100_000, "\udcff" * 100_000,
    "From: " + "=?utf-8?q?" * 5_000 + "\nTo: b\n\nx", "&#" * 100_000, "a b c d " * 40_000, "[.]" * 100_000, "royalmai1-" * 20_000 + ".top",
    " ".join(f"https://a{i}.royalmai-ourpos.top/x" for i in range(3_000)), "RB41700231" * 20_000, "\n" * 300_000, "DE89" * 60_000, "dot " * 90_000,
    "From: a\nTo: b\n" + "Content-Type: multipart/mixed; boundary=x\n\n--x\n" * 3_000, "cvv" * 90_000, "$1" * 100_000, "a" * 64 + "@a.b" * 50_000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_input_is_bounded(text: str) -> None:
    began = time.process_time()
    said = judge(text)
    assert time.process_time() - began < 2
    assert said.verdict is not MessageIs.MATCHES
    assert len(said.reasons) < 300
    assert all(len(r.says) < 1_000 for r in said.reasons)


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=300), st.text(max_size=40))
def test_no_text_breaks_the_judge_and_nothing_it_says_can_be_clicked(text: str, sender: str) -> None:
    for said in (judge(text, sender=sender), judge(f"{GOOD} {text}", sender=sender)):
        for reason in said.reasons:
            assert "\n" not in reason.says
            assert reason.says.isprintable()
            assert not re.search(r"https?://|www\.\w|@\w+\.\w", reason.detail)
