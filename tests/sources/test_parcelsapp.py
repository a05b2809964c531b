"""The ParcelsApp source against a ParcelsApp of our own: three cached shapes, polling, errors in HTTP 200, its document."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.servers._faulty import Reply, Request
from tests.servers.parcelsapp import ParcelsAppServer, state
from tests.sources.official import Official
from workers.core.model import TimeQuality
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Found, NoNews, Outcome, parcelsapp

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
A, B, C = "LP00000000000001", "LP00000000000002", "LP00000000000003"
PICKED_UP = state("2026-10-16T03:05:00.000Z", "Accepted by carrier", "Shenzhen, China")
CLEARING = state("2026-10-20T07:12:00.000Z", "Import customs clearance started", "Frankfurt, DE", 1)


class Asking:
    """A source on a server, with a sleep that only notes how long it would have been, and the memos of the last look."""

    def __init__(self, server: ParcelsAppServer, **settings: Any) -> None:
        self.slept: list[float] = []
        said = {"token": "test-key", "base_url": server.url, "allow_hosts": ["127.0.0.1"], **settings}
        self.source = parcelsapp.open(
            parcelsapp.Settings.model_validate(said), name="pa", clock=lambda: NOW, sleep=self.slept.append
        )
        self.memos: dict[str, str] = {}

    def look(self, *numbers: str, **fields: str) -> list[Outcome]:
        said = self.source.track([Ask(n, n, memo=self.memos.get(n, ""), **fields) for n in numbers])
        for number, outcome in said.items():
            if isinstance(outcome, (Found, NoNews)):
                self.memos[number] = outcome.memo
        return [said[number] for number in numbers]


@pytest.fixture
def server() -> Iterator[ParcelsAppServer]:
    """A server whose every exchange is held against the official document."""
    with ParcelsAppServer() as running:
        yield running
    document = Path(__file__).resolve().parents[2].parent / "shared" / "contracts" / "parcelsapp.yml"
    if document.exists():
        official = Official(document, "https://parcelsapp.com")
        for request, reply in running.exchanges:
            if b'"error"' not in reply.body:  # every error is a result too, see below
                assert official.objection(request, reply) == ""


@pytest.fixture
def asking(server: ParcelsAppServer) -> Iterator[Asking]:
    made = Asking(server)
    yield made
    made.source.close()


def texts(outcome: Outcome) -> list[str]:
    assert isinstance(outcome, Found), outcome
    return [sighting.text for sighting in outcome.read()]


def test_what_is_cached_is_read_from_the_first_answer(server: ParcelsAppServer, asking: Asking) -> None:
    server.set_states(A, [PICKED_UP, CLEARING])
    server.cached.add(A)
    (outcome,) = asking.look(A)
    assert texts(outcome) == ["Accepted by carrier", "Import customs clearance started"]
    assert len(server.requests) == 1
    assert isinstance(outcome, Found)
    last = outcome.read()[-1]
    assert (last.country, last.carrier, last.quality) == ("DE", "DHL", TimeQuality.EXACT)


def test_what_is_not_cached_is_asked_after_until_it_is_done(server: ParcelsAppServer, asking: Asking) -> None:
    server.set_states(A, [PICKED_UP])
    server.set_states(B, [CLEARING])
    server.cached.add(A)
    server.slow[B] = 2
    first, second, unknown = asking.look(A, B, C)
    assert texts(first) == ["Accepted by carrier"]
    assert texts(second) == ["Import customs clearance started"]
    assert isinstance(unknown, NoNews), "done, and without an event"
    assert [request.method for request in server.requests] == ["POST", "GET", "GET", "GET"]
    assert asking.slept == [3.0, 3.0, 3.0]


def test_a_look_that_does_not_end_is_not_taken_for_silence_and_goes_on_next_time(
    server: ParcelsAppServer, asking: Asking
) -> None:
    server.set_states(A, [PICKED_UP])
    server.set_states(B, [CLEARING])
    server.slow[B] = 7
    first, pending = asking.look(A, B)
    assert isinstance(first, Found)
    assert isinstance(pending, Temporary)
    assert pending.after == timedelta(minutes=5)
    assert len(server.requests) == 7
    _, now_there = asking.look(A, B)
    assert texts(now_there) == ["Import customs clearance started"]
    assert server.counted == {A, B}, "posting again costs nothing"


def test_a_number_left_out_of_a_finished_answer_is_an_error(server: ParcelsAppServer, asking: Asking) -> None:
    server.set_states(A, [PICKED_UP])
    server.left_out.add(B)
    first, missing = asking.look(A, B)
    assert isinstance(first, Found)
    assert isinstance(missing, Temporary)
    assert "did not mention" in str(missing)


def test_a_forgotten_look_is_begun_anew_next_time_and_what_was_cached_still_counts(
    server: ParcelsAppServer, asking: Asking
) -> None:
    server.set_states(A, [PICKED_UP])
    server.set_states(B, [CLEARING])
    server.cached.add(A)
    asking.source._sleep = lambda _: server.forget()
    first, lost = asking.look(A, B)
    assert isinstance(first, Found)
    assert isinstance(lost, Temporary)
    with pytest.raises(Temporary, match="forgotten"):
        asking.look(B)
    asking.source._sleep = lambda _: None
    assert texts(asking.look(B)[0]) == ["Import customs clearance started"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("MISSING_API_KEY", Permanent),
        ("INVALID_API_KEY", Permanent),
        ("FORBIDDEN", Permanent),
        ("UNCONFIRMED_ACCOUNT", Permanent),
        ("SUBSCRIPTION_NOT_FOUND", Permanent),
        ("SUBSCRIPTION_INACTIVE", Permanent),
        ("INVALID_SUBSCRIPTION_STATE", Permanent),
        ("BUSY", Temporary),
        ("TIMEDOUT", Temporary),
        ("NO_REQUEST_FOUND", Temporary),
        ("MISSING_UUID", Temporary),
        ("SERVER_ERROR", Temporary),
        ("SOMETHING_NEW", Temporary),
    ],
)
def test_an_error_in_http_200_is_an_error_with_a_hint_where_a_person_can_help(
    server: ParcelsAppServer, asking: Asking, error: str, kind: type[Permanent | Temporary]
) -> None:
    server.next_error(error, description="x\n<b>", confirmationUrl="https://evil.example/")
    with pytest.raises(kind) as raised:
        asking.look(A)
    assert bool(raised.value.hint) == (kind is Permanent)
    assert "evil" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_when_the_plan_is_used_up_counted_numbers_are_still_looked_up(server: ParcelsAppServer) -> None:
    server.limit = 1
    server.set_states(A, [PICKED_UP])
    server.set_states(B, [CLEARING])
    server.cached.update((A, B))
    asking = Asking(server)
    asking.look(A)
    known, new = asking.look(A, B)
    assert isinstance(known, Found)
    assert isinstance(new, Temporary)
    assert new.after == timedelta(hours=6)
    assert server.counted == {A}
    asking.source.close()


def test_one_refused_number_does_not_harm_its_neighbours(server: ParcelsAppServer, asking: Asking) -> None:
    server.set_states(A, [PICKED_UP])
    server.cached.add(A)
    server.refused.add(B)
    good, bad = asking.look(A, B)
    assert isinstance(good, Found)
    assert isinstance(bad, Permanent)


def test_a_parcel_that_cannot_be_read_does_not_harm_its_neighbours(
    server: ParcelsAppServer, asking: Asking
) -> None:
    server.set_states(A, [PICKED_UP])
    server.set_states(B, [])
    server.shipments[B]["states"] = "none"
    server.cached.update((A, B))
    assert [type(outcome) for outcome in asking.look(A, B)] == [Found, Temporary]
    server.exchanges.clear()  # beyond the document, on purpose


def test_the_country_is_sent_by_name_and_a_carrier_only_by_the_users_own_table(
    server: ParcelsAppServer,
) -> None:
    asking = Asking(server, carriers={"DHL": "dhl-germany"}, lang="de")
    asking.look(A, destination="DE", postcode="10115", carrier="dhl")
    asking.look(A, destination="XI", carrier="190271")
    asking.source.close()
    assert server.posted == [
        [{"trackingId": A, "destinationCountry": "Germany", "zipcode": "10115", "slugs": ["dhl-germany"]}],
        [{"trackingId": A, "destinationCountry": "United Kingdom"}],
    ]
    assert b'"language":"de"' in server.requests[0].body


def test_the_fingerprint_changes_with_the_events_only(server: ParcelsAppServer, asking: Asking) -> None:
    server.cached.add(A)
    server.set_states(A, [PICKED_UP])
    (first,) = asking.look(A)
    server.set_states(A, [PICKED_UP], attributes=[{"l": "days_transit", "val": "9"}])
    (same,) = asking.look(A)
    server.set_states(A, [PICKED_UP, CLEARING])
    (other,) = asking.look(A)
    assert isinstance(first, Found)
    assert isinstance(same, Found)
    assert isinstance(other, Found)
    assert first.fingerprint == same.fingerprint != other.fingerprint


def test_requests_and_the_doubles_answers_are_as_the_official_document_says(
    server: ParcelsAppServer, asking: Asking, shared: Path
) -> None:
    official = Official(shared / "contracts" / "parcelsapp.yml", "https://parcelsapp.com")
    server.set_states(A, [PICKED_UP, CLEARING], attributes=[{"l": "eta", "val": "3"}], detected=[0])
    server.cached.add(A)
    server.slow[B] = 1
    asking.look(A, B, destination="DE", postcode="10115")
    server.forget()
    server.refused.add(C)
    asking.look(C)
    wrong = Asking(server, token="wrong")
    with pytest.raises(Permanent):
        wrong.look(A)
    wrong.source.close()
    assert len(server.exchanges) == 5
    for request, reply in server.exchanges:
        objection = official.objection(request, reply)
        if b'"error"' in reply.body:
            # The document says oneOf of a result and an error, and requires nothing of a result: every error is both.
            assert "valid under each of" in objection
            assert "ErrorResponse" in objection
        else:
            assert objection == ""


def test_the_official_document_objects_to_what_is_wrong(shared: Path) -> None:
    """The negative control of the test above."""
    official = Official(shared / "contracts" / "parcelsapp.yml", "https://parcelsapp.com")

    def post(body: bytes) -> Request:
        return Request("POST", "/api/v3/shipments/tracking", {"content-type": "application/json"}, body, 0.0)

    good = post(b'{"apiKey":"k","shipments":[{"trackingId":"X1"}]}')
    assert official.objection(good) == ""
    assert official.objection(post(b'{"apiKey":"k","shipments":[]}'))
    assert official.objection(post(b'{"shipments":[{"trackingId":"X1"}]}'))
    assert official.objection(post(b'{"apiKey":"k","shipments":[{"number":"X1"}]}'))
    assert official.objection(good, Reply(b'{"uuid":"u","shipments":[{"status":"customs"}]}'))
    assert official.objection(good, Reply(b'{"uuid":7}'))
    assert official.objection(Request("GET", "/api/v3/shipments/tracking?uuid=u", {}, b"", 0.0))


def test_answers_of_the_real_service_read_as_their_index_says(shared: Path) -> None:
    folder = shared / "payloads" / "parcelsapp"

    def told(name: str) -> dict[str, list[str]] | type[Exception]:
        try:
            by_number = parcelsapp.parse((folder / name).read_bytes(), source="pa")
        except (Temporary, Permanent) as error:
            return type(error)
        return {number: [s.text for s in sightings] for number, sightings in by_number.items()}

    usps = "9400111206213785678901"
    one, two = ["Delivered, In/At Mailbox"], ["Arrived at Post Office", "Delivered, In/At Mailbox"]
    assert {
        path.name: told(path.name) for path in folder.glob("*.json") if not path.name.startswith("request")
    } == {
        "account-invalidApiKey.json": Permanent,
        "account-missingApiKey.json": Permanent,
        "account-success.json": Temporary,
        "create-cached.json": {usps: one},
        "create-created.json": {},
        "create-invalidWebhookUrl.json": Permanent,
        "create-partialCached.json": {usps: two},
        "create-unconfirmedAccount.json": Permanent,
        "read-complete.json": {usps: one},
        "read-missingUuid.json": Temporary,
        "read-notFound.json": Temporary,
        "read-pending.json": {},
        "webhook-batchCompleted.json": {usps: two},
        "webhook-shipmentCompleted.json": {usps: two},
        "webhook-trackingError.json": Temporary,
        "website-v2-china-post-archive-2026-04.json": {"": ["Pending shipping by the seller"]},
    }
    (sightings,) = parcelsapp.parse((folder / "create-cached.json").read_bytes(), source="pa").values()
    assert (sightings[0].country, sightings[0].carrier) == ("US", "USPS")


def test_the_key_that_must_stand_in_the_address_is_in_no_error(
    server: ParcelsAppServer, asking: Asking
) -> None:
    created = Reply(b'{"uuid":"u","shipments":[]}')
    for fault in (
        Reply(b"", 302, {"Location": "https://elsewhere.example/?apiKey=test-key"}),
        Reply(b"{}" * 50, cut=10),
        Reply(b"", 500),
        Reply(b'{"error":"INVALID_PARAMS"}'),
    ):
        server.inject(created, fault)
        with pytest.raises((Temporary, Permanent)) as raised:
            asking.look(A)
        assert "apiKey=test-key" in server.requests[-1].path
        assert "test-key" not in f"{raised.value!r} {raised.value} {raised.value.hint}"
