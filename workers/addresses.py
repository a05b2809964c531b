"""Dead addresses: nothing more is sent to one, its owner is told another way. Decides nothing but that.

An address is known by a keyed mark, so a changed one in the user's file is a new one and is tried again by itself.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

import structlog

from workers.channels import Channel, address
from workers.errors import DeadAddress
from workers.owner import Owner
from workers.settings import Recipient
from workers.store import Notice, NoticeRow, Store

LEFT = "its reader wants no more messages"  # why an address is set aside

log = structlog.get_logger("customs_watch")


class Addresses:
    """Whom not to write to. May be called by any number of threads and machines at once."""

    def __init__(self, *, store: Store, owner: Owner) -> None:
        self._store = store
        self._owner = owner
        self._secret = b""

    def why_not(self, notice: Notice, channel: Channel, to: str) -> str:
        """Say why nothing is sent there; "" where nothing keeps it back."""
        found = self._store.aside(notice.channel, notice.recipient)
        if found is None or found.mark != self._mark(channel, to):
            return ""
        return f"the address is set aside since {found.since:%Y-%m-%d}: {found.error}"

    def died(
        self,
        notice: Notice | NoticeRow,
        channel: Channel,
        recipient: Recipient,
        to: str,
        trouble: DeadAddress,
        *,
        stand_ins: Iterable[str],
    ) -> None:
        """Set the address aside and tell the owner, once for each address."""
        mark = self._mark(channel, to)
        self._store.set_aside(notice.channel, notice.recipient, mark, error=str(trouble))
        log.error("address_dead", channel=notice.channel, recipient=notice.recipient, error=str(trouble))
        self._owner.tell(
            "address_dead",
            f"{recipient.name}/{notice.channel}",
            mark,
            {
                "recipient": recipient.name,
                "channel": notice.channel,
                "address": to or notice.channel,
                "error": trouble.args[0] if trouble.args else str(trouble),
            },
            avoid=(notice.recipient, notice.channel),
            stand_ins=stand_ins,
        )

    def left(self, channel: Channel, recipient: Recipient) -> None:
        """Set the address aside because its reader said so, and tell the owner, once for each time."""
        to = address(channel.form, email=recipient.email, phone=recipient.phone)
        self._store.set_aside(channel.name, recipient.name, self._mark(channel, to), error=LEFT)
        log.warning("reader_left", channel=channel.name, recipient=recipient.name)
        found = self._store.aside(channel.name, recipient.name)
        self._owner.tell(
            "reader_left",
            f"{recipient.name}/{channel.name}",
            found.since.isoformat() if found else "",
            {"recipient": recipient.name, "channel": channel.name, "address": to or channel.name},
            avoid=(recipient.name, channel.name),
        )

    def _mark(self, channel: Channel, to: str) -> str:
        self._secret = self._secret or self._store.secret()
        return hmac.new(self._secret, (to or channel.target).encode(), hashlib.sha256).hexdigest()[:16]
