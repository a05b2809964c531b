"""Any SMS gateway with one HTTP request a message, as the user describes it. Never pastes text into JSON or a query.

Templates are data first and filled afterwards: JSON is parsed when the settings are read and only its strings
are filled, form and query fields are encoded by the HTTP library, and what goes into the address is
percent-encoded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from workers.channels import Receipt, _wire
from workers.errors import Uncertain

_PLACE = re.compile(r"\{([A-Za-z_]+)\}")
_PLACES = {
    "to": "the number with its +",
    "digits": "the number without",
    "text": "the text",
    "id": "the notice",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the gateway wants to be asked. Strings may hold {to}, {digits}, {text} and {id}."""

    url: str = field(repr=False)
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    json: Any = field(default=None, repr=False)
    success: tuple[int, ...] = ()  # empty: 200 to 299
    idempotency_header: str = ""
    id_path: str = ""


def parsed(template: Any) -> Any:
    """Return a JSON template given as YAML or as JSON text; raises ValueError for text that is no JSON."""
    if not isinstance(template, str):
        return template
    try:
        return json.loads(template)
    except ValueError:
        raise ValueError("not JSON") from None


def check(recipe: Recipe) -> None:
    """Raise ValueError for a placeholder that does not exist, or for a recipe without number or text."""
    used = set()
    for template in _strings([recipe.url, dict(recipe.query), dict(recipe.form), recipe.json]):
        used.update(_PLACE.findall(template))
    if unknown := sorted(used - _PLACES.keys()):
        known = ", ".join(f"{{{name}}}" for name in _PLACES)
        raise ValueError(f"there is no {{{unknown[0]}}}, only {known}")
    if "text" not in used or not used & {"to", "digits"}:
        raise ValueError("the request must hold {to} (or {digits}) and {text}, in url, query, form or json")


def _strings(template: Any) -> Iterator[str]:
    if isinstance(template, str):
        yield template
    elif isinstance(template, dict):
        for value in template.values():
            yield from _strings(value)
    elif isinstance(template, list):
        for value in template:
            yield from _strings(value)


class Http:
    """A gateway and its recipe."""

    def __init__(self, recipe: Recipe, *, wire: httpx.Client, clock: Callable[[], datetime]) -> None:
        self.keyed = bool(recipe.idempotency_header)
        self._recipe = recipe
        self._wire = wire
        self._clock = clock

    def submit(self, notice: str, to: str, text: str, _attempt: int, /) -> Receipt:
        """Have one message sent; the notice's id goes along where the gateway takes a key."""
        recipe = self._recipe
        words = {"to": to, "digits": to.removeprefix("+"), "text": text, "id": notice}
        headers = dict(recipe.headers)
        if recipe.idempotency_header:
            headers[recipe.idempotency_header] = notice
        url = httpx.URL(_filled(recipe.url, {name: quote(word, safe="") for name, word in words.items()}))
        if recipe.query:  # given as params= it would drop the address's own query
            url = url.copy_merge_params(_filled(dict(recipe.query), words))
        request = self._wire.build_request(
            recipe.method,
            url,
            headers=headers,
            data=_filled(dict(recipe.form), words) or None,
            json=_filled(recipe.json, words),
        )
        answer = _wire.ask(self._wire, request, clock=self._clock)
        if answer.status not in recipe.success if recipe.success else not 200 <= answer.status < 300:
            raise _wire.refusal(answer, "")
        return Receipt(_id(answer, recipe.id_path))


def _filled(template: Any, words: Mapping[str, str]) -> Any:
    """Return *template* with its strings filled, in one pass: what was filled in is not read again."""
    if isinstance(template, str):
        return _PLACE.sub(lambda place: words.get(place[1], place[0]), template)
    if isinstance(template, dict):
        return {key: _filled(value, words) for key, value in template.items()}
    if isinstance(template, list):
        return [_filled(value, words) for value in template]
    return template


def _id(answer: _wire.Answer, path: str) -> str:
    """Return the gateway's id of the message at *path* (``data.messages.0.id``), "" if none is asked for."""
    found = answer.data
    for step in path.split(".") if path else ():
        if isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        else:
            found = None
    if not path:
        return ""
    if isinstance(found, str | int) and not isinstance(found, bool) and found != "":
        return str(found)[:200]
    # Some gateways answer 200 to everything and put the error into the body.
    raise Uncertain(f"the SMS gateway answered {answer.status} without the id that id_path names")
