"""Kinds of source and channel made for these tests, and a way to load a text as the user's file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from workers import settings
from workers.errors import Misconfigured
from workers.settings import Settings

ENVIRON = {"SHORT_SECRET": "s3cr", "LONG_SECRET": "correct horse battery", "PORT": "2525", "EMPTY": ""}


class Postline(BaseModel):
    """A source."""

    model_config = ConfigDict(extra="forbid")
    token: SecretStr
    base_url: str = "https://postline.example"
    rate: float = Field(default=1.0, gt=0)
    folder: Path | None = None
    headers: dict[str, SecretStr] = Field(default_factory=dict)

    @field_validator("base_url")
    @classmethod
    def _https(cls, value: str) -> str:
        if not value.startswith("https://"):
            raise ValueError(f"{value!r} must begin with https://")
        return value

    @field_validator("token")
    @classmethod
    def _not_careless(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() == "s3cr":
            raise ValueError(f"{value.get_secret_value()!r} is too short")
        return value


class Letter(BaseModel):
    """A channel that needs an e-mail address."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    host: str
    port: int = 587
    user: str = ""
    password: SecretStr = SecretStr("")
    sender: str = Field(default="me@localhost", alias="from")
    ca_file: Path | None = None


class Pigeon(BaseModel):
    """A channel that needs a phone number."""

    model_config = ConfigDict(extra="forbid")
    FORM: ClassVar[str] = "short"
    token: SecretStr


class Outbox(BaseModel):
    """The channel there is when nobody configures one."""

    model_config = ConfigDict(extra="forbid")
    folder: Path = Path("var/outbox")
    form: Literal["mail", "short", "both"] = "mail"


SOURCES: dict[str, type[BaseModel]] = {"postline": Postline}
CHANNELS: dict[str, type[BaseModel]] = {"letter": Letter, "pigeon": Pigeon, "outbox": Outbox}


def source_model(kind: str) -> type[BaseModel]:
    if kind not in SOURCES:
        raise Misconfigured(f"no source {kind!r}", hint=f"there are: {', '.join(SOURCES)}")
    return SOURCES[kind]


def channel_model(kind: str) -> type[BaseModel]:
    if kind not in CHANNELS:
        raise Misconfigured(f"no channel {kind!r}", hint=f"there are: {', '.join(CHANNELS)}")
    return CHANNELS[kind]


Load = Callable[..., Settings]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the user's file stands in these tests."""
    folder = tmp_path / "config"
    folder.mkdir()
    return folder / "orders.yaml"


@pytest.fixture
def load(file: Path) -> Load:
    """Load a text (or the bytes) as the user's file."""

    def load_text(text: str | bytes, environ: Mapping[str, str] = ENVIRON) -> Settings:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        file.chmod(0o600)
        return settings.load(file, source_model=source_model, channel_model=channel_model, environ=environ)

    return load_text
