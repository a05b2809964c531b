"""Who a mail is from: only what the user's own provider vouches for is believed, and every forgery we know of is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.mailbox.trust import UNNAMED, judged, sender_domain
from workers.sources._mail_steps import known

OWNERS = ["aliexpress.com"]
GMAIL = ["mx.google.com"]
SHOP = ("From", "AliExpress <transaction@notice.aliexpress.com>")
PASSED = (
    "mx.google.com; dkim=pass header.i=@notice.aliexpress.com header.s=s1 header.b=AbCd; "
    "spf=pass (google.com: domain of x@notice.aliexpress.com designates 47.246.99.1 as permitted sender) "
    "smtp.mailfrom=x@notice.aliexpress.com; dmarc=pass (p=QUARANTINE sp=QUARANTINE dis=NONE) header.from=aliexpress.com"
)


def owner(*headers: tuple[str, str], providers: list[str] = GMAIL) -> str:
    return judged(headers, owners=OWNERS, providers=providers).owner


def results(text: str) -> tuple[str, str]:
    return ("Authentication-Results", text)


VOUCHED = [
    PASSED,
    PASSED.replace("header.from=aliexpress.com", "header.from=notice.aliexpress.com"),
    "mx.google.com; dmarc=pass header.from=aliexpress.com",
    "mx.google.com; dkim=pass header.d=aliexpress.com",
    "mx.google.com; dkim=pass header.i=@notice.aliexpress.com",
    "mx.google.com 1; dmarc=pass header.from=notice.aliexpress.com",
    "mx.google.com (a name (nested; dmarc=fail)); dmarc = pass header.from=notice.aliexpress.com",
    'mx.google.com; dkim=pass reason="2048-bit key; unprotected" header.d=notice.aliexpress.com',
    "mx.google.com; dkim=fail header.d=other.example; dkim=pass header.d=aliexpress.com",
    "mx.google.com; DKIM=Pass Header.D=ALIEXPRESS.COM",
]


@pytest.mark.parametrize("said", VOUCHED)
def test_what_the_provider_vouches_for_is_believed(said: str) -> None:
    assert owner(results(said), SHOP) == "aliexpress.com"


NOT_VOUCHED = [
    "mx.google.com; dmarc=fail (p=NONE) header.from=notice.aliexpress.com; dkim=pass header.d=aliexpress.com",
    "mx.google.com; dkim=pass header.d=evil.example; dmarc=none header.from=notice.aliexpress.com",
    "mx.google.com; dkim=pass header.d=notaliexpress.com",
    "mx.google.com; dkim=pass header.d=aliexpress.com.evil.example",
    "mx.google.com; dkim=pass header.i=@aliexpress.com@evil.example",
    "mx.google.com; dmarc=pass header.from=evil.example",
    "mx.google.com; dmarc=pass header.from=com",
    "mx.google.com; dmarc=pass header.from=other.aliexpress.com",
    "mx.google.com; spf=pass smtp.mailfrom=x@notice.aliexpress.com",
    "mx.google.com; none",
    "mx.google.com; dkim=neutral (dmarc=pass header.from=notice.aliexpress.com) header.d=aliexpress.com",
    'mx.google.com; dkim=fail reason="; dmarc=pass header.from=notice.aliexpress.com" header.d=aliexpress.com',
    'mx.google.com; dkim=pass reason="header.d=aliexpress.com" header.d=evil.example',
    "mx.google.com; dkim=pass reason=header.d=aliexpress.com header.d=evil.example",
    "mx.google.com (; dmarc=pass header.from=notice.aliexpress.com",
    'mx.google.com; dkim=fail "; dmarc=pass',
    "mx.google.com.evil.example; dmarc=pass header.from=notice.aliexpress.com",
    "evil.example; dmarc=pass header.from=notice.aliexpress.com",
    "dmarc=pass header.from=notice.aliexpress.com",
    "",
    "mx.google.com; dmarc=pass" + " " * 9_000,
]


@pytest.mark.parametrize("said", NOT_VOUCHED)
def test_what_the_provider_does_not_vouch_for_is_not_believed(said: str) -> None:
    assert owner(results(said), SHOP) == ""


def test_only_the_first_results_count_and_only_the_providers_own() -> None:
    forged = results(PASSED)
    assert (
        owner(results("mx.google.com; dkim=none; dmarc=fail header.from=aliexpress.com"), forged, SHOP) == ""
    )
    assert owner(results("mx.google.com; spf=fail; dkim=none"), forged, SHOP) == ""
    assert owner(results("relay.example; dkim=none"), forged, SHOP) == ""
    # A provider that writes one line for each method: the first that speaks of DKIM or DMARC decides.
    assert owner(results("mx.google.com; spf=pass"), forged, SHOP) == "aliexpress.com"
    assert owner(forged, results("evil.example; dmarc=fail"), SHOP) == "aliexpress.com"


def test_without_a_provider_or_results_nothing_is_believed() -> None:
    assert owner(SHOP) == ""
    assert owner(results(PASSED), SHOP, providers=[]) == ""
    assert owner(results(PASSED), SHOP, providers=[""]) == ""
    assert owner(results("dmarc=pass header.from=notice.aliexpress.com"), SHOP, providers=[""]) == ""
    trust = judged([SHOP], owners=OWNERS, providers=GMAIL)
    assert "no Authentication-Results" in trust.why
    assert trust.sender == "notice.aliexpress.com"


def test_a_provider_that_names_itself_nowhere_must_be_known_for_it() -> None:
    said = (
        "spf=pass (sender IP is 47.246.99.1) smtp.mailfrom=notice.aliexpress.com; dkim=pass (signature was verified) "
        "header.d=notice.aliexpress.com;dmarc=pass action=none header.from=notice.aliexpress.com;compauth=pass reason=100"
    )
    assert owner(results(said), SHOP, providers=[UNNAMED]) == "aliexpress.com"
    assert owner(results(said), SHOP) == ""
    assert owner(results(PASSED), SHOP, providers=[UNNAMED]) == ""
    failed = said.replace("dmarc=pass", "dmarc=fail")
    assert owner(results(failed), results(said), SHOP, providers=[UNNAMED]) == ""


# As these providers write them, line for line (see knowledge/mails.yaml for where they were seen); the shop's name put in.
WRITTEN = {
    "imap.mail.me.com": (
        'bimi.icloud.com; bimi=skipped reason="insufficient dmarc"',
        "arc.icloud.com; arc=none",
        "dmarc.icloud.com; dmarc=pass header.from=notice.aliexpress.com",
        "dkim-verifier.icloud.com; dkim=pass (2048-bit key) header.d=notice.aliexpress.com header.i=@notice.aliexpress.com",
        "spf.icloud.com; spf=pass (spf.icloud.com: domain of x designates 192.0.2.3) smtp.mailfrom=x@notice.aliexpress.com",
    ),
    "imap.mail.yahoo.com": (
        ("atlas206.free.mail.ne1.yahoo.com; dkim=pass header.i=@notice.aliexpress.com header.s=s1; "
        "spf=pass smtp.mailfrom=notice.aliexpress.com; dmarc=pass(p=QUARANTINE,sp=QUARANTINE) header.from=notice.aliexpress.com;"),
    ),
    "imap.fastmail.com": (
        ("mx6.messagingengine.com; dkim=pass (2048-bit rsa key sha256) header.d=aliexpress.com header.i=@aliexpress.com "
        "header.a=rsa-sha256 x-bits=2048; dmarc=pass policy.published-domain-policy=quarantine (p=quarantine,d=none) "
        "policy.policy-from=p header.from=notice.aliexpress.com; iprev=pass smtp.remote-ip=192.0.2.3 (a.example)"),
    ),
    "imap.mail.ru": (
        ("mxs.mail.ru; spf=pass (mx285.i.mail.ru: domain of x designates 192.0.2.3 as permitted sender) "
        "smtp.mailfrom=x@notice.aliexpress.com smtp.helo=a.example; dkim=pass header.d=other.example; "
        "dmarc=pass header.from=x@notice.aliexpress.com"),
    ),
    "imap.gmail.com": (PASSED,),
}  # fmt: skip


@pytest.mark.parametrize("host", WRITTEN)
def test_the_lines_of_known_providers_vouch_and_a_forgers_lines_below_theirs_do_not(host: str) -> None:
    names = list(next(p.names for p in known().providers if host in p.hosts))
    lines = [results(line) for line in WRITTEN[host]]
    assert owner(*lines, SHOP, providers=names) == "aliexpress.com"
    failing = [
        results(line.replace("=pass", "=fail").replace("aliexpress.com", "evil.example"))
        for line in WRITTEN[host]
    ]
    assert owner(*failing, *lines, SHOP, providers=names) == ""
    elsewhere = next(other for other in WRITTEN if other != host)
    assert (
        owner(*lines, SHOP, providers=list(next(p.names for p in known().providers if elsewhere in p.hosts)))
        == ""
    )


def test_a_forgers_line_behind_the_sender_says_nothing() -> None:
    real = results(
        "atlas206.aol.mail.ne1.yahoo.com; dkim=unknown; spf=none smtp.mailfrom=a.example; dmarc=unknown header.from=a.example;"
    )
    forged = results("aaa.com; dkim=pass header.i=@aliexpress.com")
    assert owner(real, SHOP, forged, providers=[".yahoo.com"]) == ""


def test_a_provider_may_have_many_names_with_one_ending() -> None:
    said = "mta1.mail.bf1.yahoo.com; dkim=pass header.d=aliexpress.com"
    assert owner(results(said), SHOP, providers=[".mail.bf1.yahoo.com"]) == "aliexpress.com"
    assert owner(results(said), SHOP, providers=[".bf2.yahoo.com"]) == ""
    assert (
        owner(results("evilyahoo.com; dkim=pass header.d=aliexpress.com"), SHOP, providers=[".yahoo.com"])
        == ""
    )


@pytest.mark.parametrize(
    ("value", "domain"),
    [
        ("AliExpress <transaction@notice.aliexpress.com>", "notice.aliexpress.com"),
        ("transaction@notice.aliexpress.com", "notice.aliexpress.com"),
        ("<transaction@Notice.AliExpress.COM>", "notice.aliexpress.com"),
        ('"Ali, Express" <transaction@notice.aliexpress.com>', "notice.aliexpress.com"),
        ("=?utf-8?B?QWxpRXhwcmVzcw==?= <transaction@notice.aliexpress.com>", "notice.aliexpress.com"),
        ("AliExpress (shop) <transaction@notice.aliexpress.com>", "notice.aliexpress.com"),
        ('"transaction@notice.aliexpress.com" <a@evil.example>', "evil.example"),
        ("transaction@notice.aliexpress.com <a@evil.example>", ""),
        ("a@evil.example, transaction@notice.aliexpress.com", ""),
        ("Shop: transaction@notice.aliexpress.com;", ""),
        ("<transaction@notice.aliexpress.com> <a@evil.example>", ""),
        ("transaction@notice.aliexpress.com(", ""),
        ("transaction@notice.aliexprеss.com", ""),  # a Cyrillic e
        ("transaction@[192.0.2.1]", ""),
        ("transaction", ""),
        ("", ""),
    ],
)
def test_the_sender_is_the_one_plain_address(value: str, domain: str) -> None:
    assert sender_domain([("from", value)]) == domain


def test_a_mail_with_two_senders_has_none() -> None:
    assert sender_domain([SHOP, SHOP]) == ""
    assert sender_domain([("Reply-To", "a@aliexpress.com")]) == ""


@pytest.mark.parametrize(
    "sender", ["a@aliexpress.com.evil.example", "a@notaliexpress.com", "a@aliexpress.co"]
)
def test_a_domain_that_only_looks_like_the_shops_is_another_sender(sender: str) -> None:
    said = results(f"mx.google.com; dmarc=pass header.from={sender.partition('@')[2]}")
    trust = judged([said, ("From", sender)], owners=OWNERS, providers=GMAIL)
    assert (trust.owner, trust.why) == ("", "it names another sender")


PIECES = ["mx.google.com", ";", "dkim", "=", "pass", "fail", "header.d", "header.i", "@", "evil.example",
          "(", ")", '"', "\\", " ", "reason", "dmarc=fail"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_no_line_that_never_names_the_shop_nor_a_pass_of_dmarc_vouches_for_it(line: str) -> None:
    trust = judged([results(line), SHOP], owners=OWNERS, providers=GMAIL)
    assert not trust.owner
    assert trust.why
