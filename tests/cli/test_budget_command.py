"""The command budget, and what status says of sources that fail, shrink or may be asked no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.servers.rows import commit
from tests.servers.valkey import Valkey, start_valkey
from workers.cli import app
from workers.cli.common import loaded
from workers.cli.run import losses
from workers.core.limits import Quota
from workers.store import Looked, Store

ORDERS = """\
recipients:
  anna: {email: ana@example.org}
sources:
  post: {kind: dhl, token: key}
orders:
  - {title: Fishing reel, tracking: LX400000015CN, to: ES}
"""
PARCEL = "LX400000015CN/LX400000015CN"
NOW = timedelta(0)


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with start_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


class Desk:
    """A store in which one parcel is watched, and the commands beside it."""

    def __init__(self, url: str, file: Path) -> None:
        self.store = Store.connect(url)
        self.store.prepare()
        self.store.enrol("post", [PARCEL], spread=NOW)
        self.file = file
        self._environ = {"CW_REDIS_URL": url, "CW_CONFIG": str(file), "COLUMNS": "200"}

    def __call__(self, *argv: str) -> str:
        said = CliRunner().invoke(app, list(argv), env=self._environ)
        assert said.exit_code == 0, said.output
        return " ".join(said.output.split())

    def json(self, *argv: str) -> Any:
        return json.loads(self(*argv, "--json"))

    def health(self, **fields: int) -> None:
        self.store.scripts.client.hset("{cw}:health:post", mapping=fields)  # type: ignore[arg-type]


@pytest.fixture
def desk(valkey: Valkey, tmp_path: Path) -> Iterator[Desk]:
    file = tmp_path / "orders.yaml"
    file.write_text(ORDERS)
    file.chmod(0o600)
    made = Desk(valkey.fresh(), file)
    yield made
    made.store.close()


def look(desk: Desk, version: int, stage: str) -> None:
    desk.store.postpone("post", [PARCEL], after=NOW)
    assert desk.store.claim("post", 5, lease=timedelta(minutes=1), rate=0).parcels
    desk.store.settle("post", [Looked(PARCEL, f"f{version}")], every=timedelta(hours=1))
    decision = json.dumps({"stage": stage, "why": "history", "proof": {"text": "Arrived"}}).encode()
    one = commit(PARCEL, version, source="post", fingerprint=f"f{version}", stage=stage, decision=decision)
    assert desk.store.commit(one) == "done"


def test_budget_shows_what_a_source_was_asked_what_that_brought_and_what_is_left(desk: Desk) -> None:
    desk.store.limit("post", quota=[Quota("calls", 250, "day"), Quota("numbers", 9, "month")])
    for version, stage in enumerate(("in_transit", "in_transit", "import_customs", "released")):
        look(desk, version, stage)
    found = desk.json("budget")["post"]
    assert (found["watched"], found["seen_within_a_day"]) == (1, 1.0)
    assert (found["calls"], found["changes"], found["calls_per_change"]) == (4, 2, 2.0)
    assert [(q["what"], q["per"], q["spent"], q["left"]) for q in found["quota"]] == [
        ("calls", "day", 4, 246), ("numbers", "month", 1, 8),
    ]  # fmt: skip
    shown = desk("budget", "--days", "7")
    assert "Sources, the last 7 days" in shown
    assert "246 of 250 calls per day left until" in shown
    assert "8 of 9 new numbers per month left until" in shown
    assert "as wished" in shown


def test_budget_asks_for_a_quota_where_none_is_known(desk: Desk) -> None:
    assert "If the plan of" not in desk("budget"), "DHL's is known"
    desk.file.write_text(ORDERS.replace("kind: dhl", "kind: trackingmore"))
    assert "If the plan of post has a limit" in desk("budget")


def test_status_says_that_nobody_sees_a_parcel_whose_source_fails_for_long(desk: Desk) -> None:
    look(desk, 0, "in_transit")
    for _ in range(6):
        desk.store.source_news("post", ok=False, error="the server is ill")
    assert "fails since" in desk("status")
    assert "not seen since" not in desk("status")
    ago = int((datetime.now(UTC) - timedelta(hours=7)).timestamp() * 1000)
    desk.health(since=ago, ok=ago - 3_600_000, told=ago)
    (row,) = desk.json("status")["parcels"]
    assert row["unseen"].startswith("not seen since 20")
    assert row["unseen"].endswith("the source post fails")
    shown = desk("status")
    assert "not seen since" in shown
    assert "The source post fails since" in shown
    assert "the server is ill. Parcels may have moved unseen. The owner knows." in shown
    desk.store.source_news("post", ok=True)
    assert "not seen since" not in desk("status")


def test_status_says_whose_quota_is_used_up_and_whose_is_too_small(desk: Desk) -> None:
    desk.store.limit("post", quota=[Quota("calls", 1, "month")])
    desk.store.stretch("post", calm=7.5, urgent=1.0)
    look(desk, 0, "in_transit")
    shown = desk("status")
    assert "The source post may be asked no more until" in shown
    assert "1 calls per month are used up" in shown
    assert "looked at 7.5 times less often" in shown
    assert "x7.5" in desk("budget")


def test_status_says_that_a_source_shows_less(desk: Desk) -> None:
    look(desk, 0, "in_transit")
    desk.store.showed("post", {PARCEL: True, "o/2": True})
    desk.store.owner_heard("post", "shrank", since=datetime.now(UTC))
    assert "shows much less than before of 2 of its 1 parcels" in desk("status")
    assert desk.json("status")["sources"]["post"]["shrunk"] == 2


def test_status_says_that_a_source_answers_and_tells_nothing(desk: Desk) -> None:
    other = "o/2"
    desk.store.enrol("post", [other], spread=NOW)
    desk.store.source_news("post", ok=True)
    desk.store.unheard("post", [PARCEL], judge_after=timedelta(hours=1))
    assert "could tell nothing" not in desk("status")
    desk.store.unheard("post", [other], judge_after=timedelta(hours=1))
    assert "answers, but could tell nothing of 2 of its 2 parcels" in desk("status")


def test_a_run_of_one_pass_says_which_new_parcels_a_quota_keeps_waiting(desk: Desk) -> None:
    desk.store.enrol("post", ["o/1", "o/2"], spread=NOW)
    settings = loaded(desk.file)
    assert losses(desk.store, settings, late=False) == [], "no quota, nothing to wait for"
    desk.store.limit("post", quota=[Quota("calls", 1, "day")])
    look(desk, 0, "in_transit")
    assert losses(desk.store, settings, late=False) == [], "nothing was refused yet"
    desk.store.postpone("post", ["o/1", "o/2"], after=NOW)
    assert desk.store.claim("post", 5, lease=timedelta(minutes=1), rate=0).wait is not None
    (said,) = losses(desk.store, settings, late=False)
    assert said.startswith("2 new parcels wait for the quota of post: 0 of 1 calls per day left until")
