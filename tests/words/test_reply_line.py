"""The sentence that says how to answer a mail: in every language, only where answers are read, and true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.words import samples
from workers import resources
from workers.core.reply import Said, understood
from workers.knowledge.replies import load_replies, understood_by
from workers.knowledge.table import load_table
from workers.render import Renderer

ROW = next(row for row in load_table().rows if row.advice.id == "send_documents")
RENDERER = Renderer()
LANGUAGES = [
    "en",
    *sorted(path.stem for path in Path(str(resources.shipped("templates") / "locale")).glob("*.po")),
]
QUOTED = re.compile('[“„«”"»]\\s?([^“„«”"»]{1,20}?)\\s?[”“»"]')


@pytest.mark.parametrize("lang", LANGUAGES)
def test_each_word_that_a_mail_names_is_understood_as_what_it_says(lang: str) -> None:
    context = samples.full(ROW)
    silent = RENDERER.render(context, lang=lang, timezone="Europe/Madrid")
    message = RENDERER.render({**context, "answered": True}, lang=lang, timezone="Europe/Madrid")
    text, html = (" ".join(said.split()) for said in (message.text, message.html))
    own = load_replies()[lang].answers
    named = [own[said][0] for said in (Said.PAID, Said.SEEN, Said.MUTE, Said.STOP)]
    before = set(QUOTED.findall(" ".join(silent.text.split())))
    assert [word for word in QUOTED.findall(text) if word not in before] == named
    assert all(word in html for word in named)
    for said, word in zip((Said.PAID, Said.SEEN, Said.MUTE, Said.STOP), named, strict=True):
        assert understood([word], understood_by(lang)) is said
    assert message.short == silent.short  # an SMS says nothing of it
    assert len(message.text) > len(silent.text)
