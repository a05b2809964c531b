"""The shapes of our law, tariff and operator files. Refuses a row without source, date or order."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from workers.core import assess, money
from workers.core.law import Band, Row
from workers.core.model import Evidence, Money, Prepaid, Tax
from workers.core.money import Span

Amount = Annotated[Money, BeforeValidator(lambda text: money.read(text) if isinstance(text, str) else text)]
Confidence = Literal["high", "medium", "low", "unverified"]
Iso2 = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
RULES = frozenset(
    {"scheme", "vat_relief", "duty_relief", "customs_value", "waiver", "procedure"}
)  # no charges


class Strict(BaseModel):
    """A mapping of ours: an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Sourced(Strict):
    """A fact with where it was read, when, and how sure we are."""

    source: str = Field(min_length=8)
    checked: date
    confidence: Confidence


class BandFile(Strict):
    over: Amount | None = None
    up_to: Amount | None = None
    below: Amount | None = None
    perhaps_up_to: Amount | None = None
    origins: tuple[Iso2, ...] = ()
    not_origins: tuple[Iso2, ...] = ()
    channel: Literal["", "post", "courier"] = ""
    postcodes: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    rate: Decimal | None = Field(default=None, ge=0, le=2)
    rate_high: Decimal | None = Field(default=None, ge=0, le=2)
    tariff: str = ""
    flat: Amount | None = None
    flat_high: Amount | None = None
    per: Literal["consignment", "item"] = "consignment"
    minus: Amount | None = None
    at_least: Amount | None = None
    at_most: Amount | None = None
    excess_over: Amount | None = None
    perhaps_excess: bool = False
    inclusive: bool = False
    unpriced: bool = False

    def band(self) -> Band:
        rate = (
            None
            if self.rate is None
            else Span(self.rate, self.rate if self.rate_high is None else self.rate_high)
        )
        return Band(
            over=self.over, up_to=self.up_to, below=self.below, perhaps_up_to=self.perhaps_up_to,
            origins=self.origins, not_origins=self.not_origins, channel=self.channel, rate=rate,
            tariff=self.tariff,
            flat=None if self.flat is None else (self.flat, self.flat_high or self.flat),
            per_item=self.per == "item",
            minus=self.minus, at_least=self.at_least, at_most=self.at_most, excess_over=self.excess_over,
            perhaps_excess=self.perhaps_excess, postcodes=self.postcodes, only=self.only,
            inclusive=self.inclusive, unpriced=self.unpriced,
        )  # fmt: skip


class RowFile(Sourced, BandFile):
    """A row as written: its one band stands in it, or several stand under ``bands``."""

    start: date = Field(alias="from")
    ends: bool = False
    expected: bool = False
    basis: Literal["goods", "goods_shipping", "item"] = "goods"
    base: Literal[
        "goods", "goods_shipping", "goods_maybe_shipping", "goods_duty", "goods_shipping_duty",
        "goods_shipping_duty_at_border", "charges",
    ] = "goods_shipping_duty"  # fmt: skip
    regime: Literal["import", "checkout", "both"] = "import"
    collected_by: Literal["marketplace", "declarant", "seller", "carrier", "customs", "none"] = "carrier"
    debtor: Literal["buyer", "seller"] = "buyer"
    name: str = ""
    marketplace: Literal["expected", "possible"] = "expected"
    covers: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    shops: tuple[str, ...] = ()
    recheck: date | None = None
    note: str = ""
    bands: tuple[BandFile, ...] = ()

    @model_validator(mode="after")
    def _one_or_many(self) -> RowFile:
        own = BandFile.model_fields.keys() & self.model_fields_set
        if self.bands and own:
            raise ValueError(f"{', '.join(sorted(own))}: write it in each of the bands, or write no bands")
        if self.confidence == "unverified" and not self.expected and not self.ends:
            for band in self.bands or (self,):
                if band.rate is not None and band.rate == (band.rate_high or band.rate) and band.rate > 0:
                    raise ValueError("an unverified rate is a range (rate, rate_high), never one figure")
        return self

    def row(self, line: str, evidence: Evidence) -> Row:
        bands = tuple(band.band() for band in self.bands or (self,))
        return Row(
            line=line, start=self.start, evidence=evidence, confidence=self.confidence, bands=bands,
            ends=self.ends, expected=self.expected, basis=self.basis, base=self.base, regime=self.regime,
            collected_by=self.collected_by, debtor=self.debtor, name=self.name, note=self.note,
            marketplace=self.marketplace, covers=self.covers, excludes=self.excludes, shops=self.shops,
            recheck=self.recheck,
        )  # fmt: skip


