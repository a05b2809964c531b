"""The nouns of the house: what is watched, what was seen, what was decided, what is owed. Holds no logic.

All datetimes are aware UTC; money is ``Money`` (Decimal and an ISO 4217 code); durations are ``timedelta``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum


class Stage(StrEnum):
    """Where a parcel stands. Not a ladder: carriers skip, repeat and go back."""

    PRE_TRANSIT = "pre_transit"
    IN_TRANSIT = "in_transit"
    EXPORT_CUSTOMS = "export_customs"
    EXPORT_CLEARED = "export_cleared"
    TRANSIT_CUSTOMS = "transit_customs"
    ARRIVED_DESTINATION = "arrived_destination"
    IMPORT_CUSTOMS = "import_customs"
    INSPECTION = "inspection"
    HELD = "held"
    DOCUMENTS_REQUIRED = "documents_required"
    PAYMENT_DUE = "payment_due"
    PAYMENT_RECEIVED = "payment_received"
    CLEARANCE_DELAY = "clearance_delay"
    RELEASED = "released"
    REFUSED = "refused"
    RETURNING = "returning"
    OUT_FOR_DELIVERY = "out_for_delivery"
    AVAILABLE_FOR_PICKUP = "available_for_pickup"
    DELIVERY_FAILED = "delivery_failed"
    DELIVERED = "delivered"
    EXCEPTION = "exception"
    UNKNOWN = "unknown"


class Side(StrEnum):
    """Whose customs or territory an event speaks of: the same words mean different things there."""

    ORIGIN = "origin"
    TRANSIT = "transit"
    DESTINATION = "destination"


class Addressee(StrEnum):
    """Who is asked to act by an event."""

    BUYER = "buyer"
    SENDER = "sender"
    CARRIER = "carrier"
    NOBODY = "nobody"


class Charges(StrEnum):
    """What an event says of import charges; independent of the stage."""

    DUE = "due"
    PAID = "paid"
    NONE = "none"
    UNKNOWN = "unknown"
    ASKED = "asked"  # of a situation only: asked for before this stage, and no payment was shown since


class Cause(StrEnum):
    """Why a parcel stands where it stands."""

    UNPAID_CHARGES = "unpaid_charges"
    MISSING_DOCUMENTS = "missing_documents"
    VALUE_MISDECLARED = "value_misdeclared"
    RESTRICTED_OR_PROHIBITED = "restricted_or_prohibited"
    SUSPECTED_COUNTERFEIT = "suspected_counterfeit"
    MULTIPLE_ITEMS = "multiple_items"
    BACKLOG = "backlog"
    PHYSICAL_INSPECTION = "physical_inspection"
    ADDRESS_PROBLEM = "address_problem"
    OTHER = "other"


class TimeQuality(StrEnum):
    """How well the time of a sighting is known."""

    EXACT = "exact"  # the source gave an offset
    ASSUMED = "assumed"  # a naive local time; the zone was assumed
    DAY = "day"  # only the date is known
    UNKNOWN = "unknown"  # undated


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in a currency (ISO 4217, upper case)."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """One tracking event as one source showed it. ``text`` is untrusted."""

    source: str  # the source's name in the user's file
    text: str  # in its original language where the source has it
    at: datetime | None = None
    quality: TimeQuality = TimeQuality.UNKNOWN
    system: str = ""  # code system, the stem of knowledge/codes/<system>.yaml
    code: str = ""
    translation: str = ""  # the source's own translation of ``text``
    lang: str = ""  # BCP 47 tag of ``text`` where the source says so
    place: str = ""
    country: str = ""  # ISO 3166-1 alpha-2 of the place, "" if unknown
    carrier: str = ""  # who scanned it, as the source names them
    number: str = ""  # the number under which it was seen, if not the parcel's own


@dataclass(frozen=True, slots=True)
class Evidence:
    """One entry of our knowledge that decided something: ``where`` is file:line, ``what`` is what matched."""

    kind: str  # "code" | "phrase" | "grammar" | "rule" | "advice" | "context" | "guess"
    what: str
    where: str = ""
    source: str = ""
    checked: date | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one sighting says, once classified. ``unknown`` says nothing and moves nothing."""

    stage: Stage
    causes: tuple[Cause, ...] = ()
    side: Side | None = None
    addressee: Addressee | None = None
    charges: Charges = Charges.UNKNOWN
    evidence: tuple[Evidence, ...] = ()
    beat: tuple[Evidence, ...] = ()  # what matched too and lost

    @property
    def cause(self) -> Cause | None:
        return self.causes[0] if self.causes else None


