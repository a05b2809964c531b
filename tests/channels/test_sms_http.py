"""A gateway of the user's own description: placeholders, keys, ids, and settings that are refused."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
import trustme
from pydantic import ValidationError

from tests.servers.sms import LOST, Fault, SmsServer
from workers.channels import Envelope, load
from workers.channels.sms import Settings, Sms
from workers.core.model import Message
from workers.errors import Barred, Misconfigured, Permanent, Temporary, Uncertain

NOTICE = "0123456789abcdef0123456789abcdef"
ENVELOPE = Envelope(NOTICE, "+4915112345678", "o1/LP001")
HOSTILE = 'say "hi", {to} {id} {nothing} \\ &to=+1 %20 </json> ñ 你好'
MESSAGE = Message("s", "t", "<p>h</p>", short=HOSTILE)
REACHABLE: dict[str, Any] = {"allow_hosts": ["127.0.0.1", "localhost"]}
TWILIO = {"account_sid": "AC" + "0" * 32, "auth_token": "t", "from": "+15005550006"}


@pytest.fixture
def opened() -> Iterator[Callable[..., Sms]]:
    """Open channels that are closed at the end of the test."""
    with ExitStack() as stack:

        def make(url: str, **options: Any) -> Sms:
            given = {"provider": "http", "url": url, "timeout": "10", **REACHABLE, **options}
            clock = datetime(2026, 11, 24, tzinfo=UTC)
            channel: Sms = load("sms").open(Settings.model_validate(given), name="text", clock=lambda: clock)
            stack.callback(channel.close)
            return channel

        yield make


@pytest.mark.parametrize(
    "json_template",
    [
        {"to": "{to}", "text": "{text}", "meta": {"id": "{id}", "list": ["{digits}", "a {text} b"]}},
        '{"to": "{to}", "text": "{text}", "meta": {"id": "{id}", "list": ["{digits}", "a {text} b"]}, "flash": false, "n": 1}',
    ],
    ids=["as YAML", "as text"],
)
def test_json_is_filled_as_data_and_never_pasted(opened: Callable[..., Sms], json_template: Any) -> None:
    with SmsServer() as server:
        opened(server.url + "/send", json=json_template).send(ENVELOPE, MESSAGE)
        asked = server.asked[0]
    sent = json.loads(asked.body)
    assert asked.headers["content-type"] == "application/json"
    assert (sent["to"], sent["text"]) == ("+4915112345678", HOSTILE)
    assert sent["meta"] == {"id": NOTICE, "list": ["4915112345678", f"a {HOSTILE} b"]}
    if isinstance(json_template, str):
        assert (sent["flash"], sent["n"]) == (False, 1)  # types survive
        assert sent.keys() == {"to", "text", "meta", "flash", "n"}


def test_form_query_and_address_are_encoded(opened: Callable[..., Sms]) -> None:
    with SmsServer() as server:
        opened(server.url + "/send", form={"to": "{digits}", "text": "{text}"}).send(ENVELOPE, MESSAGE)
        opened(server.url + "/send?key=k%26", method="GET", query={"to": "{to}", "text": "{text}"}).send(
            ENVELOPE, MESSAGE
        )
        opened(server.url + "/send/{id}?to={to}&text={text}", method="PUT").send(ENVELOPE, MESSAGE)
        form, query, address = server.asked
    assert dict(parse_qsl(form.body.decode())) == {"to": "4915112345678", "text": HOSTILE}
    assert dict(parse_qsl(query.query)) == {"key": "k&", "to": "+4915112345678", "text": HOSTILE}
    assert address.path == f"/send/{NOTICE}"
    assert {k: unquote(v) for k, _, v in (p.partition("=") for p in address.query.split("&"))}[
        "text"
    ] == HOSTILE
    assert [t.text for t in server.journal] == [HOSTILE] * 3


def test_headers_and_basic_authentication_go_along(opened: Callable[..., Sms]) -> None:
    with SmsServer() as server:
        channel = opened(
            server.url, form={"to": "{to}", "text": "{text}"}, headers={"X-Key": "k1"}, user="u", password="p"
        )
        channel.send(ENVELOPE, MESSAGE)
        assert server.asked[0].headers["x-key"] == "k1"
        assert server.asked[0].headers["authorization"] == "Basic dTpw"


def test_with_a_key_a_lost_answer_may_be_repeated_and_without_it_is_held(opened: Callable[..., Sms]) -> None:
    form = {"to": "{to}", "text": "{text}"}
    with SmsServer(keyed=True) as server:
        channel = opened(server.url, form=form, idempotency_header="Idempotency-Key")
        assert (channel.keyed, channel.on_uncertain) == (True, "resend")
        server.fail(LOST)
        with pytest.raises(Uncertain):
            channel.send(ENVELOPE, MESSAGE)
        channel.send(ENVELOPE, MESSAGE)
        assert [t.key for t in server.journal] == [NOTICE]
    with (
        SmsServer() as server
    ):  # the control: a gateway without keys sends it twice, so the default is to hold
        channel = opened(server.url, form=form)
        assert (channel.keyed, channel.on_uncertain) == (False, "hold")
        server.fail(LOST)
        with pytest.raises(Uncertain):
            channel.send(ENVELOPE, MESSAGE)
        channel.send(ENVELOPE, MESSAGE)
        assert len(server.journal) == 2


def test_the_id_is_read_where_the_user_says_and_an_answer_without_it_is_no_success(
    opened: Callable[..., Sms],
) -> None:
    form = {"to": "{to}", "text": "{text}"}
    with SmsServer() as server:
        channel = opened(server.url, form=form, id_path="data.messages.0.id")
        assert channel.send(ENVELOPE, MESSAGE).reference == server.journal[0].id
        for body in (
            '{"error": "no credit"}',
            "",
            "<html>",
            '{"data": {"messages": []}}',
            '{"data": {"messages": [{"id": true}]}}',
        ):
            server.fail(Fault(200, body))
            with pytest.raises(Uncertain, match="id_path"):
                channel.send(ENVELOPE, MESSAGE)
        server.fail(Fault(200, '{"data": {"messages": [{"id": 12}]}}'))
        assert channel.send(ENVELOPE, MESSAGE).reference == "12"
        assert opened(server.url, form=form).send(ENVELOPE, MESSAGE).reference == ""


def test_only_the_statuses_of_success_are_success(opened: Callable[..., Sms]) -> None:
    form = {"to": "{to}", "text": "{text}"}
    with SmsServer() as server:
        server.fail(Fault(202))
        opened(server.url, form=form).send(ENVELOPE, MESSAGE)
        server.fail(Fault(202))
        with pytest.raises(Permanent, match="202"):
            opened(server.url, form=form, success=["200"]).send(ENVELOPE, MESSAGE)
        server.fail(Fault(429, headers={"Retry-After": "3"}))
        with pytest.raises(Temporary):
            opened(server.url, form=form).send(ENVELOPE, MESSAGE)
        server.fail(Fault(403))
        with pytest.raises(Permanent, match="account"):
            opened(server.url, form=form).send(ENVELOPE, MESSAGE)


def test_a_huge_answer_is_read_in_part_only(opened: Callable[..., Sms]) -> None:
    with SmsServer() as server:
        channel = opened(server.url, form={"to": "{to}", "text": "{text}"}, id_path="id")
        server.fail(Fault(200, '{"id": "7", "more": "x"}'))
        assert channel.send(ENVELOPE, MESSAGE).reference == "7"
        server.fail(Fault(200, '{"id": "7", "more": "' + "x" * 3_000_000 + '"}'))
        with pytest.raises(Uncertain, match="id_path"):  # what was read of it is no JSON any more
            channel.send(ENVELOPE, MESSAGE)


def test_no_words_are_no_message(opened: Callable[..., Sms]) -> None:
    with SmsServer() as server:
        with pytest.raises(Permanent, match="no short words"):
            opened(server.url, form={"to": "{to}", "text": "{text}"}).send(
                ENVELOPE, Message("s", "t", "h", " \u200b\n")
            )
        assert server.asked == []


HTTP = {"provider": "http", "url": "https://sms.example.org", "form": {"to": "{to}", "text": "{text}"}}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({**HTTP, "url": "http://sms.example.org"}, "in the clear"),
        ({**HTTP, "url": ""}, "not a web address"),
        ({**HTTP, "url": "ftp://sms.example.org"}, "not a web address"),
        ({**HTTP, "url": "https://user:pw@sms.example.org"}, "not a web address"),
        ({**HTTP, "url": "https://sms.example.org:99999999/"}, "not a web address"),
        ({**HTTP, "form": {"to": "{to}"}}, "must hold"),
        ({**HTTP, "form": {"text": "{text}"}}, "must hold"),
        ({**HTTP, "form": {"to": "{to}", "text": "{text}", "x": "{name}"}}, r"no \{name\}"),
        ({**HTTP, "json": {"a": "b"}}, "exclude each other"),
        ({**HTTP, "form": {}, "json": '{"to": {to}}'}, "not JSON"),
        ({**HTTP, "headers": {"X-A": "a\r\nX-B: b"}}, "one line"),
        ({**HTTP, "headers": {"X A": "a"}}, "a word"),
        ({**HTTP, "idempotency_header": "a b"}, "a word"),
        ({**HTTP, "account_sid": "AC" + "0" * 32}, "account_sid does not belong"),
        ({**HTTP, "from": "me"}, "from does not belong"),
        ({**TWILIO, "url": "https://x.example"}, "url does not belong"),
        ({**TWILIO, "json": "{}"}, "json does not belong"),
        ({**TWILIO, "account_sid": "AC0"}, "not an id of Twilio"),
        ({**TWILIO, "account_sid": "MG" + "0" * 32}, "not an id of Twilio"),
        ({**TWILIO, "auth_token": ""}, "needs account_sid and auth_token"),
        ({**TWILIO, "from": ""}, "needs from or"),
        ({**TWILIO, "from": "a name that is long"}, "not a sender"),
        ({**TWILIO, "base_url": "http://api.twilio.com"}, "in the clear"),
        ({**TWILIO, "token": "x"}, "Extra inputs"),
    ],
)
def test_settings_refuse(given: dict[str, Any], said: str) -> None:
    Settings.model_validate(HTTP)
    Settings.model_validate(TWILIO)
    with pytest.raises(ValidationError, match=said):
        Settings.model_validate(given)


@pytest.mark.parametrize("sender", ["+15005550006", "12345", "Parcels", "Post 24"])
def test_senders_that_twilio_takes(sender: str) -> None:
    Settings.model_validate({**TWILIO, "from": sender})


def test_settings_show_no_secret() -> None:
    http = {
        **HTTP,
        "url": "https://sms.example.org?k=canary",
        "headers": {"X": "canary"},
        "query": {"k": "canary"},
    }
    for given in (
        {**http, "form": {"to": "{to}", "text": "{text}", "k": "canary"}},
        {**TWILIO, "auth_token": "canary"},
    ):
        assert "canary" not in repr(Settings.model_validate(given))


def test_http_to_another_machine_needs_to_be_meant(opened: Callable[..., Sms]) -> None:
    form = {"to": "{to}", "text": "{text}"}
    with pytest.raises(ValidationError, match="insecure"):
        opened("http://gateway.lan/send", form=form)
    opened("http://gateway.lan/send", form=form, insecure="yes")


@pytest.mark.parametrize("name", ["localhost", "elsewhere.example"])
def test_a_certificate_must_verify_and_a_private_authority_can_be_named(
    opened: Callable[..., Sms], tmp_path: Path, name: str
) -> None:
    authority, file = trustme.CA(), tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    with SmsServer(tls=context) as server:
        given = {"form": {"to": "{to}", "text": "{text}"}}
        with pytest.raises(Barred, match="no valid certificate"):
            opened(server.url, **given).send(ENVELOPE, MESSAGE)
        trusting = opened(server.url, ca_file=str(file), **given)
        if name == "localhost":
            trusting.send(ENVELOPE, MESSAGE)
        else:
            with pytest.raises(Barred, match="no valid certificate"):
                trusting.send(ENVELOPE, MESSAGE)
        assert len(server.journal) == (name == "localhost")


def test_a_ca_file_that_is_none_is_misconfigured(opened: Callable[..., Sms], tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="ca_file"):
        opened(
            "https://gateway.lan/send",
            form={"to": "{to}", "text": "{text}"},
            ca_file=str(tmp_path / "absent.pem"),
        )


def test_a_gateway_inside_is_reached_only_where_its_host_is_allowed(opened: Callable[..., Sms]) -> None:
    with SmsServer() as server:
        given = {"form": {"to": "{to}", "text": "{text}"}, "allow_hosts": []}
        with pytest.raises(Permanent, match="allow_hosts"):
            opened(server.url, **given).send(ENVELOPE, MESSAGE)
        assert not server.asked
        opened(server.url, **{**given, "allow_hosts": ["127.0.0.1"]}).send(ENVELOPE, MESSAGE)
        assert server.asked
