"""Twilio's Messages API: what is asked, what each answer means, and how a lost answer is cleared up."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.servers.sms import DROP, LOST, LOST_SILENCE, SID, SILENCE, TOKEN, Fault, SmsServer, Text
from workers.channels import Envelope, load
from workers.channels.sms import Settings, Sms
from workers.core.model import Message
from workers.errors import Barred, DeadAddress, Permanent, Temporary, Uncertain

TO = "+4915112345678"
NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
WORDS = "Held: papers are asked for. Ask the seller & keep 100 % calm."
MESSAGE = Message("s", "t", "<p>h</p>", short=WORDS)


@pytest.fixture
def opened() -> Iterator[Callable[..., Sms]]:
    """Open channels that are closed at the end of the test."""
    with ExitStack() as stack:

        def make(server: SmsServer, now: datetime = NOW, **options: Any) -> Sms:
            given: dict[str, Any] = {
                "account_sid": SID,
                "auth_token": TOKEN,
                "from": "+15005550006",
                "base_url": server.url,
                "timeout": "10",
                "allow_hosts": ["127.0.0.1", "localhost"],
            }
            channel: Sms = load("sms").open(
                Settings.model_validate({**given, **options}), name="text", clock=lambda: now
            )
            stack.callback(channel.close)
            return channel

        yield make


def provider(**options: Any) -> SmsServer:
    return SmsServer(clock=lambda: NOW, **options)


def envelope(number: int = 1, to: str = TO, attempt: int = 1) -> Envelope:
    return Envelope(notice=f"{number:032x}", to=to, thread="o1/LP001", attempt=attempt)


def error(status: int, code: int, **headers: str) -> Fault:
    return Fault(
        status,
        json.dumps({"code": code, "message": f"about {TO}", "more_info": "x", "status": status}),
        headers,
    )


def test_the_short_words_are_sent_once_and_the_receipt_is_twilios_id(opened: Callable[..., Sms]) -> None:
    with provider() as server:
        channel = opened(server)
        assert (channel.form, channel.keyed, channel.on_uncertain) == ("short", False, "hold")
        receipt = channel.send(envelope(), MESSAGE)
        (text,) = server.journal
    assert receipt.reference == text.id
    assert (text.to, text.text, text.sender) == (TO, WORDS, "+15005550006")


def test_a_messaging_service_may_stand_in_for_the_sender(opened: Callable[..., Sms]) -> None:
    service = "MG" + "0" * 32
    with provider() as server:
        opened(server, **{"from": "", "messaging_service_sid": service}).send(envelope(), MESSAGE)
        form = dict(parse_qsl(server.asked[0].body.decode()))
    assert form == {"To": TO, "Body": WORDS, "MessagingServiceSid": service}


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (error(400, 21211), DeadAddress, "not one Twilio can reach"),
        (error(400, 21610), DeadAddress, "STOP"),
        (error(400, 21614), DeadAddress, "not a mobile"),
        (error(400, 21408), Permanent, "console"),
        (error(400, 29999), Permanent, "errors/29999"),
        (error(401, 20003), Barred, "auth_token"),
        (error(404, 20404), Permanent, "account_sid"),
        (error(429, 20429), Temporary, "20429"),
        (error(400, 21611), Temporary, "21611"),
        (error(503, 20503), Temporary, "503"),
        (error(500, 20500), Uncertain, "500"),
        (Fault(502, "<html>bad gateway"), Uncertain, "502"),
        (Fault(504, ""), Uncertain, "504"),
        (Fault(400, "<html>"), Permanent, "400"),
        (Fault(400, "[" * 100_000), Permanent, "400"),
        (Fault(307, "", {"Location": "/elsewhere"}), Permanent, "redirects are not followed"),
        (Fault(302, "", {"Location": "/elsewhere"}), Permanent, "redirects are not followed"),
        (DROP, Uncertain, "did not say"),
    ],
)
def test_what_each_answer_means(
    opened: Callable[..., Sms], fault: Fault, kind: type[Exception], said: str
) -> None:
    with provider() as server:
        channel = opened(server)
        server.fail(fault)
        with pytest.raises(kind, match=re.escape(said)) as told:
            channel.send(envelope(), MESSAGE)
        assert type(told.value) is kind
        assert TO not in str(told.value)
        assert (
            len([a for a in server.asked if a.method == "POST"]) == 1
        )  # nothing is repeated, no redirect followed
        assert server.journal == []
        channel.send(envelope(), MESSAGE)  # the control
        assert len(server.journal) == 1


def test_wrong_credentials_are_told_from_a_real_refusal_and_never_shown(opened: Callable[..., Sms]) -> None:
    with provider() as server, pytest.raises(Barred, match="20003") as told:
        opened(server, auth_token="canary").send(envelope(), MESSAGE)
    assert "canary" not in str(told.value)


@pytest.mark.parametrize(
    ("said", "after"),
    [
        ("7", timedelta(seconds=7)),
        ("Tue, 24 Nov 2026 05:02:00 GMT", timedelta(minutes=2)),
        ("Tue, 24 Nov 2020 05:02:00 GMT", timedelta()),
        ("99999999999999999999", timedelta(days=1)),
        ("-5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_obeyed_as_seconds_or_a_date_and_never_for_longer_than_a_day(
    opened: Callable[..., Sms], said: str, after: timedelta | None
) -> None:
    with provider() as server:
        server.fail(error(429, 20429, **{"Retry-After": said}))
        with pytest.raises(Temporary) as told:
            opened(server).send(envelope(), MESSAGE)
    assert told.value.after == after


def test_nobody_listening_is_temporary(opened: Callable[..., Sms]) -> None:
    with provider() as server:
        channel = opened(server)
    with pytest.raises(Temporary, match="cannot reach"):
        channel.send(envelope(), MESSAGE)


@pytest.mark.parametrize(("fault", "timeout"), [(LOST, "10"), (LOST_SILENCE, "0.3")], ids=["cut", "silence"])
def test_a_lost_answer_is_uncertain_unless_the_message_is_found_among_those_sent(
    opened: Callable[..., Sms], fault: Fault, timeout: str
) -> None:
    with provider() as server:
        server.fail(fault)
        with pytest.raises(Uncertain):
            opened(server, timeout=timeout, reconcile="no").send(envelope(), MESSAGE)
        assert len(server.journal) == 1  # accepted, and we were not told
    with provider() as server:
        server.fail(fault)
        receipt = opened(server, timeout=timeout).send(envelope(), MESSAGE)
        assert [t.id for t in server.journal] == [receipt.reference]


def test_what_is_not_found_stays_uncertain(opened: Callable[..., Sms]) -> None:
    with provider() as server:
        server.fail(SILENCE)
        with pytest.raises(Uncertain):
            opened(server, timeout="0.3").send(envelope(), MESSAGE)
        server.fail(LOST)
        server.fail(Fault(500), method="GET")
        with pytest.raises(Uncertain):
            opened(server).send(envelope(), MESSAGE)


def test_a_later_attempt_looks_first_and_sends_only_what_it_does_not_find(opened: Callable[..., Sms]) -> None:
    with provider() as server:
        server.fail(LOST)
        with pytest.raises(Uncertain):
            opened(server, reconcile="no").send(envelope(), MESSAGE)
        tomorrow = NOW + timedelta(days=1)
        receipt = opened(server, tomorrow).send(envelope(attempt=2), MESSAGE)
        assert [t.id for t in server.journal] == [receipt.reference]
        opened(server, tomorrow).send(envelope(2, to="+4915100000000", attempt=2), MESSAGE)  # another person
        opened(server, tomorrow).send(envelope(3, attempt=2), Message("s", "t", "h", "other words"))
        assert len(server.journal) == 3
        opened(server, reconcile="no").send(
            envelope(attempt=2), MESSAGE
        )  # the control: without it, it goes twice
        assert len(server.journal) == 4


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ({}, False),  # the control: an outbound message on its way is the one
        ({"status": "delivered"}, False),
        ({"text": f"Sent from your Twilio trial account - {WORDS}"}, False),
        ({"status": "failed"}, True),
        ({"status": "undelivered"}, True),
        ({"status": "canceled"}, True),
        ({"direction": "inbound"}, True),  # the person sent us our own words
        ({"text": WORDS + " not"}, True),
        ({"at": NOW - timedelta(days=4)}, True),
    ],
)
def test_only_a_message_that_may_have_reached_the_person_counts_as_sent(
    opened: Callable[..., Sms], changed: dict[str, Any], again: bool
) -> None:
    with provider() as server:
        server.journal.append(replace(Text("SM" + "f" * 32, TO, WORDS, at=NOW), **changed))
        receipt = opened(server).send(envelope(attempt=2), MESSAGE)
        assert len(server.journal) == 1 + again
        assert receipt.reference == server.journal[-1].id


def test_a_look_that_fails_sends_nothing(opened: Callable[..., Sms]) -> None:
    for fault in (Fault(500), DROP, Fault(200, "<html>"), Fault(200, "{}"), error(429, 20429)):
        with provider() as server:
            server.fail(fault, method="GET")
            with pytest.raises(Temporary):
                opened(server).send(envelope(attempt=2), MESSAGE)
            assert server.journal == []


def test_the_same_words_about_another_parcel_are_not_taken_for_the_lost_message(
    opened: Callable[..., Sms],
) -> None:
    with provider() as server:
        channel = opened(server)
        channel.send(envelope(1), MESSAGE)
        server.fail(DROP)  # the second never arrived
        with pytest.raises(Uncertain):
            channel.send(envelope(2), MESSAGE)
        assert len(server.journal) == 1


@pytest.mark.parametrize(
    "to", ["4915100000001", "+49 151 1234", "+49151\n12345678", "anna@example.org", "+0123456789", ""]
)
def test_a_number_that_is_none_is_refused_before_anything_is_asked(
    opened: Callable[..., Sms], to: str
) -> None:
    with provider() as server:
        with pytest.raises(Permanent, match="phone number") as told:
            opened(server).send(envelope(to=to), MESSAGE)
        assert server.asked == []
    assert not to or to not in str(told.value)


def test_hostile_words_stay_words(opened: Callable[..., Sms]) -> None:
    hostile = "a&From=evil\r\nTo: x\u202e\u200b\x00{to} =?UTF-8?Q?x?= ok"
    with provider() as server:
        opened(server).send(envelope(), Message("s", "t", "h", hostile))
        (text,) = server.journal
    assert text.sender == "+15005550006"
    assert text.text == "a&From=evil\nTo: x{to} = ?UTF-8?Q?x?= ok"


def test_no_log_line_holds_number_words_or_token(
    opened: Callable[..., Sms], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), provider() as server:
        opened(server).send(envelope(attempt=2), MESSAGE)
    for secret in ("15112345678", "papers", TOKEN, SID):
        assert secret not in caplog.text


def problems(given: Mapping[str, str], declared: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with form or query fields by the schemas the document declares for them."""
    found = []
    for name, value in given.items():
        schema = declared.get(name)
        if schema is None:
            found.append(f"{name}: not in the contract")
        elif schema["type"] == "string" and not re.search(schema.get("pattern", ""), value):
            found.append(f"{name}: pattern")
        elif schema["type"] == "integer" and not schema.get("minimum", 0) <= int(value) <= schema.get(
            "maximum", 10**9
        ):
            found.append(f"{name}: range")
    return found


