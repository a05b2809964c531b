"""What we say an SMS costs, against an independent calculator (smsutil): ten thousand of ours in every language, cut and mixed."""

from __future__ import annotations

from itertools import cycle

import smsutil

from tests.looks.write import SMS, WORST, languages, texts
from tests.words import samples
from tests.words.test_words import RENDERER, ROWS
from workers.core import sms

THEIRS = {"gsm0338": "GSM-7", "utf_16_be": "UCS-2"}


def test_two_calculators_agree_on_ten_thousand_messages():
    rows, titles = cycle(ROWS.values()), ("Reel", *WORST)
    shorts = [
        RENDERER.render(samples.full(next(rows), title=title), lang=lang, timezone="Europe/Madrid").short
        for lang in languages()
        for title in titles * 2
    ]
    assert {sms.segments(short).parts for short in shorts} == {1, 2}
    said = texts(shorts)
    assert len(said) == SMS
    costs = [sms.segments(text) for text in said]
    kinds = {(cost.encoding, cost.parts) for cost in costs}
    assert kinds >= {*(("GSM-7", n) for n in (1, 2, 3)), *(("UCS-2", n) for n in (1, 2, 3, 4, 5))}
    apart = []
    for text, cost in zip(said, costs, strict=True):
        theirs = smsutil.split(text)
        if text and (THEIRS[theirs.encoding], len(theirs.parts)) != (cost.encoding, cost.parts):
            apart.append((text, theirs.encoding, len(theirs.parts), cost))
    assert apart == []
