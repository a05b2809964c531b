"""Ask any JSON API by configuration: an address with {number}, headers, and JMESPath to the fields. No code is run.

A recipe (``knowledge/recipes/<id>.yaml``) is such a configuration for one carrier, shipped with us; what the user's file
says beside it wins. Only addresses of the public internet are reached, and hosts named in ``allow_hosts``; redirects are
refused.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Self
from urllib.parse import quote, urlsplit

from msgspec import json as wire
from pydantic import Field, SecretStr, model_validator

from workers import loading, resources
from workers.core.model import Sighting
from workers.errors import Misconfigured, Permanent, Temporary
from workers.guard import named
from workers.sources import Ask, NoNews, Outcome
from workers.sources import _json_shape as shapes
from workers.sources._fields import name as number_of
from workers.sources._fields import table
from workers.sources._http import CAP, Wire
from workers.sources._json_shape import Shape
from workers.sources._reach import Reach, checked
from workers.sources._single import Refused, decoded, one_by_one, refusal, shown

_SLOT = re.compile(r"\{([a-z_]+)\}")
_HINT = "are the secrets right, and does the account cover this interface?"


class Recipe(Shape):
    """A shipped configuration. ``verified: yes`` means that its shape was seen in an answer of the live service."""

    title: str
    verified: bool
    source: str
    checked: str
    url: str
    headers: Mapping[str, str] = Field(default_factory=dict)
    query: Mapping[str, str] = Field(default_factory=dict)
    rate: float = Field(gt=0)
    note: str = ""


EACH = True


class Settings(Shape):
    """Options of an http_json source."""

    recipe: str = Field(default="", pattern=r"^[a-z0-9_-]*$", description="a shipped recipe")
    url: str = Field(default="", description="address, with {number} where the number goes")
    headers: Mapping[str, SecretStr] = Field(default_factory=dict, description="headers of the request")
    query: Mapping[str, SecretStr] = Field(default_factory=dict, description="fields of the query")
    body: dict[str, Any] | None = Field(
        default=None, description="JSON to post; without it the request is a GET"
    )
    user: str = Field(default="", description="for basic authentication")
    password: SecretStr = Field(default=SecretStr(""), description="for basic authentication")
    secrets: Mapping[str, SecretStr] = Field(
        default_factory=dict, description="values for the recipe's {names}"
    )
    allow_hosts: Sequence[str] = Field(
        default=(), description="hosts that may have a private address, or plain http"
    )
    rate: float | None = Field(default=None, gt=0, le=100, description="calls per second")
    batch: int = Field(default=5, ge=1, le=50, description="numbers in one look, a call each")
    timeout: float = Field(default=20.0, gt=0, le=300, description="seconds to wait")
    largest: int = Field(default=CAP, ge=1, description="bytes of an answer at most")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        Plan(self).request(Ask("", "A1", postcode="1"))  # both raise ValueError with what is wrong
        return self


class Plan:
    """A recipe and the user's options as one. Its repr shows no secret."""

    def __init__(self, settings: Settings) -> None:
        recipe = _recipe(settings.recipe) if settings.recipe else None
        base = recipe.model_dump() if recipe else {}
        own = settings.model_dump(exclude_defaults=True)
        fields = {key: own.get(key, base.get(key, "")) for key in Shape.model_fields}
        if missing := [key for key in ("events", "text") if not fields[key]]:
            raise ValueError(f"{' and '.join(missing)} must be given, here or by a recipe")
        self.shape = Shape.model_validate(fields)
        self.url = settings.url or str(base.get("url", ""))
        checked(self.url, settings.allow_hosts, key="url")
        self.title = recipe.title if recipe else urlsplit(self.url).hostname or "the service"
        self.rate = settings.rate or float(base.get("rate", 1.0))
        self._settings = settings
        self._headers = _texts(base.get("headers", {}), settings.headers)
        self._query = _texts(base.get("query", {}), settings.query)
        self._basic: dict[str, str] = {}
        if settings.user:
            pair = f"{settings.user}:{settings.password.get_secret_value()}".encode()
            self._basic = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    def request(self, ask: Ask) -> tuple[str, dict[str, str], dict[str, str], bytes | None]:
        """Return address, query, headers and body for one number; raises ValueError for a {name} nobody gave."""
        said = {"number": number_of(ask.number), "postcode": ask.postcode}
        secrets = {key: value.get_secret_value() for key, value in self._settings.secrets.items()}
        url = _filled(self.url, {key: quote(value, safe="") for key, value in said.items()})
        query = {key: _filled(value, {**secrets, **said}) for key, value in self._query.items()}
        headers = {key: _filled(value, {**secrets, **said}) for key, value in self._headers.items()}
        for key, value in headers.items():
            if not re.fullmatch(r"[!#-'*+.^_`|~0-9A-Za-z-]+", key) or not re.fullmatch(r"[ -~]*", value):
                raise ValueError(f"header {key!r} holds signs that no header can carry")
        body = self._settings.body
        content = wire.encode(_deep(body, {**secrets, **said})) if body is not None else None
        return url, query, {**self._basic, **headers}, content


