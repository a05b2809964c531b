"""The outbox: every notice becomes a file in a folder, to be read or carried on. Sends nothing to anybody.

``.eml`` files hold the bytes that ``email`` would send, ``.sms.txt`` files what ``sms`` would. A notice is
written once: ``.notices/<id>`` is a symbolic link to its file, and making a link is atomic and exclusive, so
a second attempt, even at the same moment from another process, finds the first one's name and returns its
receipt.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Literal

from pydantic import Field, field_validator

from workers.channels import Envelope, Receipt, _clean, _mime
from workers.channels._mail_settings import MailSettings
from workers.core import sms
from workers.core.model import Message
from workers.errors import Temporary

_INDEX = ".notices"
_HASH = re.compile(r"[0-9a-f]{16,}")  # an id whose first characters are as good as random


class Settings(MailSettings):
    """Where the files go and which of them are written."""

    folder: Path = Field(Path("var/outbox"), description="where the files are written")
    form: Literal["mail", "short", "both"] = Field("mail", description="mail: .eml; short: .sms.txt; both")
    sender: str = Field(
        "customs-watch <customs-watch@localhost>", alias="from", description="From of the mails"
    )

    @field_validator("sender")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        _clean.named_address(value)
        return value


class Outbox:
    """A folder of notices."""

    kind = "outbox"
    target = ""
    keyed = True
    on_uncertain: Literal["resend", "hold"] = "resend"  # a file is never written twice

    def __init__(self, settings: Settings, *, name: str, clock: Callable[[], datetime]) -> None:
        self.name = name
        self.form: Literal["mail", "short"] = "short" if settings.form == "short" else "mail"
        self.folder = settings.folder.expanduser()
        self._writes = settings.form
        self._clock = clock
        self._sender = settings.sender_of(settings.sender)
        self.encloses, self.writer = settings.encloses, self._sender.address

    def send(self, envelope: Envelope, message: Message) -> Receipt:
        """Write the notice and return its file's name; the same again writes nothing and returns the same."""
        check = _clean.phone_recipient if self.form == "short" else _clean.mail_recipient
        to = check(envelope.to)
        notice = _clean.token(envelope.notice)
        try:
            first = self._first_name(notice, to, envelope.thread)
            stem = first.removesuffix(".eml").removesuffix(".sms.txt")
            if self._writes != "mail":
                self._write(stem + ".sms.txt", lambda: _short(to, notice, message))
            if self._writes != "short":
                self._write(
                    stem + ".eml", lambda: _mime.to_bytes(envelope, message, self._sender, at=self._clock())
                )
        except OSError as error:
            hint = "is there room, and may this user write there?"
            raise Temporary(
                f"cannot write into the outbox {self.folder}: {error.strerror}", hint=hint
            ) from error
        return Receipt(first)

    def close(self) -> None:
        """Nothing is held open."""

    def _first_name(self, notice: str, to: str, thread: str) -> str:
        """Return the file's name that the first attempt at *notice* chose; choose it if this is the first."""
        index = self.folder / _INDEX
        index.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A file's name is unique because a person gets one notice of a parcel in a second, or the ids' first
        # 32 bits differ.
        mark = (
            notice[:8]
            if _HASH.fullmatch(notice)
            else hashlib.blake2b(notice.encode(), digest_size=4).hexdigest()
        )
        words = (f"{self._clock():%Y%m%dT%H%M%SZ}", _clean.slug(to, 40), _clean.slug(thread, 40), mark)
        name = "-".join(filter(None, words)) + (".sms.txt" if self._writes == "short" else ".eml")
        try:
            (index / notice).symlink_to(Path("..") / name)
        except FileExistsError:
            return (index / notice).readlink().name
        _keep(index)
        return name

    def _write(self, name: str, content: Callable[[], bytes]) -> None:
        path = self.folder / name
        if path.exists():
            return
        data = content()
        with NamedTemporaryFile(dir=self.folder / _INDEX, suffix=".tmp", delete=False) as file:
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        _keep(self.folder)


def _keep(folder: Path) -> None:
    """Make the names in *folder* survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _short(to: str, notice: str, message: Message) -> bytes:
    text = _clean.short(message.short)
    size = sms.segments(text)
    return f"To: {to}\nNotice: {notice}\nParts: {size.parts} ({size.encoding})\n\n{text}\n".encode()


def open(settings: Settings, *, name: str, clock: Callable[[], datetime]) -> Outbox:  # noqa: A001  # the contract's word
    """Return the outbox of *settings*; touches no file yet."""
    return Outbox(settings, name=name, clock=clock)
