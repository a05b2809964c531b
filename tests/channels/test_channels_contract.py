"""What every channel promises, asked of every kind in the directory."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from tests.servers._faulty import FaultyServer, Reply
from tests.servers.sms import SID, TOKEN, SmsServer
from tests.servers.smtp import SmtpServer
from workers.channels import Channel, Envelope, Receipt, kinds, load
from workers.core.model import Message
from workers.errors import Misconfigured, Permanent

NOTICE = "0123456789abcdef0123456789abcdef"
MESSAGE = Message("Held", "Papers, please.", "<p>Papers, please.</p>", "Held: papers")
RECIPIENT = {"mail": "anna@example.org", "short": "+4915112345678", "own": ""}
WRONG = {"mail": "+4915112345678", "short": "anna@example.org", "own": "anna@example.org"}
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
# What a kind needs to be tried: options that reach the receiving end, and how to read what arrived there.
Rig = tuple[dict[str, object], Callable[[], list[str]]]


def outbox_rig(stack: ExitStack, folder: Path) -> Rig:
    def arrived() -> list[str]:
        mails = [
            message_from_bytes(p.read_bytes(), policy=policy.default) for p in sorted(folder.glob("*.eml"))
        ]
        return [str(m.get_body(("plain",)).get_content()) for m in mails]  # type: ignore[union-attr]  # ours has a text

    return {"folder": str(folder)}, arrived


def email_rig(stack: ExitStack, folder: Path) -> Rig:
    server = stack.enter_context(SmtpServer())
    options = {"host": "127.0.0.1", "port": str(server.port), "security": "none", "from": "cw@example.org"}
    return dict(options), lambda: [str(m.message.get_body(("plain",)).get_content()) for m in server.journal]  # type: ignore[union-attr]  # ours has a text


def sms_rig(stack: ExitStack, folder: Path) -> Rig:
    server = stack.enter_context(SmsServer())
    options = {"account_sid": SID, "auth_token": TOKEN, "from": "Parcels", "base_url": server.url}
    return {**options, "allow_hosts": ["127.0.0.1"]}, lambda: [t.text for t in server.journal]


def webhook_rig(stack: ExitStack, folder: Path) -> Rig:
    server = stack.enter_context(FaultyServer(lambda _: Reply(b"{}")))
    options = {"url": server.origin, "secret": SECRET, "allow_hosts": ["127.0.0.1"]}
    return dict(options), lambda: [json.loads(r.body)["data"]["text"] for r in server.requests]


def apprise_rig(stack: ExitStack, folder: Path) -> Rig:
    server = stack.enter_context(FaultyServer(lambda _: Reply(b"{}")))
    url = server.origin.replace("http://", "gotify://") + "/token"
    options = {"url": url, "allow_hosts": ["127.0.0.1"], "words": "text"}
    return dict(options), lambda: [json.loads(r.body)["message"] for r in server.requests]


RIGS = {
    "outbox": outbox_rig,
    "email": email_rig,
    "sms": sms_rig,
    "webhook": webhook_rig,
    "apprise": apprise_rig,
}


@pytest.fixture(params=kinds())
def rigged(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[Channel, Callable[[], list[str]]]]:
    with ExitStack() as stack:
        options, arrived = RIGS[request.param](stack, tmp_path / "box")
        module = load(request.param)
        settings = module.Settings.model_validate(options)
        channel = module.open(settings, name="mine", clock=lambda: datetime(2026, 11, 24, tzinfo=UTC))
        stack.callback(channel.close)
        yield channel, arrived


def test_every_kind_in_the_directory_is_tried_here() -> None:
    assert kinds() == sorted(RIGS) == ["apprise", "email", "outbox", "sms", "webhook"]


def test_a_channel_says_what_it_is(rigged: tuple[Channel, Callable[[], list[str]]]) -> None:
    channel, _ = rigged
    assert channel.name == "mine"
    assert channel.kind in kinds()
    assert channel.form in ("mail", "short", "own")
    assert channel.on_uncertain in ("resend", "hold")
    assert isinstance(channel.keyed, bool)


def test_what_is_sent_arrives_once_and_has_a_receipt(rigged: tuple[Channel, Callable[[], list[str]]]) -> None:
    channel, arrived = rigged
    receipt = channel.send(Envelope(NOTICE, RECIPIENT[channel.form], "o1/LP001"), MESSAGE)
    assert isinstance(receipt, Receipt)
    assert receipt.reference or channel.kind == "apprise"  # which returns no id
    (text,) = arrived()
    assert text.strip() == (MESSAGE.short if channel.form == "short" else MESSAGE.text)


@pytest.mark.parametrize("broken", ["", "\r\nBcc: x@y.z", "\x00", " "])
def test_a_recipient_that_is_none_is_refused_and_nothing_arrives(
    rigged: tuple[Channel, Callable[[], list[str]]], broken: str
) -> None:
    channel, arrived = rigged
    empty = [] if channel.form == "own" else [""]
    for to in [*(empty if not broken else [RECIPIENT[channel.form] + broken]), WRONG[channel.form]]:
        with pytest.raises(Permanent):
            channel.send(Envelope(NOTICE, to, "o1/LP001"), MESSAGE)
    assert arrived() == []


def test_hostile_fields_arrive_as_one_message_that_is_only_words(
    rigged: tuple[Channel, Callable[[], list[str]]],
) -> None:
    channel, arrived = rigged
    hostile = "a\r\nBcc: x@y.z\r\n\r\n.\r\nMAIL FROM:<x@y.z> =?UTF-8?Q?=0A?= \x00\u202e{text}"
    envelope = Envelope(hostile, RECIPIENT[channel.form], hostile)
    channel.send(envelope, Message(hostile, hostile, hostile, hostile, lang=hostile))
    (text,) = arrived()
    assert {"\x00", "\u202e"}.isdisjoint(text)
    assert "MAIL FROM" in text


def test_opening_and_closing_make_no_connection(
    rigged: tuple[Channel, Callable[[], list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    channel, _ = rigged
    channel.close()
    channel.close()  # twice is as good as once

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was made")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for kind in kinds():
        with ExitStack() as stack:
            given = {
                "outbox": {},
                "email": {"host": "mail.example.org", "from": "a@b.c"},
                "sms": {"account_sid": SID, "auth_token": "t", "from": "Me"},
                "apprise": {"url": "ntfys://ntfy.example.org/parcels"},
                "webhook": {"url": "https://hooks.example.org/x", "secret": SECRET},
            }[kind]
            module = load(kind)
            opened = module.open(
                module.Settings.model_validate(given), name="x", clock=lambda: datetime.now(UTC)
            )
            stack.callback(opened.close)


def test_an_unknown_kind_is_told_with_those_that_exist() -> None:
    with pytest.raises(Misconfigured, match="apprise, email, outbox, sms, webhook"):
        load("pigeon")
    with pytest.raises(Misconfigured):
        load("_smtp")  # what begins with an underscore is no kind
