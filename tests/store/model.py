"""What the store's scripts promise, once more and simply, in Python: no queue, no clock, every row a dataclass.

Of time it knows only whether something is due: a test lets time pass by making everything in a queue due at once.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

DEAD = ("held", "failed", "expired")
OPEN = ("pending", "sending")
TO = {
    "done": "sent", "retry": "pending", "resend": "pending", "fail": "failed", "skip": "skipped", "hold": "held",
    "wait": "pending", "unsay": "skipped",
}  # fmt: skip


@dataclass
class Row:
    """One notice."""

    id: str
    parcel: str
    channel: str
    recipient: str
    urgent: bool
    late: bool  # its deadline has passed
    deadline: bool
    state: str = "pending"
    due: bool = True
    token: str = ""
    ended: str = ""  # the verb that ended the last attempt
    attempts: int = 0
    crashes: int = 0
    uncertain: bool = False
    over: bool = False
    unsaid: bool = False
    waits_for: str = ""
    bundle: str = ""
    message: str = ""
    operation: str = ""
    seen: bool = False
    owner: bool = False
    words: bool = True  # its context is kept


@dataclass
class Parcel:
    version: int = 0
    snapshot: bytes | None = None
    told: bytes | None = None
    review: str = ""  # what its last decision said: "", due or later
    word: bytes = b""


@dataclass
class Look:
    """A parcel in a source's queue."""

    due: bool = True


