"""What reading the user's file has found so far: mistakes, oddities, files opened. Decides nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from workers.errors import Mistake
from workers.loading import Document, Step, visible


@dataclass(slots=True)
class Findings:
    """Filled while the file is read."""

    file: Path
    contents: dict[Path, bytes | None]  # every file opened, in order; None where it could not be
    document: Document
    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[Mistake] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """The folder from which relative paths in the file are meant."""
        return self.file.absolute().parent

    def wrong(self, at: tuple[Step, ...], message: str, hint: str = "") -> None:
        """Note a mistake in the value at *at*."""
        self.mistakes.append(self._said(at, message, hint))

    def odd(self, at: tuple[Step, ...], message: str, hint: str = "") -> None:
        """Note what is not wrong and hardly meant."""
        self.warnings.append(self._said(at, message, hint))

    def _said(self, at: tuple[Step, ...], message: str, hint: str) -> Mistake:
        return Mistake(self.document.file, self.document.line(at), visible(message), visible(hint))

    def path(self, written: str) -> Path:
        """Return the path that is meant by what is *written*: from the folder of the file, or from home, or whole."""
        path = Path(written)
        with suppress(RuntimeError):  # nobody of that name: then "~name" is a file like any other
            path = path.expanduser()
        return self.folder / path


def digest(contents: Mapping[Path, bytes | None]) -> str:
    """Return a hash of files and their contents; a missing file counts as such."""
    whole = hashlib.sha256()
    for path, content in contents.items():
        whole.update(hashlib.sha256(bytes(path)).digest())
        whole.update(b"missing" if content is None else hashlib.sha256(content).digest())
    return whole.hexdigest()
