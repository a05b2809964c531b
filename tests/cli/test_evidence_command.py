"""The commands that hand things over: the evidence pack, the calendar, and the reader's table of advices."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from workers import app as wiring
from workers import knowledge, memory
from workers.cli import advice_table, main
from workers.cli.common import engine
from workers.core.model import (
    Charges,
    Reading,
    Seen,
    Side,
    Sighting,
    Snapshot,
    Stage,
    TimeQuality,
    Told,
)
from workers.knowledge.table import load_table
from workers.settings import Settings
from workers.store import Commit, Owed, Store

DOCUMENT = Path(__file__).parents[2] / "docs" / "advice.md"
NOW = datetime.now(UTC).replace(microsecond=0)
ASKED = NOW - timedelta(days=3)
PARCEL = "reel/LX400000015CN"
ORDERS = f"""\
recipients:
  ana: {{email: ana@example.org, timezone: Europe/Madrid, channels: [mail]}}
channels:
  mail: {{kind: outbox, form: mail}}
sources:
  recorded: {{kind: replay, folder: replay}}
orders:
  - id: reel
    title: Fishing reel
    tracking: [LX400000015CN, LX400000029CN]
    to: ES
    value: 89.00 EUR
    vat_paid: no
    protected_until: {(NOW + timedelta(days=20)).date()}
  - {{id: lamp, title: Lamp, tracking: [LX400000032CN, LX400000015CN], to: DE}}
"""


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of two orders, of which one parcel was looked at and told of."""
    folder = tmp_path_factory.mktemp("pack")
    (folder / "config/replay").mkdir(parents=True)
    (folder / "config/orders.yaml").write_text(ORDERS)
    settings = wiring.load(folder / "config/orders.yaml")
    with engine(settings, {}) as running:  # never the server of whoever runs the tests
        opened = Store.connect(running.url)
        opened.prepare()
        asked_to_pay(opened, settings)
        opened.close()
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], folder: Path) -> Run:
    """Run the command in that folder; return what it said."""
    monkeypatch.chdir(folder)
    for name in ("CW_CONFIG", "CW_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)

    def command(*argv: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["customs-watch", *argv])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b""), encoding="utf-8"))
        capfd.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        told = capfd.readouterr()
        assert "Traceback" not in told.err + told.out
        return Said(code, told.out, told.err)

    return command


def asked_to_pay(opened: Store, settings: Settings) -> None:
    """Put the reel's first parcel where charges are asked, with one notice sent and one not."""
    seen = Seen(
        Sighting("recorded", "Import duties are due <b>now</b>", ASKED, TimeQuality.EXACT, place="Madrid", country="ES"),
        Reading(Stage.PAYMENT_DUE, side=Side.DESTINATION, charges=Charges.DUE),
        ASKED,
        ("recorded",),
    )  # fmt: skip
    snapshot = Snapshot(
        stage=Stage.PAYMENT_DUE, since=ASKED, occurrence=1, side=Side.DESTINATION, charges=Charges.DUE,
        timeline=(seen,), first_look=ASKED, last_news=ASKED, in_customs_since=ASKED,
    )  # fmt: skip
    order, ref = settings.parcels[PARCEL]
    judged = wiring.judge(knowledge.load()).judge(
        order, ref, snapshot, None, Told(), first_look=False, now=NOW
    )
    context = json.dumps(judged.brief()).encode()
    owed = [
        Owed(name, channel, "ana", "first", "payment_due", 1, "pay", context)
        for name, channel in (("one", "mail"), ("two", "other"))
    ]
    commit = Commit(PARCEL, 0, "op", "payment_due", memory.dump(snapshot), b"", b"{}", notices=tuple(owed))
    assert opened.commit(commit) == "done"
    claimed = opened.claim_notice("mail", lease=timedelta(seconds=60), worker="test")
    assert claimed is not None
    opened.done(claimed.id, claimed.token, reference="accepted")


def test_a_pack_is_written_for_its_owners_eyes_with_all_that_is_known(run: Run, folder: Path) -> None:
    said = run("evidence", PARCEL)
    assert said.code == 0, said
    assert "Written: evidence-reel.html." in said.out
    file = folder / "evidence-reel.html"
    assert file.stat().st_mode & 0o077 == 0
    html = file.read_text(encoding="utf-8")
    assert '<html lang="en"' in html
    assert "Import duties are due &lt;b&gt;now&lt;/b&gt;" in html
    assert "<b>now" not in html
    sent = html.partition("What was sent, and when")[2].partition("How this was read")[0]
    assert "ana" in sent
    assert "mail" in sent
    assert "other" not in sent, "a notice that was not sent is no evidence that one was"
    assert "example.org" not in html
    assert list(folder.glob(".evidence*")) == []


