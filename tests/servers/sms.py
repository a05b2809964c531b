"""An SMS provider for tests: Twilio's Messages API, the shapes beside this, and a generic gateway on loopback, with a journal of its own.

It sends nothing. Shapes are those of Twilio's OpenAPI document for 2010-04-01
(https://github.com/twilio/twilio-oai). Faults are ordered beforehand and used up in order. Run alone
(``python -m tests.servers.sms --journal texts.jsonl``) it prints its address and appends what it accepts to a
file.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from tests.servers import _sms_shapes

SID = "AC" + "0123456789abcdef" * 2
TOKEN = "token-of-the-test-account"


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens instead of a good answer: a status, or (None) the connection is cut or kept silent."""

    status: int | None = None
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    accept: bool = False  # the message is accepted all the same, and stands in the journal
    silent: bool = False
    deed: Callable[[int], object] | None = (
        None  # done with the client's own port, before the connection is cut
    )


DROP = Fault()
LOST = Fault(accept=True)  # accepted, and the answer never comes
SILENCE = Fault(silent=True)
LOST_SILENCE = Fault(accept=True, silent=True)


@dataclass(frozen=True, slots=True)
class Text:
    """One accepted message."""

    id: str
    to: str
    text: str
    sender: str = ""
    key: str = ""
    reference: str = ""  # the client's own id of it, which the gateway does nothing with
    status: str = "queued"
    direction: str = "outbound-api"
    at: datetime = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class SmsServer:
    """Listens on 127.0.0.1 once started. ``journal`` holds what was accepted, ``asked`` every request, in order."""

    def __init__(
        self,
        *,
        keyed: bool = False,
        opted_out: frozenset[str] = frozenset(),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        tls: ssl.SSLContext | None = None,
        port: int = 0,
        journal_file: Path | None = None,
    ) -> None:
        self.journal: list[Text] = []
        self.asked: list[Asked] = []
        self.keyed, self.opted_out = keyed, opted_out
        self._clock, self._journal_file = clock, journal_file
        self._by_key: dict[str, Text] = {}
        self.unanswered: set[str] = set()  # ids of messages that were accepted, and their senders not told
        self._faults: dict[str, deque[Fault]] = {"POST": deque(), "GET": deque()}
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self._http = _Listener(("127.0.0.1", port), _Handler)
        self._http.provider = self
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        scheme, name = ("http", "127.0.0.1") if tls is None else ("https", "localhost")
        self.url = f"{scheme}://{name}:{self._http.server_address[1]}"

    def fail(self, fault: Fault, *, method: str = "POST", times: int = 1) -> None:
        self._faults[method].extend([fault] * times)

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        self.stopped.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def next_fault(self, asked: Asked) -> Fault | None:
        with self.lock:
            self.asked.append(asked)
            ordered = self._faults.get(asked.method)
            return ordered.popleft() if ordered else None

    def accept(self, to: str, text: str, sender: str = "", key: str = "", reference: str = "") -> Text:
        with self.lock:
            known = self._by_key.get(key) if key and self.keyed else None
            if known is not None:
                return known
            made = Text(f"SM{len(self.journal) + 1:032x}", to, text, sender, key, reference, at=self._clock())
            self.journal.append(made)
            self._by_key[key] = made
            if self._journal_file is not None:
                with self._journal_file.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"id": made.id, "to": to, "text": text, "key": key}) + "\n")
            return made

    def answer(self, asked: Asked) -> tuple[int, Any]:
        """Return status and JSON for one request, accepting what it asks to send."""
        twilio = re.fullmatch(r"/2010-04-01/Accounts/(\w+)/Messages\.json", asked.path)
        if twilio is None:
            return _sms_shapes.answer(self, asked) or self._generic(asked)
        good = base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {good}" or twilio[1] != SID:
            return 401, _error(401, 20003, "Authenticate")
        if asked.method == "GET":
            return 200, self._listed(dict(parse_qsl(asked.query)))
        return self._created(dict(parse_qsl(asked.body.decode())))

    def _created(self, form: Mapping[str, str]) -> tuple[int, Any]:
        to, body = form.get("To", ""), form.get("Body", "")
        if not re.fullmatch(r"\+[1-9][0-9]{6,14}", to):
            return 400, _error(400, 21211, f"Invalid 'To' Phone Number: {to}")
        if to in self.opted_out:
            return 400, _error(400, 21610, "Attempt to send to unsubscribed recipient")
        if len(body) > 1600:
            return 400, _error(400, 21617, "The concatenated message body exceeds the 1600 character limit")
        return 201, _resource(self.accept(to, body, form.get("From", "")))

    def _listed(self, query: Mapping[str, str]) -> Any:
        since = query.get("DateSent>", "0000-00-00")
        with self.lock:
            rows = [
                _resource(text)
                for text in reversed(self.journal)
                if text.to == query.get("To", text.to) and f"{text.at:%Y-%m-%d}" >= since
            ][: int(query.get("PageSize", "50"))]
        where = f"/2010-04-01/Accounts/{SID}/Messages.json?Page=0"
        return {"messages": rows, "page": 0, "page_size": 50, "start": 0, "end": len(rows), "uri": where} | {
            "first_page_uri": where,
            "next_page_uri": None,
            "previous_page_uri": None,
        }

    def _generic(self, asked: Asked) -> tuple[int, Any]:
        given = dict(parse_qsl(asked.query))
        if asked.headers.get("content-type", "").startswith("application/json"):
            given |= json.loads(asked.body)
        else:
            given |= dict(parse_qsl(asked.body.decode()))
        key, reference = asked.headers.get("idempotency-key", ""), given.get("reference", "")
        made = self.accept(given["to"], given["text"], key=key, reference=reference)
        return 200, {"data": {"messages": [{"id": made.id}]}}


def _error(status: int, code: int, message: str) -> dict[str, Any]:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return {"code": code, "message": message, "more_info": more, "status": status}


def _resource(text: Text) -> dict[str, Any]:
    when = format_datetime(text.at)
    path = f"/2010-04-01/Accounts/{SID}/Messages/{text.id}"
    return {
        "account_sid": SID,
        "api_version": "2010-04-01",
        "body": text.text,
        "date_created": when,
        "date_sent": when,
        "date_updated": when,
        "direction": text.direction,
        "error_code": None,
        "error_message": None,
        "from": text.sender or None,
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": None,
        "sid": text.id,
        "status": text.status,
        "subresource_uris": {"media": f"{path}/Media.json"},
        "to": text.to,
        "uri": f"{path}.json",
    }


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    provider: SmsServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no trouble of ours."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def do_GET(self) -> None:
        self._handle()

    def _handle(self) -> None:
        assert isinstance(self.server, _Listener)
        provider = self.server.provider
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, parts.path, parts.query, headers, body)
        fault = provider.next_fault(asked)
        before = len(provider.journal)
        status, data = provider.answer(asked) if fault is None or fault.accept else (0, None)
        if fault is not None:
            provider.unanswered.update(text.id for text in provider.journal[before:])
        if fault is not None and fault.deed is not None:
            fault.deed(self.client_address[1])
        if fault is not None and fault.silent:
            provider.stopped.wait(60)
        if fault is not None and fault.status is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        said = json.dumps(data).encode() if fault is None else fault.body.encode()
        self.send_response(status if fault is None or fault.status is None else fault.status)
        for name, value in (fault.headers if fault is not None else {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        """Keep quiet: the journal is the record."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--journal", type=Path)
    options.add_argument("--keyed", action="store_true")
    chosen = options.parse_args()
    with SmsServer(port=chosen.port, journal_file=chosen.journal, keyed=chosen.keyed) as server:
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
