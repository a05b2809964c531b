"""Keep one OAuth2 token of a carrier's account: fetched when needed, renewed before its end, once more after a 401.

Refuses to write it anywhere: a token lives in this process only. Client credentials, RFC 6749 section 4.4.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec

from workers.errors import Temporary
from workers.sources._fields import UNREADABLE, table, tables, whole, word
from workers.sources._http import Answer, Wire, quoted
from workers.sources._single import Refused

_EARLY = timedelta(seconds=60)  # renew this long before the end
_SHORT = timedelta(minutes=5)  # how long a token is believed that does not say when it ends
_LONG = timedelta(days=1)


@dataclass(slots=True)
class Account:
    """The credentials of an account and where its tokens come from. Its repr shows none."""

    service: str
    url: str
    content: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    hint: str


def with_basic(service: str, url: str, client_id: str, secret: str, *, hint: str) -> Account:
    """Return an account whose credentials go in the Authorization header (UPS)."""
    packed = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    headers = {"Authorization": f"Basic {packed}", "Content-Type": "application/x-www-form-urlencoded"}
    return Account(service, url, b"grant_type=client_credentials", headers, hint)


def with_form(service: str, url: str, client_id: str, secret: str, *, hint: str) -> Account:
    """Return an account whose credentials go in a form (FedEx)."""
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return Account(service, url, urlencode(form).encode(), headers, hint)


def with_json(service: str, url: str, client_id: str, secret: str, *, hint: str) -> Account:
    """Return an account whose credentials go in JSON (USPS)."""
    said = {"client_id": client_id, "client_secret": secret, "grant_type": "client_credentials"}
    return Account(service, url, msgspec.json.encode(said), {}, hint)


class Door:
    """Makes calls with a valid token. Safe to call from several threads: they share one token."""

    def __init__(
        self,
        wire: Wire,
        account: Account,
        *,
        clock: Callable[[], datetime],
        ended: Callable[[Answer], bool] = lambda answer: answer.status == 401,
    ) -> None:
        self._wire = wire
        self._ended = ended  # whether an answer says that the token is good no more
        self._account = account
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""  # nosec B105 # none yet
        self._until: datetime | None = None

    def call(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one call; where the token is refused it is renewed and the call made once more, then that answer stands.

        Raises Refused where the credentials are not accepted, Temporary where no token can be had now.
        """
        for last in (False, True):
            token = self._valid()
            said = {**(headers or {}), "Authorization": f"Bearer {token}"}
            answer = self._wire.call(method, url, content=content, params=params, headers=said)
            if last or not self._ended(answer):
                return answer
            self._drop(token)
        raise AssertionError("the second call always returns")

    def _valid(self) -> str:
        with self._lock:
            if not self._token or self._until is None or self._clock() >= self._until:
                self._token, life = self._fetch()
                self._until = self._clock() + life
            return self._token

    def _drop(self, token: str) -> None:
        with self._lock:
            if self._token == token:  # else another thread has renewed it already
                self._token = ""  # nosec B105 # the next call fetches one

    def _fetch(self) -> tuple[str, timedelta]:
        account = self._account
        answer = self._wire.call("POST", account.url, content=account.content, headers=account.headers)
        if answer.status in {400, 401} and not answer.body.strip():
            raise self._refused(answer.status, "")
        try:
            said = table(msgspec.json.decode(self._wire.json(answer)))
        except UNREADABLE:
            raise Temporary(f"{account.service}'s answer to a sign-in cannot be read") from None
        if answer.status >= 400:
            why = _why(said)
            if answer.status in {400, 401} and why:
                raise self._refused(answer.status, why)
            after = (
                timedelta(minutes=10) if answer.status == 403 else None
            )  # FedEx blocks a hasty client so long
            raise Temporary(
                f"{account.service} refuses a sign-in (HTTP {answer.status}): {quoted(why)}", after=after
            )
        token = word(said.get("access_token"), 20_000)
        if not token or not token.isascii() or " " in token:
            raise Temporary(f"{account.service}'s answer to a sign-in holds no token")
        life = timedelta(seconds=max(0, min(whole(said.get("expires_in")), int(_LONG.total_seconds()))))
        return token, max(life - _EARLY, life / 2) if life else _SHORT

    def _refused(self, status: int, why: str) -> Refused:
        tail = f": {quoted(why)}" if why else ""
        return Refused(
            f"{self._account.service} does not accept our credentials (HTTP {status}){tail}",
            hint=self._account.hint,
        )


def _why(said: Mapping[str, Any]) -> str:
    """Return the words of an OAuth error, or of the carriers' own kinds of errors."""
    listed = tables(said.get("errors")) or tables(table(said.get("response")).get("errors"))
    inner = table(said.get("error")) or (listed[0] if listed else {})
    told = (said.get("error"), said.get("error_description"), inner.get("code"), inner.get("message"))
    return " ".join(filter(None, (word(each, 200) for each in told)))
