"""Commands that run the program: run, scheduler, worker, demo."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import structlog
import typer

from workers import app as wiring
from workers import pacing, readiness, roster, supervise
from workers import settings as settings_file
from workers.answers import stopped
from workers.cli import budget, hold, report
from workers.cli.common import Config, Json, command, console, engine, fail, loaded, say
from workers.cli.progress import Tell, silent, working
from workers.cli.web import need_extra
from workers.desk import Desk
from workers.engine import find
from workers.errors import Misconfigured
from workers.heel import heel
from workers.pipeline import LEASE
from workers.resources import shipped
from workers.settings import Settings
from workers.store import Store

log = structlog.get_logger("customs_watch")

Once = Annotated[bool, typer.Option("--once", help="Look at every parcel once, send what is owed, then end.")]


def add(app: typer.Typer) -> None:
    app.command()(run)
    app.command()(scheduler)
    app.command()(worker)
    app.command()(demo)


def run(config: Config = None, once: Once = False, as_json: Json = False) -> None:
    """Run everything: the embedded server, the scheduler and the workers. Ctrl-C stops in order."""
    path = wiring.config_path(config)
    if not path.exists() and not once:
        settings_file.write_example(path)
        say(f"There was no {path}, so I wrote one from the annotated example.\n"
            "Edit it: put your own parcels under `orders:`, say under `recipients:` who is told, and run this again.\n"
            f"`{command()} validate --config {path}` tells whether it is right.")  # fmt: skip
        return
    wiring.set_up_logging(sys.stderr)
    settings = loaded(config)
    if once:
        lost = run_once(path, settings, limit=timedelta(minutes=10))
        with_store(settings, lambda store: report.sent(store, as_json=as_json))
        if lost:
            fail("\n".join(lost), code=4)
        return
    if settings.web is not None:
        need_extra()
    with engine(settings) as running:
        for line in _concerns(running.url, settings):
            say(line)
        supervisor = _supervisor(path, settings, running.url, web=settings.web is not None)
        parcels = len(settings.parcels)
        with _running(supervisor):
            if settings.auto_watch is not None:
                say("Orders met in your shop's e-mails are watched by themselves, at most "
                    f"{settings.auto_watch.a_day} new ones a day. You are told of each; `auto_watch: no` ends it.")  # fmt: skip
            say(f"Watching {parcels} {'parcel' if parcels == 1 else 'parcels'} of {path}. Ctrl-C stops. "
                f"`{command()} status` shows where they stand.")  # fmt: skip
            supervisor.run()
            say("Stopping: what is being sent is finished first. A second Ctrl-C does not wait.")


def _concerns(url: str, settings: Settings) -> list[str]:
    """Return what keeps the program from doing what it promises, in sentences."""
    store = Store.connect(url)
    try:
        store.prepare()
        held = hold.sentence(store, settings)
        wrong = readiness.concerns(store, settings.data, now=wiring.now())
        return [*([held] if held else []), *(f"Not fit: {line}." for line in wrong)]
    finally:
        store.close()


@contextmanager
def _running(supervisor: supervise.Supervisor) -> Iterator[None]:
    """Run the children while the block lasts, and heed the signals that end us until they have ended."""
    numbers = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        numbers.remove(signal.SIGHUP)  # nohup: the terminal may go
    before = {number: signal.signal(number, supervisor.stop) for number in numbers}
    try:
        supervisor.start()
        yield
    finally:
        supervisor.shut_down()
        for number, handler in before.items():
            signal.signal(number, handler)


def with_store(settings: Settings, work: Callable[[Store], object]) -> None:
    with engine(settings) as running:
        store = Store.connect(running.url)
        store.prepare()
        work(store)


def _supervisor(path: Path, settings: Settings, url: str, *, web: bool = False) -> supervise.Supervisor:
    children = [supervise.Child("scheduler", supervise.scheduler_argv(path))]
    children += [
        supervise.Child(f"worker-{number}", supervise.worker_argv(settings.worker.threads))
        for number in range(1, settings.worker.processes + 1)
    ]
    if web:
        children.append(supervise.Child("web", supervise.web_argv(path)))
    return supervise.Supervisor(
        children, environ=supervise.worker_environ(os.environ, config=path, url=url), clock=wiring.uptime
    )


def run_once(path: Path, settings: Settings, *, limit: timedelta, tell: Tell = silent) -> list[str]:
    """Run scheduler and workers until every parcel was looked at and every notice that is due was tried.

    Returns sentences about what could not be done; empty when all went well. *tell* hears how many were looked at.
    """

    def ended() -> bool:
        known = store.recall_many(list(settings.parcels)) if tell is not silent else {}
        tell(sum(bool(one.decision) for one in known.values()), len(settings.parcels))
        return quiet(store) or wiring.uptime() > end

    with engine(settings) as running:
        store = Store.connect(running.url)
        store.prepare()
        pacing.limit(settings, store)
        for source, parcels in roster.by_source(settings, without=stopped(store)).items():
            store.enrol(source, parcels, spread=timedelta(0))
            store.postpone(source, parcels, after=timedelta(0))
        supervisor = _supervisor(path, settings, running.url)
        end = wiring.uptime() + limit
        with _running(supervisor):
            supervisor.run(until=ended)
        if supervisor.stopped:
            raise KeyboardInterrupt  # whoever stopped us asked for no tables
        return losses(store, settings, late=wiring.uptime() > end)


def quiet(store: Store) -> bool:
    """Tell whether nothing is due, and nothing is being worked on, twice in a row."""
    for _ in range(2):
        if store.unsettled(within=LEASE + timedelta(seconds=5)):
            return False
        time.sleep(0.2)
    return True


def losses(store: Store, settings: Settings, *, late: bool) -> list[str]:
    said = ["it took too long; run it again to go on"] if late else []
    said += [line for line in [hold.sentence(store, settings)] if line]
    said += report.barred(store, settings)
    said += [
        f"the source {name} fails: {health.last_error}"
        for name, health in store.source_health().items()
        if health.failures
    ]
    said += [
        f"a notice about {report.about(row)} on {row.channel} is {row.state}: {row.error}"
        for row in store.notices(states=("failed", "held", "expired"))
    ]
    return said + budget.postponed(store, settings) + report.waiting(store) + report.unread(store, settings)


def scheduler(config: Config = None) -> None:
    """Run one scheduler against $CW_REDIS_URL (any number may run)."""
    wiring.set_up_logging(sys.stderr)
    app = wiring.assemble(wiring.config_path(config), _url())
    heel(os.environ)
    clock = Desk(app, name=f"{os.uname().nodename}:{os.getpid()}").clock()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: clock.stop())
    clock.run()


Threads = Annotated[int, typer.Option("--threads", "-t", min=1, help="Threads of this process.")]


def worker(config: Config = None, threads: Threads = 8) -> None:
    """Run one worker process against $CW_REDIS_URL (as many as it takes, on as many machines)."""
    path = wiring.config_path(config)
    wiring.load(path)  # a mistake is told here, once, instead of by every process
    argv = supervise.worker_argv(threads)
    environ = supervise.worker_environ(os.environ, config=path, url=_url())
    os.execve(argv[0], argv, environ)  # nosec B606 # noqa: S606 -- our own argv


def _url() -> str:
    url = os.environ.get("CW_REDIS_URL")
    if not url:
        raise Misconfigured(
            "CW_REDIS_URL is not set",
            hint="say where Valkey or Redis is, as redis://host:6379/0, or use `customs-watch run`, which brings its own",
        )
    return find({"CW_REDIS_URL": url}, Path()).url


Fresh = Annotated[bool, typer.Option("--fresh", help="Forget earlier demonstrations and start over.")]
Folder = Annotated[Path, typer.Option("--folder", help="Where the demonstration lives.")]


def demo(fresh: Fresh = False, folder: Folder = Path("var/demo"), as_json: Json = False) -> None:
    """Play the shipped example orders through the real program; leaves the notices as files."""
    if fresh and folder.exists():
        if not (folder / "demo.log").exists() and any(folder.iterdir()):
            fail(f"{folder} holds no demonstration; I left it alone", code=2)
        shutil.rmtree(folder)
    path = lay_out_demo(folder, wiring.now())
    wiring.set_up_logging((folder / "demo.log").open("a", encoding="utf-8", buffering=1))
    settings = loaded(path)
    before: set[str] = set()
    with_store(settings, lambda store: before.update(row.id for row in store.notices(states=("sent",))))
    console().print(f"Playing {len(settings.orders)} example orders through scheduler and workers …")
    with (folder / "demo.log").open("ab", buffering=0) as stream, working("Looking at parcels") as tell:
        os.dup2(stream.fileno(), 2)  # the children's log belongs in the file too
        lost = run_once(path, settings, limit=timedelta(seconds=120), tell=tell)
    with_store(settings, lambda store: report.demo(store, settings, before, as_json=as_json))
    if lost:
        fail("\n".join(lost), code=4)
    if not as_json:
        outbox = os.path.relpath(settings.data / "outbox")
        say(f"The messages lie in {outbox}; the log is {folder / 'demo.log'}.")


def lay_out_demo(folder: Path, now: datetime) -> Path:
    """Copy the shipped example to *folder* once, with its relative dates ("+9d") made dates of today."""
    path = folder / "config" / "orders.yaml"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(shipped("config/demo") / "replay", path.parent / "replay", dirs_exist_ok=True)
        text = (shipped("config/demo") / "orders.yaml").read_text(encoding="utf-8")
        text = re.sub(r"\+(\d+)d\b", lambda m: (now + timedelta(days=int(m[1]))).date().isoformat(), text)
        path.write_text(text, encoding="utf-8")
    return path
