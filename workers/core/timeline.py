"""Lay a look's sightings into a parcel's timeline: one event, one entry; refuses to say what the events mean.

How events are put in order. An exact time is believed before a list, so a source may deliver its list in any
order. A doubtful one (a naive local time, a bare date) is believed only as far as its list allows: where the
list is in order but for such doubts, the event is moved to its place in the list. An undated event, or one in
the future, stands behind its neighbour in the list. Events of one exact minute stand in the order in which
parcels go through them. Hence shuffling the sightings of a look changes nothing where their times are exact;
where they are not, the list itself is what the source has told us.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from workers.core.likeness import DOUBTS, Identity, closeness, doubt, fold, identity
from workers.core.model import Reading, Seen, Sighting, Stage, TimeQuality

CAP = 200  # sightings kept of one parcel
_MOST = 1000  # sightings read of one look; no parcel met so far had more than 120
_BEGINNING = datetime(2010, 1, 1, tzinfo=UTC)  # earlier times are clocks that were never set
_TICK = timedelta(microseconds=1)

_SAME_WORDS = timedelta(hours=8)  # two sources, both sure of the time, the same words
_SAME_STAGE = timedelta(hours=2)  # … other words of the same stage
_NEAR = 0.6

_PROGRESS = {stage: number for number, stage in enumerate(Stage)}
_PLAIN = frozenset({Stage.UNKNOWN, Stage.IN_TRANSIT, Stage.PRE_TRANSIT, Stage.ARRIVED_DESTINATION})

Looked = Sequence[tuple[Sighting, Reading]]


def usable(sighting: Sighting, *, now: datetime) -> bool:
    """Whether the time of *sighting* can be believed at all (within its doubt)."""
    return believable(now)(sighting) is not None


def believable(now: datetime) -> Callable[[Sighting], datetime | None]:
    """Return what tells the time of a sighting if it can be believed at all (within its doubt), seen from *now*."""
    latest = now + timedelta(hours=14)

    def believed(sighting: Sighting) -> datetime | None:
        at = sighting.at
        if at is None or sighting.quality is TimeQuality.UNKNOWN:
            return None
        return at if _BEGINNING <= at <= latest else None

    return believed


def raw(seen: Seen) -> Reading:
    """Return what the words alone said, before context."""
    return seen.said or seen.reading


@dataclass(slots=True)
class _Entry:
    seen: Seen
    known: int | None  # place in the timeline before this look
    listed: int | None  # place in this look's list


def merge(
    known: Sequence[Seen], looked: Looked, *, source: str, now: datetime
) -> tuple[tuple[Seen, ...], bool]:
    """Return the timeline with *looked* (oldest first, as *source* lists them), and whether anything is new.

    New is an event never seen before, or a wording changed so that it says something else. An event seen
    again, by another source too, in other words of the same meaning or with a corrected clock is not. One that
    its only witness no longer shows is kept and marked. An empty look is no evidence of anything.
    """
    if not looked:
        return tuple(known), False
    distinct = _distinct(looked)
    fresh = list(distinct.values())
    entries = [_Entry(seen, index, None) for index, seen in enumerate(known)]
    by_identity = {identity(entry.seen.sighting): entry for entry in entries}
    left: list[int] = []
    news = False
    for place, (key, (sighting, reading)) in enumerate(distinct.items()):
        entry = by_identity.get(key)
        if entry is None:
            left.append(place)
        else:
            news |= _again(entry, sighting, reading, source, place)
    missing = [e for e in entries if e.listed is None] if left else []
    for entry, place in _pairs(missing, [(p, fresh[p][0]) for p in left], fresh, source):
        left.remove(place)
        news |= _again(entry, *fresh[place], source, place)
    full = len(known) >= CAP
    newest = (
        max(filter(None, map(believable(now), (s.sighting for s in known))), default=None) if full else None
    )
    for place in left:
        sighting, reading = fresh[place]
        entries.append(_Entry(Seen(sighting, reading, now, (source,)), None, place))
        # What was dropped from a full timeline comes back with every look and is no news.
        news |= not (newest is not None and sighting.at is not None and sighting.at < newest)
    for entry in entries:
        if entry.listed is None and entry.seen.witnesses == (source,):
            entry.seen = replace(entry.seen, vanished=True)
    if not left and all(_same(entry.seen, seen) for entry, seen in zip(entries, known, strict=True)):
        return tuple(
            known
        ), news  # the same again: to lay doubtful clocks out anew could only turn the order about
    return trim(_arranged(entries, now=now)), news


def _same(a: Seen, b: Seen) -> bool:
    """Whether two entries hold the same event, shown by the same sources and saying the same."""
    return (a.sighting, a.witnesses, a.vanished, raw(a)) == (b.sighting, b.witnesses, b.vanished, raw(b))


def _distinct(looked: Looked) -> dict[Identity, tuple[Sighting, Reading]]:
    """Return the look without repetitions; of two copies of an event the one that tells more is kept."""
    found: dict[Identity, tuple[Sighting, Reading]] = {}
    for pair in looked[-_MOST:]:
        key = identity(pair[0])
        found[key] = max(found[key], pair, key=_telling) if key in found else pair
    return found


def _telling(pair: tuple[Sighting, Reading]) -> tuple[bool, bool, str, str, str, str, str]:
    s = pair[0]
    exact = s.quality is TimeQuality.EXACT
    return (pair[1].stage is not Stage.UNKNOWN, exact, s.country, s.number, s.carrier, s.translation, s.lang)


def _again(entry: _Entry, sighting: Sighting, reading: Reading, source: str, place: int) -> bool:
    """Note that *entry* was seen again as *sighting*; return whether it now says something else."""
    seen, before = entry.seen, raw(entry.seen)
    mine = seen.sighting.source == source
    if not mine:
        # The first witness keeps the word, unless the second knows the time better.
        better = sighting.quality is TimeQuality.EXACT and seen.sighting.quality is not TimeQuality.EXACT
        stays = replace(seen.sighting, at=sighting.at, quality=sighting.quality) if better else seen.sighting
        country = stays.country or sighting.country
        sighting, reading = replace(stays, country=country, number=stays.number or sighting.number), before
    else:
        if reading.stage is Stage.UNKNOWN and fold(sighting.text) != fold(seen.sighting.text):
            reading = before  # reworded into something we cannot read: what was understood stands
        if _told_the_time(seen, sighting):
            sighting = replace(sighting, at=seen.sighting.at, quality=seen.sighting.quality)
    witnesses = seen.witnesses if source in seen.witnesses else (*seen.witnesses, source)
    entry.seen = Seen(sighting, reading, seen.first_seen, witnesses)
    entry.listed = place
    return (reading.stage, reading.charges) != (before.stage, before.charges)


def _told_the_time(seen: Seen, new: Sighting) -> bool:
    """Whether another witness has told the exact time of what *new* shows again by a doubtful clock."""
    others = len(seen.witnesses) > 1
    return (
        others
        and seen.sighting.quality is TimeQuality.EXACT
        and new.quality in (TimeQuality.ASSUMED, TimeQuality.DAY)
    )


def _pairs(
    entries: list[_Entry], left: list[tuple[int, Sighting]], fresh: Looked, source: str
) -> Iterable[tuple[_Entry, int]]:
    """Pair events of the timeline with sightings of the same event seen otherwise, the surest pairs first."""
    found: list[tuple[int, float, timedelta, int, int]] = []
    for index, entry in enumerate(entries):
        for place, sighting in left:
            match = _match(entry.seen, sighting, fresh[place][1], source)
            if match is not None:
                found.append((*match, index, place))
    taken: set[int] = set()
    given: set[int] = set()
    for _, _, _, index, place in sorted(found):
        if index not in taken and place not in given:
            taken.add(index)
            given.add(place)
            yield entries[index], place


def _match(seen: Seen, new: Sighting, reading: Reading, source: str) -> tuple[int, float, timedelta] | None:
    """Return how well *new* matches *seen*, the best first, or None: surety, unlikeness, distance in time."""
    old = seen.sighting
    if (old.at is None) != (new.at is None):
        return None
    apart = abs(old.at - new.at) if old.at and new.at else timedelta(0)
    likeness = closeness(old, new)
    same_code = bool(old.code) and old.system == new.system and fold(old.code) == fold(new.code)
    other_code = bool(old.code) and bool(new.code) and old.system == new.system and not same_code
    if old.source == source:
        if apart == timedelta(0) and old.at and fold(old.place) == fold(new.place):  # another wording
            # A bare date, or no place, does not single out an event: the words must be somewhat alike too.
            singled = bool(old.place) and old.quality is not TimeQuality.DAY
            if same_code or likeness >= _NEAR or (not other_code and (singled or likeness >= 0.3)):
                return (0, 1 - likeness, apart)
            return None
        if not old.at:  # undated: only the words can tell
            return (2, 1 - likeness, apart) if likeness >= 0.8 and not other_code else None
        # A corrected clock moves an event by whole quarters of an hour, and nothing else of it.
        quarters = apart % timedelta(minutes=15) == timedelta(0)
        same = identity(replace(old, at=None)) == identity(replace(new, at=None))
        if same and _told_the_time(seen, new) and apart <= doubt(old, new):
            return (1, 0.0, apart)
        return (1, 0.0, apart) if same and quarters and apart <= timedelta(hours=14) else None
    if source in seen.witnesses:
        surety = 0
    elif raw(seen).stage is reading.stage:
        surety = 3
    else:
        return None
    allowed = max(doubt(old, new), _SAME_WORDS)
    if apart > allowed or other_code:
        return None
    if likeness >= _NEAR or same_code:
        return (surety, 1 - likeness, apart)
    tight = max(doubt(old, new), _SAME_STAGE)
    if reading.stage not in _PLAIN and raw(seen).stage is reading.stage and apart <= tight and old.at:
        return (surety + 1, 1 - likeness, apart)
    return None


def _arranged(entries: list[_Entry], *, now: datetime) -> tuple[Seen, ...]:
    """Return the entries in order: see the module's first words."""
    believed = believable(now)
    look = sorted((e for e in entries if e.listed is not None), key=lambda e: e.listed or 0)
    dated = [believed(entry.seen.sighting) for entry in look]
    clocks: dict[int, datetime] = {}
    if len(look) < len(entries) or None in dated:  # else this look's list alone says where everything stands
        before = [e for e in entries if e.known is not None]  # as they stand in the timeline
        dates = [believed(entry.seen.sighting) for entry in before]
        clocks = {id(e): at for e, at in zip(before, _clocks(before, dates, {}), strict=True)}
    clocks |= {id(e): at for e, at in zip(look, _clocks(look, dated, clocks), strict=True)}

    def key(entry: _Entry) -> tuple[datetime, int, str, str]:
        s = entry.seen.sighting
        return (clocks[id(entry)], _PROGRESS[raw(entry.seen).stage], fold(s.text), s.code)

    return tuple(entry.seen for entry in sorted(entries, key=key))


