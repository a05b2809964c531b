"""The 17TRACK source: what is asked in one look, what it costs, and under which carrier."""

from __future__ import annotations

import json
import time

import pytest

from tests.servers._faulty import FaultyServer, Reply
from tests.servers.seventeentrack import SeventeenTrackServer
from tests.sources.asking import CLEARING, NOW, PICKED_UP, A, Asking, B, found
from workers.errors import Permanent, Temporary
from workers.sources import TOLD, Ask, Found, NoNews, seventeentrack
from workers.sources._seventeentrack_codes import carrier_code
from workers.sources._seventeentrack_look import Memo

# --- registering


def test_a_new_number_is_registered_once_and_read_ever_after(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    server.set_events(A, [PICKED_UP])
    asking.look(A)
    asking.look(A)
    asking.look(A)
    assert server.endpoints() == ["register", "gettrackinfo", "gettrackinfo", "gettrackinfo"]
    assert server.used == 1
    assert asking.memos[A] == "registered:190271"


def test_registering_sends_the_documented_fields_and_no_others(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    asking.look(A, carrier="Cainiao", destination="DE", postcode="10115", origin="CN", lang="de")
    (item,) = server.calls[0].items
    assert item == {
        "number": A,
        "carrier": 190271,
        "destination_country": "DE",
        "destination_postal_code": "10115",
        "tag": "customs-watch",
    }


def test_a_language_is_asked_for_only_where_the_user_wants_it(server: SeventeenTrackServer) -> None:
    asking = Asking(server, lang="de")
    asking.look(A)
    assert server.calls[0].items[0]["lang"] == "de"
    asking.source.close()


def test_a_lost_memo_costs_nothing(server: SeventeenTrackServer, asking: Asking) -> None:
    server.set_events(A, [PICKED_UP])
    asking.look(A)
    asking.memos.clear()
    assert found(asking.look(A)[0]).memo == "registered:190271"
    assert server.used == 1


def test_the_calls_of_one_look_keep_the_distance_the_service_asks_for(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    asking.look(A)
    assert asking.slept == [pytest.approx(1 / 3)]
    asking.look(A)
    assert len(asking.slept) == 1


def test_at_the_documented_rate_registering_and_reading_pass_with_a_real_pause() -> None:
    with SeventeenTrackServer(rate=3.0) as server:
        settings = seventeentrack.Settings.model_validate(
            {"token": "test-key", "base_url": server.url, "allow_hosts": ["127.0.0.1"]}
        )
        source = seventeentrack.open(settings, name="17t", clock=lambda: NOW)
        began = time.monotonic()
        source.track([Ask(A, A)])
        assert time.monotonic() - began >= 1 / 3
        assert [call.status for call in server.calls] == [200, 200]
        source.close()


def test_forty_numbers_take_two_calls_when_new_and_one_when_known(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    numbers = [f"LP{n:014d}" for n in range(40)]
    assert all(isinstance(outcome, NoNews) for outcome in asking.look(*numbers))
    assert server.endpoints() == ["register", "gettrackinfo"]
    asking.look(*numbers)
    assert server.endpoints()[2:] == ["gettrackinfo"]


def test_two_parcels_of_one_number_are_asked_as_one(server: SeventeenTrackServer, asking: Asking) -> None:
    server.set_events(A, [PICKED_UP])
    said = asking.source.track([Ask("o1/x", A), Ask("o2/x", A)])
    assert {parcel: type(outcome) for parcel, outcome in said.items()} == {"o1/x": Found, "o2/x": Found}
    assert server.calls[0].numbers == [A]
    asking.source.track([Ask("o3/x", A), Ask("o1/x", A, memo="registered:190271")])
    assert server.endpoints() == [
        "register",
        "gettrackinfo",
        "gettrackinfo",
    ]  # the memo of one speaks for both


def test_a_number_the_service_has_forgotten_is_registered_again(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    server.set_events(A, [PICKED_UP])
    asking.look(A, B)
    server.forget(A)
    outcomes = asking.look(A, B)
    assert outcomes == [NoNews("registered:190271", TOLD), NoNews("registered:190271")]
    assert server.endpoints()[2:] == ["gettrackinfo", "register"]
    assert server.calls[-1].numbers == [A]
    found(asking.look(A)[0])


def test_a_number_that_is_and_is_not_registered_is_an_error() -> None:
    already = {"code": 0, "data": {"accepted": [], "rejected": [{"number": A, "error": {"code": -18019901}}]}}
    never = {"code": 0, "data": {"accepted": [], "rejected": [{"number": A, "error": {"code": -18019902}}]}}
    server = FaultyServer(lambda _: Reply(b"", 500))
    with server:
        server.inject(*(Reply(json.dumps(body).encode()) for body in (never, already)))
        said = {"token": "t", "base_url": server.origin, "allow_hosts": ["127.0.0.1"]}
        source = seventeentrack.open(
            seventeentrack.Settings.model_validate(said), name="17t", clock=lambda: NOW, sleep=lambda _: None
        )
        (outcome,) = source.track([Ask(A, A, memo="registered:")]).values()
        assert isinstance(outcome, Temporary)
        source.close()


def test_a_number_the_service_stopped_following_is_followed_again_once(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    server.set_events(A, [PICKED_UP, CLEARING], status="Expired", sub_status="Expired_Other", stopped=True)
    asking.look(A)
    assert server.endpoints() == ["register", "gettrackinfo", "retrack"]
    assert asking.memos[A] == "registered:190271::again"
    assert not server.parcel(A).stopped
    found(asking.look(A)[0])
    assert server.endpoints()[3:] == ["gettrackinfo"]


def test_a_number_that_may_not_be_followed_again_is_not_offered_twice_and_one_still_followed_is(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    server.set_events(
        A, [PICKED_UP], status="Expired", sub_status="Expired_Other", stopped=True, retracked=True
    )
    server.set_events(B, [PICKED_UP], status="Expired", sub_status="Expired_Other")
    asking.look(A, B)
    asking.look(A, B)
    assert [call.numbers for call in server.calls if call.endpoint == "retrack"] == [[A, B], [B]]


def test_what_was_read_counts_though_following_on_fails(server: SeventeenTrackServer, asking: Asking) -> None:
    server.set_events(A, [PICKED_UP], status="Expired", sub_status="Expired_Other", stopped=True)
    server.register(A)
    asking.memos[A] = "registered:190271"
    answered = server._respond
    server._answer = lambda request: (
        Reply(b"{}", 503) if request.path.endswith("retrack") else answered(request)
    )
    assert found(asking.look(A)[0]).memo == "registered:190271"


# --- carriers


@pytest.mark.parametrize(
    ("hint", "code"),
    [("", 0), ("Cainiao", 190271), ("190271", 190271), ("China Post", 3011), ("china-post", 3011), ("4PX", 190094),
     ("Royal Mail", 11031), ("DHL Paket", 7041), ("DHL", 0), ("some post", 0), ("99999999999999", 0), ("²", 0)],
)  # fmt: skip
def test_a_hint_is_read_as_a_number_or_a_known_name(hint: str, code: int) -> None:
    assert carrier_code(hint) == code


def test_a_carrier_that_cannot_be_detected_is_said_with_what_to_do(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    server.parcel(A, detectable=False)
    (outcome,) = asking.look(A)
    assert isinstance(outcome, Permanent)
    assert "carrier:" in str(outcome)
    (outcome,) = asking.look(A, carrier="cainiao")
    assert outcome == NoNews("registered:190271", TOLD)


def test_a_carrier_named_later_is_passed_on_once(server: SeventeenTrackServer, asking: Asking) -> None:
    server.set_events(A, [PICKED_UP])
    asking.look(A)
    asking.look(A, carrier="Yanwen")
    assert server.endpoints()[2:] == ["changecarrier", "gettrackinfo"]
    assert server.registered[A] == [190012]
    asking.look(A, carrier="Yanwen")
    assert server.endpoints()[4:] == ["gettrackinfo"]
    assert server.used == 1


def test_a_carrier_the_service_will_not_take_is_not_offered_again(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    server.set_events(A, [PICKED_UP])
    asking.look(A)
    server.changes[A] = 5
    asking.look(A, carrier="Yanwen")
    asking.look(A, carrier="Yanwen")
    assert server.endpoints()[2:] == ["changecarrier", "gettrackinfo", "gettrackinfo"]
    assert asking.memos[A] == "registered:190271:190012"


def test_of_a_number_under_two_carriers_the_one_asked_for_is_shown(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    server.set_events(A, [PICKED_UP], carrier=3011, name="China Post")
    server.registered[A] = [3011, 190271]
    asking.memos[A] = "registered:190271"
    assert found(asking.look(A)[0]).memo == "registered:190271"
    asking.memos[A] = "registered:"
    both = found(asking.look(A)[0])
    assert both.memo == "registered:"
    assert len(both.read()) == 1  # both carriers show the same event


@pytest.mark.parametrize(
    ("memo", "text"),
    [
        (Memo(), "registered:"),
        (Memo("3011"), "registered:3011"),
        (Memo("3011", "3011"), "registered:3011"),
        (Memo("3011", "190271"), "registered:3011:190271"),
        (Memo("3011", "", again=True), "registered:3011::again"),
        (Memo("", "190271", again=True), "registered::190271:again"),
    ],
)
def test_a_memo_survives_being_written_and_read(memo: Memo, text: str) -> None:
    assert str(memo) == text
    assert str(Memo.of(text)) == text


@pytest.mark.parametrize("text", ["", "registered", "2026-11-24T08:00:00+00:00", "x:1"])
def test_a_memo_of_another_source_means_not_registered(text: str) -> None:
    assert Memo.of(text) is None
