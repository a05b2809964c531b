"""Load the harmless wordings of wordings.yaml; refuses one that nothing could meet."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pydantic import Field, model_validator

from workers import loading, resources
from workers.core.causes import Wording
from workers.core.model import Evidence, Stage
from workers.knowledge.shapes import Strict


class WordingFile(Strict):
    key: str = Field(pattern=r"^[a-z][a-z_]*$")
    stages: tuple[Stage, ...] = Field(min_length=1)
    fragments: tuple[str, ...] = ()
    shops: tuple[str, ...] = ()
    source: str = Field(min_length=8)

    @model_validator(mode="after")
    def _can_be_met(self) -> WordingFile:
        if not self.fragments and not self.shops:
            raise ValueError("name a fragment of the wording, or a shop that shows the sign")
        return self


class WordingsFile(Strict):
    checked: date
    wordings: tuple[WordingFile, ...]


def load_wordings(path: Path | None = None) -> tuple[Wording, ...]:
    """Return wordings.yaml, or the file at *path*; raises Misconfigured with every mistake."""
    document = loading.read(path or resources.knowledge("wordings.yaml"))
    file = loading.validate(WordingsFile, document)
    return tuple(
        Wording(
            key=entry.key,
            stages=frozenset(entry.stages),
            fragments=tuple(fragment.casefold() for fragment in entry.fragments),
            shops=tuple(shop.casefold() for shop in entry.shops),
            evidence=Evidence(
                "guess",
                f"a known harmless wording: {entry.key.replace('_', ' ')}",
                f"{document.file}:{document.line(('wordings', number))}",
                entry.source,
                file.checked,
            ),
        )
        for number, entry in enumerate(file.wordings)
    )
