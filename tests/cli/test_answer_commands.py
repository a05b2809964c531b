"""ack, paid, mute, unmute and stop as a person types them: what is said back, and what a slip costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from tests.servers.valkey import Valkey, start_valkey
from workers import memory
from workers.app import load
from workers.cli import app
from workers.core.word import Word
from workers.replies import Standing
from workers.store import Store

ORDERS = """\
recipients:
  anna: {email: ana@example.org, timezone: Europe/Berlin}
sources:
  recorded: {kind: replay, folder: .}
orders:
  - {title: Fishing reel, id: reel, tracking: [LX400000015CN, LX400000029CN], to: ES}
  - {title: Lamp, tracking: LX400000032CN, to: ES, mute: yes}
"""
ONE, TWO = "reel/LX400000015CN", "reel/LX400000029CN"


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with start_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


class Mouth:
    def __init__(self, url: str, file: Path) -> None:
        self.store = Store.connect(url)
        self.store.prepare()
        self._environ = {"CW_REDIS_URL": url, "CW_CONFIG": str(file), "COLUMNS": "200"}

    def __call__(self, *argv: str, code: int = 0) -> str:
        said = CliRunner().invoke(app, argv, env=self._environ)
        assert said.exit_code == code, said.output
        return said.output

    def word(self, parcel: str) -> Word:
        return memory.load_word(self.store.words([parcel]).get(parcel))


@pytest.fixture
def say(valkey: Valkey, tmp_path: Path) -> Iterator[Mouth]:
    file = tmp_path / "orders.yaml"
    file.write_text(ORDERS)
    mouth = Mouth(valkey.fresh(), file)
    yield mouth
    mouth.store.close()


def test_an_order_stands_for_all_its_parcels_and_a_number_for_one(say: Mouth) -> None:
    assert say("mute", "reel").count(": muted;") == 2
    assert say.word(ONE).muted
    assert say.word(TWO).muted
    say("unmute", "LX400000029CN")
    assert say.word(ONE).muted
    assert not say.word(TWO).muted


def test_a_mute_ends_at_the_beginning_of_a_day_where_its_reader_lives_or_after_a_while(say: Mouth) -> None:
    said = say("mute", ONE, "--until", "2126-06-01")
    assert "until 2126-06-01 00:00" in said
    assert say.word(ONE).until == datetime(2126, 5, 31, 22, tzinfo=UTC)
    say("mute", ONE, "--until", "3d")
    until = say.word(ONE).until
    assert until is not None
    assert 71 < (until - datetime.now(UTC)).total_seconds() / 3600 <= 72
    for wrong in ("soon", "2026-13-01", "2020-01-01"):
        assert "--until" in say("mute", ONE, "--until", wrong, code=2)


def test_a_stop_is_taken_back_by_unmute(say: Mouth) -> None:
    assert "not looked up" in say("stop", "reel")
    assert say.word(ONE).stopped
    say("unmute", "reel")
    assert not say.word(ONE).stopped


def test_seen_is_noted_and_the_same_again_changes_nothing_else(say: Mouth) -> None:
    say("ack", ONE)
    say("ack", ONE)
    assert say.word(ONE).seen is not None
    assert not say.word(ONE).muted


def test_paid_for_what_nobody_knows_anything_of_says_so(say: Mouth) -> None:
    assert "nothing is known yet" in say("paid", ONE, code=4)


def test_what_is_not_watched_is_refused_with_what_is(say: Mouth) -> None:
    assert "no parcel 'nothing' is watched" in say("ack", "nothing", code=3)


def test_a_mute_in_the_file_holds_and_the_command_says_so(say: Mouth) -> None:
    assert "holds for" in say("unmute", "LX400000032CN")


def test_status_says_which_replies_did_not_count_and_which_mailbox_cannot_be_read(say: Mouth) -> None:
    assert "Replies by" not in say("status")
    name = next(iter(load(Path(say._environ["CW_CONFIG"]), {}).channels))
    ill = Standing(
        counted=2,
        unclear=1,
        refused=3,
        why="DMARC fails\nand more",
        error="no\tway in",
        since=datetime(2026, 11, 24, 8, 5, tzinfo=UTC),
    )
    say.store.remember(f"replies:{name}", msgspec.json.encode(ill))
    said = say("status")
    assert f"Replies by {name} cannot be read since 2026-11-24 08:05 UTC: no way in" in said
    assert (
        f"Replies by {name}: 2 counted, 3 not believed (the last one: DMARC fails and more), 1 not understood."
        in said
    )
    say.store.remember(f"replies:{name}", b"written by another version")
    assert "Replies by" not in say("status")
