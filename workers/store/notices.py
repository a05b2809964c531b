"""The rows of notices: what is owed to whom, who is sending it, how it ended. Sends nothing.

pending → sending → sent | pending | held | failed | expired | skipped. Only the holder of a claim's token
ends an attempt; the states after "sending" are left by the operator's verbs alone.
"""
# ruff: noqa: A002  # "id" is the word of the field, and what callers know it by

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal, cast

from workers.errors import LostLease, StoreTrouble
from workers.store.ledger import Ledgers
from workers.store.lua import PREFIX, Scripts, spoken
from workers.store.rows import STATES, Attempt, Notice, NoticeRow, State, ms, stamped, text, when

Ids = str | Sequence[str]  # one notice, or all of one message
Queue = Literal["esc", "dead"]
Verb = Literal["release", "resend", "drop"]
_PAGE = 500  # arguments of one script


class Notices(Ledgers):
    """Notices in the store. Methods that take a token raise LostLease if the claim is not theirs any more."""

    scripts: Scripts

    def claim_notice(self, channel: str, *, lease: timedelta, worker: str, mark: str = "") -> Notice | None:
        """Lease the first due notice of *channel*, or return None. *worker* is a name for the log.

        *mark*: of the account that the channel is opened with; where that is barred, None until its time comes.

        ``others``: what goes out in one message with it, leased under the same token.
        A notice whose holder never said how it ended counts a crash and is marked uncertain; after more than
        three it is held. One past its deadline expires.
        """
        if lease <= timedelta(0):
            raise ValueError("a lease must last")
        answer: Any = 1
        while answer == 1:
            token = secrets.token_hex(8)
            answer = self._safely_claimed(channel, ms(lease), token, worker, *self._insisted(), mark)
        if not answer:
            return None
        message = text(answer[0])
        taken = [_claimed(one, channel, token, message) for one in answer[1:]]
        return replace(taken[0], others=tuple(taken[1:]))

    def _safely_claimed(self, *args: Any) -> Any:
        """Claim, and wait until the claim is on the server's disk: what is not there might be sent twice after a power cut."""
        answer, safe = self.scripts.run_safely("claim_notice", *args)
        if answer and answer != 1 and not safe:
            taken = [text(one[0]) for one in answer[1:]]
            self.retry(
                taken,
                args[2],
                after=timedelta(0),
                error="the store did not get the claim to its disk in time",
            )
            raise StoreTrouble("the store does not get what it is told to its disk in time")
        return answer

    def renew(self, ids: Ids, token: str, *, lease: timedelta) -> None:
        """Keep a claim for *lease* from now."""
        if lost := int(self.scripts.run("renew", token, ms(lease), *_listed(ids))):
            raise LostLease(f"{_named(ids, lost)} not ours any more")

    def done(self, ids: Ids, token: str, *, reference: str = "", follow_up: timedelta | None = None) -> None:
        """The other side accepted; *reference* is its own id. *follow_up*: an urgent one comes up again after that long."""
        self._finish(ids, token, "done", extra=reference[:200], follow_up=follow_up)

    def retry(
        self, ids: Ids, token: str, *, after: timedelta, error: str, follow_up: timedelta | None = None
    ) -> None:
        """Nothing was accepted; try again after that long. *follow_up*: an urgent one comes up that long after its first try."""
        self._finish(ids, token, "retry", after=after, error=error, follow_up=follow_up)

    def fail(self, ids: Ids, token: str, *, error: str, follow_up: timedelta | None = None) -> None:
        """It never will be accepted. *follow_up*: an urgent one comes up after that long."""
        self._finish(ids, token, "fail", error=error, follow_up=follow_up)

    def skip(self, ids: Ids, token: str, *, reason: str) -> None:
        """It should not be sent any more."""
        self._finish(ids, token, "skip", error=reason)

    def unsay(self, ids: Ids, token: str, *, reason: str) -> None:
        """It should not be sent now; where the same is decided again, it is owed again."""
        self._finish(ids, token, "unsay", error=reason)

    def wait(self, ids: Ids, token: str, *, after: timedelta, reason: str, bundle: str = "") -> None:
        """Its time comes after that long; that was no attempt. What has one *bundle* then goes out in one message.

        A deadline that would pass before is moved to a day after it.
        """
        self._finish(ids, token, "wait", after=after, error=reason, extra=bundle)

    def uncertain(
        self,
        ids: Ids,
        token: str,
        *,
        error: str,
        then: Literal["resend", "hold"],
        after: timedelta = timedelta(0),
        follow_up: timedelta | None = None,
    ) -> None:
        """It may have been accepted: send it again after that long, or hold it for a person to decide."""
        self._finish(ids, token, then, after=after, error=error, follow_up=follow_up)

    def lately(
        self, parcel: str, channel: str, recipient: str, *, within: timedelta
    ) -> tuple[timedelta | None, int]:
        """Return how long ago *recipient* last had a message about *parcel* by *channel*, and how many of any they had
        *within* that long (two days at most).
        """
        ago, sent = self.scripts.run("lately", parcel, channel, recipient, ms(within))
        return (None if ago < 0 else timedelta(milliseconds=ago)), int(sent)

    def operate(
        self, id: str, verb: Verb, *, seen: NoticeRow | None = None, op: str = ""
    ) -> Literal["done", "moved", "uncertain", "no"]:
        """Settle a notice by hand: ``release`` or ``resend`` a dead one, ``drop`` an open or dead one.

        *seen*: the notice as the operator saw it; "moved" where it is not so any more. "uncertain": it may have been
        accepted, so that only ``resend`` sends it again (``resend`` takes a sent one too). "no": its state does not
        allow it, or its words are gone (``prune_words``). The same *op* again gets "done" and changes nothing.
        """
        as_seen = ("", "") if seen is None else (seen.state, seen.attempts)
        answer = self.scripts.run("operate", id, verb, op or secrets.token_hex(8), *as_seen)
        return cast('Literal["done", "moved", "uncertain", "no"]', text(answer))

    def looked_at(self, ids: Sequence[str]) -> None:
        """Note that a person saw these notices: a dead one that was seen need not be told of."""
        for start in range(0, len(ids), _PAGE):
            self.scripts.run("looked_at", *ids[start : start + _PAGE])

    def follow(self, queue: Queue, n: int, *, lease: timedelta) -> list[tuple[str, str]]:
        """Lease up to *n* notices that come up after a send; return ids and, for the dead, the batch they are told of in.

        ``esc``: urgent ones that were sent, after their ``follow_up``. ``dead``: those that reached nobody.
        """
        flat = self.scripts.run("follow", queue, max(1, min(n, _PAGE)), ms(lease), secrets.token_hex(8))
        return [(text(name), text(batch)) for name, batch in zip(flat[::2], flat[1::2], strict=True)]

    def settled(self, queue: Queue, ids: Sequence[str]) -> None:
        """Take notices off such a queue: a dead one counts as told of to the owner."""
        for start in range(0, len(ids), _PAGE):
            self.scripts.run("settled", queue, *ids[start : start + _PAGE])

    def prune(self, *, older: timedelta, limit: int = 500) -> int:
        """Let go dead notices that somebody saw, or was told of, that long ago; return how many went."""
        return int(self.scripts.run("prune", ms(older), limit))

    def named(self, prefix: str) -> list[str]:
        """Return the ids that begin with *prefix*, in order."""
        with spoken():
            pages: list[Any] = [self.scripts.client.zrange(f"{PREFIX}:st:{s}", 0, -1) for s in STATES]
        return sorted(name for name in {text(n) for page in pages for n in page} if name.startswith(prefix))

    def notices(
        self,
        parcel: str | None = None,
        states: Collection[str] = (),
        limit: int = 1000,
        where: Callable[[NoticeRow], bool] | None = None,
    ) -> list[NoticeRow]:
        """Return notices that *where* agrees to, newest first: of one parcel or of all, in *states* or in all."""
        wanted = states or STATES
        client = self.scripts.client
        with spoken():
            pipe = client.pipeline(transaction=False)
            keys = [f"{PREFIX}:pn:{parcel}"] if parcel is not None else [f"{PREFIX}:st:{s}" for s in wanted]
            last = -1 if parcel is not None or where is not None else max(0, limit - 1)
            for key in keys:
                pipe.zrange(key, 0, last, desc=True, withscores=True)
            found = {name: score for page in pipe.execute() for name, score in page}
            newest = sorted(found, key=lambda name: (found[name], name), reverse=True)
            rows: list[NoticeRow] = []
            for start in range(0, len(newest), 200):
                page = self._rows(newest[start : start + 200])
                rows += [row for row in page if row.state in wanted and (where is None or where(row))]
                if len(rows) >= limit:
                    break
        return rows[:limit]

    def notice(self, id: str) -> NoticeRow | None:
        """Return one notice as it stands."""
        with spoken():
            return next(iter(self._rows([id.encode()])), None)

    def _rows(self, names: Sequence[bytes]) -> list[NoticeRow]:
        pipe = self.scripts.client.pipeline(transaction=False)
        for name in names:
            pipe.hgetall(f"{PREFIX}:n:{text(name)}")
            pipe.lrange(f"{PREFIX}:att:{text(name)}", 0, -1)
        answers = pipe.execute()
        due = self._due(answers[::2], names)
        return [
            _row(text(name), fields, log, at)
            for name, fields, log, at in zip(names, answers[::2], answers[1::2], due, strict=True)
            if fields
        ]

    def _due(self, rows: Sequence[dict[bytes, bytes]], names: Sequence[bytes]) -> list[float | None]:
        pipe = self.scripts.client.pipeline(transaction=False)
        for name, fields in zip(names, rows, strict=True):
            pipe.zscore(f"{PREFIX}:ob:{text(fields.get(b'chan'))}", name)
        return list(pipe.execute())

    def _finish(
        self,
        ids: Ids,
        token: str,
        verb: str,
        *,
        after: timedelta = timedelta(0),
        error: str = "",
        extra: str = "",
        follow_up: timedelta | None = None,
    ) -> None:
        # An error may quote what a server said: one line, bounded.
        said = " ".join(error.split())[:500]
        lost = int(
            self.scripts.run("finish", token, verb, ms(after), said, extra, ms(follow_up), *_listed(ids))
        )
        if lost:
            raise LostLease(f"{_named(ids, lost)} not ours any more: {verb!r} came too late")


