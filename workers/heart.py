"""A worker process gives signs of life while it runs, so that /readyz can miss it. Starts with the worker, not before."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from dramatiq import Middleware

from workers.errors import StoreTrouble

log = structlog.get_logger("customs_watch")

EVERY = timedelta(seconds=15)
BEAT = timedelta(seconds=60)  # how long one counts


class Heart(Middleware):
    """Calls *beat* when the worker has started and then every quarter of a minute, until it stops."""

    def __init__(self, beat: Callable[[], object]) -> None:
        self._beat = beat
        self._stopped = threading.Event()

    def leaving(self) -> bool:
        """Whether this worker was told to stop: it ends what it is at, and takes nothing new."""
        return self._stopped.is_set()

    def after_worker_boot(self, broker: Any, worker: Any) -> None:  # noqa: ARG002 -- dramatiq's signature
        threading.Thread(target=self._run, name="heart", daemon=True).start()

    def before_worker_shutdown(self, broker: Any, worker: Any) -> None:  # noqa: ARG002 -- as above
        self._stopped.set()

    def _run(self) -> None:
        while True:
            try:
                self._beat()
            except StoreTrouble as trouble:
                log.warning("beat_missed", error=str(trouble))
            if self._stopped.wait(EVERY.total_seconds()):
                return
