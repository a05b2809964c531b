"""refresh -> announce -> notify: calls the others in order, decides nothing.

    store.claim | source.track | store.settle | classify | detect | judge | store.commit      refresh
    store.claim_reviews | judge | store.commit                                                 announce
    store.recall | classify | detect | judge | store.commit                                    pushed
    store.claim_notice | render | channel.send | store.done                                    notify

Errors are caught here, once, and become rows: a source's trouble is the source's health, a channel's is the notice's.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec
import structlog

from workers import memory, tidy
from workers.addresses import Addresses
from workers.aftercare import Aftercare
from workers.core import health
from workers.core.classify import Classifier
from workers.core.detect import detect
from workers.core.judgement import Judge, Judgement
from workers.core.model import Order, ParcelRef, Reading, Sighting, Snapshot, Stage, Transition
from workers.core.second import FAILING
from workers.core.voices import Heard
from workers.core.word import Word
from workers.delivery import Delivery
from workers.errors import Permanent, Temporary
from workers.house import House
from workers.neighbours import Neighbourhood
from workers.opinions import Opinions, nobody, places
from workers.owner import Owner
from workers.sources import Ask, Found, News, NoNews, Outcome, Source
from workers.store import Changed, Commit, Looked, Owed, Store, entry_of, notice_id, number_of, parcel_of
from workers.witness import Witness

log = structlog.get_logger("customs_watch")

LEASE = timedelta(seconds=90)  # of parcels: a late answer is fenced by the version, at worst a call is wasted
UNCHANGED = timedelta(hours=4)  # between looks at a parcel of which nothing is known yet
LONGEST_WAIT = timedelta(seconds=2)  # a worker waits this long for a source's next token, then leaves
FAST = 10.0  # calls a second: a source that allows so many is asked again while an answer is being digested
LANES = 2
BUDGET = timedelta(seconds=30)  # of one call of refresh; the sweeper rings again
NO_NEWS = "no-news"  # the fingerprint of a number the source knows and shows no event of
SETTLED = timedelta(days=30)  # between looks at a parcel that is delivered and stayed so
BY_HAND = timedelta(hours=6)  # the same, where a person drops the events: a courier's bill comes weeks later
STALE_TRIES = 5  # how often a parcel that somebody else changed in between is judged anew


@dataclass(frozen=True, slots=True)
class _Work:
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
class _Decided:
    """A decision that is yet to be stored."""

    work: _Work
    commit: Commit
    judged: Judgement
    moved: bool
    unknown: Sequence[dict[str, str]]  # wordings nobody could read
    shrunk: bool = False  # the look showed much less than the one before


Bell = Callable[[str, str], None]  # rings an actor by name with one argument


class Pipeline:
    """Takes parcels from due to told. Every method may be called by any number of threads and machines at once."""

    def __init__(
        self,
        *,
        house: Callable[[], House],
        store: Store,
        classifier: Classifier,
        judge: Judge,
        clock: Callable[[], datetime],
        wait: Callable[[timedelta], None],
        ring: Bell,
        worker: str,
        witness: Witness | None = None,  # None: nobody doubts the ledger
        leaving: Callable[[], bool] = lambda: False,  # whether to end what is at hand and take nothing new
    ) -> None:
        self._house = house
        self._store = store
        self._classifier = classifier
        self._judge = judge
        self._neighbours = Neighbourhood(store)
        self._clock = clock
        self._wait = wait
        self._ring = ring
        self.owner = Owner(house=house, store=store, clock=clock, ring=ring)
        self._delivery = Delivery(
            house=house, store=store, clock=clock, wait=wait, worker=worker,
            addresses=Addresses(store=store, owner=self.owner), leaving=leaving,
        )  # fmt: skip
        self._witness = witness
        self._leaving = leaving
        self._aftercare = Aftercare(house=house, store=store, owner=self.owner, clock=clock, ring=ring)
        self._opinions = Opinions(store)
        self._secret = b""

    # -- refresh ----------------------------------------------------------------------------------------------

    def refresh(self, name: str) -> int:
        """Look up what is due at the source *name* until nothing is; return how many parcels were looked at."""
        source = self._house().sources.get(name)
        if source is None:
            return 0
        if source.rate < FAST:
            return self._lane(name)
        with ThreadPoolExecutor(LANES) as lanes:
            return sum(lanes.map(self._lane, [name] * LANES))

    def _lane(self, name: str) -> int:
        """Claim and look, batch after batch, one call at a time."""
        until = self._clock() + BUDGET
        looked = 0
        while self._clock() < until and not self._leaving():
            house = self._house()
            source = house.sources.get(name)
            if source is None:
                return looked
            claim = self._store.claim(
                name, source.batch, lease=LEASE, rate=source.rate, burst=max(1, int(source.rate // 10))
            )
            if claim.wait is not None:
                if claim.wait > LONGEST_WAIT:
                    return looked
                self._wait(claim.wait)
                continue
            if not claim.parcels:
                return looked
            looked += len(claim.parcels)
            watched = house.settings.parcels
            asks = [
                ask_of(watched[parcel_of(c.parcel)], c.memo, number_of(c.parcel))
                for c in claim.parcels
                if parcel_of(c.parcel) in watched
            ]
            if asks:
                self._look(house, source, asks)
        return looked

    def _look(self, house: House, source: Source, asks: Sequence[Ask]) -> None:
        parcels = [ask.parcel for ask in asks]
        try:
            outcomes = source.track(asks)
        except Temporary as trouble:
            self._source_fails(source.name, parcels, trouble, trouble.after)
            return
        except Permanent as trouble:
            self._source_fails(source.name, parcels, trouble, timedelta(hours=1))
            return
        looks = []
        for parcel in parcels:
            outcome = outcomes.get(parcel) or Temporary("the source left this parcel out of its answer")
            match outcome:
                case Found():
                    looks.append(Looked(parcel, outcome.fingerprint, outcome.memo))
                case NoNews():
                    looks.append(Looked(parcel, NO_NEWS, outcome.memo))
                case Temporary():
                    self._parcel_fails(source.name, parcel, outcome, outcome.after or timedelta(minutes=20))
                case Permanent():
                    self._parcel_fails(source.name, parcel, outcome, timedelta(hours=12))
        if not looks:
            self._store.source_news(source.name, ok=True)
        works = []
        for changed in self._store.settle(source.name, looks, every=UNCHANGED):
            order, ref = house.settings.parcels[parcel_of(changed.parcel)]
            work = self._take_in(source.name, order, ref, changed, outcomes[changed.parcel])
            if work is not None:
                works.append(work)
        self._commit(house, works)

    def _source_fails(
        self, name: str, parcels: Sequence[str], trouble: Temporary | Permanent, after: timedelta | None
    ) -> None:
        fares = self._store.source_health().get(name)
        failures = fares.failures if fares else 0
        backoff = after or min(timedelta(minutes=1) * 2 ** min(failures, 6), timedelta(hours=1))
        self._store.pause(name, after=backoff)
        self._store.postpone(name, parcels, after=backoff)
        self._store.unheard(name, parcels, judge_after=FAILING)
        permanent = isinstance(trouble, Permanent)
        host_ill = not permanent and after is None  # who says when to come back is busy or counts, not ill
        self._store.source_news(name, ok=False, error=str(trouble), host_ill=host_ill, permanent=permanent)
        log.warning(
            "source_failed", source=name, parcels=len(parcels), error=str(trouble), again_in=str(backoff)
        )
        self._opinions.doubt(self._house(), name, self._clock())

    def _parcel_fails(
        self, name: str, parcel: str, trouble: Temporary | Permanent, after: timedelta | None
    ) -> None:
        said = str(trouble)
        if after is not None:
            self._store.postpone(name, [parcel], after=after)
            self._store.unheard(name, [parcel], judge_after=FAILING)
        at = self._clock().isoformat()  # a later answer makes it old news: whoever shows it compares
        if not number_of(parcel):
            self._store.remember(f"trouble:{parcel}", f"{at} {said}".encode(), ttl=timedelta(days=2))
        log.warning("parcel_not_read", source=name, parcel=parcel, error=said)

    def _take_in(
        self,
        source: str,
        order: Order,
        ref: ParcelRef,
        changed: Changed,
        outcome: Outcome,
        push: News | None = None,
    ) -> _Work | None:
        try:
            sightings = outcome.read() if isinstance(outcome, Found) else ()
        except Temporary as trouble:
            self._parcel_fails(source, changed.parcel, trouble, timedelta(minutes=20))
            return None
        assert isinstance(outcome, Found | NoNews)  # noqa: S101 -- only these two are settled
        fingerprint = outcome.fingerprint if isinstance(outcome, Found) else NO_NEWS
        looked = [(sighting, self.read(sighting)) for sighting in sightings]

        # Under a further number the source shows the rest of the way: what it showed before is not gone.
        partial = (push is not None and push.partial) or bool(number_of(changed.parcel))

        def detected(before: Snapshot, now: datetime) -> tuple[Snapshot, Transition | None]:
            shown = [*_shown_before(before, source), *looked] if partial else looked
            after, transition = detect(
                before, shown, origin=order.origin, destination=order.destination, source=source, now=now
            )
            after = after if after.met else replace(after, met=now)
            return (replace(after, pushed=now) if push is not None and looked else after), transition

        changed, entry = replace(changed, parcel=ref.id), changed.parcel
        return _Work(
            order, ref, changed, detected, source, fingerprint, outcome.memo, push is not None, entry=entry
        )

    def pushed(self, name: str, news: News) -> set[str]:
        """Take in what the source *name* told unasked, as a look is taken in; return the numbers that it watches for us.

        What is told of a parcel's further number is a hint to look. Raises Temporary where not all of it could be
        stored: it is to be told again.
        """
        house = self._house()
        numbers = {*news.found, *news.look}
        meant = {
            ref.id: (order, ref) for order, ref in house.settings.parcels.values() if ref.number in numbers
        }
        known = {p: k for p, k in self._store.recall_many(list(meant)).items() if name in k.due}
        mine = {meant[parcel][1].number for parcel in known}
        further = {
            number: entries for number in numbers - mine if (entries := self._store.entries(name, number))
        }
        works, look = [], [entry for entries in further.values() for entry in entries]
        for parcel, remembered in known.items():
            order, ref = meant[parcel]
            found, memo = news.found.get(ref.number), remembered.memos.get(name, "")
            if found is None or not news.fits(memo, found):
                look.append(parcel)  # a hint, or perhaps of another parcel: the source is asked
                continue
            changed = Changed(parcel, remembered.version, remembered.snapshot, remembered.told)
            work = self._take_in(name, order, ref, changed, found, news)
            if work is not None:
                works.append(replace(work, memo=memo))
        if self._commit(house, works):
            raise Temporary("parcels were being decided on by somebody else all the time")
        if look:
            self._store.postpone(name, look, after=timedelta(0))
            self._ring("refresh", name)
        return mine | further.keys()

    def read(self, sighting: Sighting) -> Reading:
        """Classify one sighting by what it carries."""
        return self._classifier.read(
            sighting.text,
            code=sighting.code,
            system=sighting.system,
            lang=sighting.lang,
            translation=sighting.translation,
        )

    # -- announce ---------------------------------------------------------------------------------------------

    def announce(self, limit: int = 100) -> int:
        """Judge parcels whose advice may change by time alone, and care for what was sent; return how many were judged."""
        house = self._house()
        self._aftercare.attend()
        claimed = self._store.claim_reviews(limit, lease=LEASE)
        watched = house.settings.parcels
        self._commit(
            house, [_Work(*watched[c.parcel], c, _as_it_was) for c in claimed if c.parcel in watched]
        )
        return len(claimed)

    def hear(self, parcel: str, heard: Sighting, reading: Reading) -> bool:
        """Take in what a person says happened to *parcel*, as an event; False where it is not watched or not known yet."""
        house = self._house()
        watched, known = house.settings.parcels.get(parcel), self._store.recall(parcel)
        if watched is None or known is None or known.snapshot is None:
            return False
        order, ref = watched

        def detected(before: Snapshot, now: datetime) -> tuple[Snapshot, Transition | None]:
            return detect(
                before, [(heard, reading)], origin=order.origin, destination=order.destination,
                source=heard.source, now=now,
            )  # fmt: skip

        changed = Changed(parcel, known.version, known.snapshot, known.told)
        return not self._commit(house, [_Work(order, ref, changed, detected, hushed=True)])

    def _commit(self, house: House, works: Sequence[_Work]) -> Sequence[_Work]:
        """Decide on each and store the decisions in one trip; what somebody else changed meanwhile is decided anew.

        Returns what could not be stored, because somebody else was faster every time.
        """
        if not works:
            return ()
        # Who has just been shown by the only source there is needs no look at what the others did.
        only = len(house.settings.sources) < 2 and all(work.source for work in works)
        heard = nobody(house) if only else self._opinions.heard(house, [(w.order, w.ref) for w in works])
        for _ in range(STALE_TRIES):
            decided: list[_Decided] = []
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

    def _decide(self, house: House, work: _Work, word: Word, heard: tuple[Heard, ...]) -> _Decided | None:
        ref, now = work.ref, self._clock()
        try:
            before, told = memory.load(work.changed.snapshot), memory.load_told(work.changed.told)
        except Permanent as trouble:  # what we remember of it cannot be read
            self._parcel_fails(work.source, ref.id, trouble, timedelta(hours=12) if work.source else None)
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
        return _Decided(work, commit, judged, transition is not None, _unreadable(after, now), less)

    def _store_all(self, decided: Sequence[_Decided]) -> list[_Work]:
        """Store decisions, ring for what they owe; return the work that must be done anew."""
        stale: list[_Work] = []
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

    def _no_more(self, one: _Decided) -> None:
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

    def notify(self, channel: str) -> int:
        """Send what is owed on *channel*; return how many notices were tried."""
        if self._witness is None:
            return self._delivery.notify(channel)
        if self._witness.look():
            return 0
        try:
            return self._delivery.notify(channel)
        finally:
            self._witness.look()

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


def _shown_before(before: Snapshot, source: str) -> list[tuple[Sighting, Reading]]:
    """Return what *source* has shown of a parcel so far, for a push that leaves out what it told before."""
    return [
        (seen.sighting, seen.said or seen.reading)
        for seen in before.timeline
        if source in seen.witnesses and not seen.vanished
    ]


def _as_it_was(before: Snapshot, _now: datetime) -> tuple[Snapshot, Transition | None]:
    return before, None


def ask_of(watched: tuple[Order, ParcelRef], memo: str, further: str = "") -> Ask:
    """Return what a source is told of a parcel, and what it asked us to remember of it; *further*: under that number."""
    order, ref = watched
    return Ask(
        parcel=entry_of(ref.id, further),
        number=further or ref.number,
        carrier="" if further else ref.carrier,  # the hint was of the first carrier
        origin=order.origin,
        destination=order.destination,
        postcode=order.postcode,
        order=order.number,
        phone_last4=order.phone_last4,
        memo=memo,
        parcels=len(order.parcels),
    )
