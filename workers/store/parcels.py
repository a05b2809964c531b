"""The rows of parcels: when each is looked at, what was decided, what that owes. Decides nothing itself.

Queues hold leases: a claimed parcel stays in its queue with a later score. A dead worker costs one lease.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from workers.store.lua import PREFIX, Scripts, spoken
from workers.store.rows import (
    Changed,
    Claim,
    Claimed,
    Commit,
    Heard,
    Looked,
    Owed,
    Remembered,
    ms,
    number_of,
    stamp,
    text,
    when,
)

_PAGE = 500  # things in one call of a script: each takes up to four arguments, and Lua unpacks about 8,000
LOOK = re.compile(rb"(\d*) (\d*) (\d+):(.*)", re.DOTALL)  # as prelude.lua's write_look writes it


class Parcels:
    """Parcels in the store. Every method raises StoreTrouble where the server cannot do it."""

    scripts: Scripts

    def enrol(self, source: str, parcels: Sequence[str], *, spread: timedelta) -> int:
        """Have *source* watch *parcels*, first looks spread over *spread*; return how many were new."""
        step = spread / timedelta(milliseconds=1) / max(1, len(parcels))
        return sum(
            int(self.scripts.run("enrol", source, start * step, step, *page))
            for start, page in _pages(parcels)
        )

    def dismiss(self, source: str, parcels: Sequence[str]) -> int:
        """Have *source* watch *parcels* no longer; return how many it did. What is known of them is kept."""
        return sum(int(self.scripts.run("dismiss", source, *page)) for _, page in _pages(parcels))

    def watched(self, source: str) -> Iterator[str]:
        """Yield every parcel that *source* watches, in no order."""
        with spoken():
            seen = set()  # a scan may show an entry twice
            for name, _ in self.scripts.client.zscan_iter(f"{PREFIX}:due:{source}", count=_PAGE):
                if name not in seen:
                    seen.add(name)
                    yield text(name)

    def entries(self, source: str, number: str) -> list[str]:
        """Return under which entries *source* looks up *number* as a further one of parcels."""
        pattern = ">" + re.sub(r"([\[\]*?\\])", r"\\\1", number)
        with spoken():
            found = self.scripts.client.zscan_iter(f"{PREFIX}:due:{source}", match=f"*{pattern}", count=_PAGE)
            return sorted({text(name) for name, _ in found if number_of(text(name)) == number})

    def memos(self, source: str) -> dict[str, str]:
        """Return what *source* asked us to remember of every entry it ever answered for, watched there or not."""
        out = {}
        with spoken():
            for entry, record in self.scripts.client.hscan_iter(f"{PREFIX}:look:{source}", count=_PAGE):
                match = LOOK.fullmatch(record)
                if match:
                    out[text(entry)] = text(match[4][int(match[3]) :])
        return out

    def claim(self, source: str, n: int, *, lease: timedelta, rate: float, burst: int = 1) -> Claim:
        """Lease up to *n* due parcels (at most 500) for one call to *source*.

        One token of the source's bucket is taken if anything is due: *rate* tokens a second, at most *burst*
        saved up; a rate of 0 or infinity is no limit.
        """
        limit = 0.0 if rate == float("inf") else max(0.0, rate)
        answer = self.scripts.run("claim", source, max(1, min(n, _PAGE)), _lease(lease), limit, max(1, burst))
        if answer[0] >= 0:
            return Claim(wait=timedelta(milliseconds=answer[0]))
        return Claim(
            tuple(Claimed(text(p), text(m)) for p, m in zip(answer[1::2], answer[2::2], strict=True))
        )

    def settle(self, source: str, looks: Sequence[Looked], *, every: timedelta) -> tuple[Changed, ...]:
        """Re-schedule the parcels whose fingerprint is the stored one; return the others, whose leases stay.

        Notes that *source* answered, as ``source_news`` does, unless *looks* is empty.

        The next look comes after the parcel's own pace, or *every* if none was committed, moved by up to a
        tenth. A parcel that is not watched (any more) is passed over. The memo of a changed one is stored by
        its commit.
        """
        out: list[Changed] = []
        for _, page in _pages(looks):
            flat = [part for look in page for part in (look.parcel, look.fingerprint, look.memo)]
            out += _changed(self.scripts.run("settle", source, ms(every), *flat))
        return tuple(out)

    def postpone(self, source: str, parcels: Sequence[str], *, after: timedelta) -> None:
        """Make *parcels* due again at *source* after that long, where it still watches them."""
        for _, page in _pages(parcels):
            self.scripts.run("postpone", source, ms(after), *page)

    def prolong(self, source: str, parcels: Sequence[str], *, lease: timedelta) -> int:
        """Keep the leases on *parcels* for *lease* from now; return how many are still held. One that ended stays ended."""
        return sum(
            int(self.scripts.run("prolong", source, _lease(lease), *page)) for _, page in _pages(parcels)
        )

    def pause(self, source: str, *, after: timedelta) -> None:
        """Let nobody claim from *source* before that long has passed. Never shortens a pause."""
        self.scripts.run("pause", source, ms(after))

    def commit(self, commit: Commit) -> Literal["done", "stale"]:
        """Store a decision and create the notices it owes, all or nothing.

        "stale": somebody committed since version ``commit.version`` was read; nothing was stored. A new
        notice makes older pending ones of the same parcel, channel and recipient ``skipped``; one on the wire
        is not tried again.
        The parcel goes on the reviews only while a source watches it.
        """
        return self.commit_each([commit])[0]

    def commit_each(self, commits: Sequence[Commit]) -> tuple[Literal["done", "stale"], ...]:
        """Store several decisions in one trip, each for itself: what ``commit`` says of one holds for every one."""
        answers = self.scripts.run_each("commit", [_told(commit) for commit in commits]) if commits else []
        return tuple("done" if answer == b"done" else "stale" for answer in answers)

    def owe(self, matter: str, notices: Sequence[Owed]) -> frozenset[str]:
        """Create notices that belong to no parcel but to *matter*; return the ids that are new.

        As with a commit, an id that exists is never touched, and a new notice takes the place of older ones that wait.
        """
        flat = [part for owed in notices for part in _owed(owed)]
        return frozenset(text(one) for one in self.scripts.run("owe", matter, *flat)) if flat else frozenset()

    def words(self, parcels: Sequence[str]) -> dict[str, bytes]:
        """Return what a person said of each of *parcels*, leaving out those nobody said anything of."""
        with spoken():
            found: Any = self.scripts.client.hmget(f"{PREFIX}:word", list(parcels)) if parcels else []
        return {parcel: word for parcel, word in zip(parcels, found, strict=True) if word is not None}

    def all_words(self) -> dict[str, bytes]:
        """Return every parcel of which somebody said something, and what."""
        with spoken():
            found: Any = self.scripts.client.hgetall(f"{PREFIX}:word")
        return {text(parcel): word for parcel, word in found.items()}

    def say(self, parcel: str, before: bytes, word: bytes) -> bool:
        """Keep what a person said of *parcel*; False where it is not *before* any more ("" where nothing was said).

        The parcel is judged anew, if it is watched; a decision that was made without the word is stale.
        """
        return bool(self.scripts.run("say", parcel, before, word))

    def amend_told(self, parcel: str, version: int, told: bytes) -> bool:
        """Change what was told of *parcel*; False where somebody committed since *version* was read."""
        return bool(self.scripts.run("amend_told", parcel, version, told))

    def claim_reviews(self, n: int, *, lease: timedelta) -> tuple[Changed, ...]:
        """Lease up to *n* parcels whose advice may change by time alone."""
        return tuple(_changed(self.scripts.run("claim_reviews", max(1, min(n, _PAGE)), _lease(lease))))

    def recall(self, parcel: str) -> Remembered | None:
        """Return everything known of *parcel*; None if it was never watched nor committed."""
        return self.recall_many([parcel]).get(parcel)

    def recall_many(self, parcels: Sequence[str]) -> dict[str, Remembered]:
        """Return what is known of each of *parcels*, leaving out those never heard of."""
        found = {}
        for _, page in _pages(parcels):
            for parcel, row in zip(page, self.scripts.run("recall", *page), strict=True):
                known = _remembered(parcel, *row)
                if known is not None:
                    found[parcel] = known
        return found

    def parcels(self) -> Iterator[str]:
        """Yield every parcel that was ever committed, in no order."""
        start = f"{PREFIX}:p:".encode()
        pattern = re.sub(rb"([\[\]*?\\])", rb"\\\1", start) + b"*"
        with spoken():
            seen = set()
            for key in self.scripts.client.scan_iter(pattern, count=1000):
                if key not in seen:
                    seen.add(key)
                    yield text(key.removeprefix(start))

    def unheard(self, source: str, entries: Sequence[str], *, judge_after: timedelta) -> None:
        """Note that *source* could tell nothing of *entries*; their parcels are judged again once that has lasted so long."""
        for _, page in _pages(entries):
            self.scripts.run("unheard", source, ms(judge_after), *page)

    def heard(self, parcels: Sequence[str], sources: Sequence[str]) -> dict[str, dict[str, Heard]]:
        """Return what passed with each of *sources* about each of *parcels*."""
        with spoken():
            trip = self.scripts.client.pipeline(transaction=False)
            for source in sources:
                trip.hmget(f"{PREFIX}:look:{source}", list(parcels))
                trip.hmget(f"{PREFIX}:mute:{source}", list(parcels))
            answers = trip.execute() if parcels else []
        out: dict[str, dict[str, Heard]] = {parcel: {} for parcel in parcels}
        for source, looks, mutes in zip(sources, answers[::2], answers[1::2], strict=bool(parcels)):
            for parcel, look, mute in zip(parcels, looks, mutes, strict=True):
                match = LOOK.fullmatch(look) if look else None
                out[parcel][source] = Heard(when(match[2]) if match else None, when(mute))
        return out

    def forget(self, parcel: str) -> None:
        """Remove everything of *parcel*, its notices too."""
        self.scripts.run("forget", parcel)


def _pages(things: Sequence[Any]) -> Iterator[tuple[int, Sequence[Any]]]:
    for start in range(0, len(things), _PAGE):
        yield start, things[start : start + _PAGE]


def _lease(lease: timedelta) -> int | str:
    if lease <= timedelta(0):
        raise ValueError("a lease must last")
    return ms(lease)


def _stays(commit: Commit) -> tuple[str | int, ...]:
    group, began, ended = commit.stay or ("", None, None)
    lasting, since = commit.stands or ("", None)
    ended_stay = f"{stamp(began)} {stamp(ended)}" if began and ended else ""
    return group, ended_stay, lasting, stamp(since) if since else ""


def _told(commit: Commit) -> tuple[str | int | bytes, ...]:
    return (
        commit.parcel, commit.version, commit.op, commit.stage, commit.snapshot, commit.told,
        commit.decision, commit.source, commit.fingerprint, commit.memo, ms(commit.every),
        ms(commit.review_in), *_stays(commit), _spec(commit), commit.entry or commit.parcel,
        *(part for owed in commit.notices for part in _owed(owed)),
    )  # fmt: skip  # in the order of commit.lua


def _spec(commit: Commit) -> str:
    """Return where a parcel is looked up, as prelude.lua's read_spec reads it."""
    return " ".join(
        one.source if one.every is None else f"{one.source}:{ms(one.every)}:{one.number}" for one in commit.at
    )


