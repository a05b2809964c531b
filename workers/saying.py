"""Put notices into words for their reader and channel, with what is enclosed. Loses no message over what is beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import structlog

from workers import memory
from workers.channels import Channel, Enclosing
from workers.core.model import Message
from workers.core.owner import is_matter
from workers.errors import OfNewer, Permanent
from workers.house import House
from workers.render.enclosed import with_schema
from workers.render.evidence import Piece, Sent
from workers.settings import Recipient
from workers.store import Notice, NoticeRow, Remembered, Store

log = structlog.get_logger("customs_watch")

Context = Mapping[str, Any]


class Saying:
    """What is said of notices, and what goes with it. Safe to use from several threads."""

    def __init__(self, *, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    def enclosed(
        self,
        house: House,
        notice: Notice,
        context: Context,
        message: Message,
        channel: Channel,
        recipient: Recipient,
    ) -> Message:
        """Return *message*, of one notice, with all that the channel takes beside the words."""
        watched = house.settings.parcels.get(notice.parcel)
        if not isinstance(channel, Enclosing) or watched is None or is_matter(notice.parcel):
            return message
        told = {"lang": recipient.language, "timezone": recipient.timezone}
        words, order = house.renderer, watched[0]
        try:
            found = [
                words.dates(context, **told, writer=channel.writer) if "dates" in channel.encloses else None,
                words.evidence(order, [self._piece(notice, context)], **told, now=self._clock())
                if "evidence" in channel.encloses
                else None,
            ]
        except (OfNewer, Permanent) as trouble:
            log.warning("not_enclosed", notice=notice.id, parcel=notice.parcel, error=str(trouble))
            found = []
        html = with_schema(message.html, context, order) if "schema" in channel.encloses else message.html
        return message.with_more(html, tuple(one for one in found if one is not None))

    def _piece(self, notice: Notice, context: Context) -> Piece:
        known = self._store.recall(notice.parcel)
        return piece(known, context, self._store.notices(notice.parcel, states=("sent",)))


def piece(known: Remembered | None, context: Context, rows: Iterable[NoticeRow]) -> Piece:
    """Return what an evidence pack shows of one parcel; *rows*: its notices that were sent."""
    return Piece(
        context=context,
        snapshot=memory.load(known.snapshot if known else None),
        sent=[
            Sent(row.changed or row.created, row.recipient, row.channel, json.loads(row.context or b"{}"))
            for row in rows
            if row.state == "sent"
        ],
        looked=known.last_ok if known else {},
    )
