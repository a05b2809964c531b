"""One conversation with a mail server, and what each answer means. Keeps no connection, tries nothing twice.

What may be said of a failure depends on when it came. Before the final dot nothing can have been accepted;
once the dot is out, silence means that we do not know (RFC 5321, section 4.5.3.2.6, has the client wait ten
minutes for the answer).
"""

from __future__ import annotations

import base64
import re
import select
import smtplib
import socket
import ssl
from dataclasses import dataclass
from typing import Literal

from workers.channels import _clean
from workers.errors import Barred, DeadAddress, Permanent, Temporary, Uncertain

Security = Literal["starttls", "tls", "none"]
# The mailbox does not exist, its domain does not, its name cannot be, it has moved, takes no mail at all, is disabled
# (RFC 3463, sections 3.2 and 3.3; RFC 7505; IANA's registry of enhanced status codes, read 2026-11-24).
_DEAD = re.compile(r"5\.(?:1\.(?:1|2|3|6|10)|2\.1)(?![0-9.])")
_DOTS = re.compile(rb"(?m)^\.")


def is_dead(status: str) -> bool:
    """Say whether an enhanced status code speaks of the address itself."""
    return _DEAD.fullmatch(status) is not None


class Dropped(Temporary):
    """The connection failed before a byte of the mail was sent: a fresh one may be tried at once."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where to, and how."""

    host: str
    port: int
    security: Security
    context: ssl.SSLContext | None  # None: no TLS at all
    user: str
    password: str
    greeting: str  # the name we say in EHLO
    timeout: float  # seconds to wait for a connection and for each answer but the last
    answer_timeout: float  # seconds to wait for the answer to the final dot

    def __repr__(self) -> str:
        return f"Server({self.host}:{self.port})"  # never the password


def connect(server: Server) -> smtplib.SMTP:
    """Return a signed-in connection; raises Temporary or Barred rather than fall back to plain."""
    where = f"{server.host}:{server.port}"
    try:
        smtp = _opened(server)
    except ssl.SSLCertVerificationError as error:
        hint = "the name or the authority is wrong; a private authority's certificate goes into ca_file"
        raise Barred(f"{where} has no valid certificate: {error.verify_message}", hint=hint) from error
    except smtplib.SMTPNotSupportedError as error:
        hint = "for a server that speaks TLS from the first byte write security: tls"
        raise Barred(f"{where} offers no STARTTLS, and nothing is sent in the clear", hint=hint) from error
    except smtplib.SMTPResponseException as error:
        raise _shut(error.smtp_code, error.smtp_error, f"{where} does not talk to us") from error
    except ssl.SSLError as error:
        hint = "is security (starttls, tls) right for this port?"
        raise Temporary(f"no TLS with {where}: {error.reason}", hint=hint) from error
    except OSError as error:  # SMTPServerDisconnected is one too
        raise Temporary(f"cannot reach the mail server {where}: {error}") from error
    if server.user:
        try:
            _sign_in(smtp, server)
        except (Temporary, Permanent):
            smtp.close()
            raise
        except OSError as error:
            smtp.close()
            raise Temporary(f"{where} hung up while signing in") from error
    return smtp


def _opened(server: Server) -> smtplib.SMTP:
    if server.security == "tls":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, server.greeting, timeout=server.timeout, context=server.context
        )
    else:
        smtp = smtplib.SMTP(server.host, server.port, server.greeting, timeout=server.timeout)
    try:
        # The mail and its final dot are two writes: without this the second waits 40 ms for the first's
        # delayed ACK.
        _socket(smtp).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _greet(smtp)
        if server.security == "starttls":
            smtp.starttls(context=server.context)  # raises where it is not offered or refused
            _greet(smtp)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _greet(smtp: smtplib.SMTP) -> None:
    """Say EHLO. No falling back to HELO: a busy server's 451 would then read as one that cannot do TLS."""
    code, said = smtp.ehlo()
    if not 200 <= code < 300:
        raise smtplib.SMTPHeloError(code, said)


