"""Who may push: a signature counts over the very bytes, under the one secret, and nothing else does."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.web import pushes
from tests.web.pushes import KEY, NUMBER, PATH, SCHEMES, SECRET, Scheme
from workers.errors import Permanent, Temporary
from workers.sources import Push, kinds, load
from workers.sources._seventeentrack import unpack

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
IDS = [scheme.kind for scheme in SCHEMES]
SIGNS_BODY = [scheme for scheme in SCHEMES if scheme.kind != "ship24"]


def verified(kind: str, settings: object, body: bytes, headers: dict[str, str], path: str = "") -> bool:
    module = load(kind)
    return bool(module.verified(module.Settings.model_validate(settings), Push(body, headers, path), now=NOW))


def test_the_two_functions_of_a_push_come_together() -> None:
    pushing = {kind for kind in kinds() if hasattr(load(kind), "verified")}
    assert pushing == {kind for kind in kinds() if hasattr(load(kind), "pushed")}
    assert pushing == {*IDS, "parcelsapp"}


@pytest.mark.parametrize("scheme", SCHEMES, ids=IDS)
def test_what_the_service_signed_is_taken(scheme: Scheme) -> None:
    assert verified(scheme.kind, scheme.settings, scheme.body, scheme.sign(scheme.body))


@pytest.mark.parametrize("scheme", SCHEMES, ids=IDS)
def test_another_secret_an_empty_one_a_cut_one_and_none_are_refused(scheme: Scheme) -> None:
    right = scheme.sign(scheme.body)[scheme.header]
    wrong = [scheme.sign(scheme.body, other)[scheme.header] for other in ("", "other-secret", KEY + " ")]
    wrong += ["", " ", right[:-1], right + "0", right[::-1], "\xff", "null", f"{right}, {right}"]
    for said in wrong:
        assert not verified(scheme.kind, scheme.settings, scheme.body, {scheme.header: said}), said
    assert not verified(scheme.kind, scheme.settings, scheme.body, {})
    assert not verified(scheme.kind, scheme.settings, scheme.body, {"x-other": right})


@pytest.mark.parametrize("scheme", SIGNS_BODY, ids=[scheme.kind for scheme in SIGNS_BODY])
def test_any_other_bytes_are_refused_though_they_mean_the_same(scheme: Scheme) -> None:
    headers = scheme.sign(scheme.body)
    others = [
        json.dumps(json.loads(scheme.body), indent=1).encode(), scheme.body + b"\n", b" " + scheme.body,
        scheme.body.replace(NUMBER.encode(), b"LP00999999999999"), scheme.body[:-1], b"", b"\xef\xbb\xbf" + scheme.body,
    ]  # fmt: skip
    for body in others:
        assert body != scheme.body
        assert not verified(scheme.kind, scheme.settings, body, headers)


@pytest.mark.parametrize("kind", ["aftership", "ship24", "easypost"])
def test_a_source_without_a_secret_takes_no_push_whatever_is_sent(kind: str) -> None:
    scheme = next(each for each in SCHEMES if each.kind == kind)
    bare = {"token": KEY}
    for secret in ("", SECRET, KEY):
        assert not verified(kind, bare, scheme.body, scheme.sign(scheme.body, secret))
    assert not verified(kind, {**bare, "webhook_secret": ""}, scheme.body, scheme.sign(scheme.body, ""))


def test_17track_signs_by_a_digest_and_not_by_an_hmac() -> None:
    scheme = SCHEMES[0]
    hmac = pushes.sha256_hmac_hex(scheme.body, KEY)
    assert not verified(scheme.kind, scheme.settings, scheme.body, {"sign": hmac})


def test_the_published_vector_of_17track_passes(shared: Path) -> None:
    vector = json.loads((shared / "payloads" / "17track" / "webhook-sign-vector.json").read_text())
    body, settings = vector["raw_body"].encode(), {"token": vector["api_key"]}
    assert verified("seventeentrack", settings, body, {"sign": vector["header_sign"]})
    assert not verified("seventeentrack", settings, body + b" ", {"sign": vector["header_sign"]})
    assert not verified("seventeentrack", {"token": "123456"}, body, {"sign": vector["header_sign"]})


def test_aftership_may_name_its_header_in_both_ways() -> None:
    scheme = SCHEMES[1]
    said = scheme.sign(scheme.body)[scheme.header]
    assert verified(scheme.kind, scheme.settings, scheme.body, {"as-signature-hmac-sha256": said})


ADDRESS = f"https://example.org/push/apps/{PATH}"


def test_parcelsapp_is_known_by_its_address_alone() -> None:
    settings = {"token": KEY, "webhook_url": ADDRESS}
    body = pushes.parcelsapp()
    assert verified("parcelsapp", settings, body, {}, PATH)
    for path in ("", PATH[:-1], PATH + "x", PATH.lower(), f"{PATH}/", ADDRESS):
        assert not verified("parcelsapp", settings, body, {}, path)
    assert not verified("parcelsapp", {"token": KEY}, body, {}, "")


@pytest.mark.parametrize(
    "url",
    [
        f"http://example.org/push/apps/{PATH}",
        "https://example.org/push/apps/short",
        "https://example.org/",
        f"https://example.org/push/{PATH}",
    ],
)
def test_an_address_that_can_be_guessed_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        load("parcelsapp").Settings.model_validate({"token": KEY, "webhook_url": url})
    assert "22 or more" in str(caught.value.errors(include_input=False))


# -- what a verified push says ---------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES, ids=IDS)
def test_a_push_shows_its_number_and_its_event(scheme: Scheme) -> None:
    news = load(scheme.kind).pushed(scheme.body, source="s")
    (sighting,) = news.found[NUMBER].read()
    assert sighting.text == "Import customs clearance started"
    assert sighting.source == "s"
    assert news.partial == (scheme.kind == "ship24")
    assert news.look == ()


def test_the_look_after_a_push_of_17track_has_the_same_fingerprint() -> None:
    body = SCHEMES[0].body
    answer = {"code": 0, "data": {"accepted": [json.loads(body)["data"]], "rejected": []}}
    polled = json.dumps(answer, separators=(",", ":")).encode()
    (item,) = unpack(polled).items
    assert load("seventeentrack").pushed(body, source="s").found[NUMBER].fingerprint == item.fingerprint


def test_what_17track_stopped_and_what_parcelsapp_says_is_looked_up() -> None:
    for kind, body in (("seventeentrack", pushes.stopped()), ("parcelsapp", pushes.parcelsapp())):
        news = load(kind).pushed(body, source="s")
        assert (dict(news.found), news.look) == ({}, (NUMBER,))


GARBAGE: list[bytes] = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"7",
    b'"x"',
    b"\xff\xfe",
    b"[" * 20_000,
    b'{"data":7}',
    b"<html>",
]
ODD: list[Any] = [None, 7, "x", [], {}, [[]], True, 10**30, "\x00\n"]


@pytest.mark.parametrize("kind", [kind for kind in kinds() if hasattr(load(kind), "pushed")])
def test_garbage_after_a_good_signature_is_an_error_of_the_house_or_nothing(kind: str) -> None:
    module = load(kind)
    for body in GARBAGE:
        assert not readable(module, body)
    example = {scheme.kind: scheme.body for scheme in SCHEMES}
    whole = json.loads(example.get(kind, pushes.parcelsapp()))
    for key in whole:
        for odd in ODD:
            told(module, {**whole, key: odd})
            if isinstance(whole[key], dict):
                for inner in whole[key]:
                    told(module, {**whole, key: {**whole[key], inner: odd}})


def readable(module: Any, body: bytes) -> bool:
    try:
        return bool(module.pushed(body, source="s").found)
    except (Temporary, Permanent):
        return False


def told(module: Any, said: dict[str, Any]) -> None:
    try:
        news = module.pushed(json.dumps(said).encode(), source="s")
        for found in news.found.values():
            found.read()
    except (Temporary, Permanent):
        return
    assert all(isinstance(number, str) and number for number in (*news.found, *news.look))


def test_the_recorded_pushes_of_the_services_say_what_their_index_says(shared: Path) -> None:
    def said(kind: str, name: str) -> tuple[list[str], tuple[str, ...]]:
        news = load(kind).pushed((shared / "payloads" / name).read_bytes(), source="s")
        return sorted(news.found), news.look

    usps = "9400111206213785678901"
    assert said("seventeentrack", "17track/webhook-tracking-updated-customs.synthetic.json") == (
        ["LP00000000000001"],
        (),
    )
    assert said("seventeentrack", "17track/webhook-tracking-stopped.json") == ([], ("AA123456789BR",))
    assert said("aftership", "aftership/webhook-tracking-update-2026-07.trimmed.json")[0] == [
        "0000000000000000"
    ]
    assert "9400115901047177598206" in said("ship24", "ship24/webhook-tracking-results.json")[0]
    assert said("parcelsapp", "parcelsapp/webhook-shipmentCompleted.json") == ([], (usps,))
    assert said("parcelsapp", "parcelsapp/webhook-batchCompleted.json") == ([], (usps,))
    assert said("parcelsapp", "parcelsapp/webhook-trackingError.json") == ([], ())
