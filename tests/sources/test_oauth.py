"""What every source owes that signs in first: faults behind the token, tokens that end, and secrets that stay inside."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.servers._faulty import FaultyServer, Reply
from tests.sources.on_the_wire import BODIES
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Found, NoNews, kinds, load

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def said(kind: str) -> dict[str, Any]:
    path = HERE / kind / "settings.json"
    return dict(json.loads(path.read_text())) if path.exists() else {"settings": {}}


KINDS = [kind for kind in kinds() if "client_secret" in said(kind)["settings"]]
TOKEN = Reply(b'{"access_token":"a-secret-token","token_type":"Bearer","expires_in":3600}')


class Clock:
    """A clock to turn."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def opened(kind: str, origin: str, clock: Callable[[], datetime] = lambda: NOW) -> Any:
    told = json.loads(json.dumps(said(kind)["settings"]).replace("{origin}", origin))
    module = load(kind)
    settings = module.Settings.model_validate(told)
    return module.open(settings, name="tested", clock=clock, sleep=lambda _: None)


def asks(kind: str) -> list[Ask]:
    return [Ask(**fields) for fields in said(kind)["asks"]]


def error_of(source: Any, asked: list[Ask]) -> Temporary | Permanent:
    """Look; return the error, and fail where anything else came back."""
    try:
        outcomes: Mapping[str, Any] = source.track(asked)
    except (Temporary, Permanent) as error:
        return error
    (outcome,) = outcomes.values()
    assert isinstance(outcome, (Temporary, Permanent)), f"an error was taken for {outcome!r}"
    return outcome


def is_sign_in(path: str) -> bool:
    return "oauth" in path


class Carrier:
    """A carrier that gives tokens and knows no parcel; its answers to the rest are one reply."""

    def __init__(self) -> None:
        self.life = 3600
        self.given = 0
        self.good = ""
        self.reply = Reply(b"", 500)

    def __call__(self, request: Any) -> Reply:
        if is_sign_in(request.path):
            self.given += 1
            self.good = f"token-{self.given}"
            answer = {"access_token": self.good, "token_type": "Bearer", "expires_in": self.life}
            return Reply(json.dumps(answer).encode())
        if request.headers.get("authorization") != f"Bearer {self.good}":
            return Reply(b'{"error":{"code":"401","message":"Invalid token"}}', 401)
        return self.reply


@pytest.fixture
def carrier() -> Carrier:
    return Carrier()


@pytest.fixture
def server(carrier: Carrier) -> Iterator[FaultyServer]:
    with FaultyServer(carrier) as running:
        yield running


def test_there_are_kinds_that_sign_in() -> None:
    assert {"ups", "fedex", "usps"} <= set(KINDS)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("kind", KINDS)
def test_a_body_that_is_no_answer_is_an_error_behind_the_token_too(
    kind: str, body: bytes, carrier: Carrier, server: FaultyServer
) -> None:
    carrier.reply = Reply(body)
    source = opened(kind, server.origin)
    assert isinstance(error_of(source, asks(kind)), Temporary)
    source.close()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 429, 500, 503])
@pytest.mark.parametrize("kind", KINDS)
def test_a_status_that_is_no_success_is_an_error_behind_the_token_too(
    kind: str, status: int, carrier: Carrier, server: FaultyServer
) -> None:
    for body, media in ((b"", "text/plain"), (b"<html></html>", "text/html"), (b"{}", "application/json")):
        carrier.reply = Reply(body, status, kind=media)
        source = opened(kind, server.origin)
        assert error_of(source, asks(kind))
        source.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_to_slow_down_behind_the_token_says_when(
    kind: str, carrier: Carrier, server: FaultyServer
) -> None:
    carrier.reply = Reply(b"{}", 429, {"Retry-After": "70"})
    source = opened(kind, server.origin)
    error = error_of(source, asks(kind))
    assert isinstance(error, Temporary)
    assert error.after == timedelta(seconds=70)
    source.close()


