"""The served status page and its feeds: shown to whoever holds the link and to nobody else, without script, contact or secret."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.valkey import Valkey
from tests.web.conftest import SOURCES, Site
from tests.web.pushes import KEY, NUMBER, PATH, SECRET
from workers.core.seal import ALL, SEEN, STATUS, seal
from workers.render.page import ATOM

FORMS = ("", ".atom", ".ics")
KINDS = {"": "text/html", ".atom": "application/atom+xml", ".ics": "text/calendar"}


def link(site: Site, form: str = "", *, days: int = 14, purpose: str = STATUS) -> str:
    word = seal(site.store.secret(), purpose, ALL, datetime.now(UTC) + timedelta(days=days))
    return f"/status/{word}{form}"


@pytest.mark.parametrize("form", FORMS)
def test_whoever_holds_the_link_reads_it_and_no_cache_keeps_it(site: Site, form: str) -> None:
    answer = site.get(link(site, form))
    assert answer.status == 200
    assert answer.headers["content-type"] == f"{KINDS[form]}; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert site.ask("HEAD", link(site, form)).body == ""


def test_the_page_shows_every_parcel_and_its_policy_lets_nothing_load_or_run(site: Site) -> None:
    answer = site.get(link(site))
    assert answer.body.count("<article") == len(SOURCES)
    assert "Lamp" in answer.body
    assert NUMBER in answer.body
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script" not in policy
    assert not re.search(r"<script|\son\w+=|src=|https?:|@import|url\(", answer.body)


@pytest.mark.parametrize("form", FORMS)
def test_no_form_tells_a_person_an_address_or_a_secret(site: Site, form: str) -> None:
    body = site.get(link(site, form)).body
    for private in ("ana", "example.org", KEY, SECRET, PATH):
        assert not re.search(rf"\b{re.escape(private)}\b", body)


def test_the_feed_and_the_calendar_are_well_formed(site: Site) -> None:
    feed = ET.fromstring(site.get(link(site, ".atom")).body)  # noqa: S314 -- ours
    assert len(feed.findall(f"{{{ATOM}}}entry")) == len(SOURCES)
    calendar = site.get(link(site, ".ics")).body
    assert calendar.startswith("BEGIN:VCALENDAR\r\n")
    assert calendar.endswith("END:VCALENDAR\r\n")


@pytest.mark.parametrize("form", FORMS)
def test_what_we_did_not_seal_for_this_is_not_found_and_an_old_link_is_over(site: Site, form: str) -> None:
    good = link(site)
    changed = good[:-1] + ("0" if good[-1] != "0" else "1")
    for path in ("/status/", "/status", "/status/x", changed, link(site, purpose=SEEN), good + "x"):
        assert site.get(path + form).status == 404
    old = site.get(link(site, form, days=-1))
    assert (old.status, old.body) == (410, "this link is over\n")
    assert site.ask("POST", link(site, form)).status == 405


def test_it_is_reached_under_the_name_of_a_proxy(site: Site) -> None:
    assert site.ask("GET", link(site), headers={"Host": "parcels.example.org"}).status == 200


@pytest.fixture
def nasty(valkey: Valkey, tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path, valkey.fresh(), title="<script>alert(1)</script>{{ 7*7 }} \u202egnp.exe") as started:
        started.begin()
        yield started


def test_a_hostile_title_is_shown_as_words(nasty: Site) -> None:
    body = nasty.get(link(nasty)).body
    assert "<script" not in body
    assert "&lt;script&gt;alert(1)" in body
    assert "{{ 7*7 }}" in body
    assert "\u202e" not in body
    feed = ET.fromstring(nasty.get(link(nasty, ".atom")).body)  # noqa: S314 -- ours
    assert "<script>" in (feed.findtext(f"{{{ATOM}}}entry/{{{ATOM}}}title") or "")
