"""Text messages over a gateway: Twilio, Vonage, Sinch, 46elks, or any that takes one HTTP request. Sends the short words alone.

An SMS costs money and cannot be taken back, so an uncertain one is held by default, unless the gateway
honours a key.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal, Protocol

import httpx

from workers.channels import (
    Envelope,
    Form,
    Receipt,
    _clean,
    _sms_46elks,
    _sms_http,
    _sms_sinch,
    _sms_twilio,
    _sms_vonage,
    _wire,
)
from workers.channels._sms_look import Listing, Looking
from workers.channels._sms_settings import Settings, recipe
from workers.core.model import Message
from workers.errors import Permanent

__all__ = ["Settings", "Sms", "open"]


class _Gateway(Protocol):
    @property
    def keyed(self) -> bool: ...

    def submit(self, notice: str, to: str, text: str, attempt: int, /) -> Receipt: ...


class Sms:
    """A gateway, asked for one message at a time."""

    kind = "sms"
    form: Form = "short"
    target = ""

    def __init__(self, settings: Settings, *, name: str, clock: Callable[[], datetime]) -> None:
        self.name = name
        self._wire = _wire.client(
            timeout=settings.timeout,
            ca_file=settings.ca_file,
            allowed=settings.allow_hosts,
            shipped=settings.provider != "http" and not settings.base_url,
            auth=_auth(settings),
        )
        self._gateway = _gateway(settings, self._wire, clock)
        self.keyed = self._gateway.keyed
        self.on_uncertain: Literal["resend", "hold"] = settings.on_uncertain or (
            "resend" if self.keyed else "hold"
        )

    def send(self, envelope: Envelope, message: Message) -> Receipt:
        """Have the short words sent; returns when the gateway accepted them."""
        to = _clean.phone_recipient(envelope.to)
        text = _clean.short(message.short)
        if not text:
            raise Permanent("the message has no short words to send")
        return self._gateway.submit(_clean.token(envelope.notice), to, text, envelope.attempt)

    def close(self) -> None:
        """Let go of the connections."""
        self._wire.close()


def _auth(settings: Settings) -> tuple[str, str] | None:
    if settings.provider == "twilio":
        return settings.account_sid, settings.auth_token.get_secret_value()
    return (settings.user, settings.password.get_secret_value()) if settings.user else None


def _gateway(settings: Settings, wire: httpx.Client, clock: Callable[[], datetime]) -> _Gateway:
    base, sender = settings.where, settings.sender
    listing: Listing
    match settings.provider:
        case "http":
            return _sms_http.Http(recipe(settings), wire=wire, clock=clock)
        case "vonage":
            return _sms_vonage.Vonage(
                key=settings.api_key, secret=settings.api_secret.get_secret_value(), sender=sender, base_url=base,
                wire=wire, clock=clock,
            )  # fmt: skip
        case "twilio":
            named = {"From": sender, "MessagingServiceSid": settings.messaging_service_sid}
            listing = _sms_twilio.Twilio(
                account_sid=settings.account_sid,
                sender={key: value for key, value in named.items() if value},
                base_url=base,
                wire=wire,
                clock=clock,
            )
        case "sinch":
            listing = _sms_sinch.Sinch(
                plan=settings.service_plan_id, token=settings.api_token.get_secret_value(), sender=sender, base_url=base,
                wire=wire, clock=clock,
            )  # fmt: skip
        case "46elks":
            listing = _sms_46elks.FortySixElks(sender=sender, base_url=base, wire=wire, clock=clock)
    return Looking(listing, reconcile=settings.reconcile, clock=clock)


def open(settings: Settings, *, name: str, clock: Callable[[], datetime]) -> Sms:  # noqa: A001  # the contract's word
    """Return the channel of *settings*; makes no connection. Raises Misconfigured if ``ca_file`` is no good."""
    return Sms(settings, name=name, clock=clock)
