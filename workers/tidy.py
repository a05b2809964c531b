"""Tell sources what we look up no more, and compare what they follow with what we watch. Moves no parcel.

A chore is a row (``settled <parcel>``, ``removed <parcel>``, ``compare``), kept until its source has taken it. One that is
lost or done twice costs quota at most: nothing that is told to anybody depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

import msgspec
import structlog

from workers.errors import Permanent, StoreTrouble, Temporary
from workers.house import House
from workers.sources import Ask, Leaving, Reconciled, Reconciling, Retiring, Source
from workers.store import Remembered, Store, number_of, parcel_of

log = structlog.get_logger("customs_watch")

COMPARE = "compare"
DAILY = timedelta(days=1)
SOON = timedelta(minutes=10)  # after the user's file changed: first looks have registered what is new by then
LEASE = timedelta(minutes=10)
AGAIN = timedelta(
    hours=1
)  # a source that could not take a chore is asked again after that, where it says nothing closer
LASTS = timedelta(days=3)  # how long the last comparison is shown
MOST_SHOWN = 50  # numbers of a comparison that are remembered


def removed(parcels: Sequence[str]) -> list[str]:
    """Return the chores owed where *parcels* are taken from a source."""
    return [f"{Leaving.REMOVED} {parcel}" for parcel in parcels]


def settled(parcel: str) -> str:
    """Return the chore owed where *parcel* is delivered and stayed so."""
    return f"{Leaving.SETTLED} {parcel}"


def has_chores(source: Source) -> bool:
    """Whether a source can be told what we look up no more, or compared with."""
    return isinstance(source, (Retiring, Reconciling))


class Tidy:
    """Does the chores of a source. Any number of threads and machines may, at once."""

    def __init__(
        self,
        *,
        house: Callable[[], House],
        store: Store,
        clock: Callable[[], datetime],
        settled_after: timedelta,
        ask: Callable[[House, str, str], Ask],  # house, entry, memo
    ) -> None:
        self._house = house
        self._store = store
        self._clock = clock
        self._settled = settled_after  # the pace of a parcel that is looked at only now and then
        self._ask = ask

    def tidy(self, name: str) -> int:
        """Do what is owed to the source *name*; return how many chores were taken up."""
        house = self._house()
        source = house.sources.get(name)
        if source is None or not has_chores(source):
            self._store.chores.forget(name)
            return 0
        taken = 0
        while chores := self._store.chores.claim(name, 40, lease=LEASE):
            taken += len(chores)
            for why in Leaving:
                parcels = [c.partition(" ")[2] for c in chores if c.startswith(f"{why} ")]
                if parcels:
                    self._retire(house, source, why, parcels)
            if COMPARE in chores:
                self._compare(house, source)
        return taken

    def _retire(self, house: House, source: Source, why: Leaving, parcels: Sequence[str]) -> None:
        chores = {parcel: f"{why} {parcel}" for parcel in parcels}
        asks = self._leaving(house, source.name, why, parcels) if isinstance(source, Retiring) else []
        said: dict[str, Temporary | Permanent | None] = {}
        if asks and isinstance(source, Retiring):
            try:
                said = dict(source.retire(asks, why))
            except StoreTrouble:
                raise
            except (
                Temporary,
                Permanent,
            ) as trouble:  # of the source, not of a parcel: a wrong key may be mended
                after = trouble.after if isinstance(trouble, Temporary) else None
                said = {ask.parcel: Temporary(str(trouble), after=after) for ask in asks}
        later = [p for p, trouble in said.items() if isinstance(trouble, Temporary)]
        self._store.chores.done(source.name, [chores[p] for p in parcels if p not in later])
        if later:
            waits = [t.after for t in said.values() if isinstance(t, Temporary) and t.after is not None]
            self._store.chores.put_off(
                source.name, [chores[p] for p in later], after=max(waits, default=AGAIN)
            )
        for parcel, wrong in said.items():
            if wrong is not None:
                log.warning("not_retired", source=source.name, parcel=parcel, error=str(wrong))
        if asks:
            log.info("retired", source=source.name, why=why.value, parcels=len(asks) - len(later))

    def _leaving(self, house: House, name: str, why: Leaving, parcels: Sequence[str]) -> list[Ask]:
        """Return those of *parcels* whose numbers nobody looks up at *name* any more."""
        numbers = {parcel: number_of(parcel) or parcel.partition("/")[2] for parcel in parcels}
        same = {
            other
            for other, (_, ref) in house.settings.parcels.items()
            if ref.number in numbers.values() and (why is Leaving.REMOVED or other not in numbers)
        }
        known = self._store.recall_many([*numbers, *same])
        busy = {other.partition("/")[2] for other in same if self._is_looked_up(known.get(other), name)}
        out = []
        for parcel, number in numbers.items():
            row = known.get(parcel)
            if why is Leaving.SETTLED and (
                row is None or name not in row.due or self._is_looked_up(row, name)
            ):
                continue  # another source's, or it moved again meanwhile
            if number not in busy:
                memo = row.memos.get(name, "") if row is not None else ""
                out.append(Ask(parcel=parcel, number=number, memo=memo))
        return out

    def _is_looked_up(self, row: Remembered | None, name: str) -> bool:
        """Whether a parcel is watched at *name* and not settled."""
        return row is not None and name in row.due and (row.every is None or row.every < self._settled)

    def _compare(self, house: House, source: Source) -> None:
        if not isinstance(source, Reconciling):
            self._store.chores.done(source.name, [COMPARE])
            return
        asks, ended = self._sorted(house, source.name)
        try:
            found = source.reconcile(asks, ended)
        except StoreTrouble:
            raise
        except (Temporary, Permanent) as trouble:
            after = trouble.after if isinstance(trouble, Temporary) and trouble.after else AGAIN
            self._store.chores.put_off(source.name, [COMPARE], after=after)
            log.warning("not_compared", source=source.name, error=str(trouble))
            return
        self._remember(source.name, found)
        self._store.chores.put_off(source.name, [COMPARE], after=DAILY)

    def _sorted(self, house: House, name: str) -> tuple[list[Ask], list[Ask]]:
        """Return what is looked up at *name* and goes on, and what else of the user's file *name* may still follow."""
        memos = self._store.memos(name)
        queued = set(self._store.watched(name))
        parcels = list(house.settings.parcels)
        known = self._store.recall_many(parcels)
        asks: list[Ask] = []
        ended: list[Ask] = []
        for entry in {**dict.fromkeys(parcels, ""), **memos, **dict.fromkeys(queued, "")}:
            if parcel_of(entry) not in house.settings.parcels:
                continue
            row = known.get(parcel_of(entry))
            on = entry in queued and (row is None or row.every is None or row.every < self._settled)
            (asks if on else ended).append(self._ask(house, entry, memos.get(entry, "")))
        return asks, ended

    def _remember(self, name: str, found: Reconciled) -> None:
        log.info(
            "compared", source=name, follows=found.follows, unwatched=len(found.unwatched), stopped=found.stopped,
            registered=found.registered, resumed=found.resumed, refused=len(found.refused), remain=found.remain,
        )  # fmt: skip
        shown = asdict(found) | {"at": self._clock().isoformat(), "unwatched": found.unwatched[:MOST_SHOWN],
                                 "unwatched_count": len(found.unwatched), "refused": found.refused[:MOST_SHOWN]}  # fmt: skip
        self._store.remember(f"compared:{name}", msgspec.json.encode(shown), ttl=LASTS)
