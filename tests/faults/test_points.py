"""Kill -9 at every point: before and after every script, of whoever runs it and of the server, and around the outside world.

One boot of the whole program, some two hundred kills. What counts is what the journals of the mail servers and of the SMS gateway
hold in the end: every notice due was accepted once or is visibly held; one that was accepted twice is known to be in doubt; and by a
channel that knows our key, or that holds what is in doubt, none ever is.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from tests.faults import scenes
from tests.faults.points import SPARED, WAYS, Point, points
from tests.faults.theatre import CANARIES, Theatre, stuck, wait
from tests.servers.door import SHIPPED, Strike, socket_of
from tests.servers.rows import unbar
from tests.servers.sms import Fault
from workers.errors import StoreTrouble
from workers.store import Attempt, NoticeRow, State

SEED = int(os.environ.get("CW_SEED", "0")) or int(time.time())
SOME = (
    int(os.environ.get("CW_POINTS", "0")) or None
)  # so many points, for whoever works on them; all of them else
WORLD = ("mail before", "mail after", "text before", "text after", "look before", "look after")


CHANNELS = {
    "ana": ("mail", "careful", "text"),
    "slow": ("snail",),
    "unsure": ("vague", "wary"),
    "gone": (),
    "shut": ("locked",),
    "night": (),
}
AMBIGUOUS = (
    "crashed",
    "resend",
    "hold",
)  # what the log of a notice says of an attempt that may have been accepted
RESENDS = {"mail", "snail", "vague", "locked"}  # channels without a key that send again what may have arrived


@dataclass
class Told:
    """What came of one parcel's news: who was to be told, notices that were accepted, by channel, and the rows of the store."""

    who: str = "ana"
    accepted: dict[str, list[str]] = field(default_factory=dict)
    rows: list[NoticeRow] = field(default_factory=list)

    def wrong(self) -> list[str]:
        """Return every broken promise."""
        due = CHANNELS[self.who]
        said = [f"{channel}: nobody was owed that" for channel in self.accepted if channel not in due]
        for channel in due:
            got = self.accepted.get(channel, [])
            mine = [row for row in self.rows if row.channel == channel]
            if not got and not any(row.state in ("held", "failed", "expired") for row in mine):
                said.append(f"{channel}: lost ({[row.state for row in mine]})")
            if len(set(got)) > 1:
                said.append(f"{channel}: two notices of one thing")
            if len(got) > len(set(got)) and channel not in RESENDS:
                said.append(f"{channel}: doubled, though it may never be")
            doubts = {
                row.id: sum(line.outcome in AMBIGUOUS for line in row.log) for row in mine if row.uncertain
            }
            for name, times in Counter(got).items():
                if times > 1 + doubts.get(name, 0):
                    said.append(
                        f"{channel}: accepted {times} times, and in doubt {doubts.get(name, 0)} times"
                    )
        return said

    def words(self) -> str:
        counts = [f"{channel} {len(self.accepted.get(channel, []))}" for channel in CHANNELS[self.who]]
        states = Counter(row.state for row in self.rows if row.state != "sent")
        doubt = sum(row.uncertain for row in self.rows)
        return ", ".join(
            [
                *counts,
                *(f"{n} {state}" for state, n in states.items()),
                *([f"{doubt} in doubt"] if doubt else []),
            ]
        )


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def fell(at: Theatre) -> None:
    """Kill the server, unless somebody else has just done so."""
    with suppress(AssertionError):
        kill(at.server.pid)


@contextmanager
def kept_going(at: Theatre) -> Iterator[None]:
    """Start anew whatever dies, as a supervisor does."""
    over = threading.Event()

    def keep() -> None:
        while not over.wait(0.1):
            if not at.server.lives():
                with suppress(AssertionError):  # it was killed again before it answered
                    at.server.kill()
                    at.server.start()
            at.crew.respawn()

    with ThreadPoolExecutor(1) as keeper:
        kept = keeper.submit(keep)
        try:
            yield
        finally:
            over.set()
            kept.result()


def answers(at: Theatre) -> bool:
    try:
        at.store.clock()
    except StoreTrouble:
        return False
    return at.server.lives()


def patiently(deed: Callable[[], object]) -> None:
    """Do what asks the server, which may have been killed a moment ago, once it answers."""

    def done() -> bool:
        try:
            deed()
        except StoreTrouble:
            return False
        return True

    wait(done)


def play(at: Theatre, point: Point, title: str) -> None:
    with suppress(StoreTrouble, redis.RedisError, OSError):  # the server may be the one that dies
        point.way.scene(at, title)


def strike(at: Theatre, point: Point, title: str, deed: Callable[[int], object]) -> None:
    """Have one point reached, and do *deed* there."""
    order = at.door.order(Strike(point.script, point.moment, deed, point.role))
    began = time.monotonic()
    while not order.hit.is_set():
        if time.monotonic() - began > 240:
            at.door.call_off(order)
            pytest.fail(f"never reached: {point}")
        play(at, point, title)
        order.hit.wait(point.way.patience)
    print(f"{point} {title} {time.monotonic() - began:5.1f} s", flush=True)


