"""The obvious design, as a real program: compare with what was stored, store, `send()` a message for each notice. It must lose.

It is what most would write first, and no straw man: dramatiq as it comes (RedisBroker(url), default middleware and Retries),
a server whose file is synced at every write, a supervisor, time-outs, keys where a gateway takes them. Two habits of its
notifying actor, one for each recipient: ana is marked as told and then written to (a crash in between loses, as in
Healthchecks), bea is written to and then marked (a crash in between doubles, as in Alertmanager).

Run as ``dramatiq tests.chaos.naive:worker`` and ``python -m tests.chaos.naive``.
"""

from __future__ import annotations

import os
import smtplib
import time
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import dramatiq
import httpx
import redis
from dramatiq.brokers.redis import RedisBroker
from msgspec import json

from tests.chaos.world import PASSWORD, PEOPLE, TRACK_KEY, USER
from workers.heel import heel

BATCH = 40
EVERY = 1.0  # seconds between looks at everything


@dataclass(frozen=True, slots=True)
class World:
    """Where everything is."""

    redis: str
    track: str
    smtp: int
    gateways: dict[str, str]
    parcels: int


def world() -> World:
    return json.decode(os.environ["CHAOS_NAIVE"], type=World)


class Teller:
    """Writes to people, as the world wants it."""

    def __init__(self, where: World, wire: httpx.Client) -> None:
        self._where, self._wire = where, wire

    def tell(self, number: str, words: str, channel: str, who: str) -> None:
        title, (mail, phone) = f"Parcel {number[-5:]}", PEOPLE[who]
        key = f"{number}/{words}/{who}/{channel}".replace(" ", "_")
        if channel == "mail":
            message = EmailMessage()
            message["Subject"], message["To"] = f"{words}: {title}", mail
            message["From"], message["X-Customs-Watch-Notice"] = "parcels@example.org", key
            message.set_content(words)
            with smtplib.SMTP("127.0.0.1", self._where.smtp, timeout=10) as smtp:
                smtp.login(USER, PASSWORD)
                smtp.send_message(message)
            return
        text = {"to": phone, "text": f"customs-watch: {title}: {words}", "reference": key}
        headers = {"Idempotency-Key": key} if channel == "keyed" else {}
        self._wire.post(self._where.gateways[channel], json=text, headers=headers).raise_for_status()


def build(where: World) -> tuple[Any, Any]:
    """Declare the two actors on a broker of the default kind; return them."""
    broker = RedisBroker(url=where.redis)  # type: ignore[no-untyped-call]  # dramatiq leaves it bare
    dramatiq.set_broker(broker)
    store = redis.Redis.from_url(where.redis, decode_responses=True)
    wire = httpx.Client(timeout=10)
    teller = Teller(where, wire)

    @dramatiq.actor(broker=broker)
    def notify(number: str, words: str, who: str, channel: str) -> None:
        key = f"{number}/{words}/{who}/{channel}"
        if who == "ana":
            if store.sadd("told", key):
                teller.tell(number, words, channel, who)
        elif not store.sismember("told", key):
            teller.tell(number, words, channel, who)
            store.sadd("told", key)

    @dramatiq.actor(broker=broker)
    def refresh(numbers: list[str]) -> None:
        asked = [{"number": number} for number in numbers]
        answer = wire.post(where.track + "gettrackinfo", json=asked, headers={"17token": TRACK_KEY})
        for item in answer.raise_for_status().json()["data"]["accepted"]:
            number, newest = item["number"], item["track_info"]["latest_event"]["description"]
            before = store.hget("stage", number)
            if before == newest:
                continue
            store.hset("stage", number, newest)
            if before is None:
                continue  # history
            for who in PEOPLE:
                for channel in ("mail", *where.gateways):
                    notify.send(number, newest, who, channel)

    return refresh, notify


def worker() -> None:
    """Entry for ``dramatiq tests.chaos.naive:worker``."""
    build(world())
    heel(os.environ, master=True)


def scheduler() -> None:
    """Have every parcel looked at, again and again."""
    where = world()
    refresh, _ = build(where)
    heel(os.environ)
    numbers = [f"LP{parcel:014d}" for parcel in range(where.parcels)]
    while True:
        for start in range(0, len(numbers), BATCH):
            try:
                refresh.send(numbers[start : start + BATCH])
            except (redis.RedisError, dramatiq.errors.BrokerError):
                time.sleep(0.5)  # it comes round again
        time.sleep(EVERY)


if __name__ == "__main__":
    scheduler()