class Prepaid(StrEnum):
    """What the user knows of a tax at checkout."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Checkout:
    """What was paid at checkout, as the order page says."""

    vat: Prepaid = Prepaid.UNKNOWN
    vat_amount: Money | None = None
    duty: Prepaid = Prepaid.UNKNOWN
    import_charges: Prepaid = Prepaid.UNKNOWN


@dataclass(frozen=True, slots=True)
class ParcelRef:
    """A parcel as the user wrote it: one tracking number of an order."""

    id: str  # "<order id>/<number>", stable
    number: str  # upper case, no white space
    carrier: str = ""  # the user's hint; wins over detection
    sources: tuple[str, ...] = ()  # names of the sources it is looked up at; () = the first configured


@dataclass(frozen=True, slots=True)
class Order:
    """What the user watches."""

    id: str
    title: str
    parcels: tuple[ParcelRef, ...]
    destination: str  # ISO 3166-1 alpha-2
    origin: str = "CN"
    postcode: str = ""
    goods: Money | None = None  # intrinsic value, without shipping
    shipping: Money | None = None
    items: int = 1  # distinct kinds of goods (declaration lines), not pieces
    category: str = ""
    hs_code: str = ""
    checkout: Checkout = Checkout()
    shop: str = ""
    seller: str = ""
    number: str = ""  # the shop's order number
    phone_last4: str = ""  # of the telephone on the parcel's label; some carriers show nothing without
    link: str = ""
    ordered_on: date | None = None
    protected_until: date | None = None
    tell: tuple[str, ...] = ()  # names of recipients
    muted: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """A sighting that stands in a parcel's timeline, with what was read in it."""

    sighting: Sighting
    reading: Reading
    first_seen: datetime
    witnesses: tuple[str, ...] = ()  # names of all sources that showed it
    vanished: bool = False  # a later look no longer showed it
    said: Reading | None = None  # what the words alone say, where context made ``reading`` of it


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What we knew of a parcel before this look. The empty one is ``Snapshot()``."""

    stage: Stage = Stage.UNKNOWN
    since: datetime | None = None  # when the stage was entered, by the event's own time where usable
    occurrence: int = 0  # how often this stage has been entered
    occurrences: Mapping[str, int] = field(default_factory=dict)
    side: Side | None = None
    addressee: Addressee | None = None
    charges: Charges = Charges.UNKNOWN
    causes: tuple[Cause, ...] = ()
    past_customs: bool = False
    timeline: tuple[Seen, ...] = ()  # oldest first
    first_look: datetime | None = None  # None: never looked at with success
    last_news: datetime | None = None  # when a look last showed anything new
    in_customs_since: datetime | None = None
    next_numbers: tuple[str, ...] = ()  # last-mile numbers met in the events
    pushed: datetime | None = None  # when a source last told of it unasked
    met: datetime | None = None  # when a source first answered for it, with events or without


@dataclass(frozen=True, slots=True)
class Transition:
    """A decided fact: the parcel moved from one stage to another, and what proves it."""

    before: Stage
    after: Stage
    occurrence: int
    at: datetime
    rule: str  # the name of the rule in core/detect.py that decided
    proof: Seen | None  # the sighting that proves it; None when context did
    first_look: bool = False


class Pace(StrEnum):
    """How long the stage has lasted against what is usual here."""

    USUAL = "usual"
    SLOW = "slow"
    STUCK = "stuck"


class Tax(StrEnum):
    """Where the order's import tax stands, by the order's own lines first, then by the law of the day."""

    PREPAID = "prepaid"  # collected at checkout
    DUE = "due"  # will be asked at import
    NONE = "none"  # nothing is owed for such an order
    UNKNOWN = "unknown"


class Protection(StrEnum):
    """The shop's buyer protection: the window in which a dispute can be opened."""

    OPEN = "open"
    CLOSING = "closing"  # 10 days or fewer
    LAST_CALL = "last_call"  # 3 days or fewer
    OVER = "over"
    UNKNOWN = "unknown"


