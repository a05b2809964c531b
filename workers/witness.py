"""Remembers, outside the store, how far the ledger had come. Where it comes back with another past, sending is stopped.

A restored backup, a lost disk or an address of another server would have everything sent again, or nothing ever. Nobody but a
person can tell which, so the ledger is held until one does: parcels are looked up, notices are owed, and none is sent.

Each machine keeps its own witness in its data folder; a claim insists on what the witness knows, in the same script that claims.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

import structlog

from workers.store import Ledger, Store

log = structlog.get_logger("customs_watch")

FILE = "ledger.json"
OFTEN = timedelta(seconds=1)  # between writes of one process

Verdict = Literal["same", "ours again", "rolled back", "emptied", "another"]


@dataclass(frozen=True, slots=True)
class Known:
    """What this machine saw of a ledger."""

    id: str = ""
    owed: int = 0
    sent: int = 0
    was: frozenset[str] = frozenset()


def verdict(known: Known, seen: Ledger) -> Verdict:
    """Say whether the store's ledger goes on from what was known of it."""
    if not known.id:
        return "ours again"  # nothing is known: a fresh install, or a machine that lost its data folder
    if seen.id == known.id:
        return "rolled back" if seen.owed < known.owed or seen.sent < known.sent else "same"
    if known.id in seen.was:
        return "ours again"
    if seen.id in known.was:
        return "rolled back"
    return "another" if seen.owed or seen.sent else "emptied"


class Witness:
    """One process's memory of the ledger, and the file of its machine. May be called by any number of threads."""

    def __init__(
        self, store: Store, folder: Path, *, name: str, uptime: Callable[[], timedelta], loud: bool = False
    ) -> None:
        self._store = store
        self._file = folder / FILE
        self._name = name
        self._uptime = uptime
        self._lock = threading.Lock()
        self._known = _read(self._file)
        self._written = timedelta.min
        self._loud = loud  # whether it logs what it finds; a command says it itself
        self._said = ""

    @property
    def known(self) -> Known:
        return self._known

    def look(self) -> str:
        """Look at the ledger: hold it where it has another past. Returns why nothing may be sent, or ""."""
        with self._lock:
            seen = self._store.ledger()
            if not seen.id:
                self._store.name_ledger()
                seen = self._store.ledger()
            found = verdict(self._known, seen)
            if found in ("same", "ours again"):
                self._learn(seen, at_once=found == "ours again")
                self._tell(seen.hold)
                return seen.hold
            why = _reason(found, self._known, seen)
            if found != "another" and not seen.hold:  # another's ledger is not ours to hold
                self._store.hold(why, by=self._name)
            self._insist()
            self._tell(why)
            return why

    def lift(self, *, skip_owed: bool) -> int:
        """A person says that this ledger is the one: go on with it. Returns how many notices were skipped."""
        with self._lock:
            skipped = self._store.lift_hold(knew=[self._known.id], skip_owed=skip_owed)
            self._known = Known()
            self._learn(self._store.ledger(), at_once=True)
            return skipped

    def _learn(self, seen: Ledger, *, at_once: bool) -> None:
        before = self._known
        self._known = Known(seen.id, seen.owed, seen.sent, seen.was)
        self._insist()
        at = self._uptime()
        if at_once or (self._known != before and at >= self._written + OFTEN):
            self._written = at
            try:
                _write(self._file, self._known)
            except OSError as error:  # a read-only machine: what this process remembers must do
                if self._loud and not self._said:
                    log.warning("ledger_not_witnessed", file=str(self._file), error=error.strerror)

    def _insist(self) -> None:
        known = self._known
        self._store.expected = Ledger(known.id, known.owed, known.sent)

    def _tell(self, why: str) -> None:
        if self._loud and why and why != self._said:
            log.error("ledger_held", reason=why, hint="customs-watch hold")
        self._said = why


def _reason(found: Verdict, known: Known, seen: Ledger) -> str:
    here = f"this machine has seen {known.owed} notices owed and {known.sent} sent"
    if found == "emptied":
        return f"the store is new and empty, and {here}: was its data lost, or is this another server?"
    if found == "another":
        return f"this is another ledger than the one this machine wrote to ({here}): is CW_REDIS_URL right?"
    return f"the store was set back: it knows of {seen.owed} notices owed and {seen.sent} sent, and {here}"


def _read(file: Path) -> Known:
    try:
        row = json.loads(file.read_text(encoding="utf-8"))
        return Known(str(row["id"]), int(row["owed"]), int(row["sent"]), frozenset(map(str, row["was"])))
    except (OSError, ValueError, KeyError, TypeError):  # none yet, or not one of ours
        return Known()


def _write(file: Path, known: Known) -> None:
    """Write the file, never behind what another process of this machine has seen of the same ledger."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        there = _read(file)
        if there.id == known.id:
            known = Known(known.id, max(known.owed, there.owed), max(known.sent, there.sent), known.was)
        fresh = file.with_suffix(".new")
        row = {"id": known.id, "owed": known.owed, "sent": known.sent, "was": sorted(known.was)}
        with fresh.open("w", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)
    finally:
        os.close(lock)
