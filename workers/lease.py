"""Keep the claim on a notice while its send lasts. Ends nothing, and gives up where somebody else holds it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog

from workers.errors import LostLease, StoreTrouble
from workers.store import Notice, Store

log = structlog.get_logger("customs_watch")

NOTICE_LEASE = timedelta(
    seconds=40
)  # renewed while a send lasts; a killed worker's notice is sent by another
RENEW = timedelta(seconds=10)
LONGEST_SEND = timedelta(minutes=12)  # an SMTP server may take ten minutes after the final dot


@contextmanager
def held(store: Store, notice: Notice, clock: Callable[[], datetime]) -> Iterator[None]:
    """Keep the lease on *notice* while the block lasts, up to LONGEST_SEND."""
    ended = threading.Event()

    def renew() -> None:
        until = clock() + LONGEST_SEND
        while not ended.wait(RENEW.total_seconds()) and clock() < until:
            try:
                store.renew([one.id for one in notice.all], notice.token, lease=NOTICE_LEASE)
            except LostLease:
                return
            except StoreTrouble as trouble:
                log.warning("lease_not_renewed", notice=notice.id, error=str(trouble))

    threading.Thread(target=renew, name="lease", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
