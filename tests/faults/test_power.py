"""Power goes in the middle of a write: the file is cut anywhere, and what is found is what stood after one whole step or another.

Every step is one script, and so one record of the file: all of it is there, or none of it.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.faults.test_lost_answers import dump
from tests.faults.test_server_faults import tiny_disk
from tests.servers.rows import LEASE, NOW, claim, commit, owed, take
from tests.servers.valkey import start_valkey, until
from workers.store import Looked, Store

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
SEED = int(os.environ.get("CW_SEED", "0")) or int(time.time())
P, HOUR = "o1/LP1CN", timedelta(hours=1)
CUTS = 150  # besides those at the seams of the last records


def steps(store: Store) -> list[Callable[[], object]]:
    """A parcel's way from a look to a notice that was sent, one script each."""
    notices: list[Any] = []
    return [
        lambda: store.enrol("post", [P], spread=NOW),
        lambda: claim(store),
        lambda: store.settle("post", [Looked(P, "f")], every=HOUR),
        lambda: store.commit(
            commit(
                P,
                0,
                owed("n1"),
                owed("n2", recipient="ben"),
                op="x",
                source="post",
                every=HOUR,
                review_in=HOUR,
            )
        ),
        lambda: notices.append(take(store)),
        lambda: store.renew(notices[0].id, notices[0].token, lease=LEASE),
        lambda: store.done(notices[0].id, notices[0].token, reference="r"),
    ]


def seams(data: bytes, since: int) -> list[int]:
    """Return where a line of the file ends, from *since* on, and the byte before and after."""
    return [
        at + by for at in (m.end() for m in re.finditer(rb"\r\n", data)) if at >= since for by in (-1, 0, 1)
    ]


def test_a_file_that_is_cut_anywhere_holds_whole_steps_only(tmp_path: Path) -> None:
    print(f"\nCW_SEED={SEED}")
    whole = tmp_path / "whole"
    whole.mkdir()
    states: list[dict[str, Any]] = []
    with start_valkey(whole) as server, closing(Store.connect(server.url)) as store:
        store.prepare()
        (file,) = (whole / "appendonlydir").glob("*.incr.aof")
        lengths = []
        states.append(dump(store))
        for step in steps(store):
            lengths.append(file.stat().st_size)
            step()
            states.append(dump(store))
        server.kill()
    data = file.read_bytes()
    pool = range(lengths[0], len(data) + 1)
    chosen = random.Random(SEED)  # noqa: S311 -- cuts that can be repeated, no secret
    cuts = sorted(
        {*chosen.sample(pool, CUTS), *chosen.sample(seams(data, lengths[-2]), 60), lengths[-1], len(data)}
    )
    met: set[int] = set()
    for cut in cuts:
        here = tmp_path / "cut"
        shutil.copytree(whole, here)
        os.truncate(here / "appendonlydir" / file.name, min(cut, len(data)))
        with start_valkey(here) as server, closing(Store.connect(server.url)) as store:
            found = dump(store)
            whole_steps = [n for n, state in enumerate(states) if _same(state, found)]
            assert whole_steps, f"cut at byte {cut} of {len(data)}, something between two steps stands"
            met.add(whole_steps[-1])
            server.kill()
        shutil.rmtree(here)
    print(f"{len(cuts)} cuts of {len(data)} bytes, each found after a whole step: {sorted(met)}")
    assert met == set(range(len(states)))


def _same(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """What the server itself lets go of in time may be gone."""
    return {k: v for k, v in before.items() if v is not None} == {
        k: v for k, v in after.items() if v is not None
    }


def test_the_comparison_would_see_half_a_step(tmp_path: Path) -> None:
    """The negative control: the same writes as commands of their own are found half done."""
    whole = tmp_path / "whole"
    whole.mkdir()
    with start_valkey(whole) as server, server.client() as client:
        client.hset("{cw}:p:x", "stage", "held")
        (file,) = (whole / "appendonlydir").glob("*.incr.aof")
        between = file.stat().st_size
        client.zadd("{cw}:ob:mail", {"n": 1})
        server.kill()
    os.truncate(file, between + 5)
    with start_valkey(whole) as server, server.client() as client:
        assert (client.exists("{cw}:p:x"), client.exists("{cw}:ob:mail")) == (1, 0)


def test_a_disk_too_full_for_a_rewrite_stops_nothing_and_room_lets_it_be_done(tmp_path: Path) -> None:
    with (
        tiny_disk(tmp_path / "disk", "12m") as disk,
        start_valkey(disk, auto_aof_rewrite_percentage="0") as server,
        closing(Store.connect(server.url)) as store,
        server.client() as client,
    ):
        store.prepare()
        for n in range(50):
            store.remember(f"filler:{n}", os.urandom(100_000))  # 5 MB that no rewrite makes smaller
        ballast = disk / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while shutil.disk_usage(disk).free > 2_000_000:
                file.write(b"x" * 65_536)
        client.bgrewriteaof()
        until(lambda: not client.info("persistence")["aof_rewrite_in_progress"])
        assert client.info("persistence")["aof_last_bgrewrite_status"] == "err"
        assert store.commit(commit(P, 0, owed("n1"))) == "done"
        notice = take(store)
        store.done(notice.id, notice.token)
        server.kill()
        server.start()
        assert [row.state for row in store.notices()] == ["sent"]
        ballast.unlink()
        client.bgrewriteaof()
        until(lambda: not client.info("persistence")["aof_rewrite_in_progress"])
        assert client.info("persistence")["aof_last_bgrewrite_status"] == "ok"
        assert [row.state for row in store.notices()] == ["sent"]
