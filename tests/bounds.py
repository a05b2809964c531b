"""Holds work to a bound of processor time, which neither a busy machine nor a collection of others' garbage counts into."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail where the block spends more than *seconds* of this thread's processor time."""
    was = gc.isenabled()
    gc.disable()
    began = time.thread_time()
    try:
        yield
        spent = time.thread_time() - began
    finally:
        if was:
            gc.enable()
    assert spent < seconds, f"{spent:.2f} s of processor time, {seconds} allowed"
