"""After a send: what nobody acknowledged goes another way, once; what reached nobody, the owner hears of, once."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.pipeline.conftest import START, World
from tests.pipeline.test_habits import AT_THE_DOOR, OTHERS, show
from tests.pipeline.test_pipeline import NUMBER, RELEASED, ROAD, TO_PAY
from tests.servers.rows import lapse
from workers.answers import Answers, stopped
from workers.core.model import Sighting
from workers.core.seal import SEEN, unseal
from workers.errors import Barred, DeadAddress, Permanent, Temporary, Trouble, Uncertain
from workers.settings import Recipient, WebSettings
from workers.settings.settled import Escalation
from workers.store import NoticeRow

HOUR = timedelta(hours=1)
P = f"{NUMBER}/{NUMBER}"


def escalating(world: World, by: str = "text", to: str = "ana") -> None:
    world.recipients["ana"] = replace(
        world.recipients["ana"], channels=("mail",), escalation=Escalation(6 * HOUR, by, to)
    )
    world.recipients["ben"] = Recipient("ben", email="ben@example.org", channels=("mail",))


def answers(world: World) -> Answers:
    return Answers(store=world.store, clock=lambda: world.now, hear=world.pipeline.hear)


def alarm(world: World) -> None:
    world.watch(NUMBER)
    show(world, NUMBER, also=AT_THE_DOOR)
    world.deliver()
    assert len(world.mail.sent) == 1


def hours_later(world: World) -> None:
    lapse(world.store, "esc")
    world.pipeline.announce()
    world.deliver()


def test_an_urgent_notice_that_nobody_acknowledged_goes_by_the_next_channel_once(world: World) -> None:
    escalating(world)
    alarm(world)
    assert world.text.sent == []
    for _ in range(3):
        hours_later(world)
    [(envelope, message)] = world.text.sent
    assert envelope.to == "+34600000001"
    assert "nobody said that they had seen it" in message.text
    assert len(world.mail.sent) == 1
    assert [row.why for row in world.store.notices(states=("sent",)) if row.channel == "text"] == [
        "passed_on"
    ]
    assert world.store.scripts.client.zcard("{cw}:esc") == 0


@pytest.mark.parametrize(
    ("trouble", "at_once"), [(Permanent("550 no"), 1), (Temporary("451 later"), 0), (Barred("535 no"), 0)]
)
def test_an_urgent_notice_that_does_not_arrive_goes_by_the_next_channel(
    world: World, trouble: Trouble, at_once: int
) -> None:
    escalating(world)
    world.watch(NUMBER)
    world.mail.troubles = [trouble] * 9
    show(world, NUMBER, also=AT_THE_DOOR)
    world.deliver()
    world.pipeline.announce()
    world.deliver()
    assert len(world.text.sent) == at_once
    for _ in range(2):
        hours_later(world)
        lapse(world.store, "ob:mail")
    assert [envelope.to for envelope, _ in world.text.sent] == ["+34600000001"]
    assert world.mail.sent == []


def test_a_calm_notice_that_does_not_arrive_goes_no_other_way(world: World) -> None:
    escalating(world)
    world.watch(NUMBER)
    world.mail.troubles = [Permanent("550 no")] * 9
    show(world, NUMBER)
    world.deliver()
    hours_later(world)
    assert world.text.sent == []


def test_told_by_two_channels_it_is_passed_on_once(world: World) -> None:
    escalating(world, by="", to="ben")
    world.recipients["ana"] = replace(world.recipients["ana"], channels=("mail", "text"))
    alarm(world)
    assert len(world.text.sent) == 1
    hours_later(world)
    assert [envelope.to for envelope, _ in world.mail.sent] == ["ana@example.org", "ben@example.org"]


def test_it_goes_to_another_person_who_is_not_told_of_the_order_otherwise(world: World) -> None:
    escalating(world, by="", to="ben")
    alarm(world)
    hours_later(world)
    assert [envelope.to for envelope, _ in world.mail.sent] == ["ana@example.org", "ben@example.org"]


@pytest.mark.parametrize("answer", ["ack", "mute", "stop", "paid"])
def test_any_answer_ends_the_escalation(world: World, answer: str) -> None:
    escalating(world)
    alarm(world)
    getattr(answers(world), answer)(P)
    hours_later(world)
    assert world.text.sent == []


def test_an_answer_given_before_the_alarm_does_not_count(world: World) -> None:
    escalating(world)
    world.watch(NUMBER)
    show(world, NUMBER)
    world.deliver()
    answers(world).ack(P)
    show(world, NUMBER, also=AT_THE_DOOR)
    world.deliver()
    hours_later(world)
    assert len(world.text.sent) == 1


def test_an_urgent_mail_carries_the_link_only_where_it_would_be_passed_on_and_we_have_an_address(
    world: World,
) -> None:
    def mailed(number: str) -> str:
        world.watch(number)
        show(world, number, also=AT_THE_DOOR)
        world.deliver()
        return world.mail.sent[-1][1].text + world.mail.sent[-1][1].html

    assert "/seen/" not in mailed(NUMBER)
    world.web = WebSettings(public_url="https://parcels.example.org")
    assert "/seen/" not in mailed(OTHERS[0])  # nobody is told after it
    escalating(world)
    said = mailed(OTHERS[1])
    [word] = set(re.findall(r"https://parcels\.example\.org/seen/([0-9a-f.]+)", said))
    sealed = unseal(world.store.secret(), SEEN, word)
    assert sealed is not None
    assert sealed.notice in {row.id for row in world.store.notices(f"{OTHERS[1]}/{OTHERS[1]}")}
    assert "leads to parcels.example.org" in said
    assert "never sends a link" not in said
    hours_later(world)
    assert all("/seen/" not in message.short for _, message in world.text.sent)


def test_what_is_over_is_not_passed_on(world: World) -> None:
    escalating(world)
    alarm(world)
    show(world, NUMBER, also=(*AT_THE_DOOR, Sighting("a", "Delivered", START, country="DE")))
    world.deliver()
    hours_later(world)
    assert world.text.sent == []


def test_a_calm_notice_is_not_passed_on(world: World) -> None:
    escalating(world)
    world.watch(NUMBER)
    show(world, NUMBER)
    world.deliver()
    assert world.store.scripts.client.zcard("{cw}:esc") == 0


def test_a_worker_that_dies_in_between_passes_it_on_once(world: World) -> None:
    escalating(world)
    alarm(world)
    lapse(world.store, "esc")
    world.store.follow("esc", 10, lease=HOUR)  # taken by one that dies
    world.pipeline.announce()
    assert world.text.sent == []
    hours_later(world)
    assert len(world.text.sent) == 1


# -- answers ---------------------------------------------------------------------------------------------------


def test_paid_by_the_users_word_changes_the_advice_and_writes_to_nobody(world: World) -> None:
    world.watch(NUMBER)
    show(world, NUMBER, also=(TO_PAY,))
    world.deliver()
    sent = len(world.mail.sent)
    assert answers(world).paid(P)
    known = world.store.recall(P)
    assert known is not None
    decided = json.loads(known.decision or b"")
    assert (decided["stage"], decided["needs_you"]) == ("payment_received", "no")
    assert decided["proof"]["source"] == "you"
    world.look()
    world.deliver()
    assert world.stage(NUMBER) == "payment_received"  # the carrier still shows the old demand
    assert len(world.mail.sent) == sent
    assert answers(world).paid(P)  # said twice
    assert not answers(world).paid("no/SUCH")


def test_a_demand_that_comes_after_the_word_is_told(world: World) -> None:
    world.watch(NUMBER)
    show(world, NUMBER, also=(TO_PAY,))
    world.deliver()
    answers(world).paid(P)
    sent = len(world.mail.sent)
    world.now += timedelta(days=2)
    again = replace(TO_PAY, at=world.now - HOUR)
    show(world, NUMBER, also=(TO_PAY, again))
    world.deliver()
    assert world.stage(NUMBER) == "payment_due"
    assert len(world.mail.sent) == sent + 1


def test_a_mute_by_command_keeps_quiet_what_can_wait_and_not_what_cannot(world: World) -> None:
    world.watch(NUMBER)
    world.source.parcels[NUMBER] = ROAD
    world.look()
    answers(world).mute(P)
    show(world, NUMBER)
    world.deliver()
    assert world.mail.sent == []
    show(world, NUMBER, also=AT_THE_DOOR)
    world.deliver()
    assert len(world.mail.sent) == 1
    assert answers(world).word(P).muted


def test_when_the_mute_ends_what_is_still_so_is_told(world: World) -> None:
    world.watch(NUMBER)
    show(world, NUMBER, also=(TO_PAY,))  # queued
    answers(world).mute(P, until=world.now + 3 * HOUR)
    world.deliver()
    assert world.mail.sent == []
    world.pipeline.announce()  # said something: judged anew, and still silent
    world.deliver()
    assert world.mail.sent == []
    known = world.store.recall(P)
    assert known is not None
    assert known.review_at is not None
    assert known.review_at - known.updated <= 3 * HOUR  # the end of the mute is a review
    world.now += 3 * HOUR
    lapse(world.store, "reviews")
    world.pipeline.announce()
    world.deliver()
    assert len(world.mail.sent) == 1


def test_a_stop_is_silent_without_exception_until_it_is_taken_back(world: World) -> None:
    world.watch(NUMBER)
    world.source.parcels[NUMBER] = ROAD
    world.look()
    answers(world).stop(P)
    assert stopped(world.store) == {P}
    show(world, NUMBER, also=AT_THE_DOOR)
    world.deliver()
    assert world.mail.sent == []
    answers(world).unmute(P)
    assert stopped(world.store) == frozenset()
    world.pipeline.announce()
    world.deliver()
    assert len(world.mail.sent) == 1


def test_what_two_people_say_at_once_is_both_kept(world: World) -> None:
    world.watch(NUMBER)
    show(world, NUMBER)
    before = world.store.words([P]).get(P, b"")
    assert world.store.say(P, before, b'{"muted":true}')
    assert not world.store.say(P, before, b'{"stopped":true}')
    answers(world).stop(P)
    assert (answers(world).word(P).muted, answers(world).word(P).stopped) == (True, True)


# -- what reached nobody ---------------------------------------------------------------------------------------


@pytest.fixture
def owned(world: World) -> World:
    world.owner = ("olga",)
    world.recipients["olga"] = Recipient(
        "olga", email="olga@example.org", phone="+34600000009", channels=("mail", "text")
    )
    world.recipients["ana"] = replace(world.recipients["ana"], channels=("mail",))
    return world


def die(world: World, *numbers: str) -> None:
    before = len(world.store.notices(states=("failed",)))
    for number in numbers:
        world.watch(number)
    world.mail.troubles = [Permanent("550 no such user")] * len(numbers)
    show(world, *numbers)
    world.deliver()
    assert len(world.store.notices(states=("failed",))) == before + len(numbers)


def minutes_later(world: World) -> None:
    lapse(world.store, "dead")
    world.pipeline.announce()
    world.deliver()


def told_owner(world: World) -> list[NoticeRow]:
    return [row for row in world.store.notices() if row.recipient == "olga"]


def test_the_owner_is_told_once_of_several_dead_notices_by_another_channel(owned: World) -> None:
    die(owned, *OTHERS)
    owned.pipeline.announce()
    assert told_owner(owned) == []  # what dies together is told of together
    for _ in range(3):
        minutes_later(owned)
    [(envelope, message)] = owned.text.sent
    assert envelope.to == "+34600000009"
    assert "4 messages to ana by mail did not arrive" in message.short
    assert {row.owner_told is not None for row in owned.store.notices(states=("failed",))} == {True}


def test_a_single_dead_notice_is_told_of_with_its_order(owned: World) -> None:
    die(owned, NUMBER)
    minutes_later(owned)
    [(_, message)] = owned.text.sent
    assert f"Order {NUMBER}" in message.text
    assert "550 no such user" in message.text


def test_a_held_notice_is_told_of_too(owned: World) -> None:
    owned.mail.on_uncertain = "hold"
    owned.watch(NUMBER)
    owned.mail.troubles = [Uncertain("the answer was lost")]
    show(owned, NUMBER)
    owned.deliver()
    minutes_later(owned)
    [(_, message)] = owned.text.sent
    assert "may not have arrived" in message.subject


def test_an_alarm_that_came_too_late_to_be_sent_is_counted_and_told_of(owned: World) -> None:
    owned.watch(NUMBER)
    show(owned, NUMBER)
    [row] = owned.store.notices()
    owned.store.scripts.client.hset(f"{{cw}}:n:{row.id}", "exp", 1)
    owned.deliver()
    assert owned.store.counts()["expired"] == 1
    minutes_later(owned)
    [(_, message)] = owned.text.sent
    assert "could not be sent while it was still of use" in message.text


def test_what_somebody_saw_already_is_not_told(owned: World) -> None:
    die(owned, *OTHERS)
    owned.store.looked_at([row.id for row in owned.store.notices()])
    minutes_later(owned)
    assert told_owner(owned) == []


def test_whoever_dies_while_telling_tells_once(owned: World) -> None:
    die(owned, *OTHERS)
    lapse(owned.store, "dead")
    first = dict(owned.store.follow("dead", 10, lease=HOUR))
    die(owned, NUMBER)  # another one, meanwhile
    lapse(owned.store, "dead")
    again = dict(owned.store.follow("dead", 10, lease=HOUR))
    assert {name: batch for name, batch in again.items() if name in first} == first
    for _ in range(2):
        minutes_later(owned)
    assert len(owned.text.sent) == 2  # the four together, and the one that came after


def test_a_message_to_the_owner_that_dies_is_not_told_of_again(owned: World) -> None:
    die(owned, NUMBER)
    owned.text.troubles = [Permanent("no such number")]
    for _ in range(3):
        minutes_later(owned)
    assert owned.text.sent == []
    assert {row.state for row in told_owner(owned)} == {"failed"}
    assert len(told_owner(owned)) == 1


def test_an_address_that_is_known_to_be_dead_is_told_of_once_and_not_for_every_notice(owned: World) -> None:
    owned.watch(NUMBER)
    owned.mail.troubles = [DeadAddress("550 no such user")]
    show(owned, NUMBER)
    owned.deliver()
    owned.watch(OTHERS[0])
    show(owned, OTHERS[0])
    owned.deliver()
    for _ in range(2):
        minutes_later(owned)
    assert [row.topic for row in told_owner(owned)] == ["address_dead"]


def test_where_nobody_can_be_told_it_stays_to_be_told(world: World) -> None:
    world.recipients["ana"] = replace(world.recipients["ana"], channels=("mail",))
    die(world, NUMBER)
    minutes_later(world)
    assert world.store.scripts.client.zcard("{cw}:dead") == 1


def test_a_dead_notice_goes_thirty_days_after_somebody_knew_and_not_before(owned: World) -> None:
    die(owned, NUMBER)
    owned.store.scripts.client.zadd("{cw}:dead", {owned.store.notices()[0].id: 10**15})
    owned.pipeline.announce()
    assert len(owned.store.notices(states=("failed",))) == 1  # nobody knows: it stays, however old
    minutes_later(owned)
    assert owned.store.prune(older=timedelta(days=30)) == 0
    lapse(owned.store, "kept")
    assert owned.store.prune(older=timedelta(days=30)) == 1
    assert owned.store.notices(states=("failed",)) == []


def test_one_that_is_released_and_dies_again_is_told_of_again(owned: World) -> None:
    die(owned, NUMBER)
    minutes_later(owned)
    [dead] = owned.store.notices(states=("failed",))
    assert owned.store.operate(dead.id, "release") == "done"
    owned.mail.troubles = [Permanent("550 still no such user")]
    owned.deliver()
    minutes_later(owned)
    assert len(owned.text.sent) == 2


def test_a_newer_notice_takes_the_place_of_one_released_by_hand(owned: World) -> None:
    die(owned, NUMBER)
    [dead] = owned.store.notices(states=("failed",))
    owned.store.operate(dead.id, "release")
    show(owned, NUMBER, also=(replace(RELEASED, at=START),))
    owned.deliver()
    assert [row.error for row in owned.store.notices(states=("skipped",))] == ["superseded"]
