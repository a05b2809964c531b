"""The classifier: code before words, words before translation, negation and what is still to come, evidence, and no guess."""

from __future__ import annotations

import json
from datetime import date

import pytest

from tests.knowledge import tables
from workers.core.classify import ALIASES, Classifier, Code, as_json, classify_line, normal_code
from workers.core.lexicon import Says
from workers.core.model import Addressee, Cause, Charges, Reading, Side, Stage
from workers.core.patterns import expand


@pytest.fixture(scope="module")
def real() -> Classifier:
    return tables.whole()[0]


@pytest.fixture(scope="module")
def classifier(real: Classifier) -> Classifier:
    """The real words beside codes of our own, so that no change of a carrier's list moves these tests."""
    codes = {
        "SURE": Code(Says(Stage.IMPORT_CUSTOMS), "in customs", "codes/x.yaml:7", "a list", date(2026, 11, 1)),
        "DONE": Code(Says(Stage.RELEASED)),
        "IMPORT_DONE": Code(Says(Stage.RELEASED, side=Side.DESTINATION)),
        "VAGUE": Code(Says(Stage.IN_TRANSIT), weak=True),
        "GONE": Code(Says(Stage.DELIVERED)),
        "TAX": Code(Says(Stage.PAYMENT_DUE, charges=Charges.DUE, causes=(Cause.UNPAID_CHARGES,))),
        "PAPERS": Code(Says(Stage.DOCUMENTS_REQUIRED)),
        "NOTHING": Code(Says(Stage.UNKNOWN)),
        "ODD": Code(Says(Stage.EXCEPTION), weak=True),
    }
    return Classifier(real.lexicon.languages, real.grammar, {"x": codes})


def test_a_code_decides_and_says_where_it_stands(classifier: Classifier) -> None:
    reading = classifier.read("Some words we do not know", code=" sure ", system="x")
    assert reading.stage is Stage.IMPORT_CUSTOMS
    assert [(e.kind, e.where, e.source, e.checked) for e in reading.evidence] == [
        ("code", "codes/x.yaml:7", "a list", date(2026, 11, 1))
    ]


def test_words_tell_a_code_of_the_same_matter_more_closely(classifier: Classifier) -> None:
    reading = classifier.read("Awaiting payment of duties", code="SURE", system="x")
    assert (reading.stage, reading.charges) == (Stage.PAYMENT_DUE, Charges.DUE)
    assert reading.evidence[0].kind == "code"


def test_words_of_another_matter_lose_to_a_code_and_are_kept_as_beaten(classifier: Classifier) -> None:
    reading = classifier.read("Customs clearance completed", code="GONE", system="x")
    assert reading.stage is Stage.DELIVERED
    assert any("released" in e.what or "complet" in e.what for e in reading.beat)


def test_a_weak_code_yields_to_known_words_and_holds_without_them(classifier: Classifier) -> None:
    assert (
        classifier.read("Import customs clearance delay", code="VAGUE", system="x").stage
        is Stage.CLEARANCE_DELAY
    )
    assert classifier.read("Blah", code="VAGUE", system="x").stage is Stage.IN_TRANSIT
    assert classifier.read("Held by customs", code="ODD", system="x").stage is Stage.HELD


def test_a_code_that_does_not_tell_export_from_import_leaves_that_to_the_words(
    classifier: Classifier,
) -> None:
    text = "Export customs clearance complete"
    assert classifier.read(text, code="DONE", system="x").stage is Stage.EXPORT_CLEARED
    assert classifier.read(text, code="IMPORT_DONE", system="x").stage is Stage.RELEASED
    assert classifier.read("Customs clearance complete", code="DONE", system="x").stage is Stage.RELEASED


def test_words_add_charges_to_a_code(classifier: Classifier) -> None:
    reading = classifier.read("Released by customs, taxes to be paid", code="DONE", system="x")
    assert (reading.stage, reading.charges) == (Stage.RELEASED, Charges.DUE)


def test_an_unknown_code_or_system_changes_nothing(classifier: Classifier) -> None:
    for code, system in (("NEW_CODE", "x"), ("SURE", "y"), ("", "x")):
        assert classifier.read("Cleared customs", code=code, system=system).stage is Stage.RELEASED


