"""What an SMS is billed as: its parts, and what they cost by the prices in the user's file. Knows no price of its own."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from workers.core import sms
from workers.core.model import Money
from workers.settings import Settings


def prices(settings: Settings, *channels: str) -> dict[str, Money]:
    """Return what one part costs on each channel that says so; *channels*: of these alone."""
    found = {
        name: getattr(section.options, "price_per_segment", None)
        for name, section in settings.channels.items()
        if not channels or name in channels
    }
    return {name: price for name, price in found.items() if price is not None}


def said(text: str, of: dict[str, Money]) -> str:
    """Return "[SMS: 2 parts, GSM-7; 0.15 EUR by text]"; no amount where no price is known."""
    size = sms.segments(text)
    amounts = "".join(f"; {total(size.parts, price)} by {name}" for name, price in of.items())
    return f"[SMS: {_parts(size.parts)}, {size.encoding}{amounts}]"


def together(texts: Iterable[str], of: dict[str, Money]) -> str:
    """Return what all of *texts* are billed as, and the dearest one."""
    sizes = [sms.segments(text).parts for text in texts]
    line = f"{len(sizes)} SMS: {_parts(sum(sizes))} together, {max(sizes, default=0)} at most in one"
    amounts = [
        f"{total(sum(sizes), price)} by {name} together, {total(max(sizes, default=0), price)} at most for one"
        for name, price in of.items()
    ]
    return "; ".join([line, *amounts])


def plain(parts: int, of: dict[str, Money]) -> dict[str, Any]:
    """Return the costs for ``--json``."""
    return {name: {"amount": amount(parts, price), "currency": price.currency} for name, price in of.items()}


def total(parts: int, price: Money) -> str:
    return f"{amount(parts, price)} {price.currency}"


def amount(parts: int, price: Money) -> str:
    """Return the exact product, without the zeros behind it beyond cents."""
    exact = price.amount * parts
    return f"{exact.quantize(Decimal('0.01')) if exact == exact.quantize(Decimal('0.01')) else exact.normalize():f}"


def _parts(number: int) -> str:
    return f"{number} {'part' if number == 1 else 'parts'}"
