"""Orders found in mails beside the user's own: taken in from a file of ours, never against the user's word, never in its way."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from workers import app
from workers.errors import Misconfigured
from workers.settings import Settings, Watch, found
from workers.settings.found import FoundOrder

TODAY = date(2026, 11, 24)
HEAD = """\
sources:
  track: {kind: seventeentrack, token: x}
  mails: {kind: aliexpress_mail, host: imap.gmail.com, user: ana, password: x}
recipients: {ana: {email: ana@example.org}, bob: {email: bob@example.org}}
"""
MINE = "orders: [{title: Mine, tracking: LP00640000000011, to: FR, order: '1000000000000001'}]\n"


def order(number: str, *tracking: str, on: date = TODAY, source: str = "mails") -> FoundOrder:
    return FoundOrder(number, tracking or (f"AP{number[-14:]}",), "AliExpress", source, on)


A, B = order("3076348326202839"), order("3074309624302839")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    return folder / "orders.yaml"


def load(file: Path, text: str) -> Settings:
    file.write_text(HEAD + text)
    file.chmod(0o600)
    return app.load(file, {})


def keep(file: Path, *orders: FoundOrder) -> Path:
    path = file.parent.parent / "var" / found.FILE
    found.save(path, orders)
    return path


def test_found_orders_are_watched_only_where_the_file_says_so(file: Path) -> None:
    keep(file, A)
    for off in ("", "auto_watch: no\n", "auto_watch:\n"):
        assert list(load(file, MINE + off).orders) == ["LP00640000000011"]
    loaded = load(file, MINE + "auto_watch: {to: DE, tell: bob}\n")
    assert list(loaded.orders) == ["LP00640000000011", "found-3076348326202839"]
    watched = loaded.orders["found-3076348326202839"]
    assert (watched.destination, watched.tell, watched.number) == ("DE", ("bob",), "3076348326202839")
    assert (watched.title, watched.shop) == ("AliExpress …2839", "AliExpress")
    assert watched.parcels[0].sources == ("mails",)
    assert loaded.auto_watch is not None
    assert loaded.warnings == ()
    assert (
        file.read_text() == HEAD + MINE + "auto_watch: {to: DE, tell: bob}\n"
    )  # and the user's file is as it was


def test_the_template_goes_before_the_defaults_and_says_who_looks_up(file: Path) -> None:
    keep(file, A)
    loaded = load(file, "defaults: {to: FR, vat_paid: yes}\nauto_watch: {to: DE, source: track, a_day: 2}\n")
    watched = loaded.orders["found-3076348326202839"]
    assert (watched.destination, watched.checkout.vat.value) == ("DE", "yes")
    assert watched.parcels[0].sources == ("track",)
    assert (
        load(file, "defaults: {to: FR}\nauto_watch: yes\n").orders["found-3076348326202839"].destination
        == "FR"
    )


def test_an_order_in_the_users_own_file_takes_the_place_of_a_found_one(file: Path) -> None:
    keep(file, order("1000000000000001"), order("2000000000000001", "LP00640000000011"), B)
    loaded = load(file, MINE + "auto_watch: {to: DE}\n")
    assert list(loaded.orders) == ["LP00640000000011", "found-3074309624302839"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff", b'[{"order": "1"}]', b"[" * 100_000])
def test_a_file_of_ours_that_cannot_be_read_is_in_nobodys_way(content: bytes, file: Path) -> None:
    keep(file, A).write_bytes(content)
    assert list(load(file, MINE + "auto_watch: {to: DE}\n").orders) == ["LP00640000000011"]


def test_a_found_order_nobody_could_have_written_is_left_out(file: Path) -> None:
    keep(file, order("3076348326202839", "?"))
    assert list(load(file, MINE + "auto_watch: {to: DE}\n").orders) == ["LP00640000000011"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("auto_watch: {tell: ana}\n", "auto_watch: 'to' is required"),
        ("auto_watch: yes\n", "auto_watch: 'to' is required"),
        ("auto_watch: {to: DE, tell: anna}\n", "there is no recipient 'anna'"),
        ("auto_watch: {to: DE, source: trak}\n", "there is no source 'trak'"),
        ("auto_watch: {to: DE, a_day: 0}\n", "a_day"),
        ("auto_watch: {to: DE, colour: red}\n", "colour"),
        ("auto_watch: maybe\n", "yes or no"),
        ("auto_watch: {to: Germany}\n", "country"),
    ],
)
def test_mistakes_are_told_with_their_line(text: str, said: str, file: Path) -> None:
    with pytest.raises(Misconfigured) as raised:
        load(file, MINE + text)
    (mistake,) = raised.value.mistakes
    assert said in str(mistake)
    assert mistake.line == 6


def test_a_newly_found_order_changes_the_settings_without_a_word_of_the_user(file: Path) -> None:
    load(file, MINE + "auto_watch: {to: DE}\n")
    watch = Watch(file, source_model=app._source_model, channel_model=app._channel_model, environ={})
    now = datetime.now(UTC) + timedelta(seconds=5)
    assert len(watch.poll(now).settings.orders) == 1
    assert watch.poll(now).changed is False
    keep(file, A)
    looked = watch.poll(now + timedelta(seconds=5))
    assert looked.changed
    assert "found-3076348326202839" in looked.settings.orders


def test_so_many_a_day_none_twice_and_none_that_is_watched() -> None:
    new = [order(f"30763483262028{i:02d}") for i in range(8)]
    first = found.added([], new, watched=(), a_day=5)
    assert first == new[:5]
    assert found.added(first, new, watched=(), a_day=5) == []
    tomorrow = [FoundOrder(o.order, o.numbers, o.shop, o.source, TODAY + timedelta(days=1)) for o in new]
    assert [o.order for o in found.added(first, tomorrow, watched=(), a_day=5)] == [o.order for o in new[5:]]
    assert found.added([], [A, B], watched={A.order, B.numbers[0]}, a_day=5) == []


def test_a_dropped_order_is_watched_no_more_and_not_found_again(file: Path) -> None:
    left = found.dropped([A, B], A.order)
    found.save(file.parent.parent / "var" / found.FILE, left)
    assert list(load(file, "auto_watch: {to: DE}\n").orders) == [f"found-{B.order}"]
    assert found.added(left, [A, B], watched=(), a_day=5) == []


def test_the_oldest_found_orders_go(tmp_path: Path) -> None:
    found.save(tmp_path / "x", [order(f"{i:016d}") for i in range(found.MOST + 50)])
    kept = found.decoded((tmp_path / "x").read_bytes())
    assert (len(kept), kept[0].order) == (found.MOST, f"{50:016d}")
    assert (tmp_path / "x").stat().st_size < 64 * 1024  # more would not be read whole
    assert (tmp_path / "x").stat().st_mode & 0o077 == 0
