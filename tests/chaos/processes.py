"""Finds and ends processes of a program under chaos by their place in its family. Touches no process outside of it."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """A living process and whose child it is."""

    pid: int
    parent: int
    argv: str


def children(parent: int) -> list[Process]:
    """Return the living children of *parent*, oldest first (Linux)."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        with suppress(OSError):  # it ended while we looked
            state, ppid = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            if int(ppid) == parent and state != "Z":
                argv = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found.append(Process(int(folder.name), parent, argv))
    return sorted(found, key=lambda one: one.pid)


def end(pid: int, number: int = signal.SIGKILL, *, group: bool = False) -> bool:
    """Signal *pid*, or the group it leads; False where it was gone."""
    try:
        (os.killpg if group else os.kill)(pid, number)
    except ProcessLookupError:
        return False
    return True


def choose(among: list[int], pick: float) -> list[int]:
    """Return one of *among* by a number from 0 to 1, or none of none."""
    return [among[int(pick * len(among))]] if among else []
