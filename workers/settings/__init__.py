"""The user's file: read, checked, watched. Importing this reads nothing."""

from workers.settings.example import write_example
from workers.settings.reading import EXPOSE, load
from workers.settings.settled import (
    AutoWatch,
    Recipient,
    Section,
    Settings,
    WebSettings,
    WorkerSettings,
    is_loopback,
)
from workers.settings.watch import Looked, Watch

__all__ = [
    "EXPOSE",
    "AutoWatch",
    "Looked",
    "Recipient",
    "Section",
    "Settings",
    "Watch",
    "WebSettings",
    "WorkerSettings",
    "is_loopback",
    "load",
    "write_example",
]
