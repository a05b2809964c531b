"""The owner's notices in every form: word for word as reviewed, bounded, escaped, and with nothing to click."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from workers.core import owner, sms
from workers.errors import Permanent
from workers.render import Renderer

GOLDEN = Path(__file__).parent / "golden_owner"
RENDERER = Renderer()
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
THEN = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
ROWS = [
    {"what": "EU flat duty", "source": "https://example.org/reg/2026-1", "checked": date(2026, 7, 1)},
    {"what": "Norway import VAT", "source": "toll.no", "checked": None},
]
SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "source_broken": ("source_broken", {
        "source": "track", "since": THEN, "tries": 7, "error": "the server is ill (503)", "parcels": 12,
        "last_ok": THEN, "permanent": False,
    }),
    "source_broken_for_good": ("source_broken", {
        "source": "track", "since": THEN, "tries": 1, "error": "the key is refused", "parcels": 1,
        "last_ok": None, "permanent": True,
    }),
    "source_healed": ("source_healed", {"source": "track", "since": THEN, "parcels": 12}),
    "source_shrank": ("source_shrank", {"source": "track", "parcels": 12, "fewer": 9, "since": THEN}),
    "notice_failed": ("notice_failed", {
        "recipient": "anna", "channel": "mail", "about": "Bluetooth headphones", "number": "LP00123456789012",
        "state": "failed", "error": "550 no such user",
    }),
    "notice_held": ("notice_failed", {
        "recipient": "anna", "channel": "text", "about": "", "number": "LP00123456789012", "state": "held",
        "error": "",
    }),
    "notice_expired": ("notice_failed", {
        "recipient": "anna", "channel": "mail", "about": "Lamp", "number": "LP00123456789012", "state": "expired",
        "error": "421 try later",
    }),
    "notices_failed": ("notices_failed", {
        "recipient": "anna", "channel": "mail", "count": 3, "held": 1, "titles": ["Lamp", "Reel", "Lamp"],
        "error": "550 no such user",
    }),
    "channel_barred": ("channel_barred", {
        "channel": "mail", "since": THEN, "error": "535 authentication failed", "waiting": 3,
    }),
    "address_dead": ("address_dead", {
        "recipient": "anna", "channel": "phone", "address": "+491712345689", "error": "unsubscribed",
    }),
    "reader_left": ("reader_left", {"recipient": "anna", "channel": "mail", "address": "anna@example.org"}),
    "words_broken": ("words_broken", {"file": "advice/pay.j2", "error": "'titel' is undefined (block subject)"}),
    "law_stale": ("law_stale", {"rows": ROWS, "count": 5}),
    "order_watched": ("order_watched", {
        "title": "Fishing reel", "order": "8123456789012345", "parcel": "LP00123456789012", "shop": "AliExpress",
        "source": "letters",
    }),
    "order_watched_bare": ("order_watched", {
        "title": "", "order": "", "parcel": "LP00123456789012", "shop": "", "source": "letters",
    }),
}  # fmt: skip


def render(sample: str, lang: str = "en", **change: Any) -> Any:
    topic, facts = SAMPLES[sample]
    context = json.loads(
        json.dumps(owner.context(topic, {**facts, **change}, now=NOW))
    )  # as the store keeps it
    return RENDERER.render(context, lang=lang, timezone="Europe/Berlin")


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_owners_words_are_as_reviewed(sample: str, update_golden: bool) -> None:
    message = render(sample)
    said = f"Subject: {message.subject}\nPreheader: {message.preheader}\nShort: {message.short}\n\n{message.text}"
    file = GOLDEN / f"{sample}.txt"
    if update_golden:
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(said, encoding="utf-8")
    assert said == file.read_text(encoding="utf-8")


def test_every_topic_has_words_and_a_sample_and_all_words_have_a_topic() -> None:
    assert set(RENDERER.topics()) == set(owner.TOPICS) == {topic for topic, _ in SAMPLES.values()}
    assert {file.stem for file in GOLDEN.iterdir()} == set(SAMPLES)


HOSTILE = "<b onclick=x>Pay</b> at https://evil.example/pay or +49 171 2345678 {{ 7*7 }}\r\nBcc: all@example.org\u202e"


@pytest.mark.parametrize("sample", SAMPLES)
def test_what_strangers_wrote_is_quoted_in_every_form(sample: str) -> None:
    _, facts = SAMPLES[sample]
    texts = {name: HOSTILE for name, value in facts.items() if isinstance(value, str) and name != "state"}
    message = render(sample, **texts)
    for form in (message.subject, message.preheader, message.short, message.text, message.html):
        assert "\u202e" not in form
        assert "49}}" not in form, "never evaluated"
        assert "\nBcc" not in form
        assert "\r" not in form
    assert "\n" not in message.subject + message.preheader + message.short
    assert "<b " not in message.html
    assert "&lt;b" in message.html or "onclick" not in message.html


def test_the_error_of_a_server_cannot_bring_a_link_or_a_number() -> None:
    message = render("source_broken", error=HOSTILE)
    assert "evil.example" not in message.text + message.html + message.short
    assert "2345678" not in message.text + message.html
    assert "all@example.org" not in message.text + message.html


@pytest.mark.parametrize("sample", SAMPLES)
def test_an_sms_to_the_owner_has_two_segments_at_most_however_long_the_names(sample: str) -> None:
    _, facts = SAMPLES[sample]
    long = {
        name: "Wörter" * 30 for name, value in facts.items() if isinstance(value, str) and name != "state"
    }
    assert sms.segments(render(sample, **long).short).parts <= 2


@pytest.mark.parametrize("sample", SAMPLES)
def test_html_and_text_say_the_same_and_neither_has_gaps(sample: str) -> None:
    message = render(sample)
    assert len(message.subject) <= 110
    assert "None" not in message.text
    assert "<h1" in message.html
    assert "WHY YOU GET THIS" in message.text
    assert "<a " not in message.html
    assert "http" not in message.text


def test_a_source_that_refuses_for_good_needs_the_owner_and_one_that_is_ill_does_not() -> None:
    assert "YOU NEED TO DO SOMETHING" in render("source_broken_for_good").text
    assert "NOTHING TO DO YET" in render("source_broken").text


def test_a_stand_in_is_told_why() -> None:
    topic, facts = SAMPLES["notice_failed"]
    context = owner.context(topic, facts, now=NOW, stand_in=True)
    message = RENDERER.render(context, lang="en", timezone="UTC")
    assert "cannot be reached another way" in " ".join(message.text.split())
    assert "cannot be reached another way" not in " ".join(render("notice_failed").text.split())


def test_facts_that_are_not_the_topics_own_are_refused() -> None:
    _, facts = SAMPLES["source_healed"]
    with pytest.raises(ValueError, match="parcels"):
        owner.context("source_healed", {k: v for k, v in facts.items() if k != "parcels"}, now=NOW)
    with pytest.raises(ValueError, match="more"):
        owner.context("source_healed", {**facts, "more": 1}, now=NOW)
    with pytest.raises(ValueError, match="lost"):
        owner.context("notice_failed", {**SAMPLES["notice_failed"][1], "state": "lost"}, now=NOW)


def test_a_topic_without_words_is_a_foreseen_trouble() -> None:
    context = {**owner.context(*SAMPLES["source_healed"], now=NOW), "owner": "gone"}
    with pytest.raises(Permanent, match=r"owner/gone\.j2"):
        RENDERER.render(context, lang="en", timezone="UTC")
