"""Notices to the owner: owed once without a parcel, the newer in the place of the older, never touching another matter."""

from __future__ import annotations

from datetime import timedelta

from tests.servers.rows import NOW, field, owe, owed, take
from workers.store import Store

MATTER = "@source/track"


def states(store: Store) -> dict[str, str]:
    return {row.id: row.state for row in store.notices()}


def test_a_matter_is_owed_once_and_carries_everything(store: Store) -> None:
    assert store.owe(MATTER, [owed("a", topic="source_broken", expires=timedelta(days=1))]) == {"a"}
    assert store.owe(MATTER, [owed("a", topic="other", context=b"other")]) == frozenset()
    notice = take(store)
    assert (notice.parcel, notice.topic, notice.context) == (MATTER, "source_broken", b'{"a":1}')
    assert notice.expires is not None
    store.done(notice.id, notice.token)
    assert store.owe(MATTER, [owed("a")]) == frozenset(), "also not after it was sent"
    assert states(store) == {"a": "sent"}
    assert store.counts()["owed"] == 1


def test_only_the_new_ones_are_named(store: Store) -> None:
    store.owe(MATTER, [owed("a")])
    assert store.owe(MATTER, [owed("a"), owed("b", channel="sms"), owed("c", recipient="ben")]) == {"b", "c"}


def test_a_newer_notice_replaces_the_older_that_waits_of_the_same_matter_channel_and_person(
    store: Store,
) -> None:
    owe(store, owed("parcel"))
    store.owe("@source/other", [owed("other")])
    store.owe(MATTER, [owed("broken"), owed("text", channel="sms"), owed("ben", recipient="ben")])
    store.owe(MATTER, [owed("healed")])
    assert states(store) == {
        "parcel": "pending", "other": "pending", "broken": "skipped", "text": "pending", "ben": "pending",
        "healed": "pending",
    }  # fmt: skip


def test_one_that_is_being_sent_is_not_tried_again_after_the_newer(store: Store) -> None:
    store.owe(MATTER, [owed("broken")])
    notice = take(store)
    store.owe(MATTER, [owed("healed")])
    store.retry(notice.id, notice.token, after=NOW, error="451")
    assert states(store) == {"broken": "skipped", "healed": "pending"}


def test_a_matter_is_no_parcel(store: Store) -> None:
    store.owe(MATTER, [owed("a")])
    assert list(store.parcels()) == []
    assert store.recall(MATTER) is None
    assert store.notices(MATTER)[0].id == "a"
    store.forget("o1/LP1CN")
    assert field(store, "n:a", "st") == b"pending"


def test_nothing_to_owe_asks_nothing(store: Store) -> None:
    assert store.owe(MATTER, []) == frozenset()
