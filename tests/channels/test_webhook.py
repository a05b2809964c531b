"""The webhook: an independent library verifies what is signed, and no answer or address leads anywhere else."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from tests.servers._faulty import FaultyServer, Reply, Request
from workers.app import load as load_settings
from workers.channels import Envelope, Receipt, load
from workers.channels.webhook import Settings, Webhook
from workers.core.model import Message
from workers.errors import Barred, DeadAddress, Misconfigured, Permanent, Temporary, Uncertain

OLD, NEW = ("whsec_" + base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
FACTS = {
    "parcel": "lamp/RR123456785CN",
    "stage": "held",
    "topic": "papers",
    "why": "first",
    "made": "2026-11-24T05:00:00+00:00",
}
MESSAGE = Message("Held", "Papers, please.", "<p>Papers</p>", "Held: papers", lang="de")


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer(lambda _: Reply(b"", 204)) as running:
        yield running


Opened = Callable[..., Webhook]


@pytest.fixture
def opened() -> Iterator[Opened]:
    with ExitStack() as stack:

        def make(url: str, **options: Any) -> Webhook:
            given = {"url": url, "secret": NEW, "allow_hosts": ["127.0.0.1"], "timeout": "5", **options}
            channel: Webhook = load("webhook").open(
                Settings.model_validate(given), name="hook", clock=lambda: datetime.now(UTC)
            )
            stack.callback(channel.close)
            return channel

        yield make


def envelope(attempt: int = 1) -> Envelope:
    return Envelope("a" * 32, "", "thread1", attempt=attempt, urgent=True, facts=FACTS)


def verified(request: Request, secret: str) -> Any:
    return Verifier(secret).verify(request.body, dict(request.headers))


def test_an_independent_library_verifies_every_signature_with_either_secret(
    server: FaultyServer, opened: Opened
) -> None:
    assert opened(f"{server.origin}/hook?token=x", old_secrets=[OLD]).send(envelope(), MESSAGE) == Receipt(
        "HTTP 204"
    )
    (request,) = server.requests
    for secret in (NEW, OLD):
        assert verified(request, secret)["data"]["notice"] == "a" * 32
    assert len(request.headers["webhook-signature"].split(" ")) == 2
    with pytest.raises(WebhookVerificationError):  # the control: another secret, and one changed byte
        verified(request, "whsec_" + base64.b64encode(b"x" * 32).decode())
    with pytest.raises(WebhookVerificationError):
        Verifier(NEW).verify(request.body + b" ", dict(request.headers))


def test_the_body_is_the_documented_one_and_the_same_at_each_try(
    server: FaultyServer, opened: Opened
) -> None:
    channel = opened(server.origin)
    server.next_http(500)
    with pytest.raises(Temporary):
        channel.send(envelope(), MESSAGE)
    channel.send(envelope(attempt=2), MESSAGE)
    first, second = server.requests
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "a" * 32
    assert first.method == "POST"
    assert json.loads(first.body) == {
        "type": "parcel.notice",
        "timestamp": "2026-11-24T05:00:00+00:00",
        "data": {
            "notice": "a" * 32, "thread": "thread1", "urgent": True, "parcel": "lamp/RR123456785CN", "stage": "held",
            "topic": "papers", "why": "first", "lang": "de", "subject": "Held", "text": "Papers, please.",
            "short": "Held: papers",
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "attempt", "kind"),
    [
        (410, 1, DeadAddress),
        (400, 1, Permanent), (401, 1, Barred), (422, 1, Permanent),
        (301, 1, Permanent), (307, 1, Permanent),
        (404, 1, Temporary), (404, 6, Permanent),  # a proxy says 404 while the program behind it restarts
        (408, 9, Temporary), (429, 9, Temporary), (500, 9, Temporary), (502, 9, Temporary), (503, 9, Temporary), (504, 9, Temporary),
    ],
)  # fmt: skip
def test_what_each_answer_means(
    server: FaultyServer, opened: Opened, status: int, attempt: int, kind: type[Exception]
) -> None:
    channel = opened(server.origin)
    server.next_http(status, Location="/elsewhere")
    with pytest.raises(kind) as told:
        channel.send(envelope(attempt), MESSAGE)
    assert type(told.value) is kind
    assert str(status) in str(told.value)
    assert len(server.requests) == 1  # nothing is repeated, no redirect followed


def test_retry_after_is_obeyed(server: FaultyServer, opened: Opened) -> None:
    server.next_http(429, Retry_After="90")
    with pytest.raises(Temporary) as told:
        opened(server.origin).send(envelope(), MESSAGE)
    assert told.value.after == timedelta(seconds=90)


def test_a_lost_answer_is_uncertain_and_a_body_without_end_does_not_hold_us(
    server: FaultyServer, opened: Opened
) -> None:
    server.next_stall(30)
    with pytest.raises(Uncertain):
        opened(server.origin, timeout="0.2").send(envelope(), MESSAGE)
    server.inject(Reply(b"x" * 3_000_000))
    assert opened(server.origin).send(envelope(), MESSAGE) == Receipt("HTTP 200")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "[::1]", "0.0.0.0"])
def test_a_private_address_is_not_reached_unless_it_is_allowed_by_name(
    server: FaultyServer, opened: Opened, host: str
) -> None:
    port = server.origin.rpartition(":")[2]
    with pytest.raises(Permanent, match="allow_hosts"):
        opened(f"http://{host}:{port}/", allow_hosts=[], insecure="yes").send(envelope(), MESSAGE)
    assert server.requests == []
    opened(server.origin).send(envelope(), MESSAGE)  # the control
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"secret": "whsec_short"}, "openssl rand"),
        ({"secret": base64.b64encode(b"x" * 23).decode()}, "24 to 64"),
        ({"old_secrets": ["no"]}, "24 to 64"),
        ({"url": "http://hooks.example.org/"}, "in the clear"),
        ({"url": "file:///etc/passwd"}, "not a web address"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_settings_that_cannot_work_are_refused(options: dict[str, Any], said: str) -> None:
    good = {"url": "https://hooks.example.org/x", "secret": NEW}
    Settings.model_validate(good)
    with pytest.raises(ValidationError, match=said):
        Settings.model_validate({**good, **options})


def test_no_repr_holds_the_address_or_a_secret() -> None:
    settings = Settings.model_validate(
        {"url": "https://hooks.example.org/token", "secret": NEW, "old_secrets": [OLD]}
    )
    assert not any(word in repr(settings) for word in ("token", NEW[6:], OLD[6:]))


FILE = f"""\
sources: {{track: {{kind: manual}}}}
channels:
  mail: {{kind: email, host: 127.0.0.1, security: none, from: a@example.org}}
  hook: {{kind: webhook, url: "https://hooks.example.org/x", secret: "{NEW}"}}
recipients:
  anna: {{email: anna@example.org}}
  house: {{channels: [hook]}}
  stranger: {{NOBODY}}
orders: []
"""


def test_a_webhook_tells_only_those_who_name_it(tmp_path: Path) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(FILE.replace("NOBODY", "email: x@example.org"))
    file.chmod(0o600)
    loaded = load_settings(file)
    assert {name: r.channels for name, r in loaded.recipients.items()} == {
        "anna": ("mail",), "house": ("hook",), "stranger": ("mail",),
    }  # fmt: skip
    file.write_text(FILE.replace("NOBODY", "language: de"))
    with pytest.raises(Misconfigured, match="stranger: no channel can reach them"):
        load_settings(file)
