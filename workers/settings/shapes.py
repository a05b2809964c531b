"""The shapes of the user's file: its keys, what each may hold, what it is when left out. Reads nothing."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    model_validator,
)

from workers.core.model import Money, Prepaid
from workers.core.timing import Quiet, Summary
from workers.loading import Wrong
from workers.settings import reach, values

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NAME = re.compile(r"\w[\w.-]{0,63}")


def name(text: str) -> str:
    """A name by which other parts of the file speak of a thing."""
    if not _NAME.fullmatch(text):
        raise Wrong(f"{text[:60]!r} is not a name", "letters, digits, - _ and ., no spaces, at most 64")
    return text


def id_or_empty(text: str) -> str:
    """A name, or nothing."""
    return name(text) if text else text


def one_line(text: str) -> str:
    """A text of one line without control characters."""
    if not text.isprintable() and _CONTROL.search(text):
        raise Wrong("must be one line without control characters")
    return text


def _listed(value: object) -> object:
    """One value or a list of them; nothing is the empty list."""
    if isinstance(value, str):
        return [value] if value.strip() else []
    return value


def _tracked(value: object) -> object:
    """One tracking number, or a list of numbers and of mappings with a number."""
    if isinstance(value, dict):
        value = [value]
    listed = _listed(value)
    if not isinstance(listed, list):
        raise Wrong("must be a tracking number or a list of them")
    return [{"number": item} if isinstance(item, str) else item for item in listed]


def _switch(value: object) -> bool:
    if isinstance(value, str) and value.strip().lower() in ("yes", "true", "no", "false", ""):
        return value.strip().lower() in ("yes", "true")
    raise Wrong("must be yes or no")


def _or_empty(value: object) -> object:
    """A number that was left empty is the same as one that was left out."""
    return None if isinstance(value, str) and not value.strip() else value


Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(one_line)]
Id = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(id_or_empty)]
Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(one_line)
]
Names = Annotated[list[Annotated[str, StringConstraints(strip_whitespace=True)]], BeforeValidator(_listed)]
Amount = Annotated[Money | None, PlainValidator(values.money)]
Day = Annotated[date | None, PlainValidator(values.day)]
Country = Annotated[str, PlainValidator(values.country)]
Paid = Annotated[Prepaid, PlainValidator(values.paid)]
Vat = Annotated[tuple[Prepaid, Money | None], PlainValidator(values.vat)]
Length = Annotated[timedelta | None, PlainValidator(values.duration)]
Switch = Annotated[bool, PlainValidator(_switch)]
Count = Annotated[Annotated[int, Field(ge=1, le=999)] | None, BeforeValidator(_or_empty)]


class Shape(BaseModel):
    """A mapping of the user's file. ``other_words`` are what people write for one of its keys."""

    model_config = ConfigDict(extra="forbid")
    other_words: ClassVar[dict[str, str]] = {}


class RecipientShape(Shape):
    """Somebody who is told."""

    other_words: ClassVar[dict[str, str]] = {
        "mail": "email",
        "e-mail": "email",
        "address": "email",
        "mobile": "phone",
        "tel": "phone",
        "sms": "phone",
        "lang": "language",
        "locale": "language",
        "tz": "timezone",
        "zone": "timezone",
        "quiet_hours": "quiet",
        "do_not_disturb": "quiet",
        "summary": "digest",
        "min_gap": "gap",
        "minimum_gap": "gap",
        "cap": "daily_cap",
        "limit": "daily_cap",
        "escalate": "escalate_after",
    }

    email: Annotated[str, PlainValidator(reach.email)] = ""
    phone: Annotated[str, PlainValidator(reach.phone)] = ""
    language: Line = "en"
    timezone: Annotated[str, PlainValidator(values.zone)] = "UTC"
    channels: Names = Field(default_factory=list)
    quiet: Annotated[Quiet | None, PlainValidator(values.quiet)] = None
    digest: Annotated[Summary | None, PlainValidator(values.digest)] = None
    gap: Length = None
    daily_cap: Count = None
    escalate_after: Length = None
    escalate_by: Line = ""
    escalate_to: Line = ""


class TrackingShape(Shape):
    """One tracking number of an order."""

    other_words: ClassVar[dict[str, str]] = {"tracking": "number", "id": "number"}

    number: Annotated[str, PlainValidator(values.tracking_number)]
    carrier: Line = ""
    source: Names = Field(default_factory=list)


class QuotaShape(Shape):
    """How much a source may be asked."""

    other_words: ClassVar[dict[str, str]] = {
        "requests": "calls",
        "parcels": "numbers",
        "registrations": "numbers",
        "each": "per",
        "every": "per",
    }

    calls: Annotated[Annotated[int, Field(ge=1, le=1_000_000_000)] | None, BeforeValidator(_or_empty)] = None
    numbers: Annotated[Annotated[int, Field(ge=1, le=1_000_000_000)] | None, BeforeValidator(_or_empty)] = (
        None
    )
    per: Literal["hour", "day", "month"]

    @model_validator(mode="after")
    def _one_of_both(self) -> QuotaShape:
        if (self.calls is None) == (self.numbers is None):
            raise Wrong("needs either calls or numbers", "such as {calls: 250, per: day}")
        return self


