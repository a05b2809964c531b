"""Decide on parcels and store the decisions with what they owe: judge, commit, ring. Looks nothing up and sends nothing.

What somebody else changed in between is decided anew: the store refuses a decision on a version that is gone.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec
import structlog

from workers import memory, tidy
from workers.core import health
from workers.core.judgement import Judge, Judgement
from workers.core.model import Order, ParcelRef, Snapshot, Stage, Transition
from workers.core.second import FAILING
from workers.core.voices import Heard
from workers.core.word import Word
from workers.errors import OfNewer, Permanent, Temporary
from workers.house import House
from workers.neighbours import Neighbourhood
from workers.opinions import Opinions, nobody, places
from workers.store import Changed, Commit, Owed, Store, notice_id, number_of

log = structlog.get_logger("customs_watch")

NO_NEWS = "no-news"  # the fingerprint of a number the source knows and shows no event of
SETTLED = timedelta(days=30)  # between looks at a parcel that is delivered and stayed so
BY_HAND = timedelta(hours=6)  # the same, where a person drops the events: a courier's bill comes weeks later
STALE_TRIES = 5  # how often a parcel that somebody else changed in between is judged anew

Bell = Callable[[str, str], None]  # rings an actor by name with one argument


@dataclass(frozen=True, slots=True)
class Work:
    """A parcel that needs a decision."""

    order: Order
    ref: ParcelRef
    changed: Changed
    detected: Callable[[Snapshot, datetime], tuple[Snapshot, Transition | None]]
    source: str = ""  # whose look it was; "" where time alone made it
    fingerprint: str = ""
    memo: str = ""
    pushed: bool = False  # told unasked: what the source has us remember of the parcel stays as it is
    hushed: bool = False  # whoever brought it knows it: nobody is written to for it
    entry: str = ""  # of the queue, where the parcel was looked up under a further number


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that is yet to be stored."""

    work: Work
    commit: Commit
    judged: Judgement
    moved: bool
    unknown: Sequence[dict[str, str]]  # wordings nobody could read
    shrunk: bool = False  # the look showed much less than the one before


