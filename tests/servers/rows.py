"""Short ways to fill a store in a test, and to let its time pass without waiting: scores are moved, not the clock."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from workers.store import Claim, Commit, Notice, Owed, Store

NOW = timedelta(0)
LEASE = timedelta(minutes=1)
_ops = itertools.count()


def owed(id: str = "n1", **change: Any) -> Owed:  # noqa: A002  # the word of the field
    fields: dict[str, Any] = {
        "id": id,
        "channel": "mail",
        "recipient": "anna",
        "why": "first",
        "stage": "held",
        "occurrence": 1,
        "topic": "customs",
        "context": b'{"a":1}',
    }
    return Owed(**fields | change)


def commit(parcel: str = "o1/LP1CN", version: int = 0, *notices: Owed, **change: Any) -> Commit:
    fields: dict[str, Any] = {
        "parcel": parcel,
        "version": version,
        "op": f"op-{next(_ops)}",
        "stage": "held",
        "snapshot": b"snapshot",
        "told": b"told",
        "decision": b"decision",
        "notices": notices,
    }
    return Commit(**fields | change)


def owe(store: Store, *notices: Owed, parcel: str = "o1/LP1CN") -> None:
    known = store.recall(parcel)
    assert store.commit(commit(parcel, known.version if known else 0, *notices)) == "done"


def claim(store: Store, n: int = 40, source: str = "post") -> Claim:
    return store.claim(source, n, lease=LEASE, rate=0)


def take(store: Store, channel: str = "mail", worker: str = "w1") -> Notice:
    notice = store.claim_notice(channel, lease=LEASE, worker=worker)
    assert notice is not None
    return notice


def lapse(store: Store, queue: str) -> None:
    """Make everything in a queue due now, as if leases and waits had run out: ``due:post``, ``ob:mail``, ``reviews``."""
    key = "{cw}:" + queue
    for name in names(store, queue):
        store.scripts.client.zadd(key, {name: 1})


def unbar(store: Store, channel: str = "mail") -> None:
    """Let the time pass after which a channel that was refused is tried again, whoever knows which account."""
    key = "{cw}:bar:" + channel
    for name in store.scripts.client.hkeys(key):
        if name == b"until" or name.startswith(b"of "):
            store.scripts.client.hset(key, name, 1)


def names(store: Store, queue: str) -> list[bytes]:
    """Everything in a queue, first due first."""
    found: Any = store.scripts.client.zrange("{cw}:" + queue, 0, -1)
    return list(found)


def field(store: Store, key: str, name: str) -> bytes | None:
    """One field of a hash as it stands."""
    value: Any = store.scripts.client.hget("{cw}:" + key, name)
    return None if value is None else bytes(value)


def soon(moment: datetime | None, after: timedelta, *, within: timedelta = timedelta(seconds=20)) -> bool:
    """Whether *moment* is that long from now (the server runs on this machine's clock)."""
    return moment is not None and abs(moment - datetime.now(UTC) - after) <= within


Verb = Callable[[Store, Notice], None]
VERBS: dict[str, tuple[Verb, str]] = {
    "done": (lambda s, n: s.done(n.id, n.token, reference="r"), "sent"),
    "retry": (lambda s, n: s.retry(n.id, n.token, after=timedelta(hours=1), error="451"), "pending"),
    "fail": (lambda s, n: s.fail(n.id, n.token, error="550"), "failed"),
    "skip": (lambda s, n: s.skip(n.id, n.token, reason="muted"), "skipped"),
    "resend": (
        lambda s, n: s.uncertain(n.id, n.token, error="cut", then="resend", after=timedelta(hours=1)),
        "pending",
    ),
    "hold": (lambda s, n: s.uncertain(n.id, n.token, error="cut", then="hold"), "held"),
}
