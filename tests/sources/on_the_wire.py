"""What every source owes when its service misbehaves, as checks that a test makes of any source: each fails for a wrong one."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from tests.servers._faulty import FaultyServer, Reply
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Found, NoNews, Source, kinds, load

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
KINDS = [kind for kind in kinds() if (HERE / kind / "settings.json").exists()]
MEGABYTES_50 = 50_000_000

Make = Callable[[str, bool], Source]  # address of the service, whether a small answer is large already


@dataclass(frozen=True)
class Subject:
    """A source to be checked, and the calls that come before the one that matters."""

    name: str
    make: Make
    asks: Sequence[Ask]
    first: Sequence[Reply] = ()  # answers of the calls before
    secrets: Sequence[str] = ()
    largest: int = 50_000

    def __str__(self) -> str:
        return self.name

    def looks(
        self, server: FaultyServer, reply: Reply, *, small: bool = True, twice: bool = False
    ) -> list[Any]:
        """Make one look whose call that matters gets *reply*; return what it came to, exceptions of the house included.

        *twice*: after another sign-in it gets it again.
        """
        server.inject(*(*self.first, reply) * (2 if twice else 1))
        source = self.make(server.origin, small)
        try:
            outcomes = source.track(self.asks)
        except (Temporary, Permanent) as error:
            return [error]
        finally:
            source.close()
            server.inject_nothing()
        assert set(outcomes) == {ask.parcel for ask in self.asks}, "a parcel was left out"
        return [read(outcome) for outcome in outcomes.values()]

    def errors(
        self, server: FaultyServer, reply: Reply, *, small: bool = True
    ) -> list[Temporary | Permanent]:
        """Make one look; return the errors, and fail where anything else came back."""
        found = self.looks(server, reply, small=small)
        for outcome in found:
            assert not isinstance(outcome, NoNews), "an error was taken for no news"
            assert isinstance(outcome, (Temporary, Permanent)), f"an error was taken for {outcome!r}"
        return found


def read(outcome: Any) -> Any:
    """Return an outcome, read where it must be: what cannot be read is an error too."""
    if isinstance(outcome, Found):
        try:
            outcome.read()
        except Temporary as error:
            return error
    return outcome


def said(kind: str, file: str = "settings.json") -> Any:
    return json.loads((HERE / kind / file).read_text())


def subjects() -> list[Subject]:
    """Return every source that speaks HTTP: for each ask, and behind the calls that come first."""
    return [subject for kind in KINDS for subject in subjects_of(kind)]


def subjects_of(kind: str) -> list[Subject]:
    told = said(kind)
    settings = told["settings"]
    secret = ("token", "client_secret", "app_secret", "refresh_token")
    secrets = [settings[key] for key in secret if key in settings] + list(
        settings.get("secrets", {}).values()
    )

    def make(origin: str, small: bool) -> Source:
        module = load(kind)
        chosen = json.loads(json.dumps(settings).replace("{origin}", origin))
        chosen = chosen if small else {key: value for key, value in chosen.items() if key != "largest"}
        options = module.Settings.model_validate(chosen)
        source: Source = module.open(options, name="tested", clock=lambda: NOW, sleep=lambda _: None)
        return source

    plain = [
        Subject(f"{kind}-{ask['parcel']}", make, [Ask(**ask)], (), secrets, int(settings["largest"]))
        for ask in told["asks"]
    ]
    behind = [
        Subject(
            f"{kind}-{each['ask']}-behind-{len(each['answers'])}",
            make,
            [Ask(**ask) for ask in told["asks"] if ask["parcel"] == each["ask"]],
            [Reply(json.dumps(body).encode()) for body in each["answers"]],
            secrets,
            int(settings["largest"]),
        )
        for each in told.get("first", [])
    ]
    return [*plain, *behind]


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
STATUSES = (204, 400, 401, 403, 404, 408, 418, 429, 500, 502, 503, 504, 520)


def body_that_is_no_answer(subject: Subject, server: FaultyServer, body: bytes) -> None:
    assert subject.errors(server, Reply(body))


def page_for_people(subject: Subject, server: FaultyServer) -> None:
    for body, media in (
        (BODIES["HTML"], "application/json"),
        (BODIES["HTML after a mark"], ""),
        (b"{}", "text/html"),
    ):
        (error,) = subject.errors(server, Reply(body, kind=media))
        assert "web page" in str(error)


def status_that_is_no_success(subject: Subject, server: FaultyServer, status: int) -> None:
    for body, media in ((b"", "text/plain"), (b"<html></html>", "text/html"), (b"{}", "application/json")):
        if status == 204 and body:
            continue
        assert subject.errors(server, Reply(body, status, kind=media))


def request_to_slow_down(subject: Subject, server: FaultyServer) -> None:
    later = format_datetime(NOW + timedelta(seconds=90), usegmt=True)
    styles = {"7": timedelta(seconds=7), later: timedelta(seconds=90), None: None}
    for told, after in styles.items():
        (error,) = subject.errors(server, Reply(b"{}", 429, {"Retry-After": told} if told else {}))
        assert isinstance(error, Temporary)
        assert error.after == after or (
            after is None and error.after is not None and error.after > timedelta(hours=1)
        )


def redirect(subject: Subject, server: FaultyServer) -> None:
    with FaultyServer(lambda _: Reply(b"{}")) as elsewhere:
        for location, status in ((elsewhere.origin, 302), ("/punish", 307), ("http://a:b:c", 300), ("", 301)):
            (error,) = subject.errors(server, Reply(b"", status, {"Location": location}))
            assert isinstance(error, Temporary)
            assert "redirects" in str(error)
        assert not elsewhere.requests, "a redirect was followed"


def silence_slowness_and_broken_connections(subject: Subject, server: FaultyServer) -> None:
    faults = (Reply(b"{}", stall=3.0), Reply(b"{" + b" " * 1000 + b"}", drip=0.05), Reply(b"{}" * 50, cut=10))
    for fault in faults:
        began = time.monotonic()
        (error,) = subject.errors(server, fault)
        assert isinstance(error, Temporary)
        assert time.monotonic() - began < 15, "the body would have dripped for fifty seconds"


def body_larger_than_the_cap(subject: Subject, server: FaultyServer) -> None:
    large = b'{"x":"' + b" " * (subject.largest * 3) + b'"}'
    for reply in (
        Reply(large, headers={"Content-Encoding": "identity"}),
        Reply(gzip.compress(large), headers={"Content-Encoding": "gzip"}),
    ):
        (error,) = subject.errors(server, reply)
        assert f"more than {subject.largest} bytes" in str(error)


def fifty_megabytes(subject: Subject, server: FaultyServer, reply: Reply) -> None:
    """As the settings come: whatever is set small in the other checks is left at its default."""
    (error,) = subject.errors(server, reply, small=False)
    assert isinstance(error, Temporary)
    assert "sent more than" in str(error)


def errors_without_secrets(subject: Subject, server: FaultyServer) -> None:
    for fault in (Reply(b"", 401), Reply(b"<html>", 403), Reply(b"x"), Reply(b"", 302, {"Location": "/"})):
        for error in subject.errors(server, fault):
            assert not any(secret in f"{error!r} {error}" for secret in subject.secrets), "a secret is shown"
    source = subject.make(server.origin, True)
    assert not any(secret in repr(source.__dict__) for secret in subject.secrets), "a secret is shown"
    source.close()


def nothing_asked_at_opening(subject: Subject, server: FaultyServer) -> None:
    subject.make(server.origin, True).close()
    assert not server.requests, "opening asked something"


def documented_error(subject: Subject, server: FaultyServer, error: Mapping[str, Any]) -> None:
    """Answer as the documentation says; the outcome is what it means, and never anything but an outcome."""
    body = error["body"]
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    reply = Reply(content, error.get("status", 200), error.get("headers", {}))
    (outcome,) = subject.looks(server, reply, twice=error.get("twice", False))
    wanted = {"Temporary": Temporary, "Permanent": Permanent, "NoNews": NoNews}[error["outcome"]]
    assert isinstance(outcome, wanted), f"{outcome!r} for {error}"
    if "after" in error:
        assert isinstance(outcome, Temporary)
        assert outcome.after == timedelta(seconds=error["after"])


Check = Callable[..., None]
SIMPLE: Mapping[str, Check] = {
    "a page for people": page_for_people,
    "a request to slow down, in three styles": request_to_slow_down,
    "a redirect": redirect,
    "silence, slowness and broken connections": silence_slowness_and_broken_connections,
    "a body larger than the cap": body_larger_than_the_cap,
    "errors without secrets": errors_without_secrets,
    "nothing asked at opening": nothing_asked_at_opening,
}
