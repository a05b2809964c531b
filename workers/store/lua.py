"""Runs the store's Lua scripts and turns every fault of the server into a sentence. Knows no rows.

A command is sent once: whether a lost answer may be asked for again is the caller's to know.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import redis
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ConnectionError,  # noqa: A004  # redis' own name; the builtin one is not meant anywhere here
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    TimeoutError,  # noqa: A004  # as above
)

from workers.errors import StoreTrouble

_PATIENCE = 5000  # ms for a write to reach the disk; a server that syncs every second takes one
PREFIX = "{cw}"  # one hash tag: all keys of the store live on one node of a cluster

_SENTENCES: tuple[tuple[type[RedisError], str, str], ...] = (
    (BusyLoadingError, "the store is still loading its data", ""),
    (AuthenticationError, "the store refuses our password", "check the user and password in CW_REDIS_URL"),
    (AuthorizationError, "the store refuses our password", "check the user and password in CW_REDIS_URL"),
    (
        NoPermissionError,
        "the store's user may not do this",
        "give it all commands on keys that start with {cw}:",
    ),
    (TimeoutError, "the store did not answer in time", ""),
    (ConnectionError, "the store cannot be reached", ""),
    (OutOfMemoryError, "the store's memory is full", "raise maxmemory, or free some"),
    (ReadOnlyError, "the store is a read-only replica", "point CW_REDIS_URL at the primary"),
)
_PREFIXES = (
    ("MISCONF", "the store cannot write to its disk", "free some space; it recovers by itself"),
    ("BUSY", "the store is busy with somebody's endless script", "it must be stopped there: SCRIPT KILL"),
    ("LOADING", "the store is still loading its data", ""),
    ("NOAUTH", "the store wants a password", "CW_REDIS_URL=redis://user:password@host:port/0"),
    ("WRONGPASS", "the store refuses our password", "check the user and password in CW_REDIS_URL"),
)


def trouble(error: RedisError) -> StoreTrouble:
    """Return what a fault of the server means, in a sentence."""
    detail = " ".join(str(error).split())[:200]
    for prefix, sentence, hint in _PREFIXES:
        if detail.startswith(prefix):
            return StoreTrouble(f"{sentence}: {detail}", hint=hint)
    for kind, sentence, hint in _SENTENCES:
        if isinstance(error, kind):
            return StoreTrouble(f"{sentence}: {detail}" if detail else sentence, hint=hint)
    return StoreTrouble(f"the store refused: {detail}")


@contextmanager
def spoken() -> Iterator[None]:
    """Turn what redis raises inside into StoreTrouble: the one place where that happens."""
    try:
        yield
    except RedisError as error:
        raise trouble(error) from error


class Scripts:
    """All scripts of one client, read once from *folder*: the files beside this module, unless told otherwise."""

    def __init__(self, client: redis.Redis, folder: Traversable | None = None) -> None:
        self.client = client
        self._waits = True
        folder = folder or files(__package__)
        prelude = folder.joinpath("prelude.lua").read_text(encoding="utf-8")
        self._bodies: dict[str, str] = {}
        self._shas: dict[str, str] = {}
        for entry in folder.iterdir():
            name, _, suffix = entry.name.rpartition(".")
            if suffix == "lua" and name != "prelude":
                shebang, _, body = entry.read_text(encoding="utf-8").partition("\n")
                self._bodies[name] = f"{shebang}\n{prelude}\n{body}"
                # SHA-1 is how the server names a script, not a safeguard of ours.
                self._shas[name] = hashlib.sha1(
                    self._bodies[name].encode(), usedforsecurity=False
                ).hexdigest()

    def run(self, name: str, *args: Any) -> Any:
        """Run one script and return its answer; raises StoreTrouble."""
        with spoken():
            try:
                return self.client.evalsha(self._shas[name], 1, PREFIX, *args)
            except NoScriptError:  # a new or flushed server: it refused, so nothing was done
                return self.client.eval(self._bodies[name], 1, PREFIX, *args)

    def run_safely(self, name: str, *args: Any) -> tuple[Any, bool]:
        """Run one script and wait until what it wrote is on the server's disk; return its answer, and whether that is so.

        Where the server is one that cannot be waited for (no append-only file, or older than 7.2), nobody waits and the
        answer counts as safe: ``readiness`` says what such a server is worth.
        """
        with spoken():
            for command, script in (("evalsha", self._shas[name]), ("eval", self._bodies[name])):
                trip = self.client.pipeline(transaction=False)  # one connection: it waits for its own writes
                getattr(trip, command)(script, 1, PREFIX, *args)
                if self._waits:
                    trip.waitaof(1, 0, _PATIENCE)
                answer, *waited = trip.execute(raise_on_error=False)
                if not isinstance(answer, NoScriptError):
                    break
        if isinstance(answer, RedisError):
            raise trouble(answer) from answer
        if not waited or isinstance(waited[0], RedisError):
            self._waits = False
            return answer, True
        return answer, int(waited[0][0]) > 0

    def run_each(self, name: str, calls: Sequence[Sequence[Any]]) -> list[Any]:
        """Run one script once for each of *calls*, in one trip; raises StoreTrouble if any failed, after all have run."""
        if len(calls) == 1:
            return [self.run(name, *calls[0])]
        with spoken():
            trip = self.client.pipeline(transaction=False)
            for args in calls:
                trip.evalsha(self._shas[name], 1, PREFIX, *args)
            answers = trip.execute(raise_on_error=False)
        for at, answer in enumerate(answers):
            if isinstance(answer, NoScriptError):  # as above
                answers[at] = self.run(name, *calls[at])
        for answer in answers:
            if isinstance(answer, RedisError):
                raise trouble(answer) from answer
        return answers
