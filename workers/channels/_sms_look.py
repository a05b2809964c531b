"""Send one message, and where the answer was lost look among those sent. For gateways that have a list and no key.

What the list shows counts as sent, and only what it does not show stays uncertain. A later attempt looks before it sends.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import httpx

from workers.channels import Receipt, _wire
from workers.errors import Permanent, Temporary, Trouble, Uncertain

SKEW = timedelta(minutes=5)  # between the gateway's clock and ours
BACK = timedelta(days=3)  # how far a later attempt looks for an earlier one
_KNOWN = 1000


class Listing(Protocol):
    """A gateway that can be asked what it sent."""

    def create(self, notice: str, to: str, text: str, /) -> Receipt:
        """Have one message sent."""
        ...

    def sent(self, notice: str, to: str, text: str, since: datetime, /) -> list[str]:
        """Return the ids of messages that may be this one, failed ones left out; raises where it does not say."""
        ...


class Looking:
    """Submits to a gateway, and looks into its list where it must."""

    keyed = False

    def __init__(self, gateway: Listing, *, reconcile: bool, clock: Callable[[], datetime]) -> None:
        self._gateway = gateway
        self._reconcile = reconcile
        self._clock = clock
        self._known: OrderedDict[str, str] = OrderedDict()  # a message's id: the notice that it belongs to

    def submit(self, notice: str, to: str, text: str, attempt: int, /) -> Receipt:
        """Have one message sent. An attempt after the first looks whether an earlier one got through unheard."""
        started = self._clock()
        if attempt > 1 and self._reconcile and (found := self._found(notice, to, text, started - BACK)):
            return self._mine(notice, Receipt(found))
        try:
            return self._mine(notice, self._gateway.create(notice, to, text))
        except Uncertain:
            if not self._reconcile:
                raise
            try:
                found = self._found(notice, to, text, started - SKEW)
            except Trouble:
                found = ""
            if not found:
                raise
            return self._mine(notice, Receipt(found))

    def _mine(self, notice: str, receipt: Receipt) -> Receipt:
        if receipt.reference:
            self._known[receipt.reference] = notice
            if len(self._known) > _KNOWN:
                self._known.popitem(last=False)
        return receipt

    def _found(self, notice: str, to: str, text: str, since: datetime) -> str:
        """Return the id of a message that may have reached the person and belongs to no other notice, or ""."""
        for name in self._gateway.sent(notice, to, text, since.replace(microsecond=0)):
            if name and self._known.get(name, notice) == notice:
                return name
        return ""


def listed(
    name: str,
    ask: Callable[[httpx.Request], _wire.Answer],
    request: httpx.Request,
    key: str,
    refused: Callable[[_wire.Answer], Trouble],
) -> list[Any]:
    """Return the rows below *key* of what *name* lists; raises Temporary or Permanent rather than take trouble for none."""
    try:
        answer = ask(request)
    except Uncertain as error:  # nothing is sent by asking
        raise Temporary(f"{name} did not say what it has sent already") from error
    if answer.status != 200:
        trouble = refused(answer)
        raise trouble if isinstance(trouble, Temporary | Permanent) else Temporary(str(trouble))
    rows = answer.data.get(key) if isinstance(answer.data, dict) else None
    if not isinstance(rows, list):
        raise Temporary(f"{name}'s list of sent messages cannot be read")
    return rows


def said(row: Any, key: str) -> str:
    """Return the text at *key*, "" where there is none."""
    value = row.get(key) if isinstance(row, dict) else None
    return value if isinstance(value, str) else ""


def moment(text: str) -> datetime | None:
    """Return an ISO time, taken for UTC where it has no zone; None for anything else."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
