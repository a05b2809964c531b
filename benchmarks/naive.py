"""The obvious design, for comparison: one scheduler job, one message, one HTTP call, `json` and one `re` per order.

A dramatiq module: ``dramatiq benchmarks.naive``; ``python -m benchmarks.naive N`` is its scheduler.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from datetime import UTC, datetime

import dramatiq
import httpx
import redis
from apscheduler.schedulers.blocking import BlockingScheduler
from dramatiq.brokers.redis import RedisBroker

from benchmarks.texts import read

URL = os.environ.get("CW_REDIS_URL", "redis://127.0.0.1:6379/0")
API = os.environ.get("CW_BENCH_API", "")
client = redis.Redis.from_url(URL)
dramatiq.set_broker(RedisBroker(url=URL, namespace="naive"))
read("")  # builds the list before the first message comes
_local = threading.local()


def _session() -> httpx.Client:
    if not hasattr(_local, "session"):
        _local.session = httpx.Client(timeout=30)
    session: httpx.Client = _local.session
    return session


@dramatiq.actor(queue_name="notify")
def notify(_number: str, _stage: str) -> None:
    """The other half of the design is not what is measured here."""


@dramatiq.actor(queue_name="naive")
def refresh(number: str) -> None:
    answer = _session().post(f"{API}/gettrackinfo", json=[{"number": number}], headers={"17token": "x"}).text
    item = json.loads(answer)["data"]["accepted"][0]
    stage = ""
    for event in item["track_info"]["tracking"]["providers"][0]["events"]:
        found = read(event["description"])
        stage = stage or found
    known = client.hgetall(f"order:{number}")
    if known.get(b"stage", b"").decode() != stage:
        client.hset(f"order:{number}", mapping={"stage": stage})
        notify.send(number, stage)
    client.hset(f"order:{number}", mapping={"checked": time.time()})
    client.zadd("checked", {number: time.time()})


def schedule(numbers: list[str]) -> None:
    """One job per order, as the tutorials do; ends when all have run."""
    scheduler = BlockingScheduler(timezone=UTC, job_defaults={"misfire_grace_time": None})
    for number in numbers:
        scheduler.add_job(refresh.send, "date", run_date=datetime.now(UTC), args=(number,), id=number)
    scheduler.add_job(
        lambda: scheduler.get_jobs()[1:] or scheduler.shutdown(wait=False), "interval", seconds=1
    )
    scheduler.start()


if __name__ == "__main__":
    schedule([f"LP{i:014d}" for i in range(int(sys.argv[1]))])