def test_a_code_that_says_nothing_leaves_it_to_the_words(classifier: Classifier) -> None:
    assert classifier.read("Held by customs", code="NOTHING", system="x").stage is Stage.HELD


def test_the_translation_is_read_only_where_the_original_is_not_known(classifier: Classifier) -> None:
    assert classifier.read("qwzx", translation="Held by customs").stage is Stage.HELD
    assert classifier.read("清关完成", translation="Held by customs").stage is Stage.RELEASED


@pytest.mark.parametrize("written", ["cc_im_start", " CC_IM_START ", "CC＿IM＿START", "ＣＣ_IM_START"])
def test_a_code_is_found_however_it_is_typed(written: str, real: Classifier) -> None:
    assert normal_code(written) == "CC_IM_START"
    assert real.read("", code=written, system="cainiao").stage is Stage.IMPORT_CUSTOMS


@pytest.mark.parametrize(
    ("text", "stage", "facts"),
    [
        ("Not cleared by customs", Stage.IMPORT_CUSTOMS, {}),
        ("Customs clearance has not been completed", Stage.IMPORT_CUSTOMS, {}),
        ("Customs clearance completed", Stage.RELEASED, {}),
        ("Released from customs, taxes to be paid", Stage.RELEASED, {"charges": Charges.DUE}),
        ("Returned from customs", Stage.RELEASED, {}),
        ("Returned to sender", Stage.RETURNING, {}),
        ("Delivered to customs", Stage.IMPORT_CUSTOMS, {}),
        ("Delivered to local carrier", Stage.IN_TRANSIT, {}),
        ("Delivered", Stage.DELIVERED, {}),
        ("Undelivered", Stage.DELIVERY_FAILED, {}),
        ("Will be delivered tomorrow", Stage.IN_TRANSIT, {}),
        ("Awaiting payment of customs duties", Stage.PAYMENT_DUE, {"charges": Charges.DUE}),
        ("Payment of customs duties received", Stage.PAYMENT_RECEIVED, {"charges": Charges.PAID}),
        ("Cleared export customs", Stage.EXPORT_CLEARED, {"side": Side.ORIGIN}),
        (
            "Awaiting documents from the recipient for customs clearance",
            Stage.DOCUMENTS_REQUIRED,
            {"addressee": Addressee.BUYER},
        ),
        (
            "Awaiting documents from the sender for customs clearance",
            Stage.DOCUMENTS_REQUIRED,
            {"addressee": Addressee.SENDER},
        ),
        ("Customer service update", Stage.UNKNOWN, {}),
        ("", Stage.UNKNOWN, {}),
        ("   ", Stage.UNKNOWN, {}),
        ("12345", Stage.UNKNOWN, {}),
    ],
)
def test_small_words_decide(text: str, stage: Stage, facts: dict[str, object], real: Classifier) -> None:
    reading = real.read(text)
    assert reading.stage is stage
    for name, value in facts.items():
        assert getattr(reading, name) is value


def test_an_unknown_text_has_no_evidence(real: Classifier) -> None:
    assert real.read("Lorem ipsum dolor sit amet") == Reading(Stage.UNKNOWN)


def test_evidence_names_the_rule_and_each_word_with_file_and_line(real: Classifier) -> None:
    reading = real.read("Customs clearance completed")
    first, *rest = reading.evidence
    assert first.kind == "grammar"
    assert first.where.startswith("grammar.yaml:")
    assert {e.where.rpartition(":")[0] for e in rest if e.kind == "phrase"} == {"phrases/en.yaml"}
    assert any(e.what.startswith("customs: customs") for e in rest)


def test_what_lost_is_kept(real: Classifier) -> None:
    assert real.read("Customs clearance completed").beat


def test_a_wrong_hint_of_the_language_does_not_blind(real: Classifier) -> None:
    assert real.read("清关完成", lang="en-US").stage is Stage.RELEASED
    assert real.read("Customs clearance completed", lang="zh_CN").stage is Stage.RELEASED
    assert real.read("Customs clearance completed", lang="xx").stage is Stage.RELEASED


