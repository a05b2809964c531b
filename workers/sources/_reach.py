"""Say which hosts a source may reach: the public internet, and what the user allows by name. Refuses to reach any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from workers.guard import named


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a connection may lead."""

    allowed: frozenset[str] = frozenset()  # hosts that may have any address
    proxied: bool = (
        False  # a proxy of the environment may connect: the address is ours, or the user vouches for it
    )


PUBLIC = Reach()


class Addressed(BaseModel):
    """What all sources with a ``base_url`` share: it may be changed, but not to lead anywhere."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    allow_hosts: Sequence[str] = Field(
        default=(), description="hosts that may have a private address, or plain http"
    )

    @field_validator("base_url", check_fields=False)
    @classmethod
    def _in_form(cls, value: str, info: ValidationInfo) -> str:
        checked(value, info.data.get("allow_hosts", ()), key="it")
        return value

    def reach(self) -> Reach:
        """Return where this source may connect to."""
        address = str(getattr(self, "base_url", ""))
        shipped = type(self).model_fields["base_url"].default
        ours = address.rstrip("/") == str(shipped).rstrip("/")
        allowed = named(self.allow_hosts)
        return Reach(allowed, proxied=ours or (urlsplit(address).hostname or "") in allowed)


def checked(url: str, allowed: Sequence[str], *, key: str) -> None:
    """Refuse an address that is none, hides its host, or would send a key in the clear; raises ValueError."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(f"{key} is no address") from None
    if not host or "{" in parts.netloc:
        raise ValueError(f"{key} must name its host in full")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"{key} must hold no password")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in named(allowed)):
        raise ValueError(f"{key} must start with https:// (http:// only to a host in allow_hosts)")
