"""What the user says a source allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from workers import app, pacing
from workers.core.limits import Quota
from workers.errors import Misconfigured


def load(folder: Path, quota: str, kind: str = "dhl") -> tuple[Quota, ...] | None:
    file = folder / "orders.yaml"
    file.write_text(
        f"sources:\n  a: {{kind: {kind}, token: $T{quota}}}\n"
        "recipients: {anna: {email: a@example.org}}\n"
        "orders: [{title: Lamp, tracking: LP00123456789012, to: DE}]\n"
    )
    return app.load(file, {"T": "key"}).sources["a"].quota


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("", None),
        (", quota: none", ()),
        (", quota: {calls: 500, per: day}", (Quota("calls", 500, "day"),)),
        (
            ", quota: [{numbers: 100, per: month}, {calls: 9, per: hour}]",
            (Quota("numbers", 100, "month"), Quota("calls", 9, "hour")),
        ),
    ],
)
def test_a_quota_is_read(tmp_path: Path, written: str, meant: tuple[Quota, ...] | None) -> None:
    assert load(tmp_path, written) == meant


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("quota: 250", "sources.a.quota: must be a mapping"),
        ("quota: {calls: 250}", "'per' is required"),
        ("quota: {per: day}", "needs either calls or numbers"),
        ("quota: {calls: 2, numbers: 3, per: day}", "needs either calls or numbers"),
        ("quota: {calls: 0, per: day}", "must be at least 1"),
        ("quota: {calls: 5, per: year}", "'hour', 'day' or 'month'"),
        ("quota: {requests: 5, per: day}", "did you mean 'calls'"),
        ("quota: [{calls: 5, per: day}, {calls: 9, per: month}]", "calls stands twice"),
    ],
)
def test_a_wrong_quota_is_told_with_its_line(tmp_path: Path, written: str, said: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        load(tmp_path, f", {written}")
    assert said in str(raised.value)
    assert "orders.yaml:2:" in str(raised.value)


def test_a_kind_that_is_known_to_allow_little_has_its_quota_and_the_users_word_wins(tmp_path: Path) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(
        "sources:\n  a: {kind: dhl, token: $T}\n  b: {kind: dhl, token: $T, quota: none}\n  c: {kind: manual}\n"
        "recipients: {anna: {email: a@example.org}}\n"
    )
    loaded = app.load(file, {"T": "key"})
    known = {name: pacing.allowed(section) for name, section in loaded.sources.items()}
    assert known["a"]["quota"] == (Quota("calls", 250, "day"),)
    assert known["b"]["quota"] == ()
    assert known["a"]["host"] == known["b"]["host"] == "api-eu.dhl.com"
    assert (known["c"]["host"], known["c"]["quota"]) == ("", ())
    assert known["a"]["each"]


def test_a_channel_has_no_quota(tmp_path: Path) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(
        "sources: {a: {kind: dhl, token: $T}}\nchannels: {o: {kind: outbox, quota: {calls: 1, per: day}}}\n"
        "recipients: {anna: {email: a@example.org}}\n"
    )
    with pytest.raises(Misconfigured, match="unknown key 'quota'"):
        app.load(file, {"T": "key"})