def _owed(owed: Owed) -> tuple[str | int | bytes, ...]:
    return (
        owed.id, owed.channel, owed.recipient, owed.why, owed.stage, owed.occurrence, owed.topic,
        owed.context, ms(owed.after), ms(owed.expires), int(owed.urgent),
    )  # fmt: skip  # in the order of commit.lua


def _changed(flat: Sequence[Any]) -> list[Changed]:
    rows = zip(flat[::4], flat[1::4], flat[2::4], flat[3::4], strict=True)
    return [Changed(text(parcel), int(version), snapshot, told) for parcel, version, snapshot, told in rows]


def _remembered(
    parcel: str, row: Sequence[Any], review: bytes | None, looks: Sequence[Any]
) -> Remembered | None:
    version, stage, snapshot, told, decision, every, updated = row
    due: dict[str, datetime] = {}
    last_ok: dict[str, datetime] = {}
    fingerprints: dict[str, str] = {}
    memos: dict[str, str] = {}
    failing: dict[str, datetime] = {}
    for name, at, record, mute in zip(looks[::4], looks[1::4], looks[2::4], looks[3::4], strict=True):
        source, next_look, since = text(name), when(at), when(mute)
        if since is not None:
            failing[source] = since
        if next_look is not None:
            due[source] = next_look
        match = LOOK.fullmatch(record) if record else None
        if match:
            answered, length = when(match[2]), int(match[3])
            if answered is not None:
                last_ok[source] = answered
            fingerprints[source], memos[source] = text(match[4][:length]), text(match[4][length:])
    if version is None and not due:
        return None
    return Remembered(
        parcel=parcel,
        version=int(version or 0),
        stage=text(stage),
        snapshot=snapshot,
        told=told,
        decision=decision,
        every=timedelta(milliseconds=int(every)) if every else None,
        updated=when(updated),
        review_at=when(review),
        due=due,
        last_ok=last_ok,
        fingerprints=fingerprints,
        memos=memos,
        failing=failing,
    )
