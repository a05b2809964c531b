"""Mails as AliExpress and carriers write them, field for field after real ones made anonymous, and as forgers do."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
NUMBER, ORDER = "LP00640000000011", "3076348326202839"
GMAIL = "mx.google.com; dkim=pass header.i=@{0} header.s=s1 header.b=Ab12; dmarc=pass (p=QUARANTINE) header.from={0}"
LINK = "https://www.aliexpress.com/p/tracking/index.html?_addShare=no&_login=yes&tradeOrderId={order}&trackingNumber={number}"


def letter(
    subject: str,
    *,
    at: datetime = NOW,
    sender: str = "transaction@notice.aliexpress.com",
    results: str | None = GMAIL,
    html: str = "",
    text: str = "Hello Ana,\n",
    key: str = "",
    extra: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """Return a raw mail; *results*: what the provider wrote on it, {0} is the sender's domain."""
    message = EmailMessage()
    if results:
        message["Authentication-Results"] = results.format(sender.rpartition("@")[2])
    for name, value in extra:
        message[name] = value
    message["From"] = f"AliExpress <{sender}>"
    message["To"] = "ana@example.org"
    message["Subject"] = subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{key or abs(hash((subject, at, sender)))}@notice.aliexpress.com>"
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message.as_bytes()


def tracking(order: str = ORDER, number: str = "", words: str = "Track delivery") -> str:
    """Return a link as the mails have it."""
    href = (
        LINK.format(order=order, number=number)
        if number
        else LINK.partition("&trackingNumber")[0].format(order=order)
    )
    return f'<a href="{href.replace("&", "&amp;")}">{words}</a>'


def package(number: str, words: str, order: str = ORDER) -> str:
    """Return one parcel of a mail about several, its table cut down to what bears words."""
    inside = (
        f'<table><tr><td class="EDM-MULTIPLE-PACKAGES-item-header"><img width="28"><span>{words}</span></td></tr>'
        '<tr><td><div class="EDM-MULTIPLE-PACKAGES-item-title">A small lamp ...</div></td></tr></table>'
    )
    return tracking(order, number, inside)
