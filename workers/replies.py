"""Take readers' replies to our mails for what they say: paid, seen, mute, stop, unmute. Believes none that is not proved theirs.

A reply counts where its provider vouches for the reader's own address, the notice that it answers went to that address by that
channel not long ago, and its first line is one of a few words. It then is the same answer as a command's or a link's. It counts
once, however often it comes. Any other is counted, and does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec
import structlog

from workers.addresses import Addresses
from workers.answers import Answers
from workers.channels import Answer, Answerable, Dead, Place
from workers.core.owner import is_matter
from workers.core.reply import Said, understood
from workers.errors import DeadAddress, Permanent, StoreTrouble, Temporary
from workers.house import House
from workers.knowledge.replies import understood_by
from workers.settings import Recipient
from workers.store import NoticeRow, Store

log = structlog.get_logger("customs_watch")

LASTS = timedelta(days=14)  # as long as a link
SKEW = timedelta(days=1)  # between the reader's clock and ours
LEASE = timedelta(seconds=60)  # of one reply being taken in
REMEMBERED = timedelta(days=60)  # longer than any reply counts
UNCLEAR = "its first line is none of the words that are understood"


class Standing(msgspec.Struct, omit_defaults=True):
    """How a channel's mailbox fares; kept in the store."""

    place: Place = Place()
    counted: int = 0
    unclear: int = 0
    refused: int = 0
    why: str = ""  # why the last one was refused
    error: str = ""  # why the mailbox cannot be read
    since: datetime | None = None  # … since when


class Refused(Exception):  # noqa: N818 -- no error: a stranger's mail
    """A reply that does nothing, and why."""


