"""docker-compose.yml as it is shipped, built and run: workers killed and cut off, the store restarted, all under load.

What counts is what the mail server, the SMS gateway and the tracking service wrote down themselves, outside of all containers.
Needs podman and podman-compose, and root for networks with names. Run by ``make containers``.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.servers.seventeentrack import SeventeenTrackServer, event
from tests.servers.sms import SmsServer
from tests.servers.smtp import SILENCE, SmtpServer
from workers.errors import StoreTrouble
from workers.store import Store

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "cwtest"
SUBNET, GATEWAY = "10.123.45.0/24", "10.123.45.1"
Answer = TypeVar("Answer")
PARCELS = int(os.environ.get("CW_CONTAINER_PARCELS", "200"))
STUCK = 20
NUMBERS = [f"LP0088000000{n:04d}" for n in range(PARCELS)]
PORTS = {"track": 18017, "smtp": 18025, "sms": 18080}

ORDERS = """\
recipients:
  ana: {email: ana@example.org, phone: "+34600000001", timezone: Europe/Madrid, channels: [mail, text]}
channels:
  mail: {kind: email, host: GATEWAY, port: SMTP, security: none, insecure: yes, from: "Parcels <parcels@example.org>"}
  text: {kind: sms, provider: http, url: "http://GATEWAY:SMS", insecure: yes, allow_hosts: [GATEWAY], json: {to: "{to}", text: "{text}"}, idempotency_header: Idempotency-Key}
sources:
  track: {kind: seventeentrack, token_file: /run/secrets/seventeentrack, base_url: "http://GATEWAY:TRACK/track/v2.4", allow_hosts: [GATEWAY]}
orders:
"""
OVERRIDE = f"""\
services:
  valkey: {{user: "0:0"}}
  worker: {{deploy: {{replicas: 4}}}}
networks:
  default:
    ipam: {{config: [{{subnet: {SUBNET}, gateway: {GATEWAY}}}]}}
