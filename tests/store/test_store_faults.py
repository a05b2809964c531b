"""The store when its server is away, full, flushed, killed, or answers too late."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from tests.servers.rows import LEASE, NOW, claim, commit, owe, owed, take
from tests.servers.valkey import Valkey, start_valkey
from workers.core.limits import Quota
from workers.errors import StoreTrouble
from workers.store import Looked, Store, trouble
from workers.store.lua import Scripts

HOUR = timedelta(hours=1)
P = "o1/LP1CN"

CALLS: dict[str, Callable[[Store], object]] = {
    "prepare": lambda s: s.prepare(),
    "readiness": lambda s: s.readiness(),
    "secret": lambda s: s.secret(),
    "enrol": lambda s: s.enrol("post", [P], spread=NOW),
    "dismiss": lambda s: s.dismiss("post", [P]),
    "watched": lambda s: list(s.watched("post")),
    "claim": lambda s: claim(s),
    "settle": lambda s: s.settle("post", [Looked(P, "f")], every=HOUR),
    "postpone": lambda s: s.postpone("post", [P], after=HOUR),
    "prolong": lambda s: s.prolong("post", [P], lease=LEASE),
    "limit": lambda s: s.limit("post", quota=[Quota("calls", 9, "day")]),
    "stretch": lambda s: s.stretch("post", calm=2.0, urgent=1.0),
    "budget": lambda s: s.budget("post"),
    "usage": lambda s: s.usage("post"),
    "paces": lambda s: s.paces("post"),
    "unheard": lambda s: s.unheard("post", [P], judge_after=HOUR),
    "heard": lambda s: s.heard([P], ["post"]),
    "memos": lambda s: s.memos("post"),
    "seen": lambda s: s.seen("post"),
    "unasked": lambda s: s.unasked("post"),
    "stretched": lambda s: s.stretched("post"),
    "pause": lambda s: s.pause("post", after=HOUR),
    "commit": lambda s: s.commit(commit(P)),
    "owe": lambda s: s.owe("@source/track", [owed("m")]),
    "commit_each": lambda s: s.commit_each([commit(P), commit("o1/LP2CN")]),
    "words": lambda s: s.words([P]),
    "all_words": lambda s: s.all_words(),
    "say": lambda s: s.say(P, b"", b"{}"),
    "follow": lambda s: s.follow("dead", 5, lease=LEASE),
    "settled": lambda s: s.settled("dead", ["n"]),
    "prune": lambda s: s.prune(older=HOUR),
    "amend_told": lambda s: s.amend_told(P, 0, b"told"),
    "claim_reviews": lambda s: s.claim_reviews(1, lease=LEASE),
    "review_soon": lambda s: s.review_soon([P]),
    "recall": lambda s: s.recall(P),
    "parcels": lambda s: list(s.parcels()),
    "claim_notice": lambda s: s.claim_notice("mail", lease=LEASE, worker="w"),
    "renew": lambda s: s.renew("n", "t", lease=LEASE),
    "done": lambda s: s.done("n", "t"),
    "retry": lambda s: s.retry("n", "t", after=HOUR, error="x"),
    "fail": lambda s: s.fail("n", "t", error="x"),
    "skip": lambda s: s.skip("n", "t", reason="x"),
    "unsay": lambda s: s.unsay("n", "t", reason="x"),
    "wait": lambda s: s.wait("n", "t", after=HOUR, reason="quiet"),
    "lately": lambda s: s.lately(P, "mail", "anna", within=HOUR),
    "uncertain": lambda s: s.uncertain("n", "t", error="x", then="hold"),
    "sweep": lambda s: s.sweep(),
    "unsettled": lambda s: s.unsettled(within=HOUR),
    "count_watched": lambda s: s.count_watched("post"),
    "sources": lambda s: s.sources(),
    "take": lambda s: s.take("post", rate=1.0),
    "met_unknown": lambda s: s.met_unknown([{"text": "a wording"}]),
    "unknown": lambda s: s.unknown(),
    "notices": lambda s: s.notices(),
    "operate": lambda s: s.operate("n", "release"),
    "looked_at": lambda s: s.looked_at(["n"]),
    "named": lambda s: s.named("n"),
    "notice": lambda s: s.notice("n"),
    "counts": lambda s: s.counts(),
    "source_news": lambda s: s.source_news("post", ok=True),
    "source_health": lambda s: s.source_health(),
    "owner_heard": lambda s: s.owner_heard("post", "broken", since=datetime.now(UTC)),
    "showed": lambda s: s.showed("post", {P: True}),
    "beat": lambda s: s.beat("w", ttl=HOUR),
    "beats": lambda s: s.beats(),
    "push_begins": lambda s: s.push_begins("d", lease=LEASE),
    "push_done": lambda s: s.push_done("d", ttl=HOUR),
    "push_dropped": lambda s: s.push_dropped("d"),
    "entries": lambda s: s.entries("post", "LX1"),
    "gauges": lambda s: s.gauges(),
    "stages": lambda s: s.stages([P]),
    "remember": lambda s: s.remember("x", b"y"),
    "recollect": lambda s: s.recollect("x"),
    "set_aside": lambda s: s.set_aside("mail", "ana", "m", error="550"),
    "take_back": lambda s: s.take_back("mail", "ana"),
    "aside": lambda s: s.aside("mail", "ana"),
    "all_aside": lambda s: s.all_aside(),
    "bar": lambda s: s.bar("mail", "m", error="535", after=HOUR),
    "bars": lambda s: s.bars(),
    "ledger": lambda s: s.ledger(),
    "name_ledger": lambda s: s.name_ledger(),
    "hold": lambda s: s.hold("why", by="w"),
    "lift_hold": lambda s: s.lift_hold(),
    "clock": lambda s: s.clock(),
    "export": lambda s: s.export(),
    "is_bare": lambda s: s.is_bare(),
    "was_interrupted": lambda s: s.was_interrupted(),
    "bring_in": lambda s: s.bring_in([], reason="x", by="w"),
    "prune_words": lambda s: s.prune_words("sent", older=HOUR),
    "history": lambda s: s.history(),
    "forget": lambda s: s.forget(P),
}


def test_every_method_is_in_the_list_of_calls() -> None:
    methods = {name for name in dir(Store) if not name.startswith("_") and callable(getattr(Store, name))}
    assert methods - {"connect", "close", "recall_many"} == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_a_server_that_is_away_is_trouble_in_a_sentence(tmp_path: Path, name: str) -> None:
    store = Store.connect(f"unix://{tmp_path.name}-nobody?db=0")
    with pytest.raises(StoreTrouble, match="the store cannot be reached"):
        CALLS[name](store)
    store.close()


def test_connecting_makes_no_connection() -> None:
    Store.connect("redis://127.0.0.1:1/0").close()


def test_what_was_acknowledged_survives_a_kill_between_commits(tmp_path: Path) -> None:
    with start_valkey(tmp_path) as server:
        store = Store.connect(server.url)
        for round_ in range(3):
            for i in range(20):
                assert store.commit(commit(f"o{round_}/{i}", 0, owed(f"n{round_}-{i}"))) == "done"
            notice = take(store)
            store.done(notice.id, notice.token)
            server.kill()
            with pytest.raises(StoreTrouble):
                store.commit(commit("lost", 0))
            server.start()
            assert len(list(store.parcels())) == 20 * (round_ + 1)
            assert store.counts()["owed"] == 20 * (round_ + 1)
            assert store.counts()["state:sent"] == round_ + 1
        store.close()


def test_a_server_that_forgot_the_scripts_is_told_them_again(store: Store) -> None:
    owe(store, owed())
    store.scripts.client.script_flush()
    assert take(store).id == "n1"


def test_an_op_whose_answer_was_lost_is_found_done_after_a_restart(tmp_path: Path) -> None:
    with start_valkey(tmp_path) as server:
        store = Store.connect(server.url)
        once = commit(P, 0, owed())
        store.commit(once)
        server.kill()
        server.start()
        assert store.commit(once) == "done"
        assert store.counts()["owed"] == 1
        store.close()


def dump(client: redis.Redis) -> dict[bytes, bytes | None]:
    return {key: client.dump(key) for key in client.scan_iter()}


def test_full_memory_refuses_new_work_whole_and_lets_what_is_owed_go_out(tmp_path: Path) -> None:
    with start_valkey(tmp_path) as server:
        store = Store.connect(server.url)
        store.prepare()
        store.enrol("post", [P, "o2"], spread=NOW)
        owe(store, owed("n1"), owed("n2", recipient="ben"), owed("n3", recipient="eve"))
        client = server.client()
        client.config_set("maxmemory", 1)
        before = dump(client)
        refused = ["enrol", "claim", "settle", "commit", "claim_reviews", "review_soon", "source_news"]
        for name in refused:
            with pytest.raises(StoreTrouble, match="memory is full"):
                CALLS[name](store)
        assert dump(client) == before
        for end in (
            store.done,
            lambda i, t: store.retry(i, t, after=NOW, error="x"),
            lambda i, t: store.fail(i, t, error="x"),
        ):
            notice = take(store)
            store.renew(notice.id, notice.token, lease=LEASE)
            end(notice.id, notice.token)
        store.pause("post", after=HOUR)
        store.postpone("post", [P], after=HOUR)
        store.beat("w", ttl=HOUR)
        store.forget(P)
        client.config_set("maxmemory", 0)
        assert store.enrol("post", ["o3"], spread=NOW) == 1
        client.close()
        store.close()


def test_a_command_whose_answer_is_lost_is_sent_once() -> None:
    """A client that asks again by itself would do things twice: this one must not."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                connection, _ = listener.accept()
                with connection:
                    while data := connection.recv(65536):
                        if b"stop" in data:
                            return
                        if b"EVALSHA" in data:
                            asked.append(data)
                            break
                        connection.sendall(b"+OK\r\n" * len(re.findall(rb"\*\d+\r\n", data)))

        thread = threading.Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        store = Store.connect(f"redis://127.0.0.1:{port}/0")
        with pytest.raises(StoreTrouble, match="cannot be reached"):
            store.commit(commit(P))
        store.close()
        with socket.create_connection(("127.0.0.1", port)) as last:
            last.sendall(b"stop")
        thread.join(10)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            redis.exceptions.ResponseError("MISCONF Errors writing to the AOF file: No space left"),
            "cannot write to its disk",
        ),
        (redis.exceptions.ReadOnlyError("You can't write against a read only replica."), "read-only replica"),
        (redis.exceptions.ResponseError("BUSY Redis is busy running a script."), "endless script"),
        (redis.exceptions.BusyLoadingError("Redis is loading the dataset in memory"), "still loading"),
        (redis.exceptions.TimeoutError("Timeout reading from socket"), "did not answer in time"),
        (
            redis.exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
            "memory is full",
        ),
        (redis.exceptions.AuthenticationError("invalid username-password pair"), "refuses our password"),
        (redis.exceptions.NoPermissionError("this user has no permissions"), "may not do this"),
        (redis.exceptions.ResponseError("ERR something\r\nnew"), "the store refused: ERR something new"),
        (redis.exceptions.ConnectionError(""), "cannot be reached"),
    ],
)
def test_each_fault_has_its_sentence(error: redis.RedisError, sentence: str) -> None:
    said = str(trouble(error))
    assert sentence in said
    assert "\n" not in said


