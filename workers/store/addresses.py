"""Addresses that are set aside because nothing sent there arrives. Holds a keyed mark of each, never the address itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from workers.store.lua import PREFIX, Scripts, spoken
from workers.store.rows import stamped, text


@dataclass(frozen=True, slots=True)
class Aside:
    """One address of a recipient by one channel. A mark of another address means that the user has changed it since."""

    channel: str
    recipient: str
    mark: str
    since: datetime
    error: str


class Addresses:
    """Addresses in the store. Every method raises StoreTrouble where the server cannot do it."""

    scripts: Scripts

    def set_aside(self, channel: str, recipient: str, mark: str, *, error: str) -> bool:
        """Send nothing there any more; False if it was so already."""
        said = " ".join(error.split())[:300]
        return bool(self.scripts.run("aside", f"{channel}/{recipient}", mark, said))

    def take_back(self, channel: str, recipient: str) -> bool:
        """Send there again; False if it was not set aside."""
        with spoken():
            return bool(self.scripts.client.hdel(f"{PREFIX}:aside", f"{channel}/{recipient}"))

    def aside(self, channel: str, recipient: str) -> Aside | None:
        """Return what is known of the address, None where nothing keeps it back."""
        name = f"{channel}/{recipient}"
        with spoken():
            found = self.scripts.client.hget(f"{PREFIX}:aside", name)
        return _aside(name, text(found)) if found else None

    def all_aside(self) -> tuple[Aside, ...]:
        """Return every address that is set aside, in the order of their channels and recipients."""
        with spoken():
            found = self.scripts.client.hgetall(f"{PREFIX}:aside")
        return tuple(
            _aside(name, said) for name, said in sorted((text(n), text(s)) for n, s in found.items())
        )


def _aside(name: str, said: str) -> Aside:
    at, mark, error = said.split(" ", 2)
    channel, _, recipient = name.partition("/")
    since = stamped(at)
    return Aside(channel, recipient, mark, since, error)
