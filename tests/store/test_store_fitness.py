"""What makes a server unfit is said, each thing in a sentence that names what to change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.valkey import free_port, start_valkey, until
from workers.readiness import concerns, room
from workers.store import Store


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"appendonly": "no"}, "set appendonly yes"),
        ({"appendfsync": "no"}, "set appendfsync always"),
        ({"maxmemory": "1gb", "maxmemory_policy": "allkeys-lru"}, "not noeviction"),
        ({"maxmemory": "1mb"}, "raise maxmemory"),
        ({"replicaof": f"127.0.0.1 {free_port()}"}, "takes no writes"),
    ],
)
def test_each_flaw_has_its_sentence(tmp_path: Path, options: dict[str, str], said: str) -> None:
    with start_valkey(tmp_path, **options) as server:
        store = Store.connect(server.url)
        (wrong,) = store.readiness()
        assert said in wrong
        store.close()


@pytest.mark.parametrize("sync", ["always", "everysec"])
def test_a_good_server_has_none(tmp_path: Path, sync: str) -> None:
    with start_valkey(tmp_path, appendfsync=sync) as server:
        store = Store.connect(server.url)
        assert store.readiness() == ()
        server.client().config_set("save", "3600 1")
        (tmp_path / "dump.rdb").mkdir()
        store.scripts.client.bgsave()
        until(lambda: store.readiness())
        assert "could not save a snapshot" in store.readiness()[0]
        store.scripts.client.config_set("save", "")  # or it would try again as it ends
        store.close()


def test_a_user_that_may_not_ask_for_the_configuration_is_no_trouble(tmp_path: Path) -> None:
    with start_valkey(tmp_path) as server:
        with server.client() as client:
            client.acl_setuser("cw", enabled=True, nopass=True, commands=["+@all", "-config"], keys=["*"])
        store = Store.connect(server.url.replace("unix://", "unix://cw:x@"))
        assert store.readiness() == ()
        store.close()


def test_clocks_that_differ_are_told_with_by_how_much(store: Store, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    assert concerns(store, tmp_path, now=now) == ()
    (said,) = concerns(store, tmp_path, now=now + timedelta(minutes=10))
    assert "600 s apart" in said


def test_a_disk_with_room_is_none_of_our_concern_even_for_a_folder_that_is_not_there_yet(
    tmp_path: Path,
) -> None:
    assert room(tmp_path / "not" / "yet") == ()
