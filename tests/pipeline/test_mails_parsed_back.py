"""A parcel's life over a real SMTP server, its mails read back by another parser and grouped as mail programs do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.messages_read import Read, conversations, read
from tests.pipeline.conftest import World
from tests.servers.smtp import SmtpServer
from workers.channels.email import Email, Settings
from workers.core.model import Message, Sighting
from workers.settings import WebSettings

N = "LP00123456789012"
P = f"{N}/{N}"


def shown(text: str, day: int, country: str = "DE", month: int = 11) -> Sighting:
    at = datetime(2026, month, day, 8, 0, tzinfo=UTC)
    return Sighting(at=at, text=text, source="a", lang="en", country=country)


LIFE = (
    shown("Departed from airport of origin", 20, "CN"),
    shown("Import customs clearance started", 25),
    shown("Import charges due, payment required", 26),
    None,  # nothing moves, the date comes near
    shown("Import charges paid", 9, month=12),
    shown("Released by customs", 10, month=12),
    shown("Delivery attempt failed, nobody home", 11, month=12),
    shown("Delivered", 12, month=12),
)


class Journal(Email):
    """The real channel; what it was given is kept beside, to be held against what arrived."""

    def __init__(self, settings: Settings, world: World) -> None:
        super().__init__(settings, name="mail", clock=lambda: world.now)
        self.given: list[Message] = []

    def send(self, envelope: Any, message: Message) -> Any:
        self.given.append(message)
        return super().send(envelope, message)


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


def live(world: World, server: SmtpServer, **options: Any) -> tuple[list[Read], Journal]:
    """Let the whole life pass; return the mails that arrived, in order."""
    given = {"host": "127.0.0.1", "port": str(server.port), "security": "none", "from": "Cw <cw@example.org>"}
    channel = Journal(Settings.model_validate({**given, "timeout": "10", **options}), world)
    world.mail = channel  # type: ignore[assignment]  # the real one instead of the double
    world.web = WebSettings(public_url="https://parcels.example.org")
    world.watch(N, protected_until=date(2027, 1, 20), shop="AliExpress")
    world.orders[N] = replace(world.orders[N], title="Żółta lampka 灯")
    with closing(channel):
        _pass(world)
    return [read(mail.data) for mail in server.journal], channel


def _pass(world: World) -> None:
    events: list[Sighting] = []
    for event in LIFE:
        if event is None:
            for _ in range(16):
                world.now += timedelta(days=1)
                world.store.review_soon([P])
                world.pipeline.announce()
                world.deliver()
        else:
            events.append(event)
            world.now = max(world.now, event.at or world.now) + timedelta(minutes=5)
            world.source.parcels[N] = tuple(events)
            world.look()
            world.deliver()


def test_a_whole_life_reads_as_its_conversations_with_all_that_was_meant(
    world: World, server: SmtpServer
) -> None:
    mails, channel = live(world, server)
    assert len(mails) == len(channel.given)
    for mail, given in zip(mails, channel.given, strict=True):
        assert mail.subject == given.subject
        assert mail.text == given.text
        assert mail.html == given.html.removesuffix("\n") + "\n"
        assert {name: kind for name, (kind, _) in mail.files.items()} == {
            one.name: one.kind.partition(";")[0] for one in given.enclosed
        }
        for one in given.enclosed:
            assert mail.files[one.name][1] == one.text.replace("\r\n", "\n")
        headers = mail.headers
        assert headers["Auto-Submitted"] == "auto-generated"
        assert headers["Content-Language"] == "en"
        assert headers["List-Id"] == "customs-watch <customs-watch.example.org>"
        assert headers["List-Unsubscribe"].startswith("<https://parcels.example.org/leave/")
        assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert headers["In-Reply-To"] == headers["References"]
        assert datetime.strptime(headers["Date"], "%a, %d %b %Y %H:%M:%S %z").tzinfo is not None
    assert len({mail.headers["Message-ID"] for mail in mails}) == len(mails)
    found: dict[str, list[list[Read]]] = {kind: [] for kind in ("charges", "Delivery did not work", "")}
    for conversation in conversations(mails):
        found[next(kind for kind in found if kind in conversation[0].subject)].append(conversation)
    [charges], [door], [calm] = found.values()
    assert any(mail.subject.startswith("Reminder: ") for mail in charges), "the request and its reminder"
    assert all("charges" in mail.subject and "deadline.ics" in mail.files for mail in charges)
    assert all("Delivery did not work" in mail.subject for mail in door)
    said = [mail.subject.partition(":")[0] for mail in calm]
    assert said == ["In customs", "Payment arrived", "Released by customs", "Delivered"]
    assert "What we asked of you before is no longer needed." in calm[-1].text
    assert "灯" in calm[0].subject


@pytest.mark.slow
def test_with_one_subject_gmail_sees_the_same_conversations_and_without_it_more(
    world: World, server: SmtpServer
) -> None:
    mails, _ = live(world, server, stable_subject="yes")
    assert len(conversations(mails)) == len(conversations(mails, by_subject=True)) == 3


def test_the_grouping_can_tell_apart_and_the_parser_can_refuse() -> None:
    def one(name: str, references: str, subject: str = "s") -> Read:
        return Read({"Message-ID": name, "References": references, "Subject": subject}, "", "", {})

    first, second, third = one("<1@x>", "<a@x>"), one("<2@x>", "<a@x>", "t"), one("<3@x>", "<b@x>")
    assert conversations([first, second, third]) == [[first, second], [third]]
    assert len(conversations([first, second, third], by_subject=True)) == 3
    assert conversations([first, one("<3@x>", "<a@x> <b@x>"), third])[0] != [first], "a chain joins"
    with pytest.raises(AssertionError, match="stands 2 times"):
        read(b"To: a@b.c\r\nTo: d@e.f\r\nContent-Type: text/plain\r\n\r\nx\r\n")
