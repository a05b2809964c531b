"""What a supervisor owes its children and they owe it: nobody works on unseen, and the store's server changes hands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.servers.valkey import until
from workers import actors, app
from workers.cli import common
from workers.engine import Engine
from workers.heel import SUPERVISOR
from workers.supervise import Child, Supervisor

HEELED = "import os, time; from datetime import timedelta; from workers.heel import heel; "
SLEEP = "print('ready', flush=True); time.sleep(60)"


def python(code: str, **environ: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, **environ}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def ended(process: subprocess.Popen[str]) -> int:
    code = process.wait(15)
    assert process.stdout is not None
    process.stdout.close()
    return code


@pytest.fixture
def supervisor_process() -> Iterator[subprocess.Popen[str]]:
    process = python("import time; " + SLEEP)
    yield process
    process.kill()
    ended(process)


def test_a_child_ends_in_order_when_its_supervisor_is_killed_and_not_before(
    supervisor_process: subprocess.Popen[str],
) -> None:
    code = HEELED + "heel(os.environ, every=timedelta(seconds=0.05)); " + SLEEP
    child = python(code, **{SUPERVISOR: str(supervisor_process.pid)})
    free = python(code, **{SUPERVISOR: ""})
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.3)
    supervisor_process.kill()
    supervisor_process.wait()
    assert ended(child) == -signal.SIGTERM
    assert free.poll() is None, "without a supervisor nobody is followed"
    free.kill()
    ended(free)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # An orphan that has ended waits for whoever adopted it; it works no more.
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return not Path("/proc/self/stat").exists()


def test_what_a_killed_child_leaves_behind_is_stopped_and_the_child_started_again(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = f"sleep 60 & echo $! > {note}.new; mv {note}.new {note}; wait"
    child = Child("master", ["/bin/sh", "-c", script])
    supervisor = Supervisor([child], environ=os.environ, clock=app.uptime)
    supervisor.start()
    until(note.exists)
    left, master = int(note.read_text()), supervisor.pids()["master"]
    os.kill(master, signal.SIGKILL)

    def successor() -> bool:
        supervisor.look_after()
        return supervisor.pids().get("master", master) != master

    until(successor)
    until(lambda: not alive(left))
    supervisor.shut_down()


def test_a_second_stop_does_not_wait_for_a_child_that_does_not_end(tmp_path: Path) -> None:
    log = tmp_path / "ready"
    code = textwrap.dedent(f"""
        import pathlib, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        pathlib.Path({str(log)!r}).touch()
        time.sleep(60)
    """)
    supervisor = Supervisor(
        [Child("stubborn", [sys.executable, "-c", code])], environ=os.environ, clock=app.uptime
    )
    supervisor.start()
    until(log.exists)
    supervisor.stop()
    assert supervisor.stopped
    supervisor.stop()
    begun = time.monotonic()
    supervisor.shut_down()
    assert time.monotonic() - begun < 10, "the first stop alone waits half a minute"


def test_who_used_the_server_of_another_process_takes_it_over_when_that_one_ends(tmp_path: Path) -> None:
    environ = {k: v for k, v in os.environ.items() if k != "CW_REDIS_URL"}
    config = tmp_path / "orders.yaml"
    config.write_text(
        "sources: {r: {kind: replay, folder: .}}\nrecipients: {a: {email: a@example.org}}\norders: []\n"
    )
    settings = app.load(config, environ)

    def answers(url: str) -> bool:
        with redis.Redis.from_url(url) as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

    with Engine(environ, settings.data) as owner:
        assert owner.role == "owner"
        guest = common.engine(settings, environ)
        running = guest.__enter__()
        assert running.role == "guest"
    assert not answers(owner.url), "the owner stops its server"
    until(lambda: answers(running.url))
    guest.__exit__(None, None, None)
    assert not answers(running.url), "and the heir in its turn"


def test_a_bell_that_cannot_be_rung_stops_nobody(tmp_path: Path) -> None:
    broker = app.make_broker(f"unix://{tmp_path}/nobody?db=0")
    bells = actors.build(broker, lambda: pytest.fail("nobody rang"), lambda: pytest.fail("nobody rang"))
    bells.ring("notify", "mail")
    broker.close()
    with pytest.raises(redis.ConnectionError):
        bells.refresh("unguarded, the same fault is an error")


@pytest.mark.parametrize("part", ["worker", "scheduler"])
def test_a_part_that_finds_no_store_says_so_in_a_sentence(tmp_path: Path, part: str) -> None:
    config = tmp_path / "orders.yaml"
    config.write_text(
        "sources: {r: {kind: replay, folder: .}}\nrecipients: {a: {email: a@example.org}}\norders: []\n"
    )
    said = subprocess.run(
        [sys.executable, "-m", "workers", part, "--config", str(config)],
        env={**os.environ, "CW_REDIS_URL": f"unix://{tmp_path}/nobody?db=0"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert said.returncode == 1
    assert "the store cannot be reached" in said.stderr
    assert "Traceback" not in said.stderr
