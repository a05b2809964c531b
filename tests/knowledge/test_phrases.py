"""Every language file, by walking the directory: what an entry has seen it reads, what is unlike it does not, and no language spoils another."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tests.knowledge import measure, tables
from workers import resources
from workers.core.classify import Classifier
from workers.core.model import Stage
from workers.errors import Misconfigured
from workers.knowledge import words

FOLDER = resources.knowledge("phrases")
LANGUAGES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@cache
def _whole() -> tuple[Classifier, dict[str, str]]:
    return tables.whole()


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return _whole()[0]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_language_file_has_no_mistake(lang: str) -> None:
    assert lang not in _whole()[1], _whole()[1][lang]


def test_all_languages_load_together() -> None:
    assert [language.code for language in words.load().lexicon.languages] == LANGUAGES


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_a_phrase_has_seen_is_read_as_its_stage(lang: str, classifier: Classifier) -> None:
    wrong = []
    for language in classifier.lexicon.languages:
        if language.code != lang:
            continue
        for phrase in language.phrases:
            assert phrase.seen, f"{phrase.where}: a phrase needs a wording it was made for"
            for text in phrase.seen:
                read = classifier.read(text)
                if read.stage is not phrase.says.stage:
                    wrong.append(f"{phrase.where}: {text!r} reads {read.stage}, not {phrase.says.stage}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_unlike_a_phrase_is_not_read_as_its_stage(lang: str, classifier: Classifier) -> None:
    wrong = []
    for language in classifier.lexicon.languages:
        if language.code != lang:
            continue
        for phrase in language.phrases:
            wrong += [
                f"{phrase.where}: {text!r} must not read {phrase.says.stage}"
                for text in phrase.unlike
                if classifier.read(text).stage is phrase.says.stage
            ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_cases_of_a_language_are_read_right(lang: str, classifier: Classifier) -> None:
    wrong = [w for case in tables.of(lang) if (w := case.wrong(classifier.read(case.text)))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_language_has_enough_cases(lang: str) -> None:
    assert len(tables.of(lang)) >= 25


def test_there_are_enough_cases_in_all_and_none_stands_twice_in_its_table() -> None:
    assert sum(len(tables.of(lang)) for lang in LANGUAGES) >= 1_500
    twice = [
        f"{lang}: {text}"
        for lang in LANGUAGES
        for text, times in Counter(case.text for case in tables.of(lang)).items()
        if times > 1
    ]
    assert not twice, "\n".join(twice)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_cases_of_a_language_hold_with_its_files_hint(lang: str, classifier: Classifier) -> None:
    wrong = [w for case in tables.of(lang) if (w := case.wrong(classifier.read(case.text, lang=lang)))]
    assert not wrong, "\n".join(wrong)


def test_every_rule_of_the_grammar_decides_the_text_it_was_made_for(classifier: Classifier) -> None:
    """So no rule is dead: each is met by a text that no rule above it takes."""
    wrong = []
    for rule in classifier.grammar.rules:
        assert rule.seen, f"{rule.where}: a rule needs a wording it was made for"
        for text in rule.seen:
            read = classifier.read(text)
            by = read.evidence[0].what.partition(":")[0] if read.evidence else ""
            silent = rule.says is not None and rule.says.stage is Stage.UNKNOWN is read.stage
            if by != rule.id and not silent:
                wrong.append(f"{rule.where}: {text!r} is decided by {by or 'nothing'}, not by {rule.id}")
    assert not wrong, "\n".join(wrong)


def _folder(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / "phrases"
    folder.mkdir()
    (folder / "xx.yaml").write_text(text, encoding="utf-8")
    return folder


def test_a_language_file_is_told_all_its_mistakes_with_their_lines(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "language: yy\nname: X\nwords:\n  custom: a\n  pays: b\n")
    with pytest.raises(Misconfigured) as caught:
        words.load(phrases=folder)
    said = str(caught.value)
    assert "phrases/xx.yaml:1: language 'yy' must be the file's name" in said
    assert "phrases/xx.yaml:4: no concept 'custom'" in said
    assert "phrases/xx.yaml:5: no concept 'pays'" in said


def test_patterns_that_cannot_be_looked_for_are_told_with_their_lines(tmp_path: Path) -> None:
    folder = _folder(
        tmp_path,
        "language: xx\nname: X\nwords:\n  pay: (a|b\n  tax: a)\nphrases:\n"
        "  - {stage: held, match: <customs> x, seen: y}\n  - {stage: held, match: ..., seen: y}\n",
    )
    with pytest.raises(Misconfigured) as caught:
        words.load(phrases=folder)
    said = str(caught.value)
    assert "phrases/xx.yaml:4: brackets do not pair" in said
    assert "phrases/xx.yaml:5: brackets do not pair" in said
    assert "phrases/xx.yaml:7: there are no words for <customs>" in said
    assert "phrases/xx.yaml:8: '...' needs a word of its own" in said


def test_an_unknown_key_in_a_language_file_is_a_mistake(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "language: xx\nname: X\nword: {}\n")
    with pytest.raises(Misconfigured, match=r"xx\.yaml:3: unknown key 'word' \(did you mean 'words'\?\)"):
        words.load(phrases=folder)


def test_a_new_language_is_read_without_touching_any_other_file(tmp_path: Path) -> None:
    folder = _folder(
        tmp_path,
        "language: xx\nname: X\nwords:\n  customs: zoltu*\n  clearance: verplix\n  complete: fertu\nphrases: []\n",
    )
    assert words.load(phrases=folder).read("Zoltuan verplix fertu").stage is Stage.RELEASED
    assert words.load(phrases=folder).read("Zoltuan verplix").stage is Stage.IMPORT_CUSTOMS


@pytest.mark.skipif(not measure.CORPUS.exists(), reason="the development corpus is not here")
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_corpus_is_read_as_well_as_we_say(lang: str, classifier: Classifier) -> None:
    lines = [line for line in measure.corpus() if line.lang == lang and line.confidence != "low"]
    counted = measure.figures([(line, classifier.read(line.text)) for line in lines])
    assert counted.customs_recall >= 0.99
    assert counted.customs_stage >= 0.97
    assert counted.false_customs == 0
    assert counted.false_asks == 0
    assert counted.stage >= 0.96


@pytest.mark.skipif(not measure.CORPUS.exists(), reason="the development corpus is not here")
def test_the_measure_sees_a_classifier_that_has_forgotten_customs(classifier: Classifier) -> None:
    """The negative control: without its words for customs, recall must fall."""
    lines = [line for line in measure.corpus() if line.lang == "en"]
    forgetful = [
        replace(
            language, words=tuple(w for w in language.words if not {"customs", "clearance"} & set(w.concepts))
        )
        for language in classifier.lexicon.languages
    ]
    fewer = Classifier(forgetful, classifier.grammar, {})
    assert measure.figures([(line, fewer.read(line.text)) for line in lines]).customs_recall < 0.7
