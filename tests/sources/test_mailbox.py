"""The mailbox source against a real IMAP server on the loopback: what is read, what is left as it was, and what goes wrong."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.servers.cutting import CuttingDoor
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.program import wait_for
from tests.sources.letters import NOW, NUMBER, ORDER, letter, package, tracking
from workers.errors import Permanent, Temporary
from workers.sources import Ask, Found, NoNews, Outcome, aliexpress_mail
from workers.sources.aliexpress_mail import Mailbox, Settings

OTHER = "LP00640000000012"
PHISHING = {
    "no results at all": letter(f"Package {NUMBER} has been delivered", results=None),
    "results of somebody else": letter(f"Package {NUMBER} has been delivered", results="mx.evil.example; dmarc=pass header.from={0}"),
    "DMARC fails": letter(f"Package {NUMBER} has been delivered", results="mx.google.com; dmarc=fail header.from={0}"),
    "a signature of somebody else": letter(
        f"Package {NUMBER} has been delivered", results="mx.google.com; dkim=pass header.d=evil.example"
    ),
    "the shop only in the name": letter(
        f"Package {NUMBER} has been delivered", sender="transaction.notice.aliexpress.com@evil.example"
    ),
    "forged results below the provider's": letter(
        f"Package {NUMBER} has been delivered",
        results="mx.google.com; dkim=none; dmarc=fail header.from={0}",
        extra=(("X-Between", "x"), ("Authentication-Results", "mx.google.com; dmarc=pass header.from=notice.aliexpress.com")),
    ),
    "a carrier's name": letter("Customs charges", text=f"Pay for {NUMBER}\n", sender="a@laposte.fr", results="mx.google.com; dmarc=fail"),
}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with Dovecot() as running:
        yield running


@pytest.fixture
def box(server: Dovecot) -> Dovecot:
    """Return the server with an empty mailbox."""
    with server.client() as client:
        client.select("INBOX")
        client.uid("STORE", "1:*", "+FLAGS.SILENT", r"(\Deleted)")
        client.expunge()
        for folder in ("Read", "Shop"):
            client.delete(folder)
    return server


def mailbox(server: Dovecot, kept: Path, *, now: datetime = NOW, **options: Any) -> Mailbox:
    said = {**server.settings, "authserv_id": "mx.google.com", "memory": str(kept), "timeout": 5, **options}
    return aliexpress_mail.open(Settings.model_validate(said), name="mails", clock=lambda: now)


def ask(number: str = NUMBER, **fields: Any) -> Ask:
    return Ask(number, number, **{"destination": "FR", "order": ORDER, **fields})


def look(source: Mailbox, *asks: Ask) -> list[Outcome]:
    said = source.track(asks or (ask(),))
    return list(said.values())


def codes(outcome: Outcome) -> list[str]:
    assert isinstance(outcome, Found), outcome
    return [sighting.code for sighting in outcome.read()]


def deliver(server: Dovecot, *raws: bytes, at: datetime = NOW, **where: Any) -> None:
    for raw in raws:
        server.deliver(raw, at=at.timestamp(), **where)


def test_mails_become_sightings_and_every_mail_stays_as_it_was(box: Dovecot, tmp_path: Path) -> None:
    earlier = NOW - timedelta(days=3)
    deliver(box, letter(f"Package {NUMBER}: left the departure region", at=earlier), at=earlier)
    deliver(box, letter(f"Package {NUMBER}: at customs"), letter("Dear Ana", sender="friend@example.org"))
    before = box.flags()
    (outcome,) = look(mailbox(box, tmp_path))
    assert codes(outcome) == ["LEFT_ORIGIN", "AT_CUSTOMS"]
    assert isinstance(outcome, Found)
    assert [s.at for s in outcome.read()] == [earlier, NOW]
    assert box.flags() == before == dict.fromkeys(before, ())
    assert len(before) == 3


def test_mails_are_marked_as_read_only_where_that_is_wished_and_only_those_believed(
    box: Dovecot, tmp_path: Path
) -> None:
    deliver(
        box,
        letter(f"Package {NUMBER}: at customs"),
        *PHISHING.values(),
        letter("Dear Ana", sender="friend@example.org"),
    )
    assert codes(look(mailbox(box, tmp_path, after_reading="seen"))[0]) == ["AT_CUSTOMS"]
    assert sorted(box.flags().values()) == [()] * (len(PHISHING) + 1) + [(rb"\Seen",)]


def test_mails_are_moved_where_that_is_wished_and_stay_known(box: Dovecot, tmp_path: Path) -> None:
    with box.client() as client:
        client.create("Read")
    deliver(box, letter(f"Package {NUMBER}: at customs"), letter("Dear Ana", sender="friend@example.org"))
    source = mailbox(box, tmp_path, after_reading="move:Read")
    assert codes(look(source)[0]) == ["AT_CUSTOMS"]
    assert len(box.flags()) == len(box.flags("Read")) == 1
    assert codes(look(source)[0]) == ["AT_CUSTOMS"]


def test_a_folder_that_is_not_there_to_move_to_is_said(box: Dovecot, tmp_path: Path) -> None:
    deliver(box, letter(f"Package {NUMBER}: at customs"))
    with pytest.raises(Permanent, match="cannot be moved to Nowhere"):
        look(mailbox(box, tmp_path, after_reading="move:Nowhere"))


@pytest.mark.parametrize("raw", PHISHING.values(), ids=PHISHING.keys())
def test_a_mail_that_is_not_proved_moves_nothing_and_is_counted(
    raw: bytes, box: Dovecot, tmp_path: Path
) -> None:
    deliver(box, raw)
    source = mailbox(box, tmp_path)
    assert source.remarks() == ()
    assert look(source) == [NoNews()]
    (remark,) = source.remarks()
    assert remark.startswith(
        "1 mail that names the shop or a carrier as sender was not believed; the last came 2026-11-24"
    )
    assert "delivered" not in (tmp_path / "mails.json").read_text()
    deliver(box, letter(f"Package {NUMBER} has been delivered"))  # the same words, proved
    assert codes(look(source)[0]) == ["DELIVERED"]


def test_the_shops_advertisements_are_left_alone_whatever_they_say(box: Dovecot, tmp_path: Path) -> None:
    deliver(box, letter(f"Package {NUMBER} has been delivered", sender="offers@deals.aliexpress.com"))
    source = mailbox(box, tmp_path, after_reading="seen")
    assert look(source) == [NoNews()]
    assert source.remarks() == ()
    assert list(box.flags().values()) == [()]


def test_a_parcel_nobody_wrote_of_has_no_news_beside_one_that_has(box: Dovecot, tmp_path: Path) -> None:
    assert look(mailbox(box, tmp_path)) == [NoNews()]
    deliver(box, letter("Your packages have updates", html=package(NUMBER, "At customs")))
    first, second = look(mailbox(box, tmp_path), ask(), ask(OTHER, order="1"))
    assert codes(first) == ["AT_CUSTOMS"]
    assert isinstance(second, NoNews)


def test_a_mailbox_is_not_read_whole_each_time_not_even_by_another_process(
    box: Dovecot, tmp_path: Path
) -> None:
    deliver(box, *(letter(f"Package {NUMBER}: at customs", key=f"k{i}") for i in range(3)))
    first = look(mailbox(box, tmp_path))[0]
    assert isinstance(first, Found)
    known = json.loads((tmp_path / "mails.json").read_text())
    assert known["read"]["aliexpress.com"] == max(box.flags())
    assert (tmp_path / "mails.json").stat().st_mode & 0o077 == 0
    with box.client() as client:  # they are gone, and yet known
        client.select("INBOX")
        client.uid("STORE", "1:*", "+FLAGS.SILENT", r"(\Deleted)")
        client.expunge()
    again = look(mailbox(box, tmp_path))[0]
    assert isinstance(again, Found)
    assert again.fingerprint == first.fingerprint
    (tmp_path / "mails.json").unlink()  # … also without the file: the parcel's memo holds them
    after_all = look(mailbox(box, tmp_path), ask(memo=first.memo))[0]
    assert isinstance(after_all, Found)
    assert after_all.fingerprint == first.fingerprint


def test_a_new_uidvalidity_reads_the_window_again_and_tells_nothing_twice(
    box: Dovecot, tmp_path: Path
) -> None:
    with box.client() as client:
        client.create("Shop")
    source = mailbox(box, tmp_path, folder="Shop")
    old = letter(f"Package {NUMBER}: at customs", key="a", at=NOW - timedelta(hours=2))
    deliver(box, letter("x", key="0"), letter("y", key="1"), old, folder="Shop")
    assert codes(look(source)[0]) == ["AT_CUSTOMS"]
    before = json.loads((tmp_path / "mails.json").read_text())
    with box.client() as client:
        client.delete("Shop")
        client.create("Shop")
    deliver(box, old, letter(f"Package {NUMBER} has cleared customs", key="b"), folder="Shop")
    assert codes(look(source)[0]) == ["AT_CUSTOMS", "CLEARED"]
    after = json.loads((tmp_path / "mails.json").read_text())
    assert after["validity"] != before["validity"]
    assert (
        after["read"]["aliexpress.com"] < before["read"]["aliexpress.com"]
    )  # by the old one the new mail was read long ago


def test_only_the_window_is_read(box: Dovecot, tmp_path: Path) -> None:
    old = NOW - timedelta(days=40)
    deliver(box, letter(f"Package {NUMBER}: at customs", at=old), at=old)
    assert look(mailbox(box, tmp_path / "a", days=30)) == [NoNews()]
    assert codes(look(mailbox(box, tmp_path / "b", days=60))[0]) == ["AT_CUSTOMS"]


def test_the_time_a_mail_claims_counts_only_near_that_of_its_arrival(box: Dovecot, tmp_path: Path) -> None:
    deliver(box, letter(f"Package {NUMBER}: at customs", at=NOW + timedelta(days=300)))
    (outcome,) = look(mailbox(box, tmp_path))
    assert isinstance(outcome, Found)
    assert [s.at for s in outcome.read()] == [NOW]


def test_a_carriers_mail_is_read_where_the_carrier_delivers_and_where_it_is_wished(
    box: Dovecot, tmp_path: Path
) -> None:
    text = f"Customs charges of 4.99 EUR are due for {NUMBER}: https://pay.example\n"
    deliver(box, letter("Your parcel", sender="noreply@laposte.fr", text=text))
    assert look(mailbox(box, tmp_path / "a", carriers=False)) == [NoNews()]
    assert look(mailbox(box, tmp_path / "b"), ask(destination="DE")) == [NoNews()]
    (outcome,) = look(mailbox(box, tmp_path / "c"))
    assert codes(outcome) == ["CHARGE_HINT"]
    kept = (tmp_path / "c" / "mails.json").read_text()
    assert "pay.example" not in kept
    assert "4.99" not in kept


@pytest.mark.slow
def test_a_thousand_mails_are_read_in_seconds(box: Dovecot, tmp_path: Path) -> None:
    filler = "<p>a line of a mail as shops write them</p>" * 200
    for i in range(1000):
        deliver(box, letter(f"Package LP{i:014d}: at customs", key=f"many{i}", html=filler))
    source = mailbox(box, tmp_path, timeout=30)
    began = time.process_time()  # ours alone: a busy machine is no slower reader
    outcomes = look(source, *(ask(f"LP{i:014d}", order="") for i in range(1000)))
    first = time.process_time() - began
    assert all(codes(outcome) == ["AT_CUSTOMS"] for outcome in outcomes)
    assert first < 15, f"{first:.1f} s of CPU for a thousand mails"
    began = time.process_time()
    look(source)
    assert time.process_time() - began < first / 4, "what was read is not read again"


def test_a_mailbox_too_large_for_one_look_is_read_on_in_the_next(box: Dovecot, tmp_path: Path) -> None:
    deliver(box, *(letter(f"Package {NUMBER}: at customs", key=f"slow{i}") for i in range(45)))
    clock = iter(NOW + timedelta(seconds=50 * i) for i in range(1000))
    options = {**box.settings, "authserv_id": "mx.google.com", "memory": str(tmp_path)}
    source = aliexpress_mail.open(Settings.model_validate(options), name="mails", clock=lambda: next(clock))
    with pytest.raises(Temporary, match="5 mails are left") as raised:
        look(source)
    assert raised.value.after == timedelta(seconds=5)
    assert len(codes(look(source)[0])) == 1


def test_what_is_to_be_forgotten_is_kept_no_more_and_the_mails_stay(box: Dovecot, tmp_path: Path) -> None:
    deliver(
        box,
        letter(f"Package {NUMBER}: at customs", html=tracking(ORDER), key="f1"),
        letter(f"Order {ORDER}: order shipped", key="f2"),
        letter(f"Package {OTHER}: at customs", html=tracking("3074309624302839"), key="f3"),
    )
    source = mailbox(box, tmp_path)
    look(source)
    source.forget([NUMBER])
    kept = (tmp_path / "mails.json").read_text()
    assert NUMBER not in kept
    assert ORDER not in kept
    assert OTHER in kept
    assert len(box.flags()) == 3
    assert isinstance(look(source)[0], NoNews)  # what was read is not read again


# -- what goes wrong ------------------------------------------------------------------------------------------------


def test_a_wrong_password_is_permanent_speaks_of_app_passwords_and_does_not_show_it(
    box: Dovecot, tmp_path: Path
) -> None:
    with pytest.raises(Permanent, match="app password") as raised:
        look(mailbox(box, tmp_path, password="not-the-one"))
    assert "not-the-one" not in str(raised.value)
    assert PASSWORD not in str(raised.value)


def test_a_server_that_is_away_is_temporary(tmp_path: Path, box: Dovecot) -> None:
    with pytest.raises(Temporary, match="cannot reach the mailbox"):
        look(mailbox(box, tmp_path, port=1))


def test_a_certificate_that_does_not_fit_is_permanent(box: Dovecot, tmp_path: Path) -> None:
    said = {**box.settings, "authserv_id": "mx.google.com", "memory": str(tmp_path)}
    del said["ca_file"]
    with pytest.raises(Permanent, match="no valid certificate"):
        aliexpress_mail.open(Settings.model_validate(said), name="m", clock=lambda: NOW).track([ask()])


def test_starttls_is_spoken_where_it_is_offered_and_refused_where_it_is_not(
    box: Dovecot, tmp_path: Path
) -> None:
    deliver(box, letter(f"Package {NUMBER}: at customs"))
    assert codes(look(mailbox(box, tmp_path, security="starttls", port=box.port))[0]) == ["AT_CUSTOMS"]
    with Dovecot(tls=False) as plain:
        with pytest.raises(Permanent, match="offers no STARTTLS"):
            look(mailbox(plain, tmp_path, security="starttls", port=plain.port))
        near = {"host": "127.0.0.1", "port": plain.port, "security": "none", "ca_file": None}
        assert look(mailbox(plain, tmp_path / "near", **near)) == [NoNews()]
    with pytest.raises(Temporary):  # TLS from the first byte, spoken to a door that expects none
        look(mailbox(box, tmp_path, port=box.port))


def test_a_folder_that_is_not_there_is_permanent(box: Dovecot, tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="no folder 'Nowhere'"):
        look(mailbox(box, tmp_path, folder="Nowhere"))


@pytest.mark.parametrize("after", [10, 700, 1200, 1800, 3000, 60_000])
def test_a_connection_that_breaks_off_anywhere_is_temporary_and_never_no_news(
    after: int, box: Dovecot, tmp_path: Path
) -> None:
    deliver(
        box, *(letter(f"Package {NUMBER}: at customs", key=f"cut{i}", text="x" * 3000) for i in range(30))
    )
    with CuttingDoor(box.port, after=after) as door:
        near = {"host": "127.0.0.1", "port": door.port, "security": "starttls"}
        with pytest.raises(Temporary):
            look(mailbox(box, tmp_path, **near))
    assert len(codes(look(mailbox(box, tmp_path))[0])) == 1


class Rude:
    """A server on the loopback that sends what it is told to whoever comes, and says no more."""

    def __init__(self, greeting: bytes, *, drip: float = 0.0, stay: bool = True) -> None:
        self._greeting, self._drip, self._stay = greeting, drip, stay
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Rude:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError), self._listener.accept()[0] as connection:
            for at in range(0, len(self._greeting), 1 if self._drip else 1_000_000):
                connection.sendall(self._greeting[at : at + (1 if self._drip else 1_000_000)])
                self._over.wait(self._drip)
            if self._stay:
                self._over.wait(30)


RUDE: dict[str, dict[str, Any]] = {
    "silence": {"greeting": b""},
    "a hang-up": {"greeting": b"", "stay": False},
    "garbage": {"greeting": bytes(range(256)) * 3 + b"\r\n"},
    "HTML": {"greeting": b"<!DOCTYPE html><html><body>Are you human?</body></html>\r\n"},
    "no welcome": {"greeting": b"* BYE too many connections\r\n"},
    "another protocol": {"greeting": b"220 mail.example.org ESMTP\r\n"},
    "a line without end": {"greeting": b"* OK " + b"x" * 25_000_000},
    "byte after byte": {"greeting": b"* OK " + b"x" * 10_000, "drip": 0.05},
    "a welcome and no more": {"greeting": b"* OK IMAP4rev1 ready\r\n"},
}


@pytest.mark.parametrize("security", ["none", "tls", "starttls"])
@pytest.mark.parametrize("rude", RUDE.values(), ids=RUDE.keys())
def test_a_server_that_makes_no_sense_is_temporary_and_takes_no_longer_than_allowed(
    rude: dict[str, Any], security: str, tmp_path: Path
) -> None:
    with Rude(**rude) as server:
        said = {
            "host": "127.0.0.1", "port": server.port, "security": security, "user": "ana", "password": "s3cret-of-ana",
            "authserv_id": "mx", "memory": str(tmp_path), "timeout": 0.3,
        }  # fmt: skip
        source = aliexpress_mail.open(Settings.model_validate(said), name="m", clock=lambda: NOW)
        began = time.monotonic()
        with pytest.raises((Temporary, Permanent)) as raised:
            look(source)
        assert time.monotonic() - began < 5
        assert isinstance(raised.value, Temporary) or "STARTTLS" in str(raised.value)
        assert "s3cret" not in str(raised.value)
        assert ("drip" not in rude) or security == "tls" or "took longer than 1 seconds" in str(raised.value)


def test_a_memory_that_cannot_be_read_or_written(box: Dovecot, tmp_path: Path) -> None:
    deliver(box, letter(f"Package {NUMBER}: at customs"))
    for odd in (b"", b"{", b"[]", b'{"v": 99}', b'{"facts": {"a": 1}}'):
        (tmp_path / "mails.json").write_bytes(odd)
        assert codes(look(mailbox(box, tmp_path))[0]) == ["AT_CUSTOMS"]
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Permanent, match="cannot be remembered"):
        look(mailbox(box, tmp_path / "file"))


# -- listening ------------------------------------------------------------------------------------------------------


class Listening:
    """A thread that listens at a mailbox. Use as a context manager."""

    def __init__(self, source: Mailbox) -> None:
        self.news: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(
            target=source.listen,
            args=(lambda: self.news.append(time.monotonic()), self._over.is_set),
            daemon=True,
        )

    def __enter__(self) -> Listening:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()


@pytest.mark.parametrize("hide", [(), ("IDLE",)], ids=["idle", "no idle"])
def test_a_new_mail_of_the_shop_wakes_the_listener_and_another_mail_does_not(
    hide: tuple[str, ...], tmp_path: Path
) -> None:
    with Dovecot(hide=hide) as server:
        deliver(server, letter(f"Package {NUMBER}: at customs", key="old"))
        source = mailbox(server, tmp_path, every=1)
        with Listening(source) as listening:
            wait_for(
                lambda: bool(listening.news), "the listener to be there", 10
            )  # what came before may be news
            listening.news.clear()
            for turn in range(8):  # a mail that comes before the listener waits is noticed a little later
                deliver(server, letter("Dear Ana", sender="friend@example.org", key=f"friend{turn}"))
                time.sleep(0.2)
                assert listening.news == []
                deliver(server, letter(f"Package {NUMBER} has cleared customs", key=f"new{turn}"))
                end = time.monotonic() + 2
                while not listening.news and time.monotonic() < end:
                    time.sleep(0.02)
                if listening.news:
                    return
            pytest.fail("the listener is not told")


def test_who_does_not_want_to_listen_does_not(box: Dovecot, tmp_path: Path) -> None:
    mailbox(box, tmp_path, listen=False).listen(lambda: pytest.fail("told"), lambda: pytest.fail("asked"))


# -- OAuth2 ---------------------------------------------------------------------------------------------------------


class TokenServer:
    """As much of an IMAP server as a sign-in by XOAUTH2 needs; keeps what it was told. It speaks no TLS: the loopback only."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.said: list[str] = []

    def __enter__(self) -> TokenServer:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection, connection.makefile("rwb", buffering=0) as wire:
            wire.write(b"* OK ready\r\n")
            for line in iter(wire.readline, b""):
                tag, _, command = line.decode().strip().partition(" ")
                self.said.append(command)
                if command.startswith("CAPABILITY"):
                    wire.write(b"* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\n")
                elif command.startswith("AUTHENTICATE"):
                    wire.write(b"+ \r\n")
                    said = base64.b64decode(wire.readline()).decode()
                    self.said.append(said)
                    if f"auth=Bearer {self._token}\x01" not in said:
                        wire.write(f"{tag} NO [AUTHENTICATIONFAILED] no\r\n".encode())
                        continue
                elif command.startswith("EXAMINE"):
                    wire.write(b"* 0 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n")
                elif "SEARCH" in command:
                    wire.write(b"* SEARCH\r\n")
                elif command.startswith("LOGOUT"):
                    wire.write(b"* BYE\r\n")
                wire.write(f"{tag} OK done\r\n".encode())


@pytest.mark.parametrize(
    ("command", "raises"),
    [
        (["printf", "the-token"], None),
        (["printf", "another-token"], Permanent),
        (["printf", ""], Temporary),
        (["printf", "two lines\\nof it"], Temporary),
        (["false"], Temporary),
        (["/nowhere/token-tool"], Temporary),
    ],
)
def test_a_token_of_the_users_own_command_opens_the_mailbox(
    command: list[str], raises: type[Exception] | None, tmp_path: Path
) -> None:
    with TokenServer("the-token") as server:
        said = {
            "host": "127.0.0.1", "port": server.port, "security": "none", "user": "ana", "token_command": command,
            "authserv_id": "mx", "memory": str(tmp_path), "timeout": 5,
        }  # fmt: skip
        source = aliexpress_mail.open(Settings.model_validate(said), name="m", clock=lambda: NOW)
        if raises is None:
            assert look(source) == [NoNews()]
            assert "user=ana\x01auth=Bearer the-token\x01\x01" in server.said
            assert "EXAMINE INBOX" in " ".join(server.said).replace('"', "")
            return
        with pytest.raises(raises) as raised:
            look(source)
        assert "token" not in str(raised.value).replace("token_command", "").replace(
            "access token", ""
        ).replace("no token", "")
