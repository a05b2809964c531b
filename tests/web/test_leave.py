"""The link by which a reader wants no more mails, as mail programs use it (RFC 8058): nothing but the one right POST acts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.servers.rows import owe, owed, take
from tests.web.conftest import Site
from tests.web.pushes import NUMBER
from workers.core.seal import LEAVE, SEEN, seal
from workers.store import Store

PARCEL = f"track/{NUMBER}"
NOTICE = "0123456789abcdef0123456789abcdef"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ONE_CLICK = b"List-Unsubscribe=One-Click"


def multipart(name: str = "List-Unsubscribe", value: str = "One-Click", times: int = 1) -> bytes:
    part = f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
    return (part * times + "--xyz--\r\n").encode()


MULTIPART = {"Content-Type": "multipart/form-data; boundary=xyz"}


def link(site: Site, *, days: int = 90, purpose: str = LEAVE, notice: str = NOTICE) -> str:
    return "/leave/" + seal(site.store.secret(), purpose, notice, datetime.now(UTC) + timedelta(days=days))


def left(site: Site) -> list[str]:
    return [f"{one.recipient} by {one.channel}: {one.error}" for one in site.store.all_aside()]


@pytest.fixture
def sent(site: Site) -> Site:
    owe(site.store, owed(NOTICE, recipient="ana", urgent=True), parcel=PARCEL)
    worker = Store(site.store.scripts.client)
    notice = take(worker)
    worker.done(notice.id, notice.token)
    return site


@pytest.mark.parametrize(("headers", "body"), [(FORM, ONE_CLICK), (MULTIPART, multipart())])
def test_one_click_ends_the_mails_and_may_be_pressed_twice(
    sent: Site, headers: dict[str, str], body: bytes
) -> None:
    for _ in range(2):
        answer = sent.ask("POST", link(sent), body, headers)
        assert answer.status == 200, "no redirect: RFC 8058, 3.2"
        assert "nothing more is sent to this address" in answer.body
        assert "set-cookie" not in answer.headers
    assert left(sent) == ["ana by mail: its reader wants no more messages"]
    assert sent.store.take_back("mail", "ana")


def test_whoever_merely_looks_gets_a_button_that_posts_the_right_field(sent: Site) -> None:
    for method in ("GET", "HEAD", "GET"):
        answer = sent.ask(method, link(sent))
        assert answer.status == 200
    assert '<form method="post">' in answer.body
    assert 'name="List-Unsubscribe" value="One-Click"' in answer.body
    assert "form-action 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert left(sent) == []


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (FORM, b""),
        (FORM, b"List-Unsubscribe=one-click"),
        (FORM, ONE_CLICK + b"&a=b"),
        (FORM, ONE_CLICK + b"&" + ONE_CLICK),
        ({}, ONE_CLICK),
        ({"Content-Type": "text/plain"}, ONE_CLICK),
        (MULTIPART, ONE_CLICK),
        (MULTIPART, multipart(times=2)),
        (MULTIPART, multipart(name="x")),
        (MULTIPART, multipart(value="No")),
        ({"Content-Type": "multipart/form-data"}, multipart()),
        (FORM, b"\xff" * 9_000),
    ],
)
def test_any_other_post_changes_nothing(sent: Site, headers: dict[str, str], body: bytes) -> None:
    assert sent.ask("POST", link(sent), body, headers).status in (400, 413)
    assert left(sent) == []


def test_an_old_link_and_one_we_did_not_seal_change_nothing(sent: Site) -> None:
    assert sent.ask("POST", link(sent, days=-1), ONE_CLICK, FORM).status == 410
    assert sent.ask("POST", link(sent, notice="f" * 32), ONE_CLICK, FORM).status == 410
    good = link(sent)
    for path in (
        "/leave/x",
        good + "x",
        link(sent, purpose=SEEN),
        good.replace("/leave/0123", "/leave/0124"),
    ):
        for method in ("GET", "POST"):
            assert sent.ask(method, path, ONE_CLICK if method == "POST" else None, FORM).status == 404
    assert sent.ask("PUT", good).status == 405
    assert left(sent) == []


def test_it_is_reached_under_the_name_of_a_proxy(sent: Site) -> None:
    assert sent.ask("GET", link(sent), headers={"Host": "parcels.example.org"}).status == 200
