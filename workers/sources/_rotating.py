"""Keep one pair of tokens that rotates: shared by all workers, renewed before its end, by one of them at a time.

A service that rotates takes a refresh token once. Whoever renews holds a lease in the vault meanwhile; the others go on
with the old access token while it lasts, or wait. What was renewed is in the vault before it is used; where the store is
away at that moment, this process keeps it and puts it there first thing. A crash between the service's answer and the
vault loses the pair: no order of steps can prevent that, and the error then says how to sign in anew.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from workers.errors import StoreTrouble, Temporary
from workers.sources import Vault
from workers.sources._single import Refused

LEASE = timedelta(seconds=60)  # for one request; a worker that died with it delays the others so long
_TURN = 0.5  # seconds between two looks at who else renews
_TURNS = 20
_LEAST, _MOST = timedelta(minutes=5), timedelta(days=1)


class Pair(msgspec.Struct, frozen=True):
    """An access token with its end, and the token that gets the next pair. Its repr shows neither."""

    access: str
    refresh: str
    until: datetime
    life: float = 0.0  # seconds, as it was given

    def __repr__(self) -> str:
        return f"Pair(until={self.until.isoformat()})"

    def fresh(self, now: datetime) -> bool:
        """Whether it lasts a good while yet: a tenth of its life, five minutes to a day."""
        return now < self.until - min(max(timedelta(seconds=self.life / 10), _LEAST), _MOST)


@dataclass(slots=True)
class Pocket:
    """A vault for a process that has no store, such as a single look: what is in it ends with the process."""

    _held: dict[str, tuple[bytes, int]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def read(self, name: str) -> tuple[bytes, int]:
        return self._held.get(name, (b"", 0))

    def begin(self, name: str, version: int, *, lease: timedelta) -> bool:  # noqa: ARG002 -- one process, one lock: see Rotating
        return self.read(name)[1] == version

    def put(self, name: str, version: int, value: bytes) -> bool:
        with self._lock:
            if self.read(name)[1] != version:
                return False
            self._held[name] = (value, version + 1)
            return True


class Rotating:
    """The pair of one account. Safe to call from several threads; two workers never renew at once, unless one sleeps
    through its lease, and then the one pair that the vault took is the pair of both."""

    def __init__(
        self,
        vault: Vault,
        name: str,
        renew: Callable[[Pair | None], Pair],
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._vault = vault
        self._name = name
        self._renew = renew
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._pair: Pair | None = None
        self._version = 0
        self._unsaved: Pair | None = None

    def token(self, *, stale: str = "") -> str:
        """Return an access token other than *stale*, the one that the service has just refused.

        Raises Refused where only a person can get a new pair, Temporary where none can be had now.
        """
        with self._lock:
            pair = self._pair
            if pair is not None and pair.access != stale and pair.fresh(self._clock()) and not self._unsaved:
                return pair.access
            return self._shared(stale)

    def _shared(self, stale: str) -> str:
        for turn in range(_TURNS):
            if turn:
                self._sleep(_TURN)
            self._save()
            self._look()
            pair = self._pair
            usable = pair is not None and pair.access != stale and self._clock() < pair.until
            if pair is not None and usable and pair.fresh(self._clock()):
                return pair.access
            if self._vault.begin(self._name, self._version, lease=LEASE):
                return self._renewed(pair if usable else None, pair)
            if pair is not None and usable:  # somebody is getting the next one
                return pair.access
        raise Temporary("another worker is renewing the sign-in", after=timedelta(seconds=20))

    def _renewed(self, usable: Pair | None, pair: Pair | None) -> str:
        """Get the next pair, and put it into the vault; where that fails, the present one is used while it lasts."""
        before = self._version
        try:
            self._unsaved = self._renew(pair)
        except (Temporary, Refused):
            self._look()
            if self._version != before and self._pair is not None:  # another worker has got a new one
                return self._pair.access
            if usable is not None:
                return usable.access
            raise
        self._save()
        self._look()
        if self._pair is None:
            raise StoreTrouble("the store has lost the tokens that were just put there")
        return self._pair.access

    def _save(self) -> None:
        if self._unsaved is not None:
            self._vault.put(self._name, self._version, msgspec.json.encode(self._unsaved))  # or theirs counts
            self._unsaved = None

    def _look(self) -> None:
        value, self._version = self._vault.read(self._name)
        try:
            self._pair = msgspec.json.decode(value, type=Pair) if value else None
        except msgspec.DecodeError:
            raise StoreTrouble("the tokens in the store cannot be read") from None
