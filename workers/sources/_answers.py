"""Open a JSON answer and make an outcome of what was read in it. Refuses whatever is no object; makes no request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import xxhash
from pydantic import Field, SecretStr, field_validator

from workers.core.model import Sighting, TimeQuality
from workers.errors import Temporary
from workers.sources import Found, NoNews
from workers.sources._fields import UNREADABLE
from workers.sources._http import CAP
from workers.sources._reach import Addressed
from workers.sources._times import moment, naive, utc


class KeySettings(Addressed):
    """What all services with one key have in common. A kind adds ``base_url``, ``rate`` and ``batch``."""

    token: SecretStr = Field(description="your key")
    timeout: float = Field(default=20.0, gt=0, le=300, description="seconds to wait")
    largest: int = Field(default=CAP, ge=1, description="bytes of an answer at most")

    @field_validator("base_url", check_fields=False)
    @classmethod
    def _http(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError("must start with https://")
        return value.rstrip("/") + "/"

    @field_validator("token")
    @classmethod
    def _printable(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[!-~]+", value.get_secret_value()):
            raise ValueError("must be the service's key: letters and digits, no spaces")
        return value


def carrier_named(hint: str, carriers: Mapping[str, str]) -> str:
    """Return the service's code for the carrier the user named, by the user's own table; "" where it says nothing."""
    wanted = hint.strip().casefold()
    return next((code for word, code in carriers.items() if word.strip().casefold() == wanted), "")


def opened(payload: bytes | Mapping[str, Any], service: str) -> Mapping[str, Any]:
    """Return an answer as an object; raises Temporary for whatever is none."""
    if not isinstance(payload, bytes):
        return payload
    try:
        return msgspec.json.decode(payload, type=dict[str, Any])
    except UNREADABLE:
        raise Temporary(f"{service}'s answer is not the JSON it documents") from None


def shown(told: Sequence[Sighting], memo: str = "") -> Found | NoNews:
    """Return what a parcel's sightings mean: news if there are any."""
    if not told:
        return NoNews(memo)
    return Found(xxhash.xxh3_128_hexdigest(repr(told).encode()), lambda: told, memo)


def stamped(text: Any) -> tuple[datetime | None, TimeQuality]:
    """Return a time and how well it is known: EXACT with an offset, ASSUMED without, DAY where only the date is."""
    when = moment(text)
    if when is None or when.tzinfo is None:
        return naive(text)
    at = utc(when)
    return (at, TimeQuality.EXACT) if at is not None else (None, TimeQuality.UNKNOWN)
