"""A store that an older version filled is taken over as it stands: what waited is sent, what was sent is not, what was known counts.

``old/first-morning.json`` holds the rows that the version ca9021f of this repository wrote (all that a store holds, by key, type and
value, bytes in base64; its World of tests/pipeline led three parcels to customs, with a mail server that took the mail of the first,
put off the second's, and refused the third's). Its notices have the first form (``core/forms.py``).
"""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.conftest import START, World
from tests.servers.rows import lapse, soon
from workers import memory
from workers.core import forms
from workers.core.brief import VERSION
from workers.core.model import Sighting, TimeQuality
from workers.errors import Permanent
from workers.render.stored import readable

OLD = Path(__file__).parent / "old" / "first-morning.json"
NUMBERS = [f"LP0077000000000{n}" for n in (1, 2, 3)]


def said(text: str, ago: timedelta, country: str = "DE") -> Sighting:
    return Sighting(source="a", text=text, at=START - ago, quality=TimeQuality.EXACT, country=country)


ROAD = [
    said("Received by logistics company", timedelta(days=9), "CN"),
    said("Export customs clearance complete", timedelta(days=7), "CN"),
    said("Arrived in destination country/region", timedelta(days=2)),
    said("Import customs clearance started", timedelta(hours=5)),
]
TO_PAY = said("Awaiting payment of import duties by the recipient", timedelta(hours=1))


def fill(world: World) -> None:
    """Put the old rows into the world's store, in place of what is there."""
    client: Any = world.store.scripts.client
    client.flushdb()
    raw = base64.b64decode
    for key, (kind, value) in json.loads(OLD.read_text()).items():
        if kind == "hash":
            client.hset(key, mapping={raw(name): raw(field) for name, field in value.items()})
        elif kind == "zset":
            client.zadd(key, {raw(name): score for name, score in value.items()})
        elif kind == "set":
            client.sadd(key, *map(raw, value))
        elif kind == "list":
            client.rpush(key, *map(raw, value))
        else:
            client.set(key, raw(value))
    world.store.prepare()
    for number in NUMBERS:
        world.watch(number)
        world.source.parcels[number] = ROAD


def test_what_waited_in_an_old_store_is_sent_and_nothing_that_was_sent_is(world: World) -> None:
    fill(world)
    before = {row.id: row.state for row in world.store.notices()}
    assert sorted(before.values()) == ["failed", "pending", "sent", "sent", "sent", "sent"]
    world.look()
    lapse(world.store, "ob:mail")  # its hour has passed
    world.deliver()
    [(envelope, message)] = world.mail.sent
    assert "LP00770000000002" in message.subject + message.text
    assert "None" not in message.text
    assert before[envelope.notice] == "pending"
    assert world.text.sent == []
    assert sorted(row.state for row in world.store.notices()) == ["failed", *["sent"] * 5]


def test_what_an_old_store_knew_counts_and_news_is_told_once(world: World) -> None:
    fill(world)
    world.look()
    assert {world.stage(number) for number in NUMBERS} == {"import_customs"}
    for number in NUMBERS:
        world.source.parcels[number] = [*ROAD, TO_PAY]
    for _ in range(2):
        world.look()
        world.deliver()
    assert {world.stage(number) for number in NUMBERS} == {"payment_due"}
    assert len(world.mail.sent) == len(world.text.sent) == 3
    client: Any = world.store.scripts.client
    assert client.hget("{cw}:meta", "schema") == b"1"
    assert world.store.ledger().id, "a ledger without an id gets one"


def test_a_parcel_that_a_newer_version_decided_on_is_left_to_it_for_a_minute_and_is_not_called_unreadable(
    world: World,
) -> None:
    fill(world)
    world.look()
    number, parcel = NUMBERS[0], f"{NUMBERS[0]}/{NUMBERS[0]}"
    client: Any = world.store.scripts.client
    mine = client.hget(f"{{cw}}:p:{parcel}", "snap")
    newer = json.dumps({"v": memory.VERSION + 1, "snapshot": {}}).encode()
    client.hset(f"{{cw}}:p:{parcel}", "snap", newer)
    for one in NUMBERS:
        world.source.parcels[one] = [*ROAD, TO_PAY]
    world.look()
    assert [world.stage(one) for one in NUMBERS] == ["import_customs", "payment_due", "payment_due"]
    assert client.hget(f"{{cw}}:p:{parcel}", "snap") == newer
    assert world.store.recollect(f"trouble:{parcel}") is None
    known = world.store.recall(parcel)
    assert known is not None
    assert not known.failing
    assert soon(known.due["a"], memory.NEWER_COMES)
    client.hset(f"{{cw}}:p:{parcel}", "snap", mine)  # whoever runs the newer version can read it
    world.look()
    assert world.stage(number) == "payment_due"


def test_every_older_form_is_lifted_and_a_form_of_nobodys_is_refused() -> None:
    rows = json.loads(OLD.read_text())
    raw = base64.b64decode
    old = [
        json.loads(raw(value[base64.b64encode(b"ctx").decode()]))
        for key, (_, value) in rows.items()
        if key.startswith("{cw}:n:")
    ]
    assert {context["version"] for context in old} == {1}
    for context in old:
        assert readable(context)["version"] == VERSION
    for version in (0, None, "2"):
        with pytest.raises(Permanent, match="another version"):
            readable({**old[0], "version": version})
    assert forms.of_newer({"version": VERSION + 1})
    assert not forms.of_newer(old[0])
