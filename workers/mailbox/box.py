"""One mailbox over IMAP: searched, read, waited at. Opens it for reading only, unless something is to be done to mails.

Mails are fetched without being marked as read (BODY.PEEK), their headers first, and no more of one than is asked for.
"""

from __future__ import annotations

import contextlib
import imaplib
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from imap_tools.errors import MailboxFolderSelectError
from imap_tools.mailbox import BaseMailBox
from imap_tools.utils import encode_folder

from workers.errors import Permanent, Temporary
from workers.mailbox.door import Door, signed_in
from workers.mailbox.letter import read
from workers.strangers import quoted

_HEAD = 64 * 1024  # bytes of a mail's headers
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UID = re.compile(rb"\bUID (\d+)")


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
        following = self._client.response("UIDNEXT")[1][0]
        offered = self._client.capability()[1]  # asked anew: more is offered once we are in
        self._offers = {each.upper() for each in b" ".join(part or b"" for part in offered).decode().split()}
        self.validity = int(said) if said else 0  # RFC 3501, section 2.3.1.1: UIDs mean nothing under another
        self.newest = (
            int(following) - 1 if following else 0
        )  # no mail that lay there when it was opened is beyond

    def search(self, sender: str, *, since: date, after: int) -> list[int]:
        """Return the UIDs beyond *after* of mails whose From holds *sender* and that came on *since* or later."""
        found = self._inner.uids(f'UID {after + 1}:* SINCE {_day(since)} FROM "{sender}"', charset=None)
        return sorted(uid for each in found if (uid := int(each)) > after)  # "n:*" names the last mail anyway

    def holds(self, message_id: str, *, since: date) -> bool:
        """Say whether a mail with this Message-ID lies there that came on *since* or later."""
        found = self._inner.uids(f'SINCE {_day(since)} HEADER Message-ID "{message_id}"', charset=None)
        return any(
            name == message_id for mail in self.heads([int(one) for one in found]) for name in _ids(mail)
        )

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
def opened(door: Door, *, writable: bool = False, limit: float | None = None) -> Iterator[Box]:
    """Open the mailbox, for *limit* seconds at most; raises Permanent or Temporary for whatever goes wrong."""
    with signed_in(door, limit=limit) as inner:
        try:
            inner.folder.set(door.folder, readonly=not writable)  # EXAMINE
        except MailboxFolderSelectError:
            raise Permanent(f"{door.where} has no folder {quoted(door.folder, 60)!r}") from None
        yield Box(inner)


def _day(day: date) -> str:
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year}"


def _ids(mail: Mail) -> list[str]:
    """Return the Message-IDs of a mail: a search finds parts of one as well (RFC 3501, section 6.4.4)."""
    headers = read(mail.raw).headers
    return [value.strip() for name, value in headers if name.casefold() == "message-id"]


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
