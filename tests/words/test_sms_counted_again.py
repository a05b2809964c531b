"""What we say an SMS costs, against an independent calculator (smsutil), on ten thousand of our messages, cut and mixed."""

from __future__ import annotations

import smsutil

from tests.looks.write import SMS, texts
from tests.words import samples
from tests.words.test_words import ROWS, WORST_TITLE, render
from workers.core import sms

THEIRS = {"gsm0338": "GSM-7", "utf_16_be": "UCS-2"}


def test_two_calculators_agree_on_ten_thousand_messages():
    shorts = [
        render(samples.full(row, title=t)).short
        for row in ROWS.values()
        for t in ("Reel", WORST_TITLE, "手机壳")
    ]
    said = texts(shorts)
    assert len(said) == SMS
    costs = [sms.segments(text) for text in said]
    assert len({(cost.encoding, cost.parts) for cost in costs}) > 8  # the mix reaches every kind of message
    apart = []
    for text, cost in zip(said, costs, strict=True):
        theirs = smsutil.split(text)
        if text and (THEIRS[theirs.encoding], len(theirs.parts)) != (cost.encoding, cost.parts):
            apart.append((text, theirs.encoding, len(theirs.parts), cost))
    assert apart == []
