"""The answer to every script is lost once, after the server did it, and whoever asked asks again: what stands then is as after once.

Held against a second database in which nothing was lost, key by key, at one moment of the server's clock.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from tests.servers.clocked import clocked, set_clock
from tests.servers.door import SHIPPED, StoreDoor, Strike
from tests.servers.rows import LEASE, NOW, claim, commit, lapse, owe, owed, take
from tests.servers.valkey import Valkey, start_valkey
from workers.core.limits import Quota
from workers.errors import LostLease, StoreTrouble
from workers.store import Looked, Store
from workers.store.lua import Scripts

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(sys.platform != "linux", reason="the door knows processes by a unix socket of Linux"),
]
START = 1_800_000_000_000
HOUR = timedelta(hours=1)
P, N = "o1/LP1CN", "n1"
Act = Callable[[Store], Any]
# same: nothing differs. leased: what was handed out comes back when its lease is over. counted: a number is one too high.
Kind = Literal["same", "leased", "counted"]


@dataclass(frozen=True)
class Case:
    script: str
    act: Act
    kind: Kind = "same"
    before: Act = lambda _: None


def watched(store: Store) -> None:
    store.enrol("post", [P], spread=NOW)


def known(store: Store) -> None:
    watched(store)
    claim(store)
    store.commit(
        commit(P, 0, owed(N), op="first", source="post", every=HOUR, review_in=HOUR, fingerprint="f")
    )


def taken(store: Store) -> None:
    known(store)
    take(store)


def failed(store: Store) -> None:
    taken(store)
    store.fail(N, _token(store), error="550")


def _token(store: Store) -> str:
    held: Any = store.scripts.client.hget("{cw}:n:" + N, "tok")
    return bytes(held).decode() if held else "t"


def news(act: Act) -> Act:
    """The same call; its answer is how much was new, which is less when it is asked again."""

    def call(store: Store) -> None:
        act(store)

    return call


def _say(store: Store) -> bool:
    """As ``Answers`` says it: on what was read, again where somebody else was faster."""
    before = store.words([P]).get(P, b"")
    return before == b"word" or store.say(P, before, b"word")


def _amend(store: Store) -> bool:
    row = store.recall(P)
    assert row is not None
    return row.told == b"less" or store.amend_told(P, row.version, b"less")


def _reviews(store: Store) -> Any:
    return [one.parcel for one in store.claim_reviews(5, lease=LEASE)]


def _ids(store: Store) -> Any:
    found = store.claim_notice("mail", lease=LEASE, worker="w")
    return found and found.id


FINISH: dict[str, Act] = {
    "done": lambda s: s.done(N, _token(s), reference="r", follow_up=HOUR),
    "retry": lambda s: s.retry(N, _token(s), after=HOUR, error="451"),
    "fail": lambda s: s.fail(N, _token(s), error="550"),
    "skip": lambda s: s.skip(N, _token(s), reason="muted"),
    "unsay": lambda s: s.unsay(N, _token(s), reason="muted"),
    "wait": lambda s: s.wait(N, _token(s), after=HOUR, reason="quiet", bundle="b"),
    "resend": lambda s: s.uncertain(N, _token(s), error="cut", then="resend", after=HOUR),
    "hold": lambda s: s.uncertain(N, _token(s), error="cut", then="hold"),
}
CASES: dict[str, Case] = {
    "prepare": Case("prepare", lambda s: s.prepare()),
    "enrol": Case("enrol", news(lambda s: s.enrol("post", [P, "o2/N"], spread=HOUR))),
    "dismiss": Case("dismiss", news(lambda s: s.dismiss("post", [P])), before=known),
    "claim": Case("claim", lambda s: [c.parcel for c in claim(s).parcels], "leased", before=watched),
    "take": Case("take", lambda s: s.take("post", rate=1.0, burst=9), "counted", before=watched),
    "settle": Case("settle", lambda s: s.settle("post", [Looked(P, "f", "memo")], every=HOUR), "counted", before=known),
    "settle what changed": Case("settle", lambda s: s.settle("post", [Looked(P, "g", "memo")], every=HOUR), "counted", before=known),
    "postpone": Case("postpone", lambda s: s.postpone("post", [P], after=HOUR), before=known),
    "prolong": Case("prolong", lambda s: s.prolong("post", [P], lease=HOUR), before=lambda s: (watched(s), claim(s))),
    "pause": Case("pause", lambda s: s.pause("post", after=HOUR), before=known),
    "limit": Case("limit", lambda s: s.limit("post", quota=[Quota("calls", 9, "day")]), before=watched),
    "stretch": Case("limit", lambda s: s.stretch("post", calm=2.0, urgent=1.0), before=watched),
    "budget": Case("budget", lambda s: s.budget("post"), before=known),
    "commit": Case("commit", lambda s: s.commit(commit(P, 0, owed(N), op="once", source="post", every=HOUR)), before=watched),
    "commit again": Case("commit", lambda s: s.commit(commit(P, 1, owed("n2"), op="once", source="post", every=HOUR)), before=known),
    "owe": Case("owe", news(lambda s: s.owe("@source/post", [owed("m1")]))),
    "say": Case("say", _say, before=known),
    "amend_told": Case("amend_told", _amend, before=known),
    "claim_reviews": Case("claim_reviews", _reviews, "leased", before=lambda s: (known(s), lapse(s, "reviews"))),
    "review_soon": Case("review_soon", lambda s: s.review_soon([P]), before=known),
    "recall": Case("recall", lambda s: s.recall(P), before=known),
    "claim_notice": Case("claim_notice", _ids, "leased", before=known),
    "renew": Case("renew", lambda s: s.renew(N, _token(s), lease=HOUR), before=taken),
    **{f"finish {verb}": Case("finish", act, before=taken) for verb, act in FINISH.items()},
    "lately": Case("lately", lambda s: s.lately(P, "mail", "anna", within=HOUR), before=known),
    "operate": Case("operate", lambda s: s.operate(N, "release", op="o"), before=failed),
    "looked_at": Case("looked_at", lambda s: s.looked_at([N]), before=failed),
    "follow": Case("follow", lambda s: [n for n, _ in s.follow("dead", 5, lease=LEASE)], "leased", before=lambda s: (failed(s), lapse(s, "dead"))),
    "settled": Case("settled", lambda s: s.settled("dead", [N]), before=failed),
    "prune": Case("prune", news(lambda s: s.prune(older=timedelta(0))), before=lambda s: (failed(s), s.looked_at([N]))),
    "sweep": Case("sweep", lambda s: s.sweep(), before=known),
    "unsettled": Case("unsettled", lambda s: s.unsettled(within=HOUR), before=known),
    "unknown": Case("unknown", lambda s: s.met_unknown([{"text": "odd"}]), "counted"),
    "news": Case("news", lambda s: s.source_news("post", ok=False, error="500"), "counted", before=watched),
    "mark": Case("mark", lambda s: s.owner_heard("post", "broken", since=datetime(2026, 11, 24, tzinfo=UTC)), before=watched),
    "showed": Case("showed", lambda s: s.showed("post", {P: True})),
    "beat": Case("beat", lambda s: s.beat("w", ttl=HOUR)),
    "beats": Case("beats", lambda s: s.beats(), before=lambda s: s.beat("w", ttl=HOUR)),
    "unheard": Case("unheard", lambda s: s.unheard("post", [P], judge_after=HOUR), before=known),
    "gauges": Case("gauges", lambda s: s.gauges(), before=failed),
    "stages": Case("stages", lambda s: s.stages([P]), before=known),
    "bar": Case("bar", lambda s: s.bar("mail", "m", error="535", after=HOUR), "counted"),
    "aside": Case("aside", news(lambda s: s.set_aside("mail", "ana", "m", error="550"))),
    "hold": Case("hold", news(lambda s: s.hold("why", by="w"))),
    "hold name": Case("hold", lambda s: s.name_ledger()),
    "hold release": Case("hold", news(lambda s: s.lift_hold(skip_owed=True)), before=lambda s: (known(s), s.hold("why", by="w"))),
    "push begin": Case("push", lambda s: s.push_begins("d", lease=LEASE), "leased"),
    "push done": Case("push", lambda s: s.push_done("d", ttl=HOUR, unwatched=0), "counted", before=lambda s: s.push_begins("d", lease=LEASE)),
    "push drop": Case("push", lambda s: s.push_dropped("d"), before=lambda s: s.push_begins("d", lease=LEASE)),
    "vault begin": Case("vault", lambda s: s.vault.begin("v", 0, lease=LEASE), "leased"),
    "vault put": Case("vault", news(lambda s: s.vault.put("v", 0, b"x"))),
    "chores add": Case("chores", lambda s: s.chores.add("t", ["a"])),
    "chores claim": Case("chores", lambda s: s.chores.claim("t", 5, lease=LEASE), "leased", before=lambda s: s.chores.add("t", ["a"])),
    "chores later": Case("chores", lambda s: s.chores.put_off("t", ["a"], after=HOUR), before=lambda s: s.chores.add("t", ["a"])),
    "chores done": Case("chores", lambda s: s.chores.done("t", ["a"]), before=lambda s: s.chores.add("t", ["a"])),
    "chores forget": Case("chores", lambda s: s.chores.forget("t"), before=lambda s: s.chores.add("t", ["a"])),
    "dump": Case("dump", lambda s: len(list(s.export())), before=known),
    "wordless": Case("wordless", news(lambda s: s.prune_words("failed", older=timedelta(0))), before=failed),
    "forget": Case("forget", lambda s: s.forget(P), before=known),
}  # fmt: skip
# Random names of a holder or of an operation: which they are is nobody's business.
RANDOM = {"tok", "op", "bat", "id", "late"}
# Where a lost answer leaves a mark, and only there: counters, the tokens of a bucket, how often a source failed.
COUNTERS = {"count", "unknown:n", "rl:post", "use:post", "health:post", "qt:post"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with start_valkey(tmp_path_factory.mktemp("valkey")) as running:
        yield running


@pytest.fixture(scope="module")
def door(server: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreDoor]:
    scripts = tmp_path_factory.mktemp("scripts")
    clocked(
        Store.connect(server.fresh()), scripts
    )  # the copies must lie there before the door learns their names
    with StoreDoor(server.socket.with_name("door"), server.socket, scripts=scripts) as opened:
        yield opened


class Pair:
    """Two databases on one clock: one that is asked directly, and one behind a door."""

    def __init__(self, server: Valkey, door: StoreDoor) -> None:
        self.door = door
        plain, lossy = server.fresh(), server.fresh()
        self.once, self.straight = Store.connect(plain), Store.connect(lossy)
        self.lossy = Store.connect(door.url.partition("?")[0] + "?" + lossy.partition("?")[2])
        for store in (self.once, self.straight, self.lossy):
            store.scripts = Scripts(store.scripts.client, door.scripts)
        self.clock(START)

    def clock(self, now: int) -> None:
        for store in (self.once, self.straight):
            set_clock(store, now)

    def close(self) -> None:
        for store in (self.once, self.straight, self.lossy):
            store.close()


@pytest.fixture
def pair(server: Valkey, door: StoreDoor) -> Iterator[Pair]:
    made = Pair(server, door)
    yield made
    made.close()


def dump(store: Store) -> dict[str, Any]:
    """Return everything in the store, random names left out."""
    client: Any = store.scripts.client
    out = {}
    for raw in client.scan_iter():
        key = raw.decode().removeprefix("{cw}:")
        match client.type(raw):
            case b"hash":
                fields = {k.decode(): v for k, v in client.hgetall(raw).items()}
                out[key] = {k: v for k, v in fields.items() if k not in RANDOM and not k.startswith("was:")}
            case b"zset":
                out[key] = dict(client.zrange(raw, 0, -1, withscores=True))
            case b"set":
                out[key] = client.smembers(raw)
            case b"list":
                out[key] = client.lrange(raw, 0, -1)
            case _:
                out[key] = client.get(raw)
    return out


@pytest.mark.parametrize("name", CASES)
def test_an_answer_that_is_lost_changes_nothing_that_anybody_is_told(pair: Pair, name: str) -> None:
    case = CASES[name]
    for store in (pair.once, pair.straight):
        store.prepare()
        case.before(store)
    expected = case.act(pair.once)
    lost = pair.door.order(Strike(case.script, "after", lambda _: None))
    with pytest.raises(StoreTrouble):
        case.act(pair.lossy)
    assert lost.hit.is_set()
    again = case.act(pair.lossy)
    if case.kind == "leased":
        assert again != expected, "it is handed out already"
        pair.clock(START + 2 * int(LEASE.total_seconds()) * 1000)
        pair.straight.scripts.client.delete("{cw}:push:d")  # which the server's own clock lets go
        assert case.act(pair.lossy) == expected, "it comes back when the lease is over"
        return
    found, wanted = dump(pair.straight), dump(pair.once)
    differ = {key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key)}
    if case.kind == "counted":
        assert differ, "nothing is counted twice: this case is one of the same"
        assert differ <= COUNTERS
    else:
        assert again == expected
        assert differ == set()


def test_every_script_has_its_answer_lost_once() -> None:
    assert {case.script for case in CASES.values()} == SHIPPED


def test_a_script_that_is_not_safe_to_repeat_is_found_out(pair: Pair) -> None:
    """The negative control: counting up is told from writing down."""
    case = CASES["unknown"]
    for _ in range(2):
        case.act(pair.once)
    case.act(pair.straight)
    assert dump(pair.once) != dump(pair.straight)


def test_a_late_repetition_of_an_end_is_refused_after_somebody_else_took_over(pair: Pair) -> None:
    """Asking again is safe only as long as it is one's own: what another holds is not ended by an old word."""
    taken(pair.straight)
    token = _token(pair.straight)
    pair.door.order(Strike("finish", "before", lambda _: None))
    with pytest.raises(StoreTrouble):
        pair.lossy.done(N, token)
    pair.clock(START + 2 * int(LEASE.total_seconds()) * 1000)
    owe(pair.straight, owed("n2", recipient="ben"), parcel="o2/LP2CN")
    other = take(pair.straight, worker="w2")
    assert other.id == N
    assert other.uncertain
    with pytest.raises(LostLease):
        pair.lossy.done(N, token)
