"""The door of a mailbox: TLS, sign-in, and an error of the house for whatever goes wrong there. Says nothing in the clear.

Without TLS, or with a certificate that does not fit, there is no conversation, unless the door says ``none``.
"""

from __future__ import annotations

import contextlib
import imaplib
import re
import socket
import ssl
import subprocess  # nosec B404 # for the user's own token_command; never through a shell
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from imap_tools.errors import ImapToolsError, MailboxLoginError
from imap_tools.mailbox import BaseMailBox

from workers.errors import Permanent, Temporary
from workers.strangers import quoted

Security = Literal["tls", "starttls", "none"]

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


class _Deadline:
    """Hangs up when a whole conversation takes too long: a server that drips byte after byte meets every timeout."""

    def __init__(self, seconds: float | None) -> None:
        self._timer = None if seconds is None else threading.Timer(seconds, self._end)
        self.over = ""  # what to say where the end came from us
        self._said = f"the conversation took longer than {seconds or 0:.0f} seconds"
        self._twin: socket.socket | None = None

    def __enter__(self) -> _Deadline:
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._twin is not None:
            self._twin.close()

    def watch(self, connection: socket.socket) -> None:
        self._twin = connection.dup()  # TLS takes the socket itself over

    def _end(self) -> None:
        self.over = self._said
        if self._twin is not None:
            with contextlib.suppress(OSError):
                self._twin.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def signed_in(door: Door, *, limit: float | None) -> Iterator[BaseMailBox]:
    """Talk to the server for *limit* seconds at most; raises Permanent or Temporary, also for what the talk raises."""
    with _Deadline(limit) as deadline, _spoken(door, deadline):
        inner = _connected(door, deadline)
        try:
            _sign_in(inner, door)
            yield inner
        finally:
            with contextlib.suppress(imaplib.IMAP4.error, ImapToolsError, OSError):
                inner.logout()
            with contextlib.suppress(OSError):
                inner.client.shutdown()  # a conversation that broke off leaves its socket behind


@contextlib.contextmanager
def _spoken(door: Door, deadline: _Deadline) -> Iterator[None]:
    """Turn what a conversation raises into an error of the house."""
    try:
        yield
    except (OSError, imaplib.IMAP4.error, ImapToolsError, ValueError) as error:
        if deadline.over:
            raise Temporary(f"{door.where}: {deadline.over}") from None
        raise _meant(error, door) from None


def _meant(error: Exception, door: Door) -> Temporary | Permanent:
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = "the name or the authority is wrong; a private authority's certificate goes into ca_file"
        return Permanent(f"{door.where} has no valid certificate: {error.verify_message}", hint=hint)
    if isinstance(error, ssl.SSLError):
        hint = "is security (tls, starttls) right for this port?"
        return Temporary(f"no TLS with {door.where}: {error.reason}", hint=hint)
    if isinstance(error, OSError):
        return Temporary(f"cannot reach the mailbox at {door.where}: {error}")
    said = _masked(quoted(error, 120), door)
    return Temporary(f"the conversation with {door.where} broke off: {said}")


class _Client(imaplib.IMAP4):
    """imaplib's client, with TLS from the first byte where the door wants it, and no socket left behind."""

    def __init__(self, door: Door, deadline: _Deadline) -> None:
        self._door = door
        self._deadline = deadline
        super().__init__(door.host, door.port, timeout=door.timeout)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        plain = socket.create_connection((self._door.host, self._door.port), timeout)
        self._deadline.watch(plain)
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


def _connected(door: Door, deadline: _Deadline) -> BaseMailBox:
    client = _Client(door, deadline)
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
        done = subprocess.run(  # nosec B603 # noqa: S603 -- the user's own command, without a shell
            door.token_command, capture_output=True, timeout=60, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Temporary(f"token_command brings no token: {type(error).__name__}") from None
    token = done.stdout.decode("ascii", "replace").strip()
    if not re.fullmatch(r"[!-~]{1,8000}", token):
        raise Temporary("token_command printed no token", hint="one line, the access token alone")
    return token


def _masked(said: str, door: Door, *secrets: str) -> str:
    for each in (*secrets, door.password):
        said = said.replace(each, "***") if each else said
    return said
