"""Orders of the user's file: each with defaults, id and parcels. Finds every mistake of every order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from workers.core.model import Checkout, Order, ParcelRef
from workers.loading import mistakes_of
from workers.settings import values
from workers.settings.findings import Findings
from workers.settings.people import nearest
from workers.settings.shapes import DefaultsShape, OrderShape, TrackingShape


@cache
def _all_orders() -> TypeAdapter[list[OrderShape]]:
    return TypeAdapter(list[OrderShape])


class Orders:
    """Reads the orders of one file. *people* and *sources*: all names in it, also with mistakes; None: unknown."""

    def __init__(
        self, findings: Findings, people: Iterable[str] | None, sources: Iterable[str] | None
    ) -> None:
        self.findings = findings
        self.people = tuple(people or ())
        self._known = {"recipient": frozenset(self.people), "source": frozenset(sources or ())}
        self._hidden = {what for what, names in (("recipient", people), ("source", sources)) if names is None}
        self._said: set[tuple[str, str]] = set()  # names of the defaults that have their mistake already
        self._taken: dict[str, int] = {}  # id -> index of its order
        self._without_numbers: set[int] = set()  # orders whose numbers have their mistake already

    def read(self, raw: Any, defaults: Any) -> dict[str, Order]:
        """Return the orders that are right, by id."""
        if not isinstance(raw, list):
            self.findings.wrong(("orders",), "orders: must be a list", "each order begins with '- title: …'")
            return {}
        shapes = self._shapes(raw, self._defaults(defaults))
        for i, shape in shapes:
            if shape.id:
                self._claim(shape.id, i)
        out = {}
        for i, shape in shapes:
            order = self._order(i, shape)
            out[order.id] = order
        return out

    def _defaults(self, raw: Any) -> dict[str, Any]:
        """Return what stands below ``defaults:`` and is right, as written."""
        try:
            shape = DefaultsShape.model_validate(raw)
        except ValidationError as error:
            self.findings.mistakes += mistakes_of(
                error, DefaultsShape, self.findings.document, at=("defaults",)
            )
            if not isinstance(raw, dict):
                return {}
            wrong = {str(item["loc"][0]) for item in error.errors(include_url=False) if item["loc"]}
            raw = {key: value for key, value in raw.items() if key not in wrong}
            self._said.update(("missing", key) for key in wrong)
            shape = DefaultsShape.model_validate(raw)
        for i, person in enumerate(shape.tell):
            self._check("recipient", person, ("defaults", "tell", i), of_defaults=True)
        for i, source in enumerate(shape.source):
            self._check("source", source, ("defaults", "source", i), of_defaults=True)
        return {key: value for key, value in raw.items() if value != ""}

    def _shapes(self, raw: list[Any], defaults: dict[str, Any]) -> list[tuple[int, OrderShape]]:
        if defaults:
            raw = [
                {**defaults, **{key: value for key, value in order.items() if value != ""}}
                if isinstance(order, dict)
                else order
                for order in raw
            ]
        try:
            return list(enumerate(_all_orders().validate_python(raw)))
        except ValidationError:
            return self._one_by_one(raw)

    def _one_by_one(self, raw: list[Any]) -> list[tuple[int, OrderShape]]:
        out = []
        for i, order in enumerate(raw):
            if not isinstance(order, dict):
                self.findings.wrong(("orders", i), "an order is a mapping", "with title, tracking and to")
                continue
            try:
                out.append((i, OrderShape.model_validate(order)))
            except ValidationError as error:
                out.append((i, self._sound_part(i, order, error)))
        return out

    def _sound_part(self, i: int, order: dict[str, Any], error: ValidationError) -> OrderShape:
        """Tell an order's mistakes; return what is right in it, for the mistakes that lie between orders."""
        wrong = set()
        said = mistakes_of(error, OrderShape, self.findings.document, at=("orders", i))
        for item, mistake in zip(error.errors(include_url=False), said, strict=True):
            wrong.add(item["loc"][0])
            if item["type"] == "missing" and ("missing", str(item["loc"][-1])) in self._said:
                continue  # it is the default that is wrong
            message = mistake.message.replace("tracking.number: ", "tracking: ", 1)
            self.findings.mistakes.append(replace(mistake, message=message))
        if "tracking" in wrong:
            self._without_numbers.add(i)
        sound = {key: value for key, value in order.items() if key not in wrong}
        return OrderShape.model_validate({"title": "?", "tracking": "", "to": "DE", **sound})

    def _order(self, i: int, shape: OrderShape) -> Order:
        at = ("orders", i)
        order_id = shape.id or self._own_id(i, shape)
        for j, person in enumerate(shape.tell):
            if person not in self._known["recipient"]:
                self._check("recipient", person, (*at, "tell", j))
        for j, source in enumerate(shape.source):
            self._check("source", source, (*at, "source", j))
        ordered, until = shape.ordered, shape.protected_until
        if ordered and until and until < ordered:
            self.findings.wrong(
                (*at, "protected_until"), f"protected_until: {until} is before ordered: {ordered}"
            )
        if not shape.tracking and i not in self._without_numbers:
            self.findings.wrong(
                (*at, "tracking"), "tracking: is empty", "the tracking number from the order's page"
            )
        return Order(
            id=order_id,
            title=shape.title,
            parcels=tuple(self._parcel(i, j, order_id, shape) for j in range(len(shape.tracking))),
            destination=shape.to,
            origin=shape.from_,
            postcode=shape.postcode,
            goods=shape.value,
            shipping=shape.shipping,
            items=shape.items or 1,
            category=shape.category,
            hs_code=shape.hs_code,
            checkout=Checkout(*shape.vat_paid, shape.duty_paid, shape.import_charges_paid),
            shop=shape.shop,
            seller=shape.seller,
            number=shape.order,
            phone_last4=shape.phone_last4,
            link=shape.link,
            ordered_on=ordered,
            protected_until=until,
            tell=tuple(shape.tell) or self.people,
            muted=shape.mute,
        )

    def _parcel(self, i: int, j: int, order_id: str, shape: OrderShape) -> ParcelRef:
        one = shape.tracking[j]
        at = ("orders", i, "tracking", j)
        for k, source in enumerate(one.source):
            self._check("source", source, (*at, "source", k))
        if j and any(one.number == other.number for other in shape.tracking[:j]):
            self.findings.wrong(at, f"tracking: {one.number} stands twice in this order", "keep one of them")
        digit = values.s10_digit(one.number)
        if digit:
            hint = f"by its check digit it should be {one.number[:10]}{digit}{one.number[11:]}"
            self.findings.odd(
                at, f"tracking: {one.number} is mistyped, or no number of a postal service", hint
            )
        return ParcelRef(
            id=f"{order_id}/{one.number}",
            number=one.number,
            carrier=one.carrier or shape.carrier,
            sources=tuple(dict.fromkeys(one.source or shape.source)),
        )

    def _own_id(self, i: int, shape: OrderShape) -> str:
        """Return an id for an order without one: its first number, made different where that is taken."""
        first: TrackingShape | None = shape.tracking[0] if shape.tracking else None
        own = first.number if first else f"order-{i + 1}"
        if own in self._taken:
            slug = re.sub(r"[^a-z0-9]+", "-", (shape.order or shape.title).lower()).strip("-")[:30] or "again"
            hint = "give each an id of its own, such as 'id: headphones', and keep it"
            self.findings.odd(("orders", i, "tracking"), f"tracking: another order has {own} too", hint)
            plain, count = own, 1
            own = f"{plain}-{slug}"
            while own in self._taken:
                count += 1
                own = f"{plain}-{slug}-{count}"
        self._taken[own] = i
        return own

    def _claim(self, order_id: str, i: int) -> None:
        first = self._taken.setdefault(order_id, i)
        if first != i:
            line = self.findings.document.line(("orders", first, "id"))
            said = f"id: {order_id!r} is the id of the order in line {line} already"
            self.findings.wrong(("orders", i, "id"), said, "every order needs its own")

    def _check(self, what: str, name: str, at: tuple[str | int, ...], *, of_defaults: bool = False) -> None:
        if name in self._known[what] or what in self._hidden or (what, name) in self._said:
            return
        if of_defaults:
            self._said.add((what, name))
        key = next(str(step) for step in reversed(at) if isinstance(step, str))
        self.findings.wrong(at, f"{key}: there is no {what} {name!r}", nearest(name, self._known[what]))
