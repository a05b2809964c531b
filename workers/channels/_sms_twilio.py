"""Twilio's Messages API, version 2010-04-01: one form a message. Knows no delivery reports and asks for none.

Twilio has no idempotency key. Where an answer was lost, ``reconcile`` looks for the text among the messages
that the account sent to this number; what it finds counts as sent, and only what it does not find stays
uncertain.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from workers.channels import Receipt, _wire
from workers.errors import Permanent, Temporary, Trouble, Uncertain

# Hints by error code; what a refusal means is read from the status, for Twilio asks not to program against
# codes (https://www.twilio.com/docs/api/errors; changelog of 2024-07-10, read 2026-11-24).
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
# Too many requests, the sender's queue is full, the day's limit is reached: nothing was accepted.
_LATER = frozenset({20429, 21611, 63038})
_NOT_SENT = frozenset({"failed", "undelivered", "canceled"})
_SKEW = timedelta(minutes=5)  # between Twilio's clock and ours
_BACK = timedelta(days=3)  # how far a later attempt looks for an earlier one


class Twilio:
    """An account, and what it was asked to send lately."""

    keyed = False

    def __init__(
        self,
        *,
        account_sid: str,
        sender: Mapping[str, str],
        base_url: str,
        reconcile: bool,
        wire: httpx.Client,
        clock: Callable[[], datetime],
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/2010-04-01/Accounts/{account_sid}/Messages.json"
        self._sender = dict(sender)
        self._reconcile = reconcile
        self._wire = wire
        self._clock = clock
        self._known: deque[str] = deque(maxlen=1000)  # ids of messages that belong to other notices

    def submit(self, _notice: str, to: str, text: str, attempt: int, /) -> Receipt:
        """Have one message sent. An attempt after the first looks whether an earlier one got through unheard."""
        started = self._clock()
        if attempt > 1 and self._reconcile and (found := self._sent(to, text, started - _BACK)):
            return self._mine(found)
        try:
            return self._mine(self._create(to, text))
        except Uncertain:
            if not self._reconcile:
                raise
            try:
                found = self._sent(to, text, started - _SKEW)
            except Trouble:
                found = ""
            if not found:
                raise
            return self._mine(found)

    def _mine(self, sid: str) -> Receipt:
        if sid:
            self._known.append(sid)
        return Receipt(sid)

    def _create(self, to: str, text: str) -> str:
        form = {"To": to, "Body": text, **self._sender}
        answer = self._ask(self._wire.build_request("POST", self._url, data=form))
        if answer.status in (200, 201):
            return _text(answer.data, "sid")
        raise _refused(answer)

    def _sent(self, to: str, text: str, since: datetime) -> str:
        """Return the id of a message with this text that was sent to *to* since then, or ""."""
        query = {"To": to, "DateSent>": f"{since:%Y-%m-%d}", "PageSize": "100"}
        try:
            answer = self._ask(self._wire.build_request("GET", self._url, params=query))
        except Uncertain as error:  # nothing is sent by asking
            raise Temporary("Twilio did not say what it has sent already") from error
        if answer.status != 200:
            refused = _refused(answer)
            raise refused if isinstance(refused, Temporary | Permanent) else Temporary(str(refused))
        listed = answer.data.get("messages") if isinstance(answer.data, dict) else None
        if not isinstance(listed, list):
            raise Temporary("Twilio's list of sent messages cannot be read")
        for row in listed:
            sid = _text(row, "sid")
            if sid and sid not in self._known and _is_it(row, text, since):
                return sid
        return ""

    def _ask(self, request: httpx.Request) -> _wire.Answer:
        return _wire.ask(self._wire, request, clock=self._clock)


def _is_it(row: Any, text: str, since: datetime) -> bool:
    try:
        made = parsedate_to_datetime(_text(row, "date_created"))
    except ValueError:
        return False
    return (
        _text(row, "direction").startswith("outbound")
        and _text(row, "status") not in _NOT_SENT
        and _text(row, "body").endswith(text)  # a trial account puts a sentence before it
        and (made if made.tzinfo else made.replace(tzinfo=UTC)) >= since.replace(microsecond=0)
    )


def _text(row: Any, key: str) -> str:
    value = row.get(key) if isinstance(row, dict) else None
    return value if isinstance(value, str) else ""


def _refused(answer: _wire.Answer) -> Trouble:
    code = answer.data.get("code") if isinstance(answer.data, dict) else None
    if not isinstance(code, int):
        return _wire.refusal(answer, "")
    said = f"Twilio's error {code}"  # its words repeat the number they are about
    if code in _LATER:
        return Temporary(f"the SMS gateway answered {answer.status}: {said}", after=answer.retry_after)
    return _wire.refusal(
        answer, said, hint=_HINTS.get(code, f"https://www.twilio.com/docs/api/errors/{code}")
    )
