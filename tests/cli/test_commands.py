"""The commands as a person uses them: what they say, what they exit with, and that no fault shows a traceback."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from tests.servers.smtp import SmtpServer
from workers.cli import main, prices
from workers.core.model import Money
from workers.resources import shipped

ORDERS = """\
recipients:
  ana: {email: ana@example.org, phone: "+34600000001", channels: [mail, text]}
channels:
  mail: {kind: outbox, form: mail}
  text: {kind: outbox, form: short}
sources:
  recorded: {kind: replay, folder: replay}
orders:
  - {title: Fishing reel, tracking: LX400000015CN, to: ES, value: 89.00 EUR, vat_paid: no}
"""


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Run]:
    """Run the command in an empty folder; return what it said."""
    monkeypatch.chdir(tmp_path)
    for name in ("CW_CONFIG", "CW_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)

    def command(*argv: str, stdin: str = "") -> Said:
        monkeypatch.setattr(sys, "argv", ["customs-watch", *argv])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
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


@pytest.fixture
def orders(run: Run, tmp_path: Path) -> Path:
    path = tmp_path / "config" / "orders.yaml"
    path.parent.mkdir()
    (path.parent / "replay").mkdir()
    path.write_text(ORDERS)
    return path


def test_init_writes_an_example_that_validates_after_its_secrets_are_there_and_never_overwrites(
    run: Run,
) -> None:
    first = run("init")
    assert first.code == 0
    assert Path("config/orders.yaml").stat().st_mode & 0o077 == 0
    before = Path("config/orders.yaml").read_text()
    again = run("init")
    assert again.code == 2
    assert "there already" in again.err
    assert Path("config/orders.yaml").read_text() == before


def test_run_without_a_file_writes_the_example_and_says_what_to_edit(run: Run) -> None:
    said = run("run")
    assert said.code == 0
    assert "Edit it" in said.out
    assert Path("config/orders.yaml").exists()


def test_validate_says_that_a_good_file_is_right(run: Run, orders: Path) -> None:
    said = run("validate")
    assert said.code == 0
    assert "is right: 1 orders, 1 parcels" in said.out
    told = json.loads(run("validate", "--json").out)
    assert (told["ok"], told["parcels"]) == (True, 1)


def test_validate_tells_every_mistake_at_once_with_its_line(run: Run, orders: Path) -> None:
    orders.write_text(ORDERS.replace("value: 89.00 EUR", "valeu: 89.00 EUR").replace("to: ES", "to: SPAIN"))
    said = run("validate")
    assert said.code == 2
    assert "orders.yaml:9:" in said.err
    assert "did you mean 'value'?" in said.err
    assert len(said.err.splitlines()) >= 2
    told = json.loads(run("validate", "--json").out)
    assert told["ok"] is False
    assert {m["line"] for m in told["mistakes"]} == {9}


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (("validate",), 2, "no such file"),
        (("status",), 2, "no such file"),
        (("scheduler",), 2, "CW_REDIS_URL is not set"),
        (("validate", "--config", "elsewhere.yaml"), 2, "elsewhere.yaml"),
        (("nonsense",), 2, "No such command"),
        (("run", "--nonsense"), 2, "No such option"),
        (("explain",), 2, "say which parcel"),
        (("classify",), 2, "give a text"),
    ],
)
def test_a_foreseen_fault_is_a_sentence_and_an_exit_code(
    run: Run, argv: tuple[str, ...], code: int, words: str
) -> None:
    said = run(*argv)
    assert said.code == code
    assert words in said.err


def test_a_store_that_is_away_is_a_sentence(run: Run, orders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CW_REDIS_URL", "redis://127.0.0.1:1/0")
    said = run("status")
    assert said.code == 1
    assert "the store cannot be reached" in said.err


def test_status_and_explain_before_anything_was_looked_at(run: Run, orders: Path) -> None:
    said = run("status")
    assert said.code == 0
    assert "1 parcel, 0 need you" in said.out
    assert "not looked at yet" in run("explain", "lx400000015cn").out
    unknown = run("explain", "LX999999999CN")
    assert unknown.code == 3
    assert "LX400000015CN" in unknown.err


def test_explain_a_text_names_the_entry_that_decided(run: Run) -> None:
    said = run("explain", "--text", "Held by customs")
    assert said.code == 0
    assert "Stage: held" in said.out
    assert "phrases/en.yaml:" in said.out
    told = json.loads(run("explain", "--text", "Held by customs", "--json").out)
    assert told["stage"] == "held"
    assert told["evidence"]
    assert json.loads(run("explain", "--text", "zxqv wvut", "--json").out)["stage"] == "unknown"


def test_classify_answers_line_by_line_in_order(run: Run) -> None:
    lines = [
        {"text": "Import customs clearance started"},
        {"text": "zxqv wvut"},
        {"text": "Export customs clearance complete", "origin": "CN", "destination": "DE", "country": "CN"},
        {"text": "", "system": "cainiao", "code": "CC_IM_SUCCESS"},
        {"text": "Awaiting payment of import duties by the recipient", "language": "en"},
        {"text": 7},
    ]
    said = run("classify", "--jsonl", stdin="".join(json.dumps(line) + "\n" for line in lines))
    told = [json.loads(line) for line in said.out.splitlines()]
    assert said.code == 0
    assert [t["stage"] for t in told] == [
        "import_customs", "unknown", "export_cleared", "released", "payment_due", "unknown",
    ]  # fmt: skip
    assert set(told[0]) == {"stage", "cause", "side", "addressee", "charges", "evidence"}
    assert told[2]["side"] == "origin"
    assert told[4]["charges"] == "due"
    assert told[4]["addressee"] == "buyer"
    assert told[1]["cause"] is None


def test_classify_says_which_line_is_no_json_and_goes_on(run: Run) -> None:
    said = run("classify", "--jsonl", stdin='{"text": "Delivered"}\nnot json\n[1]\n{"text": "Delivered"}\n')
    told = [json.loads(line) for line in said.out.splitlines()]
    assert said.code == 2
    assert [t.get("stage") for t in told] == ["delivered", None, None, "delivered"]
    assert "line 2" in said.err


def test_preview_renders_any_advice_without_sending(run: Run, orders: Path) -> None:
    said = run("preview", "--form", "all")
    assert said.code == 0
    assert "Subject: " in said.out
    assert "[SMS: " in said.out
    assert "<html" in said.out
    pay = json.loads(run("preview", "LX400000015CN", "--advice", "pay", "--json").out)
    assert "Fishing reel" in pay["subject"]
    assert pay["segments"] <= 2
    assert pay["cost"] == {}, "no price is known"
    assert run("preview", "--advice", "nonsense").code == 3
    assert run("preview", "--form", "nonsense").code == 2
    assert not list(orders.parent.parent.glob("var/outbox/*"))


def test_test_notify_sends_one_real_message_by_each_channel_and_marks_it(run: Run, orders: Path) -> None:
    said = run("test-notify")
    assert said.code == 0, said
    assert "ana by mail: accepted" in said.out
    letters = list((orders.parent.parent / "var" / "outbox").glob("*.eml"))
    assert len(letters) == 1
    assert b"[Test]" in letters[0].read_bytes()
    assert run("test-notify", "--to", "nobody").code == 3


def test_a_channel_that_refuses_is_told_and_counts(run: Run, orders: Path) -> None:
    orders.write_text(
        ORDERS.replace(
            "{kind: outbox, form: mail}",
            "{kind: email, host: 127.0.0.1, port: 1, security: none, from: a@example.org}",
        )
    )
    said = run("test-notify", "--channel", "mail")
    assert said.code == 4
    assert "not sent" in said.out


def test_a_reader_without_our_letters_gets_them_spelt_out() -> None:
    for argv in (["explain", "--text", "海关查验"], ["classify", "海关查验"]):
        said = subprocess.run(
            [sys.executable, "-m", "workers", *argv], env={**os.environ, "PYTHONIOENCODING": "ascii"},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert said.returncode == 0, said.stderr
        assert "inspection" in said.stdout
        assert "Traceback" not in said.stderr


@pytest.mark.parametrize("line", ["[" * 100_000, '{"text": ' + "9" * 5_000 + "}"])
def test_classify_goes_on_after_what_no_parser_should_be_given(run: Run, line: str) -> None:
    said = run("classify", "--jsonl", stdin=f'{line}\n{{"text": "Held by customs"}}\n')
    first, second = map(json.loads, said.out.splitlines())
    assert said.code == 2
    assert "error" in first
    assert second["stage"] == "held"


@pytest.mark.parametrize("url", ["redis://host:x/0", "redis://[::1/0", "http://host", "redis://host/zz"])
@pytest.mark.parametrize("command", ["status", "worker", "scheduler"])
def test_an_address_of_the_store_that_is_none_is_a_sentence(
    run: Run, orders: Path, monkeypatch: pytest.MonkeyPatch, url: str, command: str
) -> None:
    monkeypatch.setenv("CW_REDIS_URL", url)
    said = run(command)
    assert said.code == 2
    assert "CW_REDIS_URL" in said.err


def test_a_file_where_a_folder_should_be_is_a_sentence(run: Run, orders: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    said = run("demo", "--folder", "taken")
    assert said.code == 1
    assert "taken" in said.err


def test_demo_fresh_removes_no_folder_that_is_not_its_own(run: Run, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").touch()
    said = run("demo", "--fresh", "--folder", "photos")
    assert said.code == 2
    assert "no demonstration" in said.err
    assert (tmp_path / "photos" / "one.jpg").exists()


def test_preview_says_what_an_sms_costs_where_the_file_says_the_price(run: Run, orders: Path) -> None:
    text = orders.read_text()
    sms = (
        "  phone: {kind: sms, account_sid: AC"
        + "0" * 32
        + ", auth_token: t, from: Parcels, price_per_segment: 0.075 EUR}\n"
        "  elks: {kind: sms, provider: 46elks, user: u, password: p, from: Parcels}\n"
    )
    orders.write_text(text.replace("channels:\n", "channels:\n" + sms, 1))
    orders.chmod(0o600)
    pay = run("preview", "LX400000015CN", "--advice", "pay", "--form", "short").out
    assert re.search(r"\[SMS: 1 part, GSM-7; 0\.075 EUR by phone\]", pay), pay
    every = run("preview", "--advice", "all", "--form", "short").out
    count = every.count("[SMS: ")
    assert count > 50
    assert re.search(
        rf"\n{count} SMS: \d+ parts together, 2 at most in one; [\d.]+ EUR by phone together, 0\.15 EUR at most for one",
        every,
    )
    one = json.loads(run("preview", "LX400000015CN", "--advice", "pay", "--json").out)
    assert one["cost"] == {"phone": {"amount": "0.075", "currency": "EUR"}}


def test_preview_of_another_advice_is_as_that_advice_would_be(run: Run, orders: Path) -> None:
    said = run("preview", "LX400000015CN", "--advice", "customs_stuck").out
    assert "YOU NEED TO DO SOMETHING" in said
    assert "A MESSAGE, READY TO SEND" in said


@pytest.mark.parametrize(
    ("parts", "price", "shown"),
    [(2, "0.075", "0.15"), (3, "0.0051", "0.0153"), (0, "1", "0.00"), (2, "7.5", "15.00")],
)
def test_a_price_is_exact(parts: int, price: str, shown: str) -> None:
    assert prices.total(parts, Money(Decimal(price), "EUR")) == f"{shown} EUR"


def test_a_narrow_terminal_cuts_nothing_off(run: Run, orders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    said = run("status")
    assert said.code == 0
    assert all(len(line) <= 40 for line in said.out.splitlines())
    for head in ("needs you", "last word"):
        assert all(word in said.out for word in head.split()), said.out


def test_validate_tries_the_users_own_words(run: Run, orders: Path) -> None:
    (orders.parent / "words" / "advice").mkdir(parents=True)
    orders.write_text(ORDERS + "templates: words\n")
    assert run("validate").code == 0
    (orders.parent / "words" / "advice" / "pay.j2").write_text("{% block subject")
    said = run("validate")
    assert said.code == 2
    assert "advice/pay.j2" in said.err
    assert json.loads(run("validate", "--json").out)["ok"] is False


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_one_pass_says_what_it_could_not_look_up_and_what_it_could_not_send(run: Run, orders: Path) -> None:
    shutil.copy(shipped("config/demo") / "replay" / "LX400000029CN.json", orders.parent / "replay")
    (orders.parent.parent / "blocked").touch()
    orders.write_text(
        ORDERS.replace("form: mail}", "form: mail, folder: ../blocked}")
        + "  - {title: Lamp, tracking: LX400000029CN, to: ES}\n"
    )
    said = run("run", "--once")
    assert said.code == 4
    assert "LX400000015CN could not be looked up" in said.err
    assert "by mail" in said.err
    assert "by text" not in said.err, "that one was sent"
    assert "could not be sent" in run("status").out or "is failed" in run("status").out


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_pass_that_is_refused_by_the_mail_server_ends_and_the_next_one_with_the_right_password_sends(
    run: Run, orders: Path
) -> None:
    shutil.copy(shipped("config/demo") / "replay" / "LX400000029CN.json", orders.parent / "replay")

    def written(word: str) -> None:
        mail = f"{{kind: email, host: 127.0.0.1, port: {server.port}, security: none, user: cw, password: {word}, from: cw@example.org}}"
        orders.write_text(
            ORDERS.replace("{kind: outbox, form: mail}", mail)
            + "  - {title: Lamp, tracking: LX400000029CN, to: ES}\n"
        )
        orders.chmod(0o600)

    with SmtpServer(users={"cw": "right"}) as server:
        written("wrong")
        said = run("run", "--once")
        assert said.code == 4
        assert "nothing goes out by mail since" in said.err
        assert "535" in said.err
        assert "too long" not in said.err
        assert server.journal == []
        written("right")
        assert "nothing goes out by mail" not in run("run", "--once").err
        assert len(server.journal) == 1
    assert "Nothing goes out" not in run("status").out


def test_an_event_told_by_hand_is_taken_in_at_the_next_look(run: Run, orders: Path) -> None:
    assert run("event", "LX400000015CN", "Held by customs").code == 2, "no source takes events by hand yet"
    orders.write_text(
        ORDERS.replace("recorded: {kind: replay, folder: replay}", "hand: {kind: manual, folder: events}")
    )
    said = run("event", "LX400000015CN", "Held by customs", "--at", "2026-11-24T09:30:00")
    assert said.code == 2
    assert "has no zone" in said.err
    said = run("event", "LX400000015CN", "Held by customs", "--country", "ES")
    assert said.code == 0, said
    [written] = list((orders.parent / "events").iterdir())
    assert json.loads(written.read_text())["text"] == "Held by customs"
    assert run("event", "LX999999999CN", "Held by customs").code == 3


@pytest.mark.parametrize("path", ["/dev/zero", "pipe"])
def test_a_file_that_never_ends_is_refused_at_once(run: Run, path: str) -> None:
    if path == "pipe":
        os.mkfifo(path)
    said = run("validate", "--config", path)
    assert said.code == 2
    assert "is no file but a pipe or a device" in said.err
