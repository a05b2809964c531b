"""A signed POST to a program of yours, after Standard Webhooks. Follows no redirect, reaches no private address unasked.

https://github.com/standard-webhooks/standard-webhooks (specification read 2026-11-24): ``webhook-id`` is the notice's id
and stays over retries, so the receiver can tell a repeated one; ``webhook-timestamp`` is the attempt's; ``webhook-signature``
holds one signature for each secret, so that a secret can be changed without losing anything. The body is the same at each try.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from workers.channels import Envelope, Form, Receipt, _clean, _wire
from workers.core.model import Message
from workers.errors import Barred, DeadAddress, Permanent, Temporary, Trouble

_WHO = "the receiver"
_KEY = range(24, 65)  # bytes of a signing secret; the specification asks for 192 to 512 bits
_GONE = 410  # "no longer interested": the specification has the sender stop
_BEING_DEPLOYED = 404  # a proxy says so while the program behind it restarts
_LATER = frozenset({_BEING_DEPLOYED, 408, 425, 429})
_PATIENCE = 6  # attempts, about two hours: then a 404 is believed


class Settings(BaseModel):
    """Where to, and what to sign with."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    FORM: ClassVar[Form] = "own"

    url: SecretStr = Field(description="address that takes the POST; https")
    secret: SecretStr = Field(description="whsec_ and 24 to 64 bytes in base64: `openssl rand -base64 32`")
    old_secrets: list[SecretStr] = Field(
        [], description="secrets to sign with as well, while they are being changed"
    )
    on_uncertain: Literal["resend", "hold"] = Field(
        "resend", description="what to do when the answer was lost"
    )
    timeout: float = Field(20, gt=0, le=300, description="seconds to wait for a connection or an answer")
    allow_hosts: list[str] = Field(
        [], description="hosts that may have a private address, such as your own server"
    )
    ca_file: Path | None = Field(None, description="certificate of a private authority")
    insecure: bool = Field(False, description="allow http to another machine")

    @field_validator("secret", "old_secrets")
    @classmethod
    def _is_a_key(cls, value: Any) -> Any:
        for secret in value if isinstance(value, list) else [value]:
            _key(secret)
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _wire.checked_url(self.url.get_secret_value(), insecure=self.insecure)
        return self


def _key(secret: SecretStr) -> bytes:
    try:
        key = base64.b64decode(secret.get_secret_value().removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) not in _KEY:
        raise ValueError(
            "not a signing secret: whsec_ and 24 to 64 bytes in base64 (openssl rand -base64 32)"
        )
    return key


class Webhook:
    """One receiver."""

    kind = "webhook"
    form: Form = "own"
    keyed = True  # the receiver knows a repeated notice by its webhook-id

    def __init__(self, settings: Settings, *, name: str, clock: Callable[[], datetime]) -> None:
        self.name = name
        self.on_uncertain: Literal["resend", "hold"] = settings.on_uncertain
        self._clock = clock
        self._url = self.target = settings.url.get_secret_value()
        self._keys = [_key(secret) for secret in (settings.secret, *settings.old_secrets)]
        self._wire = _wire.client(
            timeout=settings.timeout, ca_file=settings.ca_file, allowed=settings.allow_hosts
        )

    def send(self, envelope: Envelope, message: Message) -> Receipt:
        """Have the receiver take one notice; returns once it answered with 2xx."""
        if envelope.to:
            raise Permanent("a webhook has an address of its own, and takes no other")
        now = self._clock()
        notice, at = _clean.token(envelope.notice), int(now.timestamp())
        body = payload(envelope, message, now)
        request = self._wire.build_request(
            "POST",
            self._url,
            content=body,
            headers={
                "Content-Type": "application/json",
                "webhook-id": notice,
                "webhook-timestamp": str(at),
                "webhook-signature": " ".join(_signed(key, notice, at, body) for key in self._keys),
            },
        )
        answer = _wire.ask(self._wire, request, clock=self._clock, who=_WHO)
        if 200 <= answer.status < 300:
            return Receipt(f"HTTP {answer.status}")
        raise _refused(answer, envelope.attempt)

    def close(self) -> None:
        """Let go of the connections."""
        self._wire.close()


def payload(envelope: Envelope, message: Message, now: datetime) -> bytes:
    """Return the body: what docs/channels.md describes. It holds words, never markup, and no address of a person."""
    facts = {name: _clean.header(value) for name, value in envelope.facts.items()}
    made = facts.pop("made", "") or now.isoformat(timespec="seconds")  # a trial has no time of its own
    words = {
        "lang": _clean.header(message.lang, 35),
        "subject": _clean.header(message.subject),
        "text": _clean.body(message.text),
        "short": _clean.short(message.short),
    }
    data = {
        "notice": _clean.token(envelope.notice),
        "thread": _clean.token(envelope.thread),
        "urgent": envelope.urgent,
        **facts,
        **words,
    }
    return json.dumps(
        {"type": "parcel.notice", "timestamp": made, "data": data}, ensure_ascii=False, separators=(",", ":")
    ).encode()


def _signed(key: bytes, notice: str, at: int, body: bytes) -> str:
    digest = hmac.digest(key, b"%b.%d.%b" % (notice.encode(), at, body), hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode("ascii")


def _refused(answer: _wire.Answer, attempt: int) -> Trouble:
    said = f"the receiver answered {answer.status}"
    if answer.status == _GONE:
        return DeadAddress(said, hint="Gone: it wants no more notices")
    if answer.status >= 500 or (
        answer.status in _LATER and not (answer.status == _BEING_DEPLOYED and attempt >= _PATIENCE)
    ):
        return Temporary(said, after=answer.retry_after)  # whatever it did, it knows the notice by its id
    if 300 <= answer.status < 400:
        return Permanent(said, hint="redirects are not followed; write the final address")
    if answer.status in (401, 403):
        hint = "does it verify with the same secret, and is its clock right?"
        return Barred(said, hint=hint) if answer.status == 401 else Permanent(said, hint=hint)
    return Permanent(said)


def open(settings: Settings, *, name: str, clock: Callable[[], datetime]) -> Webhook:  # noqa: A001  # the contract's word
    """Return the channel of *settings*; makes no connection. Raises Misconfigured if ``ca_file`` is no good."""
    return Webhook(settings, name=name, clock=clock)
