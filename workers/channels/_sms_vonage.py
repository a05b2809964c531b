"""Vonage's SMS API: one form a message. It has no key and no list to look into, so what is uncertain is held by default.

https://developer.vonage.com/en/api/sms and, for what the codes mean, https://developer.vonage.com/en/api-errors/sms
(both read 2026-11-24). It answers 200 to everything, and says for each part of the text whether it was taken.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx

from workers.channels import Receipt, _wire
from workers.channels._sms_look import said
from workers.core import sms
from workers.errors import Barred, DeadAddress, Permanent, Temporary, Trouble, Uncertain

BASE = "https://rest.nexmo.com"
_HINTS = {
    3: "the number or the sender is not one Vonage knows",
    4: "check api_key and api_secret",
    6: "Vonage knows no network for this number",
    7: "the number is barred at Vonage",
    8: "Vonage has suspended the account",
    9: "top up the account",
    11: "the account may not use the SMS API",
    12: "the text is too long",
    15: "the sender in from is not allowed in this country",
    29: "a trial account may only write to numbers on its list",
    33: "the number is no longer in use",
}
_LATER = frozenset({1, 5, 10})  # throttled, an internal error, too many connections: nothing was taken
_DEAD = frozenset({7, 33})
_BARRED = frozenset({4, 8, 9, 11})  # of the account: its key, suspended, no money, not for this API


class Vonage:
    """An account."""

    keyed = False

    def __init__(
        self,
        *,
        key: str,
        secret: str,
        sender: str,
        base_url: str,
        wire: httpx.Client,
        clock: Callable[[], datetime],
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/sms/json"
        self._account = {"api_key": key, "api_secret": secret, "from": sender.removeprefix("+")}
        self._wire = wire
        self._clock = clock

    def submit(self, notice: str, to: str, text: str, _attempt: int, /) -> Receipt:
        """Have one message sent; the notice's id goes along as client-ref, for whoever reads Vonage's reports."""
        form = {**self._account, "to": to.removeprefix("+"), "text": text, "client-ref": notice[:100]}
        if sms.segments(text).encoding == "UCS-2":
            form["type"] = "unicode"
        request = self._wire.build_request("POST", self._url, data=form)
        answer = _wire.ask(self._wire, request, clock=self._clock)
        if answer.status != 200:
            raise _wire.refusal(answer, "")
        rows = answer.data.get("messages") if isinstance(answer.data, dict) else None
        if not isinstance(rows, list) or not rows:
            raise Uncertain("the SMS gateway answered 200 and did not say what it did")
        codes = [_code(row) for row in rows]
        if not any(codes):
            return Receipt(said(rows[0], "message-id"), parts=len(rows), price=_price(rows))
        if 0 in codes:
            raise Uncertain(
                f"the SMS gateway took a part of the text and refused another: Vonage's status {max(codes)}"
            )
        raise _refused(codes[0], answer)


def _code(row: Any) -> int:
    status = said(row, "status")
    return int(status) if status.isascii() and status.isdigit() else -1


def _price(rows: list[Any]) -> str:
    prices = [said(row, "message-price") for row in rows]
    return f"{prices[0]} a part" if prices[0] and len(set(prices)) == 1 else ""


def _refused(code: int, answer: _wire.Answer) -> Trouble:
    words = f"the SMS gateway refused: Vonage's status {code}"  # its words may repeat the number
    hint = _HINTS.get(code, "https://developer.vonage.com/en/api-errors/sms")
    if code < 0:
        return Uncertain("the SMS gateway answered 200 and did not say what it did")
    if code in _LATER:
        return Temporary(words, after=answer.retry_after, hint=hint)
    if code in _BARRED:
        return Barred(words, hint=hint)
    return DeadAddress(words, hint=hint) if code in _DEAD else Permanent(words, hint=hint)
