"""The 17TRACK source: what is shown of a parcel, and what each refusal means."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.servers._faulty import FaultyServer, Reply
from tests.servers.seventeentrack import SeventeenTrackServer
from tests.sources.asking import CLEARING, NOW, PICKED_UP, A, Asking, B, C, found
from workers.core.model import TimeQuality
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Found, NoNews, seventeentrack
from workers.sources._seventeentrack_codes import trouble

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
        settings = {"token": "t", "base_url": server.origin, "allow_hosts": ["127.0.0.1"]}
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
