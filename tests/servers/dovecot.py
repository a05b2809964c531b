"""A real IMAP server, private to a test: Debian's dovecot with a mailbox of its own, on the loopback. Skips where it is absent."""

from __future__ import annotations

import grp
import imaplib
import itertools
import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import pytest
import trustme

USER, PASSWORD = "ana@example.org", "s3cret-of-ana"

CONFIG = """\
base_dir = {run}
state_dir = {run}
log_path = {run}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {internal}
disable_plaintext_auth = {tls}
auth_mechanisms = plain login
auth_failure_delay = 0
ssl = {tls}
ssl_cert = <{run}/server.pem
ssl_key = <{run}/server.key
mail_location = maildir:{home}/Maildir
first_valid_uid = 1
first_valid_gid = 1
{capability}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {run}/users
}}
userdb {{
  driver = static
  args = uid={mail} gid={mail_group} home={home}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {ports}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""


class Dovecot:
    """dovecot with one user. Use as a context manager. *hide*: capabilities it does not offer; *tls*: whether it speaks any."""

    def __init__(self, *, tls: bool = True, hide: tuple[str, ...] = ()) -> None:
        program = shutil.which("dovecot") or "/usr/sbin/dovecot"
        if not Path(program).exists():
            pytest.skip("there is no dovecot here (Debian: apt-get install dovecot-imapd)")
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
        if not version.startswith("2.3."):
            pytest.skip(
                f"the configuration of the tests is that of dovecot 2.3, and here is {version.split()[:1]}"
            )
        self._program = program
        self._tls, self._hide = tls, hide
        self._names = itertools.count()
        self._folder = tempfile.TemporaryDirectory(prefix="dovecot.")
        self.folder = Path(self._folder.name)
        self.folder.chmod(0o755)
        self.ca_file = self.folder / "ca.pem"
        self.port, self.tls_port = _free(), _free()

    def __enter__(self) -> Self:
        mail = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        run, home = self.folder / "run", self.folder / "home"
        run.mkdir()
        home.mkdir()
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        certificate.private_key_pem.write_to_path(str(run / "server.key"))
        certificate.cert_chain_pems[0].write_to_path(str(run / "server.pem"))
        (run / "users").write_text(f"{USER}:{PASSWORD}\n")
        (run / "users").chmod(0o644)
        internal = "dovecot" if os.getuid() == 0 else mail.pw_name
        offered = [c for c in ("IDLE", "MOVE", "UIDPLUS", "LITERAL+", "SASL-IR") if c not in self._hide]
        config = self.folder / "dovecot.conf"
        config.write_text(
            CONFIG.format(
                run=run, home=home, port=self.port, ports=self.tls_port, tls="yes" if self._tls else "no",
                internal=internal, internal_group=grp.getgrgid(pwd.getpwnam(internal).pw_gid).gr_name,
                mail=mail.pw_uid, mail_group=mail.pw_gid,
                capability=f"imap_capability = IMAP4rev1 {' '.join(offered)}" if self._hide else "",
            )
        )  # fmt: skip
        self.maildir = home / "Maildir"
        for part in ("cur", "new", "tmp"):
            (self.maildir / part).mkdir(parents=True)
        for each in (home, *self.maildir.parents[:1], self.maildir, *self.maildir.iterdir()):
            os.chown(each, mail.pw_uid, mail.pw_gid)
        self._owner = (mail.pw_uid, mail.pw_gid)
        self._process = subprocess.Popen([self._program, "-F", "-c", str(config)], start_new_session=True)
        end = time.monotonic() + 15
        while not _answers(self.port):
            if self._process.poll() is not None or time.monotonic() > end:
                log = (run / "log").read_text() if (run / "log").exists() else "no log"
                self.__exit__()
                pytest.fail(f"dovecot does not start: {log[-2000:]}")
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._folder.cleanup()

    @property
    def settings(self) -> dict[str, object]:
        """Return how to get in, as the settings of a source have it."""
        return {
            "host": "localhost", "port": self.tls_port, "security": "tls", "user": USER, "password": PASSWORD,
            "ca_file": str(self.ca_file),
        }  # fmt: skip

    def deliver(self, raw: bytes, *, folder: str = "", at: float | None = None) -> None:
        """Put a mail into the mailbox as a mail server does; *at*: when it arrived, in seconds since 1970."""
        box = self.maildir / f".{folder}" if folder else self.maildir
        name = f"{time.time():.6f}.{next(self._names)}.test"
        hidden = box / "tmp" / name
        hidden.write_bytes(raw)
        os.chown(hidden, *self._owner)
        if at is not None:
            os.utime(hidden, (at, at))
        hidden.rename(box / "new" / name)

    def client(self) -> imaplib.IMAP4_SSL:
        """Return a client of the test's own, signed in."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        client = imaplib.IMAP4_SSL("localhost", self.tls_port, ssl_context=context, timeout=10)
        client.login(USER, PASSWORD)
        return client

    def empty(self, *folders: str) -> None:
        """Take every mail out of the inbox, and out of *folders*, which are made where they are not there."""
        with self.client() as client:
            for folder in ("INBOX", *folders):
                if folder != "INBOX":
                    client.create(folder)
                client.select(folder)
                client.uid("STORE", "1:*", "+FLAGS.SILENT", r"(\Deleted)")
                client.expunge()

    def flags(self, folder: str = "INBOX") -> dict[int, tuple[bytes, ...]]:
        """Return the flags of every mail by UID, without \\Recent, which dovecot gives and takes by itself."""
        with self.client() as client:
            client.select(folder, readonly=True)
            _, answer = client.uid("FETCH", "1:*", "(UID FLAGS)")
        out = {}
        for line in answer:
            if isinstance(line, bytes) and b"UID" in line:
                uid = int(line.split(b"UID ")[1].split(b" ")[0].rstrip(b")"))
                out[uid] = tuple(f for f in imaplib.ParseFlags(line) if f != rb"\Recent")
        return out


def _free() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return connection.recv(10).startswith(b"* OK")
    except OSError:
        return False
