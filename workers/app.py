"""The only place that wires things together, and the only owner of the clock."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol, TextIO

import dramatiq
import redis
import structlog
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import CurrentMessage, Retries

from workers import (
    actors,
    channels,
    knowledge,
    lines,
    pacing,
    settings,
    sources,
    tidy,
)
from workers.answers import Answers
from workers.core.history import History
from workers.core.judgement import Judge
from workers.deciding import SETTLED
from workers.errors import Misconfigured, Trouble
from workers.heart import BEAT, Heart
from workers.heel import heel
from workers.house import House
from workers.pipeline import Pipeline, ask_of
from workers.render.enclosed import Words
from workers.render.own import OwnWords
from workers.settings import Section, Settings, Watch
from workers.store import Recollection, Store, number_of, parcel_of
from workers.witness import Witness

log = structlog.get_logger("customs_watch")

POLL = timedelta(seconds=2)  # how often a process looks whether the user's file changed
CLOSING = timedelta(minutes=15)  # until what is used no more is closed; a send may last so long
HEARTBEAT = 60_000  # ms after which dramatiq takes a silent worker for dead; harmless, claims are fenced


def now() -> datetime:
    """The one reading of the wall clock; everything else is handed it."""
    return datetime.now(UTC)


def uptime() -> timedelta:
    """Return a clock that nobody sets, for patience and pauses; it counts from anywhere."""
    return timedelta(seconds=time.monotonic())


def pause(length: timedelta) -> None:
    time.sleep(max(length.total_seconds(), 0))


def config_path(given: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the user's file: the argument, else $CW_CONFIG, else config/orders.yaml."""
    return Path(given or environ.get("CW_CONFIG") or "config/orders.yaml")


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Load the user's file with the models of our own sources and channels; raises Misconfigured."""
    return settings.load(path, source_model=_source_model, channel_model=_channel_model, environ=environ)


def _source_model(kind: str) -> type:
    model: type = sources.load(kind).Settings
    return model


def _channel_model(kind: str) -> type:
    model: type = channels.load(kind).Settings
    return model


def furnish(
    loaded: Settings,
    permit: Callable[[str, float], None] | None = None,
    vault: sources.Vault | None = None,
    old: House | None = None,
) -> House:
    """Open the sources and channels of *loaded*; nothing is asked and nothing connects yet.

    *permit* waits until the named source may be called once more, at one call in so many seconds. *vault* is where
    tokens that rotate are kept. What stands in the file as it stood in that of *old* is taken over from there, with its
    connections: a file may change every minute.
    """
    before = old.settings if old is not None else None

    def source(name: str, section: Section) -> sources.Source:
        if old is not None and before is not None and _unchanged(section, before.sources.get(name)):
            return old.sources[name]
        kind = sources.load(section.kind)
        more = {"vault": vault} if getattr(kind, "ROTATES", False) else {}
        wait = partial(permit, name) if permit else time.sleep
        made: sources.Source = kind.open(section.options, name=name, clock=now, sleep=wait, **more)
        return made

    def channel(name: str, section: Section) -> channels.Channel:
        if old is not None and before is not None and _unchanged(section, before.channels.get(name)):
            return old.channels[name]
        made: channels.Channel = channels.load(section.kind).open(section.options, name=name, clock=now)
        return made

    def words() -> Words:
        if loaded.templates:
            return OwnWords(loaded.templates)  # read anew: they may have changed
        return old.renderer if old is not None and before is not None and not before.templates else Words()

    return House(
        settings=loaded,
        sources={name: source(name, section) for name, section in loaded.sources.items()},
        channels={name: channel(name, section) for name, section in loaded.channels.items()},
        renderer=words(),
    )


def _unchanged(section: Section, before: Section | None) -> bool:
    """Say whether what was opened from *before* serves *section* too; a file that is read at opening may have changed."""
    if before is None or getattr(section.options, "ca_file", None) is not None:
        return False
    return section.kind == before.kind and section.options == before.options


class LiveHouse:
    """The house of the last good file; reads the file again when it changed, and keeps the old one on a mistake."""

    def __init__(self, watch: Watch, permit: Callable[[str, float], None], vault: sources.Vault) -> None:
        self._watch = watch
        self._permit = permit
        self._vault = vault
        self._lock = threading.Lock()
        self._house: House | None = None
        self._looked = timedelta.min
        self._latest: Settings | None = None  # what the last look brought, furnished or not
        self._refused: Misconfigured | None = None  # why the last good file could not be furnished
        self._said = ""

    def __call__(self) -> House:
        with self._lock:
            at = uptime()
            if self._house is not None and at < self._looked + POLL:
                return self._house
            self._looked = at
            loaded, _, error = self._watch.poll(now())
            if loaded is not self._latest:
                error = self._furnish(loaded) or error
                self._latest = loaded
            elif error is None:
                error = self._refused
            if error is not None and str(error) != self._said:
                log.error("config_refused", mistakes=str(error))
            self._said = str(error) if error else ""
            assert self._house is not None  # nosec B101 # noqa: S101 -- the first one was furnished, or that raised
            return self._house

    def refused(self) -> bool:
        """Say whether the file, as it is now, is not what is in use."""
        return bool(self._said)

    def _furnish(self, loaded: Settings) -> Misconfigured | None:
        """Move into the house of *loaded*; stay in the old one, and return why, where it cannot be opened."""
        try:
            new = furnish(loaded, self._permit, self._vault, self._house)
        except Misconfigured as error:
            if self._house is None:
                raise
            self._refused = error
            return error
        old, self._house, self._refused = self._house, new, None
        log.info("config_loaded", orders=len(loaded.orders), parcels=len(loaded.parcels))
        if old is not None and (left := _left(old, new)):
            _close(left)
        return None


