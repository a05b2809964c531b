"""One look at 17TRACK: which calls are needed, in which order, and what each parcel is told. Never registers twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from workers.errors import Permanent, Temporary
from workers.sources import TOLD, Ask, Found, NoNews, Outcome
from workers.sources._fields import name as number_of
from workers.sources._seventeentrack import Envelope, Item
from workers.sources._seventeentrack_codes import (
    ALREADY,
    NOT_REGISTERED,
    NOTHING_YET,
    ONLY_ONCE,
    PHONE,
    carrier_code,
    trouble,
)
from workers.sources._seventeentrack_events import read_all

Call = Callable[[str, Sequence[Mapping[str, Any]]], Envelope]


@dataclass(frozen=True, slots=True)
class Memo:
    """What was done for a number: ``registered:<carrier>``, then ``:<asked>`` and ``:again`` where they say something."""

    carrier: str = ""  # as 17TRACK knows the number
    asked: str = ""  # the user's hint that was passed on, if 17TRACK keeps another
    again: bool = False  # 17TRACK was asked to follow it again after it had stopped; it does so once

    @classmethod
    @lru_cache(maxsize=4096)  # most numbers of one carrier have the same
    def of(cls, text: str) -> Memo | None:
        if not text.startswith("registered:"):
            return None
        carrier, asked, again = (*text.split(":")[1:4], "", "", "")[:3]
        return cls(carrier if carrier.isdecimal() else "", asked, again == "again")

    def __str__(self) -> str:
        asked = self.asked if self.asked != self.carrier else ""
        text = ":".join((self.carrier, asked, "again" if self.again else ""))
        return f"registered:{text.rstrip(':')}"


class Look:
    """One look at up to 40 numbers."""

    def __init__(self, call: Call, *, source: str, lang: str, tag: str, pause: Callable[[], None]) -> None:
        self._plain_call = call
        self._source = source
        self._common = {"lang": lang, "tag": tag}
        self._pause = pause
        self._calls = 0
        self._memos: dict[str, Memo] = {}
        self._fresh: set[str] = set()  # registered in this look
        self._said: dict[str, Outcome] = {}  # by number

    def run(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        """Return what each ask is told; raises Temporary/Permanent where a call failed as a whole."""
        by_number: dict[str, Ask] = {}
        numbers = [number_of(ask.number) for ask in asks]
        for ask, number in zip(asks, numbers, strict=True):
            # Two parcels may share a number: one box; the one with a memo speaks for both.
            known = by_number.get(number)
            if known is None or (not known.memo and ask.memo):
                by_number[number] = ask if ask.number == number else replace(ask, number=number)
        for number, ask in by_number.items():
            memo = Memo.of(ask.memo)
            if memo is not None:
                self._memos[number] = memo
        self._register([ask for number, ask in by_number.items() if number not in self._memos])
        self._correct([ask for number, ask in by_number.items() if number in self._memos])
        self._read([ask for number, ask in by_number.items() if number not in self._said])
        return {ask.parcel: self._said[number] for ask, number in zip(asks, numbers, strict=True)}

    def _call(self, endpoint: str, items: Sequence[Mapping[str, Any]]) -> Envelope:
        if self._calls:
            self._pause()
        self._calls += 1
        return self._plain_call(endpoint, items)

    def _register(self, asks: Sequence[Ask]) -> None:
        if not asks:
            return
        envelope = self._call("register", [registration(ask, **self._common) for ask in asks])
        self._registered(asks, envelope)
        wanting = [
            ask
            for ask in asks
            if ask.phone_last4 and (no := envelope.refused.get(ask.number)) and no.code == PHONE
        ]
        if wanting:  # only now, so that no other carrier's parcels carry it
            fields = [
                registration(ask, **self._common, phone_number_last_4=ask.phone_last4) for ask in wanting
            ]
            self._registered(wanting, self._call("register", fields))

    def _registered(self, asks: Sequence[Ask], envelope: Envelope) -> None:
        """Note what an answer to ``register`` says of each number."""
        accepted = {item.number: item for item in envelope.items}
        for ask in asks:
            self._said.pop(ask.number, None)
            asked = str(carrier_code(ask.carrier) or "")
            no = envelope.refused.get(ask.number)
            if ask.number in accepted:
                self._memos[ask.number] = Memo(accepted[ask.number].carrier, asked)
                self._fresh.add(ask.number)
            elif no is not None and no.code == ALREADY:
                self._memos[ask.number] = Memo(no.carrier)
            elif no is not None:
                self._said[ask.number] = trouble(no.code, no.message)
            else:
                self._said[ask.number] = _unmentioned(envelope)

    def _correct(self, asks: Sequence[Ask]) -> None:
        """Pass on a carrier named since; free, but five times a number at most, so once for each hint."""
        wrong: list[tuple[Ask, Memo, str]] = []
        for ask in asks:
            if not ask.carrier:
                continue
            memo, asked = self._memos[ask.number], str(carrier_code(ask.carrier) or "")
            if asked and memo.carrier and asked not in {memo.carrier, memo.asked}:
                wrong.append((ask, memo, asked))
        if not wrong:
            return
        envelope = self._call(
            "changecarrier",
            [{"number": a.number, "carrier_old": int(m.carrier), "carrier_new": int(c)} for a, m, c in wrong],
        )
        accepted = {item.number for item in envelope.items}
        for ask, memo, asked in wrong:
            if ask.number in accepted:
                self._memos[ask.number] = replace(memo, carrier=asked, asked="")
            elif ask.number in envelope.refused:
                self._memos[ask.number] = replace(memo, asked=asked)

    def _read(self, asks: Sequence[Ask]) -> None:
        if not asks:
            return
        envelope = self._call("gettrackinfo", [{"number": ask.number} for ask in asks])
        shown: dict[str, list[Item]] = {}
        for item in envelope.items:
            shown.setdefault(item.number, []).append(item)
        chosen = {ask.number: self._chosen(ask, shown[ask.number]) for ask in asks if ask.number in shown}
        self._follow_again([item for items in chosen.values() for item in items if item.expired])
        lost = []
        for ask in asks:
            items = chosen.get(ask.number)
            no = envelope.refused.get(ask.number) if items is None else None
            if items is not None:
                self._said[ask.number] = self._outcome(ask.number, items)
            elif no is None:
                self._said[ask.number] = _unmentioned(envelope)
            elif no.code == NOTHING_YET or (no.code == NOT_REGISTERED and ask.number in self._fresh):
                again = TOLD if ask.number in self._fresh else None
                self._said[ask.number] = NoNews(str(self._memos[ask.number]), again)
            elif no.code == NOT_REGISTERED:
                lost.append(ask)
            else:
                self._said[ask.number] = trouble(no.code, no.message)
        self._register_again(lost)

    def _follow_again(self, items: Sequence[Item]) -> None:
        """Ask 17TRACK to follow on: it stops after 30 days without an event, and customs can take longer than that."""
        wanted = [item for item in items if not self._memos[item.number].again]
        if not wanted:
            return
        try:
            envelope = self._call("retrack", [_one(item) for item in wanted])
        except (Temporary, Permanent):
            return  # what was read still counts; the next look tries again
        done = {item.number for item in envelope.items}
        done |= {number for number, no in envelope.refused.items() if no.code == ONLY_ONCE}
        for number in done & self._memos.keys():
            self._memos[number] = replace(self._memos[number], again=True)

    def _register_again(self, asks: Sequence[Ask]) -> None:
        """Register what 17TRACK has forgotten: it deletes numbers 90 days after it stopped following them."""
        self._register(asks)
        for ask in asks:
            if ask.number in self._fresh:
                self._said[ask.number] = NoNews(str(self._memos[ask.number]), TOLD)
            elif ask.number not in self._said:
                self._said[ask.number] = Temporary("17TRACK says that this number is, and is not, registered")

    def _chosen(self, ask: Ask, items: Sequence[Item]) -> Sequence[Item]:
        """Choose among the items of one number: the carrier asked for, else the one registered, else all."""
        if len(items) == 1:
            return items
        for wanted in (str(carrier_code(ask.carrier) or ""), self._memos[ask.number].carrier):
            chosen = [item for item in items if wanted and item.carrier == wanted]
            if chosen:
                return chosen
        return items

    def _outcome(self, number: str, items: Sequence[Item]) -> Outcome:
        memo = self._memos[number]
        if len(items) == 1 and items[0].carrier not in ("", memo.carrier):
            memo = replace(memo, carrier=items[0].carrier)
        problems = [item.problem for item in items if item.problem]
        if problems:
            return Temporary(f"17TRACK's answer cannot be read: {problems[0]}")
        if not any(item.tells for item in items):
            return NoNews(str(memo))
        fingerprint = "-".join(sorted([item.fingerprint for item in items]))
        source = self._source
        return Found(fingerprint, lambda: read_all(items, source=source), str(memo))


def registration(ask: Ask, **more: str) -> dict[str, Any]:
    """Return what a number is registered with: what we know and 17TRACK may need, and *more*."""
    fields = {
        "number": ask.number,
        "carrier": carrier_code(ask.carrier),
        "destination_country": ask.destination,
        "destination_postal_code": ask.postcode,
        **more,
    }
    return {key: value for key, value in fields.items() if value}


def _one(item: Item) -> dict[str, Any]:
    return {"number": item.number, **({"carrier": int(item.carrier)} if item.carrier else {})}


def _unmentioned(envelope: Envelope) -> Temporary | Permanent:
    if envelope.error is not None:
        return trouble(*envelope.error)
    return Temporary("17TRACK did not mention this number in its answer")
