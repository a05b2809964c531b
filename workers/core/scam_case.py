"""The nouns of the scam check: signs, reasons, verdicts, and the case in which they are gathered. Judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from workers.core.model import Evidence, Operator, Order, ParcelRef, Snapshot
from workers.core.quote import quote
from workers.core.received import Received
from workers.core.wording import Report, Signs, Wording

# The kinds of wordings in scam.yaml. "common" tells the language, "never" marks a warning.
KINDS: Final = (
    "common", "pay", "documents", "address", "info", "hurry", "threat", "card", "identity", "crypto", "gift", "transfer", "qr",
    "reply", "call", "install", "redelivery", "never",
)  # fmt: skip


class MessageIs(StrEnum):
    """The closed list of verdicts. There is no "safe" among them, and there never will be."""

    DOES_NOT_MATCH = "does_not_match"
    MATCHES = "matches"  # fits what is waited for; the operator's site is still opened by hand
    CANNOT_TELL = "cannot_tell"


class Sign(StrEnum):
    """The closed list of what can be noticed about a message. scam.yaml says what each means."""

    NUMBER_KNOWN = "number_known"
    NUMBER_UNKNOWN = "number_unknown"
    NUMBER_ABSENT = "number_absent"
    OTHER_NUMBER = "other_number"
    STAGE_FITS = "stage_fits"
    STAGE_CONTRADICTS = "stage_contradicts"
    STAGE_UNCLEAR = "stage_unclear"
    VAT_PREPAID = "vat_prepaid"
    CHARGED_TWICE = "charged_twice"
    OPERATOR_KNOWN = "operator_known"
    OPERATOR_UNKNOWN = "operator_unknown"
    OPERATOR_OTHER = "operator_other"
    ASKS_SO = "asks_so"
    ASKS_OTHERWISE = "asks_otherwise"
    HABIT_UNKNOWN = "habit_unknown"
    LINK_OWN = "link_own"
    LINK_NEVER = "link_never"
    LINK_FOREIGN = "link_foreign"
    LINK_UNVERIFIED = "link_unverified"
    LINK_OTHER_OPERATOR = "link_other_operator"
    LINK_PERHAPS = "link_perhaps"
    LOOKALIKE = "lookalike"
    BRAND_BORROWED = "brand_borrowed"
    PUNYCODE = "punycode"
    SHORT_LINK = "short_link"
    IP_LINK = "ip_link"
    ODD_LINK = "odd_link"
    MAIL_FOREIGN = "mail_foreign"
    PHONE = "phone"
    CHAT_NAME = "chat_name"
    SENDER_OWN = "sender_own"
    SENDER_FOREIGN = "sender_foreign"
    SENDER_NUMBER = "sender_number"
    SENDER_ABROAD = "sender_abroad"
    SENDER_UNKNOWN = "sender_unknown"
    REPLY_ELSEWHERE = "reply_elsewhere"
    CARD_DATA = "card_data"
    IDENTITY = "identity"
    CRYPTO = "crypto"
    GIFT_CARD = "gift_card"
    TRANSFER = "transfer"
    QR = "qr"
    REPLY = "reply"
    CALL = "call"
    INSTALL = "install"
    REDELIVERY_FEE = "redelivery_fee"
    THREAT = "threat"
    HURRY = "hurry"
    TINY_FEE = "tiny_fee"
    BELOW_FEE = "below_fee"
    WARNING_WORDS = "warning_words"
    MIXED_LETTERS = "mixed_letters"
    HIDDEN_WORDS = "hidden_words"
    UNREAD = "unread"
    TOO_LONG = "too_long"
    FORM = "form"
    ATTACHMENT = "attachment"
    PICTURE = "picture"
    NOTHING_ASKED = "nothing_asked"


class Weight(StrEnum):
    """What a reason does: one ``against`` decides; one ``open`` keeps a message from matching."""

    AGAINST = "against"
    OPEN = "open"
    FOR = "for"


@dataclass(frozen=True, slots=True)
class Reason:
    """One sign met, what shows it (harmless to print), and the entries of our knowledge behind it."""

    sign: Sign
    weight: Weight
    detail: str
    says: str  # a sentence in English
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Watched:
    """A parcel that is waited for, as it stands now; ``Snapshot()`` where it was never looked at."""

    order: Order
    parcel: ParcelRef
    snapshot: Snapshot = field(default_factory=Snapshot)


@dataclass(frozen=True, slots=True)
class MessageVerdict:
    """The answer: the verdict, all reasons, the weightiest first, and where to report a forgery."""

    verdict: MessageIs
    reasons: tuple[Reason, ...]
    asks: tuple[str, ...] = ()  # pay | documents | address | info
    parcels: tuple[str, ...] = ()  # ids of the watched parcels it names
    operator: Operator | None = None  # who it speaks for
    reports: tuple[Report, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known while a message is judged."""

    message: Received
    words: Wording
    whole: str  # all words, links too, as they read
    asks: tuple[str, ...]
    named: tuple[Watched, ...]  # watched parcels whose number it holds
    watched: Sequence[Watched]
    operators: Sequence[Operator]
    holders: tuple[Operator, ...]  # who can hold one of the parcels in question
    speaker: Operator | None  # whom it speaks for
    signs: Signs
    now: datetime

    @property
    def wants(self) -> bool:
        """Whether it wants something of the reader."""
        return self.asks != ("info",)

    def reason(
        self, sign: Sign, weight: Weight, *seen: str, evidence: Sequence[Evidence | None] = ()
    ) -> Reason:
        """Return a reason whose detail is *seen*, with nothing left in it to click or call."""
        row = self.signs.rows[sign.value]
        detail = ", ".join(dict.fromkeys(quote(s, 120) for s in seen if s)) or "–"
        given = tuple(e for e in evidence if e is not None)
        return Reason(sign, weight, detail, row.what.replace("{detail}", detail), (*given, row))

    def against(self, sign: Sign, *seen: str, evidence: Sequence[Evidence | None] = ()) -> Reason:
        return self.reason(sign, Weight.AGAINST, *seen, evidence=evidence)

    def open(self, sign: Sign, *seen: str, evidence: Sequence[Evidence | None] = ()) -> Reason:
        return self.reason(sign, Weight.OPEN, *seen, evidence=evidence)

    def speaks_for(self, sign: Sign, *seen: str, evidence: Sequence[Evidence | None] = ()) -> Reason:
        return self.reason(sign, Weight.FOR, *seen, evidence=evidence)
