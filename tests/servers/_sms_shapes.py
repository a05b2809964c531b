"""Shapes of Vonage's, Sinch's and 46elks' documented APIs, for the SMS provider of tests. Sends nothing.

Vonage: https://developer.vonage.com/en/api/sms; Sinch: https://developers.sinch.com/docs/sms/api-reference/sms/batches;
46elks: https://46elks.com/docs/send-sms and https://46elks.com/docs/sms-history (all read 2026-11-24).
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from tests.servers.sms import Asked, SmsServer, Text

PLAN, SINCH_TOKEN = "jd63jf88477ll123ab4567cd89012ef3", "token-of-the-plan"
KEY, SECRET = "abcd1234", "secret-of-the-account"
USER, PASSWORD = "u0123456789", "password-of-the-api"


def answer(provider: SmsServer, asked: Asked) -> tuple[int, Any] | None:
    """Return status and JSON for a request to one of the three; None for any other."""
    if asked.path == "/sms/json":
        return _vonage(provider, dict(parse_qsl(asked.body.decode())))
    if asked.path == "/a1/sms":
        return _elks(provider, asked)
    if re.fullmatch(r"/xms/v1/\w+/batches", asked.path):
        return _sinch(provider, asked)
    return None


def _vonage(provider: SmsServer, form: dict[str, str]) -> tuple[int, Any]:
    def refused(status: int, text: str) -> tuple[int, Any]:
        row = {"to": form.get("to", ""), "status": str(status), "error-text": text}
        return 200, {"message-count": "1", "messages": [row]}

    if (form.get("api_key"), form.get("api_secret")) != (KEY, SECRET):
        return refused(4, "Bad Credentials")
    if not form.keys() >= {"from", "to", "text"}:
        return refused(2, "Missing to param")
    if not re.fullmatch("[1-9][0-9]{6,14}", form["to"]):
        return refused(3, "Invalid value for parameter: to")
    if "+" + form["to"] in provider.opted_out:
        return refused(7, "Number barred")
    made = provider.accept("+" + form["to"], form["text"], form["from"], form.get("client-ref", ""))
    parts = -(-len(form["text"]) // 153) if len(form["text"]) > 160 else 1
    rows = [
        {
            "to": form["to"], "message-id": f"{made.id[-16:]}{part}", "status": "0", "remaining-balance": "15.53590000",
            "message-price": "0.03330000", "network": "23410", "client-ref": form.get("client-ref", ""),
        }
        for part in range(parts)
    ]  # fmt: skip
    return 200, {"message-count": str(parts), "messages": rows}


def _sinch(provider: SmsServer, asked: Asked) -> tuple[int, Any]:
    if asked.headers.get("authorization") != f"Bearer {SINCH_TOKEN}" or f"/{PLAN}/" not in asked.path:
        return 401, {"code": "unauthorized", "text": "The request is not authorized"}
    if asked.method == "GET":
        query = dict(parse_qsl(asked.query))
        with provider.lock:
            rows = [
                _batch(text)
                for text in reversed(provider.journal)
                if text.key == query.get("client_reference", text.key)
                and f"{text.at:%Y-%m-%dT%H:%M:%S}.000Z"
                >= query.get("start_date", "9")  # without it: the last day
            ]
        return 200, {"count": len(rows), "page": 0, "page_size": len(rows), "batches": rows}
    batch = json.loads(asked.body)
    (to,) = batch["to"]
    if not re.fullmatch(r"\+?[1-9][0-9]{6,14}", to):
        return 400, {"code": "syntax_invalid_parameter_format", "text": f"Invalid to: {to}"}
    return 201, _batch(provider.accept(to, batch["body"], batch["from"], batch.get("client_reference", "")))


def _batch(text: Text) -> dict[str, Any]:
    at = f"{text.at:%Y-%m-%dT%H:%M:%S}.000Z"
    return {
        "id": text.id, "to": [text.to.removeprefix("+")], "from": text.sender, "canceled": text.status == "canceled",
        "body": text.text, "type": "mt_text", "created_at": at, "modified_at": at, "delivery_report": "none",
        "client_reference": text.key,
    }  # fmt: skip


def _elks(provider: SmsServer, asked: Asked) -> tuple[int, Any]:
    good = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    if asked.headers.get("authorization") != f"Basic {good}":
        return 401, "API access requires Basic HTTP authentication"
    if asked.method == "GET":
        query = dict(parse_qsl(asked.query))
        with provider.lock:
            rows = [
                _elk(text)
                for text in reversed(provider.journal)
                if text.to == query.get("to", text.to)
                and f"{text.at:%Y-%m-%dT%H:%M:%S.%f}" >= query.get("end", "")
            ]
        return 200, {"data": rows[: int(query.get("limit", "100"))]}
    form = dict(parse_qsl(asked.body.decode()))
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", form["to"]):
        return 400, f"Invalid to number: {form['to']}"
    made = provider.accept(form["to"], form["message"], form["from"])
    return 200, {**_elk(made), "parts": 1}


def _elk(text: Text) -> dict[str, Any]:
    return {
        "id": text.id, "created": f"{text.at:%Y-%m-%dT%H:%M:%S.%f}", "to": text.to, "from": text.sender, "message": text.text,
        "direction": "outgoing" if text.direction == "outbound-api" else "incoming",
        "status": "created" if text.status == "queued" else text.status, "cost": 3500,
    }  # fmt: skip
