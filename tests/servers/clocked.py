"""The store's scripts with a clock that the test sets: copies whose one reading of the time is another line."""

from __future__ import annotations

import shutil
from pathlib import Path

import workers.store
from workers.store import Store
from workers.store.lua import Scripts

SHIPPED = Path(workers.store.__file__).parent
READING = """local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
"""


def clocked(store: Store, folder: Path, *edits: tuple[str, str, str]) -> Store:
    """Have *store* run copies of the scripts in *folder* that read the time of ``set_clock``; *edits*: script, old, new."""
    for script in SHIPPED.glob("*.lua"):
        shutil.copy(script, folder)
    prelude = (folder / "prelude.lua").read_text()
    assert prelude.count(READING) == 1
    (folder / "prelude.lua").write_text(
        prelude.replace(READING, "local now = tonumber(redis.call('GET', P .. 'testclock'))\n")
    )
    for name, old, new in edits:
        text = (folder / f"{name}.lua").read_text()
        assert text.count(old) == 1, f"the edit no longer fits {name}.lua: {old}"
        (folder / f"{name}.lua").write_text(text.replace(old, new))
    store.scripts = Scripts(store.scripts.client, folder)
    return store


def set_clock(store: Store, now: int) -> None:
    """Set the time (ms since 1970) for all scripts of *store*."""
    store.scripts.client.set("{cw}:testclock", now)
