"""The owner is told of trouble once, by another way than the one that fails, through the same delivery as everyone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pipeline.conftest import START, World
from workers.errors import Permanent
from workers.settings import Recipient

HEALED: dict[str, Any] = {"source": "a", "since": START, "parcels": 3}
DEAD: dict[str, Any] = {
    "recipient": "ana", "channel": "mail", "about": "Lamp", "number": "LP1", "state": "failed", "error": "550",
}  # fmt: skip


@pytest.fixture
def owned(world: World) -> World:
    world.owner = ("ana",)
    world.recipients["ben"] = Recipient(name="ben", email="ben@example.org", channels=("mail",))
    return world


def told(world: World) -> list[tuple[str, str]]:
    return [
        (envelope.to, message.subject) for kept in (world.mail, world.text) for envelope, message in kept.sent
    ]


def test_the_owner_is_told_once_by_each_of_their_channels(owned: World) -> None:
    assert owned.pipeline.owner.tell("source_healed", "a", "2026-11-24", HEALED) == 2
    assert owned.pipeline.owner.tell("source_healed", "a", "2026-11-24", HEALED) == 0
    assert sorted(owned.bells) == [("notify", "mail"), ("notify", "text")]
    owned.deliver()
    subject = "The tracking source a answers again"
    assert told(owned) == [("ana@example.org", subject), ("+34600000001", subject)]
    assert owned.pipeline.owner.tell("source_healed", "a", "2026-11-25", HEALED) == 2, (
        "another time is another notice"
    )
    assert owned.pipeline.owner.tell("source_healed", "b", "2026-11-24", HEALED) == 2, "another source too"


def test_no_parcel_is_needed_and_no_muted_order_keeps_it_back(owned: World) -> None:
    owned.watch("LP1", muted=True)
    owned.pipeline.owner.tell("source_healed", "a", 1, HEALED)
    assert owned.deliver() == 2
    assert {row.state for row in owned.store.notices()} == {"sent"}


@pytest.mark.parametrize(
    ("owners", "avoid", "ways"),
    [
        (("ana",), ("ana", "mail"), {("ana", "text")}),
        (("ana", "ben"), ("ana", "mail"), {("ana", "text")}),
        (("ana", "ben"), ("ana", "text"), {("ana", "mail"), ("ben", "mail")}),
        (("ben",), ("ana", "mail"), {("ben", "mail")}),  # the same channel, yet another person
        (("ben",), ("ben", "mail"), {("ana", "text")}),  # nobody but a stand-in
        (("ben",), ("ben", "text"), {("ben", "mail")}),
    ],
)
def test_a_dead_notice_is_told_another_way(
    owned: World, owners: tuple[str, ...], avoid: tuple[str, str], ways: set[Any]
) -> None:
    owned.owner = owners
    owned.pipeline.owner.tell("notice_failed", "n1", 1, DEAD, avoid=avoid, stand_ins=["ana", "nobody"])
    assert {(row.recipient, row.channel) for row in owned.store.notices()} == ways


def test_where_there_is_no_other_way_nothing_is_owed(owned: World) -> None:
    owned.owner = ("ben",)
    assert owned.pipeline.owner.tell("notice_failed", "n1", 1, DEAD, avoid=("ben", "mail")) == 0
    assert owned.store.notices() == []


def test_a_recipient_or_channel_that_left_the_file_is_skipped(owned: World) -> None:
    owned.owner = ("ana", "ben")
    owned.pipeline.owner.tell("source_healed", "a", 1, HEALED)
    del owned.recipients["ben"]
    owned.recipients["ana"] = Recipient(name="ana", email="ana@example.org", channels=("mail",))
    owned.deliver()
    assert {(row.recipient, row.channel, row.state) for row in owned.store.notices()} == {
        ("ana", "mail", "sent"), ("ana", "text", "skipped"), ("ben", "mail", "skipped"),
    }  # fmt: skip


def test_a_message_about_trouble_that_cannot_be_sent_fails_like_any_other(owned: World) -> None:
    owned.mail.troubles = [Permanent("550 no such user")]
    owned.pipeline.owner.tell("source_healed", "a", 1, HEALED)
    owned.deliver()
    assert {row.channel: row.state for row in owned.store.notices()} == {"mail": "failed", "text": "sent"}


def test_everything_about_one_source_is_one_thread(owned: World) -> None:
    owned.pipeline.owner.tell("source_healed", "a", 1, HEALED)
    owned.deliver()
    owned.pipeline.owner.tell("source_healed", "a", 2, HEALED)
    owned.pipeline.owner.tell("source_healed", "b", 1, HEALED)
    owned.deliver()
    threads = [envelope.thread for envelope, _ in owned.mail.sent]
    assert len(set(threads)) == 2
    assert threads[0] in threads[1:]
