"""The model that the simulation runs on decides what the scripts decide on a real server, whatever happens in which order."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.limiter import DAY, HOUR, Limiter, window
from tests.servers.clocked import clocked, set_clock
from tests.servers.rows import commit
from workers.core.limits import Quota
from workers.errors import StoreTrouble
from workers.store import Looked, Store

SOURCE = "post"
START = int(
    datetime(2027, 12, 31, 21, 17, tzinfo=UTC).timestamp() * 1000
)  # near the end of a day, a month and a year
DEFAULT = timedelta(hours=4)
PACES = (HOUR, 6_300_000, 2 * HOUR, 3 * HOUR, 6 * HOUR, DAY)

CASES: list[dict[str, Any]] = [
    {"rate": 3.0, "batch": 4, "quota": [], "each": False, "fresh": 0},
    {"rate": 0.05, "batch": 3, "quota": [Quota("calls", 8, "hour")], "each": False, "fresh": 2 * HOUR},
    {"rate": 1.0, "batch": 5, "quota": [Quota("calls", 30, "day")], "each": True, "fresh": 0},
    {
        "rate": 0.0,
        "batch": 1,
        "quota": [Quota("calls", 40, "month"), Quota("numbers", 7, "day")],
        "each": False,
        "fresh": 0,
    },
    {"rate": 0.0, "batch": 6, "quota": [Quota("numbers", 4, "hour")], "each": False, "fresh": 0},
    {"rate": 0.0, "batch": 12, "quota": [Quota("calls", 90, "day")], "each": False, "fresh": 0},
]


STEPS = {"claim": 9, "answer": 5, "advance": 6, "fail": 1, "take": 2, "stretch": 1, "moved": 1}
LENGTHS = [1, 400, 1000, 30_000, 5 * 60_000, 20 * 60_000, HOUR, 5 * HOUR, DAY]


class Both:
    """The model and the store, told the same; every answer and every queue must agree."""

    def __init__(self, store: Store, case: dict[str, Any]) -> None:
        self.store, self.now = store, START
        self.limiter = Limiter(**case, burst=2)
        self.versions: dict[str, int] = {}
        set_clock(store, self.now)
        store.limit(
            SOURCE,
            host="post.example",
            quota=case["quota"],
            fresh=timedelta(milliseconds=case["fresh"]),
            each=case["each"],
        )

    def advance(self, by: int) -> None:
        self.now += by
        set_clock(self.store, self.now)

    def claim(self) -> list[str]:
        model = self.limiter
        real = self.store.claim(
            SOURCE, model.batch, lease=timedelta(milliseconds=model.lease), rate=model.rate, burst=model.burst
        )
        wait, parcels = model.claim(self.now)
        assert [one.parcel for one in real.parcels] == parcels
        assert real.wait == (None if wait < 0 else timedelta(milliseconds=wait))
        return parcels

    def answer(self, parcels: list[str], rng: random.Random) -> None:
        same = [p for p in parcels if p in self.versions and rng.random() < 0.5]
        looks = [
            Looked(p, f"f{self.versions[p]}" if p in same else f"f{self.versions.get(p, 0) + 1}")
            for p in parcels
        ]
        changed = {c.parcel for c in self.store.settle(SOURCE, looks, every=DEFAULT)}
        assert changed == set(parcels) - set(same)
        for parcel in same:
            self.limiter.settle(self.now, parcel, DEFAULT // timedelta(milliseconds=1))
        self.limiter.fails = 0
        for parcel in sorted(changed):
            every = rng.choice(PACES)
            version = self.versions.get(parcel, 0)
            one = commit(
                parcel,
                version,
                source=SOURCE,
                fingerprint=f"f{version + 1}",
                every=timedelta(milliseconds=every),
            )
            assert self.store.commit(one) == "done"
            self.versions[parcel] = version + 1
            self.limiter.commit(self.now, parcel, every)

    def same_counts(self) -> None:
        for budget in self.store.budget(SOURCE):
            number, spent = self.limiter.spent.get(budget.quota.what, (-1, 0))
            now, _, _ = window(self.now, budget.quota.per)
            assert budget.spent == (spent if number == now else 0) <= budget.quota.most

    def same_queues(self) -> None:
        for name, queue in (("due", self.limiter.due), ("hot", self.limiter.hot)):
            real = self.store.scripts.client.zrange(f"{{cw}}:{name}:{SOURCE}", 0, -1, withscores=True)
            assert {k.decode(): int(v) for k, v in real} == queue.scores


def compare(store: Store, case: dict[str, Any], seed: int, steps: int = 250) -> Both:
    """Do the same things in a random order to the model and the scripts; raises AssertionError where they part."""
    rng = random.Random(seed)  # noqa: S311 -- the same walk each time
    both = Both(store, case)
    parcels = [f"o{i}/LP{rng.randrange(10**8):08d}CN" for i in range(40)]
    store.enrol(SOURCE, parcels, spread=timedelta(minutes=30))
    both.limiter.enrol(both.now, parcels, 0.0, 30 * 60_000 / len(parcels))
    held: list[list[str]] = []
    for _ in range(steps):
        what = rng.choices(list(STEPS), list(STEPS.values()))[0]
        if what == "claim":
            if claimed := both.claim():
                held.append(claimed)
        elif what == "answer" and held:
            both.answer(held.pop(rng.randrange(len(held))), rng)
        elif what == "advance":
            both.advance(rng.choices(LENGTHS, [4, 4, 8, 8, 8, 4, 3, 1, 1])[0])
        elif what == "fail":
            store.source_news(SOURCE, ok=False, error="ill", host_ill=True)
            both.limiter.fail(both.now)
        elif what == "take":
            wait = store.take(SOURCE, rate=0.5)
            assert wait == timedelta(milliseconds=both.limiter.take(both.now, 0.5))
        elif what == "stretch":
            both.limiter.calm, both.limiter.urgent = rng.choice([(1.0, 1.0), (3.5, 1.0), (40.0, 1.25)])
            store.stretch(SOURCE, calm=both.limiter.calm, urgent=both.limiter.urgent)
        elif what == "moved":  # by a script that knows nothing of the urgent ones' index
            parcel, at = rng.choice(parcels), both.now + rng.choice((-HOUR, 3 * HOUR))
            store.scripts.client.zadd(f"{{cw}}:due:{SOURCE}", {parcel: at}, xx=True)
            both.limiter.due.move(parcel, at)
        both.same_queues()
        if what in ("claim", "take"):
            both.same_counts()
    return both


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['rate']}x{case['batch']}")
@pytest.mark.parametrize("seed", range(1))
def test_the_model_and_the_scripts_agree_step_by_step(
    store: Store, tmp_path: Path, case: dict[str, Any], seed: int
) -> None:
    both = compare(clocked(store, tmp_path), case, seed)
    assert store.usage(SOURCE, days=35).calls == both.limiter.calls > 20


# What each line of the scripts is for: without it the walk parts from the model.
EDITS = [
    ("claim", "if shut > now then", "if false then", 0),
    ("claim", "if calls.spent >= calls.most then", "if calls.spent > calls.most then", 1),
    ("claim", "only_urgent = calls.spent >= by_now + calls.most * HEAD", "only_urgent = false", 2),
    ("claim", "calls.most * HEAD_NEW then", "calls.most * HEAD then", 2),
    ("claim", "and not looks[i] and not taken[parcel]", "and not taken[parcel]", 2),
    ("enrol", "and new <= FEW", "", 0),
    ("claim", "n = math.min(n, calls.most - calls.spent)", "n = n", 2),
    ("claim", "if first[1] then held", "if false then held", 5),
    ("claim", "#parcels < n and calls.spent >= by_now", "#parcels < n", 5),
    ("claim", "if ill then n = 1 end", "", 0),
    ("claim", "if ill then redis.call('HSET', P .. 'br:' .. host, 'until', now + lease) end", "", 0),
    ("claim", "elseif at > now then", "elseif false then", 0),
    ("claim", "local kept = math.ceil(n / 4)", "local kept = 0", 0),
    ("claim", "% 4 ~= 0 then kept = 0 end", "% 4 == 0 then kept = 0 end", 3),
    ("claim", "if known or new < left then", "if true then", 4),
    ("claim", "redis.call('SADD', P .. 'reg:' .. source, parcel)", "", 4),
    ("claim", "spend(source, calls, 1)", "", 1),
    ("claim", "spend(source, numbers, new)", "", 4),
    ("claim", "redis.call('ZADD', hot, 'XX', unpack(push))", "", 0),
    ("take", "if calls and calls.spent >= calls.most then", "if false then", 1),
    ("take", "spend(ARGV[1], calls, 1)", "", 1),
    ("take", "used(ARGV[1], 'c', 1)", "", 0),
    ("settle", "redis.call('ZADD', P .. 'hot:' .. source, 'XX', unpack(again))", "", 0),
    ("commit", "mark_urgent(parcel, tonumber(every) <= URGENT)", "mark_urgent(parcel, true)", 0),
    ("prelude", "tonumber(used[2]) == number and tonumber(used[1]) or 0", "tonumber(used[1]) or 0", 1),
    ("prelude", "(every <= URGENT and of[3] or of[2])", "of[2]", 0),
    ("prelude", "math.max(jittered(parcel, math.max(stretched, of[1])), now + of[1])", "jittered(parcel, stretched)", 1),
    ("prelude", "if tonumber(broken[1] or 0) >= OPEN then", "if tonumber(broken[1] or 0) > OPEN then", 0),
    ("prelude", "if fails >= OPEN then", "if fails > OPEN then", 0),
    ("prelude", "if host then redis.call('DEL', P .. 'br:' .. host) end", "", 0),
]  # fmt: skip


def parts(store: Store, case: dict[str, Any]) -> None:
    for seed in range(6):
        store.scripts.client.flushdb()
        both = compare(store, case, seed)
        assert store.usage(SOURCE, days=35).calls == both.limiter.calls


@pytest.mark.slow
@pytest.mark.parametrize("edit", EDITS, ids=[f"{script}-{i}" for i, (script, *_) in enumerate(EDITS)])
def test_a_script_without_one_of_its_lines_parts_from_the_model(
    store: Store, tmp_path: Path, edit: tuple[str, str, str, int]
) -> None:
    script, old, new, case = edit
    clocked(store, tmp_path, (script, old, new))
    with pytest.raises((AssertionError, StoreTrouble)):
        parts(store, CASES[case])


def test_a_model_that_forgets_the_urgent_is_found_out(store: Store, tmp_path: Path) -> None:
    class Careless(Limiter):
        def _urgent(self, now: int, most: int) -> list[str]:
            return []

    both = Both(clocked(store, tmp_path), CASES[0])
    both.limiter.__class__ = Careless
    parcels = [f"o/LP{i:08d}CN" for i in range(9)]
    store.enrol(SOURCE, parcels, spread=timedelta(0))
    both.limiter.enrol(both.now, parcels)
    for parcel in parcels:
        every = 6 * HOUR
        if parcel == parcels[-1]:
            both.advance(6 * HOUR)  # it is due after all others
            every = HOUR
        store.commit(commit(parcel, source=SOURCE, fingerprint="f1", every=timedelta(milliseconds=every)))
        both.limiter.commit(both.now, parcel, every)
    both.advance(2 * HOUR)
    with pytest.raises(AssertionError):
        both.claim()


@pytest.mark.parametrize("per", ["hour", "day", "month"])
def test_windows_begin_and_end_as_the_calendar_has_them(store: Store, tmp_path: Path, per: str) -> None:
    clocked(store, tmp_path)
    store.limit(SOURCE, quota=[Quota("calls", 5, per)])  # type: ignore[arg-type]
    rng = random.Random(7)  # noqa: S311 -- the same moments each time
    moments = [
        datetime(y, m, d, 23, 59, 59, 999000, tzinfo=UTC)
        for y in (2024, 2027, 2100)
        for m, d in ((2, 28), (12, 31))
    ]
    moments += [datetime(y, m, 1, tzinfo=UTC) for y in (2024, 2026, 2028, 2100) for m in (1, 2, 3, 12)]
    stamps = [round(at.timestamp() * 1000) for at in moments] + [
        rng.randrange(START, START + 9_000 * DAY) for _ in range(40)
    ]
    for now in stamps:
        set_clock(store, now)
        (budget,) = store.budget(SOURCE)
        _, began, ends = window(now, per)
        assert (round(budget.began.timestamp() * 1000), round(budget.ends.timestamp() * 1000)) == (
            began,
            ends,
        )
        assert began <= now < ends
