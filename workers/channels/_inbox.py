"""Read what came in answer to the mails of one channel, from its own mailbox. Decides nothing, and changes nothing unless told.

Only mails from the readers' own addresses, and from mail servers that return mails, are asked for; and of those only the ones are
fetched whole that name a mail of ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from pydantic import Field

from workers.channels import Answer, Dead, Place
from workers.channels._smtp import is_dead
from workers.mailbox.answer import Bounce, Reply, about, taken_apart
from workers.mailbox.box import Box, Mail, opened
from workers.mailbox.letter import LARGEST, read
from workers.mailbox.settings import Inbox
from workers.mailbox.trust import judged

DAYS = timedelta(days=15)  # how far back is looked the first time: an answer counts for fourteen
DAEMONS = ("mailer-daemon", "postmaster")
_AT_ONCE = 20  # mails
_LIMIT = 80.0  # seconds of one look


class Replies(Inbox):
    """The mailbox that readers' answers come to."""

    every: float = Field(60, ge=5, le=86_400, description="seconds between looks")


def look(
    inbox: Replies, domain: str, readers: Iterable[str], *, after: Place, now: datetime,
    take: Callable[[Answer | Dead], bool],
) -> Place:  # fmt: skip
    """Hand what came since *after* to *take*, which says whether it counted; return how far the mailbox is read now.

    Raises Temporary or Permanent where it cannot be read, and what *take* raises: then it is to be read again from *after*.
    """
    mark, since = _mark(inbox), (now - DAYS).date()
    writable = inbox.after_reading != "leave"
    with opened(inbox.door(), writable=writable, limit=min(_LIMIT, 4 * inbox.timeout)) as box:
        known = after.uid if (after.box, after.validity) == (mark, box.validity) else 0
        senders = dict.fromkeys([*sorted(readers), *DAEMONS])
        found = {uid for sender in senders for uid in box.search(sender, since=since, after=known)}
        newest = max(known, box.newest)
        uids = sorted(uid for uid in found if uid <= newest)
        for start in range(0, len(uids), _AT_ONCE):
            _read(box, uids[start : start + _AT_ONCE], inbox, domain, take)
        return Place(mark, box.validity, newest)


def _read(
    box: Box, uids: list[int], inbox: Replies, domain: str, take: Callable[[Answer | Dead], bool]
) -> None:
    wanted = [head.uid for head in box.heads(uids) if _may_be(head, domain)]
    counted = []
    for mail in box.mails(wanted, largest=LARGEST):
        found = taken_apart(mail.raw, domain)
        if isinstance(found, Reply):
            counts = take(_answer(found, inbox))
        elif isinstance(found, Bounce):
            counts = take(
                Dead(_key(found), found.about, found.recipient, found.status, is_dead(found.status))
            )
        else:
            counts = False
        if counts:
            counted.append(mail.uid)
    box.deal(counted, inbox.after_reading)


def _may_be(head: Mail, domain: str) -> bool:
    headers = read(head.raw).headers
    kind = next((value.casefold() for name, value in headers if name.casefold() == "content-type"), "")
    return bool(about(headers, domain)) or kind.startswith("multipart/report")


def _answer(reply: Reply, inbox: Replies) -> Answer:
    """Return the reply with what the provider says of its sender."""
    trust = judged(reply.headers, owners=[reply.sender.rpartition("@")[2]], providers=inbox.providers())
    return Answer(_key(reply), reply.about, reply.sender, trust.why, reply.at, reply.lines)


def _key(found: Reply | Bounce) -> str:
    """Return what is the same for the same mail, whatever else is changed in it to have it count once more."""
    said = (found.sender, found.written) if isinstance(found, Reply) else (found.recipient, found.status)
    return hashlib.sha256("\0".join(("mail", *found.about[:1], *said)).encode()).hexdigest()


def _mark(inbox: Replies) -> str:
    said = f"{inbox.host}\0{inbox.port}\0{inbox.user}\0{inbox.folder}"
    return hashlib.sha256(said.encode()).hexdigest()[:16]