def lane(at: Theatre, role: str, plan: list[tuple[Point, str]]) -> None:
    """Strike at all points of one role, one after the other; the other roles have theirs meanwhile."""
    for point, title in plan:
        if point.role != role:
            continue
        strike(at, point, title, kill if point.victim == "caller" else lambda _: fell(at))
        if point.way.who == "slow":
            at.snail.drop_all()  # a worker that lives on does not wait for a silent mail server
        if role == "command":
            play(at, point, title)  # whoever typed it types it again


def around_the_world(at: Theatre, what: str, title: str) -> None:
    """Kill the worker that speaks to the outside world, before the other side did what it was asked or after."""
    service, moment = what.split()
    hit = threading.Event()

    def deed(port: int) -> None:
        pid = socket_of(port, at.crew.pids())
        if not pid:  # whoever asked that was killed at the point before
            order()
            return
        kill(pid)
        hit.set()

    def order() -> None:
        if service == "mail":
            at.smtp.fail("mail" if moment == "before" else "answer", deed)
        elif service == "text":
            at.sms.fail(Fault(accept=moment == "after", deed=deed))
        else:
            (at.track.before_next if moment == "before" else at.track.after_next)(deed)

    order()
    at.enter_customs(title)
    patiently(lambda: at.look(title))
    wait(hit.is_set, seconds=120)


def told(at: Theatre) -> dict[str, Told]:
    """Return what came of each parcel."""
    found = {title: Told(who) for title, (who, _) in at.parcels.items()}
    told_of = [*at.mails(), *((title, "text", key) for title, key in at.texts())]
    for title, channel, name in told_of:
        assert title, "a message about no parcel"
        found[title].accepted.setdefault(channel, []).append(name)
    for title, one in found.items():
        one.rows = at.rows(title)
    return found


@pytest.fixture
def plan() -> list[tuple[Point, str]]:
    return [(point, f"P{n:03d}") for n, point in enumerate(points(SEED)[:SOME])]


@pytest.fixture
def theatre(plan: list[tuple[Point, str]], tmp_path: Path) -> Iterator[Theatre]:
    parcels = {title: (point.way.who, point.way.source) for point, title in plan}
    parcels |= {f"P{n:03d}": ("ana", "track") for n in range(len(plan), len(plan) + len(WORLD) + 1)}
    with Theatre(tmp_path, parcels) as made:
        yield made


@pytest.mark.faults
@pytest.mark.timeout(1500)
@pytest.mark.skipif(sys.platform != "linux", reason="a process is known by its end of a socket")
def test_whoever_dies_at_whatever_point_nothing_is_lost_and_what_is_doubled_is_known(
    theatre: Theatre, plan: list[tuple[Point, str]]
) -> None:
    print(f"\nCW_SEED={SEED}")
    at, began = theatre, time.monotonic()
    at.crew.start("scheduler", "web", "worker-1", "worker-2", "worker-3")
    wait(lambda: all(at.stage(title) == "arrived_destination" for title in at.parcels), seconds=120)
    assert not at.mails(), "history is silent"
    *world, calm = list(at.parcels)[len(plan) :]
    with kept_going(at):
        with ThreadPoolExecutor(len(WAYS)) as lanes:
            list(lanes.map(lambda role: lane(at, role, plan), WAYS))
        wait(lambda: answers(at))  # the last point may have been the server's
        print(f"all points were reached after {time.monotonic() - began:.0f} s")
        for what, title in zip(WORLD, world, strict=True):
            around_the_world(at, what, title)
        at.enter_customs(calm)
        at.look(calm)
        settle(at)
    found = told(at)
    assert not found[calm].wrong()
    assert [len(got) for got in found[calm].accepted.values()] == [1, 1, 1], "undisturbed, each arrives once"
    report(at, plan, found, dict(zip(WORLD, world, strict=True)))
    spent = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    print(
        f"all settled after {time.monotonic() - began:.0f} s ({spent:.0f} s of processor), {at.crew.starts} processes started"
    )
    assert {title: wrong for title, one in found.items() if (wrong := one.wrong())} == {}
    assert stuck(at.store, [at.id(title) for title in at.parcels]) == []
    assert unreached(at) == []
    leaks = {what for what, secret in CANARIES.items() if secret in at.crew.said()}
    assert leaks == set(), "what no line may hold"


