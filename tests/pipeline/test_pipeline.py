"""refresh, announce, notify on a real store: what is kept, what is sent, what an error does and does not do."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.pipeline.conftest import START, World
from workers.addresses import Addresses
from workers.core.model import Checkout, Money, Prepaid, Sighting, TimeQuality
from workers.delivery import Delivery
from workers.errors import DeadAddress, Permanent, StoreTrouble, Temporary, Trouble, Uncertain
from workers.settings import Section
from workers.sources import Found, NoNews
from workers.store import Store

NUMBER = "LP00123456789012"


def said(text: str, at: datetime, country: str = "DE", code: str = "") -> Sighting:
    return Sighting("a", text, at, TimeQuality.EXACT, country=country, code=code)


ROAD = [
    said("Received by logistics company", START - timedelta(days=9), "CN"),
    said("Export customs clearance complete", START - timedelta(days=7), "CN"),
    said("Arrived in destination country/region", START - timedelta(days=2)),
]
CUSTOMS = said("Import customs clearance started", START - timedelta(hours=5))
TO_PAY = said("Awaiting payment of import duties by the recipient", START - timedelta(hours=1))
PAID = said("Payment of import duties received", START - timedelta(minutes=20))
RELEASED = said("Import customs clearance complete", START - timedelta(minutes=10))


def test_history_is_silent_and_news_is_told_once_by_each_channel(world: World) -> None:
    world.watch(NUMBER)
    world.source.parcels[NUMBER] = ROAD
    world.look()
    assert world.stage(NUMBER) == "arrived_destination"
    assert world.deliver() == 0
    world.source.parcels[NUMBER] = [*ROAD, CUSTOMS]
    for _ in range(3):
        world.look()
        world.deliver()
    assert [e.to for e, _ in world.mail.sent] == ["ana@example.org"]
    assert [e.to for e, _ in world.text.sent] == ["+34600000001"]
    assert ("notify", "mail") in world.bells


def test_an_unchanged_parcel_is_not_read_again(world: World) -> None:
    world.watch(NUMBER)
    reads = []
    shown = [*ROAD, CUSTOMS]
    world.source.outcomes[f"{NUMBER}/{NUMBER}"] = Found("same", lambda: reads.append(1) or shown, "")
    world.look()
    world.look()
    world.look()
    assert len(reads) == 1
    assert world.source.asked == 3


@pytest.mark.parametrize("trouble", [Temporary("away"), Permanent("no such key")])
def test_a_failing_source_moves_no_stage_and_is_visible(world: World, trouble: Temporary | Permanent) -> None:
    world.watch(NUMBER)
    world.source.parcels[NUMBER] = [*ROAD, CUSTOMS]
    world.look()
    before = world.store.recall(f"{NUMBER}/{NUMBER}")
    world.source.trouble = trouble
    world.look()
    after = world.store.recall(f"{NUMBER}/{NUMBER}")
    assert before is not None
    assert after is not None
    assert (after.version, after.stage) == (before.version, "import_customs")
    health = world.store.source_health()["a"]
    assert health.failures == 1
    assert health.last_error == str(trouble)
    # and it heals
    world.source.trouble = None
    world.store.scripts.client.delete("{cw}:rl:a")
    world.look()
    assert world.store.source_health()["a"].failures == 0


def test_no_news_about_a_parcel_that_had_events_moves_no_stage(world: World) -> None:
    world.watch(NUMBER)
    world.source.parcels[NUMBER] = [*ROAD, CUSTOMS]
    world.look()
    world.source.outcomes[f"{NUMBER}/{NUMBER}"] = NoNews("")
    world.look()
    assert world.stage(NUMBER) == "import_customs"


def test_one_unreadable_parcel_does_not_stop_its_batch(world: World) -> None:
    other = "LP00999999999999"
    world.watch(NUMBER)
    world.watch(other)
    world.source.outcomes[f"{NUMBER}/{NUMBER}"] = Permanent("not a tracking number")
    world.source.parcels[other] = ROAD
    world.look()
    assert world.stage(other) == "arrived_destination"
    assert world.stage(NUMBER) == ""
    assert b"not a tracking number" in (world.store.recollect(f"trouble:{NUMBER}/{NUMBER}") or b"")


def test_a_memory_that_cannot_be_read_is_told_and_stops_nobody_else(world: World) -> None:
    other = "LP00999999999999"
    for number in (NUMBER, other):
        world.watch(number)
        world.source.parcels[number] = ROAD
    world.look()
    world.store.scripts.client.hset(f"{{cw}}:p:{NUMBER}/{NUMBER}", "snap", b"not a memory")
    for number in (NUMBER, other):
        world.source.parcels[number] = [*ROAD, CUSTOMS]
    world.look()
    assert world.stage(other) == "import_customs"
    assert b"cannot be read" in (world.store.recollect(f"trouble:{NUMBER}/{NUMBER}") or b"")
    world.store.review_soon([f"{NUMBER}/{NUMBER}", f"{other}/{other}"])
    assert world.pipeline.announce() == 2


def test_an_alarm_is_closed_when_customs_lets_go(world: World) -> None:
    world.watch(NUMBER)
    world.source.parcels[NUMBER] = ROAD
    world.look()
    world.source.parcels[NUMBER] = [*ROAD, CUSTOMS, TO_PAY]
    world.look()
    world.deliver()
    world.source.parcels[NUMBER] = [*ROAD, CUSTOMS, TO_PAY, PAID, RELEASED]
    world.now += timedelta(hours=1)
    world.look()
    world.deliver()
    rows = world.store.notices(f"{NUMBER}/{NUMBER}")
    assert {row.why for row in rows} == {"first", "resolved"}
    assert len(world.mail.sent) == 2


def test_time_alone_brings_the_next_word(world: World) -> None:
    """Nothing moves for two weeks: the parcel is reviewed, and the person hears that it is stuck."""
    world.watch(NUMBER, protected_until=(START + timedelta(days=40)).date())
    world.source.parcels[NUMBER] = ROAD
    world.look()
    world.source.parcels[NUMBER] = [*ROAD, CUSTOMS]
    world.look()
    world.deliver()
    told = []
    for _ in range(20):
        world.now += timedelta(days=1)
        world.store.review_soon([f"{NUMBER}/{NUMBER}"])
        world.pipeline.announce()
        world.deliver()
        told.append(len(world.mail.sent))
    assert told[0] == 1
    assert 2 <= told[-1] <= 4
    whys = [row.why for row in world.store.notices(f"{NUMBER}/{NUMBER}")]
    assert "escalated" in whys or "changed" in whys


def test_a_channel_that_is_away_keeps_its_notice_for_later(world: World) -> None:
    world.watch(NUMBER)
    world.source.parcels[NUMBER] = [*ROAD, CUSTOMS]
    world.mail.troubles = [Temporary("away", after=timedelta(hours=1))]
    world.look()
    world.deliver()
    assert world.mail.sent == []
    rows = {row.channel: row for row in world.store.notices()}
    assert (rows["mail"].state, rows["mail"].error) == ("pending", "away")
    assert rows["text"].state == "sent"


def test_a_notice_that_failed_for_a_moment_is_sent_once(world: World) -> None:
    world.watch(NUMBER)
    world.source.parcels[NUMBER] = [*ROAD, CUSTOMS]
    world.mail.troubles = [Temporary("away", after=timedelta(milliseconds=1))] * 2
    world.look()
    while not world.mail.sent:
        world.pipeline.notify("mail")
    world.pipeline.notify("mail")
    assert len(world.mail.sent) == 1
    [row] = [row for row in world.store.notices() if row.channel == "mail"]
    assert (row.state, row.attempts) == ("sent", 3)


def test_a_dead_mailbox_fails_visibly_and_the_other_channel_still_speaks(world: World) -> None:
    world.watch(NUMBER)
    world.source.parcels[NUMBER] = [*ROAD, CUSTOMS]
    world.mail.troubles = [Permanent("550 no such user")]
    world.look()
    world.deliver()
    rows = {row.channel: row for row in world.store.notices()}
    assert (rows["mail"].state, rows["mail"].error) == ("failed", "550 no such user")
    assert rows["text"].state == "sent"


@pytest.mark.parametrize(("policy", "state"), [("hold", "held"), ("resend", "pending")])
def test_an_uncertain_send_follows_the_policy_of_its_channel(world: World, policy: str, state: str) -> None:
    world.watch(NUMBER)
    world.source.parcels[NUMBER] = [*ROAD, CUSTOMS]
    world.mail.on_uncertain = policy
    world.mail.troubles = [Uncertain("the answer was lost")]
    world.look()
    world.deliver()
    rows = {row.channel: row for row in world.store.notices()}
    assert rows["mail"].state == state
    assert rows["mail"].uncertain


def test_what_is_no_longer_wanted_is_skipped_and_says_why(world: World) -> None:
    world.watch(NUMBER)
    world.source.parcels[NUMBER] = [*ROAD, CUSTOMS]
    world.look()
    del world.orders[NUMBER]
    world.deliver()
    assert world.mail.sent == []
    assert {row.state for row in world.store.notices()} == {"skipped"}


def test_a_muted_order_is_watched_in_silence(world: World) -> None:
    world.watch(NUMBER, muted=True)
    world.source.parcels[NUMBER] = [*ROAD, CUSTOMS]
    world.look()
    assert world.stage(NUMBER) == "import_customs"
    assert world.store.notices() == []


def test_hostile_tracking_text_stays_text_on_every_way(world: World) -> None:
    world.watch(NUMBER)
    evil = (
        "Held by customs <script>alert(1)</script> {{ 7*7 }} =?UTF-8?Q?=0A?=Bcc: x@evil.example\r\nX: y "
        "pay at https://evil.example/pay or call +49 170 1234567 \u202etxet\u200b"
    )
    world.source.parcels[NUMBER] = [*ROAD, said(evil, START - timedelta(hours=2))]
    world.look()
    world.deliver()
    [(_, message)] = world.mail.sent
    assert "<script>" not in message.html
    assert "49" not in message.subject
    for form in (message.subject, message.text, message.html, message.short):
        assert "https://evil.example" not in form
        assert "\u202e" not in form
    assert "\n" not in message.subject
    assert "\r" not in message.text
    assert "{{ 7*7 }}" in message.text or "7*7" in message.text


def test_a_wording_nobody_can_read_keeps_the_stage_and_is_counted_once_a_parcel(world: World) -> None:
    strange = said("Zxqv wvut brrz", START - timedelta(hours=1))
    for number in (NUMBER, "LP00999999999999"):
        world.watch(number)
        world.source.parcels[number] = [*ROAD, strange]
    world.look()
    world.now += timedelta(hours=2)
    world.source.parcels[NUMBER] = [*ROAD, strange, CUSTOMS]
    world.look()
    assert world.stage("LP00999999999999") == "arrived_destination"
    [(times, entry)] = world.store.unknown()
    assert (times, entry["text"]) == (2, "Zxqv wvut brrz")


class Away(Store):
    """The store, away for the first few times that the end of a send is to be written down."""

    times = 3

    def _finish(self, *args: Any, **more: Any) -> None:
        self.times -= 1
        if self.times >= 0:
            raise StoreTrouble("the store cannot be reached")
        super()._finish(*args, **more)


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        (None, "sent"),
        (Temporary("451"), "pending"),
        (Permanent("552"), "failed"),
        (DeadAddress("550"), "failed"),
        (Uncertain("lost"), "pending"),
    ],
)
def test_a_send_whose_end_cannot_be_written_yet_is_written_later_and_not_sent_again(
    world: World, trouble: Trouble | None, state: str
) -> None:
    world.mail.troubles = [trouble] if trouble else []
    world.watch(NUMBER)
    world.source.parcels[NUMBER] = [*ROAD, CUSTOMS]
    world.look()
    store = Away(world.store.scripts.client)
    waited: list[timedelta] = []
    delivery = Delivery(
        house=world.house, store=store, clock=lambda: world.now, wait=waited.append, worker="test",
        addresses=Addresses(store=store, owner=world.pipeline.owner), owner=world.pipeline.owner,
    )  # fmt: skip
    assert delivery.notify("mail") == 1
    assert len(waited) == 3
    assert delivery.notify("mail") == 0
    assert len(world.mail.sent) == (trouble is None)
    (row,) = [row for row in world.store.notices() if row.channel == "mail"]
    assert (row.state, row.crashes) == (state, 0)


@pytest.mark.parametrize(("kind", "hours"), [("manual", 6), ("seventeentrack", 30 * 24)])
def test_what_is_over_is_still_looked_at_where_a_person_may_tell_of_a_late_bill(
    world: World, kind: str, hours: int
) -> None:
    world.sections = {"a": Section(kind, None)}  # type: ignore[arg-type]  # its options are not asked
    world.watch(NUMBER, goods=Money(Decimal(40), "EUR"), checkout=Checkout(vat=Prepaid.NO))
    delivered = said("Delivered", START - timedelta(days=20))
    world.source.parcels[NUMBER] = (delivered,)
    world.look()
    known = world.store.recall(f"{NUMBER}/{NUMBER}")
    assert known
    assert known.every == timedelta(hours=hours)
    world.source.parcels[NUMBER] = (delivered, said("Invoice for import charges sent", START))
    world.look()
    world.deliver()
    [(envelope, mail)] = world.mail.sent
    assert mail.subject == f"A bill for import charges: Order {NUMBER}"
    assert not envelope.urgent
    world.look()
    world.deliver()
    assert len(world.mail.sent) == 1
    assert world.stage(NUMBER) == "delivered"


def test_a_number_that_a_service_was_told_of_only_now_is_looked_at_again_soon(world: World) -> None:
    """Most services ask the carrier only then; the pace of a number without news is half a day."""
    new, known = world.watch(NUMBER), world.watch("LP00000000000002")
    world.source.outcomes = {new: NoNews("told", timedelta(minutes=15)), known: NoNews("known")}
    for _ in range(2):  # whether that is its first look or not
        world.look()
        client = world.store.scripts.client
        due = {name.decode(): at for name, at in client.zrange("{cw}:due:a", 0, -1, withscores=True)}
        now = client.time()[0] * 1000
        assert abs(due[new] - now - 900_000) < 60_000
        assert due[known] - now > 3_600_000 * 10
