"""A server that is not ours: over TCP with a password, over TLS, over a socket."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from tests.servers.rows import owe, owed, take
from tests.servers.tls import TlsDoor
from tests.servers.valkey import Valkey, start_valkey
from workers.engine import Engine
from workers.errors import StoreTrouble
from workers.store import Store

PASSWORD = "p@ss/w:rd"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with start_valkey(tmp_path_factory.mktemp("external"), tcp=True, password=PASSWORD) as running:
        yield running


def works(url: str, tmp_path: Path) -> None:
    """Use the store at *url* through an engine, which must leave the server alone."""
    with Engine({"CW_REDIS_URL": url}, tmp_path / "unused") as engine:
        assert (engine.role, engine.server, engine.url) == ("external", None, url)
        store = Store.connect(engine.url)
        try:
            store.prepare()
            assert store.readiness() == ()
            owe(store, owed())
            notice = take(store)
            store.done(notice.id, notice.token)
            store.forget(notice.parcel)
        finally:
            store.close()
    assert not (tmp_path / "unused").exists()


def test_over_tcp_with_a_password(server: Valkey, tmp_path: Path) -> None:
    works(f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}/0", tmp_path)


def test_over_tcp_with_a_user(server: Valkey, tmp_path: Path) -> None:
    """The commands a user needs, on our keys alone."""
    with server.client(f"unix://:{quote(PASSWORD, safe='')}@{server.socket}?db=0") as client:
        client.execute_command(
            "ACL", "SETUSER", "watch", "reset", "on", ">secret", "~{cw}:*", "~{cw}", "+@read", "+@write", "+@scripting",
            "+@connection", "+info", "+time", "-flushall", "-flushdb",
        )  # fmt: skip
    works(f"redis://watch:secret@127.0.0.1:{server.port}/0", tmp_path)


def test_without_the_password_it_says_so(server: Valkey) -> None:
    store = Store.connect(f"redis://127.0.0.1:{server.port}/0")
    with pytest.raises(StoreTrouble, match="password"):
        store.prepare()
    store.close()


def test_a_server_that_went_away_is_trouble_and_one_that_came_back_is_used(tmp_path: Path) -> None:
    with start_valkey(tmp_path, tcp=True) as running:
        store = Store.connect(running.tcp_url)
        owe(store, owed())
        running.kill()
        with pytest.raises(StoreTrouble, match="cannot be reached"):
            store.sweep()
        running.start()
        assert take(store).id == "n1"
        store.close()


# -- TLS ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def door(server: Valkey, authority: trustme.CA, name: str) -> TlsDoor:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return TlsDoor(server.port, context)


def test_over_tls_with_a_certificate_we_know(server: Valkey, authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with door(server, authority, "127.0.0.1") as tls:
        secret = quote(PASSWORD, safe="")
        works(
            f"rediss://:{secret}@127.0.0.1:{tls.port}/0?ssl_ca_certs={quote(str(tmp_path / 'ca.pem'))}",
            tmp_path,
        )


def test_a_certificate_that_nobody_vouches_for_is_refused(server: Valkey, authority: trustme.CA) -> None:
    with door(server, authority, "127.0.0.1") as tls:
        store = Store.connect(f"rediss://:{quote(PASSWORD, safe='')}@127.0.0.1:{tls.port}/0")
        with pytest.raises(StoreTrouble, match=r"cannot be reached.*certificate"):
            store.prepare()
        store.close()


def test_a_certificate_for_another_name_is_refused(
    server: Valkey, authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with door(server, authority, "elsewhere.example") as tls:
        store = Store.connect(
            f"rediss://127.0.0.1:{tls.port}/0?ssl_ca_certs={quote(str(tmp_path / 'ca.pem'))}"
        )
        with pytest.raises(StoreTrouble, match=r"cannot be reached.*certificate"):
            store.prepare()
        store.close()
