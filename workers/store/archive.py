"""The whole ledger out of a store, and into an empty one. Judges nothing of what is in it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TypeVar

from workers.errors import Misconfigured, StoreTrouble
from workers.store.lua import PREFIX, Scripts, spoken
from workers.store.rows import ms

Row = tuple[
    bytes, int, bytes
]  # name without the prefix, time to live (ms, -1 for ever), the server's form of the value
_PAGE = 500
LEDGER, RESTORING = b"ledger", b"fact:restoring"
Thing = TypeVar("Thing")


class Archive:
    """A store's rows as a whole. Every method raises StoreTrouble where the server cannot do it."""

    scripts: Scripts

    def export(self) -> list[Row]:
        """Return everything, as it stood at one moment. The server answers nobody else meanwhile: two seconds for some 100 MB."""
        flat: Sequence[bytes] = self.scripts.run("dump")
        return [(flat[i], int(flat[i + 1]), flat[i + 2]) for i in range(0, len(flat), 3)]

    def is_bare(self) -> bool:
        """Tell whether nothing was ever decided or owed here."""
        client = self.scripts.client
        with spoken():
            for kind in ("p", "n"):
                for _ in client.scan_iter(f"{PREFIX}:{kind}:*", count=1000):
                    return False
        return True

    def was_interrupted(self) -> bool:
        """Tell whether a backup began to be brought in here and did not end."""
        with spoken():
            return bool(self.scripts.client.exists(f"{PREFIX}:{RESTORING.decode()}"))

    def bring_in(self, rows: Iterable[Row], *, reason: str, by: str) -> int:
        """Put *rows* in place of everything, the ledger held from before the first to after the last; return how many.

        One that was interrupted leaves a held store, into which the same can be brought again.
        """
        client = self.scripts.client
        self.scripts.run("hold", "hold", secrets.token_hex(8), "a backup is being brought back", by)
        given = list(rows)
        with spoken():
            client.set(f"{PREFIX}:{RESTORING.decode()}", b"1")
        mine = f"{PREFIX}:".encode()
        try:
            with spoken():
                for page in _pages(
                    [
                        key
                        for key in client.scan_iter(f"{PREFIX}:*", count=1000)
                        if key not in (mine + LEDGER, mine + RESTORING)
                    ]
                ):
                    client.delete(*page)
                for page in _pages([row for row in given if row[0] != LEDGER]):
                    trip = client.pipeline(transaction=False)
                    for name, ttl, value in page:
                        trip.restore(mine + name, max(ttl, 0), value, replace=True)
                    trip.execute()
                last = client.pipeline(transaction=True)  # there is no moment without a hold
                for name, ttl, value in given:
                    if name == LEDGER:
                        last.restore(mine + name, max(ttl, 0), value, replace=True)
                since = round(self.scripts.client.time()[0] * 1000)
                last.hset(mine + LEDGER, mapping={"hold": reason, "by": by, "since": since})
                last.delete(mine + RESTORING)
                last.execute()
        except StoreTrouble as error:
            if "DUMP payload" in str(error):
                raise Misconfigured(
                    "this server is older than the one the backup is of, and cannot read it",
                    hint="bring it back into a server of the same version or a newer one",
                ) from error
            raise
        return len(given)

    def prune_words(self, state: str, *, older: timedelta, limit: int = 500) -> int:
        """Drop words and attempts of notices of *state* made so long ago; return how many were looked at."""
        return int(self.scripts.run("wordless", state, ms(older), limit))


def _pages(rows: Sequence[Thing]) -> Iterator[list[Thing]]:
    for start in range(0, len(rows), _PAGE):
        yield list(rows[start : start + _PAGE])
