"""What "not" and "will" turn, in a language of three words, so that no real language file can hide a fault of the engine."""

from __future__ import annotations

import pytest

from workers import resources
from workers.core.classify import Classifier
from workers.core.lexicon import Language, Words
from workers.core.model import Stage
from workers.core.text import fold
from workers.knowledge import words


def _classifier(**entries: tuple[str, ...]) -> Classifier:
    grammar = words.load_grammar(resources.knowledge("grammar.yaml"))
    listed = {"not": ("nix",), "will": ("wird",), "deliver": ("zugestellt",), "item": ("ding",)} | entries
    rows = tuple(
        Words(tuple(name.split("__")), patterns, f"xx:{i}")
        for i, (name, patterns) in enumerate(listed.items())
    )
    return Classifier([Language("xx", "X", rows, ())], grammar, {})


@pytest.mark.parametrize(
    "entries",
    [
        {"deliver": ("zugestellt", "zügestellt")},  # folded alike
        {"deliver": ("zugestellt",), "collect": ("zugestellt",)},  # under two concepts
        {"deliver": ("zugestellt",), "deliver__recipient": ("zugestellt",)},
    ],
)
def test_a_not_turns_every_word_at_its_place(entries: dict[str, tuple[str, ...]]) -> None:
    classifier = _classifier(**entries)
    assert classifier.read("Ding zugestellt").stage is Stage.DELIVERED
    assert classifier.read("Ding nix zugestellt").stage is Stage.DELIVERY_FAILED
    assert classifier.read("Ding wird zugestellt").stage is Stage.IN_TRANSIT


@pytest.mark.parametrize(
    "text",
    [
        "Ding wird zwischen 14:00 und 16:00 zugestellt",
        "Ding wird am 12. Mai zugestellt",
        "Ding wird am Montag, den 12. Mai, zugestellt",
    ],
)
def test_no_hour_and_no_date_comes_between_a_will_and_its_act(text: str) -> None:
    assert _classifier().read(text).stage is Stage.IN_TRANSIT


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        ("Wird zugestellt, Ding zugestellt", Stage.DELIVERED),  # the will has its act already
        ("Nix hier, Ding zugestellt", Stage.DELIVERED),  # a comma ends what a "not" speaks of
        ("Ding wird erwartet, aber zugestellt", Stage.DELIVERED),  # and what a "will" does
        ("Zugestellt, wird am 12. Mai, Ding zugestellt", Stage.DELIVERED),
        ("Ding wird. Zugestellt", Stage.DELIVERED),
    ],
)
def test_a_will_turns_no_act_of_another_clause(text: str, stage: Stage) -> None:
    assert _classifier().read(text).stage is stage


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        (
            {"not__release": ("nix frei*",), "cleared": ("freigegeben vom zoll",)},
            "Ding nix freigegeben vom Zoll",
        ),
        (
            {"not__deliver": ("ab gestellt problem",), "deliver": ("zu ab gestellt",)},
            "Ding zu ab gestellt problem",
        ),
    ],
)
def test_a_word_that_overlaps_its_own_denial_does_not_say_the_contrary(
    entries: dict[str, tuple[str, ...]], text: str
) -> None:
    classifier = _classifier(**entries)
    assert classifier.read(text).stage not in {Stage.RELEASED, Stage.DELIVERED}
    lone = next(v[0] for k, v in entries.items() if not k.startswith("not"))
    assert classifier.read(f"Ding {lone}").stage in {Stage.RELEASED, Stage.DELIVERED}


def test_hits_come_in_the_order_of_their_ends_also_behind_a_pattern_that_needs_a_check() -> None:
    lexicon = _classifier(deliver=("ding ... zugestellt",), recipient=("kunde*",)).lexicon
    found = lexicon.find(fold("Ding wird Kunde zugestellt. Ding Kunde zugestellt"))[0]
    assert [end for _, end, _ in found] == sorted(end for _, end, _ in found)
    assert len(found) == 7


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        ("Im Amt", Stage.AVAILABLE_FOR_PICKUP),
        ("[Berlin] Im Amt. Im Amt 12:30", Stage.AVAILABLE_FOR_PICKUP),
        ("Ding im Amt zugestellt", Stage.IN_TRANSIT),  # handed to an office
    ],
)
def test_a_bare_label_means_more_only_where_nothing_else_is_said(text: str, stage: Stage) -> None:
    assert _classifier(await__pickup=("= im amt",), office=("amt",)).read(text).stage is stage
