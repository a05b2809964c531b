"""A small La Poste of our own on the loopback: Suivi v2 as captured and documented, nothing else.

Shape: https://developer.laposte.fr, Suivi v2; an answer captured in 2023 (karrioapi/karrio).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec import json

from tests.servers._faulty import FaultyServer, Reply, Request

PATH = "/suivi/v2/idships/"


class LaPosteServer(FaultyServer):
    """The server; a number without a script is not found, one that is no 11 to 15 letters and digits is invalid."""

    def __init__(self) -> None:
        super().__init__(self._respond)
        self.shipments: dict[str, list[dict[str, Any]]] = {}

    @property
    def url(self) -> str:
        return self.origin + PATH.removesuffix("/idships/")

    def _respond(self, request: Request) -> Reply:
        parts = urlsplit(request.path)
        lang = parse_qs(parts.query).get("lang", ["fr_FR"])[0]
        if not parts.path.startswith(PATH) or request.method != "GET":
            return Reply(json.encode({"code": "RESOURCE_NOT_FOUND", "message": "No route"}), 404)
        if request.headers.get("x-okapi-key") != "test-key":
            return Reply(json.encode({"code": "UNAUTHORIZED", "message": "Application key is invalid"}), 401)
        numbers = parts.path.removeprefix(PATH).split(",")
        if len(numbers) > 10:
            return Reply(json.encode({"code": "BAD_REQUEST", "message": "more than 10 ids"}), 400)
        said = [self._one(number, lang) for number in numbers]
        if len(said) == 1:
            return Reply(json.encode(said[0]), said[0]["returnCode"])
        return Reply(json.encode(said), 207)

    def _one(self, number: str, lang: str) -> dict[str, Any]:
        known = {"lang": lang, "scope": "open"}
        if not (11 <= len(number) <= 15 and number.isalnum()):
            return {
                **known,
                "returnCode": 400,
                "returnMessage": "Le numéro n’est pas valide.",
                "idShip": number,
            }
        events = self.shipments.get(number)
        if events is None:
            return {**known, "returnCode": 404, "returnMessage": "Ressource non trouvée", "idShip": number}
        shipment = {"idShip": number, "holder": 4, "product": "colissimo", "isFinal": False, "event": events}
        return {**known, "returnCode": 200, "shipment": shipment}


def event(when: str, code: str, label: str) -> dict[str, Any]:
    return {"code": code, "label": label, "date": when}
