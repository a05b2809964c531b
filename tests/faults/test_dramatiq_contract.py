"""What dramatiq on Redis does under faults, held fast: why its messages are doorbells here and never the record.

Each of these is a loss, a stranding or a double that nothing of ours may lean on. One that fails because upstream mended it is good
news: the reference it stands for may be written anew. Real server, real broker, real worker threads of dramatiq itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dramatiq
import pytest
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Retries
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.servers.door import StoreDoor, Strike
from tests.servers.valkey import Valkey, start_valkey, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    (tmp_path / "store").mkdir()
    with start_valkey(tmp_path / "store") as running:
        yield running


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@contextmanager
def working(broker: RedisBroker, threads: int = 4) -> Iterator[None]:
    worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=100)
    worker.start()
    try:
        yield
    finally:
        worker.stop(timeout=2000)
        broker.close()


def broker_of(
    url: str, *, retries: int = 0, middleware: list[dramatiq.Middleware] | None = None
) -> RedisBroker:
    pool = redis.ConnectionPool.from_url(url, retry=Retry(NoBackoff(), retries), socket_timeout=5)
    return RedisBroker(client=redis.Redis(connection_pool=pool), middleware=middleware or [])


class Told(dramatiq.Middleware):
    """Says when all who come after a failed message, Retries among them, have had their turn."""

    def __init__(self) -> None:
        self.times = threading.Semaphore(0)

    def after_process_message(self, *_: object, **__: object) -> None:
        self.times.release()


def test_a_message_that_fails_while_the_server_is_away_is_gone(server: Valkey) -> None:
    """E1: the retry cannot be queued, that error is swallowed, and the message is acknowledged all the same (D#545)."""
    told = Told()
    broker = broker_of(server.url, middleware=[told, Retries(min_backoff=100, max_retries=20)])
    started, fail, ran = threading.Semaphore(0), threading.Event(), Counter[int]()

    @dramatiq.actor(broker=broker)
    def work(number: int) -> None:
        ran[number] += 1
        started.release()
        fail.wait(60)
        raise RuntimeError

    for number in range(4):
        work.send(number)
    with working(broker):
        for _ in range(4):
            assert started.acquire(timeout=30)
        server.kill()
        fail.set()
        for _ in range(4):  # what is told after a message is told in the other order: Retries failed before
            assert told.times.acquire(timeout=60)
        server.start()
        with server.client() as client:
            until(lambda: client.hlen("dramatiq:default.msgs") == 0, seconds=60)
            time.sleep(1)
            assert client.llen("dramatiq:default") == client.llen("dramatiq:default.DQ") == 0
    assert ran == dict.fromkeys(range(4), 1), "lost: each was tried once, and never again"


def test_delayed_messages_are_stranded_when_the_server_comes_back(server: Valkey) -> None:
    """E2: the consumer forgets what it had taken to wait for, and its process lives, so nobody else may take it (D#527)."""
    broker, ran = broker_of(server.url), Counter[str]()

    @dramatiq.actor(broker=broker)
    def work(name: str) -> None:
        ran[name] += 1

    with working(broker):
        for number in range(5):
            work.send_with_options(args=(f"late {number}",), delay=4000)
        with server.client() as client:
            until(
                lambda: client.llen("dramatiq:default.DQ") == 0, seconds=30
            )  # taken, to be waited for in memory
        server.kill()
        time.sleep(1)
        server.start()
        work.send("fresh")
        until(lambda: ran["fresh"] == 1, seconds=60)
        time.sleep(8)
        assert sum(ran.values()) == 1, "five are due, leased and waited for by nobody"
        with server.client() as client:
            assert client.hlen("dramatiq:default.DQ.msgs") == 5


def test_a_near_delay_starves_behind_far_ones(server: Valkey) -> None:
    """E5: the queue of delays is no queue by time, and what one process takes of it is bounded."""
    broker, ran = broker_of(server.url), threading.Event()

    @dramatiq.actor(broker=broker)
    def work(name: str) -> None:
        ran.set()

    far = 2 * 1000 + 200  # two threads take a thousand each
    for _ in range(far):
        work.send_with_options(args=("far",), delay=3_600_000)
    work.send_with_options(args=("near",), delay=1000)
    with working(broker, threads=2):
        with server.client() as client:
            until(lambda: client.llen("dramatiq:default.DQ") <= 201, seconds=60)
        assert not ran.wait(8), "one second became an hour"


@pytest.fixture
def door(server: Valkey) -> Iterator[StoreDoor]:
    with StoreDoor(server.socket.with_name("door"), server.socket) as opened:
        yield opened


def lose(door: StoreDoor, verb: str) -> Strike:
    return door.order(Strike(f"bell {verb}", "after", lambda _: None))


def counting(broker: RedisBroker) -> tuple[Counter[str], Callable[[str], object]]:
    ran: Counter[str] = Counter()

    @dramatiq.actor(broker=broker)
    def work(name: str) -> None:
        ran[name] += 1

    return ran, work.send


def test_a_lost_answer_to_a_send_doubles_it_where_the_client_asks_again(
    server: Valkey, door: StoreDoor
) -> None:
    """E6a: the sender hears of success, and the actor runs twice."""
    broker = broker_of(door.url, retries=3)
    ran, send = counting(broker)
    lost = lose(door, "enqueue")
    send("x")
    assert lost.hit.is_set()
    with working(broker):
        until(lambda: ran["x"] == 2, seconds=60)


def test_a_lost_answer_to_a_send_is_an_error_though_it_is_queued_where_it_does_not(
    server: Valkey, door: StoreDoor
) -> None:
    """E6b: whoever sends again because of the error doubles it."""
    broker = broker_of(door.url)
    ran, send = counting(broker)
    lose(door, "enqueue")
    with pytest.raises((redis.ConnectionError, dramatiq.errors.BrokerConnectionError)):
        send("x")
    with working(broker):
        until(lambda: ran["x"] == 1, seconds=30)


def test_a_lost_answer_to_a_fetch_strands_the_message_with_the_living(
    server: Valkey, door: StoreDoor
) -> None:
    """E6c: it counts as taken by a process that never saw it and does not die."""
    broker = broker_of(door.url)
    ran, send = counting(broker)
    send("x")
    lost = lose(door, "fetch")
    with working(broker):
        assert lost.hit.wait(30)
        send("y")
        until(lambda: ran["y"] == 1, seconds=60)
        time.sleep(4)
        assert ran["x"] == 0
        with server.client() as client:
            assert client.hlen("dramatiq:default.msgs") == 1
