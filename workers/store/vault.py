"""Keep secrets that change and that all workers share, such as a rotating token. Shows none in a repr or an error."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from workers.store.lua import PREFIX, Scripts, spoken
from workers.store.rows import ms

TTL = timedelta(days=400)  # after its last change a secret nobody uses any more is dropped


class Vault:
    """A few secrets in the store, each with a version. Every method raises StoreTrouble where the server cannot do it."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def read(self, name: str) -> tuple[bytes, int]:
        """Return a secret and its version; nothing and 0 where there is none."""
        with spoken():
            found: Any = self._scripts.client.hmget(f"{PREFIX}:vault:{name}", ["value", "version"])
        value, version = found
        return bytes(value or b""), int(version or 0)

    def begin(self, name: str, version: int, *, lease: timedelta) -> bool:
        """Say whether the caller alone may now make a new one, for *lease*; False also where *version* is old."""
        return bool(self._scripts.run("vault", name, "begin", version, ms(lease)))

    def put(self, name: str, version: int, value: bytes) -> bool:
        """Keep *value* in place of *version*; False where somebody else has put another since."""
        return bool(self._scripts.run("vault", name, "put", version, value, ms(TTL)))
