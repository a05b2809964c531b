"""How a reader wants to be told, on a real store: nothing is lost in a wait, nothing is told twice, the ledger is exact."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest

from tests.pipeline.conftest import START, World
from tests.pipeline.test_pipeline import CUSTOMS, NUMBER, PAID, RELEASED, ROAD, TO_PAY
from tests.servers.rows import lapse
from workers.addresses import Addresses
from workers.core.brief import VERSION
from workers.core.model import ParcelRef, Sighting
from workers.core.timing import Habits, Quiet, Summary
from workers.delivery import Delivery
from workers.errors import Permanent, Temporary, Uncertain
from workers.store import Store

HOUR = timedelta(hours=1)
NIGHT = Quiet(time(11), time(14))  # START is at noon, UTC
DIGEST = Habits(digest=Summary(time(18)))
AT_THE_DOOR = (TO_PAY, replace(TO_PAY, text="Out for delivery", at=START - timedelta(minutes=5)))  # urgent
OTHERS = [f"LP0012345678{i:04d}" for i in range(4)]


def habits(world: World, wanted: Habits, *channels: str) -> None:
    ana = world.recipients["ana"]
    world.recipients["ana"] = replace(ana, habits=wanted, channels=channels or ("mail",))


def show(world: World, *numbers: str, also: tuple[Sighting, ...] = ()) -> None:
    for number in numbers:
        world.source.parcels[number] = [*ROAD, CUSTOMS, *also]
    world.look()


def later(world: World, length: timedelta) -> None:
    """Let time pass for the reader, and what waited come up."""
    world.now += length
    lapse(world.store, "ob:mail")


def states(world: World) -> dict[str, str]:
    return {row.parcel.partition("/")[0]: row.state for row in reversed(world.store.notices())}


def test_a_calm_notice_waits_for_the_end_of_quiet_hours_and_was_not_attempted(world: World) -> None:
    habits(world, Habits(NIGHT))
    world.watch(NUMBER)
    show(world, NUMBER)
    world.deliver()
    [row] = world.store.notices()
    assert (row.state, row.waits_for, row.attempts) == ("pending", "quiet", 0)
    assert row.due is not None
    assert abs(row.due - row.created - 2 * HOUR) < timedelta(seconds=20)
    later(world, 2 * HOUR)
    world.deliver()
    assert len(world.mail.sent) == 1
    assert [(a.outcome, a.error) for a in world.store.notices()[0].log] == [("wait", "quiet"), ("done", "")]


def test_an_urgent_notice_passes_quiet_hours_and_says_so(world: World) -> None:
    habits(world, Habits(NIGHT, Summary(time(18)), gap=9 * HOUR, cap=1))
    world.watch(NUMBER)
    show(world, NUMBER, also=AT_THE_DOOR)
    [row] = world.store.notices()
    assert row.urgent
    world.deliver()
    [(envelope, message)] = world.mail.sent
    assert envelope.urgent
    assert "in your quiet hours because it cannot wait" in message.text


def test_the_morning_brings_the_newest_state_only(world: World) -> None:
    habits(world, Habits(NIGHT))
    world.watch(NUMBER)
    show(world, NUMBER)
    world.deliver()
    show(world, NUMBER, also=(TO_PAY,))
    world.deliver()
    later(world, 2 * HOUR)
    world.deliver()
    [(_, message)] = world.mail.sent
    assert [row.error for row in world.store.notices(states=("skipped",))] == ["superseded"]
    assert "pay" in message.subject.lower() or "charge" in message.subject.lower()


def test_what_was_overtaken_in_silence_is_not_sent_and_counts_as_never_told(world: World) -> None:
    """In customs at night, delivered before the morning: nobody is told of customs; were it to come back, they would be."""
    habits(world, Habits(NIGHT))
    world.watch(NUMBER)
    show(world, NUMBER)
    world.deliver()
    done = Sighting("a", "Delivered to the recipient", START + timedelta(minutes=30), country="DE")
    show(world, NUMBER, also=(replace(RELEASED, at=START), done))
    later(world, 2 * HOUR)
    world.deliver()
    told = [message.subject for _, message in world.mail.sent]
    assert all("customs" not in subject.lower() or "delivered" in subject.lower() for subject in told)
    assert {row.state for row in world.store.notices()} <= {"skipped", "sent"}


def test_calm_notices_come_in_one_digest_and_each_row_knows_the_message(world: World) -> None:
    habits(world, DIGEST)
    for number in OTHERS:
        world.watch(number)
    show(world, *OTHERS)
    world.deliver()
    assert world.mail.sent == []
    assert {row.waits_for for row in world.store.notices()} == {"digest"}
    later(world, 6 * HOUR)
    world.deliver()
    [(envelope, message)] = world.mail.sent
    assert message.subject.startswith("News of 4 parcels")
    assert all(f"Order {number}" in message.text for number in OTHERS)
    rows = world.store.notices()
    assert {(row.state, row.message) for row in rows} == {("sent", envelope.notice)}
    assert len({row.id for row in rows}) == 4
    assert world.store.scripts.client.keys("{cw}:bn:*") == []


def test_an_urgent_notice_does_not_wait_for_the_digest(world: World) -> None:
    habits(world, DIGEST)
    world.watch(NUMBER)
    world.watch(OTHERS[0])
    show(world, NUMBER)
    show(world, OTHERS[0], also=AT_THE_DOOR)
    world.deliver()
    assert len(world.mail.sent) == 1
    assert states(world) == {NUMBER: "pending", OTHERS[0]: "sent"}


@pytest.mark.parametrize(
    ("trouble", "after"),
    [
        (Temporary("away", after=HOUR), "pending"),
        (Uncertain("the answer was lost"), "pending"),
        (Permanent("550 no such user"), "failed"),
    ],
)
def test_a_digest_that_fails_fails_as_a_whole_and_loses_nothing(
    world: World, trouble: Temporary | Uncertain | Permanent, after: str
) -> None:
    habits(world, DIGEST)
    for number in OTHERS:
        world.watch(number)
    show(world, *OTHERS)
    world.deliver()
    later(world, 6 * HOUR)
    world.mail.troubles = [trouble]
    world.deliver()
    assert {row.state for row in world.store.notices()} == {after}
    later(world, HOUR)
    world.deliver()
    if after == "pending":
        [(_, message)] = world.mail.sent
        assert message.subject.startswith("News of 4 parcels")
        assert {row.state for row in world.store.notices()} == {"sent"}


def test_what_may_have_arrived_is_repeated_as_the_same_message_with_nothing_new_in_it(world: World) -> None:
    habits(world, DIGEST)
    for number in OTHERS:
        world.watch(number)
    show(world, *OTHERS[:2])
    world.deliver()
    later(world, 6 * HOUR)
    world.mail.troubles = [Uncertain("the answer was lost")]
    world.deliver()
    begun = {row.message for row in world.store.notices()}
    assert len(begun) == 1
    show(world, *OTHERS[2:])
    world.deliver()  # the new ones begin to wait for the next digest
    later(world, timedelta(days=1))
    world.deliver()
    assert len(world.mail.sent) == 2
    assert {envelope.notice for envelope, _ in world.mail.sent} > begun
    sizes = sorted(message.subject.split()[2] for _, message in world.mail.sent)
    assert sizes == ["2", "2"]


def test_what_may_have_arrived_is_not_repeated_in_the_night(world: World) -> None:
    world.watch(NUMBER)
    show(world, NUMBER)
    habits(world, Habits(NIGHT))
    [row] = [row for row in world.store.notices() if row.channel == "mail"]
    # A worker takes it and dies before it has looked at the clock.
    world.store.claim_notice("mail", lease=timedelta(milliseconds=1), worker="dead")
    lapse(world.store, "ob:mail")
    world.deliver()
    waits = world.store.notice(row.id)
    assert waits is not None
    assert (waits.state, waits.waits_for, waits.uncertain) == ("pending", "quiet", True)
    assert world.mail.sent == []
    later(world, 2 * HOUR)
    world.deliver()
    [(envelope, _)] = world.mail.sent
    assert envelope.notice == row.id, "under the name that it may have arrived under"
    assert envelope.doubt


def test_what_is_urgent_and_may_have_arrived_is_repeated_at_once(world: World) -> None:
    habits(world, Habits(NIGHT))
    world.watch(NUMBER)
    show(world, NUMBER, also=AT_THE_DOOR)
    world.store.claim_notice("mail", lease=timedelta(milliseconds=1), worker="dead")
    lapse(world.store, "ob:mail")
    world.deliver()
    assert len(world.mail.sent) == 1


def test_a_worker_that_dies_with_a_digest_costs_a_lease_and_doubles_nothing(world: World) -> None:
    """It dies before the send, and after it: the other side is asked with one id both times."""
    habits(world, DIGEST)
    for number in OTHERS:
        world.watch(number)
    show(world, *OTHERS)
    world.deliver()
    later(world, 6 * HOUR)

    class Dies(Exception):  # noqa: N818 -- a death is no error of ours
        pass

    class Dying(Store):
        def done(self, *_: object, **__: object) -> None:
            raise Dies

    dying = Delivery(
        house=world.house, store=Dying(world.store.scripts.client), clock=lambda: world.now,
        wait=lambda _: None, worker="dies", addresses=Addresses(store=world.store, owner=world.pipeline.owner),
        owner=world.pipeline.owner,
    )  # fmt: skip
    claimed = world.store.claim_notice("mail", lease=HOUR, worker="dies at once")
    assert claimed is not None
    assert len(claimed.all) == 4
    assert world.store.claim_notice("mail", lease=HOUR, worker="nobody else gets a part of it") is None
    lapse(world.store, "ob:mail")
    with pytest.raises(Dies):
        dying.notify("mail")
    lapse(world.store, "ob:mail")
    world.deliver()
    assert [envelope.notice for envelope, _ in world.mail.sent] == [claimed.message] * 2
    assert {row.state for row in world.store.notices()} == {"sent"}
    assert all(message.subject.startswith("News of 4 parcels") for _, message in world.mail.sent)


def test_one_notice_without_words_fails_and_the_digest_goes_out_without_it(world: World) -> None:
    habits(world, DIGEST)
    for number in OTHERS:
        world.watch(number)
    show(world, *OTHERS)
    world.deliver()
    broken = world.store.notices()[0].id
    context = world.store.notices()[0].context.replace(f'"version":{VERSION}'.encode(), b'"version":0')
    world.store.scripts.client.hset(f"{{cw}}:n:{broken}", "ctx", context)
    later(world, 6 * HOUR)
    world.deliver()
    [(_, message)] = world.mail.sent
    assert message.subject.startswith("News of 3 parcels")
    assert [row.id for row in world.store.notices(states=("failed",))] == [broken]


def test_a_notice_that_a_newer_version_stored_is_left_to_it_and_the_digest_goes_out_without_it(
    world: World,
) -> None:
    habits(world, DIGEST)
    for number in OTHERS:
        world.watch(number)
    show(world, *OTHERS)
    world.deliver()
    newer, context = world.store.notices()[0].id, world.store.notices()[0].context
    client = world.store.scripts.client
    client.hset(f"{{cw}}:n:{newer}", "ctx", context.replace(f'"version":{VERSION}'.encode(), b'"version":99'))
    later(world, 6 * HOUR)
    world.deliver()
    assert len(world.mail.sent) == 1
    [left] = world.store.notices(states=("pending",))
    assert (left.id, "newer customs-watch" in left.error) == (newer, True)
    client.hset(f"{{cw}}:n:{newer}", "ctx", context)  # whoever runs the newer version can read it
    later(world, 7 * HOUR)
    world.deliver()
    assert len(world.mail.sent) == 2
    assert world.store.notices(states=("pending", "failed")) == []


def test_a_notice_that_waits_can_be_let_go_by_hand(world: World) -> None:
    habits(world, DIGEST)
    for number in OTHERS[:2]:
        world.watch(number)
    show(world, *OTHERS[:2])
    world.deliver()
    [row] = world.store.notices(f"{OTHERS[0]}/{OTHERS[0]}")
    assert world.store.operate(row.id, "release") == "done"
    world.deliver()
    assert len(world.mail.sent) == 1
    assert states(world) == {OTHERS[0]: "sent", OTHERS[1]: "pending"}


def test_one_parcel_speaks_no_oftener_than_the_gap(world: World) -> None:
    habits(world, Habits(gap=6 * HOUR))
    world.watch(NUMBER)
    show(world, NUMBER)
    world.deliver()
    show(world, NUMBER, also=(replace(RELEASED, at=START),))
    world.deliver()
    assert len(world.mail.sent) == 1
    [waits] = world.store.notices(states=("pending",))
    assert waits.waits_for == "gap"
    later(world, 6 * HOUR)
    for row in world.store.notices(states=("sent",)):  # the server's clock did not move with ours
        world.store.scripts.client.hincrby(f"{{cw}}:n:{row.id}", "end", -6 * 3_600_000)
    world.deliver()
    assert len(world.mail.sent) == 2


def test_beyond_the_cap_the_rest_comes_in_one_message_on_the_next_day(world: World) -> None:
    habits(world, Habits(cap=1))
    for number in OTHERS:
        world.watch(number)
    show(world, *OTHERS)
    world.deliver()
    assert len(world.mail.sent) == 1
    assert [row.waits_for for row in world.store.notices(states=("pending",))] == ["cap"] * 3
    later(world, 12 * HOUR)
    world.deliver()
    assert len(world.mail.sent) == 2
    assert world.mail.sent[1][1].subject.startswith("News of 3 parcels")
    assert "more news in one day" in world.mail.sent[1][1].text


def test_parcels_of_one_order_that_move_together_are_one_message(world: World) -> None:
    habits(world, Habits())
    world.watch(NUMBER)
    order = world.orders[NUMBER]
    refs = tuple(ParcelRef(f"{NUMBER}/{number}", number) for number in (NUMBER, *OTHERS[:2]))
    world.orders[NUMBER] = replace(order, parcels=refs)
    world.store.enrol("a", [ref.id for ref in refs], spread=timedelta(0))
    show(world, *(ref.number for ref in refs))
    world.deliver()
    assert {row.waits_for for row in world.store.notices()} == {"together"}
    later(world, timedelta(minutes=1))
    world.deliver()
    [(_, message)] = world.mail.sent
    assert message.subject.startswith("3 parcels: ")
    assert all(ref.number in message.text for ref in refs)
    assert len({row.message for row in world.store.notices()}) == 1


def test_a_notice_in_a_wait_does_not_expire_in_it(world: World) -> None:
    habits(world, Habits(digest=Summary(time(18), weekday=0)))  # Monday; START is a Tuesday
    world.watch(NUMBER)
    show(world, NUMBER)
    [row] = world.store.notices()
    world.store.scripts.client.hset(f"{{cw}}:n:{row.id}", "exp", int(row.created.timestamp() * 1000) + 60_000)
    world.deliver()
    [row] = world.store.notices()
    assert row.due is not None
    assert row.expires is not None
    assert row.expires >= row.due + timedelta(hours=23)


def test_an_order_muted_while_its_notice_was_queued_is_told_after_all_where_that_is_still_so(
    world: World,
) -> None:
    habits(world, Habits())
    world.watch(NUMBER)
    show(world, NUMBER)
    world.orders[NUMBER] = replace(world.orders[NUMBER], muted=True)
    world.deliver()
    assert world.mail.sent == []
    assert states(world) == {NUMBER: "skipped"}
    world.orders[NUMBER] = replace(world.orders[NUMBER], muted=False)
    world.store.review_soon([f"{NUMBER}/{NUMBER}"])
    world.pipeline.announce()
    world.deliver()
    assert len(world.mail.sent) == 1
    assert states(world) == {NUMBER: "sent"}
    world.store.review_soon([f"{NUMBER}/{NUMBER}"])
    world.pipeline.announce()
    world.deliver()
    assert len(world.mail.sent) == 1


def test_what_is_over_when_the_mute_ends_is_not_told(world: World) -> None:
    habits(world, Habits())
    world.watch(NUMBER)
    show(world, NUMBER, also=(TO_PAY,))
    world.orders[NUMBER] = replace(world.orders[NUMBER], muted=True)
    world.deliver()
    show(world, NUMBER, also=(TO_PAY, PAID, RELEASED, Sighting("a", "Delivered", START, country="DE")))
    world.orders[NUMBER] = replace(world.orders[NUMBER], muted=False)
    world.store.review_soon([f"{NUMBER}/{NUMBER}"])
    world.pipeline.announce()
    world.deliver()
    assert world.mail.sent == []  # nobody heard of the alarm, so nobody needs to hear of its end


def test_a_mute_between_two_channels_does_not_repeat_what_one_has_said(world: World) -> None:
    habits(world, Habits(), "mail", "text")
    world.watch(NUMBER)
    show(world, NUMBER)
    world.pipeline.notify("mail")
    world.orders[NUMBER] = replace(world.orders[NUMBER], muted=True)
    world.pipeline.notify("text")
    world.orders[NUMBER] = replace(world.orders[NUMBER], muted=False)
    world.store.review_soon([f"{NUMBER}/{NUMBER}"])
    world.pipeline.announce()
    world.deliver()
    assert len(world.mail.sent) == 1
