"""Who says what: the sentences of a notice where sources differ, fail, or were asked besides."""

from __future__ import annotations

import pytest

from tests.words import samples
from tests.words.test_words import RENDERER
from workers.core.model import Stage

ROW = next(row for row in samples.TABLE.rows if row.advice.id == "held_stuck")


def said(**voices):
    told = {"differ": "", "asked": "", "others": [], "each": [], "numbers": [], **voices}
    context = {**samples.full(ROW), "voices": told}
    return RENDERER.render(context, lang="en", timezone="UTC")


def voice(state, stage="held", source="17TRACK", day="2026-11-03T09:00:00+00:00"):
    return {"source": source, "state": state, "stage": stage, "day": day}


def test_a_silent_source_and_one_that_knows_better_are_both_named():
    message = said(
        differ="behind", asked="stuck", others=["ParcelsApp"],
        each=[voice("quiet"), voice("says", "released", "ParcelsApp", "2026-11-09")],
    )  # fmt: skip
    text = " ".join(message.text.split())
    assert "17TRACK has shown nothing new since 3 Nov 2026; it still shows: held." in text
    assert "ParcelsApp shows: released, since 9 Nov 2026." in text
    assert "stood still for longer than usual, so we also asked: ParcelsApp." in text
    assert "17TRACK has shown nothing new since" in message.html


@pytest.mark.parametrize("state", ["says", "quiet", "failing", "unknown"])
def test_every_state_of_a_voice_has_words_for_every_stage(state):
    for stage in Stage:
        if stage is not Stage.UNKNOWN or state in ("failing", "unknown"):
            assert "17TRACK" in said(each=[voice(state, stage.value)]).text


@pytest.mark.parametrize("why", ["stuck", "failing", "unknown", "contradict"])
def test_every_reason_to_ask_another_has_words(why):
    assert "Ship24 and UPS" in " ".join(said(asked=why, others=["Ship24", "UPS"]).text.split())


def test_a_followed_number_is_named_with_its_carrier():
    text = " ".join(
        said(
            numbers=[{"number": "00340434161094042557", "carrier": "DHL"}, {"number": "X1", "carrier": ""}]
        ).text.split()
    )
    assert "with DHL under the number 00340434161094042557" in text
    assert "under the number X1" in text


def test_a_parcel_of_one_source_says_nothing_of_sources():
    assert said().text == RENDERER.render(samples.full(ROW), lang="en", timezone="UTC").text


def test_hostile_names_stay_words():
    message = said(each=[voice("says", source="<b>x</b>")])
    assert "<b>x</b>" not in message.html
    assert "&lt;b&gt;x&lt;/b&gt;" in message.html
