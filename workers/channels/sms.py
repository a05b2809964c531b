"""Text messages over a gateway: Twilio, or any that takes one HTTP request. Sends the short words and nothing else.

An SMS costs money and cannot be taken back, so an uncertain one is held by default, unless the gateway
honours a key.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator, model_validator

from workers.channels import Envelope, Receipt, _clean, _sms_http, _sms_twilio, _wire
from workers.core.model import Message
from workers.errors import Permanent

_SENDER = re.compile(r"\+[1-9][0-9]{6,14}|[0-9]{3,8}|(?=[^a-z]*[a-z])[a-z0-9 &+_-]{1,11}", re.IGNORECASE)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, token
_TWILIO = ("account_sid", "auth_token", "sender", "messaging_service_sid", "base_url", "reconcile")
_HTTP = (
    "url",
    "method",
    "headers",
    "query",
    "form",
    "body",
    "user",
    "password",
    "success",
    "idempotency_header",
    "id_path",
)


class Settings(BaseModel):
    """A gateway. Keys of the other provider are refused, so that none is believed to work that does not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: Literal["twilio", "http"] = Field("twilio", description="twilio, or http for any other gateway")
    timeout: float = Field(30, gt=0, le=300, description="seconds to wait for a connection or an answer")
    on_uncertain: Literal["resend", "hold"] | None = Field(
        None,
        description="what to do when the answer was lost; default: hold, or resend with an idempotency_header",
    )
    ca_file: Path | None = Field(None, description="certificate of a private authority")
    insecure: bool = Field(False, description="allow http to another machine")
    allow_hosts: list[str] = Field([], description="hosts that may have a private address")

    account_sid: str = Field("", description="twilio: AC and 32 hexadecimal digits")
    auth_token: SecretStr = Field(SecretStr(""), description="twilio: the account's token")
    sender: str = Field(
        "", alias="from", description="twilio: number, short code or name that messages come from"
    )
    messaging_service_sid: str = Field(
        "", description="twilio: MG and 32 hexadecimal digits, instead of from"
    )
    base_url: str = Field("https://api.twilio.com", description="twilio: where its API is")
    reconcile: bool = Field(True, description="twilio: look among sent messages before sending again")

    url: str = Field("", repr=False, description="http: the gateway's address")
    method: Literal["POST", "PUT", "GET"] = Field("POST", description="http: POST, PUT or GET")
    headers: dict[str, SecretStr] = Field({}, description="http: further headers")
    query: dict[str, str] = Field({}, repr=False, description="http: fields of the address's query")
    form: dict[str, str] = Field({}, repr=False, description="http: fields of a form")
    body: Any = Field(None, alias="json", repr=False, description="http: JSON, as YAML or as text")
    user: str = Field("", description="http: name for basic authentication")
    password: SecretStr = Field(SecretStr(""), description="http: password for basic authentication")
    success: list[int] = Field([], description="http: statuses that mean accepted; default: 200 to 299")
    idempotency_header: str = Field("", description="http: header in which the gateway takes a key")
    id_path: str = Field("", description="http: where the answer holds the message's id, such as data.0.id")

    @field_validator("account_sid", "messaging_service_sid")
    @classmethod
    def _is_a_sid(cls, value: str, info: ValidationInfo) -> str:
        kind = "AC" if info.field_name == "account_sid" else "MG"
        if value and not re.fullmatch(kind + "[0-9a-fA-F]{32}", value):
            raise ValueError(f"not an id of Twilio's: {kind} and 32 hexadecimal digits")
        return value

    @field_validator("sender")
    @classmethod
    def _is_a_sender(cls, value: str) -> str:
        if value and not _SENDER.fullmatch(value):
            raise ValueError("not a sender: +4915112345678, a short code, or a name of at most 11 characters")
        return value

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, secret in value.items():
            said = secret.get_secret_value()
            if not _HEADER.fullmatch(name) or not (said.isascii() and said.isprintable()):
                raise ValueError("a header's name is a word and its value one line of ASCII")
        return value

    @field_validator("idempotency_header")
    @classmethod
    def _is_a_header(cls, value: str) -> str:
        if value and not _HEADER.fullmatch(value):
            raise ValueError("a header's name is a word, such as Idempotency-Key")
        return value

    @field_validator("body")
    @classmethod
    def _is_json(cls, value: Any) -> Any:
        return _sms_http.parsed(value)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for key in _HTTP if self.provider == "twilio" else _TWILIO:
            if key in self.model_fields_set:
                shown = type(self).model_fields[key].alias or key
                raise ValueError(f"{shown} does not belong to provider: {self.provider}")
        if self.provider == "twilio":
            if not self.account_sid or not self.auth_token.get_secret_value():
                raise ValueError("twilio needs account_sid and auth_token")
            if not self.sender and not self.messaging_service_sid:
                raise ValueError("twilio needs from or messaging_service_sid")
            _wire.checked_url(self.base_url, insecure=self.insecure)
        else:
            _wire.checked_url(self.url, insecure=self.insecure)
            if self.form and self.body is not None:
                raise ValueError("form and json exclude each other")
            _sms_http.check(_recipe(self))
        return self


class _Gateway(Protocol):
    @property
    def keyed(self) -> bool: ...

    def submit(self, notice: str, to: str, text: str, attempt: int, /) -> Receipt: ...


class Sms:
    """A gateway, asked for one message at a time."""

    kind = "sms"
    form: Literal["mail", "short"] = "short"

    def __init__(self, settings: Settings, *, name: str, clock: Callable[[], datetime]) -> None:
        self.name = name
        twilio = settings.provider == "twilio"
        user = settings.account_sid if twilio else settings.user
        secret = settings.auth_token if twilio else settings.password
        self._wire = _wire.client(
            timeout=settings.timeout,
            ca_file=settings.ca_file,
            allowed=settings.allow_hosts,
            shipped=twilio and "base_url" not in settings.model_fields_set,
            auth=(user, secret.get_secret_value()) if user else None,
        )
        self._gateway: _Gateway
        if twilio:
            sender = {"From": settings.sender, "MessagingServiceSid": settings.messaging_service_sid}
            self._gateway = _sms_twilio.Twilio(
                account_sid=settings.account_sid,
                sender={key: value for key, value in sender.items() if value},
                base_url=settings.base_url,
                reconcile=settings.reconcile,
                wire=self._wire,
                clock=clock,
            )
        else:
            self._gateway = _sms_http.Http(_recipe(settings), wire=self._wire, clock=clock)
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


def _recipe(settings: Settings) -> _sms_http.Recipe:
    return _sms_http.Recipe(
        url=settings.url,
        method=settings.method,
        headers={name: value.get_secret_value() for name, value in settings.headers.items()},
        query=settings.query,
        form=settings.form,
        json=settings.body,
        success=tuple(settings.success),
        idempotency_header=settings.idempotency_header,
        id_path=settings.id_path,
    )


def open(settings: Settings, *, name: str, clock: Callable[[], datetime]) -> Sms:  # noqa: A001  # the contract's word
    """Return the channel of *settings*; makes no connection. Raises Misconfigured if ``ca_file`` is no good."""
    return Sms(settings, name=name, clock=clock)
