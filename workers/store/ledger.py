"""Which ledger this is, how far it has come, and whether it is held: then nothing is sent until a person says so."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from workers.store.lua import PREFIX, Scripts, spoken
from workers.store.rows import text, when


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger as the store shows it. ``owed`` and ``sent`` only ever grow, so less than before is another past."""

    id: str  # "" before the first prepare()
    owed: int = 0
    sent: int = 0
    hold: str = ""  # why nothing is sent
    since: datetime | None = None
    by: str = ""
    was: frozenset[str] = frozenset()  # earlier ids, confirmed by a person to be this ledger


class Ledgers:
    """The ledger in the store. Every method raises StoreTrouble where the server cannot do it."""

    scripts: Scripts
    expected: Ledger | None = None  # what claims insist on; None: any ledger will do

    def ledger(self) -> Ledger:
        """Return the ledger as it stands."""
        with spoken():
            pipe = self.scripts.client.pipeline(transaction=False)
            pipe.hgetall(f"{PREFIX}:ledger")
            pipe.hmget(f"{PREFIX}:count", "owed", "sent")
            fields, counts = pipe.execute()
        row = {text(name): value for name, value in fields.items()}
        return Ledger(
            id=text(row.get("id")),
            owed=int(counts[0] or 0),
            sent=int(counts[1] or 0),
            hold=text(row.get("hold")),
            since=when(row.get("since")),
            by=text(row.get("by")),
            was=frozenset(name.removeprefix("was:") for name in row if name.startswith("was:")),
        )

    def name_ledger(self) -> None:
        """Give the ledger an id, where it has none."""
        self.scripts.run("hold", "name", secrets.token_hex(8))

    def hold(self, reason: str, *, by: str) -> bool:
        """Send nothing from now on, on no machine; False where it is held already."""
        said = " ".join(reason.split())[:300]
        return bool(self.scripts.run("hold", "hold", secrets.token_hex(8), said, by))

    def lift_hold(self, *, knew: Iterable[str] = (), skip_owed: bool = False) -> int:
        """Let sending go on, under a new id that takes the place of the present one and of those in *knew*.

        *skip_owed*: what is owed now is skipped. Returns how many notices that were.
        """
        old = [name for name in knew if name]
        return max(
            0, int(self.scripts.run("hold", "release", secrets.token_hex(8), int(skip_owed), *old)) - 1
        )

    def _insisted(self) -> tuple[str, int, int]:
        expected = self.expected
        return ("", 0, 0) if expected is None else (expected.id, expected.owed, expected.sent)