class TerritoryFile(Strict):
    name: str
    postcodes: tuple[str, ...] = Field(min_length=1)
    law: str = ""


class Expect(Strict):
    """What a worked example must give: every charge, as an amount or ``low..high``."""

    tax: Tax
    charges: Mapping[str, str] = {}
    total: str = ""
    prepaid_expected: bool | None = None
    collected_by: str = ""
    assumptions: tuple[str, ...] = ()  # at least these
    warns: tuple[str, ...] = ()  # the lines of the expected rows


class Case(Strict):
    """A worked example; the tests compute it."""

    on: date
    why: str
    source: str = Field(min_length=8)
    at: Literal["import", "checkout"] = "import"
    goods: Amount | None = None
    shipping: Amount | None = None
    items: int = 1
    parcels: int = 1
    title: str = ""
    category: str = ""
    hs: str = ""
    origin: str = "CN"
    postcode: str = ""
    shop: str = ""
    ordered_on: date | None = None
    vat_paid: Prepaid = Prepaid.UNKNOWN
    duty_paid: Prepaid = Prepaid.UNKNOWN
    import_charges: Prepaid = Prepaid.UNKNOWN
    operator: str = ""
    at_door: bool = False
    rates: Mapping[str, Decimal] = {}  # "USD EUR": 0.9
    expect: Expect


class CountryFile(Strict):
    country: Iso2
    name: str
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    bloc: str = ""
    territories: tuple[TerritoryFile, ...] = ()
    documents: tuple[str, ...] = ()
    lines: Mapping[str, tuple[RowFile, ...]]
    cases: tuple[Case, ...] = ()

    @model_validator(mode="after")
    def _lines_are_sound(self) -> CountryFile:
        for line, rows in self.lines.items():
            if line.partition(".")[0] not in RULES.union(assess.ORDER):
                raise ValueError(f"{line} is neither a charge nor a rule that we know")
            _in_order(line, rows)
        return self


class OperatorFile(Sourced):
    operator: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    name: str
    country: Literal[""] | Iso2
    kind: Literal["post", "courier", "platform"]
    aliases: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    asks_by: tuple[Literal["letter", "card", "email", "sms", "app", "phone", "door"], ...] = ()
    pay_where: str = ""
    pay_methods: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    unverified_domains: tuple[str, ...] = ()
    site: str = ""
    fee: tuple[RowFile, ...] = ()
    fee_note: str = ""
    storage_days: int | None = Field(default=None, gt=0)
    storage_working_days: int | None = Field(default=None, gt=0)
    documents_where: str = ""
    contact: str = ""
    bills_later: bool = False
    links_in_messages: Literal["never", "sometimes", "unknown"] = "unknown"
    note: str = ""

    @model_validator(mode="after")
    def _sound(self) -> OperatorFile:
        if self.fee:
            _in_order("fee", self.fee)
        for pattern in self.numbers:
            re.compile(pattern)
        if self.site and self.site not in (*self.domains, *self.unverified_domains):
            raise ValueError(f"the site {self.site} is not among the operator's domains")
        return self


class DutyFile(Sourced):
    rate: Decimal = Field(ge=0, le=1)
    rate_high: Decimal | None = Field(default=None, ge=0, le=1)
    note: str = ""

    @model_validator(mode="after")
    def _range(self) -> DutyFile:
        if self.confidence == "unverified" and self.rate == (self.rate_high or self.rate):
            raise ValueError("an unverified duty is a range (rate, rate_high), never one figure")
        return self


class CategoryFile(Strict):
    hs: tuple[Annotated[str, Field(pattern=r"^\d{2,10}$")], ...] = ()
    words: Mapping[str, tuple[str, ...]] = {}
    duty: Mapping[str, DutyFile] = {}


class CategoriesFile(Strict):
    averages: Mapping[str, DutyFile]
    categories: Mapping[str, CategoryFile]
    codes: Mapping[Annotated[str, Field(pattern=r"^\d{4,10}$")], CategoryFile] = {}


def _in_order(line: str, rows: tuple[RowFile, ...]) -> None:
    """Refuse rows out of order; two rows of one day would overlap."""
    if not rows:
        raise ValueError(f"{line} has no rows")
    for before, after in itertools.pairwise(rows):
        if before.start >= after.start:
            raise ValueError(f"{line}: {after.start} must stand above {before.start}, and each day only once")
    if rows[0].ends:
        raise ValueError(f"{line}: a line cannot begin with its end")
