"""What the store knows beside parcels and notices: its secret, who lives, how sources fare. Judges none."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from workers.core.health import Health as SourceHealth
from workers.errors import Misconfigured
from workers.store.lua import PREFIX, Scripts, spoken
from workers.store.rows import STATES, Bells, ms, stamp, text, when

SCHEMA = 1
Pushed = Literal["push", "reply"]


class Facts:
    """Small facts in the store. Every method raises StoreTrouble where the server cannot do it."""

    scripts: Scripts

    def prepare(self) -> None:
        """Write the schema's number into a store that is empty or older; raise Misconfigured if a newer version wrote it."""
        found = int(self.scripts.run("prepare", SCHEMA, secrets.token_hex(8)))
        if found > SCHEMA:
            raise Misconfigured(
                f"the store was written by a newer customs-watch (schema {found}, this one knows {SCHEMA})",
                hint="update customs-watch on this machine",
            )

    def secret(self) -> bytes:
        """Return the store's own 32 random bytes, made once: the key of notice ids."""
        key = f"{PREFIX}:secret"
        with spoken():
            self.scripts.client.set(key, secrets.token_bytes(32), nx=True)
            found: Any = self.scripts.client.get(key)
        return bytes(found)

    def sweep(self) -> Bells:
        """Return what is due now, and when the next thing will be. Reads only."""
        due, notices, reviews, next_in = self.scripts.run("sweep")
        return Bells(
            due={text(name): int(n) for name, n in zip(due[::2], due[1::2], strict=True)},
            notices={text(name): int(n) for name, n in zip(notices[::2], notices[1::2], strict=True)},
            reviews=int(reviews),
            next_in=None if next_in < 0 else timedelta(milliseconds=next_in),
        )

    def counts(self) -> dict[str, int]:
        """Return how often what happened so far, and as ``state:…`` how many notices are in each state."""
        with spoken():
            pipe = self.scripts.client.pipeline(transaction=False)
            pipe.hgetall(f"{PREFIX}:count")
            for state in STATES:
                pipe.zcard(f"{PREFIX}:st:{state}")
            events, *sizes = pipe.execute()
        out = {text(name): int(n) for name, n in events.items()}
        return out | {f"state:{state}": int(n) for state, n in zip(STATES, sizes, strict=True)}

    def source_news(
        self,
        source: str,
        *,
        ok: bool,
        error: str = "",
        answered: int = 0,
        host_ill: bool = False,
        permanent: bool = False,
    ) -> None:
        """Note that *source* answered (for that many parcels), or how it failed.

        *host_ill*: not we are refused, its host is down: others that ask the same host are held back too.
        """
        said = " ".join(error.split())[:500]  # may quote what a server said
        self.scripts.run(
            "news", source, int(ok), said, answered, secrets.token_hex(8), int(host_ill), int(permanent)
        )

    def source_health(self) -> dict[str, SourceHealth]:
        """Return how each source fares that was ever asked."""
        with spoken():
            names = sorted(text(name) for name in self.scripts.client.smembers(f"{PREFIX}:sources"))
            pipe = self.scripts.client.pipeline(transaction=False)
            for name in names:
                pipe.hmget(f"{PREFIX}:health:{name}", *_HEALTH)
                pipe.scard(f"{PREFIX}:shr:{name}")
                pipe.hlen(f"{PREFIX}:mute:{name}")
            rows = pipe.execute() if names else []
        return {
            name: _health(dict(zip(_HEALTH, fields, strict=True)), int(shrunk), int(silent))
            for name, fields, shrunk, silent in zip(names, rows[::3], rows[1::3], rows[2::3], strict=True)
            if fields[0]
        }

    def owner_heard(
        self, source: str, what: Literal["broken", "healed", "shrank", "grown"], *, since: datetime
    ) -> None:
        """Note what the owner was told of *source*: a trouble that began then, its end; that it shows less, or no longer."""
        self.scripts.run("mark", source, what, stamp(since))

    def showed(self, source: str, parcels: Mapping[str, bool]) -> int:
        """Note of which parcels *source* shows much less than it did (True); return of how many in all."""
        flat = [part for parcel, less in parcels.items() for part in (parcel, int(less))]
        return int(self.scripts.run("showed", source, *flat))

    def beat(self, name: str, *, ttl: timedelta) -> None:
        """Say that the process *name* is alive for *ttl* from now."""
        self.scripts.run("beat", name, ms(ttl))

    def beats(self) -> dict[str, datetime]:
        """Return the last beat of every living process."""
        flat = self.scripts.run("beats")
        beats = {text(name): when(at) for name, at in zip(flat[::2], flat[1::2], strict=True)}
        return {name: at for name, at in beats.items() if at is not None}

    def push_begins(
        self, digest: str, *, lease: timedelta, what: Pushed = "push"
    ) -> Literal["new", "busy", "seen"]:
        """Claim a push, or a reply, by its digest for *lease*: "busy" is somebody's now, "seen" was taken in before."""
        answer: Literal["new", "busy", "seen"] = text(
            self.scripts.run("push", digest, "begin", ms(lease), 0, what)
        )  # type: ignore[assignment]  # push.lua's words
        return answer

    def push_done(self, digest: str, *, ttl: timedelta, unwatched: int = 0, what: Pushed = "push") -> None:
        """Remember for *ttl* that a push was taken in; *unwatched* of its numbers are nobody's."""
        self.scripts.run("push", digest, "done", ms(ttl), unwatched, what)

    def push_dropped(self, digest: str) -> None:
        """Let a push be taken in when it is sent again."""
        self.scripts.run("push", digest, "drop", 0, 0, "")

    def remember(self, name: str, value: bytes, ttl: timedelta | None = None) -> None:
        """Keep a small fact, for *ttl* from now or for ever."""
        with spoken():
            self.scripts.client.set(
                f"{PREFIX}:fact:{name}", value, px=None if ttl is None else max(1, int(ms(ttl)))
            )

    def recollect(self, name: str) -> bytes | None:
        """Return a fact that was remembered, or None."""
        with spoken():
            found: Any = self.scripts.client.get(f"{PREFIX}:fact:{name}")
        return found if found is None else bytes(found)


_HEALTH = ("op", "ok", "fails", "err", "since", "answered", "perm", "good", "told", "healed", "shrank")


def _health(row: Mapping[str, bytes | None], shrunk: int, silent: int) -> SourceHealth:
    return SourceHealth(
        last_ok=when(row["ok"]),
        failures=int(row["fails"] or 0),
        last_error=text(row["err"]),
        since=when(row["since"]),
        answered=int(row["answered"] or 0),
        permanent=row["perm"] == b"1",
        good=when(row["good"]),
        told=when(row["told"]),
        healed=when(row["healed"]),
        shrunk=shrunk,
        shrank=when(row["shrank"]),
        silent=silent,
    )
