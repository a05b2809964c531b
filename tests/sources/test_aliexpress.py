"""The AliExpress source against an Open Platform of our own, which checks every signature by itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.servers._faulty import Reply
from tests.servers.aliexpress import KEY, SECRET, AliExpressServer, documented_sign, line, node
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Found, NoNews, Outcome, aliexpress
from workers.sources._aliexpress import signature
from workers.sources._rotating import Pocket
from workers.sources._single import Refused

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
VECTORS = (
    Path(__file__).resolve().parents[2].parent
    / "shared"
    / "payloads"
    / "aliexpress"
    / "sign-md5-vectors.json"
)
ORDER, OTHER = "8100000000000001", "8100000000000002"
A, B = "LP00000000000101", "LP00000000000102"
COLLECTED = node("2026-11-10T08:00:00+00:00", "Collected by carrier", "Package collected by carrier.")
CLEARING = node("2026-11-20T08:00:00+00:00", "Import customs clearance started", as_text=True)


class Asking:
    """A source on a server, with a clock to turn and a sleep that only notes how long it would have been."""

    def __init__(self, server: AliExpressServer, vault: Any = None, **settings: Any) -> None:
        seed = {} if "code" in settings else {"refresh_token": "test-refresh-0"}
        said = {
            "app_key": KEY,
            "app_secret": SECRET,
            "base_url": server.origin,
            "allow_hosts": ["127.0.0.1"],
            **seed,
            **settings,
        }
        self.now = NOW
        self.slept: list[float] = []
        self.source = aliexpress.open(
            aliexpress.Settings.model_validate(said),
            name="ae",
            clock=lambda: self.now,
            sleep=self.slept.append,
            vault=vault,
        )

    def look(self, *pairs: tuple[str, str]) -> list[Outcome]:
        asks = [Ask(parcel=f"{order}/{number}", number=number, order=order) for order, number in pairs]
        said = self.source.track(asks)
        return [said[ask.parcel] for ask in asks]


@pytest.fixture
def clock() -> list[datetime]:
    return [NOW]


@pytest.fixture
def server(clock: list[datetime]) -> Iterator[AliExpressServer]:
    with AliExpressServer(now=lambda: clock[0]) as running:
        running.set_order(ORDER, [line(A, [CLEARING, COLLECTED]), line(B, [COLLECTED])])
        yield running


@pytest.fixture
def asking(server: AliExpressServer) -> Iterator[Asking]:
    made = Asking(server)
    yield made
    made.source.close()


def found(outcome: Outcome) -> Found:
    assert isinstance(outcome, Found), outcome
    return outcome


def test_signatures_are_those_of_the_vectors() -> None:
    if not VECTORS.exists():
        pytest.skip("the vectors lie beside the project only in its workshop")
    for vector in json.loads(VECTORS.read_text())["vectors"]:
        ours = signature(vector["secret"], vector["params"])
        assert ours == vector.get("derived_hmac_sha256_without_path", ours)
        if vector["params"].get("sign_method") == "md5":
            assert documented_sign(vector["secret"], vector["params"], "/not/signed/in/md5") == vector["sign"]
    assert signature("s", {"b": "1", "a": "2"}, path="/auth/token/refresh") == signature(
        "s", {"a": "2", "b": "1"}, path="/auth/token/refresh"
    )
    assert signature("s", {"a": "2"}, path="/x") != signature("s", {"a": "2"})


@pytest.mark.parametrize("shape", ["wrapped", "bare", "single"])
def test_the_parcels_of_an_order_are_told_apart_whatever_its_lists_look_like(
    shape: str, server: AliExpressServer, asking: Asking
) -> None:
    server.shape = shape
    first, second = map(found, asking.look((ORDER, A), (ORDER, B)))
    assert [s.text for s in first.read()] == [
        "Collected by carrier. Package collected by carrier",
        "Import customs clearance started",
    ]
    assert [s.at for s in second.read()] == [datetime(2026, 11, 10, 8, 0, tzinfo=UTC)]
    assert first.fingerprint != second.fingerprint
    orders = [call["ae_order_id"] for call in server.calls if "method" in call]
    assert orders == [ORDER], "one call serves all parcels of an order"


def test_an_order_without_tracking_yet_is_no_news_and_one_in_preparation_is_told(
    server: AliExpressServer, asking: Asking
) -> None:
    server.set_order(OTHER, [line("", [node("2026-11-10T08:00:00+00:00", "Package in preparation")])])
    prepared, nothing = asking.look((OTHER, B), ("8100000000000009", A))
    assert [s.text for s in found(prepared).read()] == ["Package in preparation"]
    assert isinstance(nothing, NoNews)


def test_a_number_that_is_not_in_its_order_is_an_error_that_shows_those_that_are(asking: Asking) -> None:
    known, foreign = asking.look((ORDER, A), (ORDER, "LP00000000000999"))
    assert isinstance(known, Found)
    assert isinstance(foreign, Permanent)
    assert A in str(foreign)


def test_an_order_of_which_no_number_is_written_down_says_what_to_write(
    server: AliExpressServer, asking: Asking
) -> None:
    one, other = asking.look((ORDER, A), ("", B))
    assert isinstance(one, Found)
    assert isinstance(other, Permanent)
    assert "order:" in str(other)
    assert isinstance(asking.look(("no digits", A))[0], Permanent)


def test_the_order_of_another_account_is_refused_for_itself_alone(
    server: AliExpressServer, asking: Asking
) -> None:
    server.refusals[OTHER] = {"code": "15", "sub_code": "isv.insufficient-permission", "sub_msg": "no right"}
    foreign, own = asking.look((OTHER, B), (ORDER, A))
    assert isinstance(foreign, Permanent)
    assert isinstance(own, Found)


def test_a_request_to_slow_down_carries_the_seconds_of_the_ban_and_ends_the_look(
    server: AliExpressServer, asking: Asking
) -> None:
    server.refusals[ORDER] = {
        "code": "ApiCallLimit",
        "msg": "Api access frequency exceeds the limit. this ban will last 42 seconds",
    }
    with pytest.raises(Temporary) as raised:
        asking.look((ORDER, A), (OTHER, B))
    assert raised.value.after == timedelta(seconds=43)
    assert [call["ae_order_id"] for call in server.calls if "method" in call] == [ORDER]
    server.refusals[ORDER] = {"code": "ApiCallLimit", "msg": "Api access frequency exceeds the limit"}
    with pytest.raises(Temporary) as raised:
        asking.look((ORDER, A))
    assert raised.value.after == timedelta(minutes=1)


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        ({"code": "InsufficientPermission", "msg": "no permission"}, Refused, "dropshipping"),
        ({"code": "IncompleteSignature", "msg": "x"}, Refused, "app_secret"),
        ({"code": "InvalidAppKey", "msg": "x"}, Refused, "app_key"),
        ({"code": "15", "type": "ISP", "msg": "Remote service error"}, Temporary, "Remote service"),
        ({"code": "ServiceUnavailable", "type": "SYSTEM", "msg": "x"}, Temporary, "ServiceUnavailable"),
        ({"code": "\n<b>odd", "msg": "two\nlines"}, Temporary, "two lines"),
    ],
)
def test_errors_in_200_are_sentences(
    error: dict[str, str], kind: type, says: str, server: AliExpressServer, asking: Asking
) -> None:
    server.refusals[ORDER] = error
    with pytest.raises(kind, match=says) as raised:
        asking.look((ORDER, A))
    assert "\n" not in str(raised.value)


def test_a_token_is_renewed_before_its_end_and_the_new_pair_is_used_next_time(
    server: AliExpressServer, clock: list[datetime], asking: Asking
) -> None:
    asking.look((ORDER, A))
    asking.look((ORDER, A))
    assert server.renewals == 1
    for days in (28, 29.5):  # a day before the end of thirty days
        asking.now = clock[0] = NOW + timedelta(days=days)
        assert isinstance(asking.look((ORDER, A))[0], Found)
    assert server.renewals == 2
    assert [call["refresh_token"] for call in server.calls if "refresh_token" in call] == [
        "test-refresh-0",
        "test-refresh-1",
    ]


def test_a_token_that_ended_elsewhere_is_renewed_once_and_the_call_made_again(
    server: AliExpressServer, asking: Asking
) -> None:
    asking.look((ORDER, A))
    server.end_access()
    assert isinstance(asking.look((ORDER, A))[0], Found)
    assert server.renewals == 2
    assert asking.slept, "the further call keeps to the rate"


def test_a_sign_in_by_code_is_made_once_and_its_pair_serves_on(
    server: AliExpressServer, clock: list[datetime]
) -> None:
    asking = Asking(server, code="test-code")
    assert isinstance(asking.look((ORDER, A))[0], Found)
    asking.now = clock[0] = NOW + timedelta(days=30)
    assert isinstance(asking.look((ORDER, A))[0], Found)
    assert server.renewals == 1
    assert "test-code" not in server.codes
    asking.source.close()


def test_a_dead_refresh_token_says_how_to_sign_in_anew_and_a_new_code_counts_at_once(
    server: AliExpressServer, clock: list[datetime]
) -> None:
    vault = Pocket()
    asking = Asking(server, vault)
    asking.look((ORDER, A))
    server.refresh_tokens.clear()
    asking.now = clock[0] = NOW + timedelta(days=29.9)
    assert isinstance(asking.look((ORDER, A))[0], Found), "the access token is good for hours yet"
    asking.now = clock[0] = NOW + timedelta(days=31)
    with pytest.raises(Refused) as raised:
        asking.look((ORDER, A))
    assert f"client_id={KEY}" in str(raised.value)
    assert "`code`" in str(raised.value)
    asking.source.close()
    anew = Asking(server, vault, code="test-code")
    anew.now = clock[0]
    assert isinstance(anew.look((ORDER, A))[0], Found)
    anew.source.close()


@pytest.mark.parametrize("hours", [-30, 5])
def test_a_clock_that_is_wrong_is_corrected_by_theirs(
    hours: int, server: AliExpressServer, clock: list[datetime], asking: Asking
) -> None:
    clock[0] = NOW + timedelta(hours=hours)
    assert isinstance(asking.look((ORDER, A))[0], Found)
    assert isinstance(asking.look((ORDER, A))[0], Found)
    refused = len(server.requests) - len(server.calls)
    assert refused == 1, "what was learnt of their clock is kept"


def test_a_clock_they_do_not_show_is_an_error_with_a_hint(server: AliExpressServer, asking: Asking) -> None:
    late = Reply(b'{"code":"IllegalTimestamp","type":"ISV","message":"expired"}')
    server.inject(late, late)
    with pytest.raises(Temporary, match="time of this machine"):
        asking.look((ORDER, A))


def test_many_threads_share_one_renewal(server: AliExpressServer, asking: Asking) -> None:
    server.token_latency = 0.1
    outcomes: list[Outcome] = []
    threads = [threading.Thread(target=lambda: outcomes.extend(asking.look((ORDER, A)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 8
    assert all(isinstance(outcome, Found) for outcome in outcomes)
    assert server.renewals == 1


def test_secrets_are_not_in_addresses_errors_nor_reprs(server: AliExpressServer, asking: Asking) -> None:
    asking.look((ORDER, A))
    secrets = [SECRET, "test-refresh-0", "test-refresh-1", "test-access-1"]
    for request in server.requests:
        assert not any(secret in request.path for secret in secrets)
        assert SECRET not in request.body.decode()
    server.end_access()
    server.refresh_tokens.clear()
    with pytest.raises(Refused) as raised:
        asking.look((ORDER, A))
    shown = f"{raised.value!r} {raised.value} {asking.source.__dict__!r}"
    assert not any(secret in shown for secret in secrets)


@pytest.mark.parametrize(
    "said",
    [{}, {"code": "x", "refresh_token": "y"}, {"refresh_token": "two words"}, {"refresh_token": "y", "app_key": "key"},
     {"refresh_token": "y", "app_secret": ""}, {"refresh_token": "y", "language": "english"}],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(said: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        aliexpress.Settings.model_validate({"app_key": KEY, "app_secret": SECRET, **said})


def test_the_server_refuses_what_is_signed_wrongly(server: AliExpressServer) -> None:
    asking = Asking(server, app_secret="another-secret")
    with pytest.raises(Refused, match="signature"):
        asking.look((ORDER, A))
    assert server.calls == []
    asking.source.close()
