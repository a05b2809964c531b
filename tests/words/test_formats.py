"""Money, dates and citations, and what is never one to click."""

from __future__ import annotations

import pytest

from workers.render import formats
from workers.render.catalogs import ENGLISH


def reader(lang="en", zone="Europe/Madrid"):
    return formats.Reader.of(lang, zone, ENGLISH)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("https://www.zoll.de/EN/Private-individuals/internet-orders.html", "zoll.de (internet orders)"),
        ("https://www.correos.es", "correos.es"),
        ("https://ec.europa.eu/files/C(2026)6694_0/090166e533d2f58a", "ec.europa.eu"),
        ("https://help.example/a_id/143", "help.example"),
        ("see https://zoll.de/a, and https://post.ch/fees", "see zoll.de (a), and post.ch (fees)"),
        ("help.17track.net/hc/en-us/articles/374 (9 main)", "help.17track.net (9 main)"),
        ("zoll.de, Internet orders", "zoll.de, Internet orders"),
        ("(https://zoll.de/orders)", "(zoll.de (orders)"),
        ("", ""),
    ],
)
def test_a_source_is_cited_in_words(source, shown):
    assert formats.cite(source) == shown


def test_an_entry_of_knowledge_says_where_it_stands():
    entry = {
        "what": "VAT",
        "where": "countries/DE.yaml:7",
        "source": "https://zoll.de",
        "checked": "2026-11-22",
    }
    assert formats.cited(entry) == "VAT [countries/DE.yaml:7; zoll.de; 2026-11-22]"
    assert formats.cited({"what": "VAT", "where": "", "source": "", "checked": None}) == "VAT"


@pytest.mark.parametrize(
    ("lang", "said"), [("en", "€1,234.50"), ("de", "1.234,50 €"), ("fr", "1 234,50 €"), ("ko", "€1,234.50")]
)
def test_money_is_written_as_the_reader_writes_it(lang, said):
    assert reader(lang).money({"amount": "1234.50", "currency": "EUR"}) == said


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", "1 USD = 0.92 EUR (ECB, 7 Dec 2026)"),
        ("de", "1 USD = 0,92 EUR (ECB, 07.12.2026)"),
        ("pt-BR", "1 USD = 0,92 EUR (ECB, 7 de dez. de 2026)"),
    ],
)
def test_a_rate_is_written_as_the_reader_writes_it(lang, said):
    mine = reader(lang)
    assert mine.rate("1 USD = 0.92 EUR (ECB, 2026-12-07)") == said
    assert mine.rate("1 USD = about a EUR (ECB, 2026-12-07)") == "1 USD = about a EUR (ECB, 2026-12-07)"


def test_dates_without_a_day_or_with_only_a_day():
    assert reader().day(None) == ""
    assert reader().short_day("2026-12-04") == "4 Dec"
    assert reader().moment(None, day_only=True) == ""
    assert reader().moment("2026-12-04T23:30:00+00:00", day_only=True) == "4 Dec 2026"
    assert reader().moment("2026-12-04T23:30:00+00:00", day_only=False) == "5 Dec 2026, 00:30"
    assert reader().day("2026-12-04T23:30:00+00:00") == "Saturday, 5 December 2026"


def test_a_list_of_ways_and_the_direction_of_a_language():
    assert reader().either(["letter", "e-mail", "app"]) == "letter, e-mail or app"
    assert reader("he").direction == "rtl"
    assert not reader("ko").gsm
    assert reader("pt-BR").gsm


def test_text_is_wrapped_under_its_sign():
    wrapped = formats.wrap("word " * 30, "- ")
    assert wrapped.splitlines()[0].startswith("- word")
    assert wrapped.splitlines()[1].startswith("  word")
    assert max(map(len, wrapped.splitlines())) <= formats.WIDTH
