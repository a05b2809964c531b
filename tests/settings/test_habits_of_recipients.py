"""How a recipient wants to be told, from the file: every key, and what does not fit together."""

from __future__ import annotations

from datetime import time, timedelta

import pytest

from tests.settings.conftest import Load
from workers.core.timing import Habits, Quiet, Summary
from workers.errors import Misconfigured
from workers.settings.settled import Escalation

FILE = """\
sources: {{post: {{kind: postline, token: abcdef}}}}
channels:
  mail: {{kind: letter, host: smtp.example.org}}
  text: {{kind: pigeon, token: abcdef}}
recipients:
  anna: {{email: anna@example.org, phone: "+4915123456789"{0}}}
  ben: {{email: ben@example.org}}
orders: []
"""


def test_everything_a_recipient_may_wish_is_read(load: Load) -> None:
    anna = load(FILE.format(', quiet: "22:00-07:00", digest: daily 08:00, gap: 6h, daily_cap: 5')).recipients[
        "anna"
    ]
    assert anna.habits == Habits(Quiet(time(22), time(7)), Summary(time(8)), timedelta(hours=6), 5)
    assert anna.escalation is None
    assert load(FILE.format("")).recipients["anna"].habits == Habits()


def test_a_channel_for_what_nobody_acknowledged_is_used_for_nothing_else(load: Load) -> None:
    anna = load(FILE.format(", escalate_after: 6h, escalate_by: text")).recipients["anna"]
    assert anna.escalation == Escalation(timedelta(hours=6), "text", "anna")
    assert anna.channels == ("mail",)
    assert load(FILE.format("")).recipients["anna"].channels == ("mail", "text")
    other = load(FILE.format(", escalate_after: 6h, escalate_to: ben")).recipients["anna"]
    assert other.escalation == Escalation(timedelta(hours=6), "", "ben")
    assert other.channels == ("mail", "text")


def test_a_digest_in_the_quiet_hours_is_odd(load: Load) -> None:
    said = load(FILE.format(', quiet: "22:00-07:00", digest: daily 06:00')).warnings
    assert [w.line for w in said if "quiet hours" in w.message] == [6]
    assert not [
        w
        for w in load(FILE.format(', quiet: "22:00-07:00", digest: daily 07:00')).warnings
        if "quiet" in w.message
    ]


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (", escalate_after: 6h", "needs escalate_by or escalate_to"),
        (", escalate_by: text", "needs escalate_by or escalate_to"),
        (", escalate_after: 6h, escalate_to: bne", "did you mean 'ben'"),
        (", escalate_after: 6h, escalate_by: txt", "did you mean 'text'"),
        (", quiet: nights", "22:00-07:00"),
        (", digest: 08:00", "daily 08:00"),
        (", gap: 6", "6h"),
        (", daily_cap: 0", "daily_cap"),
        (', quiet_hours: "22:00-07:00"', "did you mean 'quiet'"),
    ],
)
def test_what_does_not_fit_is_a_mistake_with_a_hint(load: Load, wish: str, said: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        load(FILE.format(wish))
    assert said in str(caught.value)
    assert "orders.yaml:6" in str(caught.value)


def test_a_channel_to_escalate_by_needs_an_address(load: Load) -> None:
    with pytest.raises(Misconfigured, match="needs a phone"):
        load(FILE.format(", escalate_after: 6h, escalate_by: text").replace(', phone: "+4915123456789"', ""))
