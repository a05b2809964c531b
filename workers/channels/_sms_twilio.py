"""Twilio's Messages API, version 2010-04-01: one form a message. Knows no delivery reports and asks for none.

Twilio has no idempotency key. Where an answer was lost, the text is looked for among the messages that the account
sent to this number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from workers.channels import Receipt, _wire
from workers.channels._sms_look import listed, said
from workers.errors import DeadAddress, Temporary, Trouble

# Hints by error code (https://www.twilio.com/docs/api/errors, read 2026-11-24).
_HINTS = {
    20003: "check account_sid and auth_token",
    20404: "check account_sid",
    21211: "the number is not one Twilio can reach",
    21408: "allow messages to this country in the Twilio console",
    21606: "the number in from cannot send messages to this number",
    21608: "a trial account may only write to verified numbers",
    21610: "the person answered STOP; only START from that phone lifts it",
    21614: "the number is not a mobile phone's",
    21617: "the text is longer than 1,600 characters",
}
# The number itself: not one, opted out by STOP, not a mobile phone's.
_DEAD = frozenset({21211, 21610, 21614})
# Too many requests, the sender's queue is full, the day's limit is reached: nothing was accepted.
_LATER = frozenset({20429, 21611, 63038})
_NOT_SENT = frozenset({"failed", "undelivered", "canceled"})


class Twilio:
    """An account that can be asked to send, and what it sent."""

    def __init__(
        self,
        *,
        account_sid: str,
        sender: Mapping[str, str],
        base_url: str,
        wire: httpx.Client,
        clock: Callable[[], datetime],
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/2010-04-01/Accounts/{account_sid}/Messages.json"
        self._sender = dict(sender)
        self._wire = wire
        self._clock = clock

    def create(self, _notice: str, to: str, text: str, /) -> Receipt:
        """Have one message sent."""
        form = {"To": to, "Body": text, **self._sender}
        answer = self._ask(self._wire.build_request("POST", self._url, data=form))
        if answer.status in (200, 201):
            row = answer.data
            parts = said(row, "num_segments")  # "0" where a messaging service has yet to decide
            price = " ".join(filter(None, (said(row, "price"), said(row, "price_unit"))))
            return Receipt(
                said(row, "sid"),
                parts=int(parts) if parts.isdecimal() else 0,
                price=price if said(row, "price") else "",
            )
        raise _refused(answer)

    def sent(self, _notice: str, to: str, text: str, since: datetime, /) -> list[str]:
        """Return the ids of messages with this text that were sent to *to* since then and did not fail."""
        query = {"To": to, "DateSent>": f"{since:%Y-%m-%d}", "PageSize": "100"}
        request = self._wire.build_request("GET", self._url, params=query)
        rows = listed("Twilio", self._ask, request, "messages", _refused)
        return [said(row, "sid") for row in rows if _is_it(row, text, since)]

    def _ask(self, request: httpx.Request) -> _wire.Answer:
        return _wire.ask(self._wire, request, clock=self._clock)


def _is_it(row: Any, text: str, since: datetime) -> bool:
    try:
        made = parsedate_to_datetime(said(row, "date_created"))
    except ValueError:
        return False
    return (
        said(row, "direction").startswith("outbound")
        and said(row, "status") not in _NOT_SENT
        and said(row, "body").endswith(text)  # a trial account puts a sentence before it
        and (made if made.tzinfo else made.replace(tzinfo=UTC)) >= since
    )


def _refused(answer: _wire.Answer) -> Trouble:
    code = answer.data.get("code") if isinstance(answer.data, dict) else None
    if not isinstance(code, int):
        return _wire.refusal(answer, "")
    told = f"Twilio's error {code}"  # its words repeat the number they are about
    hint = _HINTS.get(code, f"https://www.twilio.com/docs/api/errors/{code}")
    if code in _LATER:
        return Temporary(f"the SMS gateway answered {answer.status}: {told}", after=answer.retry_after)
    if code in _DEAD and answer.status < 500:
        return DeadAddress(f"the SMS gateway answered {answer.status}: {told}", hint=hint)
    return _wire.refusal(answer, told, hint=hint)
