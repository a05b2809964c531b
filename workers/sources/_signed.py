"""What the signatures of pushes share: digests over raw bytes, compared in constant time. Reads nothing that it verifies."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

from pydantic import Field, SecretStr, field_validator

from workers.sources._answers import KeySettings


class SignedSettings(KeySettings):
    """Options of a service that also reports by itself, under a secret that both know."""

    webhook_secret: SecretStr = Field(
        default=SecretStr(""), description="the secret of the webhook; without it no push is taken"
    )

    @field_validator("webhook_secret")
    @classmethod
    def _secret(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[^\x00-\x1f\x7f]{0,500}", value.get_secret_value()):
            raise ValueError("must be the webhook's secret, on one line")
        return value


def same(said: str, meant: str) -> bool:
    """Compare in constant time; nothing is the same as an empty secret."""
    return bool(meant) and hmac.compare_digest(said.encode(), meant.encode())


def sha256(secret: str, body: bytes) -> bytes:
    """Return HMAC-SHA256 of *body*."""
    return hmac.new(secret.encode(), body, hashlib.sha256).digest()


def signed_base64(said: str, secret: SecretStr, body: bytes) -> bool:
    """Whether *said* is the HMAC-SHA256 of *body* under *secret*, in base64. An empty secret has signed nothing."""
    key = secret.get_secret_value()
    return bool(key) and same(said.strip(), base64.b64encode(sha256(key, body)).decode())
