"""Any sequence of what workers, operators and readers do, with kills of the server in between: the store is the model."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test

from tests.servers.rows import NOW, commit, names, owed, unbar
from tests.servers.valkey import Valkey, start_valkey
from tests.store.model import DEAD, OPEN, Model, Row
from tests.store.rest import Beside
from workers.errors import LostLease
from workers.store import STATES, Looked, Owed, Store
from workers.store.lua import Scripts

HOUR = timedelta(hours=1)
PARCELS = ("o1/A", "o1/B", "o2/C")
SOURCES = ("post", "mail-in")
CHANNELS = ("mail", "sms")
PEOPLE = ("anna", "ben")
ACCOUNTS = ("old", "new")  # that a channel is opened with

parcels = st.sampled_from(PARCELS)
sources = st.sampled_from(SOURCES)
channels = st.sampled_from(CHANNELS)
which = st.integers(0, 9)
said_twice = st.booleans()  # the answer was lost, and it is said again
notices = st.lists(
    st.tuples(
        channels, st.sampled_from(PEOPLE), st.integers(0, 2), st.booleans(), st.sampled_from(("", "past", "future"))
    ),
    max_size=3, unique_by=lambda one: one[:3],
)  # fmt: skip


class Ledger(Beside):
    """The rules; the server is put in by the test."""

    server: Valkey
    folder: Path | None = None  # of other scripts than the shipped ones
    kills = 0

    @initialize()
    def begin(self) -> None:
        self.url = self.server.fresh()
        self.store = Store.connect(self.url)
        if self.folder is not None:
            self.store.scripts = Scripts(self.store.scripts.client, self.folder)
        self.store.prepare()
        self.model = Model()
        self.claims: list[
            tuple[list[str], str]
        ] = []  # every claim there ever was: late workers hold old ones
        self.count = itertools.count()
        for parcel in PARCELS:  # so that most of what is tried finds something
            self.enrol("post", parcel)
            made = [self.notice(parcel, "mail", person, 0, person == "ben", "") for person in PEOPLE]
            assert set(self.store.owe(parcel, [notice for notice, _ in made])) == self.model.owe(
                row for _, row in made
            )

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()

    def mark(self) -> str:
        return f"x{next(self.count)}"

    def each(self, again: bool, call: Callable[[], Any]) -> Any:
        """Call, and where the answer was lost call again: the same answer."""
        answer = call()
        assert not again or call() == answer
        return answer

    # -- the world ---------------------------------------------------------------------------------------------

    @rule(often=st.integers(0, 3))
    def kill_the_server(self, often: int) -> None:
        if often == 0 and self.folder is None:
            type(self).kills += 1
            self.server.kill()
            self.server.start()

    @rule(
        queue=st.sampled_from(
            ("ob:mail", "ob:sms", "due:post", "due:mail-in", "reviews", "dead", "esc", "kept")
        )
    )
    def let_time_pass(self, queue: str) -> None:
        for name in names(self.store, queue):
            self.store.scripts.client.zadd("{cw}:" + queue, {name: 1})
        kind, _, of = queue.partition(":")
        if kind == "ob":
            for row in self.model.rows.values():
                row.due = row.due or (row.channel == of and row.state in OPEN)
        elif kind == "due":
            for look in self.model.queues.get(of, {}).values():
                look.due = True
        else:
            held: dict[str, bool] = getattr(self.model, kind)
            held.update(dict.fromkeys(held, True))

    # -- parcels -----------------------------------------------------------------------------------------------

    @rule(source=sources, parcel=parcels)
    def enrol(self, source: str, parcel: str) -> None:
        assert self.store.enrol(source, [parcel], spread=NOW) == self.model.enrol(source, parcel)

    @rule(source=sources, parcel=parcels)
    def dismiss(self, source: str, parcel: str) -> None:
        assert self.store.dismiss(source, [parcel]) == self.model.dismiss(source, parcel)

    @rule(source=sources)
    def claim(self, source: str) -> None:
        got = self.store.claim(source, 50, lease=HOUR, rate=0)
        assert {one.parcel for one in got.parcels} == self.model.claim(source)

    @rule(source=sources, parcel=parcels, later=st.booleans())
    def postpone(self, source: str, parcel: str, later: bool) -> None:
        self.store.postpone(source, [parcel], after=HOUR if later else NOW)
        look = self.model.queues.get(source, {}).get(parcel)
        if look is not None:
            look.due = not later

    @rule(source=sources, parcel=parcels, fingerprint=st.sampled_from(("", "f", "g")))
    def settle(self, source: str, parcel: str, fingerprint: str) -> None:
        changed = self.store.settle(source, [Looked(parcel, fingerprint)], every=HOUR)
        known = self.model.parcel(parcel)
        if self.model.settle(source, parcel, fingerprint):
            [one] = changed
            assert (one.version, one.snapshot, one.told) == (known.version, known.snapshot, known.told)
        else:
            assert changed == ()

    @rule(
        parcel=parcels, stale=st.booleans(), source=st.sampled_from(("", *SOURCES)), shown=st.sampled_from(("f", "g")),
        review=st.sampled_from(("", "due", "later")), owes=notices, again=said_twice,
    )  # fmt: skip
    def commit(
        self, parcel: str, stale: bool, source: str, shown: str, review: str, owes: list[Any], again: bool
    ) -> None:
        version = self.model.parcel(parcel).version + stale
        op, mark = self.mark(), self.mark().encode()
        made = [self.notice(parcel, *one) for one in owes]
        one = commit(
            parcel, version, *(notice for notice, _ in made), op=op, source=source, fingerprint=shown, every=HOUR,
            review_in={"": None, "due": NOW, "later": HOUR}[review], snapshot=mark, told=mark,
        )  # fmt: skip
        answer = self.each(again, lambda: self.store.commit(one))
        rows = [row for _, row in made]
        assert answer == self.model.commit(parcel, version, op, source, shown, review, rows, mark, mark)

    @rule(parcel=parcels, owes=notices)
    def owe(self, parcel: str, owes: list[Any]) -> None:
        made = [self.notice(parcel, *one) for one in owes]
        assert set(self.store.owe(parcel, [notice for notice, _ in made])) == self.model.owe(
            row for _, row in made
        )

    def notice(
        self, parcel: str, channel: str, person: str, number: int, urgent: bool, expires: str
    ) -> tuple[Owed, Row]:
        name = f"{parcel} {channel} {person} {number}"
        life = {"": None, "past": NOW, "future": HOUR}[expires]
        notice = owed(name, channel=channel, recipient=person, urgent=urgent, expires=life)
        return notice, Row(name, parcel, channel, person, urgent, expires == "past", bool(expires))

    @rule()
    def claim_reviews(self) -> None:
        got = {one.parcel: one for one in self.store.claim_reviews(50, lease=HOUR)}
        assert set(got) == self.model.claim_reviews()
        for name, one in got.items():
            known = self.model.parcel(name)
            assert (one.version, one.snapshot, one.told) == (known.version, known.snapshot, known.told)

    @rule(parcel=parcels)
    def review_soon(self, parcel: str) -> None:
        assert self.store.review_soon([parcel]) == self.model.review_soon(parcel)

    @rule(parcel=parcels, late=st.booleans())
    def say(self, parcel: str, late: bool) -> None:
        before = b"something else" if late else self.model.parcel(parcel).word
        word = self.mark().encode()
        assert self.store.say(parcel, before, word) == self.model.say(parcel, before, word)

    @rule(parcel=parcels, late=st.booleans())
    def amend(self, parcel: str, late: bool) -> None:
        version = self.model.parcel(parcel).version
        if version:
            told = self.mark().encode()
            version += late
            assert self.store.amend_told(parcel, version, told) == self.model.amend(parcel, version, told)

    @rule(parcel=parcels)
    def forget(self, parcel: str) -> None:
        self.store.forget(parcel)
        self.model.forget(parcel)

    # -- notices -----------------------------------------------------------------------------------------------

    @rule(channel=channels, mark=st.sampled_from(ACCOUNTS))
    def bar(self, channel: str, mark: str) -> None:
        before = {bar.channel: bar.since for bar in self.store.bars()}
        self.store.bar(channel, mark, error="535", after=HOUR)
        self.model.bar(channel, mark)
        [bar] = [bar for bar in self.store.bars() if bar.channel == channel]
        assert bar.since == before.get(channel, bar.since), "the first refusal of a row counts"

    @rule(channel=channels)
    def let_the_time_of_a_bar_pass(self, channel: str) -> None:
        unbar(self.store, channel)
        bar = self.model.bars.get(channel, {})
        bar.update(dict.fromkeys(bar, True))
        self.model.shut.discard(channel)

    @rule(channel=channels, mark=st.sampled_from(ACCOUNTS))
    def claim_notice(self, channel: str, mark: str = "old") -> None:
        # The queue's order among what is due is the store's own; that just those are due, the invariant says.
        client: Any = self.store.scripts.client
        seconds, micros = client.time()
        due = client.zrangebyscore(f"{{cw}}:ob:{channel}", "-inf", seconds * 1000 + micros // 1000)
        got = self.store.claim_notice(channel, lease=HOUR, worker="w", mark=mark)
        token = got.token if got else ""
        wanted = self.model.claim_notice(channel, [name.decode() for name in due], token, mark)
        assert (got and (got.message, [one.id for one in got.all])) == wanted
        if got is not None:
            for one in got.all:
                row = self.model.rows[one.id]
                assert (one.attempts, one.crashes, one.uncertain) == (
                    row.attempts,
                    row.crashes,
                    row.uncertain,
                )
                assert one.word == self.model.parcel(one.parcel).word
            self.claims.append(([one.id for one in got.all], got.token))

    @rule(at=which, channel=channels)
    def claim_and_end(self, at: int, channel: str) -> None:
        """What usually happens: so that much is reached."""
        self.claim_notice(channel)
        self.finish(at=0, verb=("done", "fail", "wait", "wait", "retry", "hold", "unsay")[at % 7], later=False, bundle=True,
                    follow=True, again=False)  # fmt: skip

    @rule(at=which)
    def renew(self, at: int) -> None:
        if self.claims:
            ids, token = self.claims[-1 - at % len(self.claims)]
            lost = self.model.renew(ids, token)
            assert self.lost(lambda: self.store.renew(ids, token, lease=HOUR)) == bool(lost)

    @rule(
        at=which, verb=st.sampled_from(("done", "retry", "fail", "skip", "resend", "hold", "wait", "unsay")),
        later=st.booleans(), bundle=st.booleans(), follow=st.booleans(), again=said_twice,
    )  # fmt: skip
    def finish(self, at: int, verb: str, later: bool, bundle: bool, follow: bool, again: bool) -> None:
        if not self.claims:
            return
        ids, token = self.claims[-1 - at % len(self.claims)]
        after, hour = HOUR if later else NOW, HOUR if follow else None
        # A bundle is of one channel and one recipient, as a timetable makes it.
        first = self.model.rows.get(ids[0])
        key = f"{first.channel}/{first.recipient}/digest" if bundle and first is not None else ""
        calls: dict[str, Callable[[], None]] = {
            "done": lambda: self.store.done(ids, token, reference="r", follow_up=hour),
            "retry": lambda: self.store.retry(ids, token, after=after, error="451", follow_up=hour),
            "fail": lambda: self.store.fail(ids, token, error="550", follow_up=NOW if follow else None),
            "skip": lambda: self.store.skip(ids, token, reason="gone"),
            "resend": lambda: self.store.uncertain(
                ids, token, error="cut", then="resend", after=after, follow_up=hour
            ),
            "hold": lambda: self.store.uncertain(ids, token, error="cut", then="hold", follow_up=hour),
            "wait": lambda: self.store.wait(ids, token, after=after, reason="digest", bundle=key),
            "unsay": lambda: self.store.unsay(ids, token, reason="muted"),
        }
        lost = self.model.finish(
            ids, token, verb, later=later and verb in ("retry", "resend", "wait"), bundle=key, follow=follow
        )
        assert self.each(again, lambda: self.lost(calls[verb])) == bool(lost)

    def lost(self, call: Callable[[], None]) -> bool:
        try:
            call()
        except LostLease:
            return True
        return False

    def one(self, at: int) -> str:
        known = sorted(self.model.rows)
        return known[at % len(known)] if known else "nobody"

    @rule(at=st.integers(0, 35), verb=st.sampled_from(("release", "resend", "drop")), again=said_twice)
    def operate(self, at: int, verb: Any, again: bool) -> None:
        name, op = self.one(at), self.mark()
        assert self.each(again, lambda: self.store.operate(name, verb, op=op)) == self.model.operate(
            name, verb, op
        )

    @rule(at=st.integers(0, 35))
    def operate_on_what_was_seen_and_moved(self, at: int) -> None:
        seen = self.store.notice(self.one(at))
        if seen is not None and seen.state in DEAD:
            op = self.mark()
            assert self.store.operate(seen.id, "resend", seen=seen, op=op) == "done"
            self.model.operate(seen.id, "resend", op)
            assert self.store.operate(seen.id, "drop", seen=seen) == "moved"

    @rule(at=st.integers(0, 35))
    def look_at(self, at: int) -> None:
        self.store.looked_at([self.one(at)])
        self.model.looked_at(self.one(at))

    @rule(queue=st.sampled_from(("dead", "esc")), settles=st.booleans())
    def follow(self, queue: Any, settles: bool) -> None:
        taken = dict(self.store.follow(queue, 50, lease=HOUR))
        mine: dict[str, bool] = getattr(self.model, queue)
        new = next((batch for name, batch in taken.items() if name not in self.model.batches), "")
        assert taken == self.model.follow(mine, new)
        assert queue == "esc" or all(taken.values())
        for name in taken if settles else ():
            self.store.settled(queue, [name])
            self.model.settled(mine, name)

    @rule()
    def prune(self) -> None:
        assert self.store.prune(older=HOUR) == self.model.prune()

    # -- whole stories, so that much is reached ------------------------------------------------------------------

    @rule(
        channel=channels, settles=st.booleans(), verb=st.sampled_from(("fail", "hold")), looks=st.booleans(),
        old=st.booleans(),
    )  # fmt: skip
    def something_dies_and_the_owner_is_told(
        self, channel: str, settles: bool, verb: str, looks: bool, old: bool
    ) -> None:
        self.claim_notice(channel)
        self.finish(at=0, verb=verb, later=False, bundle=False, follow=False, again=False)
        if looks and self.claims and self.claims[-1][0][0] in self.model.rows:
            self.look_at(sorted(self.model.rows).index(self.claims[-1][0][0]))
        for _ in range(2):
            self.let_time_pass("dead")
            self.follow("dead", settles)
        if old:
            self.let_time_pass("kept")
            self.prune()

    @rule(channel=channels, settles=st.booleans(), forgotten=st.booleans())
    def something_urgent_is_sent_and_comes_up_again(
        self, channel: str, settles: bool, forgotten: bool
    ) -> None:
        self.claim_notice(channel)
        self.finish(at=0, verb="done", later=False, bundle=False, follow=True, again=True)
        if forgotten and self.claims and self.claims[-1][0][0] in self.model.rows:
            self.forget(self.model.rows[self.claims[-1][0][0]].parcel)
        for _ in range(2):
            self.let_time_pass("esc")
            self.follow("esc", settles)

    @rule(channel=channels, again=said_twice)
    def something_is_taken_back_and_decided_anew(self, channel: str, again: bool) -> None:
        self.claim_notice(channel)
        self.finish(at=0, verb="unsay", later=False, bundle=False, follow=False, again=again)
        row = self.model.rows.get(self.claims[-1][0][0]) if self.claims else None
        if row is not None:
            notice = (row.channel, row.recipient, int(row.id[-1]), row.urgent, "future")
            self.owe(row.parcel, [notice])

    @rule(
        channel=channels,
        verb=st.sampled_from(("wait", "resend", "retry")),
        ends=st.sampled_from(("done", "fail")),
    )
    def several_wait_and_go_in_one_message(self, channel: str, verb: str, ends: str) -> None:
        for _ in range(4):
            self.claim_notice(channel)
            self.finish(at=0, verb="wait", later=True, bundle=True, follow=False, again=False)
        self.let_time_pass(f"ob:{channel}")
        self.claim_notice(channel)
        self.renew(0)
        self.finish(at=0, verb=verb, later=False, bundle=True, follow=True, again=True)
        self.claim_notice(channel)
        self.finish(at=0, verb=ends, later=False, bundle=True, follow=True, again=True)

    @rule(channel=channels, verb=st.sampled_from(("retry", "resend", "skip")))
    def something_is_tried_again(self, channel: str, verb: str) -> None:
        for later in (False, True):
            self.claim_notice(channel)
            self.finish(at=0, verb=verb, later=later, bundle=False, follow=False, again=True)

    @rule(channel=channels, times=st.integers(1, 5), newer=st.booleans())
    def workers_die_with_it(self, channel: str, times: int, newer: bool) -> None:
        for _ in range(times):
            self.claim_notice(channel)
            self.let_time_pass(f"ob:{channel}")
        self.renew(0)
        if newer and self.claims and self.claims[-1][0][0] in self.model.rows:
            row = self.model.rows[self.claims[-1][0][0]]
            self.owe(row.parcel, [(row.channel, row.recipient, 2, False, "")])
        self.finish(at=1, verb="done", later=False, bundle=False, follow=False, again=True)
        self.claim_notice(channel)

    @rule(parcel=parcels, source=sources)
    def somebody_speaks_while_it_is_decided(self, parcel: str, source: str) -> None:
        self.commit(parcel, False, source, "f", "later", [], False)
        before = self.model.parcel(parcel).version
        self.say(parcel, False)
        mark = self.mark().encode()
        late = commit(parcel, before, op=self.mark(), snapshot=mark, told=mark)
        assert self.store.commit(late) == "stale"
        self.claim_reviews()
        self.amend(parcel, False)

    # -- what always holds -------------------------------------------------------------------------------------

    @invariant()
    def the_rows_are_the_models(self) -> None:
        if not hasattr(self, "store"):
            return
        rows = {row.id: row for row in self.store.notices()}
        assert set(rows) == set(self.model.rows)
        for name, row in rows.items():
            mine = self.model.rows[name]
            assert bool(row.context) is mine.words
            waits = mine.waits_for if mine.state == "pending" else ""
            theirs = (row.state, row.attempts, row.crashes, row.uncertain, row.waits_for, row.message)
            assert theirs == (
                mine.state,
                mine.attempts,
                mine.crashes,
                mine.uncertain,
                waits,
                mine.message or name,
            )
            assert (row.seen is not None, row.owner_told is not None) == (mine.seen, mine.owner)

    @invariant()
    def every_open_notice_has_a_way_forward_and_no_other_has(self) -> None:
        if not hasattr(self, "store"):
            return
        for channel in CHANNELS:
            mine = {
                row.id for row in self.model.rows.values() if row.channel == channel and row.state in OPEN
            }
            assert {name.decode() for name in names(self.store, f"ob:{channel}")} == mine
            due = {row.id for row in self.model.rows.values() if row.id in mine and row.due}
            assert self.store.sweep().notices.get(channel, 0) == len(due) * self.model.rung(channel)
        counts = self.store.counts()
        for state in STATES:
            assert counts[f"state:{state}"] == sum(row.state == state for row in self.model.rows.values())

    @invariant()
    def the_queues_are_the_models(self) -> None:
        if not hasattr(self, "store"):
            return
        for queue in ("dead", "esc", "kept", "reviews"):
            assert {name.decode() for name in names(self.store, queue)} == set(getattr(self.model, queue)), (
                queue
            )
        assert {bar.channel for bar in self.store.bars()} == set(self.model.bars)
        for source in SOURCES:
            assert set(self.store.watched(source)) == set(self.model.queues.get(source, {}))
        client: Any = self.store.scripts.client
        for kind in ("n", "pn", "att"):
            held = {key.decode().removeprefix(f"{{cw}}:{kind}:") for key in client.keys(f"{{cw}}:{kind}:*")}
            rows = set(self.model.rows)
            assert held <= rows if kind == "att" else held == rows if kind == "n" else held <= set(PARCELS)
        for parcel in PARCELS:
            mine = {row.id for row in self.model.rows.values() if row.parcel == parcel}
            assert {name.decode() for name in names(self.store, f"pn:{parcel}")} == mine
        bundles = {row.bundle for row in self.model.rows.values() if row.bundle and row.state in OPEN}
        assert {key.decode() for key in client.keys("{cw}:bn:*")} == {f"{{cw}}:bn:{name}" for name in bundles}
        for (channel, person), sent in self.model.out.items():
            key = f"{{cw}}:out:{len(channel)}:{channel}{person}"
            assert {name.decode() for name in client.zrange(key, 0, -1)} == sent


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[Ledger]]:
    folder: Path = tmp_path_factory.mktemp("machine")
    with start_valkey(folder) as server:
        yield type("LedgerOnAServer", (Ledger,), {"server": server, "kills": 0})


def play(machine: type[Ledger], examples: int, steps: int, *, shrink: bool = True) -> None:
    """Try that many sequences of that many steps; raises where the store is not its model."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, database=None,
            phases=[Phase.generate, *([Phase.shrink] if shrink else [])], suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


@pytest.mark.timeout(300)  # many trips to a server that is killed now and then
def test_the_store_is_its_model(machine: type[Ledger]) -> None:
    play(machine, 4, 20)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_store_is_its_model_for_long(machine: type[Ledger]) -> None:
    play(machine, 100, 50)
    assert machine.kills >= 3