class OrderShape(Shape):
    """What is watched."""

    other_words: ClassVar[dict[str, str]] = {
        "name": "title",
        "number": "tracking",
        "tracking_number": "tracking",
        "country": "to",
        "destination": "to",
        "origin": "from",
        "zip": "postcode",
        "zipcode": "postcode",
        "plz": "postcode",
        "price": "value",
        "goods": "value",
        "cost": "value",
        "currency": "value",
        "vat": "vat_paid",
        "ioss": "vat_paid",
        "duty": "duty_paid",
        "store": "shop",
        "platform": "shop",
        "url": "link",
        "hs": "hs_code",
        "protection": "protected_until",
        "buyer_protection": "protected_until",
        "date": "ordered",
        "ordered_on": "ordered",
        "order_number": "order",
        "phone": "phone_last4",
        "notify": "tell",
        "recipients": "tell",
        "recipient": "tell",
        "courier": "carrier",
    }

    title: Title
    tracking: Annotated[list[TrackingShape], BeforeValidator(_tracked)]
    to: Country
    id: Id = ""
    from_: Country = Field(default="CN", alias="from")
    postcode: Line = ""
    value: Amount = None
    shipping: Amount = None
    items: Count = None
    category: Line = ""
    hs_code: Annotated[str, PlainValidator(values.hs_code)] = ""
    vat_paid: Vat = (Prepaid.UNKNOWN, None)
    duty_paid: Paid = Prepaid.UNKNOWN
    import_charges_paid: Paid = Prepaid.UNKNOWN
    shop: Line = "AliExpress"
    seller: Line = ""
    order: Line = ""
    phone_last4: Annotated[str, PlainValidator(reach.phone_last4)] = ""
    link: Annotated[str, PlainValidator(reach.link)] = ""
    ordered: Day = None
    protected_until: Day = None
    carrier: Line = ""
    source: Names = Field(default_factory=list)
    tell: Names = Field(default_factory=list)
    mute: Switch = False


class DefaultsShape(Shape):
    """What orders hold that do not say it themselves."""

    other_words: ClassVar[dict[str, str]] = OrderShape.other_words

    to: Country = ""
    from_: Country = Field(default="CN", alias="from")
    postcode: Line = ""
    category: Line = ""
    vat_paid: Vat = (Prepaid.UNKNOWN, None)
    duty_paid: Paid = Prepaid.UNKNOWN
    import_charges_paid: Paid = Prepaid.UNKNOWN
    shop: Line = "AliExpress"
    seller: Line = ""
    carrier: Line = ""
    source: Names = Field(default_factory=list)
    tell: Names = Field(default_factory=list)
    mute: Switch = False


class AutoWatchShape(DefaultsShape):
    """What orders hold that were found in mails and are watched by themselves."""

    other_words: ClassVar[dict[str, str]] = {
        **OrderShape.other_words,
        "limit": "a_day",
        "max": "a_day",
        "most": "a_day",
    }

    a_day: int = Field(default=5, ge=1, le=50)


class WorkerShape(Shape):
    """How much works at the same time on this machine."""

    processes: int = Field(default=1, ge=1, le=64)
    threads: int = Field(default=8, ge=1, le=256)


class WebShape(Shape):
    """Where ``customs-watch web`` listens."""

    other_words: ClassVar[dict[str, str]] = {"host": "listen", "port": "listen", "bind": "listen"}

    listen: Annotated[tuple[str, int], PlainValidator(reach.listen)] = ("127.0.0.1", 8674)
    expose: Switch = False
    public_url: Annotated[str, PlainValidator(reach.public_url)] = ""


class KeepShape(Shape):
    """How long what is over is remembered."""

    words: Length = None
    parcels: Length = None


class FileShape(Shape):
    """The whole file, by its top-level keys; each is checked by itself: no mistake hides another."""

    other_words: ClassVar[dict[str, str]] = {
        "order": "orders",
        "parcels": "orders",
        "recipient": "recipients",
        "people": "recipients",
        "channel": "channels",
        "source": "sources",
        "default": "defaults",
        "workers": "worker",
    }

    recipients: dict[str, RecipientShape] = Field(default_factory=dict)
    channels: dict[str, Any] = Field(default_factory=dict)
    sources: dict[str, Any] = Field(default_factory=dict)
    defaults: DefaultsShape = Field(default_factory=DefaultsShape)
    orders: list[OrderShape] = Field(default_factory=list)
    auto_watch: Any = None
    owner: Names = Field(default_factory=list)
    worker: WorkerShape = Field(default_factory=WorkerShape)
    web: WebShape = Field(default_factory=WebShape)
    keep: KeepShape = Field(default_factory=KeepShape)
    data: Line = ""
    templates: Line = ""
