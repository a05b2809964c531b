"""One mailbox over IMAP: signed in, searched, read, waited at. Opens it for reading only, unless something is to be done to mails.

Nothing is sent in the clear: without TLS, or with a certificate that does not fit, there is no conversation. Mails are fetched
without being marked as read (BODY.PEEK), and no more of one than is asked for.
"""

from __future__ import annotations

import contextlib
import imaplib
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal

from imap_tools.errors import ImapToolsError, MailboxFolderSelectError, MailboxLoginError
from imap_tools.mailbox import BaseMailBox
from imap_tools.utils import encode_folder

from workers.errors import Permanent, Temporary
from workers.sources._http import quoted

Security = Literal["tls", "starttls", "none"]

_HEAD = 64 * 1024  # bytes of a mail's headers
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UID = re.compile(rb"\bUID (\d+)")
_BUSY = re.compile(
    r"\[(UNAVAILABLE|INUSE|LIMIT|SERVERBUG)\]|try again|too many|temporar|simultaneous", re.IGNORECASE
)
_HINT = (
    "Gmail, iCloud, Yahoo and others want an app password here, not the one of the account; Outlook.com and "
    "Microsoft 365 take no password at all, but OAuth2 (token_command)"
)


@dataclass(frozen=True, slots=True)
class Door:
    """Where the mailbox is, and how to get in."""

    host: str
    port: int
    security: Security
    context: ssl.SSLContext | None  # None: no TLS at all
    user: str
    password: str = field(repr=False)
    token_command: tuple[str, ...]
    timeout: float  # seconds to wait for a connection and for each answer
    folder: str

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as it lies in the mailbox. ``raw`` may be cut."""

    uid: int
    arrived: datetime | None
    raw: bytes


class Box:
    """A mailbox, opened."""

    def __init__(self, inner: BaseMailBox) -> None:
        self._inner = inner
        self._client = inner.client
        said = self._client.response("UIDVALIDITY")[1][0]
        offered = self._client.capability()[1]  # asked anew: more is offered once we are in
        self._offers = {each.upper() for each in b" ".join(part or b"" for part in offered).decode().split()}
        self.validity = int(said) if said else 0  # RFC 3501, section 2.3.1.1: UIDs mean nothing under another

    def search(self, sender: str, *, since: date, after: int) -> list[int]:
        """Return the UIDs beyond *after* of mails whose From holds *sender* and that came on *since* or later."""
        day = f"{since.day}-{_MONTHS[since.month - 1]}-{since.year}"
        found = self._inner.uids(f'UID {after + 1}:* SINCE {day} FROM "{sender}"', charset=None)
        return sorted(uid for each in found if (uid := int(each)) > after)  # "n:*" names the last mail anyway

    def heads(self, uids: Sequence[int]) -> list[Mail]:
        """Return the headers of mails, of those that still lie there."""
        return self._fetch(uids, f"BODY.PEEK[HEADER]<0.{_HEAD}>")

    def mails(self, uids: Sequence[int], *, largest: int) -> list[Mail]:
        """Return mails, of those that still lie there, each up to *largest* bytes."""
        return self._fetch(uids, f"BODY.PEEK[]<0.{largest}>")

    def _fetch(self, uids: Sequence[int], what: str) -> list[Mail]:
        if not uids:
            return []
        kind, answer = self._client.uid("FETCH", ",".join(map(str, uids)), f"(UID INTERNALDATE {what})")
        if kind != "OK":
            raise Temporary("the mail server does not hand out its mails")
        return list(_mails(answer))

    def deal(self, uids: Iterable[int], after: str) -> None:
        """Mark mails as read ("seen"), or move them ("move:FOLDER"); raises Permanent where that cannot be."""
        listed = ",".join(str(uid) for uid in uids)
        if not listed or after == "leave":
            return
        if after == "seen":
            self._client.uid("STORE", listed, "+FLAGS.SILENT", r"(\Seen)")
            return
        if "MOVE" not in self._offers:  # to copy and expunge would take other mails away as well
            raise Permanent(
                "the mail server cannot move mails (RFC 6851)", hint="after_reading: seen, or leave"
            )
        folder = after.removeprefix("move:")
        kind, _ = self._client.uid("MOVE", listed, encode_folder(folder).decode("ascii"))
        if kind != "OK":
            raise Permanent(f"mails cannot be moved to {quoted(folder, 60)}", hint="is that folder there?")

    @property
    def can_idle(self) -> bool:
        """Whether the server says by itself when a mail has come."""
        return "IDLE" in self._offers

    def catch_up(self) -> None:
        """Let the server look whether mails have come: it need not for a search."""
        self._client.noop()

    def idle(self, seconds: float) -> None:
        """Wait in IDLE (RFC 2177) until the server says anything, *seconds* at most."""
        self._inner.idle.wait(timeout=seconds)


@contextlib.contextmanager
def opened(door: Door, *, writable: bool = False) -> Iterator[Box]:
    """Open the mailbox; raises Permanent or Temporary for whatever goes wrong at the door or inside."""
    with _spoken(door):
        inner = _connected(door)
        try:
            _sign_in(inner, door)
            try:
                inner.folder.set(door.folder, readonly=not writable)  # EXAMINE
            except MailboxFolderSelectError:
                raise Permanent(f"{door.where} has no folder {quoted(door.folder, 60)!r}") from None
            yield Box(inner)
        finally:
            with contextlib.suppress(imaplib.IMAP4.error, ImapToolsError, OSError):
                inner.logout()
            with contextlib.suppress(OSError):
                inner.client.shutdown()  # a conversation that broke off leaves its socket behind


@contextlib.contextmanager
def _spoken(door: Door) -> Iterator[None]:
    """Turn what a conversation raises into an error of the house."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        hint = "the name or the authority is wrong; a private authority's certificate goes into ca_file"
        raise Permanent(f"{door.where} has no valid certificate: {error.verify_message}", hint=hint) from None
    except ssl.SSLError as error:
        hint = "is security (tls, starttls) right for this port?"
        raise Temporary(f"no TLS with {door.where}: {error.reason}", hint=hint) from None
    except OSError as error:
        raise Temporary(f"cannot reach the mailbox at {door.where}: {error}") from None
    except (imaplib.IMAP4.error, ImapToolsError, ValueError) as error:
        said = _masked(quoted(error, 120), door)
        raise Temporary(f"the conversation with {door.where} broke off: {said}") from None


