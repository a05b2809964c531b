"""A pipeline on a real store, with doubles only where the world begins: a source that shows what it is told, a channel that keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.valkey import Valkey, start_valkey
from workers import app, knowledge
from workers.channels import Envelope, Receipt
from workers.core.model import Message, Order, ParcelRef, Sighting
from workers.errors import Permanent, Temporary, Trouble
from workers.house import House
from workers.pipeline import Pipeline
from workers.render.enclosed import Words
from workers.settings import Recipient, Section, Settings, WebSettings
from workers.sources import Ask, Found, NoNews, Outcome
from workers.store import Store

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Shown:
    """A source that shows what the test says, or fails as the test says."""

    name, batch, rate = "a", 40, 1000.0

    def __init__(self) -> None:
        self.parcels: dict[str, Sequence[Sighting]] = {}
        self.trouble: Temporary | Permanent | None = None
        self.outcomes: dict[str, Outcome] = {}
        self.asked = 0

    def track(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        return {ask.parcel: self.outcomes.get(ask.parcel) or self._found(ask) for ask in asks}

    def _found(self, ask: Ask) -> Outcome:
        shown = self.parcels.get(ask.number)
        if not shown:
            return NoNews("known")
        return Found(repr(shown), lambda: shown, "known")

    def close(self) -> None: ...


class Kept:
    """A channel that keeps what it is given, or fails as the test says."""

    kind, keyed, target = "kept", False, ""

    def __init__(self, name: str, form: str, on_uncertain: str = "resend") -> None:
        self.name, self.form, self.on_uncertain = name, form, on_uncertain
        self.sent: list[tuple[Envelope, Message]] = []
        self.troubles: list[Trouble] = []

    def send(self, envelope: Envelope, message: Message) -> Receipt:
        if self.troubles:
            raise self.troubles.pop(0)
        self.sent.append((envelope, message))
        return Receipt("kept")

    def close(self) -> None: ...


@dataclass
class World:
    """A pipeline and all that is around it; the clock moves when told."""

    store: Store
    knowledge: knowledge.Knowledge
    folder: Path
    now: datetime = START
    source: Shown = field(default_factory=Shown)
    mail: Kept = field(default_factory=lambda: Kept("mail", "mail"))
    text: Kept = field(default_factory=lambda: Kept("text", "short"))
    orders: dict[str, Order] = field(default_factory=dict)
    recipients: dict[str, Recipient] = field(default_factory=dict)
    owner: tuple[str, ...] = ()
    web: WebSettings | None = None
    sections: dict[str, Section] = field(default_factory=dict)
    ways: dict[str, Section] = field(default_factory=dict)  # channels as the file has them
    bells: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.recipients["ana"] = Recipient(
            name="ana", email="ana@example.org", phone="+34600000001", channels=("mail", "text")
        )
        self._renderer = Words(None)
        self.pipeline = Pipeline(
            house=self.house,
            store=self.store,
            classifier=self.knowledge.classifier,
            judge=app.judge(self.knowledge),
            clock=lambda: self.now,
            wait=lambda _length: None,
            ring=lambda actor, argument: self.bells.append((actor, argument)),
            worker="test",
        )

    def house(self) -> House:
        parcels = {ref.id: (order, ref) for order in self.orders.values() for ref in order.parcels}
        settings = Settings(
            file="orders.yaml", digest="x", recipients=self.recipients, channels=self.ways, sources=self.sections, orders=self.orders,
            parcels=parcels, owner=self.owner, data=self.folder, templates=None,
            web=self.web,
        )  # fmt: skip
        return House(settings, {"a": self.source}, {"mail": self.mail, "text": self.text}, self._renderer)

    def watch(self, number: str, **facts: object) -> str:
        """Watch one parcel of one order; return its id."""
        ref = ParcelRef(f"{number}/{number}", number)
        given: dict[str, object] = {"destination": "DE", "tell": ("ana",), **facts}
        self.orders[number] = Order(id=number, title=f"Order {number}", parcels=(ref,), **given)  # type: ignore[arg-type]
        self.store.enrol("a", [ref.id], spread=timedelta(0))
        return ref.id

    def look(self) -> int:
        """Look at every parcel now."""
        parcels = [ref.id for order in self.orders.values() for ref in order.parcels]
        self.store.postpone("a", parcels, after=timedelta(0))
        return self.pipeline.refresh("a")

    def deliver(self) -> int:
        return self.pipeline.notify("mail") + self.pipeline.notify("text")

    def stage(self, number: str) -> str:
        known = self.store.recall(f"{number}/{number}")
        return known.stage if known else ""


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with start_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="session")
def known() -> knowledge.Knowledge:
    return knowledge.load()


@pytest.fixture
def world(valkey: Valkey, known: knowledge.Knowledge, tmp_path: Path) -> Iterator[World]:
    store = Store.connect(valkey.fresh())
    store.prepare()
    yield World(store, known, tmp_path)
    store.close()
