"""A second source on a real store: asked when the first is in doubt, by the same commit, and no longer than that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel

from tests.pipeline.conftest import Shown, World
from tests.servers.valkey import Valkey
from workers import knowledge
from workers.core.model import Sighting, TimeQuality
from workers.errors import Permanent, Temporary
from workers.house import House
from workers.settings import Section
from workers.store import Store

NUMBER = "LP00123456789012"
ID = f"{NUMBER}/{NUMBER}"
SIX_HOURS = timedelta(hours=6, minutes=1)


class Nothing(BaseModel):
    """The options of a source that has none."""


@dataclass
class Two(World):
    """A world with a second source, "b"."""

    other: Shown = field(default_factory=Shown)
    kind: str = "parcelsapp"  # of the other

    def house(self) -> House:
        house = super().house()
        sections = {"a": Section("seventeentrack", Nothing()), "b": Section(self.kind, Nothing())}
        self.other.name = "b"  # type: ignore[misc]  # a class variable of the double
        return replace(
            house,
            settings=replace(house.settings, sources=sections),
            sources={"a": self.source, "b": self.other},
        )

    def said(self, source: str, text: str, days: float, country: str = "DE") -> Sighting:
        at = (self.now - timedelta(days=days)).replace(microsecond=0)
        return Sighting(source, text, at, TimeQuality.EXACT, country=country)

    def due(self, source: str) -> list[bytes]:
        found: list[bytes] = self.store.scripts.client.zrange(f"{{cw}}:due:{source}", 0, -1)
        return found

    def later(self, length: timedelta) -> None:
        """Let time pass: our clock goes on, and what the store has noted lies further back."""
        self.now += length
        client = self.store.scripts.client
        ms = int(length / timedelta(milliseconds=1))
        for source in ("a", "b"):
            for entry, since in client.hgetall(f"{{cw}}:mute:{source}").items():
                client.hset(f"{{cw}}:mute:{source}", entry, int(since) - ms)
            since = client.hget(f"{{cw}}:health:{source}", "since")
            if since:
                client.hset(f"{{cw}}:health:{source}", "since", int(since) - ms)
        for parcel, at in client.zrange("{cw}:reviews", 0, -1, withscores=True):
            client.zadd("{cw}:reviews", {parcel: at - ms})


@pytest.fixture
def two(valkey: Valkey, known: knowledge.Knowledge, tmp_path: Path) -> Iterator[Two]:
    store = Store.connect(valkey.fresh())
    store.prepare()
    yield Two(store, known, tmp_path, now=datetime.now(UTC))
    store.close()


def held(two: Two, days: float = 3) -> None:
    two.watch(NUMBER)
    two.source.parcels[NUMBER] = [
        two.said("a", "Received by logistics company", days + 9, "CN"),
        two.said("a", "Arrived in destination country/region", days + 1),
        two.said("a", "Import customs clearance started", days),
    ]
    two.look()


def test_a_second_source_is_left_alone_while_all_is_well(two: Two) -> None:
    held(two)
    assert two.due("b") == []
    assert two.pipeline.refresh("b") == 0


def test_a_stuck_parcel_is_asked_for_elsewhere_and_the_advice_follows_who_knows_better(two: Two) -> None:
    held(two, days=60)
    assert two.due("b") == [ID.encode()]  # by the very commit that found it stuck
    two.other.parcels[NUMBER] = [
        two.said("b", "Held by customs", 55),
        two.said("b", "Import customs clearance complete", 1),
    ]
    assert two.pipeline.refresh("b") == 1
    assert two.stage(NUMBER) == "released"
    two.deliver()
    text = " ".join(two.mail.sent[-1][1].text.split())
    assert "17TRACK has shown nothing new since" in text
    assert "it still shows: in customs" in text
    assert "ParcelsApp shows: released" in text


def test_a_second_source_that_knows_less_moves_nothing(two: Two) -> None:
    held(two, days=60)
    two.other.parcels[NUMBER] = [two.said("b", "Export customs clearance complete", 66, "CN")]
    two.pipeline.refresh("b")
    assert two.stage(NUMBER) == "import_customs"


@pytest.mark.parametrize("trouble", [Temporary("away"), Permanent("no such key")])
def test_a_broken_source_is_not_waited_for_and_a_healed_one_ends_the_asking(
    two: Two, trouble: Temporary | Permanent
) -> None:
    held(two)
    two.source.trouble = trouble
    two.look()
    assert two.due("b") == []  # an hour's outage is an ordinary one
    two.later(SIX_HOURS)
    assert two.pipeline.announce() == 1
    assert two.due("b") == [ID.encode()]
    assert two.pipeline.refresh("b") == 1
    assert two.pipeline.refresh("b") == 0  # at a modest pace
    two.source.trouble = None
    two.store.scripts.client.delete("{cw}:rl:a")
    two.look()
    two.later(timedelta(hours=13))
    two.pipeline.announce()
    assert two.due("b") == []


def test_a_parcel_that_alone_fails_is_asked_for_elsewhere_though_no_source_ever_answered_for_it(
    two: Two,
) -> None:
    two.watch(NUMBER)
    two.source.outcomes[ID] = Permanent("not a number of ours")
    two.look()
    two.later(SIX_HOURS)
    assert two.pipeline.announce() == 1
    two.other.parcels[NUMBER] = [two.said("b", "Import customs clearance started", 1)]
    two.pipeline.refresh("b")
    assert two.stage(NUMBER) == "import_customs"


def test_parcels_that_a_failing_source_was_not_even_asked_for_are_asked_for_elsewhere(two: Two) -> None:
    held(two)
    two.watch("LP00999999999999")
    two.source.parcels["LP00999999999999"] = two.source.parcels[NUMBER]
    two.look()
    two.source.trouble = Temporary("away")
    two.source.batch = 1  # type: ignore[misc]  # a class variable of the double
    two.store.scripts.client.delete("{cw}:rl:a")
    two.look()
    two.later(SIX_HOURS)
    two.store.scripts.client.delete("{cw}:rl:a")
    two.look()
    while two.pipeline.announce():
        pass
    assert len(two.due("b")) == 2


def test_what_a_killed_worker_was_about_to_ask_is_asked_by_the_next_one(two: Two) -> None:
    held(two, days=60)
    claimed = two.store.claim("b", 10, lease=timedelta(milliseconds=200), rate=0)
    assert [c.parcel for c in claimed.parcels] == [ID]
    assert two.store.claim("b", 10, lease=timedelta(seconds=9), rate=0).parcels == ()  # nobody asks twice
    two.store.postpone("b", [ID], after=timedelta(0))  # its lease has run out
    two.other.parcels[NUMBER] = [two.said("b", "Import customs clearance complete", 1)]
    assert two.pipeline.refresh("b") == 1
    assert two.stage(NUMBER) == "released"


def test_a_late_decision_has_nobody_asked_about_a_parcel_that_is_watched_no_more(two: Two) -> None:
    held(two)
    two.store.dismiss("a", [ID])
    two.later(timedelta(days=60))
    two.store.scripts.client.zadd("{cw}:reviews", {ID: 0})
    two.pipeline.announce()
    assert two.due("b") == []


def test_the_decision_holds_who_was_asked_and_why(two: Two) -> None:
    held(two, days=60)
    known = two.store.recall(ID)
    assert known is not None
    assert known.decision is not None
    assert b'"why":"stuck"' in known.decision
    assert b"b asked as well" in known.decision


FURTHER = "RR123456785DE"


def handed_over(two: Two) -> list[Sighting]:
    two.kind = "dhl"
    two.watch(NUMBER)
    shown = [
        two.said("a", "Received by logistics company", 12, "CN"),
        two.said("a", "Import customs clearance complete", 2),
        replace(two.said("a", "Handed over to the last mile carrier", 1), number=FURTHER),
    ]
    two.source.parcels[NUMBER] = shown
    two.look()
    return shown


def test_a_number_that_appears_on_the_way_is_followed_by_itself_at_its_carrier_till_delivery(
    two: Two,
) -> None:
    shown = handed_over(two)
    assert two.due("b") == [f"{ID}>{FURTHER}".encode()]
    two.other.parcels[FURTHER] = [two.said("b", "Out for delivery", 0.2)]
    assert two.pipeline.refresh("b") == 1
    assert two.stage(NUMBER) == "out_for_delivery"  # one parcel, one timeline
    two.source.parcels[NUMBER] = [*shown, two.said("a", "Scanned at a facility", 0.5)]
    two.look()
    assert two.stage(NUMBER) == "out_for_delivery"
    assert two.due("b") == [f"{ID}>{FURTHER}".encode()]
    two.other.parcels[FURTHER] = [
        two.said("b", "Out for delivery", 0.2), two.said("b", "Delivered to the recipient", 0.1),
    ]  # fmt: skip
    two.store.postpone("b", [f"{ID}>{FURTHER}"], after=timedelta(0))
    two.pipeline.refresh("b")
    assert two.stage(NUMBER) == "delivered"
    assert two.due("b") == []
    known = two.store.recall(ID)
    assert known is not None
    assert b"a postal number with its check digit" not in (known.decision or b"")  # it is followed no more


def test_a_number_that_the_user_watches_is_no_further_number_of_another_order(two: Two) -> None:
    two.watch(FURTHER)
    handed_over(two)
    assert f"{ID}>{FURTHER}".encode() not in two.due("b")


def test_a_parcel_taken_from_the_file_is_forgotten_under_all_its_numbers(two: Two) -> None:
    handed_over(two)
    two.store.dismiss("b", [f"{ID}>{FURTHER}"])
    two.store.dismiss("a", [ID])
    assert (two.due("a"), two.due("b")) == ([], [])
    assert two.store.claim_reviews(9, lease=timedelta(seconds=9)) == ()


def test_a_second_source_that_failed_and_is_asked_no_more_is_not_called_silent(two: Two) -> None:
    held(two, days=60)
    two.other.trouble = Temporary("away")
    two.pipeline.refresh("b")
    assert two.store.heard([ID], ["b"])[ID]["b"].failing_since is not None
    shown = two.source.parcels[NUMBER]
    two.source.parcels[NUMBER] = [*shown, two.said("a", "Import customs clearance complete", 0.1)]
    two.look()
    assert two.due("b") == []
    assert two.store.heard([ID], ["b"])[ID]["b"].failing_since is None
