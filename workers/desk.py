"""What the scheduler does at its ticks: enrols what is watched, and rings where something is due. Looks at no parcel."""

from __future__ import annotations

from datetime import timedelta

from workers import knowledge, law_watch, pacing, retention, roster, tidy, vigil
from workers.addresses import Addresses
from workers.adopt import Adoption
from workers.answers import stopped
from workers.app import App, now
from workers.ears import Ears
from workers.heart import BEAT, EVERY
from workers.replies import Replies
from workers.scheduler import Clock
from workers.store import parcel_of
from workers.store.lua import spoken

LANES = 8  # doorbells per source at once: more would only wait for the source's next token
BACKLOG = 64  # doorbells in a queue beyond which the scheduler rings no more


class Desk:
    """The ticks of one scheduler, and the clock that makes them."""

    def __init__(self, app: App, *, name: str) -> None:
        self._app = app
        self._name = name
        self._synced: tuple[str, str, frozenset[str]] = ("", "", frozenset())
        self._ears = Ears(app.house, app.store, Adoption(app.house, app.pipeline.owner, now).take_in)

        self.replies = Replies(
            house=app.house, store=app.store, answers=app.answers, clock=now,
            addresses=Addresses(store=app.store, owner=app.pipeline.owner),
        )  # fmt: skip

    def sync(self) -> None:
        """Bring the due-queues in line with the user's file."""
        house = self._app.house()
        silent = stopped(self._app.store)
        state = (
            house.settings.digest,
            self._app.store.ledger().id,
            silent,
        )  # an emptied store is filled again
        if state == self._synced:
            return
        pacing.limit(house.settings, self._app.store)
        watched = set(house.settings.parcels) - set(silent)
        for name, parcels in roster.by_source(house.settings, without=silent).items():
            source = house.sources[name]
            spread = timedelta(seconds=len(parcels) / (source.batch * source.rate))
            kept = set(parcels)
            # What is asked besides is no business of the file's, as long as the parcel is in it: the next judgement says.
            gone_from = [
                e for e in self._app.store.watched(name) if e not in kept and parcel_of(e) not in watched
            ]
            self._app.store.enrol(name, parcels, spread=spread)
            # Owed before it is dismissed: a crash in between owes too much, not too little.
            if tidy.has_chores(source):
                self._app.store.chores.add(name, tidy.removed(gone_from))
                self._app.store.chores.add(name, [tidy.COMPARE], after=tidy.SOON)
            self._app.store.dismiss(name, gone_from)
        for gone in set(self._app.store.sources()) - set(house.sources):
            self._app.store.dismiss(gone, list(self._app.store.watched(gone)))
            self._app.store.chores.forget(gone)
        self._app.store.review_soon(list(house.settings.parcels))
        for bar in self._app.store.bars():  # the file may name another account: it is tried at once
            self._app.bells.ring("notify", bar.channel)
        self._synced = state

    def ring(self) -> None:
        """Ring one doorbell for each batch that is due, up to what can be answered at once."""
        bells = self._app.store.sweep()
        house = self._app.house()
        room = self._room("refresh")
        for name, due in bells.due.items():
            source = house.sources.get(name)
            if source is None or not due:
                continue
            lanes = LANES if source.rate >= 1 else 1
            wanted = min(-(-due // source.batch), lanes, room)
            room -= max(wanted, 0)
            for _ in range(wanted):
                self._app.bells.ring("refresh", name)
        if bells.reviews and self._room("announce") > 0:
            self._app.bells.ring("announce", "")
        room = self._room("notify")
        for channel, due in bells.notices.items():
            for _ in range(min(due, 4, room) if due else 0):
                self._app.bells.ring("notify", channel)

    def pace(self) -> None:
        pacing.pace(self._app.house(), self._app.store)

    def vigil(self) -> None:
        vigil.watch(self._app.house(), self._app.store, self._app.pipeline.owner, now=now())

    def law(self) -> None:
        """Look whether the law is old: once a month, by the store's memory and not by this clock."""
        known = knowledge.load()
        law_watch.look(
            self._app.house(), self._app.store, self._app.pipeline.owner, law=known.law, operators=known.operators, now=now(),
        )  # fmt: skip

    def _room(self, queue: str) -> int:
        with spoken():
            return BACKLOG - int(self._app.broker.do_qsize(queue))

    def tidy(self) -> None:
        """Ring for each source that is owed a word or a comparison."""
        for name, source in self._app.house().sources.items():
            if tidy.has_chores(source) and self._app.store.chores.due(name) and self._room("refresh") > 0:
                self._app.bells.ring("tidy", name)

    def keep(self) -> None:
        """Forget what is over."""
        retention.keep(self._app.house(), self._app.store, now=now)

    def beat(self) -> None:
        self._app.store.beat(f"scheduler:{self._name}", ttl=BEAT)

    def clock(self) -> Clock:
        """Return the clock with our ticks on it."""
        return Clock(
            {
                "sync": (timedelta(seconds=5), self.sync),
                "ring": (timedelta(seconds=1), self.ring),
                "beat": (EVERY, self.beat),
                "pace": (timedelta(minutes=2), self.pace),
                "vigil": (timedelta(seconds=30), self.vigil),
                "keep": (timedelta(hours=1), self.keep),
                "law": (timedelta(hours=1), self.law),
                "tidy": (timedelta(seconds=20), self.tidy),
                "replies": (timedelta(seconds=5), self.replies.look),
                "listen": (timedelta(seconds=5), self._ears.sync),
            },
            clock=now,
        )