class _Client(imaplib.IMAP4):
    """imaplib's client, with TLS from the first byte where the door wants it, and no socket left behind."""

    def __init__(self, door: Door) -> None:
        self._door = door
        super().__init__(door.host, door.port, timeout=door.timeout)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        plain = socket.create_connection((self._door.host, self._door.port), timeout)
        if self._door.context is None or self._door.security != "tls":
            return plain
        try:
            return self._door.context.wrap_socket(plain, server_hostname=self._door.host)
        except BaseException:
            plain.close()
            raise


class _Inner(BaseMailBox):
    """imap-tools' mailbox over a client of ours."""

    def __init__(self, client: imaplib.IMAP4) -> None:
        self._made = client
        super().__init__()

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        return self._made


def _connected(door: Door) -> BaseMailBox:
    client = _Client(door)
    try:
        if door.context is not None and door.security == "starttls":
            _start_tls(client, door)
    except BaseException:
        client.shutdown()
        raise
    return _Inner(client)


def _start_tls(client: imaplib.IMAP4, door: Door) -> None:
    if "STARTTLS" not in client.capabilities:
        hint = "for a server that speaks TLS from the first byte write security: tls"
        raise Permanent(f"{door.where} offers no STARTTLS, and nothing is said in the clear", hint=hint)
    client.starttls(door.context)


def _sign_in(inner: BaseMailBox, door: Door) -> None:
    secret = _token(door) if door.token_command else door.password
    try:
        if door.token_command:
            inner.xoauth2(door.user, secret, initial_folder=None)
        elif secret.isascii() and door.user.isascii():
            inner.login(door.user, secret, initial_folder=None)
        else:
            inner.login_utf8(door.user, secret, initial_folder=None)
    except imaplib.IMAP4.abort:
        raise
    except (imaplib.IMAP4.error, MailboxLoginError) as error:
        said = _masked(quoted(error, 300), door, secret)
        if _BUSY.search(said):
            raise Temporary(f"{door.where} does not let us in just now") from None
        raise Permanent(f"{door.where} does not accept the user and the password", hint=_HINT) from None


def _token(door: Door) -> str:
    """Return the access token that the user's command prints; raises Temporary where it fails."""
    try:
        done = subprocess.run(  # noqa: S603 -- the user's own command, without a shell
            door.token_command, capture_output=True, timeout=60, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Temporary(f"token_command brings no token: {type(error).__name__}") from None
    token = done.stdout.decode("ascii", "replace").strip()
    if not re.fullmatch(r"[!-~]{1,8000}", token):
        raise Temporary("token_command printed no token", hint="one line, the access token alone")
    return token


def _masked(said: str, door: Door, secret: str = "") -> str:
    for each in (secret, door.password):
        said = said.replace(each, "***") if each else said
    return said


def _mails(answer: Sequence[Any]) -> Iterator[Mail]:
    """Yield the mails of a FETCH: a pair of what goes before a literal and the literal; the rest follows as bytes."""
    for at, item in enumerate(answer):
        if not isinstance(item, tuple):
            continue
        behind = answer[at + 1] if at + 1 < len(answer) and isinstance(answer[at + 1], bytes) else b""
        head = item[0] + b" " + behind
        uid = _UID.search(head)
        stamp = imaplib.Internaldate2tuple(head)
        if uid is not None:
            arrived = datetime.fromtimestamp(time.mktime(stamp), UTC) if stamp else None
            yield Mail(int(uid[1]), arrived, item[1])
