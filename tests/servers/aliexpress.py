"""An AliExpress Open Platform of our own on the loopback: signs, tokens that rotate and an order's parcels, as documented.

Sources: open.aliexpress.com on calling an API, /auth/token/create and /refresh, aliexpress.ds.order.tracking.get; answers in the
shapes captured in 2026-02 and 2026-07. The check of a signature is written from the documentation, not taken from the client.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from msgspec import json

from tests.servers._faulty import FaultyServer, Reply, Request

KEY, SECRET = "500001", "test-app-secret"
TRACKING = "aliexpress.ds.order.tracking.get"
_WINDOW = timedelta(hours=2)  # between a request's timestamp and our clock


def documented_sign(secret: str, params: dict[str, str], path: str) -> str:
    """Return the signature the documentation describes: sort by ASCII, join names and values, a system path before them."""
    method = params.get("sign_method")
    text = path if method == "sha256" else ""
    for name in sorted(name for name in params if name != "sign"):
        text = text + name + params[name]
    if method == "md5":
        return hashlib.md5((secret + text + secret).encode(), usedforsecurity=False).hexdigest().upper()
    digest = hmac.new(secret.encode("utf-8"), text.encode("utf-8"), "sha256")
    return digest.hexdigest().upper()


class AliExpressServer(FaultyServer):
    """The server. An order without a script is not found; a refresh token and a code are good for one use."""

    def __init__(self, *, now: Callable[[], datetime] | None = None, life: int = 2_592_000) -> None:
        super().__init__(self._respond)
        self.now = now or (lambda: datetime.now(UTC))
        self.life = life  # seconds of an access token; a launched app's live 30 days
        self.orders: dict[str, list[dict[str, Any]]] = {}
        self.shape = "wrapped"  # wrapped | bare | single
        self.refusals: dict[str, dict[str, str]] = {}  # order -> error_response
        self.codes = {"test-code"}
        self.refresh_tokens = {"test-refresh-0"}
        self.access: dict[str, datetime] = {}  # token -> its end
        self.given = 0
        self.renewals = 0
        self.calls: list[dict[str, str]] = []  # parameters of what was accepted as signed
        self.token_latency = 0.0
        self._lock = threading.Lock()

    def set_order(self, order: str, lines: Sequence[dict[str, Any]]) -> None:
        """Let *order* hold these parcels, each from ``line``."""
        self.orders[order] = list(lines)

    def end_access(self) -> None:
        """End all access tokens at once, as a sign-out elsewhere does."""
        self.access.clear()

    def _respond(self, request: Request) -> Reply:
        parts = urlsplit(request.path)
        path = parts.path.removeprefix("/rest") if parts.path.startswith("/rest/") else ""
        if request.method != "POST" or not (path or parts.path == "/sync"):
            return self._said(
                {"code": "InvalidApiPath", "type": "ISV", "message": "The specified API path is invalid"}
            )
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return self._said({"code": "MissingParameter", "type": "ISV", "message": "no parameters"})
        params = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        if path:
            if self.token_latency:
                self._stopping.wait(self.token_latency)
            with self._lock:
                return self._said({**self._sign_in(path, params), "request_id": "2101"})
        with self._lock:
            return self._said(self._called(params))

    def _said(self, body: dict[str, Any]) -> Reply:
        date = format_datetime(self.now().replace(microsecond=0), usegmt=True)
        return Reply(json.encode(body), headers={"Date": date})  # errors too come with HTTP 200

    def _objection(self, params: dict[str, str], path: str) -> tuple[str, str] | None:
        """Return what is wrong with a request before anything is done for it."""
        needed = (
            "app_key",
            "timestamp",
            "sign_method",
            "sign",
            *(() if path else ("method", "session", "format", "v")),
        )
        missing = [name for name in needed if not params.get(name)]
        if missing:
            return "MissingParameter", f"The input parameter {missing[0]} that is mandatory is not supplied"
        if params["app_key"] != KEY:
            return "InvalidAppKey", "The specified App Key is invalid"
        if params["sign_method"] not in {"sha256", "md5"}:
            return "InvalidSignatureMethod", "no such sign_method"
        stamp = params["timestamp"]
        if not (stamp.isdigit() and len(stamp) == 13):
            return "IllegalTimestamp", "The timestamp is not milliseconds"
        if abs(datetime.fromtimestamp(int(stamp) / 1000, tz=UTC) - self.now()) > _WINDOW:
            return "IllegalTimestamp", "The specified timestamp is expired"
        if params["sign"] != documented_sign(SECRET, params, path):
            return "IncompleteSignature", "The request signature does not conform to platform standards"
        return None

    def _sign_in(self, path: str, params: dict[str, str]) -> dict[str, Any]:
        wrong = self._objection(params, path)
        if wrong is not None:
            return {"type": "ISV", "code": wrong[0], "message": wrong[1]}
        self.calls.append(params)
        if path == "/auth/token/create" and params.get("code") in self.codes:
            self.codes.remove(params["code"])
        elif path == "/auth/token/refresh" and params.get("refresh_token") in self.refresh_tokens:
            self.refresh_tokens.remove(params["refresh_token"])
            self.renewals += 1
        elif path == "/auth/token/create":
            return {
                "type": "ISV",
                "code": "InvalidCode",
                "message": "The specified code is invalid or expired",
            }
        elif path == "/auth/token/refresh":
            return {
                "type": "ISP",
                "code": "IllegalRefreshToken",
                "message": "The specified refresh token is invalid or expired",
            }
        else:
            return {"type": "ISV", "code": "InvalidApiPath", "message": "The specified API path is invalid"}
        self.given += 1
        end = self.now() + timedelta(seconds=self.life)
        access, refresh = f"test-access-{self.given}", f"test-refresh-{self.given}"
        self.access[access] = end
        self.refresh_tokens.add(refresh)
        return {
            "refresh_token_valid_time": int((end + timedelta(seconds=self.life)).timestamp() * 1000),
            "havana_id": "1", "expire_time": int(end.timestamp() * 1000), "locale": "zh_CN", "user_nick": "nick",
            "access_token": access, "refresh_token": refresh, "user_id": "1", "account_platform": "buyerApp",
            "refresh_expires_in": str(2 * self.life), "expires_in": str(self.life), "sp": "ae", "seller_id": "1",
            "account": "a@example.org", "code": "0",
        }  # fmt: skip

    def _called(self, params: dict[str, str]) -> dict[str, Any]:
        wrong = self._objection(params, "")
        if wrong is None and not self.access.get(params["session"], self.now()) > self.now():
            wrong = "IllegalAccessToken", "The specified access token is invalid or expired"
        if wrong is None and params["method"] != TRACKING:
            wrong = "InvalidApiPath", "The specified API path is invalid"
        order, lang = params.get("ae_order_id", ""), params.get("language", "")
        if wrong is None and not (order.isdigit() and lang):
            wrong = "MissingParameter", "ae_order_id and language are mandatory"
        if wrong is not None:
            return {
                "error_response": {"type": "ISV", "code": wrong[0], "msg": wrong[1], "request_id": "2102"}
            }
        self.calls.append(params)
        if order in self.refusals:
            return {"error_response": {"type": "ISV", **self.refusals[order], "request_id": "2103"}}
        if order not in self.orders:
            result: dict[str, Any] = {"ret": False, "msg": "TRACKING DATA NOT FOUND", "code": "1001"}
        else:
            result = {
                "ret": True,
                "msg": "",
                "code": "",
                "data": {"tracking_detail_line_list": self._lines(order)},
            }
        return {"aliexpress_ds_order_tracking_get_response": {"result": result, "request_id": "2104"}}

    def _lines(self, order: str) -> Any:
        lines = [
            {**each, "detail_node_list": self._listed("detail_node", each["detail_node_list"])}
            for each in self.orders[order]
        ]
        return self._listed("tracking_detail", lines)

    def _listed(self, name: str, members: list[dict[str, Any]]) -> Any:
        """Return a list as live answers have it, as the documentation does, or one member without its list."""
        if self.shape == "bare":
            return members
        if self.shape == "single" and len(members) == 1:
            return {name: members[0]}
        return {name: members}


def line(
    number: str, nodes: Sequence[dict[str, Any]], *, carrier: str = "AliExpress Selection Standard"
) -> dict[str, Any]:
    """Return one parcel of an order; *nodes* are newest first."""
    return {
        "mail_no": number,
        "carrier_name": carrier,
        "eta_time_stamps": 1_784_559_795_150,
        "detail_node_list": list(nodes),
        "package_item_list": {},
    }


def node(at: str, name: str, desc: str = "", *, as_text: bool = False) -> dict[str, Any]:
    """Return one event; *at* is ISO 8601 with an offset."""
    stamp = int(datetime.fromisoformat(at).timestamp() * 1000)
    said: dict[str, Any] = {"time_stamp": str(stamp) if as_text else stamp, "tracking_name": name}
    return {**said, "tracking_detail_desc": desc} if desc else said
