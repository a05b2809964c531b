"""Write the annotated example where the user's file shall be. Never overwrites."""

from __future__ import annotations

import os
from pathlib import Path

from workers import resources
from workers.errors import Misconfigured


def write_example(path: Path) -> None:
    """Write the shipped example, readable for its owner alone; raises Misconfigured if *path* exists."""
    text = (resources.shipped("config") / "orders.example.yaml").read_bytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Misconfigured(f"{path}: there is a file already", hint="it was left as it is") from None
    with os.fdopen(handle, "wb") as file:
        file.write(text)
