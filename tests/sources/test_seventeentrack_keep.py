"""What 17TRACK follows beside looks: stopped, deleted, compared, mended; and what a carrier demands at registration."""

from __future__ import annotations

import pytest

from tests.servers._faulty import Reply
from tests.servers.seventeentrack import SeventeenTrackServer
from tests.sources.asking import CLEARING, A, Asking, B, C, found
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Leaving, NoNews, Reconciling, Retiring

KNOWN = "registered:190271"


def asks(*numbers: str, memo: str = KNOWN) -> list[Ask]:
    return [Ask(parcel=f"o/{number}", number=number, memo=memo) for number in numbers]


def test_the_source_can_be_told_and_compared(asking: Asking) -> None:
    assert isinstance(asking.source, Retiring)
    assert isinstance(asking.source, Reconciling)


@pytest.mark.parametrize(
    ("settings", "why", "endpoint"),
    [
        ({}, Leaving.SETTLED, "stoptrack"), ({"on_settled": "keep"}, Leaving.SETTLED, ""),
        ({}, Leaving.REMOVED, "stoptrack"), ({"on_remove": "keep"}, Leaving.REMOVED, ""),
        ({"on_remove": "delete"}, Leaving.REMOVED, "deletetrack"), ({"on_remove": "delete"}, Leaving.SETTLED, "stoptrack"),
    ],
)  # fmt: skip
def test_what_is_looked_up_no_more_is_stopped_or_deleted_as_the_settings_say(
    settings: dict[str, str], why: Leaving, endpoint: str, server: SeventeenTrackServer
) -> None:
    server.register(A, B)
    asking = Asking(server, **settings)
    assert asking.source.retire(asks(A), why) == {f"o/{A}": None}
    assert server.endpoints() == ([endpoint] if endpoint else [])
    assert server.parcel(A).stopped is (endpoint == "stoptrack")
    assert (A in server.registered) is (endpoint != "deletetrack")
    assert not server.parcel(B).stopped
    assert asking.slept == ([1 / 3] if endpoint else []), "no look was let in for this call"
    asking.source.close()


def test_doing_it_twice_or_for_a_number_nobody_knows_is_done(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    server.register(A)
    for _ in range(2):
        said = asking.source.retire([*asks(A), *asks(B, memo="")], Leaving.REMOVED)
        assert said == {f"o/{A}": None, f"o/{B}": None}


def test_errors_are_told_for_each_number_and_for_all(server: SeventeenTrackServer, asking: Asking) -> None:
    server.register(A)
    said = asking.source.retire(asks(A, "X-1"), Leaving.REMOVED)
    assert said[f"o/{A}"] is None
    assert isinstance(said["o/X-1"], Permanent)
    server.next_error(-18010002)
    with pytest.raises(Permanent):
        asking.source.retire(asks(A), Leaving.REMOVED)
    server.next_http(429, b"{}", Retry_After="7")
    with pytest.raises(Temporary):
        asking.source.retire(asks(A), Leaving.REMOVED)
    server.next_html()
    with pytest.raises(Temporary):
        asking.source.retire(asks(A), Leaving.REMOVED)


def test_more_than_forty_numbers_are_several_calls_at_the_rate(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    numbers = [f"LP{i:014d}" for i in range(95)]
    server.register(*numbers)
    assert set(asking.source.retire(asks(*numbers), Leaving.REMOVED).values()) == {None}
    assert [len(call.items) for call in server.calls] == [40, 40, 15]
    assert len(asking.slept) == 3


def test_what_is_followed_and_not_watched_is_reported_and_left_alone(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    server.register(A, B, C)
    server.tags[C] = "customs-watch"
    said = asking.source.reconcile(asks(A), asks(B))
    assert (said.follows, said.unwatched, said.stopped) == (3, (C,), 0)
    assert (said.remain, said.total) == (200, 200)
    assert server.endpoints() == ["gettracklist", "getquota"]
    assert asking.slept == [1 / 3] * 2


def test_only_what_carries_our_tag_is_stopped_where_that_is_wanted(server: SeventeenTrackServer) -> None:
    asking = Asking(server, unwatched="stop")
    server.register(A, B, C)
    server.tags |= {A: "customs-watch", B: "customs-watch", C: "another program"}
    said = asking.source.reconcile(asks(A), [])
    assert (said.unwatched, said.stopped) == ((B, C), 1)
    assert [server.parcel(n).stopped for n in (A, B, C)] == [False, True, False]
    asking.source.close()


def test_what_is_watched_and_not_known_is_registered_again_unless_it_never_was(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    server.register(A)
    said = asking.source.reconcile([*asks(A, B), *asks(C, memo="")], [])
    assert (said.registered, said.refused) == (1, ())
    assert set(server.registered) == {A, B}
    assert server.tags[B] == "customs-watch"
    assert server.used == 1


def test_what_is_watched_and_was_stopped_is_followed_on_once(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    server.register(A, B, C)
    for number in (A, B, C):
        server.parcel(number, stopped=True)
    server.parcel(B, retracked=True)
    said = asking.source.reconcile(asks(A, B), asks(C))
    assert (said.follows, said.resumed, said.registered) == (0, 1, 0)
    assert [server.parcel(n).stopped for n in (A, B, C)] == [False, True, True]
    (refused,) = said.refused
    assert B in refused


def test_a_list_of_many_pages_is_read_to_its_end(server: SeventeenTrackServer, asking: Asking) -> None:
    numbers = [f"LP{i:014d}" for i in range(85)]
    server.register(*numbers)
    said = asking.source.reconcile(asks(*numbers[:80]), [])
    assert said.follows == 85
    assert said.unwatched == tuple(numbers[80:])
    assert [call.items[0]["page_no"] for call in server.calls if call.endpoint == "gettracklist"] == [1, 2, 3]


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b'{"code":0,"data":{"accepted":[]}}', b'{"code":0,"page":{"page_no":1,"page_total":1},"data":{"accepted":"x"}}',
     b'{"code":-18010003,"data":{"errors":[{"code":-18010003,"message":"x"}]}}', b"<html></html>", b'{"page":{"page_no":1'],
)  # fmt: skip
def test_a_list_that_cannot_be_read_changes_nothing(
    body: bytes, server: SeventeenTrackServer, asking: Asking
) -> None:
    server.register(A)
    server.inject(Reply(body))
    with pytest.raises((Temporary, Permanent)):
        asking.source.reconcile(asks(A, B), [])
    assert "register" not in server.endpoints()
    assert "stoptrack" not in server.endpoints()


def test_the_end_of_the_phone_number_is_sent_only_where_the_carrier_demands_it(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    server.parcel(A, demands="phone")
    server.set_events(A, [CLEARING])
    server.set_events(B, [CLEARING])
    one, other = asking.look(A, B, phone_last4="4567")
    assert found(one).read()
    assert found(other).read()
    first, second = (call for call in server.calls if call.endpoint == "register")
    assert "4567" not in str(first.items)
    assert [item["number"] for item in second.items] == [A]
    assert second.items[0]["phone_number_last_4"] == "4567"
    assert server.used == 2


def test_without_the_end_of_the_phone_number_its_error_says_what_to_write(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    server.parcel(A, demands="phone")
    (outcome,) = asking.look(A)
    assert isinstance(outcome, Permanent)
    assert "phone_last4" in str(outcome)
    server.parcel(B, demands="postcode")
    assert "postcode" in str(asking.look(B)[0])
    assert isinstance(asking.look(B, postcode="10115")[0], NoNews)
