"""``python -m workers.alive PART``: whether a scheduler or worker of this host gives signs of life, for health checks.

It asks the store, so it also says whether the store answers. It imports little: it runs every half minute.
"""

from __future__ import annotations

import os
import socket
import sys

from workers.errors import Trouble
from workers.store import Store


def main(part: str, host: str, url: str) -> str:
    """Return "" where *part* on *host* lives, else why it does not seem to."""
    try:
        store = Store.connect(url)
        try:
            beats = store.beats()
        finally:
            store.close()
    except (Trouble, ValueError) as error:
        return str(error)
    if any(name.split(":")[:2] == [part, host] for name in beats):
        return ""
    return f"no {part} of {host} has given a sign of life for a minute"


if __name__ == "__main__":
    said = main(sys.argv[1], socket.gethostname(), os.environ["CW_REDIS_URL"])
    sys.stderr.write(f"{said}\n" if said else "")
    sys.exit(1 if said else 0)
