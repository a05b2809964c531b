"""One request to a gateway or receiver, and what its failure means. Follows no redirect and repeats nothing.

A request that may have been accepted is Uncertain, for an SMS costs money and annoys; one that cannot have
been is Temporary. The line between them is the connection: once there was one, a lost answer proves nothing.
"""

from __future__ import annotations

import json
import logging
import re
import ssl
import time
import urllib.request
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from workers.channels import _clean
from workers.errors import Barred, Misconfigured, Permanent, Temporary, Trouble, Uncertain
from workers.guard import KEEP, REFUSED, Guarded

_MOST = 256 * 1024  # bytes of an answer that are read; an accepted message's is about 1 kB
_SLOWEST = 30  # seconds for a body, however it drips
_LONGEST_WAIT = timedelta(days=1)
_WHO = "the SMS gateway"
_ACCOUNT = {401: "check the account's name and key", 402: "top up the account"}
_HTTPS = re.compile(r"https?://[^/?#@\s]+(?:[/?#]\S*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; ``data`` is decoded JSON, or None."""

    status: int
    data: Any
    retry_after: timedelta | None


def checked_url(url: str, *, insecure: bool) -> str:
    """Return *url*; raises ValueError unless it is https, or http to this machine, or *insecure* is meant."""
    if not _HTTPS.fullmatch(url):
        raise ValueError("not a web address, such as https://gateway.example.org/send")
    try:
        httpx.URL(url)
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises for a port that is none
    except (httpx.InvalidURL, ValueError):
        raise ValueError("not a web address, such as https://gateway.example.org/send") from None
    if parts.scheme.lower() != "https" and not insecure and not _clean.loopback(parts.hostname or ""):
        raise ValueError("http would send in the clear; write insecure: yes if that is meant")
    return url


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """Return whom to trust: the public authorities, or the one of *ca_file*; raises Misconfigured for a bad file."""
    try:
        return ssl.create_default_context(cafile=ca_file) if ca_file else _public_authorities()
    except OSError as error:  # ssl.SSLError is one too
        raise Misconfigured(f"ca_file {ca_file} holds no certificate that can be read") from error


def client(
    *,
    timeout: float,
    ca_file: Path | None,
    allowed: Collection[str],
    auth: tuple[str, str] | None = None,
    shipped: bool = False,
) -> httpx.Client:
    """Return a client for a gateway; makes no connection.

    It reaches the public internet and *allowed* hosts alone. A proxy of the environment looks at no address, so it is
    used only where the address is the *shipped* one.
    """
    verify = trust(ca_file)
    noisy = logging.getLogger(
        "httpx"
    )  # its line for each request holds the whole address: numbers, texts, keys
    if noisy.level == logging.NOTSET:
        noisy.setLevel(logging.WARNING)
    return httpx.Client(
        auth=auth,
        verify=verify,
        transport=None if shipped and urllib.request.getproxies() else Guarded(allowed, verify=verify),
        timeout=timeout,
        follow_redirects=False,
        limits=httpx.Limits(keepalive_expiry=KEEP),
        headers={"User-Agent": "customs-watch"},
        trust_env=shipped,
    )


@cache
def _public_authorities() -> ssl.SSLContext:
    return httpx.create_ssl_context()  # 60 ms and as many file reads for each; one serves all


def ask(
    wire: httpx.Client, request: httpx.Request, *, clock: Callable[[], datetime], who: str = _WHO
) -> Answer:
    """Send *request* and return the answer; raises Temporary, Permanent, Barred or Uncertain where there is none."""
    where = request.url.host  # never the whole address: it may hold a key
    try:
        response = wire.send(request, stream=True)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            hint = "a private authority's certificate goes into ca_file"
            raise Barred(f"{where} has no valid certificate", hint=hint) from error
        if REFUSED in str(error):
            raise Permanent(f"{who} {where} is not reached: {error}") from error
        raise Temporary(f"cannot reach {who} {where}: {_clean.header(str(error), 120)}") from error
    except httpx.TransportError as error:
        raise Uncertain(f"{who} {where} did not say whether it accepted the message") from error
    body = _body(response)
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):  # no JSON, or a trap
        data = None
    return Answer(response.status_code, data, _retry_after(response, clock()))


def _body(response: httpx.Response) -> bytes:
    """Return the start of the body. The status has come and decides, so a body that is cut off is only short."""
    got, end = b"", time.monotonic() + _SLOWEST
    try:
        for chunk in response.iter_bytes():
            got += chunk
            if len(got) > _MOST or time.monotonic() > end:
                break
    except (httpx.TransportError, httpx.DecodingError):
        pass
    finally:
        response.close()
    return got[:_MOST]


def _retry_after(response: httpx.Response, now: datetime) -> timedelta | None:
    """Return how long the gateway asks us to wait: seconds or a date (RFC 9110, section 10.2.3), a day at most."""
    said = response.headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        wait = timedelta(seconds=min(int(said), _LONGEST_WAIT.total_seconds()))
    else:
        try:
            until = parsedate_to_datetime(said)
        except ValueError:
            return None
        wait = (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    return min(max(wait, timedelta()), _LONGEST_WAIT)


def refusal(answer: Answer, said: str, *, hint: str = "") -> Trouble:
    """Return what a status other than success means: Temporary, Permanent, Barred or Uncertain.

    429 is never processed (https://www.twilio.com/docs/api/errors/20429), nor is a 408 or 503 (RFC 9110,
    15.5.9 and 15.6.4). Any other 5xx may come from a proxy behind which the message went through.
    """
    words = f"the SMS gateway answered {answer.status}{': ' if said else ''}{_clean.header(said, 160)}"
    if answer.status in (408, 429, 503):
        return Temporary(words, after=answer.retry_after, hint=hint)
    if answer.status >= 500:
        return Uncertain(words, hint=hint)
    if 300 <= answer.status < 400:
        return Permanent(words, hint="redirects are not followed; write the final address")
    if answer.status in (401, 402):  # no such account, or it has no money: true of whatever is sent
        return Barred(words, hint=hint or _ACCOUNT[answer.status])
    if answer.status == 403:
        hint = hint or _ACCOUNT[401]
    return Permanent(words, hint=hint)
