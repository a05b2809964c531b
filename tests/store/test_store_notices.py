"""The rows of notices: owed once, claimed by one, ended by who holds the token."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.servers.rows import LEASE, NOW, VERBS, field, lapse, owe, owed, take
from workers.errors import LostLease
from workers.store import Notice, NoticeRow, Store, notice_id

HOUR = timedelta(hours=1)
P = "o1/LP1CN"


def only(store: Store) -> NoticeRow:
    (row,) = store.notices()
    return row


def steal(store: Store) -> tuple[Notice, Notice]:
    """Let a lease run out and somebody else take the notice: (late, now)."""
    late = take(store, worker="late")
    lapse(store, "ob:mail")
    return late, take(store, worker="now")


# -- owing ----------------------------------------------------------------------------------------------------


def test_a_notice_carries_everything_it_was_created_with(store: Store) -> None:
    raw = bytes(range(256))
    owe(
        store,
        owed(
            why="changed", stage="released", occurrence=3, topic="vat", context=raw, expires=HOUR, urgent=True
        ),
    )
    notice = take(store)
    assert (notice.parcel, notice.channel, notice.recipient, notice.why) == (P, "mail", "anna", "changed")
    assert (notice.stage, notice.occurrence, notice.topic, notice.context) == ("released", 3, "vat", raw)
    assert (notice.attempts, notice.crashes, notice.previous, notice.uncertain, notice.urgent) == (
        1,
        0,
        "pending",
        False,
        True,
    )
    assert abs(notice.created - datetime.now(UTC)) < timedelta(seconds=20)
    assert notice.expires is not None
    assert notice.expires - notice.created == HOUR


def test_a_notice_that_exists_is_never_touched_again(store: Store) -> None:
    owe(store, owed(context=b"first"))
    notice = take(store)
    store.done(notice.id, notice.token)
    owe(store, owed(context=b"second", channel="sms"))
    row = only(store)
    assert (row.state, row.context, row.channel) == ("sent", b"first", "mail")
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None
    assert store.claim_notice("sms", lease=LEASE, worker="w") is None


def test_a_notice_waits_until_it_may_be_sent(store: Store) -> None:
    owe(store, owed(after=HOUR))
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None
    lapse(store, "ob:mail")
    assert take(store).id == "n1"


def test_channels_do_not_take_each_others_notices(store: Store) -> None:
    owe(store, owed("m"), owed("s", channel="sms"))
    assert take(store, "sms").id == "s"
    assert store.claim_notice("sms", lease=LEASE, worker="w") is None
    assert take(store, "mail").id == "m"


def test_ids_are_made_of_every_fact_and_the_secret() -> None:
    facts = ("o1/LP1", "held", 1, "vat", "0", "mail", "anna")
    same = notice_id(b"k" * 32, *facts)
    assert same == notice_id(b"k" * 32, *facts)
    assert len(same) == 32
    assert set(same) <= set("0123456789abcdef")
    other = [
        ("o1/LP2", "held", 1, "vat", "0", "mail", "anna"),
        ("o1/LP1", "released", 1, "vat", "0", "mail", "anna"),
        ("o1/LP1", "held", 2, "vat", "0", "mail", "anna"),
        ("o1/LP1", "held", 1, "docs", "0", "mail", "anna"),
        ("o1/LP1", "held", 1, "vat", "1", "mail", "anna"),
        ("o1/LP1", "held", 1, "vat", "0", "sms", "anna"),
        ("o1/LP1", "held", 1, "vat", "0", "mail", "ben"),
        ("o1/LP1", "held", 1, "vat", "0mail", "", "anna"),  # no two lists of facts run together
    ]
    assert len({same, notice_id(b"j" * 32, *facts), *(notice_id(b"k" * 32, *f) for f in other)}) == 2 + len(
        other
    )


# -- ending an attempt ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_the_holder_ends_an_attempt_and_may_say_so_twice(store: Store, verb: str) -> None:
    say, state = VERBS[verb]
    owe(store, owed())
    notice = take(store)
    say(store, notice)
    first = only(store)
    say(store, notice)
    assert only(store) == first
    assert first.state == state
    assert [a.outcome for a in first.log] == [verb]
    assert first.log[0].worker == "w1"
    assert (first.due is None) == (state != "pending")


@pytest.mark.parametrize("verb", VERBS)
def test_a_late_worker_ends_nothing_and_leaves_a_trace(store: Store, verb: str) -> None:
    say, _ = VERBS[verb]
    owe(store, owed())
    late, now = steal(store)
    for _ in range(2):
        with pytest.raises(LostLease):
            say(store, late)
    row = only(store)
    assert row.state == "sending"
    assert [a.outcome for a in row.log] == ["crashed", f"late {verb}"]
    assert store.counts()["lost_lease"] == 1
    store.done(now.id, now.token)
    assert only(store).state == "sent"


@pytest.mark.parametrize("verb", VERBS)
def test_nobody_ends_what_does_not_exist(store: Store, verb: str) -> None:
    owe(store, owed())
    notice = take(store)
    store.forget(P)
    with pytest.raises(LostLease):
        VERBS[verb][0](store, notice)
    with pytest.raises(LostLease):
        store.renew(notice.id, notice.token, lease=LEASE)
    assert store.notices() == []
    assert field(store, "n:n1", "late") is None


def test_one_verb_after_another_with_the_same_token_is_refused(store: Store) -> None:
    owe(store, owed())
    notice = take(store)
    store.done(notice.id, notice.token)
    with pytest.raises(LostLease):
        store.retry(notice.id, notice.token, after=NOW, error="x")
    assert only(store).state == "sent"


def test_a_worker_whose_lease_ran_out_may_still_finish_while_nobody_took_it(store: Store) -> None:
    owe(store, owed())
    notice = take(store)
    lapse(store, "ob:mail")
    store.done(notice.id, notice.token)
    assert only(store).state == "sent"


def test_a_renewed_lease_is_not_taken_by_others(store: Store) -> None:
    owe(store, owed())
    notice = take(store)
    lapse(store, "ob:mail")
    store.renew(notice.id, notice.token, lease=HOUR)
    assert store.claim_notice("mail", lease=LEASE, worker="w2") is None


def test_a_lost_lease_cannot_be_renewed(store: Store) -> None:
    owe(store, owed())
    late, now = steal(store)
    with pytest.raises(LostLease):
        store.renew(late.id, late.token, lease=HOUR)
    store.done(now.id, now.token)
    with pytest.raises(LostLease):
        store.renew(now.id, now.token, lease=HOUR)


def test_a_retried_notice_comes_again_with_its_history(store: Store) -> None:
    owe(store, owed())
    notice = take(store)
    store.retry(notice.id, notice.token, after=HOUR, error="451 try\r\nlater" + "x" * 2000)
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None
    lapse(store, "ob:mail")
    again = take(store)
    assert (again.attempts, again.crashes, again.previous, again.uncertain) == (2, 0, "pending", False)
    assert again.error.startswith("451 try later")
    assert "\n" not in again.error
    assert len(again.error) == 500
    assert again.token != notice.token


def test_what_may_have_been_accepted_stays_marked(store: Store) -> None:
    owe(store, owed())
    notice = take(store)
    store.uncertain(notice.id, notice.token, error="cut off after the final dot", then="resend")
    again = take(store)
    assert again.uncertain
    store.retry(again.id, again.token, after=NOW, error="451")
    assert take(store).uncertain
    assert store.counts()["uncertain"] == 1


def test_a_crash_is_counted_and_may_have_been_accepted(store: Store) -> None:
    owe(store, owed())
    _, now = steal(store)
    assert (now.crashes, now.previous, now.uncertain, now.attempts) == (1, "sending", True, 2)
    row = only(store)
    assert [(a.outcome, a.worker) for a in row.log] == [("crashed", "late")]
    assert store.counts()["crashes"] == 1


def test_a_poisonous_notice_is_held_and_others_flow(store: Store) -> None:
    owe(store, owed("poison"), owed("good", recipient="ben"))
    store.scripts.client.zadd("{cw}:ob:mail", {"poison": 1, "good": 2_000_000_000_000_000})
    for crashes in range(4):
        assert take(store).crashes == crashes
        lapse(store, "ob:mail")
        store.scripts.client.zadd("{cw}:ob:mail", {"good": 2})
    assert take(store).id == "good"
    (held,) = store.notices(states=("held",))
    assert (held.id, held.crashes, held.due) == ("poison", 4, None)
    assert "died" in held.error
    assert store.counts()["held"] == 1


def test_a_notice_past_its_deadline_expires_and_is_counted(store: Store) -> None:
    owe(store, owed("late", expires=NOW), owed("good", recipient="ben", expires=HOUR))
    assert take(store).id == "good"
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None
    (row,) = store.notices(states=("expired",))
    assert (row.id, row.attempts, row.due) == ("late", 0, None)
    assert store.counts()["expired"] == 1


def test_more_expired_notices_than_one_look_goes_through(store: Store) -> None:
    owe(
        store,
        *(owed(f"n{i}", recipient=f"r{i}", expires=NOW) for i in range(120)),
        owed("good", after=timedelta(0)),
    )
    store.scripts.client.zadd("{cw}:ob:mail", {"good": int(datetime.now(UTC).timestamp() * 1000)})
    assert take(store).id == "good"
    assert store.counts()["state:expired"] == 120


def test_attempts_are_kept_up_to_fifty(store: Store) -> None:
    owe(store, owed())
    for i in range(60):
        notice = take(store)
        store.retry(notice.id, notice.token, after=NOW, error=f"try {i}")
    row = only(store)
    assert row.attempts == 60
    assert [a.error for a in row.log] == [f"try {i}" for i in range(10, 60)]
    assert all(NOW <= a.took < timedelta(seconds=20) for a in row.log)


@pytest.mark.parametrize("text", ['"quoted"', "\\", "包裹", "\x00\x1b[31m", "]]"])
def test_an_error_may_quote_anything(store: Store, text: str) -> None:
    owe(store, owed())
    notice = take(store)
    store.fail(notice.id, notice.token, error=text)
    row = only(store)
    assert row.error == row.log[0].error == text
