"""A refresh of watched parcels through real workers, the real store and a loopback API, beside the naive design in the same run.

``python -m benchmarks.refresh [--rounds 3] [--latency 0.1] [--changed 0.05]``. Both designs run one worker process of eight
threads against the same embedded server (append-only file, fsync always) and the same API. Rates are taken between 10 % and 90 %
of the work, processor time over all processes of the design and the server. Notices are owed in both designs and sent in neither.
Exits 1 below 40 times.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import redis

from benchmarks import texts
from benchmarks.tracking_api import EVENTS, TEXTS
from workers import app as wiring
from workers import supervise
from workers.engine import Engine
from workers.pipeline import LEASE
from workers.store import Store

ROOT = Path(__file__).resolve().parents[1]
CLAIM = 40
OURS, NAIVE = 8_000, 900  # orders in a round: enough for several seconds of steady work
TICK = os.sysconf("SC_CLK_TCK")
SOURCE = "track"
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@dataclass(frozen=True)
class Measured:
    """One round of one design."""

    rate: float  # orders per second
    cpu: float  # microseconds per order, of workers, scheduler and server


def numbers(count: int) -> list[str]:
    return [f"LP{i:014d}" for i in range(count)]


def cpu_of(pids: list[int]) -> float:
    """Return the processor seconds used so far by *pids* and everything below them."""
    children: dict[int, list[int]] = {}
    used: dict[int, float] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            pid = int(entry.name)
            children.setdefault(int(fields[1]), []).append(pid)
            used[pid] = (int(fields[11]) + int(fields[12])) / TICK
    todo, total = list(pids), 0.0
    while todo:
        pid = todo.pop()
        total += used.get(pid, 0.0)
        todo += children.get(pid, [])
    return total


def watch(done: Callable[[], int], cpu: Callable[[], float], total: int, *, limit: float = 240) -> Measured:
    """Sample until *total* are done; return what happened between 10 % and 90 %."""
    samples: list[tuple[float, int, float]] = []
    end = time.monotonic() + limit
    while time.monotonic() < end:
        sample = (time.monotonic(), done(), cpu())
        samples.append(sample)
        if sample[1] >= total:
            break
        time.sleep(0.05)
    else:
        sys.exit(f"only {samples[-1][1]} of {total} were done in {limit:.0f} s")
    first = next(s for s in samples if s[1] >= total * 0.1)
    last = next(s for s in samples if s[1] >= total * 0.9)
    orders = last[1] - first[1]
    return Measured(orders / (last[0] - first[0]), (last[2] - first[2]) / orders * 1e6)


class Ours:
    """The program itself: its scheduler and one worker process, as `customs-watch run` starts them."""

    def __init__(self, folder: Path, api: str, store: Store, engine: Engine, environ: dict[str, str]) -> None:
        config = folder / "orders.yaml"
        lines = [
            "recipients: {shop: {email: shop@example.org}}",
            f"channels: {{mail: {{kind: outbox, folder: {folder / 'outbox'}}}}}",
            f"sources: {{{SOURCE}: {{kind: seventeentrack, token: x, base_url: '{api}', allow_hosts: [127.0.0.1], rate: 100}}}}",
            "orders:",
        ]
        lines += [f"- {{title: Order, tracking: {n}, to: DE, value: 20.00 EUR}}" for n in numbers(OURS)]
        config.write_text("\n".join(lines) + "\n")
        self._store = store
        self._server = int(redis.Redis.from_url(engine.url).info("server")["process_id"])
        self._parcels = list(wiring.load(config, environ).parcels)
        self._supervisor = supervise.Supervisor(
            [
                supervise.Child("scheduler", supervise.scheduler_argv(config)),
                supervise.Child("worker", [*supervise.worker_argv(8), "--queues", "refresh", "announce"]),
            ],
            environ=supervise.worker_environ(environ, config=config, url=engine.url),
            clock=wiring.uptime,
        )

    def start(self) -> None:
        self._supervisor.start()
        deadline = time.monotonic() + 300
        while (done := self._settled()) < OURS:
            if time.monotonic() > deadline:
                sys.exit(f"the first look ended at {done} of {OURS}")
            time.sleep(0.5)

    def _settled(self) -> int:
        return (
            self._store.count_watched(SOURCE)
            - self._store.unsettled(within=LEASE + timedelta(seconds=5)).parcels
        )

    def round(self) -> Measured:
        self._store.postpone(SOURCE, self._parcels, after=timedelta(0))
        pids = [*self._supervisor.pids().values(), self._server]
        return watch(self._settled, lambda: cpu_of(pids), OURS)

    def stop(self) -> None:
        self._supervisor.shut_down()


def naive_round(client: redis.Redis, server: int, environ: dict[str, str]) -> Measured:
    """One round of the naive design on a fresh start of its processes."""
    client.delete("checked")
    worker = subprocess.Popen(
        [sys.executable, "-m", "dramatiq", "benchmarks.naive", "-p", "1", "-t", "8", "-Q", "naive"],
        cwd=ROOT, env=environ, start_new_session=True, **QUIET,
    )  # fmt: skip
    scheduler = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.naive", str(NAIVE)], cwd=ROOT, env=environ, **QUIET
    )
    try:
        return watch(
            lambda: client.zcard("checked"), lambda: cpu_of([worker.pid, scheduler.pid, server]), NAIVE
        )
    finally:
        for process in (scheduler, worker):
            process.terminate()
            process.wait(30)


def spread(values: list[float], form: str) -> str:
    return f"{statistics.median(values):{form}} [{min(values):{form}} .. {max(values):{form}}]"


@contextmanager
def tracking_api(latency: float, changed: float) -> Iterator[str]:
    """Run the loopback API; yield its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.tracking_api", str(latency), str(changed)],
        cwd=ROOT, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/track/v2.4"
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


