"""E-mail over SMTP: one recipient a mail, connections kept. Never sends in the clear where TLS was asked for.

A mail server gives no idempotency key. Where its answer to the final dot is lost the notice is Uncertain;
with ``on_uncertain: resend`` it goes again under the same Message-ID, which many mail programs show once.
"""

from __future__ import annotations

import smtplib
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from workers.channels import Answer, Dead, Envelope, Place, Receipt, _clean, _inbox, _mime, _sent, _smtp
from workers.channels._mail_settings import MailSettings
from workers.core.model import Message
from workers.errors import Misconfigured, Trouble, Uncertain

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_MAILS_EACH = 100  # mails over one connection; servers close it after some number of their own (Postfix: 100)


class Settings(MailSettings):
    """A mail server and the name we write under."""

    host: str = Field(description="the mail server's name or address")
    port: int | None = Field(None, ge=1, le=65535, description="default: 587, 465 (tls) or 25 (none)")
    security: _smtp.Security = Field("starttls", description="starttls, tls (from the first byte) or none")
    user: str = Field("", description="name to sign in with; empty: no sign-in")
    password: SecretStr = Field(SecretStr(""), description="password to sign in with")
    sender: str = Field(alias="from", description="Name <address> that the mails come from")
    reply_to: str = Field("", description="address that answers go to")
    message_id_domain: str = Field("", description="domain in Message-IDs; default: that of from")
    timeout: float = Field(30, gt=0, le=600, description="seconds to wait for a connection or an answer")
    answer_timeout: float = Field(
        600, gt=0, le=3600, description="seconds to wait after the last byte of a mail"
    )
    idle: float = Field(60, ge=0, le=3600, description="seconds to keep an unused connection")
    on_uncertain: Literal["resend", "hold"] = Field(
        "resend", description="what to do when the answer was lost"
    )
    ca_file: Path | None = Field(None, description="certificate of a private authority")
    insecure: bool = Field(False, description="allow security: none to another machine")
    replies: _inbox.Replies | None = Field(None, description="the mailbox that readers' answers come to")
    sent: _sent.Sent | None = Field(None, description="the folder in which the provider keeps what it sent")

    @field_validator("host", "message_id_domain")
    @classmethod
    def _is_a_host(cls, value: str) -> str:
        return value if not value or _clean.loopback(value) or ":" in value else _clean.host(value)

    @field_validator("sender", "reply_to")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value:
            _clean.named_address(value)
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.host:
            raise ValueError("host is empty")
        if bool(self.user) != bool(self.password.get_secret_value()):
            raise ValueError("user and password belong together")
        if self.security == "none" and not self.insecure and not _clean.loopback(self.host):
            raise ValueError("security: none would send in the clear; write insecure: yes if that is meant")
        return self


@dataclass(frozen=True, slots=True)
class _Kept:
    smtp: smtplib.SMTP
    since: datetime  # when it was last used
    mails: int


