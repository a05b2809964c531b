"""Hold what was asked and answered against a service's own OpenAPI document."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml
from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

from tests.servers._faulty import Reply, Request


@cache
def document(path: Path) -> OpenAPI:
    # Not all official documents are themselves valid, so that is not asked of them.
    text = yaml.safe_load(path.read_text())
    return OpenAPI.from_dict(mended(text), config=Config(spec_validator_cls=None))


def mended(node: Any) -> Any:
    """Return *node* without ``required: true`` in a schema, as Ship24's has it: a schema lists what it requires."""
    if isinstance(node, list):
        return [mended(each) for each in node]
    if not isinstance(node, dict):
        return node
    odd = isinstance(node.get("required"), bool) and isinstance(node.get("type"), str)
    return {key: mended(value) for key, value in node.items() if not (odd and key == "required")}


class Official:
    """One service's document; ``host`` is the address of its server there, without the path."""

    def __init__(self, path: Path, host: str) -> None:
        if not path.exists():
            pytest.skip("the official documents lie beside the project only in its workshop")
        self.api = document(path)
        self.host = host

    def _request(self, request: Request, moved: tuple[str, str]) -> MockRequest:
        parts = urlsplit(request.path.replace(*moved, 1))
        return MockRequest(
            self.host,
            request.method.lower(),
            parts.path,
            args=dict(parse_qsl(parts.query)),
            headers=dict(request.headers),
            data=request.body or None,
            content_type=request.headers.get("content-type", ""),
        )

    def objection(
        self, request: Request, reply: Reply | None = None, *, moved: tuple[str, str] = ("", "")
    ) -> str:
        """Return what the document objects to in a request and its answer; "" for nothing."""
        asked = self._request(request, moved)
        try:
            self.api.validate_request(asked)
            if reply is not None:
                answered = MockResponse(reply.body, status_code=reply.status, content_type=reply.kind)
                self.api.validate_response(asked, answered)
        except OpenAPIError as error:
            cause = error.__cause__
            details = "; ".join(str(each) for each in getattr(cause, "schema_errors", ()) or ())
            return f"{error} {details}".strip()
        return ""