class Deciding:
    """Takes parcels from seen to decided. Every method may be called by any number of threads and machines at once."""

    def __init__(
        self,
        *,
        house: Callable[[], House],
        store: Store,
        judge: Judge,
        opinions: Opinions,
        clock: Callable[[], datetime],
        ring: Bell,
    ) -> None:
        self._house = house
        self._store = store
        self._judge = judge
        self._opinions = opinions
        self._neighbours = Neighbourhood(store)
        self._clock = clock
        self._ring = ring
        self._secret = b""

    def commit(self, house: House, works: Sequence[Work]) -> Sequence[Work]:
        """Decide on each and store the decisions in one trip; what somebody else changed meanwhile is decided anew.

        Returns what could not be stored, because somebody else was faster every time.
        """
        if not works:
            return ()
        # Who has just been shown by the only source there is needs no look at what the others did.
        only = len(house.settings.sources) < 2 and all(work.source for work in works)
        heard = nobody(house) if only else self._opinions.heard(house, [(w.order, w.ref) for w in works])
        for _ in range(STALE_TRIES):
            decided: list[Decided] = []
            words = self._store.words([work.ref.id for work in works]) if works else {}
            try:
                for work in works:
                    word = memory.load_word(words.get(work.ref.id))
                    one = self._decide(house, work, word, heard(work.order, work.ref))
                    if one is not None:
                        decided.append(one)
            finally:  # a parcel that cannot be decided on must not keep the others from being told of
                works = self._store_all(decided)
            if not works:
                return ()
        for work in works:
            log.warning("parcel_busy", parcel=work.ref.id)
        return works

    def _decide(self, house: House, work: Work, word: Word, heard: tuple[Heard, ...]) -> Decided | None:
        ref, now = work.ref, self._clock()
        try:
            before, told = memory.load(work.changed.snapshot), memory.load_told(work.changed.told)
        except OfNewer as trouble:
            if work.source and trouble.after:
                self._store.postpone(work.source, [work.entry or ref.id], after=trouble.after)
            log.warning("parcel_left", source=work.source, parcel=ref.id, error=str(trouble))
            return None
        except Permanent as trouble:  # what we remember of it cannot be read
            self.fails(work.source, ref.id, trouble, timedelta(hours=12) if work.source else None)
            return None
        after, transition = work.detected(before, now)
        near = self._neighbours.of(house.settings, work.order, ref) if self._judge.adds_up(work.order) else ()
        judged = self._judge.judge(
            work.order, ref, after, transition, told, first_look=before.first_look is None, now=now, neighbours=near,
            word=word, heard=heard, taken=self._opinions.taken(house.settings),
        )  # fmt: skip
        commit = Commit(
            parcel=ref.id,
            version=work.changed.version,
            op=secrets.token_hex(8),
            stage=after.stage.value,
            snapshot=memory.dump(after),
            told=memory.dump_told(judged.told),
            decision=msgspec.json.encode(judged.decision(transition, before.stage)),
            source=work.source,
            fingerprint=work.fingerprint,
            memo=work.memo,
            every=judged.every or _settled(house, ref),
            review_in=None if judged.review_at is None else max(judged.review_at - now, timedelta(seconds=1)),
            stay=judged.stay(before, transition),
            stands=judged.stands(),
            notices=() if work.hushed else self._owed(house, work.order, ref, after, judged),
            at=places(house, ref, judged),
            entry=work.entry,
        )
        less = health.shrunk(after, work.source, empty=work.fingerprint == NO_NEWS)
        return Decided(work, commit, judged, transition is not None, _unreadable(after, now), less)

    def _store_all(self, decided: Sequence[Decided]) -> list[Work]:
        """Store decisions, ring for what they owe; return the work that must be done anew."""
        stale: list[Work] = []
        unknown: list[dict[str, str]] = []
        showed: dict[str, dict[str, bool]] = {}
        answers = self._store.commit_each([one.commit for one in decided])
        for one, answer in zip(decided, answers, strict=True):
            if answer == "stale":
                known = self._store.recall(one.commit.parcel)
                if known is not None:  # else forgotten in between
                    changed = Changed(known.parcel, known.version, known.snapshot, known.told)
                    memo = known.memos.get(one.work.source, "") if one.work.pushed else one.work.memo
                    stale.append(replace(one.work, changed=changed, memo=memo))
                continue
            unknown += one.unknown
            if one.work.source and not one.work.pushed:
                showed.setdefault(one.work.source, {})[one.commit.parcel] = one.shrunk
            self._no_more(one)
            owed = one.commit.notices
            if one.moved or owed:
                log.info(
                    "moved" if one.moved else "reviewed", parcel=one.commit.parcel, stage=one.commit.stage,
                    advice=one.judged.advice.id, why=one.judged.why.value, notices=len(owed),
                )  # fmt: skip
            for channel in {notice.channel for notice in owed}:
                self._ring("notify", channel)
        self._store.met_unknown(unknown)
        for source, parcels in showed.items():
            self._store.showed(source, parcels)
        return stale

    def _no_more(self, one: Decided) -> None:
        """Owe sources the word that a parcel is delivered and stayed so, where they listen."""
        if one.judged.every is None:
            for name, source in self._house().sources.items():
                if tidy.has_chores(source):
                    self._store.chores.add(name, [tidy.settled(one.work.ref.id)])

    def _owed(
        self, house: House, order: Order, ref: ParcelRef, after: Snapshot, judged: Judgement
    ) -> tuple[Owed, ...]:
        if not judged.why.speaks or order.muted:
            return ()
        context = msgspec.json.encode({**judged.brief(), "unseen": self._unseen(ref.id)})
        return tuple(
            self._one(ref, after, judged, context, channel, who)
            for who in order.tell
            for channel in house.settings.recipients[who].channels
        )

    def _unseen(self, parcel: str) -> dict[str, str] | None:
        """Return the source that fails and since when nobody sees *parcel*; None where somebody does."""
        known = self._store.recall(parcel)
        found = health.unseen(known.due, self._store.source_health(), now=self._clock()) if known else None
        return {"source": found[0], "since": found[1].isoformat()} if found else None

    def _one(
        self, ref: ParcelRef, after: Snapshot, judged: Judgement, context: bytes, channel: str, who: str
    ) -> Owed:
        stage, topic = after.stage.value, judged.advice.topic
        return Owed(
            id=notice_id(
                self._house_secret(), ref.id, stage, after.occurrence, topic, judged.step, channel, who
            ),
            channel=channel,
            recipient=who,
            why=judged.why.value,
            stage=stage,
            occurrence=after.occurrence,
            topic=topic,
            context=context,
            expires=judged.expires,
            urgent=judged.advice.urgent,
        )

    def fails(self, name: str, parcel: str, trouble: Temporary | Permanent, after: timedelta | None) -> None:
        """Write down that *parcel* could not be read at the source *name*; *after*: when it is looked at again."""
        said = str(trouble)
        if after is not None:
            self._store.postpone(name, [parcel], after=after)
            self._store.unheard(name, [parcel], judge_after=FAILING)
        at = self._clock().isoformat()  # a later answer makes it old news: whoever shows it compares
        if not number_of(parcel):
            self._store.remember(f"trouble:{parcel}", f"{at} {said}".encode(), ttl=timedelta(days=2))
        log.warning("parcel_not_read", source=name, parcel=parcel, error=said)

    def _house_secret(self) -> bytes:
        self._secret = self._secret or self._store.secret()
        return self._secret


def _settled(house: House, ref: ParcelRef) -> timedelta:
    """Return how long a parcel that is over is left alone: a folder of one's own costs nothing to look at."""
    sections = house.settings.sources
    watching = [sections.get(name) for name in ref.sources or [*sections][:1]]
    by_hand = bool(watching) and all(section is not None and section.kind == "manual" for section in watching)
    return BY_HAND if by_hand else SETTLED


def _unreadable(after: Snapshot, now: datetime) -> list[dict[str, str]]:
    """Return the wordings of this look that nobody can read, so that a person can teach them."""
    return [
        {
            "text": seen.sighting.text, "lang": seen.sighting.lang, "carrier": seen.sighting.carrier,
            "system": seen.sighting.system, "code": seen.sighting.code, "on": now.date().isoformat(),
        }
        for seen in after.timeline
        if seen.first_seen == now and seen.reading.stage is Stage.UNKNOWN and seen.sighting.text
    ]  # fmt: skip
