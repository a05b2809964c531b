"""46elks' API: one form a message. It has no key; where an answer was lost, its list of sent messages is read.

https://46elks.com/docs/send-sms and https://46elks.com/docs/sms-history (read 2026-11-24).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx

from workers.channels import Receipt, _wire
from workers.channels._sms_look import listed, moment, said
from workers.errors import Trouble

BASE = "https://api.46elks.com"
_HINTS = {
    400: "is the number a real one, and the sender in from yours, or a name of at most 11 letters and digits?",
    401: "check user and password: the API's, not those of the web page",
    403: "is there credit on the account, and may it write to this country?",
}


class FortySixElks:
    """An account that can be asked to send, and what it sent."""

    def __init__(
        self, *, sender: str, base_url: str, wire: httpx.Client, clock: Callable[[], datetime]
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/a1/sms"
        self._sender = sender
        self._wire = wire
        self._clock = clock

    def create(self, _notice: str, to: str, text: str, /) -> Receipt:
        """Have one message sent."""
        form = {"from": self._sender, "to": to, "message": text}
        answer = self._ask(self._wire.build_request("POST", self._url, data=form))
        if answer.status == 200:
            cost, parts = _number(answer.data, "cost"), _number(answer.data, "parts")
            price = f"{cost / 10_000:.4g}" if cost else ""  # in the account's currency, which it does not say
            return Receipt(said(answer.data, "id"), parts=parts, price=price)
        raise _refused(answer)

    def sent(self, _notice: str, to: str, text: str, since: datetime, /) -> list[str]:
        """Return the ids of messages with this text that were sent to *to* since then and did not fail."""
        query = {"to": to, "end": f"{since:%Y-%m-%dT%H:%M:%S}.000000", "limit": "100"}  # end: not before
        request = self._wire.build_request("GET", self._url, params=query)
        return [
            said(row, "id")
            for row in listed("46elks", self._ask, request, "data", _refused)
            if said(row, "direction").startswith("outgoing")
            and said(row, "status") != "failed"
            and said(row, "message") == text
            and said(row, "to") == to
            and (at := moment(said(row, "created"))) is not None
            and at >= since
        ]

    def _ask(self, request: httpx.Request) -> _wire.Answer:
        return _wire.ask(self._wire, request, clock=self._clock)


def _number(row: Any, key: str) -> int:
    value = row.get(key) if isinstance(row, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _refused(answer: _wire.Answer) -> Trouble:
    return _wire.refusal(answer, "", hint=_HINTS.get(answer.status, ""))
