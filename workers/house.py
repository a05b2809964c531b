"""What a process works with: the last good file of the user, and what it opened. Holds no logic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workers.channels import Channel
from workers.render.enclosed import Words
from workers.settings import Settings
from workers.sources import Source


@dataclass(frozen=True, slots=True)
class House:
    """The user's file, its sources and channels, and the words."""

    settings: Settings
    sources: Mapping[str, Source]
    channels: Mapping[str, Channel]
    renderer: Words
