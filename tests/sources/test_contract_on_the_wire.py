"""Every source whose service misbehaves comes to an error, in time, and never to silence. See on_the_wire.py for the checks.

A kind that talks HTTP brings ``tests/sources/<kind>/settings.json``: its settings with ``{origin}`` for the server's address,
``timeout`` and ``largest`` small, the asks to make, and as ``first`` the answers of calls that come before another one that
matters: a sign-in, a registration. ``errors.json`` holds the errors its documentation names, with what each must come to.
"""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.servers._faulty import FaultyServer, Reply
from tests.sources import on_the_wire
from tests.sources.on_the_wire import BODIES, KINDS, MEGABYTES_50, SIMPLE, STATUSES, Check, Subject
from workers.errors import Temporary

SUBJECTS = on_the_wire.subjects()
# One for each kind, and those behind a first call: for what takes a while, however often it is looked at.
FEW = [*{subject.name.partition("-")[0]: subject for subject in SUBJECTS if not subject.first}.values()] + [
    subject for subject in SUBJECTS if subject.first
]


@pytest.fixture(scope="module")
def one_server() -> Iterator[FaultyServer]:
    with FaultyServer(lambda _: Reply(b"", 500)) as running:
        yield running


@pytest.fixture
def server(one_server: FaultyServer) -> FaultyServer:
    one_server.inject_nothing()
    one_server.requests.clear()
    return one_server


def test_faults_are_met_in_every_call_of_a_look() -> None:
    """Whoever signs in or registers first must also be met behind that, or half of it is never tested."""
    names = {subject.name for subject in SUBJECTS}
    for kind in ("aliexpress", "fedex", "parcelsapp", "seventeentrack", "ups", "usps"):
        assert any(name.startswith(f"{kind}-") and "-behind-" in name for name in names), kind


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_a_body_that_is_no_answer_is_an_error(subject: Subject, body: bytes, server: FaultyServer) -> None:
    on_the_wire.body_that_is_no_answer(subject, server, body)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_a_status_that_is_no_success_is_an_error(subject: Subject, status: int, server: FaultyServer) -> None:
    on_the_wire.status_that_is_no_success(subject, server, status)


@pytest.mark.parametrize("check", SIMPLE.values(), ids=SIMPLE.keys())
@pytest.mark.parametrize("subject", FEW, ids=str)
def test_it_comes_to_an_error_in_time(subject: Subject, check: Check, server: FaultyServer) -> None:
    check(subject, server)


@pytest.mark.parametrize("subject", [subject for subject in SUBJECTS if not subject.first], ids=str)
def test_a_service_that_is_not_there_is_temporary(subject: Subject) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody answers, nobody else can take the port
        taken.bind(("127.0.0.1", 0))
        source = subject.make(f"http://127.0.0.1:{taken.getsockname()[1]}", True)
        with pytest.raises(Temporary):
            source.track(subject.asks)
        source.close()


@pytest.mark.slow
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize("subject", FEW, ids=str)
def test_fifty_megabytes_are_not_read(subject: Subject, packed: bool, server: FaultyServer) -> None:
    body = b'{"x":"' + b" " * MEGABYTES_50 + b'"}'
    body = gzip.compress(body, 1) if packed else body
    reply = Reply(body, headers={"Content-Encoding": "gzip" if packed else "identity"})
    on_the_wire.fifty_megabytes(subject, server, reply)


DOCUMENTED = [(kind, error) for kind in KINDS for error in on_the_wire.said(kind, "errors.json")]


@pytest.mark.parametrize(
    ("kind", "error"), DOCUMENTED, ids=[f"{kind}-{i}" for i, (kind, _) in enumerate(DOCUMENTED)]
)
def test_a_documented_error_comes_to_what_it_means(kind: str, error: Any, server: FaultyServer) -> None:
    chosen = [
        subject
        for subject in on_the_wire.subjects_of(kind)
        if bool(subject.first) == error.get("behind", False)
        and subject.asks[0].parcel == error.get("ask", "known")
    ]
    on_the_wire.documented_error(chosen[0], server, error)