def test_a_wrong_password_says_so_and_does_not_show_the_right_or_the_wrong_one(tmp_path: Path) -> None:
    with start_valkey(tmp_path, password="right-secret") as server:
        for url in (f"unix://:wrong-secret@{server.socket}?db=0", f"unix://{server.socket}?db=0"):
            store = Store.connect(url)
            with pytest.raises(StoreTrouble, match="password") as caught:
                store.prepare()
            assert "secret" not in str(caught.value)
            store.close()
        store = Store.connect(server.url)
        store.prepare()
        store.close()


def test_every_script_is_run_by_some_method(valkey: Valkey) -> None:
    """A script that nothing calls is dead; one that is called and missing would be found by a user."""
    ran: set[str] = set()

    class Listening(Scripts):
        def run(self, name: str, *args: object) -> object:
            ran.add(name)
            return super().run(name, *args)

        def run_safely(self, name: str, *args: object) -> tuple[object, bool]:
            ran.add(name)
            return super().run_safely(name, *args)

    store = Store.connect(valkey.fresh())
    store.scripts = Listening(store.scripts.client)
    owe(store, owed("n"))
    notice = take(store)
    store.done("n", notice.token)
    for name, call in CALLS.items():
        if name not in ("renew", "done", "retry", "fail", "skip", "unsay", "wait", "uncertain"):
            call(store)
    store.vault.begin("v", 0, lease=LEASE)
    store.chores.due("t")
    store.chores.add("t", ["a"])
    shipped = {path.stem for path in Path(__file__).resolve().parents[2].glob("workers/store/*.lua")} - {
        "prelude"
    }
    assert shipped - ran == {"renew"}
    store.close()