def test_what_we_ask_and_what_our_server_answers_keep_twilios_contract(
    opened: Callable[..., Sms], shared: Path
) -> None:
    contract = json.loads((shared / "contracts" / "twilio-messages.json").read_text())
    path = contract["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]
    form = path["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    query = {p["name"]: p["schema"] for p in path["get"]["parameters"] if p["in"] == "query"}
    resource = contract["components"]["schemas"]["api.v2010.account.message"]["properties"]
    sid = next(p["schema"]["pattern"] for p in path["post"]["parameters"] if p["name"] == "AccountSid")
    with provider() as server:
        opened(server, messaging_service_sid="MG" + "a" * 32).send(envelope(attempt=2), MESSAGE)
        looked, posted = server.asked
        answers = [server.answer(looked)[1]["messages"][0], server.answer(posted)[1]]
    assert posted.headers["content-type"] == "application/x-www-form-urlencoded"
    sent = dict(parse_qsl(posted.body.decode(), strict_parsing=True))
    assert problems(sent, form["properties"]) == []
    assert set(form["required"]) <= sent.keys()
    assert problems(dict(parse_qsl(looked.query, strict_parsing=True)), query) == []
    assert re.fullmatch(r"/2010-04-01/Accounts/(.*)/Messages\.json", posted.path)
    assert re.search(sid, posted.path.split("/")[3])
    for answer in answers:
        assert answer.keys() == resource.keys() - {"x-twilio"}
        assert re.search(resource["sid"]["pattern"], answer["sid"])
    # the control: the check finds what breaks the contract
    assert problems({"Text": "x"}, form["properties"]) == ["Text: not in the contract"]
    assert problems({"MessagingServiceSid": "MG1"}, form["properties"]) == ["MessagingServiceSid: pattern"]
    assert problems({"PageSize": "5000"}, query) == ["PageSize: range"]
