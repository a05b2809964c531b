"""A loopback server with 17TRACK v2.4's shapes, cheap enough to be no bottleneck: bodies are joined, never built.

``python -m benchmarks.tracking_api LATENCY CHANGED``: every twentieth event list is shared, a share CHANGED of the numbers
shows one more event after each ``POST /generation``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import zlib

EVENTS = 20
TEXTS = (
    "Arrived at sorting center", "Departed from sorting center", "Export customs clearance started",
    "Export customs clearance complete", "Handed over to airline", "Flight departed",
    "Arrived in destination country/region", "Import customs clearance started",
)  # fmt: skip
NEWS = "Import duties and taxes are due. Awaiting payment by the recipient"


def _event(text: str, day: int, hour: int) -> str:
    at = f"2026-10-{day:02d}T{hour:02d}:15:00"
    place = {"country": "CN" if day < 15 else "DE", "state": None, "city": None, "street": None, "postal_code": None,
             "coordinates": {"longitude": None, "latitude": None}}  # fmt: skip
    return json.dumps({
        "time_iso": at + "+08:00", "time_utc": at + "Z", "time_raw": {"date": at[:10], "time": at[11:], "timezone": "+08:00"},
        "description": text, "description_translation": None, "location": None, "stage": None,
        "sub_status": "InTransit_Other", "address": place,
    })  # fmt: skip


def bodies(number: str, news: int, variant: int) -> bytes:
    """Return one accepted item of gettrackinfo."""
    events = [_event(NEWS, 20 + i, 9) for i in range(news)]
    events += [_event(TEXTS[(i + variant) % len(TEXTS)], 18 - i * 18 // EVENTS, 10) for i in range(EVENTS)]
    head = {"status": "InTransit", "sub_status": "InTransit_Other", "sub_status_descr": None}
    provider = {
        "key": 190271,
        "name": "Cainiao",
        "alias": "Cainiao",
        "tel": None,
        "homepage": None,
        "country": "CN",
    }
    return (
        f'{{"number":"{number}","carrier":190271,"param":null,"tag":null,"lang":null,"track_info":{{'
        f'"shipping_info":{{"shipper_address":null,"recipient_address":null}},"latest_status":{json.dumps(head)},'
        f'"latest_event":null,"time_metrics":null,"milestone":[],"misc_info":{{"local_number":null}},'
        f'"tracking":{{"providers_hash":1,"providers":[{{"provider":{json.dumps(provider)},"service_type":null,'
        f'"latest_sync_status":"Success","latest_sync_time":"2026-10-22T10:00:00Z","events_hash":1,'
        f'"events":[{",".join(events)}]}}]}}}}}}'
    ).encode()


class Api:
    """Answers register and gettrackinfo for any number, after a latency."""

    def __init__(self, latency: float, changed: float) -> None:
        self._latency = latency
        self._changed = changed
        self._generation = 0
        self._known: dict[tuple[str, int], bytes] = {}

    def _item(self, number: str) -> bytes:
        draw = zlib.crc32(number.encode())
        moves = draw % 10_000 < self._changed * 10_000
        key = (number, min(self._generation, 6) if moves else 0)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = bodies(number, key[1], draw % 40)
        return found

    def answer(self, path: str, body: bytes) -> bytes:
        if path.endswith("/generation"):
            self._generation += 1
            return b"{}"
        numbers = [item["number"] for item in json.loads(body)]
        if path.endswith("/register"):
            items = b",".join(b'{"origin":1,"number":"%s","carrier":190271}' % n.encode() for n in numbers)
        else:
            items = b",".join(self._item(n) for n in numbers)
        return b'{"code":0,"data":{"accepted":[' + items + b'],"rejected":[]}}'

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                line, *rest = head.decode("latin-1").split("\r\n")
                length = next(
                    (int(h.split(":")[1]) for h in rest if h.lower().startswith("content-length")), 0
                )
                body = await reader.readexactly(length)
                await asyncio.sleep(self._latency)
                out = self.answer(line.split()[1], body)
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                    % len(out)
                    + out
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def run(latency: float, changed: float) -> None:
    """Serve on a free port, printed on the first line, until terminated."""
    server = await asyncio.start_server(Api(latency, changed).serve, "127.0.0.1", 0, limit=2**20)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(run(float(sys.argv[1]), float(sys.argv[2])))
