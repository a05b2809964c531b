"""What mail programs, machines and forgers send in answer to a mail of ours, as it arrives with its provider's results on it."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

PROVIDER = "mx.example.net"
VOUCHED = (
    f"{PROVIDER}; dkim=pass header.d=example.org header.s=s1; dmarc=pass (p=REJECT) header.from=example.org"
)
ANA = "ana@example.org"
QUOTED = "On Tue, 24 Nov 2026 at 09:00, Parcels <parcels@example.net> wrote:\n> Paid\n> stop\n>\n> Your parcel is held.\n"


def reply(
    notice: str,
    text: str = "Paid",
    *,
    sender: str = ANA,
    results: str | None = VOUCHED,
    domain: str = "example.net",
    at: datetime | None = None,
    html: str = "",
    extra: tuple[tuple[str, str], ...] = (),
    quoted: str = QUOTED,
    thread: str = "0" * 32,
) -> bytes:
    """Return a raw reply to the mail of *notice*."""
    message = EmailMessage()
    if results:
        message["Authentication-Results"] = results
    for name, value in extra:
        message[name] = value
    message["From"] = sender if "<" in sender else f"Ana <{sender}>"
    message["To"] = "Parcels <parcels@example.net>"
    message["Subject"] = "Re: Held: headphones"
    message["Date"] = format_datetime(at or datetime.now(UTC))
    message["Message-ID"] = f"<CA{abs(hash((text, at, sender)))}@mail.example.org>"
    message["In-Reply-To"] = f"<{notice}@{domain}>"
    message["References"] = f"<{thread}@{domain}> <{notice}@{domain}>"
    if text or not html:
        message.set_content(f"{text}\n\n{quoted}")
    if html and text:
        message.add_alternative(html, subtype="html")
    elif html:
        message.set_content(html, subtype="html")
    return message.as_bytes()


def bounce(
    notice: str,
    *,
    to: str = ANA,
    status: str = "5.1.1",
    action: str = "failed",
    domain: str = "example.net",
    headers_only: bool = False,
) -> bytes:
    """Return a delivery status notification (RFC 3464) as Postfix writes them, of the mail of *notice*."""
    returned = f"From: parcels@example.net\nTo: {to}\nSubject: Held\nMessage-ID: <{notice}@{domain}>\n"
    kind = "text/rfc822-headers" if headers_only else "message/rfc822"
    body = "" if headers_only else "\nYour parcel is held.\n"
    return (
        "Return-Path: <>\n"
        "From: MAILER-DAEMON@mail.example.net (Mail Delivery System)\n"
        "To: parcels@example.net\n"
        "Subject: Undelivered Mail Returned to Sender\n"
        f"Date: {format_datetime(datetime.now(UTC))}\n"
        "Auto-Submitted: auto-replied\n"
        "MIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"\n'
        "Message-ID: <20261124@mail.example.net>\n\n"
        "--=_b\nContent-Type: text/plain; charset=us-ascii\n\nThis is the mail system.\n\n"
        "--=_b\nContent-Type: message/delivery-status\n\n"
        "Reporting-MTA: dns; mail.example.net\nArrival-Date: Tue, 24 Nov 2026 08:00:00 +0000\n\n"
        f"Final-Recipient: rfc822; {to}\nOriginal-Recipient: rfc822;{to}\nAction: {action}\nStatus: {status}\n"
        "Remote-MTA: dns; mx.example.org\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n\n"
        f"--=_b\nContent-Type: {kind}\n\n{returned}{body}\n--=_b--\n"
    ).encode()
