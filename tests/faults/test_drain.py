"""A worker that is told to stop ends the send it is at, takes no other, and is gone soon; nothing is lost or doubled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest

from tests.servers._faulty import FaultyServer, Reply
from tests.servers.rows import owe, owed
from tests.servers.valkey import start_valkey, until
from tests.words.samples import TABLE, minimal
from workers import app, supervise
from workers.store import Store

WORDS = json.dumps(minimal(next(row for row in TABLE.rows if row.advice.id == "held"))).encode()
NUMBERS = [f"LX{n:09d}CN" for n in range(1, 9)]
FILE = """\
sources: {{recorded: {{kind: replay, folder: .}}}}
channels: {{hook: {{kind: webhook, url: "{url}", secret: "whsec_{secret}", allow_hosts: [127.0.0.1]}}}}
recipients: {{house: {{channels: [hook]}}}}
orders:
"""


def owing(folder: Path, url: str, receiver: str) -> tuple[Path, Store]:
    """Return the file of orders and their store, in which each of NUMBERS owes one notice to the webhook *receiver*."""
    config = folder / "orders.yaml"
    orders = "".join(
        f"  - {{id: o{n}, title: Reel, tracking: {number}, to: ES}}\n" for n, number in enumerate(NUMBERS)
    )
    config.write_text(FILE.format(url=receiver, secret="A" * 44) + orders)
    store = Store.connect(url)
    store.prepare()
    for n, number in enumerate(NUMBERS):
        one = owed(f"{n:032x}", channel="hook", recipient="house", context=WORDS, topic=f"t{n}")
        owe(store, one, parcel=f"o{n}/{number}")
    return config, store


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_sigterm_lets_a_send_end_and_takes_no_other(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    with (
        start_valkey(tmp_path / "server") as valkey,
        FaultyServer(lambda _: Reply(b"{}"), latency=2.0) as receiver,
    ):
        config, store = owing(tmp_path, valkey.url, receiver.origin)
        environ = supervise.worker_environ(os.environ, config=config, url=valkey.url)
        worker = subprocess.Popen(supervise.worker_argv(2), env=environ, start_new_session=True)
        try:
            ring = app.assemble(config, valkey.url).bells.ring
            ring("notify", "hook")
            ring("notify", "hook")
            until(lambda: len(receiver.requests) >= 2, seconds=60)
            began = time.monotonic()
            worker.send_signal(signal.SIGTERM)
            worker.wait(supervise.DRAIN.total_seconds())
            took = time.monotonic() - began
        finally:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
                worker.wait()
        states = [row.state for row in store.notices()]
        begun = {json.loads(request.body)["data"]["notice"] for request in receiver.requests}
        assert len(begun) == len(receiver.requests), "a notice was sent twice"
        assert states.count("sent") == len(begun) <= 4
        assert states.count("pending") == len(NUMBERS) - len(begun) > 0, states
        assert took < 10, "a send lasts 2 s, and the budget of a call is 30 s"
        assert not store.unsettled(within=timedelta(0)).sending
        store.close()
