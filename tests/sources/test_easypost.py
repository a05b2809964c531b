"""The EasyPost source against an EasyPost of our own, and what it pushes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.servers._faulty import Reply
from tests.servers.easypost import EasyPostServer, detail
from workers.core.model import TimeQuality
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Found, NoNews, Outcome, Push, easypost
from workers.sources._signed import sha256

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
A, B = "LP00000000000001", "LP00000000000002"
CLEARING = detail("2026-11-22T09:30:00Z", "Clearance event", city="LEIPZIG", country="DE")


class Asking:
    """A source on a server, with the memos of the last look."""

    def __init__(self, server: EasyPostServer, **settings: Any) -> None:
        said = {"token": "test-key", "base_url": server.url, "allow_hosts": ["127.0.0.1"], **settings}
        self.slept: list[float] = []
        self.source = easypost.open(
            easypost.Settings.model_validate(said), name="post", clock=lambda: NOW, sleep=self.slept.append
        )
        self.memos: dict[str, str] = {}

    def look(self, *numbers: str, **fields: str) -> list[Outcome]:
        said = self.source.track([Ask(n, n, memo=self.memos.get(n, ""), **fields) for n in numbers])
        for number, outcome in said.items():
            if isinstance(outcome, (Found, NoNews)):
                self.memos[number] = outcome.memo
        return [said[number] for number in numbers]


@pytest.fixture
def server() -> Iterator[EasyPostServer]:
    with EasyPostServer() as running:
        yield running


@pytest.fixture
def asking(server: EasyPostServer) -> Iterator[Asking]:
    made = Asking(server)
    yield made
    made.source.close()


def test_a_tracker_is_created_once_and_read_from_then_on(server: EasyPostServer, asking: Asking) -> None:
    assert asking.look(A) == [NoNews("trk_1")]
    server.details[A] = [CLEARING]
    (found,) = asking.look(A)
    assert isinstance(found, Found)
    assert [(s.text, s.place, s.country) for s in found.read()] == [("Clearance event", "LEIPZIG", "DE")]
    assert len(server.created) == 1
    assert asking.slept == []
    asking.look(A, B)
    assert asking.slept == [0.5]


def test_a_tracker_they_have_forgotten_is_created_again(server: EasyPostServer, asking: Asking) -> None:
    asking.look(A)
    server.trackers.clear()
    assert asking.look(A) == [NoNews("trk_2")]
    assert [said["tracking_code"] for said in server.created] == [A, A]


def test_the_users_word_for_a_carrier_is_theirs(server: EasyPostServer) -> None:
    asking = Asking(server, carriers={"DHL": "DHLExpress"})
    asking.look(A, carrier="dhl")
    asking.look(B, carrier="somebody")
    asking.source.close()
    assert server.created == [{"tracking_code": A, "carrier": "DHLExpress"}, {"tracking_code": B}]


def test_a_number_without_a_carrier_takes_no_other_along(server: EasyPostServer, asking: Asking) -> None:
    server.refused.add(A)
    refused, taken = asking.look(A, B)
    assert isinstance(refused, Permanent)
    assert "could not match this code" in str(refused)
    assert taken == NoNews("trk_1")


def test_a_status_without_events_is_one_and_a_time_without_a_place_is_doubtful(
    server: EasyPostServer, asking: Asking
) -> None:
    server.status[A] = "delivered"
    server.details[B] = [detail("2026-11-22T09:30:00Z", "Arrived"), CLEARING]
    first, second = asking.look(A, B)
    assert isinstance(first, Found)
    assert isinstance(second, Found)
    assert [(s.text, s.code, s.at) for s in first.read()] == [("delivered", "delivered", None)]
    assert [s.quality for s in second.read()] == [TimeQuality.ASSUMED, TimeQuality.EXACT]


def test_trouble_with_the_account_is_trouble_for_all(server: EasyPostServer) -> None:
    asking = Asking(server, token="other-key")
    with pytest.raises(Permanent, match="does not accept our credentials"):
        asking.look(A, B)
    assert len(server.requests) == 1
    asking.source.close()
    for status, kind in ((402, Permanent), (429, Temporary)):
        server.inject(Reply(b'{"error":{"code":"X","message":"no"}}', status))
        other = Asking(server)
        with pytest.raises(kind):
            other.look(A)
        other.source.close()


# -- pushes ----------------------------------------------------------------------------------------------------

SECRET = "sécret"
# As EasyPost's own clients test it: EasyPost/easypost-go tests/fixture.go and easypost-python tests/test_webhook.py.
VECTOR = (
    b'{"result":{"id":"batch_123...","object":"Batch","mode":"test","state":"created","num_shipments":0,"reference":null,'
    b'"created_at":"2022-07-26T17:22:32Z","updated_at":"2022-07-26T17:22:32Z","scan_form":null,"shipments":[],"status":'
    b'{"created":0,"queued_for_purchase":0,"creation_failed":0,"postage_purchased":0,"postage_purchase_failed":0},"pickup":null,'
    b'"label_url":null},"description":"batch.created","mode":"test","previous_attributes":null,"completed_urls":null,'
    b'"user_id":"user_123...","status":"pending","object":"Event","id":"evt_123..."}'
)
SIGNATURE = "hmac-sha256-hex=e93977c8ccb20363d51a62b3fe1fc402b7829be1152da9e88cf9e8d07115a46b"


def verified(body: bytes, *, secret: str = SECRET, **headers: str) -> bool:
    settings = easypost.Settings.model_validate({"token": "k", "webhook_secret": secret})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return easypost.verified(settings, Push(body, named), now=NOW)


def test_the_published_vector_passes_and_nothing_near_it() -> None:
    assert verified(VECTOR, x_hmac_signature=SIGNATURE)
    assert verified(
        VECTOR, x_hmac_signature=SIGNATURE, secret="se\u0301cret"
    )  # the same letters, composed otherwise
    for said in ("", SIGNATURE[:-1], SIGNATURE[16:], f"sha256={SIGNATURE[16:]}", "hmac-sha256-hex=", "\xe9"):
        assert not verified(VECTOR, x_hmac_signature=said)
    assert not verified(VECTOR)
    assert not verified(VECTOR + b"\n", x_hmac_signature=SIGNATURE)
    assert not verified(json.dumps(json.loads(VECTOR)).encode(), x_hmac_signature=SIGNATURE)
    assert not verified(VECTOR, x_hmac_signature=SIGNATURE, secret="secret")
    empty = f"hmac-sha256-hex={sha256('', VECTOR).hex()}"
    assert not verified(VECTOR, x_hmac_signature=empty, secret="")


def second(body: bytes, at: str, path: str = "/push/post", under: str = "se\u0301cret") -> dict[str, str]:
    signed = sha256(under, f"{at}POST{path}".encode() + body).hex()
    return {"x_timestamp": at, "x_path": path, "x_hmac_signature_v2": f"hmac-sha256-hex={signed}"}


def test_the_second_signature_counts_while_its_time_is_of_now() -> None:
    fresh = format_datetime(NOW - timedelta(minutes=2))
    assert verified(VECTOR, **second(VECTOR, fresh))
    for at in (
        format_datetime(NOW - timedelta(minutes=6)),
        format_datetime(NOW + timedelta(minutes=6)),
        "",
        "yesterday",
        "0",
    ):
        assert not verified(VECTOR, **second(VECTOR, at)), at
    assert not verified(VECTOR, **{**second(VECTOR, fresh), "x_path": "/push/other"})
    assert not verified(VECTOR + b" ", **second(VECTOR, fresh))
    assert not verified(VECTOR, **second(VECTOR, fresh, under="other"))


def test_an_old_time_spoils_the_first_signature_too() -> None:
    old = format_datetime(NOW - timedelta(hours=1))
    assert not verified(VECTOR, x_hmac_signature=SIGNATURE, x_timestamp=old)
    assert verified(VECTOR, x_hmac_signature=SIGNATURE, x_timestamp=format_datetime(NOW))


def test_a_push_shows_its_tracker_as_a_look_does_and_other_events_say_nothing(
    server: EasyPostServer, asking: Asking
) -> None:
    recorded = json.loads((Path(__file__).parent / "easypost" / "push.json").read_text())
    (number,) = easypost.pushed(json.dumps(recorded).encode(), source="post").found
    server.details[number] = recorded["result"]["tracking_details"]
    asking.look(number)
    pushed = {**recorded, "result": server.tracker(number, "trk_1")}
    (found,) = asking.look(number)
    assert isinstance(found, Found)
    news = easypost.pushed(json.dumps(pushed).encode(), source="post")
    assert news.found[number].fingerprint == found.fingerprint
    assert not news.partial
    assert easypost.pushed(VECTOR, source="post").found == {}
