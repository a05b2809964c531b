"""The rows of notices: owed once, claimed by one, ended by who holds the token."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.servers.rows import LEASE, NOW, claim, commit, field, lapse, names, owe, owed, take
from workers.errors import LostLease
from workers.store import STATES, Notice, NoticeRow, Store, notice_id

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

Verb = Callable[[Store, Notice], None]
VERBS: dict[str, tuple[Verb, str]] = {
    "done": (lambda s, n: s.done(n.id, n.token, reference="r"), "sent"),
    "retry": (lambda s, n: s.retry(n.id, n.token, after=HOUR, error="451"), "pending"),
    "fail": (lambda s, n: s.fail(n.id, n.token, error="550"), "failed"),
    "skip": (lambda s, n: s.skip(n.id, n.token, reason="muted"), "skipped"),
    "resend": (lambda s, n: s.uncertain(n.id, n.token, error="cut", then="resend", after=HOUR), "pending"),
    "hold": (lambda s, n: s.uncertain(n.id, n.token, error="cut", then="hold"), "held"),
}


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


# -- superseding ----------------------------------------------------------------------------------------------


def test_a_newer_notice_makes_older_pending_ones_skipped(store: Store) -> None:
    owe(store, owed("old"), owed("other-channel", channel="sms"), owed("other-person", recipient="ben"))
    owe(store, owed("foreign"), parcel="o2/LP2CN")
    owe(store, owed("new"))
    states = {row.id: (row.state, row.error) for row in store.notices()}
    assert states == {
        "old": ("skipped", "superseded"),
        "other-channel": ("pending", ""),
        "other-person": ("pending", ""),
        "foreign": ("pending", ""),
        "new": ("pending", ""),
    }
    assert store.counts()["superseded"] == 1


def test_notices_of_one_commit_do_not_supersede_each_other(store: Store) -> None:
    owe(store, owed("a", topic="vat"), owed("b", topic="docs"))
    assert {row.state for row in store.notices()} == {"pending"}


def test_an_existing_id_supersedes_nothing(store: Store) -> None:
    owe(store, owed("a"))
    owe(store, owed("b"))
    owe(store, owed("a"))
    assert {row.id: row.state for row in store.notices()} == {"a": "skipped", "b": "pending"}


def test_one_on_the_wire_is_finished_but_not_tried_again_after_the_newer_one(store: Store) -> None:
    for end, state in (("done", "sent"), ("retry", "skipped"), ("resend", "skipped"), ("fail", "failed")):
        owe(store, owed(f"old-{end}"), parcel=end)
        notice = take(store)
        owe(store, owed(f"new-{end}"), parcel=end)
        VERBS[end][0](store, notice)
        assert {row.id: row.state for row in store.notices(parcel=end)} == {
            f"old-{end}": state,
            f"new-{end}": "pending",
        }
        fresh = take(store)
        store.done(fresh.id, fresh.token)


def test_one_that_crashed_on_the_wire_is_not_sent_after_the_newer_one(store: Store) -> None:
    owe(store, owed("old"))
    take(store)
    owe(store, owed("new"))
    lapse(store, "ob:mail")
    assert take(store).id == "new"
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None
    (row,) = store.notices(states=("skipped",))
    assert (row.id, row.error, row.uncertain) == ("old", "superseded", True)


# -- tables and the operator ----------------------------------------------------------------------------------


def test_notices_are_listed_newest_first_by_parcel_and_by_state(store: Store) -> None:
    for i in range(5):
        owe(store, owed(f"n{i}"), parcel=f"o{i}")
        store.scripts.client.zadd("{cw}:st:pending", {f"n{i}": 1000 + i})
    notice = take(store)
    store.done(notice.id, notice.token)
    store.scripts.client.zadd("{cw}:st:sent", {notice.id: 1000 + int(notice.id[1])})
    assert [row.id for row in store.notices()] == ["n4", "n3", "n2", "n1", "n0"]
    assert [row.id for row in store.notices(limit=2)] == ["n4", "n3"]
    assert [row.id for row in store.notices(states=("sent",))] == [notice.id]
    assert [row.id for row in store.notices(parcel="o3")] == ["n3"]
    assert store.notices(parcel="o3", states=("failed", "no such state")) == []
    assert [row.id for row in store.notices(states=("sent", "pending"), limit=3)] == ["n4", "n3", "n2"]


def test_many_notices_are_listed_page_by_page(store: Store) -> None:
    for i in range(5):
        owe(store, *(owed(f"n{i}-{j}", recipient=f"r{j}") for j in range(100)), parcel=f"o{i}")
    assert len(store.notices()) == 500
    assert len(store.notices(limit=450)) == 450


@pytest.mark.parametrize("end", ["hold", "fail"])
def test_the_operator_releases_what_is_held_or_failed(store: Store, end: str) -> None:
    owe(store, owed(expires=HOUR))
    VERBS[end][0](store, take(store))
    store.scripts.client.hset("{cw}:n:n1", "exp", 1)
    assert store.release("n1")
    assert not store.release("n1")
    notice = take(store)
    assert notice.expires is None
    store.done(notice.id, notice.token)
    assert not store.release("n1")
    assert only(store).state == "sent"


def test_the_operator_drops_what_is_open(store: Store) -> None:
    owe(store, owed("pending"), owed("sending", channel="sms"), owed("failed", channel="x"))
    sending = take(store, "sms")
    store.fail((failed := take(store, "x")).id, failed.token, error="550")
    assert all(store.drop(name) for name in ("pending", "sending", "failed"))
    assert not any(store.drop(name) for name in ("pending", "sending", "failed", "unknown"))
    assert {row.state for row in store.notices()} == {"skipped"}
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None
    with pytest.raises(LostLease):
        store.done(sending.id, sending.token)
    (row,) = (r for r in store.notices() if r.id == "sending")
    assert [a.outcome for a in row.log] == ["dropped", "late done"]


def test_open_notices_and_only_they_are_in_the_queue(store: Store) -> None:
    """Every state at once: pending and sending rows have a way forward, the others none."""
    for i, verb in enumerate(VERBS):
        owe(store, owed(f"n{i}"), parcel=f"o{i}")
        VERBS[verb][0](store, take(store))
    owe(store, owed("expired", expires=NOW), parcel="e")
    assert store.claim_notice("mail", lease=LEASE, worker="w") is None
    owe(store, owed("sending"), parcel="s")
    take(store)
    queue = {name.decode() for name in names(store, "ob:mail")}
    rows = store.notices()
    assert {row.state for row in rows} == set(STATES)
    assert queue == {row.id for row in rows if row.state in ("pending", "sending")}
    counts = store.counts()
    for state in STATES:
        assert counts[f"state:{state}"] == sum(row.state == state for row in rows)


# -- bells ----------------------------------------------------------------------------------------------------


def test_the_sweep_counts_what_is_due_and_tells_when_the_next_is(store: Store) -> None:
    assert store.sweep().next_in is None
    store.enrol("post", ["a", "b", "c"], spread=NOW)
    owe(store, owed("m"), owed("s", channel="sms", after=HOUR), parcel="a")
    bells = store.sweep()
    assert (bells.due, bells.notices, bells.reviews) == ({"post": 3}, {"mail": 1}, 0)
    assert bells.next_in is not None
    assert timedelta(minutes=59) < bells.next_in <= HOUR
    claim(store, 2)
    take(store)
    bells = store.sweep()
    assert (bells.due, bells.notices) == ({"post": 1}, {})
    assert bells.next_in is not None
    assert bells.next_in <= LEASE


def test_the_sweep_rings_for_reviews(store: Store) -> None:
    store.enrol("post", [P], spread=HOUR)
    store.commit(commit(P, review_in=NOW))
    assert store.sweep().reviews == 1


def test_a_paused_source_is_rung_when_its_pause_ends(store: Store) -> None:
    store.enrol("post", ["a"], spread=NOW)
    store.pause("post", after=HOUR)
    bells = store.sweep()
    assert bells.due == {}
    assert bells.next_in is not None
    assert timedelta(minutes=59) < bells.next_in <= HOUR


def test_unsettled_counts_leases_that_end_within_the_horizon(store: Store) -> None:
    assert not store.unsettled(within=HOUR)
    store.enrol("post", ["a"], spread=NOW)
    claim(store)
    assert store.unsettled(within=HOUR).parcels == 1
    assert store.unsettled(within=timedelta(seconds=1)).parcels == 0
    owe(store, owed(), parcel="a")
    assert store.unsettled(within=NOW).notices == 1
    take(store)
    assert store.unsettled(within=NOW).sending == 1
    assert store.count_watched("post") == 1
