"""A channel that lets nothing out: what is owed waits, one try now and then, the owner told once, and at once when it is mended."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.pipeline.conftest import World
from tests.pipeline.test_aftercare import owned as owned
from tests.pipeline.test_habits import OTHERS, show
from tests.pipeline.test_pipeline import NUMBER
from tests.servers.rows import unbar
from workers import vigil
from workers.bars import mark
from workers.channels.email import Settings as Mail
from workers.errors import Barred, Temporary
from workers.settings import Section

REFUSED = Barred("mail.example.org:587 does not let us sign in: 535 5.7.8 no", hint="check user and password")


def account(password: str) -> Section:
    return Section(
        "email", Mail.model_validate({"host": "mail.example.org", "user": "cw", "password": password, "from": "cw@example.org"})
    )  # fmt: skip


@pytest.fixture
def barred(owned: World) -> World:
    """Three mails are owed, and the mail server refuses our password."""
    owned.ways = {"mail": account("wrong"), "text": account("other")}
    for number in OTHERS[:3]:
        owned.watch(number)
    owned.mail.troubles = [REFUSED] * 9
    show(owned, *OTHERS[:3])
    owned.deliver()
    return owned


def look(world: World) -> None:
    vigil.watch(world.house(), world.store, world.pipeline.owner, now=world.now)


def told(world: World, topic: str = "channel_barred") -> list[tuple[str, str]]:
    return [(row.recipient, row.channel) for row in world.store.notices() if row.topic == topic]


def test_one_is_tried_and_all_wait(barred: World) -> None:
    for _ in range(5):
        barred.deliver()
    assert len(barred.mail.troubles) == 8, "asked once"
    rows = barred.store.notices(states=("pending",))
    assert len(rows) == 3
    assert sorted(row.attempts for row in rows) == [0, 0, 1]
    [bar] = barred.store.bars()
    assert "535" in bar.error


def test_the_owner_is_told_once_by_another_channel(barred: World) -> None:
    for _ in range(3):
        look(barred)
        barred.deliver()
    assert told(barred) == [("olga", "text")]
    [(envelope, message)] = barred.text.sent
    assert envelope.to == "+34600000009"
    assert "Nothing can be sent by mail" in message.short


def test_an_owner_without_another_channel_is_not_written_to_by_the_one_that_fails(barred: World) -> None:
    barred.recipients["olga"] = replace(barred.recipients["olga"], channels=("mail",))
    look(barred)
    assert told(barred) == []


def test_a_channel_that_left_the_file_is_not_told_of(barred: World) -> None:
    del barred.ways["mail"]
    look(barred)
    assert told(barred) == []


def test_what_is_mended_in_the_file_goes_out_at_once(barred: World) -> None:
    barred.mail.troubles = []
    barred.deliver()
    assert barred.mail.sent == [], "the control: nobody knows that it was mended"
    barred.ways["mail"] = account("right")
    barred.deliver()
    assert len(barred.mail.sent) == 3
    assert barred.store.bars() == ()


def test_what_is_mended_elsewhere_goes_out_at_the_next_try(barred: World) -> None:
    barred.mail.troubles = []
    unbar(barred.store)
    barred.deliver()
    assert len(barred.mail.sent) == 3


def test_a_mail_server_that_is_ill_bars_nothing(owned: World) -> None:
    owned.watch(NUMBER)
    owned.mail.troubles = [Temporary("451 later")]
    show(owned, NUMBER)
    owned.deliver()
    assert owned.store.bars() == ()


def test_another_password_is_another_account_and_no_mark_shows_it() -> None:
    one, other = account("wrong"), account("right")
    assert mark(one, b"k") == mark(account("wrong"), b"k")
    assert len({mark(one, b"k"), mark(other, b"k"), mark(one, b"l")}) == 3
