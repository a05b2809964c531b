"""How long it takes until what a fault interrupted is told after all, measured against the bounds that docs/reliability.md states.

Each on the whole program, as `customs-watch run` starts it, with the world's journals as the clock.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos import road
from tests.chaos.ours import Ours
from tests.chaos.processes import children, end
from tests.chaos.world import EACH, Told, World
from tests.servers.smtp import SILENCE
from workers.errors import StoreTrouble

# Seconds. What a worker held is claimed again when its lease of 40 s (35 s of a look) has ended.
WORKER, STORE, SCHEDULER = 45.0, 15.0, 10.0
LEASE = 40.0

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found by /proc"),
]


class Scene:
    """A world, the program in it, and what has arrived so far."""

    PARCELS = 3

    def __init__(self, world: World, ours: Ours) -> None:
        self.world, self.ours = world, ours
        self.told: list[Told] = []
        for parcel in range(self.PARCELS):
            world.track.set_events(road.number(parcel), world.calendar.history(), destination="ES")

    def arrived(self, step: int, channel: str = "") -> int:
        """Return how many different messages of *step* have arrived."""
        self.told += self.world.news()
        return len({one.owed for one in self.told if one.step == step and channel in ("", one.channel)})

    def show(self, step: int) -> None:
        """Let every parcel take this step, and have it looked at."""
        for parcel in range(self.PARCELS):
            self.world.track.push_event(road.number(parcel), self.world.calendar.step(step))
        self.wait(lambda: self.ours.look_now(range(self.PARCELS)), "the store to take an order", 60)

    def wait(self, done: Callable[[], object], what: str, seconds: float) -> float:
        """Wait, and return how long it took."""
        began = time.monotonic()
        while not done():
            passed = time.monotonic() - began
            assert passed < seconds, f"waited {seconds:.0f} s in vain: {what}"
            time.sleep(0.02)
        return time.monotonic() - began

    def all_told(self, step: int, seconds: float) -> float:
        due = self.PARCELS * EACH
        return self.wait(
            lambda: self.arrived(step) == due, f"{due} messages, {self.arrived(step)} came", seconds
        )


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with (
        World(seed=0, mishaps=0) as world,
        Ours(world, tmp_path / "ours", Scene.PARCELS, processes=2) as ours,
    ):
        made = Scene(world, ours)
        made.wait(lambda: ours.knows(Scene.PARCELS), "the first look", 120)
        made.show(0)
        made.all_told(0, 120)  # everything is warm
        yield made


def busy() -> float:
    """Return how many seconds a second of work takes here now: 1 on a quiet machine."""
    began, spent = time.monotonic(), time.thread_time()
    while time.thread_time() < spent + 0.3:
        pass
    return max(1.0, (time.monotonic() - began) / 0.3)


def within(seconds: float, bound: float, *, waits: float = 0.0, what: str) -> None:
    """Hold *seconds* to *bound*, of which *waits* is a clock's; the rest is work, and longer where others work too."""
    factor = busy()
    print(
        f"\nrecovery: {what}: {seconds:.1f} s, bound {bound:.0f} s (a second of work takes {factor:.1f} s here)"
    )
    assert seconds <= waits + (bound - waits) * factor


def workers(scene: Scene) -> list[int]:
    found = [one.pid for one in children(scene.ours.pid) if "workers.app:worker" in one.argv]
    assert len(found) == 2
    return found


def test_what_a_killed_worker_was_sending_is_sent_by_another(scene: Scene) -> None:
    """The mail server falls silent on the first; whoever holds it is killed, and nobody starts it anew meanwhile."""
    scene.world.smtp.fail("data", SILENCE)
    scene.show(1)
    due = Scene.PARCELS * EACH
    scene.wait(lambda: scene.arrived(1) == due - 1, "all but the one that is stuck", 60)
    (row,) = scene.ours.store.notices(states=("sending",))
    end(scene.ours.holder(row.id))
    within(scene.all_told(1, 300), WORKER, waits=LEASE, what="a worker killed in the middle of a mail")


def test_what_a_killed_worker_was_looking_up_is_looked_up_by_another(scene: Scene) -> None:
    scene.world.track.requests.clear()
    scene.world.track.next_stall(60)
    scene.show(1)
    scene.wait(lambda: scene.world.track.requests, "a worker to ask", 60)
    for master in workers(scene):
        end(master, group=True)  # which of them asked is not said: both die, and both are started again
    within(scene.all_told(1, 300), WORKER, waits=LEASE, what="all workers killed in the middle of a look")


def test_work_goes_on_when_a_killed_server_is_back(scene: Scene) -> None:
    scene.show(1)
    scene.wait(lambda: scene.arrived(1) >= EACH // 2, "some of it", 60)
    old = scene.ours.store_pid()
    assert scene.ours.strike("store", 0)
    scene.wait(lambda: scene.ours.store_pid() != old and answers(scene), "the server to be back", 60)
    # A claim that the server wrote and could not answer is nobody's: it waits for its lease, or is held where it must not double.
    due, in_hand = Scene.PARCELS * EACH, 2 * 4
    took = scene.wait(lambda: settled(scene, 1) >= due - in_hand, "what was in nobody's hand", 60)
    within(took, STORE, what="the server killed, from when it is back")
    took += scene.wait(lambda: settled(scene, 1) == due, "what was in hand", 120)
    within(took, WORKER, waits=LEASE, what="what was in hand when it was killed")


def settled(scene: Scene, step: int) -> int:
    """Return how many messages of *step* have arrived or are shown as held."""
    arrived = scene.arrived(step)
    came = {one.owed for one in scene.told if one.step == step}
    return arrived + len({owed for owed in scene.ours.ended() if owed[1] == step} - came)


def answers(scene: Scene) -> bool:
    try:
        return scene.ours.store.sweep() is not None
    except StoreTrouble:
        return False


def test_a_killed_scheduler_is_started_again(scene: Scene) -> None:
    assert scene.ours.strike("scheduler", 0)
    scene.show(1)
    within(scene.all_told(1, 300), SCHEDULER, what="the scheduler killed under its supervisor")


def test_a_second_scheduler_needs_no_recovery(scene: Scene, tmp_path: Path) -> None:
    argv, environ = scene.ours.part("scheduler")
    with (
        (tmp_path / "second.log").open("wb") as log,
        subprocess.Popen(argv, env=environ, stdout=log, stderr=log) as second,
    ):
        try:
            scene.wait(lambda: schedulers(scene) >= 2, "two schedulers", 120)
            took = []
            for step in (1, 2):
                if step == 2:
                    assert scene.ours.strike("scheduler", 0)
                scene.show(step)
                took.append(scene.all_told(step, 120))
        finally:
            second.terminate()
    print(f"\nrecovery: told in {took[0]:.1f} s with two schedulers, in {took[1]:.1f} s after one was killed")
    assert took[1] <= (took[0] + 3) * busy()


def schedulers(scene: Scene) -> int:
    return sum(name.startswith("scheduler:") for name in scene.ours.store.beats())