class NeedsYou(StrEnum):
    YES = "yes"
    NO = "no"
    WAIT = "wait"  # not before a date


@dataclass(frozen=True, slots=True)
class Situation:
    """A parcel, its order, the law of the day and the calendar, boiled down to a closed set of small facts."""

    stage: Stage
    cause: Cause | None
    side: Side | None
    addressee: Addressee | None
    charges: Charges
    tax: Tax
    pace: Pace
    protection: Protection
    past_customs: bool


@dataclass(frozen=True, slots=True)
class Advice:
    """The first row of the decision table that fits a Situation."""

    id: str  # templates/advice/<id>.j2 holds its words
    needs_you: NeedsYou
    urgent: bool  # passes quiet hours
    silent: bool  # there is nothing worth writing
    evidence: Evidence
    contact: str = ""  # who to contact first: operator | customs | seller | shop | bank | ""
    letters: tuple[str, ...] = ()  # templates/seller/<id>.j2, drafted messages, the most needed first
    topic: str = ""  # advices with one topic speak of the same matter: a change of wording is no news
    deadline: str = ""  # the date that matters: pay | documents | storage | dispute | ""


class Why(StrEnum):
    """The reason for writing, or for staying silent."""

    FIRST = "first"  # first notice of this stage
    FIRST_LOOK = "first_look"  # where it stands now, on import
    CHANGED = "changed"  # the advice changed within the stage
    REMINDER = "reminder"  # a deadline nears
    ESCALATED = "escalated"  # waited long enough for the next step
    RESOLVED = "resolved"  # closes what an alarm opened
    REOPENED = "reopened"  # a false "delivered", a release taken back
    # silence
    HISTORY = "history"  # import of old events
    NOTHING_TO_DO = "nothing_to_do"  # the advice is silent
    ALREADY_TOLD = "already_told"  # same stage, same advice
    NOT_NOW = "not_now"  # too early to say more
    MUTED = "muted"
    NOBODY_TO_TELL = "nobody_to_tell"

    @property
    def speaks(self) -> bool:
        return self in _SPEAKS


_SPEAKS = frozenset(
    {Why.FIRST, Why.FIRST_LOOK, Why.CHANGED, Why.REMINDER, Why.ESCALATED, Why.RESOLVED, Why.REOPENED}
)


