"""Real workers and schedulers that sleep too long, die of one notice, compete, or wait out a server that is away."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.faults.scenes import news
from tests.faults.theatre import Theatre, wait
from tests.servers.door import socket_of

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform != "linux", reason="a process is known by its end of a socket"),
]


@contextmanager
def playing(folder: Path, *names: str, parcels: int, who: str = "ana") -> Iterator[Theatre]:
    folder.mkdir(exist_ok=True)
    with Theatre(folder, {f"P{n:03d}": (who, "track") for n in range(parcels)}) as at:
        at.crew.start(*names)
        wait(lambda: all(at.stage(title) == "arrived_destination" for title in at.parcels), seconds=120)
        yield at


def test_a_worker_that_slept_through_its_lease_ends_nothing_of_anothers(tmp_path: Path) -> None:
    """Row 9. It is stopped when the mail server has accepted and not yet said so, and goes on when another has sent it again."""
    asleep: list[int] = []

    with playing(tmp_path, "scheduler", "worker-1", "worker-2", parcels=1, who="slow") as at:

        def stop(port: int) -> None:
            asleep.append(socket_of(port, at.crew.pids()))
            os.kill(asleep[0], signal.SIGSTOP)
            wait(lambda: len(at.snail.journal) == 2, seconds=120)  # the lease of forty seconds runs out
            os.kill(asleep[0], signal.SIGCONT)

        at.snail.fail("answer", stop)
        news(at, "P000")
        wait(lambda: asleep)
        (row,) = at.rows("P000")
        assert row.state == "sending"
        wait(lambda: len(at.snail.journal) == 2, seconds=120)
        wait(lambda: at.store.counts().get("lost_lease", 0) >= 1, seconds=90)
        (row,) = at.rows("P000")
        assert (row.state, row.uncertain, row.crashes) == ("sent", True, 1)
        assert [line.outcome for line in row.log if line.outcome.startswith("late")] != [], "kept as evidence"
        assert len(at.snail.journal) == 2, "in doubt, and known to be; no third"


def test_a_notice_that_kills_whoever_takes_it_is_held_and_stops_nobody_else(tmp_path: Path) -> None:
    """Row 19."""
    with playing(tmp_path, "scheduler", "worker-1", "worker-2", parcels=2, who="slow") as at:
        deadly, deaths = "P000", [0]

        def die(port: int) -> None:
            os.kill(socket_of(port, at.crew.pids()), signal.SIGKILL)
            deaths[0] += 1

        at.snail.fail("mail", die, times=4)
        news(at, deadly)
        for death in range(1, 5):

            def dead(death: int = death) -> bool:
                at.crew.respawn()
                return deaths[0] >= death

            wait(dead, seconds=120)
            at.lapse(
                "ob:snail", [row.id for row in at.rows(deadly)]
            )  # the lease of the dead, without the wait
            at.ours.bells.ring("notify", "snail")
        wait(lambda: [row.state for row in at.rows(deadly)] == ["held"])
        (row,) = at.rows(deadly)
        assert row.crashes == 4
        assert "died" in row.error
        news(at, "P001")
        wait(lambda: [row.state for row in at.rows("P001")] == ["sent"], seconds=120)
        assert len(at.snail.journal) == 1


@pytest.mark.parametrize("schedulers", [2, 5])
def test_however_many_schedulers_run_each_parcel_is_looked_at_once_and_told_of_once(
    tmp_path: Path, schedulers: int
) -> None:
    """Row 11. There is no leader: any of them may be killed, and the others go on."""
    names = [f"scheduler-{n}" for n in range(schedulers)]
    with playing(tmp_path, *names, "worker-1", parcels=8) as at:

        def living() -> int:
            return sum(name.startswith("scheduler:") for name in at.store.beats())

        wait(lambda: living() == schedulers, seconds=120)
        began = len(at.track.calls)
        for title in list(at.parcels)[:4]:
            at.enter_customs(title)
        at.store.postpone(
            "track", [at.id(title) for title in at.parcels], after=timedelta(0)
        )  # nobody rings but they
        wait(lambda: len(at.mails()) == 8 and len(at.texts()) == 4)
        at.crew.kill(names[0])
        for title in list(at.parcels)[4:]:
            at.enter_customs(title)
        at.store.postpone("track", [at.id(title) for title in at.parcels], after=timedelta(0))
        wait(lambda: len(at.mails()) == 16 and len(at.texts()) == 8)
        time.sleep(3)  # and not once more: five schedulers have rung three times each
        asked = Counter(
            number
            for call in at.track.calls[began:]
            if call.endpoint == "gettrackinfo"
            for number in call.numbers
        )
        assert set(asked.values()) == {2}, "once for each time it was due"
        assert set(Counter(name for _, _, name in at.mails()).values()) == {1}
        assert set(Counter(key for _, key in at.texts()).values()) == {1}


def test_retries_that_wait_survive_a_server_that_is_away_for_a_moment_and_for_long(tmp_path: Path) -> None:
    """Row 6: away for 1, 20 and 90 seconds while a retry waits; it goes out within 15 seconds of being due and possible."""

    def one(away: float) -> float:
        with playing(tmp_path / f"{away:.0f}", "scheduler", "worker-1", parcels=1, who="slow") as at:
            at.snail.fail("data", "451 4.7.1 later")
            news(at, "P000")
            wait(lambda: [(row.state, row.attempts) for row in at.rows("P000")] == [("pending", 1)])
            due = time.monotonic() + 30  # the first pause between attempts
            at.server.kill()
            time.sleep(away)
            at.server.start()
            possible = max(due, time.monotonic())
            wait(lambda: [row.state for row in at.rows("P000")] == ["sent"], seconds=120)
            assert len(at.snail.journal) == 1
            return time.monotonic() - possible

    with ThreadPoolExecutor(3) as pool:
        late = dict(zip((1, 20, 90), pool.map(one, (1.0, 20.0, 90.0)), strict=True))
    print(
        "\nseconds from due and possible to sent, by seconds away:", {k: round(v, 1) for k, v in late.items()}
    )
    assert max(late.values()) <= 15
