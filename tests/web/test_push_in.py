"""POST /push on a real server and a real store: what is taken in, once, and what every kind of abuse is told."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.servers.valkey import start_valkey, until
from tests.web import pushes
from tests.web.conftest import LIMITS, Answer, Site
from tests.web.pushes import KEY, NUMBER, PATH, SCHEMES
from workers import memory
from workers.settings import WebSettings
from workers.store import Looked
from workers.web.serve import listening, server


def ago(**length: float) -> str:
    return (datetime.now(UTC) - timedelta(**length)).replace(microsecond=0).isoformat()


def history() -> list[dict[str, Any]]:
    return [
        pushes.event("Received by logistics company", ago(days=9), "InTransit_PickedUp", "CN"),
        pushes.event("Export customs clearance complete", ago(days=7), "InTransit_CustomsReleased", "CN"),
        pushes.event("Arrived in destination country/region", ago(days=2), "InTransit_Arrival"),
    ]


def held() -> dict[str, Any]:
    return pushes.event(
        "Import duties are due. Awaiting payment by the recipient",
        ago(minutes=9),
        "InTransit_CustomsProcessing",
    )


def signed(body: bytes) -> tuple[bytes, dict[str, str]]:
    return body, pushes.sign_17track(body)


def test_a_push_is_stored_and_owes_a_notice_before_it_is_answered(site: Site) -> None:
    assert site.push("track", *signed(pushes.seventeentrack(*history()))).body == "ok\n"
    assert site.known("track").stage == "arrived_destination"
    assert site.store.notices() == []  # history is silent
    assert site.push("track", *signed(pushes.seventeentrack(*history(), held()))).status == 200
    assert site.known("track").stage == "payment_due"
    assert [row.parcel for row in site.store.notices()] == [f"track/{NUMBER}"]
    assert site.known("ship").version == 0  # the same number of another order, watched elsewhere


def test_each_scheme_is_taken_by_its_own_source_and_by_no_other(site: Site) -> None:
    owners = {"seventeentrack": "track", "aftership": "ship", "ship24": "day", "easypost": "post"}
    for scheme in SCHEMES:
        own, headers = owners[scheme.kind], scheme.sign(scheme.body)
        for name in {"track", "ship", "day", "post", "apps", "hand"} - {own}:
            assert site.push(name, scheme.body, headers).status == 404
        assert f"{own}/{NUMBER}" not in list(site.store.parcels())
        assert site.push(own, scheme.body, headers).status == 200
        assert site.known(own).version == 1


def test_a_push_under_another_carrier_is_only_a_hint(site: Site) -> None:
    parcel = f"track/{NUMBER}"
    for carrier, taken in (("190271", True), ("3011", False)):  # ours, as the push says it, and another
        site.begin()
        site.store.settle("track", [Looked(parcel, "", f"registered:{carrier}")], every=timedelta(hours=9))
        site.store.postpone("track", [parcel], after=timedelta(hours=9))
        assert site.push("track", *signed(pushes.seventeentrack(*history()))).status == 200
        assert (site.known("track").version == 1) is taken
        assert site.app.broker.do_qsize("refresh") == (0 if taken else 1)


def test_parcelsapp_makes_its_parcel_due_at_once_and_its_words_are_not_believed(site: Site) -> None:
    site.store.postpone("apps", [f"apps/{NUMBER}"], after=timedelta(hours=9))
    before = site.known("apps").due["apps"]
    assert site.push(f"apps/{PATH}", pushes.parcelsapp()).status == 200
    known = site.known("apps")
    assert before - known.due["apps"] > timedelta(hours=8)
    assert known.version == 0
    assert site.app.broker.do_qsize("refresh") == 1


def test_whoever_proves_nothing_is_told_the_same_whatever_there_is(site: Site) -> None:
    body, headers = signed(pushes.seventeentrack(*history()))
    attempts = [
        site.push("track", body),
        site.push("track", body, {"sign": "0" * 64}),
        site.push("track", body, {"sign": headers["sign"][:-1] + "\xe9"}),
        site.push("track", body + b" ", headers),
        site.push("track", json.dumps(json.loads(body), indent=1).encode(), headers),
        site.push("track", body, pushes.sign_17track(body, "another-key")),
        site.push("nobody", body, headers),
        site.push("hand", body, headers),
        site.push("ship", body),
        site.push("day", body, {"authorization": "Bearer "}),
        site.push("apps", pushes.parcelsapp()),
        site.push(f"apps/{PATH[:-1]}", pushes.parcelsapp()),
        site.push("%2e%2e/track", body, headers),
        site.push("track%00", body, headers),
        site.push("x" * 3000, body, headers),
        site.push("track", b"\xff" * 100),
    ]
    assert {attempt.status for attempt in attempts} == {404}
    assert all(attempt.but_date() == attempts[0].but_date() for attempt in attempts)
    assert list(site.store.parcels()) == []
    assert site.push("track", body, headers).status == 200  # the control


def test_a_signature_sent_twice_is_none(site: Site) -> None:
    body, headers = signed(pushes.seventeentrack(*history()))
    said = f"POST /push/track HTTP/1.1\r\nHost: x\r\nsign: {headers['sign']}\r\nsign: x\r\nContent-Length: {len(body)}\r\n\r\n"
    assert talk(site, said.encode() + body).startswith("HTTP/1.1 404")


def test_only_post_is_a_push(site: Site) -> None:
    answers = [
        site.ask(method, path)
        for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS")
        for path in ("/push/track", "/push/no")
    ]
    assert {answer.status for answer in answers} == {405}


def test_a_push_that_is_sent_again_has_no_effect(site: Site) -> None:
    push = signed(pushes.seventeentrack(*history(), held()))
    for _ in range(3):
        assert site.push("track", *push).status == 200
    assert site.known("track").version == 1
    assert site.store.counts()["push_replays"] == 2
    assert site.store.counts()["pushes"] == 1


def test_a_number_that_nobody_watches_is_counted_and_not_stored(site: Site) -> None:
    body = pushes.seventeentrack(*history(), number="LP00999999999999")
    assert site.push("track", *signed(body)).status == 200
    assert list(site.store.parcels()) == []
    assert site.store.counts()["push_unwatched"] == 1


GARBAGE = [
    b"",
    b"{",
    b"null",
    b"\xff\xfe",
    b"[" * 50_000,
    b'{"data":7}',
    b"<html>hi</html>",
    b'{"event":"x"}',
]


def test_garbage_that_is_signed_is_refused_and_may_come_again(site: Site) -> None:
    for body in [*GARBAGE, *GARBAGE]:
        answer = site.push("track", *signed(body))
        assert (answer.status, answer.body) == (422, "not understood\n")
    assert list(site.store.parcels()) == []
    assert "pushes" not in site.store.counts()


def test_values_of_any_type_break_nothing(site: Site) -> None:
    whole = json.loads(pushes.seventeentrack(*history()))
    for odd in (None, 7, "x", [], {}, [[]], True, 10**30, "\x00\n<b>"):
        for key in ("number", "carrier", "track_info"):
            said = {**whole, "data": {**whole["data"], key: odd}}
            assert site.push("track", *signed(json.dumps(said).encode())).status in (200, 422)
        info = {**whole["data"]["track_info"], "tracking": odd}
        said = {**whole, "data": {**whole["data"], "track_info": info}}
        assert site.push("track", *signed(json.dumps(said).encode())).status in (200, 422)
    assert site.get("/healthz").status == 200


# -- size and time ---------------------------------------------------------------------------------------------


def talk(site: Site, *parts: bytes | float) -> str:
    """Send parts, pausing where one is a number of seconds; return all that came back until the connection ended."""
    with site.raw() as line:
        try:
            for part in parts:
                if isinstance(part, bytes):
                    line.sendall(part)
                else:
                    time.sleep(part)
        except OSError:
            pass  # it hung up on us
        return hear(line)


def hear(line: socket.socket) -> str:
    heard = b""
    try:
        while more := line.recv(65536):
            heard += more
    except ConnectionError:
        pass
    return heard.decode()


HEAD = b"POST /push/track HTTP/1.1\r\nHost: x\r\n"


def test_a_body_that_says_it_is_too_large_is_not_even_read(site: Site) -> None:
    for size in (LIMITS.body + 1, 10**15):
        assert talk(site, HEAD + b"Content-Length: %d\r\n\r\n" % size).startswith("HTTP/1.1 413")


def test_a_body_in_chunks_is_counted_as_it_comes(site: Site) -> None:
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    assert talk(site, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk * 7).startswith("HTTP/1.1 413")
    body, headers = signed(pushes.seventeentrack(*history()))  # the control
    sign = b"sign: %s\r\n" % headers["sign"].encode()
    small = b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (100, body[:100], len(body) - 100, body[100:])
    assert talk(site, HEAD + sign + b"Transfer-Encoding: chunked\r\n\r\n", small).startswith("HTTP/1.1 200")


def test_a_length_that_lies_is_no_way_in(site: Site) -> None:
    body, headers = signed(pushes.seventeentrack(*history()))
    sign = b"sign: %s\r\n" % headers["sign"].encode()
    short = talk(site, HEAD + sign + b"Content-Length: %d\r\n\r\n" % (len(body) - 9), body)
    assert short.startswith("HTTP/1.1 404")  # the bytes that count are not those that were signed
    long = talk(site, HEAD + sign + b"Content-Length: %d\r\n\r\n" % (len(body) + 9), body)
    assert long.startswith("HTTP/1.1 408")
    both = talk(site, HEAD + sign + b"Content-Length: 5\r\nContent-Length: %d\r\n\r\n" % len(body), body)
    assert both.startswith("HTTP/1.1 400")
    assert list(site.store.parcels()) == []


def test_whoever_sends_slowly_is_hung_up_on(site: Site) -> None:
    began = time.monotonic()
    assert talk(site, HEAD, b"X-A: 1\r\n", 0.1, b"X-B: 2\r\n") == ""  # headers without end
    assert talk(site) == ""  # nothing at all
    drip = talk(site, HEAD + b"Content-Length: 90\r\n\r\n", *[b"x", 0.05] * 30)
    assert drip.startswith("HTTP/1.1 408") or drip == ""
    assert time.monotonic() - began < 6


def test_slow_ones_keep_nobody_waiting(site: Site) -> None:
    lines = [site.raw() for _ in range(40)]
    for line in lines:
        line.sendall(HEAD + b"Content-Length: 90\r\n\r\nx")
    assert site.push("track", *signed(pushes.seventeentrack(*history()))).status == 200
    for line in lines:
        line.close()


def test_headers_without_measure_are_refused(site: Site) -> None:
    assert talk(site, HEAD + b"X: " + b"x" * 40_000 + b"\r\n\r\n").startswith(("HTTP/1.1 4", "HTTP/1.1 5"))


# -- trouble on our side ---------------------------------------------------------------------------------------


def test_while_the_store_is_away_a_push_is_to_be_sent_again_and_is_then_taken(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    with start_valkey(tmp_path / "store") as valkey, Site(tmp_path, valkey.url) as site:
        push = signed(pushes.seventeentrack(*history()))
        valkey.kill()
        answer = site.push("track", *push)
        assert (answer.status, answer.body) == (503, "not now, try again\n")
        assert answer.headers["retry-after"] == "30"
        assert site.push("track", push[0], {"sign": "0"}).status == 404  # who proves nothing learns nothing
        assert site.get("/healthz").status == 200
        assert site.get("/metrics").status == 503
        valkey.start()
        until(lambda: site.push("track", *push).status == 200)
        assert site.known("track").stage == "arrived_destination"


def test_what_was_begun_by_a_process_that_died_is_taken_when_its_lease_is_over(site: Site) -> None:
    body, headers = signed(pushes.seventeentrack(*history()))
    digest = hashlib.sha256(b"track\x00" + body).hexdigest()
    site.store.push_begins(digest, lease=timedelta(milliseconds=400))
    assert site.push("track", body, headers).status == 503
    until(lambda: site.push("track", body, headers).status == 200)
    assert site.known("track").version == 1


def test_a_fault_of_ours_shows_nothing_of_itself(capfd: pytest.CaptureFixture[str]) -> None:
    def house() -> object:
        raise ZeroDivisionError("secret detail")

    broken = server(SimpleNamespace(house=house, store=None), limits=LIMITS)  # type: ignore[arg-type]  # a double
    bound = listening(WebSettings(port=0))
    thread = threading.Thread(target=broken.run, kwargs={"sockets": [bound]})
    port = bound.getsockname()[1]
    thread.start()
    until(lambda: broken.started)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
            line.sendall(b"POST /push/track HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            heard = hear(line)
    finally:
        broken.should_exit = True
        thread.join()
    assert heard.startswith("HTTP/1.1 500")
    assert heard.endswith("\r\n\r\nsomething went wrong here\n")
    assert "nosniff" in heard
    assert "secret detail" not in heard


def test_every_answer_wears_the_headers(site: Site) -> None:
    answers: list[Answer] = [site.get(path) for path in ("/", "/healthz", "/readyz", "/metrics", "/push/x")]
    answers.append(site.push("track", b""))
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers


def test_under_a_strange_name_nothing_but_a_push_is_answered(site: Site) -> None:
    for host in (
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:80",
        "8.8.8.8",
        "[::2]:1",
        "localhostx",
    ):
        for path in ("/metrics", "/readyz", "/healthz", "/"):
            answer = site.ask("GET", path, headers={"Host": host})
            assert (answer.status, answer.body) == (404, "not found\n"), host
        body, headers = signed(pushes.seventeentrack(*history()))
        assert site.push("track", body, {**headers, "Host": host}).status == 200
    for host in ("localhost", "LOCALHOST:99", "127.0.0.1:1", "[::1]:8674", "127.9.9.9"):
        assert site.ask("GET", "/metrics", headers={"Host": host}).status == 200


# -- at the same moment ----------------------------------------------------------------------------------------


def at_once(*works: Callable[[], object]) -> None:
    start = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        start.wait()
        work()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_the_same_push_many_times_at_once_is_one(site: Site) -> None:
    push = signed(pushes.seventeentrack(*history(), held()))
    statuses: list[int] = []
    at_once(*[lambda: statuses.append(site.push("track", *push).status)] * 8)
    assert set(statuses) <= {200, 503}  # 503: somebody has it now; its sender asks again
    assert 200 in statuses
    assert site.push("track", *push).status == 200
    assert site.known("track").version == 1
    assert len(site.store.notices()) == 1


def test_different_pushes_of_one_event_at_once_owe_one_notice(site: Site) -> None:
    site.push("track", *signed(pushes.seventeentrack(*history())))
    events = [*history(), held()]
    bodies = [pushes.seventeentrack(*events) + b" " * i for i in range(6)]
    at_once(*[lambda body=body: site.push("track", *signed(body)) for body in bodies])  # type: ignore[misc]  # a default
    snapshot = memory.load(site.known("track").snapshot)
    assert (snapshot.stage.value, snapshot.occurrence) == ("payment_due", 1)
    assert len(site.store.notices()) == 1


def test_the_key_of_the_source_is_in_no_answer_and_no_line(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    site.push("track", *signed(pushes.seventeentrack(*history())))
    site.push("track", b"x")
    site.push(f"apps/{PATH}", pushes.parcelsapp())
    said = site.get("/metrics").body + site.get("/readyz").body
    out, err = capfd.readouterr()
    for secret in (KEY, PATH, pushes.SECRET):
        assert secret not in said + out + err
