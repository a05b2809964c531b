"""End a process whose supervisor is gone. Starts nothing, and leaves a process without a supervisor alone."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping
from datetime import timedelta

import structlog

log = structlog.get_logger("customs_watch")

SUPERVISOR = "CW_SUPERVISOR"  # the environment's name for the process that children do not outlive


def heel(
    environ: Mapping[str, str], *, master: bool = False, every: timedelta = timedelta(seconds=1)
) -> None:
    """Have this process end in order soon after its supervisor ended in disorder; without one it does nothing.

    A supervisor that is killed cannot stop its children, and they would watch and write on, unseen. *master*: our
    parent is one whom the supervisor started, and who stops us as it ends.
    """
    supervisor, parent = environ.get(SUPERVISOR, ""), os.getppid()
    if not supervisor.isdecimal():
        return

    def watch() -> None:
        while os.getppid() == parent and _lives(int(supervisor)):
            time.sleep(every.total_seconds())
        log.warning("supervisor_gone", supervisor=int(supervisor))
        os.kill(parent if master and os.getppid() == parent else os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="heel", daemon=True).start()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody's
        return True
    return True
