"""What one web process counts by itself: only what must not cost a call to the store. Holds numbers, no names."""

from __future__ import annotations

import threading
import time


class Counting:
    """Counts refusals, and says when one may be logged again: whoever knocks all day fills no disk."""

    PAUSE = 60.0  # seconds between two lines about refusals

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refused = 0
        self._silent_until = 0.0

    @property
    def refused(self) -> int:
        return self._refused

    def refuse(self) -> bool:
        """Count one push that nobody could be proved to have sent; return whether to log it."""
        with self._lock:
            self._refused += 1
            loud = time.monotonic() >= self._silent_until
            if loud:
                self._silent_until = time.monotonic() + self.PAUSE
            return loud
