"""Secrets that rotate: one worker renews, all use what it got, and nobody's new token is lost to a slow one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.servers.valkey import Valkey, until
from workers.errors import StoreTrouble, Temporary
from workers.sources._rotating import Pair, Pocket, Rotating
from workers.sources._single import Refused
from workers.store import Store, Vault

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
LONG = timedelta(minutes=5)


class Service:
    """Gives pairs; a refresh token is good for one use."""

    def __init__(self) -> None:
        self.good = "seed"
        self.given = 0
        self.life = timedelta(days=30)
        self.during: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def renew(self, pair: Pair | None) -> Pair:
        used = pair.refresh if pair else "seed"
        with self._lock:
            if used != self.good:
                raise Refused("the refresh token is dead", hint="sign in anew")
            self.given += 1
            self.good = f"refresh-{self.given}"
            made = Pair(f"access-{self.given}", self.good, NOW + self.life, self.life.total_seconds())
        self.during()
        return made


def rotating(vault: Vault | Pocket, service: Service, now: datetime = NOW) -> Rotating:
    return Rotating(vault, "ae:1", service.renew, clock=lambda: now, sleep=lambda _: None)


def test_a_secret_is_put_only_in_place_of_the_version_that_was_read(store: Store) -> None:
    assert store.vault.read("x") == (b"", 0)
    assert store.vault.put("x", 0, b"one")
    assert store.vault.read("x") == (b"one", 1)
    assert not store.vault.put("x", 0, b"late")
    assert store.vault.put("x", 1, b"two")
    assert store.vault.read("x") == (b"two", 2)


def test_one_at_a_time_may_renew_and_a_dead_one_holds_it_no_longer_than_its_lease(store: Store) -> None:
    store.vault.put("x", 0, b"one")
    assert store.vault.begin("x", 1, lease=timedelta(milliseconds=100))
    assert not store.vault.begin("x", 1, lease=LONG)
    assert not store.vault.begin("x", 0, lease=LONG)
    assert until(lambda: store.vault.begin("x", 1, lease=LONG), seconds=5)
    assert store.vault.put("x", 1, b"two"), "whoever has a new one may put it, also after its lease"
    assert store.vault.begin("x", 2, lease=LONG), "a put ends the lease"


def test_a_secret_that_never_came_leaves_nothing_behind(store: Store) -> None:
    assert store.vault.begin("x", 0, lease=timedelta(milliseconds=20))
    assert until(lambda: store.vault.begin("x", 0, lease=timedelta(milliseconds=20)), seconds=5)
    assert until(lambda: not store.scripts.client.exists("{cw}:vault:x"), seconds=5)


@pytest.mark.parametrize("days", [0, 29.5])  # no token yet, and one that is about to end
def test_two_workers_that_renew_at_once_get_one_pair(valkey: Valkey, days: float) -> None:
    url, service = valkey.fresh(), Service()
    stores = [Store.connect(url) for _ in range(4)]
    if days:
        rotating(stores[0].vault, service).token()
    before, tokens = service.given, []

    def work(store: Store) -> None:
        mine = Rotating(store.vault, "ae:1", service.renew, clock=lambda: NOW + timedelta(days=days))
        tokens.append(mine.token(stale="access-1" if days else ""))

    service.life = timedelta(days=90)
    threads = [threading.Thread(target=work, args=[store]) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()
    assert service.given == before + 1
    assert set(tokens) == {f"access-{service.given}"}
    assert len(tokens) == 4


def test_while_another_worker_renews_the_present_token_is_used(store: Store) -> None:
    service = Service()
    rotating(store.vault, service).token()
    assert store.vault.begin("ae:1", 1, lease=LONG)
    later = NOW + timedelta(days=29.5)
    assert rotating(store.vault, service, later).token() == "access-1"
    with pytest.raises(Temporary, match="another worker"):
        rotating(store.vault, service, later).token(stale="access-1")
    assert service.given == 1


def test_a_worker_that_slept_through_its_lease_takes_the_pair_of_the_faster_one(store: Store) -> None:
    service = Service()
    slow = rotating(store.vault, service)

    def overtaken() -> None:
        service.during = lambda: None
        store.vault.put(
            "ae:1", 0, b'{"access":"theirs","refresh":"r","until":"2026-12-24T08:00:00Z","life":99}'
        )

    service.during = overtaken
    assert slow.token() == "theirs"


def test_a_refresh_token_that_another_worker_used_up_is_no_reason_to_give_up(store: Store) -> None:
    service = Service()
    mine = rotating(store.vault, service)
    mine.token()
    service.good = "used by somebody else"
    original = service.renew

    def late(pair: Pair | None) -> Pair:
        store.vault.put(
            "ae:1", 1, b'{"access":"theirs","refresh":"r","until":"2026-12-24T08:00:00Z","life":99}'
        )
        return original(pair)

    other = Rotating(store.vault, "ae:1", late, clock=lambda: NOW, sleep=lambda _: None)
    assert other.token(stale="access-1") == "theirs"


class Away:
    """A vault whose store is away when it matters."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self.away = True
        self.read, self.begin = vault.read, vault.begin

    def put(self, name: str, version: int, value: bytes) -> bool:
        if self.away:
            raise StoreTrouble("the store cannot be reached")
        return self.vault.put(name, version, value)


def test_a_pair_that_could_not_be_put_away_is_put_there_first_thing(store: Store) -> None:
    service, away = Service(), Away(store.vault)
    mine = Rotating(away, "ae:1", service.renew, clock=lambda: NOW, sleep=lambda _: None)
    for _ in range(2):
        with pytest.raises(StoreTrouble):
            mine.token()
    away.away = False
    assert mine.token() == "access-1"
    assert service.given == 1, "a second renewal would have used a dead refresh token"
    assert rotating(store.vault, service).token() == "access-1"


def test_what_was_put_away_is_shown_by_no_repr(store: Store) -> None:
    service = Service()
    rotating(store.vault, service).token()
    pair = service.renew(Pair("a-secret", "refresh-1", NOW))
    assert "access" not in repr(pair)
    assert "refresh" not in repr(pair)
    pocket = Pocket()
    pocket.put("x", 0, b"a-secret")
    assert "a-secret" not in repr(pocket)
