"""The contract fails for a source that is wrong in one way, and passes for the same source made right."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from tests.servers._faulty import FaultyServer, Reply
from tests.sources import on_the_wire
from tests.sources.on_the_wire import BODIES, NOW, SIMPLE, STATUSES, Subject
from workers.errors import Temporary
from workers.sources import Ask, Found, NoNews, Outcome
from workers.sources._http import _trust

KEY = "a-secret-key"
CAP = 50_000


class Toy:
    """A source of one call; ``wrong`` says in which way it is not as it should be."""

    name, batch, rate = "toy", 10, 100.0

    def __init__(self, origin: str, largest: int, wrong: str) -> None:
        self.wrong = wrong
        self._url = origin
        self._key = KEY if wrong == "keeps its key in sight" else ""
        self._largest = largest
        self._client = httpx.Client(
            verify=_trust(), timeout=0.4, follow_redirects=wrong == "follows redirects", trust_env=False
        )
        if wrong == "asks at opening":
            self._client.get(origin)

    def track(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        try:
            outcome = self._look(asks[0])
        except Temporary:
            if self.wrong == "takes errors for silence":
                return {ask.parcel: NoNews() for ask in asks}
            raise
        return {} if self.wrong == "leaves parcels out" else {ask.parcel: outcome for ask in asks}

    def close(self) -> None:
        self._client.close()

    def _look(self, ask: Ask) -> Outcome:
        told = self._body()
        if self.wrong == "lets everything escape":
            return Found("x", lambda: told["events"])
        if self.wrong == "believes any object":
            return NoNews()
        raise Temporary("the toy knows no parcel")

    def _body(self) -> Any:
        status, headers, body = self._answer()
        if status == 429 and self.wrong != "is deaf to Retry-After":
            raise Temporary("slow down", after=_after(headers.get("retry-after", "")))
        if 300 <= status < 400:
            raise Temporary("the toy's service redirects")
        if status >= 400 and self.wrong != "looks at no status":
            shown = KEY if self.wrong == "shows its key" else ""
            raise Temporary(f"the toy's service is ill {shown}")
        if (
            b"<" in body[:8] or "html" in headers.get("content-type", "")
        ) and self.wrong != "reads pages as data":
            raise Temporary("a web page")
        if self.wrong == "lets everything escape":
            return json.loads(body)
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise Temporary("not JSON") from None

    def _answer(self) -> tuple[int, Mapping[str, str], bytes]:
        body, began = b"", time.monotonic()
        try:
            with self._client.stream("GET", self._url) as response:
                for part in response.iter_bytes():
                    body += part
                    if len(body) > self._largest and self.wrong != "reads without end":
                        raise Temporary(f"the toy's service sent more than {self._largest} bytes")
                    if time.monotonic() - began > 0.8 and self.wrong != "waits as long as it drips":
                        raise Temporary("the toy's service is too slow")
                return response.status_code, response.headers, body
        except httpx.HTTPError as error:
            raise Temporary(f"the toy's service cannot be reached: {type(error).__name__}") from None


def _after(said: str) -> timedelta | None:
    if not said:
        return None
    return timedelta(seconds=int(said)) if said.isdigit() else parsedate_to_datetime(said) - NOW


def subject(wrong: str = "") -> Subject:
    def make(origin: str, small: bool) -> Any:
        return Toy(origin, CAP if small else 20_000_000, wrong)

    return Subject(wrong or "right", make, [Ask("known", "LP00000000000402")], (), [KEY], CAP)


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer(lambda _: Reply(b"{}", 500)) as running:
        yield running


def bodies(toy: Subject, server: FaultyServer) -> None:
    for body in BODIES.values():
        on_the_wire.body_that_is_no_answer(toy, server, body)


def statuses(toy: Subject, server: FaultyServer) -> None:
    for status in STATUSES:
        on_the_wire.status_that_is_no_success(toy, server, status)


def fifty_megabytes(toy: Subject, server: FaultyServer) -> None:
    on_the_wire.fifty_megabytes(toy, server, Reply(b" " * on_the_wire.MEGABYTES_50))


def documented(toy: Subject, server: FaultyServer) -> None:
    error = {"status": 429, "headers": {"Retry-After": "9"}, "body": {}, "outcome": "Temporary", "after": 9}
    on_the_wire.documented_error(toy, server, error)


CHECKS = {
    "bodies": bodies,
    "statuses": statuses,
    "fifty megabytes": fifty_megabytes,
    "documented": documented,
    **SIMPLE,
}
WRONG = [
    ("takes errors for silence", "bodies"), ("takes errors for silence", "statuses"), ("takes errors for silence", "a redirect"),
    ("takes errors for silence", "silence, slowness and broken connections"),
    ("lets everything escape", "bodies"), ("believes any object", "bodies"),
    ("reads pages as data", "a page for people"), ("is deaf to Retry-After", "a request to slow down, in three styles"),
    ("is deaf to Retry-After", "documented"), ("follows redirects", "a redirect"), ("reads without end", "fifty megabytes"),
    ("reads without end", "a body larger than the cap"), ("shows its key", "errors without secrets"),
    ("keeps its key in sight", "errors without secrets"), ("asks at opening", "nothing asked at opening"),
]  # fmt: skip


@pytest.mark.parametrize("check", CHECKS)
def test_a_right_source_passes(check: str, server: FaultyServer) -> None:
    CHECKS[check](subject(), server)


@pytest.mark.parametrize(("wrong", "check"), WRONG)
def test_a_wrong_source_is_caught(wrong: str, check: str, server: FaultyServer) -> None:
    with pytest.raises((AssertionError, ValueError, KeyError, TypeError)):
        CHECKS[check](subject(wrong), server)


@pytest.mark.slow
def test_a_source_that_waits_as_long_as_it_drips_is_caught(server: FaultyServer) -> None:
    with pytest.raises(AssertionError):
        CHECKS["silence, slowness and broken connections"](subject("waits as long as it drips"), server)
