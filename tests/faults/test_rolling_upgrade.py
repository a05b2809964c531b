"""Yesterday's version and today's on one store, mixed, under load: workers and schedulers are replaced one by one, and back.

The older version is a commit of this repository, exported and run as it was, with the packages of today. A parcel moves on only
when what its last move owed has arrived at the mail server and at the gateway, so a notice that is lost shows by name.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.program import HEAD, wait_for
from tests.servers.seventeentrack import SeventeenTrackServer, event
from tests.servers.sms import SmsServer
from tests.servers.smtp import SmtpServer
from tests.servers.valkey import Valkey, start_valkey
from workers import memory, supervise
from workers.core import brief
from workers.heel import SUPERVISOR
from workers.store import SCHEMA, Store

ROOT = Path(__file__).resolve().parents[2]
# The history is younger than a day: this is the last version before failures of every kind were provoked.
YESTERDAY = "64cd3a3"
NEXT_FORMS = {  # what a version of tomorrow changes: how notices and what is known of parcels are stored
    "workers/core/brief.py": (
        f"VERSION: Final = {brief.VERSION}\n",
        f"VERSION: Final = {brief.VERSION + 1}\n",
    ),
    "workers/memory.py": (f"VERSION = {memory.VERSION}\n", f"VERSION = {memory.VERSION + 1}\n"),
}
HISTORY = (
    (timedelta(days=9), "Received by logistics company", "InTransit_PickedUp", "CN"),
    (timedelta(days=2), "Arrived in destination country/region", "InTransit_Arrival", "ES"),
)
STEPS = (  # of which both versions tell
    ("Import customs clearance started", "InTransit_CustomsProcessing"),
    ("The customs requires additional documents from the recipient", "InTransit_CustomsProcessing"),
    ("Import duties and taxes are due. Awaiting payment by the recipient", "InTransit_CustomsProcessing"),
)
PARCELS = 240
AT_ONCE = 4  # parcels that move at the same time


def tomorrow(folder: Path) -> Path:
    """Return a folder with this very version, but for the forms in which it stores."""
    for part in ("workers", "templates", "config"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name, (old, new) in NEXT_FORMS.items():
        text = (folder / name).read_text()
        assert text.count(old) == 1, f"the edit no longer fits {name}"
        (folder / name).write_text(text.replace(old, new))
    return folder


def yesterday(folder: Path) -> Path:
    """Return a folder with the version of YESTERDAY; skips where the history does not hold it."""
    packed = subprocess.run(["git", "archive", YESTERDAY], cwd=ROOT, capture_output=True, check=False)
    if packed.returncode != 0:
        pytest.skip(f"the history does not hold {YESTERDAY} (a shallow clone, or no clone)")
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    return folder


@dataclass
class Mixed:
    """Processes of several versions on one store, and the world around them."""

    folder: Path
    url: str
    track: SeventeenTrackServer
    smtp: SmtpServer
    sms: SmsServer
    numbers: list[str] = field(default_factory=lambda: [f"LP0099000000{i:04d}" for i in range(PARCELS)])
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)  # moves of a parcel that arrived both ways
    asked: dict[str, int] = field(default_factory=dict)  # the move that a parcel was told to make
    arrived: Counter[str] = field(default_factory=Counter)  # by parcel and channel
    _read: tuple[int, int] = (0, 0)  # of the journals

    def __post_init__(self) -> None:
        self.store = Store.connect(self.url)
        now = datetime.now(UTC)
        for number in self.numbers:
            past = [
                event(
                    (now - ago).replace(microsecond=0).isoformat(), text, sub_status=status, country=country
                )
                for ago, text, status, country in HISTORY
            ]
            self.track.set_events(number, past, destination="ES")

    def file_of(self, version: Path) -> Path:
        """Return the user's file as *version* can read it."""
        file = self.folder / f"orders.{version.name}.yaml"
        if not file.exists():
            head = HEAD.format(smtp=self.smtp.port, sms=self.sms.url, track=self.track.url)
            orders = "".join(
                f"  - {{title: Parcel {n}, tracking: {n}, to: ES, value: 89.00 EUR, vat_paid: no}}\n"
                for n in self.numbers
            )
            file.touch(mode=0o600)
            file.write_text(head + orders)
            argv = [sys.executable, "-m", "workers", "validate", "--config", str(file)]
            if subprocess.run(argv, cwd=version, capture_output=True, check=False).returncode == 2:
                file.write_text(
                    head.replace(", allow_hosts: [127.0.0.1]", "") + orders
                )  # a key it does not know yet
        return file

    def start(self, name: str, version: Path) -> None:
        """Start a scheduler or a worker of *version*; the name says which of them, and stands for it from now on."""
        file = self.file_of(version)
        argv = supervise.scheduler_argv(file)
        if name.startswith("worker"):
            argv = [*supervise.worker_argv(4)[:-1], str(version)]
        environ = supervise.worker_environ(
            {**os.environ, SUPERVISOR: str(os.getpid())}, config=file, url=self.url
        )
        with (self.folder / f"{name}.{version.name}.log").open("ab") as out:
            self.running[name] = subprocess.Popen(
                argv, cwd=version, env=environ, stdout=out, stderr=out, start_new_session=True
            )

    def stop(self, name: str) -> None:
        """Stop one in order, as its supervisor does."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGTERM)
        process.wait(60)

    def replace(self, name: str, version: Path) -> None:
        self.stop(name)
        self.start(name, version)

    def flow(self, least: int = 2) -> None:
        """Let parcels move until every worker that runs has taken at least so many notices meanwhile."""
        end, before = time.monotonic() + 300, self.taken_by()
        while True:
            now = self.taken_by()
            if all(now[name] - before[name] >= least for name in self.running if name.startswith("worker")):
                return
            self._go_on(end)
            waiting = [n for n in self.numbers if n not in self.asked and self.done[n] < len(STEPS)]
            assert waiting, f"the load ran out: {before} became {now}"
            for number in waiting[: AT_ONCE - len(self.asked)]:
                self._move(number)

    def come_to_rest(self) -> None:
        """Wait until everything that parcels were told has arrived."""
        end = time.monotonic() + 300
        while self.asked:
            self._go_on(end)

    def _go_on(self, end: float) -> None:
        self._take_in()
        for name, process in self.running.items():
            assert process.poll() is None, f"{name} ended: {self.said()[-3000:]}"
        if time.monotonic() > end:
            pytest.fail(f"lost or stuck: {self.asked}; {self.rows()}\n{self.said()[-3000:]}")
        time.sleep(0.05)

    def taken_by(self) -> Counter[str]:
        """Return how many notices each worker says it sent, or left to a newer one, over all versions that bore its name."""
        out = Counter[str]()
        for path in self.folder.glob("worker-*.log"):
            said = path.read_bytes()
            out[path.name.partition(".")[0]] += said.count(b'"notice_sent"') + said.count(b'"notice_left"')
        return out

    def _move(self, number: str) -> None:
        text, status = STEPS[self.done[number]]
        at = datetime.now(UTC).replace(microsecond=0).isoformat()
        self.track.push_event(number, event(at, text, sub_status=status, country="ES"))
        self.asked[number] = self.done[number] + 1
        self.store.postpone("track", [f"{number}/{number}"], after=timedelta(0))

    def _take_in(self) -> None:
        """Read what is new in the journals; a parcel whose move arrived by mail and by text may make its next."""
        mails, texts = self.smtp.journal[self._read[0] :], self.sms.journal[self._read[1] :]
        self._read = (self._read[0] + len(mails), self._read[1] + len(texts))
        for channel, words in [
            *(("mail", str(mail.message["Subject"])) for mail in mails),
            *(("text", text.text) for text in texts),
        ]:
            self.arrived.update(f"{number} {channel}" for number in re.findall(r"LP\d{14}", words))
        for number, step in list(self.asked.items()):
            if min(self.arrived[f"{number} mail"], self.arrived[f"{number} text"]) >= step:
                self.done[number] = self.asked.pop(number)

    def rows(self) -> Counter[str]:
        return Counter(f"{row.state} {row.channel} {row.error}" for row in self.store.notices(limit=2000))

    def said(self) -> str:
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def stages(self) -> Counter[str]:
        known = [self.store.recall(f"{number}/{number}") for number in self.numbers]
        return Counter(one.stage if one else "" for one in known)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    folder = tmp_path / "server"
    folder.mkdir()
    with start_valkey(folder) as server:
        yield server


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX")
@pytest.mark.parametrize("pair", ["yesterday_and_today", "today_and_tomorrow"])
def test_two_versions_share_one_store_under_load_and_nothing_is_lost_or_comes_twice(
    pair: str, valkey: Valkey, tmp_path: Path
) -> None:
    if pair == "yesterday_and_today":
        old, new = yesterday(tmp_path / "old"), ROOT
    else:
        old, new = ROOT, tomorrow(tmp_path / "new")
    with ExitStack() as world:
        mixed = Mixed(
            tmp_path,
            valkey.at(0),
            world.enter_context(SeventeenTrackServer(rate=None, quota=10_000)),
            world.enter_context(SmtpServer()),
            world.enter_context(SmsServer(keyed=True)),
        )
        world.callback(mixed.store.close)
        world.callback(lambda: [mixed.stop(name) for name in list(mixed.running)])

        for name in ("scheduler-1", "worker-1", "worker-2"):
            mixed.start(name, old)
        wait_for(lambda: mixed.stages()["arrived_destination"] == PARCELS, "the first look", seconds=240)
        mixed.flow()
        mixed.start("worker-3", new)  # side by side
        mixed.flow()
        mixed.start("scheduler-2", new)
        mixed.replace("worker-1", new)
        mixed.flow()
        mixed.stop("scheduler-1")
        mixed.replace("worker-2", new)
        mixed.flow()  # the new alone
        mixed.replace("worker-2", old)  # the upgrade is taken back, in part
        mixed.start("scheduler-1", old)
        mixed.flow()
        mixed.stop("scheduler-1")
        mixed.replace("worker-2", new)
        mixed.flow()
        mixed.come_to_rest()

        wait_for(lambda: not mixed.store.unsettled(within=timedelta(seconds=1)).notices, "quiet", seconds=120)
        sent = [row.id for row in mixed.store.notices(states=("sent",), limit=5000)]
        mails = Counter(mail.notice for mail in mixed.smtp.journal)
        texts = Counter(text.key for text in mixed.sms.journal)
        assert max(mails.values()) == max(texts.values()) == 1, "something came twice"
        assert sum(mails.values()) == sum(texts.values()) == sum(mixed.done.values())
        assert set(sent) == set(mails) | set(texts)
        assert {row.state for row in mixed.store.notices(limit=5000)} == {"sent"}
        left = mixed.said().count("notice_left") + mixed.said().count("parcel_left")
        assert (left > 0) is (pair == "today_and_tomorrow"), (
            "the older meets what it cannot read, and leaves it"
        )
        assert '"level": "error"' not in mixed.said()
        assert "Traceback" not in mixed.said()
        by = Counter(
            {path.name: path.read_bytes().count(b"notice_sent") for path in tmp_path.glob("worker-*.log")}
        )
        print(f"{sum(mixed.done.values())} moves, {len(sent)} notices, {left} left to the newer: {dict(by)}")


@pytest.mark.faults
@pytest.mark.parametrize("part", ["worker", "scheduler"])
def test_an_older_program_says_that_the_store_is_of_a_newer_one_and_leaves_it_alone(
    part: str, valkey: Valkey, tmp_path: Path
) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(
        "sources: {r: {kind: replay, folder: .}}\nrecipients: {a: {email: a@example.org}}\norders: []\n"
    )
    with closing(Store.connect(valkey.at(0))) as store:
        store.prepare()
        store.scripts.client.hset("{cw}:meta", "schema", SCHEMA + 1)
        before = sorted(store.scripts.client.keys())  # type: ignore[type-var]  # its types allow for a promise
        argv = supervise.scheduler_argv(file) if part == "scheduler" else supervise.worker_argv(2)
        environ = supervise.worker_environ(os.environ, config=file, url=valkey.at(0))
        said = subprocess.run(
            argv, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=100, check=False
        )
        assert said.returncode != 0
        assert "the store was written by a newer customs-watch" in said.stderr + said.stdout
        assert "update customs-watch on this machine" in said.stderr + said.stdout
        assert "Traceback" not in said.stderr
        assert sorted(store.scripts.client.keys()) == before  # type: ignore[type-var]  # as above
