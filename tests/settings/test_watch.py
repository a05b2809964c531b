"""The file is read again when it changes, and the last good one is kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr, create_model

from workers.errors import Misconfigured
from workers.settings import Watch

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TEXT = "sources: {{track: {{kind: any, {token}}}}}\norders:\n  - {{title: {title}, tracking: AAAAA1, to: {to}}}\n"
LONG_AGO = NOW - timedelta(hours=1)


def any_model(kind: str) -> type[BaseModel]:
    return create_model("Any", token=(SecretStr, SecretStr("")))


Write = Callable[..., None]


@pytest.fixture
def write(file: Path) -> Write:
    """Write the file and say when it was last touched."""

    def write_file(
        title: str = "Lamp", to: str = "DE", key: str = "token: x", at: datetime = LONG_AGO
    ) -> None:
        file.write_text(TEXT.format(title=title, to=to, token=key))
        file.chmod(0o600)
        os.utime(file, (at.timestamp(), at.timestamp()))

    return write_file


@pytest.fixture
def watch(file: Path) -> Watch:
    return Watch(file, source_model=any_model, channel_model=any_model, environ={})


def titles(watch: Watch, now: datetime = NOW) -> list[str]:
    return [order.title for order in watch.poll(now).settings.orders.values()]


def test_making_a_watch_reads_nothing(watch: Watch, file: Path) -> None:
    assert not file.exists()


def test_the_first_look_reads_and_the_next_finds_nothing_new(watch: Watch, write: Write) -> None:
    write()
    first = watch.poll(NOW)
    assert (first.changed, first.error) == (True, None)
    second = watch.poll(NOW)
    assert (second.changed, second.error) == (False, None)
    assert second.settings is first.settings


def test_a_change_is_taken_over(watch: Watch, write: Write) -> None:
    write()
    watch.poll(NOW)
    write(title="Bulb")
    look = watch.poll(NOW)
    assert look.changed
    assert titles(watch) == ["Bulb"]


def test_a_touch_without_a_change_is_no_change(watch: Watch, write: Write) -> None:
    write()
    watch.poll(NOW)
    write(at=NOW)
    assert not watch.poll(NOW).changed


def test_a_file_replaced_by_another_of_the_same_age_and_size_is_noticed(watch: Watch, write: Write) -> None:
    write(title="Lamp")
    watch.poll(NOW)
    write(title="Bulb")
    assert titles(watch) == ["Bulb"]


def test_a_mistake_keeps_the_last_good_one_and_is_told_at_every_look(watch: Watch, write: Write) -> None:
    write()
    good = watch.poll(NOW).settings
    write(to="UK")
    look = watch.poll(NOW)
    assert (look.settings, look.changed) == (good, False)
    assert "orders.yaml:3: to: 'UK'" in str(look.error)
    assert watch.poll(NOW).error is look.error
    write(title="Bulb")
    healed = watch.poll(NOW)
    assert (healed.changed, healed.error) == (True, None)


def test_going_back_to_the_last_good_one_heals_without_a_change(watch: Watch, write: Write) -> None:
    write()
    watch.poll(NOW)
    write(to="UK")
    assert watch.poll(NOW).error
    write()
    look = watch.poll(NOW)
    assert (look.changed, look.error) == (False, None)


def test_a_file_being_written_is_left_alone_until_it_is_still(watch: Watch, write: Write) -> None:
    write()
    watch.poll(NOW)
    write(title="Half", at=NOW - timedelta(milliseconds=300))
    assert titles(watch) == ["Lamp"]
    write(title="Whole", at=NOW - timedelta(milliseconds=100))
    assert titles(watch) == ["Lamp"]
    assert titles(watch) == ["Whole"]  # the same at two looks, whatever the clocks say


def test_a_file_that_vanishes_for_a_moment_is_no_news(watch: Watch, write: Write, file: Path) -> None:
    write()
    watch.poll(NOW)
    file.unlink()
    look = watch.poll(NOW)
    assert (look.changed, look.error) == (False, None)
    write()
    assert watch.poll(NOW).error is None


def test_a_file_that_is_gone_is_told_and_its_settings_are_kept(
    watch: Watch, write: Write, file: Path
) -> None:
    write()
    good = watch.poll(NOW).settings
    file.unlink()
    watch.poll(NOW)
    look = watch.poll(NOW)
    assert look.settings is good
    assert "there is no such file" in str(look.error)


def test_without_a_good_one_every_look_raises_until_there_is_one(watch: Watch, write: Write) -> None:
    with pytest.raises(Misconfigured, match="no such file"):
        watch.poll(NOW)
    write(to="UK")
    with pytest.raises(Misconfigured, match="'UK'"):
        watch.poll(NOW)
    write()
    assert watch.poll(NOW).changed


def test_a_changed_secret_file_is_a_change(watch: Watch, write: Write, file: Path) -> None:
    secret = file.parent / "key"
    secret.write_text("old")
    write(key="token_file: key")
    watch.poll(NOW)
    secret.write_text("new")
    os.utime(secret, (LONG_AGO.timestamp(), LONG_AGO.timestamp()))
    look = watch.poll(NOW)
    assert look.changed
    assert look.settings.sources["track"].options.model_dump()["token"].get_secret_value() == "new"


def test_a_missing_secret_file_heals_when_it_appears(watch: Watch, write: Write, file: Path) -> None:
    write()
    watch.poll(NOW)
    write(key="token_file: key")
    assert "cannot be read" in str(watch.poll(NOW).error)
    (file.parent / "key").write_text("new")
    watch.poll(NOW)
    assert watch.poll(NOW).error is None
