"""Tokens of a fake carrier: given for right credentials, valid until revoked. Says nothing of how credentials are sent."""

from __future__ import annotations

from typing import Any


class TokenDesk:
    """Gives out ``token-1``, ``token-2`` … and knows which are still good."""

    def __init__(self, *, life: int = 3600) -> None:
        self.life = life  # seconds
        self.given = 0
        self._good: set[str] = set()

    def give(self) -> dict[str, Any]:
        """Return the members that all carriers' answers share."""
        self.given += 1
        token = f"token-{self.given}"
        self._good = {token}  # a new one ends the last, as FedEx and UPS do not: the stricter case
        return {"access_token": token, "token_type": "Bearer", "expires_in": self.life}

    def revoke(self) -> None:
        self._good.clear()

    def knows(self, header: str | None) -> bool:
        return (
            header is not None
            and header.removeprefix("Bearer ") in self._good
            and header.startswith("Bearer ")
        )
