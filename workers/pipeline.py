"""refresh -> announce -> notify: calls the others in order, decides nothing.

    store.claim | source.track | store.settle | classify | detect | judge | store.commit      refresh
    store.claim_reviews | judge | store.commit                                                 announce
    store.recall | classify | detect | judge | store.commit                                    pushed
    store.claim_notice | render | channel.send | store.done                                    notify

Errors are caught here, once, and become rows: a source's trouble is the source's health, a channel's is the notice's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from workers.addresses import Addresses
from workers.aftercare import Aftercare
from workers.core.classify import Classifier
from workers.core.detect import detect
from workers.core.judgement import Judge
from workers.core.model import Order, ParcelRef, Reading, Sighting, Snapshot, Transition
from workers.core.second import FAILING
from workers.deciding import NO_NEWS, Bell, Deciding, Work
from workers.delivery import Delivery
from workers.errors import Permanent, Temporary
from workers.holding import Holding
from workers.house import House
from workers.opinions import Opinions
from workers.owner import Owner
from workers.sources import Ask, Found, News, NoNews, Outcome, Source
from workers.store import Changed, Looked, Store, entry_of, number_of, parcel_of
from workers.witness import Witness

log = structlog.get_logger("customs_watch")

# Of parcels, kept up while their source is asked: a worker that dies delays its news so long. A late answer is fenced by
# the version; at worst a call is wasted.
LEASE = timedelta(seconds=35)
UNCHANGED = timedelta(hours=4)  # between looks at a parcel of which nothing is known yet
LONGEST_WAIT = timedelta(seconds=2)  # a worker waits this long for a source's next token, then leaves
FAST = 10.0  # calls a second: a source that allows so many is asked again while an answer is being digested
LANES = 2
BUDGET = timedelta(seconds=30)  # of one call of refresh; the sweeper rings again


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
        self._clock = clock
        self._wait = wait
        self._ring = ring
        self.owner = Owner(house=house, store=store, clock=clock, ring=ring)
        self.addresses = Addresses(store=store, owner=self.owner)
        self._delivery = Delivery(
            house=house, store=store, clock=clock, wait=wait, worker=worker, addresses=self.addresses,
            owner=self.owner, leaving=leaving,
        )  # fmt: skip
        self._witness = witness
        self._holding = Holding(lambda name, parcels: store.prolong(name, parcels, lease=LEASE))
        self._leaving = leaving
        self._aftercare = Aftercare(house=house, store=store, owner=self.owner, clock=clock, ring=ring)
        self._opinions = Opinions(store)
        self._deciding = Deciding(
            house=house, store=store, judge=judge, opinions=self._opinions, clock=clock, ring=ring
        )

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
            with self._holding.held(source.name, parcels):
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
                    self._deciding.fails(source.name, parcel, outcome, outcome.after or timedelta(minutes=20))
                case Permanent():
                    self._deciding.fails(source.name, parcel, outcome, timedelta(hours=12))
        if not looks:
            self._store.source_news(source.name, ok=True)
        works = []
        for changed in self._store.settle(source.name, looks, every=UNCHANGED):
            order, ref = house.settings.parcels[parcel_of(changed.parcel)]
            work = self._take_in(source.name, order, ref, changed, outcomes[changed.parcel])
            if work is not None:
                works.append(work)
        self._deciding.commit(house, works)
        self._look_again(source, outcomes)

    def _look_again(self, source: Source, outcomes: Mapping[str, Outcome]) -> None:
        """Have looked at soon what a service was told of only now: the pace of a number without news would be hours."""
        soon: dict[timedelta, list[str]] = {}
        for parcel, outcome in outcomes.items():
            if isinstance(outcome, NoNews) and outcome.again is not None:
                soon.setdefault(outcome.again, []).append(parcel)
        for again, told in soon.items():
            self._store.postpone(source.name, told, after=again)

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

    def _take_in(
        self,
        source: str,
        order: Order,
        ref: ParcelRef,
        changed: Changed,
        outcome: Outcome,
        push: News | None = None,
    ) -> Work | None:
        try:
            sightings = outcome.read() if isinstance(outcome, Found) else ()
        except Temporary as trouble:
            self._deciding.fails(source, changed.parcel, trouble, timedelta(minutes=20))
            return None
        assert isinstance(outcome, Found | NoNews)  # nosec B101 # noqa: S101 -- only these two are settled
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
        return Work(
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
        if self._deciding.commit(house, works):
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
        self._deciding.commit(
            house, [Work(*watched[c.parcel], c, _as_it_was) for c in claimed if c.parcel in watched]
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
        return not self._deciding.commit(house, [Work(order, ref, changed, detected, hushed=True)])

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