def test_several_causes_may_stand(real: Classifier) -> None:
    reading = real.read("Held by customs: restricted goods, declared value is incorrect")
    assert {Cause.RESTRICTED_OR_PROHIBITED, Cause.VALUE_MISDECLARED} <= set(reading.causes)


def test_a_line_of_json_is_answered_with_all_facts(real: Classifier) -> None:
    answer = classify_line(real, {"text": "Awaiting payment of import VAT by the recipient"})
    assert json.loads(json.dumps(answer)) == answer
    evidence = answer.pop("evidence")
    assert answer == {
        "stage": "payment_due",
        "cause": "unpaid_charges",
        "side": "destination",
        "addressee": "buyer",
        "charges": "due",
    }
    assert all({"kind", "what", "where"} <= set(e) for e in evidence)


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"text": None},
        {"text": 5, "code": [], "country": {}},
        {"text": "x", "system": 1, "origin": None},
        {"text": "\ud800"},
    ],
)
def test_a_line_with_nonsense_in_it_is_unknown_and_never_an_error(
    line: dict[str, object], real: Classifier
) -> None:
    assert classify_line(real, line)["stage"] == "unknown"


def test_a_line_with_countries_is_settled_by_context(real: Classifier) -> None:
    line = {"text": "Customs clearance completed", "origin": "CN", "destination": "DE"}
    assert classify_line(real, {**line, "country": "CN"})["stage"] == "export_cleared"
    assert classify_line(real, {**line, "country": "DE"})["stage"] == "released"


@pytest.mark.parametrize(
    ("line", "stage"),
    [
        ({"code": "CC_IM_START", "system": "cainiao"}, "import_customs"),
        ({"code": "cc_im_start"}, "import_customs"),
        ({"code": "CC_IM_START", "carrier": "Cainiao (AliExpress)"}, "import_customs"),
        ({"code": "GOT", "carrier": "Cainiao"}, "in_transit"),
        ({"code": "GOT"}, "unknown"),
        ({"code": "GOT", "carrier": "DHL"}, "unknown"),
        ({"code": "InTransit_CustomsReleased", "system": "17TRACK"}, "released"),
        ({"code": "NO_SUCH_CODE"}, "unknown"),
    ],
)
def test_a_code_without_its_system_counts_where_it_can_be_no_other(
    line: dict[str, str], stage: str, real: Classifier
) -> None:
    assert classify_line(real, {"text": "", **line})["stage"] == stage


@pytest.mark.parametrize("tag", ["nb-NO", "NN", "no"])
def test_a_tag_of_another_name_is_the_same_language(tag: str, real: Classifier) -> None:
    assert ALIASES.get(tag.casefold().partition("-")[0], "no") == "no"


def test_nobody_is_written_as_null() -> None:
    assert as_json(Reading(Stage.RELEASED, addressee=Addressee.NOBODY))["addressee"] is None


@pytest.mark.parametrize(
    ("pattern", "plain"),
    [
        ("a", ["a"]),
        ("(a|b) c", ["a c", "b c"]),
        ("(a|) b", ["a b", " b"]),
        ("x (a|b) (c|d)", ["x a c", "x a d", "x b c", "x b d"]),
    ],
)
def test_brackets_stand_for_every_choice(pattern: str, plain: list[str]) -> None:
    assert sorted(expand(pattern)) == sorted(plain)


@pytest.mark.parametrize("pattern", ["(a|b", "((a)|b)", " ".join(["(a|b|c|d)"] * 6)])
def test_brackets_that_do_not_pair_or_explode_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"brackets|stands for"):
        expand(pattern)


def test_a_code_for_missing_information_yields_to_words_about_money_and_to_no_others(
    classifier: Classifier,
) -> None:
    asked = classifier.read("Awaiting payment of import duties by the recipient", code="PAPERS", system="x")
    assert (asked.stage, asked.charges) == (Stage.PAYMENT_DUE, Charges.DUE)
    assert (
        classifier.read("Import customs clearance started", code="PAPERS", system="x").stage
        is Stage.DOCUMENTS_REQUIRED
    )
