"""What a person said of a parcel by command, link or reply: seen, muted, stopped. Keeps no parcel and asks nobody.

A mute by command keeps quiet what can wait. An urgent notice passes it, and the mute goes on: whoever mutes is tired of
news, not of losing the parcel. ``mute: yes`` in the file and a stop are silent without exception.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Word:
    """The last word said of one parcel. The empty one is ``Word()``."""

    seen: datetime | None = None  # when somebody last said that they know; by the clock that stamps notices
    muted: bool = False
    until: datetime | None = None  # of the mute; None: until it is taken back
    stopped: bool = False

    def silent(self, *, urgent: bool, now: datetime) -> bool:
        """Say whether nothing is to be written now."""
        if self.stopped:
            return True
        return self.muted and not urgent and (self.until is None or now < self.until)

    def saw(self, seen: datetime) -> Word:
        return replace(self, seen=seen)

    def mute(self, until: datetime | None, *, seen: datetime) -> Word:
        """Keep quiet what can wait; whoever says so has seen what there is."""
        return replace(self, muted=True, until=until, seen=seen)

    def unmute(self) -> Word:
        """Write again, and watch again."""
        return replace(self, muted=False, until=None, stopped=False)

    def stop(self, seen: datetime) -> Word:
        return replace(self, stopped=True, seen=seen)

    def ends(self, now: datetime) -> datetime | None:
        """Return when a mute ends by itself, if it is one that does."""
        return self.until if self.muted and not self.stopped and self.until and self.until > now else None
