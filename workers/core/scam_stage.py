"""Say whether what a message asks makes sense where a parcel stands. Knows stages, not messages."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

from workers.core.model import Cause, Charges, Operator, Prepaid, Side, Stage
from workers.core.scam_case import Watched


class Fit(StrEnum):
    FITS = "fits"
    UNCLEAR = "unclear"
    CONTRADICTS = "contradicts"


_BEFORE: Final = frozenset(
    {Stage.PRE_TRANSIT, Stage.EXPORT_CUSTOMS, Stage.EXPORT_CLEARED, Stage.TRANSIT_CUSTOMS, Stage.IN_TRANSIT}
)
_GONE: Final = frozenset({Stage.REFUSED, Stage.RETURNING})
_AT_CUSTOMS: Final = frozenset(
    {
        Stage.IMPORT_CUSTOMS,
        Stage.INSPECTION,
        Stage.HELD,
        Stage.CLEARANCE_DELAY,
        Stage.DOCUMENTS_REQUIRED,
        Stage.PAYMENT_DUE,
    }
)
_LAST_MILE: Final = frozenset(
    {
        Stage.RELEASED,
        Stage.OUT_FOR_DELIVERY,
        Stage.AVAILABLE_FOR_PICKUP,
        Stage.DELIVERY_FAILED,
        Stage.PAYMENT_RECEIVED,
    }
)


def fit(asks: str, watched: Watched, speaker: Operator | None) -> Fit:
    """Return whether *asks* (pay, documents, address, info) fits where *watched* stands."""
    snapshot = watched.snapshot
    if snapshot.stage is Stage.UNKNOWN or snapshot.first_look is None:
        return Fit.UNCLEAR
    if asks == "pay":
        return _pay(watched, speaker)
    if asks == "documents":
        return _documents(watched)
    if asks == "address":
        return _address(watched)
    if snapshot.stage in _GONE or (
        snapshot.stage in _BEFORE and not snapshot.past_customs and snapshot.stage is not Stage.IN_TRANSIT
    ):
        return Fit.UNCLEAR
    return Fit.UNCLEAR if snapshot.stage is Stage.EXCEPTION else Fit.FITS


def _here(watched: Watched) -> bool:
    """Whether the parcel is at the customs of its own country."""
    return watched.snapshot.stage in _AT_CUSTOMS and watched.snapshot.side in (None, Side.DESTINATION)


def _pay(watched: Watched, speaker: Operator | None) -> Fit:
    snapshot, stage = watched.snapshot, watched.snapshot.stage
    if stage in _GONE or (stage in _BEFORE and not snapshot.past_customs):
        return Fit.CONTRADICTS
    if snapshot.charges in (Charges.PAID, Charges.NONE) or stage is Stage.PAYMENT_RECEIVED:
        return Fit.CONTRADICTS
    if asked(watched):
        return Fit.FITS
    if stage is Stage.DELIVERED:  # couriers bill weeks later, posts do not
        return Fit.UNCLEAR if speaker is not None and speaker.kind == "courier" else Fit.CONTRADICTS
    unpaid = watched.order.checkout.vat is Prepaid.NO and not prepaid(watched)
    if unpaid and (_here(watched) or stage is Stage.ARRIVED_DESTINATION):
        return Fit.FITS
    return Fit.UNCLEAR if snapshot.side is not Side.ORIGIN else Fit.CONTRADICTS


def _documents(watched: Watched) -> Fit:
    stage = watched.snapshot.stage
    if _here(watched):
        return Fit.FITS
    if stage in (Stage.ARRIVED_DESTINATION, Stage.EXCEPTION):
        return Fit.UNCLEAR
    return Fit.CONTRADICTS


def _address(watched: Watched) -> Fit:
    snapshot = watched.snapshot
    if snapshot.stage is Stage.DELIVERY_FAILED or Cause.ADDRESS_PROBLEM in snapshot.causes:
        return Fit.FITS
    return Fit.UNCLEAR if snapshot.stage in (Stage.EXCEPTION, Stage.HELD) else Fit.CONTRADICTS


def asked(watched: Watched) -> bool:
    """Whether the tracking itself says that charges are due."""
    snapshot = watched.snapshot
    by_cause = snapshot.stage is Stage.HELD and Cause.UNPAID_CHARGES in snapshot.causes
    return snapshot.charges is Charges.DUE or snapshot.stage is Stage.PAYMENT_DUE or by_cause


def prepaid(watched: Watched) -> bool:
    """Whether the order says that its import tax was paid at checkout."""
    checkout = watched.order.checkout
    return Prepaid.YES in (checkout.vat, checkout.import_charges)


def describe(watched: Watched, now: datetime) -> str:
    """Return where a parcel stands, and for how long, in words."""
    snapshot = watched.snapshot
    if snapshot.first_look is None:
        return "it was not looked at yet"
    stage = snapshot.stage.value.replace("_", " ")
    days = (now - snapshot.since).days if snapshot.since else 0
    since = f" since {snapshot.since.date().isoformat()} ({days} days)" if snapshot.since and days > 0 else ""
    charges = "" if snapshot.charges is Charges.UNKNOWN else f", charges {snapshot.charges.value}"
    return f"{stage}{since}{charges}"
