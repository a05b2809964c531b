"""The http_json source: any API by configuration, every shipped recipe, and what it refuses to be configured to."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.servers._faulty import FaultyServer, Reply, Request
from workers import loading, resources
from workers.core.model import Stage
from workers.errors import Misconfigured, Permanent, Temporary
from workers.knowledge.words import load_codes
from workers.sources import Ask, Found, NoNews, Outcome, http_json

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
HERE = Path(__file__).parent
PAYLOADS = HERE.parents[1].parent / "shared" / "payloads"
A, B = "LX000000001CN", "LX000000002CN"
WITHOUT_PLACE = {"allow_hosts": ["127.0.0.1"], "events": "events", "text": "text", "time": "at"}


class Api:
    """An API that knows what a test tells it: answers by path."""

    def __init__(self) -> None:
        self.answers: dict[str, Reply] = {}

    def __call__(self, request: Request) -> Reply:
        return self.answers.get(request.path.partition("?")[0], Reply(b'{"missing": true}', 404))

    def say(self, path: str, answer: Any, status: int = 200) -> None:
        self.answers[path] = Reply(json.dumps(answer).encode(), status)


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def server(api: Api) -> Iterator[FaultyServer]:
    with FaultyServer(api) as running:
        yield running


def look(server: FaultyServer, settings: dict[str, Any], *numbers: str, **fields: str) -> list[Outcome]:
    said = {**WITHOUT_PLACE, "url": server.origin + "/p/{number}", **settings}
    source = http_json.open(
        http_json.Settings.model_validate(said), name="any", clock=lambda: NOW, sleep=lambda _: None
    )
    try:
        outcomes = source.track([Ask(number, number, **fields) for number in numbers])
    finally:
        source.close()
    return [outcomes[number] for number in numbers]


def test_secrets_and_numbers_are_put_where_the_configuration_says(api: Api, server: FaultyServer) -> None:
    api.say("/p/LX000000001CN", {"events": [{"text": "In customs", "at": "2026-11-12T10:00:00Z"}]})
    settings = {
        "query": {"apikey": "{key}", "zip": "{postcode}"},
        "headers": {"X-Client": "{client}"},
        "secrets": {"key": "k&1", "client": "me"},
        "user": "anna",
        "password": "pw",
    }
    (shown,) = look(server, settings, A, postcode="10115")
    assert isinstance(shown, Found)
    (request,) = server.requests
    assert request.path == "/p/LX000000001CN?apikey=k%261&zip=10115"
    assert request.headers["x-client"] == "me"
    assert request.headers["authorization"] == "Basic " + base64.b64encode(b"anna:pw").decode()


def test_neither_secrets_nor_passwords_show(server: FaultyServer) -> None:
    secret, password = "a-secret-key", "a-secret-word"
    said = {
        **WITHOUT_PLACE,
        "url": server.origin + "/{number}",
        "headers": {"X-Key": "{key}", "X-Other": "a-secret-header"},
        "query": {"key": "{key}"},
        "secrets": {"key": secret},
        "user": "anna",
        "password": password,
    }
    settings = http_json.Settings.model_validate(said)
    source = http_json.open(settings, name="any", clock=lambda: NOW)
    packed = base64.b64encode(f"anna:{password}".encode()).decode()
    for fault in (Reply(b"", 401), Reply(b"<html>", 403), Reply(b"", 302, {"Location": "/"}), Reply(b"x")):
        server.inject(fault)
        with pytest.raises((Temporary, Permanent)) as raised:
            source.track([Ask("p", A)])
        shown = f"{raised.value!r} {raised.value} {source.__dict__!r} {settings!r}"
        assert not any(each in shown for each in (secret, password, packed, "a-secret-header"))
    source.close()


def test_a_body_is_posted_with_the_number_in_it(api: Api, server: FaultyServer) -> None:
    api.say("/track", {"events": []})
    body = {"numbers": ["{number}"], "auth": {"key": "{key}"}}
    (empty,) = look(server, {"url": server.origin + "/track", "body": body, "secrets": {"key": "k"}}, A)
    assert isinstance(empty, NoNews)
    assert json.loads(server.requests[0].body) == {"numbers": [A], "auth": {"key": "k"}}
    assert server.requests[0].method == "POST"


def test_unknown_invalid_and_erroneous_answers_are_told_apart_in_any_status(
    api: Api, server: FaultyServer
) -> None:
    settings = {"unknown": "missing", "invalid": "bad", "error": "oops"}
    api.say("/p/A1111", {"missing": True})
    api.say("/p/A2222", {"bad": True}, 400)
    api.say("/p/A3333", {"oops": "we are\nill"})
    api.say("/p/A4444", {"events": [{"text": "x"}]})
    unknown, invalid, ill, well, not_there = look(
        server, settings, "A1111", "A2222", "A3333", "A4444", "A5555"
    )
    assert isinstance(unknown, NoNews)
    assert isinstance(invalid, Permanent)
    assert isinstance(ill, Temporary)
    assert "we are ill" in str(ill)
    assert isinstance(well, Found)
    assert isinstance(not_there, NoNews), "a 404 whose body says so"
    with pytest.raises(Temporary):
        look(server, {}, "A5555")  # the same, where nobody said what the body means


def test_an_answer_about_another_number_is_no_answer(api: Api, server: FaultyServer) -> None:
    api.say("/p/" + A, {"id": B, "events": [{"text": "x"}]})
    (other,) = look(server, {"number": "id"}, A)
    assert isinstance(other, Temporary)
    api.say("/p/" + A, {"id": "lx000000001cn", "events": [{"text": "x"}]})
    assert isinstance(look(server, {"number": "id"}, A)[0], Found)


def test_paths_that_find_nothing_are_errors_not_silence(api: Api, server: FaultyServer) -> None:
    api.say("/p/" + A, {"list": [{"words": "x"}], "events": [{"words": "x"}]})
    with pytest.raises(Temporary, match="no words"):
        look(server, {}, A)
    with pytest.raises(Temporary, match="no list"):
        look(server, {"events": "elsewhere"}, A)
    with pytest.raises(Temporary, match="does not fit"):
        look(server, {"events": "length(`5`)"}, A)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "events and text"),
        ({"recipe": "nowhere-post"}, "there is no recipe"),
        ({"recipe": "postnord"}, "{key} is not given"),
        ({"events": "a[", "text": "b", "url": "https://a.example/{number}"}, "no JMESPath"),
        ({"events": "a", "text": "b", "zone": "Mars/Base", "url": "https://a.example/"}, "no time zone"),
        ({"events": "a", "text": "b", "url": "http://a.example/{number}"}, "https://"),
        ({"events": "a", "text": "b", "url": "file:///etc/passwd"}, "host"),
        ({"events": "a", "text": "b", "url": "https://{number}.example/"}, "host in full"),
        ({"events": "a", "text": "b", "url": "https://user:pw@a.example/{number}"}, "no password"),
        (
            {"events": "a", "text": "b", "url": "https://a.example/", "headers": {"X": "a\nb"}},
            "no header can carry",
        ),
        ({"events": "a", "text": "b", "url": "https://a.example/{secret}"}, "{secret} is not given"),
        ({"events": "a", "text": "b", "url": "https://[::1"}, "no address"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused_with_a_reason(
    settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        http_json.Settings.model_validate(settings)
    assert said in str(raised.value)


def test_a_mistake_in_the_users_file_is_told_with_its_line() -> None:
    text = "url: https://a.example/{number}\nevents: a\ntext: b\ntime: 'a['\n"
    with pytest.raises(Misconfigured, match=r"orders\.yaml:4"):
        loading.validate(http_json.Settings, loading.parse(text, file="orders.yaml"))


# --- shipped recipes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", http_json.recipes())
def test_a_recipe_is_whole_says_its_source_and_has_recorded_answers(name: str) -> None:
    text = resources.knowledge(f"recipes/{name}.yaml").read_text()
    secrets = dict.fromkeys(("key", "user", "token", "account", "client_id", "client_secret"), "x")
    settings = http_json.Settings.model_validate({"recipe": name, "secrets": secrets})
    plan = http_json.Plan(settings)
    url, query, headers, content = plan.request(Ask("p", A))
    assert url.startswith("https://")
    assert content is None
    assert A in url + json.dumps(query)
    assert "source:" in text
    assert "verified:" in text
    assert "checked: 2" in text
    for slot in secrets:
        if f"{{{slot}}}" in text:
            assert slot in text.partition("note:")[2].splitlines()[0], f"the note does not speak of {slot}"
    assert list((HERE / "http_json").glob(f"{name}*.expected.json"))
    assert plan.shape.system == "" or plan.shape.system in load_codes(resources.knowledge("codes"))
    assert headers is not None


def test_recipes_codes_are_those_of_our_tables() -> None:
    codes = load_codes(resources.knowledge("codes"))
    for name, system, code, stage in (
        ("correios", "correios", "PAR 25", Stage.DOCUMENTS_REQUIRED),
        ("royal-mail", "royalmail", "EVJIC", Stage.IMPORT_CUSTOMS),
    ):
        expected = (HERE / "http_json" / f"{name}.expected.json").read_text()
        assert f'"code": "{code}"' in expected
        assert codes[system][code].says.stage is stage


def test_what_the_user_writes_wins_over_the_recipe(api: Api, server: FaultyServer) -> None:
    api.say(
        "/mine", {"TrackingInformationResponse": {"shipments": [{"items": [{"events": [{"label": "x"}]}]}]}}
    )
    mine = {"recipe": "postnord", "url": server.origin + "/mine", "text": "label", "secrets": {"key": "k"}}
    said = {"allow_hosts": ["127.0.0.1"], "query": {"locale": "sv"}, **mine}
    source = http_json.open(http_json.Settings.model_validate(said), name="any", clock=lambda: NOW)
    outcome = source.track([Ask("p", A)])["p"]
    source.close()
    assert isinstance(outcome, Found)
    assert [s.text for s in outcome.read()] == ["x"]
    assert "locale=sv" in server.requests[0].path
    assert f"id={A}" in server.requests[0].path


@pytest.mark.skipif(not PAYLOADS.is_dir(), reason="the reference payloads are not here")
def test_the_reference_answers_of_australia_post_are_read() -> None:
    def read(name: str) -> Any:
        answer = json.loads((PAYLOADS / "auspost" / name).read_text())
        return http_json.parse({"http_json": {"recipe": "australia-post"}, "answer": answer}, source="x")

    texts = {s.text for told in read("track-items-in-customs.json").values() for s in told}
    assert {"Item is in Customs", "Item cleared by Customs"} <= texts
    with pytest.raises(Permanent):
        read("track-item-error.json")
    with pytest.raises(Temporary, match="10 or less"):
        read("error-too-many-ids.json")
