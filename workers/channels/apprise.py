"""A push or chat message by Apprise: one address, one target, plain words. Loads no plug-in but its own, attaches nothing.

Apprise reaches more services than this house could (https://github.com/caronc/apprise), and an Apprise address can do more
than a notice needs: run a desktop program, read a template from a file, follow a redirect, speak to anything by HTTP. So a
short list of schemes and options is let through, and the rest refused.

It says true or false, and a status of HTTP in its log at best. True is believed. What it does not say is Uncertain.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from workers import guard
from workers.channels import Envelope, Form, Receipt, _clean
from workers.core.model import Message
from workers.errors import DeadAddress, Misconfigured, Permanent, Temporary, Trouble, Uncertain

# Services that people use to reach themselves. With ``own`` the address holds the host of a server that may be anybody's.
_OWN = {"bark", "barks", "gotify", "gotifys", "hassio", "hassios", "matrix", "matrixs", "mmost", "mmosts", "nctalk", "nctalks",
        "ntfy", "ntfys", "rocket", "rockets", "signal", "signals"}  # fmt: skip
_THEIRS = {
    "discord",
    "join",
    "pbul",
    "pover",
    "prowl",
    "slack",
    "tgram",
    "threema",
    "workflows",
    "wxteams",
    "zulip",
}
SCHEMES = frozenset(_OWN | _THEIRS)
OPTIONS = frozenset(
    {
        "auth",
        "channel",
        "device",
        "mode",
        "priority",
        "region",
        "silent",
        "sound",
        "stream",
        "tags",
        "thread",
        "to",
        "topic",
    }
)
_STATUS = re.compile(r"error=(\d{3})\b")
_WAKES = re.compile(r"(?<!\w)@(?=\w)")  # @everyone, @here: a stranger's text must wake nobody
_LOCK = threading.Lock()  # Apprise's log is one for the process, and is all it says of a failure


class Settings(BaseModel):
    """One Apprise address."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    FORM: ClassVar[Form] = "own"

    url: SecretStr = Field(
        description="an Apprise address with one target, such as ntfys://ntfy.example.org/parcels"
    )
    words: Literal["short", "text"] = Field("short", description="short (as in an SMS), or the whole text")
    on_uncertain: Literal["resend", "hold"] = Field("resend", description="what to do when it is not known")
    allow_hosts: list[str] = Field(
        [], description="hosts that may have a private address, such as your own server"
    )

    @field_validator("url")
    @classmethod
    def _is_let_through(cls, value: SecretStr) -> SecretStr:
        parts = urlsplit(value.get_secret_value())
        if parts.scheme not in SCHEMES:
            raise ValueError(f"the scheme is none of: {', '.join(sorted(SCHEMES))}")
        for name, _ in parse_qsl(parts.query, keep_blank_values=True):
            if name not in OPTIONS:
                shown = name if re.fullmatch("[A-Za-z_+:-]{1,20}", name) else "?"
                raise ValueError(f"the option {shown} is none of: {', '.join(sorted(OPTIONS))}")
        return value


class Apprise:
    """One target."""

    kind = "apprise"
    form: Form = "own"
    keyed = False

    def __init__(self, settings: Settings, *, name: str) -> None:
        self.name = name
        self.on_uncertain: Literal["resend", "hold"] = settings.on_uncertain
        self._words = settings.words
        self.target = settings.url.get_secret_value()
        self._allowed = settings.allow_hosts
        self._target, self._said = _target(settings.url.get_secret_value(), name)
        scheme = urlsplit(settings.url.get_secret_value()).scheme
        cloud = str(getattr(self._target, "mode", "")) == "cloud"  # of ntfy: the host is a topic
        self._host = str(self._target.host) if scheme in _OWN and not cloud else ""

    def send(self, envelope: Envelope, message: Message) -> Receipt:
        """Have one message sent; returns when Apprise said that the service took it."""
        if envelope.to:
            raise Permanent("an Apprise address names its own target, and takes no other")
        if self._host:
            _look_at(self._host, self._allowed)
        body = _quiet(_clean.body(message.text) if self._words == "text" else _clean.short(message.short))
        with _LOCK, _listening() as heard:
            went = self._said.notify(
                body=body,
                title=_quiet(_clean.header(message.subject)),
                body_format="text",
                interpret_escapes=False,
            )
        if went:
            return Receipt()
        raise _trouble([line for line in heard if line])

    def close(self) -> None:
        """Nothing is held open."""


