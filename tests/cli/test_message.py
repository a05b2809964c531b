"""The command check-message as a person uses it."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from workers.cli import main

ORDERS = """\
recipients:
  ana: {email: ana@example.org, channels: [mail]}
channels:
  mail: {kind: outbox, form: mail}
sources:
  recorded: {kind: replay, folder: replay}
orders:
  - {title: Fishing reel, tracking: LX523044175CN, to: DE, value: 89.00 EUR, vat_paid: yes}
"""
FRAUD = (
    "DHL: Ihr Paket wird beim Zoll festgehalten. Zahlen Sie 2,99 EUR innerhalb von 24 Stunden, "
    "sonst wird es zurückgesendet: https://dhl-zoll-paket.com/de"
)


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def check(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Callable[..., Said]]:
    """Run ``check-message`` beside a file of one order; return what it said."""
    (tmp_path / "config" / "replay").mkdir(parents=True)
    (tmp_path / "config" / "orders.yaml").write_text(ORDERS)
    monkeypatch.chdir(tmp_path)
    for name in ("CW_CONFIG", "CW_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)

    def command(*argv: str, stdin: bytes = b"") -> Said:
        monkeypatch.setattr(sys, "argv", ["customs-watch", "check-message", *argv])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
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


def test_a_fraud_is_told_with_reasons_what_to_do_and_where_to_report_it(check: Callable[..., Said]) -> None:
    said = check("--from", "+49 1512 3456789", stdin=FRAUD.encode())
    assert said.code == 0
    assert said.out.startswith("Does not match what you are waiting for.")
    for part in (
        "dhl-zoll-paket[.]com",
        "operators/deutsche_post.yaml:1",
        "What to do:",
        "What not to do:",
        "phishing-dpdhl@dhl.com",
    ):
        assert part in said.out, said.out
    assert "https://dhl-zoll-paket.com" not in said.out
    assert "safe" not in said.out.casefold()


def test_as_json_every_reason_has_its_evidence(check: Callable[..., Said], tmp_path: Path) -> None:
    path = tmp_path / "sms.txt"
    path.write_text(FRAUD, encoding="utf-8")
    told = json.loads(check(str(path), "--json").out)
    assert told["verdict"] == "does_not_match"
    assert {"brand_borrowed", "tiny_fee", "threat"} <= {
        r["sign"] for r in told["reasons"] if r["weight"] == "against"
    }
    assert all(e["file"] for r in told["reasons"] for e in r["evidence"])
    assert told["report"]


def test_a_parcel_never_looked_at_is_left_open_and_exits_with_zero(check: Callable[..., Said]) -> None:
    said = check(stdin=b"DHL: Ihr Paket LX523044175CN wird heute zugestellt.")
    assert said.code == 0
    assert said.out.startswith("Cannot be told.")
    assert "it was not looked at yet" in said.out


def test_bytes_that_are_no_text_are_judged_and_break_nothing(check: Callable[..., Said]) -> None:
    for content in (b"\xff\xfeD\x00H\x00L\x00", b"DHL \xfc\xe4 zahlen \x00\x1b[31m", bytes(range(256)) * 40):
        said = check(stdin=content)
        assert said.code == 0
        assert "\x1b" not in said.out


@pytest.mark.parametrize("content", [b"", b" \n\t "])
def test_no_message_is_a_mistake(check: Callable[..., Said], content: bytes) -> None:
    said = check(stdin=content)
    assert said.code == 2
    assert "there is no message" in said.err
    assert check("nowhere.txt").code == 2
