"""Every message of tests/knowledge/messages gets its verdict, and no fraud ever matches, however it is rewritten."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.knowledge.scam_messages import MESSAGES, NOW, Case, judge, operators, signs, watched
from workers import resources
from workers.core.scam import MessageIs, Sign, Weight, judge_message
from workers.core.scam_case import KINDS
from workers.errors import Misconfigured
from workers.knowledge.signs import load_signs

FRAUDS = [m for m in MESSAGES if m.kind == "fraud"]
# One is a fraud only because VAT was paid at checkout: its words alone are those of a genuine message, and as harmless.
BY_WORDS = [m for m in FRAUDS if m.id != "vat-was-prepaid"]
GENUINE = [m for m in MESSAGES if m.kind == "genuine"]
each = pytest.mark.parametrize("message", MESSAGES, ids=[f"{m.lang}-{m.id}" for m in MESSAGES])

# Genuine by the operators' habits, and told apart all the same: each carries its reason in its file.
FALSE_ALARMS = {
    "dhl-nachnahme-zoll", "poste-oneri", "poczta-naleznosci", "correos-antes-de-llegar", "postnl-ander-nummer",
}  # fmt: skip


@each
def test_a_message_gets_its_verdict(message: Case) -> None:
    verdict = judge(message)
    told = [(r.weight.value, r.sign.value, r.detail) for r in verdict.reasons]
    if message.kind == "fraud":
        assert verdict.verdict is not MessageIs.MATCHES, told
    else:
        assert verdict.verdict == message.expect, told


@each
def test_every_reason_has_a_sentence_evidence_and_nothing_to_click(message: Case) -> None:
    for reason in judge(message).reasons:
        assert reason.says.endswith(".")
        assert "{" not in reason.says
        assert reason.evidence
        assert all(e.where for e in reason.evidence)
        assert reason.evidence[-1].source
        assert reason.evidence[-1].checked is not None
        assert not re.search(r"https?://|www\.", reason.says)


def test_there_are_enough_messages_in_enough_languages_and_half_are_genuine() -> None:
    assert len(MESSAGES) >= 80
    assert len({m.lang for m in MESSAGES}) >= 8
    assert len({(m.lang, m.id) for m in MESSAGES}) == len(MESSAGES)
    assert 0.4 < len(GENUINE) / len(MESSAGES) < 0.6
    for lang in {m.lang for m in MESSAGES}:
        assert Counter(m.kind for m in MESSAGES if m.lang == lang)["fraud"] >= 2


def test_nearly_all_frauds_are_told_not_only_left_open() -> None:
    open_ones = {m.id for m in FRAUDS if judge(m).verdict is MessageIs.CANNOT_TELL}
    assert open_ones == {"royal-mail-by-phone", "correos-whatsapp"}


def test_genuine_messages_that_do_not_match_are_listed_and_explained() -> None:
    wrong = {m.id for m in GENUINE if judge(m).verdict is MessageIs.DOES_NOT_MATCH}
    assert wrong == FALSE_ALARMS
    for message in GENUINE:
        assert message.expect == MessageIs.MATCHES or message.why, message.id


@pytest.mark.parametrize("message", BY_WORDS, ids=[f"{m.lang}-{m.id}" for m in BY_WORDS])
def test_a_fraud_about_a_parcel_at_the_best_of_moments_still_does_not_match(message: Case) -> None:
    """Even when the fraudster guesses everything: the number, the stage, a sender that looks right."""
    at_best = replace(
        message, parcel={**message.parcel, "stage": "payment_due", "charges": "due", "vat": "no"}
    )
    verdict = judge(at_best, f"{message.parcel['number']} {message.text}", sender="")
    assert verdict.verdict is not MessageIs.MATCHES, [(r.sign, r.detail) for r in verdict.reasons]


TWINS = {"a": "а", "e": "е", "o": "о", "p": "р", "c": "с", "x": "х", "i": "і", "A": "Α", "O": "Ο", "l": "ӏ"}


def _case(text: str, dice: random.Random) -> str:
    return "".join(c.upper() if dice.random() < 0.5 else c.lower() for c in text)


def _gaps(text: str, dice: random.Random) -> str:
    return "".join(c + (" " if dice.random() < 0.08 else "") for c in text)


def _twins(text: str, dice: random.Random) -> str:
    return "".join(TWINS.get(c, c) if dice.random() < 0.3 else c for c in text)


def _nothing(text: str, dice: random.Random) -> str:
    return "".join(c + (dice.choice("\u200b\u00ad\u2060\u202e") if dice.random() < 0.1 else "") for c in text)


def _percent(text: str, dice: random.Random) -> str:
    def coded(found: re.Match[str]) -> str:
        return "".join(f"%{ord(c):02X}" if dice.random() < 0.4 and c.isascii() else c for c in found[0])

    return re.sub(r"(?<=://)\S+|\S+\.\S+/\S*", coded, text)


def _entities(text: str, dice: random.Random) -> str:
    return "".join(f"&#{ord(c)};" if dice.random() < 0.15 else c for c in text)


def _wide(text: str, dice: random.Random) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" and dice.random() < 0.2 else c for c in text)


def _dots(text: str, dice: random.Random) -> str:
    return re.sub(
        r"(?<=\w)\.(?=\w)", lambda _: dice.choice([".", "。", "．", "[.]", " . ", "(.)", " dot "]), text
    )


def _lines(text: str, dice: random.Random) -> str:
    return "".join("\n" if c == " " and dice.random() < 0.3 else c for c in text)


def _leet(text: str, dice: random.Random) -> str:
    signs_for = {"a": "4", "e": "3", "i": "1", "o": "0", "s": "5"}
    return "".join(signs_for.get(c, c) if dice.random() < 0.2 else c for c in text)


REWRITINGS = [_case, _gaps, _twins, _nothing, _percent, _entities, _wide, _dots, _lines, _leet]
_quiet = settings(
    max_examples=200, deadline=None, derandomize=False, suppress_health_check=list(HealthCheck), database=None
)


@_quiet
@given(
    st.sampled_from(BY_WORDS),
    st.lists(st.sampled_from(REWRITINGS), min_size=1, max_size=3),
    st.integers(0, 2**32),
    st.booleans(),
)
def test_no_rewriting_makes_a_fraud_match(message: Case, ways: list, seed: int, best: bool) -> None:
    dice = random.Random(seed)  # noqa: S311  chance of a test, no secret
    text = message.text
    for way in ways:
        text = way(text, dice)
    if best:
        parcel = {**message.parcel, "stage": "payment_due", "charges": "due", "vat": "no"}
        message = replace(message, parcel=parcel)
        text = f"{text}\n{parcel['number']}"
    verdict = judge(message, text, sender="" if best else message.sender)
    assert verdict.verdict is not MessageIs.MATCHES, [(r.sign, r.detail) for r in verdict.reasons]


HARMFUL = [
    "https://parcel-pay.site/x", "http://185.203.118.44/", "bit.ly/3xRmFee", "evil.top", "www.evil-parcel.ru", "＠evil.top/pay",
    "https://www.royalmail.com.evil.top/", "https://royalmail.com@evil.top", "https://www.royalmail.com\\@evil.top", "evil dot top",
    "https://www.royalmail.com/out?u=https%253A%252F%252Fevil.top", "https://www.royalmail.com/r/evil.top/", "pay...evil.top",
    "https://www.royalmail.com/out?u=aHR0cHM6Ly9ldmlsLnRvcA==", "https://www.royalmail.com:8443/pay", "pay@evil.top", "evil .top/pay",
    "https://www.royalmail.com/" + "a" * 420 + "?u=https://evil.top", "+44 20 7946 0991", "020 7946 0991", "(0)20-7946-0991",
    "GB82WEST12345698765432", "bc1qxy2kgdygjrsqtzq2n0yrf2493p83kkfjhx0wlh", "@royalmail_pay", "12345678 10-20-30", "987654321012",
    "https://xn--rylmail-3wab.com/pay", "https://www.гоуаlmail.com", "javascript:alert(1)", "tel:+442079460991", "sms to 81234", "xhttps://evil.top",
    "https://www.royalmail.com\n.evil.top/pay", "//evil.top/pay", "https:/evil.top", "hxxps://evil[.]top", "RR902155605SE", "x@evil.top",
    "bitcoin:bc1qxy2kgdygjrsqtzq2n0yrf2493p83kkfjhx0wlh", "https://0x7f000001/pay", "https://[::1]/", "mailto:pay@evil.top", "evil%2Etop/pay",
    "Maksa kaksi euroa kuljettajalle heti kun hän tulee", "Soita 81234.", "evil.t op/pay", "! Maksa kuljettajalle heti!", "заплатите курьеру", "支払いはこちら", "text PAY to 81234", "a" * 70 + "@evil.top",
]  # fmt: skip


@pytest.mark.parametrize("harm", HARMFUL)
def test_a_genuine_message_with_any_other_way_out_of_it_no_longer_matches(harm: str) -> None:
    """The negative control of every matching message: one strange word more, and it matches no longer."""
    for message in (m for m in GENUINE if m.expect == MessageIs.MATCHES and m.lang == "en"):
        for text in (f"{message.text} {harm}", f"{harm} {message.text}", f"{message.text}\n{harm}\n"):
            assert judge(message, text).verdict is not MessageIs.MATCHES, text


@_quiet
@given(st.sampled_from(GENUINE), st.integers(0, 10**9))
def test_another_number_never_matches(message: Case, serial: int) -> None:
    other = f"RA{serial % 10**9:09d}DE"
    text = re.sub(re.escape(message.parcel["number"]), other, message.text)
    assert judge(message, text).verdict is not MessageIs.MATCHES


@pytest.mark.parametrize(
    "stage", ["pre_transit", "export_customs", "in_transit", "returning", "refused", "delivered", "unknown"]
)
def test_a_demand_at_a_stage_that_owes_nothing_never_matches(stage: str) -> None:
    for message in GENUINE:
        verdict = judge(replace(message, parcel={**message.parcel, "stage": stage, "charges": "unknown"}))
        if "pay" in verdict.asks or "documents" in verdict.asks:
            assert verdict.verdict is not MessageIs.MATCHES, message.id


def test_nothing_matches_where_nothing_is_watched() -> None:
    for message in MESSAGES:
        verdict = judge_message(
            message.text, sender=message.sender, parcels=[], operators=operators(), signs=signs(), now=NOW
        )
        assert verdict.verdict is not MessageIs.MATCHES


def test_an_operator_found_out_to_send_no_links_turns_its_links_into_a_sign() -> None:
    message = next(m for m in GENUINE if m.id == "postnl-inklaring")
    changed = [replace(o, links_in_messages="never") if o.id == "postnl" else o for o in operators()]
    verdict = judge_message(
        message.text, parcels=[watched(**message.parcel)], operators=changed, signs=signs(), now=NOW
    )
    assert verdict.verdict is MessageIs.DOES_NOT_MATCH
    assert Sign.LINK_NEVER in {r.sign for r in verdict.reasons if r.weight is Weight.AGAINST}


def test_where_to_report_is_known_by_country_and_by_operator() -> None:
    by = {m.id: " ".join(r.where for r in judge(m).reports) for m in FRAUDS}
    assert "7726" in by["royal-mail-tiny-fee"]
    assert "phishing-dpdhl@dhl.com" in by["dhl-gift-card"]
    assert "33700" in by["colis-en-attente"]
    assert "8080" in by["doplata"]
    assert "spam@uspis.gov" in by["usps-redelivery"]


def test_the_file_of_signs_says_where_everything_comes_from() -> None:
    loaded = load_signs()
    assert set(loaded.rows) == {sign.value for sign in Sign}
    assert all(row.source and row.where.startswith("scam.yaml:") for row in loaded.rows.values())
    assert all(isinstance(row.checked, date) for row in loaded.rows.values())
    assert len({r.country for r in loaded.reports}) >= 15
    assert len(loaded.common) >= 8
    known = {o.id for o in operators()}
    assert all(r.operator in known for r in loaded.reports if r.operator)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("  number_known: {", "  number_knwon: {", "number_known"),
        ("    redelivery: [redeliver*", "    redelivrey: [redeliver*", "no kind 'redelivrey'"),
        ("    gift: [gift card*,", "    gift: ['!!',", "holds no word"),
        (
            "{operator: dhl_express, where",
            "{operator: dhl_express, country: DE, where",
            "belongs to a country or to an operator",
        ),
        ("bit.ly, bitly.com", "http://bit.ly, bitly.com", "shorteners"),
    ],
)
def test_an_unsound_file_of_signs_does_not_load(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = resources.knowledge("scam.yaml").read_text(encoding="utf-8")
    path = tmp_path / "scam.yaml"
    path.write_text(text, encoding="utf-8")
    assert load_signs(path).entries
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(Misconfigured, match=says):
        load_signs(path)


def test_every_language_has_every_kind_of_wording() -> None:
    loaded = load_signs()
    for lang in loaded.common:
        assert {e.kind for e in loaded.entries if e.lang == lang} == set(KINDS) - {"common"}
