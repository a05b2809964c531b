"""Sinch's SMS REST API: one batch of one message, under the notice's id, by which it is found again.

https://developers.sinch.com/docs/sms/api-reference/sms/batches and .../status-codes (read 2026-11-24). Sinch takes what it
is asked for and tells later, in delivery reports that nobody here reads, whether a number exists.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import httpx

from workers.channels import Receipt, _wire
from workers.channels._sms_look import listed, moment, said
from workers.errors import Trouble

BASE = "https://us.sms.api.sinch.com"
_HINTS = {
    401: "check service_plan_id and api_token, and the region in base_url",
    403: "is the sender in from one of the account's, and may it write to this country?",
}


class Sinch:
    """A service plan that can be asked to send, and what it sent."""

    def __init__(
        self,
        *,
        plan: str,
        token: str,
        sender: str,
        base_url: str,
        wire: httpx.Client,
        clock: Callable[[], datetime],
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/xms/v1/{plan}/batches"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._sender = sender
        self._wire = wire
        self._clock = clock

    def create(self, notice: str, to: str, text: str, /) -> Receipt:
        """Have one message sent."""
        batch = {"from": self._sender, "to": [to], "body": text, "client_reference": notice}
        answer = self._ask(self._wire.build_request("POST", self._url, json=batch, headers=self._headers))
        if answer.status in (200, 201):
            return Receipt(said(answer.data, "id"))
        raise _refused(answer)

    def sent(self, notice: str, _to: str, _text: str, since: datetime, /) -> list[str]:
        """Return the ids of batches that bear the notice's id and were not called off."""
        query = {
            "client_reference": notice,
            "start_date": f"{since:%Y-%m-%dT%H:%M:%S}.000Z",  # without it Sinch looks back for a day
            "page_size": "100",
        }
        request = self._wire.build_request("GET", self._url, params=query, headers=self._headers)
        return [
            said(row, "id")
            for row in listed("Sinch", self._ask, request, "batches", _refused)
            if said(row, "client_reference") == notice
            and row.get("canceled") in (False, None, "False")
            and (moment(said(row, "created_at")) or since) >= since
        ]

    def _ask(self, request: httpx.Request) -> _wire.Answer:
        return _wire.ask(self._wire, request, clock=self._clock)


def _refused(answer: _wire.Answer) -> Trouble:
    code = said(
        answer.data, "code"
    )  # a word such as syntax_invalid_parameter_format; its text may repeat the number
    told = f"Sinch's {code}" if code.replace("_", "").isalnum() and len(code) < 60 else ""
    return _wire.refusal(answer, told, hint=_HINTS.get(answer.status, ""))
