"""Speak HTTP with a tracking service: one client, one size cap, one deadline; refuses redirects.

What comes back is bytes and a status. Anything that is not an answer (no connection, time out, a redirect, a
body without end, a page for people instead of JSON) is ``Temporary``, never mistaken for an empty answer.
"""

from __future__ import annotations

import ssl
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import httpx

from workers import __version__
from workers.errors import Temporary
from workers.guard import Guarded
from workers.sources._direct import Direct, Reply
from workers.sources._reach import PUBLIC, Reach
from workers.sources._waits import date_of, reset_after, retry_after
from workers.strangers import quoted as quoted  # read by every source beside what it asks with

CAP = 20_000_000  # bytes of a decoded body; 40 long histories are about half a million

_AGENT = f"customs-watch/{__version__}"
_ILL = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service sent: a status below 300, or a refusal (4xx) whose body may say why."""

    status: int
    kind: str  # the media type, lower case, without parameters
    body: bytes
    date: datetime | None = None  # the service's clock, where it shows it


class Wire:
    """A kept connection to one service. Safe to call from several threads; opening connects to nothing."""

    def __init__(
        self,
        service: str,
        *,
        timeout: timedelta,
        clock: Callable[[], datetime],
        headers: Mapping[str, str] | None = None,
        cap: int = CAP,
        cold: timedelta | None = None,
        reach: Reach = PUBLIC,
        busy: bool = False,  # many calls and no need of cookies: takes the direct way, where no proxy is set
    ) -> None:
        self.service = service
        self._clock = clock
        self._cap = cap
        self._whole = 2 * timeout.total_seconds()  # seconds for headers and body together
        self._cold = cold  # how long to leave a service alone that blocks us
        self._headers = {"User-Agent": _AGENT, "Accept": "application/json", **(headers or {})}
        # A proxy connects for us and looks at no address: it is used only for an address that needs no look.
        proxied = reach.proxied and bool(urllib.request.getproxies())
        self._direct = None
        if busy and not proxied:
            self._direct = Direct(timeout=timeout.total_seconds(), trust=_trust(), allowed=reach.allowed)
        self._client = httpx.Client(
            headers=self._headers,
            timeout=httpx.Timeout(timeout.total_seconds()),
            follow_redirects=False,
            verify=_trust(),
            transport=None if proxied else Guarded(reach.allowed, verify=_trust()),
        )

    def call(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one request; raises Temporary for whatever is no answer, ``after`` as the service said."""
        headers = {**({"Content-Type": "application/json"} if content is not None else {}), **(headers or {})}
        until = time.monotonic() + self._whole
        try:
            with self._exchange(method, url, content, params, headers) as reply:
                self._check(reply)
                body = self._read(reply, until)
                kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
                return Answer(reply.status, kind, body, date_of(reply.headers.get("date", "")))
        except (TimeoutError, httpx.TimeoutException):
            raise Temporary(f"{self.service} did not answer in time") from None
        except (ConnectionError, httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise Temporary(
                f"{self.service} cannot be reached: {quoted(str(error) or type(error).__name__)}"
            ) from None

    @contextmanager
    def _exchange(
        self,
        method: str,
        url: str,
        content: bytes | None,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
    ) -> Iterator[Reply]:
        if self._direct is not None and not params:
            with self._direct.exchange(
                method, url, content=content, headers={**self._headers, **headers}
            ) as reply:
                yield reply
            return
        with self._client.stream(method, url, content=content, params=params, headers=headers) as response:
            yield Reply(response.status_code, response.headers, response.iter_bytes())

    def json(self, answer: Answer) -> bytes:
        """Return the body of *answer* if it can be JSON; raises Temporary for a page made for people."""
        start = answer.body[:256].lstrip(b"\xef\xbb\xbf \t\r\n")
        if answer.kind in {"text/html", "application/xhtml+xml"} or start.startswith(b"<"):
            raise Temporary(
                f"{self.service} answered with a web page instead of data",
                after=self._cold,
                hint="a block page, a sign-in page of the network, or maintenance",
            )
        if not start:
            raise Temporary(f"{self.service} answered with nothing", after=self._cold)
        if start[:1] not in b"{[":
            raise Temporary(f"{self.service} answered with something that is not JSON", after=self._cold)
        return answer.body

    def close(self) -> None:
        self._client.close()
        if self._direct is not None:
            self._direct.close()

    def _check(self, response: Reply) -> None:
        status = response.status
        if 300 <= status < 400:
            host = _host(response)
            raise Temporary(
                f"{self.service} redirects{f' to {host}' if host else ''} instead of answering",
                after=self._cold,
                hint="redirects are not followed: they would carry the key elsewhere",
            )
        if status in _ILL or status >= 500:
            after = retry_after(response.headers, now=self._clock())
            if status == 429 and after is None:
                after = reset_after(response.headers, now=self._clock())
            what = "asks to slow down" if status == 429 else "is ill"
            raise Temporary(f"{self.service} {what} (HTTP {status})", after=after or self._cold)

    def _read(self, response: Reply, until: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        for part in response.pieces:
            size += len(part)
            if size > self._cap:
                raise Temporary(f"{self.service} sent more than {self._cap} bytes")
            if time.monotonic() > until:
                raise Temporary(f"{self.service} sends its answer too slowly")
            parts.append(part)
        return b"".join(parts)


@cache
def _trust() -> ssl.SSLContext:
    """Return the one TLS context of this process: reading the certificates costs some 40 ms of CPU each time."""
    return httpx.create_ssl_context()


def _host(response: Reply) -> str:
    try:
        return quoted(httpx.URL(response.headers.get("location", "")).host, 60)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return ""
