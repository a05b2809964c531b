"""The bytes of a mail: what stands in them, that mail programs read it, and that no field becomes a header."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.channels import Envelope, _clean, _mime
from workers.core.model import Message
from workers.errors import Permanent

AT = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
SENDER = _mime.Sender("cw@example.org", "Customs watch")
ENVELOPE = Envelope("0123456789abcdef0123456789abcdef", "anna@example.net", "o1-LP001")
INJECTIONS = [
    "Held =?UTF-8?Q?=0A?=Bcc: injected@example.com",
    "Held =?utf-8?b?Cg==?=Bcc: injected@example.com",
    "Held =?UTF-8?Q?=0D=0A?= Bcc: injected@example.com",
    "Held =\u200b?UTF-8?Q?=0A?=Bcc: injected@example.com",
    "Held =\x00?UTF-8?Q?=0A?=Bcc: injected@example.com",
    "Held ==??UTF-8?Q?=0A?=Bcc: injected@example.com",
    "Held\r\nBcc: injected@example.com",
    "Held\nBcc: injected@example.com",
    "Held\rBcc: injected@example.com",
    "Held\x0bBcc: injected@example.com",
    "Held\x85Bcc: injected@example.com",
    "Held\u2028Bcc: injected@example.com",
    "Held\u2029Bcc: injected@example.com\r\n\r\n<b>body</b>",
    "Held\x00Bcc: injected@example.com",
    "\r\n\r\nHeld",
    "x" * 5000 + "\r\nBcc: injected@example.com",
]
ALWAYS = {
    "MIME-Version", "Date", "Message-ID", "In-Reply-To", "References", "From", "To", "Subject", "Auto-Submitted",
    "X-Auto-Response-Suppress", "List-Id", "X-Customs-Watch-Notice", "Content-Language", "Content-Type",
}  # fmt: skip


def words(**changed: str) -> Message:
    return Message(
        **{
            "subject": "Held",
            "text": "Hello",
            "html": "<p>Hello</p>",
            "short": "Held",
            "lang": "en",
            **changed,
        }
    )


def written(
    message: Message | None = None, envelope: Envelope = ENVELOPE, sender: _mime.Sender = SENDER
) -> bytes:
    return _mime.to_bytes(envelope, message or words(), sender, at=AT)


def read(data: bytes) -> EmailMessage:
    return message_from_bytes(data, policy=policy.default)


def check_form(data: bytes) -> EmailMessage:
    """Check what must hold of every mail, and return it."""
    assert b"\r" not in data.replace(b"\r\n", b"")
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert max(map(len, data.split(b"\r\n"))) <= 998
    mail = read(data)
    assert mail.defects == []
    assert len(mail.keys()) == len(set(mail.keys()))
    assert [p.get_content_type() for p in mail.iter_parts()] == ["text/plain", "text/html"]
    assert all(p.defects == [] for p in mail.iter_parts())
    assert {"\n", "\r"}.isdisjoint("".join(str(value) for value in mail.values()))
    return mail


def test_every_header_stands_as_promised() -> None:
    mail = check_form(
        written(words(lang="pt-BR"), Envelope(ENVELOPE.notice, "anna@example.net", "o1-LP001", urgent=True))
    )
    assert set(mail.keys()) == ALWAYS | {"Importance"}
    assert mail["Message-ID"] == "<0123456789abcdef0123456789abcdef@example.org>"
    assert mail["X-Customs-Watch-Notice"] == ENVELOPE.notice
    assert mail["From"] == "Customs watch <cw@example.org>"
    assert mail["To"] == "anna@example.net"
    assert mail["Date"].datetime == AT
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["List-Id"] == "customs-watch <customs-watch.example.org>"
    assert mail["Content-Language"] == "pt-BR"
    assert mail["Importance"] == "high"


def test_all_notices_of_a_parcel_share_a_root_that_is_none_of_them() -> None:
    first = read(written(envelope=Envelope("a" * 32, "anna@example.net", "o1/LP001")))
    later = read(written(envelope=Envelope("b" * 32, "anna@example.net", "o1/LP001")))
    other = read(written(envelope=Envelope("c" * 32, "anna@example.net", "o1/LP002")))
    assert first["References"] == later["References"] == first["In-Reply-To"] == later["In-Reply-To"]
    assert first["References"] != other["References"]
    assert first["References"] not in (first["Message-ID"], later["Message-ID"])
    assert first["Message-ID"] != later["Message-ID"]


def test_the_same_notice_is_the_same_bytes() -> None:
    assert written() == written()
    assert written() != written(envelope=Envelope("f" * 32, "anna@example.net", "o1-LP001"))


def test_the_domain_of_ids_may_be_another_than_the_senders() -> None:
    mail = read(written(sender=_mime.Sender("me@gmail.example", domain="parcels.example")))
    assert mail["Message-ID"].endswith("@parcels.example>")
    assert mail["From"] == "me@gmail.example"


@pytest.mark.parametrize("name", ["Zażółć gęślą", 'A "B" \\ C', "Dr. A, B <c@d.e>", "你好" * 20, "plain"])
def test_a_senders_name_is_shown_as_written(name: str) -> None:
    mail = check_form(written(sender=_mime.Sender("cw@example.org", name)))
    (sender,) = mail["From"].addresses
    assert sender.addr_spec == "cw@example.org"
    # Python's address parser puts a space between two encoded words (RFC 2047, 6.2: none belongs there).
    assert sender.display_name.replace(" ", "") == name.replace(" ", "")


@pytest.mark.parametrize("injection", INJECTIONS)
@pytest.mark.parametrize(
    "field", ["subject", "lang", "notice", "thread", "name", "text", "html", "preheader"]
)
def test_no_field_becomes_a_header(field: str, injection: str) -> None:
    message, envelope, sender = words(), ENVELOPE, SENDER
    if field in ("notice", "thread"):
        given: Any = {"notice": "n" * 32, "to": "anna@example.net", "thread": "t", field: injection}
        envelope = Envelope(**given)
    elif field == "name":
        sender = _mime.Sender(
            "cw@example.org",
            _clean.named_address(f"{injection.replace('<', '').replace('>', '')} <a@b.c>")[0],
        )
    else:
        message = words(**{field: injection})
    data = written(message, envelope, sender)
    mail = check_form(data)
    assert set(mail.keys()) <= ALWAYS
    head = data.split(b"\r\n\r\n")[0]
    assert b"Bcc" not in {line.split(b":")[0] for line in head.split(b"\r\n")}
    for value in mail.values():  # nor does any filter that decodes and writes again make one
        decoded = "".join(
            p.decode(c or "ascii") if isinstance(p, bytes) else p for p, c in decode_header(str(value))
        )
        assert "\n" not in decoded
        assert "\r" not in decoded
        assert "=?" not in str(value)


def test_the_controls_without_cleaning_the_same_subject_does_break_a_line() -> None:
    raw = INJECTIONS[0]
    decoded = "".join(p.decode(c or "ascii") if isinstance(p, bytes) else p for p, c in decode_header(raw))
    assert "\nBcc:" in decoded.replace(" ", "")
    unclean = EmailMessage()
    try:
        unclean["Subject"] = raw
        injected = message_from_bytes(unclean.as_bytes())["Bcc"]
    except ValueError:
        injected = None
    if injected is None:
        pytest.skip("this Python has the fix of cpython#121650; decode_header above is the control")
    assert "injected@example.com" in injected
    cleaned = EmailMessage()
    cleaned["Subject"] = _clean.header(raw)
    assert message_from_bytes(cleaned.as_bytes())["Bcc"] is None


@pytest.mark.parametrize(
    "to",
    [
        "anna@example.net\r\nBcc: x@y.z", "anna@example.net, b@c.d", "anna <a@b.c>", "a@b@c", "@b.c", "a@", "a b@c.d",
        "a@b..c", "a@-b.c", "a@b_c.d", "a\u202e@b.c", "a\u200b@b.c", '"a b"@c.d', "a@b.c>", "=?UTF-8?Q?=0A?=@b.c", "", "a@b.c\x00",
        "a@[127.0.0.1]", "x" * 65 + "@b.c", "a@" + "b" * 64 + ".c", "a\ud800@b.c",
    ],
)  # fmt: skip
def test_an_address_that_is_not_one_plain_address_is_refused_unrepeated(to: str) -> None:
    with pytest.raises(Permanent) as told:
        written(envelope=Envelope("n", to, "t"))
    assert str(told.value).isprintable()
    assert not to or to not in str(told.value)


@pytest.mark.parametrize(
    "to", ["a@b.c", "a+b.c@d-e.f", "o'neil@x.y", "me@localhost", "jürgen@example.org", "a@exämple.org"]
)
def test_plain_addresses_are_taken(to: str) -> None:
    check_form(written(envelope=Envelope("n", to, "t")))


def test_the_text_is_as_given_and_comes_first_whatever_the_script() -> None:
    for text in (
        "Plain.\n.\nFrom me\n",
        "Zażółć =_ gęślą\n" * 50,
        "你好，海关\n" * 50,
        "x" * 5000,
        "",
        "tab\there\n",
        "مرحبا \u2067x\u2069",
    ):
        plain, html = check_form(written(words(text=text, html=f"<p>{text}</p>"))).iter_parts()
        assert plain.get_content().replace("\r\n", "\n").removesuffix("\n") == text.removesuffix("\n")
        assert html.get_content().replace("\r\n", "\n").removesuffix("\n") == f"<p>{text}</p>"


def test_controls_and_overrides_of_direction_leave_the_body() -> None:
    plain, html = read(
        written(words(text="a\x1b[31m\u202eb\x00c\u2028d\r\ne", html="<p>\u202e\x07x</p>"))
    ).iter_parts()
    assert plain.get_content().splitlines() == ["a[31mbc", "d", "e"]
    assert html.get_content().strip() == "<p>x</p>"


def test_a_boundary_in_the_text_ends_no_part() -> None:
    boundary = read(written()).get_boundary()
    text = f"a\n--{boundary}\nContent-Type: text/html\n\n<b>x</b>\n--{boundary}--\n"
    plain, _ = check_form(written(words(text=text))).iter_parts()
    assert plain.get_content().splitlines() == text.splitlines()


ANY = st.text(st.characters(codec=None, categories=None), max_size=300)  # surrogates, controls and all


@settings(max_examples=60, deadline=None)
@given(subject=ANY, text=ANY, html=ANY, lang=ANY, notice=ANY, thread=ANY, name=ANY)
def test_any_text_at_all_gives_a_whole_mail(
    subject: str, text: str, html: str, lang: str, notice: str, thread: str, name: str
) -> None:
    sender = _mime.Sender("cw@example.org", _clean.header(name, 78))
    data = written(
        words(subject=subject, text=text, html=html, lang=lang), Envelope(notice, "a@b.c", thread), sender
    )
    mail = check_form(data)
    assert set(mail.keys()) <= ALWAYS
    assert " ".join(str(mail["Subject"]).split()) == " ".join(_clean.header(subject).split())
    plain, _ = mail.iter_parts()
    assert plain.get_content().replace("\r\n", "\n").removesuffix("\n") == _clean.body(text).removesuffix(
        "\n"
    )


@settings(max_examples=100, deadline=None)
@given(text=ANY)
def test_a_header_is_one_printable_line_and_stays_as_it_is_when_cleaned_again(text: str) -> None:
    cleaned = _clean.header(text)
    assert len(cleaned) <= 200
    assert len(cleaned.splitlines()) <= 1
    assert "=?" not in cleaned
    assert {unicodedata.category(char) for char in cleaned}.isdisjoint({"Cc", "Zl", "Zp", "Cs"})
    assert _clean.header(cleaned) == cleaned


def test_spelling_joiners_stay_and_hidden_ones_go() -> None:
    assert _clean.header("می\u200cخواهم") == "می\u200cخواهم"
    assert _clean.header("pay\u200dpal \u200cx\u200c") == "paypal x"
    assert _clean.header("a\u202eb\u2066c\u00add\ufeffe\u3164f") == "abcdef"


def test_ids_that_are_no_words_are_kept_apart_by_their_hash() -> None:
    tokens = {
        _clean.token(text)
        for text in ("o1/LP1", "o1 LP1", "o1-LP1", "订单/LP1", "", "\ud800", "../x", "x" * 500)
    }
    assert len(tokens) == 8
    assert all(
        token and set(token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
        for token in tokens
    )
