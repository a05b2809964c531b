"""Say when a source's trouble is worth a word to the owner, and when silence about a parcel means nothing. Counts nothing.

A trouble is told once, after a decent while, and once more when it is over; one that comes and goes is not told each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from workers.core.model import Snapshot

LASTING: Final = timedelta(hours=1)  # of failing without a break before it is told
LASTING_AGAIN: Final = timedelta(hours=6)  # where the end of another trouble was told within a day
RECENT: Final = timedelta(days=1)
TRIES: Final = 5  # failures before it is told: a source that is seldom asked may just have had bad luck
SOUND: Final = timedelta(minutes=10)  # of answering without a failure before it counts as healed
BLIND: Final = timedelta(hours=6)  # of failing after which the parcels of a source count as unseen
SHRUNK: Final = 0.2  # of a source's parcels that lost events, from which on the source itself is in doubt
GROWN: Final = 0.1  # below that it is not any more
FEWEST: Final = 2  # parcels, and events of one, that tell anything at all

Verdict = Literal["broken", "healed", ""]


@dataclass(frozen=True, slots=True)
class Health:
    """How a source fares. ``since``: the first failure of the current row, None while it answers."""

    last_ok: datetime | None
    failures: int
    last_error: str
    since: datetime | None
    answered: int = 0  # parcels answered so far
    permanent: bool = False  # asking again cannot help
    good: datetime | None = None  # since when it answers without a failure in between
    told: datetime | None = None  # beginning of the trouble that the owner knows of
    healed: datetime | None = None  # when the end of the last one was found
    shrunk: int = 0  # parcels of which it shows much less than it did
    shrank: datetime | None = None  # since when the owner knows that many are
    silent: int = 0  # parcels of which it could tell nothing when it was last asked


def verdict(health: Health, *, now: datetime) -> Verdict:
    """Say what the owner should hear now: that a trouble lasts, that it is over, or nothing."""
    if health.told is not None:
        sound = health.good is not None and not health.failures and now - health.good >= SOUND
        return "healed" if sound else ""
    if health.since is None or not health.failures:
        return ""
    if health.permanent:
        return "broken"
    recently = health.healed is not None and now - health.healed < RECENT
    lasts = now - health.since >= (LASTING_AGAIN if recently else LASTING)
    return "broken" if lasts and health.failures >= TRIES else ""


def in_doubt(health: Health, *, watched: int) -> bool:
    """Say whether so many parcels lost events that the source itself is in doubt, not they."""
    share = GROWN if health.shrank is not None else SHRUNK
    return health.shrunk >= FEWEST and health.shrunk >= share * watched


def shrunk(snapshot: Snapshot, source: str, *, empty: bool) -> bool:
    """Say whether the last look of *source* showed much less of a parcel than it had before.

    *empty*: it showed nothing at all. What was seen is kept, whatever a source shows now, and no stage moves by it.
    """
    mine = [seen for seen in snapshot.timeline if source in seen.witnesses]
    if empty:
        return bool(mine)
    gone = sum(seen.vanished for seen in mine)
    return gone >= FEWEST and 3 * gone >= len(mine)


def unseen(
    sources: Iterable[str], health: Mapping[str, Health], *, now: datetime
) -> tuple[str, datetime] | None:
    """Return a source and since when nobody sees a parcel that *sources* watch; None where one of them still does."""
    found: list[tuple[datetime, str]] = []
    for name in sources:
        one = health.get(name)
        if one is None or one.since is None or not one.failures or now - one.since < BLIND:
            return None
        found.append((one.last_ok or one.since, name))
    if not found:
        return None
    since, name = max(found)  # the one that answered last
    return name, since
