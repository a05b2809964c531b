"""E-mail against a real SMTP server on loopback that keeps its own journal and fails on request."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.servers.smtp import DROP, SILENCE, SmtpServer
from workers.channels import Envelope, load
from workers.channels.email import Email, Settings
from workers.core.model import Message
from workers.errors import Barred, DeadAddress, Permanent, Temporary, Uncertain

MESSAGE = Message(
    subject="Held: headphones",
    text="Customs asks for papers.\n.\n..two\n",
    html="<p>Customs asks for papers.</p>",
    short="papers",
    lang="en",
)
USERS = {"anna": "pässwörd"}


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def opened() -> Iterator[Callable[..., Email]]:
    """Open channels that are closed at the end of the test."""
    with ExitStack() as stack:

        def make(server: SmtpServer, clock: Callable[[], datetime] | None = None, **options: Any) -> Email:
            given = {
                "host": "127.0.0.1",
                "port": str(server.port),
                "security": "none",
                "from": "cw@example.org",
            }
            settings = Settings.model_validate({**given, "timeout": "10", **options})
            channel: Email = load("email").open(settings, name="mail", clock=clock or Clock())
            stack.callback(channel.close)
            return channel

        yield make


def envelope(number: int = 1, to: str = "bob@example.net") -> Envelope:
    return Envelope(notice=f"{number:032x}", to=to, thread="o1/LP001")


@contextmanager
def secured(
    authority: trustme.CA, tmp_path: Path, name: str = "localhost", **options: Any
) -> Iterator[tuple[SmtpServer, str]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    with SmtpServer(tls=context, **options) as server:
        yield server, str(file)


def test_a_mail_arrives_whole_for_one_recipient_with_its_stable_id(opened: Callable[..., Email]) -> None:
    with SmtpServer() as server:
        receipt = opened(server, reply_to="me@example.org").send(envelope(), MESSAGE)
        (mail,) = server.journal
    assert receipt.reference == "2.0.0 Ok: queued as 000001"
    assert (mail.sender, mail.to) == ("cw@example.org", ("bob@example.net",))
    assert mail.notice == f"{1:032x}"
    assert mail.message["Message-ID"] == f"<{1:032x}@example.org>"
    assert mail.message["Reply-To"] == "me@example.org"
    text, html = mail.message.iter_parts()
    assert text.get_content().splitlines() == MESSAGE.text.splitlines()  # dots are stuffed and unstuffed
    assert html.get_content().rstrip() == MESSAGE.html


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "tls"])
@pytest.mark.parametrize("auth", ["PLAIN LOGIN", "LOGIN", "CRAM-MD5 PLAIN"])
def test_it_signs_in_under_tls(
    opened: Callable[..., Email], authority: trustme.CA, tmp_path: Path, implicit: bool, auth: str
) -> None:
    with secured(authority, tmp_path, implicit=implicit, users=USERS, auth=auth) as (server, ca_file):
        channel = opened(
            server,
            host="localhost",
            security="tls" if implicit else "starttls",
            user="anna",
            password=USERS["anna"],
            ca_file=ca_file,
        )
        channel.send(envelope(), MESSAGE)
        assert [(m.user, m.tls) for m in server.journal] == [("anna", True)]


def test_starttls_that_was_stripped_is_refused_and_neither_mail_nor_password_is_sent(
    opened: Callable[..., Email], authority: trustme.CA, tmp_path: Path
) -> None:
    with secured(authority, tmp_path, users=USERS) as (server, ca_file):
        options = {
            "host": "localhost",
            "security": "starttls",
            "user": "anna",
            "password": USERS["anna"],
            "ca_file": ca_file,
        }
        server.strip_starttls = True
        with pytest.raises(Barred, match="offers no STARTTLS"):
            opened(server, **options).send(envelope(), MESSAGE)
        assert not {c.split()[0] for c in server.commands} - {"EHLO", "QUIT"}
        server.strip_starttls = False  # the control: the same channel works where it is offered
        opened(server, **options).send(envelope(), MESSAGE)
        assert len(server.journal) == 1


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "tls"])
@pytest.mark.parametrize("fault", ["unknown authority", "wrong name"])
def test_a_certificate_that_does_not_verify_is_refused(
    opened: Callable[..., Email], authority: trustme.CA, tmp_path: Path, implicit: bool, fault: str
) -> None:
    name = "elsewhere.example" if fault == "wrong name" else "localhost"
    with secured(authority, tmp_path, name, implicit=implicit) as (server, ca_file):
        trusted = {"ca_file": ca_file} if fault == "wrong name" else {}
        channel = opened(server, host="localhost", security="tls" if implicit else "starttls", **trusted)
        with pytest.raises(Barred, match="no valid certificate"):
            channel.send(envelope(), MESSAGE)
        assert server.journal == []
        assert "MAIL" not in " ".join(server.commands)


def test_wrong_credentials_are_permanent_with_a_hint_and_never_repeated(opened: Callable[..., Email]) -> None:
    with SmtpServer(users=USERS) as server:
        with pytest.raises(Barred, match=r"535 .*app") as told:
            opened(server, user="anna", password="s3cret-canary").send(envelope(), MESSAGE)
        assert "canary" not in str(told.value) + repr(told.value)
        server.fail("auth", "454 4.7.0 try later")
        with pytest.raises(Temporary, match="454"):
            opened(server, user="anna", password=USERS["anna"]).send(envelope(), MESSAGE)
        with pytest.raises(Barred, match="530"):
            opened(server).send(envelope(), MESSAGE)
    with SmtpServer() as server, pytest.raises(Barred, match="no way to sign in"):
        opened(server, user="anna", password="x").send(envelope(), MESSAGE)


@pytest.mark.parametrize(
    ("step", "action", "kind"),
    [
        ("connect", "421 4.3.2 closing", Temporary),
        ("connect", "554 5.7.1 not you", Barred),
        ("connect", DROP, Temporary),
        ("ehlo", "451 4.3.0 later", Temporary),
        ("ehlo", DROP, Temporary),
        ("mail", "452 4.3.1 full", Temporary),
        ("mail", "552 5.3.4 too big", Permanent),
        ("mail", "xyz", Temporary),
        ("rcpt", "451 4.7.1 greylisted", Temporary),
        ("rcpt", "550 5.1.1 no such mailbox", Permanent),
        ("rcpt", DROP, Temporary),
        ("data", "451 4.3.0 later", Temporary),
        ("data", "554 5.5.1 no", Permanent),
        ("data", DROP, Temporary),
        ("dot", "451 4.3.0 later", Temporary),
        ("dot", "552 5.3.4 too big", Permanent),
        ("dot", "554 5.7.1 spam", Permanent),
        ("dot", "421 4.3.2 closing", Temporary),
        ("dot", "what?", Uncertain),
        ("dot", DROP, Uncertain),
    ],
)
def test_a_fault_means_what_its_moment_says_and_the_next_mail_goes_through(
    opened: Callable[..., Email], step: Any, action: str, kind: type[Exception]
) -> None:
    with SmtpServer() as server:
        channel = opened(server)
        server.fail(step, action)
        with pytest.raises(kind) as told:
            channel.send(envelope(), MESSAGE)
        assert (type(told.value) is Barred) == (kind is Barred), "one mail's trouble bars no other"
        assert server.journal == []
        channel.send(envelope(), MESSAGE)  # the control, and no broken connection is kept
        assert len(server.journal) == 1


def test_a_connection_cut_in_the_middle_of_a_large_mail_is_temporary(opened: Callable[..., Email]) -> None:
    large = Message(
        "s", "x" * 80 + "\n", "<p>" + "y " * 4_000_000 + "</p>", "s"
    )  # more than the sockets can buffer
    with SmtpServer() as server:
        server.fail("body", DROP)
        with pytest.raises(Temporary, match="before the end"):
            opened(server).send(envelope(), large)
        assert server.journal == []


def test_an_answer_before_the_final_dot_is_heard_and_is_no_uncertainty(opened: Callable[..., Email]) -> None:
    large = Message("s", "x\n", "<p>" + "y " * 4_000_000 + "</p>", "s")
    with SmtpServer() as server:
        server.fail("body", "552 5.3.4 too big")
        with pytest.raises((Permanent, Temporary)) as told:  # the reset may overtake the words
            opened(server).send(envelope(), large)
        assert not isinstance(told.value, Uncertain)


def test_the_answer_lost_after_the_final_dot_is_uncertain_and_resent_under_the_same_id(
    opened: Callable[..., Email],
) -> None:
    with SmtpServer() as server:
        channel = opened(server)
        server.fail("answer", DROP)
        with pytest.raises(Uncertain):
            channel.send(envelope(), MESSAGE)
        assert [m.answered for m in server.journal] == [False]  # accepted, and we were not told
        channel.send(envelope(), MESSAGE)
        assert len({m.message["Message-ID"] for m in server.journal}) == 1
        assert len(server.journal) == 2


def test_a_silent_server_is_temporary_before_the_dot_and_uncertain_after(
    opened: Callable[..., Email],
) -> None:
    with SmtpServer() as server:
        server.fail("rcpt", SILENCE)
        with pytest.raises(Temporary):
            opened(server, timeout="0.3").send(envelope(), MESSAGE)
        server.fail("answer", SILENCE)
        with pytest.raises(Uncertain):
            opened(server, answer_timeout="0.3").send(envelope(), MESSAGE)


def test_the_answer_to_the_dot_is_awaited_longer_than_any_other(opened: Callable[..., Email]) -> None:
    assert Settings.model_validate({"host": "localhost", "from": "a@b.c"}).answer_timeout >= 600


def test_nobody_listening_is_temporary(opened: Callable[..., Email]) -> None:
    with SmtpServer() as server:
        channel = opened(server)
    with pytest.raises(Temporary, match="cannot reach"):
        channel.send(envelope(), MESSAGE)


def test_a_connection_is_kept_and_renewed_when_idle_or_used_up(opened: Callable[..., Email]) -> None:
    clock = Clock()
    with SmtpServer() as server:
        channel = opened(server, clock)
        for number in range(3):
            channel.send(envelope(number), MESSAGE)
        assert server.connections == 1
        clock.now += timedelta(seconds=61)
        channel.send(envelope(4), MESSAGE)
        assert server.connections == 2
        for number in range(100):
            channel.send(envelope(100 + number), MESSAGE)
        assert server.connections == 3
        assert len(server.journal) == 104


@pytest.mark.parametrize("death", ["cut", "421 on MAIL", "restart in the middle of MAIL"])
def test_a_kept_connection_found_dead_is_replaced_at_once_and_nothing_is_doubled(
    opened: Callable[..., Email], death: str
) -> None:
    with SmtpServer() as server:
        channel = opened(server)
        channel.send(envelope(1), MESSAGE)
        if death == "cut":
            server.drop_all()
        else:
            server.fail("mail", "421 4.4.2 idle" if death.startswith("421") else DROP)
        channel.send(envelope(2), MESSAGE)
        assert [m.notice for m in server.journal] == [f"{1:032x}", f"{2:032x}"]
        assert server.connections == 2


def test_a_kept_connection_that_dies_after_the_dot_is_not_tried_again_behind_our_back(
    opened: Callable[..., Email],
) -> None:
    with SmtpServer() as server:
        channel = opened(server)
        channel.send(envelope(1), MESSAGE)
        server.fail("answer", DROP)
        with pytest.raises(Uncertain):
            channel.send(envelope(2), MESSAGE)
        assert len(server.journal) == 2
        assert server.connections == 1


def test_threads_share_a_channel_and_each_mail_arrives_once(opened: Callable[..., Email]) -> None:
    with SmtpServer() as server:
        channel = opened(server)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: channel.send(envelope(n), MESSAGE), range(64)))
        assert sorted(m.notice for m in server.journal) == [f"{n:032x}" for n in range(64)]
        assert server.connections <= 8


def test_an_address_that_is_not_ascii_needs_a_server_that_can(opened: Callable[..., Email]) -> None:
    with SmtpServer() as server:
        opened(server).send(envelope(to="jürgen@exämple.org"), MESSAGE)
        opened(server).send(envelope(to="bob@exämple.org"), MESSAGE)
        first, second = [c for c in server.commands if c.startswith("MAIL")]
        assert "SMTPUTF8" in first
        assert "SMTPUTF8" not in second  # only where it is needed
        assert server.journal[0].to == ("jürgen@xn--exmple-cua.org",)
    with SmtpServer(features=()) as server:
        with pytest.raises(Permanent, match="SMTPUTF8"):
            opened(server).send(envelope(to="jürgen@exämple.org"), MESSAGE)
        opened(server).send(envelope(to="bob@exämple.org"), MESSAGE)
        assert len(server.journal) == 1


def test_the_servers_words_reach_the_error_as_one_line_without_the_address(
    opened: Callable[..., Email],
) -> None:
    with SmtpServer() as server:
        server.fail("rcpt", "550 5.1.1 <bob@example.net>:\x1b[31m no such \u202euser " + "x" * 500)
        with pytest.raises(Permanent) as told:
            opened(server).send(envelope(), MESSAGE)
    said = str(told.value)
    assert said.isprintable()
    assert "bob@" not in said
    assert len(said) < 300


@pytest.mark.parametrize(
    ("when", "said", "dead"),
    [
        ("rcpt", "550 5.1.1 no such mailbox", True),
        ("rcpt", "550 5.1.10 null MX", True),
        ("rcpt", "550 5.2.1 mailbox disabled", True),
        ("dot", "550 5.1.1 no such mailbox", True),
        ("rcpt", "550 5.1.11 something new", False),
        ("rcpt", "550 5.7.1 blocked for spam", False),  # the control: we are refused, not the address
        ("rcpt", "550 no", False),
        ("rcpt", "552 5.2.2 mailbox full", False),
        ("rcpt", "451 4.1.1 try later", False),
        ("mail", "550 5.1.1 your own sender", False),
        ("dot", "554 5.7.1 spam 5.1.1", False),
    ],
)
def test_only_a_dead_mailbox_is_a_dead_address(
    opened: Callable[..., Email], when: Any, said: str, dead: bool
) -> None:
    with SmtpServer() as server:
        server.fail(when, said)
        with pytest.raises((Permanent, Temporary)) as told:
            opened(server).send(envelope(), MESSAGE)
    assert isinstance(told.value, DeadAddress) is dead
