"""Take samples of running processes and of a store's server: memory, descriptors, threads, keys by kind. Changes nothing."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")
PREFIX = "{cw}:"


@dataclass(frozen=True, slots=True)
class ProcessSample:
    """One process at one moment."""

    memory: int  # bytes resident
    descriptors: int
    threads: int
    cpu: float  # seconds spent so far


@dataclass(frozen=True, slots=True)
class StoreSample:
    """A store's server at one moment."""

    memory: int  # bytes it says it uses
    keys: Mapping[str, int]  # by kind: what follows the prefix, up to the next colon
    held: Mapping[str, int]  # bytes of the values, by kind
    aof: int  # bytes of the append-only file
    rewrites: int  # how often it was written anew


def descendants(pid: int) -> list[int]:
    """Return *pid* and all its children's children, oldest first."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (stat := _read(entry / "stat")):
            parents.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += sorted(parents.get(one, ()))
    return found


def parent(pid: int) -> int:
    stat = _read(Path(f"/proc/{pid}/stat"))
    return int(stat.rsplit(")", 1)[1].split()[1]) if stat else 0


def argv(pid: int) -> list[str]:
    return _read(Path(f"/proc/{pid}/cmdline")).split("\0")[:-1]


def sample_process(pid: int) -> ProcessSample | None:
    """Return how a process is; None where it is no more."""
    folder = Path(f"/proc/{pid}")
    statm, stat = _read(folder / "statm"), _read(folder / "stat")
    try:
        descriptors = len(os.listdir(folder / "fd"))  # noqa: PTH208  # names alone; a Path each would be dear
    except OSError:
        return None
    if not statm or not stat:
        return None
    fields = stat.rsplit(")", 1)[1].split()
    return ProcessSample(
        memory=int(statm.split()[1]) * _PAGE,
        descriptors=descriptors,
        threads=int(fields[17]),
        cpu=(int(fields[11]) + int(fields[12])) / _TICK,
    )


def sample_store(clients: Iterable[redis.Redis]) -> StoreSample:
    """Return how a server is, with the keys of the databases of *clients*."""
    keys: Counter[str] = Counter()
    held: Counter[str] = Counter()
    info: Mapping[str, Any] = {}
    for client in clients:
        info = _asked(client.info("everything"))
        names: list[bytes] = list(client.scan_iter(count=1000))
        trip = client.pipeline(transaction=False)
        for name in names:
            trip.execute_command("MEMORY USAGE", name, "SAMPLES", 0)
        for name, size in zip(names, trip.execute(), strict=True):
            kind = kind_of(name)
            keys[kind] += 1
            held[kind] += size or 0  # gone since the scan
    return StoreSample(
        memory=int(info["used_memory"]),
        keys=dict(keys),
        held=dict(held),
        aof=int(info.get("aof_current_size", 0)),
        rewrites=int(info.get("aof_rewrites", 0)),
    )


def kind_of(key: bytes) -> str:
    """Return the kind of a key of ours, or ``broker`` for one of the queue's."""
    name = key.decode(errors="replace")
    return name.removeprefix(PREFIX).split(":", 1)[0] if name.startswith(PREFIX) else "broker"


def _asked(answer: Any) -> Mapping[str, Any]:
    """Return what a client answered at once (its types allow for a promise)."""
    assert isinstance(answer, dict)
    return answer


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
