"""The invariants of a run that the journals cannot show: the ledger, the timelines, the keys, the logs of customs-watch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.chaos import audit, road
from tests.chaos.ours import Ours, ids, owed
from tests.chaos.run import Outcome
from tests.chaos.world import OWNER, PASSWORD, PEOPLE, SMS_KEY, TRACK_KEY
from workers import memory
from workers.store.lua import PREFIX
from workers.store.rows import NoticeRow

DOUBTS = ("crashed", "resend", "hold")  # lines of a notice's log that say: it may have arrived
# What a key may be, how many there may be at most of each for so many parcels and notices, and which must have an end.
FAMILIES: dict[str, int | str] = {
    r"p:LP\S+": "parcels", r"n:\w+": "notices", r"att:\w+": "notices", r"pn:\S+": "matters", r"st:\w+": 8, r"ob:\w+": 4,
    r"out:\S+": 16, r"(due|look|hot|mute|rl|lim|qt|reg|use|health|shr|chores):track": 12, r"br:\S+": 8, r"op:\w+": "ends",
    r"(sources|channels|reviews|dead|kept|word|esc|beats|beat|unknown|unknown:n|stays|aside|count|ended|ledger|meta|secret)": 20,
    r"(stay|open):\S+": 200, r"fact:\S+": "facts", r"bn:\S+": 0,
}  # fmt: skip


def rows(ours: Ours) -> list[NoticeRow]:
    """Return every notice about a parcel; those to the owner are another matter."""
    return [row for row in ours.store.notices(limit=10**7) if row.parcel.startswith("LP")]


def doubts(found: Sequence[NoticeRow]) -> dict[str, int]:
    """Return how often each notice may have arrived without our knowing, by what its log says."""
    return {row.id: sum(line.outcome in DOUBTS for line in row.log) for row in found}


def inspect(outcome: Outcome, ours: Ours) -> list[str]:
    """Note in *outcome* what the ledger says of doubts; return every invariant that does not hold, in sentences."""
    found = rows(ours)
    doubted = doubts(found)
    for row in found:
        outcome.doubts[row.channel] = outcome.doubts.get(row.channel, 0) + doubted[row.id]
    return [
        *_promises(outcome, found),
        *_parcels(outcome, ours),
        *_ways_forward(ours, found),
        *_keys(outcome, ours, found),
        *_log(ours.log),
    ]


def _promises(outcome: Outcome, found: Sequence[NoticeRow]) -> list[str]:
    """I1, I2: each due notice accepted, or visibly ended; none twice but where we wrote that we do not know."""
    told = outcome.feeder.told
    out = [f"lost: {owed}" for owed in outcome.missing]
    if outcome.all.lost:
        out.append(f"{outcome.all.lost} lost")
    out += [f"made up: {one}" for one in audit.made_up(outcome.due, audit.counted(told))]
    out += audit.unexplained(told, doubts(found))
    if outcome.tallies["keyed"].doubled:
        out.append("doubled though the gateway knows keys")
    if outcome.tallies["wary"].doubled:
        out.append("doubled though the channel is to hold")
    ledger = Counter(owed(row) for row in found)
    if any(n > 1 for n in ledger.values()):
        out.append("the ledger holds a notice twice")
    if set(ledger) != outcome.due:
        out.append(f"the ledger owes {len(ledger)}, the road {len(outcome.due)}")
    return out


def _parcels(outcome: Outcome, ours: Ours) -> list[str]:
    """I3, I4: the timeline is what was fed, and the stage that of the last step."""
    out = []
    for parcel, known in enumerate(ours.store.recall_many(ids(outcome.plan.parcels)).values()):
        last = outcome.feeder.fed[parcel]
        words = [seen.sighting.text for seen in memory.load(known.snapshot).timeline]
        fed = [one["description"] for one in outcome.feeder.world.track.parcel(road.number(parcel)).events]
        if words != fed:
            out.append(f"parcel {parcel}: the timeline is {words}")
        if last >= 0 and known.stage != road.ROAD[last].stage:
            out.append(f"parcel {parcel} stands at {known.stage}, was led to {road.ROAD[last].stage}")
        if "track" not in known.due:
            out.append(f"parcel {parcel} is looked up no more")
    return out


def _ways_forward(ours: Ours, found: Sequence[NoticeRow]) -> list[str]:
    """I5: what is open is in a queue, and what is in a queue is open."""
    client: Any = ours.store.scripts.client
    queued = {
        name.decode()
        for channel in client.smembers(f"{PREFIX}:channels")
        for name in client.zrange(f"{PREFIX}:ob:{channel.decode()}", 0, -1)
    }
    still = {row.id for row in ours.store.notices(states=("pending", "sending"), limit=10**7)}
    return [f"no way forward: {name}" for name in still ^ queued] + [
        f"still {row.state}: {row.id}" for row in found if row.state in ("pending", "sending")
    ]


def _keys(outcome: Outcome, ours: Ours, found: Sequence[NoticeRow]) -> list[str]:
    """I6: every key is one that is known, as many as there may be, or one that ends by itself."""
    client: Any = ours.store.scripts.client
    matters = outcome.feeder.world.to_owner + 20
    most = {
        "parcels": outcome.plan.parcels, "notices": len(found) + 2 * matters, "facts": 20,
        "matters": outcome.plan.parcels + 2 * matters,
    }  # fmt: skip
    seen: Counter[str] = Counter()
    out = []
    for raw in client.scan_iter(match="*", count=1000):
        name = raw.decode().removeprefix(f"{PREFIX}:")
        family = next((family for family in FAMILIES if re.fullmatch(family, name)), None)
        if family is None:
            out.append(f"an unknown key: {name}")
        elif FAMILIES[family] == "ends":
            if client.ttl(raw) < 0:
                out.append(f"a key without an end: {name}")
        else:
            seen[family] += 1
    for family, n in seen.items():
        bound = FAMILIES[family]
        if n > (bound if isinstance(bound, int) else most[bound]):
            out.append(f"{n} keys of {family}")
    return out


def _log(log: str) -> list[str]:
    """I8: no secret and no contact in what the program said."""
    private = [PASSWORD, TRACK_KEY, SMS_KEY, OWNER, *(each for both in PEOPLE.values() for each in both)]
    return [f"the log holds {each!r}" for each in private if each in log]
