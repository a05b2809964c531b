"""What every source owes when its service misbehaves: an error, in time, and never silence. See test_contract.py."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.servers._faulty import FaultyServer, Reply
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Found, NoNews, kinds, load

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
ON_THE_WIRE = [kind for kind in kinds() if (HERE / kind / "settings.json").exists()]


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer(lambda _: Reply(b"", 500)) as running:
        yield running


class Harness:
    """A source of *kind* whose service is *server*, or nobody."""

    def __init__(self, kind: str, origin: str) -> None:
        text = (HERE / kind / "settings.json").read_text().replace("{origin}", origin)
        said = json.loads(text)
        module = load(kind)
        self.source = module.open(
            module.Settings.model_validate(said["settings"]), name="tested", clock=lambda: NOW
        )
        self.asks = [Ask(**fields) for fields in said["asks"]]
        self.largest = int(said["settings"]["largest"])

    def errors(self, *, of: list[Ask]) -> list[Temporary | Permanent]:
        """Track; return the errors, and fail where anything else came back."""
        try:
            outcomes = self.source.track(of)
        except (Temporary, Permanent) as error:
            return [error]
        finally:
            self.source.close()
        assert set(outcomes) == {ask.parcel for ask in of}
        found: list[Temporary | Permanent] = []
        for outcome in outcomes.values():
            assert not isinstance(outcome, NoNews), "an error was taken for no news"
            if isinstance(outcome, Found):
                with pytest.raises(Temporary) as raised:
                    outcome.read()
                found.append(raised.value)
            else:
                found.append(outcome)
        return found


class Careless:
    """A source that takes every failure for silence."""

    def track(self, asks: list[Ask]) -> Mapping[str, Any]:
        return {ask.parcel: NoNews() for ask in asks}

    def close(self) -> None:
        """Nothing is held open."""


def test_a_source_that_takes_an_error_for_no_news_is_caught(server: FaultyServer) -> None:
    harness = Harness("cainiao", server.origin)
    harness.source.close()
    harness.source = Careless()
    with pytest.raises(AssertionError, match="taken for no news"):
        harness.errors(of=harness.asks)


BODIES: Mapping[str, bytes] = {
    "nothing": b"",
    "blanks": b" \n ",
    "garbage": bytes(range(256)),
    "a word": b"OK",
    "a number": b"123",
    "null": b"null",
    "a list": b"[]",
    "a list of lists": b"[[[]]]",
    "an empty object": b"{}",
    "a success without data": b'{"code":0,"success":true}',
    "null data": b'{"code":0,"data":null,"success":true,"module":null}',
    "data of the wrong type": b'{"code":0,"data":"x","success":true,"module":"x"}',
    "empty lists": b'{"code":0,"data":{"accepted":[],"rejected":[]},"success":true,"module":[]}',
    "lists of the wrong type": b'{"code":0,"data":{"accepted":"x","rejected":7},"success":true,"module":[7]}',
    "somebody else's parcel": b'{"code":0,"data":{"accepted":[{"number":"X1"}]},"success":true,"module":[{"mailNo":"X1"}]}',
    "an error in 200": b'{"code":-18010003,"data":{"errors":[{"code":-18010003,"message":"x"}]},"success":false}',
    "a JSON cut short": b'{"code":0,"data":{"accepted":[{"number":"LP0',
    "bad UTF-8": b'{"code":0,"data":{"errors":[{"code":1,"message":"\xff\xfe"}]},"success":false,"errorMsg":"\xff"}',
    "half a letter": b'{"code":0,"data":{"errors":[{"code":1,"message":"\\ud800"}]},"success":false,"errorMsg":"\\ud800"}',
    "a thousand levels": b'{"data":' + b"[" * 20_000,
    "HTML": b"<!DOCTYPE html><html><body>Are you human?</body></html>",
    "HTML after a mark": b"\xef\xbb\xbf\n<html></html>",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("kind", ON_THE_WIRE)
def test_a_body_that_is_no_answer_is_an_error_for_new_and_known_parcels(
    kind: str, body: bytes, server: FaultyServer
) -> None:
    for ask in Harness(kind, server.origin).asks:
        server.inject(Reply(body))
        assert Harness(kind, server.origin).errors(of=[ask])


@pytest.mark.parametrize("kind", ON_THE_WIRE)
def test_a_page_for_people_is_called_one_whatever_it_claims_to_be(kind: str, server: FaultyServer) -> None:
    for body, media in (
        (BODIES["HTML"], "application/json"),
        (BODIES["HTML after a mark"], ""),
        (b"{}", "text/html"),
    ):
        server.inject(Reply(body, kind=media))
        harness = Harness(kind, server.origin)
        (error,) = harness.errors(of=harness.asks[-1:])
        assert "web page" in str(error)


@pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 408, 418, 429, 500, 502, 503, 504, 520])
@pytest.mark.parametrize("kind", ON_THE_WIRE)
def test_a_status_that_is_no_success_is_an_error(kind: str, status: int, server: FaultyServer) -> None:
    for body, media in ((b"", "text/plain"), (b"<html></html>", "text/html"), (b"{}", "application/json")):
        if status == 204 and body:
            continue
        server.inject(Reply(body, status, kind=media))
        harness = Harness(kind, server.origin)
        assert harness.errors(of=harness.asks[-1:])


@pytest.mark.parametrize("kind", ON_THE_WIRE)
def test_a_request_to_slow_down_says_when_in_all_three_styles(kind: str, server: FaultyServer) -> None:
    later = format_datetime(NOW + timedelta(seconds=90), usegmt=True)
    styles = {"7": timedelta(seconds=7), later: timedelta(seconds=90), None: None}
    for said, after in styles.items():
        server.inject(Reply(b"{}", 429, {"Retry-After": said} if said else {}))
        harness = Harness(kind, server.origin)
        (error,) = harness.errors(of=harness.asks[-1:])
        assert isinstance(error, Temporary)
        assert error.after == after or (
            after is None and error.after is not None and error.after > timedelta(hours=1)
        )


@pytest.mark.parametrize("kind", ON_THE_WIRE)
def test_a_redirect_is_not_followed(kind: str, server: FaultyServer) -> None:
    with FaultyServer(lambda _: Reply(b"{}")) as elsewhere:
        for location, status in ((elsewhere.origin, 302), ("/punish", 307), ("http://a:b:c", 300), ("", 301)):
            server.next_redirect(location, status)
            harness = Harness(kind, server.origin)
            (error,) = harness.errors(of=harness.asks[-1:])
            assert isinstance(error, Temporary)
            assert "redirects" in str(error)
        assert not elsewhere.requests


@pytest.mark.parametrize("kind", ON_THE_WIRE)
def test_silence_slowness_and_broken_connections_are_temporary(kind: str, server: FaultyServer) -> None:
    faults = (Reply(b"{}", stall=3.0), Reply(b"{" + b" " * 1000 + b"}", drip=0.05), Reply(b"{}" * 50, cut=10))
    for fault in faults:
        server.inject(fault)
        harness = Harness(kind, server.origin)
        began = time.monotonic()
        (error,) = harness.errors(of=harness.asks[-1:])
        assert isinstance(error, Temporary)
        assert time.monotonic() - began < 15, "the body would have dripped for fifty seconds"


@pytest.mark.parametrize("kind", ON_THE_WIRE)
def test_a_service_that_is_not_there_is_temporary(kind: str) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody answers, nobody else can take the port
        taken.bind(("127.0.0.1", 0))
        harness = Harness(kind, f"http://127.0.0.1:{taken.getsockname()[1]}")
        (error,) = harness.errors(of=harness.asks[-1:])
    assert isinstance(error, Temporary)


@pytest.mark.parametrize("kind", ON_THE_WIRE)
def test_a_body_larger_than_the_cap_is_not_read_to_its_end_packed_or_not(
    kind: str, server: FaultyServer
) -> None:
    harness = Harness(kind, server.origin)
    large = b'{"x":"' + b" " * (harness.largest * 3) + b'"}'
    server.inject(Reply(large, headers={"Content-Encoding": "identity"}))
    (plain_error,) = harness.errors(of=harness.asks[-1:])
    server.inject(Reply(gzip.compress(large), headers={"Content-Encoding": "gzip"}))
    again = Harness(kind, server.origin)
    (packed_error,) = again.errors(of=again.asks[-1:])
    assert f"more than {harness.largest} bytes" in str(plain_error)
    assert f"more than {harness.largest} bytes" in str(packed_error)


@pytest.mark.parametrize("kind", ON_THE_WIRE)
def test_an_error_never_shows_the_key(kind: str, server: FaultyServer) -> None:
    key = str(json.loads((HERE / kind / "settings.json").read_text())["settings"].get("token", "no key"))
    for fault in (Reply(b"", 401), Reply(b"<html>", 403), Reply(b"x"), Reply(b"", 302, {"Location": "/"})):
        server.inject(fault)
        harness = Harness(kind, server.origin)
        for error in harness.errors(of=harness.asks[-1:]):
            assert key not in f"{error!r} {error}"
        assert key not in repr(harness.source.__dict__)


@pytest.mark.parametrize("kind", ON_THE_WIRE)
def test_opening_makes_no_request(kind: str, server: FaultyServer) -> None:
    Harness(kind, server.origin).source.close()
    assert not server.requests
