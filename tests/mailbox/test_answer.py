"""A reply and a bounce taken apart: what each is about, and everything that is neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers.replying import ANA, bounce, reply
from workers.core.reply import Said, understood
from workers.knowledge.replies import understood_by
from workers.mailbox.answer import Bounce, Reply, taken_apart

ONE, TWO, THREAD = "1" * 32, "2" * 32, "0" * 32
DOMAIN = "example.net"


def said(raw: bytes) -> Said | None:
    found = taken_apart(raw, DOMAIN)
    assert isinstance(found, Reply)
    return understood(found.lines, understood_by("de"))


def test_a_reply_is_about_the_mail_it_answers_before_those_it_mentions() -> None:
    found = taken_apart(reply(ONE), DOMAIN)
    assert isinstance(found, Reply)
    assert (found.about, found.sender) == ((ONE, THREAD), ANA)
    only_references = reply(ONE).replace(b"In-Reply-To", b"X-Other")
    found = taken_apart(only_references, DOMAIN)
    assert isinstance(found, Reply)
    assert found.about == (ONE, THREAD)


@pytest.mark.parametrize(
    "raw",
    [
        reply(ONE, domain="evil.example"),
        reply(ONE, domain="example.net.evil.example"),
        reply("F" * 32, thread="G" * 32),
        reply("1" * 31, thread="-"),
        reply(ONE, extra=(("Auto-Submitted", "auto-replied"),)),
        reply(ONE, extra=(("Auto-Submitted", "auto-generated; type=vacation"),)),
        reply(ONE, extra=(("Precedence", "bulk"),)),
        reply(ONE, extra=(("Precedence", "auto_reply"),)),
        reply(ONE, extra=(("X-Autoreply", "yes"),)),
        reply(ONE, extra=(("X-Autorespond", "out of office"),)),
        reply(ONE, extra=(("Return-Path", "<>"),)),
        reply(ONE, extra=(("List-Id", "<friends.example.org>"),)),
        b"",
        b"\xff\xfe\x00",
        b"In-Reply-To: <" + b"1" * 40_000,
    ],
    ids=lambda raw: str(raw[:40]),
)
def test_what_names_no_mail_of_ours_or_was_written_by_a_machine_is_nothing(raw: bytes) -> None:
    assert taken_apart(raw, DOMAIN) is None


def test_auto_submitted_no_is_a_person() -> None:
    assert said(reply(ONE, extra=(("Auto-Submitted", "no"),))) is Said.PAID


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        (reply(ONE, "Seen"), Said.SEEN),
        (reply(ONE, "Bezahlt, danke"), Said.PAID),
        (reply(ONE, "", html="<html><head><style>stop</style></head><body><div>Paid<br></div><blockquote>stop</blockquote></body>"), Said.PAID),
        (reply(ONE, "Paid", html="<p>stop</p>"), Said.PAID),  # the plain part is the one that counts
        (reply(ONE, "", html="<!-- paid --><script>paid</script><p>Hello there, all</p><p>paid</p>"), None),
        (reply(ONE, ""), None),  # bottom-posted, or empty: what is quoted says nothing
        (reply(ONE, "", quoted="> paid\n> stop\n"), None),
        (reply(ONE, "", quoted="-----Original Message-----\nFrom: Parcels\n\nPaid\n"), None),
        (reply(ONE, "\u200fpaid\u200e"), Said.PAID),  # marks of direction, as Hebrew mails have them
        (reply(ONE, "pa\u200bid"), None),
        (reply(ONE, "Subject: paid"), None),
        (reply(ONE, "paid\x00stop"), None),
    ],
    ids=range(12),
)  # fmt: skip
def test_only_what_a_person_wrote_above_the_quotation_is_read(raw: bytes, answer: Said | None) -> None:
    assert said(raw) is answer


def test_a_mail_enclosed_in_a_reply_says_nothing() -> None:
    inner = reply(ONE, "stop").decode()
    raw = (
        f"From: {ANA}\nIn-Reply-To: <{ONE}@{DOMAIN}>\nDate: Tue, 24 Nov 2026 09:00:00 +0000\n"
        'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="x"\n\n'
        f"--x\nContent-Type: message/rfc822\n\n{inner}\n--x--\n"
    ).encode()
    assert said(raw) is None


@pytest.mark.parametrize(
    "senders",
    [
        (("From", "eve@evil.example"),),
        (("From", "ana@example.org, eve@evil.example"),),
    ],
)
def test_two_senders_are_none(senders: tuple[tuple[str, str], ...]) -> None:
    head = "".join(f"{name}: {value}\n" for name, value in senders)
    found = taken_apart(head.encode() + reply(ONE), DOMAIN)
    assert isinstance(found, Reply)
    assert found.sender == ""


@pytest.mark.parametrize("headers_only", [True, False])
def test_a_bounce_names_the_mail_the_recipient_and_the_status(headers_only: bool) -> None:
    assert taken_apart(bounce(ONE, headers_only=headers_only), DOMAIN) == Bounce((ONE,), ANA, "5.1.1")


@pytest.mark.parametrize(
    "raw",
    [
        bounce(ONE, action="delayed", status="4.4.1"),
        bounce(ONE, action="delivered", status="2.0.0"),
        bounce(ONE, status="4.2.2"),
        bounce(ONE, status="nonsense"),
        bounce(ONE, domain="evil.example"),
        bounce("not-an-id"),
        bounce(ONE).replace(b"message/delivery-status", b"text/plain"),
        bounce(ONE).replace(b"Final-Recipient: rfc822;", b"Final-Recipient: x400;").replace(b"Original-Recipient: rfc822;", b"X: "),
    ],
    ids=range(8),
)  # fmt: skip
def test_what_is_no_final_failure_of_a_mail_of_ours_is_no_bounce(raw: bytes) -> None:
    assert taken_apart(raw, DOMAIN) is None


@given(st.binary(max_size=400), st.booleans())
def test_no_mail_breaks_it(noise: bytes, returned: bool) -> None:
    raw = bounce(ONE) if returned else reply(ONE)
    at = len(raw) // 2
    taken_apart(raw[:at] + noise + raw[at:], DOMAIN)
    taken_apart(noise + raw, DOMAIN)