class Replies:
    """Looks into the mailboxes of all channels that have one. May run in several processes at once."""

    def __init__(
        self,
        *,
        house: Callable[[], House],
        store: Store,
        answers: Answers,
        addresses: Addresses,
        clock: Callable[[], datetime],
    ) -> None:
        self._house = house
        self._store = store
        self._answers = answers
        self._addresses = addresses
        self._clock = clock
        self._looked: dict[str, datetime] = {}

    def look(self) -> None:
        """Look where it is time to; raises StoreTrouble. A mailbox that cannot be read is noted, and keeps no other back."""
        house = self._house()
        for name, channel in house.channels.items():
            every = channel.answers_every if isinstance(channel, Answerable) else None
            last = self._looked.get(name)
            if every is not None and (last is None or self._clock() - last >= every):
                self._looked[name] = self._clock()
                self.read(house, name)

    def read(self, house: House, name: str) -> Standing:
        """Read what came to the channel *name*; return how its mailbox fares."""
        channel, standing = house.channels[name], standing_of(self._store, name)
        assert isinstance(channel, Answerable)  # nosec B101 # noqa: S101 -- look() asked
        people = {
            p.email.casefold() for p in house.settings.recipients.values() if p.email and name in p.channels
        }
        try:
            standing.place = channel.answers(
                people, after=standing.place, take=lambda found: self._take(house, name, found, standing)
            )
            standing.error, standing.since = "", None
        except StoreTrouble:
            raise
        except (Temporary, Permanent) as trouble:
            standing.error, standing.since = str(trouble), standing.since or self._clock()
            log.warning("replies_not_read", channel=name, error=str(trouble))
        self._store.remember(_fact(name), msgspec.json.encode(standing))
        return standing

    def _take(self, house: House, name: str, found: Answer | Dead, standing: Standing) -> bool:
        """Take in one mail, unless that was done before; say whether it counted."""
        if self._store.push_begins(found.key, lease=LEASE, what="reply") != "new":
            return False
        try:
            if isinstance(found, Dead):
                counts = self._returned(house, name, found)
            else:
                counts = self._answered(house, name, found)
        except Refused as refusal:
            counts, why = False, str(refusal)
            if why == UNCLEAR:
                standing.unclear += 1
            else:
                standing.refused, standing.why = standing.refused + 1, why
            log.warning("reply_refused", channel=name, why=why)
        except Temporary:  # the store's: it is read again
            with suppress(StoreTrouble):
                self._store.push_dropped(found.key)
            raise
        standing.counted += counts and isinstance(found, Answer)
        self._store.push_done(found.key, ttl=REMEMBERED, what="reply")
        return counts

    def _answered(self, house: House, name: str, found: Answer) -> bool:
        if found.why_not:
            raise Refused(found.why_not)
        rows, reader = self._meant(house, name, found.about, found.sender)
        if found.at is None or not rows[0].created - SKEW <= found.at <= self._clock() + SKEW:
            raise Refused("its date does not fit the notice that it answers")
        if self._clock() - rows[0].created > LASTS:
            raise Refused("the notice that it answers is too old")
        if is_matter(rows[0].parcel):
            raise Refused("there is nothing to answer to that notice")
        parcels = dict.fromkeys(row.parcel for row in rows)
        if not all(parcel in house.settings.parcels for parcel in parcels):
            raise Refused("what it is about is not watched (any more)")
        said = understood(found.lines, understood_by(reader.language))
        if said is None:
            raise Refused(UNCLEAR)
        if len(parcels) > 1 and said is not Said.SEEN:
            raise Refused("it answers a message about several parcels, and does not say which it means")
        for parcel in parcels:
            self._do(said, parcel)
            log.info("answered_by_mail", parcel=parcel, channel=name, recipient=reader.name, said=said.value)
        return True

    def _do(self, said: Said, parcel: str) -> None:
        match said:
            case Said.PAID:
                if not self._answers.paid(parcel):
                    raise Refused("nothing is known of the parcel yet")
            case Said.SEEN:
                self._answers.ack(parcel)
            case Said.MUTE:
                self._answers.mute(parcel)
            case Said.STOP:
                self._answers.stop(parcel)
            case Said.UNMUTE:
                self._answers.unmute(parcel)

    def _meant(
        self, house: House, name: str, about: tuple[str, ...], address: str
    ) -> tuple[list[NoticeRow], Recipient]:
        """Return the notices of the first message that *about* names, and whom they went to; raises Refused."""
        for message in about:
            rows = self._rows(message)
            if not rows:
                continue
            reader = house.settings.recipients.get(rows[0].recipient)
            if rows[0].channel != name or reader is None or reader.email.casefold() != address:
                raise Refused("it comes from another address than the notice went to")
            return rows, reader
        raise Refused("it answers no notice of ours")

    def _rows(self, message: str) -> list[NoticeRow]:
        """Return the notices that went out in a message: one under its own id, or those of a digest or a mail sent again."""
        row = self._store.notice(message)
        return [row] if row is not None else self._store.notices(where=lambda one: one.message == message)

    def _returned(self, house: House, name: str, found: Dead) -> bool:
        """Set an address aside that a mail server says is dead, of a mail of ours that went there."""
        rows, reader = self._meant(house, name, found.about, found.recipient)
        log.warning(
            "notice_returned", notice=rows[0].id, parcel=rows[0].parcel, channel=name, status=found.status
        )
        if not found.for_good:
            return False
        watched = house.settings.parcels.get(rows[0].parcel)
        said = DeadAddress(f"a mail server returned a mail: {found.status}")
        self._addresses.died(
            rows[0],
            house.channels[name],
            reader,
            reader.email,
            said,
            stand_ins=watched[0].tell if watched else (),
        )
        return True


def standing_of(store: Store, channel: str) -> Standing:
    """Return how the mailbox of *channel* fares; as at the beginning, where nothing is known."""
    known = store.recollect(_fact(channel))
    try:
        return msgspec.json.decode(known, type=Standing) if known else Standing()
    except msgspec.DecodeError:  # written by another version
        return Standing()


def _fact(channel: str) -> str:
    return f"replies:{channel}"
