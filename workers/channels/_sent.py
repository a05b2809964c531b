"""Ask the folder of sent mails whether a mail went out whose acceptance nobody heard. Sends nothing, changes nothing.

For providers that keep what they send, as Gmail does. What lies there was accepted; what does not lie there may not have been, and
is the policy's business (``on_uncertain``).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from workers.channels import Envelope, Receipt
from workers.errors import Permanent, Temporary, Uncertain
from workers.mailbox.box import opened
from workers.mailbox.settings import Mailbox

BACK = timedelta(
    days=10
)  # how far is looked back: an attempt is older only where somebody released it by hand
PATIENCE = 3  # attempts that wait for a folder that cannot be read, where a mail must not be lost
AGAIN = timedelta(minutes=2)
_LIMIT = 60.0  # seconds of one look: a claim is renewed meanwhile


class Sent(Mailbox):
    """The folder in which the provider keeps what was sent."""

    folder: str = Field("Sent", description="the folder's name at the provider")


def found(sent: Sent, message_id: str, *, now: datetime) -> Receipt | None:
    """Return a receipt where the mail lies there, None where it does not; raises Temporary or Permanent."""
    with opened(sent.door(), limit=min(_LIMIT, 4 * sent.timeout)) as box:
        if box.holds(message_id, since=(now - BACK).date()):
            return Receipt(f"found in {sent.folder}")
    return None


def earlier(
    sent: Sent, envelope: Envelope, message_id: str, then: Literal["resend", "hold"], *, now: datetime
) -> Receipt | None:
    """Return the receipt of an attempt that may have been accepted; None where the mail is to go again.

    Where the folder cannot be read: what must not double waits for it (Temporary), and is uncertain where it never can be
    (Uncertain); what must not be lost waits for some attempts and then goes again.
    """
    try:
        return found(sent, message_id, now=now)
    except Temporary as trouble:
        if then == "hold" or envelope.attempt <= PATIENCE:
            raise Temporary(f"whether it went out before is not known yet: {trouble}", after=AGAIN) from None
    except Permanent as trouble:
        if then == "hold":
            said = f"it may have gone out before, and the folder of sent mails cannot be read: {trouble}"
            raise Uncertain(said) from None
    return None
