"""Apprise: what is let through, what its true and false are worth, and that no text of a stranger becomes more than words."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from tests.servers._faulty import FaultyServer, Reply
from workers.channels import Envelope, Receipt, load
from workers.channels.apprise import SCHEMES, Apprise, Settings
from workers.core.model import Message
from workers.errors import DeadAddress, Misconfigured, Permanent, Temporary, Uncertain

MESSAGE = Message("Held", "Papers, please.", "<p>Papers</p>", "Held: papers")
ENVELOPE = Envelope("a" * 32, "", "thread")


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer(lambda _: Reply(b"{}")) as running:
        yield running


def opened(url: str, **options: Any) -> Apprise:
    settings = Settings.model_validate({"url": url, "allow_hosts": ["127.0.0.1"], **options})
    channel: Apprise = load("apprise").open(settings, name="push", clock=lambda: None)
    return channel


def gotify(server: FaultyServer) -> str:
    return server.origin.replace("http://", "gotify://") + "/canary-token"


def test_the_short_words_arrive_as_plain_text(server: FaultyServer) -> None:
    assert opened(gotify(server)).send(ENVELOPE, MESSAGE) == Receipt()
    (request,) = server.requests
    sent = json.loads(request.body)
    assert (sent["title"], sent["message"]) == ("Held", "Held: papers")
    assert "extras" not in sent  # which would say Markdown


def test_a_strangers_markup_mention_and_link_stay_words(server: FaultyServer) -> None:
    hostile = "@everyone <http://x.example|pay> [pay](http://x.example) `rm` \\n <b>x</b> a@b.example"
    url = server.origin.replace("http://", "mmost://") + "/hooktoken"
    opened(url).send(ENVELOPE, Message(hostile, hostile, hostile, hostile))
    text = json.loads(server.requests[0].body)["text"]
    for live in ("@everyone", "<http", "](", "`", "<b>"):
        assert live not in text
    assert "a@b.example" in text  # an address stays one
    assert "\\n" in text


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Permanent), (401, Permanent), (404, Permanent), (410, DeadAddress), (302, Uncertain),
        (429, Temporary), (503, Temporary), (500, Uncertain), (502, Uncertain),
    ],
)  # fmt: skip
def test_what_apprise_says_is_believed_no_further_than_it_goes(
    server: FaultyServer, status: int, kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    server.next_http(status, Location="/elsewhere")
    with caplog.at_level(logging.DEBUG), pytest.raises(kind) as told:
        opened(gotify(server)).send(ENVELOPE, MESSAGE)
    assert type(told.value) is kind
    assert "canary" not in str(told.value) + caplog.text
    assert len(server.requests) == 1  # nothing is repeated, no redirect followed
    opened(gotify(server)).send(ENVELOPE, MESSAGE)  # the control
    assert len(server.requests) == 2


def test_no_connection_is_uncertain_because_apprise_does_not_tell_it_from_a_lost_answer(
    server: FaultyServer,
) -> None:
    channel = opened(gotify(server))
    server.stop()
    with pytest.raises(Uncertain, match="does not say"):
        channel.send(ENVELOPE, MESSAGE)
    assert channel.on_uncertain == "resend"


def test_a_private_host_is_reached_only_where_it_is_allowed(server: FaultyServer) -> None:
    with pytest.raises(Permanent, match="allow_hosts"):
        opened(gotify(server), allow_hosts=[]).send(ENVELOPE, MESSAGE)
    with pytest.raises(Temporary, match="cannot reach"):
        opened("gotify://no.such.host.invalid/t").send(ENVELOPE, MESSAGE)
    assert server.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "json://127.0.0.1/x", "jsons://x.example/", "xml://127.0.0.1/", "form://127.0.0.1/", "mailto://a:b@x.example",
        "syslog://", "dbus://", "macosx://", "windows://", "gnome://", "file:///etc/passwd", "custom://x", "apprise://x/y",
        "https://x.example/hook", "smpp://a:b@x", "mqtt://x/y", "", "ntfy", "NTFY ://x",
        "gotify://x.example/t?verify=no", "gotify://x.example/t?redirect=yes", "gotify://x.example/t?format=html",
        "workflows://x.example/a/b?template=/etc/passwd", "gotify://x.example/t?retry=5", "gotify://x.example/t?+X-Header=1",
        "ntfy://x.example/t?attach=file:///etc/passwd", "slack://a/b/c?template=http://x",
    ],
)  # fmt: skip
def test_whatever_could_do_more_than_tell_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="is none of"):
        Settings.model_validate({"url": url})


def test_what_is_let_through_is_known_to_apprise() -> None:
    from apprise import Apprise as Library

    known = {name for service in Library().details()["schemas"] for name in
             [*(service["protocols"] or []), *(service["secure_protocols"] or [])]}  # fmt: skip
    assert known >= SCHEMES


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("tgram://123456789:abcdefghijklmnopqrstuvwxyzABCDEFGH/111/222", "must name one target"),
        ("tgram://canary", "cannot read the address"),
        ("discord://canary", "cannot read the address"),
    ],
)
def test_an_address_that_is_none_or_names_several_is_told_when_it_is_opened(url: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said) as told:
        opened(url)
    assert "canary" not in str(told.value)
    assert "canary" not in repr(Settings.model_validate({"url": url}))


def test_apprise_is_imported_only_when_it_is_used_and_missed_with_a_hint() -> None:
    lone = """
import sys
from workers.channels import load
module = load("apprise")
settings = module.Settings.model_validate({"url": "ntfys://x.example/t"})
assert "apprise" not in sys.modules
sys.path[:] = [p for p in sys.path if "site-packages" not in p]
try:
    module.open(settings, name="push", clock=None)
except Exception as error:
    print(type(error).__name__, error)
"""
    out = subprocess.run(
        [sys.executable, "-c", lone], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert out.startswith("Misconfigured")
    assert 'pip install "customs-watch[apprise]"' in out