"""


def run(*argv: str, check: bool = True, seconds: float = 120) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds, check=False)
    assert not check or done.returncode == 0, f"{' '.join(argv)}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
    return done.stdout


class Gate:
    """Lets containers reach a server of ours that listens on the loopback alone."""

    def __init__(self, port: int, to: int) -> None:
        self._to = to
        self._ending = threading.Event()
        self._listener = socket.create_server(("0.0.0.0", port))
        self._threads = [threading.Thread(target=self._listen)]
        self._threads[0].start()

    def _listen(self) -> None:
        while not self._ending.is_set():
            ready, _, _ = select.select([self._listener], [], [], 0.1)
            if ready:
                near, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._carry, args=(near,)))
                self._threads[-1].start()

    def _carry(self, near: socket.socket) -> None:
        with near, suppress(OSError), socket.create_connection(("127.0.0.1", self._to)) as far:
            while not self._ending.is_set():
                for end in select.select([near, far], [], [], 0.1)[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    (far if end is near else near).sendall(data)

    def close(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()


class Compose:
    """The project, run by podman-compose."""

    def __init__(self, command: str, folder: Path) -> None:
        self._argv = [
            command,
            "-p",
            PROJECT,
            "-f",
            str(folder / "docker-compose.yml"),
            "-f",
            str(folder / "override.yml"),
        ]

    def __call__(self, *argv: str, check: bool = True, seconds: float = 300) -> str:
        return run(*self._argv, *argv, check=check, seconds=seconds)

    @staticmethod
    def names(service: str) -> list[str]:
        rows = run("podman", "ps", "-a", "--filter", f"name={PROJECT}_{service}_", "--format", "{{.Names}}")
        return sorted(rows.split())

    @staticmethod
    def state(name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(run("podman", "inspect", name))[0]
        return found


def until(done: Callable[[], object], what: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if done():
                return
        except StoreTrouble:
            pass
        assert time.monotonic() < end, f"waited {seconds:.0f} s in vain: {what}"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def compose_command() -> str:
    for needed in ("podman",):
        if shutil.which(needed) is None:
            pytest.skip(f"no container engine here: {needed} is not installed")
    command = os.environ.get("CW_COMPOSE") or shutil.which("podman-compose")
    if command is None:
        pytest.skip("podman-compose is not installed (pip install podman-compose), and CW_COMPOSE names none")
    if os.geteuid() != 0:
        pytest.skip("networks with a subnet of their own need root")
    return command


@pytest.fixture(scope="module")
def image(compose_command: str) -> str:
    certs = ["-v", "/etc/ssl/certs:/etc/ssl/certs:ro"] if Path("/etc/ssl/certs").is_dir() else []
    run(
        "podman",
        "build",
        "--isolation",
        "chroot",
        "--network",
        "host",
        *certs,
        "-t",
        "customs-watch",
        str(ROOT),
        seconds=900,
    )
    return "customs-watch"


class World:
    """The services outside, with journals of their own, and what watches the parcels inside."""

    def __init__(
        self, track: SeventeenTrackServer, smtp: SmtpServer, sms: SmsServer, compose: Compose
    ) -> None:
        self.track, self.smtp, self.sms, self.compose = track, smtp, sms, compose

    def ask(self, question: Callable[[Store], Answer]) -> Answer:
        """Ask the ledger where it is now: its address may change with a restart."""
        networks = self.compose.state(f"{PROJECT}_valkey_1")["NetworkSettings"]["Networks"]
        address = next(iter(networks.values()))["IPAddress"]
        store = Store.connect(f"redis://{address}:6379/0?socket_timeout=2&socket_connect_timeout=2")
        try:
            return question(store)
        finally:
            store.close()

    def all_show(self, words: str, sub_status: str, **ago: float) -> None:
        at = (datetime.now(UTC) - timedelta(**ago)).replace(microsecond=0).isoformat()
        for number in NUMBERS:
            self.track.push_event(number, event(at, words, sub_status=sub_status, country="ES"))

    def look_now(self) -> None:
        parcels = [f"{number}/{number}" for number in NUMBERS]

        def looked() -> bool:
            self.ask(lambda store: store.postpone("track", parcels, after=timedelta(0)))
            return True

        until(looked, "the store to take an order", 60)

    def mails(self) -> list[str]:
        return [mail.notice for mail in self.smtp.journal]

    def sms_keys(self) -> list[str]:
        return [text.key for text in self.sms.journal]

    def stages(self) -> Counter[str]:
        known = self.ask(lambda store: store.recall_many([f"{number}/{number}" for number in NUMBERS]))
        return Counter(row.stage for row in known.values() if row)


@pytest.fixture
def world(compose_command: str, image: str, tmp_path: Path) -> Iterator[World]:
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    (tmp_path / "override.yml").write_text(OVERRIDE)
    for folder, file, content in (
        ("config", "orders.yaml", orders()),
        ("secrets", "seventeentrack", "test-key"),
    ):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / file
        path.write_text(content)
        for one in (path.parent, path):
            os.chown(one, 10001, 10001)
        path.chmod(0o400)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o005 != 0o005 and folder != Path("/"):
            folder.chmod(0o755)
    compose = Compose(compose_command, tmp_path)
    compose("down", "-v", "-t", "1", check=False)
    with SeventeenTrackServer(rate=None) as track, SmtpServer() as smtp, SmsServer(keyed=True) as sms:
        gates = [
            Gate(PORTS["track"], int(track.origin.rpartition(":")[2])),
            Gate(PORTS["smtp"], smtp.port),
            Gate(PORTS["sms"], int(sms.url.rpartition(":")[2])),
        ]
        made = World(track, smtp, sms, compose)
        try:
            compose("up", "-d", "--no-build", seconds=300)
            yield made
        finally:
            for name in (*compose.names("worker"), *compose.names("scheduler")):
                logs = subprocess.run(
                    ["podman", "logs", "--tail", "15", name], capture_output=True, text=True, check=False
                )
                print(f"--- {name}\n{logs.stdout[-1500:]}{logs.stderr[-1500:]}")
            compose("down", "-v", "-t", "5", check=False)
            for gate in gates:
                gate.close()


def orders() -> str:
    text = ORDERS.replace("GATEWAY", GATEWAY)
    for name, port in PORTS.items():
        text = text.replace(name.upper(), str(port))
    return text + "".join(
        f"  - {{id: {n}, title: Parcel {n[-4:]}, tracking: {n}, to: ES, value: 89.00 EUR, vat_paid: no}}\n"
        for n in NUMBERS
    )


@pytest.mark.containers
@pytest.mark.timeout(1200)
def test_four_workers_under_faults_lose_nothing_and_double_nothing(world: World) -> None:
    for number in NUMBERS:
        at = [
            (datetime.now(UTC) - timedelta(days=days)).replace(microsecond=0).isoformat()
            for days in (9, 7, 2)
        ]
        world.track.set_events(
            number,
            [
                event(at[0], "Received by logistics company", sub_status="InTransit_PickedUp", country="CN"),
                event(
                    at[1],
                    "Export customs clearance complete",
                    sub_status="InTransit_CustomsReleased",
                    country="CN",
                ),
                event(
                    at[2],
                    "Arrived in destination country/region",
                    sub_status="InTransit_Arrival",
                    country="ES",
                ),
            ],
            destination="ES",
        )
    assert len(world.compose.names("worker")) == 4
    assert len(world.compose.names("scheduler")) == 2
    began = time.monotonic()
    until(lambda: world.stages()["arrived_destination"] == PARCELS, "the first look", 240)
    print(f"up and first look at {PARCELS} parcels: {time.monotonic() - began:.0f} s")
    assert world.smtp.journal == []
    is_locked_down(world)

    # Into customs: mails get stuck in the middle of their way, and while it is told, one worker is killed, one is cut off, and the store is restarted.
    world.smtp.fail("data", SILENCE, times=STUCK)
    world.all_show("Import customs clearance started", "InTransit_CustomsProcessing", minutes=50)
    world.look_now()
    until(lambda: len(world.sms.journal) >= PARCELS // 10, "the first texts", 120)
    until(lambda: world.smtp.commands.count("DATA") >= STUCK, "mails in the middle of their way", 60)
    killed, cut_off = world.compose.names("worker")[:2]
    os.kill(
        world.compose.state(killed)["State"]["Pid"], signal.SIGKILL
    )  # a crash; `podman kill` would be a wish
    network = next(iter(world.compose.state(cut_off)["NetworkSettings"]["Networks"]))
    run("podman", "network", "disconnect", network, cut_off)
    run("podman", "restart", "-t", "1", f"{PROJECT}_valkey_1")
    world.smtp.drop_all()
    struck = time.monotonic()
    until(lambda: len(told(world.sms_keys())) == PARCELS, "a text about each", 300)
    until(lambda: len(told(world.mails())) == PARCELS, "a mail about each", 300)
    print(f"told of all {PARCELS} by both channels {time.monotonic() - struck:.0f} s after the blows")
    run("podman", "network", "connect", network, cut_off)
    until(
        lambda: world.compose.state(killed)["State"]["Running"], "the killed worker to be started again", 60
    )

    # Out of customs, all four again.
    world.all_show("Import customs clearance complete", "InTransit_CustomsReleased", minutes=1)
    world.look_now()
    until(lambda: world.stages()["released"] == PARCELS, f"the release; stands {world.stages()}", 300)
    until(lambda: len(told(world.sms_keys())) == 2 * PARCELS, "the second text about each", 300)
    until(lambda: len(told(world.mails())) == 2 * PARCELS, "the second mail about each", 300)
    until(lambda: not world.ask(lambda store: store.unsettled(within=timedelta(seconds=65))), "quiet", 300)
    counts = world.ask(lambda store: store.counts())
    mails, texts = told(world.mails()), told(world.sms_keys())
    twice = sum(n - 1 for n in mails.values())
    print(f"mails {len(mails)}, twice {twice}; texts {len(texts)}, twice {sum(n - 1 for n in texts.values())}; "
          f"crashes {counts.get('crashes', 0)}, late {counts.get('lost_lease', 0)}")  # fmt: skip
    assert counts.get("crashes", 0) > 0, "the blows hit nobody: this proves nothing"
    assert len(mails) == len(texts) == 2 * PARCELS, "something was lost, or made up"
    assert max(texts.values()) == 1, "the gateway knows keys, and yet a text came twice"
    assert twice <= counts.get("crashes", 0), "a mail came twice though nobody died in the middle of it"
    assert counts["state:sent"] == 4 * PARCELS
    assert not any(counts[f"state:{name}"] for name in ("held", "failed", "expired"))
    healthy(world)


def told(notices: list[str]) -> Counter[str]:
    return Counter(notices)


def is_locked_down(world: World) -> None:
    """Look from inside: no root, nothing writable but the data, no capability, and the secret is only a file."""
    (name, *_) = world.compose.names("worker")
    state = world.compose.state(name)
    assert state["HostConfig"]["ReadonlyRootfs"]
    assert state["HostConfig"]["Memory"] == 512 * 1024 * 1024
    assert state["HostConfig"]["PidsLimit"] == 200
    inside = run(
        "podman", "exec", name, "python", "-c",
        "import os\n"
        "def writable(p):\n"
        "    try: open(p, 'w').close(); return True\n"
        "    except OSError: return False\n"
        "caps = [l.split()[1] for l in open('/proc/self/status') if l.startswith(('CapEff', 'CapBnd'))]\n"
        "print(os.getuid(), [writable(p) for p in ('/x', '/home/watcher/x', '/config/x', '/run/secrets/x', "
        "'/var/lib/customs-watch/x', '/tmp/x')], set(caps), 'test-key' in str(dict(os.environ)))",
    )  # fmt: skip
    assert inside.split(" ", 1)[0] == "10001"
    assert "[False, False, False, False, True, True]" in inside
    assert "{'0000000000000000'}" in inside
    assert inside.rstrip().endswith("False")


def healthy(world: World) -> None:
    for service in ("valkey", "scheduler", "worker"):
        for name in world.compose.names(service):
            until(lambda name=name: not subprocess.run(["podman", "healthcheck", "run", name], capture_output=True, check=False).returncode,
                  f"{name} to be well", 90)  # type: ignore[misc]  # mypy reads no default of a lambda  # fmt: skip
