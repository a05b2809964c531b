"""The mark of the account that a channel is opened with: another password or host has another mark. Sends and stores nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from pydantic import SecretStr

from workers.settings import Section


def mark(section: Section, secret: bytes) -> str:
    """Return a keyed mark of all options of *section*, secrets among them; nobody without *secret* can guess one by it."""
    said = json.dumps([section.kind, section.options.model_dump()], default=_plain, sort_keys=True)
    return hmac.new(secret, said.encode(), hashlib.sha256).hexdigest()[:16]


def _plain(value: Any) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