def _clocks(
    listed: list[_Entry], dated: list[datetime | None], anchors: dict[int, datetime]
) -> list[datetime]:
    """Return for every event of a list the time by which it is sorted; *anchors*: where it stood before."""
    sightings = [entry.seen.sighting for entry in listed]
    in_order = _in_order(sightings, dated)
    if in_order and all(s.quality is TimeQuality.EXACT for s in sightings):
        sure = [at for at in dated if at is not None]
        if len(sure) == len(dated):
            return sure
    clocks = [anchors.get(id(entry)) if at is None else at for entry, at in zip(listed, dated, strict=True)]
    firm = [s.quality is TimeQuality.EXACT or at is None for s, at in zip(sightings, dated, strict=True)]
    following: datetime | None = None  # the earliest of the exact events that follow
    for i in reversed(range(len(clocks))) if in_order else ():
        at = clocks[i]
        if at is None or dated[i] is None:
            continue
        if firm[i]:
            following = at if following is None else min(following, at)
        elif following is not None and at >= following:
            following = clocks[i] = following - _TICK
    first = next((at for at in clocks if at is not None), None)
    reached = first - timedelta(seconds=1) if first else max(anchors.values(), default=_BEGINNING)
    for i, at in enumerate(clocks):
        if at is None or (in_order and not firm[i] and at <= reached):
            at = reached + _TICK
        clocks[i] = at
        reached = max(reached, at) if in_order else at
    return [at for at in clocks if at is not None]