class Closable(Protocol):
    def close(self) -> None: ...


def _left(old: House, new: House) -> list[Closable]:
    """Return what the new house did not take over."""
    kept = {id(one) for one in _opened(new)}
    return [one for one in _opened(old) if id(one) not in kept]


def _opened(house: House) -> list[Closable]:
    return [*house.sources.values(), *house.channels.values(), house.renderer]


def _close(left: Sequence[Closable]) -> None:
    """Close what is used no more, once those who still use it have had time to finish. Keeps nothing else of the old house."""

    def later() -> None:
        for one in left:
            with suppress(OSError):
                one.close()

    timer = threading.Timer(CLOSING.total_seconds(), later)
    timer.daemon = True
    timer.start()


@dataclass(frozen=True, slots=True)
class App:
    """Everything one process needs."""

    house: LiveHouse
    store: Store
    pipeline: Pipeline
    bells: actors.Bells
    broker: RedisBroker
    answers: Answers
    judge: Judge


def make_broker(url: str) -> RedisBroker:
    """Return dramatiq's broker in the database after ours: its KEYS must not scan our rows."""
    options = redis.connection.parse_url(url)  # type: ignore[no-untyped-call]  # redis leaves it bare
    options["db"] = int(options.get("db", 0)) + 1
    kind = options.pop("connection_class", redis.Connection)
    pool = redis.ConnectionPool(connection_class=kind, socket_timeout=10, **options)
    return RedisBroker(  # type: ignore[no-untyped-call]  # dramatiq leaves it bare
        client=redis.Redis(connection_pool=pool),
        namespace="cw",
        heartbeat_timeout=HEARTBEAT,
        maintenance_chance=50_000,
        middleware=[Retries(max_retries=0), CurrentMessage()],
    )


def judge(known: knowledge.Knowledge, history: Callable[[], History | None] = lambda: None) -> Judge:
    return Judge(
        law=known.law, operators=known.operators, table=known.table, priors=known.priors, rates=known.rates,
        wordings=known.wordings, history=history,
    )  # fmt: skip


def assemble(config: Path, url: str, *, environ: Mapping[str, str] = os.environ) -> App:
    """Wire one process: house, store, pipeline, broker, actors. Raises Misconfigured for a bad first file."""
    known = knowledge.load()
    watch = Watch(config, source_model=_source_model, channel_model=_channel_model, environ=environ)
    store = Store.connect(url)

    house = LiveHouse(watch, partial(pacing.permit, store, pause=pause), store.vault)
    first = house()
    store.prepare()
    name = f"{socket.gethostname()}:{os.getpid()}"
    witness = Witness(store, first.settings.data, name=name, uptime=uptime, loud=True)
    witness.look()
    heart = Heart(lambda: store.beat(f"worker:{name}", ttl=BEAT))
    judging = judge(known, Recollection(store, now))
    broker = make_broker(url)
    bells: list[actors.Bells] = []
    pipeline = Pipeline(
        house=house,
        store=store,
        classifier=known.classifier,
        judge=judging,
        clock=now,
        wait=pause,
        ring=lambda actor, argument: bells[0].ring(actor, argument),
        worker=name,
        witness=witness,
        leaving=heart.leaving,
    )
    chores = tidy.Tidy(
        house=house,
        store=store,
        clock=now,
        settled_after=SETTLED,
        ask=lambda lived_in, entry, memo: ask_of(
            lived_in.settings.parcels[parcel_of(entry)], memo, number_of(entry)
        ),
    )
    bells.append(actors.build(broker, lambda: pipeline, lambda: chores))
    broker.add_middleware(heart)
    answers = Answers(store=store, clock=now, hear=pipeline.hear)
    return App(house, store, pipeline, bells[0], broker, answers, judging)


def worker() -> None:
    """Entry for ``dramatiq workers.app:worker``: what a worker process runs, by $CW_CONFIG and $CW_REDIS_URL."""
    set_up_logging(sys.stderr)
    url = os.environ.get("CW_REDIS_URL")
    if not url:
        raise Misconfigured("CW_REDIS_URL is not set", hint="start workers by `customs-watch worker`")
    try:
        dramatiq.set_broker(assemble(config_path(), url).broker)
    except Trouble as trouble:  # dramatiq would show a traceback; whoever started us starts us again
        log.error("worker_cannot_start", error=str(trouble))
        sys.exit(1)
    heel(os.environ, master=True)


def set_up_logging(stream: TextIO, level: int = logging.INFO) -> None:
    """Log one event a line: readable on a terminal, JSON elsewhere. No text in it breaks a line or speaks to the terminal."""
    shown: list[structlog.typing.Processor] = [structlog.processors.JSONRenderer(lines.as_json)]
    if stream.isatty():
        shown = [lines.visible_values, structlog.dev.ConsoleRenderer(colors=True)]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *shown,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
    )
    for noisy in ("apscheduler", "httpx", "dramatiq"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
