"""What a source allows is kept whoever asks: quotas, hosts that are ill, and who goes first where not all can."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.limiter import DAY, HOUR
from tests.servers.clocked import clocked, set_clock
from tests.servers.rows import NOW, commit
from workers.core import cadence
from workers.core.limits import Quota
from workers.store import Claim, Looked, Store
from workers.store.lua import PREFIX

MIDNIGHT = int(datetime(2026, 11, 24, tzinfo=UTC).timestamp() * 1000)
LEASE = timedelta(seconds=90)
MS = timedelta(milliseconds=1)


class Clock:
    """A store whose time the test moves."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.now = clocked(store, folder), MIDNIGHT
        self.set(0)

    def set(self, after: int) -> None:
        self.now = MIDNIGHT + after
        set_clock(self.store, self.now)

    def claim(self, n: int = 1, source: str = "post") -> Claim:
        return self.store.claim(source, n, lease=LEASE, rate=0)

    def watch(self, urgent: int, calm: int, source: str = "post") -> None:
        """Watch parcels that were looked at, all due in a day."""
        names = [f"u{i}" for i in range(urgent)] + [f"c{i:03d}" for i in range(calm)]
        self.store.enrol(source, names, spread=NOW)
        for name in names:
            every = timedelta(hours=1 if name.startswith("u") else 6)
            self.store.commit(commit(name, source=source, fingerprint="f", every=every))


@pytest.fixture
def clock(store: Store, tmp_path: Path) -> Clock:
    return Clock(store, tmp_path)


def test_a_quota_is_never_exceeded_and_begins_anew_at_midnight_of_utc(clock: Clock) -> None:
    clock.store.limit("post", quota=[Quota("calls", 10, "day")], each=True)
    clock.watch(urgent=30, calm=0)
    clock.set(20 * HOUR)
    assert sum(len(clock.claim().parcels) for _ in range(15)) == 10
    assert clock.claim().wait == timedelta(hours=4)
    assert clock.store.take("post", rate=100.0) == timedelta(hours=4), "a further call of a look neither"
    clock.set(DAY - 1)
    assert clock.claim().wait == MS
    clock.set(DAY)
    assert len(clock.claim().parcels) == 1
    assert [(b.spent, b.left) for b in clock.store.budget("post")] == [(1, 9)]


def test_a_used_up_quota_rings_no_bell_and_another_source_is_not_held_back(clock: Clock) -> None:
    clock.store.limit("post", quota=[Quota("calls", 1, "day")])
    clock.watch(urgent=2, calm=0)
    clock.watch(urgent=1, calm=0, source="other")
    clock.set(3 * HOUR)
    clock.claim()
    clock.claim()
    bells = clock.store.sweep()
    assert (bells.due, bells.next_in) == ({"other": 1}, timedelta(hours=21))
    assert clock.store.unsettled(within=timedelta(0)).parcels == 1


def test_what_the_user_changes_opens_what_was_used_up(clock: Clock) -> None:
    clock.store.limit("post", quota=[Quota("calls", 1, "day")])
    clock.watch(urgent=3, calm=0)
    clock.set(3 * HOUR)
    clock.claim()
    assert clock.claim().wait == timedelta(hours=21)
    clock.store.limit("post", quota=[Quota("calls", 1, "day")])  # the same again opens nothing
    assert clock.claim().wait == timedelta(hours=21)
    clock.store.limit("post", quota=[Quota("calls", 2, "day")])
    assert len(clock.claim().parcels) == 1
    clock.store.limit("post")
    assert len(clock.claim().parcels) == 1, "none lifts it"


def test_a_days_quota_is_spent_over_the_day_and_kept_for_what_matters(clock: Clock) -> None:
    clock.store.limit("post", quota=[Quota("calls", 100, "day")])
    clock.watch(urgent=3, calm=300)
    clock.set(6 * HOUR + HOUR)
    taken = [one.parcel for _ in range(60) for one in clock.claim().parcels]
    assert len(taken) == 40, "a tenth ahead of the clock, and no more (7 h of 24 are 29.2)"
    assert {"u0", "u1", "u2"} <= set(taken)
    assert clock.store.sweep().due == {}, "no bell for the calm ones"
    clock.set(6 * HOUR + HOUR + 120_000)  # the leases of the three ran out
    assert min(one.parcel for one in clock.claim(3).parcels) == "u0"
    assert clock.claim(3).wait is not None


