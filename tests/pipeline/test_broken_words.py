"""A template of the user's that fails loses no notice: it goes in our words, and the owner is told once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.pipeline.conftest import World
from workers.core.model import Sighting
from workers.render.own import OwnWords
from workers.settings import Recipient

HELD = Sighting(
    at=datetime(2026, 11, 24, 8, 0, tzinfo=UTC),
    text="Import charges due, payment required",
    source="a",
    lang="en",
    country="DE",
)


@pytest.fixture
def broken(world: World) -> Iterator[World]:
    folder = world.folder / "words"
    (folder / "advice").mkdir(parents=True)
    for advice in ("pay", "pay_check_first", "charge_unexpected"):
        (folder / f"advice/{advice}.j2").write_text("{% block subject %}{{ titel }}{% endblock %}")
    world.owner = ("ben",)
    world.recipients["ben"] = Recipient(name="ben", phone="+34600000002", channels=("text",))
    words = OwnWords(folder)
    world._renderer = words
    yield world
    words.close()


def test_a_broken_template_loses_no_notice_and_is_told_of_once(broken: World) -> None:
    for number in ("LP00123456789012", "LP00123456789013"):
        broken.watch(number)
        broken.source.parcels[number] = (HELD,)
    broken.look()
    broken.deliver()
    broken.deliver()
    assert len(broken.mail.sent) == 2
    assert all("charge" in message.subject for _, message in broken.mail.sent)
    assert broken.store.notices(states=("failed", "pending", "held")) == []
    told = [message for envelope, message in broken.text.sent if envelope.to == "+34600000002"]
    assert len(told) == 1
    assert told[0].subject.startswith("A template of yours does not work: advice/")
    assert "titel" in told[0].text
