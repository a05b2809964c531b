"""The 17TRACK source against a 17TRACK of our own: what is asked, what it costs, and what each refusal means."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.servers._faulty import FaultyServer, Reply
from tests.servers.seventeentrack import SeventeenTrackServer, event
from workers.core.model import TimeQuality
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Found, NoNews, Outcome, seventeentrack
from workers.sources._seventeentrack_codes import carrier_code, trouble
from workers.sources._seventeentrack_look import Memo

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
A, B, C = "LP00000000000001", "LP00000000000002", "LP00000000000003"
PICKED_UP = event("2026-10-12T10:05:00+08:00", "Received by logistics company", country="CN")
CLEARING = event(
    "2026-10-18T22:40:00+02:00",
    "Import customs clearance started",
    sub_status="InTransit_CustomsProcessing",
    country="DE",
)


class Asking:
    """A source on a server, with a sleep that only notes how long it would have been."""

    def __init__(self, server: SeventeenTrackServer, **settings: Any) -> None:
        said = {"token": "test-key", "base_url": server.url, **settings}
        self.slept: list[float] = []
        self.source = seventeentrack.open(
            seventeentrack.Settings.model_validate(said),
            name="17t",
            clock=lambda: NOW,
            sleep=self.slept.append,
        )
        self.memos: dict[str, str] = {}

    def look(self, *numbers: str, **fields: str) -> list[Outcome]:
        """Look, remembering memos as the store does."""
        asks = [Ask(parcel=n, number=n, memo=self.memos.get(n, ""), **fields) for n in numbers]
        said = self.source.track(asks)
        for number, outcome in said.items():
            if isinstance(outcome, (Found, NoNews)):
                self.memos[number] = outcome.memo
        return [said[number] for number in numbers]


@pytest.fixture
def server() -> Iterator[SeventeenTrackServer]:
    with SeventeenTrackServer(rate=None) as running:
        yield running


@pytest.fixture
def asking(server: SeventeenTrackServer) -> Iterator[Asking]:
    made = Asking(server)
    yield made
    made.source.close()


def found(outcome: Outcome) -> Found:
    assert isinstance(outcome, Found), outcome
    return outcome


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
        settings = seventeentrack.Settings.model_validate({"token": "test-key", "base_url": server.url})
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
    assert outcomes == [NoNews("registered:190271"), NoNews("registered:190271")]
    assert server.endpoints()[2:] == ["gettrackinfo", "register"]
    assert server.calls[-1].numbers == [A]
    found(asking.look(A)[0])


def test_a_number_that_is_and_is_not_registered_is_an_error() -> None:
    already = {"code": 0, "data": {"accepted": [], "rejected": [{"number": A, "error": {"code": -18019901}}]}}
    never = {"code": 0, "data": {"accepted": [], "rejected": [{"number": A, "error": {"code": -18019902}}]}}
    server = FaultyServer(lambda _: Reply(b"", 500))
    with server:
        server.inject(*(Reply(json.dumps(body).encode()) for body in (never, already)))
        said = {"token": "t", "base_url": server.origin}
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
    assert outcome == NoNews("registered:190271")


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


# --- what is shown


def test_a_number_without_events_is_no_news_and_one_with_events_is_found(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    server.set_events(A, [PICKED_UP, CLEARING])
    with_events, without = asking.look(A, B)
    assert isinstance(without, NoNews)
    sightings = found(with_events).read()
    assert [s.code for s in sightings] == ["InTransit_Other", "InTransit_CustomsProcessing"]
    assert {s.source for s in sightings} == {"17t"}
    assert [s.country for s in sightings] == ["CN", "DE"]
    assert [s.at for s in sightings] == [
        datetime(2026, 10, 12, 2, 5, tzinfo=UTC),
        datetime(2026, 10, 18, 20, 40, tzinfo=UTC),
    ]


def test_the_fingerprint_stays_while_only_sync_times_move_and_changes_with_an_event_a_status_or_a_number(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    server.set_events(A, [PICKED_UP])
    prints = [found(asking.look(A)[0]).fingerprint for _ in range(2)]
    server.push_event(A, CLEARING)
    prints.append(found(asking.look(A)[0]).fingerprint)
    server.parcel(A, status="Exception", sub_status="Exception_Other")
    prints.append(found(asking.look(A)[0]).fingerprint)
    server.parcel(A, local_number="00340000000000000001", local_carrier=7041)
    prints.append(found(asking.look(A)[0]).fingerprint)
    server.parcel(A, status="InTransit")
    prints.append(found(asking.look(A)[0]).fingerprint)
    edited = {**CLEARING, "description": "Import customs clearance ended"}
    server.set_events(A, [PICKED_UP, edited])
    prints.append(found(asking.look(A)[0]).fingerprint)
    assert prints[0] == prints[1]
    assert len(set(prints)) == 6


def test_a_status_without_events_is_shown_only_where_it_means_something(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    server.parcel(A, status="Delivered", sub_status="Delivered_Other")
    server.parcel(B, status="NotFound", sub_status="NotFound_Other")
    server.parcel(C, status="InfoReceived", sub_status="InfoReceived")
    delivered, *others = asking.look(A, B, C)
    (sighting,) = found(delivered).read()
    assert (sighting.code, sighting.at, sighting.quality) == ("Delivered_Other", None, TimeQuality.UNKNOWN)
    assert [type(outcome) for outcome in others] == [NoNews, NoNews]


def test_events_are_decoded_only_when_they_are_read() -> None:
    body = {
        "code": 0,
        "data": {"accepted": [{"number": A, "carrier": 1, "track_info": {
            "latest_status": {"status": "InTransit"}, "tracking": {"providers": [{"events": [{"description": "@"}]}]},
        }}]},
    }  # fmt: skip
    broken = json.dumps(body).encode().replace(b"@", b"\xff")
    with FaultyServer(lambda _: Reply(broken)) as server:
        settings = {"token": "t", "base_url": server.origin}
        source = seventeentrack.open(
            seventeentrack.Settings.model_validate(settings), name="17t", clock=lambda: NOW
        )
        (outcome,) = source.track([Ask(A, A, memo="registered:1")]).values()
        with pytest.raises(Temporary, match="cannot be read"):
            found(outcome).read()
        source.close()


# --- refusals


@pytest.mark.parametrize("code", [-18010001, -18010002, -18010004, -18010005])
def test_a_refused_key_address_or_account_fails_the_whole_batch_for_good(
    server: SeventeenTrackServer, asking: Asking, code: int
) -> None:
    server.next_error(code)
    with pytest.raises(Permanent) as raised:
        asking.look(A, B)
    assert raised.value.hint


def test_a_wrong_key_is_told_to_the_user_without_showing_it(server: SeventeenTrackServer) -> None:
    asking = Asking(server, token="wrong-key")
    with pytest.raises(Permanent, match="token") as raised:
        asking.look(A)
    assert "wrong-key" not in str(raised.value)
    asking.source.close()


def test_too_many_requests_are_temporary(asking: Asking, server: SeventeenTrackServer) -> None:
    server.rate = 0  # nobody is let in
    with pytest.raises(Temporary, match="slow down"):
        asking.look(A)


def test_used_up_quota_is_temporary_for_new_numbers_and_nothing_to_known_ones(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    server.set_events(A, [PICKED_UP])
    asking.look(A)
    server.quota = 1
    known, new = asking.look(A, B)
    assert isinstance(known, Found)
    assert isinstance(new, Temporary)
    assert new.after is not None
    assert new.after >= timedelta(hours=1)
    server.quota, server.daily = 100, 1
    assert isinstance(asking.look(B)[0], Temporary)


def test_one_malformed_number_does_not_harm_the_others(server: SeventeenTrackServer, asking: Asking) -> None:
    server.set_events(A, [PICKED_UP])
    good, bad = asking.look(A, "12-")
    assert isinstance(good, Found)
    assert isinstance(bad, Permanent)


def test_an_error_in_a_200_with_code_0_is_an_error(server: SeventeenTrackServer, asking: Asking) -> None:
    server.inject(Reply(b'{"code":0,"data":{"errors":[{"code":-18010003,"message":"Internal"}]}}'))
    with pytest.raises(Temporary, match="inner error"):
        asking.look(A)


def test_a_parcel_that_cannot_be_read_or_is_not_mentioned_does_not_harm_the_others(
    server: SeventeenTrackServer, asking: Asking
) -> None:
    fine = {"number": A, "carrier": 1, "track_info": {"latest_status": {"status": "Delivered"}}}
    odd = {"number": B, "carrier": 1, "track_info": {"tracking": {"providers": "none"}}}
    body = {"code": 0, "data": {"accepted": [fine, odd], "errors": [{"code": -18010002, "message": "x"}]}}
    registered = {"accepted": [{"number": A, "carrier": 1}, {"number": B, "carrier": 1}]}
    server.inject(
        Reply(json.dumps({"code": 0, "data": registered}).encode()), Reply(json.dumps(body).encode())
    )
    outcomes = asking.look(A, B, C)
    assert [type(outcome) for outcome in outcomes] == [Found, Temporary, Temporary]
    server.register(C)
    asking.memos[C] = "registered:1"
    server.inject(Reply(json.dumps(body).encode()))
    assert isinstance(
        asking.look(C)[0], Permanent
    )  # the error of the answer is the error of whom it leaves out


@pytest.mark.parametrize(
    "track_info",
    [
        None, [], "x", {}, {"tracking": {}}, {"tracking": {"providers": []}}, {"latest_status": [], "tracking": None},
        {"latest_status": {"status": "Delivered"}, "tracking": "x"},
        {"latest_status": {"status": "Delivered"}, "tracking": {"providers": "x"}},
        {"latest_status": {"status": "Delivered"}, "tracking": {"providers": ["x"]}},
        {"latest_status": {"status": "Delivered"}, "tracking": {"providers": [{"events": "x"}]}},
    ],
)  # fmt: skip
def test_an_accepted_parcel_whose_events_are_lost_is_an_error(
    server: SeventeenTrackServer, asking: Asking, track_info: Any
) -> None:
    body = {"code": 0, "data": {"accepted": [{"number": A, "carrier": 1, "track_info": track_info}]}}
    server.inject(Reply(json.dumps(body).encode()))
    asking.memos[A] = "registered:1"
    (outcome,) = asking.look(A)
    assert isinstance(outcome, Temporary)


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        (
            (
                -18010001,
                -18010002,
                -18010004,
                -18010005,
                -18010012,
                -18010014,
                -18010018,
                -18010019,
                -18010020,
            ),
            Permanent,
        ),
        ((-18010022, -18019903, -18019910, -18019911), Permanent),
        ((429, -18010003, -18019907, -18019908, -18019912, -1, -99999999), Temporary),
    ],
)
def test_every_code_has_a_sentence(codes: Sequence[int], kind: type) -> None:
    for code in codes:
        assert type(trouble(code, "words of the service\nof two lines")) is kind
        assert "\n" not in str(trouble(code, "words of the service\nof two lines"))


def test_the_quota_can_be_asked(server: SeventeenTrackServer, asking: Asking) -> None:
    asking.look(A)
    assert seventeentrack.quota(asking.source) == seventeentrack.Quota(200, 1, 199, 1, 10_000_000)
    server.next_error(-18010002)
    with pytest.raises(Permanent):
        seventeentrack.quota(asking.source)
    server.inject(Reply(b'{"code":0,"data":{"quota_total":"many"}}'), Reply(b'{"code":0,"data":[1]}'))
    for _ in range(2):
        with pytest.raises(Temporary):
            seventeentrack.quota(asking.source)


@pytest.mark.parametrize(
    "said",
    [{}, {"token": ""}, {"token": "two words"}, {"token": "k", "base_url": "ftp://x"}, {"token": "k", "batch": 41},
     {"token": "k", "rate": 0}, {"token": "k", "tokens": "x"}],
)  # fmt: skip
def test_settings_refuse_what_cannot_work(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        seventeentrack.Settings.model_validate(said)


def test_the_settings_never_print_the_key() -> None:
    settings = seventeentrack.Settings.model_validate({"token": "a-secret"})
    assert "a-secret" not in f"{settings!r} {settings.model_dump()}"
    assert settings.base_url == "https://api.17track.net/track/v2.4/"


# --- captures of the real service


def test_answers_of_the_real_service_read_as_their_index_says(shared: Path) -> None:
    folder = shared / "payloads" / "17track"

    def told(name: str) -> dict[str, list[str]]:
        by_number = seventeentrack.parse((folder / name).read_bytes(), source="17t")
        return {number: [s.code for s in sightings] for number, sightings in by_number.items()}

    assert told("gettrackinfo-delivered-correios.json")["AA123456789BR"][-1] == "Delivered_Other"
    assert (
        "InTransit_QuantumTunnelling"
        in told("gettrackinfo-intransit-unknown-substatus.json")["YT2616912345678901"]
    )
    assert told("gettrackinfo-exception-returning.json") == {"AA555666777BR": ["Exception_Returning"]}
    assert told("webhook-tracking-updated-v2-dhl-paket.json") == {"1234567890": ["AvailableForPickup"]}
    customs = told("gettrackinfo-customs.synthetic.json")
    assert customs == told("webhook-tracking-updated-customs.synthetic.json")
    assert [code.partition("_")[2] for code in customs["LP00000000000001"]] == [
        "PickedUp", "CustomsProcessing", "CustomsReleased", "Departure", "Arrival", "CustomsProcessing",
        "CustomsRequiringInformation",
    ]  # fmt: skip
    for name, kind in (
        ("error-429.json", Temporary),
        ("error-invalid-key.json", Permanent),
        ("error-realtime-not-authorized.fragment.json", Temporary),
        ("webhook-tracking-stopped.json", Temporary),
    ):
        with pytest.raises(kind):
            told(name)