@contextmanager
def stderr_to(path: Path) -> Iterator[None]:
    """Send what we and our children log to *path*: they log much."""
    kept = os.dup(2)
    with path.open("wb") as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def reading() -> float:
    """Return the microseconds of processor time that the naive design spends on the texts of one order."""
    shown = [TEXTS[i % len(TEXTS)] for i in range(EVENTS)]
    texts.read("")
    spent = []
    for _ in range(5):
        started = time.process_time()
        for text in shown:
            texts.read(text)
        spent.append(time.process_time() - started)
    return min(spent) * 1e6


def measure(folder: Path, rounds: int, url: str) -> tuple[list[Measured], list[Measured], float]:
    """Run both designs in turn, *rounds* times; return also the bytes that one of our parcels takes in the server."""
    ours: list[Measured] = []
    naive: list[Measured] = []
    environ = {k: v for k, v in os.environ.items() if k != "CW_REDIS_URL"}
    wiring.set_up_logging(sys.stderr)
    with Engine(environ, folder / "var") as engine:
        store = Store.connect(engine.url)
        store.prepare()
        apart = engine.url.replace("db=0", "db=3")
        client = redis.Redis.from_url(apart)
        server = int(client.info("server")["process_id"])
        empty = int(client.info("memory")["used_memory"])
        program = Ours(folder, url, store, engine, environ)
        try:
            program.start()
            bytes_each = (int(client.info("memory")["used_memory"]) - empty) / OURS
            for _ in range(rounds):
                httpx.post(f"{url}/generation")
                ours.append(program.round())
                naive.append(
                    naive_round(client, server, {**environ, "CW_REDIS_URL": apart, "CW_BENCH_API": url})
                )
        finally:
            program.stop()
    return ours, naive, bytes_each


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--latency", type=float, default=0.1)
    options.add_argument("--changed", type=float, default=0.05)
    options.add_argument("--log", type=Path, default=Path(os.devnull))
    given = options.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        tracking_api(given.latency, given.changed) as url,
        stderr_to(given.log),
    ):
        ours, naive, bytes_each = measure(Path(folder), given.rounds, url)
    faster = [o.rate / n.rate for o, n in zip(ours, naive, strict=True)]
    lighter = [n.cpu / o.cpu for o, n in zip(ours, naive, strict=True)]
    setting = f"API latency {given.latency * 1000:.0f} ms, {given.changed:.0%} changed"
    read_us = reading()
    print(f"{setting}, 1 worker process of 8 threads, {given.rounds} rounds; us: processor time per order")
    print(
        f"  the naive word list: {len(texts.phrases())} wordings in {len(texts.languages())} languages, all that our"
        f" knowledge names; reading an order's {EVENTS} texts with it takes {read_us:.0f} us"
    )
    for who, rounds in (("naive", naive), ("ours", ours)):
        rate, cpu = [m.rate for m in rounds], [m.cpu for m in rounds]
        print(f"  {who:6} {spread(rate, '.0f')} orders/s, {spread(cpu, '.0f')} us")
    print(
        f"  ratio  {spread(faster, '.1f')} times the orders/s, {spread(lighter, '.1f')} times less processor time"
    )
    unread = [(n.cpu - read_us) / o.cpu for o, n in zip(ours, naive, strict=True)]
    print(
        f"  {spread(unread, '.1f')} times less processor time if the naive design could read texts for nothing"
    )
    print(f"  memory of the server: {bytes_each:.0f} bytes per parcel, its notice included")
    met = statistics.median(faster) >= CLAIM and statistics.median(lighter) >= CLAIM
    print(f"  claim: at least {CLAIM} times in both: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
