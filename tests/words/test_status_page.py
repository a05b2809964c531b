"""The status page and its feed: worst first, whole, escaped, loading nothing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import timedelta

import pytest

from tests.words import status
from tests.words.test_evidence import HOSTILE, Page
from workers.render.page import ATOM, House, StatusPages

PAGES = StatusPages()


def page(house=None, lang="en"):
    return PAGES.page(
        house or status.house(), lang=lang, timezone="Europe/Madrid", version="0", now=status.NOW
    )


def feed(house=None):
    return ET.fromstring(PAGES.feed(house or status.house(), lang="en", timezone="UTC", now=status.NOW))  # noqa: S314 -- ours


def test_the_worst_comes_first_and_the_nearest_date_before_the_later():
    rows = re.findall(
        r'<tr><th scope="row"><a class="title" href="#(p\d+)">.*?<span class="need (\w+)">', page()
    )
    assert [anchor for anchor, _ in rows] == [f"p{n}" for n in range(1, 8)]
    weights = [("yes", "wait", "no").index(need) for _, need in rows]
    assert weights == sorted(weights)
    assert weights[0] == 0
    assert weights[-1] == 2


def test_every_parcel_says_what_to_do_and_where_it_stands():
    html = page()
    assert html.count("<article") == len(status.MIXED)
    for sign in (
        "Compare the amount with our estimate",
        "Export customs clearance complete",
        "In customs: 2 days",
        "With the sender: 2 days",
    ):
        assert sign in html
    assert "4 parcels need you" in html or "3 parcels need you" in html


def test_a_date_to_come_stands_in_the_calendar_once_and_a_past_one_does_not():
    html = page()
    days = re.findall(r'<time datetime="([\d-]+)">', html)
    assert days == sorted(days)
    assert all(day >= status.NOW.date().isoformat() for day in days)
    assert len(set(days)) == len(days) > 1
    entries = re.findall(r'<li><a href="#(p\d+)"><bdi>([^<]+)', html)
    assert len(set(entries)) == len(entries) > len(days)
    assert "in 13 days" in html


def test_how_long_it_took_is_measured_against_the_usual_and_said_to_be_unknown_where_that_is_thin():
    def alone(advice, **usual):
        one = status.parcel(advice, 1)
        context = {**one.context, "usual": {**one.context["usual"], **usual}}
        return page(House([status.Shown(one.order, context, one.snapshot)]))

    unknown = "How long this usually takes is not known here."
    assert '<div class="gauge"' in alone("pay")
    assert "half are through after about" in alone("pay")
    assert unknown not in alone("pay")
    assert '<div class="gauge"' not in alone("pay", known=False)
    assert unknown in alone("pay", known=False)
    for elsewhere in ("delivered", "transit_running"):
        assert '<div class="gauge"' not in alone(elsewhere)
        assert unknown not in alone(elsewhere, known=False)


def test_phases_are_told_by_number_and_words_beside_their_colours():
    html = page(House([status.parcel("pay", 1)]))
    bar = re.findall(r'<li class="(\w+)" style="width: ([\d.]+)%">(\d)</li>', html)
    legend = re.findall(r'<span class="dot (\w+)" aria-hidden="true">(\d)</span>([^<]+)</li>', html)
    assert [(phase, number) for phase, _, number in bar] == [(phase, number) for phase, number, _ in legend]
    assert [words for _, _, words in legend] == [
        "With the sender: 2 days",
        "On the road: 12 days",
        "In customs: 2 days",
    ]
    assert sum(float(width) for _, width, _ in bar) == pytest.approx(100, abs=0.1)
    assert html.count('aria-current="step"') == 1


def test_what_was_left_out_is_counted():
    assert "And 3 more." in page(House(status.house().parcels, left_out=3))
    assert "more." not in page(House([]))


def test_a_source_that_fails_and_a_look_that_failed_are_shown():
    broken = status.parcel("pay", 1)
    html = page(
        House(
            [status.Shown(broken.order, broken.context, broken.snapshot, "the service answered 503")],
            status.house().sources,
        )
    )
    assert "The last look failed, so this may be old: the service answered 503" in html
    assert "Not looked at yet." in html
    assert "4 failures in a row" in html
    assert "answered 503" in html


def test_a_house_without_parcels_has_a_page():
    assert "No parcel is watched yet." in page(House([]))
    assert feed(House([])).findall(f"{{{ATOM}}}entry") == []


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_words_come_out_escaped_and_bounded(kind):
    nasty = HOSTILE[kind]
    shown = status.parcel(
        "pay", 1, text=nasty, title=nasty, seller=nasty, shop=nasty, number=nasty, place=nasty
    )
    house = House(
        [status.Shown(shown.order, shown.context, shown.snapshot, nasty)],
        [status.SourceState(nasty, 2, None, nasty)],
    )
    html, calm = page(house), page()
    assert set(Page(html).tags) <= set(Page(calm).tags)
    assert {name for name, _ in Page(html).attributes} <= {name for name, _ in Page(calm).attributes}
    assert not re.search(r"evil\.example|https?:|[\u202e\u2066\u200b]|1234567", html)
    assert len(html) < 60_000
    raw = PAGES.feed(house, lang="en", timezone="UTC", now=status.NOW)
    assert len(ET.fromstring(raw).findall(f"{{{ATOM}}}entry")) == 1  # noqa: S314 -- ours
    assert b"evil.example" not in raw


def test_the_page_loads_nothing_runs_nothing_and_leads_nowhere_else():
    found = Page(page())
    assert not {"img", "script", "link", "iframe", "form", "object", "svg", "base", "video"} & set(found.tags)
    assert all(value.startswith("#p") for name, value in found.attributes if name == "href")
    assert not {"src", "action", "onclick"} & {name for name, _ in found.attributes}
    assert not re.search(r"url\(|@import|expression", page())
    assert "default-src 'none'" in page()


def test_the_page_reads_from_right_to_left_where_its_language_does():
    assert '<html lang="he" dir="rtl">' in page(lang="he")


def test_the_feed_has_one_entry_for_each_parcel_and_a_new_id_for_its_next_stage():
    entries = feed().findall(f"{{{ATOM}}}entry")
    ids = [entry.findtext(f"{{{ATOM}}}id") for entry in entries]
    assert len(set(ids)) == len(status.MIXED)
    assert all(
        entry.findtext(f"{{{ATOM}}}title") and entry.findtext(f"{{{ATOM}}}summary") for entry in entries
    )
    updated = [entry.findtext(f"{{{ATOM}}}updated") for entry in entries]
    assert updated == sorted(updated, reverse=True)
    assert updated[0] <= (status.NOW + timedelta(0)).isoformat()
    later = feed(House([status.parcel("delivered", 2)])).findtext(f"{{{ATOM}}}entry/{{{ATOM}}}id")
    assert later not in ids
    assert "http" not in "".join(entry.findtext(f"{{{ATOM}}}summary") for entry in entries)
