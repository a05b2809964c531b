"""The reader's table of all advices (docs/advice.md), made from the data and the words. Adds no opinion of its own."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any, Final

import typer

from workers.core import advise, brief
from workers.core.advise import FACTS, Fact, Row, Table
from workers.core.model import (
    Charges,
    Checkout,
    Estimate,
    Money,
    Operator,
    Order,
    Pace,
    ParcelRef,
    Prepaid,
    Protection,
    Reading,
    Seen,
    Side,
    Sighting,
    Situation,
    Snapshot,
    Stage,
    Tax,
    TimeQuality,
    Usual,
    Why,
)
from workers.knowledge.table import load_table
from workers.render import Renderer

HEAD: Final = """\
# Every advice

Made from `workers/knowledge/advice.yaml` and `templates/advice/` by `customs-watch advice-table > docs/advice.md`;
a test fails when it is out of date. The table is read from the top, and the first row that fits is the advice. The
sentence is the one a person reads, here about a made-up fishing reel. “At once” passes quiet hours; “silent” is
written only to close an alarm. The letters are those of `templates/seller/`.

| Advice | When | What the person reads | Needs them | Date that matters | Ask first; letter | Why; source, checked |
|---|---|---|---|---|---|---|
"""
NOW: Final = datetime(2026, 12, 8, 9, 30, tzinfo=UTC)  # a table that is made twice must be the same
LEFT: Final = {
    Protection.OPEN: 30,
    Protection.CLOSING: 8,
    Protection.LAST_CALL: 2,
    Protection.OVER: -4,
    Protection.UNKNOWN: None,
}
DAYS: Final = {Pace.USUAL: 2, Pace.SLOW: 8, Pace.STUCK: 12}
# What a reader would expect where a row leaves a fact open.
LIKELY: Final[Mapping[str, tuple[Fact, ...]]] = {
    "stage": (Stage.HELD, Stage.PAYMENT_DUE, Stage.DOCUMENTS_REQUIRED, Stage.INSPECTION),
    "side": (Side.DESTINATION, Side.ORIGIN, Side.TRANSIT),
    "charges": (Charges.UNKNOWN,),
}
NAMES: Final = {
    "cause": "cause",
    "side": "whose customs",
    "addressee": "asked of",
    "charges": "charges",
    "tax": "tax by the rules",
    "pace": "pace",
    "protection": "buyer protection",
}
DEADLINES: Final = {
    "": "–",
    "pay": "pay by",
    "documents": "papers by",
    "storage": "collect by",
    "round": "on the day of the round",
    "dispute": "dispute by",
}


def add(app: typer.Typer) -> None:
    app.command("advice-table", hidden=True)(advice_table)


def advice_table() -> None:
    """Print docs/advice.md anew."""
    sys.stdout.buffer.write(markdown(load_table()).encode())


def markdown(table: Table) -> str:
    """Return the whole document for *table*."""
    renderer = Renderer()
    return HEAD + "".join(_line(row, table, renderer) for row in table.rows)


def _line(row: Row, table: Table, renderer: Renderer) -> str:
    advice = row.advice
    needs = advice.needs_you.value + (", at once" if advice.urgent else "") + (", silent" * advice.silent)
    ask = advice.contact or "–"
    proof = advice.evidence
    cells = [
        f"`{advice.id}`",
        "<br>or ".join(escaped(when(alternative)) for alternative in row.when),
        escaped(_sentence(row, table, renderer)),
        needs,
        DEADLINES[advice.deadline],
        "; ".join([ask, *(f"`{letter}`" for letter in advice.letters)]),
        escaped(f"{proof.what}. {proof.source}, {proof.checked}"),
    ]
    return f"| {' | '.join(cells)} |\n"


def when(alternative: Mapping[str, frozenset[Fact]]) -> str:
    """Return the facts of one alternative in words."""
    said = []
    for fact in FACTS:
        if fact not in alternative:
            continue
        values = alternative[fact]
        if fact == "past_customs":
            said += (
                ["past customs"] if values == {True} else ["not past customs"] if values == {False} else []
            )
        elif fact == "stage":
            said.append(_one_of(values, fact))
        else:
            said.append(f"{NAMES[fact]}: {_one_of(values, fact)}")
    return "; ".join(said) or "anything else"


def _one_of(values: Iterable[Fact], fact: str) -> str:
    """Return the values in their own order; where most are named, those that are not."""
    named = [value for value in FACTS[fact] if value in frozenset(values)]
    left = [value for value in FACTS[fact] if value not in named]
    if left and len(named) > 6 and len(left) < len(named):
        return f"any but {_listed(left)}"
    return _listed(named)


def _listed(values: list[Fact]) -> str:
    words = ["not said" if value is None else str(value).replace("_", " ") for value in values]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def escaped(text: str) -> str:
    """Return *text* as the cell of a table that a reader of Markdown sees as written."""
    return re.sub(r"([\\|*`\[\]<>])", r"\\\1", " ".join(text.split()))


def _sentence(row: Row, table: Table, renderer: Renderer) -> str:
    """Return what is happening: the paragraph after the headline, the number and whether it needs the person."""
    text = renderer.render(sample(row, typical(row, table)), lang="en", timezone="UTC").text
    return " ".join(text.split("\n\n")[3].split())


def typical(row: Row, table: Table) -> Situation:
    """Return the likeliest situation to which *table* answers with *row*."""
    for alternative in row.when:
        open_to = []
        for fact, values in FACTS.items():
            likely = dict.fromkeys((*LIKELY.get(fact, ()), *values))
            open_to.append([v for v in likely if v in alternative.get(fact, likely)])
        for chosen in product(*open_to):
            found = Situation(*chosen)  # type: ignore[arg-type]  # one type each, in the order of the facts
            if advise.possible(found) and table.first(found) == row:
                return found
    raise LookupError(f"the row {row.advice.id} answers nothing")


def sample(row: Row, situation: Situation) -> dict[str, Any]:
    """Return the context of *row*'s advice for a made-up order."""
    left = LEFT[situation.protection]
    paid = situation.tax is Tax.PREPAID
    parcel = ParcelRef("reel/LX400000015CN", "LX400000015CN")
    order = Order(
        id="reel",
        title="Fishing reel",
        parcels=(parcel,),
        destination="ES",
        goods=Money(Decimal("89.00"), "EUR"),
        shop="AliExpress",
        seller="River & Lake Tackle",
        checkout=Checkout(vat=Prepaid.YES if paid else Prepaid.NO),
        ordered_on=date(2026, 11, 5),
        protected_until=None if left is None else NOW.date() + timedelta(days=left),
    )
    since = NOW - timedelta(days=DAYS[situation.pace], hours=2)
    sighting = Sighting("tracking", "What the carrier wrote", since, TimeQuality.EXACT, country="ES")
    snapshot = Snapshot(
        stage=situation.stage,
        since=since,
        occurrence=1,
        side=situation.side,
        addressee=situation.addressee,
        charges=situation.charges,
        causes=(situation.cause,) if situation.cause else (),
        past_customs=situation.past_customs,
        timeline=(Seen(sighting, Reading(situation.stage), since, ("tracking",)),),
        first_look=since,
        in_customs_since=since,
    )
    return brief.brief(
        order,
        parcel,
        snapshot,
        situation,
        row.advice,
        Estimate(situation.tax, NOW.date()),
        Operator("post", "the Post", "ES", "post"),
        Usual(half=3, most=7, observations=0, source="", stuck=10.5),
        Why.FIRST,
        now=NOW,
    )