def _in_order(sightings: list[Sighting], dated: list[datetime | None]) -> bool:
    """Whether the list is oldest first, but for what doubtful clocks explain."""
    reached: dict[TimeQuality, datetime] = {}
    for sighting, at in zip(sightings, dated, strict=True):
        if at is None:
            continue
        mine = sighting.quality
        for quality, latest in reached.items():
            if latest > at and latest - at > DOUBTS[quality, mine]:
                return False
        if mine not in reached or at > reached[mine]:
            reached[mine] = at
    return True


def trim(timeline: Sequence[Seen], cap: int = CAP) -> tuple[Seen, ...]:
    """Return at most *cap* entries: what says nothing goes first, then plain movement, the oldest first.

    The first three and the newest quarter always stay; customs goes last.
    """
    excess = len(timeline) - cap
    if excess <= 0:
        return tuple(timeline)
    kept = max(len(timeline) - cap // 4, 0)
    order = sorted(range(min(3, kept), kept), key=lambda i: (_worth(timeline[i]), i))
    gone = set(order[:excess])
    return tuple(seen for i, seen in enumerate(timeline) if i not in gone)


def _worth(seen: Seen) -> int:
    stage = seen.reading.stage
    if stage is Stage.UNKNOWN:
        return 0
    return 1 if stage in (Stage.IN_TRANSIT, Stage.PRE_TRANSIT) else 2
