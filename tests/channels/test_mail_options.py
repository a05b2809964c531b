"""What a mail has beside its words: the way out of it, one subject for a thread, and what is enclosed."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from workers.channels import Enclosing, Envelope, _mime, load
from workers.channels._mail_settings import MailSettings
from workers.core.model import Enclosure, Message

AT = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
LINK = "https://parcels.example.org/leave/0123456789abcdef.00000000.0123456789abcdef"
MESSAGE = Message("Pay", "Hello", "<p>Hello</p>", "Pay", steady="You need to do something: Reel")
CALENDAR = Enclosure("deadline.ics", "text/calendar; method=PUBLISH", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")
PAGE = Enclosure("evidence-1.html", "text/html", "<p>海关 " + "x" * 3000 + "</p>")


def mail(message: Message = MESSAGE, leave: str = "", **options: Any) -> EmailMessage:
    sender = MailSettings.model_validate(options).sender_of("Cw <cw@example.org>")
    data = _mime.to_bytes(Envelope("n" * 32, "anna@example.net", "t", leave=leave), message, sender, at=AT)
    assert max(map(len, data.split(b"\r\n"))) <= 200, "only an address of ours may be long"
    return message_from_bytes(data, policy=policy.default)


def test_a_reader_leaves_by_mail_and_with_an_address_of_ours_by_one_click() -> None:
    plain = mail()
    assert plain["List-Unsubscribe"] == "<mailto:cw@example.org?subject=unsubscribe>"
    assert plain["List-Unsubscribe-Post"] is None
    linked = mail(leave=LINK)
    assert linked["List-Unsubscribe"] == f"<{LINK}>, <mailto:cw@example.org?subject=unsubscribe>"
    assert linked["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail(leave=LINK, unsubscribe="no")["List-Unsubscribe"] == f"<{LINK}>"
    assert mail(unsubscribe="no")["List-Unsubscribe"] is None
    assert mail(unsubscribe="stop@example.org")["List-Unsubscribe"].startswith("<mailto:stop@example.org?")


def test_answers_are_read_where_reply_to_says_and_so_is_the_wish_to_leave() -> None:
    sender = MailSettings().sender_of("cw@example.org", reply_to="Me <me@example.org>")
    assert (sender.reply_to, sender.unsubscribe) == ("me@example.org", "me@example.org")


@pytest.mark.parametrize("evil", [f"{LINK}>\r\nBcc: x@y.z", f"{LINK}>, <mailto:x@y.z", f"{LINK}\x00\u202e <"])
def test_no_address_becomes_a_header_or_a_second_address(evil: str) -> None:
    found = mail(leave=evil)
    assert found["Bcc"] is None
    assert found["List-Unsubscribe"].count("<") == 2


def test_one_subject_for_a_thread_only_where_it_is_wanted() -> None:
    assert mail()["Subject"] == "Pay"
    assert mail(stable_subject="yes")["Subject"] == "You need to do something: Reel"
    assert mail(Message("Pay", "a", "b", "c"), stable_subject="yes")["Subject"] == "Pay"  # a digest has none


def test_what_is_enclosed_follows_the_words_under_a_safe_name() -> None:
    nasty = Enclosure('../a "b"\r\nX: y;海关.html', "text/html", "<p>x</p>\n--=_\n")
    found = mail(Message("Pay", "Hello", "<p>Hello</p>", "Pay", enclosed=(CALENDAR, PAGE, nasty)))
    assert found.get_content_type() == "multipart/mixed"
    words, *files = found.iter_parts()
    assert [part.get_content_type() for part in words.iter_parts()] == ["text/plain", "text/html"]
    assert [one.get_filename() for one in files] == ["deadline.ics", "evidence-1.html", "a-b-X-y-.html"]
    assert all(one.get_content_disposition() == "attachment" for one in files)
    assert files[0].get_content_type() == "text/calendar"
    assert files[0].get_param("method") == "PUBLISH"
    assert files[0].get_content().splitlines() == CALENDAR.text.splitlines()
    assert files[1].get_content().strip() == PAGE.text
    assert files[2].get_content().splitlines() == ["<p>x</p>", "--=_"]
    assert found["X"] is None


def test_neither_boundary_begins_the_other() -> None:
    found = mail(Message("Pay", "Hello", "<p>Hello</p>", "Pay", enclosed=(CALENDAR,)))
    outer, inner = str(found.get_boundary()), str(next(iter(found.iter_parts())).get_boundary())
    assert not outer.startswith(inner)
    assert not inner.startswith(outer)


@pytest.mark.parametrize("kind", ["email", "outbox"])
def test_a_channel_says_what_it_takes_beside_the_words(kind: str, tmp_path: Path) -> None:
    def opened(**more: Any) -> Enclosing:
        common = {"host": "127.0.0.1", "security": "none"} if kind == "email" else {"folder": str(tmp_path)}
        options = load(kind).Settings.model_validate({**common, "from": "Cw <cw@example.org>", **more})
        channel = load(kind).open(options, name="mail", clock=lambda: AT)
        assert isinstance(channel, Enclosing)
        return channel

    assert (opened().encloses, opened().writer) == ({"dates"}, "cw@example.org")
    assert opened(attach=["dates", "evidence"], schema_org="yes").encloses == {"dates", "evidence", "schema"}
    assert opened(attach=[]).encloses == frozenset()


@pytest.mark.parametrize(
    "wrong", [{"attach": ["photos"]}, {"attach": ["dates", "dates"]}, {"unsubscribe": "nobody"}]
)
def test_wrong_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MailSettings.model_validate(wrong)
