"""Speak with AliExpress's Open Platform: sign, keep the tokens, read what an error means. Knows no parcels.

Source: open.aliexpress.com, "Calling an API" and the sample code of /auth/token/refresh; the signatures recomputed from
vectors in public code (read 2026-11-22). HMAC-SHA256 of the sorted names and values, upper-case hex; a system path stands in
front of them. Errors come with HTTP 200, in ``error_response`` or at the top.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec

from workers.errors import Permanent, Temporary
from workers.sources import Vault
from workers.sources._fields import UNREADABLE, table, whole, word
from workers.sources._http import Answer, Wire, quoted
from workers.sources._rotating import Pair, Rotating
from workers.sources._single import Refused

SERVICE = "AliExpress"
_BAN = re.compile(r"ban will last (\d{1,6}) second", re.IGNORECASE)
_LIMITED = timedelta(minutes=1)  # where a limit's end is not said
_SHORT = timedelta(hours=1)  # how long a token is believed that does not say when it ends
_LONG = timedelta(days=365)
_TOKENS = frozenset({"IllegalAccessToken", "invalid-sessionkey", "isv.invalid-session", "27"})
_CLOCK = frozenset({"IllegalTimestamp", "InvalidTimestamp", "invalid-timestamp", "31"})
_DEAD = frozenset({"IllegalRefreshToken", "InvalidCode", "IllegalCode", "invalid_grant"})
_APP = frozenset(
    {"IncompleteSignature", "InvalidSignature", "InvalidAppKey", "IllegalAppKey", "MissingAppKey", "25", "29"}
)


class Trouble(msgspec.Struct, frozen=True):
    """What AliExpress says is wrong."""

    code: str
    sub: str
    kind: str  # ISV: ours, ISP and SYSTEM: theirs
    words: str


def signature(secret: str, params: Mapping[str, str], *, path: str = "") -> str:
    """Return the ``sign`` of *params*; *path* is that of a system call, such as ``/auth/token/refresh``."""
    said = path + "".join(f"{key}{params[key]}" for key in sorted(params))
    return hmac.new(secret.encode(), said.encode(), hashlib.sha256).hexdigest().upper()


def trouble_in(said: Mapping[str, Any]) -> Trouble | None:
    """Return the error of an answer; None where it is none."""
    inner = table(said.get("error_response"))
    if not inner:
        code = word(said.get("code"), 80)
        if code in {"", "0"} or any(key.endswith("_response") for key in said):
            return None
        inner = dict(said)
    words = word(inner.get("sub_msg"), 200) or word(inner.get("msg"), 200) or word(inner.get("message"), 200)
    return Trouble(
        word(inner.get("code"), 80),
        word(inner.get("sub_code"), 80),
        word(inner.get("type"), 20).upper(),
        words,
    )


def meant(trouble: Trouble, *, how: str = "") -> Temporary | Permanent:
    """Return what an error means; *how* is the sentence by which a person gets new tokens."""
    said = f": {quoted(trouble.words)}" if trouble.words else ""
    codes = {trouble.code, trouble.sub}
    if trouble.code == "ApiCallLimit" or "call-limit" in trouble.sub:
        ban = _BAN.search(trouble.words)
        after = timedelta(seconds=min(int(ban[1]), 86_400) + 1) if ban else _LIMITED
        return Temporary(f"{SERVICE} asks to slow down{said}", after=after)
    if codes & _TOKENS or codes & _DEAD:
        return Refused(f"{SERVICE} does not accept our sign-in{said}", hint=how)
    if codes & _CLOCK:
        return Temporary(f"{SERVICE} refuses our clock{said}", hint="is the time of this machine right?")
    if codes & _APP:
        return Refused(
            f"{SERVICE} does not accept our signature{said}",
            hint="are `app_key` and `app_secret` those of one app at openservice.aliexpress.com?",
        )
    if trouble.sub == "isv.insufficient-permission":  # of one order: another account placed it
        return Permanent(
            f"{SERVICE} shows this order to another account only{said}", hint="is `order:` right?"
        )
    if trouble.code == "InsufficientPermission":
        return Refused(
            f"{SERVICE} does not let this app ask{said}",
            hint="the app needs the dropshipping interfaces, and its account the dropshipping agreement",
        )
    return Temporary(f"{SERVICE} answers with error {quoted(trouble.code, 40)}{said}")


class Gate:
    """Makes signed calls for one account. Safe to call from several threads."""

    def __init__(
        self,
        wire: Wire,
        base_url: str,
        app: tuple[str, str],
        seed: Mapping[str, str],  # code, or refresh_token: what the user was given once
        *,
        vault: Vault,
        clock: Callable[[], datetime],
        pause: Callable[[], None],
    ) -> None:
        self._wire = wire
        self._base = base_url
        self._key, self._secret = app
        self._seed = dict(seed)
        self._clock = clock
        self._pause = pause
        self._skew = timedelta()  # what must be added to our clock to have theirs
        self.how = (
            f"sign in anew at {base_url}/oauth/authorize?response_type=code&force_auth=true&client_id={self._key}"
            "&redirect_uri=<the app's>, and write the `code` of the address you come back to into `code` of this source"
        )
        # Another seed is another vault entry: what the user signs in anew with counts at once.
        digest = hashlib.sha256("\0".join((self._key, *self._seed.values())).encode()).hexdigest()
        self._tokens = Rotating(vault, f"aliexpress:{digest[:32]}", self._renew, clock=clock)

    def call(self, method: str, **params: str) -> Mapping[str, Any]:
        """Make one call as the account; returns its answer, and raises what is an error as a whole.

        After IllegalAccessToken the tokens are renewed and the call is made once more, then that answer stands.
        """
        token = self._tokens.token()
        for last in (False, True):
            said = self._signed(f"{self._base}/sync", {"method": method, "session": token, **params})
            trouble = trouble_in(said)
            if trouble is None:
                return said
            if last or not {trouble.code, trouble.sub} & _TOKENS:
                raise meant(trouble, how=self.how)
            self._pause()
            token = self._tokens.token(stale=token)
        raise AssertionError("the second call always returns or raises")

    def _renew(self, pair: Pair | None) -> Pair:
        """Get the next pair from the last one's refresh token, or from what the user was given."""
        if pair is not None:
            path, params = "/auth/token/refresh", {"refresh_token": pair.refresh}
        elif "code" in self._seed:
            path, params = "/auth/token/create", self._seed
        else:
            path, params = "/auth/token/refresh", self._seed
        said = self._signed(f"{self._base}/rest{path}", params, path=path)
        trouble = trouble_in(said)
        if trouble is not None:
            raise meant(trouble, how=self.how)
        inner = next((table(said[key]) for key in said if key.endswith("_response")), said)
        access, refresh = word(inner.get("access_token"), 4000), word(inner.get("refresh_token"), 4000)
        if not access or not refresh:
            raise Temporary(f"{SERVICE}'s answer to a sign-in holds no tokens")
        life = (
            timedelta(seconds=max(0, min(whole(inner.get("expires_in")), int(_LONG.total_seconds()))))
            or _SHORT
        )
        return Pair(access, refresh, self._clock() + life, life.total_seconds())

    def _signed(self, url: str, params: Mapping[str, str], *, path: str = "") -> dict[str, Any]:
        """Make one signed request; where our clock is refused, once more by theirs."""
        for last in (False, True):
            answer = self._wire.call(
                "POST",
                url,
                content=urlencode(self._complete(params, path)).encode(),
                headers={"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"},
            )
            said = self._opened(answer)
            trouble = trouble_in(said)
            late = trouble is not None and bool({trouble.code, trouble.sub} & _CLOCK)
            if last or not late or answer.date is None:
                return said
            self._skew = answer.date - self._clock()
            self._pause()
        raise AssertionError("the second request always returns")

    def _complete(self, params: Mapping[str, str], path: str) -> dict[str, str]:
        stamp = int((self._clock() + self._skew).timestamp() * 1000)
        system = {"app_key": self._key, "timestamp": str(stamp), "sign_method": "sha256"}
        if not path:
            system |= {"format": "json", "v": "2.0"}
        whole_of = {**params, **system}
        return {**whole_of, "sign": signature(self._secret, whole_of, path=path)}

    def _opened(self, answer: Answer) -> dict[str, Any]:
        body = self._wire.json(answer)
        try:
            said = msgspec.json.decode(body, type=dict[str, Any])
        except UNREADABLE:
            raise Temporary(f"{SERVICE}'s answer is not the JSON it documents") from None
        if answer.status >= 400 and trouble_in(said) is None:
            raise Temporary(f"{SERVICE} refuses (HTTP {answer.status})")
        return said
