"""The scheduler's ticks as they are wired: limits before anything is watched, the owner told, paces stretched."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.servers.rows import commit
from tests.servers.valkey import Valkey, until
from workers import app as wiring
from workers.desk import Desk

ORDERS = """\
recipients:
  anna: {email: ana@example.org}
channels:
  mail: {kind: outbox, form: mail}
sources:
  post: {kind: dhl, token: key, quota: {calls: 24, per: day}}
orders:
  - {title: Fishing reel, tracking: LX400000015CN, to: ES}
"""
PARCEL = "LX400000015CN/LX400000015CN"


@pytest.fixture
def app(valkey: Valkey, tmp_path: Path) -> Iterator[wiring.App]:
    file = tmp_path / "orders.yaml"
    file.write_text(ORDERS)
    file.chmod(0o600)
    made = wiring.assemble(file, valkey.fresh())
    yield made
    made.broker.close()
    made.store.close()


def test_a_source_is_limited_before_it_watches_anything_and_the_users_word_holds(app: wiring.App) -> None:
    Desk(app, name="t").sync()
    assert app.store.count_watched("post") == 1
    (budget,) = app.store.budget("post")
    assert (budget.quota.most, budget.quota.per, budget.spent) == (24, "day", 0)


def test_the_owner_is_owed_one_notice_however_many_schedulers_look(app: wiring.App) -> None:
    desks = [Desk(app, name=name) for name in "ab"]
    desks[0].sync()
    app.store.source_news("post", ok=False, error="the key is refused", permanent=True)
    for desk in desks * 2:
        desk.vigil()
    (row,) = app.store.notices()
    assert (row.topic, row.recipient, row.channel, row.parcel) == (
        "source_broken",
        "anna",
        "mail",
        "@source/post",
    )
    assert app.pipeline.notify("mail") == 1
    assert [one.state for one in app.store.notices()] == ["sent"]


def test_a_file_that_changed_rings_for_the_channels_that_were_refused(
    app: wiring.App, tmp_path: Path
) -> None:
    desk = Desk(app, name="t")
    desk.sync()
    app.store.bar("mail", "old", error="535", after=timedelta(minutes=15))
    waiting = app.broker.do_qsize("notify")
    desk.sync()
    assert app.broker.do_qsize("notify") == waiting, "the same file: nothing to try"
    file = tmp_path / "orders.yaml"
    file.write_text(ORDERS.replace("reel", "rod"))
    until(lambda: "rod" in str(app.house().settings.orders))
    desk.sync()
    assert app.broker.do_qsize("notify") == waiting + 1


def test_paces_are_stretched_by_a_tick(app: wiring.App) -> None:
    desk = Desk(app, name="t")
    desk.sync()
    names = [f"o{i}/LX{i:09d}CN" for i in range(60)]
    app.store.enrol("post", names, spread=timedelta(0))
    for name in names:
        app.store.commit(commit(name, source="post", fingerprint="f", every=timedelta(hours=6)))
    desk.pace()
    assert app.store.stretched("post")[0] > 9, "ten looks an hour are wished, one is allowed"