@dataclass
class Model:
    rows: dict[str, Row] = field(default_factory=dict)
    parcels: dict[str, Parcel] = field(default_factory=dict)
    queues: dict[str, dict[str, Look]] = field(default_factory=dict)
    prints: dict[tuple[str, str], str] = field(
        default_factory=dict
    )  # source, parcel -> fingerprint of the last look
    reviews: dict[str, bool] = field(default_factory=dict)  # parcel -> due
    dead: dict[str, bool] = field(default_factory=dict)  # notice -> due
    batches: dict[str, str] = field(default_factory=dict)
    esc: dict[str, bool] = field(default_factory=dict)
    kept: dict[str, bool] = field(default_factory=dict)
    out: dict[tuple[str, str], set[str]] = field(default_factory=dict)  # messages that went out
    bars: dict[str, dict[str, bool]] = field(default_factory=dict)  # channel -> account -> may be tried
    shut: set[str] = field(default_factory=set)  # channels nobody is rung for
    operations: set[str] = field(default_factory=set)
    ended: Counter[tuple[str, str]] = field(
        default_factory=Counter
    )  # how often notices came to such an end, by channel

    # -- parcels ----------------------------------------------------------------------------------------------

    def watched(self, parcel: str) -> bool:
        return any(parcel in queue for queue in self.queues.values())

    def parcel(self, name: str) -> Parcel:
        return self.parcels.setdefault(name, Parcel())

    def enrol(self, source: str, parcel: str) -> int:
        queue = self.queues.setdefault(source, {})
        if parcel in queue:
            return 0
        queue[parcel] = Look()
        review = self.parcel(parcel).review
        if review and parcel not in self.reviews:
            self.reviews[parcel] = review == "due"
        return 1

    def dismiss(self, source: str, parcel: str) -> int:
        removed = self.queues.get(source, {}).pop(parcel, None) is not None
        if not self.watched(parcel):
            self.reviews.pop(parcel, None)
        return int(removed)

    def claim(self, source: str) -> set[str]:
        taken = {parcel for parcel, look in self.queues.get(source, {}).items() if look.due}
        for parcel in taken:
            self.queues[source][parcel].due = False
        return taken

    def settle(self, source: str, parcel: str, fingerprint: str) -> bool:
        """Say whether it needs a decision."""
        look = self.queues.get(source, {}).get(parcel)
        if look is None:
            return False
        if self.prints.get((source, parcel), "") != fingerprint:
            return True
        look.due = False
        self.prints[source, parcel] = fingerprint
        return False

    def commit(
        self, name: str, version: int, op: str, source: str, fingerprint: str, review: str, owed: Iterable[Row],
        snapshot: bytes, told: bytes,
    ) -> str:  # fmt: skip
        if op in self.operations:
            return "done"
        parcel = self.parcel(name)
        if parcel.version != version:
            return "stale"
        self.operations.add(op)
        parcel.version, parcel.snapshot, parcel.told, parcel.review = version + 1, snapshot, told, review
        if source:
            self.prints[source, name] = fingerprint
            if name in self.queues.get(source, {}):
                self.queues[source][name].due = False
        if review and self.watched(name):
            self.reviews[name] = review == "due"
        elif not review:
            self.reviews.pop(name, None)
        self.owe(owed)
        return "done"

    def claim_reviews(self) -> set[str]:
        taken = {name for name, due in self.reviews.items() if due}
        for name in taken:
            if self.parcel(name).version:
                self.reviews[name] = False
            else:
                del self.reviews[name]
        return {name for name in taken if self.parcel(name).version}

    def review_soon(self, name: str) -> int:
        if not (self.watched(name) and self.parcel(name).version):
            return 0
        self.reviews[name] = True
        return 1

    def say(self, name: str, before: bytes, word: bytes) -> bool:
        parcel = self.parcel(name)
        if parcel.word != before:
            return False
        parcel.word = word
        if parcel.version:
            parcel.version += 1
            if self.watched(name):
                self.reviews[name] = True
        return True

    def amend(self, name: str, version: int, told: bytes) -> bool:
        parcel = self.parcel(name)
        if parcel.version != version:
            return False
        parcel.told, parcel.version = told, version + 1
        return True

    def forget(self, name: str) -> None:
        self.parcels.pop(name, None)
        self.reviews.pop(name, None)
        for source, queue in self.queues.items():
            queue.pop(name, None)
            self.prints.pop((source, name), None)
        for row in [row for row in self.rows.values() if row.parcel == name]:
            self.out.get((row.channel, row.recipient), set()).discard(row.message or row.id)
            self._drop(row)

    def _drop(self, row: Row) -> None:
        del self.rows[row.id]
        for queue in (self.dead, self.esc, self.kept):
            queue.pop(row.id, None)
        self.batches.pop(row.id, None)

    # -- notices ----------------------------------------------------------------------------------------------

    def owe(self, owed: Iterable[Row]) -> set[str]:
        fresh: dict[str, Row] = {}
        for row in owed:
            old = self.rows.get(row.id)
            if old is not None and old.unsaid:
                row.attempts, row.crashes, row.uncertain = old.attempts, old.crashes, old.uncertain
                row.token, row.operation, row.seen = old.token, old.operation, old.seen
                old = None
            if old is None:
                self.rows[row.id] = fresh[row.id] = row
        ways = {(row.channel, row.recipient, row.parcel) for row in fresh.values()}
        for row in self.rows.values():
            if row.id not in fresh and (row.channel, row.recipient, row.parcel) in ways:
                if row.state == "pending":
                    self._move(row, "skipped")
                elif row.state == "sending":
                    row.over = True
        return set(fresh)

    def _move(self, row: Row, to: str, *, due: bool = False) -> None:
        was, row.state, row.due = row.state, to, due
        if to not in OPEN:
            self.ended[to, row.channel] += 1
        if to in DEAD:
            self.dead[row.id] = False
        if was in DEAD:
            self.dead.pop(row.id, None)
            self.kept.pop(row.id, None)
            self.batches.pop(row.id, None)
            row.owner = row.seen = False

    def skip(self, row: Row) -> None:
        """A hold was lifted, and what was owed is not to go out any more."""
        self._move(row, "skipped")
        row.token = ""

    def _lease(self, row: Row, token: str) -> bool:
        if row.state == "sending":
            row.crashes += 1
            row.uncertain = True
        if row.deadline and row.late:
            self._move(row, "expired")
        elif row.over:
            self._move(row, "skipped")
        elif row.crashes > 3:
            self._move(row, "held")
        else:
            self._move(row, "sending")
            row.token, row.ended = token, ""
            row.attempts += 1
            return True
        return False

    def claim_notice(
        self, channel: str, order: Iterable[str], token: str, mark: str
    ) -> tuple[str, list[str]] | None:
        """*order*: the due ones, as the queue has them. Returns the message and its notices, the first first."""
        order = list(order)
        bar = self.bars.get(channel, {})
        if not bar.get(mark, True):
            return None
        for name in order:
            row = self.rows[name]
            if row.state not in OPEN or not row.due:
                continue
            if not self._lease(row, token):
                continue
            if mark in bar:
                bar[mark] = False  # one tries, the others wait for how that ends
                self.shut.add(channel)
            taken = [row]
            mates = [
                other for _, other in sorted(self.rows.items())
                if row.bundle and other is not row and other.bundle == row.bundle and other.state in OPEN
                and other.due and other.message == row.message
            ]  # fmt: skip
            taken += [other for other in mates if self._lease(other, token)]
            if len(taken) > 1 and not row.message:
                digest = hashlib.sha1(" ".join(sorted(one.id for one in taken)).encode()).hexdigest()[:32]  # noqa: S324 -- a name
                for one in taken:
                    one.message = digest
            return row.message or row.id, [one.id for one in taken]
        return None

    def renew(self, ids: Iterable[str], token: str) -> int:
        lost = 0
        for name in ids:
            row = self.rows.get(name)
            if row is None or row.state != "sending" or row.token != token:
                lost += 1
            else:
                row.due = False
        return lost

    def finish(
        self, ids: Iterable[str], token: str, verb: str, *, later: bool, bundle: str, follow: bool
    ) -> int:
        lost = 0
        for name in ids:
            row = self.rows.get(name)
            if row is None:
                lost += 1
            elif row.token == token and row.ended == verb:
                continue
            elif row.state != "sending" or row.token != token:
                lost += 1
            else:
                self._finish(row, verb, later=later, bundle=bundle, follow=follow)
        return lost

    def _finish(self, row: Row, verb: str, *, later: bool, bundle: str, follow: bool) -> None:
        to = TO[verb]
        over = to == "pending" and row.over
        to = "skipped" if over else to
        self._move(row, to, due=to == "pending" and not later)
        row.ended = verb
        if verb == "done":
            self.out.setdefault((row.channel, row.recipient), set()).add(row.message or row.id)
            self.bars.pop(row.channel, None)
            self.shut.discard(row.channel)
        elif verb == "retry" and row.bundle:
            row.message = ""
        elif verb in ("resend", "hold"):
            row.uncertain = True
        elif verb == "unsay":
            row.unsaid = True
        elif verb == "wait" and not over:
            row.attempts -= 1
            row.waits_for, row.message, row.bundle, row.late = "digest", "", bundle, False
        if row.urgent and follow and to != "skipped":
            if verb in ("done", "fail"):
                self.esc[row.id] = verb == "fail"  # at once where it will never arrive
            elif verb in ("retry", "resend", "hold"):
                self.esc.setdefault(row.id, False)

    def bar(self, channel: str, mark: str) -> None:
        self.bars.setdefault(channel, {})[mark] = False
        self.shut.add(channel)

    def rung(self, channel: str) -> bool:
        """Say whether workers are rung for what is owed there."""
        return channel not in self.shut

    def operate(self, name: str, verb: str, op: str) -> str:
        row = self.rows.get(name)
        if row is None:
            return "no"
        if row.operation == op:
            return "done"
        dead = row.state in DEAD
        if verb == "drop" and (dead or row.state in OPEN):
            self._move(row, "skipped")
            row.token = ""
        elif verb == "release" and dead and row.uncertain:
            return "uncertain"
        elif verb == "release" and row.state == "pending" and row.waits_for:
            row.due, row.waits_for, row.bundle, row.message = True, "", "", ""
        elif verb != "drop" and (dead or row.state == "sent") and not row.words:
            return "no"
        elif (verb == "release" and dead) or (verb == "resend" and (dead or row.state == "sent")):
            sent = row.state == "sent"
            self._move(row, "pending", due=True)
            row.crashes, row.deadline, row.over, row.bundle, row.waits_for = 0, False, False, "", ""
            row.message = hashlib.sha1((name + op).encode()).hexdigest()[:32] if sent else ""  # noqa: S324 -- a name
        else:
            return "no"
        row.operation = op
        return "done"

    def looked_at(self, name: str) -> None:
        row = self.rows.get(name)
        if row is not None:
            row.seen = True
            if self.dead.pop(name, None) is not None:
                self.kept[name] = False

    def follow(self, queue: dict[str, bool], batch: str) -> dict[str, str]:
        taken = {}
        for name in [name for name, due in queue.items() if due]:
            queue[name] = False
            if queue is self.dead:
                taken[name] = self.batches.setdefault(name, batch)
            else:
                taken[name] = self.batches.get(name, "")
        return taken

    def settled(self, queue: dict[str, bool], name: str) -> None:
        queue.pop(name, None)
        if queue is self.dead and name in self.rows:
            self.rows[name].owner = True
            self.kept[name] = False

    def prune(self) -> int:
        gone = 0
        for name in [name for name, old in self.kept.items() if old]:
            del self.kept[name]
            row = self.rows.get(name)
            if row is not None and row.state in DEAD:
                self._drop(row)
                gone += 1
        return gone
