"""Send what is owed: claim a notice, put it into words, hand it to its channel, write down how that ended. Decides nothing.

A send that began is written down as ended even if the store has to be waited for: what is not written is sent again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import msgspec
import structlog

from workers.addresses import Addresses
from workers.channels import Channel, Envelope, address
from workers.core.model import Why
from workers.core.owner import is_matter
from workers.errors import DeadAddress, LostLease, Permanent, StoreTrouble, Temporary, Uncertain
from workers.house import House
from workers.settings import Recipient, Settings
from workers.store import Notice, Store, notice_id

log = structlog.get_logger("customs_watch")

NOTICE_LEASE = timedelta(
    seconds=40
)  # renewed while a send lasts; a killed worker's notice is sent by another
RENEW = timedelta(seconds=10)
LONGEST_SEND = timedelta(minutes=12)  # an SMTP server may take ten minutes after the final dot
RETRIES = tuple(timedelta(seconds=s) for s in (30, 120, 600, 1800, 3600, 7200, 14400))
AGAIN = timedelta(seconds=0.2)  # between tries to write down how a send ended, while the store is away
BUDGET = timedelta(seconds=30)  # of one call; the sweeper rings again


class Delivery:
    """Takes notices from owed to sent. May be called by any number of threads and machines at once."""

    def __init__(
        self,
        *,
        house: Callable[[], House],
        store: Store,
        clock: Callable[[], datetime],
        wait: Callable[[timedelta], None],
        worker: str,
        addresses: Addresses,
    ) -> None:
        self._house = house
        self._store = store
        self._clock = clock
        self._wait = wait
        self._worker = worker
        self._addresses = addresses
        self._secret = b""

    def notify(self, channel_name: str) -> int:
        """Send what is owed on the channel *channel_name* until nothing is due; return how many were tried."""
        until = self._clock() + BUDGET
        tried = 0
        while self._clock() < until:
            notice = self._store.claim_notice(channel_name, lease=NOTICE_LEASE, worker=self._worker)
            if notice is None:
                break
            tried += 1
            try:
                self._send(self._house(), notice)
            except LostLease:
                log.warning("lease_lost", notice=notice.id, parcel=notice.parcel)
        return tried

    def _send(self, house: House, notice: Notice) -> None:
        channel = house.channels.get(notice.channel)
        recipient = house.settings.recipients.get(notice.recipient)
        gone = _gone(house.settings, notice, recipient, channel)
        if gone or channel is None or recipient is None:
            self._store.skip(notice.id, notice.token, reason=gone)
            log.info("notice_skipped", notice=notice.id, parcel=notice.parcel, reason=gone)
            return
        if notice.previous == "sending" and channel.on_uncertain == "hold" and not channel.keyed:
            # Whoever held it died in the middle of a send: it may have been accepted, and this channel must not double.
            self._store.uncertain(
                notice.id, notice.token, error="a worker died while sending", then="hold", after=timedelta(0)
            )
            log.warning("notice_held", notice=notice.id, parcel=notice.parcel)
            return
        to = address(channel.form, email=recipient.email, phone=recipient.phone)
        if why_not := self._addresses.why_not(notice, channel, to):
            self._store.fail(notice.id, notice.token, error=why_not)
            log.error("notice_failed", notice=notice.id, parcel=notice.parcel, error=why_not)
            return
        envelope = Envelope(
            notice=notice.message,
            to=to,
            thread=notice_id(self._house_secret(), notice.parcel, "", 0, "thread", "", "", ""),
            attempt=notice.attempts,
            urgent=notice.urgent,
            facts={
                "parcel": notice.parcel, "stage": notice.stage, "topic": notice.topic, "why": notice.why,
                "made": notice.created.isoformat(timespec="seconds"),
            },
        )  # fmt: skip
        try:
            message = house.renderer.render(
                msgspec.json.decode(notice.context), lang=recipient.language, timezone=recipient.timezone
            )
            with self._held(notice):
                receipt = channel.send(envelope, message)
        except Uncertain as trouble:
            then, said = channel.on_uncertain, str(trouble)
            self._record(
                lambda: self._store.uncertain(
                    notice.id, notice.token, error=said, then=then, after=_backoff(notice)
                )
            )
            log.warning("notice_uncertain", notice=notice.id, parcel=notice.parcel, then=then, error=said)
        except Temporary as trouble:
            self._store.retry(
                notice.id, notice.token, after=trouble.after or _backoff(notice), error=str(trouble)
            )
            log.warning("notice_retried", notice=notice.id, parcel=notice.parcel, error=str(trouble))
        except Permanent as trouble:
            if isinstance(trouble, DeadAddress):
                watched = house.settings.parcels.get(notice.parcel)
                stand_ins = watched[0].tell if watched else ()
                self._addresses.died(notice, channel, recipient, to, trouble, stand_ins=stand_ins)
            self._store.fail(notice.id, notice.token, error=str(trouble))
            log.error("notice_failed", notice=notice.id, parcel=notice.parcel, error=str(trouble))
        else:
            self._record(lambda: self._store.done(notice.id, notice.token, reference=receipt.reference))
            cost = {"parts": receipt.parts or None, "price": receipt.price or None}
            log.info(
                "notice_sent", notice=notice.id, parcel=notice.parcel, channel=notice.channel, why=notice.why,
                **{name: value for name, value in cost.items() if value},
            )  # fmt: skip

    def _record(self, end: Callable[[], None]) -> None:
        """Write down that the other side may have it, however long the store is away: unwritten, it would be sent again."""
        until = self._clock() + LONGEST_SEND
        while True:
            try:
                end()
            except StoreTrouble as trouble:
                if self._clock() > until:
                    raise
                log.warning("end_not_recorded", error=str(trouble))
                self._wait(AGAIN)
            else:
                return

    @contextmanager
    def _held(self, notice: Notice) -> Iterator[None]:
        """Keep the lease on *notice* while the block lasts, up to LONGEST_SEND."""
        ended = threading.Event()

        def renew() -> None:
            until = self._clock() + LONGEST_SEND
            while not ended.wait(RENEW.total_seconds()) and self._clock() < until:
                try:
                    self._store.renew(notice.id, notice.token, lease=NOTICE_LEASE)
                except LostLease:
                    return
                except StoreTrouble as trouble:
                    log.warning("lease_not_renewed", notice=notice.id, error=str(trouble))

        threading.Thread(target=renew, name="lease", daemon=True).start()
        try:
            yield
        finally:
            ended.set()

    def _house_secret(self) -> bytes:
        self._secret = self._secret or self._store.secret()
        return self._secret


def _gone(settings: Settings, notice: Notice, recipient: Recipient | None, channel: Channel | None) -> str:
    """Say why a notice is no longer to be sent; "" if it is."""
    if not is_matter(notice.parcel):  # else it is to the owner, or to whoever stands in
        watched = settings.parcels.get(notice.parcel)
        if watched is None:
            return "the order is no longer watched"
        if watched[0].muted:
            return Why.MUTED.value
        if notice.recipient not in watched[0].tell:
            return "the recipient is no longer told of this order"
    if recipient is None:
        return "the recipient is no longer in the file"
    if channel is None or notice.channel not in recipient.channels:
        return "the recipient no longer uses this channel"
    return ""


def _backoff(notice: Notice) -> timedelta:
    return RETRIES[min(notice.attempts, len(RETRIES)) - 1]
