"""A made-up house of parcels for the status page: one of every advice that is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.words import samples
from workers.core.model import Snapshot, Stage
from workers.knowledge.table import load_table
from workers.render.page import House, Shown, SourceState

NOW = samples.NOW
ROWS = {row.advice.id: row for row in load_table().rows}
MIXED = (
    "import_customs",
    "pay",
    "documents_elsewhere",
    "customs_stuck",
    "delivered",
    "transit_running",
    "refused_counterfeit",
)

# Twelve orders at every kind of place, with names as shops write them: what the page is looked at with.
TWELVE = (
    ("pay", "Fishing reel"),
    ("double_charge", "Raincoat for the little one"),
    ("send_documents", "Vintage camera lens, 50 mm f/1.8, with leather case and two filters (used)"),
    ("refused_counterfeit", "White sneakers"),
    (
        "customs_stuck",
        "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaftsmodell",
    ),
    ("pickup", "Yoga mat"),
    ("held", "블루투스 헤드폰 방수 커버"),
    ("inspection", "מקלדת מכנית (USB)"),
    ("import_customs", "Smart watch"),
    ("transit_running", "Set of T-shirts"),
    ("returning", "Vitamin gummies"),
    ("delivered", "Desk lamp"),
)


def parcel(advice: str, nth: int, *, text: str = "The last thing the carrier said", **facts: Any) -> Shown:
    row = ROWS[advice]
    words = {key: value for key, value in facts.items() if key != "place"}
    context = samples.full(row, snapshot_text=text, **{"title": f"Thing {nth}", **words})
    context["parcel"] = {**context["parcel"], "id": f"thing-{nth}/LX400000015CN"}
    stage = Stage(context["stage"])
    since = NOW - timedelta(days=context["days"], hours=2)
    timeline = (
        samples.seen(Stage.PRE_TRANSIT, "Order placed", since - timedelta(days=14), place=""),
        samples.seen(Stage.IN_TRANSIT, "Accepted by carrier", since - timedelta(days=12), place="Shenzhen"),
        samples.seen(
            Stage.EXPORT_CLEARED,
            "Export customs clearance complete",
            since - timedelta(days=9),
            place="Shenzhen",
        ),
        samples.seen(Stage.ARRIVED_DESTINATION, "Arrived at destination country", since - timedelta(days=1)),
        samples.seen(stage, text, since, place=facts.get("place", "Madrid")),
    )
    snapshot = Snapshot(
        stage=stage, since=since, occurrence=1, timeline=timeline, first_look=since, last_news=since
    )
    order = samples.order(
        id=f"thing-{nth}",
        **{"title": f"Thing {nth}", **words},
    )
    return Shown(order, context, snapshot, looked=NOW)


def house(advices: tuple[str, ...] = MIXED) -> House:
    parcels = [parcel(advice, number) for number, advice in enumerate(advices, start=1)]
    return House(
        parcels,
        [
            SourceState("17track", 0, NOW),
            SourceState("parcelsapp", 4, NOW - timedelta(hours=5), "answered 503"),
        ],
    )


def twelve() -> House:
    """Return a house of twelve parcels; how long one of them usually takes is not known, and one look failed."""
    parcels = [parcel(advice, nth, title=title) for nth, (advice, title) in enumerate(TWELVE, start=1)]
    context = parcels[6].context
    parcels[6] = replace(parcels[6], context={**context, "usual": {**context["usual"], "known": False}})
    parcels[7] = replace(parcels[7], trouble="the service answered 503")
    return House(parcels, house().sources)
