"""Vonage, Sinch and 46elks: what is asked, what each answer means, and how a lost answer is cleared up where it can be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pydantic import ValidationError

from tests.servers._sms_shapes import KEY, PASSWORD, PLAN, SECRET, SINCH_TOKEN, USER
from tests.servers.sms import DROP, LOST, SID, Fault, SmsServer, Text
from workers.channels import Envelope, load
from workers.channels.sms import Settings, Sms
from workers.core.model import Message
from workers.errors import Barred, DeadAddress, Permanent, Temporary, Uncertain

TO = "+4915112345678"
NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
WORDS = "Held: papers are asked for."
MESSAGE = Message("s", "t", "<p>h</p>", short=WORDS)
ACCOUNTS: dict[str, dict[str, Any]] = {
    "vonage": {"api_key": KEY, "api_secret": SECRET},
    "sinch": {"service_plan_id": PLAN, "api_token": SINCH_TOKEN},
    "46elks": {"user": USER, "password": PASSWORD},
}
WRONG = {
    "vonage": {"api_secret": "canary"},
    "sinch": {"api_token": "canary"},
    "46elks": {"password": "canary"},
}
Opened = Callable[..., Sms]


@pytest.fixture
def opened() -> Iterator[Opened]:
    with ExitStack() as stack:

        def make(provider: str, server: SmsServer, now: datetime = NOW, **options: Any) -> Sms:
            given = {
                "provider": provider,
                "from": "Parcels",
                "base_url": server.url,
                "allow_hosts": ["127.0.0.1"],
                **ACCOUNTS[provider],
                **options,
            }
            channel: Sms = load("sms").open(Settings.model_validate(given), name="text", clock=lambda: now)
            stack.callback(channel.close)
            return channel

        yield make


@pytest.fixture
def server() -> Iterator[SmsServer]:
    with SmsServer(clock=lambda: NOW, opted_out=frozenset({"+4915100000007"})) as running:
        yield running


def envelope(number: int = 1, to: str = TO, attempt: int = 1) -> Envelope:
    return Envelope(notice=f"{number:032x}", to=to, thread="o1/LP001", attempt=attempt)


@pytest.mark.parametrize("provider", ACCOUNTS)
def test_the_short_words_are_sent_once_and_the_receipt_is_the_providers_id(
    server: SmsServer, opened: Opened, provider: str
) -> None:
    channel = opened(provider, server)
    assert (channel.keyed, channel.on_uncertain) == (False, "hold")
    receipt = channel.send(envelope(), MESSAGE)
    (text,) = server.journal
    assert (text.to, text.text, text.sender) == (TO, WORDS, "Parcels")
    assert receipt.reference
    assert receipt.reference[:-1] in text.id


def test_price_and_parts_are_told_where_the_provider_tells_them(server: SmsServer, opened: Opened) -> None:
    long = Message("s", "t", "h", short="x" * 200)
    told = [opened(provider, server).send(envelope(), long) for provider in ACCOUNTS]
    assert [(one.parts, one.price) for one in told] == [(2, "0.03330000 a part"), (0, ""), (1, "0.35")]


def test_vonage_is_told_what_does_not_fit_into_the_plain_alphabet(server: SmsServer, opened: Opened) -> None:
    for words in ("plain", "посылка"):
        opened("vonage", server).send(envelope(), Message("s", "t", "h", short=words))
    forms = [dict(parse_qsl(asked.body.decode())) for asked in server.asked]
    assert [form.get("type") for form in forms] == [None, "unicode"]
    assert forms[0]["client-ref"] == f"{1:032x}"


@pytest.mark.parametrize("provider", ACCOUNTS)
def test_wrong_credentials_bar_the_channel_and_are_never_shown(
    server: SmsServer, opened: Opened, provider: str
) -> None:
    with pytest.raises(Barred, match="check") as told:
        opened(provider, server, **WRONG[provider]).send(envelope(), MESSAGE)
    assert "canary" not in str(told.value)
    assert server.journal == []


def vonage(status: object) -> Fault:
    return Fault(
        200,
        json.dumps({"message-count": "1", "messages": [{"to": "49", "status": status, "error-text": TO}]}),
    )


@pytest.mark.parametrize(
    ("provider", "fault", "kind"),
    [
        ("vonage", vonage("1"), Temporary), ("vonage", vonage("5"), Temporary), ("vonage", vonage("10"), Temporary),
        *[("vonage", vonage(code), Barred) for code in ("4", "8", "9", "11")],
        ("vonage", vonage("3"), Permanent), ("vonage", vonage("29"), Permanent), ("vonage", vonage("999"), Permanent),
        ("vonage", vonage("7"), DeadAddress), ("vonage", vonage("33"), DeadAddress),
        ("vonage", vonage("zero"), Uncertain), ("vonage", vonage(None), Uncertain),
        ("vonage", Fault(200, "<html>"), Uncertain), ("vonage", Fault(200, '{"messages": []}'), Uncertain),
        ("vonage", Fault(200, '{"messages": [{"status": "0"}, {"status": "7"}]}'), Uncertain),  # half of it is out
        ("sinch", Fault(400, '{"code": "syntax_constraint_violation", "text": "about +4915112345678"}'), Permanent),
        ("sinch", Fault(403, '{"code": "forbidden"}'), Permanent), ("sinch", Fault(400, '{"code": "<b>x\\n"}'), Permanent),
        ("46elks", Fault(403, "Not enough credits"), Permanent), ("46elks", Fault(400, "Invalid to number"), Permanent),
        *[(provider, fault, kind) for provider in ACCOUNTS for fault, kind in [
            (Fault(429), Temporary), (Fault(503), Temporary), (Fault(500), Uncertain), (Fault(402), Barred), (Fault(302, "", {"Location": "/x"}), Permanent),
            (DROP, Uncertain),
        ]],
    ],
)  # fmt: skip
def test_what_each_answer_means(
    server: SmsServer, opened: Opened, provider: str, fault: Fault, kind: type[Exception]
) -> None:
    channel = opened(provider, server)
    server.fail(fault)
    with pytest.raises(kind) as told:
        channel.send(envelope(), MESSAGE)
    assert type(told.value) is kind
    assert TO not in str(told.value)
    assert "<b>" not in str(told.value)
    assert len([a for a in server.asked if a.method == "POST"]) == 1
    channel.send(envelope(2), MESSAGE)  # the control
    assert len(server.journal) == 1


def test_an_account_without_credit_bars_the_channel_and_a_barred_number_is_dead(
    server: SmsServer, opened: Opened
) -> None:
    server.fail(vonage("9"))
    with pytest.raises(Barred, match="top up"):
        opened("vonage", server).send(envelope(), MESSAGE)
    with pytest.raises(DeadAddress):
        opened("vonage", server).send(envelope(to="+4915100000007"), MESSAGE)


@pytest.mark.parametrize("provider", ["sinch", "46elks"])
def test_a_lost_answer_is_cleared_up_by_the_list(server: SmsServer, opened: Opened, provider: str) -> None:
    server.fail(LOST, times=2)
    receipt = opened(provider, server).send(envelope(), MESSAGE)
    assert [t.id for t in server.journal] == [receipt.reference]
    with pytest.raises(Uncertain):  # the control: nobody looks
        opened(provider, server, reconcile="no").send(envelope(2), Message("s", "t", "h", "other"))
    assert len(server.journal) == 2


def test_vonage_has_no_list_so_a_lost_answer_stays_uncertain(server: SmsServer, opened: Opened) -> None:
    server.fail(LOST)
    with pytest.raises(Uncertain):
        opened("vonage", server).send(envelope(), MESSAGE)
    assert [a.method for a in server.asked] == ["POST"]


@pytest.mark.parametrize("provider", ["sinch", "46elks"])
def test_a_later_attempt_looks_first_and_sends_only_what_it_does_not_find(
    server: SmsServer, opened: Opened, provider: str
) -> None:
    server.fail(LOST)
    with pytest.raises(Uncertain):
        opened(provider, server, reconcile="no").send(envelope(), MESSAGE)
    tomorrow = NOW + timedelta(days=1)
    receipt = opened(provider, server, tomorrow).send(envelope(attempt=2), MESSAGE)
    assert [t.id for t in server.journal] == [receipt.reference]
    opened(provider, server, tomorrow).send(envelope(3, to="+4915100000001", attempt=2), MESSAGE)
    assert len(server.journal) == 2
    for fault in (
        Fault(500),
        DROP,
        Fault(200, "<html>"),
        Fault(200, "{}"),
        Fault(429),
    ):  # a look that fails sends nothing
        server.fail(fault, method="GET")
        with pytest.raises(Temporary):
            opened(provider, server).send(envelope(attempt=2), MESSAGE)
    assert len(server.journal) == 2


@pytest.mark.parametrize(
    ("provider", "changed", "again"),
    [
        ("sinch", {}, False), ("46elks", {}, False),  # the controls
        ("sinch", {"key": f"{9:032x}"}, True), ("sinch", {"status": "canceled"}, True),
        ("sinch", {"text": "other words"}, False),  # it bears the notice's id
        ("46elks", {"text": "other words"}, True), ("46elks", {"status": "failed"}, True),
        ("46elks", {"direction": "inbound"}, True), ("46elks", {"at": NOW - timedelta(days=4)}, True),
    ],
)  # fmt: skip
def test_only_a_message_that_may_have_reached_the_person_counts_as_sent(
    server: SmsServer, opened: Opened, provider: str, changed: dict[str, Any], again: bool
) -> None:
    server.journal.append(replace(Text("f" * 33, TO, WORDS, key=f"{1:032x}", at=NOW), **changed))
    receipt = opened(provider, server).send(envelope(attempt=2), MESSAGE)
    assert len(server.journal) == 1 + again
    assert receipt.reference == server.journal[-1].id


def test_a_process_that_sent_it_already_finds_it_again(server: SmsServer, opened: Opened) -> None:
    channel = opened("46elks", server)
    first = channel.send(envelope(), MESSAGE)  # accepted, and then the ledger was away
    assert channel.send(envelope(attempt=2), MESSAGE) == replace(first, parts=0, price="")
    assert len(server.journal) == 1
    channel.send(envelope(2, attempt=2), MESSAGE)  # the control: the same words about another parcel
    assert len(server.journal) == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"provider": "vonage", "api_key": KEY, "from": "x"}, "vonage needs api_key and api_secret"),
        ({"provider": "sinch", "service_plan_id": "../x", "api_token": "t", "from": "x"}, "not an id of the provider's"),
        ({"provider": "46elks", "user": "u", "password": "p"}, "46elks needs from"),
        ({"provider": "46elks", "user": "u", "password": "p", "from": "x", "account_sid": SID}, "does not belong to provider: 46elks"),
        ({"provider": "vonage", "api_key": KEY, "api_secret": "s", "from": "x", "reconcile": "yes"}, "reconcile does not belong"),
        ({"provider": "sinch", "service_plan_id": PLAN, "api_token": "t", "from": "x", "base_url": "http://a.example"}, "in the clear"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Settings.model_validate(given)