@pytest.mark.parametrize("kind", KINDS)
def test_one_token_serves_many_looks_until_shortly_before_its_end(
    kind: str, carrier: Carrier, server: FaultyServer
) -> None:
    clock = Clock()
    source = opened(kind, server.origin, clock)
    for _ in range(3):
        error_of(source, asks(kind))
    assert carrier.given == 1
    clock.now += timedelta(seconds=3600 - 61)
    error_of(source, asks(kind))
    assert carrier.given == 1
    clock.now += timedelta(seconds=2)
    error_of(source, asks(kind))
    assert carrier.given == 2
    source.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_that_ended_early_is_renewed_once_and_the_call_made_again(
    kind: str, carrier: Carrier, server: FaultyServer
) -> None:
    source = opened(kind, server.origin)
    error_of(source, asks(kind))
    carrier.good = ""  # as after a restart over there
    error_of(source, asks(kind))
    assert carrier.given == 2
    calls = [is_sign_in(request.path) for request in server.requests]
    assert calls == [True, False, False, True, False]
    source.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_401_with_a_fresh_token_is_a_refusal(
    kind: str, carrier: Carrier, server: FaultyServer
) -> None:
    carrier.reply = Reply(b"", 401)
    source = opened(kind, server.origin)
    error = error_of(source, asks(kind))
    assert isinstance(error, Permanent)
    assert error.hint
    assert carrier.given == 2
    source.close()


@pytest.mark.parametrize(
    "answer",
    [
        Reply(b'{"error":"invalid_client","error_description":"Client authentication failed."}', 401),
        Reply(b'{"error":"invalid_client"}', 400),
        Reply(b"", 401),
        Reply(
            b'{"errors":[{"code":"NOT.AUTHORIZED.ERROR","message":"The given credentials are not valid"}]}',
            401,
        ),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_refused_credentials_are_permanent(kind: str, answer: Reply, server: FaultyServer) -> None:
    server.inject(answer)
    source = opened(kind, server.origin)
    error = error_of(source, asks(kind))
    assert isinstance(error, Permanent)
    assert "client_id" in error.hint
    source.close()


@pytest.mark.parametrize(
    "answer",
    [
        Reply(b"{}"),
        Reply(b"[]"),
        Reply(b'{"access_token":""}'),
        Reply(b'{"access_token":"two words"}'),
        Reply(b'{"access_token":["x"]}'),
        Reply('{"access_token":"é"}'.encode()),
        Reply(b"{}", 400),
        Reply(b"{}", 403),
        Reply(b"<html>", 401, kind="text/html"),
        Reply(b'{"access_token":', 200),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_an_odd_answer_to_a_sign_in_is_temporary(kind: str, answer: Reply, server: FaultyServer) -> None:
    server.inject(answer)
    source = opened(kind, server.origin)
    assert isinstance(error_of(source, asks(kind)), Temporary)
    source.close()


@pytest.mark.parametrize("kind", KINDS)
def test_neither_the_secret_nor_the_token_shows(kind: str, server: FaultyServer) -> None:
    secret = said(kind)["settings"]["client_secret"]
    for fault in (Reply(b"", 401), Reply(b"<html>", 403), Reply(b"x"), Reply(b"", 302, {"Location": "/"})):
        server.inject(TOKEN, fault)
        source = opened(kind, server.origin)
        error = error_of(source, asks(kind))
        shown = f"{error!r} {error} {source.__dict__!r} {source!r}"
        assert secret not in shown
        assert "a-secret-token" not in shown
        source.close()


@pytest.mark.parametrize("kind", KINDS)
def test_threads_share_one_token(kind: str, carrier: Carrier, server: FaultyServer) -> None:
    source = opened(kind, server.origin)
    threads = [threading.Thread(target=error_of, args=(source, asks(kind))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert carrier.given == 1
    source.close()


def test_a_source_that_takes_an_error_for_silence_would_be_caught() -> None:
    class Careless:
        def track(self, asked: list[Ask]) -> Mapping[str, Any]:
            return {ask.parcel: NoNews() for ask in asked}

    class Deaf:
        def track(self, asked: list[Ask]) -> Mapping[str, Any]:
            return {ask.parcel: Found("x", list) for ask in asked}

    for odd in (Careless(), Deaf()):
        with pytest.raises(AssertionError, match="taken for"):
            error_of(odd, [Ask("p", "n")])
