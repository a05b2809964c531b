"""Declare the actors on a broker: a message is a doorbell, so losing one costs seconds and doubling one costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dramatiq
import redis
import structlog

from workers.errors import StoreTrouble
from workers.pipeline import Pipeline
from workers.tidy import Tidy

if TYPE_CHECKING:
    from dramatiq.brokers.redis import RedisBroker

log = structlog.get_logger("customs_watch")

QUEUES = ("refresh", "announce", "notify")


@dataclass(frozen=True, slots=True)
class Bells:
    """The doorbells: each rings one actor with a name, and returns at once."""

    refresh: Callable[[str], object]
    announce: Callable[[str], object]
    notify: Callable[[str], object]
    tidy: Callable[[str], object]

    def ring(self, actor: str, argument: str) -> None:
        """Ring *actor*; a bell that cannot be rung now is rung again by the sweeper."""
        try:
            bells = {
                "refresh": self.refresh,
                "announce": self.announce,
                "notify": self.notify,
                "tidy": self.tidy,
            }
            bells[actor](argument)
        except (dramatiq.errors.DramatiqError, redis.RedisError, OSError) as error:
            log.warning("bell_not_rung", actor=actor, error=str(error))


def build(broker: RedisBroker, pipeline: Callable[[], Pipeline], chores: Callable[[], Tidy]) -> Bells:
    """Declare the four actors on *broker*. Nothing happens before this call."""

    def answer(work: Callable[[], object]) -> None:
        try:
            work()
        except StoreTrouble as trouble:  # the rows are where they were; the sweeper rings again
            log.warning("store_away", error=str(trouble))

    @dramatiq.actor(broker=broker, queue_name="refresh")
    def refresh(source: str) -> None:
        answer(lambda: pipeline().refresh(source))

    @dramatiq.actor(broker=broker, queue_name="announce")
    def announce(_: str = "") -> None:
        answer(lambda: pipeline().announce())

    @dramatiq.actor(broker=broker, queue_name="notify")
    def notify(channel: str) -> None:
        answer(lambda: pipeline().notify(channel))

    @dramatiq.actor(broker=broker, queue_name="refresh")
    def tidy(source: str) -> None:
        answer(lambda: chores().tidy(source))

    return Bells(refresh.send, announce.send, notify.send, tidy.send)
