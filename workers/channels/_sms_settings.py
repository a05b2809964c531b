"""The options of an SMS gateway. Keys of another provider are refused, so that none is believed to work that does not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from workers.channels import _sms_46elks, _sms_http, _sms_sinch, _sms_vonage, _wire
from workers.core.model import Money
from workers.settings import values

_SENDER = re.compile(r"\+[1-9][0-9]{6,14}|[0-9]{3,8}|(?=[^a-z]*[a-z])[a-z0-9 &+_-]{1,11}", re.IGNORECASE)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, token
Provider = Literal["twilio", "vonage", "sinch", "46elks", "http"]
_KEYS: dict[Provider, frozenset[str]] = {
    "twilio": frozenset(
        {"account_sid", "auth_token", "sender", "messaging_service_sid", "base_url", "reconcile"}
    ),
    "vonage": frozenset({"api_key", "api_secret", "sender", "base_url"}),
    "sinch": frozenset({"service_plan_id", "api_token", "sender", "base_url", "reconcile"}),
    "46elks": frozenset({"user", "password", "sender", "base_url", "reconcile"}),
    "http": frozenset(
        {"url", "method", "headers", "query", "form", "body", "user", "password", "success"}
        | {"idempotency_header", "id_path"}
    ),
}
_ACCOUNT = {
    "twilio": "account_sid and auth_token",
    "vonage": "api_key and api_secret",
    "sinch": "service_plan_id and api_token",
    "46elks": "user and password",
}
_BASES = {
    "twilio": "https://api.twilio.com",
    "vonage": _sms_vonage.BASE,
    "sinch": _sms_sinch.BASE,
    "46elks": _sms_46elks.BASE,
}


def _price(value: object) -> Money | None:
    return value if isinstance(value, Money) else values.money(value)


class Settings(BaseModel):
    """A gateway. Keys of the other provider are refused, so that none is believed to work that does not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: Provider = Field(
        "twilio", description="twilio, vonage, sinch, 46elks, or http for any other gateway"
    )
    timeout: float = Field(30, gt=0, le=300, description="seconds to wait for a connection or an answer")
    on_uncertain: Literal["resend", "hold"] | None = Field(
        None,
        description="what to do when the answer was lost; default: hold, or resend with an idempotency_header",
    )
    ca_file: Path | None = Field(None, description="certificate of a private authority")
    insecure: bool = Field(False, description="allow http to another machine")
    allow_hosts: list[str] = Field([], description="hosts that may have a private address")
    price_per_segment: Annotated[Money | None, PlainValidator(_price)] = Field(
        None, description="what one part of an SMS costs you, such as 0.075 EUR; for preview and notices"
    )

    account_sid: str = Field("", description="twilio: AC and 32 hexadecimal digits")
    auth_token: SecretStr = Field(SecretStr(""), description="twilio: the account's token")
    sender: str = Field(
        "", alias="from", description="not http: number, short code or name that messages come from"
    )
    messaging_service_sid: str = Field(
        "", description="twilio: MG and 32 hexadecimal digits, instead of from"
    )
    base_url: str = Field("", description="not http: where its API is; sinch: the region's")
    reconcile: bool = Field(
        True, description="twilio, sinch, 46elks: look among sent messages before sending again"
    )

    api_key: str = Field("", description="vonage: the account's key")
    api_secret: SecretStr = Field(SecretStr(""), description="vonage: the account's secret")
    service_plan_id: str = Field("", description="sinch: the service plan")
    api_token: SecretStr = Field(SecretStr(""), description="sinch: the service plan's token")

    url: str = Field("", repr=False, description="http: the gateway's address")
    method: Literal["POST", "PUT", "GET"] = Field("POST", description="http: POST, PUT or GET")
    headers: dict[str, SecretStr] = Field({}, description="http: further headers")
    query: dict[str, str] = Field({}, repr=False, description="http: fields of the address's query")
    form: dict[str, str] = Field({}, repr=False, description="http: fields of a form")
    body: Any = Field(None, alias="json", repr=False, description="http: JSON, as YAML or as text")
    user: str = Field("", description="46elks, http: name for basic authentication")
    password: SecretStr = Field(SecretStr(""), description="46elks, http: password for basic authentication")
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

    @field_validator("service_plan_id", "api_key")
    @classmethod
    def _is_a_word(cls, value: str) -> str:
        if value and not re.fullmatch("[A-Za-z0-9_-]{1,64}", value):
            raise ValueError("not an id of the provider's: letters and digits")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        known = frozenset().union(*_KEYS.values())
        for key in sorted((known - _KEYS[self.provider]) & self.model_fields_set):
            shown = type(self).model_fields[key].alias or key
            raise ValueError(f"{shown} does not belong to provider: {self.provider}")
        needed = {
            "twilio": bool(self.account_sid and self.auth_token.get_secret_value()),
            "vonage": bool(self.api_key and self.api_secret.get_secret_value()),
            "sinch": bool(self.service_plan_id and self.api_token.get_secret_value()),
            "46elks": bool(self.user and self.password.get_secret_value()),
        }
        if not needed.get(self.provider, True):
            raise ValueError(f"{self.provider} needs {_ACCOUNT[self.provider]}")
        if self.provider == "twilio" and not (self.sender or self.messaging_service_sid):
            raise ValueError("twilio needs from or messaging_service_sid")
        if self.provider in ("vonage", "sinch", "46elks") and not self.sender:
            raise ValueError(f"{self.provider} needs from: a number of yours, or a name")
        _wire.checked_url(self.where, insecure=self.insecure)
        if self.provider == "http":
            if self.form and self.body is not None:
                raise ValueError("form and json exclude each other")
            _sms_http.check(recipe(self))
        return self

    @property
    def where(self) -> str:
        """Where the gateway is."""
        return self.url if self.provider == "http" else self.base_url or _BASES[self.provider]


def recipe(settings: Settings) -> _sms_http.Recipe:
    """Return how the user's own gateway wants to be asked."""
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
