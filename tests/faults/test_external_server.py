"""The same program against a server of somebody else's: over TCP with a password, and over TLS."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from tests.servers.tls import TlsDoor
from tests.servers.valkey import start_valkey

ROOT = Path(__file__).resolve().parents[2]


def demo(folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "workers", "demo", "--folder", str(folder / "demo")],
        cwd=ROOT,
        env={**os.environ, "CW_REDIS_URL": url},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_demonstration_runs_on_an_external_server_with_a_password(tmp_path: Path) -> None:
    with start_valkey(tmp_path, tcp=True, password="sesame") as server:
        wrong = demo(tmp_path, server.tcp_url.replace("sesame", "wrong"))
        assert wrong.returncode == 1
        assert "the store refuses our password" in wrong.stderr
        assert "Traceback" not in wrong.stderr
        first = demo(tmp_path, server.tcp_url)
        assert first.returncode == 0, first.stderr
        assert "Sent: " in first.stdout
        again = demo(tmp_path, server.tcp_url)
        assert "Nothing new" in again.stdout
        assert not list((tmp_path / "demo").rglob("*.aof*")), "an embedded server was started as well"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_demonstration_runs_over_tls_and_refuses_a_certificate_it_does_not_know(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with (
        start_valkey(tmp_path, tcp=True, password="sesame") as server,
        TlsDoor(server.port, context) as door,
    ):
        url = f"rediss://:sesame@127.0.0.1:{door.port}/0"
        strange = demo(tmp_path, url)
        assert strange.returncode == 1
        assert "the store cannot be reached" in strange.stderr
        known = demo(tmp_path, f"{url}?ssl_ca_certs={quote(str(tmp_path / 'ca.pem'))}")
        assert known.returncode == 0, known.stderr
        assert "Sent: " in known.stdout
