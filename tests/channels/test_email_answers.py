"""Answers to our mails, and the folder of sent ones, in a real mailbox: what is handed on, what is left as it was, what goes again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.replying import ANA, PROVIDER, bounce, reply
from tests.servers.smtp import DROP, SmtpServer
from workers.channels import Answer, Answerable, Asked, Dead, Envelope, Place, Receipt
from workers.channels.email import Email, Settings
from workers.channels.email import open as open_channel
from workers.core.model import Message
from workers.errors import Permanent, Temporary, Uncertain

ONE, TWO = "1" * 32, "2" * 32
NOBODY = "eve@evil.example"
WORDS = Message(subject="Held", text="Papers.\n", html="<p>Papers.</p>", short="papers", lang="en")


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def mails() -> Iterator[Dovecot]:
    with Dovecot() as running:
        yield running


@pytest.fixture(autouse=True)
def _empty(mails: Dovecot) -> None:
    mails.empty("Sent", "Read")


@pytest.fixture
def opened() -> Iterator[Callable[..., Email]]:
    with ExitStack() as stack:

        def make(port: int = 9, **options: Any) -> Email:
            given = {
                "host": "127.0.0.1",
                "port": port,
                "security": "none",
                "from": "Parcels <parcels@example.net>",
                "timeout": 10,
            }
            channel = open_channel(Settings.model_validate({**given, **options}), name="mail", clock=now)
            stack.callback(channel.close)
            return channel

        yield make


def inbox(mails: Dovecot, **more: Any) -> dict[str, Any]:
    return {"replies": {**mails.settings, "authserv_id": PROVIDER, "timeout": 10, **more}}


def sent(mails: Dovecot, **more: Any) -> dict[str, Any]:
    return {"sent": {**mails.settings, "timeout": 10, **more}}


def envelope(notice: str = ONE, *, attempt: int = 2, doubt: bool = True) -> Envelope:
    return Envelope(notice=notice, to=ANA, thread="0" * 32, attempt=attempt, doubt=doubt)


def looked(
    channel: Email, *, after: Place | None = None, counts: bool = True
) -> tuple[list[Answer | Dead], Place]:
    found: list[Answer | Dead] = []

    def take(one: Answer | Dead) -> bool:
        found.append(one)
        return counts

    place = channel.answers([ANA, "ben@example.org"], after=after or Place(), take=take)
    return found, place


# -- answers --------------------------------------------------------------------------------------------------


def test_only_replies_of_readers_to_our_mails_are_handed_on_and_nothing_is_changed(
    mails: Dovecot, opened: Callable[..., Email]
) -> None:
    mails.deliver(reply(ONE, "Paid"))
    mails.deliver(reply(ONE, "stop", sender=NOBODY))  # nobody of ours: not even looked at
    mails.deliver(reply(ONE, "seen", extra=(("Auto-Submitted", "auto-replied"),)))
    mails.deliver(b"From: ana@example.org\nSubject: lunch?\n\nPaid\n")
    mails.deliver(
        b"From: mailer-daemon@example.net\nSubject: x\nContent-Type: multipart/report; boundary=x\n\nnonsense"
    )
    before = mails.flags()
    found, _ = looked(opened(**inbox(mails)))
    [answer] = found
    assert isinstance(answer, Answer)
    assert (answer.about[0], answer.sender, answer.why_not, answer.lines[0]) == (ONE, ANA, "", "Paid")
    assert mails.flags() == before == dict.fromkeys(before, ())


@pytest.mark.parametrize(
    "results",
    [
        None,
        "mx.evil.example; dmarc=pass header.from=example.org",
        f"{PROVIDER}; dmarc=fail header.from=example.org",
        f"{PROVIDER}; dkim=pass header.d=evil.example",
        f"{PROVIDER}; dmarc=pass header.from=evil.example",
        f"{PROVIDER}; spf=pass smtp.mailfrom=ana@example.org",
    ],
)
def test_a_reply_that_the_provider_does_not_vouch_for_comes_with_the_reason(
    results: str | None, mails: Dovecot, opened: Callable[..., Email]
) -> None:
    mails.deliver(reply(ONE, results=results))
    [answer], _ = looked(opened(**inbox(mails)))
    assert isinstance(answer, Answer)
    assert answer.why_not


def test_forged_results_below_the_providers_own_vouch_for_nothing(
    mails: Dovecot, opened: Callable[..., Email]
) -> None:
    forged = (("Authentication-Results", f"{PROVIDER}; dmarc=pass header.from=example.org"),)
    mails.deliver(reply(ONE, results=f"{PROVIDER}; dmarc=fail header.from=example.org", extra=forged))
    [answer], _ = looked(opened(**inbox(mails)))
    assert isinstance(answer, Answer)
    assert "DMARC" in answer.why_not


def test_what_was_read_is_not_read_again_but_in_another_mailbox(
    mails: Dovecot, opened: Callable[..., Email]
) -> None:
    mails.deliver(reply(ONE))
    channel = opened(**inbox(mails))
    first, place = looked(channel)
    assert looked(channel, after=place)[0] == []
    mails.deliver(reply(TWO))
    second, later = looked(channel, after=place)
    assert [one.about[0] for one in (*first, *second)] == [ONE, TWO]
    assert later.uid == place.uid + 1
    assert len(looked(channel, after=Place("another", later.validity, later.uid))[0]) == 2
    assert len(looked(channel, after=Place(later.box, later.validity + 1, later.uid))[0]) == 2


def test_a_mail_that_could_not_be_taken_in_is_read_again(
    mails: Dovecot, opened: Callable[..., Email]
) -> None:
    mails.deliver(reply(ONE))
    channel = opened(**inbox(mails))

    def away(_: Answer | Dead) -> bool:
        raise Temporary("the store is away")

    with pytest.raises(Temporary, match="the store is away"):
        channel.answers([ANA], after=Place(), take=away)
    assert len(looked(channel)[0]) == 1


def test_the_same_answer_has_one_key_whatever_else_is_changed_in_it(
    mails: Dovecot, opened: Callable[..., Email]
) -> None:
    raw = reply(ONE, at=now())
    mails.deliver(raw)
    mails.deliver(
        raw.replace(b"Message-ID: <CA", b"Message-ID: <XX").replace(b"Subject: Re", b"Subject: Fwd")
    )
    mails.deliver(reply(ONE, at=now() - timedelta(hours=1)))
    keys = [one.key for one in looked(opened(**inbox(mails)))[0]]
    assert len(keys) == 3
    assert keys[0] == keys[1] != keys[2]


def test_what_counted_is_moved_where_that_is_wished_and_nothing_else(
    mails: Dovecot, opened: Callable[..., Email]
) -> None:
    mails.deliver(reply(ONE))
    mails.deliver(b"From: ana@example.org\nSubject: lunch?\n\nPaid\n")
    channel = opened(**inbox(mails, after_reading="move:Read"))
    looked(channel, counts=False)
    assert (len(mails.flags()), len(mails.flags("Read"))) == (2, 0)
    looked(channel)
    assert (len(mails.flags()), len(mails.flags("Read"))) == (1, 1)


def test_a_bounce_of_ours_is_handed_on_and_says_whether_it_is_for_good(
    mails: Dovecot, opened: Callable[..., Email]
) -> None:
    mails.deliver(bounce(ONE))
    mails.deliver(bounce(TWO, status="5.2.2"))
    mails.deliver(bounce(ONE, domain="evil.example"))
    found, _ = looked(opened(**inbox(mails)))
    assert [(one.about, one.recipient, one.for_good) for one in found if isinstance(one, Dead)] == [
        ((ONE,), ANA, True),
        ((TWO,), ANA, False),
    ]


def test_a_channel_without_a_mailbox_is_not_asked(opened: Callable[..., Email]) -> None:
    channel = opened()
    assert isinstance(channel, Answerable)
    assert isinstance(channel, Asked)
    assert (channel.answers_every, channel.asks, channel.found(envelope())) == (None, False, None)
    assert channel.answers([ANA], after=Place(), take=lambda _: True) == Place()


def test_a_wrong_password_is_no_silence(mails: Dovecot, opened: Callable[..., Email]) -> None:
    with pytest.raises(Permanent, match="does not accept"):
        looked(opened(**inbox(mails, password="wrong")))


def test_a_mailbox_that_vouches_for_nobody_is_refused_in_the_file() -> None:
    given = {
        "host": "h.example",
        "from": "p@example.net",
        "replies": {"host": "imap.example.net", "user": "u", "password": "x"},
    }
    with pytest.raises(ValueError, match="authserv_id is needed"):
        Settings.model_validate(given)
    known = {**given, "replies": {**given["replies"], "host": "imap.gmail.com"}}  # type: ignore[dict-item]
    assert Settings.model_validate(known).replies is not None


# -- the folder of sent mails ---------------------------------------------------------------------------------


def keep(mails: Dovecot, mail: bytes) -> None:
    """Put a mail into Sent, as a provider does with what it sends."""
    mails.deliver(mail, folder="Sent")


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


def test_an_attempt_in_doubt_that_lies_in_sent_is_not_sent_again(
    mails: Dovecot, smtp: SmtpServer, opened: Callable[..., Email]
) -> None:
    smtp.fail("answer", DROP)
    channel = opened(smtp.port, **sent(mails))
    with pytest.raises(Uncertain):
        channel.send(envelope(attempt=1, doubt=False), WORDS)
    [mail] = smtp.journal
    keep(mails, mail.data)
    assert channel.send(envelope(), WORDS) == Receipt("found in Sent")
    assert len(smtp.journal) == 1
    assert list(mails.flags("Sent").values()) == [()]


def test_one_that_does_not_lie_there_goes_again(
    mails: Dovecot, smtp: SmtpServer, opened: Callable[..., Email]
) -> None:
    smtp.fail("dot", DROP)
    channel = opened(smtp.port, **sent(mails))
    with pytest.raises((Uncertain, Temporary)):
        channel.send(envelope(attempt=1, doubt=False), WORDS)
    keep(mails, b"Message-ID: <" + TWO.encode() + b"@example.net>\n\nanother\n")
    keep(mails, b"Message-ID: <x" + ONE.encode() + b"@example.net>\n\na part of it is ours\n")
    assert channel.send(envelope(), WORDS) != Receipt("found in Sent")
    assert len(smtp.journal) == 1


def test_one_whose_acceptance_was_not_heard_is_found_at_once_where_the_provider_is_quick(
    mails: Dovecot, smtp: SmtpServer, opened: Callable[..., Email]
) -> None:
    channel = opened(smtp.port, **sent(mails))
    channel.send(envelope(TWO, attempt=1, doubt=False), WORDS)
    keep(mails, smtp.journal[0].data.replace(TWO.encode(), ONE.encode()))
    smtp.fail("answer", DROP)
    assert channel.send(envelope(attempt=1, doubt=False), WORDS) == Receipt("found in Sent")


def test_without_a_folder_to_ask_it_goes_again_and_so_it_does_without_a_doubt(
    mails: Dovecot, smtp: SmtpServer, opened: Callable[..., Email]
) -> None:
    keep(mails, f"Message-ID: <{ONE}@example.net>\n\nx\n".encode())
    opened(smtp.port).send(envelope(), WORDS)
    opened(smtp.port, **sent(mails)).send(envelope(doubt=False), WORDS)
    assert len(smtp.journal) == 2


@pytest.mark.parametrize(
    ("then", "attempt", "broken", "outcome"),
    [
        ("resend", 2, {"port": 9}, Temporary),  # it is asked again before it may double
        ("resend", 4, {"port": 9}, None),  # … and goes in the end: it must not be lost
        ("resend", 2, {"password": "wrong"}, None),
        ("hold", 9, {"port": 9}, Temporary),
        ("hold", 2, {"password": "wrong"}, Uncertain),
        ("hold", 2, {"folder": "Nowhere"}, Uncertain),
    ],
)
def test_a_folder_that_cannot_be_read_delays_or_ends_as_the_policy_says(
    then: str, attempt: int, broken: dict[str, Any], outcome: type[Exception] | None,
    mails: Dovecot, smtp: SmtpServer, opened: Callable[..., Email],
) -> None:  # fmt: skip
    channel = opened(smtp.port, on_uncertain=then, **sent(mails, **broken))
    if outcome is None:
        channel.send(envelope(attempt=attempt), WORDS)
    else:
        with pytest.raises(outcome):
            channel.send(envelope(attempt=attempt), WORDS)
    assert len(smtp.journal) == (1 if outcome is None else 0)


# -- the user's file ------------------------------------------------------------------------------------------


def test_the_mailboxes_of_a_channel_take_secrets_and_paths_like_any_other_option(tmp_path: Path) -> None:
    from workers.app import load
    from workers.errors import Misconfigured

    (tmp_path / "secret").write_text("from-a-file\n")
    (tmp_path / "secret").chmod(0o600)
    text = (
        "recipients:\n  ana: {email: ana@example.org, channels: [mail]}\nsources: {hand: {kind: manual}}\nchannels:\n"
        "  mail:\n    kind: email\n    host: smtp.example.net\n    from: p@example.net\n"
        "    replies: {host: imap.gmail.com, user: p@example.net, password_file: secret}\n"
        "    sent: {host: imap.gmail.com, user: p@example.net, password: $IMAP, folder: Sent Mail, ca_file: ca.pem}\n"
        "orders:\n  - {title: Lamp, tracking: LP00123456789012, to: DE}\n"
    )
    file = tmp_path / "orders.yaml"
    file.write_text(text)
    file.chmod(0o600)
    loaded = load(file, {"IMAP": "from-the-environment"})
    options = loaded.channels["mail"].options
    assert isinstance(options, Settings)
    assert options.replies is not None
    assert options.sent is not None
    assert options.replies.password.get_secret_value() == "from-a-file"
    assert options.sent.password.get_secret_value() == "from-the-environment"
    assert options.sent.ca_file == tmp_path / "ca.pem"
    assert "from-" not in repr(options)
    assert "from-" not in json.dumps(loaded.warnings, default=str)

    file.write_text(text.replace("password_file: secret", "password: open"))
    file.chmod(0o644)
    [warning] = load(file, {"IMAP": "x"}).warnings
    assert "channels.mail.replies.password: everybody on this machine can read this" in warning.message
    file.write_text(text.replace("user: p@example.net, password_file: secret", "password_file: nowhere"))
    with pytest.raises(Misconfigured) as caught:
        load(file, {})
    said = str(caught.value)
    assert "channels.mail.replies.password_file" in said
    assert "channels.mail.sent.password: the environment has no variable 'IMAP'" in said
    assert said.count("orders.yaml:") == 2, said  # no mistake is told twice
