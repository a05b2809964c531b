"""The UPS source against a UPS of our own, and both against UPS's OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml
from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

from tests.servers._faulty import Reply, Request
from tests.servers.ups import UpsServer, activity
from workers.core.model import TimeQuality
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Found, NoNews, Outcome, ups

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SHARED = Path(__file__).resolve().parents[2].parent / "shared"
CONTRACT = SHARED / "contracts" / "ups-tracking.yaml"
PAYLOADS = SHARED / "payloads" / "ups"
A, B, C = "1Z0000000000000001", "1Z0000000000000002", "1Z0000000000000003"
PENDING = activity(
    "20261110", "123000", "X/RZ/012", "pending release from a Government Agency.", country="CN"
)
AGENCY = activity(
    "20261112", "171000", "X//092", "at the clearing agency awaiting final release.", country="DE"
)


class Asking:
    """A source on a server, with a clock to turn and a sleep that only notes how long it would have been."""

    def __init__(self, server: UpsServer, **settings: Any) -> None:
        said = {
            "client_id": "test-id",
            "client_secret": "test-key",
            "base_url": server.origin,
            "allow_hosts": ["127.0.0.1"],
            **settings,
        }
        self.now = NOW
        self.slept: list[float] = []
        self.source = ups.open(
            ups.Settings.model_validate(said), name="ups", clock=lambda: self.now, sleep=self.slept.append
        )

    def look(self, *numbers: str) -> list[Outcome]:
        said = self.source.track([Ask(number, number) for number in numbers])
        return [said[number] for number in numbers]


@cache
def document() -> OpenAPI:
    said = yaml.safe_load(CONTRACT.read_text().replace("\t", " "))  # tabs stand where YAML allows none
    said.pop("security", None)
    for path in said["paths"].values():  # the token is checked by the server; openapi-core wants its own form
        path["get"].pop("security", None)
        for parameter in path["get"]["parameters"]:
            parameter["schema"].pop("default", None)  # numbers and nulls among them, of a string
    said["servers"] = [{"url": "http://ups.test/api"}]
    return OpenAPI.from_dict(said)


@pytest.fixture
def contract() -> OpenAPI:
    if not CONTRACT.exists():
        pytest.skip("UPS's OpenAPI document is not here")
    return document()


def check(contract: OpenAPI, request: Request, reply: Reply) -> None:
    """Hold one exchange against the document; raises OpenAPIError."""
    parts = urlsplit(request.path)
    asked = MockRequest(
        "http://ups.test",
        request.method.lower(),
        parts.path,
        args=dict(parse_qsl(parts.query)),
        headers={
            "transId": request.headers.get("transid"),
            "transactionSrc": request.headers.get("transactionsrc"),
        }
        if "transid" in request.headers
        else {},
    )
    contract.validate_request(asked)
    contract.validate_response(asked, MockResponse(reply.body, reply.status, content_type=reply.kind))


@pytest.fixture
def server() -> Iterator[UpsServer]:
    """A server whose every exchange of the tracking interface is held against the document."""
    with UpsServer() as running:
        yield running
    if CONTRACT.exists():
        for request, reply in running.exchanges:
            check(document(), request, reply)


@pytest.fixture
def asking(server: UpsServer) -> Iterator[Asking]:
    made = Asking(server)
    yield made
    made.source.close()


def found(outcome: Outcome) -> Found:
    assert isinstance(outcome, Found), outcome
    return outcome


def test_the_triple_is_the_code_and_gmt_is_the_time(server: UpsServer, asking: Asking) -> None:
    server.set_activity(A, [AGENCY, PENDING])
    told = found(asking.look(A)[0]).read()
    assert [(s.code, s.country) for s in told] == [("X/RZ/012", "CN"), ("X//092", "DE")]
    assert told[1].at == datetime(2026, 11, 12, 17, 10, tzinfo=UTC)
    assert {s.quality for s in told} == {TimeQuality.EXACT}


@pytest.mark.parametrize("as_404", [False, True])
def test_a_number_ups_does_not_find_is_no_news_in_both_forms(
    as_404: bool, server: UpsServer, asking: Asking
) -> None:
    server.missing_as_404 = as_404
    server.set_activity(B, [AGENCY])
    missing, shown = asking.look(A, B)
    assert isinstance(missing, NoNews)
    assert isinstance(shown, Found)
    assert asking.slept == [1.0]


def test_a_number_that_cannot_be_one_is_permanent_and_does_not_touch_the_others(
    server: UpsServer, asking: Asking
) -> None:
    server.set_activity(B, [AGENCY])
    short, dashed, shown = asking.look("1Z", "1Z-00000001", B)
    assert isinstance(short, Permanent)
    assert isinstance(dashed, Permanent)
    assert isinstance(shown, Found)
    assert not [r for r in server.requests if r.path.split("?")[0].endswith("/1Z")], (
        "UPS would refuse it anyway"
    )


def test_another_number_in_the_answer_is_no_answer(server: UpsServer, asking: Asking) -> None:
    server.inject(Reply(b'{"access_token":"t","expires_in":"60"}'))
    server.inject(
        Reply(b'{"trackResponse":{"shipment":[{"inquiryNumber":"1ZOTHER","package":[{"activity":[]}]}]}}')
    )
    (other,) = asking.look(A)
    assert isinstance(other, Temporary)


def test_wrong_credentials_are_permanent_and_say_what_to_check(server: UpsServer) -> None:
    asking = Asking(server, client_secret="another-secret")
    with pytest.raises(Permanent, match="does not accept our credentials") as raised:
        asking.look(A, B)
    assert "client_id" in raised.value.hint
    assert "another-secret" not in f"{raised.value!r} {asking.source.__dict__}"
    asking.source.close()


def test_a_blocked_merchant_is_permanent(server: UpsServer, asking: Asking) -> None:
    blocked = Reply(b'{"response":{"errors":[{"code":"250003","message":"Blocked Merchant"}]}}', 403)
    server.inject(Reply(b'{"access_token":"t","expires_in":"14399"}'), blocked)
    with pytest.raises(Permanent, match="Blocked Merchant"):
        asking.look(A)


# --- UPS's own OpenAPI document ------------------------------------------------------------------------------


def test_requests_and_answers_are_what_the_document_allows(
    contract: OpenAPI, server: UpsServer, asking: Asking
) -> None:
    server.set_activity(A, [AGENCY, PENDING])
    asking.look(A, B)
    server.missing_as_404 = True
    asking.look(B)
    asking.look(A + "-1")
    assert [reply.status for _, reply in server.exchanges] == [200, 200, 404, 400]
    for request, reply in server.exchanges:
        check(contract, request, reply)


def test_a_token_that_ended_is_renewed_in_the_form_the_document_has_for_it(
    server: UpsServer, asking: Asking
) -> None:
    server.set_activity(A, [AGENCY])
    asking.look(A)
    server.desk.revoke()
    assert isinstance(asking.look(A)[0], Found)
    assert [reply.status for _, reply in server.exchanges] == [200, 403, 200]
    assert server.desk.given == 2


def test_the_document_would_refuse_another_request_or_answer(
    contract: OpenAPI, server: UpsServer, asking: Asking
) -> None:
    server.set_activity(A, [AGENCY])
    asking.look(A)
    ((request, reply),) = server.exchanges
    bare = Request(request.method, request.path, {}, b"", 0.0)
    astray = Request("GET", "/api/track/v2/details/" + A, request.headers, b"", 0.0)
    odd = Reply(b'{"trackResponse":{"shipment":[{"inquiryNumber":7}]}}')
    for asked, answer in ((bare, reply), (astray, reply), (request, odd), (request, Reply(b"{}", 418))):
        with pytest.raises(OpenAPIError):
            check(contract, asked, answer)


@pytest.mark.skipif(not PAYLOADS.is_dir(), reason="the reference payloads are not here")
def test_the_reference_answers_are_read() -> None:
    def read(name: str) -> Any:
        try:
            return ups.parse((PAYLOADS / name).read_bytes(), source="x")
        except (Temporary, Permanent) as error:
            return type(error)

    (told,) = read("track-customs-released.doc.json")["1Z023E2X0214323462"]
    assert (told.code, told.country, told.quality) == ("X/SR/003", "US", TimeQuality.ASSUMED)
    assert read("track-number-not-found.json") == {"": []}
    assert read("track-invalid-number.json") is Permanent
    assert issubclass(read("error-auth.json"), Permanent)
