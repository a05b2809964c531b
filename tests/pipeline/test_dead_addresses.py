"""An address at which nothing arrives is set aside, the owner is told another way, and a changed one is tried by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.pipeline.conftest import World
from workers.core.model import Sighting
from workers.errors import DeadAddress, Permanent
from workers.settings import Recipient

DEAD = DeadAddress("the mail server refuses the recipient: 550 5.1.1 no such user")


def held(number: str) -> Sighting:
    at = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
    return Sighting(
        at=at, text="Item held by customs, documents required", source="a", lang="en", country="DE"
    )


@pytest.fixture
def owing(world: World) -> World:
    """A world in which one parcel owes ana a notice by mail and by text, and ben owns the installation."""
    world.owner = ("ben",)
    world.recipients["ben"] = Recipient(name="ben", phone="+34600000002", channels=("text",))
    owe(world, "LP1")
    return world


def owe(world: World, number: str) -> None:
    world.watch(number)
    world.source.parcels[number] = (held(number),)
    world.look()


def states(world: World, channel: str) -> list[str]:
    return sorted(
        row.state for row in world.store.notices() if row.channel == channel and row.recipient == "ana"
    )


def test_nothing_more_is_sent_to_it_and_the_owner_is_told_once_another_way(owing: World) -> None:
    owing.mail.troubles = [DEAD]
    owing.deliver()
    owe(owing, "LP2")
    owe(owing, "LP3")
    owing.deliver()
    assert owing.mail.sent == []
    assert states(owing, "mail") == ["failed"] * 3
    assert states(owing, "text") == ["sent"] * 3  # the other address of the same person lives
    told = [message for envelope, message in owing.text.sent if envelope.to == "+34600000002"]
    assert [message.subject for message in told] == ["ana can no longer be reached by mail"]
    (aside,) = owing.store.all_aside()
    assert (aside.channel, aside.recipient) == ("mail", "ana")
    assert "5.1.1" in aside.error
    assert owing.store.counts()["address_dead"] == 1
    later = [row.error for row in owing.store.notices() if row.channel == "mail"]
    assert sum("set aside since" in error for error in later) == 2


def test_a_refusal_of_one_message_sets_nothing_aside(owing: World) -> None:
    owing.mail.troubles = [Permanent("552 5.3.4 message too big")]
    owing.deliver()
    owe(owing, "LP2")
    owing.deliver()
    assert states(owing, "mail") == ["failed", "sent"]
    assert owing.store.all_aside() == ()


def test_an_address_taken_back_and_a_changed_one_are_written_to(owing: World) -> None:
    owing.mail.troubles = [DEAD]
    owing.deliver()
    assert owing.store.take_back("mail", "ana")
    assert not owing.store.take_back("mail", "ana")
    owe(owing, "LP2")
    owing.deliver()
    assert len(owing.mail.sent) == 1
    owing.mail.troubles = [DEAD]
    owe(owing, "LP3")
    owing.deliver()
    owing.recipients["ana"] = replace(owing.recipients["ana"], email="ana@new.example.org")
    owe(owing, "LP4")
    owing.deliver()
    assert [envelope.to for envelope, _ in owing.mail.sent] == ["ana@example.org", "ana@new.example.org"]


def test_the_store_holds_a_mark_and_not_the_address(owing: World) -> None:
    owing.mail.troubles = [DEAD]
    owing.deliver()
    kept = owing.store.scripts.client.hgetall("{cw}:aside")
    assert list(kept) == [b"mail/ana"]
    assert b"ana@example.org" not in kept[b"mail/ana"]


def test_the_same_address_is_set_aside_once(owing: World) -> None:
    assert owing.store.set_aside("mail", "ana", "m1", error="550")
    first = owing.store.aside("mail", "ana")
    assert not owing.store.set_aside("mail", "ana", "m1", error="551")
    assert owing.store.aside("mail", "ana") == first
    assert owing.store.set_aside("mail", "ana", "m2", error="551\n5.1.1")
    second = owing.store.aside("mail", "ana")
    assert second is not None
    assert second.error == "551 5.1.1"
    assert first is not None
    assert second.since - first.since < timedelta(minutes=1)
