"""The link by which a reader says that they know: shown on GET, done on POST, and worth nothing when changed or old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.servers.rows import owe, owed, take
from tests.web.conftest import Site
from tests.web.pushes import NUMBER
from workers.core.seal import SEEN, seal
from workers.store import Store

PARCEL = f"track/{NUMBER}"
NOTICE = "0123456789abcdef0123456789abcdef"


def link(site: Site, *, days: int = 14, purpose: str = SEEN, notice: str = NOTICE) -> str:
    return "/seen/" + seal(site.store.secret(), purpose, notice, datetime.now(UTC) + timedelta(days=days))


@pytest.fixture
def sent(site: Site) -> Site:
    owe(site.store, owed(NOTICE, recipient="ana", urgent=True), parcel=PARCEL)
    worker = Store(site.store.scripts.client)
    notice = take(worker)
    worker.done(notice.id, notice.token, follow_up=timedelta(hours=6))
    return site


def test_a_look_shows_a_button_and_does_nothing(sent: Site) -> None:
    for method in ("GET", "HEAD", "GET"):
        answer = sent.ask(method, link(sent))
        assert answer.status == 200
    assert '<form method="post">' in answer.body
    assert "Lamp" in answer.body
    assert "form-action 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert sent.app.answers.word(PARCEL).seen is None


def test_the_button_says_seen_and_may_be_pressed_twice(sent: Site) -> None:
    for _ in range(2):
        answer = sent.ask("POST", link(sent))
        assert answer.status == 200
        assert "Noted" in answer.body
    assert sent.app.answers.word(PARCEL).seen is not None


def test_an_old_link_changes_nothing_and_says_so(sent: Site) -> None:
    answer = sent.ask("POST", link(sent, days=-1))
    assert (answer.status, "This link no longer works" in answer.body) == (410, True)
    assert sent.ask("POST", link(sent, notice="f" * 32)).status == 410
    assert sent.app.answers.word(PARCEL).seen is None


def test_what_we_did_not_seal_is_not_found(sent: Site) -> None:
    good = link(sent)
    for path in (
        "/seen/", "/seen/x", good + "x", good[:-1] + ("0" if good[-1] != "0" else "1"), link(sent, purpose="stop"),
        good.replace("/seen/0123", "/seen/0124"),
    ):  # fmt: skip
        for method in ("GET", "POST"):
            assert sent.ask(method, path).status == 404
    assert sent.ask("PUT", good).status == 405
    assert sent.app.answers.word(PARCEL).seen is None


def test_it_is_reached_under_the_name_of_a_proxy(sent: Site) -> None:
    assert sent.ask("GET", link(sent), headers={"Host": "parcels.example.org"}).status == 200
    assert sent.ask("GET", "/metrics", headers={"Host": "parcels.example.org"}).status == 404
