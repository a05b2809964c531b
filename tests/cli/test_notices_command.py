"""The command notices as an operator uses it: every residue can be seen and settled, and none by mistake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.servers.rows import VERBS, owe, owed, take
from tests.servers.valkey import Valkey, start_valkey
from tests.words.samples import TABLE, minimal
from workers.cli import app
from workers.store import Store

ORDERS = """\
recipients:
  anna: {email: ana@example.org, phone: "+34600000001"}
channels:
  mail: {kind: outbox, form: mail}
  text: {kind: outbox, form: short}
sources:
  recorded: {kind: replay, folder: .}
orders:
  - {title: Fishing reel, tracking: LX400000015CN, to: ES}
"""
WORDS = json.dumps(minimal(next(row for row in TABLE.rows if row.advice.id == "held"))).encode()


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with start_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


class Desk:
    """A store, and the command beside it."""

    def __init__(self, url: str, file: Path) -> None:
        self.store = Store.connect(url)
        self.store.prepare()
        self.environ = {"CW_REDIS_URL": url, "CW_CONFIG": str(file), "COLUMNS": "200"}

    def __call__(self, *argv: str, code: int = 0, answer: str = "") -> str:
        said = CliRunner().invoke(app, ["notices", *argv], env=self.environ, input=answer)
        assert said.exit_code == code, said.output
        return said.output

    def states(self) -> dict[str, str]:
        return {row.id: row.state for row in self.store.notices()}


@pytest.fixture
def desk(valkey: Valkey, tmp_path: Path) -> Iterator[Desk]:
    file = tmp_path / "orders.yaml"
    file.write_text(ORDERS)
    made = Desk(valkey.fresh(), file)
    for end in ("done", "fail", "hold"):
        owe(made.store, owed(f"{end}{'0' * 28}", context=WORDS), parcel=f"{end}/LX1CN")
        VERBS[end][0](made.store, take(made.store))
    owe(
        made.store,
        owed(f"text{'0' * 28}", channel="text", recipient="ben", context=WORDS),
        parcel="text/LX2CN",
    )
    yield made
    made.store.close()


def test_every_notice_is_listed_and_dead_ones_that_were_listed_count_as_seen(desk: Desk) -> None:
    said = desk()
    assert all(word in said for word in ("done0000", "fail0000", "text0000", "held, may have arrived", "550"))
    assert "Reached nobody: 1 held, 1 failed" in said
    seen = {row.id[:4]: row.seen is not None for row in desk.store.notices()}
    assert seen == {"done": False, "fail": True, "hold": True, "text": False}


def test_a_notice_that_waits_for_its_time_says_for_what(desk: Desk) -> None:
    notice = take(desk.store, "text")
    desk.store.wait(notice.id, notice.token, after=timedelta(hours=8), reason="quiet")
    assert "waits for the end of quiet hours" in desk("--state", "pending")
    assert json.loads(desk("--state", "pending", "--json"))[0]["waits_for"] == "quiet"
    said = CliRunner().invoke(app, ["status"], env=desk.environ)
    assert "1 for the end of quiet hours" in " ".join(said.output.split())


def test_the_list_is_cut_down_by_state_channel_recipient_parcel_and_age(desk: Desk) -> None:
    def ids(*argv: str) -> set[str]:
        return {row["id"][:4] for row in json.loads(desk(*argv, "--json"))}

    assert ids("--state", "held", "--state", "failed") == {"hold", "fail"}
    assert ids("--channel", "text") == ids("--to", "ben") == ids("--parcel", "lx2cn") == {"text"}
    assert ids("--parcel", "done") == {"done"}
    assert ids("--older", "1h") == set()
    assert len(ids("--limit", "2")) == 2
    assert "no state 'heldd'" in desk("--state", "heldd", code=2)
    assert "such as 90m, 6h or 2d" in desk("--older", "soon", code=2)
    assert "There is no such notice" in desk("--parcel", "nothing")


def test_one_notice_is_shown_with_its_attempts_and_its_words(desk: Desk) -> None:
    said = desk("show", "fail")
    assert "state: failed" in said
    assert "550" in said
    assert "Tracking number" in said
    told = json.loads(desk("show", "text0", "--json"))
    assert told["words"].startswith("customs-watch:")
    assert "[SMS: 1 part, GSM-7]\ncustoms-watch:" in desk("show", "text0")
    assert told["log"] == []
    assert "there is no notice 'xyz'" in desk("show", "xyz", code=3)


def test_what_may_have_arrived_is_not_released_but_resent(desk: Desk) -> None:
    assert "goes out now" in desk("release", "fail")
    assert "may have arrived already" in desk("release", "hold", code=4)
    assert desk.states()[f"hold{'0' * 28}"] == "held"
    assert "goes out once more" in desk("resend", "hold")
    assert desk.states()[f"hold{'0' * 28}"] == "pending"


def test_all_that_fit_are_settled_after_a_question(desk: Desk) -> None:
    desk("drop", code=2)
    desk("drop", "--all", answer="n\n", code=1)
    assert "failed" in desk.states().values()
    assert "will not be sent" in desk("drop", "--all", "--state", "failed", "--state", "held", answer="y\n")
    assert sorted(desk.states().values()) == ["pending", "sent", "skipped", "skipped"]
    desk("drop", "--all", "--yes")
    assert sorted(desk.states().values()) == ["sent", "skipped", "skipped", "skipped"]
    assert "There is no such notice" in desk("release", "--all", "--yes")


def test_a_notice_that_moved_since_it_was_seen_is_left_alone(desk: Desk) -> None:
    """Two operators: the second's verb says what the first one's did, and sends nothing twice."""
    [row] = desk.store.notices(states=("failed",))
    assert desk.store.operate(row.id, "release", seen=row) == "done"
    assert desk.store.operate(row.id, "drop", seen=row) == "moved"
    assert desk.store.claim_notice("mail", lease=timedelta(minutes=1), worker="w") is not None


def test_after_every_verb_no_residue_is_left_that_cannot_be_settled(desk: Desk) -> None:
    desk("resend", "--all", "--yes")
    desk("drop", "--all", "--yes")
    assert set(desk.states().values()) == {"sent", "skipped"}


def test_an_address_that_is_set_aside_is_shown_and_taken_back(desk: Desk) -> None:
    desk.store.set_aside("mail", "anna", "m", error="550 5.1.1 no such user")
    assert "no address of ben is set aside" in desk("enable", "ben", code=3)
    assert "no address of anna by text" in desk("enable", "anna", "text", code=3)
    shown = CliRunner().invoke(app, ["status"], env=desk.environ).output
    assert "Nothing is sent to anna by mail since" in shown
    assert "`notices enable anna mail`" in shown
    said = desk("enable", "anna")
    assert "anna is written to again by mail." in said
    assert "1 notices failed: `notices release --all --state failed --to anna`" in said
    assert desk.store.all_aside() == ()
    assert "Nothing is sent to" not in CliRunner().invoke(app, ["status"], env=desk.environ).output


def test_status_says_which_channel_lets_nothing_out_and_what_to_do(desk: Desk) -> None:
    shown = CliRunner().invoke(app, ["status"], env=desk.environ).output
    assert "Nothing goes out" not in shown
    for channel in ("mail", "elsewhere"):  # one of them is in the file
        desk.store.bar(channel, "m", error=NASTY, after=timedelta(minutes=15))
    shown = CliRunner().invoke(app, ["status"], env=desk.environ).output
    assert shown.count("Nothing goes out by") == 1
    assert "Nothing goes out by mail since" in shown
    assert "its section in your file is changed" in " ".join(shown.split())
    assert not any(char in shown for char in "\x1b\x07\x9b\u202e\u2066\u2028")
    told = json.loads(CliRunner().invoke(app, ["status", "--json"], env=desk.environ).output)
    [bar] = told["barred"]
    assert (bar["channel"], bar["waiting"]) == ("mail", 0)


NASTY = "550 \x1b[2J\x1b]0;owned\x07\x9b31m\r\nA notice about fake is sent\u2028\u202egnp\u2066 [bold]x[/] {0} %s שלום"


def test_the_answer_of_a_server_cannot_speak_to_the_terminal_nor_write_a_line_of_its_own(desk: Desk) -> None:
    owe(desk.store, owed(f"evil{'0' * 28}", context=WORDS), parcel="evil/LX3CN")
    notice = take(desk.store)
    desk.store.fail([notice.id], notice.token, error=NASTY)
    status = CliRunner().invoke(app, ["status"], env=desk.environ).output
    for said in (desk(), desk("show", "evil"), status, desk("show", "evil", "--json")):
        assert all(char == "\n" or char.isprintable() for char in said)
        assert not any(line.startswith("A notice about fake") for line in said.splitlines())
    shown = "550 [2J ]0;owned 31m A notice about fake is sent gnp [bold]x[/] {0} %s שלום"
    assert f"error: {shown}\n" in desk("show", "evil")
    assert shown in " ".join(status.split())
    row = desk.store.notice(notice.id)
    assert row is not None
    assert json.loads(desk("show", "evil", "--json"))["error"] == row.error
    assert not row.error.isprintable()  # the control: it is stored as it came