class Email:
    """A mail server, with the connections to it that are not in use."""

    kind = "email"
    form: Literal["mail", "short"] = "mail"
    keyed = False
    target = ""

    def __init__(self, settings: Settings, *, name: str, clock: Callable[[], datetime]) -> None:
        self.name = name
        self.on_uncertain: Literal["resend", "hold"] = settings.on_uncertain
        self._clock = clock
        self._idle = timedelta(seconds=settings.idle)
        self._kept: list[_Kept] = []
        self._lock = threading.Lock()
        self._replies, self._sent = settings.replies, settings.sent
        self._sender = settings.sender_of(
            settings.sender, reply_to=settings.reply_to, domain=settings.message_id_domain
        )
        self.encloses, self.writer = settings.encloses, self._sender.address
        self._server = _smtp.Server(
            host=settings.host,
            port=settings.port or _PORTS[settings.security],
            security=settings.security,
            context=_context(settings),
            user=settings.user,
            password=settings.password.get_secret_value(),
            greeting=self._sender.id_domain,
            timeout=settings.timeout,
            answer_timeout=settings.answer_timeout,
        )

    def send(self, envelope: Envelope, message: Message) -> Receipt:
        """Deliver one mail; returns once the server accepted it, ``answer_timeout`` after its end at most."""
        to = _clean.mail_recipient(envelope.to)
        if envelope.doubt and self._sent is not None:
            earlier = _sent.earlier(
                self._sent, envelope, self._id(envelope), self.on_uncertain, now=self._clock()
            )
            if earlier is not None:
                return earlier
        try:
            return self._send(envelope, message, to)
        except Uncertain:
            if (found := self._just_now(envelope)) is None:
                raise
            return found

    def _send(self, envelope: Envelope, message: Message, to: str) -> Receipt:
        data = _mime.to_bytes(envelope, message, self._sender, at=self._clock())
        kept = self._take()
        if kept is not None:
            try:
                return self._deliver(kept, to, data)
            except _smtp.Dropped:
                pass  # it died while it lay here; nothing was sent, so a fresh one is tried at once
        return self._deliver(_Kept(_smtp.connect(self._server), self._clock(), 0), to, data)

    @property
    def asks(self) -> bool:
        return self._sent is not None

    def found(self, envelope: Envelope) -> Receipt | None:
        """Return the receipt of a mail that lies in the folder of sent ones; raises Temporary or Permanent."""
        if self._sent is None:
            return None
        return _sent.found(self._sent, self._id(envelope), now=self._clock())

    def _just_now(self, envelope: Envelope) -> Receipt | None:
        """Look for a mail whose acceptance was not heard; a folder that cannot be read says nothing."""
        try:
            return self.found(envelope)
        except Trouble:
            return None

    def _id(self, envelope: Envelope) -> str:
        return _mime.message_id(envelope, self._sender)

    @property
    def answers_every(self) -> timedelta | None:
        return timedelta(seconds=self._replies.every) if self._replies is not None else None

    def answers(
        self, readers: Iterable[str], *, after: Place, take: Callable[[Answer | Dead], bool]
    ) -> Place:
        """Hand what came since *after* to *take*; return how far was read."""
        if self._replies is None:
            return after
        domain = self._sender.id_domain
        return _inbox.look(self._replies, domain, readers, after=after, now=self._clock(), take=take)

    def _deliver(self, kept: _Kept, to: str, data: bytes) -> Receipt:
        try:
            said = _smtp.deliver(kept.smtp, self._server, self._sender.address, to, data)
        except BaseException:
            kept.smtp.close()
            raise
        with self._lock:
            self._kept.append(_Kept(kept.smtp, self._clock(), kept.mails + 1))
        return Receipt(said)

    def _take(self) -> _Kept | None:
        """Return the connection used last, if it is worth trying; hang up on those that are not."""
        now = self._clock()
        with self._lock:
            good = [k for k in self._kept if now - k.since < self._idle and k.mails < _MAILS_EACH]
            old = [k for k in self._kept if k not in good]
            taken = good.pop() if good else None
            self._kept = good
        for kept in old:
            _hang_up(kept.smtp)
        return taken

    def close(self) -> None:
        """Hang up on every connection that is not in use."""
        with self._lock:
            old, self._kept = self._kept, []
        for kept in old:
            _hang_up(kept.smtp)


def _hang_up(smtp: smtplib.SMTP) -> None:
    try:
        if smtp.sock is not None:
            smtp.sock.settimeout(1)
            smtp.quit()
    except (OSError, smtplib.SMTPException):
        pass  # it is gone already
    finally:
        smtp.close()


def _context(settings: Settings) -> ssl.SSLContext | None:
    if settings.security == "none":
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:  # ssl.SSLError is one too
        raise Misconfigured(f"ca_file {settings.ca_file} holds no certificate that can be read") from error


def open(settings: Settings, *, name: str, clock: Callable[[], datetime]) -> Email:  # noqa: A001  # the contract's word
    """Return the channel of *settings*; makes no connection. Raises Misconfigured if ``ca_file`` is no good."""
    return Email(settings, name=name, clock=clock)
