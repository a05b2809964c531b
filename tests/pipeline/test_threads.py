"""Which mails of a parcel belong together, what goes with them, and how a reader leaves."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.pipeline.conftest import Kept, World
from workers.core.model import Sighting
from workers.core.seal import LEAVE, unseal
from workers.settings import Recipient, WebSettings

N = "LP00123456789012"


def shown(text: str, day: int, country: str = "DE") -> Sighting:
    return Sighting(
        at=datetime(2026, 11, day, 8, 0, tzinfo=UTC), text=text, source="a", lang="en", country=country
    )


CUSTOMS = shown("Import customs clearance started", 22)
ASKED = shown("Import charges due, payment required", 23)
PAID = shown("Import charges paid", 25)
RELEASED = shown("Released by customs", 26)


class Takes(Kept):
    """A channel of mails that takes all there is."""

    encloses = frozenset({"dates", "evidence", "schema"})
    writer = "cw@example.org"


def live(world: World, *events: Sighting, number: str = N) -> None:
    """Let one event after the other be seen, and everything owed be sent."""
    for nth, _ in enumerate(events):
        world.source.parcels[number] = events[: nth + 1]
        world.now = max(world.now, events[nth].at or world.now) + timedelta(minutes=5)  # type: ignore[type-var]  # both are aware
        world.look()
        world.deliver()


def test_what_asks_something_of_the_reader_begins_a_thread_of_its_own(world: World) -> None:
    world.watch(N, protected_until=date(2027, 1, 20))
    live(world, CUSTOMS, ASKED, PAID, RELEASED)
    threads: dict[str, list[str]] = {}
    for envelope, message in world.mail.sent:
        threads.setdefault(envelope.thread, []).append(message.subject)
    said = list(threads.values())
    assert len(said) == 2, said
    calm, alarm = sorted(said, key=len, reverse=True)
    assert [subject.startswith("Import charges") for subject in alarm] == [True] * len(alarm)
    assert len(calm) >= 2
    assert not any(subject.startswith("Import charges") for subject in calm)


def test_two_parcels_share_no_thread(world: World) -> None:
    world.watch(N)
    world.watch("LP00123456789013")
    live(world, CUSTOMS)
    live(world, CUSTOMS, number="LP00123456789013")
    assert len({envelope.thread for envelope, _ in world.mail.sent}) == len(world.mail.sent) == 2


def test_a_mail_can_be_left_by_a_link_only_where_we_can_be_reached(world: World) -> None:
    world.watch(N)
    live(world, CUSTOMS)
    assert world.mail.sent[-1][0].leave == ""
    world.web = WebSettings(public_url="https://parcels.example.org")
    world.watch("LP00123456789013")
    live(world, CUSTOMS, number="LP00123456789013")
    envelope, message = world.mail.sent[-1]
    base, _, word = envelope.leave.rpartition("/")
    assert base == "https://parcels.example.org/leave"
    sealed = unseal(world.store.secret(), LEAVE, word)
    assert sealed is not None
    assert sealed.notice == envelope.notice
    assert word not in message.text + message.html, "it stands in a header, and nowhere to be clicked"
    assert all(one.leave == "" for one, _ in world.text.sent)


def test_whoever_left_gets_nothing_more_and_the_owner_is_told_once_another_way(world: World) -> None:
    world.owner = ("ben",)
    world.recipients["ben"] = Recipient(name="ben", phone="+34600000002", channels=("text",))
    world.watch(N)
    live(world, CUSTOMS)
    before = len(world.mail.sent)
    for _ in range(2):
        world.pipeline.addresses.left(world.mail, world.recipients["ana"])
    live(world, CUSTOMS, ASKED)
    assert len(world.mail.sent) == before
    told = [message.subject for envelope, message in world.text.sent if envelope.to == "+34600000002"]
    assert told == ["ana wants no more messages by mail"]
    assert world.store.take_back("mail", "ana")
    world.watch("LP00123456789013")
    live(world, CUSTOMS, number="LP00123456789013")
    assert len(world.mail.sent) == before + 1


@pytest.fixture
def taking(world: World) -> World:
    world.mail = Takes("mail", "mail")
    return world


def test_a_mail_that_names_a_date_brings_it_and_one_to_a_dispute_its_evidence(taking: World) -> None:
    taking.watch(N, protected_until=date(2027, 1, 20), shop="AliExpress", postcode="10115")
    live(taking, CUSTOMS, ASKED)
    _, asked = taking.mail.sent[-1]
    assert [one.name for one in asked.enclosed] == ["deadline.ics"]
    assert "METHOD:PUBLISH" in asked.enclosed[0].text
    assert "ORGANIZER:mailto:cw@example.org" in asked.enclosed[0].text
    live(taking, CUSTOMS, ASKED, shown("Parcel returned to sender", 28))
    _, back = taking.mail.sent[-1]
    assert [one.name for one in back.enclosed] == ["deadline.ics", f"evidence-{N}.html"]
    assert "Import charges due" in back.enclosed[1].text
    assert back.html.count('<script type="application/ld+json">') == 1
    assert '"postalCode":"10115"' in back.html


def test_a_channel_that_asks_for_nothing_gets_words_alone(world: World) -> None:
    world.watch(N, protected_until=date(2027, 1, 20))
    live(world, CUSTOMS, ASKED)
    for _, message in world.mail.sent:
        assert message.enclosed == ()
        assert "<script" not in message.html