def settle(at: Theatre) -> None:
    """Let leases run out and waits end, on the real clock, until everything that is due has gone out."""
    owed = [title for title, (who, _) in at.parcels.items() if CHANNELS[who]]
    for title in owed:  # those whose scene was no news of theirs
        at.enter_customs(title)
        if at.stage(title) == "arrived_destination":
            at.look(title)
    asked = time.monotonic()

    def quiet() -> bool:
        nonlocal asked
        late = [title for title in owed if at.stage(title) != "import_customs"]
        if late and time.monotonic() - asked > 20:
            asked = time.monotonic()
            lost = [title for title in late if at.parcels[title][1] == "ae"]
            if lost:  # tokens that died with a worker: their owner signs in anew, as told
                scenes.renewal(at, lost[0])
            for title in late:  # a look at 17TRACK may have been spent on telling it of the number anew
                at.look(title)
        moved = all(at.stage(title) == "import_customs" for title in owed)
        open_ = [
            row for row in at.store.notices(states=("pending", "sending"), limit=10_000) if not row.waits_for
        ]
        for bar in at.store.bars():
            unbar(at.store, bar.channel)
        for row in open_:
            if (
                row.state == "pending"
            ):  # waits for its next try: ten minutes after the third, and longer after more
                at.lapse(f"ob:{row.channel}", [row.id])
        return moved and not open_

    try:
        wait(quiet, seconds=300)
    finally:
        print(*unsettled(at, owed), sep="\n")


def unsettled(at: Theatre, owed: list[str]) -> list[str]:
    """Say what a run waits for that does not settle."""
    still = [title for title in owed if at.stage(title) != "import_customs"]
    rows = at.store.notices(states=("pending", "sending"), limit=10_000)
    return [f"{title} {at.parcels[title]} is still in {at.stage(title)}" for title in still] + [
        f"open: {row.id} {row.parcel} {row.channel} {row.state} {row.error} {row.log[-3:]}"
        for row in rows
        if not row.waits_for
    ]


def unreached(at: Theatre) -> list[str]:
    """Return every script that a process ran and no point strikes at, and every one that nobody ran."""
    said = [
        f"{role} ran {script}, at which nobody is killed"
        for role, script in at.door.seen
        if role in ("worker", "scheduler") and script.islower() and script not in {*WAYS[role], *SPARED}
    ]
    struck = {script.partition(" ")[0] for ways in WAYS.values() for script in ways}
    return said + [f"{script} is run by nobody" for script in SHIPPED - struck - set(SPARED)]


def report(at: Theatre, plan: list[tuple[Point, str]], found: dict[str, Told], world: dict[str, str]) -> None:
    print("\nwho       at            when   dies   what came of it")
    for point, title in sorted(plan, key=lambda one: str(one[0])):
        print(f"{point} {title} {at.parcels[title][0]}: {found[title].words()}")
    for what, title in world.items():
        print(f"{'world':<9} {what:<21} caller {title} {found[title].words()}")
    rows = [row for one in found.values() for row in one.rows]
    accepted = Counter(name for one in found.values() for names in one.accepted.values() for name in names)
    print(
        f"\n{len(plan) + len(world)} points; {len(rows)} notices, {sum(accepted.values())} accepted, "
        f"{sum(n - 1 for n in accepted.values())} of them doubled, {sum(row.uncertain for row in rows)} known to be in doubt, "
        f"{sum(row.state == 'held' for row in rows)} held; {at.store.counts().get('crashes', 0)} crashes counted"
    )


def store_row(name: str, channel: str, state: State = "sent", *, doubts: int = 0) -> NoticeRow:
    moment = datetime.now(UTC)
    log = (Attempt(moment, "w", "crashed", "", timedelta(0)),) * doubts
    return NoticeRow(
        name, state, "o/1", channel, "ana", "first", "held", 1, "customs", b"", 1, 0, moment, moment, None, None, doubts > 0,
        False, "", "", log=log,
    )  # fmt: skip


def test_the_judge_of_points_knows_a_loss_and_a_double() -> None:
    good = {"mail": ["a"], "careful": ["b"], "text": ["c"]}
    rows = [store_row("a", "mail"), store_row("b", "careful"), store_row("c", "text")]
    in_doubt = [store_row("a", "mail", doubts=1), store_row("b", "careful", doubts=1), rows[2]]
    assert Told("ana", good, rows).wrong() == []
    assert Told("ana", {**good, "text": []}, rows).wrong() == ["text: lost (['sent'])"]
    assert Told("ana", {**good, "mail": ["a", "a"]}, rows).wrong() == [
        "mail: accepted 2 times, and in doubt 0 times"
    ]
    assert Told("ana", {**good, "mail": ["a", "a"]}, in_doubt).wrong() == []
    assert Told("ana", {**good, "mail": ["a"] * 3}, in_doubt).wrong() != []
    assert Told("ana", {**good, "careful": ["b", "b"]}, in_doubt).wrong() == [
        "careful: doubled, though it may never be"
    ]
    assert Told("ana", {**good, "mail": ["a", "z"]}, in_doubt).wrong() == ["mail: two notices of one thing"]
    held = [*rows[:1], store_row("b", "careful", state="held"), rows[2]]
    assert Told("ana", {**good, "careful": []}, held).wrong() == []
    assert Told("gone", {"lost": ["a"]}, []).wrong() == ["lost: nobody was owed that"]
