"""A notice goes out over SMTP, its reader replies, the reply is read over IMAP: what counts, and every way in which none does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.pipeline.conftest import World
from tests.pipeline.test_dead_addresses import held
from tests.pipeline.test_habits import later
from tests.servers.dovecot import Dovecot
from tests.servers.replying import ANA, PROVIDER, bounce, reply
from tests.servers.smtp import SmtpServer
from workers.addresses import Addresses
from workers.answers import Answers
from workers.channels.email import Settings
from workers.channels.email import open as open_channel
from workers.core.model import ParcelRef
from workers.core.word import Word
from workers.errors import StoreTrouble
from workers.replies import Replies, Standing, standing_of
from workers.settings import Recipient

PARCEL = "LP1/LP1"
EVE = "eve@evil.example"


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def mails() -> Iterator[Dovecot]:
    with Dovecot() as running:
        yield running


class Post:
    """A world whose mails are real, and what reads the answers to them."""

    def __init__(self, world: World, mails: Dovecot, smtp: SmtpServer, **options: Any) -> None:
        self.world, self.mails, self.smtp = world, mails, smtp
        given = {
            "host": "127.0.0.1", "port": smtp.port, "security": "none", "from": "Parcels <parcels@example.net>", "timeout": 10,
            "replies": {**mails.settings, "authserv_id": PROVIDER, "timeout": 10}, **options,
        }  # fmt: skip
        world.mail = open_channel(Settings.model_validate(given), name="mail", clock=now)  # type: ignore[assignment]  # the real one
        world.recipients["ana"] = Recipient(name="ana", email=ANA, channels=("mail",), language="de")
        world.recipients["ben"] = Recipient(
            name="ben", email="ben@example.org", phone="+34600000002", channels=("mail", "text")
        )
        world.owner = ("ben",)
        self.answers = Answers(store=world.store, clock=now, hear=world.pipeline.hear)
        self.skip = timedelta(0)
        self.replies = self.reader()
        mails.empty("Sent")

    def reader(self, answers: Any = None) -> Replies:
        """Return what another process would read with."""
        return Replies(
            house=self.world.house, store=self.world.store, answers=answers or self.answers, clock=lambda: now() + self.skip,
            addresses=Addresses(store=self.world.store, owner=self.world.pipeline.owner),
        )  # fmt: skip

    def tell(self, *numbers: str) -> list[str]:
        """Have notices go out; return the ids of their mails."""
        for number in numbers:
            self.world.watch(number)
            self.world.source.parcels[number] = (held(number),)
        self.world.look()
        before = len(self.smtp.journal)
        self.world.pipeline.notify("mail")
        return [str(mail.message["Message-ID"])[1:33] for mail in self.smtp.journal[before:]]

    def read(self, *raws: bytes) -> Standing:
        """Have mails arrive, and look; return how the mailbox fares."""
        for raw in raws:
            self.mails.deliver(raw)
        return self.replies.read(self.world.house(), "mail")

    def word(self, parcel: str = PARCEL) -> Word:
        return self.answers.word(parcel)

    def stage(self) -> str:
        return self.world.stage("LP1")


@pytest.fixture
def post(world: World, mails: Dovecot) -> Iterator[Post]:
    with SmtpServer() as smtp:
        made = Post(world, mails, smtp)
        yield made
        world.mail.close()


def test_paid_is_what_the_command_would_have_said(post: Post) -> None:
    [notice] = post.tell("LP1")
    assert post.read(reply(notice, "Bezahlt, danke!")).counted == 1
    assert post.stage() == "payment_received"
    assert post.word().seen is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Gesehen", (True, False, False)), ("seen", (True, False, False)), ("leise", (True, True, False)),
        ("Stopp", (True, False, True)), ("stop", (True, False, True)),
    ],
)  # fmt: skip
def test_each_answer_counts_in_the_readers_language_and_in_english(
    post: Post, text: str, expected: tuple[bool, bool, bool]
) -> None:
    [notice] = post.tell("LP1")
    assert post.read(reply(notice, text)).counted == 1
    word = post.word()
    assert (word.seen is not None, word.muted, word.stopped) == expected


def test_a_reply_counts_once_however_often_it_comes_and_whoever_reads_it(post: Post) -> None:
    [notice] = post.tell("LP1")
    raw = reply(notice, "stop", at=now())
    assert post.read(raw).counted == 1
    post.answers.unmute(PARCEL)
    assert post.read(raw, raw.replace(b"Message-ID: <CA", b"Message-ID: <XX")).counted == 1
    other = post.reader()
    post.world.store.remember("replies:mail", b"{}")  # the mailbox is read from the beginning
    other.look()
    assert standing_of(post.world.store, "mail").counted == 0
    assert not post.word().stopped
    assert post.read(reply(notice, "stop", at=now() + timedelta(seconds=1))).counted == 1  # said anew


def refused(post: Post, notice: str) -> dict[str, tuple[bytes, str]]:
    """Return replies that do nothing, each with what is said of it."""
    return {
        "another sender, vouched for": (
            reply(notice, sender="ben@example.org"), "another address than the notice went to"),
        "not vouched for": (reply(notice, results=None), "wrote no Authentication-Results"),
        "vouched for by somebody else": (
            reply(notice, results="mx.evil.example; dmarc=pass header.from=example.org"), "not its provider's own"),
        "failed": (reply(notice, results=f"{PROVIDER}; dmarc=fail header.from=example.org"), "DMARC fails"),
        "a signature of somebody else": (
            reply(notice, results=f"{PROVIDER}; dkim=pass header.d=evil.example"), "vouches for no signature"),
        "a notice that never was": (reply("f" * 32), "answers no notice of ours"),
        "written long before the notice": (reply(notice, at=now() - timedelta(days=3)), "its date does not fit"),
        "written in a time to come": (reply(notice, at=now() + timedelta(days=3)), "its date does not fit"),
        "without a date": (reply(notice).replace(b"\nDate: ", b"\nX-Date: "), "its date does not fit"),
    }  # fmt: skip


@pytest.mark.parametrize("which", list(refused(None, "0" * 32)))  # type: ignore[arg-type]  # for the names alone
def test_a_reply_that_is_not_proved_does_nothing_and_is_counted(post: Post, which: str) -> None:
    [notice] = post.tell("LP1")
    raw, why = refused(post, notice)[which]
    standing = post.read(raw)
    assert (standing.counted, standing.refused) == (0, 1)
    assert why in standing.why
    assert post.word() == Word()
    assert post.stage() == "documents_required"
    assert post.read(reply(notice, at=now() + timedelta(seconds=2))).counted == 1  # the same words, proved


@pytest.mark.parametrize(
    "raw",
    [
        lambda notice: reply(notice, sender=EVE, results=f"{PROVIDER}; dmarc=pass header.from=evil.example"),
        lambda notice: reply(notice, domain="evil.example"),
        lambda notice: reply(notice, extra=(("Auto-Submitted", "auto-replied (vacation)"),)),
        lambda notice: reply(notice, extra=(("Precedence", "auto_reply"),)),
    ],
    ids=["a stranger", "to somebody else's mail", "a vacation", "an autoreply"],
)
def test_what_is_no_reply_of_a_reader_is_not_even_counted(post: Post, raw: Any) -> None:
    [notice] = post.tell("LP1")
    standing = post.read(raw(notice))
    assert (standing.counted, standing.refused, standing.unclear) == (0, 0, 0)
    assert post.word() == Word()


def test_words_that_are_none_of_the_answers_do_nothing_and_are_counted_as_such(post: Post) -> None:
    [notice] = post.tell("LP1")
    standing = post.read(
        reply(notice, "Paid? I never ordered this"),
        reply(notice, "Ruft mich bitte an", at=now() - timedelta(hours=1)),
    )
    assert (standing.counted, standing.refused, standing.unclear) == (0, 0, 2)
    assert post.word() == Word()


def test_an_answer_to_an_old_notice_is_worth_nothing(post: Post) -> None:
    [notice] = post.tell("LP1")
    post.skip = timedelta(days=14, hours=1)
    standing = post.read(reply(notice))
    assert (standing.counted, standing.refused) == (0, 1)
    assert "too old" in standing.why


def test_an_answer_about_what_is_no_longer_watched_is_worth_nothing(post: Post) -> None:
    [notice] = post.tell("LP1")
    del post.world.orders["LP1"]
    assert "not watched" in post.read(reply(notice)).why
    assert post.word() == Word()


def test_a_reader_who_has_moved_answers_from_the_new_address_alone(post: Post) -> None:
    [notice] = post.tell("LP1")
    post.world.recipients["ana"] = replace(post.world.recipients["ana"], email="ana.new@example.org")
    assert "no notice" not in post.read(reply(notice)).why
    assert post.word() == Word()
    assert post.read(reply(notice, sender="ana.new@example.org")).counted == 1


def test_one_store_that_is_away_loses_no_answer(post: Post) -> None:
    [notice] = post.tell("LP1")
    post.mails.deliver(reply(notice, "stop"))
    with pytest.raises(StoreTrouble):
        post.reader(Away()).read(post.world.house(), "mail")
    assert post.read().counted == 1
    assert post.word().stopped


class Away:
    """Answers whose store is away."""

    def stop(self, _parcel: str) -> None:
        raise StoreTrouble("away")


def test_a_mailbox_that_cannot_be_read_is_noted_until_it_can(post: Post) -> None:
    good = post.world.mail
    settings = {**post.mails.settings, "password": "wrong", "authserv_id": PROVIDER}
    bad = {"host": "h.example", "from": "parcels@example.net", "replies": settings}
    post.world.mail = open_channel(Settings.model_validate(bad), name="mail", clock=now)  # type: ignore[assignment]
    standing = post.read()
    assert "does not accept the user and the password" in standing.error
    assert standing.since is not None
    again = post.read()
    assert again.since == standing.since
    post.world.mail = good
    assert (post.read().error, post.read().since) == ("", None)


def test_a_returned_mail_sets_the_address_aside_and_the_owner_is_told(post: Post) -> None:
    [notice] = post.tell("LP1")
    standing = post.read(
        bounce("f" * 32), bounce(notice, to="ben@example.org"), bounce(notice, status="5.2.2")
    )
    assert post.world.store.all_aside() == ()
    assert standing.refused == 2
    post.read(bounce(notice))
    [aside] = post.world.store.all_aside()
    assert (aside.channel, aside.recipient) == ("mail", "ana")
    assert "5.1.1" in aside.error
    post.world.deliver()
    told = [message.subject for envelope, message in post.world.text.sent if envelope.to == "+34600000002"]
    assert told == ["ana can no longer be reached by mail"]


def test_the_mail_says_how_to_answer_only_where_answers_are_read(post: Post) -> None:
    post.tell("LP1")
    [mail] = post.smtp.journal
    body = mail.message.get_body(("plain",))
    assert body is not None
    assert "„bezahlt“" in " ".join(body.get_content().split())
    post.world.mail.close()
    silent = {"host": "127.0.0.1", "port": post.smtp.port, "security": "none", "from": "parcels@example.net"}
    post.world.mail = open_channel(Settings.model_validate(silent), name="mail", clock=now)  # type: ignore[assignment]
    post.tell("LP2")
    body = post.smtp.journal[-1].message.get_body(("plain",))
    assert body is not None
    assert "bezahlt“" not in body.get_content()
    post.world.mail.close()


def test_a_message_about_several_parcels_can_be_seen_but_not_paid(post: Post) -> None:
    world, parcels = post.world, ("LP1/LP1", "LP1/LP2")  # of one order: what moves together is one mail
    world.watch("LP1")
    refs = tuple(ParcelRef(parcel, parcel.partition("/")[2]) for parcel in parcels)
    world.orders["LP1"] = replace(world.orders["LP1"], parcels=refs)
    world.store.enrol("a", parcels, spread=timedelta(0))
    for ref in refs:
        world.source.parcels[ref.number] = (held(ref.number),)
    world.look()
    world.pipeline.notify("mail")
    later(world, timedelta(minutes=1))
    world.pipeline.notify("mail")
    [mail] = post.smtp.journal
    assert {row.parcel for row in world.store.notices() if row.state == "sent"} == {*parcels}
    one = str(mail.message["Message-ID"])[1:33]
    standing = post.read(reply(one, "paid"))
    assert "several parcels" in standing.why
    assert all(post.word(parcel).seen is None for parcel in parcels)
    assert post.read(reply(one, "seen", at=now() + timedelta(seconds=2))).counted == 1
    assert all(post.word(parcel).seen is not None for parcel in parcels)


# -- a worker died while sending ------------------------------------------------------------------------------


@pytest.mark.parametrize("arrived", [True, False])
def test_a_death_in_the_middle_of_a_send_is_looked_up_before_it_is_held(
    world: World, mails: Dovecot, arrived: bool
) -> None:
    with SmtpServer() as smtp:
        post = Post(
            world, mails, smtp, on_uncertain="hold", sent={**mails.settings, "folder": "Sent", "timeout": 10}
        )
        post.world.watch("LP1")
        post.world.source.parcels["LP1"] = (held("LP1"),)
        post.world.look()
        dying = post.world.store.claim_notice("mail", lease=timedelta(seconds=40), worker="dying")
        assert dying is not None
        if arrived:  # it had been accepted, and nobody had written that down
            mails.deliver(f"Message-ID: <{dying.id}@example.net>\n\nx\n".encode(), folder="Sent")
        post.world.store.scripts.client.zadd("{cw}:ob:mail", {dying.id: 1})  # its lease ran out
        post.world.pipeline.notify("mail")
        [row] = post.world.store.notices()
        assert (row.state, smtp.journal) == (("sent" if arrived else "held"), [])
        assert (row.reference == "found in Sent") is arrived
        world.mail.close()