def parse(payload: bytes | Mapping[str, Any], *, source: str) -> Mapping[str, Sequence[Sighting]]:
    """Return the sightings of a recorded answer by number, oldest first; raises Temporary.

    An answer alone does not say how to read it, so it stands in an envelope: ``{"http_json": {"recipe": "postnord"},
    "answer": {...}}``, or with a shape's fields instead of a recipe.
    """
    said = table(decoded(payload, "the service"))
    how = said.get("http_json")
    if not isinstance(how, dict) or "answer" not in said:
        raise Temporary("not a recorded answer: `http_json` says how to read `answer`")
    try:
        fields = {key: value for key, value in how.items() if key != "recipe"}
        recipe = _recipe(str(how["recipe"])) if "recipe" in how else None
        base = {key: getattr(recipe, key) for key in Shape.model_fields} if recipe else {}
        shape = Shape.model_validate({**base, **fields})
    except ValueError:
        raise Temporary("`http_json` does not say how to read `answer`") from None
    answer = shapes.read(
        said["answer"], shape, source=source, service=recipe.title if recipe else "the service"
    )
    if isinstance(answer, NoNews):
        return {"": []}
    return {(answer.numbers or ("",))[0]: answer.told}


def open(  # noqa: A001 - the contract of a source module names it so
    settings: Settings,
    *,
    name: str,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] = time.sleep,
) -> HttpJson:
    """Return the source; makes no request. *sleep* (seconds) spaces the calls of one look."""
    return HttpJson(settings, name=name, clock=clock, sleep=sleep)


class HttpJson:
    """The http_json source: one call a number."""

    def __init__(
        self, settings: Settings, *, name: str, clock: Callable[[], datetime], sleep: Callable[[float], None]
    ) -> None:
        self._plan = Plan(settings)
        self.name = name
        self.batch = settings.batch
        self.rate = self._plan.rate
        self._sleep = sleep
        self._wire = Wire(
            self._plan.title,
            timeout=timedelta(seconds=settings.timeout),
            clock=clock,
            cap=settings.largest,
            reach=Reach(named(settings.allow_hosts)),
        )

    def track(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        """Ask for one number after the other; raises Temporary/Permanent where none was answered."""
        return one_by_one(asks, self._look, pause=lambda: self._sleep(1 / self.rate))

    def close(self) -> None:
        self._wire.close()

    def _look(self, ask: Ask) -> Outcome:
        plan = self._plan
        url, query, headers, content = plan.request(ask)
        method = "GET" if content is None else "POST"
        answer = self._wire.call(method, url, params=query or None, headers=headers, content=content)
        if answer.status in {401, 403} and not answer.body.strip():
            raise refusal(plan.title, answer.status, hint=_HINT)
        said = decoded(self._wire.json(answer), plan.title)
        try:
            if answer.status >= 400:
                return _failed(said, answer.status, plan)
            told = shapes.read(said, plan.shape, source=self.name, service=plan.title)
        except Permanent as error:
            if isinstance(error, Refused):
                raise
            return error
        if isinstance(told, NoNews):
            return told
        if told.numbers and number_of(ask.number) not in told.numbers:
            return Temporary(f"{plan.title} answered of another number than the one asked for")
        return shown(told.told)


def recipes() -> list[str]:
    """Return the ids of all shipped recipes."""
    return sorted(path.stem for path in resources.knowledge("recipes").glob("*.yaml"))


@cache
def _recipe(name: str) -> Recipe:
    """Return a shipped recipe; raises ValueError where there is none."""
    if name not in recipes():
        raise ValueError(f"there is no recipe {name!r}; there are: {', '.join(recipes())}")
    try:
        return loading.validate(Recipe, loading.read(resources.knowledge(f"recipes/{name}.yaml")))
    except Misconfigured as error:
        raise ValueError(str(error)) from None


def _texts(base: Mapping[str, str], own: Mapping[str, SecretStr]) -> dict[str, str]:
    return {**base, **{key: value.get_secret_value() for key, value in own.items()}}


def _filled(template: str, values: Mapping[str, str]) -> str:
    def fill(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise ValueError(f"{{{found[1]}}} is not given: add it to `secrets`")
        return values[found[1]]

    return _SLOT.sub(fill, template)


def _deep(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _deep(inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        return [_deep(inner, values) for inner in value]
    return _filled(value, values) if isinstance(value, str) else value


def _failed(said: Any, status: int, plan: Plan) -> Outcome:
    """Return what an answer with an error's status says of its number; raises the refusal where it says nothing."""
    marks = Shape(unknown=plan.shape.unknown, invalid=plan.shape.invalid, events="`[]`")
    told = shapes.read(said, marks, source="", service=plan.title)
    if isinstance(told, NoNews):
        return told
    raise refusal(plan.title, status, hint=_HINT)