def test_a_new_file_is_read_through_at_once_up_to_half_a_days_quota(clock: Clock) -> None:
    clock.store.limit("post", quota=[Quota("calls", 100, "day")])
    clock.store.enrol("post", [f"n{i:02d}" for i in range(80)], spread=NOW)
    assert sum(len(clock.claim().parcels) for _ in range(80)) == 50
    assert clock.claim().wait is not None


def test_a_few_new_parcels_are_looked_at_before_those_that_wait(clock: Clock) -> None:
    clock.watch(urgent=0, calm=30)
    clock.set(9 * HOUR)
    clock.store.enrol("post", ["new1", "new2"], spread=NOW)
    assert {one.parcel for one in clock.claim(3).parcels} >= {"new1", "new2"}
    clock.store.commit(commit("new1", source="post", fingerprint="f", every=timedelta(hours=6)))
    assert clock.store.scripts.client.zscore(f"{PREFIX}:hot:post", "new1") is None, "until it was looked at"


def test_a_whole_file_of_new_parcels_does_not_go_before_what_matters(clock: Clock) -> None:
    clock.watch(urgent=2, calm=0)
    clock.store.enrol("post", [f"n{i:02d}" for i in range(40)], spread=NOW)
    clock.set(2 * HOUR)
    assert {"u0", "u1"} <= {one.parcel for one in clock.claim(8).parcels}


def test_urgent_ones_go_first_and_a_quarter_of_the_places_is_for_who_waits_longest(clock: Clock) -> None:
    clock.watch(urgent=0, calm=20)
    clock.set(7 * HOUR)
    clock.watch(urgent=20, calm=0)
    clock.set(9 * HOUR)
    first = [one.parcel[0] for one in clock.claim(8).parcels]
    assert (first.count("u"), first.count("c")) == (6, 2)


def test_where_one_goes_at_a_time_every_fourth_is_the_one_that_waits_longest(clock: Clock) -> None:
    clock.watch(urgent=0, calm=20)
    clock.set(7 * HOUR)
    clock.watch(urgent=20, calm=0)
    clock.set(9 * HOUR)
    assert [clock.claim().parcels[0].parcel[0] for _ in range(8)] == ["u", "u", "u", "c"] * 2


def test_nobody_starves_however_many_urgent_ones_there_are(clock: Clock) -> None:
    clock.watch(urgent=40, calm=4)
    seen: set[str] = set()
    for hour in range(8, 60):
        clock.set(hour * HOUR)
        for one in clock.claim(4).parcels:
            seen.add(one.parcel)
            clock.store.settle("post", [Looked(one.parcel, "f")], every=timedelta(hours=4))
    assert len(seen) == 44


def test_new_numbers_wait_where_no_more_may_be_told_and_known_ones_do_not(clock: Clock) -> None:
    clock.watch(urgent=2, calm=0)
    clock.store.limit("post", quota=[Quota("numbers", 3, "month")])
    clock.store.enrol("post", [f"n{i}" for i in range(9)], spread=NOW)
    clock.set(2 * HOUR)
    taken = [one.parcel for _ in range(9) for one in clock.claim(4).parcels]
    assert sorted(name[0] for name in taken) == ["n", "n", "n", "u", "u"]
    clock.set(2 * HOUR + 100_000)  # their leases ran out: a number that was told once costs nothing again
    assert {one.parcel for one in clock.claim(20).parcels} == set(taken)
    december = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp() * 1000)
    clock.set(december - MIDNIGHT)
    assert len({one.parcel for one in clock.claim(20).parcels} - set(taken)) == 3


def test_a_host_that_fails_is_left_alone_by_all_who_ask_it_and_by_nobody_else(clock: Clock) -> None:
    for name, host in (("a", "api.example"), ("b", "api.example"), ("c", "other.example")):
        clock.store.limit(name, host=host)
        clock.store.enrol(name, ["p", "q"], spread=NOW)
    for _ in range(3):
        assert clock.claim(source="b").wait is None or clock.now
        clock.store.source_news("a", ok=False, error="503", host_ill=True)
    assert clock.claim(source="a").wait == timedelta(minutes=1)
    assert clock.claim(source="b").wait == timedelta(minutes=1)
    assert len(clock.claim(2, source="c").parcels) == 2
    bells = clock.store.sweep()
    assert "a" not in bells.due
    assert bells.next_in == timedelta(minutes=1)


