"""The settings that every mailbox has: where it is, how to get in, who vouches for its mails. Connects to nothing."""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from workers import loading, resources
from workers.errors import Permanent
from workers.mailbox.door import Door, Security

_PORTS = {"tls": 993, "starttls": 143, "none": 143}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Provider(BaseModel):
    """Under which name a mail provider signs its results."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hosts: tuple[str, ...]
    names: tuple[str, ...]
    source: str


class _Providers(BaseModel):
    """The part of ``knowledge/mails.yaml`` that every mailbox needs."""

    providers: tuple[Provider, ...]


class Mailbox(BaseModel):
    """A mailbox and how to get in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(description="the IMAP server's name, such as imap.gmail.com")
    port: int | None = Field(None, ge=1, le=65535, description="default: 993, or 143 (starttls, none)")
    security: Security = Field("tls", description="tls (from the first byte), starttls or none")
    user: str = Field(description="name to sign in with, mostly the mail address")
    password: SecretStr = Field(SecretStr(""), description="password, at most providers an app password")
    token_command: tuple[str, ...] = Field((), description="command that prints an OAuth2 access token")
    folder: str = Field("INBOX", description="folder the mails lie in")
    ca_file: Path | None = Field(None, description="certificate of a private authority")
    insecure: bool = Field(False, description="allow security: none to another machine")
    timeout: float = Field(30, gt=0, le=300, description="seconds to wait for a connection or an answer")

    @field_validator("token_command", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        return tuple(value.split()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _can_be_opened(self) -> Self:
        if not self.host or not self.user:
            raise ValueError("host and user are needed")
        if bool(self.password.get_secret_value()) == bool(self.token_command):
            raise ValueError("write password or token_command, one of them")
        if self.security == "none" and not self.insecure and self.host not in _LOOPBACK:
            raise ValueError("security: none would send in the clear; write insecure: yes if that is meant")
        return self

    def door(self) -> Door:
        """Return where the mailbox is and how to get in; raises Permanent for a ca_file that cannot be read."""
        return Door(
            host=self.host,
            port=self.port or _PORTS[self.security],
            security=self.security,
            context=_context(self.security, self.ca_file),
            user=self.user,
            password=self.password.get_secret_value(),
            token_command=self.token_command,
            timeout=self.timeout,
            folder=self.folder,
        )


class Inbox(Mailbox):
    """A mailbox whose mails are believed where its provider vouches for who sent them."""

    authserv_id: tuple[str, ...] = Field(
        (), description="names under which your provider signs Authentication-Results"
    )
    after_reading: str = Field(
        "leave", description="leave, seen or move:FOLDER, for mails that were believed"
    )

    @field_validator("authserv_id", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return tuple(value.split()) if isinstance(value, str) else value

    @field_validator("authserv_id")
    @classmethod
    def _lower(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(each.casefold() for each in value)

    @field_validator("after_reading")
    @classmethod
    def _known(cls, value: str) -> str:
        if value in ("leave", "seen") or (value.startswith("move:") and value[5:].strip()):
            return value
        raise ValueError("must be leave, seen or move:FOLDER")

    @model_validator(mode="after")
    def _vouched_for(self) -> Self:
        if not self.providers():
            raise ValueError(
                f"authserv_id is needed: the name at the beginning of the line Authentication-Results that {self.host} "
                "writes on top of every mail it receives (show the source of one)"
            )
        return self

    def providers(self) -> tuple[str, ...]:
        """Return the names whose results are believed."""
        host = self.host.casefold()
        return self.authserv_id or next((p.names for p in _providers() if host in p.hosts), ())


@cache
def _providers() -> tuple[Provider, ...]:
    return loading.validate(_Providers, loading.read(resources.knowledge("mails.yaml"))).providers


def _context(security: Security, ca_file: Path | None) -> ssl.SSLContext | None:
    if security == "none":
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise Permanent(f"ca_file cannot be read: {error}", hint=str(ca_file)) from None