def test_an_order_of_several_parcels_is_one_pack_and_the_language_can_be_chosen(run: Run) -> None:
    said = run("evidence", "reel", "--lang", "es", "--out", "-")
    assert said.code == 0
    assert '<html lang="es"' in said.out
    assert said.out.count("Todos los eventos del seguimiento") == 2
    assert "Ninguna fuente ha mostrado aún un evento." in said.out
    assert 'class="letter" lang="en"' in said.out


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (("evidence",), 2, "Missing argument"),
        (("evidence", "LX999999999CN"), 3, "no parcel"),
        (("evidence", "LX400000015CN"), 2, "in several orders: say which, as one of reel/LX400000015CN"),
        (("evidence", "lamp", "--out", "nowhere/pack.html"), 1, "nowhere/pack.html cannot be written"),
        (("calendar", "LX999999999CN"), 3, "no parcel"),
    ],
)
def test_a_foreseen_fault_is_a_sentence_and_an_exit_code(
    run: Run, argv: tuple[str, ...], code: int, words: str
) -> None:
    said = run(*argv)
    assert said.code == code
    assert words in said.err


def test_the_report_shows_every_parcel_and_the_feed_its_news(run):
    said = run("report", "--feed", "feed.xml")
    assert said.code == 0
    page = Path("report.html").read_text()
    assert "Fishing reel" in page
    assert page.count("<article") == 4
    assert Path("feed.xml").read_text().count("<entry>") == 4
    assert run("report", "-o", "nowhere/report.html").code == 1


def test_the_report_also_writes_the_dates_and_prints_the_addresses_at_which_it_is_served(run):
    assert run("report", "--calendar", "dates.ics").code == 0
    assert Path("dates.ics").read_bytes().decode().count("BEGIN:VEVENT\r\n") == 3
    Path("report.html").unlink()
    page, feed, dates = run("report", "--link").out.split()
    assert page.startswith("http://127.0.0.1:8674/status/00000000.")
    assert (feed, dates) == (f"{page}.atom", f"{page}.ics")
    assert not Path("report.html").exists()


def test_a_calendar_holds_every_date_of_every_parcel_once(run: Run, folder: Path) -> None:
    said = run("calendar")
    assert said.code == 0, said
    assert "Written: deadlines.ics. 3 dates." in said.out
    text = (folder / "deadlines.ics").read_bytes().decode()
    assert text.count("BEGIN:VEVENT\r\n") == 3
    for words in ("Pay the import charges", "Open a dispute", "Buyer protection ends"):
        assert f"SUMMARY:{words}" in text
    only = run("calendar", "reel/LX400000029CN", "--out", "-")
    assert only.out.count("SUMMARY:") == 2
    assert (
        run("calendar", "lamp/LX400000032CN", "-o", "none.ics").out.strip() == "Written: none.ics. 0 dates."
    )


# -- the reader's table ----------------------------------------------------------------------------------------------


def test_the_readers_table_is_up_to_date(run: Run) -> None:
    assert run("advice-table").out == DOCUMENT.read_text(encoding="utf-8"), (
        "docs/advice.md is old: write it anew with `customs-watch advice-table > docs/advice.md`, and read the difference"
    )


def test_the_readers_table_has_a_row_of_seven_cells_for_every_advice() -> None:
    table = load_table()
    rows = [line for line in advice_table.markdown(table).splitlines() if line.startswith("| `")]
    assert [re.findall(r"`(\w+)`", row)[0] for row in rows] == [row.advice.id for row in table.rows]
    for row in rows:
        cells = re.split(r"(?<!\\)\|", row.strip("|"))
        assert len(cells) == 7, row
        assert cells[2].strip().endswith((".", "?")), "the sentence, and no heading"
        assert re.search(r", \d{4}-\d\d-\d\d $", cells[6]), "every row says when it was checked"


def test_facts_are_said_in_words() -> None:
    stages = frozenset({Stage.HELD, Stage.PAYMENT_DUE})
    assert advice_table.when({"stage": stages, "past_customs": frozenset({False})}) == (
        "held or payment due; not past customs"
    )
    most = frozenset(Stage) - {Stage.DELIVERED}
    assert (
        advice_table.when({"stage": most, "side": frozenset({None})})
        == "any but delivered; whose customs: not said"
    )
    assert advice_table.when({}) == "anything else"
    assert advice_table.escaped("a|b *c* <d> \n e") == "a\\|b \\*c\\* \\<d\\> e"


def test_a_pipe_is_written_to_and_not_replaced(run: Run, folder: Path) -> None:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as reader:
        read = reader.submit(pipe.read_text)
        assert run("calendar", "--out", str(pipe)).code == 0
        assert "BEGIN:VCALENDAR" in read.result(15)
    assert pipe.is_fifo()
    pipe.unlink()
