"""What 17TRACK follows and for how long: stop, delete, compare. Deletes only where it is told to; never registers what is listed.

Source: https://asset.17track.net/api/document/v2.4_en/index.html (read 2026-11-22). Stopping, deleting and listing are free;
a deleted number that is registered again costs quota again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from workers.errors import Permanent, Temporary
from workers.sources import Ask, Reconciled
from workers.sources._fields import name as number_of
from workers.sources._seventeentrack import Envelope, Listed, Page
from workers.sources._seventeentrack_codes import (
    ALREADY,
    NOT_REGISTERED,
    ONLY_ONCE,
    ONLY_STOPPED,
    ONLY_TRACKING,
    trouble,
)
from workers.sources._seventeentrack_look import Memo, registration

Call = Callable[[str, Sequence[Mapping[str, Any]]], Envelope]
MOST = 40  # numbers in one call
PAGES = 1000  # of forty: more are not read in one go
_ENDED = frozenset({NOT_REGISTERED, ONLY_TRACKING})  # nothing is followed any more: what was wanted


def retire(call: Call, endpoint: str, asks: Sequence[Ask]) -> dict[str, Temporary | Permanent | None]:
    """Stop or delete numbers (*endpoint*); what is not followed any more is done."""
    said: dict[str, Temporary | Permanent | None] = {}
    for part in _parts(asks):
        envelope = call(endpoint, [_one(number_of(ask.number), _carrier(ask)) for ask in part])
        done = {item.number for item in envelope.items}
        for ask in part:
            number = number_of(ask.number)
            no = envelope.refused.get(number)
            if number in done or (no is not None and no.code in _ENDED):
                said[ask.parcel] = None
            elif no is not None:
                said[ask.parcel] = trouble(no.code, no.message)
            else:
                said[ask.parcel] = Temporary("17TRACK did not mention this number in its answer")
    return said


class Comparison:
    """One comparison of what 17TRACK follows with what we watch."""

    def __init__(self, call: Call, page: Callable[[int], Page], *, lang: str, tag: str, stop: bool) -> None:
        self._call = call
        self._page = page
        self._lang = lang
        self._tag = tag
        self._stop = stop  # what carries our tag and is not watched

    def run(self, asks: Sequence[Ask], settled: Sequence[Ask]) -> Reconciled:
        """Return the comparison; raises Temporary/Permanent where the list cannot be had whole."""
        watched = {number_of(ask.number): ask for ask in reversed(asks)}
        listed = list(self._list())
        there = {each.number for each in listed}
        active = [each for each in listed if not each.stopped]
        ended = {number_of(ask.number) for ask in settled}
        alone = [each for each in active if each.number not in watched and each.number not in ended]
        ours = [each for each in alone if self._stop and self._tag and each.tag == self._tag]
        stopped = self._count("stoptrack", ours, _ENDED)[0]
        going = {each.number for each in active}
        asleep = [
            each for each in listed if each.stopped and each.number in watched and each.number not in going
        ]
        resumed, refused = self._count("retrack", [each for each in asleep if each.resumable], {ONLY_STOPPED})
        once = [
            f"{each.number}: 17TRACK has followed it twice, and does so no more"
            for each in asleep
            if not each.resumable
        ]
        missing = [ask for number, ask in watched.items() if number not in there and ask.memo]
        registered, not_registered = self._register(missing)
        return Reconciled(
            follows=len(going),
            unwatched=tuple(sorted({each.number for each in alone})),
            stopped=stopped,
            registered=registered,
            resumed=resumed,
            refused=(*once, *refused, *not_registered),
        )

    def _list(self) -> Iterator[Listed]:
        at, last = 1, 1
        while at <= last:
            page = self._page(at)
            last = page.pages
            if last > PAGES:
                raise Permanent(f"17TRACK follows more than {PAGES * MOST} numbers: too many to compare")
            yield from page.numbers
            at += 1

    def _count(
        self, endpoint: str, listed: Sequence[Listed], fine: frozenset[int] | set[int]
    ) -> tuple[int, list[str]]:
        """Ask for the same of all; return for how many it is so now, and a sentence for each other."""
        done, refused = 0, []
        for part in _parts(listed):
            envelope = self._call(endpoint, [_one(each.number, each.carrier) for each in part])
            good = {item.number for item in envelope.items}
            good |= {number for number, no in envelope.refused.items() if no.code in fine}
            done += len(good)
            refused += [
                f"{number}: {'17TRACK has followed it twice' if no.code == ONLY_ONCE else trouble(no.code, no.message)}"
                for number, no in envelope.refused.items()
                if no.code not in fine
            ]
        return done, refused

    def _register(self, asks: Sequence[Ask]) -> tuple[int, list[str]]:
        done, refused = 0, []
        for part in _parts(asks):
            envelope = self._call(
                "register", [registration(ask, lang=self._lang, tag=self._tag) for ask in part]
            )
            done += len(envelope.items)
            refused += [
                f"{number}: {trouble(no.code, no.message)}"
                for number, no in envelope.refused.items()
                if no.code != ALREADY
            ]
        return done, refused


def _parts(things: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(things), MOST):
        yield things[start : start + MOST]


def _one(number: str, carrier: str) -> dict[str, Any]:
    return {"number": number, **({"carrier": int(carrier)} if carrier else {})}


def _carrier(ask: Ask) -> str:
    memo = Memo.of(ask.memo)
    return memo.carrier if memo is not None else ""