@dataclass(frozen=True, slots=True)
class Told:
    """What a parcel's people were last told; the memory of ``core.notices``."""

    advice: str = ""
    topic: str = ""
    stage: Stage = Stage.UNKNOWN
    occurrence: int = 0
    at: datetime | None = None
    needed_you: bool = False
    reminders: int = 0
    deadline: date | None = None
    heard: tuple[str, ...] = ()  # "topic:strength" told since an alarm was last closed
    strength: int = 0  # how far up its ladder the last told advice stood (core.notices.strength)


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file that goes with a mail; its name and kind are ours."""

    name: str  # ASCII letters, digits and "-_.", so that no client spells it anew
    kind: str  # its Content-Type, without charset
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """Words ready for the wire. ``short`` is the SMS form; no field holds unescaped tracking text."""

    subject: str
    text: str
    html: str
    short: str
    lang: str = "en"
    preheader: str = ""
    steady: str = ""  # a subject that stays the same in a thread; "" where there is none
    enclosed: tuple[Enclosure, ...] = ()

    def with_more(self, html: str, enclosed: tuple[Enclosure, ...]) -> Message:
        return replace(self, html=html, enclosed=enclosed)


@dataclass(frozen=True, slots=True)
class Charge:
    """One line of an estimate; ``low`` equals ``high`` only where the figure is not a guess."""

    name: str  # import_vat | duty | flat_duty | handling_fee | national_fee | operator_fee | excise …
    low: Money
    high: Money
    rule: Evidence  # the rule row: where, source, checked
    since: date | None = None  # from when the rule applies
    note: str = ""  # a key for the words: "range_by_category", "rate_converted" …


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is still owed at import for one order on one day. Never a promise."""

    tax: Tax
    on: date
    charges: tuple[Charge, ...] = ()
    low: Money | None = None
    high: Money | None = None
    collected_by: str = "unknown"  # marketplace | declarant | seller | carrier | customs | none | unknown
    scheme: str = ""  # "IOSS", "UK point of sale" … as the rule names it
    prepaid_expected: bool = False  # the law says the marketplace should have collected it already
    rules: tuple[Evidence, ...] = ()  # every rule that was applied or considered
    expected: tuple[Evidence, ...] = ()  # announced changes that may apply: warn, never charge
    rates: tuple[str, ...] = ()  # "1 USD = 0.92 EUR (ECB, 2026-10-30)"
    assumptions: tuple[str, ...] = ()  # keys for the words: "category_guessed", "shipping_unknown" …


@dataclass(frozen=True, slots=True)
class Operator:
    """Who holds the parcel and asks for money in a country, and how they really do it."""

    id: str
    name: str
    country: str  # ISO 3166-1 alpha-2, or "" for a courier that works in many
    kind: str  # post | courier | platform
    asks_by: tuple[str, ...] = ()  # letter | card | email | sms | app | phone | door
    pay_where: str = ""  # words, never a link
    pay_methods: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()  # registrable domains that are the operator's own
    site: str = ""  # the domain a person types by hand
    fee_low: Money | None = None
    fee_high: Money | None = None
    fee_note: str = ""
    storage_days: int | None = None  # calendar days before return; None: not known
    storage_working_days: int | None = None
    documents_where: str = ""
    contact: str = ""
    bills_later: bool = False  # its bill for import charges often comes after the parcel, by weeks
    links_in_messages: str = "unknown"  # never | sometimes | unknown: do genuine messages carry a link
    evidence: Evidence | None = None
    aliases: tuple[str, ...] = ()  # casefolded names under which sources show it
    numbers: tuple[str, ...] = ()  # patterns of tracking numbers that are its own
    unverified_domains: tuple[str, ...] = ()  # said to be its own, not confirmed: neither match nor mismatch


@dataclass(frozen=True, slots=True)
class Guess:
    """A cause that the tracking does not name, but the order, the calendar or the law make likely. Raises no alarm."""

    cause: Cause
    key: str  # of the words: "several_items" | "same_day" | "holiday" | "law_change" | "season_…" | "wording_…"
    evidence: Evidence
    days: tuple[date, ...] = ()  # that the words name
    count: int = 0
    what: str = ""  # the line of the law that changed


@dataclass(frozen=True, slots=True)
class Usual:
    """How long a stage usually takes here, in days; ``source`` says whose numbers these are."""

    half: float  # half of all parcels are through by then
    most: float  # nine of ten
    observations: int
    source: str
    stuck: float = 0.0  # beyond this nothing usual explains the wait; 0: this stage is not judged


@dataclass(frozen=True, slots=True)
class Look:
    """When to look again: at the source, and at the calendar."""

    every: timedelta  # between refreshes while nothing changes
    review_at: datetime | None  # when the advice may change by time alone
