"""The user's file while the program runs: read again when it changes, the last good one kept in use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from workers.errors import Misconfigured
from workers.loading import read_bytes
from workers.settings.findings import digest
from workers.settings.reading import Reading
from workers.settings.sections import ModelOf, secret_content
from workers.settings.settled import Settings

_SETTLED = timedelta(seconds=1)  # a file untouched for so long is not being written any more


class Looked(NamedTuple):
    """What a look at the file came to."""

    settings: Settings  # the last good ones
    changed: bool  # they are new with this look
    error: (
        Misconfigured | None
    )  # why the file, as it is now, is not what is used; the same object while it stays so


class Watch:
    """Keeps the last good Settings. Compares content: bind mounts and replaced files break inode watching."""

    def __init__(
        self, path: Path, *, source_model: ModelOf, channel_model: ModelOf, environ: Mapping[str, str]
    ) -> None:
        self._path = path
        self._source_model = source_model
        self._channel_model = channel_model
        self._environ = environ
        self._settings: Settings | None = None
        self._error: Misconfigured | None = None
        self._depends: tuple[Path, ...] = (path,)
        self._judged = ""  # digest of what was read last, good or bad
        self._seen = ""  # digest at the look before

    def poll(self, now: datetime) -> Looked:
        """Look at the file; raises Misconfigured only while there has never been a good one.

        A file that is being written is left alone until it has been still for a second, or for two looks.
        """
        digest_now = digest(self._contents())
        changed = False
        if self._settings is None or (digest_now != self._judged and self._still(digest_now, now)):
            changed = self._read()
        self._seen = digest_now
        if self._settings is None:
            raise self._error or Misconfigured(f"{self._path.name}: has not been read")
        return Looked(self._settings, changed, self._error)

    def _still(self, digest_now: str, now: datetime) -> bool:
        if digest_now == self._seen:
            return True
        try:
            touched = max(path.stat().st_mtime for path in self._depends)
        except OSError:  # it is being replaced, or gone: look once more before it is called so
            return False
        return now - datetime.fromtimestamp(touched, UTC) >= _SETTLED

    def _read(self) -> bool:
        reading = Reading(
            self._path,
            source_model=self._source_model,
            channel_model=self._channel_model,
            environ=self._environ,
        )
        try:
            settings = reading.settings()
        except Misconfigured as error:
            self._error = error
            settings = None
        self._depends = tuple(reading.contents)
        self._judged = digest(reading.contents)
        if settings is None:
            return False
        self._error = None
        changed = self._settings is None or self._settings.digest != settings.digest
        self._settings = settings
        return changed

    def _contents(self) -> dict[Path, bytes | None]:
        """Return what the files hold now, read the way ``Reading`` reads them."""
        out = {path: secret_content(path) for path in self._depends if path != self._path}
        try:
            return {self._path: read_bytes(self._path, name=self._path.name), **out}
        except Misconfigured:
            return {self._path: None, **out}