def _sign_in(smtp: smtplib.SMTP, server: Server) -> None:
    """Sign in with PLAIN or LOGIN (smtplib's own login fails on a password with an umlaut)."""
    offered = str(smtp.esmtp_features.get("auth", "")).upper().split()
    if "PLAIN" in offered:
        code, said = smtp.docmd("AUTH", "PLAIN " + _b64(f"\0{server.user}\0{server.password}"))
    elif "LOGIN" in offered:
        code, said = smtp.docmd("AUTH", "LOGIN")
        for word in (server.user, server.password):
            if code == 334:
                code, said = smtp.docmd(_b64(word))
    else:
        hint = "leave out user and password, or check port and security"
        raise Barred(f"{server.host}:{server.port} offers no way to sign in that we speak", hint=hint)
    if code != 235:
        hint = "check user and password; many providers want a password made for one app"
        raise _shut(code, said, f"{server.host}:{server.port} does not let us sign in", hint=hint)


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def deliver(smtp: smtplib.SMTP, server: Server, sender: str, to: str, data: bytes) -> str:
    """Hand over one mail for one recipient and return what the server said when it accepted.

    Raises Dropped, Temporary, Permanent, or Uncertain where the answer to the final dot was lost; after any
    of them the connection is of no more use.
    """
    try:
        sock = _socket(smtp)
        sock.settimeout(server.timeout)
        _ask_to_send(smtp, sender, to, len(data))
    except smtplib.SMTPResponseException as error:
        raise Dropped(f"{server.host} answers nonsense: {_said(error.smtp_error, to)}") from error
    except OSError as error:
        raise Dropped(f"{server.host} hung up before the mail was sent: {error}") from error
    try:
        sock.sendall(_DOTS.sub(b"..", data))
        if _speaks_early(sock):  # nobody answers before the dot but to refuse or to hang up
            code, said = smtp.getreply()
            raise _refused(code, said, f"{server.host} stopped in the middle of the mail", to=to)
        sock.settimeout(server.answer_timeout)
        sock.sendall(b".\r\n")
    except TimeoutError as error:  # a part of the dot may be out
        raise Uncertain(f"{server.host} stopped reading at the end of the mail") from error
    except (OSError, smtplib.SMTPException) as error:
        raise Temporary(f"{server.host} hung up before the end of the mail") from error
    try:
        code, said = smtp.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise Uncertain(f"{server.host} did not say whether it accepted the mail") from error
    if 200 <= code < 300:
        return _said(said, to)
    if 400 <= code < 600:
        raise _refused(code, said, f"{server.host} does not accept the mail", to=to, at_mailbox=True)
    raise Uncertain(f"{server.host} answered nonsense after the mail")


def _ask_to_send(smtp: smtplib.SMTP, sender: str, to: str, size: int) -> None:
    options = [f"size={size}"] if smtp.has_extn("size") else []
    if not (sender + to).isascii():
        if not smtp.has_extn("smtputf8"):
            raise Permanent("the mail server cannot deliver to an address that is not ASCII (no SMTPUTF8)")
        options += ["SMTPUTF8", "BODY=8BITMIME"]
    code, said = smtp.mail(sender, options)
    if 400 <= code < 500:  # a kept connection that has had its day: too many mails, shutting down
        raise Dropped(f"the mail server does not take a mail now: {code} {_said(said, to)}")
    if code == 530:  # wants a sign-in (RFC 4954, section 6)
        raise _shut(code, said, "the mail server wants us to sign in", hint="write user and password")
    if not 200 <= code < 300:
        raise _refused(code, said, "the mail server refuses our sender", to=to, hint="check from and user")
    code, said = smtp.rcpt(to)
    if not 200 <= code < 300:
        raise _refused(code, said, "the mail server refuses the recipient", to=to, at_mailbox=True)
    code, said = smtp.docmd("DATA")
    if code != 354:
        raise _refused(code, said, "the mail server takes no mail", to=to)


def _socket(smtp: smtplib.SMTP) -> socket.socket:
    if smtp.sock is None:
        raise smtplib.SMTPServerDisconnected("not connected")
    return smtp.sock


def _speaks_early(sock: socket.socket) -> bool:
    poll = select.poll()  # select() fails beyond 1,024 open files
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _refused(
    code: int, said: bytes | str, what: str, *, to: str = "", hint: str = "", at_mailbox: bool = False
) -> Temporary | Permanent:
    words = f"{what}: {code} {_said(said, to)}"
    if at_mailbox and 500 <= code < 600 and _DEAD.match(_said(said, "")):
        return DeadAddress(words)
    return Permanent(words, hint=hint) if 500 <= code < 600 else Temporary(words, hint=hint)


def _shut(code: int, said: bytes | str, what: str, *, hint: str = "") -> Temporary | Barred:
    """Return what it means that no mail at all is taken."""
    words = f"{what}: {code} {_said(said, '')}"
    return Barred(words, hint=hint) if 500 <= code < 600 else Temporary(words, hint=hint)


def _said(said: bytes | str, to: str) -> str:
    """Return the server's words as one short line, without the recipient's address: it belongs in no log."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return _clean.header(text.replace(to, "recipient") if to else text, 160)