def _look_at(host: str, allowed: list[str]) -> None:
    """Refuse a private address that is not allowed. Apprise asks the name server again, so a name that changes gets by."""
    try:
        guard.addresses(host, 0, allowed=allowed)
    except guard.Forbidden as error:
        raise Permanent(f"{host} is not reached: {error}") from None
    except ConnectionError as error:
        raise Temporary(f"cannot reach {host}: {error}") from None


def _target(url: str, name: str) -> tuple[Any, Any]:
    """Return the target and the Apprise that speaks to it; raises Misconfigured, never repeating the address."""
    if find_spec("apprise") is None:
        raise Misconfigured(
            f"the channel {name} needs Apprise, which is not installed",
            hint='pip install "customs-watch[apprise]"',
        )
    apprise: Any = import_module("apprise")  # 0.2 s, for those who use it
    plain = logging.getLogger("apprise")
    plain.propagate = False  # its lines may hold the address
    asset = apprise.AppriseAsset(
        app_id="customs-watch", app_desc="customs-watch", app_url="", image_url_mask=None, image_url_logo=None,
        image_path_mask=None, async_mode=False, http_redirects=False, secure_logging=True, storage_mode="memory",
    )  # fmt: skip
    with _LOCK, _listening():
        target = apprise.Apprise.instantiate(url, asset=asset)
    if target is None:
        hint = "https://github.com/caronc/apprise/wiki shows what each service's looks like"
        raise Misconfigured(f"Apprise cannot read the address of the channel {name}", hint=hint)
    if len(target) != 1:
        hint = "a message to several that reaches some of them could only be repeated to all"
        raise Misconfigured(
            f"the address of the channel {name} must name one target: make a channel for each", hint=hint
        )
    speaker = apprise.Apprise(asset=asset)
    speaker.add(target)
    return target, speaker


@contextmanager
def _listening() -> Iterator[list[str]]:
    """Collect the statuses in what Apprise logs while the block lasts, and let nothing else of it out."""
    heard: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found = _STATUS.search(record.getMessage())
            heard.append(found[1] if found else "")

    ear = Ear(logging.WARNING)
    logger = logging.getLogger("apprise")
    logger.addHandler(ear)
    try:
        yield heard
    finally:
        logger.removeHandler(ear)


def _trouble(statuses: list[str]) -> Trouble:
    if not statuses:
        return Uncertain("Apprise could not send it, and does not say whether the service took it")
    status = int(statuses[-1])
    said = f"the service behind Apprise answered {status}"
    if status == 410:
        return DeadAddress(said)
    if status in (408, 425, 429, 503):
        return Temporary(said)
    if 400 <= status < 500:
        return Permanent(said, hint="check the address: its keys, and the target it names")
    return Uncertain(said)


def _quiet(text: str) -> str:
    """Return *text* with what chat programs take for a mention or a link with other words broken up."""
    return (
        _WAKES.sub("@\u200b", text).replace("](", "] (").replace("<", "‹").replace(">", "›").replace("`", "'")
    )


def open(settings: Settings, *, name: str, clock: Callable[[], datetime]) -> Apprise:  # noqa: A001, ARG001  # the contract's
    """Return the channel of *settings*; makes no connection. Raises Misconfigured without Apprise, or for a bad address."""
    return Apprise(settings, name=name)
