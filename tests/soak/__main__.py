"""The whole program under a steady load for hours: do memory, descriptors, threads and keys stay flat?

``python -m tests.soak --hours 2 [--folder DIR]``; ``--judge samples.jsonl`` judges what an earlier or interrupted run measured.
Starts ``customs-watch run`` (engine, scheduler, workers, web) against a tracking service, a mail server and an SMS gateway of
our own, takes a sample every 30 s and ends with a table. Exits 1 where something grows, is lost or comes twice.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import redis

from tests.servers.seventeentrack import SeventeenTrackServer
from tests.servers.sms import SmsServer
from tests.servers.smtp import SmtpServer
from tests.soak.load import Load
from tests.soak.report import report
from tests.soak.sampling import argv, descendants, parent, sample_process, sample_store
from workers.engine import find
from workers.store import Store

EVERY = timedelta(seconds=30)
DRAIN = 150.0  # seconds in which what was put off goes out after the load has ended


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--hours", type=float, default=0.0)
    options.add_argument("--minutes", type=float, default=0.0)
    options.add_argument("--each-minute", type=int, default=8, help="parcels enrolled a minute")
    options.add_argument("--folder", type=Path)
    options.add_argument("--judge", type=Path)
    chosen = options.parse_args()
    if chosen.judge:
        return report([json.loads(line) for line in chosen.judge.read_text().splitlines()])
    length = timedelta(hours=chosen.hours, minutes=chosen.minutes) or timedelta(hours=2)
    folder: Path = chosen.folder or Path(tempfile.mkdtemp(prefix="cw-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"soaking for {length}, samples in {folder / 'samples.jsonl'}", flush=True)
    with ExitStack() as world:
        load = Load(
            folder,
            chosen.each_minute,
            world.enter_context(SeventeenTrackServer(rate=None, quota=10**9)),
            world.enter_context(SmtpServer()),
            world.enter_context(SmsServer(keyed=True)),
        )
        rows = soak(load, length)
    return report(rows)


def soak(load: Load, length: timedelta) -> list[dict[str, Any]]:
    """Run the program under *load* for so long; return the samples, the last of which holds how it ended."""
    environ = {k: v for k, v in os.environ.items() if k not in ("CW_REDIS_URL", "CW_DATA")}
    rows: list[dict[str, Any]] = []
    with (
        (load.folder / "samples.jsonl").open("a", buffering=1) as file,
        running(load, environ) as program,
        ExitStack() as leaving,
    ):
        url = find(environ, load.folder / "var").url
        store = leaving.enter_context(closing(Store.connect(url)))
        clients = [leaving.enter_context(redis.Redis.from_url(one)) for one in (url, _after(url))]

        def keep(row: dict[str, Any]) -> None:
            rows.append(row)
            file.write(json.dumps(row) + "\n")

        began, due = time.monotonic(), timedelta(0)
        while (since := timedelta(seconds=time.monotonic() - began)) < length:
            load.tick(since, store)
            if since >= due:
                due += EVERY
                keep(sample(since, program.pid, clients))
                load.ask("GET", "/metrics")
            if program.poll() is not None:
                break
            time.sleep(0.5)
        load.settle()
        keep({"end": ended(load, store, program)})
    return rows


@contextmanager
def running(load: Load, environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``customs-watch run`` while the block lasts; wait until it is ready."""
    command = [sys.executable, "-m", "workers", "run", "--config", str(load.config)]
    with (load.folder / "log").open("ab") as out:
        program = subprocess.Popen(command, env=environ, stdout=out, stderr=out)
        try:
            end = time.monotonic() + 120
            while load.ask("GET", "/healthz") != 200:
                assert program.poll() is None, "the program ended as it began; see its log"
                assert time.monotonic() < end, "the program did not become ready in two minutes"
                time.sleep(0.5)
            yield program
        finally:
            program.send_signal(signal.SIGTERM)
            try:
                program.wait(90)
            except subprocess.TimeoutExpired:
                program.kill()


def sample(since: timedelta, pid: int, clients: list[redis.Redis]) -> dict[str, Any]:
    processes = {
        one: (name, asdict(found))
        for one in descendants(pid)
        if (name := _name(one, pid)) and (found := sample_process(one))
    }
    return {
        "at": since.total_seconds(),
        "clock": datetime.now(UTC).isoformat(timespec="seconds"),
        "processes": {f"{name} {one}": found for one, (name, found) in processes.items()},
        "store": asdict(sample_store(clients)),
    }


def _after(url: str) -> str:
    """Return the database after ours, which is the broker's."""
    head, _, number = url.rpartition("db=")
    return f"{head}db={int(number) + 1}"


def _name(pid: int, root: int) -> str:
    """Say which part of the program a process is; "" for what comes and goes, as a fork that rewrites a file."""
    said = argv(pid)
    for part in ("scheduler", "web"):
        if part in said:
            return part
    if "dramatiq" in said:
        return "worker" if "dramatiq" in argv(parent(pid)) else "worker's master"
    if any("spawn_main" in word or "forkserver" in word or "resource_tracker" in word for word in said):
        return "worker's helper"
    if said and ("valkey-server" in said[0] or "redis-server" in said[0]):
        return "server"
    return "supervisor" if pid == root else ""


def ended(load: Load, store: Store, program: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Say how the load ended, once what is owed has gone out."""
    end = time.monotonic() + DRAIN
    while program.poll() is None and time.monotonic() < end and store.notices(states=("pending", "sending")):
        time.sleep(1)
    mails, texts = load.sent()
    gauges = store.gauges()
    return {
        "alive": program.poll() is None,
        "enrolled": load.enrolled,
        "told": load.told,
        "pushes_refused": load.pushes_refused,
        "mails": sum(mails.values()),
        "texts": sum(texts.values()),
        "doubled": sum(n - 1 for n in [*mails.values(), *texts.values()]),
        "ended": {" ".join(key): n for key, n in gauges.ended.items()},
        "open": {" ".join(key): n for key, n in gauges.open.items()},
        "counts": store.counts(),
    }


if __name__ == "__main__":
    sys.exit(main())