def test_one_parcel_finds_out_whether_a_host_answers_again(clock: Clock) -> None:
    clock.store.limit("a", host="api.example")
    clock.store.limit("b", host="api.example")
    clock.store.enrol("a", [f"p{i}" for i in range(9)], spread=NOW)
    clock.store.enrol("b", [f"p{i}" for i in range(9)], spread=NOW)
    for _ in range(3):
        clock.store.source_news("a", ok=False, error="503", host_ill=True)
    clock.set(60_000)
    assert len(clock.claim(5, source="b").parcels) == 1
    assert clock.claim(5, source="a").wait == LEASE, "the others wait for what it finds"
    clock.store.source_news("b", ok=False, error="503", host_ill=True)
    assert clock.claim(5, source="a").wait == timedelta(minutes=2), (
        "it still fails: left alone for twice as long"
    )
    clock.set(60_000 + 120_000)
    (probe,) = clock.claim(5, source="a").parcels
    clock.store.settle("a", [Looked(probe.parcel, "f")], every=timedelta(hours=1))
    assert len(clock.claim(5, source="a").parcels) == 5
    assert len(clock.claim(5, source="b").parcels) == 5


def test_a_refusal_that_says_when_to_come_back_is_no_illness_of_the_host(clock: Clock) -> None:
    clock.store.limit("a", host="api.example")
    clock.store.enrol("a", ["p"], spread=NOW)
    for _ in range(5):
        clock.store.source_news("a", ok=False, error="429")
    assert len(clock.claim(source="a").parcels) == 1


def test_no_pace_is_quicker_than_a_source_changes(clock: Clock) -> None:
    clock.store.limit("post", fresh=timedelta(hours=3))
    clock.watch(urgent=3, calm=1)
    clock.set(3 * HOUR - 1)
    assert clock.claim(9).parcels == ()
    clock.set(4 * HOUR)
    assert {one.parcel for one in clock.claim(9).parcels} == {"u0", "u1", "u2"}


def test_a_stretched_pace_is_slower_for_calm_ones_alone(clock: Clock) -> None:
    clock.store.stretch("post", calm=4.0, urgent=1.0)
    clock.watch(urgent=1, calm=1)
    known = clock.store.recall_many(["u0", "c000"])
    hours = {name: (one.due["post"].timestamp() * 1000 - clock.now) / HOUR for name, one in known.items()}
    assert 0.9 <= hours["u0"] <= 1.1
    assert 21.6 <= hours["c000"] <= 26.4
    assert known["c000"].every == timedelta(hours=6), "the parcel's own pace is as it was"


def test_what_is_used_is_counted_by_day(clock: Clock) -> None:
    clock.watch(urgent=2, calm=0)
    clock.set(2 * HOUR)
    clock.claim(5)
    clock.store.take("post", rate=1000.0)
    clock.store.commit(commit("u0", 1, source="post", fingerprint="g", stage="released"))
    clock.store.commit(commit("u1", 1, source="post", fingerprint="g"))
    used = clock.store.usage("post")
    assert (used.looks, used.calls, used.parcels, used.moves) == (1, 2, 2, 1)
    clock.set(40 * DAY)
    clock.store.postpone("post", ["u0"], after=NOW)
    clock.claim()
    kept = clock.store.scripts.client.hkeys(f"{PREFIX}:use:post")
    assert {name[:1] for name in kept} == {b"l", b"c", b"p"}
    assert len(kept) == 3, "thirty-five days are kept"


def test_the_scripts_and_the_cadence_mean_the_same_by_urgent_and_latest() -> None:
    prelude = (Path(__file__).resolve().parents[2] / "workers/store/prelude.lua").read_text()
    assert f"local URGENT = {cadence.URGENT // MS}\n" in prelude
    assert f"local LATEST = {cadence.LATEST // MS} " in prelude