def _listed(ids: Ids) -> Sequence[str]:
    return [ids] if isinstance(ids, str) else ids


def _named(ids: Ids, lost: int) -> str:
    return f"notice {ids} is" if isinstance(ids, str) else f"{lost} of {len(ids)} notices are"


def _claimed(taken: Sequence[Any], channel: str, token: str, message: str) -> Notice:
    name, before, word, fields = taken
    (
        parcel, recipient, why, stage, occurrence, topic, context, attempts, crashes, made, unc, urgent, exp, err, waited,
        freed,
    ) = fields  # fmt: skip
    created = stamped(made)
    return Notice(
        id=text(name),
        token=token,
        parcel=text(parcel),
        channel=channel,
        recipient=text(recipient),
        why=text(why),
        stage=text(stage),
        occurrence=int(occurrence),
        topic=text(topic),
        context=context,
        attempts=int(attempts),
        crashes=int(crashes or 0),
        created=created,
        previous=cast("State", text(before)),
        uncertain=bool(unc),
        urgent=urgent == b"1",
        expires=when(exp),
        error=text(err),
        message=message,
        waited=text(waited),
        freed=bool(freed),
        word=word or b"",
    )


def _row(name: str, fields: dict[bytes, bytes], log: Sequence[bytes], due: float | None) -> NoticeRow:
    get = fields.get
    created = stamped(get(b"made"))
    return NoticeRow(
        id=name,
        state=cast("State", text(fields[b"st"])),
        parcel=text(get(b"parcel")),
        channel=text(get(b"chan")),
        recipient=text(get(b"rcpt")),
        why=text(get(b"why")),
        stage=text(get(b"stage")),
        occurrence=int(get(b"occ", b"0")),
        topic=text(get(b"topic")),
        context=get(b"ctx", b""),
        attempts=int(get(b"att", b"0")),
        crashes=int(get(b"crash", b"0")),
        created=created,
        changed=when(get(b"end")),
        due=when(due),
        expires=when(get(b"exp")),
        uncertain=b"unc" in fields,
        urgent=get(b"urg") == b"1",
        error=text(get(b"err")),
        reference=text(get(b"ref")),
        message=text(get(b"msg")) or name,
        waits_for=text(get(b"wt")) if fields[b"st"] == b"pending" else "",
        seen=when(get(b"seen")),
        owner_told=when(get(b"owner")),
        log=tuple(_attempt(line) for line in log),
    )


def _attempt(line: bytes) -> Attempt:
    at, worker, outcome, error, took = json.loads(line.decode(errors="replace"))
    moment = stamped(at)
    return Attempt(moment, worker, outcome, error, timedelta(milliseconds=took))
