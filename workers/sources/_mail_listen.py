"""Wait at a mailbox for mails of certain senders, and say so; reads none of them. Missing one costs the next look at the mailbox.

With IDLE (RFC 2177) the server speaks up by itself; without, the mailbox is searched now and then. The connection is made anew
whenever it is lost, with a growing pause.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from workers.errors import Permanent, Temporary
from workers.mailbox.box import Box, opened
from workers.mailbox.door import Door

log = structlog.get_logger("customs_watch")

_SLICE = 30.0  # seconds of one IDLE: then the mailbox is searched anyway, for what came between a search and an IDLE
_LONGEST = 600.0  # seconds between tries to connect
_REFUSED = 3600.0  # … and where the server does not let us in


def listened(
    door: Door,
    senders: Sequence[str],
    on_news: Callable[[], None],
    stopped: Callable[[], bool],
    *,
    every: float,
    name: str,
    clock: Callable[[], datetime],
) -> None:
    """Call *on_news* whenever a mail has come from one of *senders*, until *stopped*."""
    newest: dict[tuple[int, str], int] = {}
    failures = 0
    while not stopped():
        try:
            with opened(door) as box:
                log.info("listening", source=name, idle=box.can_idle)
                failures = 0
                while not stopped():
                    if _come(box, senders, newest, clock()):
                        on_news()
                    _wait(box, stopped, every)
        except (Temporary, Permanent) as trouble:
            pause = _REFUSED if isinstance(trouble, Permanent) else min(5.0 * 2**failures, _LONGEST)
            failures = min(failures + 1, 10)
            log.warning("not_listening", source=name, error=str(trouble), again_in=pause)
            _rest(pause, stopped)


def _come(box: Box, senders: Sequence[str], newest: dict[tuple[int, str], int], now: datetime) -> bool:
    """Tell whether there may be a mail beyond the last one seen of any sender; at first there may."""
    come = False
    box.catch_up()
    for sender in senders:
        known = newest.get((box.validity, sender))
        since = (now - timedelta(days=3)).date()
        found = box.search(sender, since=since, after=known or 0)
        come = come or known is None or bool(found)
        newest[box.validity, sender] = max(found, default=known or 0)
    return come


def _wait(box: Box, stopped: Callable[[], bool], every: float) -> None:
    if box.can_idle:
        box.idle(_SLICE)
    else:
        _rest(every, stopped)


def _rest(seconds: float, stopped: Callable[[], bool]) -> None:
    """Sleep, but not on when it is over."""
    pause = threading.Event()
    left = seconds
    while left > 0 and not stopped():
        pause.wait(min(left, 1.0))
        left -= 1.0
