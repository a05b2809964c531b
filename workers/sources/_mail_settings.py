"""The settings of a mailbox as a source: what to read in it, how often, where to remember it. Connects to nothing."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from workers.mailbox.settings import Inbox


class Settings(Inbox):
    """A mailbox and how to read it."""

    days: int = Field(90, ge=1, le=365, description="how far back mails are read")
    carriers: bool = Field(True, description="also read carriers' mails about charges, as hints")
    listen: bool = Field(True, description="be told of new mails at once, where the server can")
    every: float = Field(300, ge=1, le=86_400, description="seconds between looks where it cannot")
    memory: Path = Field(Path("var/mail"), description="where is kept what was read")
    rate: float = Field(0.2, gt=0, description="looks per second")
    batch: int = Field(500, ge=1, le=500, description="parcels in one look")
