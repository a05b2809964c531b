"""The program is told to end while a send lasts, as systemd, Ctrl-C and a closed terminal tell it: the send ends, and so does the program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.test_drain import NUMBERS, owing
from tests.servers._faulty import FaultyServer, Reply
from tests.servers.valkey import start_valkey, until


@pytest.mark.faults
@pytest.mark.timeout(180)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda n: n.name)
def test_the_program_ends_what_it_sends_and_then_itself(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "server").mkdir()
    with (
        start_valkey(tmp_path / "server") as valkey,
        FaultyServer(lambda _: Reply(b"{}"), latency=2.0) as receiver,
    ):
        config, store = owing(tmp_path, valkey.url, receiver.origin)
        program = subprocess.Popen(
            [sys.executable, "-m", "workers", "run", "--config", str(config)],
            env={**os.environ, "CW_REDIS_URL": valkey.url},
        )
        try:
            until(lambda: len(receiver.requests) >= 1, seconds=90)
            program.send_signal(number)
            began = time.monotonic()
            code = program.wait(60)
        finally:
            if program.poll() is None:
                program.kill()
                program.wait()
        took = time.monotonic() - began
        sent = [json.loads(request.body)["data"]["notice"] for request in receiver.requests]
        states = [row.state for row in store.notices()]
        assert code == 0
        assert took < 40, "a send lasts 2 s, and half a minute is what a worker may take"
        assert len(sent) == len(set(sent)) == states.count("sent")
        assert states.count("pending") == len(NUMBERS) - len(sent)
        store.close()
