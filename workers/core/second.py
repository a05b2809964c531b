"""Decide whether other sources are asked about a parcel as well, which, how often and why. Asks none of them itself.

Five reasons, the first that holds counts:

    failing      a source of the parcel has told nothing usable of it for a while
    unknown      it answers, and shows no event at all for days
    contradict   two sources say what cannot both be so
    stuck        the parcel has stood longer than anything usual explains (``core.forecast``)
    behind       another source showed the parcel where it stands now, and its own have not caught up

Others are asked one after the other, in the order of the user's file: the next one joins when a day has passed and the
reason still holds, or at once where one fails itself. They are asked only while the reason lasts, and seldom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from workers.core.model import Evidence, Pace, Snapshot, Stage
from workers.core.voices import Differ, Heard, State, Voices

FAILING: Final = timedelta(hours=6)  # shorter is an ordinary outage
UNKNOWN: Final = timedelta(hours=48)  # a fresh label takes a day or two to be known anywhere
NEXT: Final = timedelta(hours=24)  # before one more is asked
EVERY: Final = timedelta(hours=6)  # between looks at a second source
CALM: Final = timedelta(hours=24)  # … once the reason has held for a week
WEEK: Final = timedelta(days=7)
CHECK: Final = timedelta(hours=12)  # while others are asked: does the reason still hold?

_OVER: Final = frozenset({Stage.DELIVERED})


@dataclass(frozen=True, slots=True)
class Opinion:
    """Who else is asked, and why."""

    why: str = ""  # failing | unknown | contradict | stuck | behind | "": nobody
    since: datetime | None = None  # when the reason began to count
    ask: tuple[str, ...] = ()  # names of sources
    titles: tuple[str, ...] = ()
    every: timedelta = EVERY
    review_at: datetime | None = None  # when this may be decided otherwise by time alone
    evidence: Evidence | None = None


def opinion(
    snapshot: Snapshot,
    pace: Pace,
    stuck_since: datetime | None,
    said: Voices,
    heard: Sequence[Heard],
    *,
    now: datetime,
    every: timedelta | None = None,
) -> Opinion:
    """Return who else is to be asked. *every*: the parcel's own pace; None: nothing is to come.

    *stuck_since*: when the wait became longer than usual explains.
    """
    others = [one for one in heard if one.may and not one.own]
    if not others:
        return Opinion()
    found = [one for one in _reasons(snapshot, pace, stuck_since, said, heard) if one[1] is not None]
    running = [(why, at) for why, at in found if at is not None and at <= now]
    ahead = [at for _, at in found if at is not None and at > now]
    if not running:
        return Opinion(review_at=min(ahead, default=None))
    why, since = running[0]
    assert since is not None  # nosec B101 # noqa: S101 -- those were left out
    if why == "behind":
        lead = said.each[0].heard
        others = [one for one in others if one.source == lead.source]
    turns = 1 + int((now - since) / NEXT)
    ask: list[Heard] = []
    for one in others:
        if sum(1 for asked in ask if asked.failing_since is None) >= turns:
            break
        ask.append(one)
    if len(ask) < len(others):  # then another joins
        ahead.append(since + turns * NEXT)
    often = CALM if now - since > WEEK else EVERY
    names = tuple(one.source for one in ask)
    return Opinion(
        why=why,
        since=since,
        ask=names,
        titles=tuple(one.name for one in ask),
        every=max(often, every or often),
        review_at=min([*ahead, now + CHECK]),
        evidence=Evidence(
            "second", f"{why} since {since:%Y-%m-%d %H:%M} UTC: {', '.join(names)} asked as well", "core/second.py"
        ),
    )  # fmt: skip


def _reasons(
    snapshot: Snapshot, pace: Pace, stuck_since: datetime | None, said: Voices, heard: Sequence[Heard]
) -> list[tuple[str, datetime | None]]:
    """Return every reason with the moment from which it counts, which may lie ahead; None: it does not hold."""
    if snapshot.stage in _OVER:
        return [("contradict", said.since if said.differ is Differ.CONTRADICT else None)]
    own = {one.source for one in heard if one.own}
    failing = [one.failing_since for one in heard if one.own and one.failing_since is not None]
    silent = [v for v in said.each if v.heard.source in own and v.state is State.UNKNOWN]
    met = snapshot.met or snapshot.first_look
    return [
        ("failing", min(failing) + FAILING if failing else None),
        ("unknown", met + UNKNOWN if met is not None and silent else None),
        ("contradict", said.since if said.differ is Differ.CONTRADICT else None),
        ("stuck", stuck_since if pace is Pace.STUCK else None),
        ("behind", said.each[0].newest if said.led_by_another else None),
    ]
