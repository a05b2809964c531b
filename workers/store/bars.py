"""Channels that let nothing out until somebody mends them: nobody tries them but one at a time, now and then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from workers.store.lua import PREFIX, Scripts, spoken
from workers.store.rows import ms, stamped, text


@dataclass(frozen=True, slots=True)
class Bar:
    """A channel that was refused."""

    channel: str
    since: datetime
    until: datetime  # when it is tried again
    error: str
    waiting: int  # notices owed there


class Bars:
    """Barred channels in the store. Every method raises StoreTrouble where the server cannot do it."""

    scripts: Scripts

    def bar(self, channel: str, mark: str, *, error: str, after: timedelta) -> None:
        """Claim nothing of *channel* for *after*, but for whoever knows an account that was not refused.

        *mark*: of the account that was. A notice that is sent lifts it.
        """
        self.scripts.run("bar", channel, mark, " ".join(error.split())[:300], ms(after))

    def bars(self) -> tuple[Bar, ...]:
        """Return every channel that is barred, by name."""
        with spoken():
            client = self.scripts.client
            names = sorted(text(name) for name in client.smembers(f"{PREFIX}:channels"))
            rows = [(name, client.hgetall(f"{PREFIX}:bar:{name}")) for name in names]
            found = [(name, row, client.zcard(f"{PREFIX}:ob:{name}")) for name, row in rows if row]
        return tuple(
            Bar(
                name,
                stamped(text(row[b"since"])),
                stamped(text(row[b"until"])),
                text(row[b"err"]),
                int(waiting),
            )
            for name, row, waiting in found
        )
