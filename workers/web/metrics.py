"""GET /metrics: numbers for Prometheus, read from the store at each scrape, so that every process is in them.

Labels are names of the user's file and words of closed lists: never a parcel, a person or a text of somebody else's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from anyio import CapacityLimiter, to_thread
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from workers.app import App
from workers.core.model import Stage
from workers.store import STATES, Gauges, Store
from workers.web.counting import Counting

EVENTS = {
    "commits": "decisions stored",
    "stale": "decisions that somebody else was faster with, and that were made anew",
    "owed": "notices owed",
    "crashes": "notices whose worker died or was too slow",
    "uncertain": "sends whose answer was lost",
    "barred": "tries of a channel that lets nothing out",
    "lost_lease": "workers that came too late to say how a send ended",
    "unknown": "wordings that nobody could read, each time one was met",
    "replies": "replies and bounces of mails looked into",
    "reply_replays": "replies that had been looked into before",
    "pushes": "pushes taken in",
    "push_replays": "pushes that had been taken in before",
    "push_unwatched": "numbers in pushes that nobody watches",
}
_PREFIX = "customs_watch_"


def routes(app: App, counting: Counting) -> list[Route]:
    """Return the address of the metrics."""
    registry = CollectorRegistry()
    registry.register(Told(app, counting))
    room = CapacityLimiter(2)

    async def metrics(_: Request) -> Response:
        said = await to_thread.run_sync(generate_latest, registry, limiter=room)
        return Response(said, media_type=None, headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [Route("/metrics", metrics)]


class Told(Collector):
    """Reads the store whenever it is asked. Raises StoreTrouble then, and reads nothing before."""

    def __init__(self, app: App, counting: Counting) -> None:
        self._app = app
        self._counting = counting

    def describe(self) -> list[Metric]:
        """Return nothing: to register is no reason to ask the store."""
        return []

    def collect(self) -> Iterator[Metric]:
        store, parcels = self._app.store, list(self._app.house().settings.parcels)
        counts, gauges = store.counts(), store.gauges()
        yield from _notices(counts, gauges)
        yield _barred(store, self._app.house().settings.channels)
        yield _parcels(store, parcels)
        yield from _sources(store, gauges)
        yield from _usage(store, sorted(gauges.sources))
        yield _gauge(
            "review_lag_seconds",
            "how long the first due review has waited",
            gauges.review_lag.total_seconds(),
        )
        yield _gauge("unknown_wordings", "different wordings that nobody could read", gauges.unknown)
        events = CounterMetricFamily(f"{_PREFIX}events", "what happened so far", labels=["event"])
        for event in EVENTS:
            events.add_metric([event], counts.get(event, 0))
        yield events
        yield _beats(store)
        refused = CounterMetricFamily(
            f"{_PREFIX}pushes_refused", "pushes that nobody could be proved to have sent, at this process"
        )
        refused.add_metric([], self._counting.refused)
        yield refused


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{_PREFIX}{name}", words, value=value)


def _notices(counts: dict[str, int], gauges: Gauges) -> Iterator[Metric]:
    total = GaugeMetricFamily(f"{_PREFIX}notices", "notices in each state", labels=["state"])
    for state in STATES:
        total.add_metric([state], counts.get(f"state:{state}", 0))
    yield total
    open_ = GaugeMetricFamily(
        f"{_PREFIX}notices_open",
        "notices that wait, for their time or for a person",
        labels=["state", "channel"],
    )
    for key, n in sorted(gauges.open.items()):
        open_.add_metric(key, n)
    yield open_
    ended = CounterMetricFamily(
        f"{_PREFIX}notices_ended", "notices that came to this end", labels=["state", "channel"]
    )
    for key, n in sorted(gauges.ended.items()):
        ended.add_metric(key, n)
    yield ended
    yield _gauge(
        "oldest_pending_seconds",
        "age of the oldest notice that waits to be sent",
        gauges.oldest_pending.total_seconds(),
    )


def _barred(store: Store, channels: Collection[str]) -> Metric:
    barred = GaugeMetricFamily(
        f"{_PREFIX}channel_barred_seconds", "for how long a channel has let nothing out", labels=["channel"]
    )
    now = store.clock()
    for bar in (bar for bar in store.bars() if bar.channel in channels):  # not one that left the file
        barred.add_metric([bar.channel], max((now - bar.since).total_seconds(), 0.0))
    return barred


def _parcels(store: Store, parcels: list[str]) -> Metric:
    out = GaugeMetricFamily(f"{_PREFIX}parcels", "watched parcels in each stage", labels=["stage"])
    found = store.stages(parcels)
    for stage in Stage:
        out.add_metric([stage.value], found.pop(stage.value, 0))
    out.add_metric(["not_looked_at"], found.pop("", 0))
    out.add_metric(["other"], sum(found.values()))  # of a newer version
    return out


def _sources(store: Store, gauges: Gauges) -> Iterator[Metric]:
    def family(name: str, words: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"{_PREFIX}source_{name}", words, labels=["source"])

    watched, lag = (
        family("watched", "parcels watched"),
        family("due_lag_seconds", "how long the first due parcel waits"),
    )
    paused = family("paused_seconds", "for how long nobody asks it")
    for name, source in sorted(gauges.sources.items()):
        watched.add_metric([name], source.watched)
        lag.add_metric([name], source.lag.total_seconds())
        paused.add_metric([name], source.paused.total_seconds())
    last = family("last_success_timestamp_seconds", "when it last answered")
    failures = family("failures", "failures in a row")
    answered = CounterMetricFamily(f"{_PREFIX}source_answered", "parcels it answered for", labels=["source"])
    shrunk = family("shrunk_parcels", "parcels of which it shows much less than it did")
    silent = family("silent_parcels", "parcels of which it could tell nothing when it was last asked")
    for name, health in sorted(store.source_health().items()):
        shrunk.add_metric([name], health.shrunk)
        silent.add_metric([name], health.silent)
        if health.last_ok is not None:  # one that never answered has failures, and no time
            last.add_metric([name], health.last_ok.timestamp())
        failures.add_metric([name], health.failures)
        answered.add_metric([name], health.answered)
    yield from (watched, lag, paused, last, failures, shrunk, silent, answered)


def _usage(store: Store, names: list[str]) -> Iterator[Metric]:
    """Return what sources were asked and what that brought, over days that move on: these numbers fall as well."""
    calls = GaugeMetricFamily(
        f"{_PREFIX}source_calls_30_days", "calls in the last thirty days", labels=["source"]
    )
    moves = GaugeMetricFamily(
        f"{_PREFIX}source_moves_30_days",
        "parcels found in another stage in the last thirty days",
        labels=["source"],
    )
    left = GaugeMetricFamily(
        f"{_PREFIX}source_quota_left",
        "what is left of a quota in its window",
        labels=["source", "what", "per"],
    )
    for name in names:
        usage = store.usage(name)
        calls.add_metric([name], usage.calls)
        moves.add_metric([name], usage.moves)
        for budget in store.budget(name):
            left.add_metric([name, budget.quota.what, budget.quota.per], budget.left)
    yield from (calls, moves, left)


def _beats(store: Store) -> Metric:
    """Return how many processes of each part live; their names hold hosts and numbers, and are left out."""
    alive = GaugeMetricFamily(
        f"{_PREFIX}processes", "processes that gave a sign of life lately", labels=["part"]
    )
    parts = [name.partition(":")[0] for name in store.beats()]
    for part in ("scheduler", "worker"):
        alive.add_metric([part], parts.count(part))
    return alive
